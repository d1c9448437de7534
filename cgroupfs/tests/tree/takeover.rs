//! Limits as a lease: who may end it, what a writer does after that, and what damage does.

use std::fs;
use std::time::Duration;

use llmos_cgroupfs::{
    Journal, JournalError, LimitWriter, Overdue, SetError, Standing, WritePermit, restore_all,
    restore_workload, standing,
};
use llmos_engine::decide::Knob;
use llmos_engine::policy::Mode;

use crate::support::{Tree, cgroup};

/// A writer whose lease has run out when it has been given.
fn late(tree: &Tree) -> LimitWriter {
    let mut journal = tree.journal();
    journal.set_lease(Duration::ZERO);
    let permit = WritePermit::of(Mode::Enforce).unwrap();
    LimitWriter::new(permit, tree.root(), journal)
}

fn why(tree: &Tree) -> Overdue {
    match standing(&tree.state()).unwrap() {
        Standing::Overdue(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lease_is_there_as_long_as_limits_are() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    assert_eq!(standing(&tree.state()).unwrap(), Standing::NoStateDir);
    let mut writer = tree.writer();
    writer.renew().unwrap();
    assert_eq!(standing(&tree.state()).unwrap(), Standing::Nothing);
    assert!(
        !tree.state().join("lease").exists(),
        "nothing held, nothing written"
    );
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    assert!(matches!(
        standing(&tree.state()).unwrap(),
        Standing::Held(left) if left > Duration::ZERO
    ));
    drop(writer);
    // A kill is seen when the lease has run out, not before.
    assert!(matches!(
        standing(&tree.state()).unwrap(),
        Standing::Held(_)
    ));
    restore_all(&tree.state(), &tree.root()).unwrap();
    assert_eq!(standing_after_lease(&tree), Standing::Nothing);
}

/// As if the lease had run out.
fn standing_after_lease(tree: &Tree) -> Standing {
    fs::remove_file(tree.state().join("lease")).unwrap();
    standing(&tree.state()).unwrap()
}

#[test]
fn one_that_answers_is_not_taken_over() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    let error = restore_all(&tree.state(), &tree.root()).unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }), "{error}");
    assert_eq!(tree.text("a/cpu.max"), "100000 100000");
    writer.set(cgroup("a", id), Knob::CpuMax, 2.0).unwrap();
}

#[test]
fn one_that_does_not_answer_is_fenced_and_begins_anew() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let before = tree.snapshot();
    let mut writer = late(&tree);
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    writer.set(cgroup("a", id), Knob::MemoryMax, 9e7).unwrap();
    let own = std::process::id();
    assert_eq!(why(&tree), Overdue::RanOut(own));

    let report = restore_all(&tree.state(), &tree.root()).unwrap();
    assert_eq!(report.to_string(), "2 restored, 0 skipped, 0 failed");
    assert_eq!((report.written, report.fenced), (2, Some(own.to_string())));
    assert_eq!(tree.snapshot(), before);
    assert_eq!(why(&tree), Overdue::Unanswered(own));

    for knob in [Knob::CpuMax, Knob::MemoryMax, Knob::MemoryHigh] {
        let error = writer.set(cgroup("a", id), knob, 8e7).unwrap_err();
        assert!(matches!(error, SetError::Fenced(_)), "{error}");
    }
    assert!(matches!(writer.renew(), Err(JournalError::Fenced { .. })));
    assert!(matches!(
        writer.restore_cgroup(id),
        Err(JournalError::Fenced { .. })
    ));
    assert_eq!(tree.snapshot(), before);
    assert_eq!(
        why(&tree),
        Overdue::Unanswered(own),
        "an error is no answer"
    );

    let report = writer.reopen(Duration::ZERO).unwrap();
    assert_eq!((report.restored.len(), report.written), (2, 0));
    assert_eq!(writer.held(), 0);
    assert_eq!(standing(&tree.state()).unwrap(), Standing::Nothing);
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    assert_eq!(tree.text("a/cpu.max"), "100000 100000");
    assert_eq!(why(&tree), Overdue::RanOut(own));
    drop(writer);
    restore_all(&tree.state(), &tree.root()).unwrap();
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn a_late_write_is_undone_by_whoever_looks_next() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let before = tree.snapshot();
    for by_the_writer in [false, true] {
        let mut writer = late(&tree);
        writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
        restore_all(&tree.state(), &tree.root()).unwrap();
        // What a writer does that was stopped after its look at the fence.
        tree.put("a/cpu.max", "100000 100000");
        let report = if by_the_writer {
            writer.reopen(Duration::ZERO).unwrap()
        } else {
            restore_all(&tree.state(), &tree.root()).unwrap()
        };
        assert_eq!((report.restored.len(), report.written), (1, 1));
        assert_eq!(tree.snapshot(), before);
        // It may die without an answer as well.
        drop(writer);
        tree.put(
            "a/cpu.max",
            if by_the_writer { "max 100000\n" } else { "1 1" },
        );
        restore_all(&tree.state(), &tree.root()).unwrap();
        assert_eq!(tree.snapshot(), before);
    }
}

