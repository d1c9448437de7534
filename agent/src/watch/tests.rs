//! The watches on plain directories: bounds, bookkeeping and words. What needs cgroups is in
//! `agent/tests/watches.rs`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::probes::Health;

fn cgroup(root: &Path, path: &str) {
    let dir = root.join(path);
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("memory.events"), "high 0\n").unwrap();
}

fn settings() -> Settings {
    Settings {
        memory_events_cgroups: 2,
        ..Settings::default()
    }
}

fn events(watches: &Watches) -> ProbeHealth {
    let [_, events] = watches.health();
    events
}

#[tokio::test]
async fn what_is_over_the_cap_is_told_and_gets_room_when_there_is_some() {
    let root = tempfile::tempdir().unwrap();
    let mut watches = Watches::new(root.path().to_owned(), settings());
    for (id, path) in [(1, "a"), (2, "b"), (3, "c")] {
        cgroup(root.path(), path);
        watches.add(CgroupId(id), path);
        watches.add(CgroupId(id), path);
    }
    let coverage = Coverage {
        held: 2,
        no_room: 1,
        refused: 0,
    };
    assert_eq!(watches.memory_events_coverage(), coverage);
    let health = events(&watches);
    assert_eq!(health.state, Health::Healthy);
    assert_eq!(
        health.cause,
        "2 cgroups, by inotify, 1 more than the cap of 2"
    );

    watches.retain(|id| id != CgroupId(1));
    fs::write(root.path().join("c/memory.events"), "high 4\n").unwrap();
    let event = tokio::time::timeout(Duration::from_secs(30), watches.next()).await;
    match event.unwrap() {
        WatchEvent::MemoryEvents { cgroup, new, .. } => {
            assert_eq!((cgroup, new.high), (CgroupId(3), Some(4)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(watches.seen().memory_events, 1);
    assert_eq!(events(&watches).cause, "2 cgroups, by inotify");
}

#[tokio::test]
async fn a_directory_without_pressure_files_has_a_cause() {
    let root = tempfile::tempdir().unwrap();
    cgroup(root.path(), "a");
    let mut watches = Watches::new(root.path().to_owned(), Settings::default());
    watches.add(CgroupId(1), "a");
    assert_eq!(watches.pressure_coverage().refused, 1);
    let [pressure, _] = watches.health();
    assert_ne!(pressure.state, Health::Healthy);
    assert!(
        pressure.cause.contains("pressure is not accounted"),
        "{pressure:?}"
    );
}

#[tokio::test]
async fn without_a_memory_controller_there_is_a_cause() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("a")).unwrap();
    let mut watches = Watches::new(root.path().to_owned(), Settings::default());
    watches.add(CgroupId(1), "a");
    let health = events(&watches);
    assert_eq!(health.state, Health::Unsupported);
    assert_eq!(health.cause, "no memory.events: no memory controller");
}

#[tokio::test]
async fn what_is_switched_off_waits_for_ever_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    cgroup(root.path(), "a");
    let settings = Settings {
        node: Stalls::default(),
        cgroups: Stalls::default(),
        memory_events: false,
        ..Settings::default()
    };
    let mut watches = Watches::new(root.path().to_owned(), settings);
    watches.add(CgroupId(1), "a");
    fs::write(root.path().join("a/memory.events"), "high 4\n").unwrap();
    let event = tokio::time::timeout(Duration::from_millis(200), watches.next()).await;
    assert!(event.is_err(), "{event:?}");
    assert!(watches.health().iter().all(|h| h.state == Health::Off));
}
