//! `cargo xtask bench forecast`: how good the forecasts are, with the limits that the project has set
//! itself. What it measures how stands in `docs/replay.md`.

mod leave_one_out;
mod speed;
mod table;

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Numbers;
use super::parts::{Bench, Part};
use super::replayed::{self, Subject};

const PARTS: [Part<Subject>; 3] = [
    Part {
        name: "replay",
        what: "the last 30 % of every series through the agent's own code, beside simple rules",
        subjects: &["llmosctl"],
        run: |subject, steps, numbers| replayed::replay("forecast", &[], subject, steps, numbers),
    },
    Part {
        name: "leave-one-out",
        what: "families that the training never saw, as the training pipeline has measured it",
        subjects: &[],
        run: leave_one_out::run,
    },
    Part {
        name: "speed",
        what: "a step for each workload, beside tract and ONNX Runtime on the same core",
        subjects: &["llmosctl"],
        run: speed::run,
    },
];

/// Runs all parts or some, prints the table and writes the file.
pub fn run(release: bool, only: &[String], traces: &[PathBuf], model: Option<&Path>) -> Result<()> {
    let bench = Bench {
        name: "forecast",
        parts: &PARTS,
        figures: &table::FIGURES,
    };
    replayed::bench(&bench, release, only, traces, model)
}