#[test]
fn an_original_that_was_kept_after_the_fence_is_found() {
    let tree = Tree::new();
    let (a, b) = (tree.add("a", "service"), tree.add("b", "service"));
    let before = tree.snapshot();
    let mut writer = late(&tree);
    writer.set(cgroup("a", a), Knob::CpuMax, 1.0).unwrap();
    let one = fs::read(tree.state().join("journal")).unwrap();
    writer.set(cgroup("b", b), Knob::CpuMax, 1.0).unwrap();
    let both = fs::read(tree.state().join("journal")).unwrap();
    // The second record reaches the journal only after the takeover.
    fs::write(tree.state().join("journal"), one).unwrap();
    assert_eq!(
        restore_all(&tree.state(), &tree.root())
            .unwrap()
            .restored
            .len(),
        1
    );
    fs::write(tree.state().join("journal"), both).unwrap();
    let report = restore_all(&tree.state(), &tree.root()).unwrap();
    assert_eq!((report.restored.len(), report.written), (2, 1));
    assert_eq!(tree.snapshot(), before);
    drop(writer);
}

#[test]
fn a_writer_that_holds_nothing_is_left_in_peace() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = late(&tree);
    assert!(restore_all(&tree.state(), &tree.root()).unwrap().is_empty());
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    writer.restore_all().unwrap();
    assert!(restore_all(&tree.state(), &tree.root()).unwrap().is_empty());
    assert!(!tree.state().join("fence").exists());
    writer.set(cgroup("a", id), Knob::CpuMax, 2.0).unwrap();
}

#[test]
fn a_lease_that_says_nothing_is_overdue_and_says_why() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let before = tree.snapshot();
    let mut writer = tree.writer();
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    let path = tree.state().join("lease");
    let lease = fs::read(&path).unwrap();
    for at in 0..lease.len() {
        let mut bad = lease.clone();
        bad[at] ^= 0x15;
        fs::write(&path, &bad).unwrap();
        assert!(matches!(why(&tree), Overdue::Unreadable(_)), "byte {at}");
        fs::write(&path, &lease[..at]).unwrap();
        assert!(matches!(why(&tree), Overdue::Unreadable(_)), "cut at {at}");
    }
    let text = why(&tree).to_string();
    assert_eq!(text, "the lease cannot be read (cut short)");
    // A writer that lives mends it.
    writer.renew().unwrap();
    assert!(matches!(
        standing(&tree.state()).unwrap(),
        Standing::Held(_)
    ));
    fs::remove_file(&path).unwrap();
    assert_eq!(why(&tree), Overdue::Missing);
    let report = restore_all(&tree.state(), &tree.root()).unwrap();
    assert!(report.fenced.is_some());
    assert_eq!(tree.snapshot(), before);
    writer.reopen(Duration::ZERO).unwrap();
    drop(writer);

    let mut other = Journal::open_in_boot(&tree.state(), "another".into()).unwrap();
    other.set_lease(Duration::from_secs(3600));
    let permit = WritePermit::of(Mode::Enforce).unwrap();
    let mut writer = LimitWriter::new(permit, tree.root(), other);
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    drop(writer);
    assert_eq!(why(&tree), Overdue::OtherBoot);
}

#[test]
fn a_damaged_fence_stops_writes_and_is_answered() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    fs::write(tree.state().join("fence"), "rubbish\n").unwrap();
    let error = writer.set(cgroup("a", id), Knob::CpuMax, 2.0).unwrap_err();
    assert!(matches!(error, SetError::Fenced(_)), "{error}");
    assert!(matches!(why(&tree), Overdue::Unanswered(_)));
    writer.reopen(Duration::ZERO).unwrap();
    writer.set(cgroup("a", id), Knob::CpuMax, 2.0).unwrap();
    assert!(matches!(
        standing(&tree.state()).unwrap(),
        Standing::Held(_)
    ));
}

#[test]
fn damage_at_each_byte_of_a_journal_that_is_in_use() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let before = tree.snapshot();
    let mut writer = late(&tree);
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    writer.set(cgroup("a", id), Knob::MemoryMax, 9e7).unwrap();
    let changed = tree.snapshot();
    let path = tree.state().join("journal");
    let journal = fs::read(&path).unwrap();
    let header = journal.iter().position(|byte| *byte == b'\n').unwrap();
    for at in 0..journal.len() {
        let mut bad = journal.clone();
        bad[at] ^= 0x15;
        for text in [&bad[..], &journal[..at]] {
            for (file, content) in &changed {
                fs::write(file, content).unwrap();
            }
            fs::write(&path, text).unwrap();
            let report = restore_all(&tree.state(), &tree.root()).unwrap();
            let whole = text.len() == journal.len();
            let torn_tail = at + 1 >= journal.len();
            assert!(
                !whole || torn_tail || !report.damage.is_empty(),
                "byte {at}"
            );
            // The newline of the header also begins the line after it.
            assert!(
                !whole || at >= header || report.restored.len() == 2,
                "byte {at}"
            );
            for (file, now) in tree.snapshot() {
                assert!(now == before[&file] || now == changed[&file], "byte {at}");
            }
            assert_eq!(fs::read(&path).unwrap(), text, "it is not ours to mend");
        }
    }
    drop(writer);
}

#[test]
fn one_workload_can_be_restored_from_a_dead_writer() {
    let tree = Tree::new();
    let (a, b) = (tree.add("a", "service"), tree.add("b/c", "service"));
    let mut writer = tree.writer();
    writer.set(cgroup("a", a), Knob::CpuMax, 1.0).unwrap();
    writer.set(cgroup("b/c", b), Knob::CpuMax, 1.0).unwrap();
    drop(writer);
    let restore = |wanted: &str| restore_workload(&tree.state(), &tree.root(), wanted).unwrap();
    assert!(restore("c").is_empty());
    assert_eq!(restore("/b/c").restored, [tree.root().join("b/c/cpu.max")]);
    assert_eq!(tree.text("a/cpu.max"), "100000 100000");
    assert_eq!(restore(&a.to_string()).restored.len(), 1);
    assert!(tree.journal().is_empty());
}
