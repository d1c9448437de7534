//! All laws of one workload, in their order: what each wants, then, once the node has been shared,
//! what is decided.

use super::burst::{self, BurstInput};
use super::cpu::{CpuInput, CpuState, CpuWant};
use super::memory::{MemoryInput, MemoryState, MemoryWant};
use super::node::Share;
use super::share::Claim;
use super::{Decision, Knob, Pool, Score, Wait, weight};
use crate::forecast::Forecast;
use crate::policy::Policy;
use crate::sample::{Limits, Usage};
use crate::units::{Bytes, CgroupId, Cores, Timestamp};
use crate::{NodeFacts, WorkloadInput, WorkloadReport};

/// The kernel's weight of a group to which nobody gave one.
const DEFAULT_WEIGHT: u64 = 100;

/// What is the same for all workloads at one tick.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tick {
    pub now: Timestamp,
    /// Length of a tick in seconds.
    pub tick_s: f64,
    /// Seconds in which the fast path raises quotas between two ticks, if it does.
    pub served_in: Option<f64>,
    pub node: NodeFacts,
}

/// What the laws see of one workload at one tick.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub id: CgroupId,
    pub now: Timestamp,
    /// Length of a tick in seconds.
    pub tick_s: f64,
    pub usage: &'a Usage,
    pub cpu: Option<&'a Forecast>,
    pub memory: Option<&'a Forecast>,
    pub limits: Limits,
    pub node_cpu: Cores,
    pub node_memory: Bytes,
    /// Bytes that a memory limit may be raised by beyond what is in use; infinite where unknown.
    pub room: f64,
    /// Seconds in which the fast path raises quotas between two ticks, if it does.
    pub served_in: Option<f64>,
    /// Does the fast path raise memory limits between two ticks?
    pub memory_served: bool,
    /// Why nothing may fall for the sake of others like it, if so.
    pub waits: Option<Wait>,
    pub policy: &'a Policy,
}

/// What the laws want for one workload.
#[derive(Debug)]
pub(crate) struct Wants {
    pub id: CgroupId,
    pub cpu: Option<CpuWant>,
    pub cpu_claim: Option<Claim>,
    pub memory: Option<MemoryWant>,
    pub memory_claim: Option<Claim>,
}

/// What the laws remember of one workload.
#[derive(Debug, Default)]
pub(crate) struct Laws {
    cpu: CpuState,
    memory: MemoryState,
    score: Score,
}

impl<'a> Seen<'a> {
    /// What the tick has found of one workload so far, with all the room there is.
    pub fn new(
        tick: &Tick,
        workload: &WorkloadInput<'a>,
        found: &'a WorkloadReport,
        waits: Option<Wait>,
    ) -> Self {
        Self {
            id: workload.id,
            now: tick.now,
            tick_s: tick.tick_s,
            usage: &found.usage,
            cpu: found.cpu.as_ref(),
            memory: found.memory.as_ref(),
            limits: workload.limits,
            node_cpu: tick.node.cpu,
            node_memory: tick.node.memory,
            room: f64::INFINITY,
            served_in: tick.served_in,
            memory_served: workload.memory_served,
            waits,
            policy: workload.policy,
        }
    }

    fn cpu_input(&self) -> CpuInput<'_> {
        CpuInput {
            workload: self.id,
            now: self.now,
            usage: self.usage,
            forecast: self.cpu,
            limit: self.limits.cpu,
            node: self.node_cpu,
            served_in: self.served_in,
            waits: self.waits,
            policy: self.policy,
        }
    }

    fn memory_input(&self) -> MemoryInput<'_> {
        MemoryInput {
            workload: self.id,
            now: self.now,
            tick_s: self.tick_s,
            usage: self.usage,
            forecast: self.memory,
            limits: self.limits,
            node: self.node_memory,
            room: self.room,
            served: self.memory_served,
            waits: self.waits,
            policy: self.policy,
        }
    }

    /// Its part of a node that is short.
    fn weight(&self) -> f64 {
        let weight = self.policy.cpu_weight.or(self.limits.cpu_weight);
        weight.unwrap_or(DEFAULT_WEIGHT).max(1) as f64
    }
}

