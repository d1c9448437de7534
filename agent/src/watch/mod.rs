//! What the kernel announces through files, so that nobody has to look: stalls (pressure triggers),
//! limits of memory reached (`memory.events`), and limit files that were written.
//!
//! [`Watches`] waits for all of them. Nothing here is fatal: what a kernel refuses has a cause in
//! [`Watches::health`], and the same numbers are read at each tick anyway.

mod closer;
mod counts;
mod health;
mod inotify;
mod limit_files;
mod memory_events;
mod pace;
mod pressure;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use llmos_engine::decide::Knob;
use llmos_engine::units::{CgroupId, Timestamp};

use crate::host::clock;
use crate::probes::ProbeHealth;
use limit_files::LimitFiles;
use memory_events::{EventFiles, Refusal};
use pressure::{Triggers, Woke};

pub use counts::MemoryCounts;
pub use pressure::Resource;
pub use settings::{Settings, Stalls, Trigger, TriggerError};

/// Something that the kernel announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchEvent {
    /// Tasks stalled for longer than the trigger's threshold. At most one in a window.
    Pressure {
        /// Whose tasks; none for the whole node.
        cgroup: Option<CgroupId>,
        /// What they waited for.
        resource: Resource,
        /// When the agent heard of it, on the monotonic clock.
        at: Timestamp,
    },
    /// Counts of `memory.events` rose.
    MemoryEvents {
        /// Whose.
        cgroup: CgroupId,
        /// By how much since the last event or, for the first one, since the cgroup was added.
        new: MemoryCounts,
        /// When the agent heard of it, on the monotonic clock.
        at: Timestamp,
    },
    /// A limit file that is watched was written, by us or by somebody else.
    LimitFile {
        /// Whose.
        cgroup: CgroupId,
        /// Which file.
        knob: Knob,
        /// When the agent heard of it, on the monotonic clock.
        at: Timestamp,
    },
}

/// What was seen and what it took, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Wakes of pressure triggers.
    pub stalls: u64,
    /// Events of `memory.events`.
    pub memory_events: u64,
    /// Readings of `memory.events` files.
    pub readings: u64,
    /// Times that the queue of changed files was full and all files were read.
    pub overflows: u64,
}

/// How many cgroups have a watch of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coverage {
    /// With one.
    pub held: usize,
    /// Without one for want of room: a cap, or the kernel's own bound.
    pub no_room: usize,
    /// Without one since the kernel refused it.
    pub refused: usize,
}

/// What became of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Held,
    NoRoom,
    Refused,
}

#[derive(Debug)]
struct Cgroup {
    dir: PathBuf,
    pressure: State,
    events: State,
}

/// Everything that is watched.
pub struct Watches {
    root: PathBuf,
    settings: Settings,
    cgroups: BTreeMap<CgroupId, Cgroup>,
    triggers: Triggers,
    files: EventFiles,
    files_refusal: Option<Refusal>,
    limits: LimitFiles,
    stalls: u64,
    memory_events: u64,
}

impl Watches {
    /// Watches the node itself, and no cgroup yet. `root` is the root of the cgroup v2 tree. Has
    /// to be called inside the event loop's runtime, which does the waiting.
    #[must_use]
    pub fn new(root: PathBuf, settings: Settings) -> Self {
        let mut triggers = Triggers::new(&settings);
        triggers.place_on_node();
        Self {
            root,
            limits: LimitFiles::new(settings.limit_files),
            settings,
            cgroups: BTreeMap::new(),
            triggers,
            files: EventFiles::new(),
            files_refusal: None,
            stalls: 0,
            memory_events: 0,
        }
    }

