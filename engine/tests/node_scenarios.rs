//! What several workloads of one node get, in scenarios.

#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::node::{Node, decision};
use llmos_engine::decide::{Action, Decision, Knob, Reason, jain_index};
use llmos_engine::policy::{NodePolicy, Policy, Preset};
use llmos_engine::units::{Bytes, Cores};

fn has(decision: &Decision, wanted: fn(&Reason) -> bool) -> bool {
    decision.reasons.iter().any(wanted)
}

fn is_share(reason: &Reason) -> bool {
    matches!(reason, Reason::Share { .. })
}

fn is_lease(reason: &Reason) -> bool {
    matches!(reason, Reason::Lease { .. })
}

#[test]
fn a_node_with_room_gives_all_what_they_want() {
    let mut node = Node::new(16.0, 16 * 1024);
    for cores in [0.5, 1.0, 4.0] {
        node.add(Policy::default(), cores, 200);
    }
    let report = node.ticks(120);
    for (at, cores) in [0.5, 1.0, 4.0].into_iter().enumerate() {
        assert!(node.quota(at) >= cores * 1.1, "{}", node.quota(at));
        assert!(!has(decision(&report, at, Knob::CpuMax), is_share));
    }
}

#[test]
fn a_short_node_is_shared_evenly_among_equals_and_its_reserve_is_kept() {
    let mut node = Node::new(8.0, 64 * 1024);
    for _ in 0..10 {
        node.add(Policy::default(), 2.0, 100);
    }
    node.ticks(300);
    let quotas: Vec<f64> = (0..10).map(|at| node.quota(at)).collect();
    assert!(jain_index(&quotas).expect("quotas") > 0.99, "{quotas:?}");
    // 10 % is kept; a limit may hang above its share by the hysteresis.
    assert!(node.quotas() <= 8.0 * 0.9 * 1.05 + 1e-9, "{quotas:?}");
    assert!(node.quotas() >= 8.0 * 0.8, "{quotas:?}");
}

#[test]
fn weights_decide_what_equals_would_share_and_the_small_are_served_in_full() {
    let mut node = Node::new(8.0, 64 * 1024);
    let heavy = node.add(Preset::Latency.policy(), 12.0, 100);
    let light = node.add(Preset::Batch.policy(), 12.0, 100);
    let small = node.add(Policy::default(), 0.2, 100);
    let report = node.ticks(300);
    assert!(node.quota(small) >= 0.2, "{}", node.quota(small));
    let (heavy_quota, light_quota) = (node.quota(heavy), node.quota(light));
    assert!(
        heavy_quota > 10.0 * light_quota,
        "{heavy_quota} {light_quota}"
    );
    assert!(light_quota >= 0.05);
    assert!(has(decision(&report, light, Knob::CpuMax), is_share));
}

#[test]
fn a_guaranteed_floor_holds_while_the_node_is_short_and_lifts_the_weight() {
    let mut node = Node::new(4.0, 64 * 1024);
    let promised = Policy {
        cpu_floor: Cores(2.0),
        cpu_weight: Some(10),
        ..Policy::default()
    };
    let floor = node.add(promised, 3.0, 100);
    for _ in 0..6 {
        let policy = Policy {
            cpu_weight: Some(1000),
            ..Policy::default()
        };
        node.add(policy, 4.0, 100);
    }
    for _ in 0..200 {
        node.tick();
        assert!(node.quota(floor) >= 2.0 - 1e-9, "{}", node.quota(floor));
    }
    let weight = node.guests[floor].limits.cpu_weight.expect("a weight");
    assert!(weight > 1000, "{weight}");
    // When there is room again the weight is what policy says.
    node.guests.truncate(1);
    node.ticks(30);
    assert_eq!(node.guests[floor].limits.cpu_weight, Some(10));
}

#[test]
fn a_burst_on_a_short_node_is_served_from_the_reserve_within_one_tick() {
    let mut node = Node::new(8.0, 64 * 1024);
    for _ in 0..7 {
        node.add(Policy::default(), 2.0, 100);
    }
    let bursty = node.add(Policy::default(), 0.1, 100);
    node.ticks(120);
    // Those who have always wanted more than their share have no claim on the reserve.
    let before = node.quota(bursty);
    node.guests[bursty].cores = 3.0;
    let mut leased = 0;
    for _ in 0..8 {
        let report = node.tick();
        leased += usize::from(has(decision(&report, bursty, Knob::CpuMax), is_lease));
        assert!(node.quotas() <= 8.0 * 1.05, "{}", node.quotas());
    }
    assert!(leased > 0);
    let share = 7.2 / 8.0;
    assert!(
        node.quota(bursty) > share * 1.3,
        "{before} -> {}",
        node.quota(bursty)
    );
    // A burst that does not end has to do with its share.
    node.ticks(60);
    assert!(node.quota(bursty) < share * 1.06, "{}", node.quota(bursty));
}

