//! What burst credit, weight, margins and the shrink of memory do over time, in scenarios.

#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::node::{Node, decision as of};
use common::{Demand, SECOND, UNLIMITED, World, decision};
use llmos_engine::decide::{Action, Knob, Reason};
use llmos_engine::policy::{Policy, Preset};
use llmos_engine::sample::Limits;
use llmos_engine::units::{Bytes, Cores, Timestamp};

fn burst(node: &Node) -> u64 {
    node.guests[0].limits.cpu_burst_us.expect("a file")
}

#[test]
fn a_steady_workload_gets_no_credit_and_a_spiky_one_does() {
    let mut steady = Node::new(8.0, 16 * 1024);
    steady.add(Policy::default(), 1.0, 100);
    steady.ticks(200);
    assert_eq!(burst(&steady), 0);

    let mut spiky = Node::new(8.0, 16 * 1024);
    spiky.add(Policy::default(), 1.0, 100);
    for tick in 0..400_usize {
        spiky.guests[0].cores = if tick * 7 % 23 == 0 { 1.6 } else { 0.8 };
        spiky.tick();
        let quota_us = spiky.quota(0) * 100_000.0;
        assert!(burst(&spiky) as f64 <= quota_us, "the kernel would refuse");
    }
    assert!(burst(&spiky) > 5_000, "{}", burst(&spiky));
    let mut batch = spiky;
    batch.guests[0].policy = Preset::Batch.policy();
    batch.ticks(5);
    assert_eq!(burst(&batch), 0, "batch has none");
}

#[test]
fn credit_falls_in_the_same_tick_as_the_quota_below_it() {
    let mut node = Node::new(8.0, 16 * 1024);
    node.add(Policy::default(), 0.1, 100);
    node.guests[0].limits.cpu = Some(Cores(2.0));
    node.guests[0].limits.cpu_burst_us = Some(200_000);
    for _ in 0..120 {
        let report = node.tick();
        let quota_us = of(&report, 0, Knob::CpuMax).to * 100_000.0;
        let credit = of(&report, 0, Knob::CpuBurst).to;
        assert!(credit <= quota_us + 1.0, "{credit} above {quota_us}");
    }
    assert!(node.quota(0) < 0.2);
}

#[test]
fn presets_set_the_weight_and_standard_leaves_it_alone() {
    for (preset, weight) in [
        (Preset::Latency, 400),
        (Preset::Standard, 79),
        (Preset::Batch, 25),
    ] {
        let mut node = Node::new(8.0, 16 * 1024);
        node.add(preset.policy(), 0.5, 100);
        node.guests[0].limits.cpu_weight = Some(79);
        node.ticks(5);
        assert_eq!(node.guests[0].limits.cpu_weight, Some(weight), "{preset:?}");
    }
}

#[test]
fn presets_stand_in_order_on_the_same_demand() {
    let quota = |preset: Preset| {
        let mut node = Node::new(8.0, 16 * 1024);
        node.add(preset.policy(), 1.0, 100);
        for tick in 0..600_usize {
            node.guests[0].cores = 0.9 + 0.2 * ((tick * 7 % 11) as f64 / 11.0);
            node.tick();
        }
        node.quota(0)
    };
    let [latency, standard, batch] = Preset::ALL.map(quota);
    assert!(
        latency > standard && standard > batch && batch >= 1.0,
        "{latency} {standard} {batch}"
    );
}

#[test]
fn stalls_under_our_limit_widen_the_margin_within_its_bounds_and_calm_narrows_it() {
    let mut node = Node::new(8.0, 16 * 1024);
    node.add(Policy::default(), 1.0, 100);
    let margin = |node: &mut Node| {
        let report = node.tick();
        let reasons = &of(&report, 0, Knob::CpuMax).reasons;
        let found = reasons.iter().find_map(|reason| match reason {
            Reason::Margin { fraction, .. } => Some(*fraction),
            _ => None,
        });
        found.expect("a margin")
    };
    node.ticks(120);
    let calm = margin(&mut node);
    // Bursts that are far too high for any margin, again and again.
    for _ in 0..60 {
        node.guests[0].cores = 4.0;
        node.ticks(3);
        node.guests[0].cores = 0.5;
        node.ticks(90);
    }
    let hurt = margin(&mut node);
    assert!(hurt > calm, "{calm} {hurt}");
    assert!(hurt <= Policy::default().cpu_margin_max);
    node.guests[0].cores = 1.0;
    node.ticks(4 * 3600);
    let rested = margin(&mut node);
    assert!(rested < hurt, "{hurt} {rested}");
    assert!(rested >= Policy::default().cpu_margin_min);
}

