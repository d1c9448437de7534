//! The inputs and outputs that a contract asks for.

use std::path::Path;

use llmos_engine::forecast::{OUTPUTS, features};
use tract_onnx::pb;

use crate::contract::Signature;
use crate::streaming::{INPUTS, OUTPUT_NAMES};
use crate::tensor::{self, Declared, Tensor};
use crate::{Contract, LoadError, graph};

/// Inputs and outputs in the order in which they are fed and taken.
#[derive(Debug, Clone)]
pub(crate) struct Tensors {
    pub inputs: Vec<Tensor>,
    pub outputs: Vec<Tensor>,
}

impl Tensors {
    /// What the contract asks for of this file, after a check that the file declares it so.
    pub(crate) fn of(
        contract: &Contract,
        proto: &pb::ModelProto,
        path: &Path,
    ) -> Result<Self, LoadError> {
        let graph = proto.graph.as_ref();
        let found_inputs = graph.map(tensor::inputs).unwrap_or_default();
        let found_outputs = graph.map(tensor::outputs).unwrap_or_default();
        let wanted = match contract.signature {
            Signature::Streaming => Self::streaming(contract.hidden),
            Signature::Windowed => {
                // Names do not matter here: exporters make them up.
                let input = only("inputs", &found_inputs, path)?;
                let output = only("outputs", &found_outputs, path)?;
                let shape = [contract.window, contract.features.len()];
                Self {
                    inputs: vec![Tensor::new(input, &shape)],
                    outputs: vec![Tensor::new(output, &[contract.output_order.len()])],
                }
            }
        };
        graph::check_declared("input", &found_inputs, &wanted.inputs, path)?;
        graph::check_declared("output", &found_outputs, &wanted.outputs, path)?;
        Ok(wanted)
    }

    fn streaming(hidden: usize) -> Self {
        let tensors = |names: [&str; 3], first: usize| {
            let named = names.into_iter().zip([first, hidden, hidden]);
            named
                .map(|(name, width)| Tensor::new(name, &[width]))
                .collect()
        };
        Self {
            inputs: tensors(INPUTS, features::COUNT),
            outputs: tensors(OUTPUT_NAMES, OUTPUTS),
        }
    }
}

/// Name of the only tensor.
fn only<'a>(kind: &str, found: &'a [Declared], path: &Path) -> Result<&'a str, LoadError> {
    match found {
        [only] => Ok(&only.name),
        many => Err(LoadError::Tensor {
            path: path.to_owned(),
            tensor: format!("the list of {kind}"),
            found: format!("of {}", many.len()),
            expected: "of one for a windowed model".to_owned(),
        }),
    }
}
