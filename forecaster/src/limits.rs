//! What an ONNX file may contain at all. Checked on the decoded file, before tract sees it: some of
//! what is refused here would make it take memory or time without bound.

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, tensor_proto::DataType};

use crate::constants::{floats, size, whole_numbers};

/// Operators that a file may use: arithmetic of rows and windows, and what exporters put around
/// it. Loops and branches are not among them: a step takes the same time every tick.
pub const OPERATORS: [&str; 60] = [
    "Abs",
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "Div",
    "Dropout",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "GRU",
    "Gather",
    "Gelu",
    "Gemm",
    "Greater",
    "HardSigmoid",
    "Identity",
    "LSTM",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "Log",
    "MatMul",
    "Max",
    "Min",
    "Mul",
    "Neg",
    "Not",
    "Pow",
    "RNN",
    "Reciprocal",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Selu",
    "Shape",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Softplus",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tanh",
    "Transpose",
    "Unsqueeze",
    "Where",
];
/// Most nodes of a graph.
const MAX_NODES: usize = 2_000;
/// Most numbers in all constants together: a model of 64 MiB has no more.
const MAX_NUMBERS: usize = 16 * 1024 * 1024;
/// Most values that a node takes or gives, most attributes of a node, most dimensions of a tensor.
const MAX_LIST: usize = 64;
/// Largest whole number of an attribute, and in a constant: they are sizes, places and axes.
/// Exporters also write the largest `i64` for "to the end", which `Slice` takes for what it is.
const MAX_WHOLE: i64 = 1 << 20;
/// Longest name of an input or output, in bytes.
const MAX_NAME: usize = 200;

/// Every limit that the file breaks, each in a few words with what was expected; the first few.
pub(crate) fn broken(model: &ModelProto) -> Vec<String> {
    let mut broken = Broken::default();
    if !model.functions.is_empty() {
        broken.add(format!(
            "has {} functions, expected none",
            model.functions.len()
        ));
    }
    if let Some(graph) = &model.graph {
        broken.graph(graph);
    }
    broken.found
}

#[derive(Default)]
struct Broken {
    found: Vec<String>,
    /// Numbers of all constants so far.
    numbers: usize,
}

impl Broken {
    fn add(&mut self, what: String) {
        // Enough for a person; a hostile file could have millions.
        if self.found.len() < 8 && !self.found.contains(&what) {
            self.found.push(what);
        }
    }

    fn graph(&mut self, graph: &GraphProto) {
        if graph.node.len() > MAX_NODES {
            let nodes = graph.node.len();
            return self.add(format!("has {nodes} nodes, expected at most {MAX_NODES}"));
        }
        if !graph.sparse_initializer.is_empty() {
            self.add("has sparse constants, expected plain ones".to_owned());
        }
        // Old files list their constants among the inputs.
        if graph.input.len() > MAX_NODES || graph.output.len() > MAX_LIST {
            let lists = (graph.input.len(), graph.output.len());
            self.add(format!(
                "has {lists:?} inputs and outputs, expected at most {:?}",
                (MAX_NODES, MAX_LIST)
            ));
        }
        for tensor in graph.input.iter().chain(&graph.output) {
            let name = &tensor.name;
            if name.len() > MAX_NAME || name.chars().any(char::is_control) {
                let name = shown(name);
                self.add(format!(
                    "has an input or output {name}, expected names of one line and {MAX_NAME} bytes"
                ));
            }
        }
        for tensor in &graph.initializer {
            self.tensor(&tensor.name, tensor);
        }
        for node in &graph.node {
            self.node(node);
        }
        if self.numbers > MAX_NUMBERS {
            let numbers = self.numbers;
            self.add(format!(
                "has {numbers} numbers in constants, expected at most {MAX_NUMBERS}"
            ));
        }
    }

    fn node(&mut self, node: &NodeProto) {
        let operator = shown(&node.op_type);
        if !node.domain.is_empty() && node.domain != "ai.onnx" {
            let domain = shown(&node.domain);
            self.add(format!(
                "uses operator {operator} of {domain}, expected standard ONNX"
            ));
        } else if !OPERATORS.contains(&node.op_type.as_str()) {
            self.add(format!(
                "uses operator {operator}, expected one of those in docs/models.md"
            ));
        }
        let longest = [node.input.len(), node.output.len(), node.attribute.len()];
        if longest.into_iter().any(|length| length > MAX_LIST) {
            self.add(format!(
                "a node {operator} has more than {MAX_LIST} inputs, outputs or attributes, \
                 expected fewer"
            ));
        }
        for attribute in &node.attribute {
            let name = shown(&attribute.name);
            // An axis twice, and tract takes memory until there is none.
            if attribute.name == "perm" && !is_permutation(&attribute.ints) {
                self.add(format!(
                    "attribute {name} of a node {operator} is no order of axes, expected each axis once"
                ));
            }
            let whole = attribute.ints.iter().chain([&attribute.i]);
            if whole.clone().any(|whole| !is_small(*whole)) || attribute.ints.len() > MAX_LIST {
                self.add(format!(
                    "attribute {name} of a node {operator} is too large, expected at most \
                     {MAX_LIST} numbers up to {MAX_WHOLE}"
                ));
            }
            if attribute.g.is_some() || !attribute.graphs.is_empty() {
                self.add(format!("a node {operator} holds a graph, expected none"));
            }
            if attribute.sparse_tensor.is_some() || !attribute.sparse_tensors.is_empty() {
                self.add(format!(
                    "a node {operator} has a sparse constant, expected a plain one"
                ));
            }
            for tensor in attribute.t.iter().chain(&attribute.tensors) {
                self.tensor(&attribute.name, tensor);
            }
        }
    }

