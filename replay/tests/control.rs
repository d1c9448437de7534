//! Limits in closed loop, against figures found by hand.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::convert::Infallible;

use llmos_engine::forecast::Resource;
use llmos_engine::policy::Policy;
use llmos_replay::control::score::{Facts, Family, Figures, dominated, report};
use llmos_replay::control::{Demand, LLMOS, Outcome, WITHOUT_MODEL, run};

const GIB: f64 = 1_073_741_824.0;

fn demand(family: &str, resource: Resource, value: impl Fn(usize) -> Option<f64>) -> Demand {
    Demand {
        family: family.to_owned(),
        resource,
        step_s: 60.0,
        cut: 700,
        size: 1.0,
        values: (0..1000).map(value).collect(),
        in_force: Vec::new(),
    }
}

fn outcome(demands: &[Demand], threads: usize) -> Outcome {
    let load = || Ok::<_, Infallible>(None);
    run(demands, &Policy::default(), threads, load, |_, _| ()).expect("runs")
}

fn of<'f>(family: &'f Family, name: &str) -> &'f Figures {
    family.of(name).unwrap_or_else(|| panic!("no {name}"))
}

fn near(found: Option<f64>, expected: f64) -> bool {
    found.is_some_and(|found| (found - expected).abs() < 1e-9)
}

#[test]
fn a_steady_load_has_the_slack_of_each_rule_and_no_stall() {
    let found = outcome(&[demand("steady", Resource::Cpu, |_| Some(1.0))], 1);
    let family = &found.families[0];
    assert_eq!(family.label(), "steady/cpu");
    for (name, slack) in [
        ("static_mean2", 1.0),
        ("static_peak", 0.0),
        ("hpa_slow", 1.0 / 0.6 - 1.0),
        ("hpa_fast", 1.0 / 0.6 - 1.0),
        ("koordlet", 1.0),
    ] {
        assert!(near(of(family, name).slack_ratio, slack), "{name}");
        assert!(near(of(family, name).slack, slack), "{name}");
    }
    // The bucket of 1.0 ends within a twentieth above it, and the margin is 15 %.
    let vpa = of(family, "vpa").slack_ratio.expect("known");
    assert!((0.15..0.15 + 0.06).contains(&vpa), "{vpa}");
    for controller in &family.controllers {
        assert!(
            near(controller.figures.stall_share, 0.0),
            "{}",
            controller.name
        );
        assert!(
            near(controller.figures.delayed_share, 0.0),
            "{}",
            controller.name
        );
    }
    let mine = of(family, LLMOS);
    assert!(
        mine.slack_ratio
            .is_some_and(|slack| slack > 0.0 && slack < 0.5),
        "{mine:?}"
    );
    assert!(
        near(mine.changes_per_hour, 0.0),
        "no limit moves on a steady load"
    );
}

#[test]
fn what_a_limit_cuts_off_is_stall_and_late_work() {
    // One core while people look, then two and a half.
    let step = |tick| Some(if tick < 700 { 1.0 } else { 2.5 });
    let found = outcome(&[demand("step", Resource::Cpu, step)], 1);
    let family = &found.families[0];
    let fixed = of(family, "static_mean2");
    assert!(
        near(fixed.stall_share, 1.0) && near(fixed.slack_ratio, 0.0),
        "{fixed:?}"
    );
    // All work is late once a tick's worth of it waits: 0.5 of 2.5 in the first tick, and so on.
    let late: f64 = (1..=300).map(|tick| (0.2 * f64::from(tick)).min(1.0)).sum();
    assert!(near(fixed.delayed_share, late / 300.0), "{fixed:?}");
    // Koordlet raises to three cores within three ticks and works the rest off.
    let koordlet = of(family, "koordlet").stall_share.expect("known");
    assert!(koordlet > 2.0 / 300.0 && koordlet < 0.1, "{koordlet}");
    let mine = of(family, LLMOS).stall_share.expect("known");
    assert!(
        mine > 0.0 && mine < 0.05,
        "the rise itself cannot be known: {mine}"
    );
}

#[test]
fn memory_above_a_hard_limit_is_killed_and_a_limit_that_follows_is_not() {
    let grows = |tick: usize| Some(GIB * (1.0 + 0.002 * tick.saturating_sub(300) as f64));
    let mut with_limit = demand("grows", Resource::Memory, grows);
    with_limit.in_force = vec![Some(4.0 * GIB); 1000];
    let found = outcome(&[with_limit], 1);
    let family = &found.families[0];
    // The limit is the use at tick 699; at 1/0.95 of it the cold part is gone.
    let peak = grows(699).expect("known");
    let first = (700..1000).find(|tick| grows(*tick).is_some_and(|use_| use_ * 0.95 > peak));
    let kills = 1000 - first.expect("it grows on") as u64;
    let fixed = of(family, "static_peak");
    // After a kill it needs a minute to come back, which is a tick: it is killed in each.
    assert_eq!(fixed.kills, kills, "{fixed:?}");
    assert_eq!(of(family, LLMOS).kills, 0);
    assert_eq!(of(family, "senpai").kills, 0, "it sets no hard limit");
    let used: f64 = (700..1000).filter_map(grows).sum();
    let slack = (300.0 * 4.0 * GIB - used) / used;
    assert!(near(of(family, "in_force").slack_ratio, slack));
}

