//! `cargo xtask bench control`: what LLMOS's limits are worth beside the rules of other systems, with
//! the limits that the project has set itself. What it measures how stands in `docs/replay.md`.

mod table;

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::parts::{Bench, Part};
use super::replayed::{self, Subject};
use crate::paths;

const PARTS: [Part<Subject>; 1] = [Part {
    name: "replay",
    what: "every series under LLMOS and under the rules of other systems, the last 30 % scored",
    subjects: &["llmosctl"],
    run: |subject, steps, numbers| {
        let pictures = paths::bench().join("control");
        let pictures = pictures.display().to_string();
        let more = ["--pictures", pictures.as_str()];
        replayed::replay("control", &more, subject, steps, numbers)
    },
}];

/// Runs it, prints the table and writes the file, and the pictures beside it.
pub fn run(release: bool, only: &[String], traces: &[PathBuf], model: Option<&Path>) -> Result<()> {
    let bench = Bench {
        name: "control",
        parts: &PARTS,
        figures: &table::FIGURES,
    };
    replayed::bench(&bench, release, only, traces, model)
}
