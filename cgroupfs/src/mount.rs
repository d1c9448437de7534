//! Whether the hierarchy is still there and can be written: mounts change while agents run.

use std::fmt;
use std::path::Path;

use nix::sys::statvfs::{FsFlags, statvfs};

/// Why no limit of a hierarchy can be written, whatever the cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwritable {
    /// Its root holds no cgroup: it was unmounted, or something is mounted over it.
    Missing,
    /// It is mounted read-only.
    ReadOnly,
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the cgroup v2 hierarchy is not there",
            Self::ReadOnly => "the cgroup v2 hierarchy is mounted read-only",
        })
    }
}

/// Why no limit below `root` can be written now; `None` when nothing speaks against it.
#[must_use]
pub fn unwritable(root: &Path) -> Option<Unwritable> {
    if is_missing(root) {
        return Some(Unwritable::Missing);
    }
    let read_only = statvfs(root).is_ok_and(|fs| fs.flags().contains(FsFlags::ST_RDONLY));
    read_only.then_some(Unwritable::ReadOnly)
}

/// Without its hierarchy a cgroup only seems to be gone.
pub(crate) fn is_missing(root: &Path) -> bool {
    let found = root.join("cgroup.controllers").symlink_metadata();
    found.is_err_and(|error| crate::dir::is_gone(&error))
}
