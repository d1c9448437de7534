//! The workloads that are there now, each with its open reader.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use llmos_cgroupfs::{CgroupReader, CgroupRef, FileBudget, WalkError, walk};
use llmos_engine::units::{CgroupId, Timestamp};
use llmos_proto::status::Container;

use super::{container, short_name};
use crate::sense::FileFacts;

/// `memory.stat` is dear to read: only at each so many ticks.
const MEMORY_STAT_EVERY: u32 = 5;

/// One workload: a leaf cgroup, or an inner one that holds processes itself.
#[derive(Debug)]
pub struct Known {
    /// Its id.
    pub id: CgroupId,
    /// Path below the root, without a leading slash; empty for the root itself.
    pub path: String,
    /// Short name for people.
    pub name: String,
    /// The container and the pod that it is of, if it is one's.
    pub container: Option<Box<Container>>,
    /// When the agent first saw it.
    pub first_seen: Timestamp,
    /// Reads its files.
    pub reader: CgroupReader,
    /// What the files said that are not read each tick.
    pub files: FileFacts,
    /// Was a problem with its files logged already?
    pub problem_logged: bool,
}

/// What a scan changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    /// Workloads that are new.
    pub added: usize,
    /// Workloads that are gone.
    pub removed: usize,
}

/// All workloads by id.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    known: BTreeMap<CgroupId, Known>,
    budget: FileBudget,
}

impl Tree {
    /// An empty tree over a cgroup v2 root; its readers keep at most `open_files` files open.
    #[must_use]
    pub fn new(root: PathBuf, open_files: usize) -> Self {
        Self {
            root,
            known: BTreeMap::new(),
            budget: FileBudget::new(open_files),
        }
    }

    /// Compares the whole tree with what is known.
    ///
    /// # Errors
    /// When the root cannot be listed; what is known stays.
    pub fn scan(&mut self, now: Timestamp) -> Result<Changes, WalkError> {
        let found = walk(&self.root)?;
        let mut changes = Changes::default();
        let mut live = HashSet::new();
        for entry in found.entries {
            let id = CgroupId(entry.id);
            if entry.leaf || self.holds_processes(&entry.path) {
                live.insert(id);
                changes.added += usize::from(self.add(id, &entry.path, now));
            }
        }
        let before = self.known.len();
        self.known.retain(|id, _| live.contains(id));
        changes.removed = before - self.known.len();
        Ok(changes)
    }

    /// Takes in a cgroup that an event announced. False when it is not of this tree (another
    /// hierarchy has a cgroup of that id), is gone again, or is known.
    pub fn created(&mut self, id: CgroupId, path: &str, now: Timestamp) -> bool {
        let path = path.trim_start_matches('/');
        let real = fs::symlink_metadata(self.root.join(path)).is_ok_and(|m| m.ino() == id.0);
        if !real || !self.add(id, path, now) {
            return false;
        }
        // The parent is no leaf any more.
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        if !self.holds_processes(parent) {
            self.known.retain(|_, k| k.path != parent);
        }
        true
    }

    /// Drops a cgroup that an event or a reader reported gone. The path guards against an event
    /// of another hierarchy with the same id.
    pub fn removed(&mut self, id: CgroupId, path: Option<&str>) -> bool {
        let same = |k: &Known| path.is_none_or(|p| p.trim_start_matches('/') == k.path);
        if self.known.get(&id).is_some_and(same) {
            self.known.remove(&id).is_some()
        } else {
            false
        }
    }

    /// The workload with this id.
    #[must_use]
    pub fn get(&self, id: CgroupId) -> Option<&Known> {
        self.known.get(&id)
    }

    /// The same, to read its files.
    pub fn get_mut(&mut self, id: CgroupId) -> Option<&mut Known> {
        self.known.get_mut(&id)
    }

