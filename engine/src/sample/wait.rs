//! How long tasks waited for the CPU, as counts by length.

/// Count of buckets.
pub const WAIT_BUCKETS: usize = 20;

/// Upper limit of the first bucket in nanoseconds; each further limit is twice the one before.
const FIRST_LIMIT_NS: u64 = 1024;

/// Counts of waits by length. Bucket 0 holds those below 1.024 us, each further one those below
/// twice the limit of the one before, the last one all longer waits. Counts wrap around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WaitHistogram(pub [u32; WAIT_BUCKETS]);

impl WaitHistogram {
    /// Waits that came since `earlier`, by length.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut new = *self;
        for (count, before) in new.0.iter_mut().zip(&earlier.0) {
            *count = count.wrapping_sub(*before);
        }
        new
    }

    /// Upper limit of a bucket in nanoseconds; the last one has none.
    #[must_use]
    pub fn limit_ns(bucket: usize) -> Option<u64> {
        (bucket + 1 < WAIT_BUCKETS).then(|| FIRST_LIMIT_NS << bucket)
    }

    /// The length in nanoseconds below which a share `q` (0 to 1) of the waits lies, straight
    /// between the limits of its bucket. `None` without waits. Waits in the last bucket count as
    /// its lower limit, so the answer is never too high there.
    #[must_use]
    pub fn quantile_ns(&self, q: f64) -> Option<f64> {
        let total: u64 = self.0.iter().copied().map(u64::from).sum();
        if total == 0 {
            return None;
        }
        let rank = q.clamp(0.0, 1.0) * total as f64;
        let mut below = 0.0;
        let mut lower = 0.0;
        for (bucket, count) in self.0.iter().enumerate() {
            let count = f64::from(*count);
            let upper = Self::limit_ns(bucket).map_or(lower, |limit| limit as f64);
            if count > 0.0 && below + count >= rank {
                return Some(lower + (upper - lower) * ((rank - below) / count));
            }
            below += count;
            lower = upper;
        }
        Some(lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_in_their_bucket_and_do_not_cross() {
        let mut histogram = WaitHistogram::default();
        histogram.0[3] = 90;
        histogram.0[10] = 10;
        let (p50, p99) = (histogram.quantile_ns(0.5), histogram.quantile_ns(0.99));
        let (p50, p99) = (p50.unwrap(), p99.unwrap());
        assert!((4096.0..=8192.0).contains(&p50), "{p50}");
        assert!((524_288.0..=1_048_576.0).contains(&p99), "{p99}");
    }

    #[test]
    fn no_waits_have_no_quantile_and_long_ones_a_lower_limit() {
        let mut histogram = WaitHistogram::default();
        assert_eq!(histogram.quantile_ns(0.5), None);
        histogram.0[WAIT_BUCKETS - 1] = 1;
        let last = WaitHistogram::limit_ns(WAIT_BUCKETS - 2).unwrap() as f64;
        assert_eq!(histogram.quantile_ns(0.99), Some(last));
    }

    #[test]
    fn a_count_that_wrapped_is_still_a_difference() {
        let (mut before, mut after) = (WaitHistogram::default(), WaitHistogram::default());
        before.0[0] = u32::MAX;
        after.0[0] = 4;
        assert_eq!(after.since(&before).0[0], 5);
    }
}
