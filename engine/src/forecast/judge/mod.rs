//! Listens to the experts of one series, weighs them by what they were lately worth, corrects what
//! they say together, and keeps score.

mod calibration;
mod copier;
mod mixture;
mod pending;
mod record;
mod shift;

use super::expert::{ALL, COUNT, Expert, Experts, Statements};
use super::numbers::{self, Numbers};
use super::recent::Recent;
use super::{HORIZONS, QUANTILES, Quantiles, put_in_order};
use calibration::Calibration;
use copier::Copier;
use mixture::Mixture;
use pending::{Pending, Slot};
use record::Record;
use shift::Shift;

/// How much a series without history widens each quantile, as a fraction of the value. A
/// judgement: the first values of a new workload are its start, rarely its peak.
const WIDEN: [f64; QUANTILES.len()] = [0.0, 0.25, 0.5, 1.0];
/// Known peaks after which a series counts as known.
const GROWN: usize = 60;
/// Ticks without a value after which nothing is open and no recent tick is remembered.
const LONGEST: u64 = 64;
/// Share of the scale that makes no difference.
const NOTHING: f64 = 1e-4;
/// Outcomes before losses are compared.
const COMPARED: u16 = 20;

/// The judge of one series, with its experts.
#[derive(Debug, Clone)]
pub struct Judge {
    tick: u64,
    experts: Experts,
    mixture: Mixture,
    calibration: Calibration,
    record: Record,
    copier: Copier,
    pending: Pending,
    shift: Shift,
}

/// Who is listened to at one tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lead {
    /// The expert with the largest share.
    pub driver: Expert,
    /// Share of what is said that comes from the model, over the first horizon.
    pub model_share: f64,
}

/// What a judge says at one tick.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Finite, not negative, rising with the quantile and with the horizon.
    pub forecast: Quantiles,
    /// What each expert said.
    pub statements: Statements,
    /// Who was listened to.
    pub lead: Lead,
}

/// Who is listened to on one series, and how well it has gone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// The expert with the largest share.
    pub driver: Expert,
    /// Share of what is said that comes from the model, over the first horizon.
    pub model_share: f64,
    /// The model only repeats its input, and is not listened to.
    pub copier: bool,
    /// Share of the last peaks at or below each quantile, over the first horizon.
    pub coverage: Option<[f64; QUANTILES.len()]>,
    /// 1 minus the pinball loss over that of the best expert that is no model, of the last
    /// outcomes of the first horizon; `None` before there are enough.
    pub skill: Option<f64>,
    /// The same of the model alone, with its own quantiles or those of its errors.
    pub model_skill: Option<f64>,
}

impl Judge {
    /// A judge for a series on ticks of so many seconds.
    #[must_use]
    pub fn new(tick_s: f64) -> Self {
        Self {
            tick: 0,
            experts: Experts::new(tick_s),
            mixture: Mixture::default(),
            calibration: Calibration::default(),
            record: Record::default(),
            copier: Copier::default(),
            pending: Pending::default(),
            shift: Shift::default(),
        }
    }

    /// Takes a tick, with its value if there is one (there is at the first), and judges the
    /// forecasts whose horizon ends with it.
    pub fn observe(&mut self, value: Option<f64>) {
        self.tick += 1;
        let peaks = self.experts.observe(value);
        if let Some(value) = value {
            self.shift.observe(value);
            // What is known already need not wait: a level shift is followed at once.
            for h in 0..HORIZONS.len() {
                for slot in self.pending.decided(h, value) {
                    let scale = f64::from(slot.scale);
                    self.mixture
                        .learn(h, value, &slot.said(), &slot.mixed, scale);
                }
            }
        }
        for (h, peak) in peaks.into_iter().enumerate() {
            // A peak known from less than half of its window is not known.
            if let (Some(slot), Some(peak)) = (self.pending.due(h, self.tick), peak) {
                self.learn(h, peak, &slot);
            }
        }
    }

    /// Forecasts from here; `model` is what the model says, if it may be listened to, and `whole`
    /// tells whether all its quantiles are its own: of one that gives less only the median counts.
    pub fn forecast(&mut self, model: Option<&Quantiles>, whole: bool, scale: f64) -> Verdict {
        let (mut statements, points) = self.experts.say(model, scale);
        if !whole {
            statements[Expert::Model as usize] = None;
        }
        let (mut mixed, shares) = self.mixture.mix(&self.heard(&statements));
        put_in_order(&mut mixed);
        let mut forecast = self.calibration.correct(&mixed, scale);
        let young = 1.0 - self.experts.known().min(GROWN) as f64 / GROWN as f64;
        for horizon in &mut forecast {
            for (quantile, widen) in horizon.iter_mut().zip(WIDEN) {
                *quantile *= 1.0 + widen * young;
            }
        }
        level(&mut forecast, self.experts.last(), NOTHING * scale);
        self.shift.lift(&mut forecast);
        put_in_order(&mut forecast);
        self.pending
            .keep(self.tick, scale, &statements, &points, &mixed, &forecast);
        Verdict {
            forecast,
            statements,
            lead: Lead::of(shares),
        }
    }

