//! Crash-safe undo: the original content of each limit file, on disk before its first change.
//!
//! `STATE_DIR/journal` is text, one checked record a line (see `record`), append-only, with an
//! fsync for each record. `STATE_DIR/journal.lock` keeps a second process out. A cgroup's limits
//! die with the machine's boot, so originals of another boot are dropped, not restored.
//!
//! Limits in force are a lease: `takeover` says how they go back when their writer does not answer.

mod fence;
mod hold;
mod lease;
mod lock;
mod presence;
mod record;
mod report;
mod restore;
mod store;
mod takeover;
mod units;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use hold::FenceView;
use lock::{JOURNAL, Lock, TAKEOVER};
pub use presence::{Presence, watchdog};
pub use record::UnitOriginal;
use record::{Key, Original};
pub use report::{RestoreReport, Skip};
use restore::{Done, Place, Theirs, Work};
use store::Store;
pub use takeover::{Overdue, Standing, restore_all, restore_all_on, restore_workload, standing};

use llmos_systemd::{Host, UnitName};

use crate::dir::CgroupRef;

/// How long one who opens or restores waits for another who does; longer than a restore takes.
const PATIENT: Duration = Duration::from_secs(10);

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process uses it.
    #[error("{state_dir} is in use by process {holder}, stop it first")]
    InUse {
        /// The state directory.
        state_dir: PathBuf,
        /// Process id of the holder, or `?`.
        holder: String,
    },
    /// Somebody put the limits back because their lease had run out.
    #[error("the limits of {state_dir} were taken over by process {by}")]
    Fenced {
        /// The state directory.
        state_dir: PathBuf,
        /// Process id of who did it, or `?`.
        by: String,
    },
    /// A newer LLMOS wrote it.
    #[error("{path} has format version {version}, expected {}", record::VERSION)]
    Version {
        /// The journal.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// A file operation failed.
    #[error("cannot use {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// A record that could not be believed, and was passed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: line {line} at byte {offset}: {reason}, record skipped")]
pub struct Damage {
    /// The journal.
    pub path: PathBuf,
    /// Line number, from 1.
    pub line: usize,
    /// Byte at which the line begins, from 0.
    pub offset: usize,
    /// What is wrong.
    pub reason: &'static str,
}

/// The open journal. Holding it keeps every other process out.
#[derive(Debug)]
pub struct Journal {
    state_dir: PathBuf,
    store: Store,
    boot: String,
    damage: Vec<Damage>,
    patience: Duration,
    /// Where systemd is to be found.
    host: Host,
    /// The fence under which this journal was opened.
    epoch: u64,
    lease: lease::Held,
    lease_for: Duration,
    _lock: Lock,
}

impl Journal {
    /// Opens the journal of a state directory; makes the directory (mode 0700) if need be.
    ///
    /// # Errors
    /// When another process holds it, or its files cannot be read or written. One that is just
    /// restoring is waited for. Bad records are no error, see [`Journal::damage`].
    pub fn open(state_dir: &Path) -> Result<Self, JournalError> {
        Self::open_in_boot(state_dir, boot_id()?)
    }

    /// The same for a boot id that is given, not read from the kernel.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_in_boot(state_dir: &Path, boot: String) -> Result<Self, JournalError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(state_dir)
            .map_err(|source| JournalError::Io {
                path: state_dir.to_owned(),
                source,
            })?;
        let _takeover = Lock::take(state_dir, TAKEOVER, PATIENT)?;
        let mut journal = Self::under_takeover(state_dir, boot)?;
        if !journal.is_empty() {
            // From now on we answer for what is in it. On a full disk there may be no room to say so;
            // then nothing more is written before there is.
            let _ = journal.write_lease(journal.epoch);
        }
        Ok(journal)
    }

    /// Opens it for one who holds the takeover lock.
    fn under_takeover(state_dir: &Path, boot: String) -> Result<Self, JournalError> {
        let lock = Lock::take(state_dir, JOURNAL, Duration::ZERO)?;
        let (store, damage) = Store::open(state_dir)?;
        Ok(Self {
            state_dir: state_dir.to_owned(),
            store,
            epoch: hold::current_epoch(state_dir, &boot)?,
            boot,
            damage,
            patience: restore::PATIENCE,
            host: Host::default(),
            lease: lease::Held::default(),
            lease_for: lease::DEFAULT,
            _lock: lock,
        })
    }

    /// Records that were not believed when the journal was opened.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Number of files whose originals are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.live().len()
    }

    /// Is nothing kept?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.store.live().is_empty() && self.store.units().is_empty()
    }

    /// How long restoring may wait for memory use to fall below an original `memory.max`.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Keeps a file's original, unless one is kept already and `replace` is not set.
    pub(crate) fn keep_original(
        &mut self,
        cgroup: CgroupRef<'_>,
        file: &str,
        text: &str,
        replace: bool,
    ) -> Result<(), JournalError> {
        let key = key(cgroup.id, file);
        let kept = self.store.live().get(&key);
        if kept.is_some_and(|kept| kept.boot == self.boot && (!replace || kept.text == text)) {
            return Ok(());
        }
        let original = Original {
            boot: self.boot.clone(),
            path: cgroup.path.to_owned(),
            text: text.to_owned(),
        };
        self.store.remember(key, original)
    }

    /// The original that is kept of a file.
    pub(crate) fn original(&self, id: u64, file: &str) -> Option<&str> {
        let key = key(id, file);
        self.store.live().get(&key).map(|kept| kept.text.as_str())
    }

    /// Keeps another original of a file of which one is kept; nothing happens else.
    pub(crate) fn replace_original(
        &mut self,
        id: u64,
        file: &str,
        text: &str,
    ) -> Result<(), JournalError> {
        let key = key(id, file);
        match self.store.live().get(&key) {
            Some(kept) if kept.boot == self.boot && kept.text != text => {
                let text = text.to_owned();
                let original = Original {
                    text,
                    ..kept.clone()
                };
                self.store.remember(key, original)
            }
            _ => Ok(()),
        }
    }

    /// Drops a file's original, so that nothing is ever put back there.
    pub(crate) fn drop_original(&mut self, id: u64, file: &str) -> Result<(), JournalError> {
        let key = key(id, file);
        if self.store.live().contains_key(&key) {
            self.store.done(&[key], &[])?;
        }
        Ok(())
    }

    /// Are originals of this cgroup kept?
    pub(crate) fn keeps(&self, id: u64) -> bool {
        let from = key(id, "");
        self.store
            .live()
            .range(from..)
            .next()
            .is_some_and(|(key, _)| key.inode == id)
    }

    /// Puts all originals back, those of systemd's units too, which can take seconds.
    ///
    /// # Errors
    /// [`JournalError::Fenced`] after a takeover. When the journal cannot be written afterwards.
    pub fn restore_all(&mut self, root: &Path) -> Result<RestoreReport, JournalError> {
        self.restore_all_but(root, &restore::nobody_elses)
    }

    /// The same, but what is somebody else's just before it would be replaced stays.
    pub(crate) fn restore_all_but(
        &mut self,
        root: &Path,
        theirs: &Theirs<'_>,
    ) -> Result<RestoreReport, JournalError> {
        self.renew_to_restore()?;
        self.put_back(root, &Chosen::All, theirs)
    }

    /// Puts the originals of the files of one cgroup back, but for what is somebody else's. Its unit is
    /// left to the caller, because systemd may take its time: see
    /// [`LimitWriter::units`](crate::LimitWriter::units).
    pub(crate) fn restore_cgroup(
        &mut self,
        root: &Path,
        id: u64,
        theirs: &Theirs<'_>,
    ) -> Result<RestoreReport, JournalError> {
        self.renew_to_restore()?;
        self.put_back(root, &Chosen::Files(Some(id)), theirs)
    }

    fn put_back(
        &mut self,
        root: &Path,
        chosen: &Chosen,
        theirs: &Theirs<'_>,
    ) -> Result<RestoreReport, JournalError> {
        let work = chosen.of(self.store.live(), self.store.units());
        let place = self.place(root, theirs);
        let done = restore::restore(&work, &place, self.patience);
        let Done {
            report,
            files,
            units,
        } = done;
        self.store.done(&files, &units)?;
        Ok(report)
    }

    fn place<'a>(&'a self, root: &'a Path, theirs: &'a Theirs<'a>) -> Place<'a> {
        Place {
            root,
            host: &self.host,
            boot: &self.boot,
            theirs,
        }
    }
}

