//! Changes of `memory.events`: one inotify descriptor for the files of all cgroups.
//!
//! The kernel marks the file as modified at each event, at most once in 10 ms per file, so the
//! first of a burst arrives at once. `memory.events` holds a cgroup and all below it;
//! `memory.events.local` is left alone, since for a workload, a leaf, both say the same.
//!
//! Kernels up to 6.18 at least do not say when a watched cgroup file goes with its cgroup (7.3
//! does), so whoever adds a cgroup has to remove it.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use llmos_engine::units::CgroupId;
use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InotifyEvent, WatchDescriptor};
use tokio::time::Instant;

use super::counts::MemoryCounts;
use super::inotify::{Source, collect};
use super::pace::Pace;

/// The file that is watched.
const FILE: &str = "memory.events";
/// Files read at most in a stretch: at about 5 us each this is under one percent of a core.
const FILES_PER_STRETCH: usize = 64;
/// Length of a stretch.
const STRETCH: Duration = Duration::from_millis(50);

/// Why a file is not watched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no {FILE}: no memory controller")]
    Absent,
    #[error("the bound fs.inotify.max_user_watches is reached")]
    NoRoom,
    #[error("{0}")]
    Other(String),
}

#[derive(Debug)]
struct Watched {
    descriptor: WatchDescriptor,
    path: PathBuf,
    /// Tells this file from one of a later cgroup of the same name.
    inode: u64,
    counts: MemoryCounts,
    dirty: bool,
}

/// All watched files.
#[derive(Debug)]
pub(super) struct EventFiles {
    source: Result<Source, String>,
    name: &'static str,
    files: HashMap<CgroupId, Watched>,
    owners: HashMap<WatchDescriptor, CgroupId>,
    /// Changed and not read yet, each once, in the order of their change.
    dirty: VecDeque<CgroupId>,
    pace: Pace,
    text: String,
    readings: u64,
    overflows: u64,
}

impl EventFiles {
    pub(super) fn new() -> Self {
        Self::of(FILE)
    }

    /// Watches another file of the same format.
    fn of(name: &'static str) -> Self {
        Self {
            source: Source::new(),
            name,
            files: HashMap::new(),
            owners: HashMap::new(),
            dirty: VecDeque::new(),
            pace: Pace::new(FILES_PER_STRETCH, STRETCH),
            text: String::new(),
            readings: 0,
            overflows: 0,
        }
    }

    /// How many files are watched.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Why nothing can be watched at all.
    pub(super) fn failure(&self) -> Option<&str> {
        self.source.as_ref().err().map(String::as_str)
    }

    /// How often files were read, and how often the queue was too short.
    pub(super) fn effort(&self) -> (u64, u64) {
        (self.readings, self.overflows)
    }

    /// Watches the file of the cgroup at `dir`; what it counted until now is not news.
    pub(super) fn add(&mut self, id: CgroupId, dir: &Path) -> Result<(), Refusal> {
        let source = match &self.source {
            Ok(source) => source.inotify(),
            Err(cause) => return Err(Refusal::Other(cause.clone())),
        };
        let path = dir.join(self.name);
        // The watch comes first, so that no event falls between it and the reading.
        let descriptor = source
            .add_watch(&path, AddWatchFlags::IN_MODIFY)
            .map_err(|errno| match errno {
                Errno::ENOENT | Errno::ENODEV => Refusal::Absent,
                Errno::ENOSPC => Refusal::NoRoom,
                other => Refusal::Other(format!("{}: {other}", path.display())),
            })?;
        self.owners.insert(descriptor, id);
        match read(&path, &mut self.text) {
            Ok((inode, counts)) => {
                let watched = Watched {
                    descriptor,
                    path,
                    inode,
                    counts,
                    dirty: false,
                };
                self.files.insert(id, watched);
                Ok(())
            }
            Err(error) => {
                self.forget(descriptor);
                Err(Refusal::Other(format!("{}: {error}", path.display())))
            }
        }
    }

    /// Ends the watch of a cgroup.
    pub(super) fn remove(&mut self, id: CgroupId) {
        if let Some(watched) = self.files.remove(&id) {
            self.forget(watched.descriptor);
        }
    }

    fn forget(&mut self, descriptor: WatchDescriptor) {
        self.owners.remove(&descriptor);
        if let Ok(source) = &self.source
            && let Err(error) = source.inotify().rm_watch(descriptor)
        {
            // The kernel was faster: the file is gone.
            tracing::trace!(%error, "a watch had ended already");
        }
    }

    /// Waits until counts of a cgroup rose; never ends when nothing can be watched. Can be dropped
    /// at any time: what was announced and not read yet stays.
    pub(super) async fn next(&mut self) -> (CgroupId, MemoryCounts) {
        loop {
            while let Some(id) = self.dirty.front().copied() {
                if let Err(until) = self.pace.take(Instant::now()) {
                    tokio::time::sleep_until(until).await;
                    continue;
                }
                self.dirty.pop_front();
                if let Some(new) = self.read_again(id) {
                    return (id, new);
                }
            }
            self.collect().await;
        }
    }

    /// Reads the file of a cgroup; what rose, if anything did.
    fn read_again(&mut self, id: CgroupId) -> Option<MemoryCounts> {
        let watched = self.files.get_mut(&id)?;
        watched.dirty = false;
        self.readings += 1;
        match read(&watched.path, &mut self.text) {
            Ok((inode, counts)) if inode == watched.inode => {
                let new = counts.since(watched.counts);
                watched.counts = counts;
                new.any().then_some(new)
            }
            // Gone, or a new cgroup of the same name.
            Ok(_) | Err(_) => {
                self.remove(id);
                None
            }
        }
    }

    /// Waits for announcements and notes which files changed.
    async fn collect(&mut self) {
        let then = "changes are seen at the tick";
        for event in collect(&mut self.source, then).await {
            self.note(&event);
        }
    }

    fn note(&mut self, event: &InotifyEvent) {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            self.overflows += 1;
            // Which files it was is lost, so all are read.
            for (id, watched) in &mut self.files {
                if !watched.dirty {
                    watched.dirty = true;
                    self.dirty.push_back(*id);
                }
            }
            return;
        }
        let Some(id) = self.owners.get(&event.wd).copied() else {
            return;
        };
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            self.owners.remove(&event.wd);
            self.files.remove(&id);
        } else if let Some(watched) = self.files.get_mut(&id)
            && !watched.dirty
        {
            watched.dirty = true;
            self.dirty.push_back(id);
        }
    }
}

/// The file's inode and counts.
fn read(path: &Path, text: &mut String) -> io::Result<(u64, MemoryCounts)> {
    let mut file = File::open(path)?;
    let inode = file.metadata()?.ino();
    text.clear();
    file.read_to_string(text)?;
    Ok((inode, MemoryCounts::parse(text)))
}

#[cfg(test)]
mod tests;