#[test]
fn the_figures_depend_on_the_series_alone() {
    let wave = |n: usize| {
        move |tick: usize| {
            let gap = n == 2 && (400..430).contains(&tick);
            (!gap).then(|| 1.0 + (tick as f64 / (5.0 + n as f64)).sin() + 0.3 * n as f64)
        }
    };
    let mut demands: Vec<Demand> = (0..5)
        .map(|n| demand(["a", "b"][n % 2], Resource::Cpu, wave(n)))
        .collect();
    demands.push(demand("a", Resource::Memory, |tick| {
        Some(GIB * (1.0 + 0.1 * (tick as f64 / 20.0).sin()))
    }));
    let one = outcome(&demands, 1);
    assert_eq!(one, outcome(&demands, 3));
    let labels: Vec<String> = one.families.iter().map(Family::label).collect();
    assert_eq!(labels, ["a/cpu", "b/cpu", "a/memory"]);
    assert_eq!((one.families[0].series, one.families[1].series), (3, 2));
    // Without a model both are the same.
    for family in &one.families {
        assert_eq!(of(family, LLMOS), of(family, WITHOUT_MODEL));
        assert_eq!(family.frontiers[0], family.frontiers[1]);
    }
}

#[test]
fn the_report_has_the_keys_that_are_promised() {
    let wave = |tick: usize| Some(1.0 + (tick as f64 / 7.0).sin() * 0.9);
    let demands = [
        demand("w", Resource::Cpu, wave),
        demand("w", Resource::Memory, |_| Some(GIB)),
    ];
    let found = outcome(&demands, 2);
    let facts = Facts {
        model: None,
        scarcity: Vec::new(),
        speed: None,
    };
    let figures = report(&found, &facts);
    for name in [
        "llmos",
        "llmos_no_model",
        "vpa",
        "captain",
        "hpa_slow",
        "autopilot",
    ] {
        for key in ["slack_ratio", "stall_share", "kills", "changes_per_hour"] {
            let key = format!("families.w/cpu.{name}.{key}");
            assert!(figures.get(&key).is_some_and(|v| v.is_number()), "{key}");
        }
    }
    for key in [
        "slack_vs_vpa_at_equal_stall",
        "slack_vs_captain_at_equal_stall",
    ] {
        assert!(figures.contains_key(key), "{key}");
    }
    assert_eq!(figures["kills_standard"], 0);
    assert!(figures["lstm_gain"].is_null(), "there was no model");
    // By hand: captain's stall on LLMOS's frontier.
    let captain = of(&found.families[0], "captain");
    let points = &found.families[0].frontiers[0];
    let stall = captain.stall_share.expect("known");
    let least = points
        .iter()
        .filter_map(|p| p.stall_share)
        .fold(f64::INFINITY, f64::min);
    let known = figures["slack_vs_captain_at_equal_stall"].is_number();
    assert_eq!(
        known,
        stall >= least,
        "unknown only below the frontier's least stall"
    );
}

#[test]
fn a_family_is_dominated_where_a_rival_is_better_in_both() {
    let mut found = outcome(&[demand("s", Resource::Cpu, |_| Some(1.0))], 1).families;
    let family = &mut found[0];
    let mut set = |name: &str, slack: f64, stall: f64| {
        let known = family.controllers.iter_mut().find(|c| c.name == name);
        let figures = &mut known.expect("is there").figures;
        (figures.slack_ratio, figures.stall_share) = (Some(slack), Some(stall));
    };
    for name in [
        "static_mean2",
        "static_peak",
        "hpa_slow",
        "hpa_fast",
        "autopilot",
    ] {
        set(name, 9.0, 0.0);
    }
    for name in ["koordlet", "captain", "captain_strict"] {
        set(name, 0.1, 0.9);
    }
    set(LLMOS, 0.5, 0.1);
    set("vpa", 0.4, 0.2);
    assert_eq!(dominated(&found[0]), None);
    let vpa = found[0].controllers.iter_mut().find(|c| c.name == "vpa");
    vpa.expect("is there").figures.stall_share = Some(0.09);
    assert_eq!(dominated(&found[0]), Some("vpa"));
}
