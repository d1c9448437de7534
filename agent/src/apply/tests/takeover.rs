//! The applier and whoever puts limits back when it does not answer.

use super::*;

/// As if the lease had run out: somebody else puts the limits back, while the agent does not look.
fn taken_over(machine: &Machine) {
    let state = machine.dir.path().join("state");
    fs::remove_file(state.join("lease")).unwrap();
    let report = llmos_cgroupfs::restore_all(&state, &machine.root()).unwrap();
    assert!(report.fenced.is_some());
    assert!(machine.is_as_it_was());
}

#[test]
fn after_a_takeover_nothing_is_written_until_the_agent_has_begun_anew() {
    let machine = Machine::new();
    let mut applier = machine.start("enforce");
    applier.tick(Timestamp(1));
    machine.apply(&mut applier, 1, &all(&machine));
    taken_over(&machine);
    let waiting = "waiting: the limits were taken over";
    let outcomes = machine.apply(&mut applier, 2, &all(&machine));
    let after_high = "waiting: memory.high could not be lowered first";
    assert_eq!(outcomes, [waiting, waiting, after_high]);
    assert!(machine.is_as_it_was());

    applier.tick(Timestamp(3_000_000_000));
    assert_eq!(applier.held(), 0);
    let component = applier.component();
    assert_eq!(component.state, Health::Healthy);
    let own = std::process::id();
    let cause = format!("0 limits in force; put back by process {own} because");
    assert!(component.cause.starts_with(&cause), "{}", component.cause);
    let applied = machine.apply(&mut applier, 3, &all(&machine));
    assert_eq!(applied, ["applied"; 3]);
    assert_eq!(applier.drifts(), 0, "that was nobody else's change");

    // Also when the takeover is noticed only at the stop.
    taken_over(&machine);
    applier.stop();
    assert!(machine.is_as_it_was());
    assert_eq!(applier.held(), 0);
}

#[test]
fn a_missing_watchdog_is_named_where_one_is_needed() {
    let machine = Machine::new();
    assert_eq!(machine.start("observe").watchdog(), None);
    let mut applier = machine.start("enforce");
    let component = applier.watchdog().unwrap();
    assert_eq!(component.name, "watchdog");
    assert_eq!(component.state, Health::Degraded);
    let cause = &component.cause;
    assert!(cause.starts_with("no llmos-watchdog runs: "), "{cause}");
    let state = machine.dir.path().join("state");
    let _watchdog = llmos_cgroupfs::Presence::announce(&state).unwrap();
    for tick in 1..=5 {
        applier.tick(Timestamp(tick));
    }
    assert_eq!(applier.watchdog().unwrap().state, Health::Healthy);
}
