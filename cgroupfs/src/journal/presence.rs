//! Whether a watchdog runs: it holds a lock for as long as it does.

use std::path::Path;
use std::time::Duration;

use super::JournalError;
use super::lock::{Lock, WATCHDOG, holder_of};

/// Longer than it takes to ask whether a watchdog runs.
const WAIT: Duration = Duration::from_secs(1);

/// Says to others that a watchdog runs, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Presence {
    _lock: Lock,
}

impl Presence {
    /// Announces a watchdog for a state directory, which has to exist.
    ///
    /// # Errors
    /// [`JournalError::InUse`] when another one runs; others when the lock cannot be made.
    pub fn announce(state_dir: &Path) -> Result<Self, JournalError> {
        let _lock = Lock::take(state_dir, WATCHDOG, WAIT)?;
        Ok(Self { _lock })
    }
}

/// The process id of the watchdog of a state directory; `None` if none runs.
///
/// # Errors
/// When the lock cannot be looked at.
pub fn watchdog(state_dir: &Path) -> Result<Option<String>, JournalError> {
    holder_of(state_dir, WATCHDOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_is_there_as_long_as_it_says_so() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(watchdog(dir.path()).unwrap(), None);
        let presence = Presence::announce(dir.path()).unwrap();
        let own = std::process::id().to_string();
        assert_eq!(watchdog(dir.path()).unwrap(), Some(own));
        assert!(matches!(
            Presence::announce(dir.path()),
            Err(JournalError::InUse { .. })
        ));
        drop(presence);
        assert_eq!(watchdog(dir.path()).unwrap(), None);
        assert_eq!(watchdog(&dir.path().join("none")).unwrap(), None);
    }
}
