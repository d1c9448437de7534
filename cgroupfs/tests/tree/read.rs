//! Each file: there, missing, garbage; and a cgroup that goes away.

use std::fs;

use llmos_cgroupfs::{
    CgroupReader, CpuMax, FileBudget, MemoryLimit, Outcome, Pressure, Reading, Scratch,
};
use llmos_engine::units::{Bytes, Timestamp};

use crate::support::{Tree, cgroup};

fn reader(tree: &Tree, path: &str, budget: &FileBudget) -> CgroupReader {
    let id = tree.id(path);
    CgroupReader::open(&tree.root(), cgroup(path, id), 1, budget)
        .unwrap()
        .unwrap()
}

fn alive(outcome: Outcome) -> Reading {
    match outcome {
        Outcome::Read(reading) => *reading,
        Outcome::Gone => panic!("the cgroup is there"),
    }
}

fn read_once(tree: &Tree, path: &str) -> Reading {
    alive(reader(tree, path, &FileBudget::new(64)).read(&mut Scratch::default()))
}

#[test]
fn a_whole_cgroup() {
    let tree = Tree::new();
    tree.add("a", "service");
    let reading = read_once(&tree, "a");
    assert_eq!(reading.cpu.usage_us, Some(7_123_456));
    assert_eq!(reading.cpu.periods, Some(120));
    assert_eq!(reading.cpu.throttled_periods, Some(7));
    assert_eq!(reading.cpu.throttled_us, Some(345_678));
    assert_eq!(
        reading.cpu.max,
        Some(CpuMax {
            quota_us: None,
            period_us: 100_000
        })
    );
    let stalled = Pressure {
        some_us: Some(987_654),
        full_us: Some(12_345),
    };
    assert_eq!(reading.cpu.pressure, Some(stalled));
    assert_eq!(reading.memory.current, Some(52_428_800));
    assert_eq!(reading.memory.working_set(), Some(41_943_040));
    let events = reading.memory.events;
    let counts = [events.high, events.max, events.oom, events.oom_kill];
    assert_eq!(counts, [Some(3), Some(2), Some(1), Some(1)]);
    assert_eq!(reading.memory.high, Some(MemoryLimit::Bytes(67_108_864)));
    assert_eq!(reading.memory.max, Some(MemoryLimit::Max));
    assert!(reading.problems.is_empty());
}

#[test]
fn the_engine_gets_its_units() {
    let tree = Tree::new();
    tree.add("a", "service");
    let reading = read_once(&tree, "a");
    let sample = reading.raw_sample(Timestamp(7));
    assert_eq!(sample.at, Timestamp(7));
    assert_eq!(sample.cpu_ns, Some(7_123_456_000));
    assert_eq!(sample.memory_stall_ns, Some(4_242_000));
    assert_eq!(sample.working_set, Some(Bytes(41_943_040)));
    assert_eq!(sample.rx_bytes, None);
    let limits = reading.limits();
    assert!(limits.cpu.unwrap().0.is_infinite());
    assert_eq!(limits.memory_max, Some(Bytes(u64::MAX)));
}

#[test]
fn without_controllers_what_is_missing_is_none() {
    let tree = Tree::new();
    tree.add("a", "no-controllers");
    let reading = read_once(&tree, "a");
    assert_eq!(reading.cpu.usage_us, Some(11));
    assert_eq!(reading.cpu.periods, None);
    assert_eq!(reading.cpu.max, None);
    assert_eq!(reading.memory, llmos_cgroupfs::MemoryReading::default());
    assert!(
        reading.problems.is_empty(),
        "absence is no problem: {:?}",
        reading.problems
    );
}

#[test]
fn each_missing_file_costs_its_own_metrics_only() {
    for (file, is_gone) in METRICS {
        let tree = Tree::new();
        tree.add("a", "service");
        fs::remove_file(tree.root().join("a").join(file)).unwrap();
        let reading = read_once(&tree, "a");
        assert!(reading.problems.is_empty());
        for (other, gone) in METRICS {
            assert_eq!(gone(&reading), other == file, "{other} without {file}");
        }
        assert!(is_gone(&reading));
    }
}

#[test]
fn each_garbage_file_is_named_and_costs_its_own_metrics_only() {
    for (file, _) in METRICS {
        let tree = Tree::new();
        tree.add("a", "service");
        tree.put(&format!("a/{file}"), "certainly not\n");
        let reading = read_once(&tree, "a");
        let problems: Vec<_> = reading.problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].contains(&format!("/a/{file}: expected ")),
            "{problems:?}"
        );
        for (other, gone) in METRICS {
            assert_eq!(gone(&reading), other == file, "{other} with a bad {file}");
        }
    }
}

