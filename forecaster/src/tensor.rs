//! Names and shapes of a model's inputs and outputs.

use tract_onnx::pb;

/// An input or output: `[batch, shape...]` of `f32`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tensor {
    pub name: String,
    /// Dimensions of one row.
    pub shape: Vec<usize>,
}

impl Tensor {
    pub(crate) fn new(name: &str, shape: &[usize]) -> Self {
        Self {
            name: name.to_owned(),
            shape: shape.to_vec(),
        }
    }

    /// Numbers in a row.
    pub(crate) fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// Type and shape for `rows` rows, as errors show them.
    pub(crate) fn shown(&self, rows: &str) -> String {
        let dims = self.shape.iter().map(ToString::to_string);
        let dims: Vec<String> = std::iter::once(rows.to_owned()).chain(dims).collect();
        format!("f32 [{}]", dims.join(", "))
    }
}

/// What a file says of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declared {
    pub name: String,
    /// `f32` or the name of another type.
    pub number: String,
    /// Dimensions; one with a name in place of a number is `None`. No list, no shape.
    pub dims: Option<Vec<Option<i64>>>,
}

impl Declared {
    pub(crate) fn of(tensor: &pb::ValueInfoProto) -> Self {
        let of = match tensor.r#type.as_ref().and_then(|of| of.value.as_ref()) {
            Some(pb::type_proto::Value::TensorType(of)) => Some(of),
            _ => None,
        };
        let number = of.map_or("without a type".to_owned(), |of| number(of.elem_type));
        let dims = of.and_then(|of| of.shape.as_ref()).map(|shape| {
            let dims = shape.dim.iter().map(|dim| match &dim.value {
                Some(pb::tensor_shape_proto::dimension::Value::DimValue(n)) => Some(*n),
                _ => None,
            });
            dims.collect()
        });
        Self {
            name: tensor.name.clone(),
            number,
            dims,
        }
    }

    /// Type and shape, as errors show them.
    pub(crate) fn shown(&self) -> String {
        let Some(dims) = &self.dims else {
            return format!("{} of unknown shape", self.number);
        };
        let shown = |dim: &Option<i64>| dim.map_or("any".to_owned(), |n| n.to_string());
        let dims: Vec<String> = dims.iter().map(shown).collect();
        format!("{} [{}]", self.number, dims.join(", "))
    }

    /// Does it fit, as far as the file tells? The batch must be open; what else is open is seen
    /// when the model runs.
    pub(crate) fn fits(&self, wanted: &Tensor) -> bool {
        let Some(dims) = &self.dims else {
            return self.number == "f32";
        };
        let (batch, row) = match dims.split_first() {
            Some((batch, row)) => (batch, row),
            None => return false,
        };
        let same = |(found, wanted): (&Option<i64>, &usize)| {
            found.is_none_or(|found| usize::try_from(found) == Ok(*wanted))
        };
        self.number == "f32"
            && batch.is_none()
            && row.len() == wanted.shape.len()
            && row.iter().zip(&wanted.shape).all(same)
    }
}

/// The inputs that a caller has to feed: old files list their weights among them.
pub(crate) fn inputs(graph: &pb::GraphProto) -> Vec<Declared> {
    let is_weight = |name: &str| graph.initializer.iter().any(|weight| weight.name == name);
    let fed = graph.input.iter().filter(|input| !is_weight(&input.name));
    fed.map(Declared::of).collect()
}

/// The outputs as the file lists them.
pub(crate) fn outputs(graph: &pb::GraphProto) -> Vec<Declared> {
    graph.output.iter().map(Declared::of).collect()
}

/// Name of a type of numbers.
fn number(code: i32) -> String {
    match pb::tensor_proto::DataType::try_from(code) {
        Ok(pb::tensor_proto::DataType::Float) => "f32".to_owned(),
        Ok(other) => format!("{other:?}").to_lowercase(),
        Err(_) => "of unknown type".to_owned(),
    }
}
