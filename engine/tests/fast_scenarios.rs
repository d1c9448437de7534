//! Between two ticks: what an event of the kernel does to a quota and to memory limits, and how the
//! ticks after it fold that in.

#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::node::{Node, SECOND, apply};
use llmos_engine::decide::{Action, Decision, Knob, Reason};
use llmos_engine::fast::{NearQuota, Tripped};
use llmos_engine::policy::Policy;
use llmos_engine::units::{Bytes, CgroupId, Cores, Timestamp};

const MS: u64 = 1_000_000;

/// A node with one quiet workload under a tight quota, and that quota.
fn quiet() -> (Node, f64) {
    let mut node = Node::new(4.0, 4096);
    node.add(Policy::default(), 0.2, 100);
    node.ticks(200);
    let quota = node.quota(0);
    assert!(quota < 0.3, "{quota}");
    (node, quota)
}

/// Half of the quota is left with so many milliseconds of the period to go, and a quarter of it was
/// used in `took_ms`.
fn low(node: &Node, took_ms: u64, rest_ms: u64) -> NearQuota {
    let quota_ns = (node.quota(0) * 1e8) as u64;
    let at = node.now.0 + 10 * MS;
    NearQuota {
        id: node.guests[0].id,
        at: Timestamp(at),
        quota_ns,
        left_ns: quota_ns / 2,
        ends: Some(Timestamp(at + rest_ms * MS)),
        before: Some((quota_ns * 3 / 4, Timestamp(at - took_ms * MS))),
    }
}

/// The same as a burst at the beginning of a period.
fn event(node: &Node, took_ms: u64) -> NearQuota {
    low(node, took_ms, 90)
}

/// What comes of it; the decision is in force afterwards.
fn happens(node: &mut Node, event: NearQuota) -> Option<Decision> {
    let guest = &mut node.guests[0];
    let answer = node
        .engine
        .near_quota(&event, event.at, node.size, &guest.policy);
    let raise = answer.raise?;
    assert!(answer.tell_at.is_some_and(|at| (0.0..=0.5).contains(&at)));
    apply(&mut guest.limits, &raise);
    Some(raise)
}

/// So many milliseconds later: what is over goes back.
fn ends(node: &mut Node, ms: u64) -> usize {
    let ended = node.engine.end_leases(Timestamp(node.now.0 + ms * MS));
    for decision in &ended {
        assert_eq!(
            (decision.knob, decision.action),
            (Knob::CpuMax, Action::Lower)
        );
        apply(&mut node.guests[0].limits, decision);
    }
    ended.len()
}

#[test]
fn a_burst_gets_a_core_more_at_once_and_gives_it_back() {
    let (mut node, quota) = quiet();
    let burst = event(&node, 5);
    let raise = happens(&mut node, burst).expect("a raise");
    assert_eq!((raise.knob, raise.action), (Knob::CpuMax, Action::Raise));
    assert!(
        (node.quota(0) - quota - 1.0).abs() < 0.02,
        "{}",
        node.quota(0)
    );
    assert_eq!(ends(&mut node, 150), 0, "held while it is lent");
    let end = node.engine.next_lease_end().expect("a lease");
    assert!(end > burst.at && end.0 <= burst.at.0 + 200 * MS);
    assert_eq!(ends(&mut node, 200), 1);
    assert!((node.quota(0) - quota).abs() < 1e-9, "back at once");
    assert_eq!(node.engine.next_lease_end(), None);
    node.ticks(3);
    assert!(
        node.quota(0) <= quota * 1.06,
        "{} from {quota}",
        node.quota(0)
    );
}

#[test]
fn a_tick_holds_what_is_lent_and_each_event_of_use_beyond_the_base_prolongs_it() {
    let (mut node, quota) = quiet();
    node.now.0 += SECOND - 60 * MS;
    let burst = event(&node, 5);
    happens(&mut node, burst).expect("a raise");
    let raised = node.quota(0);
    node.now.0 -= SECOND - 60 * MS;
    node.tick();
    assert!((node.quota(0) - raised).abs() < 1e-9, "still lent");
    let used = |node: &Node, ms: u64, cores: f64| NearQuota {
        at: Timestamp(node.now.0 + ms * MS),
        ends: Some(Timestamp(node.now.0 + (ms + 2) * MS)),
        left_ns: ((raised - cores) * 1e8) as u64,
        before: None,
        ..burst
    };
    let used = |node: &Node, ms, cores| NearQuota {
        quota_ns: (raised * 1e8) as u64,
        ..used(node, ms, cores)
    };
    let more = used(&node, 80, quota + 0.1);
    assert_eq!(happens(&mut node, more), None, "no further raise");
    assert_eq!(ends(&mut node, 200), 0, "but it holds for longer");
    let less = used(&node, 180, quota - 0.1);
    assert_eq!(happens(&mut node, less), None);
    assert_eq!(
        ends(&mut node, 300),
        1,
        "that was no more than there would have been"
    );
}

