//! Puts originals back, in an order that kills nothing.
//!
//! A cgroup's originals may be lower than what it uses now, because LLMOS gave it more. A
//! `memory.max` below use kills at once, `memory.high` below use only reclaims. So: `memory.max`
//! first when it rises, then `memory.high`; a `memory.max` that falls waits until use is below it,
//! with `memory.high` at its level to drive use down, and if use stays above it is left as it is
//! and reported. A quota below the burst credit in force is refused by the kernel, and so is a credit
//! above the quota: the credit goes to nothing first and comes back after the quota. Units of systemd
//! come last of all (`units`).

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use llmos_systemd::{Host, UnitName};

use super::record::{Key, Original, UnitOriginal};
use super::report::{RestoreReport, Skip};
use super::units::Systemd;
use crate::dir::{Dir, is_gone};
use crate::mount::{self, Unwritable};
use crate::parse::{MemoryLimit, memory_limit};
use crate::write::in_use;

/// How long one restore waits, over all cgroups, for memory use to fall.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
const QUOTA: &str = "cpu.max";
const BURST: &str = "cpu.max.burst";
const POLL: Duration = Duration::from_millis(20);

/// What there is to restore.
#[derive(Debug, Default)]
pub(super) struct Work<'a> {
    /// In the order of their keys.
    pub(super) files: Vec<(&'a Key, &'a Original)>,
    pub(super) units: Vec<(&'a UnitName, &'a UnitOriginal)>,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) report: RestoreReport,
    /// These need no restoring any more.
    pub(super) files: Vec<Key>,
    pub(super) units: Vec<UnitName>,
}

/// Does a file (cgroup, file name, content) hold what somebody else has set after us? That stays.
pub(super) type Theirs<'a> = dyn Fn(u64, &str, &str) -> bool + 'a;

/// For those who do not know what was written last.
pub(super) fn nobody_elses(_: u64, _: &str, _: &str) -> bool {
    false
}

/// Where to restore.
pub(super) struct Place<'a> {
    pub(super) root: &'a Path,
    pub(super) host: &'a Host,
    /// The boot that runs.
    pub(super) boot: &'a str,
    pub(super) theirs: &'a Theirs<'a>,
}

/// Restores the originals: the files first, because they wait for nobody, then the units.
pub(super) fn restore(work: &Work<'_>, place: &Place<'_>, patience: Duration) -> Done {
    let mut pass = Pass {
        done: Done::default(),
        deadline: Instant::now() + patience,
    };
    let of_one_cgroup = |(a, _): &(&Key, _), (b, _): &(&Key, _)| a.inode == b.inode;
    for group in work.files.chunk_by(of_one_cgroup) {
        pass.cgroup(group, place);
    }
    let mut systemd = Systemd::new(place.host);
    for (name, unit) in &work.units {
        let files = work.files.iter().copied();
        let files: Vec<_> = files.filter(|(key, _)| key.inode == unit.inode).collect();
        pass.unit(&mut systemd, name, unit, &files, place.root, place.boot);
    }
    pass.done
}

pub(super) struct Pass {
    pub(super) done: Done,
    deadline: Instant,
}

impl Pass {
    fn cgroup(&mut self, group: &[(&Key, &Original)], place: &Place<'_>) {
        let Some((first, original)) = group.first() else {
            return;
        };
        let path = place.root.join(&original.path);
        let skip = if original.boot != place.boot {
            Some(Skip::OtherBoot)
        } else {
            match Dir::open(&path, first.inode) {
                Ok(Some(dir)) => return self.files(group, &dir, place.theirs),
                Ok(None) if mount::is_missing(place.root) => {
                    self.failed(group, &path, &Unwritable::Missing);
                    None
                }
                Ok(None) => Some(Skip::Gone),
                Err(error) => {
                    self.failed(group, &path, &error);
                    None
                }
            }
        };
        if let Some(skip) = skip {
            for (key, _) in group {
                self.done.report.skipped.push((path.join(&key.file), skip));
                self.done.files.push((*key).clone());
            }
        }
    }

    fn failed(&mut self, group: &[(&Key, &Original)], path: &Path, reason: &dyn std::fmt::Display) {
        let failed = group
            .iter()
            .map(|(key, _)| (path.join(&key.file), reason.to_string()));
        self.done.report.failed.extend(failed);
    }

