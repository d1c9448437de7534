//! Quantiles of the last values, kept in order.

use std::collections::VecDeque;

/// The last `length` values, some of which may be unknown.
#[derive(Debug, Clone)]
pub struct Window {
    length: usize,
    /// As they came.
    values: VecDeque<Option<f64>>,
    /// The known ones, rising.
    sorted: Vec<f64>,
}

impl Window {
    /// An empty window.
    pub fn new(length: usize) -> Self {
        Self {
            length,
            values: VecDeque::with_capacity(length),
            sorted: Vec::with_capacity(length),
        }
    }

    /// Adds a value and forgets the oldest when the window is full.
    pub fn push(&mut self, value: Option<f64>) {
        if self.values.len() == self.length
            && let Some(old) = self.values.pop_front().flatten()
        {
            let at = self.sorted.partition_point(|x| *x < old);
            self.sorted.remove(at);
        }
        self.values.push_back(value);
        if let Some(new) = value {
            let at = self.sorted.partition_point(|x| *x < new);
            self.sorted.insert(at, new);
        }
    }

    /// Quantile `q` of the known values, the nearest rank from above; `None` if none is known.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.sorted.len().checked_sub(1)?;
        let rank = (self.sorted.len() as f64 * q).ceil() as usize;
        self.sorted.get(rank.saturating_sub(1).min(last)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_and_leaves_out_what_is_unknown() {
        let mut window = Window::new(3);
        assert!(window.quantile(0.5).is_none());
        for value in [Some(9.0), Some(2.0), None, Some(2.0)] {
            window.push(value);
        }
        assert_eq!(
            window.sorted,
            [2.0, 2.0],
            "the nine is forgotten, once a two stays"
        );
        window.push(Some(5.0));
        assert_eq!(
            (window.quantile(0.5), window.quantile(0.51)),
            (Some(2.0), Some(5.0))
        );
    }
}
