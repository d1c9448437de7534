//! The journal against crashes: cut at any byte, damaged at any byte, used by two, left by a kill.

use std::fs;

use llmos_cgroupfs::{Journal, JournalError, restore_all};
use llmos_engine::decide::Knob;
use proptest::prelude::*;

use crate::support::{Tree, cgroup};

const KNOBS: [Knob; 5] = [
    Knob::CpuMax,
    Knob::CpuBurst,
    Knob::CpuWeight,
    Knob::MemoryHigh,
    Knob::MemoryMax,
];
const VALUES: [f64; 5] = [0.5, 2e4, 30.0, 6e7, 9e7];

/// Two cgroups with all limits changed, as a killed agent leaves them.
fn killed() -> (Tree, Vec<u8>) {
    let tree = Tree::new();
    let mut writer = tree.writer();
    for (at, path) in ["a", "b/with\ttab"].into_iter().enumerate() {
        let id = tree.add(path, "service");
        for (knob, value) in KNOBS.into_iter().zip(VALUES) {
            writer
                .set(cgroup(path, id), knob, value + at as f64)
                .unwrap();
        }
    }
    drop(writer);
    let journal = fs::read(tree.state().join("journal")).unwrap();
    (tree, journal)
}

fn originals() -> [(&'static str, &'static str); 5] {
    [
        ("cpu.max", "max 100000\n"),
        ("cpu.max.burst", "0\n"),
        ("cpu.weight", "100\n"),
        ("memory.high", "67108864\n"),
        ("memory.max", "max\n"),
    ]
}

/// Puts the tree back as the killed agent left it, with this journal.
fn reset(
    tree: &Tree,
    changed: &std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>,
    journal: &[u8],
) {
    for (path, content) in changed {
        if fs::read(path).unwrap() != *content {
            fs::write(path, content).unwrap();
        }
    }
    let _ = fs::remove_dir_all(tree.state());
    fs::create_dir(tree.state()).unwrap();
    fs::write(tree.state().join("journal"), journal).unwrap();
}

#[test]
fn after_a_kill_every_byte_comes_back() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let before = tree.snapshot();
    let mut writer = tree.writer();
    for (knob, value) in KNOBS.into_iter().zip(VALUES) {
        writer.set(cgroup("a", id), knob, value).unwrap();
    }
    assert_ne!(tree.snapshot(), before);
    drop(writer);
    let report = restore_all(&tree.state(), &tree.root()).unwrap();
    assert_eq!(report.to_string(), "5 restored, 0 skipped, 0 failed");
    assert_eq!(tree.snapshot(), before);
    assert!(
        restore_all(&tree.state(), &tree.root()).unwrap().is_empty(),
        "once is enough"
    );
}

#[test]
fn the_original_is_on_disk_before_the_write() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    // The journal cannot be written: nothing may be changed then.
    let original = tree.text("a/cpu.max");
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let journal_fd = journal_fd(&tree);
    // SAFETY: the number stays owned by the journal's file, which is only pointed elsewhere.
    unsafe { nix::unistd::dup2_raw(&full, journal_fd) }
        .map(std::mem::forget)
        .unwrap();
    let error = writer
        .set(cgroup("a", id), Knob::CpuMax, 1.0)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("not written, because the original is not safe: "),
        "{error}"
    );
    assert_eq!(tree.text("a/cpu.max"), original);
}

pub(crate) fn journal_fd(tree: &Tree) -> i32 {
    let journal = tree.state().join("journal");
    fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(Result::ok)
        .find(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == journal))
        .and_then(|entry| entry.file_name().to_str()?.parse().ok())
        .unwrap()
}

#[test]
fn cut_at_each_byte_all_whole_records_are_restored() {
    let (tree, journal) = killed();
    let changed = tree.snapshot();
    for cut in 0..=journal.len() {
        reset(&tree, &changed, &journal[..cut]);
        let report = restore_all(&tree.state(), &tree.root()).unwrap();
        assert!(
            report.damage.is_empty(),
            "a torn tail is normal, cut at {cut}"
        );
        // The first line is the header. A record is whole without its newline too.
        let ends = journal
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n');
        let whole = ends.skip(1).filter(|(end, _)| *end <= cut).count();
        assert_eq!(report.restored.len(), whole, "cut at {cut}");
        assert_only_originals_or_unchanged(&tree, &changed);
        assert_eq!(Journal::open(&tree.state()).unwrap().len(), 0);
    }
}

