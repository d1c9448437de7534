//! One tick of the whole loop as one function.

use std::collections::BTreeSet;

use crate::decide::{
    Canaries, Decision, Lease, NodeShares, Pool, Score, Seen, Tick, Wants, promised, room,
};
use crate::forecast::{Forecast, Model, Observation, SeriesForecaster, Standing};
use crate::policy::{NodePolicy, Policy};
use crate::roster::Roster;
use crate::sample::{Limits, RawSample, Usage, usage_between};
use crate::units::{Bytes, CgroupId, Cores, Timestamp};
use crate::workload::Workload;

/// What the node has to give.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NodeFacts {
    /// CPUs online.
    pub cpu: Cores,
    /// Memory of the machine.
    pub memory: Bytes,
}

/// One workload's part of a tick.
#[derive(Debug, Clone)]
pub struct WorkloadInput<'a> {
    /// Which cgroup.
    pub id: CgroupId,
    /// The reading of this tick.
    pub sample: &'a RawSample,
    /// The limits in force.
    pub limits: Limits,
    /// Is a memory limit that is reached told at once, and raised ([`Engine::memory_tripped`])? Then the
    /// tick need not keep room for what is rare.
    pub memory_served: bool,
    /// The policy that applies.
    pub policy: &'a Policy,
}

/// Everything that a tick needs.
#[derive(Debug)]
pub struct TickInput<'a> {
    /// The time of the tick.
    pub now: Timestamp,
    /// The node's size.
    pub node: NodeFacts,
    /// All live workloads; one that is absent is forgotten.
    pub workloads: Vec<WorkloadInput<'a>>,
}

/// What the tick found for one workload.
#[derive(Debug, Clone, Default)]
pub struct WorkloadReport {
    /// Which cgroup.
    pub id: CgroupId,
    /// Rates since the last tick.
    pub usage: Usage,
    /// Forecast peaks, where there was enough to say anything.
    pub cpu: Option<Forecast>,
    /// Forecast peak of memory in bytes.
    pub memory: Option<Forecast>,
    /// Forecast peak of network (in plus out) in bytes per second.
    pub network: Option<Forecast>,
    /// Who is listened to on each of these forecasts, and how well it has gone.
    pub standings: Standings,
    /// One decision per limit that could be judged.
    pub decisions: Vec<Decision>,
}

/// The standings behind the forecasts of one workload; `None` where there is no forecast.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Standings {
    /// Of CPU.
    pub cpu: Option<Standing>,
    /// Of memory.
    pub memory: Option<Standing>,
    /// Of network.
    pub network: Option<Standing>,
}

/// What the tick found for the node.
#[derive(Debug, Clone, Default)]
pub struct TickReport {
    /// One report per workload of the input, in its order.
    pub workloads: Vec<WorkloadReport>,
    /// Why the model did not drive this tick, if it did not.
    pub model_error: Option<String>,
}

/// All state between ticks. It grows with the live workloads only.
#[derive(Debug)]
pub struct Engine {
    /// Length of a tick in seconds.
    pub(crate) tick_s: f64,
    series: SeriesForecaster,
    pub(crate) workloads: Roster,
    /// Where those of the last input stand among the workloads: each stands there again at the next
    /// tick, nearly always.
    places: Vec<usize>,
    /// Those whose quota the fast path has raised.
    pub(crate) lent: BTreeSet<CgroupId>,
    served_in: Option<f64>,
    /// What the node has free, where that is known.
    free: Option<Bytes>,
    canaries: Canaries,
    observations: Vec<Observation>,
    shares: NodeShares,
    wants: Vec<Wants>,
    pool: Pool,
    /// What is found for each workload of the input, in its order.
    reports: Vec<WorkloadReport>,
    /// Ticks that there were.
    ticks: u64,
}

impl Engine {
    /// Nothing known yet, on ticks of so many seconds.
    #[must_use]
    pub fn new(tick_s: f64) -> Self {
        Self {
            tick_s,
            series: SeriesForecaster::new(tick_s),
            workloads: Roster::default(),
            places: Vec::new(),
            lent: BTreeSet::new(),
            served_in: None,
            free: None,
            canaries: Canaries::default(),
            observations: Vec::new(),
            shares: NodeShares::default(),
            wants: Vec::new(),
            pool: Pool::default(),
            reports: Vec::new(),
            ticks: 0,
        }
    }