type IsAbsent = fn(&Reading) -> bool;

/// Each file, and whether the metric that it alone gives is absent.
const METRICS: [(&str, IsAbsent); 9] = [
    ("cpu.stat", |r| r.cpu.usage_us.is_none()),
    ("cpu.max", |r| r.cpu.max.is_none()),
    ("cpu.pressure", |r| r.cpu.pressure.is_none()),
    ("memory.current", |r| r.memory.current.is_none()),
    ("memory.stat", |r| r.memory.stat.inactive_file.is_none()),
    ("memory.events", |r| r.memory.events.oom_kill.is_none()),
    ("memory.high", |r| r.memory.high.is_none()),
    ("memory.max", |r| r.memory.max.is_none()),
    ("memory.pressure", |r| r.memory.pressure.is_none()),
];

#[test]
fn values_change_under_open_files() {
    let tree = Tree::new();
    tree.add("a", "service");
    let mut reader = reader(&tree, "a", &FileBudget::new(64));
    let mut scratch = Scratch::default();
    alive(reader.read(&mut scratch));
    tree.put("a/memory.current", "9\n");
    tree.put("a/cpu.max", "20000 100000\n");
    let reading = alive(reader.read(&mut scratch));
    assert_eq!(reading.memory.current, Some(9));
    assert_eq!(reading.cpu.max.map(|max| max.cores()), Some(0.2));
}

#[test]
fn the_dear_file_is_read_at_each_nth_read() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let budget = FileBudget::new(64);
    let opened = CgroupReader::open(&tree.root(), cgroup("a", id), 3, &budget).unwrap();
    let (mut reader, mut scratch) = (opened.unwrap(), Scratch::default());
    let mut seen = Vec::new();
    for turn in 1..=5 {
        tree.put("a/memory.stat", &format!("inactive_file {turn}\n"));
        seen.push(
            alive(reader.read(&mut scratch))
                .memory
                .stat
                .inactive_file
                .unwrap(),
        );
    }
    assert_eq!(seen, [1, 1, 1, 4, 4]);
}

#[test]
fn a_controller_that_is_switched_on_is_found() {
    let tree = Tree::new();
    tree.add("a", "no-controllers");
    let mut reader = reader(&tree, "a", &FileBudget::new(64));
    let mut scratch = Scratch::default();
    assert_eq!(alive(reader.read(&mut scratch)).memory.current, None);
    tree.put("a/memory.current", "5\n");
    assert_eq!(alive(reader.read(&mut scratch)).memory.current, Some(5));
}

#[test]
fn a_vanished_cgroup_is_gone_with_and_without_open_files() {
    for files in [0, 64] {
        let tree = Tree::new();
        let id = tree.add("a", "service");
        let mut reader = reader(&tree, "a", &FileBudget::new(files));
        let mut scratch = Scratch::default();
        alive(reader.read(&mut scratch));
        fs::rename(tree.root().join("a"), tree.root().join("old")).unwrap();
        tree.add("a", "service");
        assert!(
            matches!(reader.read(&mut scratch), Outcome::Gone),
            "another one has its name"
        );
        fs::remove_dir_all(tree.root().join("a")).unwrap();
        assert!(matches!(reader.read(&mut scratch), Outcome::Gone));
        let again = CgroupReader::open(&tree.root(), cgroup("a", id), 1, &FileBudget::new(files));
        assert!(again.unwrap().is_none());
    }
}

#[test]
fn the_budget_bounds_open_files_and_is_given_back() {
    let tree = Tree::new();
    tree.add("a", "service");
    tree.add("b", "service");
    let budget = FileBudget::new(12);
    let (mut a, mut b) = (reader(&tree, "a", &budget), reader(&tree, "b", &budget));
    let mut scratch = Scratch::default();
    alive(a.read(&mut scratch));
    assert_eq!(budget.left(), 1);
    let reading = alive(b.read(&mut scratch));
    assert_eq!(budget.left(), 0);
    assert_eq!(
        reading.memory.max,
        Some(MemoryLimit::Max),
        "beyond the budget it still reads"
    );
    drop(a);
    alive(b.read(&mut scratch));
    assert_eq!(budget.left(), 1);
}

#[test]
fn a_large_file_is_read_whole() {
    let tree = Tree::new();
    tree.add("a", "service");
    let filler: String = (0..2000).map(|key| format!("key{key} 1\n")).collect();
    tree.put("a/memory.stat", &format!("{filler}inactive_file 77\n"));
    assert_eq!(read_once(&tree, "a").memory.stat.inactive_file, Some(77));
}
