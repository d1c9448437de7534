//! Workloads that people call alike: a few get their lower limits first, the others when that went well.

#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::node::Node;
use llmos_engine::decide::Reason;
use llmos_engine::policy::Policy;

const MEMBERS: usize = 6;

/// A node with six alike workloads of half a core, all without limits.
fn alike() -> Node {
    let mut node = Node::new(16.0, 16 * 1024);
    let policy = Policy {
        canary: Some(1),
        ..Policy::default()
    };
    for _ in 0..MEMBERS {
        node.add(policy.clone(), 0.5, 200);
    }
    node
}

/// Which of them have a quota, and which a memory limit.
fn tightened(node: &Node) -> Vec<usize> {
    let has = |at: &usize| {
        let limits = node.guests[*at].limits;
        let memory = limits.memory_high.is_some_and(|bytes| bytes.0 != u64::MAX);
        limits.cpu.is_some_and(|cores| cores.0.is_finite()) || memory
    };
    (0..MEMBERS).filter(has).collect()
}

#[test]
fn canaries_go_first_and_the_others_follow_when_nothing_hurts() {
    let mut node = alike();
    node.ticks(40);
    assert_eq!(tightened(&node), [0, 1]);
    let report = node.tick();
    let told = report.workloads[5].decisions.iter().any(|decision| {
        let on_trial = |reason: &Reason| matches!(reason, Reason::OnTrial { left_s: Some(_) });
        decision.reasons.iter().any(on_trial)
    });
    assert!(told, "{:?}", report.workloads[5].decisions);
    node.ticks(60);
    assert_eq!(tightened(&node), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn harm_to_a_canary_keeps_the_limits_of_all_others() {
    let mut node = alike();
    node.ticks(40);
    assert_eq!(tightened(&node), [0, 1]);
    let before = node.quota(0);
    // All want more than the canaries' quotas allow at once.
    for guest in &mut node.guests {
        guest.cores = 2.0;
    }
    node.ticks(2);
    assert!(node.quota(0) > before, "raised at once");
    for guest in &mut node.guests {
        guest.cores = 0.5;
    }
    node.ticks(120);
    assert_eq!(tightened(&node), [0, 1], "the others were never touched");
    // After the wait a few try again, and then all.
    node.ticks(300);
    assert_eq!(tightened(&node), [0, 1, 2, 3, 4, 5]);
}
