//! The Vertical Pod Autoscaler of Kubernetes: recommender, and updater in place.
//!
//! Source: kubernetes/autoscaler, vertical-pod-autoscaler 1.7. Samples each minute go into histograms
//! of buckets growing by 5 % whose weights halve in 24 h; of CPU each sample with the weight of the
//! request at that time (0.1 at least), of memory the peak of each 24 h. Target, lower and upper bound
//! are the 0.9, 0.5 and 0.95 quantiles times 1.15; with little history (in days) the upper bound is
//! (1 + 1/days) times as high and the lower one (1 + 0.001/days)^-2 times. The updater looks each
//! minute and sets the target where the request is outside of the bounds, or after 12 h of life where
//! it is 10 % off, or after an OOM kill within 10 minutes of a start. An OOM kill counts as a use of
//! 1.2 times the use, at least 100 MiB more.
//!
//! No recommendation of CPU is below 25 millicores.
//!
//! It sets requests; the limit keeps its ratio to the request, which is one here. Updates are made in
//! place, which is its strongest mode. Its floor of memory (250 MB) is left out, to its favour: traces
//! in fractions have no natural size, and it would only be slack.

use super::{Rival, Seen};
use crate::control::Bounds;
use crate::reference::DecayedHistogram;

const MARGIN: f64 = 1.15;
const MINUTE_S: f64 = 60.0;
const DAY_S: f64 = 86_400.0;
/// Age after which a difference is enough.
const LIFE_S: f64 = 12.0 * 3600.0;
const DIFFERENCE: f64 = 0.1;
const QUICK_OOM_S: f64 = 600.0;
const OOM_FACTOR: f64 = 1.2;
const OOM_BYTES: f64 = 100.0 * 1_048_576.0;
/// Weight of a CPU sample at least.
const LEAST_WEIGHT: f64 = 0.1;
/// First bucket: 0.01 cores, 10 MB.
const FIRST_CORES: f64 = 0.01;
const FIRST_BYTES: f64 = 1e7;
/// Floor of CPU.
const LEAST_CORES: f64 = 0.025;
/// Places of the lower bound, target and upper bound among the quantiles of the histogram.
const LOWER: usize = 0;
const TARGET: usize = 1;
const UPPER: usize = 2;

/// See the module.
#[derive(Debug, Clone)]
pub struct Vpa {
    usage: Usage,
    life_s: f64,
    started_s: f64,
    /// Since the last sample: amount times seconds, and seconds.
    sum: (f64, f64),
    request: Option<f64>,
}

#[derive(Debug, Clone)]
enum Usage {
    /// Samples and the step of their decay in seconds.
    Cpu(Option<(DecayedHistogram, f64)>),
    /// The peak of each day.
    Memory(Vec<f64>),
}

impl Vpa {
    const fn new(usage: Usage) -> Self {
        Self {
            usage,
            life_s: 0.0,
            started_s: 0.0,
            sum: (0.0, 0.0),
            request: None,
        }
    }

    /// On CPU.
    pub const fn cpu() -> Self {
        Self::new(Usage::Cpu(None))
    }

    /// On memory.
    pub const fn memory() -> Self {
        Self::new(Usage::Memory(Vec::new()))
    }

    /// One sample, which stands for so many seconds.
    fn sample(&mut self, used: f64, seconds: f64) {
        match &mut self.usage {
            Usage::Cpu(samples) => {
                let (histogram, _) = samples.get_or_insert_with(|| {
                    (DecayedHistogram::new(FIRST_CORES, DAY_S / seconds), seconds)
                });
                let weight = self.request.unwrap_or(0.0).max(LEAST_WEIGHT);
                histogram.push_weighted(Some(used), weight);
            }
            Usage::Memory(_) => self.peak(used),
        }
    }

    fn peak(&mut self, used: f64) {
        if let Usage::Memory(peaks) = &mut self.usage {
            let day = (self.life_s / DAY_S) as usize;
            peaks.resize(peaks.len().max(day + 1), 0.0);
            peaks[day] = peaks[day].max(used);
        }
    }

    /// Lower bound, target and upper bound.
    fn recommendation(&self) -> Option<[f64; 3]> {
        let quantiles = match &self.usage {
            Usage::Cpu(samples) => samples.as_ref()?.0.quantiles()?,
            Usage::Memory(peaks) => {
                let mut days = DecayedHistogram::new(FIRST_BYTES, 1.0);
                peaks
                    .iter()
                    .for_each(|peak| days.push(Some(*peak).filter(|peak| *peak > 0.0)));
                days.quantiles()?
            }
        };
        let days = self.life_s / DAY_S;
        let floor = match &self.usage {
            Usage::Cpu(_) => LEAST_CORES,
            Usage::Memory(_) => 0.0,
        };
        let bounds = [
            quantiles[LOWER] * MARGIN * (1.0 + 0.001 / days).powi(-2),
            quantiles[TARGET] * MARGIN,
            quantiles[UPPER] * MARGIN * (1.0 + 1.0 / days),
        ];
        Some(bounds.map(|bound| bound.max(floor)))
    }
}

