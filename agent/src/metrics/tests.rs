//! The names that others build dashboards on, and text that parses.

#![allow(
    clippy::float_cmp,
    reason = "values that were put in come out as they were"
)]

mod exposition;

use std::collections::BTreeSet;

use llmos_proto::status::{
    API_VERSION, Component, Coverage, EventCount, Forecast, FreezeCause, Health, HorizonForecast,
    Limits, Link, Lost, Program, Status, Usage, Workload,
};

use super::*;
use crate::apply::Outcome;
use crate::board::{Made, Published};
use exposition::{Series, parse};
use llmos_engine::decide::{Action, Decision, Knob};
use llmos_engine::units::{CgroupId, Timestamp};

/// Names of series. A change here breaks somebody's dashboard or alert: say so in the changelog.
const GOLDEN: &[&str] = &[
    "llmos_agent_cpu_cores",
    "llmos_agent_resident_memory_bytes",
    "llmos_budget_cpu_cores",
    "llmos_build_info",
    "llmos_component_state",
    "llmos_decisions_total",
    "llmos_events_total",
    "llmos_forecast_copiers",
    "llmos_forecast_coverage_ratio",
    "llmos_forecast_model_share_ratio",
    "llmos_forecast_model_skill_ratio",
    "llmos_forecast_skill_ratio",
    "llmos_forecasts",
    "llmos_frozen",
    "llmos_kernel_side_cpu_cores",
    "llmos_limit_changes_by_others_total",
    "llmos_limits_handed_over",
    "llmos_limits_held",
    "llmos_lost_events_total",
    "llmos_map_memory_bytes",
    "llmos_missed_ticks_total",
    "llmos_mode_info",
    "llmos_node_cpu_cores",
    "llmos_node_cpu_used_cores",
    "llmos_node_memory_bytes",
    "llmos_node_memory_used_bytes",
    "llmos_node_network_receive_bytes_total",
    "llmos_node_network_receive_dropped_packets_total",
    "llmos_node_network_speed_bytes_per_second",
    "llmos_node_network_transmit_bytes_total",
    "llmos_node_network_transmit_dropped_packets_total",
    "llmos_node_network_up",
    "llmos_oom_kills_seen_total",
    "llmos_program_run_seconds",
    "llmos_program_runs_per_second",
    "llmos_start_time_seconds",
    "llmos_tick_period_seconds",
    "llmos_tick_read_seconds",
    "llmos_tick_work_seconds",
    "llmos_ticks_total",
    "llmos_workload_accept_queue_ratio",
    "llmos_workload_context_switches_per_second",
    "llmos_workload_cpu_burst_cores",
    "llmos_workload_cpu_burst_periods_ratio",
    "llmos_workload_cpu_cores",
    "llmos_workload_cpu_forecast_cores",
    "llmos_workload_cpu_limit_cores",
    "llmos_workload_cpu_stall_ratio",
    "llmos_workload_cpu_target_cores",
    "llmos_workload_cpu_throttled_ratio",
    "llmos_workload_cpu_throttled_time_ratio",
    "llmos_workload_cpu_weight",
    "llmos_workload_memory_bytes",
    "llmos_workload_memory_events",
    "llmos_workload_memory_forecast_bytes",
    "llmos_workload_memory_full_stall_ratio",
    "llmos_workload_memory_headroom_bytes",
    "llmos_workload_memory_kind_bytes",
    "llmos_workload_memory_limit_bytes",
    "llmos_workload_memory_reclaim_ratio",
    "llmos_workload_memory_slope_bytes_per_second",
    "llmos_workload_memory_stall_ratio",
    "llmos_workload_memory_target_bytes",
    "llmos_workload_memory_working_set_bytes",
    "llmos_workload_near_quota_events",
    "llmos_workload_network_forecast_bytes_per_second",
    "llmos_workload_network_receive_bytes_per_second",
    "llmos_workload_network_receive_packets_per_second",
    "llmos_workload_network_transmit_bytes_per_second",
    "llmos_workload_network_transmit_packets_per_second",
    "llmos_workload_oom_kills_total",
    "llmos_workload_page_faults_per_second",
    "llmos_workload_run_queue_wait_ratio",
    "llmos_workload_run_queue_wait_seconds",
    "llmos_workload_tcp_connections_per_second",
    "llmos_workload_tcp_retransmits_per_second",
    "llmos_workload_tcp_round_trip_seconds",
    "llmos_workloads",
    "llmos_workloads_managed",
];