    /// Watches the cgroup `path` (below the root) as far as there is room. Does nothing for one
    /// that was added before, so it may be called for all workloads after each scan.
    pub fn add(&mut self, id: CgroupId, path: &str) {
        if self.cgroups.contains_key(&id) {
            return;
        }
        let cgroup = Cgroup {
            dir: self.root.join(path.trim_start_matches('/')),
            pressure: State::NoRoom,
            events: State::NoRoom,
        };
        self.cgroups.insert(id, cgroup);
        self.watch_pressure(id);
        self.watch_events(id);
    }

    /// Ends all watches of a cgroup.
    pub fn remove(&mut self, id: CgroupId) {
        if self.cgroups.remove(&id).is_some() {
            self.triggers.remove(Some(id));
            self.files.remove(id);
            self.limits.remove_all(id);
        }
    }

    /// Watches these limit files (cgroup, its directory, which file), as many as the cap allows, and no
    /// others. Does nothing while the number of their set stays the same.
    pub fn hold_limits<'a>(
        &mut self,
        (generation, files): (
            u64,
            impl Iterator<Item = (CgroupId, &'a std::path::Path, Knob)>,
        ),
    ) {
        self.limits.hold(generation, files);
    }

    /// Ends the watches of all cgroups that `keep` does not name, and gives the room that there is
    /// to those without. For after a scan of the tree: a kernel that says nothing when a watched
    /// file goes would keep its watch for ever.
    pub fn retain(&mut self, keep: impl Fn(CgroupId) -> bool) {
        let ids: Vec<CgroupId> = self.cgroups.keys().copied().collect();
        for id in &ids {
            if !keep(*id) {
                self.remove(*id);
            }
        }
        for id in ids {
            self.watch_pressure(id);
            self.watch_events(id);
        }
    }

    /// Deals the triggers anew: the first cgroups of `order` have them, as many as the cap allows,
    /// and room that is left stays with whom it is. Cgroups that were not added are passed over.
    pub fn prefer(&mut self, order: impl IntoIterator<Item = CgroupId>) {
        let cap = self.settings.pressure_cgroups;
        let known = order.into_iter().filter(|id| self.cgroups.contains_key(id));
        let chosen: Vec<CgroupId> = known.take(cap).collect();
        let is_chosen: HashSet<CgroupId> = chosen.iter().copied().collect();
        let state = |id: &CgroupId| self.cgroups.get(id).map(|cgroup| cgroup.pressure);
        let missing = chosen
            .iter()
            .filter(|id| state(id) == Some(State::NoRoom))
            .count();
        let over = (self.triggers.cgroups() + missing).saturating_sub(cap);
        let others = self
            .cgroups
            .iter_mut()
            .filter(|(id, cgroup)| cgroup.pressure == State::Held && !is_chosen.contains(id));
        for (id, cgroup) in others.take(over) {
            cgroup.pressure = State::NoRoom;
            self.triggers.remove(Some(*id));
        }
        for id in chosen {
            self.watch_pressure(id);
        }
    }

