//! The law of memory: `memory.high` leads, `memory.max` follows above it.
//!
//! `memory.high` makes a workload slow, `memory.max` kills it. So the target is what cannot be
//! dropped without harm (the working set), and the killing limit only ever comes down over
//! memory that has really been given back (`shrink`).
//!
//! ```text
//! high = max(clamp(max(forecast peak quantile, recent peak), floor, ceiling) * (1 + margin),
//!            working set + room, floor after a kill, what pressure forces)
//! max  = max(high * (1 + max margin), high + room, 0.99 quantile of the forecast peak)
//! ```
//!
//! Where the fast path raises what is reached (`MemoryInput::served`), the 0.99 quantile is left to it, and
//! on long ticks the short horizon drives.

mod io;
mod knobbed;
mod room;
mod span;
mod target;

use super::demand::{demand, forecast_reason};
use super::feedback::{Bounds, Feedback, Outcome};
use super::guard::{Proposal, bounded, capped};
use super::node::Share;
use super::oom::OomFloor;
use super::pressure::Pressure;
use super::shadow::{Paper, Passed};
use super::share::Claim;
use super::shrink::{Held, Pair, Shrink};
use super::{Action, Decision, Knob, Pool, Reason};
use crate::policy::Policy;
use crate::sample::{Limits, PeakWindow};
use crate::units::{Bytes, Timestamp};

pub use io::{MemoryInput, MemoryTargets};
use knobbed::Knobbed;
pub(crate) use room::{promised, room};
use span::{LONG, PEAK_TICKS, span};
pub(super) use target::limit_value;
use target::{Target, bounded_back, held_reason, high_proposal};

/// Limits are whole pages; the kernel would round them down itself.
pub(super) const PAGE: f64 = 4096.0;
/// The peak that `memory.max` covers even if `memory.high` does not: being slow is no harm that lasts,
/// being killed is.
const RARE: f64 = 0.99;
/// What the highest working set keeps from tick to tick: half of it in 13,863 ticks. A peak that came
/// once comes again.
const FADING: f64 = 0.99995;
/// Where harm leads back to is at most so many times the limit in force: a shrink that began from
/// no limit at all would else begin from there again.
const BACK_MOST: f64 = 2.0;
/// Room above the live working set that no forecast can take away, as a fraction and in bytes.
const ROOM: f64 = 0.05;
const ROOM_BYTES: f64 = 4.0 * 1_048_576.0;
/// Room of `memory.max` above `memory.high` at least: a small workload grows by so much before the
/// kernel has slowed it down.
const MAX_ROOM_BYTES: f64 = 16.0 * 1_048_576.0;

/// What the law remembers of one workload.
#[derive(Debug, Clone)]
pub struct MemoryState {
    /// Peak of the working set, which is demand.
    demand: PeakWindow<PEAK_TICKS>,
    /// Peak of `memory.current`, which is what an OOM kill met.
    current: PeakWindow<PEAK_TICKS>,
    high: Knobbed,
    max: Knobbed,
    oom: OomFloor,
    shrink: Shrink,
    feedback: Feedback,
    paper: Paper,
    /// The highest working set, fading.
    highest: f64,
    /// What it wanted when that was last known.
    wanted: Option<f64>,
    /// Did it get less at the last tick, because the node is short? No margin mends that.
    short: bool,
}

/// What the law wants for one workload, before the node's word.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryWant {
    high_from: Option<f64>,
    max_from: Option<f64>,
    /// `None` while use is unknown.
    target: Option<Target>,
    claim: f64,
    /// Policy's floor and the live working set with its room: less cannot be.
    least: f64,
    passed: Passed,
    reasons: Vec<Reason>,
}

impl MemoryWant {
    /// What the workload asks of the node. What is live cannot be taken away.
    #[must_use]
    pub fn claim(&self, weight: f64, policy: &Policy) -> Claim {
        Claim {
            wanted: self.claim,
            floor: if policy.hands_off {
                self.claim
            } else {
                self.least
            },
            weight,
        }
    }

