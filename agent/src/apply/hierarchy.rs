//! Whether the cgroup hierarchy can be written at all: one state and one line in the log, instead of an
//! error for each file.

use std::path::PathBuf;

use llmos_cgroupfs::{SetError, Unwritable, unwritable};
use llmos_engine::units::Timestamp;

/// So long after the last refusal files count as read-only; writes are tried again more often.
const REMEMBERED_S: f64 = 600.0;

/// See the module.
#[derive(Debug)]
pub(super) struct Hierarchy {
    root: PathBuf,
    closed: Option<Unwritable>,
    /// When a file last refused because it lies on a read-only mount, and which.
    refused: Option<(Timestamp, String)>,
}

impl Hierarchy {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            closed: None,
            refused: None,
        }
    }

    /// At each tick: looks whether it is there.
    pub(super) fn look(&mut self, now: Timestamp) {
        let closed = unwritable(&self.root);
        if closed != self.closed {
            let root = self.root.display();
            match closed {
                Some(why) => tracing::error!(%root, "{why}: no limit can be written or put back"),
                None => tracing::info!(%root, "the cgroup v2 hierarchy can be written again"),
            }
        }
        self.closed = closed;
        let over = |(at, _): &(Timestamp, String)| now.seconds_since(*at) >= REMEMBERED_S;
        if self.refused.as_ref().is_some_and(over) {
            tracing::info!("no cgroup file was read-only for {REMEMBERED_S} s");
            self.refused = None;
        }
    }

    /// Why nothing can be written now, if so.
    pub(super) fn closed(&self) -> Option<Unwritable> {
        self.closed
    }

    /// Takes in a failed write. True when it needs no line of its own: the file is read-only, and
    /// that was told.
    pub(super) fn has_told(&mut self, now: Timestamp, error: &SetError) -> bool {
        if !error.is_read_only() {
            return false;
        }
        let first = self.refused.is_none();
        self.refused = Some((now, error.to_string()));
        !first
    }

    /// In words for the status, if something is wrong.
    pub(super) fn trouble(&self) -> Option<String> {
        let refused = self.refused.as_ref();
        self.closed
            .map(|why| format!("{why} ({})", self.root.display()))
            .or_else(|| refused.map(|(_, error)| format!("files are mounted read-only: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: i32) -> SetError {
        SetError::Write {
            path: "/sys/fs/cgroup/a/cpu.max".into(),
            value: "1".to_owned(),
            source: std::io::Error::from_raw_os_error(code),
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1_000_000_000)
    }

    #[test]
    fn read_only_files_are_told_once_and_forgotten_after_a_while() {
        use nix::libc::{EINVAL, EROFS};
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cgroup.controllers"), "cpu\n").unwrap();
        let mut hierarchy = Hierarchy::new(dir.path().to_owned());
        hierarchy.look(at(0));
        assert!(!hierarchy.has_told(at(1), &error(EINVAL)), "another error");
        assert_eq!(hierarchy.trouble(), None);
        assert!(!hierarchy.has_told(at(1), &error(EROFS)), "the first");
        assert!(hierarchy.has_told(at(2), &error(EROFS)));
        let trouble = hierarchy.trouble().unwrap();
        assert!(
            trouble.contains("read-only") && trouble.contains("cpu.max"),
            "{trouble}"
        );
        hierarchy.look(at(601));
        assert!(hierarchy.trouble().is_some());
        hierarchy.look(at(602));
        assert_eq!(hierarchy.trouble(), None);
    }
}
