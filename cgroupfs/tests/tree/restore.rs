//! Restoring: other boots, vanished cgroups, and originals below the memory in use.

use std::fs;
use std::time::{Duration, Instant};

use llmos_cgroupfs::{Journal, LimitWriter, Skip, WritePermit};
use llmos_engine::decide::Knob;
use llmos_engine::policy::Mode;

use crate::support::{Tree, cgroup};

#[test]
fn originals_of_another_boot_are_dropped() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    drop(writer);
    let before = tree.snapshot();
    let mut journal = Journal::open_in_boot(&tree.state(), "another".into()).unwrap();
    let report = journal.restore_all(&tree.root()).unwrap();
    assert_eq!(
        report.skipped,
        [(tree.root().join("a/cpu.max"), Skip::OtherBoot)]
    );
    assert_eq!(tree.snapshot(), before);
    assert!(journal.is_empty());
}

#[test]
fn a_vanished_cgroup_is_dropped_and_the_rest_restored() {
    let tree = Tree::new();
    let (a, b) = (tree.add("a", "service"), tree.add("b", "service"));
    let mut writer = tree.writer();
    for (path, id) in [("a", a), ("b", b)] {
        writer.set(cgroup(path, id), Knob::CpuMax, 1.0).unwrap();
        writer.set(cgroup(path, id), Knob::MemoryMax, 9e7).unwrap();
    }
    fs::remove_dir_all(tree.root().join("a")).unwrap();
    let report = writer.restore_all().unwrap();
    assert_eq!(report.to_string(), "2 restored, 2 skipped, 0 failed");
    assert!(report.skipped.iter().all(|(_, why)| *why == Skip::Gone));
    assert_eq!(tree.text("b/memory.max"), "max\n");
}

#[test]
fn one_cgroup_can_be_restored_alone() {
    let tree = Tree::new();
    let (a, b) = (tree.add("a", "service"), tree.add("b", "service"));
    let mut writer = tree.writer();
    writer.set(cgroup("a", a), Knob::CpuMax, 1.0).unwrap();
    writer.set(cgroup("b", b), Knob::CpuMax, 1.0).unwrap();
    assert_eq!(
        writer.restore_cgroup(a).unwrap().restored,
        [tree.root().join("a/cpu.max")]
    );
    assert_eq!(tree.text("a/cpu.max"), "max 100000\n");
    assert_eq!(tree.text("b/cpu.max"), "100000 100000");
    assert_eq!((writer.holds(a), writer.holds(b)), (false, true));
}

/// A cgroup whose limits LLMOS raised, and whose use then grew above the original limit.
fn grown() -> (Tree, LimitWriter) {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    tree.put("a/memory.high", "max\n");
    tree.put("a/memory.max", "60000000\n");
    let mut journal = tree.journal();
    journal.set_patience(Duration::from_millis(400));
    let mut writer = LimitWriter::new(
        WritePermit::of(Mode::Enforce).unwrap(),
        tree.root(),
        journal,
    );
    writer.set(cgroup("a", id), Knob::MemoryMax, 2e8).unwrap();
    writer
        .set(cgroup("a", id), Knob::MemoryHigh, 1.8e8)
        .unwrap();
    tree.put("a/memory.current", "150000000\n");
    (tree, writer)
}

#[test]
fn an_original_below_use_is_not_written_but_told_and_kept() {
    let (tree, mut writer) = grown();
    let limit = tree.text("a/memory.max");
    let report = writer.restore_all().unwrap();
    assert_eq!(tree.text("a/memory.max"), limit, "writing it would kill");
    assert_eq!(
        tree.text("a/memory.high"),
        "max\n",
        "the original is back after the wait"
    );
    assert_eq!(report.failed.len(), 1);
    let why = &report.failed[0].1;
    assert!(
        why.contains("60000000 is below the 150000000 bytes in use"),
        "{why}"
    );
    assert_eq!(writer.held(), 1, "kept for the next try");
    tree.put("a/memory.current", "50000000\n");
    assert!(writer.restore_all().unwrap().failed.is_empty());
    assert_eq!(tree.text("a/memory.max"), "60000000\n");
}

#[test]
fn an_original_below_use_waits_for_use_to_fall_under_pressure() {
    let (tree, mut writer) = grown();
    let root = tree.root();
    // Plays the kernel: reclaims once memory.high is below use.
    let kernel = std::thread::spawn(move || {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            let high = fs::read_to_string(root.join("a/memory.high")).unwrap();
            if high.trim() == "60000000" {
                fs::write(root.join("a/memory.current"), "59000000\n").unwrap();
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    });
    let report = writer.restore_all().unwrap();
    assert!(kernel.join().unwrap(), "memory.high drove use down");
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    assert_eq!(tree.text("a/memory.max"), "60000000\n");
    assert_eq!(tree.text("a/memory.high"), "max\n");
}

#[test]
fn a_rising_original_comes_back_before_memory_high() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    writer
        .set(cgroup("a", id), Knob::MemoryHigh, 5.5e7)
        .unwrap();
    writer.set(cgroup("a", id), Knob::MemoryMax, 6e7).unwrap();
    writer.set(cgroup("a", id), Knob::CpuMax, 0.5).unwrap();
    let report = writer.restore_all().unwrap();
    let names: Vec<_> = report
        .restored
        .iter()
        .filter_map(|path| path.file_name())
        .collect();
    assert_eq!(names, ["memory.max", "cpu.max", "memory.high"]);
}

#[test]
fn what_somebody_else_wrote_last_stays() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    writer.set(cgroup("a", id), Knob::MemoryMax, 9e7).unwrap();
    tree.put("a/memory.max", "123456789\n");
    let report = writer.restore_all().unwrap();
    assert_eq!(report.to_string(), "2 restored, 0 skipped, 0 failed");
    assert_eq!(report.written, 1);
    assert_eq!(tree.text("a/cpu.max"), "max 100000\n");
    assert_eq!(tree.text("a/memory.max"), "123456789\n");
}

/// As on a full disk: no file can be made beside another.
fn no_room(tree: &Tree) {
    for name in ["journal.new", "lease.new", "fence.new", "journal.damaged"] {
        let _ = fs::remove_file(tree.state().join(name));
        fs::create_dir(tree.state().join(name)).unwrap();
    }
}

#[test]
fn originals_come_back_where_no_file_can_be_made() {
    for end in ["", "half a rec", "a damaged record\n"] {
        let tree = Tree::new();
        let id = tree.add("a", "service");
        let before = tree.snapshot();
        let mut writer = tree.writer();
        writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
        writer.set(cgroup("a", id), Knob::MemoryMax, 9e7).unwrap();
        drop(writer);
        let path = tree.state().join("journal");
        let journal = fs::read_to_string(&path).unwrap() + end;
        fs::write(&path, journal).unwrap();
        no_room(&tree);
        let mut journal = Journal::open(&tree.state()).unwrap();
        // The file is not clean and cannot be written anew, so it cannot say what is done.
        let outcome = journal.restore_all(&tree.root());
        assert_eq!(tree.snapshot(), before, "{end:?}");
        assert!(outcome.is_ok(), "{outcome:?}");
        drop(journal);
        let report = llmos_cgroupfs::restore_all(&tree.state(), &tree.root()).unwrap();
        assert_eq!((report.written, report.failed.len()), (0, 0), "{report}");
    }
}
