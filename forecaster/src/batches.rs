//! Any number of rows through plans of fixed sizes.

use std::ops::Range;
use std::path::Path;

use crate::LoadError;
use crate::graph::OnnxGraph;
use crate::plan::Plan;

/// Sizes of batches, each with a plan of its own that is made when first needed.
const BATCHES: [usize; 3] = [16, 64, 256];
/// Rows left from which each batch pays, padding included. A run of the released model costs some
/// 75 us and 2 us a row on one core: one run of 64 beats two of 16, and of 256 beats four of 64.
const PAYS_FROM: [usize; 3] = [1, 17, 193];

/// A graph with its plans.
#[derive(Debug)]
pub(crate) struct Batches {
    graph: OnnxGraph,
    /// Plans for the sizes of [`BATCHES`].
    plans: [Option<Plan>; BATCHES.len()],
}

impl Batches {
    pub(crate) fn new(graph: OnnxGraph) -> Self {
        Self {
            graph,
            plans: [const { None }; BATCHES.len()],
        }
    }

    /// Compares the real shapes of the outputs with what the contract wants. `path` is named in
    /// errors.
    pub(crate) fn check_outputs(&mut self, path: &Path) -> Result<(), LoadError> {
        let plan = self.plan(0).map_err(|reason| LoadError::Graph {
            path: path.to_owned(),
            reason,
        })?;
        match plan.wrong_output() {
            None => Ok(()),
            Some(wrong) => Err(LoadError::Tensor {
                path: path.to_owned(),
                tensor: format!("output {}", wrong.output),
                found: wrong.found,
                expected: wrong.expected,
            }),
        }
    }

    /// The rows of the next run when `rows` are to be done from `first` on.
    pub(crate) fn next(first: usize, rows: usize) -> Range<usize> {
        first..(first + BATCHES[batch_for(rows - first)]).min(rows)
    }

    /// One run of rows that [`Self::next`] gave; `take` gets place and numbers of each output,
    /// which go on after these rows.
    pub(crate) fn run(
        &mut self,
        rows: usize,
        inputs: &[&[f32]],
        take: impl FnMut(usize, &[f32]),
    ) -> Result<(), String> {
        let size = batch_for(rows);
        self.plan(size)?.run(inputs, take)
    }

    fn plan(&mut self, size: usize) -> Result<&Plan, String> {
        match &mut self.plans[size] {
            Some(plan) => Ok(plan),
            empty => Ok(empty.insert(Plan::build(&self.graph, BATCHES[size])?)),
        }
    }
}

/// Which batch to take for the rows that are left.
fn batch_for(left: usize) -> usize {
    PAYS_FROM
        .iter()
        .rposition(|rows| *rows <= left)
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_split_into_few_runs_with_little_padding() {
        let sizes = |mut left: usize| {
            let mut sizes = Vec::new();
            while left > 0 {
                let size = BATCHES[batch_for(left)];
                sizes.push(size);
                left = left.saturating_sub(size);
            }
            sizes
        };
        assert_eq!(sizes(1), [16]);
        assert_eq!(sizes(16), [16]);
        assert_eq!(sizes(17), [64]);
        assert_eq!(sizes(100), [64, 64]);
        assert_eq!(sizes(192), [64, 64, 64]);
        assert_eq!(sizes(193), [256]);
        assert_eq!(sizes(600), [256, 256, 64, 64]);
    }
}
