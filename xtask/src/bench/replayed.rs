//! Benches on traces: what they are told, and the figures of `llmosctl replay`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

use super::parts::{self, Bench};
use super::{Numbers, programs};
use crate::step::Steps;
use crate::{cmd, paths};

/// The model that is released.
const MODEL: &str = "models/artifacts/lstm-64-32";

/// What the parts are told.
pub struct Subject {
    /// Of which profile the programs are.
    pub release: bool,
    /// Traces and recordings, or folders of them.
    pub traces: Vec<PathBuf>,
    /// Folder of the model.
    pub model: PathBuf,
}

/// Builds what these parts need, runs them, prints the table and writes the file.
pub fn bench(
    bench: &Bench<Subject>,
    release: bool,
    only: &[String],
    traces: &[PathBuf],
    model: Option<&Path>,
) -> Result<()> {
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

/// Runs `llmosctl replay WHAT`, with `more` arguments, and takes over its figures.
pub fn replay(
    what: &str,
    more: &[&str],
    subject: &Subject,
    steps: &mut Steps,
    numbers: &mut Numbers,
) -> Result<()> {
    ensure!(
        !subject.traces.is_empty(),
        "no traces: name them with --traces"
    );
    let out = paths::bench().join(format!("replay-{what}.json"));
    std::fs::create_dir_all(paths::bench())?;
    let mut replay = Command::new(paths::binary("llmosctl", subject.release));
    replay.args(["replay", what]).args(more);
    replay.arg("--json").arg(&out);
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
