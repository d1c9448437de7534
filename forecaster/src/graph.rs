//! The ONNX graph of a streaming model: parsed, and its inputs and outputs checked by name, type
//! and shape before anything runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use llmos_engine::forecast::{OUTPUTS, features};
use tract_onnx::pb;
use tract_onnx::prelude::*;

use crate::LoadError;

/// Names of the inputs, in the order in which a plan takes them.
pub(crate) const INPUT_NAMES: [&str; 3] = ["x", "h", "c"];
/// Names of the outputs, in the order in which a plan gives them.
pub(crate) const OUTPUT_NAMES: [&str; 3] = ["y", "h_next", "c_next"];

/// A checked graph, still for any number of rows.
#[derive(Debug)]
pub(crate) struct StreamingGraph {
    /// Inputs and outputs are in the order of the names above.
    model: InferenceModel,
    hidden: usize,
}

impl StreamingGraph {
    /// Parses the bytes of an ONNX file. `path` is named in errors.
    pub(crate) fn parse(bytes: &[u8], hidden: usize, path: &Path) -> Result<Self, LoadError> {
        let graph_error = |reason| LoadError::Graph {
            path: path.to_owned(),
            reason,
        };
        let reader = onnx().with_ignore_value_info(true);
        let proto = reader
            .proto_model_for_read(&mut &bytes[..])
            .map_err(|error| graph_error(one_line(&error)))?;
        let graph = proto
            .graph
            .as_ref()
            .ok_or_else(|| graph_error("it has no graph".to_owned()))?;
        check_declared(graph, hidden, path)?;
        let model = shielded(|| {
            let mut model = reader.model_for_proto_model(&proto)?;
            in_order(&mut model, graph)?;
            Ok(model)
        })
        .map_err(graph_error)?;
        Ok(Self { model, hidden })
    }

    /// The graph optimised for `rows` rows: tract does that best when every shape is known.
    pub(crate) fn optimised(&self, rows: usize) -> Result<Arc<TypedRunnableModel>, String> {
        shielded(|| {
            let mut model = self.model.clone();
            for (at, width) in self.input_widths().into_iter().enumerate() {
                model.set_input_fact(at, f32::fact([rows, width]).into())?;
            }
            model.into_optimized()?.into_runnable()
        })
    }

    /// Columns of the inputs.
    pub(crate) fn input_widths(&self) -> [usize; 3] {
        [features::COUNT, self.hidden, self.hidden]
    }

    /// Columns of the outputs.
    pub(crate) fn output_widths(&self) -> [usize; 3] {
        [OUTPUTS, self.hidden, self.hidden]
    }
}

/// Runs tract and turns its errors into one line. It answers some broken files with a panic,
/// which must not end the program that only wanted to try a model.
pub(crate) fn shielded<T>(run: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.map_err(|error| one_line(&error)),
        Err(_) => Err("tract panicked".to_owned()),
    }
}

fn one_line(error: &impl std::fmt::Display) -> String {
    let text = format!("{error:#}");
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(300).collect()
}

/// Checks what the file says about its inputs and outputs.
fn check_declared(graph: &pb::GraphProto, hidden: usize, path: &Path) -> Result<(), LoadError> {
    // Old files list their weights among the inputs.
    let is_weight = |name: &str| graph.initializer.iter().any(|weight| weight.name == name);
    let inputs: Vec<_> = graph
        .input
        .iter()
        .filter(|input| !is_weight(&input.name))
        .collect();
    let outputs: Vec<_> = graph.output.iter().collect();
    let widths = |first| [first, hidden, hidden];
    for (kind, found, names, widths) in [
        ("input", &inputs, INPUT_NAMES, widths(features::COUNT)),
        ("output", &outputs, OUTPUT_NAMES, widths(OUTPUTS)),
    ] {
        let listed: Vec<&str> = found.iter().map(|tensor| tensor.name.as_str()).collect();
        let mut sorted = (listed.clone(), names.to_vec());
        sorted.0.sort_unstable();
        sorted.1.sort_unstable();
        if sorted.0 != sorted.1 {
            return Err(LoadError::Tensor {
                path: path.to_owned(),
                tensor: format!("the list of {kind}s"),
                found: format!("[{}]", listed.join(", ")),
                expected: format!("[{}]", names.join(", ")),
            });
        }
        for (name, width) in names.iter().zip(widths) {
            let Some(tensor) = found.iter().find(|tensor| tensor.name == *name) else {
                continue;
            };
            let expected = format!("f32 [any, {width}]");
            let declared = describe(tensor);
            if declared != expected {
                return Err(LoadError::Tensor {
                    path: path.to_owned(),
                    tensor: format!("{kind} {name}"),
                    found: declared,
                    expected,
                });
            }
        }
    }
    Ok(())
}

/// Type and shape of a tensor as the file declares them; a dimension with a name is "any".
fn describe(tensor: &pb::ValueInfoProto) -> String {
    let Some(pb::type_proto::Value::TensorType(of)) =
        tensor.r#type.as_ref().and_then(|of| of.value.as_ref())
    else {
        return "without a type".to_owned();
    };
    let number = pb::tensor_proto::DataType::try_from(of.elem_type).map_or(
        "of unknown type".to_owned(),
        |known| match known {
            pb::tensor_proto::DataType::Float => "f32".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        },
    );
    let Some(shape) = &of.shape else {
        return format!("{number} of unknown shape");
    };
    let dims: Vec<String> = shape
        .dim
        .iter()
        .map(|dim| match &dim.value {
            Some(pb::tensor_shape_proto::dimension::Value::DimValue(n)) => n.to_string(),
            _ => "any".to_owned(),
        })
        .collect();
    format!("{number} [{}]", dims.join(", "))
}

/// Puts inputs and outputs into the order of the names, whatever order the file has.
fn in_order(model: &mut InferenceModel, graph: &pb::GraphProto) -> TractResult<()> {
    let mut inputs = Vec::new();
    for name in INPUT_NAMES {
        let of_name = |outlet: &&OutletId| model.nodes()[outlet.node].name == name;
        let found = model.input_outlets()?.iter().find(of_name).copied();
        inputs.push(found.ok_or_else(|| TractError::msg(format!("input {name} is not there")))?);
    }
    let mut outputs = Vec::new();
    for name in OUTPUT_NAMES {
        let place = graph.output.iter().position(|output| output.name == name);
        let found = place.and_then(|place| model.outputs.get(place)).copied();
        outputs.push(found.ok_or_else(|| TractError::msg(format!("output {name} is not there")))?);
    }
    model.inputs = inputs;
    model.outputs = outputs;
    Ok(())
}
