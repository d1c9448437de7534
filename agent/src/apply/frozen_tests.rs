//! What a freeze stops on a tree of plain files, and what it does not.

use std::fs;

use llmos_engine::decide::{Action, Knob};
use llmos_engine::units::Timestamp;
use llmos_proto::status::Health;

use super::tests::{Machine, all, managed, words};
use super::{Applier, Outcome};
use crate::freeze::{Cause, Verdict};

fn switched(applier: &mut Applier, why: Option<&str>) {
    applier.obey(&Verdict::new(why.map(str::to_owned), []));
}

#[test]
fn frozen_limits_stay_the_lease_goes_on_and_the_stop_restores() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    applier.tick(Timestamp(1));
    machine.apply(&mut applier, 1, &all(&machine));
    switched(&mut applier, Some("upgrade"));
    let before = machine.text("cpu.max");
    let further = [
        machine.decision(Knob::CpuMax, Action::Raise, 2.0),
        machine.decision(Knob::MemoryHigh, Action::Lower, 5.5e7),
        machine.decision(Knob::MemoryMax, Action::Lower, 5.6e7),
        machine.decision(Knob::CpuWeight, Action::Hold, 100.0),
    ];
    let lease = machine.state().join("lease");
    let renewed = fs::read_to_string(&lease).unwrap();
    applier.tick(Timestamp(2_000_000_000));
    assert_ne!(fs::read_to_string(&lease).unwrap(), renewed, "goes on");
    let outcomes = machine.apply(&mut applier, 2, &further);
    let frozen = "frozen: upgrade";
    assert_eq!(outcomes, [frozen, frozen, frozen, "held"]);
    assert!(!applier.may_raise(Knob::CpuMax) && !applier.may_raise(Knob::MemoryMax));
    let at = Timestamp(2_500_000_000);
    let outcome = applier.at_once(at, "jobs/a", &further[0]);
    assert_eq!(outcome, Outcome::Frozen("upgrade".to_owned()));
    assert_eq!((machine.text("cpu.max"), applier.held()), (before, 3));

    switched(&mut applier, None);
    let outcomes = machine.apply(&mut applier, 3, &further);
    assert_eq!(outcomes, ["applied", "applied", "applied", "held"]);
    switched(&mut applier, Some("again"));
    applier.stop();
    assert!(machine.is_as_it_was());
    assert_eq!(applier.held(), 0);
}

#[test]
fn a_workload_that_is_opted_out_while_frozen_gets_its_limits_back() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    machine.apply(&mut applier, 1, &all(&machine));
    switched(&mut applier, Some("why"));
    let now = Timestamp(2_000_000_000);
    applier.apply(now, "jobs/a", None, &machine.limits(), &all(&machine));
    assert!(machine.is_as_it_was());
}

#[test]
fn a_node_in_trouble_raises_and_lowers_nothing() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    machine.apply(&mut applier, 1, &all(&machine));
    applier.obey(&Verdict::new(None, [Cause::MemoryPressure]));
    assert!(applier.may_raise(Knob::CpuMax));
    let mixed = [
        machine.decision(Knob::CpuMax, Action::Lower, 0.25),
        machine.decision(Knob::MemoryHigh, Action::Raise, 8e7),
        machine.decision(Knob::MemoryMax, Action::Raise, 9e7),
    ];
    let outcomes = machine.apply(&mut applier, 2, &mixed);
    let frozen = "frozen: nothing is lowered, the node is short of memory";
    assert_eq!(outcomes, [frozen, "applied", "applied"]);
    assert_eq!(machine.text("cpu.max"), "50000 100000");
}

#[test]
fn under_a_scheduler_of_its_own_only_memory_is_written() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    applier.obey(&Verdict::new(None, [Cause::SchedExt]));
    let outcomes = machine.apply(&mut applier, 1, &all(&machine));
    assert!(outcomes[0].starts_with("frozen: a sched_ext scheduler runs"));
    assert_eq!(outcomes[1..], ["applied", "applied"]);
    assert!(!applier.may_raise(Knob::CpuMax) && applier.may_raise(Knob::MemoryMax));
}

#[test]
fn a_hierarchy_that_goes_away_is_one_state_and_its_limits_are_not_forgotten() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    let tick = |applier: &mut Applier, second: u64| {
        applier.tick(Timestamp(second * 1_000_000_000));
    };
    tick(&mut applier, 1);
    machine.apply(&mut applier, 1, &all(&machine));
    let limits = machine.limits();
    let lower = [machine.decision(Knob::CpuMax, Action::Lower, 0.25)];
    // What an unmount leaves: the mount point, and nothing in it.
    let away = machine.state().join("away");
    fs::rename(machine.root(), &away).unwrap();
    fs::create_dir(machine.root()).unwrap();
    for second in 2..8 {
        tick(&mut applier, second);
        let now = Timestamp(second * 1_000_000_000);
        let outcomes = words(applier.apply(now, "jobs/a", managed(), &limits, &lower));
        assert_eq!(outcomes, ["waiting: the cgroup v2 hierarchy is not there"]);
    }
    let component = applier.component();
    assert_eq!(component.state, Health::Degraded);
    let cause = component.cause;
    assert!(
        cause.starts_with("3 limits in force; the cgroup v2 hierarchy is not there"),
        "{cause}"
    );
    // Nor do those leave that are not listed meanwhile, or are opted out.
    for second in 8..16 {
        tick(&mut applier, second);
    }
    let now = Timestamp(15_500_000_000);
    applier.apply(now, "jobs/a", None, &limits, &lower);
    assert_eq!(applier.held(), 3);

    fs::remove_dir(machine.root()).unwrap();
    fs::rename(&away, machine.root()).unwrap();
    tick(&mut applier, 16);
    assert_eq!(applier.component().state, Health::Healthy);
    assert_eq!(machine.apply(&mut applier, 16, &lower), ["applied"]);
    assert_eq!(machine.text("cpu.max"), "25000 100000");
    applier.stop();
    assert!(machine.is_as_it_was());
}
