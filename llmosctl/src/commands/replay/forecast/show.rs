//! The figures as a table.

use llmos_engine::forecast::HORIZONS;
use llmos_replay::reference::{DECAYED_HISTOGRAM, RECENT_MAX};
use llmos_replay::score::{Facts, Group, Kind, MethodScore};
use serde_json::{Map, Value};

use crate::style::{Paint, Style};
use crate::table::{Align, Table};
use crate::units::{ABSENT, plain};

/// All lines: what was replayed, a table for each horizon, the figures over all.
pub fn lines(
    groups: &[Group],
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
        facts.series, facts.ticks
    )];
    for &horizon in &facts.horizons {
        lines.push(String::new());
        let title = format!("Peak of the next {} ticks", HORIZONS[horizon]);
        lines.push(style.paint(Paint::Bold, &title));
        lines.extend(table(groups, horizon).lines(None));
    }
    lines.push(String::new());
    lines.extend(overall(report));
    lines.push(String::new());
    lines.extend(LEGEND.map(|line| style.paint(Paint::Dim, line)));
    lines
}

const LEGEND: [&str; 7] = [
    "LOSS: mean pinball loss of the system over the quantiles, in thousandths of a series' size.",
    "RATIO: LOSS over that of the BEST single baseline, which nobody knows ahead; MODEL: the model's own.",
    "COVER: largest error of the coverage over the quantiles, in percentage points.",
    "MISS: share of peaks above the 0.95 quantile. OVER: mean of that quantile minus the peak, in % of the size.",
    "MAX: miss and over-provision of the largest of the last 12 values; HIST: of the decayed histogram's 0.95.",
    "COPY: share of series on which the forecast only repeats its input late.",
    "A family with several resources has a line for itself, and one for each of them.",
];

fn table(groups: &[Group], horizon: usize) -> Table {
    let mut table = Table::new(&[
        ("FAMILY", Align::Left),
        ("SERIES", Align::Right),
        ("LOSS", Align::Right),
        ("RATIO", Align::Right),
        ("MODEL", Align::Right),
        ("BEST", Align::Left),
        ("COVER", Align::Right),
        ("MISS", Align::Right),
        ("OVER", Align::Right),
        ("MAX", Align::Right),
        ("HIST", Align::Right),
        ("COPY", Align::Right),
    ]);
    for group in groups {
        let resources = groups.iter().filter(|g| g.family == group.family).count() - 1;
        if group.resource.is_none() && resources == 1 {
            continue;
        }
        table.push(row(group, horizon));
    }
    table
}

fn row(group: &Group, horizon: usize) -> Vec<String> {
    let system = group.of(horizon, Kind::System);
    let best = group.best_baseline(horizon);
    let ratio = |kind| shown(group.ratio(horizon, kind), |r| format!("{r:.3}"));
    let rule = |name: &str| {
        let methods = group.horizons.get(horizon);
        let rule = methods.and_then(|methods| methods.iter().find(|m| m.name == name));
        shown(rule, |rule| format!("{} {}", miss(rule), over(rule)))
    };
    vec![
        plain(&group.label()),
        group.series.to_string(),
        shown(system, |system| format!("{:.2}", 1000.0 * system.loss)),
        ratio(Kind::System),
        ratio(Kind::Model),
        shown(best, |best| best.name.to_owned()),
        shown(system, |system| {
            format!("{:.1}", system.coverage_err_pp_max())
        }),
        shown(system, miss),
        shown(system, over),
        rule(RECENT_MAX),
        rule(DECAYED_HISTOGRAM),
        shown(share(group), |share| format!("{:.0} %", 100.0 * share)),
    ]
}

/// Of the model if there is one, else of the system.
fn share(group: &Group) -> Option<f64> {
    let of = |name| group.copiers.get(name).filter(|copiers| copiers.tested > 0);
    let copiers = of(llmos_replay::forecast::MODEL).or(of(llmos_replay::forecast::SYSTEM))?;
    Some(copiers.copy as f64 / copiers.tested as f64)
}

fn miss(method: &MethodScore) -> String {
    format!("{:.1} %", 100.0 * method.miss_rate())
}

fn over(method: &MethodScore) -> String {
    format!("{:.1} %", method.over_provision())
}

fn shown<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or_else(|| ABSENT.to_owned(), text)
}

/// The figures that are of no single family.
fn overall(report: &Map<String, Value>) -> Vec<String> {
    let all = report
        .iter()
        .filter(|(name, _)| !name.starts_with("families."));
    let numbers = all.filter(|(_, value)| value.is_f64() || value.is_null());
    let names: Vec<_> = numbers.filter(|(name, _)| *name != "model").collect();
    let width = names.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, value): (&String, &Value)| {
        let value = shown(value.as_f64(), |value| format!("{value:.3}"));
        format!("{name:<width$}  {value}")
    };
    names.into_iter().map(line).collect()
}
