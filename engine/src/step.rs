//! One tick of the whole loop as one function.

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::{
    Canaries, Decision, Laws, Lease, NodeShares, Pool, Score, Seen, Wait, Wants, promised, room,
};
use crate::fast::{Alarm, Look};
use crate::forecast::{Forecast, Model, Observation, SeriesForecaster, Standing};
use crate::policy::{NodePolicy, Policy};
use crate::sample::{Limits, RawSample, Usage, usage_between};
use crate::units::{Bytes, CgroupId, Cores, Timestamp};

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
#[derive(Debug, Clone)]
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
    /// Boxed: a node of the map has room for eleven values and is mostly half empty.
    pub(crate) workloads: BTreeMap<CgroupId, Box<Workload>>,
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
    /// Room for the next report.
    reports: Vec<WorkloadReport>,
    /// Ticks that there were.
    ticks: u64,
}

/// What is remembered of one workload.
#[derive(Debug)]
pub(crate) struct Workload {
    last: RawSample,
    usage: Usage,
    pub(crate) laws: Laws,
    /// What its near-quota events are worth.
    pub(crate) alarm: Alarm,
    /// The last near-quota event that raised nothing.
    pub(crate) look: Option<Look>,
    /// Length of an enforcement period, where there is one.
    pub(crate) period_us: Option<u64>,
    /// Burst credit, in microseconds.
    pub(crate) burst_us: u64,
    cpu: Option<Forecast>,
    memory: Option<Forecast>,
    network: Option<Forecast>,
    standings: Standings,
    /// The last tick in whose input it was.
    seen: u64,
}

impl Engine {
    /// Nothing known yet, on ticks of so many seconds.
    #[must_use]
    pub fn new(tick_s: f64) -> Self {
        Self {
            tick_s,
            series: SeriesForecaster::new(tick_s),
            workloads: BTreeMap::new(),
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
        self.want(&input);
        let node = (input.node.cpu.0, input.node.memory.0 as f64);
        let known = &self.workloads;
        let alive = |id| known.contains_key(&id);
        self.shares.tick(input.now, node, &self.wants, alive);
        let mut wants = std::mem::take(&mut self.wants);
        let mut workloads = std::mem::take(&mut self.reports);
        let free = self.free.map(|free| room(free, input.node.memory));
        let mut left = free.unwrap_or(f64::INFINITY);
        for (at, (workload, want)) in input.workloads.iter().zip(&mut wants).enumerate() {
            let report = self.conclude(&input, at, workload, want, left);
            let promised = promised(&report.decisions, report.usage.memory);
            left = (left - promised).max(0.0);
            workloads.push(report);
        }
        self.wants = wants;
        TickReport {
            workloads,
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
        for workload in report.workloads.drain(..) {
            self.pool.recycle(workload.decisions);
        }
        self.reports = report.workloads;
    }

    /// Lends CPU from the node's reserve between two ticks, for a quota that is used up: `cores` at
    /// most, on top of what the workload has, for two ticks. `None` when there is nothing to lend to
    /// it. [`Engine::near_quota`] decides when that is wanted.
    pub fn borrow_cpu(&mut self, now: Timestamp, id: CgroupId, cores: f64) -> Option<Lease> {
        let hold_s = 2.0 * self.tick_s;
        self.workloads.get(&id)?;
        self.shares.lend_cpu(now, id, hold_s, cores)
    }

    /// Does the quota of this workload hold something that the fast path lent it?
    #[must_use]
    pub fn quota_is_lent(&self, id: CgroupId, now: Timestamp) -> bool {
        self.workloads
            .get(&id)
            .is_some_and(|known| known.alarm.is_raised(now))
    }

    /// What the fast path needs of one workload that is remembered.
    pub(crate) fn fast(&mut self, id: CgroupId) -> Option<(&mut Workload, &mut NodeShares)> {
        Some((self.workloads.get_mut(&id)?, &mut self.shares))
    }

    /// What happened to a workload under the limits decided here, or would have.
    #[must_use]
    pub fn score(&self, id: CgroupId) -> Option<Score> {
        Some(self.workloads.get(&id)?.laws.score())
    }

    /// Workloads that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.workloads.len()
    }

    /// Is no workload remembered?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.workloads.is_empty()
    }