    /// Is memory short under the limit right now?
    #[must_use]
    pub fn pressed(&self) -> bool {
        self.target.is_some_and(|target| target.pressed)
    }

    /// What is live, in bytes.
    pub(super) fn need(&self) -> f64 {
        self.least
    }

    /// What the tick was like under the limit on paper.
    pub(super) fn passed(&self) -> Passed {
        self.passed
    }
}

impl Default for MemoryState {
    fn default() -> Self {
        Self {
            demand: PeakWindow::default(),
            current: PeakWindow::default(),
            high: Knobbed::default(),
            max: Knobbed::default(),
            oom: OomFloor::default(),
            shrink: Shrink::default(),
            feedback: Feedback::default(),
            paper: Paper::default(),
            highest: 0.0,
            wanted: None,
            short: false,
        }
    }
}

impl MemoryState {
    /// What the limits should be; `None` where there is neither to decide on.
    #[must_use]
    pub fn want(&mut self, input: &MemoryInput<'_>, pool: &mut Pool) -> Option<MemoryWant> {
        let now = input.now;
        let high_from = input.limits.memory_high.map(limit_value);
        let max_from = input.limits.memory_max.map(limit_value);
        let from = high_from.or(max_from)?;
        // The order matters: the high limit goes down first.
        if let Some(before) = high_from.and_then(|from| self.high.see(now, from)) {
            self.shrink.high_lowered(before);
        }
        if let Some(before) = max_from.and_then(|from| self.max.see(now, from)) {
            self.shrink.max_lowered(now, before);
        }
        let passed = self.paper.pass(now, from, self.ours());
        let mut reasons = pool.reasons();
        let target = self.target(input, &mut reasons);
        if let Some(target) = &target {
            self.high.guard.known(now, input.policy);
            self.max.guard.known(now, input.policy);
            self.wanted = Some(target.high);
        }
        let floor = input.policy.memory_floor.0 as f64;
        let claim = self.wanted.unwrap_or(floor);
        Some(MemoryWant {
            high_from,
            max_from,
            target,
            claim,
            least: target
                .map_or(claim, |target| target.live.max(floor))
                .min(claim),
            passed,
            reasons,
        })
    }

    /// What `memory.high` should be by demand, pressure and bounds; `None` while use is unknown.
    fn target(&mut self, input: &MemoryInput<'_>, reasons: &mut Vec<Reason>) -> Option<Target> {
        let (now, usage, policy) = (input.now, input.usage, input.policy);
        let current = usage.memory?.0 as f64;
        let working_set = usage.working_set.map_or(current, |bytes| bytes.0 as f64);
        self.demand.push(now, working_set);
        self.highest = (self.highest * FADING).max(working_set);
        self.current.push(now, current);
        let kills = usage.oom_kills_new.unwrap_or(0);
        let pressure = Pressure::of(usage, input.limits, working_set, policy);
        let bounds = Bounds::new(
            policy.memory_margin,
            policy.memory_margin_min,
            policy.memory_margin_max,
        );
        if self.ours() && !self.short {
            let outcome = Outcome {
                stalled: pressure.is_some(),
                far: false,
                killed: kills > 0,
            };
            self.feedback.learn(now, outcome, bounds);
        }

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
            now,
            &self.demand,
            input.forecast,
            span(input),
            policy.quantile,
            reasons,
        );
        let fraction = self.feedback.margin(bounds);
        let mut high = bounded(demand, floor, ceiling, reasons) * (1.0 + fraction);
        self.feedback.tell(bounds, reasons);
        reasons.push(Reason::Margin {
            fraction,
            value: high,
        });

