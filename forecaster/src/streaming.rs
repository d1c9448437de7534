//! A model that carries its state: one step a tick.

use std::path::Path;

use llmos_engine::forecast::{OUTPUTS, features};
use tract_onnx::pb;

use crate::LoadError;
use crate::batches::Batches;
use crate::graph::OnnxGraph;
use crate::rowwise::RowwiseGraph;
use crate::signature::Tensors;

/// Names of the inputs: features and state.
pub(crate) const INPUTS: [&str; 3] = ["x", "h", "c"];
/// Names of the outputs: forecasts and the state after this tick.
pub(crate) const OUTPUT_NAMES: [&str; 3] = ["y", "h_next", "c_next"];
/// Largest difference between this crate's own arithmetic and tract's that counts as the same.
const SAME: f32 = 1e-4;
/// Rows of the comparison: whole blocks of the kernels, and rows that fill no block.
const COMPARED_ROWS: usize = 11;
/// Steps of the comparison, each on the state that the one before left.
const COMPARED_STEPS: u32 = 3;

/// A streaming graph and who runs it.
#[derive(Debug)]
pub(crate) struct Streaming {
    hidden: usize,
    batches: Batches,
    /// This crate's own arithmetic, or why tract runs the graph.
    rowwise: Result<RowwiseGraph, String>,
}

impl Streaming {
    /// Takes a decoded file with `hidden` numbers of state per row.
    pub(crate) fn build(
        proto: &pb::ModelProto,
        tensors: Tensors,
        hidden: usize,
        path: &Path,
    ) -> Result<Self, LoadError> {
        let graph = OnnxGraph::build(proto, tensors, path)?;
        let mut batches = Batches::new(graph);
        batches.check_outputs(path)?;
        let mut streaming = Self {
            hidden,
            batches,
            rowwise: Err("not tried".to_owned()),
        };
        streaming.rowwise = streaming.own(proto).map_err(|reason| LoadError::Graph {
            path: path.to_owned(),
            reason,
        })?;
        Ok(streaming)
    }

    /// Numbers of state per row.
    pub(crate) fn hidden(&self) -> usize {
        self.hidden
    }

    /// Why tract runs the graph and not this crate's own arithmetic; `None` if the latter does.
    pub(crate) fn why_tract(&self) -> Option<&str> {
        self.rowwise.as_ref().err().map(String::as_str)
    }

    /// From now on tract runs the graph.
    pub(crate) fn leave_to_tract(&mut self, why: &str) {
        self.rowwise = Err(why.to_owned());
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
        match &mut self.rowwise {
            Ok(own) => {
                own.step(rows, x, h, c, y);
                Ok(())
            }
            Err(_) => self.step_tract(rows, x, h, c, y),
        }
    }

    fn step_tract(
        &mut self,
        rows: usize,
        x: &[f32],
        h: &mut [f32],
        c: &mut [f32],
        y: &mut Vec<f32>,
    ) -> Result<(), String> {
        let mut first = 0;
        while first < rows {
            let run = Batches::next(first, rows);
            let part = |width: usize| run.start * width..run.end * width;
            let (h, c) = (&mut h[part(self.hidden)], &mut c[part(self.hidden)]);
            let mut after = (vec![0.0; h.len()], vec![0.0; c.len()]);
            self.batches.run(
                run.len(),
                &[&x[part(features::COUNT)], &*h, &*c],
                |at, numbers| match at {
                    0 => y.extend(numbers.iter().take(run.len() * OUTPUTS)),
                    1 => after.0.copy_from_slice(&numbers[..h.len()]),
                    _ => after.1.copy_from_slice(&numbers[..c.len()]),
                },
            )?;
            h.copy_from_slice(&after.0);
            c.copy_from_slice(&after.1);
            first = run.end;
        }
        Ok(())
    }

    /// The graph in this crate's own arithmetic, if it knows all of it and answers as tract does;
    /// the outer error is tract's.
    fn own(&mut self, proto: &pb::ModelProto) -> Result<Result<RowwiseGraph, String>, String> {
        let hidden = self.hidden;
        let [x, h, c] = INPUTS;
        let [y, h_next, c_next] = OUTPUT_NAMES;
        let compiled = proto.graph.as_ref().ok_or_else(|| "no graph".to_owned());
        let compiled = compiled.and_then(|graph| {
            RowwiseGraph::compile(
                graph,
                [(x, features::COUNT), (h, hidden), (c, hidden)],
                [(y, OUTPUTS), (h_next, hidden), (c_next, hidden)],
            )
        });
        let mut own = match compiled {
            Ok(own) => own,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut numbers = pseudo_random();
        let mut take = |n: usize| -> Vec<f32> { numbers.by_ref().take(n).collect() };
        let mut by_own = [take(COMPARED_ROWS * hidden), take(COMPARED_ROWS * hidden)];
        let mut by_tract = by_own.clone();
        for step in 1..=COMPARED_STEPS {
            let x = take(COMPARED_ROWS * features::COUNT);
            let (mut own_y, mut tract_y) = (Vec::new(), Vec::new());
            let [h, c] = &mut by_own;
            own.step(COMPARED_ROWS, &x, h, c, &mut own_y);
            let [h, c] = &mut by_tract;
            self.step_tract(COMPARED_ROWS, &x, h, c, &mut tract_y)?;
            let found = [&own_y].into_iter().chain(&by_own);
            for (found, expected) in found.zip([&tract_y].into_iter().chain(&by_tract)) {
                let near = |(a, b): (&f32, &f32)| (a - b).abs() <= SAME;
                if found.len() != expected.len() || !found.iter().zip(expected).all(near) {
                    return Ok(Err(format!(
                        "it answers otherwise than tract in step {step}"
                    )));
                }
            }
        }
        Ok(Ok(own))
    }
}

/// Numbers from -1 to 1, the same every time (xorshift).
fn pseudo_random() -> impl Iterator<Item = f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    })
}
