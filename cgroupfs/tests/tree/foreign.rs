//! What others write after us: seen, kept as the original, handed over; also with a crash between.

use std::fs;

use llmos_cgroupfs::{SetError, restore_all};
use llmos_engine::decide::Knob;

use crate::journal::journal_fd;
use crate::support::{Tree, cgroup};

#[test]
fn a_look_tells_whose_value_it_is() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    assert_eq!(writer.look(id, Knob::CpuMax).unwrap(), None, "not held");
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    let look = |writer: &llmos_cgroupfs::LimitWriter| {
        let look = writer.look(id, Knob::CpuMax).unwrap().unwrap();
        (look.value, look.foreign, look.original)
    };
    assert_eq!(look(&writer), (1.0, false, false));
    tree.put("a/cpu.max", "300000 100000\n");
    assert_eq!(look(&writer), (3.0, true, false));
    tree.put("a/cpu.max", "max 100000\n");
    assert_eq!(look(&writer), (f64::INFINITY, true, true));
    tree.put("a/cpu.max", "");
    let error = writer.look(id, Knob::CpuMax).unwrap_err();
    assert!(matches!(error, SetError::Garbage { .. }), "{error}");
}

#[test]
fn a_value_of_others_stays_unless_it_is_meant() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let a = cgroup("a", id);
    let mut writer = tree.writer();
    writer.set_unless_foreign(a, Knob::CpuMax, 1.0).unwrap();
    tree.put("a/cpu.max", "300000 100000\n");
    let error = writer.set_unless_foreign(a, Knob::CpuMax, 2.0).unwrap_err();
    let (knob, found) = match &error {
        SetError::Foreign { knob, found, .. } => (*knob, *found),
        other => panic!("{other}"),
    };
    assert_eq!((knob, found), (Knob::CpuMax, 3.0));
    let text = error.to_string();
    assert!(
        text.ends_with("/a/cpu.max: somebody else has set 3"),
        "{text}"
    );
    assert_eq!(tree.text("a/cpu.max"), "300000 100000\n");
    assert!(writer.set(a, Knob::CpuMax, 2.0).unwrap().written);
}

#[test]
fn a_burst_credit_of_others_is_not_lowered_for_a_quota() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let a = cgroup("a", id);
    let mut writer = tree.writer();
    writer.set(a, Knob::CpuMax, 1.0).unwrap();
    writer.set(a, Knob::CpuBurst, 60_000.0).unwrap();
    tree.put("a/cpu.max.burst", "90000\n");
    let error = writer.set(a, Knob::CpuMax, 0.5).unwrap_err();
    let knob = match error {
        SetError::Foreign { knob, .. } => knob,
        other => panic!("{other}"),
    };
    assert_eq!(knob, Knob::CpuBurst);
    assert_eq!(tree.text("a/cpu.max"), "100000 100000");
}

#[test]
fn what_others_set_to_our_wish_is_agreed_on() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let a = cgroup("a", id);
    let mut writer = tree.writer();
    writer.set(a, Knob::CpuMax, 1.0).unwrap();
    tree.put("a/cpu.max", "200000 100000\n");
    assert!(!writer.set(a, Knob::CpuMax, 2.0).unwrap().written);
    assert!(!writer.is_foreign(id, Knob::CpuMax, 2.0));
    writer.set(a, Knob::CpuMax, 1.5).unwrap();
    writer.restore_all().unwrap();
    assert_eq!(tree.text("a/cpu.max"), "200000 100000\n", "they want it");
}

#[test]
fn a_restore_leaves_what_others_set_although_nobody_has_seen_it() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    for (knob, value) in [(Knob::CpuMax, 1.0), (Knob::MemoryMax, 9e7)] {
        writer.set(cgroup("a", id), knob, value).unwrap();
    }
    tree.put("a/memory.max", "123456789\n");
    let report = writer.restore_cgroup(id).unwrap();
    assert_eq!((report.restored.len(), report.written), (2, 1));
    assert_eq!(tree.text("a/memory.max"), "123456789\n");
    assert_eq!(tree.text("a/cpu.max"), "max 100000\n");
}