        let live = working_set + (working_set * ROOM).max(ROOM_BYTES);
        if live > high {
            high = live;
            reasons.push(Reason::WorkingSet { value: live });
        }
        let at_kill = self.at_kill(input.limits, current);
        self.oom.update(now, kills, at_kill, policy, ceiling);
        if let Some((value, kills)) = self.oom.value(now, policy).filter(|left| left.0 > high) {
            high = value;
            reasons.push(Reason::OomFloor { value, kills });
        }
        if let Some((value, reason)) = pressure.and_then(|found| found.raise(input.limits, high)) {
            high = value;
            reasons.push(reason);
        }
        let harm = pressure.is_some() || kills > 0;
        let back = self.shrink.tick(now, harm, policy.cooldown_s);
        if let Some(value) =
            back.and_then(|before| bounded_back(before.high, input.limits.memory_high))
            && value > high
        {
            high = value;
            reasons.push(Reason::Reverted { value });
        }
        Some(Target {
            current,
            high: capped(high, ceiling, reasons),
            floor,
            ceiling,
            live: live.min(ceiling),
            pressed: pressure.is_some(),
            held: self
                .shrink
                .held(now, policy.cooldown_s)
                .or_else(|| input.waits.map(Held::Others)),
            back: back.and_then(|before| bounded_back(before.max, input.limits.memory_max)),
        })
    }

    /// Decides on `memory.high` and `memory.max`, given the share of a node that is short.
    #[must_use]
    pub fn settle(
        &mut self,
        input: &MemoryInput<'_>,
        want: MemoryWant,
        share: &Share,
        pool: &mut Pool,
    ) -> MemoryTargets {
        self.short = !share.grant.whole;
        let MemoryWant {
            high_from,
            max_from,
            mut reasons,
            ..
        } = want;
        let decision = |knob, from, (to, action), reasons| Decision {
            workload: input.workload,
            knob,
            at: input.now,
            from: Some(from),
            to,
            action,
            reasons,
        };
        let target = want.target.map(|target| {
            let cap = share.cap(target.high, input.now, &mut reasons);
            let high = target.high.min(cap.max(target.live));
            let from = high_from.unwrap_or(f64::INFINITY);
            let high = room::within(high, from, target.current, input.room, &mut reasons);
            Target { high, ..target }
        });
        let quiet = match target {
            None => Some(Reason::NoData),
            Some(_) => input.policy.hands_off.then_some(Reason::HandsOff),
        };
        let before = Pair {
            high: high_from.unwrap_or(f64::INFINITY),
            max: max_from.unwrap_or(f64::INFINITY),
        };
        if let Some(target) = &target {
            let demand = target.live;
            let proposal = high_proposal(input, target, before.high);
            self.paper.follow(proposal, demand, input.policy);
        }
        let high = high_from.map(|from| {
            let mut reasons = copy(&reasons, pool);
            let judged = match (target, quiet) {
                (Some(target), None) => self.judge_high(input, &target, from, &mut reasons),
                (_, quiet) => {
                    reasons.extend(quiet);
                    (from, Action::Hold)
                }
            };
            self.high.decided(judged, before);
            decision(Knob::MemoryHigh, from, judged, reasons)
        });
        let max = if let Some(from) = max_from {
            let judged = match (target, quiet) {
                (Some(target), None) => {
                    self.judge_max(input, &target, high.as_ref(), from, &mut reasons)
                }
                (_, quiet) => {
                    reasons.extend(quiet);
                    (from, Action::Hold)
                }
            };
            self.max.decided(judged, before);
            Some(decision(Knob::MemoryMax, from, judged, reasons))
        } else {
            pool.spare(reasons);
            None
        };
        self.note(input.now, target, before, &high, &max);
        MemoryTargets { high, max }
    }

    /// Tells the shrink what was decided. What is lowered counts once it is in force.
    fn note(
        &mut self,
        now: Timestamp,
        target: Option<Target>,
        before: Pair,
        high: &Option<Decision>,
        max: &Option<Decision>,
    ) {
        let action = |decision: &Option<Decision>| decision.as_ref().map(|d| d.action);
        if let Some(high) = high {
            self.feedback.moves(now, high.action);
        }
        if action(high) == Some(Action::Raise) {
            self.shrink.ended();
        }
        let fell = target.is_some_and(|target| target.current < before.high);
        if fell && action(high) == Some(Action::Hold) && action(max) != Some(Action::Lower) {
            self.shrink.pressed(now);
        }
    }

    fn judge_high(
        &mut self,
        input: &MemoryInput<'_>,
        target: &Target,
        from: f64,
        reasons: &mut Vec<Reason>,
    ) -> (f64, Action) {
        let proposal = high_proposal(input, target, from);
        if proposal.target < from && !target.pressed {
            reasons.extend(target.held.map(held_reason));
        }
        self.high.guard.judge(proposal, input.policy, reasons)
    }

    fn judge_max(
        &mut self,
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
        let mut wanted = (base * (1.0 + fraction)).max(base + MAX_ROOM_BYTES);
        reasons.push(Reason::Margin {
            fraction,
            value: wanted,
        });
        let rare = input.forecast.filter(|_| !self.short && !input.served);
        let horizon = LONG.horizon;
        let peak = rare.map_or(0.0, |forecast| forecast.at(horizon, RARE).min(self.highest));
        if peak > wanted {
            wanted = peak;
            reasons.extend(rare.map(|forecast| forecast_reason(forecast, horizon, RARE)));
        }
        if let Some(value) = target.back.filter(|back| *back > wanted) {
            wanted = value;
            reasons.push(Reason::Reverted { value });
        }
        let wanted = capped(wanted, target.ceiling, reasons);
        let wanted = room::within(wanted, from, target.current, input.room, reasons);
        // A high limit that was not moved says nothing about a maximum that people set below it.
        let moved = high.is_some_and(|high| high.action != Action::Hold);
        let crossed = moved && from < base;
        let lowering = wanted < from;
        if lowering && !target.pressed {
            if let Some(held) = target.held {
                reasons.push(held_reason(held));
                return (from, Action::Hold);
            }
            // A maximum below use kills at once, so it waits until the memory has really come back.
            // And while the high limit is held where it is (or cannot catch anything), so is the
            // maximum.
            let unguarded = high.is_some() && led_by.is_none();
            let fallen = self.shrink.may_lower_max(target.current, base, wanted);
            if !fallen || unguarded || base > target.ceiling {
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
            share: f64::INFINITY,
            quantum: PAGE,
            urgent: target.pressed || crossed || target.current > from * 0.98,
            veto: target.pressed,
        };
        self.max.guard.judge(proposal, input.policy, reasons)
    }

    /// What a kill met. A workload that was killed at its own maximum had reached it between two
    /// ticks, even if no reading shows that; a maximum far above all readings was not the cause.
    fn at_kill(&self, limits: Limits, current: f64) -> f64 {
        let seen = self.current.max().unwrap_or(current);
        let max = limits.memory_max.map_or(0.0, limit_value);
        if max > seen && max <= 2.0 * seen {
            max
        } else {
            seen
        }
    }

    /// The higher of the limits that were decided last, in bytes; `None` while there is none.
    pub(super) fn decided(&self) -> Option<f64> {
        self.max
            .last_decided()
            .or(self.high.last_decided())
            .filter(|to| to.is_finite())
    }

    /// The fast path has raised a limit to `to` bytes.
    pub(super) fn lend(&mut self, now: Timestamp, knob: Knob, to: f64) {
        let knobbed = match knob {
            Knob::MemoryHigh => &mut self.high,
            _ => &mut self.max,
        };
        knobbed.lend(now, to);
        self.shrink.ended();
    }

    /// Are limits in force that were decided here?
    pub(super) fn ours(&self) -> bool {
        self.high.applied.ours() || self.max.applied.ours()
    }
}

fn copy(reasons: &[Reason], pool: &mut Pool) -> Vec<Reason> {
    let mut copied = pool.reasons();
    copied.extend_from_slice(reasons);
    copied
}
