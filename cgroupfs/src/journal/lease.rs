//! The lease: until when limits may stand without their writer being heard of again.
//!
//! `STATE_DIR/lease` is one line, `CRC32 lease boot epoch until pid`, separated by tabs. `until` is
//! in nanoseconds of `CLOCK_BOOTTIME`, which also counts while the machine sleeps; another boot voids
//! it, so it is never synced. The line has the same length each time and is written in place.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use super::JournalError;
use super::record::{seal, unseal};

const FILE: &str = "lease";
const KIND: &str = "lease";
/// How long a lease lasts that nobody has set otherwise.
pub(super) const DEFAULT: Duration = Duration::from_secs(10);
/// Looks at a line that may be just being written.
const LOOKS: u32 = 3;

/// What a lease says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) boot: String,
    /// The fence under which its holder writes.
    pub(super) epoch: u64,
    /// When it runs out, in nanoseconds of `CLOCK_BOOTTIME`.
    pub(super) until_ns: u64,
    pub(super) pid: u32,
}

/// What is in the place of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Missing,
    /// Not a lease, and why.
    Unreadable(String),
    Lease(Lease),
}

impl Lease {
    fn encode(&self) -> String {
        let Self {
            boot,
            epoch,
            until_ns,
            pid,
        } = self;
        seal(&format!(
            "{KIND}\t{boot}\t{epoch:020}\t{until_ns:020}\t{pid:010}"
        ))
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let line = bytes.strip_suffix(b"\n").ok_or("cut short")?;
        let words: Vec<&str> = unseal(line)?.split('\t').collect();
        let [KIND, boot, epoch, until_ns, pid] = words[..] else {
            return Err("no lease");
        };
        Ok(Self {
            boot: boot.to_owned(),
            epoch: epoch.parse().map_err(|_| "bad epoch")?,
            until_ns: until_ns.parse().map_err(|_| "bad time")?,
            pid: pid.parse().map_err(|_| "bad process id")?,
        })
    }
}

/// Reads the lease of a state directory.
pub(super) fn read(state_dir: &Path) -> Found {
    let mut found = Found::Missing;
    for look in 0..LOOKS {
        if look > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        found = match fs::read(state_dir.join(FILE)) {
            Ok(bytes) => match Lease::decode(&bytes) {
                Ok(lease) => return Found::Lease(lease),
                Err(reason) => Found::Unreadable(reason.to_owned()),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Missing,
            Err(error) => Found::Unreadable(error.to_string()),
        };
    }
    found
}

/// Now, in nanoseconds of `CLOCK_BOOTTIME`.
pub(super) fn now_ns() -> Result<u64, JournalError> {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map_err(|errno| JournalError::Io {
        path: PathBuf::from("CLOCK_BOOTTIME"),
        source: errno.into(),
    })?;
    let now = Duration::from(now).as_nanos();
    Ok(u64::try_from(now).unwrap_or(u64::MAX))
}

/// The lease as its holder has it open.
#[derive(Debug, Default)]
pub(super) struct Held {
    file: Option<File>,
    until_ns: u64,
}

impl Held {
    /// When it runs out; 0 before the first write.
    pub(super) fn until_ns(&self) -> u64 {
        self.until_ns
    }

    pub(super) fn write(&mut self, state_dir: &Path, lease: &Lease) -> Result<(), JournalError> {
        let path = state_dir.join(FILE);
        let text = lease.encode();
        let written = match self.file.take() {
            Some(file) if is_linked(&file) => file.write_all_at(text.as_bytes(), 0).map(|()| file),
            // The first time, or somebody removed it: nobody may see half of a new file.
            _ => replace(&path, &text),
        };
        self.file = Some(written.map_err(|source| JournalError::Io { path, source })?);
        self.until_ns = lease.until_ns;
        Ok(())
    }
}

fn is_linked(file: &File) -> bool {
    file.metadata().is_ok_and(|found| found.nlink() > 0)
}

/// Puts a file with this text in the place of another, at once. Not synced.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<File> {
    let new = path.with_extension("new");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    let written = file.write_all_at(text.as_bytes(), 0);
    written
        .and_then(|()| fs::rename(&new, path))
        // What could not be finished takes room that is needed.
        .inspect_err(|_| drop(fs::remove_file(&new)))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> Lease {
        Lease {
            boot: "b".into(),
            epoch: 7,
            until_ns: 12_345,
            pid: 42,
        }
    }

    #[test]
    fn a_lease_survives_the_trip_at_one_length() {
        let text = lease().encode();
        assert_eq!(Lease::decode(text.as_bytes()), Ok(lease()));
        let other = Lease {
            epoch: u64::MAX,
            until_ns: u64::MAX,
            pid: u32::MAX,
            ..lease()
        };
        assert_eq!(other.encode().len(), text.len());
        assert_eq!(Lease::decode(other.encode().as_bytes()), Ok(other));
    }

    #[test]
    fn each_cut_and_each_changed_byte_is_noticed() {
        let text = lease().encode();
        for at in 0..text.len() {
            assert!(
                Lease::decode(&text.as_bytes()[..at]).is_err(),
                "cut at {at}"
            );
            let mut bad = text.clone().into_bytes();
            bad[at] ^= 0x15;
            assert!(Lease::decode(&bad).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_removed_lease_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut held = Held::default();
        assert_eq!(read(dir.path()), Found::Missing);
        for _ in 0..2 {
            held.write(dir.path(), &lease()).unwrap();
            held.write(dir.path(), &lease()).unwrap();
            assert_eq!(read(dir.path()), Found::Lease(lease()));
            fs::remove_file(dir.path().join(FILE)).unwrap();
        }
        fs::write(dir.path().join(FILE), "nonsense\n").unwrap();
        assert_eq!(
            read(dir.path()),
            Found::Unreadable("no checksum".to_owned())
        );
    }
}
