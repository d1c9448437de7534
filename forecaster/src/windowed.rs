//! A model that sees the last ticks at once: `[batch, window, features] -> [batch, outputs]`. To
//! the engine it is a streaming one whose state is the window.

use std::path::Path;

use llmos_engine::forecast::{OUTPUTS, features};
use tract_onnx::pb;

use crate::LoadError;
use crate::batches::Batches;
use crate::cells::{self, Output};
use crate::graph::OnnxGraph;
use crate::signature::Tensors;

/// What a window may hold of each tick: the value in units of the newest scale, whether there was
/// one, and which resource it is of. The other features of the engine sum up the past, which a
/// window shows as it was.
pub(crate) const FEATURES: [&str; 5] = ["value", "present", "is_cpu", "is_memory", "is_network"];
/// Of these the one that is a size in units of the row's scale: when the scale moves, what the
/// window holds of it moves with it.
const SIZE: &str = FEATURES[0];
/// Place of the engine's feature that says how far the scale has moved.
const SCALE_JUMP: usize = known_place("scale_jump");

/// Place among the engine's features; a name that is not there fails the build.
const fn known_place(name: &str) -> usize {
    let mut at = 0;
    while !same(features::NAMES[at].as_bytes(), name.as_bytes()) {
        at += 1;
    }
    at
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// Place of a feature of a window among the engine's.
pub(crate) fn place(name: &str) -> Option<usize> {
    let place = features::NAMES.iter().position(|known| *known == name);
    place.filter(|_| FEATURES.contains(&name))
}

/// A windowed graph and what to feed it.
#[derive(Debug)]
pub(crate) struct Windowed {
    window: usize,
    columns: Vec<Column>,
    outputs: usize,
    /// For each cell of the engine the output that fills it.
    filled: [usize; OUTPUTS],
    given: [bool; OUTPUTS],
    batches: Batches,
    /// Windows of the rows of a run.
    fed: Vec<f32>,
}

/// One feature that the model takes.
#[derive(Debug, Clone, Copy)]
struct Column {
    /// Place among the engine's features.
    place: usize,
    is_size: bool,
}

impl Windowed {
    /// Takes a decoded file: `window` ticks of the features with these places, and these outputs.
    pub(crate) fn build(
        proto: &pb::ModelProto,
        tensors: Tensors,
        window: usize,
        places: &[usize],
        outputs: &[Output],
        path: &Path,
    ) -> Result<Self, LoadError> {
        let graph = OnnxGraph::build(proto, tensors, path)?;
        let mut batches = Batches::new(graph);
        batches.check_outputs(path)?;
        let column = |place: &usize| Column {
            place: *place,
            is_size: features::NAMES[*place] == SIZE,
        };
        Ok(Self {
            window,
            columns: places.iter().map(column).collect(),
            outputs: outputs.len(),
            filled: cells::filled(outputs),
            given: cells::given(outputs),
            batches,
            fed: Vec::new(),
        })
    }

    /// Numbers per row in each half of the state: the window and one number that says whether it
    /// has begun, spread over both halves.
    pub(crate) fn state_width(&self) -> usize {
        (self.numbers() + 1).div_ceil(2)
    }

    /// Which cells the model gives itself.
    pub(crate) fn given(&self) -> [bool; OUTPUTS] {
        self.given
    }

    /// One step of all rows; the numbers fit the rows.
    pub(crate) fn step(
        &mut self,
        rows: usize,
        x: &[f32],
        h: &mut [f32],
        c: &mut [f32],
        y: &mut Vec<f32>,
    ) -> Result<(), String> {
        let width = self.state_width();
        let mut row_state = vec![0.0; 2 * width];
        let mut first = 0;
        while first < rows {
            let run = Batches::next(first, rows);
            self.fed.clear();
            for row in run.clone() {
                let part = row * width..(row + 1) * width;
                let (h, c) = (&mut h[part.clone()], &mut c[part]);
                let (front, back) = row_state.split_at_mut(width);
                front.copy_from_slice(h);
                back.copy_from_slice(c);
                let own = &x[row * features::COUNT..(row + 1) * features::COUNT];
                self.shift(own, &mut row_state);
                self.fed.extend(&row_state[1..=self.numbers()]);
                h.copy_from_slice(&row_state[..width]);
                c.copy_from_slice(&row_state[width..]);
            }
            let (outputs, filled) = (self.outputs, self.filled);
            self.batches.run(run.len(), &[&self.fed], |_, numbers| {
                for row in numbers.chunks_exact(outputs).take(run.len()) {
                    y.extend(filled.map(|output| row[output]));
                }
            })?;
            first = run.end;
        }
        Ok(())
    }

    /// Numbers in a window.
    fn numbers(&self) -> usize {
        self.window * self.columns.len()
    }

    /// Moves the window on by a tick. `state` begins with 1 once it has begun; before that the
    /// first tick fills the whole window, as if the series had always been so.
    fn shift(&self, x: &[f32], state: &mut [f32]) {
        let columns = self.columns.len();
        let [begun, window @ ..] = state else {
            return;
        };
        let window = &mut window[..self.window * columns];
        if *begun == 0.0 {
            *begun = 1.0;
            for tick in window.chunks_exact_mut(columns) {
                self.put(x, tick);
            }
            return;
        }
        window.copy_within(columns.., 0);
        // The engine's feature is ln(scale now / scale of the tick before).
        let shrink = (-x[SCALE_JUMP]).exp();
        let (older, newest) = window.split_at_mut((self.window - 1) * columns);
        for tick in older.chunks_exact_mut(columns) {
            for (number, column) in tick.iter_mut().zip(&self.columns) {
                if column.is_size {
                    *number *= shrink;
                }
            }
        }
        self.put(x, newest);
    }

    fn put(&self, x: &[f32], tick: &mut [f32]) {
        for (number, column) in tick.iter_mut().zip(&self.columns) {
            *number = x[column.place];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_features_of_a_window_are_features_of_the_engine() {
        assert_eq!(features::NAMES[SCALE_JUMP], "scale_jump");
        for name in FEATURES {
            assert_eq!(place(name).map(|at| features::NAMES[at]), Some(name));
        }
        // The engine's, but not of a window.
        assert_eq!(place("scale_jump"), None);
        assert_eq!(place("speed"), None);
    }
}
