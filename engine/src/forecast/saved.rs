//! Takes the state of each series out, so that it can be kept while nothing runs, and puts it back.

use std::ops::Bound;

use super::numbers::{Numbers, hold};
use super::row::Row;
use super::series::{SeriesForecaster, SeriesKey};
use crate::grow::grow;

/// After more ticks than this that nobody saw the model's state is of no use: it starts anew.
const STALE: u64 = 30;

impl SeriesForecaster {
    /// Name of the model that the recurrent state belongs to (empty while there is none), and the
    /// numbers of it per series.
    #[must_use]
    pub fn state_of(&self) -> (&str, usize) {
        (&self.model_name, self.state.width)
    }

    /// The first series after this one in the order of their keys; `None` after the last.
    #[must_use]
    pub fn next_key(&self, after: Option<SeriesKey>) -> Option<SeriesKey> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (key, _) = self.index.range((from, Bound::Unbounded)).next()?;
        Some(*key)
    }

    /// Walks the numbers of a series; none when there is no such series.
    pub fn take_out(&mut self, key: SeriesKey, numbers: &mut dyn Numbers) {
        let width = self.state.width;
        let at = self.index.get(&key).copied();
        let Some((at, row)) = at.and_then(|at| Some((at, self.rows.get_mut(at)?))) else {
            return;
        };
        row.walk(numbers);
        let mut own = width as u64;
        numbers.whole(&mut own);
        numbers.f32s(&mut self.state.h[at * width..(at + 1) * width]);
        numbers.f32s(&mut self.state.c[at * width..(at + 1) * width]);
    }

    /// Says whose recurrent state will be put back; before the first tick and the first series.
    /// Without this the model is another one: its state starts anew, and so does what is known of
    /// it.
    pub fn expect_state_of(&mut self, model_name: &str, width: usize) {
        if self.rows.is_empty() {
            model_name.clone_into(&mut self.model_name);
            self.state.width = width;
        }
    }

    /// Puts a series back that was taken out, with the ticks that have passed since then and that
    /// nobody saw: they count as ticks without a value. False when its numbers are not to be
    /// believed, or the series is there already; then nothing has changed.
    pub fn put_back(&mut self, key: SeriesKey, missed: u64, numbers: &mut dyn Numbers) -> bool {
        let width = self.state.width;
        let mut row = Row::blank(key, self.tick, self.tick_s);
        row.walk(numbers);
        let mut own = width as u64;
        numbers.whole(&mut own);
        let kept = own == width as u64 && missed <= STALE;
        let mut state = [vec![0.0; width], vec![0.0; width]];
        if own == width as u64 {
            for part in &mut state {
                numbers.f32s(part);
                hold(numbers, part.iter().all(|x| x.is_finite()));
            }
        }
        if !numbers.believed() || self.index.contains_key(&key) {
            return false;
        }
        row.skip(missed);
        if !kept {
            row.model_steps = 0;
            state.iter_mut().for_each(|part| part.fill(0.0));
        }
        self.places.clear();
        self.index.insert(key, self.rows.len());
        grow(&mut self.rows, 1);
        self.rows.push(row);
        for (numbers, part) in [&mut self.state.h, &mut self.state.c]
            .into_iter()
            .zip(&state)
        {
            grow(numbers, width);
            numbers.extend(part);
        }
        true
    }
}