fn forecast() -> Option<Forecast> {
    Some(Forecast {
        source: "model".into(),
        horizons: vec![HorizonForecast {
            ticks: 60,
            q50: 0.25,
            q90: 0.5,
            q95: 0.75,
            q99: 1.0,
        }],
        driver: Some("ar12".into()),
        model_share: Some(0.25),
        skill: Some(0.125),
        model_skill: Some(-0.5),
        copier: Some(false),
        coverage: Some(Coverage {
            q50: 0.5,
            q90: 0.875,
            q95: 0.9375,
            q99: 1.0,
        }),
    })
}

/// A value in each field, also in those that are yet to come.
fn full_usage() -> Usage {
    let mut usage = serde_json::to_value(Usage::default()).expect("serialises");
    for value in usage.as_object_mut().expect("an object").values_mut() {
        *value = 1.into();
    }
    let usage: Usage = serde_json::from_value(usage).expect("every field takes a number");
    Usage {
        cpu_cores: Some(0.5),
        throttled_share: Some(0.25),
        memory_bytes: Some(4096),
        working_set_bytes: Some(4096),
        rx_packets_per_s: Some(3.0),
        tx_packets_per_s: Some(4.0),
        rx_bytes_per_s: Some(1.0),
        tx_bytes_per_s: Some(2.0),
        memory_stall_share: Some(0.0),
        oom_kills: Some(5),
        ..usage
    }
}

fn workload(cgroup: &str) -> Workload {
    let limits = Limits {
        cpu_cores: Some(1.0),
        memory_high_bytes: Some(1 << 20),
        memory_max_bytes: Some(2 << 20),
        cpu_weight: Some(100),
        ..Limits::default()
    };
    Workload {
        id: "9".into(),
        cgroup: cgroup.into(),
        name: "w".into(),
        container: None,
        managed: true,
        actuator: "cgroupfs".into(),
        seen_s: 1.0,
        usage: full_usage(),
        limits: limits.clone(),
        targets: limits,
        cpu_forecast: forecast(),
        memory_forecast: forecast(),
        network_forecast: forecast(),
    }
}

fn status() -> Status {
    Status {
        api_version: API_VERSION.into(),
        node: "node-1".into(),
        agent_version: "0.1.0".into(),
        kernel: "6.12".into(),
        mode: "observe".into(),
        now_unix_ms: 2000,
        started_unix_ms: 1500,
        tick_ms: 500,
        ticks: 7,
        missed_ticks: 0,
        tick_work_ms_p50: Some(2.5),
        node_cpu_cores: 4.0,
        node_memory_bytes: 8 << 30,
        agent_rss_bytes: Some(1 << 20),
        agent_cpu_cores: Some(0.01),
        workloads: 1,
        managed: 1,
        lost: vec![Lost {
            place: "ring buffer".into(),
            count: 3,
        }],
        limits_held: 0,
        limit_changes_by_others: vec![EventCount {
            kind: "systemd_reload".into(),
            count: 2,
        }],
        handed_over: Vec::new(),
        node_cpu_used_cores: Some(0.5),
        node_memory_used_bytes: Some(1 << 30),
        oom_kills_seen: 1,
        kernel_side_cpu_cores: Some(0.001),
        map_memory_bytes: Some(1 << 20),
        tick_read_ms_p50: Some(0.5),
        fast_writes: 3,
        fast_event_to_write_ms_p50: Some(1.5),
        fast_event_to_write_ms_p99: Some(9.0),
        programs: vec![Program {
            name: "cpu_switch".into(),
            runs_per_s: 1000.0,
            ns_per_run: 100.0,
        }],
        shed: Vec::new(),
        budget_cpu_cores: 0.1,
        events: vec![EventCount {
            kind: "near-quota".into(),
            count: 4,
        }],
        freeze: [("switch", false), ("clock", true)]
            .map(|(name, active)| FreezeCause {
                name: name.into(),
                active,
                stops: "all".into(),
                state: Health::Healthy,
                cause: "words that are no label".into(),
            })
            .into(),
        links: vec![Link {
            name: "eth0".into(),
            up: true,
            speed_mbit_per_s: Some(10_000),
            rx_bytes: Some(5),
            tx_bytes: Some(6),
            rx_dropped: Some(7),
            tx_dropped: Some(8),
        }],
        components: vec![Component {
            name: "probe.cpu".into(),
            state: Health::Degraded,
            cause: "a cause that is no label".into(),
        }],
    }
}

