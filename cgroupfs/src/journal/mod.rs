//! Crash-safe undo: the original content of each limit file, on disk before its first change.
//!
//! `STATE_DIR/journal` is text, one checked record a line (see `record`), append-only, with an
//! fsync for each record. `STATE_DIR/journal.lock` keeps a second process out. A cgroup's limits
//! die with the machine's boot, so originals of another boot are dropped, not restored.

mod lock;
mod record;
mod report;
mod restore;
mod store;

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lock::Lock;
use record::{Key, Original};
pub use report::{RestoreReport, Skip};
use store::Store;

use crate::dir::CgroupRef;

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
    store: Store,
    boot: String,
    damage: Vec<Damage>,
    patience: Duration,
    _lock: Lock,
}

impl Journal {
    /// Opens the journal of a state directory; makes the directory (mode 0700) if need be.
    ///
    /// # Errors
    /// When another process holds it, or its files cannot be read or written. Bad records are no
    /// error, see [`Journal::damage`].
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
        let lock = Lock::take(state_dir)?;
        let (store, damage) = Store::open(state_dir)?;
        Ok(Self {
            store,
            boot,
            damage,
            patience: restore::PATIENCE,
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
        self.store.live().is_empty()
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
        let key = Key {
            inode: cgroup.id,
            file: file.to_owned(),
        };
        let known = self
            .store
            .live()
            .get(&key)
            .is_some_and(|kept| kept.boot == self.boot);
        if known && !replace {
            return Ok(());
        }
        let original = Original {
            boot: self.boot.clone(),
            path: cgroup.path.to_owned(),
            text: text.to_owned(),
        };
        self.store.remember(key, original)
    }

    /// Are originals of this cgroup kept?
    pub(crate) fn keeps(&self, id: u64) -> bool {
        let from = Key {
            inode: id,
            file: String::new(),
        };
        self.store
            .live()
            .range(from..)
            .next()
            .is_some_and(|(key, _)| key.inode == id)
    }

    /// Puts all originals back.
    ///
    /// # Errors
    /// When the journal cannot be written afterwards.
    pub fn restore_all(&mut self, root: &Path) -> Result<RestoreReport, JournalError> {
        self.restore(root, |_| true)
    }

    /// Puts the originals of one cgroup back.
    ///
    /// # Errors
    /// When the journal cannot be written afterwards.
    pub fn restore_cgroup(&mut self, root: &Path, id: u64) -> Result<RestoreReport, JournalError> {
        self.restore(root, |key| key.inode == id)
    }

    fn restore(
        &mut self,
        root: &Path,
        chosen: impl Fn(&Key) -> bool,
    ) -> Result<RestoreReport, JournalError> {
        let originals = self.store.live().iter().filter(|(key, _)| chosen(key));
        let (report, done) = restore::restore(originals, root, &self.boot, self.patience);
        self.store.done(&done)?;
        Ok(report)
    }
}

/// Puts all originals of a state directory back: what `llmosctl restore` does. A state directory
/// or journal that does not exist means that there is nothing to restore.
///
/// # Errors
/// When an agent runs and holds the journal, or the journal cannot be read or written.
pub fn restore_all(state_dir: &Path, root: &Path) -> Result<RestoreReport, JournalError> {
    match state_dir.join("journal").symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(RestoreReport::default());
        }
        Err(source) => {
            return Err(JournalError::Io {
                path: state_dir.to_owned(),
                source,
            });
        }
        Ok(_) => {}
    }
    let mut journal = Journal::open(state_dir)?;
    let mut report = journal.restore_all(root)?;
    report.damage = journal.damage;
    Ok(report)
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
