//! `llmosctl recording show`: what a recording is of, how long, how complete, how big.

use std::path::Path;

use llmos_recording::{Column, Info, Reader, Summary, Tail};
use serde_json::{Value, json};

use super::super::{print_json, print_lines};
use crate::error::CtlError;
use crate::style::{Paint, Style};
use crate::table::{Align, Table};
use crate::time::of_date;
use crate::units::{duration, percent, plain, whole_bytes};

/// Runs the command.
pub fn run(json: bool, path: &Path) -> Result<(), CtlError> {
    let mut reader = Reader::open(path)?;
    let summary = Summary::of(&mut reader)?;
    if json {
        return print_json(&as_json(reader.info(), reader.columns(), &summary));
    }
    let style = Style::of_stdout();
    let mut lines: Vec<String> = facts(reader.info(), &summary)
        .into_iter()
        .map(|(name, text)| {
            let name = style.paint(Paint::Bold, &format!("{name:<10}"));
            format!("{name} {text}")
        })
        .collect();
    lines.push(String::new());
    lines.extend(columns(reader.columns(), &summary, style));
    print_lines(lines)
}

fn facts(info: &Info, summary: &Summary) -> Vec<(&'static str, String)> {
    let node = format!(
        "{}, kernel {}, {} CPUs, {}",
        plain(&info.node),
        plain(&info.kernel),
        info.node_cpu_cores,
        whole_bytes(Some(info.node_memory_bytes))
    );
    let span = summary.span.map_or("no tick".to_owned(), |(first, last)| {
        let [first, last] = [first, last].map(|at| u64::try_from(at).unwrap_or(0));
        let long = duration(last.saturating_sub(first) as f64 / 1000.0);
        format!("{} to {}, {long}", of_date(first), of_date(last))
    });
    let mut rows = format!("{} in {} batches", summary.rows, summary.batches);
    if summary.rows > 0 {
        let each = summary.bytes as f64 / summary.rows as f64;
        rows += &format!(", {each:.1} bytes each");
    }
    let end = match &summary.tail {
        Tail::Whole => "whole".to_owned(),
        Tail::Cut { cause } => format!(
            "not whole: {}; it is still being written, or its writer was killed",
            plain(cause)
        ),
    };
    vec![
        ("node", node),
        (
            "agent",
            format!("{}, tick {} ms", plain(&info.agent_version), info.tick_ms),
        ),
        ("span", span),
        ("ticks", format!("{}, {}", summary.ticks, gaps(summary))),
        ("workloads", summary.workloads.to_string()),
        ("rows", rows),
        ("size", whole_bytes(Some(summary.bytes))),
        ("end", end),
    ]
}

fn gaps(summary: &Summary) -> String {
    let gaps = &summary.gaps;
    let mut text = match gaps.count {
        0 => "none missing".to_owned(),
        count => format!(
            "{} missing in {count} gaps, the longest {}",
            gaps.ticks,
            duration(gaps.longest_ms as f64 / 1000.0)
        ),
    };
    if gaps.clock_set_back > 0 {
        text += &format!("; the clock was set back {} times", gaps.clock_set_back);
    }
    text
}

fn columns(columns: &[Column], summary: &Summary, style: Style) -> Vec<String> {
    let mut table = Table::new(&[
        ("COLUMN", Align::Left),
        ("KNOWN", Align::Right),
        ("UNIT", Align::Left),
        ("MEANING", Align::Left),
    ]);
    for (column, known) in columns.iter().zip(&summary.known) {
        let share = (summary.rows > 0).then(|| *known as f64 / summary.rows as f64);
        table.push(vec![
            plain(&column.name),
            percent(share),
            plain(&column.unit),
            plain(&column.meaning),
        ]);
    }
    let mut lines = table.lines(None);
    if let Some(heading) = lines.first_mut() {
        *heading = style.paint(Paint::Bold, heading);
    }
    lines
}

fn as_json(info: &Info, columns: &[Column], summary: &Summary) -> Value {
    let cut = match &summary.tail {
        Tail::Whole => None,
        Tail::Cut { cause } => Some(cause),
    };
    let columns: Vec<Value> = columns
        .iter()
        .zip(&summary.known)
        .map(|(column, known)| {
            json!({
                "name": column.name,
                "unit": column.unit,
                "meaning": column.meaning,
                "known_rows": known,
            })
        })
        .collect();
    json!({
        "node": info.node,
        "kernel": info.kernel,
        "agent_version": info.agent_version,
        "tick_ms": info.tick_ms,
        "node_cpu_cores": info.node_cpu_cores,
        "node_memory_bytes": info.node_memory_bytes,
        "start_unix_ms": info.start_unix_ms,
        "first_unix_ms": summary.span.map(|(first, _)| first),
        "last_unix_ms": summary.span.map(|(_, last)| last),
        "ticks": summary.ticks,
        "missing_ticks": summary.gaps.ticks,
        "gaps": summary.gaps.count,
        "longest_gap_ms": summary.gaps.longest_ms,
        "clock_set_back": summary.gaps.clock_set_back,
        "workloads": summary.workloads,
        "rows": summary.rows,
        "batches": summary.batches,
        "bytes": summary.bytes,
        "cut": cut,
        "columns": columns,
    })
}
