//! The last values of a series in order of size, so that any of their quantiles costs little.

use super::numbers::{self, Numbers};

/// The last `N` values (at most 255), oldest out first.
#[derive(Debug, Clone)]
pub struct SortedWindow<const N: usize> {
    /// A ring; in 24 significant bits, which is enough to forecast by.
    values: [f32; N],
    /// Places in `values` by rising value, the first `len` of them.
    order: [u8; N],
    len: u8,
    next: u8,
}

impl<const N: usize> Default for SortedWindow<N> {
    fn default() -> Self {
        const { assert!(N > 0 && N <= 255) };
        Self {
            values: [0.0; N],
            order: [0; N],
            len: 0,
            next: 0,
        }
    }
}

impl<const N: usize> SortedWindow<N> {
    /// Adds a value; the oldest leaves when there is no room.
    pub fn push(&mut self, value: f64) {
        self.push_short(value as f32);
    }

    fn push_short(&mut self, value: f32) {
        let mut len = self.len();
        let key = ascending(value);
        let known = &self.values[..len];
        // A new value stands before its equals, so the one that leaves, the oldest, is the last of its.
        let mut at = count(known, |other| other < key);
        if len == N {
            let leaving = ascending(self.values[usize::from(self.next)]);
            let gap = count(known, |other| other <= leaving) - 1;
            self.order.copy_within(gap + 1..N, gap);
            at -= usize::from(leaving < key);
            len -= 1;
        }
        self.order.copy_within(at..len, at + 1);
        self.order[at] = self.next;
        self.values[usize::from(self.next)] = value;
        // At most 255 places, so that both fit.
        self.next = ((usize::from(self.next) + 1) % N) as u8;
        self.len = (len + 1) as u8;
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Walks its values, oldest first; their order by size follows from that.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        let mut len = self.len;
        numbers::count(to, &mut len);
        let len = usize::from(len);
        if len > N {
            return to.refuse();
        }
        let first = usize::from(self.next) + N - len;
        let mut by_age: [f32; N] = std::array::from_fn(|age| self.values[(first + age) % N]);
        numbers::errors(to, &mut by_age[..len]);
        if to.puts_in() {
            *self = Self::default();
            by_age[..len]
                .iter()
                .for_each(|value| self.push_short(*value));
        }
    }

    /// Quantiles at rank `q (n + 1)`, linear between neighbours; `None` while empty.
    #[must_use]
    pub fn quantiles<const Q: usize>(&self, quantiles: [f64; Q]) -> Option<[f64; Q]> {
        let len = self.len();
        let last = len.checked_sub(1)?;
        Some(quantiles.map(|q| {
            let rank = (q * (len + 1) as f64 - 1.0).clamp(0.0, last as f64);
            let low = rank.floor() as usize;
            let (below, above) = (self.sorted(low), self.sorted((low + 1).min(last)));
            below + (above - below) * (rank - low as f64)
        }))
    }

    /// Quantiles (rising) of the values weighted by age: `weights[0]` is the newest one's. Half a
    /// newest value is added on top, since what comes may be higher than all that was.
    #[must_use]
    pub fn weighted_quantiles<const Q: usize>(
        &self,
        quantiles: [f64; Q],
        weights: &[f32; N],
    ) -> Option<[f64; Q]> {
        let len = self.len();
        let last = len.checked_sub(1)?;
        let newest = usize::from(self.next) + N - 1;
        let weight = |rank: usize| {
            let age = newest - usize::from(self.order[rank]);
            f64::from(weights[if age < N { age } else { age - N }])
        };
        let total: f64 = weights[..len].iter().map(|w| f64::from(*w)).sum();
        let (mut rank, mut sum) = (0, weight(0));
        Some(quantiles.map(|q| {
            let wanted = q * (total + 0.5 * f64::from(weights[0]));
            while sum < wanted && rank < last {
                rank += 1;
                sum += weight(rank);
            }
            let above = self.sorted(rank);
            if rank == 0 {
                return above;
            }
            let below = self.sorted(rank - 1);
            let beyond = (sum - wanted).max(0.0) / weight(rank);
            below + (above - below) * (1.0 - beyond).clamp(0.0, 1.0)
        }))
    }

    fn sorted(&self, rank: usize) -> f64 {
        f64::from(self.values[usize::from(self.order[rank])])
    }
}

/// A number in the order of [`f32::total_cmp`].
fn ascending(value: f32) -> i32 {
    let bits = value.to_bits().cast_signed();
    bits ^ (((bits >> 31).cast_unsigned() >> 1).cast_signed())
}

/// How many of the values this is true of. All are looked at, side by side in memory and many at a
/// time: that is quicker than a search through `order`, whose every step waits for the one before.
fn count(values: &[f32], is: impl Fn(i32) -> bool) -> usize {
    let ones = values.iter().map(|value| u32::from(is(ascending(*value))));
    ones.sum::<u32>() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted<const N: usize>(window: &SortedWindow<N>) -> Vec<f64> {
        (0..window.len()).map(|rank| window.sorted(rank)).collect()
    }

    #[test]
    fn quantiles_are_those_of_the_last_values() {
        let mut window = SortedWindow::<5>::default();
        assert!(window.quantiles([0.5]).is_none());
        for value in [9.0, 3.0, 1.0, 3.0, 2.0, 7.0] {
            window.push(value);
        }
        assert_eq!(sorted(&window), [1.0, 2.0, 3.0, 3.0, 7.0]);
        assert_eq!(window.quantiles([0.0, 0.5, 0.75]), Some([1.0, 3.0, 5.0]));
        assert_eq!(window.quantiles([0.99]), Some([7.0]));
    }

    #[test]
    fn it_agrees_with_sorting_for_long() {
        let mut window = SortedWindow::<16>::default();
        let mut all = Vec::new();
        let mut x = 17_u32;
        for _ in 0..500 {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = f64::from(x >> 26);
            window.push(value);
            all.push(value);
            let mut last = all[all.len().saturating_sub(16)..].to_vec();
            last.sort_unstable_by(f64::total_cmp);
            assert_eq!(sorted(&window), last);
            // Among equals the newest is first.
            let age = |place: u8| (usize::from(window.next) + 15 - usize::from(place)) % 16;
            for pair in window.order[..window.len()].windows(2) {
                let [a, b] = [pair[0], pair[1]].map(|at| window.values[usize::from(at)]);
                assert!(a < b || age(pair[0]) < age(pair[1]), "{window:?}");
            }
        }
    }

    #[test]
    fn weights_count_the_new_more_than_the_old() {
        let mut window = SortedWindow::<4>::default();
        for value in [5.0, 1.0, 1.0, 1.0] {
            window.push(value);
        }
        let even = window.weighted_quantiles([0.5, 0.99], &[1.0; 4]);
        assert_eq!(even, Some([1.0, 5.0]));
        // The five is the oldest, and hardly counts.
        let fading = window.weighted_quantiles([0.9], &[1.0, 0.5, 0.25, 0.001]);
        assert!(
            fading.is_some_and(|[q]| q > 1.0),
            "what comes may be higher"
        );
        for _ in 0..4 {
            window.push(2.0);
        }
        let same = window.weighted_quantiles([0.1, 0.5, 0.9], &[1.0, 0.5, 0.25, 0.1]);
        assert_eq!(same, Some([2.0; 3]));
    }
}
