//! A hierarchy that goes away or becomes read-only under a writer.

use std::fs;
use std::io::ErrorKind;

use llmos_cgroupfs::{SetError, Unwritable, unwritable};
use llmos_engine::decide::Knob;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::support::{Tree, cgroup};

#[test]
fn originals_outlast_a_hierarchy_that_is_away() {
    let tree = Tree::new();
    let id = tree.add("a", "service");
    let mut writer = tree.writer();
    writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
    assert_eq!(unwritable(&tree.root()), None);

    // What an unmount leaves: the mount point, and nothing in it.
    let away = tree.state().join("away");
    fs::rename(tree.root(), &away).unwrap();
    fs::create_dir(tree.root()).unwrap();
    assert_eq!(unwritable(&tree.root()), Some(Unwritable::Missing));
    let report = writer.restore_all().unwrap();
    let expected = "the cgroup v2 hierarchy is not there".to_owned();
    assert_eq!(report.failed, [(tree.root().join("a/cpu.max"), expected)]);
    assert!(writer.holds(id), "not taken for gone");

    fs::remove_dir(tree.root()).unwrap();
    fs::rename(&away, tree.root()).unwrap();
    assert_eq!(unwritable(&tree.root()), None);
    let report = writer.restore_all().unwrap();
    assert_eq!(report.to_string(), "1 restored, 0 skipped, 0 failed");
    assert_eq!(tree.text("a/cpu.max"), "max 100000\n");
}

/// In a thread of its own, which alone sees the mounts.
#[test]
fn a_read_only_hierarchy_is_told_and_its_originals_stay() {
    let thread = std::thread::spawn(|| {
        if let Err(error) = unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS) {
            eprintln!("skipped: no mount namespace of its own ({error})");
            return;
        }
        let none: Option<&str> = None;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(none, "/", none, private, none).unwrap();
        let tree = Tree::new();
        let root = tree.root();
        mount(Some("none"), &root, Some("tmpfs"), MsFlags::empty(), none).unwrap();
        tree.put("cgroup.controllers", "cpu memory\n");
        let id = tree.add("a", "service");
        let mut writer = tree.writer();
        writer.set(cgroup("a", id), Knob::CpuMax, 1.0).unwrap();
        let remount = |flags| mount(none, &root, none, MsFlags::MS_REMOUNT | flags, none).unwrap();

        remount(MsFlags::MS_RDONLY);
        assert_eq!(unwritable(&root), Some(Unwritable::ReadOnly));
        for (knob, value) in [(Knob::CpuMax, 2.0), (Knob::MemoryHigh, 9e7)] {
            let error = writer.set(cgroup("a", id), knob, value).unwrap_err();
            assert!(error.is_read_only(), "{error}");
            let SetError::Write { source, .. } = error else {
                panic!("{error}");
            };
            assert_eq!(source.kind(), ErrorKind::ReadOnlyFilesystem);
        }
        let report = writer.restore_all().unwrap();
        let failed: Vec<_> = report.failed.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(
            failed,
            [root.join("a/cpu.max")],
            "what was never changed is no failure"
        );

        remount(MsFlags::empty());
        assert_eq!(unwritable(&root), None);
        let report = writer.restore_all().unwrap();
        assert!(report.failed.is_empty(), "{report:?}");
        assert_eq!(tree.text("a/cpu.max"), "max 100000\n");
    });
    thread.join().unwrap();
}