    fn tensor(&mut self, name: &str, tensor: &TensorProto) {
        let name = shown(name);
        let kind = DataType::try_from(tensor.data_type).unwrap_or(DataType::Undefined);
        let Some(size) = size(tensor).filter(|_| tensor.dims.len() <= MAX_LIST) else {
            return self.add(format!("constant {name} has no shape that memory can hold"));
        };
        self.numbers = self.numbers.saturating_add(size);
        if !tensor.external_data.is_empty() || tensor.data_location.unwrap_or(0) != 0 {
            return self.add(format!(
                "constant {name} lies in another file, expected in this one"
            ));
        }
        let bytes = tensor.raw_data.len();
        let (held, width) = match kind {
            DataType::Float => (tensor.float_data.len(), 4),
            DataType::Double => (tensor.double_data.len(), 8),
            DataType::Int64 => (tensor.int64_data.len(), 8),
            DataType::Int32 => (tensor.int32_data.len(), 4),
            DataType::Bool => (tensor.int32_data.len(), 1),
            _ => {
                return self.add(format!(
                    "constant {name} is of type {kind:?}, expected Float, Double, Int64, Int32 \
                     or Bool"
                ));
            }
        };
        let fits = match (bytes, held) {
            (0, held) => held == size,
            (bytes, 0) => size.checked_mul(width) == Some(bytes),
            _ => false,
        };
        if !fits {
            return self.add(format!(
                "constant {name} does not hold the {size} numbers of its shape"
            ));
        }
        let finite = match kind {
            DataType::Float => floats(tensor).is_some_and(|all| all.iter().all(|x| x.is_finite())),
            DataType::Double => doubles(tensor).all(f64::is_finite),
            _ => true,
        };
        if !finite {
            self.add(format!(
                "constant {name} holds a number that is not finite, expected finite ones"
            ));
        }
        let small = match kind {
            DataType::Int64 => {
                whole_numbers(tensor).is_some_and(|all| all.into_iter().all(is_small))
            }
            _ => true,
        };
        if !small {
            self.add(format!(
                "constant {name} holds a number above {MAX_WHOLE}, expected smaller ones"
            ));
        }
    }
}

/// Is each number from zero up there once?
fn is_permutation(axes: &[i64]) -> bool {
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    sorted.into_iter().eq(0..axes.len() as i64)
}

/// Is it a sound size, place or axis, or "to the end"?
fn is_small(whole: i64) -> bool {
    whole.unsigned_abs() <= MAX_WHOLE.unsigned_abs()
        || whole >= i64::from(i32::MAX)
        || whole <= i64::from(i32::MIN)
}

fn doubles(tensor: &TensorProto) -> impl Iterator<Item = f64> {
    let (chunks, _) = tensor.raw_data.as_chunks::<8>();
    let raw = chunks.iter().map(|bytes| f64::from_le_bytes(*bytes));
    tensor.double_data.iter().copied().chain(raw)
}

/// A name as it may stand in one line.
pub(crate) fn shown(name: &str) -> String {
    format!("{:?}", name.chars().take(60).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_operators_is_in_the_documentation() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/models.md");
        let text = std::fs::read_to_string(file).unwrap();
        let (_, list) = text.split_once("\nOperators: ").unwrap();
        let (list, _) = list.split_once(".\n").unwrap();
        let listed: Vec<&str> = list
            .split_whitespace()
            .map(|o| o.trim_matches('`'))
            .collect();
        assert_eq!(listed, OPERATORS);
        assert!(OPERATORS.is_sorted());
    }

    #[test]
    fn an_order_of_axes_has_each_once() {
        assert!(is_permutation(&[]) && is_permutation(&[1, 0, 2]));
        assert!(!is_permutation(&[1, 0, 1]) && !is_permutation(&[1, 2]));
        assert!(!is_permutation(&[0, -1]));
    }
}
