//! A small world for scenarios: one workload under cgroup limits, whose demand the test sets, and
//! an engine whose decisions come into force.

// Each test file uses its own part of this.
#![allow(dead_code, reason = "shared by several test crates")]

pub mod cfs;
pub mod node;
pub mod saved;

use llmos_engine::decide::{Action, Decision, Knob};
use llmos_engine::policy::Policy;
use llmos_engine::sample::{Limits, RawSample};
use llmos_engine::units::{Bytes, CgroupId, Cores, Timestamp};
use llmos_engine::{Engine, NodeFacts, TickInput, WorkloadInput, WorkloadReport};

pub const SECOND: u64 = 1_000_000_000;
pub const ID: CgroupId = CgroupId(7);
pub const NODE: NodeFacts = NodeFacts {
    cpu: Cores(8.0),
    memory: Bytes::from_mib(16 * 1024),
};
pub const UNLIMITED: Limits = Limits {
    cpu_period_us: None,
    cpu_burst_us: None,
    cpu_weight: None,
    cpu: Some(Cores(f64::INFINITY)),
    memory_high: Some(Bytes(u64::MAX)),
    memory_max: Some(Bytes(u64::MAX)),
};

/// What the workload wants to do in one second.
#[derive(Debug, Clone, Copy)]
pub struct Demand {
    pub cores: f64,
    pub working_set: Bytes,
    /// File cache on top of the working set.
    pub cache: Bytes,
    pub stall_share: f64,
    pub oom_kills: u64,
    pub high_hits: u64,
}

impl Default for Demand {
    fn default() -> Self {
        Self {
            cores: 0.1,
            working_set: Bytes::from_mib(100),
            cache: Bytes(0),
            stall_share: 0.0,
            oom_kills: 0,
            high_hits: 0,
        }
    }
}

pub struct World {
    pub engine: Engine,
    pub policy: Policy,
    pub limits: Limits,
    pub sample: RawSample,
    /// Do decisions come into force?
    pub enforce: bool,
    /// Are memory limits raised when they are reached?
    pub memory_served: bool,
}

impl World {
    pub fn new(limits: Limits) -> Self {
        let zero = Some(0);
        let sample = RawSample {
            at: Timestamp(1_000 * SECOND),
            cpu_ns: zero,
            periods: zero,
            throttled_periods: zero,
            memory_stall_ns: zero,
            oom_kills: zero,
            memory_high_events: zero,
            rx_bytes: zero,
            tx_bytes: zero,
            ..RawSample::default()
        };
        Self {
            engine: Engine::new(1.0),
            policy: Policy::default(),
            limits,
            sample,
            enforce: true,
            memory_served: false,
        }
    }

    /// One second of the workload under its limits, and one tick of the engine.
    pub fn tick(&mut self, demand: Demand) -> WorkloadReport {
        let limit = self.limits.cpu.map_or(f64::INFINITY, |cores| cores.0);
        let used = demand.cores.min(limit);
        let add = |counter: &mut Option<u64>, n: u64| *counter = counter.map(|c| c + n);
        let sample = &mut self.sample;
        add(&mut sample.cpu_ns, (used * 1e9) as u64);
        if limit.is_finite() {
            add(&mut sample.periods, 10);
            add(
                &mut sample.throttled_periods,
                if demand.cores > limit { 10 } else { 0 },
            );
        }
        add(
            &mut sample.memory_stall_ns,
            (demand.stall_share * 1e9) as u64,
        );
        add(&mut sample.oom_kills, demand.oom_kills);
        add(&mut sample.memory_high_events, demand.high_hits);
        sample.working_set = Some(demand.working_set);
        sample.memory_current = Some(Bytes(demand.working_set.0 + demand.cache.0));
        self.observe()
    }

    /// One tick of the engine a second later, with the sample as it stands.
    pub fn observe(&mut self) -> WorkloadReport {
        self.sample.at = Timestamp(self.sample.at.0 + SECOND);
        let input = TickInput {
            now: self.sample.at,
            node: NODE,
            workloads: vec![WorkloadInput {
                id: ID,
                sample: &self.sample,
                limits: self.limits,
                memory_served: self.memory_served,
                policy: &self.policy,
            }],
        };
        let mut report = self.engine.tick(input, None);
        let report = report.workloads.remove(0);
        if self.enforce {
            self.apply(&report.decisions);
        }
        report
    }

    pub fn apply(&mut self, decisions: &[Decision]) {
        let bytes = |to: f64| {
            Some(if to.is_finite() {
                Bytes(to as u64)
            } else {
                Bytes(u64::MAX)
            })
        };
        for decision in decisions
            .iter()
            .filter(|decision| decision.action != Action::Hold)
        {
            match decision.knob {
                Knob::CpuMax => self.limits.cpu = Some(Cores(decision.to)),
                Knob::CpuBurst => self.limits.cpu_burst_us = Some(decision.to as u64),
                Knob::CpuWeight => self.limits.cpu_weight = Some(decision.to as u64),
                Knob::MemoryHigh => self.limits.memory_high = bytes(decision.to),
                Knob::MemoryMax => self.limits.memory_max = bytes(decision.to),
            }
        }
    }

    /// The same second, several times; the last report.
    pub fn ticks(&mut self, n: usize, demand: Demand) -> WorkloadReport {
        (0..n)
            .map(|_| self.tick(demand))
            .last()
            .expect("at least one tick")
    }
}

pub fn decision(report: &WorkloadReport, knob: Knob) -> &Decision {
    report
        .decisions
        .iter()
        .find(|decision| decision.knob == knob)
        .expect("a decision on this knob")
}
