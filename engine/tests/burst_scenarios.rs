//! Bursts against a tight quota, tick and fast path together, on a model of the kernel's bandwidth
//! control: who is throttled, and what the quota is while nobody bursts.

#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::cfs::{Cfs, PERIOD, STEP};
use common::node::{OPEN, apply};
use llmos_engine::decide::{Action, Decision, Knob};
use llmos_engine::fast::Answer;
use llmos_engine::policy::Policy;
use llmos_engine::sample::{Limits, RawSample};
use llmos_engine::units::{Bytes, CgroupId, Cores, Timestamp};
use llmos_engine::{Engine, NodeFacts, TickInput, WorkloadInput};

const ID: CgroupId = CgroupId(7);
const CPUS: usize = 2;
const NODE: NodeFacts = NodeFacts {
    cpu: Cores(CPUS as f64),
    memory: Bytes(4 << 30),
};
const SECOND: i64 = 1_000_000_000;

struct Bench {
    engine: Engine,
    cfs: Cfs,
    limits: Limits,
    policy: Policy,
    /// Nanoseconds from the kernel's event to the written quota; `None` without a fast path.
    latency: Option<i64>,
    /// Raises that are on their way, and when they are there.
    coming: Vec<(i64, Answer)>,
    writes: u64,
}

/// What came of a series of bursts.
#[derive(Debug)]
struct Outcome {
    /// Share of the bursts that saw no throttled period.
    unthrottled: f64,
    /// Time that bursts took over the time that they could have taken.
    stretch_p50: f64,
    stretch_p99: f64,
    /// What of the quota was not used, over what was.
    slack: f64,
    /// Writes of `cpu.max`.
    writes: u64,
}

impl Bench {
    /// With a fast path that writes after `latency` milliseconds and says that it takes `said`.
    fn new(fast: Option<(i64, f64)>) -> Self {
        let mut engine = Engine::new(1.0);
        engine.serve_at_once(fast.map(|(_, said_ms)| said_ms / 1e3));
        Self {
            engine,
            cfs: Cfs::new(ID, CPUS, PERIOD / 5),
            limits: Limits {
                cpu: Some(Cores(0.2)),
                ..OPEN
            },
            policy: Policy::default(),
            latency: fast.map(|(ms, _)| ms * STEP),
            coming: Vec::new(),
            writes: 0,
        }
    }

    /// Share of the quota that has to be gone for an event: half, or all of it where there is credit.
    fn usual(&self) -> f64 {
        let credit = self.cfs.burst as f64 / self.cfs.quota as f64;
        1.0 - credit.clamp(0.5, 1.0)
    }

    fn written(&mut self, decision: &Decision) {
        apply(&mut self.limits, decision);
        let quota = self.limits.cpu.expect("a quota").0;
        let quota = (quota * PERIOD as f64).round() as i64;
        self.cfs.burst = self.limits.cpu_burst_us.unwrap_or(0) as i64 * 1_000;
        assert!(
            self.cfs.burst <= quota,
            "the kernel would refuse: {decision:?}"
        );
        if quota != self.cfs.quota {
            self.writes += 1;
            self.cfs.set_quota(quota);
        }
    }

    /// One step; what it gave.
    fn step(&mut self, runnable: usize, wanted: i64) -> i64 {
        let (got, event) = self.cfs.step(runnable, wanted);
        let now = Timestamp(self.cfs.now as u64);
        if let Some(latency) = self.latency {
            if let Some(event) = event {
                let answer = self.engine.near_quota(&event, now, NODE, &self.policy);
                self.coming.push((self.cfs.now + latency, answer));
            }
            while self
                .coming
                .first()
                .is_some_and(|(at, _)| *at <= self.cfs.now)
            {
                let (_, answer) = self.coming.remove(0);
                answer.raise.iter().for_each(|raise| self.written(raise));
                answer.tell_at.iter().for_each(|at| self.cfs.tell(*at));
            }
            for decision in self.engine.end_leases(now) {
                self.written(&decision);
                self.cfs.tell(self.usual());
            }
        }
        if self.cfs.now % SECOND == 0 {
            self.tick(now);
        }
        got
    }

