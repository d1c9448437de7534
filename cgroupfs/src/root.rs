//! Finds the cgroup v2 hierarchy of this machine and the controllers that it offers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How the machine mounts its cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Only version 2: every controller can be had.
    Unified,
    /// Version 1 hierarchies beside version 2. Controllers that version 1 holds are missing here.
    Hybrid,
    /// A root that was given, not found.
    Given,
}

/// The controllers that matter here, as `cgroup.controllers` of the root lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Controllers {
    /// `cpu.max` can be had.
    pub cpu: bool,
    /// `memory.*` can be had.
    pub memory: bool,
}

/// The root of a cgroup v2 hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    path: PathBuf,
    layout: Layout,
    controllers: Controllers,
}

/// Why there is no root to work on.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// No cgroup v2 hierarchy is mounted.
    #[error("no cgroup v2 hierarchy in {0}, expected a mount of type cgroup2")]
    NotMounted(PathBuf),
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The path is no cgroup v2 directory.
    #[error("{0} is not the root of a cgroup v2 hierarchy, expected a cgroup.controllers file")]
    NotACgroup(PathBuf),
}

impl Root {
    /// Finds the hierarchy in `/proc/self/mountinfo`.
    ///
    /// # Errors
    /// When none is mounted or its files cannot be read.
    pub fn find() -> Result<Self, RootError> {
        let file = Path::new("/proc/self/mountinfo");
        let text = fs::read_to_string(file).map_err(|source| RootError::Read {
            path: file.to_owned(),
            source,
        })?;
        let (path, layout) = pick(&text).ok_or_else(|| RootError::NotMounted(file.to_owned()))?;
        Ok(Self {
            layout,
            ..Self::at(&path)?
        })
    }

    /// Takes a directory as the root.
    ///
    /// # Errors
    /// When it has no readable `cgroup.controllers`.
    pub fn at(path: &Path) -> Result<Self, RootError> {
        let file = path.join("cgroup.controllers");
        let text = fs::read_to_string(&file).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                RootError::NotACgroup(path.to_owned())
            }
            _ => RootError::Read { path: file, source },
        })?;
        let offers = |name| text.split_whitespace().any(|word| word == name);
        let controllers = Controllers {
            cpu: offers("cpu"),
            memory: offers("memory"),
        };
        Ok(Self {
            path: path.to_owned(),
            layout: Layout::Given,
            controllers,
        })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How the machine mounts its cgroups.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Which controllers the hierarchy offers. None at all is normal in a hybrid layout: then
    /// cgroups can be seen and CPU time counted, but no limit can be read or written.
    #[must_use]
    pub fn controllers(&self) -> Controllers {
        self.controllers
    }
}

/// The best cgroup2 mount: one of the whole hierarchy before one of a part of it.
fn pick(mountinfo: &str) -> Option<(PathBuf, Layout)> {
    let mut best: Option<(bool, PathBuf)> = None;
    let mut version_one = false;
    for line in mountinfo.lines() {
        // id parent major:minor root mount-point options [tags] - type source super-options
        let Some((mount, kind)) = line.split_once(" - ") else {
            continue;
        };
        match kind.split(' ').next() {
            Some("cgroup") => version_one = true,
            Some("cgroup2") => {
                let mut words = mount.split(' ').skip(3);
                let (Some(root), Some(point)) = (words.next(), words.next()) else {
                    continue;
                };
                let whole = root == "/";
                if best
                    .as_ref()
                    .is_none_or(|(had_whole, _)| whole && !had_whole)
                {
                    best = Some((whole, PathBuf::from(unescape(point))));
                }
            }
            _ => {}
        }
    }
    let layout = if version_one {
        Layout::Hybrid
    } else {
        Layout::Unified
    };
    best.map(|(_, path)| (path, layout))
}

/// Undoes the octal escapes (`\040` is a space) with which the kernel prints mount points.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let octal = after
            .get(..3)
            .filter(|_| first == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match octal {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIFIED: &str = "\
22 1 0:20 / /proc rw - proc proc rw
28 22 0:25 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    const HYBRID: &str = "\
30 22 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw
31 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    #[test]
    fn both_layouts_are_told_apart() {
        assert_eq!(
            pick(UNIFIED),
            Some(("/sys/fs/cgroup".into(), Layout::Unified))
        );
        assert_eq!(
            pick(HYBRID),
            Some(("/sys/fs/cgroup/unified".into(), Layout::Hybrid))
        );
        assert_eq!(pick("22 1 0:20 / /proc rw - proc proc rw\ngarbage\n"), None);
    }

    #[test]
    fn a_mount_of_the_whole_hierarchy_wins() {
        let text = format!("27 22 0:25 /part /mnt/with\\040space rw - cgroup2 none rw\n{UNIFIED}");
        assert_eq!(
            pick(&text),
            Some(("/sys/fs/cgroup".into(), Layout::Unified))
        );
        let part = text.lines().next().unwrap();
        assert_eq!(
            pick(part),
            Some(("/mnt/with space".into(), Layout::Unified))
        );
    }
}