fn text(workloads: Vec<Workload>) -> String {
    let board = Board::new(status());
    let mut decisions = Made::default();
    let decision = Decision {
        workload: CgroupId(9),
        knob: Knob::CpuMax,
        at: Timestamp(1),
        from: None,
        to: 1.0,
        action: Action::Raise,
        reasons: Vec::new(),
    };
    decisions.push(&decision, Outcome::Failed("device busy".into()));
    board.publish(Published {
        between: Vec::new(),
        status: status(),
        at_unix_ms: 1,
        workloads,
        decisions,
    });
    exposition(&board).expect("text")
}

#[test]
fn names_are_the_promised_ones() {
    let series = parse(&text(vec![workload("a")]));
    let names: BTreeSet<_> = series.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), GOLDEN);
    assert_eq!(
        names::ALL.len(),
        GOLDEN.len(),
        "each metric of the table is given"
    );
}

#[test]
fn names_end_in_base_units_and_labels_are_the_agreed_ones() {
    let agreed = BTreeSet::from([
        "action",
        "cause",
        "cgroup",
        "class",
        "component",
        "driver",
        "horizon",
        "kernel",
        "program",
        "kind",
        "link",
        "mode",
        "node",
        "outcome",
        "place",
        "quantile",
        "resource",
        "state",
        "version",
    ]);
    for series in parse(&text(vec![workload("a")])) {
        assert!(series.name.starts_with("llmos_"));
        for label in series.labels.keys() {
            assert!(agreed.contains(label.as_str()), "{}: {label}", series.name);
        }
        for bad in ["_ms", "_kib", "_percent", "_millicores"] {
            assert!(!series.name.contains(bad), "{}", series.name);
        }
    }
}

fn value(all: &[Series], name: &str, labels: &[(&str, &str)]) -> f64 {
    let mut found = all.iter().filter(|s| {
        s.name == name
            && labels
                .iter()
                .all(|(k, v)| s.labels.get(*k).is_some_and(|l| l == v))
    });
    let one = found
        .next()
        .unwrap_or_else(|| panic!("no {name} {labels:?}"));
    assert!(found.next().is_none(), "more than one {name} {labels:?}");
    one.value
}

