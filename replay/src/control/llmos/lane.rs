//! One workload of LLMOS: its plant, its limits, its score.

use llmos_engine::WorkloadInput;
use llmos_engine::decide::{Action, Decision};
use llmos_engine::forecast::Resource;
use llmos_engine::policy::Policy;
use llmos_engine::sample::{Limits, RawSample};
use llmos_engine::units::{Bytes, CgroupId, Cores, Timestamp};

use super::fast::Fast;
use crate::control::plant::{CpuPlant, MemoryPlant};
use crate::control::score::Tally;
use crate::control::{Bounds, Demand};

/// The kernel's default weight.
const WEIGHT: u64 = 100;
const PERIOD_US: u64 = 100_000;

/// See the module.
pub struct Lane<'d> {
    demand: &'d Demand,
    id: CgroupId,
    cpu: CpuPlant,
    memory: MemoryPlant,
    bounds: Bounds,
    known: bool,
    /// Were limits raised within the tick?
    raised: bool,
    tally: Tally,
}

impl<'d> Lane<'d> {
    /// A workload without limits; no other of the node has the same `id`.
    pub fn new(demand: &'d Demand, id: u64) -> Self {
        Self {
            id: CgroupId(id),
            cpu: CpuPlant::new(demand.threads()),
            memory: MemoryPlant::default(),
            bounds: Bounds::NONE,
            known: true,
            raised: false,
            tally: Tally::new(demand),
            demand,
        }
    }

    /// Number of ticks.
    pub fn len(&self) -> usize {
        self.demand.values.len()
    }

    /// Runs one tick under the limits in force, which `fast` may raise meanwhile. Where the trace has a
    /// gap time stands still.
    pub fn run(&mut self, fast: &mut Fast<'_>) {
        let tick = fast.tick;
        let demand = self.demand.values.get(tick).copied().flatten();
        self.known = demand.is_some();
        let Some(wanted) = demand else { return };
        let step_s = self.demand.step_s;
        if self.demand.resource == Resource::Memory {
            let (plant, bounds) = (&mut self.memory, &mut self.bounds);
            let (ran, raised) = fast.run(self.id, wanted, plant, bounds);
            self.tally.memory(tick, &self.bounds, &ran);
            self.raised = raised;
        } else {
            let ran = self.cpu.tick(wanted, &self.bounds, step_s, f64::INFINITY);
            self.tally.cpu(tick, &self.bounds, wanted, &ran);
        }
    }

    /// What the agent would read now.
    pub fn read(&self, now: Timestamp) -> (RawSample, Limits) {
        let mut sample = RawSample {
            at: now,
            ..RawSample::default()
        };
        let mut limits = Limits::default();
        if self.demand.resource == Resource::Memory {
            limits.memory_high = Some(bytes(self.bounds.high));
            limits.memory_max = Some(bytes(self.bounds.max));
            if self.known {
                self.memory.read(&mut sample);
            }
        } else {
            limits = cpu_limits(&self.bounds);
            if self.known {
                self.cpu.read(&mut sample);
            }
        }
        (sample, limits)
    }

    /// What was read, for the engine; `fast` serves memory.
    pub fn input<'a>(
        &self,
        read: &'a (RawSample, Limits),
        policy: &'a Policy,
    ) -> WorkloadInput<'a> {
        input(self.id, read, true, policy)
    }

    /// Takes the decisions of a tick over.
    pub fn decided(&mut self, decisions: &[Decision]) {
        let before = self.bounds;
        apply(&mut self.bounds, decisions);
        let raised = std::mem::take(&mut self.raised);
        self.tally.changed(raised || before != self.bounds);
    }

    /// The score, at the end.
    pub fn finish(self) -> Tally {
        self.tally
    }
}

/// What was read of a workload, for the engine.
pub fn input<'a>(
    id: CgroupId,
    (sample, limits): &'a (RawSample, Limits),
    memory_served: bool,
    policy: &'a Policy,
) -> WorkloadInput<'a> {
    WorkloadInput {
        id,
        sample,
        limits: *limits,
        memory_served,
        policy,
    }
}

/// The limits of a workload of CPU alone.
pub fn cpu_limits(bounds: &Bounds) -> Limits {
    Limits {
        cpu: Some(Cores(bounds.max)),
        cpu_period_us: Some(PERIOD_US),
        cpu_burst_us: Some((bounds.burst_s * 1e6) as u64),
        cpu_weight: Some(WEIGHT),
        ..Limits::default()
    }
}

/// Writes what was decided, as the agent does: a hold changes nothing.
pub fn apply<'a>(bounds: &mut Bounds, decisions: impl IntoIterator<Item = &'a Decision>) {
    let moved = decisions.into_iter().filter(|d| d.action != Action::Hold);
    for decision in moved {
        match decision.knob.file() {
            "cpu.max" | "memory.max" => bounds.max = decision.to,
            "memory.high" => bounds.high = decision.to,
            "cpu.max.burst" => bounds.burst_s = decision.to / 1e6,
            // A weight matters only between neighbours.
            _ => {}
        }
    }
}

/// A limit as the kernel has it; infinite is none.
pub fn bytes(limit: f64) -> Bytes {
    Bytes(if limit.is_finite() {
        limit as u64
    } else {
        u64::MAX
    })
}
