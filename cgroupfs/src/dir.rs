//! A cgroup directory held open, so that its identity cannot change between check and use.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc;

/// Names one cgroup: where it was seen, and which one it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CgroupRef<'a> {
    /// Path relative to the root of the hierarchy, without a leading slash; empty for the root.
    pub path: &'a str,
    /// Inode of the directory, which the kernel also calls the cgroup's id.
    pub id: u64,
}

/// An open cgroup directory. All its files are opened through it, so a new cgroup of the same
/// name never gets what was meant for the old one.
#[derive(Debug)]
pub(crate) struct Dir {
    fd: File,
    path: PathBuf,
    id: u64,
}

impl Dir {
    /// Opens the directory, or gives `None` if it is gone or another cgroup has its name now.
    pub(crate) fn open(path: &Path, id: u64) -> io::Result<Option<Self>> {
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW)
            .open(path);
        let fd = match opened {
            Ok(fd) => fd,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        if fd.metadata()?.ino() != id {
            return Ok(None);
        }
        Ok(Some(Self {
            fd,
            path: path.to_owned(),
            id,
        }))
    }

    /// Its inode.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Where it was seen.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Path of one of its files, for messages only.
    pub(crate) fn display(&self, file: &str) -> PathBuf {
        self.path.join(file)
    }

    /// A path through the open directory: it names this very cgroup, whatever now bears its name.
    pub(crate) fn pinned(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.fd.as_raw_fd()))
    }

    /// Opens one of its files for reading.
    pub(crate) fn open_file(&self, name: &str) -> io::Result<File> {
        File::open(self.pinned().join(name))
    }

    /// Is the cgroup still there under its path?
    pub(crate) fn is_alive(&self) -> bool {
        let unlinked = self.fd.metadata().is_ok_and(|found| found.nlink() == 0);
        !unlinked
            && self
                .path
                .symlink_metadata()
                .is_ok_and(|found| found.ino() == self.id)
    }

    /// Reads a whole small file; `None` if it does not exist or went away.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<String>> {
        match self.open_file(name).and_then(io::read_to_string) {
            Ok(text) => Ok(Some(text)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Errors by which the kernel says that a cgroup, or one of its files, is not there (any more).
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOENT | libc::ENODEV | libc::ENOTDIR)
    )
}