    /// The series of all workloads, so that their state can be saved and put back.
    pub fn series(&mut self) -> &mut SeriesForecaster {
        &mut self.series
    }

    /// Runs one tick. `model` is `None` while there is none; then the baseline forecasts.
    pub fn tick(&mut self, input: TickInput<'_>, model: Option<&mut dyn Model>) -> TickReport {
        self.observe(&input);
        let model_error = self.series.tick(&self.observations, model).err();
        let tick = Tick {
            now: input.now,
            tick_s: self.tick_s,
            served_in: self.served_in,
            node: input.node,
        };
        self.want(&tick, &input.workloads);
        let node = (input.node.cpu.0, input.node.memory.0 as f64);
        let known = &self.workloads;
        let alive = |id| known.contains(id);
        self.shares.tick(input.now, node, &self.wants, alive);
        let free = self.free.map(|free| room(free, input.node.memory));
        let mut left = free.unwrap_or(f64::INFINITY);
        for (at, workload) in input.workloads.iter().enumerate() {
            let promised = self.conclude(&tick, at, workload, left);
            left = (left - promised).max(0.0);
        }
        TickReport {
            workloads: std::mem::take(&mut self.reports),
            model_error: model_error.map(|error| error.to_string()),
        }
    }

    /// How the node is shared from now on. Leases that are out are forgotten.
    pub fn set_node_policy(&mut self, policy: NodePolicy) {
        self.shares = NodeShares::new(policy);
    }

    /// Says whether near-quota events reach [`Engine::near_quota`] and its raises are written at once.
    /// Then the tick need not keep room for what they serve.
    pub fn serve_at_once(&mut self, within_s: Option<f64>) {
        self.served_in = within_s;
    }

    /// Says what the node has free (`MemAvailable`); `None` while that is not known. Memory limits are not
    /// raised to more than what is in use and half of that.
    pub fn set_free_memory(&mut self, free: Option<Bytes>) {
        self.free = free;
    }

    /// Gives back a report that has been read, so that its memory serves the next one.
    pub fn recycle(&mut self, mut report: TickReport) {
        for workload in &mut report.workloads {
            self.pool.recycle(std::mem::take(&mut workload.decisions));
        }
        self.reports = report.workloads;
    }

    /// Lends CPU from the node's reserve between two ticks, for a quota that is used up: `cores` at
    /// most, on top of what the workload has, for two ticks. `None` when there is nothing to lend to
    /// it. [`Engine::near_quota`] decides when that is wanted.
    pub fn borrow_cpu(&mut self, now: Timestamp, id: CgroupId, cores: f64) -> Option<Lease> {
        let hold_s = 2.0 * self.tick_s;
        self.workloads.get(id)?;
        self.shares.lend_cpu(now, id, hold_s, cores)
    }

    /// Does the quota of this workload hold something that the fast path lent it?
    #[must_use]
    pub fn quota_is_lent(&self, id: CgroupId, now: Timestamp) -> bool {
        self.workloads
            .get(id)
            .is_some_and(|known| known.alarm.is_raised(now))
    }

    /// What the fast path needs of one workload that is remembered.
    pub(crate) fn fast(&mut self, id: CgroupId) -> Option<(&mut Workload, &mut NodeShares)> {
        Some((self.workloads.get_mut(id)?, &mut self.shares))
    }

    /// What happened to a workload under the limits decided here, or would have.
    #[must_use]
    pub fn score(&self, id: CgroupId) -> Option<Score> {
        Some(self.workloads.get(id)?.laws.score())
    }

