//! The law of `cpu.max`: enough for the forecast peak, up at once, down slowly.
//!
//! `target = clamp(max(forecast peak quantile, recent peak), floor, ceiling) * (1 + margin)`, where a
//! stall has a price no more than what is worth its room for the next tick (`reach`). While the quota
//! cuts demand off, room to catch up with what waits, or, where that is not counted, at least the
//! quota in force times a growth factor (`censored`). All in cores. The law first says what it wants;
//! what it gets is decided once all have spoken.

use super::applied::Applied;
use super::censored::Censored;
use super::demand::{Span, demand};
use super::feedback::{Bounds, Feedback, Outcome};
use super::guard::{Guard, Proposal, bounded, capped};
use super::node::Share;
use super::reach::{Reach, catch_up};
use super::shadow::{Paper, Passed};
use super::share::Claim;
use super::{Action, Decision, Knob, Pool, Reason, Wait};
use crate::forecast::Forecast;
use crate::policy::Policy;
use crate::sample::{PeakWindow, Usage};
use crate::units::{CgroupId, Cores, Timestamp};

/// Ticks of the recent past whose peak counts beside the forecast.
const PEAK_TICKS: usize = 10;
/// Writes of `cpu.max` are multiples of ten millicores: finer is noise to the scheduler.
pub(super) const QUANTUM: f64 = 0.01;
/// The horizon that drives: a quota can be raised again each tick, so the short one.
const HORIZON: usize = 0;
const SPAN: Span = Span {
    horizon: HORIZON,
    past: PEAK_TICKS,
};
/// How much earlier a CPU may have begun to use what the kernel side sees it draw, in seconds: a slice.
const LOOK_S: f64 = 0.005;
/// The kernel's default enforcement period in seconds.
const PERIOD_S: f64 = 0.1;
/// What the most that was lent keeps from tick to tick: half of it in 1,386 ticks.
const FADING: f64 = 0.9995;
/// Part of the shortages that the fast path does not see in time.
const NOT_SERVED: f64 = 0.05;
/// The quantile of the forecast that is expected of the next tick.
const MIDDLE: f64 = 0.5;
/// Share of throttled periods from which no margin would have been enough.
const FAR: f64 = 0.25;

/// What the law sees of one workload at one tick.
#[derive(Debug, Clone, Copy)]
pub struct CpuInput<'a> {
    /// Which workload.
    pub workload: CgroupId,
    /// The time of the tick.
    pub now: Timestamp,
    /// What it used.
    pub usage: &'a Usage,
    /// What it is about to use, in cores.
    pub forecast: Option<&'a Forecast>,
    /// The limit in force; `None` if it cannot be read.
    pub limit: Option<Cores>,
    /// CPUs of the node.
    pub node: Cores,
    /// Seconds in which the fast path raises this quota, if it does. Then few shortages become stalls.
    pub served_in: Option<f64>,
    /// Why the quota may not fall for the sake of others like it, if so.
    pub waits: Option<Wait>,
    /// What people allow.
    pub policy: &'a Policy,
}

/// What the law remembers of one workload.
#[derive(Debug, Clone)]
pub struct CpuState {
    peak: PeakWindow<PEAK_TICKS>,
    guard: Guard,
    applied: Applied,
    feedback: Feedback,
    paper: Paper,
    reach: Reach,
    /// Work that waited at the end of the last tick, in cores over a tick.
    waiting: f64,
    /// What it wanted when that was last known.
    wanted: Option<f64>,
    /// Did it get less at the last tick, because the node is short? No margin mends that.
    short: bool,
    /// The quota that was decided last, in cores.
    base: Option<f64>,
    /// What the fast path has made of it, and until when.
    lent: Option<(f64, Timestamp)>,
    /// The most that the fast path has made of a quota, in cores, fading.
    lent_most: f64,
}

/// What the law wants for one workload, before the node's word.
#[derive(Debug, Clone, PartialEq)]
pub struct CpuWant {
    from: f64,
    /// In cores; `None` while use is unknown.
    target: Option<f64>,
    demand: f64,
    floor: f64,
    ceiling: f64,
    censored: bool,
    /// Is demand unknown, so that the quota gropes upwards?
    grows: bool,
    claim: f64,
    need: f64,
    reasons: Vec<Reason>,
    passed: Passed,
}

impl CpuWant {
    /// What the workload asks of the node. One that may not be touched keeps all it takes.
    #[must_use]
    pub fn claim(&self, weight: f64, policy: &Policy) -> Claim {
        Claim {
            wanted: self.claim,
            floor: if policy.hands_off {
                self.claim
            } else {
                self.floor
            },
            weight,
        }
    }

    /// Is demand cut off, so that what is really wanted is unknown?
    #[must_use]
    pub fn censored(&self) -> bool {
        self.censored
    }