    /// How well it has gone, and who is listened to at this tick.
    #[must_use]
    pub fn standing(&self, lead: &Lead) -> Standing {
        let best = (0..COUNT)
            .filter(|place| !ALL[*place].is_model())
            .filter_map(|place| self.record.expert(place, COMPARED))
            .reduce(f64::min)
            .filter(|best| *best > 0.0);
        let skill = |loss: Option<f64>| Some(1.0 - loss? / best?);
        let model = [Expert::Model, Expert::ModelErrors]
            .into_iter()
            .filter_map(|expert| self.record.expert(expert as usize, COMPARED))
            .reduce(f64::min);
        Standing {
            driver: lead.driver,
            model_share: lead.model_share,
            copier: self.copier.found(),
            coverage: self.calibration.coverage(0),
            skill: skill(self.record.system(COMPARED)),
            model_skill: skill(model),
        }
    }

    /// Forgets what is known of the model: it was exchanged.
    pub fn forget_model(&mut self) {
        for (place, expert) in ALL.into_iter().enumerate() {
            if expert.is_model() {
                self.mixture.forget(place);
                self.record.forget(place);
            }
        }
        self.copier = Copier::default();
    }

    /// The last ticks.
    #[must_use]
    pub fn recent(&self) -> &Recent {
        self.experts.recent()
    }

    /// Lets ticks pass that nobody saw: each counts as one without a value. However many they are,
    /// this takes no longer than some dozen ticks.
    pub fn skip(&mut self, ticks: u64) {
        let seen = ticks.min(LONGEST);
        (0..seen).for_each(|_| self.observe(None));
        self.tick += ticks - seen;
        self.experts.skip(ticks - seen);
    }

    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        numbers::count(to, &mut self.tick);
        self.experts.walk(to);
        self.mixture.walk(to);
        self.calibration.walk(to);
        self.record.walk(to);
        self.copier.walk(to);
        self.pending.walk(to);
        self.shift.walk(to);
    }

    fn learn(&mut self, h: usize, peak: f64, slot: &Slot) {
        let (scale, said) = (f64::from(slot.scale), slot.said());
        self.experts.learn(h, peak, &slot.points, scale);
        if !slot.decided {
            self.mixture.learn(h, peak, &said, &slot.mixed, scale);
        }
        let median = f64::from(slot.mixed[0]);
        self.calibration
            .learn(h, peak, median, &slot.forecast, scale);
        if h > 0 {
            return;
        }
        self.record.learn(peak, &said, &slot.forecast, scale);
        if let Some(median) = slot.points.model() {
            let of = |expert: Expert| self.record.expert(expert as usize, COMPARED);
            let model = of(Expert::Model).or(of(Expert::ModelErrors));
            let losses = model.zip(of(Expert::Last));
            let last = slot.points.last();
            self.copier
                .learn(peak, median, last, scale, losses.map(|(a, b)| [a, b]));
        }
    }

    /// The statements that count: a copier is judged on, so that it can come back, but not heard.
    fn heard(&self, statements: &Statements) -> Statements {
        let mut heard = *statements;
        if self.copier.found() {
            for (said, expert) in heard.iter_mut().zip(ALL) {
                if expert.is_model() {
                    *said = None;
                }
            }
        }
        heard
    }
}

impl Lead {
    fn of(shares: [f64; COUNT]) -> Self {
        let share_of_models: f64 = ALL
            .into_iter()
            .zip(shares)
            .filter(|(expert, _)| expert.is_model())
            .map(|(_, share)| share)
            .sum();
        let strongest = ALL
            .into_iter()
            .zip(shares)
            .filter(|(expert, _)| !expert.is_model())
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let driver = match strongest {
            Some((expert, share)) if share > share_of_models => expert,
            _ => Expert::Model,
        };
        Self {
            driver,
            model_share: share_of_models,
        }
    }
}

/// What is next to nothing away from the last value is the last value: a steady series is forecast as
/// it is, and not a rounding beside it.
fn level(forecast: &mut Quantiles, last: f64, nothing: f64) {
    for quantile in forecast.as_flattened_mut() {
        if (*quantile - last).abs() < nothing {
            *quantile = last;
        }
    }
}

/// Pinball loss of a forecast of quantile `q` that the outcome exceeded by `error`.
fn pinball(error: f64, q: f64) -> f64 {
    if error >= 0.0 {
        q * error
    } else {
        (q - 1.0) * error
    }
}

const _: () = assert!(HORIZONS.len() == 2);

#[cfg(test)]
mod tests;
