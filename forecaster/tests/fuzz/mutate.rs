//! Ways to make a model or contract wrong.

use prost::Message;
use serde_json::{Value, json};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
    tensor_proto::DataType, tensor_shape_proto, type_proto,
};

use crate::rng::Rng;

/// Numbers at which code that counts, adds or allocates goes wrong.
const EDGES: [i64; 20] = [
    0,
    1,
    2,
    3,
    7,
    16,
    64,
    255,
    256,
    65_535,
    1 << 20,
    (1 << 24) + 1,
    i32::MAX as i64,
    1 << 32,
    i64::MAX,
    -1,
    -2,
    -100,
    i32::MIN as i64,
    i64::MIN,
];

/// Operators that are allowed, and some that are not.
const OPERATORS: [&str; 44] = [
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
    "CumSum",
    "Div",
    "Expand",
    "Flatten",
    "GRU",
    "Gather",
    "Gemm",
    "Identity",
    "If",
    "LSTM",
    "LayerNormalization",
    "Log",
    "Loop",
    "MatMul",
    "Max",
    "Mul",
    "OneHot",
    "Pad",
    "Pow",
    "RNN",
    "Range",
    "ReduceSum",
    "Reshape",
    "Resize",
    "Scan",
    "Shape",
    "Slice",
    "Softmax",
    "Split",
    "Sqrt",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
];

/// Changes bytes: flips, cuts, and pieces of this and another file in wrong places.
pub fn bytes(base: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut out = base.to_vec();
    for _ in 0..=rng.below(4) {
        let at = rng.below(out.len());
        match rng.below(6) {
            0 => out.truncate(at),
            1 => {
                let from = rng.below(other.len());
                let piece = &other[from..(from + rng.below(64)).min(other.len())];
                out.splice(at..at, piece.iter().copied());
            }
            2 => {
                let end = (at + rng.below(64)).min(out.len());
                out.drain(at..end);
            }
            3 => {
                // A length or number of a field, as protobuf writes it, beyond what there is.
                let far: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x07];
                out.splice(at..(at + 1).min(out.len()), far);
            }
            _ => {
                // The front of a file holds its structure, the rest mostly weights.
                let at = if rng.one_in(2) { at % 512 } else { at };
                if let Some(byte) = out.get_mut(at) {
                    *byte ^= 1 << rng.below(8);
                }
            }
        }
    }
    out
}

/// Changes fields of a file that stays well-formed.
pub fn fields(base: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut model = ModelProto::decode(base).expect("a base is sound");
    for _ in 0..=rng.below(3) {
        if let Some(graph) = &mut model.graph {
            change_graph(graph, rng);
        }
        if rng.one_in(30)
            && let Some(opset) = rng.pick_mut(&mut model.opset_import)
        {
            opset.version = edge(rng);
        }
    }
    model.encode_to_vec()
}

fn edge(rng: &mut Rng) -> i64 {
    *rng.pick(&EDGES).expect("there are some")
}

/// A name that should not reach a terminal, or is long, or is none.
fn name(rng: &mut Rng) -> String {
    match rng.below(4) {
        0 => String::new(),
        1 => "x".repeat(rng.below(100_000)),
        2 => "line\nbreak \u{1b}[31m".to_owned(),
        _ => ["x", "h", "c", "y", "h_next", "c_next"][rng.below(6)].to_owned(),
    }
}

fn change_graph(graph: &mut GraphProto, rng: &mut Rng) {
    match rng.below(14) {
        0 => change_declared(&mut graph.input, rng),
        1 => change_declared(&mut graph.output, rng),
        2 | 3 => {
            if let Some(tensor) = rng.pick_mut(&mut graph.initializer) {
                change_tensor(tensor, rng);
            }
        }
        4 => {
            if !graph.node.is_empty() {
                graph.node.remove(rng.below(graph.node.len()));
            }
        }
        5 => {
            let (a, b) = (rng.below(graph.node.len()), rng.below(graph.node.len()));
            if !graph.node.is_empty() {
                graph.node.swap(a, b);
            }
        }
        6 => repeat_node(graph, rng),
        7 => {
            if !graph.initializer.is_empty() {
                graph.initializer.remove(rng.below(graph.initializer.len()));
            }
        }
        _ => {
            let names = value_names(graph);
            if let Some(node) = rng.pick_mut(&mut graph.node) {
                change_node(node, &names, rng);
            }
        }
    }
}

fn value_names(graph: &GraphProto) -> Vec<String> {
    let made = graph.node.iter().flat_map(|node| &node.output);
    let fed = graph.input.iter().map(|input| &input.name);
    let held = graph.initializer.iter().map(|tensor| &tensor.name);
    made.chain(fed).chain(held).cloned().collect()
}

/// A chain of copies of one node, each fed by the one before: it may grow what it makes each time.
fn repeat_node(graph: &mut GraphProto, rng: &mut Rng) {
    let at = rng.below(graph.node.len());
    let Some(node) = graph.node.get(at).cloned() else {
        return;
    };
    let Some(output) = node.output.first().cloned() else {
        return;
    };
    let most = if rng.one_in(20) { 5_000 } else { 20 };
    for copy in 0..rng.below(most) {
        let mut next = node.clone();
        let before = match copy {
            0 => output.clone(),
            _ => format!("{output}_{}", copy - 1),
        };
        let both = rng.one_in(2);
        for (place, input) in next.input.iter_mut().enumerate() {
            if place == 0 || both {
                input.clone_from(&before);
            }
        }
        next.output = vec![format!("{output}_{copy}")];
        next.name = format!("{}_{copy}", next.name);
        graph.node.insert(at + 1 + copy, next);
    }
}

