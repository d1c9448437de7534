//! The law of `cpu.max`: enough for the forecast peak, up at once, down slowly.

use super::demand::demand;
use super::guard::{Guard, Proposal, bounded, capped};
use super::{Action, Decision, Knob, Reason};
use crate::forecast::Forecast;
use crate::policy::Policy;
use crate::sample::{PeakWindow, Usage};
use crate::units::{CgroupId, Cores, Timestamp};

/// Ticks of the recent past whose peak counts beside the forecast.
const PEAK_TICKS: usize = 10;
/// Writes of `cpu.max` are multiples of ten millicores: finer is noise to the scheduler.
const QUANTUM: f64 = 0.01;
/// The horizon that drives: a quota can be raised again each tick, so the short one.
const HORIZON: usize = 0;
/// Share of throttled periods from which demand counts as cut off by the limit.
const THROTTLED: f64 = 0.03;
/// Share from which it grows faster.
const THROTTLED_HARD: f64 = 0.25;
/// Growth of a limit that cuts demand off, a tick; how much is missing cannot be measured.
const GROWTH: f64 = 1.5;
/// Growth of a limit that cuts demand off hard.
const GROWTH_HARD: f64 = 2.0;

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
    /// What people allow.
    pub policy: &'a Policy,
}

/// What the law remembers of one workload.
#[derive(Debug, Clone)]
pub struct CpuState {
    peak: PeakWindow,
    guard: Guard,
}

impl Default for CpuState {
    fn default() -> Self {
        Self {
            peak: PeakWindow::new(PEAK_TICKS),
            guard: Guard::default(),
        }
    }
}

/// Decides on `cpu.max`; `None` where there is no such limit to decide on.
#[must_use]
pub fn decide_cpu(state: &mut CpuState, input: &CpuInput<'_>) -> Option<Decision> {
    let used = input
        .usage
        .cpu
        .map(|cpu| cpu.0)
        .filter(|cores| cores.is_finite());
    if let Some(cores) = used {
        state.peak.push(input.now, cores);
    }
    let from = input
        .limit
        .map(|limit| limit.0)
        .filter(|cores| *cores >= 0.0)?;
    state.guard.see(input.now, from);

    let policy = input.policy;
    let ceiling = input
        .node
        .0
        .min(policy.cpu_ceiling.map_or(f64::INFINITY, |cores| cores.0));
    let floor = policy.cpu_floor.0.max(QUANTUM).min(ceiling);
    let mut reasons = Vec::new();
    let (to, action) = if used.is_none() {
        reasons.push(Reason::NoData);
        (from, Action::Hold)
    } else {
        let demand = demand(
            input.now,
            &state.peak,
            input.forecast,
            HORIZON,
            input.policy.quantile,
            &mut reasons,
        );
        let mut target = bounded(demand, floor, ceiling, &mut reasons) * (1.0 + policy.cpu_margin);
        reasons.push(Reason::Margin {
            fraction: policy.cpu_margin,
            value: target,
        });
        let share = input.usage.throttled_share.unwrap_or(0.0);
        let censored = share > THROTTLED && from.is_finite();
        if censored {
            let factor = if share > THROTTLED_HARD {
                GROWTH_HARD
            } else {
                GROWTH
            };
            target = target.max(from * factor);
            reasons.push(Reason::Throttled {
                share,
                factor,
                value: target,
            });
        }
        let proposal = Proposal {
            now: input.now,
            from,
            target: capped(target, ceiling, &mut reasons),
            floor,
            ceiling,
            quantum: QUANTUM,
            urgent: censored || demand > from,
            veto: censored,
        };
        state.guard.judge(proposal, policy, &mut reasons)
    };
    Some(Decision {
        workload: input.workload,
        knob: Knob::CpuMax,
        at: input.now,
        from: Some(from),
        to,
        action,
        reasons,
    })
}