#[test]
fn damage_at_each_byte_costs_one_record_at_most_two() {
    let (tree, journal) = killed();
    let changed = tree.snapshot();
    for at in 0..journal.len() {
        let mut bad = journal.clone();
        bad[at] ^= 0x15;
        reset(&tree, &changed, &bad);
        let report = restore_all(&tree.state(), &tree.root()).unwrap();
        let lost = 2 * KNOBS.len() - report.restored.len();
        assert!(lost <= 2, "byte {at} cost {lost} records");
        let torn_tail = at + 1 >= journal.len();
        assert!(
            torn_tail || !report.damage.is_empty(),
            "byte {at} was not noticed"
        );
        for damage in &report.damage {
            assert!(damage.offset <= at, "{damage}");
            assert!(damage.to_string().contains("journal: line "), "{damage}");
        }
        assert_only_originals_or_unchanged(&tree, &changed);
        if !report.damage.is_empty() {
            let kept = fs::read(tree.state().join("journal.damaged")).unwrap();
            assert_eq!(
                kept, bad,
                "the damaged journal is kept for people to look at"
            );
        }
    }
}

fn assert_only_originals_or_unchanged(
    tree: &Tree,
    changed: &std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>,
) {
    for (path, now) in tree.snapshot() {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let original = originals()
            .iter()
            .find(|(file, _)| *file == name)
            .map(|(_, text)| *text);
        let right = original.is_some_and(|text| now == text.as_bytes()) || now == changed[&path];
        assert!(right, "wrong restore of {}", path.display());
    }
}

#[test]
fn a_journal_in_use_is_refused_in_one_line() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    let error = restore_all(&tree.state(), &tree.root()).unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }));
    let expected = format!(
        "{} is in use by process {}, stop it first",
        tree.state().display(),
        std::process::id()
    );
    assert_eq!(error.to_string(), expected);
    drop(writer);
    assert_eq!(
        restore_all(&tree.state(), &tree.root())
            .unwrap()
            .restored
            .len(),
        1
    );
}

#[test]
fn without_a_journal_there_is_nothing_to_restore() {
    let tree = Tree::new();
    assert!(restore_all(&tree.state(), &tree.root()).unwrap().is_empty());
    assert!(!tree.state().exists(), "and nothing is made");
}

#[test]
fn a_newer_format_is_refused() {
    let tree = Tree::new();
    drop(tree.journal());
    let body = "llmos-journal\t4";
    let line = format!("{:08x}\t{body}\n", crc32fast::hash(body.as_bytes()));
    fs::write(tree.state().join("journal"), line).unwrap();
    let error = Journal::open(&tree.state()).unwrap_err().to_string();
    assert!(
        error.ends_with("journal has format version 4, expected 3"),
        "{error}"
    );
}

#[test]
fn the_file_stays_small_as_workloads_come_and_go() {
    let tree = Tree::new();
    let stays = tree.add("stays", "service");
    let mut writer = tree.writer();
    writer
        .set(cgroup("stays", stays), Knob::CpuMax, 1.0)
        .unwrap();
    let goes = tree.add("goes", "service");
    let mut largest = 0;
    for _ in 0..500 {
        writer.set(cgroup("goes", goes), Knob::CpuMax, 1.0).unwrap();
        writer.restore_cgroup(goes).unwrap();
        largest = largest.max(fs::metadata(tree.state().join("journal")).unwrap().len());
    }
    assert!(largest < 40_000, "{largest} bytes");
    drop(writer);
    assert_eq!(tree.journal().len(), 1, "the one that stays is still known");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is set, on whichever cgroup, with kills in between: a restore undoes it all.
    #[test]
    fn any_sets_and_a_restore_leave_the_tree_as_it_was(
        steps in proptest::collection::vec((0_usize..3, 0_usize..5, 0.0_f64..2.0, 0_u8..10), 1..40),
    ) {
        let tree = Tree::new();
        let paths = ["a", "b", "c/d"];
        let ids = paths.map(|path| tree.add(path, "service"));
        tree.put("b/cpu.max", "77777 50000");
        tree.put("b/memory.max", "60000000");
        tree.put("c/d/memory.high", "  1234567\n");
        let before = tree.snapshot();
        let mut writer = Some(tree.writer());
        for (cgroup_at, knob_at, value, event) in steps {
            let knob = KNOBS[knob_at];
            let unit = match knob {
                Knob::CpuMax => 8.0,
                Knob::CpuBurst => 1e5,
                Knob::CpuWeight => 200.0,
                Knob::MemoryHigh | Knob::MemoryMax => 1e8,
            };
            let value = value * unit;
            let target = cgroup(paths[cgroup_at], ids[cgroup_at]);
            let open = writer.get_or_insert_with(|| tree.writer());
            // Refused values (memory.max below use) are part of the game.
            let _ = open.set(target, knob, value);
            match event {
                0 => writer = None,
                1 => drop(open.restore_cgroup(target.id).unwrap()),
                _ => {}
            }
        }
        drop(writer);
        let report = restore_all(&tree.state(), &tree.root()).unwrap();
        prop_assert!(report.failed.is_empty(), "{:?}", report.failed);
        prop_assert_eq!(tree.snapshot(), before);
    }
}
