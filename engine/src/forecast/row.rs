//! One live series: its features, its judge, and how far the model is with it.

use super::expert::Statements;
use super::features::{self, FeatureRow};
use super::judge::Judge;
use super::numbers::{self, Numbers};
use super::series::{Forecast, SeriesKey, Source, Told};
use super::{OUTPUTS, Quantiles, put_in_order};

/// Steps of the model on a series before it is listened to: its state starts from nothing.
pub const WARM_STEPS: u32 = 30;

/// A row of the batch, less its recurrent state.
#[derive(Debug)]
pub struct Row {
    /// Which series.
    pub key: SeriesKey,
    /// The tick at which the row was last observed.
    pub tick: u64,
    /// Input of the model at this tick.
    pub input: [f32; features::COUNT],
    /// Steps of the model since the row's recurrent state was zero.
    pub model_steps: u32,
    /// The tick at which it was last warmed up.
    warmed: Option<u64>,
    features: FeatureRow,
    judge: Judge,
}

/// What a row says at one tick.
pub struct Word {
    /// Was what the model answered, if it did, a number?
    pub sound: bool,
    /// What each expert said.
    pub statements: Statements,
    /// The forecast, and who was listened to.
    pub told: Told,
}

impl Row {
    /// A row from its first value.
    pub fn start(key: SeriesKey, tick: u64, tick_s: f64, value: f64) -> Self {
        let (features, input) = FeatureRow::start(key.1, value);
        let mut judge = Judge::new(tick_s);
        judge.observe(Some(value));
        Self {
            key,
            tick,
            input,
            model_steps: 0,
            warmed: None,
            features,
            judge,
        }
    }

    /// A row that is about to be filled from what was saved.
    pub fn blank(key: SeriesKey, tick: u64, tick_s: f64) -> Self {
        let (features, input) = FeatureRow::start(key.1, 0.0);
        Self {
            key,
            tick,
            input,
            model_steps: 0,
            warmed: None,
            features,
            judge: Judge::new(tick_s),
        }
    }

    /// One tick, with its value if there is one.
    pub fn observe(&mut self, tick: u64, value: Option<f64>) {
        self.tick = tick;
        self.input = self.features.step(value);
        self.judge.observe(value);
    }

    /// Lets ticks pass that nobody saw.
    pub fn skip(&mut self, ticks: u64) {
        self.features.skip(ticks);
        self.judge.skip(ticks);
    }

    /// Forecasts, with what the model answered if it did (`whole`: all of it is its own).
    pub fn forecast(&mut self, answer: Option<&[f32]>, whole: bool) -> Word {
        let scale = self.features.scale();
        let model = answer.and_then(|raw| guarded(raw, scale));
        let sound = answer.is_none() || model.is_some();
        if !sound {
            self.model_steps = 0;
        }
        let model = model.filter(|_| self.model_steps >= WARM_STEPS);
        let verdict = self.judge.forecast(model.as_ref(), whole, scale);
        let source = if verdict.lead.driver.is_model() {
            Source::Model
        } else {
            Source::Baseline
        };
        let forecast = Forecast {
            source,
            horizons: verdict.forecast,
        };
        Word {
            sound,
            statements: verdict.statements,
            told: Told {
                forecast: Some(forecast),
                standing: Some(self.judge.standing(&verdict.lead)),
            },
        }
    }

    /// The model was exchanged.
    pub fn forget_model(&mut self) {
        self.judge.forget_model();
    }

    /// Ticks before this one that the model can be taken through; `None` when it has seen them, when
    /// most of them have no value, or when it was taken through some not long ago.
    pub fn lacks(&self) -> Option<usize> {
        let recent = self.judge.recent();
        let ticks = (recent.len().saturating_sub(1)).min(WARM_STEPS as usize);
        let lacks = ticks > self.model_steps as usize && 2 * recent.known() >= ticks;
        let tried = |then| self.tick < then + u64::from(WARM_STEPS);
        (lacks && !self.warmed.is_some_and(tried)).then_some(ticks)
    }

    /// The features of a series as they were so many ticks ago.
    pub fn features_before(&self, ticks: usize) -> FeatureRow {
        let recent = self.judge.recent();
        self.features
            .before((0..=ticks).map(|back| recent.back(back)))
    }

    /// The value of so many ticks ago.
    pub fn back(&self, ticks: usize) -> Option<f64> {
        self.judge.recent().back(ticks)
    }

    /// The model was taken through the last ticks.
    pub fn warmed_up(&mut self, ticks: usize) {
        self.model_steps = u32::try_from(ticks).unwrap_or(WARM_STEPS);
        self.warmed = Some(self.tick);
    }

    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        self.features.walk(to);
        self.judge.walk(to);
        numbers::count(to, &mut self.model_steps);
    }
}

/// Outputs of the model in the unit of the series, put in order; `None` if one is not finite.
fn guarded(raw: &[f32], scale: f64) -> Option<Quantiles> {
    debug_assert_eq!(raw.len(), OUTPUTS);
    let mut out = Quantiles::default();
    for (slot, x) in out.as_flattened_mut().iter_mut().zip(raw) {
        *slot = f64::from(*x) * scale;
        if !slot.is_finite() {
            return None;
        }
    }
    put_in_order(&mut out);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_small() {
        // A thousand workloads have two or three thousand rows, in an agent of forty mebibytes.
        let bytes = size_of::<Row>();
        assert!(bytes <= 7_300, "{bytes} bytes");
    }
}