#[test]
fn a_burst_that_goes_on_is_folded_into_the_quota() {
    let (mut node, _) = quiet();
    let burst = event(&node, 5);
    happens(&mut node, burst).expect("a raise");
    node.guests[0].cores = 1.0;
    for _ in 0..5 {
        node.tick();
        assert!(node.quota(0) >= 1.0, "never throttled: {}", node.quota(0));
    }
}

#[test]
fn steady_use_raises_nothing() {
    let (mut node, _) = quiet();
    let steady = low(&node, 28, 45);
    assert_eq!(happens(&mut node, steady), None);
}

#[test]
fn a_raise_that_nobody_needed_makes_the_next_ones_wait() {
    let (mut node, _) = quiet();
    let burst = event(&node, 5);
    assert!(happens(&mut node, burst).is_some());
    ends(&mut node, 200);
    let next = event(&node, 5);
    assert_eq!(happens(&mut node, next), None, "passed over");
    node.ticks(2);
    let later = event(&node, 5);
    assert!(happens(&mut node, later).is_some());
    // The new quota runs low as well: without the raise it would have throttled.
    let again = event(&node, 5);
    assert!(happens(&mut node, again).is_some_and(|raise| raise.to > 2.0));
    ends(&mut node, 200);
    let after = event(&node, 5);
    assert!(happens(&mut node, after).is_some(), "it was needed");
}

#[test]
fn a_ceiling_hands_off_and_strangers_are_respected() {
    let (mut node, quota) = quiet();
    node.guests[0].policy.cpu_ceiling = Some(Cores(quota + 0.5));
    let burst = event(&node, 5);
    happens(&mut node, burst).expect("a raise");
    assert!(node.quota(0) <= quota + 0.5, "{}", node.quota(0));
    let (mut node, _) = quiet();
    node.guests[0].policy.hands_off = true;
    let burst = event(&node, 5);
    assert_eq!(happens(&mut node, burst), None);
    let stranger = NearQuota {
        id: CgroupId(1),
        ..burst
    };
    node.guests[0].policy.hands_off = false;
    assert_eq!(happens(&mut node, stranger), None);
}

#[test]
fn memory_limits_rise_before_the_kernel_has_to_kill_and_only_into_what_is_free() {
    let (mut node, _) = quiet();
    let before = node.guests[0].limits;
    let max = before.memory_max.expect("a limit");
    let tripped = Tripped {
        id: node.guests[0].id,
        current: max,
        free: Bytes::from_mib(2048),
        limits: before,
    };
    let now = Timestamp(node.now.0 + SECOND / 2);
    let policy = node.guests[0].policy.clone();
    let made = node
        .engine
        .memory_tripped(&tripped, now, node.size, &policy);
    let knobs: Vec<Knob> = made.iter().map(|decision| decision.knob).collect();
    assert_eq!(knobs, [Knob::MemoryMax, Knob::MemoryHigh], "room first");
    for decision in &made {
        apply(&mut node.guests[0].limits, decision);
        assert!(decision.to >= max.0 as f64 + 32e6, "{decision:?}");
    }
    let (high, max) = (made[1].to, made[0].to);
    node.guests[0].memory = Bytes(high as u64 - 4096);
    node.tick();
    let after = node.guests[0].limits;
    assert!(after.memory_max.is_some_and(|bytes| bytes.0 as f64 >= max));

    let (mut node, _) = quiet();
    let full = Tripped {
        free: Bytes(0),
        limits: node.guests[0].limits,
        ..tripped
    };
    assert_eq!(
        node.engine.memory_tripped(&full, now, node.size, &policy),
        []
    );
}

#[test]
fn memory_high_rises_alone_where_the_maximum_has_room_already() {
    let (mut node, _) = quiet();
    let max = node.guests[0].limits.memory_max.expect("a limit");
    let current = Bytes(max.0 / 4);
    node.guests[0].limits.memory_high = Some(current);
    let tripped = Tripped {
        id: node.guests[0].id,
        current,
        free: Bytes::from_mib(2048),
        limits: node.guests[0].limits,
    };
    let now = Timestamp(node.now.0 + SECOND / 2);
    let policy = node.guests[0].policy.clone();
    let made = node
        .engine
        .memory_tripped(&tripped, now, node.size, &policy);
    let [raise] = &made[..] else {
        panic!("{made:?}");
    };
    assert_eq!(raise.knob, Knob::MemoryHigh);
    assert!(raise.to > current.0 as f64 && raise.to <= max.0 as f64);
    let lent = |reason: &Reason| matches!(reason, Reason::Lease { .. });
    assert!(!raise.reasons.iter().any(lent), "it was granted already");
}
