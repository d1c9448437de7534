//! The figures under flat names, as JSON: what `llmosctl replay control --json` writes and
//! `docs/replay.md` describes.

use llmos_engine::forecast::Resource;
use serde_json::{Map, Value};

use super::{Family, Figures, Frontier, overall};
use crate::control::rival::{CAPTAIN, NAMES, VPA};
use crate::control::scarcity::Scarcity;
use crate::control::{KNOBS, LLMOS, Outcome, STANDARD, Speed, WITHOUT_MODEL};

/// What there is to say beside the scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Name of the model; `None` without one.
    pub model: Option<String>,
    /// What came of scarce nodes.
    pub scarcity: Vec<Scarcity>,
    /// What deciding costs.
    pub speed: Option<Speed>,
}

/// All figures; what is not known is `null`.
#[must_use]
pub fn report(outcome: &Outcome, facts: &Facts) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("model".to_owned(), facts.model.clone().into());
    out.insert("series".to_owned(), outcome.series.into());
    out.insert("ticks".to_owned(), outcome.ticks.into());
    for family in &outcome.families {
        of_family(&mut out, family);
    }
    for (resource, name) in [(Resource::Cpu, "cpu"), (Resource::Memory, "memory")] {
        let all: Vec<&Family> = of(outcome, resource).collect();
        for controller in [LLMOS, WITHOUT_MODEL].into_iter().chain(NAMES) {
            if let Some(figures) = together(&all, controller) {
                put_figures(&mut out, &format!("all.{name}.{controller}"), &figures);
                let key = format!("all.{name}.{controller}.pooled_slack_ratio");
                out.insert(key, number(figures.pooled_ratio()));
            }
        }
    }
    let cpu: Vec<&Family> = of(outcome, Resource::Cpu).collect();
    whole_set(&mut out, &cpu, outcome.with_model);
    let dominated_in = |resource| {
        of(outcome, resource)
            .filter(|f| dominated(f).is_some())
            .count()
    };
    out.insert(
        "dominated_families".to_owned(),
        dominated_in(Resource::Cpu).into(),
    );
    out.insert(
        "dominated_families_memory".to_owned(),
        dominated_in(Resource::Memory).into(),
    );
    let memory: Vec<&Family> = of(outcome, Resource::Memory).collect();
    let standard = together(&memory, LLMOS);
    out.insert(
        "kills_standard".to_owned(),
        standard.map(|f| f.kills).into(),
    );
    for scarcity in &facts.scarcity {
        let load = format!("{:.0}pct", 100.0 * scarcity.load);
        let mut put = |name: &str, value| out.insert(format!("{name}_{load}"), value);
        put("jain", number(scarcity.jain));
        put("satisfied", number(Some(scarcity.satisfied)));
        put("node_used", number(Some(scarcity.used)));
        put("floors_broken", scarcity.floors_broken.into());
        put("kills", scarcity.kills.into());
        put("bursts_served", number(scarcity.bursts_served));
    }
    let speed = |of: fn(&Speed) -> f64| number(facts.speed.as_ref().map(of));
    out.insert("decide_ms_1000".to_owned(), speed(|s| s.decide_ms));
    out.insert("tick_ms_1000".to_owned(), speed(|s| s.tick_ms));
    out
}

/// The first rival that has both less slack and less stall than LLMOS's standard, and of memory no
/// more kills.
#[must_use]
pub fn dominated(family: &Family) -> Option<&'static str> {
    let mine = family.of(LLMOS)?;
    let less = |a: Option<f64>, b: Option<f64>| a.zip(b).is_some_and(|(a, b)| a < b);
    let beats = |theirs: &Figures| {
        less(theirs.slack_ratio, mine.slack_ratio)
            && less(theirs.stall_share, mine.stall_share)
            && theirs.kills <= mine.kills
    };
    let rivals = family.controllers.iter();
    let mut rivals = rivals.filter(|c| NAMES.contains(&c.name));
    Some(rivals.find(|c| beats(&c.figures))?.name)
}

fn of(outcome: &Outcome, resource: Resource) -> impl Iterator<Item = &Family> {
    let families = outcome.families.iter();
    families.filter(move |family| family.resource == resource)
}

