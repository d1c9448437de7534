//! Lists the cgroups of a hierarchy. A directory that vanishes on the way is simply not listed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::dir::is_gone;
use crate::parse;

/// One cgroup of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the root, without a leading slash; empty for the root itself.
    pub path: String,
    /// Inode of the directory, the kernel's cgroup id.
    pub id: u64,
    /// Does it or anything below it hold processes? `None` when the kernel does not say (root).
    pub populated: Option<bool>,
    /// Has it no child cgroups?
    pub leaf: bool,
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Walk {
    /// All cgroups, parents before children.
    pub entries: Vec<Entry>,
    /// Directories that are there but cannot be listed (no permission, a name that is no UTF-8).
    pub unreadable: Vec<PathBuf>,
}

/// The root could not be listed.
#[derive(Debug, thiserror::Error)]
#[error("cannot list {path}: {source}")]
pub struct WalkError {
    /// Which directory.
    pub path: PathBuf,
    /// The system's error.
    pub source: io::Error,
}

/// Lists all cgroups below `root`, and `root` itself first. Symbolic links are not followed.
///
/// # Errors
/// Only when the root itself cannot be listed.
pub fn walk(root: &Path) -> Result<Walk, WalkError> {
    let mut found = Walk::default();
    let mut pending = vec![String::new()];
    while let Some(path) = pending.pop() {
        let dir = if path.is_empty() {
            root.to_owned()
        } else {
            root.join(&path)
        };
        let children = match list(&dir) {
            Ok(children) => children,
            Err(source) if path.is_empty() => return Err(WalkError { path: dir, source }),
            Err(source) => {
                if !is_gone(&source) {
                    found.unreadable.push(dir);
                }
                continue;
            }
        };
        let (id, leaf) = (children.id, children.names.is_empty());
        for name in children.names {
            match name.into_string() {
                Ok(name) if path.is_empty() => pending.push(name),
                Ok(name) => pending.push(format!("{path}/{name}")),
                Err(name) => found.unreadable.push(dir.join(name)),
            }
        }
        let populated = populated(&dir);
        found.entries.push(Entry {
            path,
            id,
            populated,
            leaf,
        });
    }
    Ok(found)
}

/// The path, relative to `root`, of the cgroup with this id at or below the directory `under`.
/// `None` when there is none (any more). Directories that cannot be listed are passed over.
#[must_use]
pub fn find_by_id(root: &Path, under: &str, id: u64) -> Option<String> {
    let mut pending = vec![under.trim_matches('/').to_owned()];
    while let Some(path) = pending.pop() {
        let Ok(children) = list(&root.join(&path)) else {
            continue;
        };
        if children.id == id {
            return Some(path);
        }
        for name in children
            .names
            .into_iter()
            .filter_map(|name| name.into_string().ok())
        {
            pending.push(if path.is_empty() {
                name
            } else {
                format!("{path}/{name}")
            });
        }
    }
    None
}

struct Children {
    id: u64,
    names: Vec<std::ffi::OsString>,
}

fn list(dir: &Path) -> io::Result<Children> {
    let id = dir.symlink_metadata()?.ino();
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name());
        }
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(Children { id, names })
}

fn populated(dir: &Path) -> Option<bool> {
    let text = fs::read_to_string(dir.join("cgroup.events")).ok()?;
    let [populated] = parse::flat_keys(&text, ["populated"]).ok()?;
    populated.map(|value| value != 0)
}