    fn tick(&mut self, now: Timestamp) {
        let cfs = &self.cfs;
        let sample = RawSample {
            at: now,
            cpu_ns: Some(cfs.used as u64),
            periods: Some(cfs.periods),
            throttled_periods: Some(cfs.throttled_periods),
            throttled_ns: Some(cfs.throttled_ns as u64),
            working_set: Some(Bytes(64 << 20)),
            memory_current: Some(Bytes(64 << 20)),
            ..RawSample::default()
        };
        let input = TickInput {
            now,
            node: NODE,
            workloads: vec![WorkloadInput {
                id: ID,
                sample: &sample,
                limits: self.limits,
                memory_served: false,
                policy: &self.policy,
            }],
        };
        let report = self.engine.tick(input, None);
        let mut decisions = report.workloads[0].decisions.clone();
        // Credit goes down before the quota and up after it.
        decisions.sort_by_key(|decision| match (decision.knob, decision.action) {
            (Knob::CpuBurst, Action::Lower) => 0,
            (Knob::CpuBurst, _) => 2,
            _ => 1,
        });
        for decision in &decisions {
            self.written(decision);
        }
        if !self.engine.quota_is_lent(ID, now) {
            self.cfs.tell(self.usual());
        }
    }

    /// A little load for so many seconds: half a millisecond each twenty.
    fn rest(&mut self, seconds: f64) {
        for at in 0..(seconds * 1e3) as i64 {
            let wanted = if at % 20 == 0 { STEP / 2 } else { 0 };
            self.step(usize::from(wanted > 0), wanted);
        }
    }

    /// So much CPU time by so many threads; how long it took over how long it could have.
    fn burst(&mut self, cpu_ms: f64, threads: usize) -> f64 {
        let mut left = (cpu_ms * 1e6) as i64;
        let begun = self.cfs.now;
        while left > 0 {
            left -= self.step(threads, STEP);
        }
        (self.cfs.now - begun) as f64 / 1e6 / (cpu_ms / threads as f64)
    }

    /// Bursts of one and of two threads, each after a rest of one to three seconds.
    fn bursts(&mut self, count: usize) -> Outcome {
        self.rest(60.0);
        let (used, held) = (self.cfs.used, self.cfs.held);
        let mut random = Random(0x5eed);
        let mut stretches = Vec::new();
        let mut clean = 0;
        for at in 0..count {
            self.rest(1.0 + 2.0 * random.next());
            let before = self.cfs.throttled_periods;
            stretches.push(self.burst(60.0 + 340.0 * random.next(), 1 + at % 2));
            self.rest(0.15);
            clean += usize::from(self.cfs.throttled_periods == before);
        }
        stretches.sort_by(f64::total_cmp);
        let used = (self.cfs.used - used) as f64;
        let held = (self.cfs.held - held) as f64 / PERIOD as f64;
        Outcome {
            unthrottled: clean as f64 / count as f64,
            stretch_p50: stretches[count / 2],
            stretch_p99: stretches[(count * 99).div_ceil(100) - 1],
            slack: (held - used) / used,
            writes: self.writes,
        }
    }
}

/// A linear congruential generator.
struct Random(u64);

impl Random {
    /// Evenly from 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1_u32 << 31)
    }
}

#[test]
fn bursts_are_served_from_a_quota_that_is_far_tighter_than_the_tick_alone_can_hold() {
    let alone = Bench::new(None).bursts(200);
    for (latency, said) in [(1, 2.0), (4, 6.0), (8, 11.0), (11, 15.0)] {
        let fast = Bench::new(Some((latency, said))).bursts(200);
        println!("{latency} ms: {fast:?}, the tick alone: {alone:?}");
        assert!(fast.unthrottled >= 0.95, "{latency} ms: {fast:?}");
        assert!(fast.stretch_p50 <= 1.05, "{latency} ms: {fast:?}");
        assert!(fast.stretch_p99 <= 1.2, "{latency} ms: {fast:?}");
        assert!(
            fast.slack <= alone.slack / 2.5,
            "{latency} ms: {fast:?} {alone:?}"
        );
        assert!(fast.writes < 6 * 200, "{latency} ms: {fast:?}");
    }
}

#[test]
fn use_within_the_quota_causes_no_writes() {
    let mut bench = Bench::new(Some((8, 10.0)));
    let steady = |bench: &mut Bench, seconds: i64| {
        // A tenth of a core in pieces of five milliseconds.
        for at in 0..seconds * 1_000 {
            let wanted = if at % 50 < 5 { STEP } else { 0 };
            bench.step(usize::from(wanted > 0), wanted);
        }
    };
    steady(&mut bench, 300);
    let before = (bench.writes, bench.cfs.throttled_periods);
    steady(&mut bench, 300);
    let made = bench.writes - before.0;
    assert!(made <= 20, "{made} writes in five minutes of steady use");
    let throttled = bench.cfs.throttled_periods - before.1;
    assert!(throttled <= 30, "{throttled} of 3000 periods");
}
