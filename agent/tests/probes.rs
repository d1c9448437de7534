//! The kernel side on this machine's kernel: the walk says what the maps say, and a probe can be
//! given up and taken back.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::time::{Duration, Instant};

use llmos_agent::probes::{Health, Probe, Probes, Wanted};
use llmos_cgroupfs::Root;
use llmos_common::facts::CgroupFacts;
use llmos_engine::units::CgroupId;

/// The probes, or none with a line that says why.
fn load() -> Option<Probes> {
    let root = match Root::find() {
        Ok(root) => root,
        Err(error) => {
            println!("skipped: {error}");
            return None;
        }
    };
    let probes = Probes::load(Wanted::all(), Some(root.path()));
    let unwell = probes
        .health
        .iter()
        .filter(|h| [Probe::Cpu.name(), Probe::Facts.name()].contains(&h.name))
        .find(|h| h.state != Health::Healthy);
    match unwell {
        None => Some(probes),
        Some(health) => {
            println!("skipped: {}: {}", health.name, health.cause);
            None
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Keeps a CPU busy.
fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Nanoseconds that the cgroups of the walk ran, all together.
fn run_ns(probes: &mut Probes) -> u64 {
    let facts = probes.facts.as_mut().expect("the walk");
    facts
        .read()
        .expect("a walk")
        .iter()
        .map(|row| row.run_ns)
        .sum()
}

#[test]
fn the_walk_says_what_the_maps_say() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let Some(mut probes) = load() else { return };
    spin(Duration::from_millis(50));
    let rows: Vec<CgroupFacts> = {
        let facts = probes.facts.as_mut().expect("the walk");
        facts.read().expect("a walk").to_vec()
    };
    let totals = probes
        .cpu
        .as_mut()
        .expect("counters")
        .read()
        .expect("a map");
    assert!(rows.iter().any(|row| row.run_ns > 0), "something ran");
    for row in &rows {
        let later = totals.get(&CgroupId(row.id)).copied().unwrap_or_default();
        // The map was read after the walk, and counters only grow.
        assert!(later.run_ns >= row.run_ns, "{row:?} {later:?}");
        assert!(later.switches >= row.switches, "{row:?} {later:?}");
        let waits: u64 = row.wait_buckets.iter().copied().map(u64::from).sum();
        assert!(
            waits.abs_diff(row.waits) <= 64,
            "read while it counts: {row:?}"
        );
    }
    let ids: std::collections::HashSet<u64> = rows.iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), rows.len(), "each cgroup once");
}

#[test]
fn a_probe_is_given_up_and_taken_back() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let Some(mut probes) = load() else { return };
    spin(Duration::from_millis(50));
    assert!(probes.runs(Probe::Cpu) && run_ns(&mut probes) > 0);

    probes.shed(Probe::Cpu, "for this test");
    assert!(!probes.runs(Probe::Cpu));
    assert!(
        !probes.runs(Probe::Scheduling),
        "it lives on the same program"
    );
    let named = |probes: &Probes| {
        let cpu = probes.health.iter().find(|h| h.name == Probe::Cpu.name());
        cpu.expect("its health").clone()
    };
    assert_eq!(named(&probes).state, Health::Degraded);
    assert!(named(&probes).cause.contains("for this test"));
    let still = run_ns(&mut probes);
    spin(Duration::from_millis(50));
    assert_eq!(
        run_ns(&mut probes),
        still,
        "a detached program counts nothing"
    );

    probes.restore(Probe::Cpu).expect("attaches again");
    assert_eq!(named(&probes).state, Health::Healthy);
    assert!(probes.runs(Probe::Scheduling));
    spin(Duration::from_millis(50));
    assert!(run_ns(&mut probes) > still);
}

#[test]
fn programs_and_maps_have_a_cost() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let Some(probes) = load() else { return };
    let names: Vec<&str> = probes.program_totals().iter().map(|p| p.name).collect();
    assert!(names.contains(&"cpu_switch"), "{names:?}");
    // Kernels before 6.3 tell the size of an empty table.
    assert!(probes.map_bytes().is_some_and(|bytes| bytes > 1 << 20));
}
