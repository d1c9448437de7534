//! Quantiles around a point forecast: those of its last errors.

use std::collections::VecDeque;

use llmos_engine::forecast::QUANTILES;

use super::window::Window;

/// Errors that it looks at.
const SEEN: usize = 120;
/// Errors before it says anything.
const READY: usize = 10;

/// The errors of one point forecast over one horizon.
#[derive(Debug, Clone)]
pub struct Errors {
    ticks: usize,
    points: VecDeque<Option<f64>>,
    errors: Window,
    known: usize,
}

impl Errors {
    /// Of a forecast whose peak is known so many ticks later.
    pub fn new(ticks: usize) -> Self {
        Self {
            ticks,
            points: VecDeque::with_capacity(ticks + 1),
            errors: Window::new(SEEN),
            known: 0,
        }
    }

    /// One tick, with what is forecast at it, and the peak of the window that ends here.
    pub fn push(&mut self, point: impl Into<Option<f64>>, realised: Option<f64>) {
        self.points.push_back(point.into());
        if self.points.len() > self.ticks
            && let (Some(point), Some(peak)) = (self.points.pop_front().flatten(), realised)
        {
            self.errors.push(Some(peak - point));
            self.known = self.known.saturating_add(1);
        }
    }

    /// Quantiles around a point; `None` until enough errors are known.
    pub fn around(&self, point: f64) -> Option<[f64; QUANTILES.len()]> {
        if self.known < READY {
            return None;
        }
        let mut out = [0.0; QUANTILES.len()];
        for (out, q) in out.iter_mut().zip(QUANTILES) {
            *out = (point + self.errors.quantile(q)?).max(0.0);
        }
        Some(out)
    }
}
