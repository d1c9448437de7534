//! Changes of limit files that hold a value of ours: one inotify descriptor, a watch for each file.
//!
//! A watch on the directory would do for all five files of a cgroup, but the kernel also tells it of
//! each `memory.events` (up to 100 a second under pressure) and of each process that comes. A watch on a
//! file costs about 1 KiB of kernel memory and is silent until somebody writes that file.
//!
//! Here nobody knows what was written by whom: each change is told, our own too, once for all writes
//! that came together. Who hears of it reads the file and compares. A file is also told of when its
//! watch begins, because it may have been changed before.
//!
//! As with `memory.events`, most kernels do not say when a file goes, so its watch has to be ended.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::Path;
use std::time::Duration;

use llmos_engine::decide::Knob;
use llmos_engine::units::CgroupId;
use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InotifyEvent, WatchDescriptor};
use tokio::time::Instant;

use super::Coverage;
use super::inotify::{Source, collect};
use super::pace::Pace;

/// Files told of at most in a stretch: each costs a read.
const FILES_PER_STRETCH: usize = 64;
/// Length of a stretch.
const STRETCH: Duration = Duration::from_millis(50);

/// A limit file.
type Name = (CgroupId, Knob);

#[derive(Debug)]
struct Watched {
    descriptor: WatchDescriptor,
    /// Is it to be told of already?
    changed: bool,
}

/// All watched files.
#[derive(Debug)]
pub(super) struct LimitFiles {
    source: Result<Source, String>,
    cap: usize,
    /// Of the set of files that is watched.
    generation: Option<u64>,
    files: BTreeMap<Name, Watched>,
    owners: HashMap<WatchDescriptor, Name>,
    /// Changed and not told yet, each once, in the order of their change.
    changed: VecDeque<Name>,
    pace: Pace,
    no_room: usize,
    refused: usize,
    refusal: Option<String>,
    overflows: u64,
}

impl LimitFiles {
    /// Watches at most `cap` files; none yet.
    pub(super) fn new(cap: usize) -> Self {
        Self {
            source: Source::new(),
            cap,
            generation: None,
            files: BTreeMap::new(),
            owners: HashMap::new(),
            changed: VecDeque::new(),
            pace: Pace::new(FILES_PER_STRETCH, STRETCH),
            no_room: 0,
            refused: 0,
            refusal: None,
            overflows: 0,
        }
    }

    /// Why nothing can be watched at all.
    pub(super) fn failure(&self) -> Option<&str> {
        self.source.as_ref().err().map(String::as_str)
    }

    /// Why the last file was refused.
    pub(super) fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Times that the queue of changed files was too short.
    pub(super) fn overflows(&self) -> u64 {
        self.overflows
    }

    pub(super) fn coverage(&self) -> Coverage {
        Coverage {
            held: self.files.len(),
            no_room: self.no_room,
            refused: self.refused,
        }
    }

    /// Watches these files, in their directories, and no others. Does nothing when the set is that of
    /// the last time, by its generation.
    pub(super) fn hold<'a>(
        &mut self,
        generation: u64,
        files: impl Iterator<Item = (CgroupId, &'a Path, Knob)>,
    ) {
        if self.generation.replace(generation) == Some(generation) {
            return;
        }
        let wanted: Vec<_> = files.collect();
        let names: BTreeSet<Name> = wanted.iter().map(|(id, _, knob)| (*id, *knob)).collect();
        let gone = self.files.keys().filter(|name| !names.contains(*name));
        for name in gone.copied().collect::<Vec<_>>() {
            self.remove(name);
        }
        (self.no_room, self.refused) = (0, 0);
        for (id, dir, knob) in wanted {
            if self.files.contains_key(&(id, knob)) {
                continue;
            }
            if self.files.len() >= self.cap {
                self.no_room += 1;
            } else {
                self.add((id, knob), &dir.join(knob.file()));
            }
        }
    }

