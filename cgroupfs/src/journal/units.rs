//! Units of systemd that have properties of ours: noted before the first call, and given back.
//!
//! systemd writes all files of a unit's cgroup when a property is set, and before it answers. So an
//! original `MemoryMax` waits like an original `memory.max` until use is below it, and files whose
//! originals are not those of the unit are put back once more after the call. Without a bus the files
//! have to do, and our drop-ins go, so that the next `daemon-reload` brings the originals; the unit stays
//! in the journal, because until then systemd holds our values.
//!
//! What a unit has that it neither had before nor got by one of the calls noted here was set by
//! somebody else since, and stays.

use std::path::{Path, PathBuf};

use llmos_systemd::{
    Asked, BusError, Host, Manager, Original as UnitValues, Properties, Property, UNSET, UnitName,
    sweep, theirs, undo,
};

use super::record::{Key, Original, UnitOriginal};
use super::report::Skip;
use super::restore::{Pass, put_back};
use super::{Journal, JournalError};
use crate::dir::{CgroupRef, Dir};
use crate::write::in_use;

/// systemd, asked for the first time when a unit needs it.
pub(super) struct Systemd<'a> {
    host: &'a Host,
    /// Once the bus has failed it is not asked again: each try may take seconds.
    manager: Option<Result<Manager, BusError>>,
}

impl<'a> Systemd<'a> {
    pub(super) fn new(host: &'a Host) -> Self {
        Self {
            host,
            manager: None,
        }
    }

    /// What somebody else has set of a unit since it was noted, as far as that can be told.
    fn theirs(&mut self, name: &UnitName, unit: &UnitOriginal) -> Result<Properties, BusError> {
        let Some(asked) = &unit.asked else {
            return Ok(Properties::default());
        };
        let now = self.call(|_, manager| manager.values(name, &unit.original.values.which()));
        match now {
            Ok(now) => Ok(theirs(&unit.original, asked, &now)),
            Err(BusError::NoSuchUnit(_)) => Ok(Properties::default()),
            Err(error) => Err(error),
        }
    }

    /// Was anything set? Also what people should know. `anew` sets all in any case.
    fn undo(
        &mut self,
        name: &UnitName,
        original: &UnitValues,
        anew: bool,
    ) -> Result<(bool, Option<String>), BusError> {
        let undone = self.call(|host, manager| undo(host, manager, name, original, anew))?;
        let left = undone.left.map(|(path, why)| {
            format!(
                "{} stays until the next boot, with the original value: {why}",
                path.display()
            )
        });
        Ok((undone.set, left))
    }

    fn call<T>(
        &mut self,
        one: impl FnOnce(&Host, &Manager) -> Result<T, BusError>,
    ) -> Result<T, BusError> {
        let manager = self
            .manager
            .get_or_insert_with(|| Manager::connect(self.host));
        let done = match manager {
            Ok(manager) => one(self.host, manager),
            Err(error) => Err(error.clone()),
        };
        if let Err(error) = &done
            && error.is_of_the_bus()
        {
            self.manager = Some(Err(error.clone()));
        }
        done
    }
}

