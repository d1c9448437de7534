//! `llmosctl record`: a trace of this node in the long form that the training pipeline reads:
//! `series_id,t,cpu,mem,cpu_limit,mem_limit,net_rx,net_tx`, the rows of a series in one piece.
//!
//! Rows come tick by tick, so they wait in `FILE.part` until the end and are put in order then. After
//! a crash that file is still there, whole but unordered.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use llmos_proto::status::{Workload, Workloads};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{print_json, print_lines};
use crate::cli::RecordArgs;
use crate::client::Client;
use crate::error::CtlError;

const HEADER: &str = "series_id,t,cpu,mem,cpu_limit,mem_limit,net_rx,net_tx\n";
const SHORTEST: Duration = Duration::from_millis(50);

/// Runs the command.
pub fn run(client: &Client, json: bool, args: &RecordArgs) -> Result<(), CtlError> {
    let status = client.status()?;
    let mut stop = Stop::new(client)?;
    let failed = |step, path: &Path| {
        let path = path.to_owned();
        move |source| CtlError::File { path, step, source }
    };
    // Both made first: a wrong name must not show only after an hour of recording.
    let mut part_name = args.out.clone().into_os_string();
    part_name.push(".part");
    let part_path = PathBuf::from(part_name);
    let part = create(&part_path).map_err(failed("create", &part_path))?;
    let out = match create(&args.out) {
        Ok(out) => out,
        Err(error) => {
            std::fs::remove_file(&part_path).map_err(failed("remove", &part_path))?;
            return Err(failed("create", &args.out)(error));
        }
    };
    let mut recording = Recording::new(part).map_err(failed("write", &part_path))?;

    let tick = Duration::from_millis(status.tick_ms).max(SHORTEST);
    let end = args
        .seconds
        .map(|s| Instant::now() + Duration::from_secs(s));
    let mut missed = 0_u64;
    loop {
        let next = Instant::now() + tick;
        match client.workloads() {
            Ok(tick) => recording.add(&tick).map_err(failed("write", &part_path))?,
            // A gap is better than no recording; an agent that restarts comes back.
            Err(_) => missed += 1,
        }
        let until = end.map_or(next, |end| end.min(next));
        if stop.comes_before(client, until) || end.is_some_and(|end| Instant::now() >= end) {
            break;
        }
    }
    let (series, rows) = (recording.series.len(), recording.rows);
    recording.finish(&out).map_err(failed("write", &args.out))?;
    std::fs::remove_file(&part_path).map_err(failed("remove", &part_path))?;
    if json {
        return print_json(&json!({
            "file": args.out, "series": series, "rows": rows, "missed_ticks": missed,
        }));
    }
    let gaps = match missed {
        0 => String::new(),
        n => format!("; {n} times the agent did not answer"),
    };
    print_lines([format!(
        "{}: {rows} rows of {series} workloads{gaps}",
        args.out.display()
    )])
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
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

/// Rows of one workload, by where they stand in the unordered file.
struct Series {
    start_unix_ms: u64,
    last_t: Option<u64>,
    rows: Vec<(u64, u32)>,
}

struct Recording {
    part: BufWriter<File>,
    written: u64,
    rows: u64,
    series: BTreeMap<String, Series>,
    last_tick_ms: Option<u64>,
}

impl Recording {
    fn new(part: File) -> io::Result<Self> {
        let mut part = BufWriter::new(part);
        part.write_all(HEADER.as_bytes())?;
        Ok(Self {
            part,
            written: HEADER.len() as u64,
            rows: 0,
            series: BTreeMap::new(),
            last_tick_ms: None,
        })
    }

    /// Adds the rows of a tick, unless it is one that was added already.
    fn add(&mut self, tick: &Workloads) -> io::Result<()> {
        if self
            .last_tick_ms
            .is_some_and(|last| tick.at_unix_ms <= last)
        {
            return Ok(());
        }
        self.last_tick_ms = Some(tick.at_unix_ms);
        for workload in &tick.workloads {
            // The id too: a cgroup that was made anew is another series.
            let name = format!("{}@{}", workload.cgroup, workload.id);
            let series = self.series.entry(name.clone()).or_insert(Series {
                start_unix_ms: tick.at_unix_ms,
                last_t: None,
                rows: Vec::new(),
            });
            // Rounded, for a tick that comes a millisecond early still belongs to its second.
            let t = (tick.at_unix_ms - series.start_unix_ms + 500) / 1000;
            if series.last_t.is_some_and(|last| t <= last) {
                continue;
            }
            let row = row(&name, t, workload);
            self.part.write_all(row.as_bytes())?;
            series.last_t = Some(t);
            series
                .rows
                .push((self.written, u32::try_from(row.len()).unwrap_or(u32::MAX)));
            self.written += row.len() as u64;
            self.rows += 1;
        }
        self.part.flush()
    }

    /// Writes all rows to `out`, series by series.
    fn finish(self, out: &File) -> io::Result<()> {
        let part = self
            .part
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        let mut out = BufWriter::new(out);
        out.write_all(HEADER.as_bytes())?;
        let mut row = Vec::new();
        for (at, length) in self.series.values().flat_map(|series| &series.rows) {
            row.resize(*length as usize, 0);
            part.read_exact_at(&mut row, *at)?;
            out.write_all(&row)?;
        }
        out.flush()?;
        out.get_ref().sync_all()
    }
}

/// One line. The memory limit is the lower of `memory.high` and `memory.max`: it is the one that a
/// workload feels first.
fn row(name: &str, t: u64, workload: &Workload) -> String {
    let (usage, limits) = (&workload.usage, &workload.limits);
    let memory_limit = [limits.memory_high_bytes, limits.memory_max_bytes]
        .into_iter()
        .flatten()
        .min();
    format!(
        "{},{t},{},{},{},{},{},{}\n",
        quoted(name),
        field(usage.cpu_cores),
        field(usage.memory_bytes),
        field(limits.cpu_cores),
        field(memory_limit),
        field(usage.rx_bytes_per_s),
        field(usage.tx_bytes_per_s),
    )
}

fn field<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |v| v.to_string())
}

/// As CSV wants it (RFC 4180): names with a comma, a quote or a line break stand in quotes.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_csv_needs_it() {
        assert_eq!(quoted("a/b@7"), "a/b@7");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
