//! What `memory.high` and `memory.max` do over time, in scenarios.

#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::{Demand, UNLIMITED, World, decision};
use llmos_engine::decide::{Action, Knob, Reason};
use llmos_engine::sample::Limits;
use llmos_engine::units::Bytes;

fn mib(mib: u64) -> Demand {
    Demand {
        working_set: Bytes::from_mib(mib),
        ..Demand::default()
    }
}

fn limited(high_mib: u64, max_mib: u64) -> World {
    World::new(Limits {
        memory_high: Some(Bytes::from_mib(high_mib)),
        memory_max: Some(Bytes::from_mib(max_mib)),
        ..UNLIMITED
    })
}

fn high(world: &World) -> f64 {
    world.limits.memory_high.expect("a limit").mib()
}

fn max(world: &World) -> f64 {
    world.limits.memory_max.expect("a limit").mib()
}

#[test]
fn limits_close_in_on_steady_use_and_stay() {
    let mut world = World::new(UNLIMITED);
    world.ticks(120, mib(100));
    // Ten percent, and calm has begun to narrow them. On the way down the hysteresis stops up to 5 %
    // above the target.
    let target = 100.0 * 1.095;
    assert!(
        (target..target / 0.95 + 0.1).contains(&high(&world)),
        "{}",
        high(&world)
    );
    let target = high(&world) + 16.0;
    assert!(
        (target..target / 0.95 + 0.1).contains(&max(&world)),
        "{}",
        max(&world)
    );
    let settled = world.limits;
    world.ticks(200, mib(100));
    assert_eq!(world.limits, settled);
}

#[test]
fn limits_stay_above_memory_that_grows() {
    let mut world = World::new(UNLIMITED);
    world.ticks(120, mib(50));
    for step in 1..=100 {
        let use_mib = 50 + 2 * step;
        world.tick(mib(use_mib));
        assert!(
            high(&world) > use_mib as f64 + 2.0,
            "step {step}: {}",
            high(&world)
        );
        assert!(max(&world) >= high(&world));
    }
}

#[test]
fn limits_follow_memory_that_is_given_back() {
    let mut world = World::new(UNLIMITED);
    world.ticks(120, mib(400));
    world.ticks(200, mib(50));
    // 50 MiB and 15 %, and each limit up to the hysteresis of 5 % above that.
    assert!(high(&world) < 61.0, "{}", high(&world));
    assert!(max(&world) < 74.0, "{}", max(&world));
}

#[test]
fn memory_max_is_never_lowered_below_use() {
    let mut world = limited(1000, 1200);
    let cached = Demand {
        cache: Bytes::from_mib(700),
        ..mib(100)
    };
    for tick in 0..100 {
        world.tick(cached);
        assert!(max(&world) > 800.0, "tick {tick}: {}", max(&world));
    }
    let report = world.tick(cached);
    assert!(
        high(&world) < 130.0,
        "high has gone down to squeeze the cache: {}",
        high(&world)
    );
    let reasons = &decision(&report, Knob::MemoryMax).reasons;
    assert!(
        matches!(reasons.last(), Some(Reason::ShrinkPending { .. })),
        "{reasons:?}"
    );
    // The kernel has squeezed the cache out: now the maximum may follow, with a look after each step.
    world.ticks(60, mib(100));
    assert!(max(&world) < 150.0, "{}", max(&world));
}

#[test]
fn stall_vetoes_lowering_and_raises() {
    let mut world = limited(200, 230);
    world.ticks(60, mib(100));
    let before = world.limits;
    let report = world.tick(Demand {
        stall_share: 0.2,
        ..mib(100)
    });
    let decided = decision(&report, Knob::MemoryHigh);
    assert_eq!(decided.action, Action::Raise);
    assert!(
        decided
            .reasons
            .iter()
            .any(|reason| matches!(reason, Reason::MemoryStall { .. }))
    );
    assert!(world.limits.memory_high > before.memory_high);
    assert!(world.limits.memory_max > before.memory_max);
}

#[test]
fn a_working_set_at_the_limit_raises_and_cache_at_the_limit_does_not() {
    let mut world = limited(100, 115);
    let at_limit = Demand {
        high_hits: 9,
        ..mib(99)
    };
    // The first reading has no earlier one, so it gives no count of hits.
    world.enforce = false;
    world.tick(at_limit);
    let report = world.tick(at_limit);
    let decided = decision(&report, Knob::MemoryHigh);
    assert_eq!(decided.action, Action::Raise);
    assert!(
        decided
            .reasons
            .iter()
            .any(|reason| matches!(reason, Reason::AtLimit { hits: 9, .. }))
    );

    let mut world = limited(100, 115);
    let cache = Demand {
        high_hits: 9,
        cache: Bytes::from_mib(60),
        ..mib(40)
    };
    world.ticks(100, cache);
    assert!(high(&world) <= 100.0, "{}", high(&world));
}

#[test]
fn an_oom_kill_leaves_a_floor_that_decays() {
    let mut world = limited(200, 230);
    world.policy.oom_half_life_s = 60.0;
    world.ticks(60, mib(100));
    world.tick(Demand {
        oom_kills: 1,
        ..mib(100)
    });
    assert!(
        high(&world) > 119.0,
        "a fifth above the use at the kill: {}",
        high(&world)
    );
    let report = world.ticks(10, mib(20));
    let reasons = &decision(&report, Knob::MemoryHigh).reasons;
    assert!(
        reasons
            .iter()
            .any(|reason| matches!(reason, Reason::OomFloor { kills: 1, .. })),
        "{reasons:?}"
    );
    let soon = high(&world);
    assert!(soon > 100.0, "{soon}");
    world.ticks(600, mib(20));
    assert!(high(&world) < 30.0, "{}", high(&world));
}

#[test]
fn the_ceiling_caps_even_an_oom_floor() {
    let mut world = limited(200, 230);
    world.policy.memory_ceiling = Some(Bytes::from_mib(128));
    for _ in 0..50 {
        world.tick(Demand {
            oom_kills: 3,
            stall_share: 0.5,
            high_hits: 5,
            ..mib(125)
        });
    }
    // Under pressure nothing is lowered, not even to the ceiling; nothing is raised above either.
    assert!(high(&world) <= 200.0);
    world.ticks(60, mib(100));
    assert!(max(&world) <= 128.0, "{}", max(&world));
    assert!(high(&world) <= max(&world));
}

#[test]
fn only_the_limit_that_is_there_is_decided() {
    let mut world = World::new(Limits {
        memory_max: None,
        cpu: None,
        ..UNLIMITED
    });
    let report = world.ticks(60, mib(100));
    let knobs: Vec<Knob> = report
        .decisions
        .iter()
        .map(|decision| decision.knob)
        .collect();
    assert_eq!(knobs, [Knob::MemoryHigh]);
    assert!(high(&world) < 130.0);
}