    /// Ends the watches of a cgroup.
    pub(super) fn remove_all(&mut self, id: CgroupId) {
        let of = (id, Knob::CpuMax)..=(id, Knob::MemoryMax);
        let names: Vec<Name> = self.files.range(of).map(|(name, _)| *name).collect();
        names.into_iter().for_each(|name| self.remove(name));
    }

    fn add(&mut self, name: Name, path: &Path) {
        let Ok(source) = &self.source else {
            return;
        };
        match source.inotify().add_watch(path, AddWatchFlags::IN_MODIFY) {
            Ok(descriptor) => {
                self.owners.insert(descriptor, name);
                let changed = true;
                self.files.insert(
                    name,
                    Watched {
                        descriptor,
                        changed,
                    },
                );
                self.changed.push_back(name);
            }
            Err(Errno::ENOSPC) => {
                self.no_room += 1;
                self.refusal = Some("the bound fs.inotify.max_user_watches is reached".to_owned());
            }
            Err(errno) => {
                self.refused += 1;
                self.refusal = Some(format!("{}: {errno}", path.display()));
            }
        }
    }

    fn remove(&mut self, name: Name) {
        let Some(watched) = self.files.remove(&name) else {
            return;
        };
        self.owners.remove(&watched.descriptor);
        if let Ok(source) = &self.source
            && let Err(error) = source.inotify().rm_watch(watched.descriptor)
        {
            // The kernel was faster: the file is gone.
            tracing::trace!(%error, "a watch had ended already");
        }
    }

    /// Waits until a file was changed; never ends when nothing can be watched. Can be dropped at any
    /// time: what was announced and not told yet stays.
    pub(super) async fn next(&mut self) -> Name {
        loop {
            while let Some(name) = self.changed.front().copied() {
                if let Err(until) = self.pace.take(Instant::now()) {
                    tokio::time::sleep_until(until).await;
                    continue;
                }
                self.changed.pop_front();
                if let Some(watched) = self.files.get_mut(&name) {
                    watched.changed = false;
                    return name;
                }
            }
            self.collect().await;
        }
    }

    async fn collect(&mut self) {
        let then = "changes of limits are seen at the tick";
        for event in collect(&mut self.source, then).await {
            self.note(&event);
        }
    }

