//! From an ONNX graph to steps. Anything that is not plain row-wise arithmetic is left to tract.

use std::collections::BTreeMap;

use tract_onnx::pb;

use super::linear::Linear;
use super::program::{Map, Place, Program, Step, View, Zip};
use super::run::CHUNK;
use crate::constants::{floats, whole_numbers};
use crate::limits::shown;

/// Most pieces that a value consists of, most columns of a value, and most numbers in all weights and
/// buffers of a row together: a file can ask for far more than it holds.
const MAX_PIECES: usize = 256;
const MAX_WIDTH: usize = 64 * 1024;
const MAX_NUMBERS: usize = 32 * 1024 * 1024;

/// Compiles `graph` with its inputs and outputs in the order of the given names and widths, for
/// vectors of `lanes` numbers.
///
/// # Errors
/// What in the graph is not row-wise arithmetic that this code knows, in a few words.
pub(super) fn compile(
    graph: &pb::GraphProto,
    inputs: [(&str, usize); 3],
    outputs: [(&str, usize); 3],
    lanes: usize,
) -> Result<Program, String> {
    let mut compiler = Compiler {
        lanes,
        numbers: 0,
        uses: BTreeMap::new(),
        constants: graph
            .initializer
            .iter()
            .map(|t| (t.name.as_str(), t))
            .collect(),
        values: BTreeMap::new(),
        program: Program {
            inputs: inputs.map(|(_, width)| width),
            buffers: Vec::new(),
            steps: Vec::new(),
            outputs: Default::default(),
        },
    };
    for name in graph.node.iter().flat_map(|node| &node.input) {
        *compiler.uses.entry(name).or_default() += 1;
    }
    for (at, (name, width)) in inputs.into_iter().enumerate() {
        let all = View {
            place: Place::Input(at),
            first: 0,
            width,
        };
        compiler.values.insert(name, vec![all]);
    }
    for node in &graph.node {
        compiler
            .node(node)
            .ok_or_else(|| format!("{} {}", node.op_type, shown(&node.name)))?;
    }
    for (at, (name, width)) in outputs.into_iter().enumerate() {
        let value = compiler.values.get(name).cloned();
        // An output may overwrite the input of the same state, so it must not be a part of one.
        let computed = |view: &View| matches!(view.place, Place::Buffer(_));
        let sound = |value: &Value| total(value) == width && value.iter().all(computed);
        let value = value.filter(sound);
        compiler.program.outputs[at] = value.ok_or_else(|| format!("output {name}"))?;
    }
    Ok(compiler.program)
}

/// A value is columns side by side: splitting and joining columns costs nothing.
type Value = Vec<View>;

struct Compiler<'a> {
    lanes: usize,
    /// In weights and buffers so far.
    numbers: usize,
    /// How many nodes take each value.
    uses: BTreeMap<&'a str, usize>,
    constants: BTreeMap<&'a str, &'a pb::TensorProto>,
    values: BTreeMap<&'a str, Value>,
    program: Program,
}

impl<'a> Compiler<'a> {
    /// Compiles one node; `None` if it is not row-wise arithmetic that this code knows.
    fn node(&mut self, node: &'a pb::NodeProto) -> Option<()> {
        if !node.domain.is_empty() {
            return None;
        }
        let inputs: Vec<&str> = node.input.iter().map(String::as_str).collect();
        let value = match (node.op_type.as_str(), inputs.as_slice()) {
            ("Split", [from, widths]) => return self.split(node, from, widths),
            ("Concat", parts) if axis(node)? => {
                let mut joined = Value::new();
                for part in parts {
                    joined.extend(self.values.get(part)?);
                    if joined.len() > MAX_PIECES || total(&joined) > MAX_WIDTH {
                        return None;
                    }
                }
                joined
            }
            ("MatMul", [from, weights]) => self.product(from, weights)?,
            ("Add", [a, b]) if self.constants.contains_key(b) => self.shifted(a, b)?,
            ("Add", [a, b]) => self.zip(Zip::Add, a, b)?,
            ("Mul", [a, b]) => self.zip(Zip::Mul, a, b)?,
            ("Max", [a, b]) => self.zip(Zip::Max, a, b)?,
            ("Sigmoid", [from]) => self.map(Map::Sigmoid, from)?,
            ("Tanh", [from]) => self.map(Map::Tanh, from)?,
            ("Softplus", [from]) => self.map(Map::Softplus, from)?,
            ("Clip", [from, low, high]) => {
                let (low, high) = (self.number(low)?, self.number(high)?);
                self.map(Map::Clip { low, high }, from)?
            }
            _ => return None,
        };
        let [output] = node.output.as_slice() else {
            return None;
        };
        self.name(output, value)
    }

