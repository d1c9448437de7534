//! A loaded model: the engine's [`Model`] on tract, in batches of fixed size.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use llmos_engine::forecast::{Model, ModelError, StateRows, features};
use sha2::{Digest, Sha256};

use crate::graph::{OUTPUT_NAMES, StreamingGraph};
use crate::plan::Plan;
use crate::{Contract, LoadError};

/// Largest model that is read. The released ones have a fraction of a MiB.
const MAX_MODEL_BYTES: u64 = 64 * 1024 * 1024;
/// Largest contract that is read.
const MAX_CONTRACT_BYTES: u64 = 1024 * 1024;
/// Sizes of batches, each with a plan of its own that is made when first needed.
const BATCHES: [usize; 3] = [16, 64, 256];
/// Rows left from which each batch pays, padding included. A run of the released model costs some
/// 75 us and 2 us a row on one core: one run of 64 beats two of 16, and of 256 beats four of 64.
const PAYS_FROM: [usize; 3] = [1, 17, 193];

/// A streaming model run by tract.
#[derive(Debug)]
pub struct TractModel {
    contract: Contract,
    graph: StreamingGraph,
    /// Plans for the sizes of [`BATCHES`].
    plans: [Option<Plan>; BATCHES.len()],
}

impl TractModel {
    /// Loads `contract.json` and `model.onnx` from a folder, checks both, and tries one step.
    ///
    /// # Errors
    /// If a file cannot be read, the contract is another one than this version speaks, the bytes
    /// are not the ones that it names, the graph has other inputs or outputs or cannot be run,
    /// or it gives numbers that are not finite.
    pub fn load(dir: &Path) -> Result<Self, LoadError> {
        let contract_path = dir.join("contract.json");
        let contract = Contract::parse(&read(&contract_path, MAX_CONTRACT_BYTES)?, &contract_path)?;
        let path = dir.join("model.onnx");
        let bytes = read(&path, MAX_MODEL_BYTES)?;
        let found = hex(&Sha256::digest(&bytes));
        if !found.eq_ignore_ascii_case(&contract.sha256) {
            return Err(LoadError::Hash {
                path,
                found,
                expected: contract.sha256,
            });
        }
        let graph = StreamingGraph::parse(&bytes, contract.hidden, &path)?;
        let mut model = Self {
            contract,
            graph,
            plans: [const { None }; BATCHES.len()],
        };
        model.probe(&path)?;
        Ok(model)
    }

    /// The contract that the model came with.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// One step on zeros: the real shapes, and finite numbers.
    fn probe(&mut self, path: &Path) -> Result<(), LoadError> {
        let graph_error = |reason| LoadError::Graph {
            path: path.to_owned(),
            reason,
        };
        let hidden = self.contract.hidden;
        let plan = self.plan(0).map_err(graph_error)?;
        if let Some(wrong) = plan.wrong_output() {
            return Err(LoadError::Tensor {
                path: path.to_owned(),
                tensor: format!("output {}", wrong.output),
                found: wrong.found,
                expected: wrong.expected,
            });
        }
        let x = [0.0; features::COUNT];
        let (mut h, mut c, mut y) = (vec![0.0; hidden], vec![0.0; hidden], Vec::new());
        plan.step(&x, &mut h, &mut c, &mut y).map_err(graph_error)?;
        for (output, numbers) in OUTPUT_NAMES.into_iter().zip([&y, &h, &c]) {
            if !numbers.iter().all(|x| x.is_finite()) {
                return Err(LoadError::NotFinite {
                    path: path.to_owned(),
                    output,
                });
            }
        }
        Ok(())
    }

    fn plan(&mut self, size: usize) -> Result<&mut Plan, String> {
        match &mut self.plans[size] {
            Some(plan) => Ok(plan),
            empty => Ok(empty.insert(Plan::build(&self.graph, BATCHES[size])?)),
        }
    }
}

impl Model for TractModel {
    fn name(&self) -> &str {
        &self.contract.name
    }

    fn state_width(&self) -> usize {
        self.contract.hidden
    }

    fn step(
        &mut self,
        rows: usize,
        features: &[f32],
        state: &mut StateRows,
        outputs: &mut Vec<f32>,
    ) -> Result<(), ModelError> {
        outputs.clear();
        let width = self.contract.hidden;
        let numbers = (features.len(), state.width, state.h.len(), state.c.len());
        let expected = (rows * features::COUNT, width, rows * width, rows * width);
        if numbers != expected {
            return Err(ModelError::Failed(format!(
                "features, state width, h and c have {numbers:?} numbers, expected {expected:?}"
            )));
        }
        let mut at = 0;
        while at < rows {
            let size = batch_for(rows - at);
            let end = (at + BATCHES[size]).min(rows);
            let stepped = self.plan(size).and_then(|plan| {
                plan.step(
                    &features[at * features::COUNT..end * features::COUNT],
                    &mut state.h[at * width..end * width],
                    &mut state.c[at * width..end * width],
                    outputs,
                )
            });
            if let Err(reason) = stepped {
                // What a failed run left in its scratch state is unknown: make the plan anew.
                self.plans[size] = None;
                return Err(ModelError::Failed(reason));
            }
            at = end;
        }
        Ok(())
    }
}

/// Which batch to take for the rows that are left.
fn batch_for(left: usize) -> usize {
    PAYS_FROM
        .iter()
        .rposition(|rows| *rows <= left)
        .unwrap_or(0)
}

/// Reads a whole file of bounded size.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, LoadError> {
    let read_error = |source| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    // A pipe would block for ever when opened, so look first.
    if !std::fs::metadata(path).map_err(read_error)?.is_file() {
        return Err(LoadError::NotAFile {
            path: path.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(read_error)?;
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(read_error)?;
    if bytes.len() as u64 > limit {
        return Err(LoadError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
