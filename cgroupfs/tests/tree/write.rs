//! The writer: steps, compare, identity, guards, errors.

use std::fs;

use llmos_cgroupfs::{SetError, WritePermit, quantise};
use llmos_engine::decide::Knob;
use llmos_engine::policy::Mode;

use crate::support::{Tree, cgroup};

#[test]
fn observe_gives_no_permit() {
    assert!(WritePermit::of(Mode::Observe).is_none());
    assert!(WritePermit::of(Mode::Enforce).is_some());
}

#[test]
fn each_knob_is_written_in_its_steps() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    let report = writer.set(cgroup("a", id), Knob::CpuMax, 0.3333).unwrap();
    assert!(report.from.is_infinite() && report.written);
    assert_eq!(report.to, 0.33);
    assert_eq!(tree.text("a/cpu.max"), "33000 100000");
    writer
        .set(cgroup("a", id), Knob::MemoryHigh, 61_000_001.0)
        .unwrap();
    assert_eq!(
        tree.text("a/memory.high"),
        (61_000_001_u64 / 4096 * 4096).to_string()
    );
    writer
        .set(cgroup("a", id), Knob::MemoryMax, f64::INFINITY)
        .unwrap();
    assert_eq!(tree.text("a/memory.max"), "max\n", "it held this already");
    writer
        .set(cgroup("a", id), Knob::MemoryMax, 81_920_000.0)
        .unwrap();
    assert_eq!(tree.text("a/memory.max"), "81920000");
}

#[test]
fn the_value_in_force_is_not_written_again() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    let report = writer
        .set(cgroup("a", id), Knob::MemoryHigh, 67_108_864.0)
        .unwrap();
    assert!(!report.written);
    assert_eq!(
        tree.text("a/memory.high"),
        "67108864\n",
        "untouched, with its newline"
    );
    assert_eq!(writer.held(), 0, "nothing to undo");
    assert!(
        writer
            .set(cgroup("a", id), Knob::CpuMax, 0.5)
            .unwrap()
            .written
    );
    let again = writer.set(cgroup("a", id), Knob::CpuMax, 0.5049).unwrap();
    assert!(!again.written, "within one step");
}

#[test]
fn a_burst_credit_goes_down_before_the_quota_and_never_above_it() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    let a = cgroup("a", id);
    writer.set(a, Knob::CpuMax, 0.6).unwrap();
    let report = writer.set(a, Knob::CpuBurst, 80_000.0).unwrap();
    assert_eq!(report.to, 60_000.0, "the kernel would refuse more");
    writer.set(a, Knob::CpuMax, 0.3).unwrap();
    assert_eq!(tree.text("a/cpu.max"), "30000 100000");
    assert_eq!(tree.text("a/cpu.max.burst"), "30000");
    assert_eq!(writer.last_written(id, Knob::CpuBurst), Some(30_000.0));
    writer.set(a, Knob::CpuMax, f64::INFINITY).unwrap();
    assert_eq!(
        tree.text("a/cpu.max.burst"),
        "30000",
        "no reason to touch it"
    );
    writer.restore_all().unwrap();
    assert_eq!(tree.text("a/cpu.max"), "max 100000\n");
    assert_eq!(tree.text("a/cpu.max.burst"), "0\n");
}

#[test]
fn a_credit_of_people_that_the_quota_cuts_comes_back() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    tree.put("a/cpu.max", "100000 100000\n");
    tree.put("a/cpu.max.burst", "90000\n");
    let before = tree.snapshot();
    let mut writer = tree.writer();
    writer.set(cgroup("a", id), Knob::CpuMax, 0.5).unwrap();
    assert_eq!(tree.text("a/cpu.max.burst"), "50000");
    drop(writer);
    llmos_cgroupfs::restore_all(&tree.state(), &tree.root()).unwrap();
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn without_a_burst_file_a_quota_is_written_all_the_same() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    fs::remove_file(tree.root().join("a/cpu.max.burst")).unwrap();
    let mut writer = tree.writer();
    writer.set(cgroup("a", id), Knob::CpuMax, 0.5).unwrap();
    assert_eq!(tree.text("a/cpu.max"), "50000 100000");
    assert!(!tree.root().join("a/cpu.max.burst").exists());
}

#[test]
fn a_weight_is_written_within_what_the_kernel_takes() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    let a = cgroup("a", id);
    assert!(!writer.set(a, Knob::CpuWeight, 100.0).unwrap().written);
    writer.set(a, Knob::CpuWeight, 400.0).unwrap();
    assert_eq!(tree.text("a/cpu.weight"), "400");
    let error = writer.set(a, Knob::CpuWeight, f64::INFINITY).unwrap_err();
    assert!(matches!(error, SetError::Invalid { .. }), "{error}");
    writer.restore_all().unwrap();
    assert_eq!(tree.text("a/cpu.weight"), "100\n");
}

