//! The law of memory: `memory.high` leads, `memory.max` follows above it.
//!
//! `memory.high` makes a workload slow, `memory.max` kills it. So the target is what cannot be
//! dropped without harm (the working set), and the killing limit only ever comes down over
//! memory that has really been given back.

use super::demand::demand;
use super::guard::{Guard, Proposal, bounded, capped};
use super::oom::OomFloor;
use super::pressure::Pressure;
use super::{Action, Decision, Knob, Reason};
use crate::forecast::Forecast;
use crate::policy::Policy;
use crate::sample::{Limits, PeakWindow, Usage};
use crate::units::{Bytes, CgroupId, Timestamp};

/// Ticks of the recent past whose peak counts beside the forecast.
const PEAK_TICKS: usize = 10;
/// Limits are whole pages; the kernel would round them down itself.
const PAGE: f64 = 4096.0;
/// The horizon that drives: memory once cut is slow to give back, so the long one.
const HORIZON: usize = 1;
/// Room above the live working set that no forecast can take away, as a fraction and in bytes.
const ROOM: f64 = 0.05;
const ROOM_BYTES: f64 = 4.0 * 1_048_576.0;

/// What the law sees of one workload at one tick.
#[derive(Debug, Clone, Copy)]
pub struct MemoryInput<'a> {
    /// Which workload.
    pub workload: CgroupId,
    /// The time of the tick.
    pub now: Timestamp,
    /// What it used.
    pub usage: &'a Usage,
    /// What it is about to use, in bytes.
    pub forecast: Option<&'a Forecast>,
    /// The limits in force.
    pub limits: Limits,
    /// Memory of the node.
    pub node: Bytes,
    /// What people allow.
    pub policy: &'a Policy,
}

/// What the law remembers of one workload.
#[derive(Debug, Clone)]
pub struct MemoryState {
    /// Peak of the working set, which is demand.
    demand: PeakWindow,
    /// Peak of `memory.current`, which is what an OOM kill met.
    current: PeakWindow,
    high: Guard,
    max: Guard,
    oom: OomFloor,
}

/// The decisions on both limits; `None` where there is no such limit to decide on. Where one of
/// them is not a hold, `memory.high` is not above `memory.max` (unless it came infinite or above
/// the ceiling, and may not fall yet).
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryTargets {
    /// On `memory.high`.
    pub high: Option<Decision>,
    /// On `memory.max`.
    pub max: Option<Decision>,
}

impl Default for MemoryState {
    fn default() -> Self {
        Self {
            demand: PeakWindow::new(PEAK_TICKS),
            current: PeakWindow::new(PEAK_TICKS),
            high: Guard::default(),
            max: Guard::default(),
            oom: OomFloor::default(),
        }
    }
}

/// What both limits of a tick have in common.
struct Target {
    current: f64,
    /// Wanted for `memory.high`, before pace.
    high: f64,
    floor: f64,
    ceiling: f64,
    pressed: bool,
    reasons: Vec<Reason>,
}

/// Decides on `memory.high` and `memory.max`.
#[must_use]
pub fn decide_memory(state: &mut MemoryState, input: &MemoryInput<'_>) -> MemoryTargets {
    let high_from = input.limits.memory_high.map(limit_value);
    let max_from = input.limits.memory_max.map(limit_value);
    if let Some(from) = high_from {
        state.high.see(input.now, from);
    }
    if let Some(from) = max_from {
        state.max.see(input.now, from);
    }
    let decision = |knob, from, (to, action), reasons| Decision {
        workload: input.workload,
        knob,
        at: input.now,
        from: Some(from),
        to,
        action,
        reasons,
    };
    let Some(target) = target(state, input) else {
        let hold =
            |knob, from: f64| decision(knob, from, (from, Action::Hold), vec![Reason::NoData]);
        return MemoryTargets {
            high: high_from.map(|from| hold(Knob::MemoryHigh, from)),
            max: max_from.map(|from| hold(Knob::MemoryMax, from)),
        };
    };
    let high = high_from.map(|from| {
        let mut reasons = target.reasons.clone();
        let judged = judge_high(state, input, &target, from, &mut reasons);
        decision(Knob::MemoryHigh, from, judged, reasons)
    });
    let max = max_from.map(|from| {
        let mut reasons = target.reasons.clone();
        let judged = judge_max(state, input, &target, high.as_ref(), from, &mut reasons);
        decision(Knob::MemoryMax, from, judged, reasons)
    });
    MemoryTargets { high, max }
}

