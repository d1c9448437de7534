//! Everything that can be said about a model's files without running them, each in one line.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tract_onnx::pb;

use crate::signature::Tensors;
use crate::tensor::{self, Declared};
use crate::{Contract, LoadError, Signature, constants, files, graph, limits, template};

/// Does it fit?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Fits,
    /// It must be changed before the agent takes the model.
    Wrong,
}

/// One thing found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Does it fit?
    pub verdict: Verdict,
    /// What it is about, e.g. `inputs`.
    pub about: &'static str,
    /// One line.
    pub text: String,
}

/// What the files of a model say.
#[derive(Debug)]
pub struct Inspection {
    /// The ONNX file.
    pub model: PathBuf,
    /// Where its contract lies or should lie.
    pub contract: PathBuf,
    /// Everything found out, in the order of the checks.
    pub findings: Vec<Finding>,
    /// A contract for the model, if there is none and its inputs and outputs tell enough.
    pub template: Option<Value>,
}

impl Inspection {
    /// Nothing has to be changed.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.findings
            .iter()
            .all(|found| found.verdict == Verdict::Fits)
    }

    fn fits_so_far(&mut self, about: &'static str, text: String) {
        self.findings.push(Finding {
            verdict: Verdict::Fits,
            about,
            text,
        });
    }

    fn wrong(&mut self, about: &'static str, text: String) {
        self.findings.push(Finding {
            verdict: Verdict::Wrong,
            about,
            text,
        });
    }
}

/// Looks at a folder with a model, or at an ONNX file.
///
/// # Errors
/// If the ONNX file, or a contract that is there, cannot be read.
pub fn inspect(path: &Path) -> Result<Inspection, LoadError> {
    let (model, contract) = if path.is_dir() {
        (files::model_path(path), files::contract_path(path))
    } else {
        let dir = path.parent().unwrap_or(Path::new(""));
        (path.to_owned(), files::contract_path(dir))
    };
    let bytes = files::read_model(&model)?;
    let mut found = Inspection {
        model,
        contract,
        findings: Vec::new(),
        template: None,
    };
    let size = bytes.len();
    let name = found.model.display().to_string();
    if found.model.file_name() == files::model_path(Path::new("")).file_name() {
        found.fits_so_far("file", format!("{name}, {size} bytes"));
    } else {
        found.wrong("file", format!("{name}, expected the name model.onnx"));
    }
    let decoded = match graph::decode_only(&bytes, &found.model) {
        Ok(proto) => Some(proto),
        Err(error) => {
            found.wrong("format", error.to_string());
            None
        }
    };
    if let Some(proto) = &decoded {
        check_limits(proto, &mut found);
    }
    let graph = decoded.as_ref().and_then(|proto| proto.graph.as_ref());
    if let Some(graph) = graph {
        for (about, tensors) in [
            ("inputs", tensor::inputs(graph)),
            ("outputs", tensor::outputs(graph)),
        ] {
            found.fits_so_far(about, listed(&tensors));
        }
    }
    if found.contract.exists() {
        let json = files::read_contract(&found.contract)?;
        match Contract::parse(&json, &found.contract) {
            Ok(contract) => check_contract(&contract, &bytes, decoded.as_ref(), &mut found),
            Err(error) => found.wrong("contract", error.to_string()),
        }
    } else if let Some(graph) = graph {
        let place = found.contract.display().to_string();
        match template::of(graph, &files::sha256(&bytes)) {
            Ok((template, what)) => {
                found.wrong("contract", format!("{place} is not there; {what}"));
                found.template = Some(template);
            }
            Err(why) => found.wrong("contract", format!("{place} is not there; {why}")),
        }
    }
    Ok(found)
}

fn check_limits(proto: &pb::ModelProto, found: &mut Inspection) {
    let broken = limits::broken(proto);
    if let (Some(graph), true) = (&proto.graph, broken.is_empty()) {
        let mut operators: Vec<&str> = graph
            .node
            .iter()
            .map(|node| node.op_type.as_str())
            .collect();
        let nodes = operators.len();
        operators.sort_unstable();
        operators.dedup();
        let numbers = graph
            .initializer
            .iter()
            .filter_map(constants::size)
            .sum::<usize>();
        found.fits_so_far(
            "operators",
            format!("{nodes} nodes: {}", operators.join(", ")),
        );
        found.fits_so_far("constants", format!("{numbers} numbers, all finite"));
    }
    for limit in broken {
        found.wrong("limits", limit);
    }
}

fn check_contract(
    contract: &Contract,
    bytes: &[u8],
    proto: Option<&pb::ModelProto>,
    found: &mut Inspection,
) {
    let what = match contract.signature {
        Signature::Streaming => format!("streaming, {} numbers of state", contract.hidden),
        Signature::Windowed => format!(
            "windowed, {} ticks of {} features, gives {}",
            contract.window,
            contract.features.len(),
            contract.output_order.join(", ")
        ),
    };
    found.fits_so_far("contract", format!("{:?}: {what}", contract.name));
    let digest = files::sha256(bytes);
    if digest.eq_ignore_ascii_case(&contract.sha256) {
        found.fits_so_far("checksum", format!("SHA-256 {digest}, as in the contract"));
    } else {
        let expected = &contract.sha256;
        found.wrong(
            "checksum",
            format!("SHA-256 {digest}, expected {expected} as in the contract"),
        );
    }
    let Some(proto) = proto.filter(|proto| limits::broken(proto).is_empty()) else {
        return;
    };
    if let Err(error) = Tensors::of(contract, proto, &found.model) {
        found.wrong("shapes", error.to_string());
    } else {
        found.fits_so_far("shapes", "as the contract says".to_owned());
    }
}

fn listed(tensors: &[Declared]) -> String {
    let shown: Vec<String> = tensors
        .iter()
        .take(8)
        .map(|tensor| format!("{} {}", limits::shown(&tensor.name), tensor.shown()))
        .collect();
    shown.join(", ")
}
