//! Tests of the fleet: health, bounds, duplicates, clocks that are set back.

use super::*;

fn now(mono_ms: u64) -> Now {
    Now {
        mono_ms,
        unix_ms: 1_700_000_000_000 + mono_ms,
    }
}

fn info(machine_id: &str) -> NodeInfo {
    NodeInfo {
        name: format!("node {machine_id}"),
        machine_id: machine_id.to_owned(),
        boot_id: "boot".to_owned(),
        agent_version: "0.1.0".to_owned(),
        kernel: "6.12.0".to_owned(),
        mode: "observe".to_owned(),
        cpu_cores: 4.0,
        memory_bytes: 8 << 30,
        tick_ms: 1_000,
        agent_cpu_cores: 0.01,
        agent_rss_bytes: 20 << 20,
        reports_dropped: 0,
        cpu_used_cores: None,
        memory_used_bytes: None,
    }
}

fn sample(cgroup_id: u64) -> WorkloadSample {
    WorkloadSample {
        cgroup_id,
        cgroup: format!("work/{cgroup_id}"),
        name: format!("w{cgroup_id}"),
        managed: false,
        usage: Usage {
            cpu_cores: Some(0.5),
            ..Usage::default()
        },
        limits: Limits::default(),
        targets: Limits::default(),
        cpu_forecast: None,
        memory_forecast: None,
        network_forecast: None,
    }
}

fn report(machine_id: &str, at_unix_ms: u64, ids: impl IntoIterator<Item = u64>) -> Report {
    Report {
        sequence: at_unix_ms / 1_000,
        node: info(machine_id),
        at_unix_ms,
        workloads: ids.into_iter().map(sample).collect(),
        decisions: Vec::new(),
        components: Vec::new(),
    }
}

fn decision(at_unix_ms: u64) -> Decision {
    Decision {
        cgroup_id: 1,
        cgroup: "work/1".to_owned(),
        at_unix_ms,
        knob: "cpu.max".to_owned(),
        action: "raise".to_owned(),
        from: None,
        to: 1.0,
        reasons: Vec::new(),
        outcome: "observed".to_owned(),
    }
}

#[test]
fn a_silent_node_becomes_stale_then_lost_then_leaves_and_each_is_told_once() {
    let mut fleet = Fleet::new(Bounds {
        node_gone_ms: 100_000,
        ..Bounds::default()
    });
    fleet.ingest(report("a", 1_000, [1]), now(0)).unwrap();
    assert!(fleet.sweep(now(3_000)).is_empty());
    let stale = Change {
        node: "a".to_owned(),
        health: Some(Health::Stale),
    };
    assert_eq!(fleet.sweep(now(3_001)), [stale]);
    assert!(fleet.sweep(now(4_000)).is_empty());
    let lost = Change {
        node: "a".to_owned(),
        health: Some(Health::Lost),
    };
    assert_eq!(fleet.sweep(now(30_001)), [lost]);
    // Its last hour can still be read.
    assert_eq!(
        fleet.node("a").unwrap().workload(1).unwrap().series().len(),
        1
    );
    assert_eq!(
        fleet.sweep(now(100_001)),
        [Change {
            node: "a".to_owned(),
            health: None
        }]
    );
    assert_eq!((fleet.nodes().count(), fleet.workload_count()), (0, 0));
}

#[test]
fn a_node_that_comes_back_is_live_at_once_and_its_silence_is_a_gap() {
    let mut fleet = Fleet::new(Bounds::default());
    fleet.ingest(report("a", 1_000, [1]), now(0)).unwrap();
    fleet.sweep(now(20_000));
    fleet.ingest(report("a", 21_000, [1]), now(20_000)).unwrap();
    let node = fleet.node("a").unwrap();
    assert_eq!(node.health(now(20_000)), Health::Live);
    let values = node
        .workload(1)
        .unwrap()
        .series()
        .column(Column::Cpu, 0)
        .unwrap();
    assert_eq!(
        values
            .iter()
            .map(|value| value.is_nan())
            .collect::<Vec<_>>(),
        [false, true, false]
    );
}

#[test]
fn a_report_that_comes_again_is_not_stored_twice() {
    let mut fleet = Fleet::new(Bounds::default());
    let mut first = report("a", 5_000, [1]);
    first.decisions = vec![decision(5_000)];
    assert!(fleet.ingest(first.clone(), now(0)).unwrap().new_node);
    assert!(fleet.ingest(first, now(10)).unwrap().duplicate);
    let node = fleet.node("a").unwrap();
    assert_eq!(
        (
            node.decisions().count(),
            node.workload(1).unwrap().series().len()
        ),
        (1, 1)
    );
}

#[test]
fn a_clock_that_is_set_back_starts_the_history_anew() {
    let mut fleet = Fleet::new(Bounds::default());
    fleet
        .ingest(report("a", 9_000_000, [1, 2]), now(0))
        .unwrap();
    let done = fleet
        .ingest(report("a", 1_000_000, [1]), now(1_000))
        .unwrap();
    assert!(!done.duplicate);
    let node = fleet.node("a").unwrap();
    assert_eq!(node.workload_count(), 1);
    assert_eq!(node.workload(1).unwrap().series().times(0), [1_000_000]);
}

