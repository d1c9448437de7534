//! `cargo xtask bench forecast`: how good the forecasts are, with the limits that the project has set
//! itself. What it measures how stands in `docs/replay.md`.

mod leave_one_out;
mod replay;
mod speed;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::parts::{self, Bench, Part};
use super::{Numbers, programs};
use crate::paths;
use crate::step::Steps;

/// The model that is released.
const MODEL: &str = "models/artifacts/lstm-64-32";

/// What the parts are told.
struct Subject {
    release: bool,
    traces: Vec<PathBuf>,
    model: PathBuf,
}

const PARTS: [Part<Subject>; 3] = [
    Part {
        name: "replay",
        what: "the last 30 % of every series through the agent's own code, beside simple rules",
        subjects: &["llmosctl"],
        run: replay::run,
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
    let asked = bench.asked(only)?;
    let absolute = |path: &Path| {
        std::path::absolute(path).with_context(|| format!("no such path: {}", path.display()))
    };
    let traces = traces.iter().map(|path| absolute(path));
    let subject = Subject {
        release,
        traces: traces.collect::<Result<_>>()?,
        model: absolute(model.unwrap_or(&paths::root().join(MODEL)))?,
    };
    let mut steps = Steps::new();
    let programs = parts::subjects(&asked);
    if !programs.is_empty() {
        programs::subjects(&programs, release, &mut steps)?;
    }
    bench.run(&asked, &subject, steps)
}
