//! The example models give here what their framework gave: PyTorch and Keras against tract.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::fs;
use std::path::Path;

use llmos_engine::forecast::features::{self, FeatureRow};
use llmos_engine::forecast::{HORIZONS, Model, OUTPUTS, QUANTILES, Resource, StateRows};
use llmos_forecaster::TractModel;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    tolerance: f32,
    rows: Vec<GoldenRow>,
}

#[derive(Deserialize)]
struct GoldenRow {
    resource: String,
    raw: Vec<Option<f64>>,
    scale: Vec<f64>,
    y: Vec<Vec<f32>>,
}

/// Feeds all rows of an example's golden file as one batch. `cells` has for each cell of the engine
/// the output of the model that must stand there.
fn check(framework: &str, cells: [usize; OUTPUTS]) {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/examples");
    let dir = examples.join(framework).join("model");
    let golden: Golden =
        serde_json::from_slice(&fs::read(dir.join("golden.json")).unwrap()).unwrap();
    let mut model = TractModel::load(&dir).expect("an example is right");
    let (n, width) = (golden.rows.len(), model.state_width());
    let mut state = StateRows {
        width,
        h: vec![0.0; n * width],
        c: vec![0.0; n * width],
    };
    let mut series: Vec<Option<FeatureRow>> = golden.rows.iter().map(|_| None).collect();
    let (mut y, mut compared) = (Vec::new(), 0);
    for tick in 0..golden.rows[0].raw.len() {
        let mut x = Vec::with_capacity(n * features::COUNT);
        for (row, series) in golden.rows.iter().zip(&mut series) {
            let known = [Resource::Cpu, Resource::Memory, Resource::Network];
            let resource = known.into_iter().find(|known| known.name() == row.resource);
            match series {
                Some(series) => x.extend(series.step(row.raw[tick])),
                None => {
                    let first = row.raw[tick].expect("each row begins with a value");
                    let (started, found) = FeatureRow::start(resource.unwrap(), first);
                    *series = Some(started);
                    x.extend(found);
                }
            }
            let scale = series.as_ref().expect("started").scale();
            assert!(
                (scale / row.scale[tick] - 1.0).abs() < 1e-9,
                "{framework} tick {tick}"
            );
        }
        model.step(n, &x, &mut state, &mut y).expect("a step");
        for (row, found) in golden.rows.iter().zip(y.chunks(OUTPUTS)) {
            for (found, output) in found.iter().zip(cells) {
                let expected = row.y[tick][output];
                assert!(
                    (found - expected).abs() <= golden.tolerance,
                    "{framework}, {} tick {tick}: {found} {expected}",
                    row.resource
                );
                compared += 1;
            }
        }
    }
    assert!(
        compared >= 30 * OUTPUTS,
        "too few to say anything: {compared}"
    );
}

#[test]
fn pytorch_and_tract_agree() {
    // Quantiles of the near peak; the far one takes the same until it is calibrated.
    check(
        "pytorch",
        std::array::from_fn(|cell| cell % QUANTILES.len()),
    );
    assert_eq!(HORIZONS.len() * QUANTILES.len(), OUTPUTS);
}

#[test]
fn keras_and_tract_agree() {
    check("keras", [0; OUTPUTS]);
}
