//! The walk over a tree, and the way from an id to a path.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use llmos_cgroupfs::{Controllers, Layout, Root, RootError, find_by_id, walk};

use crate::support::Tree;

#[test]
fn all_cgroups_are_listed_parents_first() {
    let tree = Tree::new();
    let leaf = tree.add("a.slice/one.service", "service");
    tree.add("a.slice/two.service", "service");
    tree.put(
        "a.slice/two.service/cgroup.events",
        "populated 0\nfrozen 0\n",
    );
    fs::create_dir(tree.root().join("b.slice")).unwrap();
    symlink(tree.root(), tree.root().join("loop")).unwrap();
    let found = walk(&tree.root()).unwrap();
    let paths: Vec<_> = found
        .entries
        .iter()
        .map(|entry| entry.path.as_str())
        .collect();
    let expected = [
        "",
        "a.slice",
        "a.slice/one.service",
        "a.slice/two.service",
        "b.slice",
    ];
    assert_eq!(paths, expected);
    let leaves: Vec<_> = found.entries.iter().map(|entry| entry.leaf).collect();
    assert_eq!(leaves, [false, false, true, true, true]);
    let populated: Vec<_> = found.entries.iter().map(|entry| entry.populated).collect();
    assert_eq!(populated, [None, None, Some(true), Some(false), None]);
    assert_eq!(found.entries[2].id, leaf);
    assert!(found.unreadable.is_empty());
}

#[test]
fn a_name_that_is_no_text_is_told() {
    let tree = Tree::new();
    let odd = std::ffi::OsStr::from_bytes(b"odd\xff");
    fs::create_dir(tree.root().join(odd)).unwrap();
    let found = walk(&tree.root()).unwrap();
    assert_eq!(found.unreadable, [tree.root().join(odd)]);
    assert_eq!(found.entries.len(), 1);
}

#[test]
fn a_root_that_is_not_there_is_an_error() {
    let tree = Tree::new();
    let error = walk(&tree.root().join("no")).unwrap_err().to_string();
    assert!(
        error.starts_with("cannot list ") && error.contains("/no: "),
        "{error}"
    );
}

#[test]
fn an_id_leads_to_its_path_below_a_directory() {
    let tree = Tree::new();
    let id = tree.add("a/b/c", "service");
    assert_eq!(find_by_id(&tree.root(), "", id).as_deref(), Some("a/b/c"));
    assert_eq!(
        find_by_id(&tree.root(), "a/b/c", id).as_deref(),
        Some("a/b/c")
    );
    assert_eq!(
        find_by_id(&tree.root(), "/a/", id).as_deref(),
        Some("a/b/c")
    );
    fs::create_dir(tree.root().join("z")).unwrap();
    assert_eq!(find_by_id(&tree.root(), "z", id), None);
    fs::remove_dir_all(tree.root().join("a")).unwrap();
    assert_eq!(find_by_id(&tree.root(), "", id), None);
}

#[test]
fn a_given_root_tells_its_controllers() {
    let tree = Tree::new();
    let root = Root::at(&tree.root()).unwrap();
    assert_eq!(
        root.controllers(),
        Controllers {
            cpu: true,
            memory: true
        }
    );
    assert_eq!(root.layout(), Layout::Given);
    tree.put("cgroup.controllers", "\n");
    let none = Root::at(&tree.root()).unwrap().controllers();
    assert_eq!(
        none,
        Controllers {
            cpu: false,
            memory: false
        }
    );
    let wrong = Root::at(&tree.state());
    assert!(matches!(wrong, Err(RootError::NotACgroup(_))), "{wrong:?}");
}