    /// Takes the readings, and forgets the workloads that have none.
    fn observe(&mut self, input: &TickInput<'_>) {
        self.ticks += 1;
        self.observations.clear();
        self.canaries.begin();
        for WorkloadInput {
            id,
            sample,
            limits,
            policy,
            ..
        } in &input.workloads
        {
            let known = self
                .workloads
                .entry(*id)
                .or_insert_with(|| Workload::new(sample));
            if known.seen == self.ticks {
                continue;
            }
            known.seen = self.ticks;
            known.usage = usage_between(&known.last, sample);
            known.last = **sample;
            let usage = &known.usage;
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
        // A walk over all of them costs more than it seems, and nearly always all are there.
        if self.observations.len() < self.workloads.len() {
            self.workloads.retain(|_, known| known.seen == self.ticks);
        }
    }

    /// What the laws want for each workload of the input, in its order.
    fn want(&mut self, input: &TickInput<'_>) {
        self.wants.clear();
        for workload in &input.workloads {
            let id = workload.id;
            // While its series are in the cache.
            let [cpu, memory, network] = self.series.told(id);
            let known = self
                .workloads
                .entry(id)
                .or_insert_with(|| Workload::new(workload.sample));
            (known.cpu, known.memory) = (cpu.forecast, memory.forecast);
            known.network = network.forecast;
            known.standings = Standings {
                cpu: cpu.standing,
                memory: memory.standing,
                network: network.standing,
            };
            let waits = self.canaries.of(id, workload.policy, input.now);
            let (laws, seen) = known.seen(input, workload, (self.tick_s, self.served_in), waits);
            self.wants.push(laws.want(&seen, &mut self.pool));
        }
    }

    /// Decides for one workload of the input.
    fn conclude(
        &mut self,
        input: &TickInput<'_>,
        at: usize,
        workload: &WorkloadInput<'_>,
        wants: &mut Wants,
        room: f64,
    ) -> WorkloadReport {
        let id = workload.id;
        let known = self
            .workloads
            .entry(id)
            .or_insert_with(|| Workload::new(workload.sample));
        let waits = self.canaries.of(id, workload.policy, input.now);
        let (laws, mut seen) = known.seen(input, workload, (self.tick_s, self.served_in), waits);
        seen.room = room;
        let shares = (&self.shares.cpu(at), &self.shares.memory(at));
        let decisions = laws.settle(&seen, wants, shares, &mut self.pool);
        WorkloadReport {
            id,
            usage: known.usage,
            cpu: known.cpu,
            memory: known.memory,
            network: known.network,
            standings: known.standings,
            decisions,
        }
    }
}

impl Workload {
    /// A workload from its first reading, which gives gauges but no rates.
    fn new(sample: &RawSample) -> Box<Self> {
        Box::new(Self {
            last: *sample,
            usage: usage_between(sample, sample),
            laws: Laws::default(),
            alarm: Alarm::default(),
            look: None,
            period_us: None,
            burst_us: 0,
            cpu: None,
            memory: None,
            network: None,
            standings: Standings::default(),
            seen: 0,
        })
    }

    /// Its laws, and what they see.
    fn seen<'a>(
        &'a mut self,
        input: &'a TickInput<'_>,
        workload: &'a WorkloadInput<'_>,
        (tick_s, served_in): (f64, Option<f64>),
        waits: Option<Wait>,
    ) -> (&'a mut Laws, Seen<'a>) {
        let seen = Seen {
            id: workload.id,
            now: input.now,
            tick_s,
            usage: &self.usage,
            cpu: self.cpu.as_ref(),
            memory: self.memory.as_ref(),
            limits: workload.limits,
            node_cpu: input.node.cpu,
            node_memory: input.node.memory,
            room: f64::INFINITY,
            served_in,
            memory_served: workload.memory_served,
            waits,
            policy: workload.policy,
        };
        (&mut self.laws, seen)
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
