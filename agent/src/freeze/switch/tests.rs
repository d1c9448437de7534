//! The file, whoever made it, and whatever it is.

use std::os::unix::fs::symlink;

use super::*;

fn switch() -> (tempfile::TempDir, Switch) {
    let dir = tempfile::tempdir().unwrap();
    let switch = Switch::new(dir.path().join("state/freeze"));
    (dir, switch)
}

fn why(switch: &Switch) -> Option<String> {
    switch.frozen().map(|frozen| frozen.cause)
}

#[test]
fn asking_freezes_at_once_and_settling_makes_it_last() {
    let (_dir, switch) = switch();
    assert_eq!(switch.frozen(), None);
    switch.freeze(Some("upgrade".into()));
    let frozen = switch.frozen().unwrap();
    assert_eq!(frozen.cause, "upgrade");
    assert!(frozen.not_kept.is_some());
    switch.settle().unwrap();
    let kept = Frozen {
        cause: "upgrade".into(),
        not_kept: None,
    };
    assert_eq!(switch.frozen(), Some(kept.clone()));
    let restarted = Switch::new(switch.file().to_owned());
    assert_eq!(restarted.frozen(), Some(kept));

    restarted.unfreeze();
    assert!(restarted.frozen().is_some(), "until it is done");
    restarted.settle().unwrap();
    assert_eq!((restarted.frozen(), switch.frozen()), (None, None));
    assert!(!switch.file().exists());
    restarted.unfreeze();
    restarted.settle().unwrap();
}

#[test]
fn what_was_asked_for_last_counts_whoever_settles_it() {
    let (_dir, switch) = switch();
    switch.freeze(None);
    switch.unfreeze();
    switch.settle().unwrap();
    switch.settle().unwrap();
    assert_eq!(switch.frozen(), None);
    switch.unfreeze();
    switch.freeze(None);
    switch.settle().unwrap();
    assert_eq!(why(&switch).as_deref(), Some("no cause given"));
}

#[test]
fn without_a_file_it_freezes_all_the_same_and_says_that_it_will_not_last() {
    let (dir, _) = switch();
    fs::write(dir.path().join("file"), "").unwrap();
    let switch = Switch::new(dir.path().join("file/freeze"));
    assert_eq!(switch.frozen(), None);
    switch.freeze(Some("disk full".into()));
    let error = switch.settle().unwrap_err().to_string();
    assert!(error.contains("file/freeze"), "{error}");
    let frozen = switch.frozen().unwrap();
    assert_eq!(frozen.cause, "disk full");
    assert_eq!(frozen.not_kept.as_deref(), Some(error.as_str()));
    switch.unfreeze();
    switch.settle().unwrap();
    assert_eq!(switch.frozen(), None);
}

#[test]
fn a_file_that_cannot_be_removed_goes_on_freezing() {
    let (_dir, switch) = switch();
    fs::create_dir_all(switch.file().join("inner")).unwrap();
    switch.unfreeze();
    assert!(switch.settle().is_err());
    assert!(switch.frozen().is_some());
}

#[test]
fn whatever_has_the_name_freezes() {
    let (_dir, switch) = switch();
    let file = switch.file();
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    for (content, cause) in [
        ("", "no cause given"),
        ("\nsecond\n", "no cause given"),
        ("  by ops \nsecond line\n", "by ops"),
        ("a\u{1b}[31mb", "a [31mb"),
    ] {
        fs::write(file, content).unwrap();
        assert_eq!(why(&switch).as_deref(), Some(cause), "{content:?}");
    }
    fs::write(file, "ü".repeat(10_000)).unwrap();
    assert_eq!(why(&switch).unwrap().chars().count(), LONGEST);
    fs::write(file, [0xff, b'x', b'\n']).unwrap();
    assert_eq!(why(&switch).as_deref(), Some("\u{fffd}x"));

    fs::remove_file(file).unwrap();
    symlink("/no/such/file", file).unwrap();
    assert!(why(&switch).unwrap().starts_with("no cause given ("));
    fs::remove_file(file).unwrap();
    fs::create_dir(file).unwrap();
    assert!(why(&switch).unwrap().contains("no regular file"));
    fs::remove_dir(file).unwrap();
    nix::unistd::mkfifo(file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(why(&switch).unwrap().contains("no regular file"));
    fs::remove_file(file).unwrap();
    assert_eq!(switch.frozen(), None);
}

#[test]
fn causes_are_one_short_line() {
    assert_eq!(cause(" why "), Ok(Some("why".into())));
    assert_eq!(cause(" \n"), Ok(None));
    assert!(cause("a\nb").is_err() && cause(&"x".repeat(201)).is_err());
    assert_eq!(cause(&"ü".repeat(200)).map(|c| c.is_some()), Ok(true));
}
