//! What a series did at this time yesterday: a daily profile of peaks, a quarter of an hour a bucket.

use super::numbers::{self, Numbers};

/// Buckets of a day.
const BUCKETS: usize = 96;
/// How far a bucket falls towards a day that was lower; it rises at once.
const FALL: f64 = 0.5;

/// The daily profile of one series. Time is counted in ticks since its beginning: which time of
/// the day that was does not matter.
#[derive(Debug, Clone)]
pub struct Season {
    /// Peak of each bucket on the days before; not a number where none was seen.
    profile: [f32; BUCKETS],
    /// Ticks of a day.
    day: u64,
    /// Ticks seen.
    ticks: u64,
    /// Peak of the bucket that has begun.
    peak: f64,
}

impl Season {
    /// A profile on ticks of this many seconds.
    #[must_use]
    pub fn new(tick_s: f64) -> Self {
        let day = (86_400.0 / tick_s).round().max(1.0);
        Self {
            profile: [f32::NAN; BUCKETS],
            day: day as u64,
            ticks: 0,
            peak: 0.0,
        }
    }

    /// Adds a tick with its value, the last known one where there is none.
    pub fn push(&mut self, value: f64) {
        let bucket = self.bucket(self.ticks);
        let before = self.bucket(self.ticks.saturating_sub(1));
        if self.ticks == 0 {
            self.peak = value;
        } else if bucket == before {
            self.peak = self.peak.max(value);
        } else {
            self.close(before, bucket);
            self.peak = value;
        }
        self.ticks += 1;
    }

    /// Peak of the buckets in which the next `horizon` ticks lie, on the days before; `None` on the
    /// first day.
    #[must_use]
    pub fn peak_ahead(&self, horizon: usize) -> Option<f64> {
        if self.ticks <= self.day {
            return None;
        }
        let first = self.bucket(self.ticks);
        let last = self.bucket(self.ticks - 1 + horizon as u64);
        let last = last.min(first + BUCKETS as u64 - 1);
        let known = (first..=last).map(|bucket| self.profile[place(bucket)]);
        let peak = known.fold(f32::NAN, f32::max);
        (!peak.is_nan()).then_some(f64::from(peak))
    }

    /// Leaves out ticks: the time of the day goes on. `value` is the last known one.
    pub fn skip(&mut self, ticks: u64, value: f64) {
        let before = self.bucket(self.ticks.saturating_sub(1));
        self.ticks += ticks;
        let now = self.bucket(self.ticks.saturating_sub(1));
        if now != before {
            self.close(before, now);
            self.peak = value;
        }
    }

    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        numbers::forecasts(to, &mut self.profile);
        numbers::count(to, &mut self.ticks);
        numbers::values(to, std::slice::from_mut(&mut self.peak));
    }

    /// The bucket of a tick, counted from the beginning.
    fn bucket(&self, tick: u64) -> u64 {
        tick * BUCKETS as u64 / self.day
    }

    /// Enters the peak of a bucket that is over. Ticks longer than a bucket leave some out, which
    /// get their neighbour's the first time.
    fn close(&mut self, done: u64, next: u64) {
        let peak = self.peak;
        let slot = &mut self.profile[place(done)];
        let known = f64::from(*slot);
        let lower = known + FALL * (peak - known);
        *slot = if known.is_nan() {
            peak
        } else {
            peak.max(lower)
        } as f32;
        for skipped in (done + 1)..next.min(done + BUCKETS as u64) {
            let slot = &mut self.profile[place(skipped)];
            if slot.is_nan() {
                *slot = peak as f32;
            }
        }
    }
}

fn place(bucket: u64) -> usize {
    (bucket % BUCKETS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ticks of a quarter of an hour, busy at one time of the day.
    fn busy(tick: u64) -> f64 {
        if tick % 96 == 40 { 3.0 } else { 1.0 }
    }

    #[test]
    fn the_first_day_knows_nothing_and_the_second_what_was_busy() {
        let mut season = Season::new(900.0);
        for tick in 0..96 {
            season.push(busy(tick));
            assert_eq!(season.peak_ahead(5), None);
        }
        for tick in 96..132 {
            season.push(busy(tick));
        }
        // The busy tick of the second day is 136; the last one seen is 131.
        assert_eq!(season.peak_ahead(4), Some(1.0));
        assert_eq!(season.peak_ahead(5), Some(3.0));
    }

    #[test]
    fn a_bucket_rises_at_once_and_falls_slowly() {
        let mut season = Season::new(900.0);
        let mut day = |value: f64| {
            (0..96).for_each(|_| season.push(value));
            season.push(value);
            (0..95).for_each(|_| season.push(value));
            season.peak_ahead(5)
        };
        assert_eq!(day(1.0), Some(1.0));
        assert_eq!(day(4.0), Some(4.0));
        assert_eq!(day(2.0), Some(2.5), "two days of 2 after 4");
    }

    #[test]
    fn the_time_of_the_day_goes_on_over_a_gap() {
        let mut season = Season::new(900.0);
        (0..100).for_each(|tick| season.push(busy(tick)));
        season.skip(30, 1.0);
        // The busy tick of the second day is 136; the last one that passed is 129.
        assert_eq!(season.peak_ahead(6), Some(1.0));
        assert_eq!(season.peak_ahead(7), Some(3.0));
    }

    #[test]
    fn ticks_of_a_second_share_buckets() {
        let mut season = Season::new(1.0);
        for tick in 0..86_401_u32 {
            season.push(if tick < 900 { 2.0 } else { 1.0 });
        }
        assert_eq!(season.peak_ahead(30), Some(2.0));
    }
}
