//! Locks of a state directory: who may use the journal, who may take it over, who watches it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::JournalError;

/// Held by the one process that uses the journal.
pub(super) const JOURNAL: &str = "journal.lock";
/// Held while a journal changes hands: opened, reopened, or restored by somebody else.
pub(super) const TAKEOVER: &str = "takeover.lock";
/// Held by a watchdog for as long as it runs.
pub(super) const WATCHDOG: &str = "watchdog.lock";

const POLL: Duration = Duration::from_millis(10);

/// Holds a lock until dropped. The kernel lets go of it when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough while another thread starts a program: until that is loaded, it has the
        // file open as well. Where this fails, closing follows.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes a lock of a state directory, and waits for it as long as `wait`.
    pub(super) fn take(state_dir: &Path, name: &str, wait: Duration) -> Result<Self, JournalError> {
        let path = state_dir.join(name);
        let failed = |source| JournalError::Io {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if start.elapsed() < wait => {
                    std::thread::sleep(POLL);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(JournalError::InUse {
                        state_dir: state_dir.to_owned(),
                        holder: holder(&mut file),
                    });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        // On a full disk there is no room for it.
        let _ = note_holder(&mut file);
        Ok(Self { file })
    }
}

/// Who holds a lock now (its process id, or `?`), without keeping it. `None` if nobody does.
pub(super) fn holder_of(state_dir: &Path, name: &str) -> Result<Option<String>, JournalError> {
    let path = state_dir.join(name);
    let failed = |source| JournalError::Io {
        path: path.clone(),
        source,
    };
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(holder(&mut file))),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// The number is a help for people; the lock stands without it.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "?".to_owned(),
    }
}

fn note_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_lock_is_free_though_the_file_is_open_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let take = || Lock::take(folder.path(), JOURNAL, Duration::ZERO);
        let lock = take().unwrap();
        // As a program has it that is being started.
        let elsewhere = lock.file.try_clone().unwrap();
        assert!(matches!(take(), Err(JournalError::InUse { .. })));
        drop(lock);
        assert!(take().is_ok());
        drop(elsewhere);
    }
}
