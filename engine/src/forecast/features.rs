//! The features of one series, as the model's contract (version 1) defines them.
//!
//! `models/pipeline/features.py` computes the same in training; the golden outputs of a released
//! model hold both to it. Every size is relative to the series' own running scale, so one model
//! serves workloads of any size.

use super::Resource;
use super::numbers::{self, Numbers};

/// Version of the contract that this code speaks.
pub const CONTRACT_VERSION: u32 = 1;
/// Features per row.
pub const COUNT: usize = 10;
/// Names, in the order of the features.
pub const NAMES: [&str; COUNT] = [
    "value",
    "ewma_fast",
    "ewma_slow",
    "ring_max",
    "ring_min",
    "scale_jump",
    "present",
    "is_cpu",
    "is_memory",
    "is_network",
];
/// Ticks in which the scale of an idle series halves.
pub const SCALE_HALF_LIFE_TICKS: f64 = 240.0;
/// Weight of a new value in the fast moving average.
pub const ALPHA_FAST: f64 = 0.3;
/// Weight of a new value in the slow moving average.
pub const ALPHA_SLOW: f64 = 0.03;
/// Values that the ring remembers.
pub const RING: usize = 12;
/// Upper end of the features that are sizes; the lower end is 0.
pub const CLIP_HIGH: f64 = 2.0;
/// Upper end of the logarithm of the scale's jump.
pub const SCALE_JUMP_MAX: f64 = 5.0;

/// Below this a series counts as idle, so that noise near zero is not blown up to full scale.
/// Cores, bytes, bytes per second.
#[must_use]
pub const fn floor(resource: Resource) -> f64 {
    match resource {
        Resource::Cpu => 0.01,
        Resource::Memory => 1_048_576.0,
        Resource::Network => 1_000.0,
    }
}

/// The running state of one series. It starts with the first present value: before that there
/// is nothing to scale by, so there is no row.
#[derive(Debug, Clone)]
pub struct FeatureRow {
    resource: Resource,
    scale: f64,
    ewma_fast: f64,
    ewma_slow: f64,
    ring: [f64; RING],
    next: u8,
    last: f64,
}

impl FeatureRow {
    /// A row from its first value, and the features of that tick.
    #[must_use]
    pub fn start(resource: Resource, value: f64) -> (Self, [f32; COUNT]) {
        let scale = value.max(floor(resource));
        let row = Self {
            resource,
            scale,
            ewma_fast: value,
            ewma_slow: value,
            ring: [value; RING],
            next: 0,
            last: value,
        };
        let features = row.features(scale, true);
        (row, features)
    }

    /// One tick, with its value if there is one, and the features of that tick.
    pub fn step(&mut self, value: Option<f64>) -> [f32; COUNT] {
        let before = self.scale;
        self.scale = (before * decay(1.0)).max(floor(self.resource));
        if let Some(x) = value {
            self.scale = self.scale.max(x);
            self.ewma_fast += ALPHA_FAST * (x - self.ewma_fast);
            self.ewma_slow += ALPHA_SLOW * (x - self.ewma_slow);
            self.ring[usize::from(self.next)] = x;
            self.next = (self.next + 1) % RING as u8;
            self.last = x;
        }
        self.features(before, value.is_some())
    }

    /// The running scale, in the unit of the series: what the model's outputs are multiples of.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Lets ticks pass that nobody saw.
    pub fn skip(&mut self, ticks: u64) {
        self.scale = (self.scale * decay(ticks as f64)).max(floor(self.resource));
    }

    /// The row as it was before its last values (newest first, `None` where missing), as far as
    /// that can be told: the averages exactly, the scale as if none of these values had raised it,
    /// and the ring as if the oldest of them had been there for long. Once the values are stepped
    /// through again, scale and averages are those of now.
    #[must_use]
    pub fn before(&self, values: impl IntoIterator<Item = Option<f64>>) -> Self {
        let mut row = self.clone();
        let mut oldest = None;
        for value in values {
            row.scale /= decay(1.0);
            if let Some(x) = value {
                for (average, alpha) in [
                    (&mut row.ewma_fast, ALPHA_FAST),
                    (&mut row.ewma_slow, ALPHA_SLOW),
                ] {
                    *average = ((*average - alpha * x) / (1.0 - alpha)).max(0.0);
                }
                oldest = Some(x);
            }
        }
        if let Some(x) = oldest {
            row.ring = [x; RING];
            row.last = x;
        }
        row
    }

    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        for number in [
            &mut self.scale,
            &mut self.ewma_fast,
            &mut self.ewma_slow,
            &mut self.last,
        ] {
            numbers::values(to, std::slice::from_mut(number));
        }
        numbers::values(to, &mut self.ring);
        numbers::count(to, &mut self.next);
        let sound = self.scale >= floor(self.resource) && usize::from(self.next) < RING;
        numbers::hold(to, sound);
    }

    fn features(&self, scale_before: f64, present: bool) -> [f32; COUNT] {
        let sized = |x: f64| (x / self.scale).clamp(0.0, CLIP_HIGH) as f32;
        let flag = |on: bool| f32::from(u8::from(on));
        let jump = (self.scale / scale_before).ln().min(SCALE_JUMP_MAX);
        [
            sized(self.last),
            sized(self.ewma_fast),
            sized(self.ewma_slow),
            sized(self.ring.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            sized(self.ring.iter().copied().fold(f64::INFINITY, f64::min)),
            jump as f32,
            flag(present),
            flag(self.resource == Resource::Cpu),
            flag(self.resource == Resource::Memory),
            flag(self.resource == Resource::Network),
        ]
    }
}

