//! What the agent shows: written once a tick by the loop, read by the status socket, the metrics and
//! the reports. Readers copy under the lock and serialise outside of it.

mod changes;
mod finite;
mod history;
mod made;
mod packed;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use llmos_engine::decide::Decision as Decided;
use llmos_engine::units::CgroupId;
use llmos_proto::status::{
    API_VERSION, Decision, Decisions, HealthReport, Point, Status, Workload, WorkloadDetail,
    Workloads,
};

use crate::apply::Outcome;
use crate::show;
use changes::Changes;
use history::History;
pub use made::{Between, Made};

/// What one tick of the loop has to show.
#[derive(Debug, Clone)]
pub struct Published {
    /// The agent and the node.
    pub status: Status,
    /// Wall clock of the tick, milliseconds since 1970.
    pub at_unix_ms: u64,
    /// All workloads that exist now.
    pub workloads: Vec<Workload>,
    /// The newest decision of each limit, also where it was to hold.
    pub decisions: Made,
    /// What was decided on events since the last tick, oldest first.
    pub between: Vec<Between>,
}

/// Decisions counted since the start, by limit, action and outcome without its cause.
pub type Totals = BTreeMap<[&'static str; 3], u64>;

/// The newest tick; never changed once it is shown.
#[derive(Debug)]
struct Tick {
    status: Status,
    workloads: Arc<Workloads>,
    decisions: Made,
}

/// What is kept of a workload over ticks.
#[derive(Clone, Default)]
struct Track {
    history: History,
    changes: Changes,
}

struct State {
    tick: Arc<Tick>,
    /// Publications so far.
    number: u64,
    /// Wall clocks of the last ticks, milliseconds since 1970, newest last.
    times: VecDeque<u64>,
    tracks: HashMap<CgroupId, Track>,
    changes: Changes,
    totals: Totals,
}

/// See the module.
pub struct Board {
    state: RwLock<State>,
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.read();
        f.debug_struct("Board")
            .field("ticks", &state.number)
            .field("workloads", &state.tracks.len())
            .finish()
    }
}

impl Board {
    /// A board that shows `status` and no workloads until the first tick.
    pub fn new(mut status: Status) -> Arc<Self> {
        finite::status(&mut status);
        let workloads = Arc::new(Workloads {
            api_version: API_VERSION.to_owned(),
            at_unix_ms: status.now_unix_ms,
            workloads: Vec::new(),
        });
        Arc::new(Self {
            state: RwLock::new(State {
                tick: Arc::new(Tick {
                    status,
                    workloads,
                    decisions: Made::default(),
                }),
                number: 0,
                times: VecDeque::with_capacity(history::TICKS),
                tracks: HashMap::new(),
                changes: Changes::default(),
                totals: Totals::new(),
            }),
        })
    }

    /// Shows a new tick. Gives back the changes that are news: no holds, and no wish that was
    /// already there the tick before.
    pub fn publish(&self, mut published: Published) -> Vec<Arc<Decision>> {
        finite::status(&mut published.status);
        published.workloads.iter_mut().for_each(finite::workload);
        published.between.retain(|one| one.decision.to.is_finite());
        published.workloads.sort_by(|a, b| a.cgroup.cmp(&b.cgroup));
        let tick = Arc::new(Tick {
            status: published.status,
            workloads: Arc::new(Workloads {
                api_version: API_VERSION.to_owned(),
                at_unix_ms: published.at_unix_ms,
                workloads: published.workloads,
            }),
            decisions: published.decisions,
        });

        let mut state = self.write();
        let before = std::mem::replace(&mut state.tick, tick.clone());
        let gone = state.remember(&tick);
        let mut news = Vec::new();
        for one in &published.between {
            state.note(&one.decision, &one.outcome, || one.dressed(), &mut news);
        }
        state.note_tick(&tick, &mut news);
        drop(state);
        // Freed without the lock: readers need not wait for it.
        drop((before, gone));
        news
    }

    /// The agent and the node. The clock in it is the last tick's.
    pub fn status(&self) -> Status {
        self.tick().status.clone()
    }

    /// All workloads of the newest tick.
    pub fn workloads(&self) -> Arc<Workloads> {
        self.tick().workloads.clone()
    }

    /// One workload by its cgroup id or its path below the cgroup root.
    pub fn workload(&self, key: &str) -> Option<WorkloadDetail> {
        let (tick, track, times) = {
            let state = self.read();
            let id = id_of(state.tick.find(key)?)?;
            let track = state.tracks.get(&id).cloned()?;
            (state.tick.clone(), track, state.numbered_times())
        };
        let workload = tick.find(key)?.clone();
        let id = id_of(&workload)?;
        let rows = tick.decisions.rows().iter();
        let current = rows.filter(|row| row.decision.workload == id);
        let at = tick.workloads.at_unix_ms;
        let current = current
            .map(|row| tick.decisions.dressed(row, &workload.cgroup, at))
            .collect();
        Some(WorkloadDetail {
            api_version: API_VERSION.to_owned(),
            history: track
                .history
                .iter()
                .filter_map(|(number, usage, limits)| {
                    Some(Point {
                        at_unix_ms: *times.get(&number)?,
                        usage,
                        limits,
                    })
                })
                .collect(),
            current,
            changes: owned(&track.changes),
            workload,
        })
    }