#[test]
fn throttling_under_a_limit_of_people_moves_no_margin() {
    let mut node = Node::new(8.0, 16 * 1024);
    node.enforce = false;
    node.add(Policy::default(), 4.0, 100);
    node.guests[0].limits.cpu = Some(Cores(1.0));
    let report = node.ticks(300);
    let reasons = &of(&report, 0, Knob::CpuMax).reasons;
    assert!(
        !reasons
            .iter()
            .any(|reason| matches!(reason, Reason::Learned { .. })),
        "{reasons:?}"
    );
}

#[test]
fn harm_while_memory_is_taken_back_puts_it_back_and_waits() {
    let mut world = World::new(Limits {
        memory_high: Some(Bytes::from_mib(1000)),
        memory_max: Some(Bytes::from_mib(1200)),
        ..UNLIMITED
    });
    let calm = Demand {
        working_set: Bytes::from_mib(100),
        ..Demand::default()
    };
    let high = |world: &World| world.limits.memory_high.expect("a limit").mib();
    let max = |world: &World| world.limits.memory_max.expect("a limit").mib();
    // Until the first step down is in force.
    while high(&world) >= 1000.0 {
        world.tick(calm);
    }
    let low = high(&world);
    assert!(max(&world) < 1200.0, "use is far below, so max went along");
    let report = world.tick(Demand {
        stall_share: 0.3,
        ..calm
    });
    let reasons = &decision(&report, Knob::MemoryHigh).reasons;
    assert!(
        reasons
            .iter()
            .any(|reason| matches!(reason, Reason::Reverted { .. })),
        "{reasons:?}"
    );
    assert!(high(&world) >= 999.0, "{low} -> {}", high(&world));
    assert!(max(&world) >= 1199.0, "{}", max(&world));
    let report = world.ticks(9, calm);
    assert!(high(&world) >= 999.0, "it waits: {}", high(&world));
    let reasons = &decision(&report, Knob::MemoryHigh).reasons;
    assert!(
        matches!(
            reasons.last(),
            Some(Reason::AfterHarm { .. } | Reason::Cooldown { .. })
        ),
        "{reasons:?}"
    );
    world.ticks(100, calm);
    assert!(high(&world) < 200.0, "then tries again: {}", high(&world));
}

#[test]
fn memory_falls_one_checked_step_at_a_time() {
    let mut world = World::new(Limits {
        memory_high: Some(Bytes::from_mib(1000)),
        memory_max: Some(Bytes::from_mib(1150)),
        ..UNLIMITED
    });
    let mut last_fall: Option<usize> = None;
    let mut falls = 0;
    for second in 0..120 {
        let before = world.limits.memory_max;
        world.tick(Demand::default());
        if world.limits.memory_max < before {
            falls += 1;
            if let Some(last) = last_fall {
                assert!(second - last > 5, "only {} s of quiet", second - last);
            }
            last_fall = Some(second);
        }
    }
    assert!(falls >= 5, "{falls}");
}

#[test]
fn after_a_gap_in_the_data_nothing_is_lowered_for_the_warm_up() {
    let mut world = World::new(Limits {
        cpu: Some(Cores(4.0)),
        ..UNLIMITED
    });
    let idle = Demand {
        cores: 3.9,
        ..Demand::default()
    };
    world.ticks(60, idle);
    let before = world.limits.cpu;
    // The machine slept for an hour and comes back idle.
    world.sample.at = Timestamp(world.sample.at.0 + 3600 * SECOND);
    let low = Demand {
        cores: 0.1,
        ..Demand::default()
    };
    let report = world.ticks(14, low);
    assert_eq!(world.limits.cpu, before);
    let reasons = &decision(&report, Knob::CpuMax).reasons;
    assert!(
        matches!(reasons.last(), Some(Reason::Stale { gap_s, .. }) if *gap_s > 3600.0),
        "{reasons:?}"
    );
    let report = world.ticks(30, low);
    assert!(world.limits.cpu < before);
    assert_ne!(decision(&report, Knob::CpuMax).action, Action::Raise);
}