    fn files(&mut self, group: &[(&Key, &Original)], dir: &Dir, theirs: &Theirs<'_>) {
        let theirs = |file: &str, text: &str| theirs(dir.id(), file, text);
        let max = group.iter().find(|(key, _)| key.file == "memory.max");
        let falls = max.and_then(|(_, original)| falling_max(dir, &original.text));
        // What rises or cannot hurt goes first; a falling memory.max goes last.
        if falls.is_none()
            && let Some((key, original)) = max
        {
            self.file(key, original, dir, &theirs);
        }
        let has = |file: &str| group.iter().any(|(key, _)| key.file == file);
        let mut no_credit = false;
        if has(QUOTA) && has(BURST) {
            // If that fails, so does what comes next, which is told.
            let put = put_back(dir, BURST, "0\n", &|text| theirs(BURST, text));
            no_credit = matches!(put, Ok(Put::Written));
        }
        // That nothing is nobody else's.
        let set_since = |file: &str, text: &str| {
            theirs(file, text) && !(no_credit && file == BURST && text.trim() == "0")
        };
        // In the order of their names the quota comes before the credit.
        for (key, original) in group.iter().filter(|(key, _)| key.file != "memory.max") {
            self.file(key, original, dir, &set_since);
        }
        if let (Some(limit), Some((key, original))) = (falls, max) {
            match self.make_room(dir, limit) {
                Ok(()) => self.file(key, original, dir, &theirs),
                Err(reason) => {
                    self.done
                        .report
                        .failed
                        .push((dir.display(&key.file), reason));
                }
            }
        }
    }

    fn file(
        &mut self,
        key: &Key,
        original: &Original,
        dir: &Dir,
        theirs: &dyn Fn(&str, &str) -> bool,
    ) {
        let path = dir.display(&key.file);
        let theirs = |text: &str| theirs(&key.file, text);
        match put_back(dir, &key.file, &original.text, &theirs) {
            Ok(Put::Gone) => self.done.report.skipped.push((path, Skip::Gone)),
            Ok(Put::Theirs) => self.done.report.skipped.push((path, Skip::SetByOthers)),
            Ok(put) => {
                self.done.report.written += usize::from(put == Put::Written);
                self.done.report.restored.push(path);
            }
            Err(error) => {
                let reason = format!("cannot write {:?}: {error}", original.text.trim());
                self.done.report.failed.push((path, reason));
                return;
            }
        }
        self.done.files.push(key.clone());
    }

    /// Waits until use is below `limit`, with `memory.high` there to drive it down meanwhile.
    pub(super) fn make_room(&self, dir: &Dir, limit: u64) -> Result<(), String> {
        let high = dir.read("memory.high").ok().flatten();
        let lowered = high.as_deref().is_some_and(|text| {
            let above = memory_limit(text).is_ok_and(|now| now.bytes() > limit);
            in_use(dir).is_some_and(|current| current > limit)
                && above
                && put_back(dir, "memory.high", &limit.to_string(), &|_| false).is_ok()
        });
        let outcome = loop {
            match in_use(dir) {
                Some(current) if current > limit => {
                    if Instant::now() >= self.deadline {
                        break Err(format!(
                            "left as it is: the original {limit} is below the {current} bytes in \
                             use and would kill"
                        ));
                    }
                    std::thread::sleep(POLL);
                }
                _ => break Ok(()),
            }
        };
        if let (true, Some(high)) = (lowered, high) {
            put_back(dir, "memory.high", &high, &|_| false)
                .map_err(|error| format!("memory.high stays at {limit}: {error}"))?;
        }
        outcome
    }
}

/// The original limit in bytes, if it is lower than the limit in force.
fn falling_max(dir: &Dir, original: &str) -> Option<u64> {
    let now = memory_limit(&dir.read("memory.max").ok()??).ok()?;
    match memory_limit(original).ok()? {
        MemoryLimit::Bytes(bytes) if now.bytes() > bytes => Some(bytes),
        _ => None,
    }
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It holds the text again.
    Written,
    /// It held the text already.
    Held,
    /// The cgroup is gone.
    Gone,
    /// It holds what somebody else has set, and goes on holding it.
    Theirs,
}

/// Writes the text as it was, unless what is there is somebody else's. cgroups-rs writes typed values in its own form, and drops the
/// system's error where it takes text, so this is ours. Never creates a file. Cutting to length
/// means nothing to the kernel's files and keeps plain ones honest.
pub(super) fn put_back(
    dir: &Dir,
    file: &str,
    text: &str,
    theirs: &dyn Fn(&str) -> bool,
) -> io::Result<Put> {
    match dir.read(file) {
        Ok(Some(now)) if now == text => return Ok(Put::Held),
        Ok(Some(now)) if theirs(&now) => return Ok(Put::Theirs),
        Ok(Some(_)) => {}
        Ok(None) if dir.is_alive() => return Err(io::ErrorKind::NotFound.into()),
        Ok(None) => return Ok(Put::Gone),
        Err(error) => return Err(error),
    }
    let path = dir.pinned().join(file);
    let written = OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(path)
        .and_then(|mut opened| opened.write_all(text.as_bytes()));
    match written {
        Err(error) if is_gone(&error) => Ok(Put::Gone),
        other => other.map(|()| Put::Written),
    }
}
