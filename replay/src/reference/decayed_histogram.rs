//! The decaying histogram of the Vertical Pod Autoscaler: buckets that grow by 5 %, weights that
//! halve in a half-life (of a day there). A quantile is the upper end of the bucket in which it lies.

use llmos_engine::forecast::QUANTILES;

/// Each bucket is this much wider than the one below.
const GROWTH: f64 = 1.05;
/// Enough for ten million times the first bucket.
const BUCKETS: usize = 280;
/// Weights grow instead of the old ones shrinking; from here on all are made small again.
const LARGEST_WEIGHT: f64 = 1e12;

/// See the module.
#[derive(Debug, Clone)]
pub struct DecayedHistogram {
    first: f64,
    growth_per_tick: f64,
    weight: f64,
    total: f64,
    buckets: Vec<f64>,
}

impl DecayedHistogram {
    /// `first` is the width of the first bucket; a weight halves in so many ticks.
    pub fn new(first: f64, half_life: f64) -> Self {
        Self {
            first,
            growth_per_tick: half_life.recip().exp2(),
            weight: 1.0,
            total: 0.0,
            buckets: vec![0.0; BUCKETS],
        }
    }

    /// One tick, with its value if it is known.
    pub fn push(&mut self, value: Option<f64>) {
        self.push_weighted(value, 1.0);
    }

    /// The same, with a value that counts `times` as much as another of the same age.
    pub fn push_weighted(&mut self, value: Option<f64>, times: f64) {
        self.weight *= self.growth_per_tick;
        if self.weight > LARGEST_WEIGHT {
            let shrink = self.weight.recip();
            self.buckets.iter_mut().for_each(|bucket| *bucket *= shrink);
            self.total *= shrink;
            self.weight = 1.0;
        }
        if let Some(value) = value {
            let bucket = self.bucket(value);
            self.buckets[bucket] += self.weight * times;
            self.total += self.weight * times;
        }
    }

    /// Quantiles of the values so far; `None` before the first.
    pub fn quantiles(&self) -> Option<[f64; QUANTILES.len()]> {
        if self.total <= 0.0 {
            return None;
        }
        let mut out = [0.0; QUANTILES.len()];
        let mut below = 0.0;
        let mut next = 0;
        for (at, bucket) in self.buckets.iter().enumerate() {
            below += bucket;
            // A sum of many weights may miss the whole by rounding.
            while let Some(q) = QUANTILES.get(next)
                && *bucket > 0.0
                && below >= q * self.total * (1.0 - 1e-12)
            {
                out[next] = self.end(at);
                next += 1;
            }
        }
        Some(out)
    }

    fn bucket(&self, value: f64) -> usize {
        let place = (value / self.first * (GROWTH - 1.0) + 1.0).ln() / GROWTH.ln();
        (place as usize).min(BUCKETS - 1)
    }

    /// Upper end of a bucket: the sum of a geometric series.
    fn end(&self, bucket: usize) -> f64 {
        self.first * (GROWTH.powi(bucket as i32 + 1) - 1.0) / (GROWTH - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn a_quantile_is_the_upper_end_of_its_bucket() {
        let mut histogram = DecayedHistogram::new(1.0, 86_400.0);
        assert!(histogram.quantiles().is_none());
        (0..92).for_each(|_| histogram.push(Some(0.5)));
        (0..8).for_each(|_| histogram.push(Some(1.5)));
        let [median, p90, p95, p99] = histogram.quantiles().unwrap();
        assert!(near(median, 1.0) && near(p90, 1.0), "{median} {p90}");
        assert!(near(p95, 2.05) && near(p99, 2.05), "{p95} {p99}");
    }

    #[test]
    fn what_is_a_half_life_older_counts_half() {
        let mut histogram = DecayedHistogram::new(1.0, 1.0);
        // Weights 1 of 3 and 2 of 3.
        histogram.push(Some(5.0));
        histogram.push(Some(0.0));
        assert!(near(histogram.quantiles().unwrap()[0], 1.0));
        // For many half-lives nothing is known: nothing changes, and nothing overflows.
        (0..5_000).for_each(|_| histogram.push(None));
        assert!(histogram.weight.is_finite());
        histogram.push(Some(3.0));
        let expected = histogram.end(histogram.bucket(3.0));
        assert!(
            near(histogram.quantiles().unwrap()[3], expected),
            "the old is forgotten"
        );
    }
}
