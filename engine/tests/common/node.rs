//! A node with several workloads, whose demand the test sets, and an engine whose decisions come
//! into force.

#![allow(dead_code, reason = "shared by several test crates")]

use llmos_engine::decide::{Action, Decision, Knob};
use llmos_engine::policy::Policy;
use llmos_engine::sample::{Limits, RawSample};
use llmos_engine::units::{Bytes, CgroupId, Cores, Timestamp};
use llmos_engine::{Engine, NodeFacts, TickInput, TickReport, WorkloadInput};

pub const SECOND: u64 = 1_000_000_000;
/// All limits there are, and none of them in force.
pub const OPEN: Limits = Limits {
    cpu: Some(Cores(f64::INFINITY)),
    cpu_period_us: Some(100_000),
    cpu_burst_us: Some(0),
    cpu_weight: Some(100),
    memory_high: Some(Bytes(u64::MAX)),
    memory_max: Some(Bytes(u64::MAX)),
};

/// One workload of the node.
#[derive(Debug, Clone)]
pub struct Guest {
    pub id: CgroupId,
    pub policy: Policy,
    pub limits: Limits,
    /// Cores wanted.
    pub cores: f64,
    pub memory: Bytes,
    sample: RawSample,
}

pub struct Node {
    pub engine: Engine,
    pub size: NodeFacts,
    pub guests: Vec<Guest>,
    pub now: Timestamp,
    /// Do decisions come into force?
    pub enforce: bool,
}

impl Node {
    pub fn new(cores: f64, memory_mib: u64) -> Self {
        Self {
            engine: Engine::new(1.0),
            size: NodeFacts {
                cpu: Cores(cores),
                memory: Bytes::from_mib(memory_mib),
            },
            guests: Vec::new(),
            now: Timestamp(1_000 * SECOND),
            enforce: true,
        }
    }

    /// A workload that wants so much; its place.
    pub fn add(&mut self, policy: Policy, cores: f64, memory_mib: u64) -> usize {
        let zero = Some(0);
        self.guests.push(Guest {
            id: CgroupId(100 + self.guests.len() as u64),
            policy,
            limits: OPEN,
            cores,
            memory: Bytes::from_mib(memory_mib),
            sample: RawSample {
                at: self.now,
                cpu_ns: zero,
                periods: zero,
                throttled_periods: zero,
                throttled_ns: zero,
                memory_stall_ns: zero,
                oom_kills: zero,
                memory_high_events: zero,
                ..RawSample::default()
            },
        });
        self.guests.len() - 1
    }

    /// One second of all workloads under their limits.
    pub fn pass(&mut self) {
        self.now = Timestamp(self.now.0 + SECOND);
        for guest in &mut self.guests {
            let limit = guest.limits.cpu.map_or(f64::INFINITY, |cores| cores.0);
            let used = guest.cores.min(limit);
            let add = |counter: &mut Option<u64>, n: u64| *counter = counter.map(|c| c + n);
            let sample = &mut guest.sample;
            sample.at = self.now;
            add(&mut sample.cpu_ns, (used * 1e9) as u64);
            if limit.is_finite() {
                add(&mut sample.periods, 10);
                let throttled = if guest.cores > limit { 10 } else { 0 };
                add(&mut sample.throttled_periods, throttled);
                let missed = (guest.cores - limit).max(0.0);
                add(&mut sample.throttled_ns, (missed * 1e9) as u64);
            }
            sample.working_set = Some(guest.memory);
            sample.memory_current = Some(guest.memory);
        }
    }

    /// What the engine gets to see.
    pub fn input<'a>(
        guests: &'a [Guest],
        now: Timestamp,
        node: NodeFacts,
        mut workloads: Vec<WorkloadInput<'a>>,
    ) -> TickInput<'a> {
        workloads.extend(guests.iter().map(|guest| WorkloadInput {
            id: guest.id,
            sample: &guest.sample,
            limits: guest.limits,
            memory_served: false,
            policy: &guest.policy,
        }));
        TickInput {
            now,
            node,
            workloads,
        }
    }

    /// One second, and one tick of the engine.
    pub fn tick(&mut self) -> TickReport {
        self.pass();
        let input = Self::input(&self.guests, self.now, self.size, Vec::new());
        let report = self.engine.tick(input, None);
        if self.enforce {
            for (guest, told) in self.guests.iter_mut().zip(&report.workloads) {
                told.decisions
                    .iter()
                    .for_each(|decision| apply(&mut guest.limits, decision));
            }
        }
        report
    }

    /// The same second, several times; the last report.
    pub fn ticks(&mut self, n: usize) -> TickReport {
        (0..n)
            .map(|_| self.tick())
            .last()
            .expect("at least one tick")
    }

    /// The quota in force.
    pub fn quota(&self, at: usize) -> f64 {
        self.guests[at].limits.cpu.expect("a limit").0
    }

    /// All quotas together.
    pub fn quotas(&self) -> f64 {
        (0..self.guests.len()).map(|at| self.quota(at)).sum()
    }
}

pub fn apply(limits: &mut Limits, decision: &Decision) {
    let bytes = |to: f64| {
        Some(if to.is_finite() {
            Bytes(to as u64)
        } else {
            Bytes(u64::MAX)
        })
    };
    if decision.action == Action::Hold {
        return;
    }
    match decision.knob {
        Knob::CpuMax => limits.cpu = Some(Cores(decision.to)),
        Knob::CpuBurst => limits.cpu_burst_us = Some(decision.to as u64),
        Knob::CpuWeight => limits.cpu_weight = Some(decision.to as u64),
        Knob::MemoryHigh => limits.memory_high = bytes(decision.to),
        Knob::MemoryMax => limits.memory_max = bytes(decision.to),
    }
}

pub fn decision(report: &TickReport, at: usize, knob: Knob) -> &Decision {
    report.workloads[at]
        .decisions
        .iter()
        .find(|decision| decision.knob == knob)
        .expect("a decision on this knob")
}