impl Pass {
    /// Restores one unit; `files` are the originals of its very cgroup.
    pub(super) fn unit(
        &mut self,
        systemd: &mut Systemd<'_>,
        name: &UnitName,
        unit: &UnitOriginal,
        files: &[(&Key, &Original)],
        root: &Path,
        boot: &str,
    ) {
        let shown = || PathBuf::from(name.as_str());
        if unit.boot != boot {
            // What we set did not outlive the boot.
            self.done.report.skipped.push((shown(), Skip::OtherBoot));
            self.done.units.push(name.clone());
            return;
        }
        let path = root.join(&unit.path);
        // Without an answer the undo fails as well.
        let theirs = systemd.theirs(name, unit).unwrap_or_default();
        let original = unit.original.with(&theirs);
        let max = unit.original.values.get(Property::MemoryMax);
        let falls = max.filter(|max| *max != UNSET && theirs.get(Property::MemoryMax).is_none());
        if let (Some(dir), Some(limit)) = (now_there(&path), falls)
            && let Err(reason) = self.make_room(&dir, limit)
        {
            self.done.report.failed.push((shown(), reason));
            return;
        }
        // The files hold their originals by now, where they should hold what others have set.
        match systemd.undo(name, &original, !theirs.is_empty()) {
            Ok((set, note)) => {
                self.done.report.written += usize::from(set);
                self.done.report.units.push(name.to_string());
                self.done.report.notes.extend(note);
                self.done.units.push(name.clone());
                for (property, _) in theirs.iter() {
                    let property = shown().join(property.name());
                    let skipped = (property, Skip::SetByOthers);
                    self.done.report.skipped.push(skipped);
                }
                if set && let Ok(Some(dir)) = Dir::open(&path, unit.inode) {
                    let is_theirs = |file: &str| theirs.iter().any(|(one, _)| one.file() == file);
                    let ours = files.iter().copied();
                    let ours: Vec<_> = ours.filter(|(key, _)| !is_theirs(&key.file)).collect();
                    self.once_more(&dir, &ours);
                }
            }
            Err(error) => {
                let left = sweep(systemd.host, name, &original);
                let next = match left {
                    None => "systemd forgets ours at its next daemon-reload".to_owned(),
                    Some((path, why)) => {
                        format!("{} could not be removed: {why}", path.display())
                    }
                };
                let reason = format!("only the files of its cgroup are restored: {error}; {next}");
                self.done.report.failed.push((shown(), reason));
            }
        }
    }

    /// After systemd wrote all files from its own: those that were restored before.
    fn once_more(&mut self, dir: &Dir, files: &[(&Key, &Original)]) {
        for (key, original) in files {
            if !self.done.files.contains(key) {
                continue;
            }
            let kills = key.file == "memory.max"
                && original
                    .text
                    .trim()
                    .parse()
                    .is_ok_and(|limit: u64| in_use(dir).is_some_and(|current| current > limit));
            let written = if kills {
                Err("memory in use has risen above it".to_owned())
            } else {
                let put = put_back(dir, &key.file, &original.text, &|_| false);
                put.map_err(|error| error.to_string())
            };
            if let Err(why) = written {
                let path = dir.display(&key.file);
                let reason = format!("holds what systemd has for it: {why}");
                self.done.report.failed.push((path, reason));
            }
        }
    }
}

/// The cgroup that bears this path now, whichever it is.
fn now_there(path: &Path) -> Option<Dir> {
    use std::os::unix::fs::MetadataExt as _;
    let id = path.symlink_metadata().ok()?.ino();
    Dir::open(path, id).ok()?
}

impl Journal {
    /// Sets where systemd is to be found when units are restored; this machine unless it is set.
    pub fn set_host(&mut self, host: Host) {
        self.host = host;
    }

    /// The units that have, or are about to get, properties of ours.
    pub(crate) fn units(&self) -> impl Iterator<Item = (&UnitName, &UnitOriginal)> {
        self.store.units().iter()
    }

    /// What is noted of a unit.
    pub(crate) fn unit(&self, name: &UnitName) -> Option<&UnitOriginal> {
        let unit = self.store.units().get(name)?;
        (unit.boot == self.boot).then_some(unit)
    }

    /// Notes what systemd is about to be asked for; of a unit that is noted.
    pub(crate) fn note_asked(
        &mut self,
        name: &UnitName,
        asked: &Properties,
    ) -> Result<(), JournalError> {
        let Some(mut unit) = self.unit(name).cloned() else {
            return Ok(());
        };
        if unit
            .asked
            .as_mut()
            .is_some_and(|calls| calls.note(asked.clone()))
        {
            self.store.amend_unit(name, unit)?;
        }
        Ok(())
    }

    /// Notes what a unit was; before the first call that sets anything of it.
    pub(crate) fn keep_unit(
        &mut self,
        cgroup: CgroupRef<'_>,
        name: UnitName,
        original: UnitValues,
    ) -> Result<(), JournalError> {
        let known = self.unit(&name);
        let unit = UnitOriginal {
            asked: known.map_or_else(|| Some(Asked::default()), |known| known.asked.clone()),
            boot: self.boot.clone(),
            inode: cgroup.id,
            path: cgroup.path.to_owned(),
            original,
        };
        self.store.remember_unit(name, unit)
    }

    /// The unit has nothing of ours any more.
    pub(crate) fn unit_done(&mut self, name: &UnitName) -> Result<(), JournalError> {
        self.store.done(&[], std::slice::from_ref(name))
    }
}
