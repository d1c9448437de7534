//! An ONNX graph: parsed within limits, and its inputs and outputs checked by name, type and shape
//! before anything runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tract_onnx::pb;
use tract_onnx::prelude::*;

use crate::error::one_line;
use crate::shapes::{self, MAX_NUMBERS};
use crate::signature::Tensors;
use crate::tensor::{Declared, Tensor};
use crate::{LoadError, limits, scan};

/// A checked graph, still for any number of rows.
#[derive(Debug)]
pub(crate) struct OnnxGraph {
    /// Inputs and outputs are in the order of the lists below.
    model: InferenceModel,
    pub inputs: Vec<Tensor>,
    pub outputs: Vec<Tensor>,
}

/// Decodes the bytes of an ONNX file and checks them against the limits.
pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<pb::ModelProto, LoadError> {
    let proto = decode_only(bytes, path)?;
    match limits::broken(&proto).into_iter().next() {
        Some(limit) => Err(LoadError::Limit {
            path: path.to_owned(),
            limit,
        }),
        None => Ok(proto),
    }
}

/// Decodes the bytes of an ONNX file with a graph in it.
pub(crate) fn decode_only(bytes: &[u8], path: &Path) -> Result<pb::ModelProto, LoadError> {
    let graph_error = |reason| LoadError::Graph {
        path: path.to_owned(),
        reason,
    };
    scan::small_enough(bytes).map_err(|limit| LoadError::Limit {
        path: path.to_owned(),
        limit,
    })?;
    let proto = onnx()
        .proto_model_for_read(&mut &bytes[..])
        .map_err(|error| graph_error(one_line(&format!("{error:#}"))))?;
    match proto.graph {
        Some(_) => Ok(proto),
        None => Err(graph_error("it has no graph".to_owned())),
    }
}

impl OnnxGraph {
    /// Takes a decoded file with the inputs and outputs that it declares. `path` is named in errors.
    pub(crate) fn build(
        proto: &pb::ModelProto,
        tensors: Tensors,
        path: &Path,
    ) -> Result<Self, LoadError> {
        let Tensors { inputs, outputs } = tensors;
        let model = shielded(|| {
            let reader = onnx().with_ignore_value_info(true);
            let mut model = reader.model_for_proto_model(proto)?;
            let graph = proto.graph.as_ref();
            let names = graph.map_or(&[][..], |graph| &graph.output);
            in_order(&mut model, names, &inputs, &outputs)?;
            // Without what no output needs.
            model.into_compact()
        })
        .map_err(|reason| LoadError::Graph {
            path: path.to_owned(),
            reason,
        })?;
        Ok(Self {
            model,
            inputs,
            outputs,
        })
    }

    /// The graph optimised for `rows` rows: tract does that best when every shape is known.
    pub(crate) fn optimised(&self, rows: usize) -> Result<Arc<TypedRunnableModel>, String> {
        let model = shielded(|| {
            let mut model = self.model.clone();
            for (at, input) in self.inputs.iter().enumerate() {
                let shape: TVec<usize> = std::iter::once(rows)
                    .chain(input.shape.iter().copied())
                    .collect();
                model.set_input_fact(at, f32::fact(&shape).into())?;
            }
            // The file's "any" would stay a symbol. What really comes out is compared with the
            // contract later.
            for at in 0..self.outputs.len() {
                model.set_output_fact(at, InferenceFact::default())?;
            }
            shapes::settle(&mut model)?;
            model.into_optimized()
        })?;
        let numbers = model.nodes().iter().flat_map(|node| &node.outputs);
        let numbers = numbers.fold(0_usize, |sum, outlet| {
            let dims = outlet.fact.shape.as_concrete().unwrap_or(&[usize::MAX]);
            let volume = dims.iter().fold(1_usize, |n, dim| n.saturating_mul(*dim));
            sum.saturating_add(volume)
        });
        if numbers > MAX_NUMBERS {
            return Err(format!(
                "a step of {rows} rows works on {numbers} numbers, expected at most {MAX_NUMBERS}"
            ));
        }
        shielded(|| model.into_runnable())
    }
}

/// Runs tract and turns its errors into one line. It answers some broken files with a panic,
/// which must not end the program that only wanted to try a model.
pub(crate) fn shielded<T>(run: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.map_err(|error| one_line(&format!("{error:#}"))),
        Err(_) => Err("tract panicked".to_owned()),
    }
}

/// Checks what the file says about its inputs or outputs.
pub(crate) fn check_declared(
    kind: &str,
    found: &[Declared],
    wanted: &[Tensor],
    path: &Path,
) -> Result<(), LoadError> {
    let mut listed: Vec<&str> = found.iter().map(|tensor| tensor.name.as_str()).collect();
    let mut names: Vec<&str> = wanted.iter().map(|tensor| tensor.name.as_str()).collect();
    let (found_list, wanted_list) = (listed.join(", "), names.join(", "));
    listed.sort_unstable();
    names.sort_unstable();
    if listed != names {
        return Err(LoadError::Tensor {
            path: path.to_owned(),
            tensor: format!("the list of {kind}s"),
            found: one_line(&format!("[{found_list}]")),
            expected: format!("[{wanted_list}]"),
        });
    }
    for tensor in wanted {
        let declared = found.iter().find(|found| found.name == tensor.name);
        if let Some(declared) = declared.filter(|declared| !declared.fits(tensor)) {
            return Err(LoadError::Tensor {
                path: path.to_owned(),
                tensor: format!("{kind} {}", tensor.name),
                found: declared.shown(),
                expected: tensor.shown("any"),
            });
        }
    }
    Ok(())
}

/// Puts inputs and outputs into the order of the lists, whatever order the file has.
fn in_order(
    model: &mut InferenceModel,
    names: &[pb::ValueInfoProto],
    inputs: &[Tensor],
    outputs: &[Tensor],
) -> TractResult<()> {
    let missing = |tensor: &Tensor| TractError::msg(format!("{} is not there", tensor.name));
    let mut ordered = (Vec::new(), Vec::new());
    for input in inputs {
        let of_name = |outlet: &&OutletId| model.nodes()[outlet.node].name == input.name;
        let found = model.input_outlets()?.iter().find(of_name).copied();
        ordered.0.push(found.ok_or_else(|| missing(input))?);
    }
    for output in outputs {
        let place = names.iter().position(|found| found.name == output.name);
        let found = place.and_then(|place| model.outputs.get(place)).copied();
        ordered.1.push(found.ok_or_else(|| missing(output))?);
    }
    (model.inputs, model.outputs) = ordered;
    Ok(())
}
