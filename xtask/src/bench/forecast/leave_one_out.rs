//! Takes over what the training pipeline has measured on families that a training did not see. That is
//! a training for each family, so it is done there and kept beside the model.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::{Numbers, Subject};
use crate::paths;
use crate::step::Steps;

/// A flat object of figures, beside the model.
const FILE: &str = "leave-one-out.json";

/// See the module.
pub fn run(subject: &Subject, _steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    let file = subject.model.join(FILE);
    let shown = paths::shown(&file);
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {shown}, which the training pipeline writes"))?;
    let figures: Map<String, Value> = serde_json::from_str(&text)
        .with_context(|| format!("{shown}: expected an object of figures"))?;
    for (name, value) in figures {
        numbers.keep(&name, value);
    }
    Ok(())
}