    /// Gives a value its name; in a sound graph nothing has it yet.
    fn name(&mut self, name: &'a str, value: Value) -> Option<()> {
        self.values.insert(name, value).is_none().then_some(())
    }

    fn split(&mut self, node: &'a pb::NodeProto, from: &str, widths: &str) -> Option<()> {
        let widths = whole_numbers(self.constants.get(widths)?)?;
        let [from] = *self.values.get(from)?.as_slice() else {
            return None;
        };
        if !axis(node)? || widths.len() != node.output.len() {
            return None;
        }
        let mut first = from.first;
        for (name, width) in node.output.iter().zip(&widths) {
            let width = usize::try_from(*width).ok().filter(|width| *width > 0)?;
            let part = View {
                place: from.place,
                first,
                width,
            };
            first = first.checked_add(width)?;
            self.name(name, vec![part])?;
        }
        (first == from.first + from.width).then_some(())
    }

    /// A matrix product with constant weights.
    fn product(&mut self, from: &str, weights: &str) -> Option<Value> {
        let from = self.values.get(from)?.clone();
        let weights = *self.constants.get(weights)?;
        let [inputs, outputs] = *weights.dims.as_slice() else {
            return None;
        };
        let (inputs, outputs) = (
            usize::try_from(inputs).ok()?,
            usize::try_from(outputs).ok()?,
        );
        if inputs == 0 || outputs == 0 || inputs != total(&from) || outputs > MAX_WIDTH {
            return None;
        }
        self.spend(inputs.checked_mul(outputs)?)?;
        let weights = floats(weights)?;
        let linear = Linear::pack(&weights, inputs, outputs, self.lanes);
        self.step(outputs, |to| Step::Linear { linear, from, to })
    }

    /// A product plus a constant row: the bias of the step that makes the product.
    fn shifted(&mut self, product: &str, bias: &str) -> Option<Value> {
        let value = self.values.get(product)?.clone();
        let bias = floats(self.constants.get(bias)?)?;
        let [view] = *value.as_slice() else {
            return None;
        };
        let Some(Step::Linear { linear, to, .. }) = self.program.steps.last_mut() else {
            return None;
        };
        let whole = view.place == Place::Buffer(*to) && view.width == linear.outputs();
        let alone = self.uses.get(product) == Some(&1);
        (whole && alone && linear.set_bias(&bias)).then_some(value)
    }

    fn map(&mut self, map: Map, from: &str) -> Option<Value> {
        let from = self.one(from)?;
        self.step(from.width, |to| Step::Map { map, from, to })
    }

    fn zip(&mut self, zip: Zip, a: &str, b: &str) -> Option<Value> {
        let (a, b) = (self.one(a)?, self.one(b)?);
        if a.width != b.width {
            return None;
        }
        self.step(a.width, |to| Step::Zip { zip, a, b, to })
    }

    /// The value as columns of one buffer, copied together if need be.
    fn one(&mut self, name: &str) -> Option<View> {
        let value = self.values.get(name)?.clone();
        if let [view] = *value.as_slice() {
            return Some(view);
        }
        let width = total(&value);
        let joined = self.step(width, |to| Step::Join { from: value, to })?;
        joined.first().copied()
    }

    fn number(&self, name: &str) -> Option<f32> {
        match *floats(self.constants.get(name)?)?.as_slice() {
            [number] => Some(number),
            _ => None,
        }
    }

    /// Counts numbers that will be held; `None` where there are too many.
    fn spend(&mut self, numbers: usize) -> Option<()> {
        self.numbers = self.numbers.checked_add(numbers)?;
        (self.numbers <= MAX_NUMBERS).then_some(())
    }

    /// Appends a step that writes a new buffer.
    fn step(&mut self, width: usize, step: impl FnOnce(usize) -> Step) -> Option<Value> {
        self.spend(width * CHUNK)?;
        let to = self.program.buffers.len();
        self.program.buffers.push(width);
        self.program.steps.push(step(to));
        Some(vec![View {
            place: Place::Buffer(to),
            first: 0,
            width,
        }])
    }
}

fn total(value: &[View]) -> usize {
    value.iter().map(|view| view.width).sum()
}

/// Does the node work along the columns?
fn axis(node: &pb::NodeProto) -> Option<bool> {
    let axis = node.attribute.iter().find(|a| a.name == "axis")?;
    Some(matches!(axis.i, 1 | -1))
}