    /// What the last tick used or would have used, in cores; where a quota cuts off what nobody counts,
    /// all of the target.
    pub(super) fn need(&self) -> f64 {
        if self.grows { self.claim } else { self.need }
    }

    /// What the tick was like under the limit on paper.
    pub(super) fn passed(&self) -> Passed {
        self.passed
    }
}

impl Default for CpuState {
    fn default() -> Self {
        Self {
            peak: PeakWindow::default(),
            guard: Guard::default(),
            applied: Applied::default(),
            feedback: Feedback::default(),
            paper: Paper::default(),
            reach: Reach::default(),
            waiting: 0.0,
            wanted: None,
            short: false,
            base: None,
            lent: None,
            lent_most: 0.0,
        }
    }
}

impl CpuState {
    /// What `cpu.max` should be; `None` where there is no such limit to decide on.
    #[must_use]
    pub fn want(&mut self, input: &CpuInput<'_>, pool: &mut Pool) -> Option<CpuWant> {
        let (now, policy) = (input.now, input.policy);
        let used = input
            .usage
            .cpu
            .map(|cpu| cpu.0)
            .filter(|cores| cores.is_finite());
        let from = input
            .limit
            .map(|limit| limit.0)
            .filter(|cores| *cores >= 0.0);
        let limited = from.is_some_and(f64::is_finite);
        let waiting = input.usage.throttled.filter(|_| limited);
        self.waiting = waiting.unwrap_or(0.0);
        // Work that waited before is in what ran now. That is no reason to think that demand is
        // less: a task that never ends has no work that is ever done.
        let demand = used.map(|used| used + self.waiting);
        if let Some(demand) = demand {
            self.peak.push(now, demand);
            self.guard.known(now, policy);
        }
        self.reach.see(demand);
        let from = from?;
        self.guard.see(now, from);
        self.applied.see(from, QUANTUM);
        let passed = self.paper.pass(now, from, self.applied.ours());

        let ceiling = input
            .node
            .0
            .min(policy.cpu_ceiling.map_or(f64::INFINITY, |cores| cores.0));
        // Up to what can be written, so that a share in whole quanta never crosses it.
        let floor = upwards(policy.cpu_floor.0).max(QUANTUM).min(ceiling);
        let mut want = CpuWant {
            from,
            target: None,
            demand: 0.0,
            floor,
            ceiling,
            censored: false,
            grows: false,
            claim: 0.0,
            need: demand.unwrap_or(0.0),
            reasons: pool.reasons(),
            passed,
        };
        self.lent_most *= FADING;
        if let Some(demand) = demand {
            let middle = |forecast: &Forecast| forecast.at(HORIZON, MIDDLE);
            self.reach
                .expect(input.forecast.map_or(0.0, middle).max(demand));
            let target = self.target(input, &mut want);
            want.target = Some(target);
            self.wanted = Some(target);
        }
        want.claim = self.wanted.unwrap_or(floor);
        Some(want)
    }

    /// At least what lasts until the fast path has raised the quota, if as many cores burst as did
    /// before.
    fn reaction(&self, input: &CpuInput<'_>, target: f64, reasons: &mut Vec<Reason>) -> f64 {
        let Some(seconds) = input.served_in else {
            return target;
        };
        let cores = self.lent_most;
        let value = upwards(cores * (seconds + LOOK_S) / PERIOD_S);
        if value <= target {
            return target;
        }
        reasons.push(Reason::Reaction {
            seconds,
            cores,
            value,
        });
        value
    }

    /// The target by demand, margin and bounds.
    fn target(&mut self, input: &CpuInput<'_>, want: &mut CpuWant) -> f64 {
        let (now, policy) = (input.now, input.policy);
        let reasons = &mut want.reasons;
        want.demand = demand(
            now,
            &self.peak,
            input.forecast,
            SPAN,
            policy.quantile,
            reasons,
        );
        let censored = Censored::of(input.usage, want.from, policy);
        want.censored = censored.is_some();
        let bounds = Bounds::new(
            policy.cpu_margin,
            policy.cpu_margin_min,
            policy.cpu_margin_max,
        );
        if self.applied.ours() && !self.short {
            let outcome = Outcome {
                stalled: want.censored,
                far: censored.is_some_and(|found| found.share >= FAR),
                killed: false,
            };
            self.feedback.learn(now, outcome, bounds);
        }
        let fraction = self.feedback.margin(bounds);
        let mut target = bounded(want.demand, want.floor, want.ceiling, reasons) * (1.0 + fraction);
        self.feedback.tell(bounds, reasons);
        reasons.push(Reason::Margin {
            fraction,
            value: target,
        });
        let price = if input.served_in.is_some() {
            policy.cpu_stall_price * NOT_SERVED
        } else {
            policy.cpu_stall_price
        };
        if let Some(worth) = self.reach.worth(price) {
            let least = self.reach.middle() * (1.0 + bounds.least());
            let value = bounded(worth.limit.max(least), want.floor, want.ceiling, reasons);
            if value < target {
                target = value;
                reasons.push(Reason::Reach {
                    covered: worth.covered,
                    ticks: worth.ticks,
                    value,
                });
            }
        }
        target = self.reaction(input, target, reasons);
        let known = price.is_finite() && input.usage.throttled.is_some();
        if known {
            if self.waiting > 0.0 {
                target += catch_up(self.waiting, price, self.reach.peak());
                reasons.push(Reason::Waiting {
                    cores: self.waiting,
                    value: target,
                });
            }
        } else if let Some(Censored { share, factor }) = censored {
            want.grows = true;
            target = target.max(want.from * factor);
            reasons.push(Reason::Throttled {
                share,
                factor,
                value: target,
            });
        }
        capped(target, want.ceiling, reasons)
    }

