//! What happens between a look at a file and the write after it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use super::*;
use crate::journal::Skip;

const FOREIGN: &str = "300000 100000\n";

struct Machine {
    folder: tempfile::TempDir,
    writer: LimitWriter,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("root/a")).unwrap();
        let journal = Journal::open(&folder.path().join("state")).unwrap();
        let permit = WritePermit::of(Mode::Enforce).unwrap();
        let writer = LimitWriter::new(permit, folder.path().join("root"), journal);
        let machine = Self { folder, writer };
        machine.put("cpu.max", "max 100000\n");
        machine.put("cpu.max.burst", "0\n");
        machine
    }

    fn cgroup(&self) -> CgroupRef<'static> {
        let id = fs::metadata(self.folder.path().join("root/a")).unwrap();
        let id = id.ino();
        CgroupRef { path: "a", id }
    }

    fn put(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join("root/a").join(file), text).unwrap();
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join("root/a").join(file)).unwrap()
    }
}

#[test]
fn a_file_that_changed_since_the_look_is_not_written() {
    let mut machine = Machine::new();
    let (a, knob) = (machine.cgroup(), Knob::CpuMax);
    let after = |machine: &mut Machine, before: &str| {
        let writer = &mut machine.writer;
        writer
            .write_after(before, a, knob, 2.0, Over::Anything)
            .unwrap()
    };
    machine.put("cpu.max", FOREIGN);
    let tried = after(&mut machine, "max 100000\n");
    let Tried::Overtaken { found, .. } = tried else {
        panic!("it was written over");
    };
    assert!((found - 3.0).abs() < 1e-9, "{found}");
    assert_eq!(machine.text("cpu.max"), FOREIGN);
    assert_eq!(machine.writer.held(), 0, "nothing of ours is there");

    assert!(machine.writer.set(a, knob, 1.0).unwrap().written);
    let ours = machine.text("cpu.max");
    machine.put("cpu.max", "400000 100000\n");
    assert!(matches!(
        after(&mut machine, &ours),
        Tried::Overtaken { .. }
    ));
    assert_eq!(machine.text("cpu.max"), "400000 100000\n");
    // Its value is the original now, in place of the one before it.
    machine.writer.restore_cgroup(a.id).unwrap();
    assert_eq!(machine.text("cpu.max"), "400000 100000\n");
    assert_eq!(machine.writer.held(), 0);
}

#[test]
fn a_restore_leaves_what_changed_since_its_look() {
    let mut machine = Machine::new();
    let a = machine.cgroup();
    machine.writer.set(a, Knob::CpuMax, 2.0).unwrap();
    machine.writer.set(a, Knob::CpuBurst, 50_000.0).unwrap();
    let touched = std::mem::take(&mut machine.writer.cgroups);
    machine.put("cpu.max", FOREIGN);
    let theirs = foreign::told_by(&touched, machine.writer.page);
    let root = machine.folder.path().join("root");
    let journal = &mut machine.writer.journal;
    let report = journal.restore_all_but(&root, &theirs).unwrap();
    let skipped: Vec<Skip> = report.skipped.iter().map(|(_, skip)| *skip).collect();
    assert_eq!(skipped, [Skip::SetByOthers]);
    assert_eq!(report.restored.len(), 1, "{report:?}");
    assert_eq!(machine.text("cpu.max"), FOREIGN);
    assert_eq!(machine.text("cpu.max.burst"), "0\n");
    assert!(machine.writer.journal.is_empty());
}

#[test]
fn what_others_write_while_ours_is_on_its_way_is_theirs() {
    let mut machine = Machine::new();
    let (a, knob) = (machine.cgroup(), Knob::CpuMax);
    let content = |text: &str| Content::parse(knob, text).unwrap();
    machine.writer.set(a, knob, 1.0).unwrap();
    let ours = content(&machine.text("cpu.max"));
    let wanted = content("200000 100000\n");
    // They write before what we have written is read back.
    machine.put("cpu.max", FOREIGN);
    let taken = machine.writer.take_in(a, knob, ours, wanted);
    assert!(
        matches!(taken, Err(SetError::Foreign { found, .. }) if (found - 3.0).abs() < 1e-9),
        "{taken:?}"
    );
    let look = machine.writer.look(a.id, knob).unwrap().unwrap();
    assert!(look.foreign && !look.original, "{look:?}");
    machine.writer.restore_all().unwrap();
    assert_eq!(machine.text("cpu.max"), FOREIGN);
}

#[test]
fn a_write_without_effect_says_so_and_is_put_back() {
    let mut machine = Machine::new();
    let (a, knob) = (machine.cgroup(), Knob::CpuMax);
    let content = |text: &str| Content::parse(knob, text).unwrap();
    let before = content("max 100000\n");
    let taken = machine
        .writer
        .take_in(a, knob, before, content("200000 100000\n"));
    assert!(matches!(taken, Err(SetError::ReadBack { .. })), "{taken:?}");
    machine.writer.restore_all().unwrap();
    assert_eq!(machine.text("cpu.max"), "max 100000\n");
}

#[test]
fn a_first_write_that_fails_leaves_nothing_to_put_back() {
    let mut machine = Machine::new();
    let (a, knob) = (machine.cgroup(), Knob::CpuMax);
    let file = machine.folder.path().join("root/a/cpu.max");
    let path = machine.folder.path().join("root");
    let journal = &mut machine.writer.journal;
    journal
        .keep_original(a, knob.file(), "max 100000\n", false)
        .unwrap();
    LimitWriter::touch(&mut machine.writer.cgroups, &path, a, knob).unwrap();
    machine.writer.forget_first(a, knob, "max 100000\n");
    assert_eq!(machine.writer.held(), 0);
    fs::write(&file, FOREIGN).unwrap();
    machine.writer.restore_all().unwrap();
    assert_eq!(machine.text("cpu.max"), FOREIGN);
}
