//! The journal's file: append with fsync, load with tolerance, compact by rename.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use llmos_systemd::UnitName;

use super::record::{Key, Original, Record, UnitOriginal, VERSION};
use super::{Damage, JournalError};

/// Records that no longer count, beyond which the file is written anew.
const COMPACT_AT: usize = 256;

/// The records that still count, and the file that holds them.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    file: File,
    /// Length up to which the file is known to be good.
    good: u64,
    live: BTreeMap<Key, Original>,
    units: BTreeMap<UnitName, UnitOriginal>,
    stale: usize,
    /// Set when a failed append could not be taken back. The next append compacts first.
    torn: bool,
}

/// Where a record is before an append returns.
#[derive(Debug, Clone, Copy)]
enum Safe {
    OnDisk,
    /// In the kernel's memory.
    InCache,
}

/// What a journal file holds.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) live: BTreeMap<Key, Original>,
    pub(super) units: BTreeMap<UnitName, UnitOriginal>,
    pub(super) damage: Vec<Damage>,
    stale: usize,
    clean: bool,
}

impl Loaded {
    /// Is there nothing to restore, and nothing that damage may hide?
    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.units.is_empty() && self.damage.is_empty()
    }
}

impl Store {
    /// Opens the journal of a state directory, and makes one if there is none.
    pub(super) fn open(state_dir: &Path) -> Result<(Self, Vec<Damage>), JournalError> {
        let path = state_dir.join("journal");
        let failed = |source| JournalError::Io {
            path: path.clone(),
            source,
        };
        let bytes = match fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let loaded = load(bytes.as_deref().unwrap_or_default(), &path)?;
        let as_it_is = || OpenOptions::new().append(true).open(&path);
        let (file, torn) = if loaded.clean {
            (as_it_is().map_err(failed)?, false)
        } else {
            match clean(&path, &loaded) {
                Ok(file) => (file, false),
                // On a full disk there is no room for another: restoring needs none, and what comes
                // next makes a new attempt first.
                Err(error) if bytes.is_some() => (as_it_is().map_err(|_| failed(error))?, true),
                Err(error) => return Err(failed(error)),
            }
        };
        let good = file.metadata().map_err(failed)?.len();
        let Loaded {
            live,
            units,
            damage,
            stale,
            clean,
        } = loaded;
        let stale = if clean || torn { stale } else { 0 };
        Ok((
            Self {
                path,
                file,
                good,
                live,
                units,
                stale,
                torn,
            },
            damage,
        ))
    }

    /// The originals that are still to be restored.
    pub(super) fn live(&self) -> &BTreeMap<Key, Original> {
        &self.live
    }

    /// The units that still have properties of ours.
    pub(super) fn units(&self) -> &BTreeMap<UnitName, UnitOriginal> {
        &self.units
    }

    /// Makes what a unit was safe on disk.
    pub(super) fn remember_unit(
        &mut self,
        name: UnitName,
        unit: UnitOriginal,
    ) -> Result<(), JournalError> {
        self.append(&[Record::Unit(name.clone(), unit.clone())])?;
        if self.units.insert(name, unit).is_some() {
            self.stale += 1;
        }
        Ok(())
    }

    /// Notes more of a unit that is known. It outlives this process, not the machine's boot, which ends
    /// what it is about: so it need not reach the disk.
    pub(super) fn amend_unit(
        &mut self,
        name: &UnitName,
        unit: UnitOriginal,
    ) -> Result<(), JournalError> {
        self.write(&[Record::Unit(name.clone(), unit.clone())], Safe::InCache)?;
        self.units.insert(name.clone(), unit);
        self.stale += 1;
        self.tidy();
        Ok(())
    }

    /// Makes an original safe on disk.
    pub(super) fn remember(&mut self, key: Key, original: Original) -> Result<(), JournalError> {
        self.append(&[Record::Original(key.clone(), original.clone())])?;
        if self.live.insert(key, original).is_some() {
            self.stale += 1;
        }
        Ok(())
    }

    /// Marks files and units as restored.
    pub(super) fn done(&mut self, keys: &[Key], units: &[UnitName]) -> Result<(), JournalError> {
        if keys.is_empty() && units.is_empty() {
            return Ok(());
        }
        let files = keys.iter().cloned().map(Record::Done);
        let records: Vec<_> = files
            .chain(units.iter().cloned().map(Record::UnitDone))
            .collect();
        if let Err(error) = self.append(&records) {
            let all = self.live.keys().all(|key| keys.contains(key))
                && self.units.keys().all(|unit| units.contains(unit));
            return if all && self.cut() {
                Ok(())
            } else {
                Err(error)
            };
        }
        for key in keys {
            self.live.remove(key);
            self.stale += 2;
        }
        for unit in units {
            self.units.remove(unit);
            self.stale += 2;
        }
        self.tidy();
        Ok(())
    }

    /// Compacts when little of the file still counts.
    fn tidy(&mut self) {
        let left = self.live.len() + self.units.len();
        if left == 0 || self.stale > COMPACT_AT.max(2 * left) {
            // All that counts is in the file already; a full disk has no room for a shorter one.
            let _ = self.compact();
        }
    }

