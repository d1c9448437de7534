//! A model is tried in a process of its own first. What no check foresees, such as memory without
//! bound, a stack that overflows or a step that never ends, then ends that process and no other.
//!
//! A program that loads models calls [`asked`] first thing in `main` and hands over to [`child`];
//! it then tries a model with [`run`].

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use llmos_engine::forecast::{Model, StateRows, features};
use nix::sys::resource::{Resource, setrlimit};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::TractModel;

/// First argument that makes a program the trial of a model.
const ASKED: &str = "__try-model";
/// Address space of the process, in bytes: code, stacks, the file, its graph and all plans.
const MAX_MEMORY: u64 = 2 * 1024 * 1024 * 1024;
/// CPU time of the process, in seconds.
const MAX_CPU_SECONDS: u64 = 30;
/// Time on the clock, after which the process is ended.
const MAX_WALL: Duration = Duration::from_secs(60);
/// Time that each size of batch is measured for, and least number of steps.
const MEASURED: Duration = Duration::from_millis(150);
const MEASURED_STEPS: usize = 5;
/// Most of what the process says that is read.
const MAX_ANSWER: u64 = 64 * 1024;

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Time to load the model, in milliseconds.
    pub load_ms: f64,
    /// Why tract runs it and not this crate's own arithmetic; `None` if the latter does.
    pub why_tract: Option<String>,
    /// What steps cost.
    pub steps: Vec<StepTime>,
}

/// Median CPU time of a step of one size, in microseconds per row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    /// Rows of the batch.
    pub rows: usize,
    /// As the agent runs it.
    pub step_us: f64,
    /// With tract, if the agent does not run it with that.
    pub tract_us: Option<f64>,
}

/// Why a trial did not end well.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The process could not be started; nothing is known about the model.
    #[error("cannot try {} in a process of its own: {source}", dir.display())]
    Start {
        /// The model.
        dir: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The model was refused.
    #[error("{reason}")]
    Refused {
        /// The line that loading it gave.
        reason: String,
    },
    /// The process ended otherwise.
    #[error(
        "{} ended its trial with {how}, expected an answer within {MAX_CPU_SECONDS} s of CPU time and {MAX_MEMORY} bytes",
        dir.display()
    )]
    Ended {
        /// The model.
        dir: PathBuf,
        /// The status of the process.
        how: String,
    },
}

/// What a process says on its standard output, in one line of JSON.
#[derive(Serialize, Deserialize)]
enum Answer {
    Works(Trial),
    Refused(String),
}

/// Is this process to be the trial of a model? Its folder and sizes of batches.
#[must_use]
pub fn asked() -> Option<(PathBuf, Vec<usize>)> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != OsStr::new(ASKED) {
        return None;
    }
    let dir = arguments.next()?.into();
    let rows = arguments.filter_map(|rows| rows.to_str()?.parse().ok());
    Some((dir, rows.collect()))
}

/// The trial itself, in the process that was started for it.
#[must_use]
pub fn child(dir: &Path, batches: &[usize]) -> ExitCode {
    for (what, limit) in [
        (Resource::RLIMIT_AS, MAX_MEMORY),
        (Resource::RLIMIT_CPU, MAX_CPU_SECONDS),
        (Resource::RLIMIT_CORE, 0),
    ] {
        // Without a limit the trial is worth less, but not nothing.
        let _ = setrlimit(what, limit, limit);
    }
    let answer = match attempt(dir, batches) {
        Ok(trial) => Answer::Works(trial),
        Err(reason) => Answer::Refused(reason),
    };
    let told = serde_json::to_string(&answer)
        .map_err(std::io::Error::from)
        .and_then(|text| writeln!(std::io::stdout(), "{text}"));
    ExitCode::from(u8::from(told.is_err()))
}

fn attempt(dir: &Path, batches: &[usize]) -> Result<Trial, String> {
    let began = Instant::now();
    let mut model = TractModel::load(dir).map_err(|error| error.to_string())?;
    let load_ms = began.elapsed().as_secs_f64() * 1e3;
    let why_tract = model.why_tract().map(str::to_owned);
    let times = |model: &mut TractModel| -> Result<Vec<f64>, String> {
        batches.iter().map(|rows| measure(model, *rows)).collect()
    };
    let as_it_is = times(&mut model)?;
    let by_tract = match why_tract {
        Some(_) => None,
        None => Some(times(&mut model.by_tract())?),
    };
    let steps = batches.iter().zip(as_it_is).enumerate();
    let steps = steps.map(|(at, (rows, step_us))| StepTime {
        rows: *rows,
        step_us,
        tract_us: by_tract.as_ref().map(|times| times[at]),
    });
    Ok(Trial {
        load_ms,
        why_tract,
        steps: steps.collect(),
    })
}

/// Median CPU time of a step in microseconds per row.
fn measure(model: &mut TractModel, rows: usize) -> Result<f64, String> {
    let numbers = rows * model.state_width();
    let mut state = StateRows {
        width: model.state_width(),
        h: vec![0.0; numbers],
        c: vec![0.0; numbers],
    };
    let x: Vec<f32> = (0..rows * features::COUNT)
        .map(|at| (at * 37 % 101) as f32 / 101.0)
        .collect();
    let (mut y, mut taken) = (Vec::new(), Vec::new());
    // The first step makes the plan, and is not counted.
    let mut step = || -> Result<f64, String> {
        let began = cpu_time()?;
        model
            .step(rows, &x, &mut state, &mut y)
            .map_err(|error| error.to_string())?;
        Ok((cpu_time()? - began).as_secs_f64())
    };
    step()?;
    let began = Instant::now();
    while taken.len() < MEASURED_STEPS || began.elapsed() < MEASURED {
        taken.push(step()?);
    }
    taken.sort_by(f64::total_cmp);
    Ok(taken[taken.len() / 2] / rows.max(1) as f64 * 1e6)
}

/// CPU time of this thread: what other programs take of the core in the meantime is not the model's.
fn cpu_time() -> Result<Duration, String> {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    now.map(Duration::from).map_err(|error| error.to_string())
}

/// Tries the model of a folder in a process of `program`, and measures steps of these sizes.
///
/// # Errors
/// If the process cannot be started, refuses the model, or ends before it answers.
pub fn run(program: &Path, dir: &Path, batches: &[usize]) -> Result<Trial, TrialError> {
    let start = |source| TrialError::Start {
        dir: dir.to_owned(),
        source,
    };
    let mut child = Command::new(program)
        .arg(ASKED)
        .arg(dir)
        .args(batches.iter().map(ToString::to_string))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(start)?;
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(start)? {
            break Some(status);
        }
        if began.elapsed() > MAX_WALL {
            // It may have ended this very moment: then there is nothing to end.
            drop(child.kill());
            drop(child.wait());
            break None;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let mut text = String::new();
    if let Some(stdout) = child.stdout.take() {
        // What cannot be read is no answer.
        drop(stdout.take(MAX_ANSWER).read_to_string(&mut text));
    }
    match (status, serde_json::from_str(&text)) {
        (Some(_), Ok(Answer::Works(trial))) => Ok(trial),
        (Some(_), Ok(Answer::Refused(reason))) => Err(TrialError::Refused { reason }),
        (status, _) => Err(TrialError::Ended {
            dir: dir.to_owned(),
            how: status.map_or_else(
                || format!("no answer after {} s", MAX_WALL.as_secs()),
                |status| status.to_string(),
            ),
        }),
    }
}
