//! Models that are wrong on purpose: small ONNX files built node by node, and folders around them.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use llmos_engine::forecast::{OUTPUTS, features};
use prost::Message;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tract_onnx::pb;

/// State per row of the small models.
pub const HIDDEN: usize = 3;

/// A folder that goes with its owner.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "model-{}-{}",
            process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder left behind harms nobody: it lies in the build's own place for such things.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The folder of a released model.
pub fn released() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/artifacts/lstm-64-32")
}

/// What a small model has: each field that differs from the default is one thing wrong.
pub struct Small {
    pub input: &'static str,
    pub input_width: usize,
    pub declared_y: usize,
    pub real_y: usize,
    pub rows: Option<i64>,
    pub weight: f32,
    pub op: &'static str,
    /// Of c with itself.
    pub state_op: &'static str,
}

impl Default for Small {
    fn default() -> Self {
        let (input_width, outputs) = (features::COUNT, OUTPUTS);
        Self {
            input: "x",
            input_width,
            declared_y: outputs,
            real_y: outputs,
            rows: None,
            weight: 0.5,
            op: "MatMul",
            state_op: "Add",
        }
    }
}

impl Small {
    /// y = x W, h_next = h, c_next = c + c.
    pub fn onnx(&self) -> Vec<u8> {
        let tensor = |name: &str, width: usize| value_info(name, self.rows, &[width]);
        let node = |op: &str, inputs: [&str; 2], output: &str| pb::NodeProto {
            op_type: op.to_owned(),
            name: output.to_owned(),
            input: inputs
                .iter()
                .filter(|name| !name.is_empty())
                .map(|s| (*s).to_owned())
                .collect(),
            output: vec![output.to_owned()],
            ..Default::default()
        };
        let weights = pb::TensorProto {
            name: "w".to_owned(),
            dims: vec![self.input_width as i64, self.real_y as i64],
            data_type: pb::tensor_proto::DataType::Float as i32,
            float_data: vec![self.weight; self.input_width * self.real_y],
            ..Default::default()
        };
        let graph = pb::GraphProto {
            name: "small".to_owned(),
            node: vec![
                node(self.op, [self.input, "w"], "y"),
                node("Identity", ["h", ""], "h_next"),
                node(self.state_op, ["c", "c"], "c_next"),
            ],
            initializer: vec![weights],
            // Not in the order of the contract: names count, not places.
            input: vec![
                tensor("h", HIDDEN),
                tensor(self.input, self.input_width),
                tensor("c", HIDDEN),
            ],
            output: vec![
                tensor("c_next", HIDDEN),
                tensor("h_next", HIDDEN),
                tensor("y", self.declared_y),
            ],
            ..Default::default()
        };
        encoded(graph)
    }

    /// A folder with this model and a contract that fits its bytes.
    pub fn folder(&self) -> Folder {
        folder(&self.onnx(), |_| ())
    }
}

/// A model of one graph.
fn encoded(graph: pb::GraphProto) -> Vec<u8> {
    let opset = pb::OperatorSetIdProto {
        version: 17,
        ..Default::default()
    };
    let model = pb::ModelProto {
        ir_version: 8,
        opset_import: vec![opset],
        graph: Some(graph),
        ..Default::default()
    };
    model.encode_to_vec()
}

/// A windowed model that answers with its window: `y` is all its numbers in a row.
pub fn echo(window: usize, features: usize) -> Vec<u8> {
    let flatten = pb::NodeProto {
        op_type: "Flatten".to_owned(),
        name: "flat".to_owned(),
        input: vec!["in".to_owned()],
        output: vec!["out".to_owned()],
        ..Default::default()
    };
    encoded(pb::GraphProto {
        name: "echo".to_owned(),
        node: vec![flatten],
        input: vec![value_info("in", None, &[window, features])],
        output: vec![value_info("out", None, &[window * features])],
        ..Default::default()
    })
}

/// A windowed model that changes the order of its axes.
pub fn transposed(axes: &[i64]) -> Vec<u8> {
    let transpose = pb::NodeProto {
        op_type: "Transpose".to_owned(),
        name: "transpose".to_owned(),
        input: vec!["in".to_owned()],
        output: vec!["out".to_owned()],
        attribute: vec![pb::AttributeProto {
            name: "perm".to_owned(),
            ints: axes.to_vec(),
            r#type: pb::attribute_proto::AttributeType::Ints as i32,
            ..Default::default()
        }],
        ..Default::default()
    };
    encoded(pb::GraphProto {
        name: "transposed".to_owned(),
        node: vec![transpose],
        input: vec![value_info("in", None, &[4, 1])],
        output: vec![value_info("out", None, &[1])],
        ..Default::default()
    })
}

/// A folder with these bytes and a windowed contract; `change` may then spoil it.
pub fn windowed(
    onnx: &[u8],
    window: usize,
    features: &[&str],
    outputs: &[&str],
    change: impl FnOnce(&mut Value),
) -> Folder {
    let features: Vec<Value> = features
        .iter()
        .map(|name| json!({ "name": name }))
        .collect();
    folder(onnx, |contract| {
        for streaming in ["hidden", "resources", "horizons_ticks", "quantiles"] {
            contract.as_object_mut().unwrap().remove(streaming);
        }
        contract["signature"] = json!("windowed");
        contract["window"] = json!(window);
        contract["features"] = json!(features);
        contract["output_order"] = json!(outputs);
        change(contract);
    })
}

fn value_info(name: &str, rows: Option<i64>, row: &[usize]) -> pb::ValueInfoProto {
    use pb::tensor_shape_proto::{Dimension, dimension};
    let dim = |value| Dimension {
        value: Some(value),
        ..Default::default()
    };
    let rows = rows.map_or(
        dimension::Value::DimParam("N".to_owned()),
        dimension::Value::DimValue,
    );
    let row = row
        .iter()
        .map(|width| dim(dimension::Value::DimValue(*width as i64)));
    let shape = pb::TensorShapeProto {
        dim: std::iter::once(dim(rows)).chain(row).collect(),
    };
    let tensor = pb::type_proto::Tensor {
        elem_type: pb::tensor_proto::DataType::Float as i32,
        shape: Some(shape),
    };
    let of = pb::TypeProto {
        value: Some(pb::type_proto::Value::TensorType(tensor)),
        ..Default::default()
    };
    pb::ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(of),
        ..Default::default()
    }
}

/// A folder with these bytes as the model, and the released contract made to fit them; `change`
/// may then spoil it.
pub fn folder(onnx: &[u8], change: impl FnOnce(&mut Value)) -> Folder {
    let dir = Folder::new();
    let text = fs::read(released().join("contract.json")).unwrap();
    let mut contract: Value = serde_json::from_slice(&text).unwrap();
    let digest = Sha256::digest(onnx);
    contract["sha256"] = json!(
        digest
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    );
    contract["hidden"] = json!(HIDDEN);
    contract["name"] = json!("small");
    change(&mut contract);
    fs::write(dir.path().join("contract.json"), contract.to_string()).unwrap();
    fs::write(dir.path().join("model.onnx"), onnx).unwrap();
    dir
}