#[test]
fn the_period_is_kept() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    tree.put("a/cpu.max", "max 20000\n");
    tree.writer()
        .set(cgroup("a", id), Knob::CpuMax, 2.0)
        .unwrap();
    assert_eq!(tree.text("a/cpu.max"), "40000 20000");
}

#[test]
fn a_new_cgroup_of_the_same_name_gets_nothing() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    fs::rename(tree.root().join("a"), tree.root().join("old")).unwrap();
    tree.add("a", "service");
    let before = tree.snapshot();
    let error = writer.set(cgroup("a", id), Knob::CpuMax, 2.0).unwrap_err();
    assert!(matches!(error, SetError::Gone(_)), "{error}");
    let report = writer.restore_all().unwrap();
    assert_eq!((report.restored.len(), report.skipped.len()), (0, 1));
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn a_missing_file_is_never_made() {
    let tree = Tree::new();
    let id = tree.add("a", "no-controllers");
    let before = tree.snapshot();
    let mut writer = tree.writer();
    for knob in [
        Knob::CpuMax,
        Knob::CpuBurst,
        Knob::CpuWeight,
        Knob::MemoryHigh,
        Knob::MemoryMax,
    ] {
        let error = writer.set(cgroup("a", id), knob, 1e9).unwrap_err();
        assert!(matches!(error, SetError::NoFile(_)), "{error}");
        assert!(
            error
                .to_string()
                .contains(&format!("/a/{} does not exist", knob.file()))
        );
    }
    let error = writer
        .set(cgroup("gone", 1), Knob::CpuMax, 1.0)
        .unwrap_err();
    assert!(matches!(error, SetError::Gone(_)), "{error}");
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn a_memory_max_below_use_is_refused() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let before = tree.snapshot();
    let error = tree
        .writer()
        .set(cgroup("a", id), Knob::MemoryMax, 52_000_000.0)
        .unwrap_err();
    assert!(
        matches!(
            error,
            SetError::WouldKill {
                current: 52_428_800,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn what_is_no_limit_or_not_understood_is_left_alone() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    tree.put("a/memory.high", "a lot\n");
    let before = tree.snapshot();
    let mut writer = tree.writer();
    let error = writer
        .set(cgroup("a", id), Knob::CpuMax, f64::NAN)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("/a/cpu.max: cannot set NaN, expected"),
        "{error}"
    );
    let error = writer
        .set(cgroup("a", id), Knob::MemoryHigh, 1e9)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("/a/memory.high: expected a number"),
        "{error}"
    );
    assert_eq!(tree.snapshot(), before);
    assert_eq!(writer.held(), 0);
}

#[test]
fn a_refused_write_names_path_value_and_cause() {
    // Root may write to a read-only file, so the file is one that no one can write: a link into
    // a read-only part of /proc that reads like a limit.
    let tree = Tree::new();
    let id = tree.add("a", "service");
    fs::remove_file(tree.root().join("a/memory.high")).unwrap();
    let read_only = "/proc/sys/kernel/random/entropy_avail";
    std::os::unix::fs::symlink(read_only, tree.root().join("a/memory.high")).unwrap();
    let mut writer = tree.writer();
    let error = writer
        .set(cgroup("a", id), Knob::MemoryHigh, 8192.0)
        .unwrap_err();
    assert!(matches!(error, SetError::Write { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("cannot write \"8192\" to ") && text.contains("/a/memory.high: "),
        "{text}"
    );
}

#[test]
fn a_change_by_somebody_else_becomes_the_original() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    assert!(!writer.is_foreign(id, Knob::CpuMax, 1.0));
    tree.put("a/cpu.max", "300000 100000\n");
    assert!(writer.is_foreign(id, Knob::CpuMax, 3.0));
    assert!(writer.is_foreign(id, Knob::CpuMax, f64::INFINITY));
    writer.set(cgroup("a", id), Knob::CpuMax, 2.0).unwrap();
    assert_eq!(writer.last_written(id, Knob::CpuMax), Some(2.0));
    writer.restore_cgroup(id).unwrap();
    assert_eq!(tree.text("a/cpu.max"), "300000 100000\n");
    assert_eq!(writer.last_written(id, Knob::CpuMax), None);
}

#[test]
fn quantise_says_what_would_be_written() {
    assert_eq!(quantise(Knob::CpuMax, 0.3333), 0.33);
    assert_eq!(quantise(Knob::MemoryMax, 10_000.0), 8192.0);
    assert!(quantise(Knob::CpuMax, f64::INFINITY).is_infinite());
    assert_eq!(quantise(Knob::CpuWeight, 0.2), 1.0);
    assert_eq!(quantise(Knob::CpuBurst, 20_000.2), 20_000.0);
}