    fn note(&mut self, event: &InotifyEvent) {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            self.overflows += 1;
            // Which files it was is lost, so all are told of.
            let names: Vec<Name> = self.files.keys().copied().collect();
            names.into_iter().for_each(|name| self.mark(name));
            return;
        }
        let Some(name) = self.owners.get(&event.wd).copied() else {
            return;
        };
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            self.owners.remove(&event.wd);
            self.files.remove(&name);
        } else {
            self.mark(name);
        }
    }

    fn mark(&mut self, name: Name) {
        if let Some(watched) = self.files.get_mut(&name)
            && !watched.changed
        {
            watched.changed = true;
            self.changed.push_back(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Nothing takes this long; a test that waits for it hangs.
    const DEADLINE: Duration = Duration::from_secs(30);
    const KNOBS: [Knob; 2] = [Knob::CpuMax, Knob::MemoryMax];

    fn cgroup(root: &Path, name: &str) -> std::path::PathBuf {
        let dir = root.join(name);
        fs::create_dir(&dir).unwrap();
        for knob in KNOBS {
            fs::write(dir.join(knob.file()), "1").unwrap();
        }
        dir
    }

    async fn next(files: &mut LimitFiles) -> (u64, Knob) {
        let (id, knob) = tokio::time::timeout(DEADLINE, files.next()).await.unwrap();
        (id.0, knob)
    }

    /// True when there is nothing more to tell.
    async fn silent(files: &mut LimitFiles) -> bool {
        tokio::time::timeout(Duration::from_millis(200), files.next())
            .await
            .is_err()
    }

    #[tokio::test]
    async fn each_change_is_told_once_for_all_writes_that_came_together() {
        let root = tempfile::tempdir().unwrap();
        let dir = cgroup(root.path(), "a");
        let mut files = LimitFiles::new(8);
        let held = || KNOBS.map(|knob| (CgroupId(7), &*dir, knob)).into_iter();
        files.hold(1, held());
        assert_eq!(next(&mut files).await, (7, Knob::CpuMax), "may be late");
        assert_eq!(next(&mut files).await, (7, Knob::MemoryMax));
        assert!(silent(&mut files).await);
        // Each of these cuts the file to nothing first, which is a change as well.
        for text in ["2", "3", "4"] {
            fs::write(dir.join("memory.max"), text).unwrap();
        }
        assert_eq!(next(&mut files).await, (7, Knob::MemoryMax));
        assert!(silent(&mut files).await);
        fs::write(dir.join("memory.events"), "high 1").unwrap();
        fs::read(dir.join("cpu.max")).unwrap();
        assert!(silent(&mut files).await, "another file, and a reader");
        files.hold(1, std::iter::empty());
        assert_eq!(files.coverage().held, 2, "the same generation");
    }

    #[tokio::test]
    async fn what_is_not_held_any_more_is_silent_and_its_room_is_free() {
        let root = tempfile::tempdir().unwrap();
        let dirs = ["a", "b", "c"].map(|name| cgroup(root.path(), name));
        let mut files = LimitFiles::new(2);
        let held = |ids: &[usize]| -> Vec<(CgroupId, &Path, Knob)> {
            let of = ids.iter();
            of.map(|id| (CgroupId(*id as u64), &*dirs[*id], Knob::CpuMax))
                .collect()
        };
        files.hold(1, held(&[0, 1, 2]).into_iter());
        let coverage = files.coverage();
        assert_eq!((coverage.held, coverage.no_room), (2, 1));
        next(&mut files).await;
        next(&mut files).await;
        files.hold(2, held(&[1, 2]).into_iter());
        assert_eq!((files.coverage().held, files.coverage().no_room), (2, 0));
        assert_eq!(next(&mut files).await, (2, Knob::CpuMax));
        fs::write(dirs[0].join("cpu.max"), "9").unwrap();
        assert!(silent(&mut files).await);
        files.remove_all(CgroupId(1));
        fs::write(dirs[1].join("cpu.max"), "9").unwrap();
        fs::write(dirs[2].join("cpu.max"), "9").unwrap();
        assert_eq!(next(&mut files).await, (2, Knob::CpuMax));
        assert!(silent(&mut files).await);
    }

    #[tokio::test]
    async fn a_queue_that_was_too_short_is_counted_and_all_are_told_of() {
        let root = tempfile::tempdir().unwrap();
        let dir = cgroup(root.path(), "a");
        let mut files = LimitFiles::new(8);
        let held = KNOBS.map(|knob| (CgroupId(7), &*dir, knob));
        files.hold(1, held.into_iter());
        next(&mut files).await;
        next(&mut files).await;
        let bound = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
        let bound: usize = bound.trim().parse().unwrap();
        // Two files in turn: the kernel folds what repeats the last entry of its queue.
        let open = KNOBS.map(|knob| {
            let path = dir.join(knob.file());
            fs::OpenOptions::new().write(true).open(path).unwrap()
        });
        for at in 0..=bound {
            use std::os::unix::fs::FileExt as _;
            open[at % 2].write_at(b"5", 0).unwrap();
        }
        next(&mut files).await;
        next(&mut files).await;
        while !silent(&mut files).await {}
        assert_eq!(files.overflows(), 1);
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        let mut files = LimitFiles::new(8);
        let dir = root.path().join("none");
        files.hold(1, std::iter::once((CgroupId(1), &*dir, Knob::CpuMax)));
        assert_eq!(files.coverage().refused, 1);
        let refusal = files.refusal().unwrap();
        assert!(refusal.contains("none/cpu.max: ENOENT"), "{refusal}");
    }
}
