//! Runs `llmosctl replay forecast` and takes over its figures.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

use super::{Numbers, Subject};
use crate::step::Steps;
use crate::{cmd, paths};

/// See the module.
pub fn run(subject: &Subject, steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    ensure!(
        !subject.traces.is_empty(),
        "no traces: name them with --traces"
    );
    let out = paths::bench().join("replay-forecast.json");
    std::fs::create_dir_all(paths::bench())?;
    let mut replay = Command::new(paths::binary("llmosctl", subject.release));
    replay.args(["replay", "forecast", "--json"]).arg(&out);
    replay.arg("--model").arg(&subject.model);
    replay.arg("--traces").args(&subject.traces);
    let begun = Instant::now();
    steps.run("replay the traces", || cmd::run(&mut replay))?;
    numbers.put("replay_s", Some(begun.elapsed().as_secs_f64()));
    let text = std::fs::read_to_string(&out);
    let text = text.with_context(|| format!("cannot read {}", out.display()))?;
    let figures: Map<String, Value> =
        serde_json::from_str(&text).with_context(|| format!("{} is no object", out.display()))?;
    for (name, value) in figures {
        if value.is_null() {
            numbers.put_or(&name, None, "there was nothing to measure it on");
        } else {
            numbers.keep(&name, value);
        }
    }
    Ok(())
}