/// What `memory.high` should be by demand, pressure and bounds; `None` while use is unknown.
fn target(state: &mut MemoryState, input: &MemoryInput<'_>) -> Option<Target> {
    let (usage, policy) = (input.usage, input.policy);
    let current = usage.memory?.0 as f64;
    let working_set = usage.working_set.map_or(current, |bytes| bytes.0 as f64);
    state.demand.push(input.now, working_set);
    state.current.push(input.now, current);
    let mut reasons = Vec::new();

    let ceiling = Bytes(
        policy
            .memory_ceiling
            .map_or(u64::MAX, |bytes| bytes.0)
            .min(input.node.0),
    );
    // Down to a whole page, so that rounding up a limit never crosses it.
    let ceiling = (ceiling.0 as f64 / PAGE).floor() * PAGE;
    let floor = (policy.memory_floor.0 as f64).min(ceiling);

    let demand = demand(
        input.now,
        &state.demand,
        input.forecast,
        HORIZON,
        input.policy.quantile,
        &mut reasons,
    );
    let mut high = bounded(demand, floor, ceiling, &mut reasons) * (1.0 + policy.memory_margin);
    reasons.push(Reason::Margin {
        fraction: policy.memory_margin,
        value: high,
    });

    let live = working_set + (working_set * ROOM).max(ROOM_BYTES);
    if live > high {
        high = live;
        reasons.push(Reason::WorkingSet { value: live });
    }
    let at_kill = at_kill(state, input.limits, current);
    state.oom.update(
        input.now,
        usage.oom_kills_new.unwrap_or(0),
        at_kill,
        policy,
        ceiling,
    );
    if let Some((value, kills)) = state
        .oom
        .value(input.now, policy)
        .filter(|left| left.0 > high)
    {
        high = value;
        reasons.push(Reason::OomFloor { value, kills });
    }
    let pressure = Pressure::of(usage, input.limits, working_set, policy);
    if let Some((value, reason)) = pressure.and_then(|found| found.raise(input.limits, high)) {
        high = value;
        reasons.push(reason);
    }
    let high = capped(high, ceiling, &mut reasons);
    Some(Target {
        current,
        high,
        floor,
        ceiling,
        pressed: pressure.is_some(),
        reasons,
    })
}

fn judge_high(
    state: &mut MemoryState,
    input: &MemoryInput<'_>,
    target: &Target,
    from: f64,
    reasons: &mut Vec<Reason>,
) -> (f64, Action) {
    let proposal = Proposal {
        now: input.now,
        from,
        target: target.high,
        floor: target.floor,
        ceiling: target.ceiling,
        quantum: PAGE,
        urgent: target.pressed || target.current > from,
        veto: target.pressed,
    };
    state.high.judge(proposal, input.policy, reasons)
}

fn judge_max(
    state: &mut MemoryState,
    input: &MemoryInput<'_>,
    target: &Target,
    high: Option<&Decision>,
    from: f64,
    reasons: &mut Vec<Reason>,
) -> (f64, Action) {
    // Above the high limit that will be in force; where that stays infinite, above the target.
    let led_by = high.map(|high| high.to).filter(|to| to.is_finite());
    let base = led_by.unwrap_or(target.high);
    let fraction = input.policy.memory_max_margin;
    let wanted = base * (1.0 + fraction);
    reasons.push(Reason::Margin {
        fraction,
        value: wanted,
    });
    let wanted = capped(wanted, target.ceiling, reasons);
    // A high limit that was not moved says nothing about a maximum that people set below it.
    let moved = high.is_some_and(|high| high.action != Action::Hold);
    let crossed = moved && from < base;
    let lowering = wanted < from;
    // A maximum below use kills at once, so it waits until the memory has really come back. And
    // while the high limit is held where it is (or cannot catch anything), so is the maximum.
    if lowering && !target.pressed {
        let unguarded = high.is_some() && led_by.is_none();
        if target.current >= base.min(wanted) || unguarded || base > target.ceiling {
            reasons.push(Reason::ShrinkPending {
                current: target.current,
                wanted,
            });
            return (from, Action::Hold);
        }
    }
    let proposal = Proposal {
        now: input.now,
        from,
        target: wanted,
        floor: target.floor,
        ceiling: target.ceiling,
        quantum: PAGE,
        urgent: target.pressed || crossed || target.current > from * 0.98,
        veto: target.pressed,
    };
    state.max.judge(proposal, input.policy, reasons)
}

/// What a kill met. A workload that was killed at its own maximum had reached it between two
/// ticks, even if no reading shows that; a maximum far above all readings was not the cause.
fn at_kill(state: &MemoryState, limits: Limits, current: f64) -> f64 {
    let seen = state.current.max().unwrap_or(current);
    let max = limits.memory_max.map_or(0.0, limit_value);
    if max > seen && max <= 2.0 * seen {
        max
    } else {
        seen
    }
}

/// A limit as a number; `max` is infinite.
pub(super) fn limit_value(limit: Bytes) -> f64 {
    if limit.0 == u64::MAX {
        f64::INFINITY
    } else {
        limit.0 as f64
    }
}