/// A controller over these families, if it is in all of them.
fn together(families: &[&Family], name: &str) -> Option<Figures> {
    let found: Vec<&Figures> = families.iter().filter_map(|f| f.of(name)).collect();
    let everywhere = !found.is_empty() && found.len() == families.len();
    everywhere.then(|| overall(found.iter().copied()))
}

/// Stall and slack of LLMOS over these families at each point of a frontier.
fn points(families: &[&Family], which: usize) -> Vec<Figures> {
    let at = |point: usize| {
        let found = families
            .iter()
            .filter_map(|f| f.frontiers[which].get(point));
        overall(found)
    };
    (0..KNOBS.len()).map(at).collect()
}

/// The figures over all CPU families.
fn whole_set(out: &mut Map<String, Value>, cpu: &[&Family], with_model: bool) {
    for (which, name) in ["frontier", "frontier_no_model"].into_iter().enumerate() {
        for (at, point) in points(cpu, which).iter().enumerate() {
            let key = format!("all.cpu.{name}.{at}");
            out.insert(format!("{key}.stall_share"), number(point.stall_share));
            let ratio = point.pooled_ratio();
            out.insert(format!("{key}.pooled_slack_ratio"), number(ratio));
            out.insert(format!("{key}.slack_ratio"), number(point.slack_ratio));
        }
    }
    equal_stall(out, "", cpu, with_model, Figures::pooled_ratio);
    equal_stall(out, "_of_ratios", cpu, with_model, |f| f.slack_ratio);
}

/// Comparisons at equal stall, with this measure of slack; `end` is the end of their names.
fn equal_stall(
    out: &mut Map<String, Value>,
    end: &str,
    cpu: &[&Family],
    with_model: bool,
    slack: fn(&Figures) -> Option<f64>,
) {
    let place = |figures: &Figures| figures.stall_share.zip(slack(figures));
    let line = |which| Frontier::new(points(cpu, which).iter().filter_map(place));
    let (with, without) = (line(0), line(1));
    let against = |rival| {
        let (stall, slack) = place(&together(cpu, rival)?)?;
        Some(with.slack_at(stall)? / slack)
    };
    let gain = || {
        let (stall, _) = place(points(cpu, 0).get(STANDARD)?)?;
        Some(without.slack_at(stall)? / with.slack_at(stall)?)
    };
    let mut put = |name: &str, value| out.insert(format!("{name}{end}"), number(value));
    put("slack_vs_vpa_at_equal_stall", against(VPA));
    put("slack_vs_captain_at_equal_stall", against(CAPTAIN));
    put("lstm_gain", gain().filter(|_| with_model));
}

fn of_family(out: &mut Map<String, Value>, family: &Family) {
    let prefix = format!("families.{}", family.label());
    out.insert(format!("{prefix}.series"), family.series.into());
    for controller in &family.controllers {
        let prefix = format!("{prefix}.{}", controller.name);
        put_figures(out, &prefix, &controller.figures);
        if family.resource == Resource::Memory {
            let soft = controller.figures.soft_slack_ratio;
            out.insert(format!("{prefix}.high_slack_ratio"), number(soft));
        }
    }
    for (name, points) in ["frontier", "frontier_no_model"]
        .iter()
        .zip(&family.frontiers)
    {
        for (at, point) in points.iter().enumerate() {
            let key = format!("{prefix}.{name}.{at}");
            out.insert(format!("{key}.slack_ratio"), number(point.slack_ratio));
            out.insert(format!("{key}.stall_share"), number(point.stall_share));
            out.insert(format!("{key}.kills"), point.kills.into());
        }
    }
    let who = dominated(family);
    out.insert(format!("{prefix}.dominated_by"), who.into());
}

fn put_figures(out: &mut Map<String, Value>, prefix: &str, figures: &Figures) {
    let mut put = |name: &str, value| out.insert(format!("{prefix}.{name}"), value);
    put("slack_ratio", number(figures.slack_ratio));
    put("slack_sizes", number(figures.slack));
    put("stall_share", number(figures.stall_share));
    put("work_delayed_share", number(figures.delayed_share));
    put("kills", figures.kills.into());
    put("changes_per_hour", number(figures.changes_per_hour));
}

/// Six digits are more than any of these is worth.
fn number(value: Option<f64>) -> Value {
    let short = value.and_then(|value| format!("{value:.5e}").parse::<f64>().ok());
    short.map_or(Value::Null, Value::from)
}