    /// Waits for the next event. Dropping the future loses nothing, so it can be one branch of a
    /// `select!`. One call reads a bounded number of files, and over time at most 1,280 a second of
    /// each kind.
    pub async fn next(&mut self) -> WatchEvent {
        loop {
            let event = tokio::select! {
                woke = self.triggers.next() => self.woke(woke),
                (cgroup, new) = self.files.next() => {
                    self.memory_events += 1;
                    now().map(|at| WatchEvent::MemoryEvents { cgroup, new, at })
                }
                (cgroup, knob) = self.limits.next() => {
                    now().map(|at| WatchEvent::LimitFile { cgroup, knob, at })
                }
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    /// What was seen since the start.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let (readings, overflows) = self.files.effort();
        Seen {
            stalls: self.stalls,
            memory_events: self.memory_events,
            readings,
            overflows,
        }
    }

    /// Cgroups with pressure triggers.
    #[must_use]
    pub fn pressure_coverage(&self) -> Coverage {
        self.coverage(|cgroup| cgroup.pressure)
    }

    /// Cgroups with a watched `memory.events`.
    #[must_use]
    pub fn memory_events_coverage(&self) -> Coverage {
        self.coverage(|cgroup| cgroup.events)
    }

    /// The cgroups whose memory events are watched.
    pub fn memory_events_of(&self) -> impl Iterator<Item = CgroupId> {
        let held = self.cgroups.iter();
        held.filter_map(|(id, cgroup)| (cgroup.events == State::Held).then_some(*id))
    }

    /// How both kinds are, as `watch.pressure` and `watch.memory-events`.
    #[must_use]
    pub fn health(&self) -> [ProbeHealth; 2] {
        let events = health::Events {
            wanted: self.settings.memory_events,
            cap: self.settings.memory_events_cgroups,
            failure: self.files.failure(),
            refusal: self.files_refusal.as_ref(),
            coverage: self.memory_events_coverage(),
        };
        [
            health::pressure(
                &self.triggers,
                self.pressure_coverage(),
                self.settings.pressure_cgroups,
            ),
            health::memory_events(&events),
        ]
    }

    /// How the watches on limit files are, as `watch.limits`; nothing where none is wanted.
    #[must_use]
    pub fn limits_health(&self) -> Option<ProbeHealth> {
        let cap = self.settings.limit_files;
        (cap > 0).then(|| health::limits(&self.limits, cap))
    }

    fn coverage(&self, state: impl Fn(&Cgroup) -> State) -> Coverage {
        let mut coverage = Coverage::default();
        for cgroup in self.cgroups.values() {
            match state(cgroup) {
                State::Held => coverage.held += 1,
                State::NoRoom => coverage.no_room += 1,
                State::Refused => coverage.refused += 1,
            }
        }
        coverage
    }

    fn watch_pressure(&mut self, id: CgroupId) {
        let room = self.triggers.cgroups() < self.settings.pressure_cgroups;
        let Some(cgroup) = self.cgroups.get_mut(&id) else {
            return;
        };
        if !room || cgroup.pressure != State::NoRoom || self.triggers.of_cgroups().is_empty() {
            return;
        }
        cgroup.pressure = if self.triggers.place_on(id, &cgroup.dir) {
            State::Held
        } else {
            State::Refused
        };
    }

    fn watch_events(&mut self, id: CgroupId) {
        let room = self.files.len() < self.settings.memory_events_cgroups;
        let Some(cgroup) = self.cgroups.get_mut(&id) else {
            return;
        };
        if !room || cgroup.events != State::NoRoom || !self.settings.memory_events {
            return;
        }
        cgroup.events = match self.files.add(id, &cgroup.dir) {
            Ok(()) => State::Held,
            Err(refusal) => {
                let state = match refusal {
                    Refusal::NoRoom => State::NoRoom,
                    Refusal::Absent | Refusal::Other(_) => State::Refused,
                };
                self.files_refusal = Some(refusal);
                state
            }
        };
    }

    fn woke(&mut self, woke: Woke) -> Option<WatchEvent> {
        match woke {
            Woke::Stalled(cgroup, resource) => {
                self.stalls += 1;
                now().map(|at| WatchEvent::Pressure {
                    cgroup,
                    resource,
                    at,
                })
            }
            Woke::Gone(None, resource) => {
                let resource = resource.name();
                tracing::warn!(resource, "the node's pressure trigger went");
                self.triggers.remove(None);
                None
            }
            Woke::Gone(Some(id), _) => {
                self.triggers.remove(Some(id));
                match self.cgroups.get_mut(&id) {
                    // Its pressure is not accounted any more, but it is there.
                    Some(cgroup) if cgroup.dir.exists() => cgroup.pressure = State::Refused,
                    _ => self.remove(id),
                }
                None
            }
        }
    }
}

/// The time; none, with a line in the log, when the clock cannot be read.
fn now() -> Option<Timestamp> {
    clock::monotonic()
        .map_err(|error| tracing::error!(%error, "no monotonic clock; an event is left out"))
        .ok()
}