#[test]
fn the_fast_path_borrows_between_ticks_and_never_more_than_there_is() {
    let mut node = Node::new(8.0, 64 * 1024);
    node.engine.set_node_policy(NodePolicy {
        cpu_reserve: 0.25,
        ..NodePolicy::default()
    });
    for _ in 0..8 {
        node.add(Policy::default(), 2.0, 100);
    }
    // Two are served in full, so they may burst; the others have wanted more for minutes.
    node.guests[0].cores = 0.1;
    node.guests[1].cores = 0.1;
    node.ticks(200);
    let (first, second) = (node.guests[0].id, node.guests[1].id);
    let lent: Vec<f64> = node
        .guests
        .iter()
        .filter_map(|guest| node.engine.borrow_cpu(node.now, guest.id, 1.5))
        .map(|lease| lease.amount)
        .collect();
    assert_eq!(lent.len(), 2, "{lent:?}");
    assert!(
        (lent.iter().sum::<f64>() - 2.0).abs() < 1e-6,
        "all of it: {lent:?}"
    );
    let held = node.engine.borrow_cpu(node.now, first, 0.5);
    assert!(held.is_some_and(|lease| lease.amount > 1.4), "{held:?}");
    assert_eq!(node.engine.borrow_cpu(node.now, second, f64::NAN), None);
    let stranger = llmos_engine::units::CgroupId(1);
    assert_eq!(node.engine.borrow_cpu(node.now, stranger, 1.0), None);
}

#[test]
fn hands_off_means_that_nothing_moves_and_its_use_is_left_to_it() {
    let mut node = Node::new(4.0, 64 * 1024);
    let policy = Policy {
        hands_off: true,
        ..Preset::Batch.policy()
    };
    let alone = node.add(policy, 2.0, 1000);
    for _ in 0..4 {
        node.add(Policy::default(), 3.0, 100);
    }
    let before = node.guests[alone].limits;
    for _ in 0..200 {
        let report = node.tick();
        for decided in &report.workloads[alone].decisions {
            assert_eq!(decided.action, Action::Hold);
            assert!(has(decided, |reason| matches!(
                reason,
                Reason::HandsOff | Reason::NoData
            )));
        }
    }
    assert_eq!(node.guests[alone].limits, before);
    let others: f64 = (1..5).map(|at| node.quota(at)).sum();
    assert!(others <= (3.6 - 2.0) * 1.06, "{others}");
}

#[test]
fn memory_that_is_short_is_shared_but_never_below_what_is_live() {
    let mut node = Node::new(8.0, 1000);
    for _ in 0..3 {
        node.add(Policy::default(), 0.1, 290);
    }
    node.ticks(200);
    for guest in &node.guests {
        let high = guest.limits.memory_high.expect("a limit");
        // 290 MiB and 5 %, in whole pages and up to the hysteresis above; 333 MiB were wanted.
        assert!(high >= Bytes::from_mib(304), "{high}");
        assert!(high <= Bytes::from_mib(321), "{high}");
    }
}

#[test]
fn observe_moves_nothing_and_keeps_the_score() {
    let mut node = Node::new(16.0, 64 * 1024);
    node.enforce = false;
    let at = node.add(Policy::default(), 0.5, 200);
    node.guests[at].limits.cpu = Some(Cores(8.0));
    node.guests[at].limits.memory_high = Some(Bytes::from_mib(4096));
    node.ticks(600);
    let id = node.guests[at].id;
    let calm = node.engine.score(id).expect("a score");
    // 8 cores were given, 0.6 would have done; half a minute passes before the first steps.
    assert!(calm.cpu_saved_core_s > 7.0 * 560.0, "{calm:?}");
    assert!(calm.memory_saved_byte_s > 500.0 * Bytes::from_mib(3600).0 as f64);
    assert!(calm.cpu_stall_s < 1e-9 && calm.kills == 0, "{calm:?}");
    assert!((calm.seconds - 599.0).abs() < 1e-6, "{calm:?}");
    // A burst beyond the limit on paper would have stalled, for as long as the tick is.
    node.guests[at].cores = 6.0;
    node.ticks(1);
    let burst = node.engine.score(id).expect("a score");
    assert!((0.5..1.0).contains(&burst.cpu_stall_s), "{burst:?}");
    node.ticks(5);
    let after = node.engine.score(id).expect("a score");
    assert!(
        (after.cpu_stall_s - burst.cpu_stall_s).abs() < 1e-9,
        "{after:?}"
    );
    node.guests.clear();
    node.tick();
    assert_eq!(node.engine.score(id), None);
}
