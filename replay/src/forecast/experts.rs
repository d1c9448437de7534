//! What the parts of the engine's forecaster say by themselves: the one place that asks for it.

use llmos_engine::forecast::Quantiles;
use llmos_engine::forecast::baseline::Baseline;

/// The engine's own baseline, fed as the engine feeds it.
#[derive(Debug, Clone, Default)]
pub struct Experts {
    baseline: Baseline,
}

impl Experts {
    /// One tick, in the engine's unit; an unknown value adds nothing.
    pub fn push(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.baseline.push(value);
        }
    }

    /// Name and forecast of each.
    pub fn said(&self) -> impl Iterator<Item = (&'static str, Quantiles)> {
        let baseline = self.baseline.forecast();
        baseline.into_iter().map(|said| ("engine_baseline", said))
    }
}
