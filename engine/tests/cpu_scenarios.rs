//! What `cpu.max` does over time, in scenarios.

#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::{Demand, SECOND, UNLIMITED, World, decision};
use llmos_engine::WorkloadReport;
use llmos_engine::decide::{Action, Knob, Reason};
use llmos_engine::sample::Limits;
use llmos_engine::units::{Cores, Timestamp};

fn world(limit: f64) -> World {
    World::new(Limits {
        cpu: Some(Cores(limit)),
        ..UNLIMITED
    })
}

fn cores(cores: f64) -> Demand {
    Demand {
        cores,
        ..Demand::default()
    }
}

fn limit(world: &World) -> f64 {
    world.limits.cpu.expect("a limit").0
}

#[test]
fn burst_raises_at_once_and_falls_after_cooldown() {
    let mut world = world(0.2);
    // Without a price of a stall the peak just seen is covered for a while.
    world.policy.cpu_stall_price = f64::INFINITY;
    world.ticks(60, cores(0.1));
    let before = limit(&world);
    assert!(before < 0.3, "{before}");

    let first = world.tick(cores(2.0));
    let raised = decision(&first, Knob::CpuMax);
    assert_eq!(raised.action, Action::Raise);
    assert!(
        raised
            .reasons
            .iter()
            .any(|reason| matches!(reason, Reason::Throttled { .. }))
    );
    world.ticks(4, cores(2.0));
    assert!(
        limit(&world) >= 2.0,
        "fits after five seconds: {}",
        limit(&world)
    );
    world.ticks(5, cores(2.0));

    world.ticks(5, cores(0.1));
    assert!(
        limit(&world) >= 2.0 * (1.0 + world.policy.cpu_margin) - 1e-9,
        "the peak is too recent: {}",
        limit(&world)
    );
    world.ticks(120, cores(0.1));
    assert!(limit(&world) < 0.2, "fell back: {}", limit(&world));
}

#[test]
fn a_raise_rests_for_the_cooldown() {
    let mut world = world(0.2);
    world.policy.cooldown_s = 300.0;
    world.ticks(30, cores(0.1));
    world.ticks(5, cores(1.0));
    let top = limit(&world);
    let report = world.ticks(250, cores(0.1));
    assert!(limit(&world) >= top, "{} {top}", limit(&world));
    let reasons = &decision(&report, Knob::CpuMax).reasons;
    assert!(
        matches!(reasons.last(), Some(Reason::Cooldown { .. })),
        "{reasons:?}"
    );
    world.ticks(100, cores(0.1));
    assert!(limit(&world) < top / 2.0);
}

#[test]
fn constant_load_does_not_oscillate() {
    let mut world = world(f64::INFINITY);
    world.ticks(120, cores(0.5));
    let settled = limit(&world);
    // 0.5 and 10 %; on the way down the hysteresis stops up to 5 % above that.
    assert!((0.55..0.62).contains(&settled), "{settled}");
    for tick in 0..300 {
        let report = world.tick(cores(0.5));
        assert_eq!(
            decision(&report, Knob::CpuMax).action,
            Action::Hold,
            "tick {tick}"
        );
    }
}

#[test]
fn noise_inside_the_hysteresis_moves_nothing() {
    let mut world = world(1.2);
    let noise = |tick: usize| cores(1.0 + 0.02 * ((tick * 7 % 11) as f64 / 11.0 - 0.5));
    (0..120).for_each(|tick| drop(world.tick(noise(tick))));
    let moved = (0..300)
        .filter(|tick| decision(&world.tick(noise(*tick)), Knob::CpuMax).action != Action::Hold)
        .count();
    assert_eq!(moved, 0);
}

#[test]
fn lowering_goes_in_steps() {
    let mut world = world(8.0);
    let mut last = limit(&world);
    let mut lowered = 0;
    for _ in 0..200 {
        world.tick(cores(0.1));
        let now = limit(&world);
        assert!(
            now >= last * (1.0 - world.policy.max_step_down) - 1e-9,
            "{last} -> {now}"
        );
        lowered += usize::from(now < last);
        last = now;
    }
    assert!(lowered >= 5, "{lowered}");
    assert!(last < 0.2, "{last}");
}