/// Which originals to restore.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Chosen {
    All,
    /// Files only: of all cgroups, or of the one with this inode.
    Files(Option<u64>),
    /// A path of a cgroup, or its inode as text, or the name of a unit.
    Named(String),
}

impl Chosen {
    fn of<'a>(
        &self,
        files: &'a BTreeMap<Key, Original>,
        units: &'a BTreeMap<UnitName, UnitOriginal>,
    ) -> Work<'a> {
        let file = |key: &Key, original: &Original| match self {
            Self::All | Self::Files(None) => true,
            Self::Files(Some(id)) => key.inode == *id,
            Self::Named(name) => {
                let last = original.path.rsplit('/').next();
                original.path == *name
                    || name.parse() == Ok(key.inode)
                    || UnitName::parse(name).is_some() && last == Some(name)
            }
        };
        let unit = |name: &UnitName, unit: &UnitOriginal| match self {
            Self::All => true,
            Self::Files(_) => false,
            Self::Named(wanted) => {
                unit.path == *wanted || wanted == name.as_str() || wanted.parse() == Ok(unit.inode)
            }
        };
        Work {
            files: files.iter().filter(|(key, it)| file(key, it)).collect(),
            units: units.iter().filter(|(name, it)| unit(name, it)).collect(),
        }
    }
}

fn key(inode: u64, file: &str) -> Key {
    let file = file.to_owned();
    Key { inode, file }
}

fn boot_id() -> Result<String, JournalError> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    fs::read_to_string(path)
        .map(|text| text.trim().to_owned())
        .map_err(|source| JournalError::Io {
            path: path.to_owned(),
            source,
        })
}
