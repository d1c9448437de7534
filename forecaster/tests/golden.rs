//! The released model in this code gives what the training pipeline gave: features by the
//! engine, answers by tract.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::fs;
use std::path::Path;

use llmos_engine::forecast::features::{self, FeatureRow};
use llmos_engine::forecast::{Model, OUTPUTS, Resource, StateRows};
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
    features: Vec<Vec<f32>>,
    y: Vec<Vec<f32>>,
}

fn resource(name: &str) -> Resource {
    [Resource::Cpu, Resource::Memory, Resource::Network]
        .into_iter()
        .find(|known| known.name() == name)
        .expect("a known resource")
}

/// Feeds all rows of a golden file to the model as one batch and compares every number.
fn check(dir: &Path) {
    let text = fs::read(dir.join("golden.json")).unwrap();
    let golden: Golden = serde_json::from_slice(&text).unwrap();
    let mut model = TractModel::load(dir).expect("a released model");
    let (n, width) = (golden.rows.len(), model.state_width());
    let mut state = StateRows {
        width,
        h: vec![0.0; n * width],
        c: vec![0.0; n * width],
    };
    let mut series: Vec<Option<FeatureRow>> = golden.rows.iter().map(|_| None).collect();
    let mut outputs = Vec::new();
    let ticks = golden.rows[0].raw.len();
    assert!(ticks >= 30, "too short to say anything: {ticks} ticks");
    for tick in 0..ticks {
        let mut batch = Vec::new();
        for (row, series) in golden.rows.iter().zip(&mut series) {
            let value = row.raw[tick];
            let found = match series {
                Some(series) => series.step(value),
                None => {
                    let first = value.expect("each row begins with a value");
                    let (started, found) = FeatureRow::start(resource(&row.resource), first);
                    *series = Some(started);
                    found
                }
            };
            let scale = series.as_ref().expect("started").scale();
            let at = format!("{}, {} tick {tick}", dir.display(), row.resource);
            assert!(
                (scale / row.scale[tick] - 1.0).abs() < 1e-9,
                "{at}: scale {scale}"
            );
            for ((name, found), expected) in
                features::NAMES.iter().zip(found).zip(&row.features[tick])
            {
                assert!(
                    (found - expected).abs() < 1e-6,
                    "{at}: {name} {found} {expected}"
                );
            }
            batch.extend(found);
        }
        model
            .step(n, &batch, &mut state, &mut outputs)
            .expect("a step");
        for (row, found) in golden.rows.iter().zip(outputs.chunks(OUTPUTS)) {
            assert_eq!(row.y[tick].len(), OUTPUTS);
            for (found, expected) in found.iter().zip(&row.y[tick]) {
                assert!(
                    (found - expected).abs() <= golden.tolerance,
                    "{}, {} tick {tick}: {found} {expected}",
                    dir.display(),
                    row.resource
                );
            }
        }
    }
}

#[test]
fn released_models_give_their_golden_outputs() {
    let artifacts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/artifacts");
    let mut models = 0;
    for entry in fs::read_dir(artifacts).unwrap() {
        let dir = entry.unwrap().path();
        if dir.join("golden.json").is_file() {
            check(&dir);
            models += 1;
        }
    }
    assert!(models > 0, "no released model was found");
}
