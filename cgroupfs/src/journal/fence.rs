//! The fence: a number that changes whenever somebody takes the limits over. Who writes limits looks
//! at it before each write, and one that finds another number than its own writes nothing.
//!
//! `STATE_DIR/fence` is one line, `CRC32 fence boot epoch pid`, separated by tabs, always replaced as
//! a whole. No file, and one of another boot, is number 0: nobody writes across a boot.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::JournalError;
use super::lease::{now_ns, replace};
use super::record::{seal, unseal};

const FILE: &str = "fence";
const KIND: &str = "fence";

/// The fence as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fence {
    pub(super) epoch: u64,
    /// Process id of who raised it, for people; `?` when it cannot be told.
    pub(super) by: String,
}

/// Reads the fence; `None` if what is there is none.
pub(super) fn read(state_dir: &Path, boot: &str) -> Result<Option<Fence>, JournalError> {
    let path = state_dir.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => Ok(decode(&bytes, boot)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(none())),
        Err(source) => Err(JournalError::Io { path, source }),
    }
}

/// Raises it to a number that it never had; gives that.
pub(super) fn raise(state_dir: &Path, boot: &str) -> Result<u64, JournalError> {
    let path = state_dir.join(FILE);
    let before = read(state_dir, boot)?.map_or(0, |fence| fence.epoch);
    // The time since the boot is above all earlier numbers, also above one that was damaged.
    let epoch = now_ns()?.max(before.saturating_add(1));
    let pid = std::process::id();
    let text = seal(&format!("{KIND}\t{boot}\t{epoch}\t{pid}"));
    match replace(&path, &text).or_else(|error| blank(&path).map_err(|_| error)) {
        Ok(_) => Ok(epoch),
        Err(source) => Err(JournalError::Io { path, source }),
    }
}

/// On a full disk: a fence that bears no number, which needs no room. It stops the writer as well, and
/// as long as there is no room for another it goes on doing so.
fn blank(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

fn none() -> Fence {
    Fence {
        epoch: 0,
        by: "?".to_owned(),
    }
}

fn decode(bytes: &[u8], boot: &str) -> Option<Fence> {
    let body = unseal(bytes.strip_suffix(b"\n")?).ok()?;
    let words: Vec<&str> = body.split('\t').collect();
    let [KIND, of, epoch, by] = words[..] else {
        return None;
    };
    let epoch = epoch.parse().ok()?;
    if of != boot {
        return Some(none());
    }
    Some(Fence {
        epoch,
        by: by.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_and_ends_with_the_boot() {
        let dir = tempfile::tempdir().unwrap();
        let epoch = |boot| read(dir.path(), boot).unwrap().map(|fence| fence.epoch);
        assert_eq!(epoch("b"), Some(0));
        let first = raise(dir.path(), "b").unwrap();
        assert_eq!(epoch("b"), Some(first));
        assert_eq!(epoch("another"), Some(0));
        assert!(raise(dir.path(), "b").unwrap() > first);
    }

    #[test]
    fn without_room_for_a_number_it_is_raised_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        raise(dir.path(), "b").unwrap();
        let new = dir.path().join(FILE).with_extension("new");
        fs::create_dir(&new).unwrap();
        raise(dir.path(), "b").unwrap();
        assert_eq!(read(dir.path(), "b").unwrap(), None);
        fs::remove_dir(&new).unwrap();
        let epoch = raise(dir.path(), "b").unwrap();
        assert_eq!(read(dir.path(), "b").unwrap().unwrap().epoch, epoch);
    }

    #[test]
    fn damage_is_no_number_and_is_risen_above() {
        let dir = tempfile::tempdir().unwrap();
        let first = raise(dir.path(), "b").unwrap();
        let path = dir.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 0x15;
            fs::write(&path, bad).unwrap();
            assert_eq!(read(dir.path(), "b").unwrap(), None, "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(read(dir.path(), "b").unwrap(), None, "cut at {at}");
        }
        assert!(raise(dir.path(), "b").unwrap() > first);
    }
}
