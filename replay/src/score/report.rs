//! The figures under flat names, as JSON: what `llmosctl replay forecast --json` writes and
//! `docs/replay.md` describes.

use llmos_engine::forecast::{HORIZONS, QUANTILES, Resource};
use serde_json::{Map, Value};

use super::group::Copiers;
use super::{Group, Kind, MethodScore};
use crate::forecast::{MODEL, SYSTEM};

/// What there is to say beside the scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Name of the model; `None` without one.
    pub model: Option<String>,
    /// The horizons to report, as places in [`HORIZONS`].
    pub horizons: Vec<usize>,
    /// Series that were replayed.
    pub series: usize,
    /// Their ticks.
    pub ticks: usize,
}

/// All figures; what is not known is `null`. The first horizon has plain names, the others have
/// `hN` in theirs.
#[must_use]
pub fn report(groups: &[Group], facts: &Facts) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("model".to_owned(), facts.model.clone().into());
    out.insert("series".to_owned(), facts.series.into());
    out.insert("ticks".to_owned(), facts.ticks.into());
    for &horizon in &facts.horizons {
        for group in groups {
            let prefix = format!("families.{}.{}", group.label(), part(horizon));
            of_group(&mut out, &prefix, group, horizon);
        }
        overall(&mut out, part(horizon).as_str(), groups, horizon);
    }
    for group in groups {
        let prefix = format!("families.{}.", group.label());
        copiers(&mut out, &prefix, |name| {
            group.copiers.get(name).copied().unwrap_or_default()
        });
    }
    copiers(&mut out, "", |name| sum(groups, name));
    out
}

/// Is one of these a group of one resource, and not a family as a whole?
fn single(group: &&Group) -> bool {
    group.resource.is_some()
}

fn part(horizon: usize) -> String {
    match horizon {
        0 => String::new(),
        other => format!("h{}.", HORIZONS[other]),
    }
}

fn of_group(out: &mut Map<String, Value>, prefix: &str, group: &Group, horizon: usize) {
    let mut put = |name: &str, value: Value| out.insert(format!("{prefix}{name}"), value);
    let system = group.of(horizon, Kind::System);
    put("series", group.series.into());
    put("pinball_ratio", number(group.ratio(horizon, Kind::System)));
    put(
        "model_pinball_ratio",
        number(group.ratio(horizon, Kind::Model)),
    );
    let best = group.best_baseline(horizon).map(|best| best.name);
    put("best_baseline", best.into());
    put(
        "coverage_err_pp_max",
        number(system.map(MethodScore::coverage_err_pp_max)),
    );
    if let Some(system) = system {
        for (q, error) in QUANTILES.iter().zip(system.coverage_err_pp()) {
            put(&format!("coverage_err_pp.q{q}"), number(Some(error)));
        }
        for (q, coverage) in QUANTILES.iter().zip(system.coverage) {
            put(&format!("coverage.q{q}"), number(Some(coverage)));
        }
    }
    put("miss_rate", number(system.map(MethodScore::miss_rate)));
    put(
        "over_provision",
        number(system.map(MethodScore::over_provision)),
    );
    for method in &group.horizons[horizon] {
        let name = method.name;
        put(&format!("losses.{name}"), number(Some(method.loss)));
        put(
            &format!("miss_rates.{name}"),
            number(Some(method.miss_rate())),
        );
        put(
            &format!("over_provisions.{name}"),
            number(Some(method.over_provision())),
        );
    }
}

/// Over all groups of one resource.
fn overall(out: &mut Map<String, Value>, prefix: &str, groups: &[Group], horizon: usize) {
    let mut put = |name: &str, value| out.insert(format!("{prefix}{name}"), number(value));
    let ratios = |groups: Vec<&Group>| -> Vec<f64> {
        groups
            .iter()
            .filter_map(|g| g.ratio(horizon, Kind::System))
            .collect()
    };
    let all: Vec<&Group> = groups.iter().filter(single).collect();
    let cpu = all.iter().copied();
    let cpu = cpu.filter(|group| group.resource == Some(Resource::Cpu));
    put("pinball_ratio_geomean_cpu", geomean(&ratios(cpu.collect())));
    put("pinball_ratio_geomean", geomean(&ratios(all.clone())));
    put(
        "pinball_ratio_max",
        ratios(all.clone()).into_iter().reduce(f64::max),
    );
    let errors = all
        .iter()
        .filter_map(|g| g.of(horizon, Kind::System))
        .map(MethodScore::coverage_err_pp_max);
    put("coverage_err_pp_max", errors.reduce(f64::max));
}

/// Shares of series with a time shift: of the model if there is one, and of the system.
fn copiers(out: &mut Map<String, Value>, prefix: &str, of: impl Fn(&str) -> Copiers) {
    let mut put = |name: &str, count: usize, copiers: Copiers| {
        let share = (copiers.tested > 0).then(|| count as f64 / copiers.tested as f64);
        out.insert(format!("{prefix}{name}"), number(share));
    };
    let (model, system) = (of(MODEL), of(SYSTEM));
    let first = if model.tested > 0 { model } else { system };
    put("copier_share", first.copy, first);
    put("follower_share", first.follow, first);
    put("system_copier_share", system.copy, system);
}

fn sum(groups: &[Group], name: &str) -> Copiers {
    let each = groups
        .iter()
        .filter(single)
        .filter_map(|group| group.copiers.get(name));
    each.fold(Copiers::default(), |sum, one| Copiers {
        tested: sum.tested + one.tested,
        follow: sum.follow + one.follow,
        copy: sum.copy + one.copy,
    })
}

fn geomean(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().map(|value| value.ln()).sum();
    (!values.is_empty()).then(|| (sum / values.len() as f64).exp())
}

/// Six digits are more than any of these is worth.
fn number(value: Option<f64>) -> Value {
    let short = value.and_then(|value| format!("{value:.5e}").parse::<f64>().ok());
    short.map_or(Value::Null, Value::from)
}
