//! `llmosctl status`: the node, the agent, what it costs, and its parts with state and cause.

use llmos_proto::status::{Component, Health, Status};

use super::{print_json, print_lines};
use crate::client::Client;
use crate::error::CtlError;
use crate::style::{Paint, Style};
use crate::table::{Align, Table};
use crate::units::{duration, percent, plain, whole_bytes};

/// Runs the command.
pub fn run(client: &Client, json: bool) -> Result<(), CtlError> {
    if json {
        return print_json(&client.raw("/v1/status")?);
    }
    print_lines(lines(&client.status()?, Style::of_stdout()))
}

fn lines(status: &Status, style: Style) -> Vec<String> {
    let mut lines: Vec<String> = facts(status)
        .into_iter()
        .map(|(name, text)| {
            format!(
                "{} {text}",
                style.paint(Paint::Bold, &format!("{name:<10}"))
            )
        })
        .collect();
    lines.push(String::new());
    lines.extend(parts(&status.components, style));
    lines
}

fn facts(status: &Status) -> Vec<(&'static str, String)> {
    let up_ms = status.now_unix_ms.saturating_sub(status.started_unix_ms);
    let mode = match status.mode.as_str() {
        "observe" => "observe (computes and shows, writes nothing)".to_owned(),
        "enforce" => "enforce (writes limits of managed workloads)".to_owned(),
        other => plain(other),
    };
    let work = status
        .tick_work_ms_p50
        .map_or_else(|| "unknown".to_owned(), |ms| format!("{ms:.1} ms"));
    let lost: Vec<String> = status
        .lost
        .iter()
        .filter(|lost| lost.count > 0)
        .map(|lost| format!("{} at {}", lost.count, plain(&lost.place)))
        .collect();
    vec![
        (
            "node",
            format!("{}, kernel {}", plain(&status.node), plain(&status.kernel)),
        ),
        (
            "size",
            format!(
                "{} CPUs, {}",
                status.node_cpu_cores,
                whole_bytes(Some(status.node_memory_bytes))
            ),
        ),
        (
            "agent",
            format!(
                "{}, up {}",
                plain(&status.agent_version),
                duration(up_ms as f64 / 1000.0)
            ),
        ),
        ("mode", mode),
        (
            "tick",
            format!(
                "{} ms, {} run, {} late, median work {work}",
                status.tick_ms, status.ticks, status.missed_ticks
            ),
        ),
        (
            "cost",
            format!(
                "{} of one CPU, {} of memory; kernel side: {} of one CPU, {} of maps",
                percent(status.agent_cpu_cores),
                whole_bytes(status.agent_rss_bytes),
                percent(status.kernel_side_cpu_cores),
                whole_bytes(status.map_memory_bytes)
            ),
        ),
        (
            "workloads",
            format!(
                "{}, {} managed, {} limits changed now",
                status.workloads, status.managed, status.limits_held
            ),
        ),
        ("frozen", frozen(status)),
        ("others", others(status)),
        ("events", events(status)),
        (
            "lost data",
            if lost.is_empty() {
                "none".to_owned()
            } else {
                lost.join(", ")
            },
        ),
    ]
}

/// What is not written now, and why.
fn frozen(status: &Status) -> String {
    let active = status.freeze.iter().filter(|cause| cause.active);
    let words: Vec<String> = active
        .map(|cause| {
            let what = match cause.stops.as_str() {
                "all" => "no limit is written".to_owned(),
                "lowering" => "no limit is lowered".to_owned(),
                "cpu" => "no CPU limit is written".to_owned(),
                other => plain(other),
            };
            format!("{what}: {}", plain(&cause.cause))
        })
        .collect();
    if words.is_empty() {
        "no".to_owned()
    } else {
        words.join("; ")
    }
}

/// The kinds that came, with their counts.
fn events(status: &Status) -> String {
    let came = status.events.iter().filter(|event| event.count > 0);
    let words: Vec<String> = came
        .map(|event| format!("{} {}", event.count, plain(&event.kind)))
        .collect();
    if words.is_empty() {
        "none yet".to_owned()
    } else {
        words.join(", ")
    }
}

/// Changes of limits by others, and what is left to them.
fn others(status: &Status) -> String {
    let came = status.limit_changes_by_others.iter();
    let words: Vec<String> = came
        .filter(|change| change.count > 0)
        .map(|change| format!("{} {}", change.count, plain(&change.kind)))
        .collect();
    let mut line = if words.is_empty() {
        "changed no limit of ours".to_owned()
    } else {
        format!("changed limits of ours: {}", words.join(", "))
    };
    let left: Vec<String> = status
        .handed_over
        .iter()
        .map(|left| {
            let rest = left.left_s.map_or_else(
                || "until the agent starts again".to_owned(),
                |s| format!("for {} more", duration(s)),
            );
            format!("{} of {} {rest}", plain(&left.knob), plain(&left.cgroup))
        })
        .collect();
    if !left.is_empty() {
        line = format!("{line}; left to them: {}", left.join(", "));
    }
    line
}

fn parts(components: &[Component], style: Style) -> Vec<String> {
    let mut table = Table::new(&[
        ("PART", Align::Left),
        ("STATE", Align::Left),
        ("WHY", Align::Left),
    ]);
    for part in components {
        table.push(vec![
            plain(&part.name),
            state(part.state).0.to_owned(),
            plain(&part.cause),
        ]);
    }
    let paints = components.iter().map(|part| state(part.state));
    let mut lines = table.lines(None).into_iter();
    let heading = lines.next().map(|line| style.paint(Paint::Bold, &line));
    let rows = lines.zip(paints).map(|(line, (word, paint))| {
        // The second column begins after the longest name; its word stands there once.
        match line.find(&format!("  {word}")) {
            Some(at) => format!(
                "{}  {}{}",
                &line[..at],
                style.paint(paint, word),
                &line[at + 2 + word.len()..]
            ),
            None => line,
        }
    });
    heading.into_iter().chain(rows).collect()
}

fn state(health: Health) -> (&'static str, Paint) {
    match health {
        Health::Healthy => ("healthy", Paint::Good),
        Health::Degraded => ("degraded", Paint::Warn),
        Health::Unsupported => ("unsupported", Paint::Bad),
        Health::Off => ("off", Paint::Dim),
    }
}