    /// The last changes of all workloads, newest first.
    pub fn decisions(&self) -> Decisions {
        let changes = self.read().changes.clone();
        Decisions {
            api_version: API_VERSION.to_owned(),
            decisions: owned(&changes),
        }
    }

    /// The parts of the agent and how they are.
    pub fn health(&self) -> HealthReport {
        HealthReport {
            api_version: API_VERSION.to_owned(),
            components: self.tick().status.components.clone(),
        }
    }

    /// Decisions counted since the start, holds too.
    pub fn totals(&self) -> Totals {
        self.read().totals.clone()
    }

    fn tick(&self) -> Arc<Tick> {
        self.read().tick.clone()
    }

    // A panic elsewhere must not silence the status: what stands on the board is whole before each
    // lock and stays readable.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tick {
    fn find(&self, key: &str) -> Option<&Workload> {
        let all = &self.workloads.workloads;
        let path = key.trim_matches('/');
        all.iter()
            .find(|w| w.id == key)
            .or_else(|| all.iter().find(|w| w.cgroup.trim_matches('/') == path))
    }

    fn paths(&self) -> HashMap<CgroupId, &str> {
        let all = self.workloads.workloads.iter();
        all.filter_map(|workload| Some((id_of(workload)?, workload.cgroup.as_str())))
            .collect()
    }
}

impl State {
    /// Adds the tick to the histories; gives back what belonged to workloads that left.
    fn remember(&mut self, tick: &Tick) -> HashMap<CgroupId, Track> {
        self.number += 1;
        if self.times.len() == history::TICKS {
            self.times.pop_front();
        }
        self.times.push_back(tick.workloads.at_unix_ms);

        let mut before = std::mem::take(&mut self.tracks);
        let most = changes::share(tick.workloads.workloads.len());
        let ticks = history::ticks_for(tick.workloads.workloads.len());
        self.tracks.reserve(tick.workloads.workloads.len());
        for workload in &tick.workloads.workloads {
            let Some(id) = id_of(workload) else { continue };
            let mut track = before.remove(&id).unwrap_or_default();
            track
                .history
                .push(self.number, &workload.usage, &workload.limits, ticks);
            track.changes.shrink(most);
            self.tracks.insert(id, track);
        }
        before
    }

    /// Counts all decisions of a tick, and keeps those that are changes.
    fn note_tick(&mut self, tick: &Tick, news: &mut Vec<Arc<Decision>>) {
        // Made for the first change: in most ticks there is none.
        let mut paths = None;
        let at = tick.workloads.at_unix_ms;
        for row in tick.decisions.rows() {
            let dressed = || {
                let paths = paths.get_or_insert_with(|| tick.paths());
                let cgroup = paths
                    .get(&row.decision.workload)
                    .copied()
                    .unwrap_or_default();
                tick.decisions.dressed(row, cgroup, at)
            };
            self.note(&row.decision, &row.outcome, dressed, news);
        }
    }

    fn note(
        &mut self,
        made: &Decided,
        outcome: &Outcome,
        dressed: impl FnOnce() -> Decision,
        news: &mut Vec<Arc<Decision>>,
    ) {
        // The cause of a failure is left out, so that the keys stay few.
        let key = [made.knob.file(), show::action(made.action), outcome.label()];
        *self.totals.entry(key).or_default() += 1;
        let most = changes::share(self.tracks.len());
        let Some(track) = self.tracks.get_mut(&made.workload) else {
            return;
        };
        if track.changes.is_news(made, outcome) {
            let decision = Arc::new(dressed());
            track.changes.push(decision.clone(), most);
            self.changes.push(decision.clone(), changes::OVERALL);
            news.push(decision);
        }
    }

    /// Wall clock by number of the tick.
    fn numbered_times(&self) -> HashMap<u64, u64> {
        let first = self.number + 1 - self.times.len() as u64;
        (first..).zip(self.times.iter().copied()).collect()
    }
}

/// The id of a workload as a number.
fn id_of(workload: &Workload) -> Option<CgroupId> {
    workload.id.parse().ok().map(CgroupId)
}

fn owned(changes: &Changes) -> Vec<Decision> {
    let newest_first = changes.newest_first();
    newest_first.iter().map(|d| Decision::clone(d)).collect()
}