    /// Workloads that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.workloads.len()
    }

    /// Is no workload remembered?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.workloads.len() == 0
    }

    /// Takes the readings, and forgets the workloads that have none.
    fn observe(&mut self, input: &TickInput<'_>) {
        self.ticks += 1;
        self.observations.clear();
        self.canaries.begin();
        self.reports
            .resize_with(input.workloads.len(), WorkloadReport::default);
        self.places.resize(input.workloads.len(), usize::MAX);
        let mut live = 0;
        for (at, workload) in input.workloads.iter().enumerate() {
            let WorkloadInput {
                id,
                sample,
                limits,
                policy,
                ..
            } = workload;
            let place = self.workloads.find(*id, self.places[at]);
            let place = place.unwrap_or_else(|| self.workloads.add(Workload::new(*id, sample)));
            self.places[at] = place;
            let known = self.workloads.at(place);
            self.reports[at].id = *id;
            if known.seen == self.ticks {
                self.reports[at].usage = self.reports[known.first].usage;
                self.observations.push(self.observations[known.first]);
                continue;
            }
            (known.seen, known.first) = (self.ticks, at);
            live += 1;
            let usage = &mut self.reports[at].usage;
            *usage = usage_between(&known.last, sample);
            known.last = sample.counters();
            known.period_us = limits.cpu_period_us;
            known.burst_us = limits.cpu_burst_us.unwrap_or(0);
            if usage.throttled_share > Some(policy.cpu_throttle_tolerance) {
                known.alarm.needed();
            }
            known.alarm.tick(input.now);
            if let Some(group) = policy.canary {
                let ours = known.laws.tightened();
                self.canaries
                    .see(group, *id, ours, ours && is_hurt(usage, policy));
            }
            self.observations.push(Observation {
                id: *id,
                cpu: usage.cpu.map(|cpu| cpu.0),
                memory: usage
                    .working_set
                    .or(usage.memory)
                    .map(|bytes| bytes.0 as f64),
                network: usage.network().map(|rate| rate.0),
            });
        }
        self.canaries.settle(input.now);
        if live < self.workloads.len() {
            self.workloads.retain(|known| known.seen == self.ticks);
            for (workload, place) in input.workloads.iter().zip(&mut self.places) {
                *place = self.workloads.find(workload.id, *place).unwrap_or(*place);
            }
        }
    }

    /// What the laws want for each workload of the input, in its order.
    fn want(&mut self, tick: &Tick, workloads: &[WorkloadInput<'_>]) {
        self.wants.clear();
        for (at, workload) in workloads.iter().enumerate() {
            let report = &mut self.reports[at];
            let [cpu, memory, network] = self.series.told(at);
            report.cpu = cpu.forecast;
            report.memory = memory.forecast;
            report.network = network.forecast;
            report.standings = Standings {
                cpu: cpu.standing,
                memory: memory.standing,
                network: network.standing,
            };
            let waits = self.canaries.of(workload.id, workload.policy, tick.now);
            let seen = Seen::new(tick, workload, report, waits);
            let laws = &mut self.workloads.at(self.places[at]).laws;
            self.wants.push(laws.want(&seen, &mut self.pool));
        }
    }

    /// Decides for one workload of the input. Bytes that its limits promise beyond what is in use.
    fn conclude(&mut self, tick: &Tick, at: usize, workload: &WorkloadInput<'_>, room: f64) -> f64 {
        let report = &mut self.reports[at];
        let waits = self.canaries.of(workload.id, workload.policy, tick.now);
        let mut seen = Seen::new(tick, workload, report, waits);
        seen.room = room;
        let shares = (&self.shares.cpu(at), &self.shares.memory(at));
        let laws = &mut self.workloads.at(self.places[at]).laws;
        let decisions = laws.settle(&seen, &mut self.wants[at], shares, &mut self.pool);
        report.decisions = decisions;
        promised(&report.decisions, report.usage.memory)
    }
}

/// Share of throttled periods from which a workload counts as hurt.
const HURT_SHARE: f64 = 0.25;

/// Did the limits in force hurt it in the last tick?
fn is_hurt(usage: &Usage, policy: &Policy) -> bool {
    usage.throttled_share >= Some(HURT_SHARE)
        || usage.memory_stall_share > Some(policy.memory_stall_veto)
        || usage.oom_kills_new > Some(0)
}