#[test]
fn values_come_in_base_units() {
    let all = parse(&text(vec![workload("a")]));
    assert_eq!(
        value(&all, "llmos_tick_work_seconds", &[("quantile", "0.5")]),
        0.0025
    );
    assert_eq!(value(&all, "llmos_tick_period_seconds", &[]), 0.5);
    assert_eq!(value(&all, "llmos_start_time_seconds", &[]), 1.5);
    assert_eq!(
        value(&all, "llmos_lost_events_total", &[("place", "ring buffer")]),
        3.0
    );
    let speed = "llmos_node_network_speed_bytes_per_second";
    assert_eq!(value(&all, speed, &[("link", "eth0")]), 1.25e9);
    let forecast = [("cgroup", "a"), ("horizon", "30s"), ("quantile", "0.95")];
    assert_eq!(
        value(&all, "llmos_workload_cpu_forecast_cores", &forecast),
        0.75
    );
    let state = |state| {
        value(
            &all,
            "llmos_component_state",
            &[("component", "probe.cpu"), ("state", state)],
        )
    };
    assert_eq!((state("degraded"), state("healthy")), (1.0, 0.0));
    let frozen = |cause| value(&all, "llmos_frozen", &[("cause", cause)]);
    assert_eq!((frozen("switch"), frozen("clock")), (0.0, 1.0));
    let failed = [
        ("resource", "cpu.max"),
        ("action", "raise"),
        ("outcome", "failed"),
    ];
    assert_eq!(value(&all, "llmos_decisions_total", &failed), 1.0);
    let max = [("cgroup", "a"), ("resource", "memory.max")];
    assert_eq!(
        value(&all, "llmos_workload_memory_limit_bytes", &max),
        f64::from(2 << 20)
    );
}

#[test]
fn what_is_unknown_has_no_series() {
    let mut unknown = workload("a");
    unknown.usage = Usage::default();
    unknown.limits = Limits::default();
    unknown.cpu_forecast = None;
    let all = parse(&text(vec![unknown]));
    for name in [
        "llmos_workload_cpu_cores",
        "llmos_workload_oom_kills_total",
        "llmos_workload_memory_limit_bytes",
        "llmos_workload_cpu_forecast_cores",
    ] {
        assert!(all.iter().all(|s| s.name != name), "{name}");
    }
    let none = parse(&text(vec![]));
    assert!(none.iter().all(|s| !s.name.starts_with("llmos_workload_")));
}

#[test]
fn odd_names_of_cgroups_are_escaped() {
    let odd = "system.slice/x\\x2dy \"quoted\"\nnext";
    let all = parse(&text(vec![workload(odd)]));
    assert_eq!(
        value(&all, "llmos_workload_cpu_cores", &[("cgroup", odd)]),
        0.5
    );
}

#[test]
fn the_root_has_a_label_that_is_not_empty() {
    let all = parse(&text(vec![workload("")]));
    assert_eq!(
        value(&all, "llmos_workload_cpu_cores", &[("cgroup", "/")]),
        0.5
    );
}

#[test]
fn forecasts_are_summed_up_over_the_workloads() {
    let mut other = workload("b");
    let cpu = other.cpu_forecast.as_mut().expect("a forecast");
    cpu.driver = Some("model".into());
    cpu.copier = Some(true);
    cpu.model_share = Some(0.75);
    cpu.skill = None;
    cpu.coverage = None;
    let mut young = workload("c");
    young.cpu_forecast = None;
    let series = parse(&text(vec![workload("a"), other, young]));
    let value = |name: &str, wanted: &[(&str, &str)]| {
        let found: Vec<f64> = series
            .iter()
            .filter(|s| s.name == name && s.labels.len() == wanted.len())
            .filter(|s| wanted.iter().all(|(key, text)| s.labels[*key] == *text))
            .map(|s| s.value)
            .collect();
        assert_eq!(found.len(), 1, "{name} {wanted:?}");
        found[0]
    };
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
    let cpu = ("resource", "cpu");
    near(value("llmos_forecasts", &[cpu, ("driver", "ar12")]), 1.0);
    near(value("llmos_forecasts", &[cpu, ("driver", "model")]), 1.0);
    near(
        value(
            "llmos_forecasts",
            &[("resource", "memory"), ("driver", "ar12")],
        ),
        3.0,
    );
    near(value("llmos_forecast_copiers", &[cpu]), 1.0);
    near(value("llmos_forecast_model_share_ratio", &[cpu]), 0.5);
    near(value("llmos_forecast_skill_ratio", &[cpu]), 0.125);
    near(value("llmos_forecast_model_skill_ratio", &[cpu]), -0.5);
    near(
        value("llmos_forecast_coverage_ratio", &[cpu, ("quantile", "0.9")]),
        0.875,
    );
}