#[test]
fn a_new_workload_is_not_lowered_in_its_warm_up() {
    let mut world = world(f64::INFINITY);
    for second in 0..15 {
        let report = world.tick(cores(0.1));
        assert_eq!(
            decision(&report, Knob::CpuMax).action,
            Action::Hold,
            "second {second}"
        );
    }
    let report = world.tick(cores(0.1));
    assert_eq!(decision(&report, Knob::CpuMax).action, Action::Lower);
    assert!(limit(&world).is_finite());
}

#[test]
fn missing_data_lowers_nothing() {
    let mut world = world(4.0);
    world.ticks(5, cores(0.1));
    let before = world.limits;
    world.sample.cpu_ns = None;
    world.sample.memory_current = None;
    for _ in 0..60 {
        let report = world.observe();
        for decision in &report.decisions {
            assert_eq!(decision.action, Action::Hold);
            assert_eq!(decision.reasons, [Reason::NoData]);
        }
    }
    assert_eq!(world.limits, before);
}

#[test]
fn a_counter_reset_gives_no_rate_and_no_decision() {
    let mut world = world(4.0);
    world.ticks(60, cores(2.0));
    world.sample.cpu_ns = Some(0);
    let report = world.observe();
    assert_eq!(report.usage.cpu, None);
    assert_eq!(decision(&report, Knob::CpuMax).action, Action::Hold);
    let report = world.tick(cores(2.0));
    assert!((report.usage.cpu.expect("a rate again").0 - 2.0).abs() < 1e-6);
}

#[test]
fn throttling_grows_up_to_the_ceiling_and_not_above() {
    let mut world = world(0.1);
    world.policy.cpu_ceiling = Some(Cores(3.0));
    world.ticks(30, cores(7.0));
    assert!((limit(&world) - 3.0).abs() < 1e-9);
}

#[test]
fn without_the_file_there_is_no_decision() {
    let mut world = world(1.0);
    world.limits = Limits::default();
    let report = world.ticks(30, cores(0.5));
    assert!(report.decisions.is_empty());
    assert!(report.cpu.is_some(), "the forecast is there all the same");
}

#[test]
fn a_clock_that_jumps_back_lowers_nothing() {
    let mut world = world(4.0);
    world.ticks(60, cores(3.0));
    world.sample.at = Timestamp(500 * SECOND);
    let report = world.observe();
    assert_eq!(report.usage.cpu, None);
    assert!(
        report
            .decisions
            .iter()
            .all(|decision| decision.action == Action::Hold)
    );
}

/// A second in which what does not fit under the quota is counted as throttled time, as the kernel
/// does.
fn counted(world: &mut World, wanted: f64) -> WorkloadReport {
    let missed = (wanted - limit(world)).max(0.0);
    let before = world.sample.throttled_ns.unwrap_or(0);
    world.sample.throttled_ns = Some(before + (missed * 1e9) as u64);
    world.tick(cores(wanted))
}

#[test]
fn work_that_waits_is_caught_up_with_at_the_next_tick() {
    let mut world = world(0.2);
    (0..60).for_each(|_| drop(counted(&mut world, 0.1)));
    let report = counted(&mut world, 2.0);
    let raised = decision(&report, Knob::CpuMax);
    assert!(limit(&world) >= 2.0, "{}", limit(&world));
    let known = |reason: &&Reason| matches!(reason, Reason::Waiting { .. });
    assert_eq!(raised.reasons.iter().filter(known).count(), 1);
    let gropes = |reason: &Reason| matches!(reason, Reason::Throttled { .. });
    assert!(!raised.reasons.iter().any(gropes), "{:?}", raised.reasons);
}

#[test]
fn a_peak_just_seen_is_kept_ready_for_where_stalls_are_dear() {
    let settled = |price: f64| {
        let mut world = world(4.0);
        world.policy.cpu_stall_price = price;
        for tick in 0..380 {
            // Every 40 ticks, the last of them nine ticks ago.
            counted(&mut world, if tick % 40 == 10 { 2.0 } else { 0.3 });
        }
        limit(&world)
    };
    let (cheap, dear) = (settled(1.0), settled(1000.0));
    assert!(cheap < 1.0, "{cheap}");
    assert!(dear >= 2.0, "{dear}");
}
