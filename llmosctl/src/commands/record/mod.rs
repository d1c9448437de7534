//! `llmosctl record`: what the agent sees, tick by tick, to an Arrow stream that other tools open
//! (`docs/recording.md`).

mod pace;
mod progress;

use std::path::Path;
use std::time::{Duration, Instant};

use llmos_recording::{Gaps, Info, Tick, WriteError, Writer};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{print_json, print_lines};
use crate::cli::RecordArgs;
use crate::client::Client;
use crate::error::CtlError;
use crate::time::now_ms;
use crate::units::whole_bytes;
use pace::Pace;
use progress::Progress;

const WORKLOADS: &str = "/v1/workloads";

/// Runs the command.
pub fn run(client: &Client, json: bool, args: &RecordArgs) -> Result<(), CtlError> {
    let status = client.status()?;
    let mut stop = Stop::new(client)?;
    let writer = Writer::create(&args.out, &Info::of(&status));
    let mut writer = writer.map_err(|error| failed("create", &args.out, error))?;
    let mut tick = writer.tick();
    let mut pace = Pace::new(status.tick_ms);
    let mut counts = Counts::default();
    let progress = Progress::on_terminal();
    let end = args
        .seconds
        .map(|s| Instant::now() + Duration::from_secs(s));
    loop {
        let wait = match ask(client, &mut tick) {
            Ok(()) => {
                let new = writer.push(&tick);
                let new = new.map_err(|error| failed("write", &args.out, error))?;
                if new {
                    counts.add(&tick, status.tick_ms);
                }
                pace.answered(tick.at_unix_ms, now_ms(), new)
            }
            // A gap is better than no recording; an agent that restarts comes back.
            Err(error) => {
                counts.unanswered += 1;
                counts.last_error = Some(error);
                pace.unanswered()
            }
        };
        progress.show(&counts, writer.bytes());
        let next = Instant::now() + wait;
        let until = end.map_or(next, |end| end.min(next));
        if stop.comes_before(client, until) || end.is_some_and(|end| Instant::now() >= end) {
            break;
        }
    }
    progress.end();
    let bytes = writer.finish();
    let bytes = bytes
        .and_then(|file| Ok(file.metadata()?.len()))
        .map_err(|error| failed("write", &args.out, error))?;
    report(json, &args.out, &counts, bytes)
}

/// What was recorded so far.
#[derive(Debug, Default)]
struct Counts {
    ticks: u64,
    rows: u64,
    /// Workloads at the last tick.
    workloads: usize,
    last_unix_ms: Option<i64>,
    gaps: Gaps,
    unanswered: u64,
    last_error: Option<CtlError>,
}

impl Counts {
    fn add(&mut self, tick: &Tick, tick_ms: u64) {
        self.ticks += 1;
        self.rows += tick.len() as u64;
        self.workloads = tick.len();
        if let Some(last) = self.last_unix_ms.replace(tick.at_unix_ms) {
            self.gaps.between(last, tick.at_unix_ms, tick_ms);
        }
    }
}

fn ask(client: &Client, tick: &mut Tick) -> Result<(), CtlError> {
    let body = client.body(WORKLOADS)?;
    tick.read_json(&body)
        .map_err(|error| client.unreadable(WORKLOADS, &body, &error))
}

fn failed(step: &'static str, path: &Path, error: WriteError) -> CtlError {
    CtlError::File {
        path: path.to_owned(),
        step,
        source: match error {
            WriteError::Io(source) => source,
            other => std::io::Error::other(other),
        },
    }
}

fn report(json: bool, path: &Path, counts: &Counts, bytes: u64) -> Result<(), CtlError> {
    let last_error = counts.last_error.as_ref().map(ToString::to_string);
    if json {
        return print_json(&json!({
            "file": path,
            "ticks": counts.ticks,
            "rows": counts.rows,
            "bytes": bytes,
            "missing_ticks": counts.gaps.ticks,
            "unanswered": counts.unanswered,
            "last_error": last_error,
        }));
    }
    let mut line = format!(
        "{}: {} rows of {} ticks, {}",
        path.display(),
        counts.rows,
        counts.ticks,
        whole_bytes(Some(bytes))
    );
    if counts.gaps.ticks > 0 {
        line += &format!("; {} ticks are missing", counts.gaps.ticks);
    }
    if let Some(error) = last_error {
        line += &format!(
            "; {} times no answer could be had, the last time: {error}",
            counts.unanswered
        );
    }
    print_lines([line])
}

/// Ctrl-c and termination. Made once: a signal that comes between two waits is not lost.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new(client: &Client) -> Result<Self, CtlError> {
        let _inside = client.runtime().enter();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(CtlError::Start)?,
            terminate: signal(SignalKind::terminate()).map_err(CtlError::Start)?,
        })
    }

    /// Waits until `until`; true when a signal came first.
    fn comes_before(&mut self, client: &Client, until: Instant) -> bool {
        client.runtime().block_on(async {
            tokio::select! {
                _ = self.interrupt.recv() => true,
                _ = self.terminate.recv() => true,
                () = tokio::time::sleep_until(until.into()) => false,
            }
        })
    }
}
