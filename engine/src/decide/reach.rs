//! How far the next tick may go beyond what is expected of it, from how far the last ones went.
//!
//! A forecast peak covers many ticks, a quota can be set anew at each. So beside the peak stands the
//! least limit that is worth its room: with `beyond` what the last ticks had above their
//! expectation, and a price for a tick in which work waits,
//!
//! ```text
//! cost(limit) = limit + price * peak * share of the last ticks with expected + beyond > limit
//! ```
//!
//! is least at one of the values `expected + beyond`. Where ticks differ little everything is
//! covered, because that is cheap; where they differ by much only as much as is worth it. This is the
//! newsvendor's trade-off with a fixed cost for each shortage, on the empirical distribution.

/// Ticks that are remembered.
const TICKS: usize = 128;
/// Fewer say too little.
const ENOUGH: usize = 32;
/// What the peak keeps from tick to tick: half of it in 1,386 ticks.
const FADING: f64 = 0.9995;

/// Costs that are compared at a time.
const LANES: usize = 8;

/// What is remembered of one workload. Amounts are in cores.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    /// What the last ticks had above their expectation, in the order in which they came.
    ring: [f32; TICKS],
    /// The same, sorted.
    sorted: [f32; TICKS],
    len: usize,
    next: usize,
    /// The highest demand, fading.
    peak: f64,
    expected: Option<f64>,
}

/// The limit that is worth its room.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Worth {
    pub limit: f64,
    /// Share of the last ticks that stayed within it.
    pub covered: f64,
    /// How many ticks that were.
    pub ticks: usize,
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            ring: [0.0; TICKS],
            sorted: [0.0; TICKS],
            len: 0,
            next: 0,
            peak: 0.0,
            expected: None,
        }
    }
}

impl Reach {
    /// Takes the demand of the tick that is over. `None` where it is not known: what was expected of
    /// that tick is never found out.
    pub(super) fn see(&mut self, demand: Option<f64>) {
        let expected = self.expected.take();
        let Some(demand) = demand.filter(|demand| demand.is_finite()) else {
            return;
        };
        self.peak = (self.peak * FADING).max(demand);
        if let Some(expected) = expected {
            self.push((demand - expected) as f32);
        }
    }

    /// Says what is expected of the next tick.
    pub(super) fn expect(&mut self, expected: f64) {
        self.expected = Some(expected).filter(|expected| expected.is_finite());
    }

    /// What half of the ticks that are remembered stayed within of what was expected of them, for the
    /// next one; zero while nothing is expected.
    pub(super) fn middle(&self) -> f64 {
        let beyond = self.sorted[..self.len].get(self.len / 2);
        let beyond = beyond.map_or(0.0, |beyond| f64::from(*beyond));
        self.expected
            .map_or(0.0, |expected| (expected + beyond).max(0.0))
    }

    /// The highest demand, fading.
    pub(super) fn peak(&self) -> f64 {
        self.peak
    }

    /// The limit of least cost at this price; `None` while too little is known, and without a price.
    pub(super) fn worth(&self, price: f64) -> Option<Worth> {
        if !price.is_finite() {
            return None;
        }
        let expected = self.expected.filter(|_| self.len >= ENOUGH)?;
        let each = price * self.peak / self.len as f64;
        let at = cheapest(&self.sorted[..self.len], each);
        Some(Worth {
            limit: (expected + f64::from(self.sorted[at])).max(0.0),
            covered: (at + 1) as f64 / self.len as f64,
            ticks: self.len,
        })
    }

    fn push(&mut self, beyond: f32) {
        if self.len == TICKS {
            let at = below(&self.sorted, self.ring[self.next]);
            self.sorted.copy_within(at + 1.., at);
            self.len -= 1;
        }
        let at = below(&self.sorted[..self.len], beyond);
        self.sorted.copy_within(at..self.len, at + 1);
        self.sorted[at] = beyond;
        self.ring[self.next] = beyond;
        self.next = (self.next + 1) % TICKS;
        self.len += 1;
    }
}

/// How many of the values are below this one. Counting all of them has no branch that could be guessed
/// wrong, and is done many at a time.
fn below(values: &[f32], value: f32) -> usize {
    values.iter().map(|known| usize::from(*known < value)).sum()
}

/// The place of the value of least cost, when each that is above it costs `each`; the highest of equals.
fn cheapest(sorted: &[f32], each: f64) -> usize {
    let last = sorted.len().saturating_sub(1);
    let cost = |at: usize| f64::from(sorted[at]) + each * (last - at) as f64;
    // In lanes, so that no step waits for the one before.
    let mut least = [f64::INFINITY; LANES];
    for from in (0..sorted.len()).step_by(LANES) {
        for (lane, least) in least.iter_mut().enumerate() {
            let cost = cost((from + lane).min(last));
            *least = if cost < *least { cost } else { *least };
        }
    }
    let least = least.into_iter().fold(f64::INFINITY, f64::min);
    (0..sorted.len())
        .rev()
        .find(|at| cost(*at) <= least)
        .unwrap_or(last)
}

