//! The manager on a real bus, with a stand-in in systemd's place.
#![allow(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::time::Duration;

use llmos_systemd::{
    BusError, Host, Manager, Original, Properties, Property, UNSET, UnitName, sweep, undo,
};
use llmos_systemd_stand_in::StandIn;

const UNIT: &str = "batch.service";
const CGROUP: &str = "system.slice/batch.service";

fn host(systemd: &StandIn) -> Host {
    Host::at(&systemd.address(), &systemd.run())
}

fn unit() -> UnitName {
    UnitName::parse(UNIT).unwrap()
}

fn ours() -> Properties {
    [
        (Property::CpuQuota, 500_000),
        (Property::CpuPeriod, 100_000),
        (Property::MemoryMax, 64 << 20),
    ]
    .into_iter()
    .collect()
}

/// What is noted before `ours` is set.
fn original(manager: &Manager) -> Original {
    let facts = manager.facts(&unit()).unwrap();
    let mut original = Original::default();
    for (property, _) in ours().iter() {
        let bare = !facts.drop_ins.contains(&property);
        original.add(property, facts.values.get(property).unwrap(), bare);
    }
    original
}

#[test]
fn a_unit_tells_what_it_is() {
    let systemd = StandIn::start(None);
    systemd.add(UNIT, CGROUP);
    systemd.set(UNIT, "MemoryHigh", 7);
    let manager = Manager::connect(&host(&systemd)).unwrap();
    let facts = manager.facts(&unit()).unwrap();
    assert_eq!(facts.cgroup, CGROUP);
    assert_eq!(facts.values.get(Property::MemoryHigh), Some(7));
    assert_eq!(facts.values.get(Property::CpuQuota), Some(UNSET));
    assert_eq!(facts.drop_ins, [Property::MemoryHigh]);
    for name in ["a.slice", "b.scope"] {
        systemd.add(name, name);
        let facts = manager.facts(&UnitName::parse(name).unwrap()).unwrap();
        assert_eq!(facts.cgroup, name);
    }
}

#[test]
fn a_set_is_one_call_for_this_boot() {
    let systemd = StandIn::start(None);
    systemd.add(UNIT, CGROUP);
    let manager = Manager::connect(&host(&systemd)).unwrap();
    manager.set(&unit(), &ours()).unwrap();
    let calls = systemd.calls();
    assert_eq!(calls.len(), 1);
    assert!(calls[0].runtime);
    let expected = [
        ("CPUQuotaPerSecUSec".to_owned(), 500_000),
        ("CPUQuotaPeriodUSec".to_owned(), 100_000),
        ("MemoryMax".to_owned(), 64 << 20),
    ];
    assert_eq!(calls[0].properties, expected);
}

#[test]
fn an_undo_leaves_values_and_drop_ins_as_they_were() {
    let systemd = StandIn::start(None);
    systemd.add(UNIT, CGROUP);
    systemd.set(UNIT, "MemoryMax", 99);
    let host = host(&systemd);
    let manager = Manager::connect(&host).unwrap();
    let original = original(&manager);
    manager.set(&unit(), &ours()).unwrap();
    assert_eq!(systemd.drop_ins(UNIT).len(), 3);
    let undone = undo(&host, &manager, &unit(), &original, false).unwrap();
    assert!(undone.set);
    assert_eq!(undone.left, None);
    assert_eq!(systemd.value(UNIT, "MemoryMax"), 99);
    assert_eq!(systemd.value(UNIT, "CPUQuotaPerSecUSec"), UNSET);
    assert_eq!(systemd.drop_ins(UNIT), ["50-MemoryMax.conf"]);
    assert_eq!(systemd.calls().len(), 2);
    let again = undo(&host, &manager, &unit(), &original, false).unwrap();
    assert!(!again.set, "it is as it was: nothing is set");
    assert_eq!(systemd.calls().len(), 2);
    let anew = undo(&host, &manager, &unit(), &original, true).unwrap();
    assert!(anew.set, "so that the files are written");
    assert_eq!(systemd.drop_ins(UNIT), ["50-MemoryMax.conf"]);
}

#[test]
fn a_unit_that_is_gone_leaves_no_drop_in_for_the_next_of_its_name() {
    let systemd = StandIn::start(None);
    systemd.add(UNIT, CGROUP);
    let host = host(&systemd);
    let manager = Manager::connect(&host).unwrap();
    let original = original(&manager);
    manager.set(&unit(), &ours()).unwrap();
    systemd.forget(UNIT);
    let error = manager.set(&unit(), &ours()).unwrap_err();
    assert_eq!(error, BusError::NoSuchUnit(UNIT.to_owned()));
    assert!(!error.is_of_the_bus());
    let undone = undo(&host, &manager, &unit(), &original, false).unwrap();
    assert!(!undone.set);
    assert!(systemd.drop_ins(UNIT).is_empty());
}

#[test]
fn without_a_bus_the_drop_ins_still_go() {
    let systemd = StandIn::start(None);
    systemd.add(UNIT, CGROUP);
    let host = host(&systemd);
    let manager = Manager::connect(&host).unwrap();
    let original = original(&manager);
    manager.set(&unit(), &ours()).unwrap();
    assert_eq!(sweep(&host, &unit(), &original), None);
    assert!(systemd.drop_ins(UNIT).is_empty());
    let nowhere = Host::at("unix:path=/nonexistent/bus", &systemd.run());
    let error = Manager::connect(&nowhere).unwrap_err();
    assert!(matches!(error, BusError::Unreachable(_)), "{error}");
    assert!(error.is_of_the_bus());
}

#[test]
fn a_bus_that_hangs_costs_a_bounded_time() {
    let systemd = StandIn::start(None);
    systemd.add(UNIT, CGROUP);
    let host = host(&systemd);
    let patience = Duration::from_millis(200);
    let manager = Manager::connect_within(&host, patience).unwrap();
    systemd.hang();
    for error in [
        manager.set(&unit(), &ours()).unwrap_err(),
        Manager::connect_within(&host, patience).unwrap_err(),
    ] {
        assert!(matches!(error, BusError::TimedOut(..)), "{error}");
    }
}