fn change_declared(all: &mut Vec<ValueInfoProto>, rng: &mut Rng) {
    if rng.one_in(4) {
        let copy = rng.pick(all).cloned();
        all.extend(copy);
        return;
    }
    let Some(tensor) = rng.pick_mut(all) else {
        return;
    };
    if rng.one_in(8) {
        tensor.name = name(rng);
        return;
    }
    let kind = tensor.r#type.as_mut().and_then(|of| of.value.as_mut());
    let Some(type_proto::Value::TensorType(of)) = kind else {
        return;
    };
    match (&mut of.shape, rng.below(4)) {
        (Some(shape), 0) => {
            if let Some(dim) = rng.pick_mut(&mut shape.dim) {
                let to = tensor_shape_proto::dimension::Value::DimValue(edge(rng));
                dim.value = Some(to);
            }
        }
        (Some(shape), 1) => {
            shape.dim.pop();
        }
        (shape, 2) => *shape = None,
        _ => of.elem_type = i32::try_from(edge(rng)).unwrap_or(1),
    }
}

fn change_tensor(tensor: &mut TensorProto, rng: &mut Rng) {
    match rng.below(6) {
        0 => {
            if let Some(dim) = rng.pick_mut(&mut tensor.dims) {
                *dim = edge(rng);
            }
        }
        1 => tensor.dims.push(edge(rng)),
        2 => tensor.data_type = rng.below(24) as i32,
        3 => tensor.raw_data.truncate(rng.below(tensor.raw_data.len())),
        4 => *tensor = whole_numbers(&tensor.name, rng),
        _ => {
            let at = rng.below(tensor.raw_data.len());
            if let Some(byte) = tensor.raw_data.get_mut(at) {
                *byte = [0x00, 0x7f, 0x80, 0xff][rng.below(4)];
            }
        }
    }
}

/// A tensor of whole numbers, as shapes and axes are.
fn whole_numbers(name: &str, rng: &mut Rng) -> TensorProto {
    let numbers: Vec<i64> = (0..=rng.below(4)).map(|_| edge(rng)).collect();
    TensorProto {
        name: name.to_owned(),
        dims: vec![numbers.len() as i64],
        data_type: DataType::Int64 as i32,
        raw_data: numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect(),
        ..Default::default()
    }
}

fn change_node(node: &mut NodeProto, names: &[String], rng: &mut Rng) {
    match rng.below(8) {
        7 => {
            node.name = name(rng);
            if let Some(output) = rng.pick_mut(&mut node.output) {
                *output = name(rng);
            }
        }
        0 | 1 => {
            node.op_type = (*rng.pick(&OPERATORS).expect("there are some")).to_owned();
        }
        2 => {
            if let (Some(input), Some(name)) = (rng.pick_mut(&mut node.input), rng.pick(names)) {
                input.clone_from(name);
            }
        }
        3 => {
            node.input.pop();
        }
        4 => node.input.extend(rng.pick(names).cloned()),
        5 => {
            let attribute =
                rng.pick(&["axis", "axes", "hidden_size", "perm", "kernel_shape", "to"]);
            node.attribute.push(AttributeProto {
                name: (*attribute.expect("there are some")).to_owned(),
                i: edge(rng),
                ints: vec![edge(rng), edge(rng)],
                r#type: if rng.one_in(2) { 2 } else { 7 },
                ..Default::default()
            });
        }
        _ => match rng.pick_mut(&mut node.attribute) {
            Some(attribute) if attribute.t.is_some() && rng.one_in(2) => {
                attribute.t = Some(whole_numbers("", rng));
            }
            Some(attribute) => {
                attribute.i = edge(rng);
                if let Some(number) = rng.pick_mut(&mut attribute.ints) {
                    *number = edge(rng);
                }
            }
            None => node.output.extend(rng.pick(names).cloned()),
        },
    }
}

/// Changes one value somewhere in a contract.
pub fn json(value: &mut Value, rng: &mut Rng) {
    let deeper = !rng.one_in(3);
    match value {
        Value::Object(fields) if deeper && !fields.is_empty() => {
            let at = rng.below(fields.len());
            if let Some((_, field)) = fields.iter_mut().nth(at) {
                return json(field, rng);
            }
        }
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = rng.below(items.len());
            if rng.one_in(3) {
                items.remove(at);
                return;
            }
            return json(&mut items[at], rng);
        }
        _ => {}
    }
    *value = match rng.below(9) {
        0 => Value::Null,
        1 => json!(edge(rng)),
        2 => json!(f64::from_bits(rng.next())),
        3 => json!(""),
        4 => json!("line\nbreak \u{1b}[31m"),
        5 => json!([]),
        6 => json!(vec!["value"; rng.below(2_000)]),
        7 => json!({ "value": {} }),
        _ => json!(["windowed", "streaming"][rng.below(2)]),
    };
}
