//! A contract for a model that has none, as far as its inputs and outputs tell.

use llmos_engine::forecast::{HORIZONS, OUTPUTS, QUANTILES, Resource, features};
use serde_json::{Value, json};
use tract_onnx::pb;

use crate::streaming::{INPUTS, OUTPUT_NAMES};
use crate::tensor::{self, Declared};
use crate::windowed;

/// The contract, and in a few words what kind it is and what a person has to look at.
///
/// # Errors
/// What the inputs and outputs would have to be.
pub(crate) fn of(graph: &pb::GraphProto, sha256: &str) -> Result<(Value, String), String> {
    let (inputs, outputs) = (tensor::inputs(graph), tensor::outputs(graph));
    if let Some(hidden) = streaming(&inputs, &outputs) {
        let all = HORIZONS
            .iter()
            .flat_map(|h| QUANTILES.map(|q| format!("h{h}_q{q}")));
        let mut contract = common(
            "streaming",
            sha256,
            &features::NAMES,
            &all.collect::<Vec<_>>(),
        );
        contract["hidden"] = json!(hidden);
        let scaling = &mut contract["scaling"];
        scaling["alpha_fast"] = json!(features::ALPHA_FAST);
        scaling["alpha_slow"] = json!(features::ALPHA_SLOW);
        scaling["ring"] = json!(features::RING);
        scaling["clip"] = json!([0.0, features::CLIP_HIGH]);
        scaling["scale_jump_max"] = json!(features::SCALE_JUMP_MAX);
        contract["resources"] = json!(resources().map(Resource::name));
        contract["horizons_ticks"] = json!(HORIZONS);
        contract["quantiles"] = json!(QUANTILES);
        return Ok((
            contract,
            format!("a streaming one with hidden {hidden} would fit"),
        ));
    }
    if let Some((window, columns, gives)) = windowed_shape(&inputs, &outputs) {
        let taken: Vec<&str> = windowed::FEATURES.into_iter().take(columns).collect();
        let outputs = guessed(gives);
        let mut contract = common("windowed", sha256, &taken, &outputs);
        contract["window"] = json!(window);
        let what = format!(
            "a windowed one would fit: window {window}, features {taken:?}, output_order {outputs:?}; \
             features and outputs are guessed by their number"
        );
        return Ok((contract, what));
    }
    Err(format!(
        "no contract would fit: expected the inputs {INPUTS:?} and outputs {OUTPUT_NAMES:?}, or one \
         input f32 [any, window, features] and one output f32 [any, outputs]"
    ))
}

/// Numbers of state per row, if this is a streaming model.
fn streaming(inputs: &[Declared], outputs: &[Declared]) -> Option<usize> {
    let width = |all: &[Declared], name: &str| -> Option<usize> {
        let found = all.iter().find(|tensor| tensor.name == name)?;
        match found.dims.as_deref()? {
            [None, Some(width)] => usize::try_from(*width).ok(),
            _ => None,
        }
    };
    let [x, h, c] = INPUTS.map(|name| width(inputs, name));
    let [y, h_next, c_next] = OUTPUT_NAMES.map(|name| width(outputs, name));
    let fits = inputs.len() == 3
        && outputs.len() == 3
        && x == Some(features::COUNT)
        && y == Some(OUTPUTS)
        && [c, h_next, c_next] == [h; 3];
    h.filter(|_| fits)
}

/// Window, features and outputs, if this is a windowed model.
fn windowed_shape(inputs: &[Declared], outputs: &[Declared]) -> Option<(usize, usize, usize)> {
    let ([input], [output]) = (inputs, outputs) else {
        return None;
    };
    let number = |dim: i64| usize::try_from(dim).ok().filter(|dim| *dim > 0);
    let [None, Some(window), Some(columns)] = *input.dims.as_deref()? else {
        return None;
    };
    let [_, Some(gives)] = *output.dims.as_deref()? else {
        return None;
    };
    let columns = number(columns).filter(|columns| *columns <= windowed::FEATURES.len())?;
    Some((number(window)?, columns, number(gives)?))
}

/// What so many outputs most likely are.
fn guessed(outputs: usize) -> Vec<String> {
    match outputs {
        1 => vec!["next".to_owned()],
        n => {
            let all = HORIZONS
                .iter()
                .flat_map(|h| QUANTILES.map(|q| format!("h{h}_q{q}")));
            all.chain(std::iter::repeat("name me".to_owned()))
                .take(n.min(64))
                .collect()
        }
    }
}

fn common(signature: &str, sha256: &str, names: &[&str], outputs: &[String]) -> Value {
    let [cpu, memory, network] = resources().map(features::floor);
    json!({
        "contract_version": features::CONTRACT_VERSION,
        "name": "my-model",
        "signature": signature,
        "sha256": sha256,
        "features": names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "output_order": outputs,
        "scaling": {
            "half_life_ticks": features::SCALE_HALF_LIFE_TICKS,
            "floors": { "cpu": cpu, "memory": memory, "network": network },
        },
    })
}

fn resources() -> [Resource; 3] {
    [Resource::Cpu, Resource::Memory, Resource::Network]
}
