//! The last ticks of a series: values, and which of them were there.

use super::HORIZONS;
use super::numbers::{self, Numbers};

/// Ticks that are remembered: the longest horizon fits.
const TICKS: usize = 32;
const _: () = assert!(HORIZONS[HORIZONS.len() - 1] <= TICKS);

/// The last ticks of one series.
#[derive(Debug, Clone)]
pub struct Recent {
    values: [f32; TICKS],
    /// One bit a place: was there a value?
    present: u32,
    /// Ticks seen.
    ticks: u64,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            values: [0.0; TICKS],
            present: 0,
            ticks: 0,
        }
    }
}

impl Recent {
    /// Adds a tick, with its value if there was one.
    pub fn push(&mut self, value: Option<f64>) {
        let place = self.place(0);
        self.ticks += 1;
        if let Some(x) = value {
            self.values[place] = x as f32;
            self.present |= 1 << place;
        } else {
            self.present &= !(1 << place);
        }
    }

    /// Peak of the last `horizon` ticks; `None` when less than half of them have a value. At the
    /// beginning the ticks that there are count as the horizon.
    #[must_use]
    pub fn peak(&self, horizon: usize) -> Option<f64> {
        let ticks = usize::try_from(self.ticks).unwrap_or(usize::MAX);
        let horizon = horizon.min(ticks).min(TICKS);
        let mut seen = 0;
        let mut peak = f32::NEG_INFINITY;
        for back in 1..=horizon {
            let place = self.place(back);
            if self.present & (1 << place) != 0 {
                seen += 1;
                peak = peak.max(self.values[place]);
            }
        }
        (seen > 0 && 2 * seen >= horizon).then_some(f64::from(peak))
    }

    /// Ticks seen, as far as they are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.ticks).map_or(TICKS, |ticks| ticks.min(TICKS))
    }

    /// The value of so many ticks before the last one, if there was one; at most 31.
    #[must_use]
    pub fn back(&self, ticks: usize) -> Option<f64> {
        let place = self.place(ticks + 1);
        (self.present & (1 << place) != 0).then(|| f64::from(self.values[place]))
    }

    /// How many of the remembered ticks have a value.
    #[must_use]
    pub fn known(&self) -> usize {
        self.present.count_ones() as usize
    }

    /// Leaves out ticks, after as many without a value as are remembered.
    pub fn skip(&mut self, ticks: u64) {
        self.ticks += ticks;
    }

    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        numbers::short_values(to, &mut self.values);
        numbers::count(to, &mut self.present);
        numbers::count(to, &mut self.ticks);
    }

    /// Place of the tick `back` ticks before the next one.
    fn place(&self, back: usize) -> usize {
        let tick = self.ticks.wrapping_sub(back as u64);
        (tick % TICKS as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(values: &[Option<f64>]) -> Recent {
        let mut recent = Recent::default();
        values.iter().for_each(|value| recent.push(*value));
        recent
    }

    #[test]
    fn the_peak_is_that_of_the_last_ticks() {
        let recent = after(&[9.0, 1.0, 2.0, 4.0, 3.0, 0.5].map(Some));
        assert_eq!(recent.peak(5), Some(4.0));
        assert_eq!(recent.peak(30), Some(9.0), "all that there is");
        assert_eq!(recent.peak(1), Some(0.5));
    }

    #[test]
    fn a_peak_needs_half_of_its_ticks() {
        assert_eq!(after(&[]).peak(5), None);
        assert_eq!(after(&[Some(1.0), None, None, None, None]).peak(5), None);
        let half = [Some(1.0), None, Some(3.0), None, Some(2.0)];
        assert_eq!(after(&half).peak(5), Some(3.0));
    }

    #[test]
    fn old_ticks_are_forgotten() {
        let mut recent = after(&[Some(9.0)]);
        (0..TICKS).for_each(|_| recent.push(Some(1.0)));
        assert_eq!(recent.peak(30), Some(1.0));
        (0..20).for_each(|_| recent.push(None));
        assert_eq!(recent.peak(30), None);
    }
}
