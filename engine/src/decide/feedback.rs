//! What happened after the decisions moves the margin of each workload, within bounds of policy.
//!
//! ```text
//! stall          margin += STEP * (max - min)        (a quarter of it when it was far too short)
//! kill           margin += 5 * STEP * (max - min)
//! oscillation    margin += STEP * (max - min)        at each third turn within five minutes
//! calm (waste)   margin -> min, half of the way in an hour
//! ```

use super::{Action, Reason};
use crate::units::Timestamp;

/// A margin that has moved by less is not worth a word.
const WORTH_TELLING: f64 = 0.005;
/// Part of the whole range that one stall is worth.
const STEP: f64 = 0.05;
const KILL_STEPS: f64 = 5.0;
/// A stall that no margin would have prevented teaches little.
const FAR_STEPS: f64 = 0.25;
const CALM_HALF_LIFE_S: f64 = 3600.0;
/// A limit that is raised so soon after it fell has turned.
const TURN_S: f64 = 60.0;
const TURNS_HALF_LIFE_S: f64 = 300.0;
const TURNS: f64 = 2.5;

/// Bounds of a margin, all as fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    base: f64,
    min: f64,
    max: f64,
}

impl Bounds {
    /// The least that the margin can be.
    pub(super) fn least(&self) -> f64 {
        self.min
    }

    /// Bounds that hold the margin that policy begins with, wherever it is.
    pub(super) fn new(base: f64, min: f64, max: f64) -> Self {
        Self {
            base,
            min: min.min(base),
            max: max.max(base),
        }
    }
}

/// What happened in the last tick, under a limit of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Outcome {
    /// Demand was cut off by a little.
    pub stalled: bool,
    /// It was cut off by far.
    pub far: bool,
    /// A process was killed for want of memory.
    pub killed: bool,
}

/// The margin of one limit of one workload.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Feedback {
    /// What was added to the base, as a fraction; negative after long calm.
    moved: f64,
    last: Option<Timestamp>,
    fell: Option<Timestamp>,
    turns: f64,
}

impl Feedback {
    /// The margin now.
    pub(super) fn margin(&self, bounds: Bounds) -> f64 {
        (bounds.base + self.moved).clamp(bounds.min, bounds.max)
    }

    /// Learns from a tick.
    pub(super) fn learn(&mut self, now: Timestamp, outcome: Outcome, bounds: Bounds) {
        let seconds = self.last.map_or(0.0, |last| now.seconds_since(last));
        self.last = Some(now);
        let range = (bounds.max - bounds.min).max(0.0);
        let mut margin = self.margin(bounds);
        self.turns *= (-seconds / TURNS_HALF_LIFE_S).exp2();
        let mut steps = 0.0;
        if outcome.killed {
            steps += KILL_STEPS;
        } else if outcome.far {
            steps += FAR_STEPS;
        } else if outcome.stalled {
            steps += 1.0;
        }
        if self.turns > TURNS {
            self.turns = 0.0;
            steps += 1.0;
        }
        if steps > 0.0 {
            margin += steps * STEP * range;
        } else {
            margin = bounds.min + (margin - bounds.min) * (-seconds / CALM_HALF_LIFE_S).exp2();
        }
        self.moved = margin.clamp(bounds.min, bounds.max) - bounds.base;
    }

    /// Says that the margin is not what policy began with, if so.
    pub(super) fn tell(&self, bounds: Bounds, reasons: &mut Vec<Reason>) {
        let fraction = self.margin(bounds);
        if (fraction - bounds.base).abs() >= WORTH_TELLING {
            reasons.push(Reason::Learned {
                base: bounds.base,
                fraction,
            });
        }
    }

    /// Takes note of what the limit does now.
    pub(super) fn moves(&mut self, now: Timestamp, action: Action) {
        match action {
            Action::Lower => self.fell = Some(now),
            Action::Raise => {
                let soon = |fell: &Timestamp| now.seconds_since(*fell) < TURN_S;
                if self.fell.take().is_some_and(|fell| soon(&fell)) {
                    self.turns += 1.0;
                }
            }
            Action::Hold => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        base: 0.15,
        min: 0.1,
        max: 0.6,
    };
    const CALM: Outcome = Outcome {
        stalled: false,
        far: false,
        killed: false,
    };

    fn at(s: u64) -> Timestamp {
        Timestamp(s * 1_000_000_000)
    }

    fn margin_after(outcome: Outcome, ticks: u64) -> f64 {
        let mut feedback = Feedback::default();
        (0..ticks).for_each(|s| feedback.learn(at(s), outcome, BOUNDS));
        feedback.margin(BOUNDS)
    }

    #[test]
    fn a_stall_widens_and_a_far_one_less_and_a_kill_more() {
        let stalled = Outcome {
            stalled: true,
            ..CALM
        };
        let far = Outcome {
            far: true,
            ..stalled
        };
        let killed = Outcome {
            killed: true,
            ..CALM
        };
        assert!((margin_after(stalled, 1) - 0.175).abs() < 1e-9);
        assert!((margin_after(far, 1) - 0.15625).abs() < 1e-9);
        assert!((margin_after(killed, 1) - 0.275).abs() < 1e-9);
        assert!((margin_after(stalled, 100) - 0.6).abs() < 1e-9, "bounded");
    }

    #[test]
    fn calm_narrows_slowly_down_to_the_least() {
        assert!((margin_after(CALM, 3601) - 0.125).abs() < 1e-6);
        let long = margin_after(CALM, 100_000);
        assert!((0.1..0.1001).contains(&long), "{long}");
    }

    #[test]
    fn a_limit_that_goes_up_and_down_is_given_room() {
        let mut feedback = Feedback::default();
        for turn in 0..3 {
            feedback.moves(at(10 * turn), Action::Lower);
            feedback.moves(at(10 * turn + 5), Action::Raise);
            feedback.learn(at(10 * turn + 5), CALM, BOUNDS);
        }
        assert!(feedback.margin(BOUNDS) > 0.17);
        let mut rare = Feedback::default();
        for turn in 0..30 {
            rare.moves(at(1000 * turn), Action::Lower);
            rare.moves(at(1000 * turn + 500), Action::Raise);
            rare.learn(at(1000 * turn + 500), CALM, BOUNDS);
        }
        assert!(rare.margin(BOUNDS) <= 0.15);
    }

    #[test]
    fn a_margin_outside_of_its_bounds_takes_them_along() {
        let feedback = Feedback::default();
        for base in [-0.25, 2.0] {
            let margin = feedback.margin(Bounds::new(base, 0.1, 0.6));
            assert!((margin - base).abs() < 1e-9, "{margin}");
        }
    }

    #[test]
    fn new_bounds_hold_at_once() {
        let mut feedback = Feedback::default();
        let killed = Outcome {
            killed: true,
            ..CALM
        };
        (0..9).for_each(|s| feedback.learn(at(s), killed, BOUNDS));
        let narrow = Bounds { max: 0.2, ..BOUNDS };
        assert!((feedback.margin(narrow) - 0.2).abs() < 1e-9);
    }
}