    /// The workload at this path.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Known> {
        let path = path.trim_start_matches('/');
        self.known.values().find(|k| k.path == path)
    }

    /// The workload whose turn it is to be first at this tick, so that what a tick can do only for
    /// some reaches all in time.
    #[must_use]
    pub fn turn(&self, tick: u64) -> Option<CgroupId> {
        let len = u64::try_from(self.known.len()).unwrap_or(u64::MAX);
        let at = usize::try_from(tick.wrapping_mul(17).checked_rem(len)?).ok()?;
        self.known.keys().nth(at).copied()
    }

    /// All workloads, ordered by id.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Known> {
        self.known.values_mut()
    }

    /// All workloads, ordered by id, to look at.
    pub fn iter(&self) -> impl Iterator<Item = &Known> {
        self.known.values()
    }

    /// All workloads, beginning with this one.
    pub fn iter_from(&mut self, first: Option<CgroupId>) -> impl Iterator<Item = &mut Known> {
        let first = first.unwrap_or(CgroupId(0));
        let (mut before, mut after) = (Vec::new(), Vec::with_capacity(self.known.len()));
        for (id, known) in &mut self.known {
            if *id < first {
                before.push(known);
            } else {
                after.push(known);
            }
        }
        after.into_iter().chain(before)
    }

    /// How many workloads.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn add(&mut self, id: CgroupId, path: &str, now: Timestamp) -> bool {
        if self.known.contains_key(&id) {
            return false;
        }
        let cgroup = CgroupRef { path, id: id.0 };
        let reader = match CgroupReader::open(&self.root, cgroup, MEMORY_STAT_EVERY, &self.budget) {
            Ok(Some(reader)) => reader,
            Ok(None) => return false,
            Err(error) => {
                tracing::warn!(cgroup = path, %error, "the cgroup cannot be opened");
                return false;
            }
        };
        let known = Known {
            id,
            path: path.to_owned(),
            name: short_name(path),
            container: container(path).map(Box::new),
            first_seen: now,
            reader,
            files: FileFacts::default(),
            problem_logged: false,
        };
        self.known.insert(id, known);
        true
    }

    fn holds_processes(&self, path: &str) -> bool {
        holds_processes(&self.root.join(path))
    }
}

/// Has the cgroup processes of its own?
fn holds_processes(dir: &Path) -> bool {
    fs::read_to_string(dir.join("cgroup.procs")).is_ok_and(|list| !list.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cgroup(root: &Path, path: &str, procs: &str) -> CgroupId {
        let dir = root.join(path);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("cgroup.procs"), procs).unwrap();
        CgroupId(fs::metadata(&dir).unwrap().ino())
    }

    #[test]
    fn leaves_and_inner_cgroups_with_processes_are_workloads() {
        let dir = tempfile::tempdir().unwrap();
        cgroup(dir.path(), "", "");
        cgroup(dir.path(), "inner", "12\n");
        cgroup(dir.path(), "inner/leaf", "");
        cgroup(dir.path(), "plain", "");
        cgroup(dir.path(), "plain/leaf", "");
        let mut tree = Tree::new(dir.path().to_owned(), 64);
        let changes = tree.scan(Timestamp(1)).unwrap();
        let mut paths: Vec<&str> = tree.known.values().map(|k| k.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["inner", "inner/leaf", "plain/leaf"]);
        assert_eq!(
            changes,
            Changes {
                added: 3,
                removed: 0
            }
        );
    }

    #[test]
    fn an_event_adds_the_child_and_drops_the_parent() {
        let dir = tempfile::tempdir().unwrap();
        cgroup(dir.path(), "", "");
        cgroup(dir.path(), "a", "");
        let mut tree = Tree::new(dir.path().to_owned(), 64);
        tree.scan(Timestamp(1)).unwrap();
        assert!(tree.at("a").is_some());
        let child = cgroup(dir.path(), "a/b", "");
        assert!(tree.created(child, "/a/b", Timestamp(2)));
        assert!(tree.at("a").is_none() && tree.at("a/b").is_some());
        assert!(!tree.created(child, "/a/b", Timestamp(3)), "known already");
    }

    #[test]
    fn an_event_of_another_hierarchy_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        cgroup(dir.path(), "", "");
        let a = cgroup(dir.path(), "a", "");
        let mut tree = Tree::new(dir.path().to_owned(), 64);
        tree.scan(Timestamp(1)).unwrap();
        assert!(!tree.created(CgroupId(a.0 + 1), "/a", Timestamp(2)));
        assert!(!tree.removed(a, Some("/elsewhere")));
        assert!(tree.removed(a, Some("/a")));
        assert!(tree.is_empty());
    }

    #[test]
    fn a_scan_drops_what_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        cgroup(dir.path(), "", "");
        cgroup(dir.path(), "a", "");
        cgroup(dir.path(), "b", "");
        let mut tree = Tree::new(dir.path().to_owned(), 64);
        tree.scan(Timestamp(1)).unwrap();
        fs::remove_file(dir.path().join("a/cgroup.procs")).unwrap();
        fs::remove_dir(dir.path().join("a")).unwrap();
        assert_eq!(
            tree.scan(Timestamp(2)).unwrap(),
            Changes {
                added: 0,
                removed: 1
            }
        );
    }
}
