//! A loaded model: the engine's [`Model`] on ONNX.

use std::path::Path;
use std::time::{Duration, Instant};

use llmos_engine::forecast::{Model, ModelError, OUTPUTS, StateRows, features};

use crate::budget::Budget;
use crate::contract::Signature;
use crate::signature::Tensors;
use crate::streaming::{OUTPUT_NAMES, Streaming};
use crate::windowed::Windowed;
use crate::{Contract, LoadError, files, graph};

/// Rows between two looks at the clock.
const ROWS_PER_LOOK: usize = 256;
/// Rows of the trial step.
const TRIED_ROWS: usize = 3;

/// A model run by this crate's own arithmetic or by tract.
#[derive(Debug)]
pub struct TractModel {
    contract: Contract,
    graph: Graph,
    budget: Option<Budget>,
}

#[derive(Debug)]
enum Graph {
    Streaming(Box<Streaming>),
    Windowed(Box<Windowed>),
}

impl TractModel {
    /// Loads `contract.json` and `model.onnx` from a folder, checks both, and tries one step.
    ///
    /// # Errors
    /// If a file cannot be read, the contract is another one than this version speaks, the bytes
    /// are not the ones that it names, the graph breaks a limit, has other inputs or outputs or
    /// cannot be run, or it gives numbers that are not finite.
    pub fn load(dir: &Path) -> Result<Self, LoadError> {
        let path = files::contract_path(dir);
        let contract = Contract::parse(&files::read_contract(&path)?, &path)?;
        let path = files::model_path(dir);
        Self::from_bytes(contract, &files::read_model(&path)?, &path)
    }

    /// Takes the bytes of an ONNX file with its contract. `path` is named in errors.
    ///
    /// # Errors
    /// As [`TractModel::load`].
    pub fn from_bytes(contract: Contract, bytes: &[u8], path: &Path) -> Result<Self, LoadError> {
        let found = files::sha256(bytes);
        if !found.eq_ignore_ascii_case(&contract.sha256) {
            return Err(LoadError::Hash {
                path: path.to_owned(),
                found,
                expected: contract.sha256,
            });
        }
        let proto = graph::decode(bytes, path)?;
        let tensors = Tensors::of(&contract, &proto, path)?;
        let graph = match contract.signature {
            Signature::Streaming => {
                let streaming = Streaming::build(&proto, tensors, contract.hidden, path)?;
                Graph::Streaming(Box::new(streaming))
            }
            Signature::Windowed => {
                let places = contract.places().unwrap_or_default();
                let outputs = contract.outputs().unwrap_or_default();
                let window = contract.window;
                let windowed = Windowed::build(&proto, tensors, window, &places, &outputs, path)?;
                Graph::Windowed(Box::new(windowed))
            }
        };
        let mut model = Self {
            contract,
            graph,
            budget: None,
        };
        model.probe(path)?;
        Ok(model)
    }

    /// The model with a limit for the time of a step. One that takes longer fails, and the model
    /// is left out for a while: longer each time.
    #[must_use]
    pub fn with_step_budget(mut self, limit: Duration) -> Self {
        self.budget = Some(Budget::new(limit));
        self
    }

    /// The model run by tract in any case, to compare.
    #[must_use]
    pub fn by_tract(mut self) -> Self {
        if let Graph::Streaming(streaming) = &mut self.graph {
            streaming.leave_to_tract("asked for");
        }
        self
    }

    /// The contract that the model came with.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Why tract runs the model and not this crate's own arithmetic; `None` if the latter does.
    #[must_use]
    pub fn why_tract(&self) -> Option<&str> {
        match &self.graph {
            Graph::Streaming(streaming) => streaming.why_tract(),
            Graph::Windowed(_) => Some("it is a windowed model"),
        }
    }

    /// Steps on zeros: finite numbers.
    fn probe(&mut self, path: &Path) -> Result<(), LoadError> {
        let width = self.state_width();
        let (mut h, mut c) = (vec![0.0; TRIED_ROWS * width], vec![0.0; TRIED_ROWS * width]);
        let (x, mut y) = ([0.0; TRIED_ROWS * features::COUNT], Vec::new());
        self.step_part(TRIED_ROWS, &x, &mut h, &mut c, &mut y)
            .map_err(|reason| LoadError::Graph {
                path: path.to_owned(),
                reason,
            })?;
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

    fn step_part(
        &mut self,
        rows: usize,
        x: &[f32],
        h: &mut [f32],
        c: &mut [f32],
        y: &mut Vec<f32>,
    ) -> Result<(), String> {
        match &mut self.graph {
            Graph::Streaming(streaming) => streaming.step(rows, x, h, c, y),
            Graph::Windowed(windowed) => windowed.step(rows, x, h, c, y),
        }
    }
}

impl Model for TractModel {
    fn name(&self) -> &str {
        &self.contract.name
    }

    fn state_width(&self) -> usize {
        match &self.graph {
            Graph::Streaming(streaming) => streaming.hidden(),
            Graph::Windowed(windowed) => windowed.state_width(),
        }
    }

    fn given(&self) -> [bool; OUTPUTS] {
        match &self.graph {
            Graph::Streaming(_) => [true; OUTPUTS],
            Graph::Windowed(windowed) => windowed.given(),
        }
    }

    fn step(
        &mut self,
        rows: usize,
        features: &[f32],
        state: &mut StateRows,
        outputs: &mut Vec<f32>,
    ) -> Result<(), ModelError> {
        outputs.clear();
        let width = self.state_width();
        let numbers = (features.len(), state.width, state.h.len(), state.c.len());
        let expected = (rows * features::COUNT, width, rows * width, rows * width);
        if numbers != expected {
            return Err(ModelError::Failed(format!(
                "features, state width, h and c have {numbers:?} numbers, expected {expected:?}"
            )));
        }
        if let Some(budget) = &mut self.budget {
            budget.admit().map_err(ModelError::Failed)?;
        }
        let began = Instant::now();
        for first in (0..rows).step_by(ROWS_PER_LOOK) {
            let last = (first + ROWS_PER_LOOK).min(rows);
            let part = |width: usize| first * width..last * width;
            let x = &features[part(features::COUNT)];
            let (h, c) = (&mut state.h[part(width)], &mut state.c[part(width)]);
            self.step_part(last - first, x, h, c, outputs)
                .map_err(ModelError::Failed)?;
            if let Some(budget) = &mut self.budget {
                let spent = budget.spent(began.elapsed(), last, rows);
                spent.map_err(ModelError::Failed)?;
            }
        }
        Ok(())
    }
}
