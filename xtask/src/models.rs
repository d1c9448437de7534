//! `cargo xtask models`, and the Python environments of the training pipeline and its tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::bench::programs;
use crate::step::Steps;
use crate::{cmd, paths};

/// Layers of the released model.
const SIZES: &str = "64-32";

/// What to train on, and for how long.
#[derive(clap::Args)]
pub struct Args {
    /// Folder with usage traces, as models/README.md describes them.
    #[arg(long, value_name = "DIR")]
    traces: PathBuf,
    /// Where the model goes (default: the pipeline's own, models/artifacts).
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Training time on this machine.
    #[arg(long, value_name = "N")]
    minutes: Option<u32>,
    /// LSTM units per layer, such as 64-32 or 128-64 (default: the pipeline's own).
    #[arg(long, value_name = "UNITS")]
    sizes: Option<String>,
    /// Then repeat the training without each family, which takes as long again for every one.
    #[arg(long)]
    leave_one_out: bool,
}

/// Trains the model, evaluates it and writes it with its contract and card.
pub fn run(args: &Args) -> Result<()> {
    let mut steps = Steps::new();
    let venv = paths::target().join("models-venv");
    let requirements = folder().join("requirements.txt");
    if stale(&venv, &requirements).is_some() {
        steps.run("set up the training environment", || {
            create(&venv, &requirements)
        })?;
    }
    let traces = std::fs::canonicalize(&args.traces)
        .with_context(|| format!("cannot read the traces in {}", args.traces.display()))?;
    programs::subjects(&["llmosctl"], true, &mut steps)?;
    let llmosctl = paths::binary("llmosctl", true);
    let out = match &args.out {
        Some(out) => std::path::absolute(out)?,
        None => folder()
            .join("artifacts")
            .join(format!("lstm-{}", args.sizes.as_deref().unwrap_or(SIZES))),
    };
    let python = |module: &str| {
        let mut python = Command::new(venv.join("bin/python"));
        python.current_dir(folder()).args(["-m", module]);
        python.arg("--traces").arg(&traces);
        python.arg("--llmosctl").arg(&llmosctl);
        python
    };
    let mut pipeline = python("pipeline");
    pipeline.arg("--out").arg(&out);
    if let Some(sizes) = &args.sizes {
        pipeline.args(["--sizes", sizes]);
    }
    if let Some(minutes) = args.minutes {
        pipeline.args(["--minutes", &minutes.to_string()]);
    }
    steps.run("train and evaluate", || cmd::run(&mut pipeline))?;
    if args.leave_one_out {
        let mut again = python("pipeline.leave_one_out");
        again.arg("--model").arg(&out);
        steps.run("train without each family", || cmd::run(&mut again))?;
    }
    steps.table("models");
    Ok(())
}

/// The folder of the pipeline.
pub fn folder() -> PathBuf {
    paths::root().join("models")
}

/// The Python of the pipeline's tests.
pub fn test_python() -> PathBuf {
    test_venv().join("bin/python")
}

/// Says when the environment of the pipeline's tests is not there or not up to date.
pub fn missing() -> Option<String> {
    stale(&test_venv(), &test_requirements())
}

/// Makes the environment of the pipeline's tests.
pub fn get() -> Result<()> {
    create(&test_venv(), &test_requirements())
}

fn test_venv() -> PathBuf {
    paths::target().join("models-test-venv")
}

fn test_requirements() -> PathBuf {
    folder().join("requirements-test.txt")
}

fn stale(venv: &Path, requirements: &Path) -> Option<String> {
    let wanted = match std::fs::read_to_string(requirements) {
        Ok(text) => text,
        Err(error) => return Some(format!("{}: {error}", paths::shown(requirements))),
    };
    let installed = std::fs::read_to_string(venv.join("installed.txt")).unwrap_or_default();
    (installed != wanted).then(|| format!("{} changed", paths::shown(requirements)))
}

fn create(venv: &Path, requirements: &Path) -> Result<()> {
    // `--clear` so that a half-made environment of an interrupted run does no harm.
    cmd::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(venv),
    )?;
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
    ]);
    cmd::run(pip.arg("-r").arg(requirements))?;
    std::fs::copy(requirements, venv.join("installed.txt"))?;
    Ok(())
}