/// Room above the expected use to catch up with `waiting` cores' worth of work, in cores. Catching
/// up in a part `f` of a tick takes `waiting / f` and costs the price for that part: least at
/// `f = sqrt(waiting / (price * peak))`. At least what waits, at most [`FASTEST`] times that.
pub(super) fn catch_up(waiting: f64, price: f64, peak: f64) -> f64 {
    (waiting * price * peak)
        .sqrt()
        .clamp(waiting, FASTEST * waiting)
}

/// Faster is not worth a jump of the limit.
const FASTEST: f64 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn after(demands: impl Iterator<Item = f64>) -> Reach {
        let mut reach = Reach::default();
        for demand in demands {
            reach.see(Some(demand));
            reach.expect(1.0);
        }
        reach
    }

    #[test]
    fn what_is_cheap_is_covered_and_what_is_dear_only_at_a_price() {
        // One in twenty ticks has a tenth more, one in forty nine times as much.
        let demand = |tick: usize| match tick % 40 {
            0 => 9.0,
            10 | 20 => 1.1,
            _ => 1.0,
        };
        let reach = after((0..400).map(demand));
        let limit = |price: f64| reach.worth(price).unwrap().limit;
        // The peak is 9. A share of 3 / 128 beyond 1.1 costs 0.2 at a price of 1, 8 cores more.
        assert!((limit(1.0) - 1.1).abs() < 1e-6, "{}", limit(1.0));
        assert!((limit(0.01) - 1.0).abs() < 1e-6, "{}", limit(0.01));
        assert!((limit(100.0) - 9.0).abs() < 1e-6, "{}", limit(100.0));
        let worth = reach.worth(1.0).unwrap();
        assert_eq!(worth.ticks, TICKS);
        assert!((0.96..0.99).contains(&worth.covered), "{worth:?}");
    }

    #[test]
    fn the_sorted_values_are_those_of_the_ring() {
        let noise = |tick: usize| ((tick * 7919) % 1009) as f64 / 100.0;
        let mut reach = after((0..1000).map(noise));
        let mut ring = reach.ring;
        ring.sort_unstable_by(f32::total_cmp);
        assert_eq!(ring.map(f32::to_bits), reach.sorted.map(f32::to_bits));
        // The same value many times over leaves as often as it came.
        (0..3 * TICKS).for_each(|_| {
            reach.see(Some(2.0));
            reach.expect(1.0);
        });
        assert!(
            reach
                .sorted
                .iter()
                .all(|beyond| (beyond - 1.0).abs() < 1e-6)
        );
    }

    #[test]
    fn the_cheapest_is_that_of_a_plain_scan_and_the_highest_of_equals() {
        let noise = |at: usize| ((at * 7919) % 1009) as f32 / 100.0;
        for len in 1..=TICKS {
            let mut sorted: Vec<f32> = (0..len).map(noise).collect();
            sorted.sort_unstable_by(f32::total_cmp);
            for each in [0.0, 0.01, 0.1, 1.0, 1e9] {
                let cost = |at: &usize| f64::from(sorted[*at]) + each * (len - 1 - at) as f64;
                let scan = (0..len).rev().min_by(|a, b| cost(a).total_cmp(&cost(b)));
                assert_eq!(Some(cheapest(&sorted, each)), scan, "{len} {each}");
            }
        }
        assert_eq!(cheapest(&[1.0; 9], 0.0), 8);
    }

    #[test]
    fn little_data_and_gaps_say_nothing() {
        let mut reach = after((0..ENOUGH).map(|_| 1.0));
        assert_eq!(reach.worth(1.0), None, "the first had no expectation");
        reach.see(None);
        assert_eq!(reach.worth(1.0), None, "nothing is expected");
        reach.expect(1.0);
        reach.see(None);
        reach.expect(1.0);
        reach.see(Some(2.0));
        reach.expect(1.0);
        assert!(reach.worth(1.0).is_some());
    }

    #[test]
    fn catching_up_is_quick_where_waiting_is_dear() {
        assert!((catch_up(0.1, 10.0, 0.4) - 0.4).abs() < 1e-9, "at most");
        assert!((catch_up(0.5, 1.0, 2.0) - 1.0).abs() < 1e-9);
        assert!((catch_up(3.0, 0.1, 1.0) - 3.0).abs() < 1e-9, "at least");
        assert!(catch_up(0.0, 5.0, 1.0).abs() < 1e-12);
        assert!((catch_up(1.0, f64::INFINITY, 1.0) - 4.0).abs() < 1e-9);
    }
}