#[test]
fn a_file_that_was_handed_over_is_neither_written_nor_put_back() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let a = cgroup("a", id);
    let mut writer = tree.writer();
    writer.set(a, Knob::CpuMax, 1.0).unwrap();
    writer.set(a, Knob::CpuBurst, 80_000.0).unwrap();
    tree.put("a/cpu.max.burst", "90000\n");
    let before = writer.generation();
    writer.hand_over(id, Knob::CpuBurst).unwrap();
    assert_ne!(writer.generation(), before);
    let held: Vec<_> = writer.held_files().map(|(_, _, knob)| knob).collect();
    assert_eq!((held, writer.held()), (vec![Knob::CpuMax], 1));
    let error = writer.set(a, Knob::CpuBurst, 10.0).unwrap_err();
    let text = error.to_string();
    assert!(
        text.ends_with("cpu.max.burst was handed over to somebody else"),
        "{text}"
    );
    let nested = writer.set(a, Knob::CpuMax, 0.5).unwrap_err();
    assert!(matches!(nested, SetError::HandedOver(_)), "{nested}");
    assert_eq!(tree.text("a/cpu.max.burst"), "90000\n");

    writer.take_back(id, Knob::CpuBurst);
    writer.set(a, Knob::CpuBurst, 10_000.0).unwrap();
    tree.put("a/cpu.max.burst", "70000\n");
    writer.hand_over(id, Knob::CpuBurst).unwrap();
    writer.restore_all().unwrap();
    assert_eq!(tree.text("a/cpu.max.burst"), "70000\n");
    assert_eq!(tree.text("a/cpu.max"), "max 100000\n");
}

#[test]
fn without_a_journal_nothing_is_handed_over() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    tree.put("a/cpu.max", "300000 100000\n");
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    // SAFETY: the number stays owned by the journal's file, which is only pointed elsewhere.
    unsafe { nix::unistd::dup2_raw(&full, journal_fd(&tree)) }
        .map(std::mem::forget)
        .unwrap();
    assert!(writer.hand_over(id, Knob::CpuMax).is_err());
    assert_eq!(writer.held_files().count(), 1, "still ours");
    // The next try writes the journal anew.
    writer.hand_over(id, Knob::CpuMax).unwrap();
    assert_eq!((writer.held_files().count(), writer.held()), (0, 0));
}

#[test]
fn what_was_handed_over_outlives_a_takeover() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let a = cgroup("a", id);
    let mut writer = tree.writer();
    writer.set(a, Knob::CpuMax, 1.0).unwrap();
    writer.set(a, Knob::CpuWeight, 50.0).unwrap();
    tree.put("a/cpu.weight", "77\n");
    writer.hand_over(id, Knob::CpuWeight).unwrap();
    fs::remove_file(tree.state().join("lease")).unwrap();
    restore_all(&tree.state(), &tree.root()).unwrap();
    assert_eq!(tree.text("a/cpu.max"), "max 100000\n");
    let look = writer.look(id, Knob::CpuMax).unwrap().unwrap();
    assert!(!look.foreign, "a takeover is nobody else's change");
    writer.reopen(std::time::Duration::ZERO).unwrap();
    assert_eq!(writer.look(id, Knob::CpuMax).unwrap(), None);
    let error = writer.set(a, Knob::CpuWeight, 50.0).unwrap_err();
    assert!(matches!(error, SetError::HandedOver(_)), "{error}");
    assert_eq!(tree.text("a/cpu.weight"), "77\n");
}

/// A quarrel, step by step. At each step a kill may come: what is put back then is the newest value
/// that somebody else has set and that was seen.
#[test]
fn a_kill_at_any_step_of_a_quarrel_leaves_what_others_have_set() {
    let steps: [fn(&Tree, &mut llmos_cgroupfs::LimitWriter, u64); 7] = [
        |_, writer, id| {
            writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
        },
        |tree, _, _| tree.put("a/cpu.max", "300000 100000\n"),
        |_, writer, id| writer.adopt(id, Knob::CpuMax).unwrap(),
        |_, writer, id| {
            writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
        },
        |tree, _, _| tree.put("a/cpu.max", "400000 100000\n"),
        |_, writer, id| writer.hand_over(id, Knob::CpuMax).unwrap(),
        |tree, _, _| tree.put("a/cpu.max", "500000 100000\n"),
    ];
    let (first, third, fourth, fifth) = (
        "max 100000\n",
        "300000 100000\n",
        "400000 100000\n",
        "500000 100000\n",
    );
    // A change that nobody has seen before the kill is the gap that is left.
    let expected = [first, first, third, third, third, fourth, fifth];
    for kill_after in 0..steps.len() {
        let tree = Tree::new();
        let id = tree.add("a", "service");
        let mut writer = tree.writer();
        for step in &steps[..=kill_after] {
            step(&tree, &mut writer, id);
        }
        drop(writer);
        restore_all(&tree.state(), &tree.root()).unwrap();
        assert_eq!(tree.text("a/cpu.max"), expected[kill_after], "{kill_after}");
    }
}

#[test]
fn the_same_original_is_not_kept_twice() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    let journal = tree.state().join("journal");
    let length = || fs::metadata(&journal).unwrap().len();
    let before = length();
    for _ in 0..3 {
        tree.put("a/cpu.max", "max 100000\n");
        writer.adopt(id, Knob::CpuMax).unwrap();
        writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    }
    assert_eq!(length(), before, "as systemd does at each reload");
}
