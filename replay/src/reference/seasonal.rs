//! What peak came at this time yesterday, with the quantiles of what that missed by.

use std::collections::VecDeque;

use llmos_engine::forecast::{HORIZONS, Quantiles};

use super::errors::Errors;

/// Seconds of a day.
const DAY_S: f64 = 86_400.0;

/// See the module.
#[derive(Debug, Clone)]
pub struct Seasonal {
    /// Ticks of a day.
    day: usize,
    /// The peaks that came after each of the last ticks, newest last; of a horizon they are known so
    /// many ticks later.
    past: [VecDeque<Option<f64>>; HORIZONS.len()],
    errors: [Errors; HORIZONS.len()],
}

impl Seasonal {
    /// On ticks of so many seconds.
    pub fn new(step_s: f64) -> Self {
        Self {
            day: (DAY_S / step_s).round().max(1.0) as usize,
            past: Default::default(),
            errors: std::array::from_fn(|h| Errors::new(HORIZONS[h])),
        }
    }

    /// One tick, with the peaks of the windows that end here.
    pub fn push(&mut self, realised: [Option<f64>; HORIZONS.len()]) {
        for (h, peak) in realised.into_iter().enumerate() {
            let past = &mut self.past[h];
            past.push_back(peak);
            if past.len() > self.day {
                past.pop_front();
            }
            let point = self.point(h);
            self.errors[h].push(point, peak);
        }
    }

    /// Quantiles; `None` before there is a yesterday and some errors of it.
    pub fn quantiles(&self) -> Option<Quantiles> {
        let mut out = Quantiles::default();
        for (h, out) in out.iter_mut().enumerate() {
            *out = self.errors[h].around(self.point(h)?)?;
        }
        Some(out)
    }

    /// The peak over the horizon that came after this tick's time yesterday. The window of a peak
    /// ended so many ticks after that: a day holds more ticks than a horizon.
    fn point(&self, h: usize) -> Option<f64> {
        let ended = self.day.checked_sub(HORIZONS[h])?;
        let at = self.past[h].len().checked_sub(ended)?.checked_sub(1)?;
        *self.past[h].get(at)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_came_after_this_time_yesterday() {
        // Days of 48 ticks: the value is the place in the day, and so the peak of the five ticks that
        // end at a place is that place from the fifth on.
        let mut seasonal = Seasonal::new(1800.0);
        let place = |tick: usize| (tick % 48) as f64;
        for tick in 0..48 * 3 {
            let peak = |h: usize| {
                (tick >= h).then(|| (tick + 1 - h..=tick).map(place).fold(0.0, f64::max))
            };
            seasonal.push([peak(5), peak(30)]);
            let said = seasonal.quantiles();
            if tick >= 48 * 2 {
                let came = |h: usize| (tick + 1..=tick + h).map(place).fold(0.0, f64::max);
                let said = said.unwrap();
                for (said, h) in said.iter().zip(HORIZONS) {
                    assert!(said.iter().all(|q| (q - came(h)).abs() < 1e-9), "{tick}");
                }
            } else if tick < 48 {
                assert!(said.is_none());
            }
        }
    }
}