#[test]
fn nodes_are_bounded() {
    let mut fleet = Fleet::new(Bounds {
        max_nodes: 2,
        ..Bounds::default()
    });
    for id in ["a", "b"] {
        fleet.ingest(report(id, 1_000, [1]), now(0)).unwrap();
    }
    let refused = fleet.ingest(report("c", 1_000, [1]), now(0));
    assert_eq!(refused, Err(Refused::TooManyNodes(2)));
    assert!(fleet.ingest(report("b", 2_000, [1]), now(0)).is_ok());
}

#[test]
fn workloads_are_bounded_per_node_and_over_all_and_the_rest_is_counted() {
    let bounds = Bounds {
        max_workloads_per_node: 3,
        max_workloads: 5,
        ..Bounds::default()
    };
    let mut fleet = Fleet::new(bounds);
    assert_eq!(
        fleet
            .ingest(report("a", 1_000, 0..10), now(0))
            .unwrap()
            .workloads_refused,
        7
    );
    assert_eq!(
        fleet
            .ingest(report("b", 1_000, 0..10), now(0))
            .unwrap()
            .workloads_refused,
        8
    );
    assert_eq!((fleet.workload_count(), fleet.workloads_refused()), (5, 15));
    assert_eq!(fleet.node("b").unwrap().workloads_left_out(), 8);
}

#[test]
fn a_new_workload_takes_the_place_of_the_one_gone_longest_but_of_no_present_one() {
    let bounds = Bounds {
        max_workloads_per_node: 2,
        max_workloads: 2,
        ..Bounds::default()
    };
    let mut fleet = Fleet::new(bounds);
    fleet.ingest(report("a", 1_000, [1, 2]), now(0)).unwrap();
    fleet.ingest(report("a", 10_000, [2]), now(9_000)).unwrap();
    assert_eq!(
        fleet
            .ingest(report("a", 11_000, [2, 3]), now(10_000))
            .unwrap()
            .workloads_refused,
        0
    );
    let ids: Vec<u64> = fleet
        .node("a")
        .unwrap()
        .workloads()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(ids, [2, 3]);
    assert_eq!(fleet.workload_count(), 2);
    assert_eq!(
        fleet
            .ingest(report("a", 12_000, [2, 3, 4]), now(11_000))
            .unwrap()
            .workloads_refused,
        1
    );
}

#[test]
fn a_workload_that_is_gone_for_long_leaves() {
    let mut fleet = Fleet::new(Bounds {
        workload_gone_ms: 60_000,
        ..Bounds::default()
    });
    fleet.ingest(report("a", 1_000, [1, 2]), now(0)).unwrap();
    fleet.ingest(report("a", 30_000, [2]), now(29_000)).unwrap();
    fleet.sweep(now(29_000));
    let node = fleet.node("a").unwrap();
    assert!(!node.is_present(node.workload(1).unwrap()));
    assert!(node.is_present(node.workload(2).unwrap()));
    fleet.ingest(report("a", 62_000, [2]), now(61_000)).unwrap();
    fleet.sweep(now(61_000));
    assert!(fleet.node("a").unwrap().workload(1).is_none());
    assert_eq!(fleet.workload_count(), 1);
}

#[test]
fn an_id_that_the_kernel_gave_to_another_cgroup_starts_anew() {
    let mut fleet = Fleet::new(Bounds::default());
    fleet.ingest(report("a", 1_000, [1]), now(0)).unwrap();
    let mut second = report("a", 2_000, [1]);
    second.workloads[0].cgroup = "other".to_owned();
    fleet.ingest(second, now(1_000)).unwrap();
    let node = fleet.node("a").unwrap();
    assert_eq!(node.workload(1).unwrap().series().times(0), [2_000]);
    assert_eq!(fleet.workload_count(), 1);
}

#[test]
fn decisions_are_bounded_and_newest_first() {
    let mut fleet = Fleet::new(Bounds {
        max_decisions: 3,
        ..Bounds::default()
    });
    let mut full = report("a", 10_000, [1]);
    full.decisions = (0..10).map(decision).collect();
    fleet.ingest(full, now(0)).unwrap();
    let times: Vec<u64> = fleet
        .node("a")
        .unwrap()
        .decisions()
        .map(|one| one.at_unix_ms)
        .collect();
    assert_eq!(times, [9, 8, 7]);
}

#[test]
fn a_horizon_that_changes_length_forgets_the_old_values() {
    let mut fleet = Fleet::new(Bounds::default());
    for (at, ticks) in [(1_000, 5), (2_000, 10)] {
        let mut one = report("a", at, [1]);
        let horizon = Horizon {
            ticks,
            q50: 1.0,
            q90: 2.0,
            q95: 3.0,
            q99: 4.0,
        };
        one.workloads[0].cpu_forecast = Some(Forecast {
            source: "model".to_owned(),
            horizons: vec![horizon],
        });
        fleet.ingest(one, now(at)).unwrap();
    }
    let node = fleet.node("a").unwrap();
    let workload = node.workload(1).unwrap();
    assert_eq!(workload.horizon_ticks(Resource::Cpu, 0), Some(10));
    let q95 = workload
        .series()
        .column(Column::Forecast(Resource::Cpu, 0, Quantile::Q95), 0);
    assert_eq!(
        q95.unwrap()
            .iter()
            .map(|value| value.is_nan())
            .collect::<Vec<_>>(),
        [true, false]
    );
}