impl Laws {
    /// What each law wants.
    pub(crate) fn want(&mut self, seen: &Seen<'_>, pool: &mut Pool) -> Wants {
        let cpu = self.cpu.want(&seen.cpu_input(), pool);
        let memory = self.memory.want(&seen.memory_input(), pool);
        if let Some(want) = &cpu {
            let share = seen.usage.throttled_share.filter(|_| self.cpu.ours());
            self.score.cpu(want.passed(), seen.usage.cpu, share);
        }
        if let Some(want) = &memory {
            let (usage, ours) = (seen.usage, self.memory.ours());
            let kills = usage.oom_kills_new.filter(|_| ours);
            let room = seen.policy.memory_max_margin;
            let used = usage.working_set.or(usage.memory);
            self.score.memory(want.passed(), used, room, kills);
        }
        Wants {
            id: seen.id,
            cpu_claim: cpu
                .as_ref()
                .map(|want| want.claim(seen.weight(), seen.policy)),
            memory_claim: memory
                .as_ref()
                .map(|want| want.claim(seen.weight(), seen.policy)),
            cpu,
            memory,
        }
    }

    /// Decides, given the shares of the node; what was wanted is used up.
    pub(crate) fn settle(
        &mut self,
        seen: &Seen<'_>,
        wants: &mut Wants,
        shares: (&Share, &Share),
        pool: &mut Pool,
    ) -> Vec<Decision> {
        let (cpu_share, memory_share) = shares;
        let mut decisions = pool.decisions();
        if let Some(want) = wants.cpu.take() {
            let quota = self.cpu.settle(&seen.cpu_input(), want, cpu_share);
            // Saved up is what was decided for good, not what is lent.
            let to = self
                .cpu
                .decided()
                .map_or(quota.to, |base| base.min(quota.to));
            decisions.push(quota);
            if !seen.policy.hands_off {
                let input = BurstInput {
                    workload: seen.id,
                    now: seen.now,
                    forecast: seen.cpu,
                    from_us: seen.limits.cpu_burst_us,
                    period_us: seen.limits.cpu_period_us,
                    quota: to,
                    served_in: seen.served_in,
                    short: !cpu_share.grant.whole,
                    policy: seen.policy,
                };
                decisions.extend(burst::decide(&input, pool));
                decisions.extend(weight::decide(
                    seen.id,
                    seen.now,
                    seen.limits.cpu_weight,
                    seen.policy.cpu_weight,
                    Some(&cpu_share.grant),
                    pool,
                ));
            }
        }
        if let Some(want) = wants.memory.take() {
            let input = seen.memory_input();
            let targets = self.memory.settle(&input, want, memory_share, pool);
            decisions.extend(targets.high);
            decisions.extend(targets.max);
        }
        decisions
    }

    /// Is a limit in force that was decided here?
    pub(crate) fn tightened(&self) -> bool {
        self.cpu.ours() || self.memory.ours()
    }

    /// The quota that the tick decided last, in cores.
    pub(crate) fn quota(&self) -> Option<f64> {
        self.cpu.decided()
    }

    /// The fast path has raised the quota to `to` cores until then.
    pub(crate) fn lend_quota(&mut self, to: f64, until: Timestamp) {
        self.cpu.lend(to, until);
    }

    /// What was lent is over: the quota in force and the one to go back to, if that is less.
    pub(crate) fn end_lease(&mut self) -> Option<(f64, f64)> {
        self.cpu.end_lease()
    }

    /// The higher of the memory limits that the tick decided last, in bytes.
    pub(crate) fn memory_limit(&self) -> Option<f64> {
        self.memory.decided()
    }

    /// The fast path has raised a memory limit to `to` bytes.
    pub(crate) fn lend_memory(&mut self, now: Timestamp, knob: Knob, to: f64) {
        self.memory.lend(now, knob, to);
    }

    /// What happened, or would have.
    pub(crate) fn score(&self) -> Score {
        self.score
    }
}
