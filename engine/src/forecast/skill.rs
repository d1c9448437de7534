//! Which of two forecasters has lately been better on one series: a first, light skill gate.
//!
//! Each tick both say the 0.95 quantile of the peak over the short horizon. When that horizon has
//! passed, both are scored by pinball loss against the peak that came, and the losses decay. The
//! model drives only while its loss is no worse than the baseline's.

use super::HORIZONS;

/// The horizon that is scored, as an index and in ticks.
pub(super) const HORIZON: usize = 0;
const TICKS: usize = HORIZONS[HORIZON];
/// The quantile that is scored, as an index into `QUANTILES`, and as a number.
pub(super) const QUANTILE: usize = 2;
const Q: f64 = super::QUANTILES[QUANTILE];

/// Weight of a new loss: half of the memory is about 34 ticks old.
const ALPHA: f64 = 0.02;
/// Scores before the comparison says anything.
const MIN_SCORES: u32 = 20;
/// Differences below this share of the scale are noise, in either direction.
const TIE: f64 = 0.002;
/// The driving model is kept until it is this much worse, so that the two do not take turns.
const KEEP: f64 = 1.15;

#[derive(Debug, Clone, Copy)]
struct Pending {
    model: f64,
    baseline: f64,
    scale: f64,
    peak: f64,
    seen: usize,
}

/// The running comparison of one series.
#[derive(Debug, Clone, Default)]
pub(super) struct Skill {
    pending: [Option<Pending>; TICKS],
    next: usize,
    model_loss: f64,
    baseline_loss: f64,
    scores: u32,
    model_drives: bool,
}

impl Skill {
    /// Takes the value of a tick before the forecasts of that tick are made: scores the forecast
    /// whose horizon ends here.
    pub(super) fn observe(&mut self, value: Option<f64>) {
        if let Some(x) = value {
            for pending in self.pending.iter_mut().flatten() {
                pending.peak = pending.peak.max(x);
                pending.seen += 1;
            }
        }
        let Some(due) = self.pending[self.next].take() else {
            return;
        };
        // A peak known from less than half of its window is not known.
        if 2 * due.seen < TICKS {
            return;
        }
        let model = pinball(due.peak - due.model) / due.scale;
        let baseline = pinball(due.peak - due.baseline) / due.scale;
        self.scores = self.scores.saturating_add(1);
        // A plain mean at first, then the decaying one.
        let weight = ALPHA.max(1.0 / f64::from(self.scores));
        self.model_loss += weight * (model - self.model_loss);
        self.baseline_loss += weight * (baseline - self.baseline_loss);
        self.model_drives = self.scores >= MIN_SCORES
            && if self.model_drives {
                self.model_loss <= self.baseline_loss * KEEP + TIE
            } else {
                self.model_loss <= self.baseline_loss + TIE
            };
    }

    /// Notes what both said at this tick; without a model's word there is nothing to compare.
    pub(super) fn said(&mut self, model: Option<f64>, baseline: f64, scale: f64) {
        self.pending[self.next] = model.map(|model| Pending {
            model,
            baseline,
            scale,
            peak: 0.0,
            seen: 0,
        });
        self.next = (self.next + 1) % TICKS;
    }

    /// Does the model drive this series?
    pub(super) fn model_drives(&self) -> bool {
        self.model_drives
    }
}

/// Pinball loss of a forecast that the outcome exceeded by `error`.
fn pinball(error: f64) -> f64 {
    if error >= 0.0 {
        Q * error
    } else {
        (Q - 1.0) * error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `ticks` of a constant series of 1.0 on which both always say the same.
    fn run(skill: &mut Skill, ticks: usize, model: f64, baseline: f64) {
        for _ in 0..ticks {
            skill.observe(Some(1.0));
            skill.said(Some(model), baseline, 1.0);
        }
    }

    #[test]
    fn the_better_model_drives_after_enough_scores() {
        let mut skill = Skill::default();
        run(&mut skill, 24, 1.0, 2.0);
        assert!(!skill.model_drives(), "nineteen scores are too few");
        run(&mut skill, 2, 1.0, 2.0);
        assert!(skill.model_drives());
    }

    #[test]
    fn a_model_that_turns_bad_is_set_aside_and_comes_back() {
        let mut skill = Skill::default();
        run(&mut skill, 60, 1.0, 1.2);
        assert!(skill.model_drives());
        run(&mut skill, 30, 0.2, 1.2);
        assert!(
            !skill.model_drives(),
            "far too low, so the baseline is better"
        );
        run(&mut skill, 400, 1.0, 1.2);
        assert!(skill.model_drives());
    }

    #[test]
    fn too_low_costs_more_than_too_high() {
        assert!(pinball(0.5) > 10.0 * pinball(-0.5));
    }

    #[test]
    fn missing_values_give_no_score() {
        let mut skill = Skill::default();
        for _ in 0..100 {
            skill.observe(None);
            skill.said(Some(1.0), 2.0, 1.0);
        }
        assert_eq!(skill.scores, 0);
    }
}
