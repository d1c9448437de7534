//! One case: a model and contract, made wrong by a number, and what came of it.

use std::fs;
use std::path::{Path, PathBuf};

use llmos_engine::forecast::{Model, OUTPUTS, StateRows, features};
use llmos_forecaster::{Contract, TractModel, inspect};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::common::{Folder, Small, echo, released, windowed};
use crate::mutate;
use crate::rng::Rng;

/// A model that works.
pub struct Base {
    pub onnx: Vec<u8>,
    pub contract: Value,
}

/// The released model, the examples, and small ones.
pub fn bases() -> Vec<Base> {
    let read = |dir: &Path| Base {
        onnx: fs::read(dir.join("model.onnx")).unwrap(),
        contract: serde_json::from_slice(&fs::read(dir.join("contract.json")).unwrap()).unwrap(),
    };
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/examples");
    let small = Small::default().folder();
    let cells = [
        "h5_q0.5", "h5_q0.9", "h5_q0.95", "h5_q0.99", "h30_q0.5", "h30_q0.9",
    ];
    let window = windowed(&echo(3, 2), 3, &["value", "present"], &cells, |_| ());
    vec![
        read(&released()),
        read(&examples.join("pytorch/model")),
        read(small.path()),
        read(window.path()),
        // Large, so that fewer cases are about it: see `attempt`.
        read(&examples.join("keras/model")),
    ]
}

/// A model made wrong.
pub struct Case {
    pub contract: Vec<u8>,
    pub onnx: Vec<u8>,
    rng: Rng,
}

/// What came of a case that did no harm.
pub enum Outcome {
    /// Refused in one line.
    Refused,
    /// Loaded, and took its steps; some of them may have failed in one line.
    Ran,
}

/// Makes case `number`.
pub fn make(bases: &[Base], number: u64) -> Case {
    let mut rng = Rng::new(number);
    let few = if rng.one_in(8) { 0 } else { 1 };
    let base = rng
        .pick(&bases[..bases.len() - few])
        .expect("there are models");
    let other = rng.pick(bases).expect("there are models");
    let (mut onnx, mut contract) = (base.onnx.clone(), base.contract.clone());
    match rng.below(8) {
        0 => onnx = mutate::bytes(&onnx, &other.onnx, &mut rng),
        1 => mutate::json(&mut contract, &mut rng),
        2 => {
            onnx = mutate::fields(&onnx, &mut rng);
            mutate::json(&mut contract, &mut rng);
        }
        _ => onnx = mutate::fields(&onnx, &mut rng),
    }
    // Else hardly any case would get past the checksum.
    if !rng.one_in(50)
        && let Some(contract) = contract.as_object_mut()
    {
        let digest = Sha256::digest(&onnx);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        contract.insert("sha256".to_owned(), json!(hex));
    }
    let mut contract = contract.to_string().into_bytes();
    if rng.one_in(20) {
        contract = mutate::bytes(&contract, &other.onnx, &mut rng);
    }
    Case {
        contract,
        onnx,
        rng,
    }
}

impl Case {
    /// Loads and runs it as the agent would, and looks at it as `llmosctl model check` does.
    pub fn attempt(mut self) -> Result<Outcome, String> {
        if self.rng.one_in(8) {
            self.look()?;
        }
        let path = PathBuf::from("model.onnx");
        let loaded = Contract::parse(&self.contract, Path::new("contract.json"))
            .and_then(|contract| TractModel::from_bytes(contract, &self.onnx, &path));
        match loaded {
            Ok(mut model) => self.run(&mut model).map(|()| Outcome::Ran),
            Err(error) => clear(&error.to_string()).map(|()| Outcome::Refused),
        }
    }

    fn look(&self) -> Result<(), String> {
        let dir = Folder::new();
        fs::write(dir.path().join("model.onnx"), &self.onnx).unwrap();
        fs::write(dir.path().join("contract.json"), &self.contract).unwrap();
        let found = inspect(dir.path());
        fs::remove_file(dir.path().join("contract.json")).unwrap();
        for found in [found, inspect(dir.path())] {
            match found {
                Err(error) => clear(&error.to_string())?,
                Ok(found) => {
                    for finding in found.findings {
                        clear(&finding.text)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn run(&mut self, model: &mut TractModel) -> Result<(), String> {
        for rows in [1, 1 + self.rng.below(300)] {
            let width = model.state_width();
            let mut state = StateRows {
                width,
                h: vec![0.0; rows * width],
                c: vec![0.0; rows * width],
            };
            let x: Vec<f32> = (0..rows * features::COUNT)
                .map(|_| self.rng.below(1_000) as f32 / 500.0)
                .collect();
            let mut y = Vec::new();
            for _ in 0..2 {
                // A step may fail: then the baseline drives.
                match model.step(rows, &x, &mut state, &mut y) {
                    Err(error) => clear(&error.to_string())?,
                    Ok(()) => {
                        let sizes = (y.len(), state.h.len(), state.c.len());
                        let expected = (rows * OUTPUTS, rows * width, rows * width);
                        if sizes != expected {
                            return Err(format!("{sizes:?} numbers, expected {expected:?}"));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// An error must be one line that a person can read.
fn clear(line: &str) -> Result<(), String> {
    let sound = !line.chars().any(char::is_control) && line.len() < 2_000;
    sound
        .then_some(())
        .ok_or_else(|| format!("the line {line:?}"))
}