    /// Decides, given the share of a node that is short.
    #[must_use]
    pub fn settle(&mut self, input: &CpuInput<'_>, want: CpuWant, share: &Share) -> Decision {
        let CpuWant {
            from, mut reasons, ..
        } = want;
        self.short = !share.grant.whole;
        let (to, action) = match want.target {
            None => {
                reasons.push(Reason::NoData);
                (from, Action::Hold)
            }
            Some(target) => {
                let cap = share.cap(target, input.now, &mut reasons);
                // What was lent is in force, but the pace is that of what was decided: when the lease
                // is over, it goes on from there.
                let base = self.without_lease(from);
                let proposal = Proposal {
                    now: input.now,
                    from: base,
                    target: target.min(cap),
                    floor: want.floor,
                    ceiling: want.ceiling,
                    share: cap,
                    quantum: QUANTUM,
                    urgent: want.censored || want.demand > base,
                    veto: want.grows || input.waits.is_some(),
                };
                if target < base && !want.grows {
                    reasons.extend(input.waits.map(Wait::reason));
                }
                self.paper.follow(proposal, want.demand, input.policy);
                if input.policy.hands_off {
                    reasons.push(Reason::HandsOff);
                    (from, Action::Hold)
                } else {
                    let (to, action) = self.guard.judge(proposal, input.policy, &mut reasons);
                    self.base = Some(to);
                    self.over_lease(input.now, from, (to, action), cap, &mut reasons)
                }
            }
        };
        self.applied.decided(to, action);
        self.feedback.moves(input.now, action);
        Decision {
            workload: input.workload,
            knob: Knob::CpuMax,
            at: input.now,
            from: Some(from),
            to,
            action,
            reasons,
        }
    }

    /// The quota in force without what is lent; what somebody else has set since stands as it is.
    fn without_lease(&mut self, from: f64) -> f64 {
        match (self.lent, self.base) {
            (Some((to, _)), Some(base)) if (from - to).abs() <= QUANTUM => base.min(from),
            _ => {
                self.lent = None;
                from
            }
        }
    }

    /// What was judged, or what is lent while that is more, at most the share of a node that is
    /// short. In the end what is in force is what was decided.
    fn over_lease(
        &mut self,
        now: Timestamp,
        from: f64,
        (to, action): (f64, Action),
        cap: f64,
        reasons: &mut Vec<Reason>,
    ) -> (f64, Action) {
        let Some((lent, until)) = self.lent else {
            return (to, action);
        };
        if now < until && lent > to && lent <= cap {
            reasons.push(Reason::Lease {
                amount: lent - to,
                left_s: until.seconds_since(now),
                value: lent,
            });
            return (from, Action::Hold);
        }
        self.lent = None;
        let action = if to > from + QUANTUM / 2.0 {
            Action::Raise
        } else if to < from - QUANTUM / 2.0 {
            Action::Lower
        } else {
            Action::Hold
        };
        self.guard.lent(to.max(from));
        (to, action)
    }

    /// What was lent is over: the quota that was lent and the one that goes on, if that is less.
    pub(super) fn end_lease(&mut self) -> Option<(f64, f64)> {
        let (lent, _) = self.lent.take()?;
        let base = self.base.filter(|base| *base < lent - QUANTUM / 2.0)?;
        self.guard.lent(base);
        self.applied.lent(base);
        Some((lent, base))
    }

    /// The quota that was decided last, in cores, without what is lent.
    pub(super) fn decided(&self) -> Option<f64> {
        self.base.filter(|cores| cores.is_finite())
    }

    /// The fast path has raised the quota to `to` cores until then.
    pub(super) fn lend(&mut self, to: f64, until: Timestamp) {
        self.lent = Some((to, until));
        self.lent_most = self.lent_most.max(to);
        self.guard.lent(to);
        self.applied.lent(to);
    }

    /// Is the quota in force one that was decided here?
    pub(super) fn ours(&self) -> bool {
        self.applied.ours()
    }
}

/// Up to what can be written.
fn upwards(cores: f64) -> f64 {
    (cores / QUANTUM - 1e-6).ceil() / QUANTUM.recip()
}