/// What is left of a scale after so many ticks.
fn decay(ticks: f64) -> f64 {
    (-ticks / SCALE_HALF_LIFE_TICKS).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_wound_back_and_forth_is_the_same() {
        let value = |tick: u32| (tick % 5 != 3).then_some(f64::from(tick * 7 % 11) / 10.0);
        let (mut row, _) = FeatureRow::start(Resource::Cpu, 1.5);
        (0..100).for_each(|tick| {
            row.step(value(tick));
        });
        let mut again = row.before((68..100).rev().map(value));
        let (mut now, mut then) = (row.clone(), Default::default());
        (68..100).for_each(|tick| then = again.step(value(tick)));
        for (a, b) in now.step(Some(0.3)).iter().zip(again.step(Some(0.3))) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
        assert!(then.iter().all(|x| x.is_finite()));
    }

    fn near(a: f32, b: f64) -> bool {
        (f64::from(a) - b).abs() < 1e-6
    }

    #[test]
    fn first_value_fills_everything_with_itself() {
        let (row, f) = FeatureRow::start(Resource::Cpu, 0.5);
        assert!(near(row.scale() as f32, 0.5));
        let expected = [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0];
        assert!(f.iter().zip(expected).all(|(f, x)| near(*f, x)), "{f:?}");
    }

    #[test]
    fn an_idle_series_is_scaled_by_the_floor() {
        let (row, f) = FeatureRow::start(Resource::Network, 100.0);
        assert!((row.scale() - 1_000.0).abs() < 1e-9);
        assert!(near(f[0], 0.1));
    }

    #[test]
    fn scale_halves_in_its_half_life_and_never_falls_below_the_floor() {
        let (mut row, _) = FeatureRow::start(Resource::Memory, 8.0 * 1_048_576.0);
        for _ in 0..240 {
            row.step(Some(0.0));
        }
        assert!((row.scale() / (4.0 * 1_048_576.0) - 1.0).abs() < 1e-9);
        for _ in 0..2_000 {
            row.step(Some(0.0));
        }
        assert!((row.scale() - 1_048_576.0).abs() < 1e-6);
    }

    #[test]
    fn a_missing_value_repeats_the_last_and_leaves_averages_and_ring() {
        let (mut row, _) = FeatureRow::start(Resource::Cpu, 1.0);
        row.step(Some(0.5));
        let (fast, ring) = (row.ewma_fast, row.ring);
        let f = row.step(None);
        assert!(near(f[6], 0.0));
        assert!(near(f[0], 0.5 / row.scale()));
        assert!((row.ewma_fast - fast).abs() < 1e-12);
        assert!(
            row.ring
                .iter()
                .zip(ring)
                .all(|(a, b)| (a - b).abs() < 1e-12)
        );
    }

    #[test]
    fn a_jump_is_a_capped_logarithm() {
        let (mut row, _) = FeatureRow::start(Resource::Cpu, 0.01);
        assert!(near(row.step(Some(0.02))[5], 2.0_f64.ln()));
        assert!(near(row.step(Some(1e9))[5], SCALE_JUMP_MAX));
        // Without a peak the scale only decays: the logarithm of that is the same each tick.
        assert!(near(row.step(Some(0.0))[5], -(2.0_f64.ln()) / 240.0));
    }

    #[test]
    fn ring_forgets_after_twelve_values() {
        let (mut row, _) = FeatureRow::start(Resource::Cpu, 4.0);
        let mut f = row.step(Some(1.0));
        assert!(near(f[3], 4.0 / row.scale()));
        for _ in 0..11 {
            f = row.step(Some(1.0));
        }
        assert!(near(f[3], 1.0 / row.scale()));
    }
}