impl Rival for Vpa {
    fn decide(&mut self, seen: &Seen) -> Bounds {
        self.life_s += seen.step_s;
        let quick = seen.kills > 0 && self.life_s - self.started_s < QUICK_OOM_S;
        if seen.kills > 0 {
            let at = seen.bounds.max;
            self.peak((at * OOM_FACTOR).max(at + OOM_BYTES));
            self.started_s = self.life_s;
        }
        if let Some(used) = seen.used {
            self.sum.0 += used * seen.step_s;
            self.sum.1 += seen.step_s;
        }
        if self.sum.1 + 1e-6 >= MINUTE_S {
            let (amount, seconds) = std::mem::take(&mut self.sum);
            self.sample(amount / seconds, seconds);
            if let Some([lower, target, upper]) = self.recommendation() {
                let update = self.request.is_none_or(|request| {
                    let off = (target - request).abs() / request;
                    let old = self.life_s > LIFE_S && off >= DIFFERENCE;
                    request < lower || request > upper || old || (quick && off > 0.0)
                });
                if update {
                    self.request = Some(target);
                }
            }
        }
        self.request.map_or(Bounds::NONE, Bounds::hard)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{calm, near};
    use super::*;

    /// Upper end of the bucket of a value: first * (1.05^n - 1) / 0.05.
    fn end(first: f64, value: f64) -> f64 {
        let mut n = 0;
        let at = |n| first * (1.05_f64.powi(n) - 1.0) / 0.05;
        while at(n) <= value {
            n += 1;
        }
        at(n)
    }

    #[test]
    fn the_target_is_the_upper_end_of_the_bucket_of_the_ninth_tenth_and_a_margin() {
        let mut vpa = Vpa::cpu();
        let first = vpa.decide(&calm(60.0, 1.0)).max;
        assert!(near(first, 1.15 * end(0.01, 1.0)), "{first}");
        // A day of 95 % at one core and 5 % at two: the target stays, the upper bound is at two.
        for minute in 0..1440 {
            vpa.decide(&calm(60.0, if minute % 20 == 0 { 2.0 } else { 1.0 }));
        }
        let [lower, target, upper] = vpa.recommendation().unwrap();
        assert!(near(target, first), "{target}");
        let days = 1441.0 / 1440.0;
        assert!(
            near(lower, first * (1.0 + 0.001_f64 / days).powi(-2)),
            "{lower}"
        );
        let one = 1.15 * end(0.01, 1.0) * (1.0 + 1.0 / days);
        assert!(near(upper, one) || upper > one, "{upper}");
        assert!(
            near(vpa.request.unwrap(), first),
            "inside of the bounds nothing moves"
        );
    }

    #[test]
    fn an_idle_workload_keeps_25_millicores() {
        assert!(near(Vpa::cpu().decide(&calm(60.0, 0.0)).max, 0.025));
    }

    #[test]
    fn after_twelve_hours_a_tenth_is_enough_and_before_it_the_bounds_decide() {
        let mut vpa = Vpa::cpu();
        for _ in 0..600 {
            vpa.decide(&calm(60.0, 1.0));
        }
        let before = vpa.request.unwrap();
        // 11 hours old: two of eleven hours at 1.2 are above the ninth tenth, yet within the bounds.
        for _ in 0..119 {
            vpa.decide(&calm(60.0, 1.2));
        }
        assert!(near(vpa.request.unwrap(), before), "11 h 59 min");
        let target = vpa.recommendation().unwrap()[TARGET];
        assert!(near(target, 1.15 * end(0.01, 1.2)) && target > before * 1.1);
        for _ in 0..3 {
            vpa.decide(&calm(60.0, 1.2));
        }
        assert!(near(vpa.request.unwrap(), 1.15 * end(0.01, 1.2)));
    }

    #[test]
    fn an_oom_kill_counts_as_a_fifth_more_than_the_limit_and_acts_at_once_if_it_is_early() {
        let gib = 1_073_741_824.0;
        let mut vpa = Vpa::memory();
        let first = vpa.decide(&calm(60.0, gib)).max;
        assert!(near(first, 1.15 * end(1e7, gib)));
        let killed = Seen {
            bounds: Bounds::hard(first),
            kills: 1,
            ..calm(60.0, 0.2 * gib)
        };
        assert!(near(vpa.decide(&killed).max, 1.15 * end(1e7, 1.2 * first)));
    }

    #[test]
    fn of_memory_the_peaks_of_days_count_and_halve_each_day() {
        let mut vpa = Vpa::memory();
        let day = |vpa: &mut Vpa, used: f64| {
            for _ in 0..288 {
                vpa.decide(&calm(300.0, used));
            }
        };
        day(&mut vpa, 4e9);
        (0..4).for_each(|_| day(&mut vpa, 1e9));
        // Weights 1, 2, 4, 8, 16 and the beginning of a sixth day: 4 GB are less than a tenth.
        let target = vpa.recommendation().unwrap()[TARGET];
        assert!(near(target, 1.15 * end(1e7, 1e9)), "{target}");
    }
}