    /// On a full disk: an empty file needs no room and says that nothing is kept. Damage in it goes,
    /// too; it was told when the journal was opened.
    fn cut(&mut self) -> bool {
        let cut = self.file.set_len(0).and_then(|()| self.file.sync_data());
        if cut.is_ok() {
            self.live.clear();
            self.units.clear();
            (self.good, self.stale, self.torn) = (0, 0, true);
        }
        cut.is_ok()
    }

    fn compact(&mut self) -> Result<(), JournalError> {
        let failed = |source| JournalError::Io {
            path: self.path.clone(),
            source,
        };
        self.file = write_anew(&self.path, &self.live, &self.units).map_err(failed)?;
        self.good = self.file.metadata().map_err(failed)?.len();
        self.stale = 0;
        self.torn = false;
        Ok(())
    }

    fn append(&mut self, records: &[Record]) -> Result<(), JournalError> {
        self.write(records, Safe::OnDisk)
    }

    fn write(&mut self, records: &[Record], safe: Safe) -> Result<(), JournalError> {
        if self.torn {
            self.compact()?;
        }
        let text: String = records.iter().map(Record::encode).collect();
        let written = self
            .file
            .write_all(text.as_bytes())
            .and_then(|()| match safe {
                Safe::OnDisk => self.file.sync_data(),
                Safe::InCache => Ok(()),
            });
        match written {
            Ok(()) => {
                self.good += text.len() as u64;
                Ok(())
            }
            Err(source) => {
                // A half record would swallow the next one, so take it back.
                self.torn = self.file.set_len(self.good).is_err();
                Err(JournalError::Io {
                    path: self.path.clone(),
                    source,
                })
            }
        }
    }
}

/// What is in a journal that somebody else may be using. Changes nothing.
pub(super) fn peek(state_dir: &Path) -> Result<Loaded, JournalError> {
    let path = state_dir.join("journal");
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(source) => return Err(JournalError::Io { path, source }),
    };
    load(&bytes, &path)
}

/// Reads records until the end; bad ones are reported and passed over. A last line that was cut
/// short is what a crash leaves behind: its write to the cgroup never happened.
pub(super) fn load(bytes: &[u8], path: &Path) -> Result<Loaded, JournalError> {
    let mut loaded = Loaded {
        clean: bytes.ends_with(b"\n"),
        ..Loaded::default()
    };
    let (mut offset, mut old) = (0, false);
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let whole = line.strip_suffix(b"\n");
        match Record::decode(whole.unwrap_or(line)) {
            Ok(Record::Header { version: VERSION }) => {}
            // What they can say means the same today.
            Ok(Record::Header { version: 1 | 2 }) => old = true,
            Ok(Record::Header { version }) => {
                return Err(JournalError::Version {
                    path: path.to_owned(),
                    version,
                });
            }
            Ok(Record::Original(key, original)) => {
                loaded.stale += usize::from(loaded.live.insert(key, original).is_some());
            }
            Ok(Record::Done(key)) => {
                loaded.stale += 1 + usize::from(loaded.live.remove(&key).is_some());
            }
            Ok(Record::Unit(name, unit)) => {
                loaded.stale += usize::from(loaded.units.insert(name, unit).is_some());
            }
            Ok(Record::UnitDone(name)) => {
                loaded.stale += 1 + usize::from(loaded.units.remove(&name).is_some());
            }
            Err(_) if whole.is_none() => {}
            Err(reason) => {
                let path = path.to_owned();
                loaded.damage.push(Damage {
                    path,
                    line: index + 1,
                    offset,
                    reason,
                });
            }
        }
        offset += line.len();
    }
    loaded.clean &= loaded.damage.is_empty() && !old;
    Ok(loaded)
}

/// A journal of what could be believed, with the damaged one kept for people to look at.
fn clean(path: &Path, loaded: &Loaded) -> io::Result<File> {
    if !loaded.damage.is_empty() {
        fs::copy(path, path.with_extension("damaged"))?;
    }
    write_anew(path, &loaded.live, &loaded.units)
}

/// Writes a journal of these records beside the old one, makes it safe, and swaps them.
fn write_anew(
    path: &Path,
    live: &BTreeMap<Key, Original>,
    units: &BTreeMap<UnitName, UnitOriginal>,
) -> io::Result<File> {
    let new = path.with_extension("new");
    let written = write_beside(path, &new, live, units);
    if written.is_err() {
        // What could not be finished takes room that is needed.
        let _ = fs::remove_file(&new);
    }
    written
}

fn write_beside(
    path: &Path,
    new: &Path,
    live: &BTreeMap<Key, Original>,
    units: &BTreeMap<UnitName, UnitOriginal>,
) -> io::Result<File> {
    let mut text = Record::Header { version: VERSION }.encode();
    for (key, original) in live {
        text.push_str(&Record::Original(key.clone(), original.clone()).encode());
    }
    for (name, unit) in units {
        text.push_str(&Record::Unit(name.clone(), unit.clone()).encode());
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)?;
    if let Some(dir) = path.parent() {
        File::open(dir)?.sync_all()?;
    }
    OpenOptions::new().append(true).open(path)
}
