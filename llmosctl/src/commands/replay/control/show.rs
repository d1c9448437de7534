//! The figures as tables.

use llmos_engine::forecast::Resource;
use llmos_replay::control::Outcome;
use llmos_replay::control::score::{Controller, Facts, Family, dominated};
use serde_json::{Map, Value};

use crate::style::{Paint, Style};
use crate::table::{Align, Table};
use crate::units::{ABSENT, plain};

/// All lines: what was replayed, a table for each family, the figures over all.
pub fn lines(
    outcome: &Outcome,
    facts: &Facts,
    report: &Map<String, Value>,
    style: Style,
) -> Vec<String> {
    let model = facts
        .model
        .as_deref()
        .map_or("no model".to_owned(), |name| {
            format!("model {}", plain(name))
        });
    let mut lines = vec![format!(
        "{} series, {} ticks, {model}; scored is the last 30 % of each series",
        outcome.series, outcome.ticks
    )];
    for family in &outcome.families {
        lines.push(String::new());
        let title = format!("{}, {} series", plain(&family.label()), family.series);
        lines.push(style.paint(Paint::Bold, &title));
        lines.extend(table(family).lines(None));
        if let Some(rival) = dominated(family) {
            let text = format!("{rival} has both less slack and less stall than llmos");
            lines.push(style.paint(Paint::Warn, &text));
        }
    }
    lines.push(String::new());
    lines.extend(overall(report));
    lines.push(String::new());
    lines.extend(LEGEND.map(|line| style.paint(Paint::Dim, line)));
    lines
}

const LEGEND: [&str; 6] = [
    "SLACK: limit less use, of the use; of memory against memory.max. SIZES: the same in sizes of the series.",
    "STALL: share of the time with work waiting, or stalled for memory. LATE: share of the work that waited.",
    "CHANGES: ticks with a changed limit, an hour.",
    "slack_vs_*: slack of LLMOS's frontier at the rival's stall, over the rival's, all CPU families together.",
    "dominated_families: where a rival has both less slack and less stall; lstm_gain: slack without over with.",
    "jain, satisfied, bursts_served: 50 workloads whose demand is 70, 100 and 130 % of their node's CPU.",
];

fn table(family: &Family) -> Table {
    let mut table = Table::new(&[
        ("CONTROLLER", Align::Left),
        ("SLACK", Align::Right),
        ("SIZES", Align::Right),
        ("STALL", Align::Right),
        ("LATE", Align::Right),
        ("KILLS", Align::Right),
        ("CHANGES", Align::Right),
    ]);
    for controller in &family.controllers {
        table.push(row(controller, family.resource));
    }
    table
}

fn row(controller: &Controller, resource: Resource) -> Vec<String> {
    let figures = &controller.figures;
    let percent = |share: Option<f64>| shown(share, |share| format!("{:.2} %", 100.0 * share));
    let kills = match resource {
        Resource::Memory => figures.kills.to_string(),
        Resource::Cpu | Resource::Network => ABSENT.to_owned(),
    };
    vec![
        controller.name.to_owned(),
        shown(figures.slack_ratio, |ratio| {
            format!("{:.1} %", 100.0 * ratio)
        }),
        shown(figures.slack, |slack| format!("{slack:.3}")),
        percent(figures.stall_share),
        percent(figures.delayed_share),
        kills,
        shown(figures.changes_per_hour, |changes| format!("{changes:.2}")),
    ]
}

fn shown<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or_else(|| ABSENT.to_owned(), text)
}

/// The figures that are of no single family.
fn overall(report: &Map<String, Value>) -> Vec<String> {
    let single = |name: &str| name.contains('.') || ["model", "series", "ticks"].contains(&name);
    let all: Vec<_> = report.iter().filter(|(name, _)| !single(name)).collect();
    let width = all.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, value): (&String, &Value)| {
        let text = match (value.as_u64(), value.as_f64()) {
            (Some(count), _) => count.to_string(),
            (None, value) => shown(value, |value| format!("{value:.3}")),
        };
        format!("{name:<width$}  {text}")
    };
    all.into_iter().map(line).collect()
}
