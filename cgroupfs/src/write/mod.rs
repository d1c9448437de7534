//! The one writer of limits: journal, compare, write, read back.

mod after;
mod error;
mod foreign;
mod put;
#[cfg(test)]
mod tests;
mod unit;
pub(crate) mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use llmos_engine::decide::Knob;
use llmos_engine::policy::Mode;
use llmos_systemd::Asked;

pub use error::SetError;
pub use foreign::Look;
pub use value::quantise;

use crate::dir::{CgroupRef, Dir, is_gone};
use crate::journal::{Journal, JournalError, RestoreReport};
use crate::parse::{self, MemoryLimit};
use unit::to_content;
use value::{Content, page_size};

/// Proof that the agent may write limits. Only mode `enforce` gives one.
#[derive(Debug)]
pub struct WritePermit(());

impl WritePermit {
    /// The permit, in mode `enforce`; `None` in `observe`.
    #[must_use]
    pub fn of(mode: Mode) -> Option<Self> {
        match mode {
            Mode::Enforce => Some(Self(())),
            Mode::Observe => None,
        }
    }
}

/// What a call to [`LimitWriter::set`] did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SetReport {
    /// The limit before, in the knob's unit; infinite for `max`.
    pub from: f64,
    /// The limit now, in the knob's unit, as read back.
    pub to: f64,
    /// Was anything written? Not if the file held the wanted value already.
    pub written: bool,
}

/// Writes limits, and takes them back.
#[derive(Debug)]
pub struct LimitWriter {
    root: PathBuf,
    journal: Journal,
    cgroups: BTreeMap<u64, Touched>,
    /// Changes with the set of files that hold a value of ours.
    generation: u64,
    page: u64,
}

/// A cgroup that was written to.
#[derive(Debug)]
struct Touched {
    dir: Dir,
    files: BTreeMap<Knob, Held>,
    /// Files that belong to somebody else until they are taken back.
    handed_over: BTreeSet<Knob>,
    /// What systemd writes when it sets the files of this cgroup anew; nothing where it does not.
    word: BTreeMap<Knob, Content>,
    /// What it has been asked for and has not confirmed: it may write that at any moment.
    asked: Asked,
}

impl Touched {
    /// Has somebody else written this? What systemd has from us, or is about to have, or had before, is
    /// nobody else's.
    fn is_foreign(&self, knob: Knob, current: Content, page: u64) -> bool {
        let near = |known: Content| known.is_near(current, page);
        let mut asked = self.asked.iter().filter_map(|call| to_content(knob, call));
        let systemds = self.word.get(&knob).copied().is_some_and(near) || asked.any(near);
        let held = self.files.get(&knob);
        held.is_some_and(|held| !near(held.last)) && !systemds
    }
}

/// A file that we wrote.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// What it held after our last write.
    last: Content,
    /// What it held before our first one.
    first: Content,
}

/// What a write may replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// Whatever is there.
    Anything,
    /// Not what somebody else wrote after us.
    OwnOnly,
}

/// How often a file is looked at anew that changes between look and write. Whoever changes it that
/// often gets his way.
const ATTEMPTS: usize = 3;

/// What came of one look at a file and the write after it.
enum Tried {
    Done(SetReport),
    /// Somebody changed the file between the two, so nothing was written.
    Overtaken {
        path: PathBuf,
        found: f64,
    },
}

impl LimitWriter {
    /// A writer for the hierarchy at `root`. Restore leftovers in the journal first.
    #[must_use]
    pub fn new(_permit: WritePermit, root: PathBuf, journal: Journal) -> Self {
        Self {
            root,
            journal,
            cgroups: BTreeMap::new(),
            generation: 0,
            page: page_size(),
        }
    }

    /// Sets a limit in the knob's unit, infinite for `max`. A quota below the burst credit in force
    /// is refused by the kernel, so the credit goes down first; a credit above the quota in force
    /// is, too, so it becomes that quota. Before the first write to a file its
    /// original content is on disk. A value changed by somebody else since our last write is what
    /// people would have without us, so it becomes the original.
    ///
    /// # Errors
    /// [`SetError::Gone`] is normal; [`SetError::Foreign`] where somebody else writes at the same time
    /// and has the last word; see [`SetError`] for the rest.
    pub fn set(
        &mut self,
        cgroup: CgroupRef<'_>,
        knob: Knob,
        value: f64,
    ) -> Result<SetReport, SetError> {
        self.write(cgroup, knob, value, Over::Anything)
    }

    /// The same, but a value of somebody else stays: for all writes that do not mean to replace one.
    ///
    /// # Errors
    /// [`SetError::Foreign`] when somebody else has changed the file since our last write; else as
    /// [`LimitWriter::set`].
    pub fn set_unless_foreign(
        &mut self,
        cgroup: CgroupRef<'_>,
        knob: Knob,
        value: f64,
    ) -> Result<SetReport, SetError> {
        self.write(cgroup, knob, value, Over::OwnOnly)
    }

    fn write(
        &mut self,
        cgroup: CgroupRef<'_>,
        knob: Knob,
        value: f64,
        over: Over,
    ) -> Result<SetReport, SetError> {
        let mut attempts = ATTEMPTS;
        loop {
            attempts -= 1;
            match self.try_to_write(cgroup, knob, value, over)? {
                Tried::Done(report) => return Ok(report),
                Tried::Overtaken { path, found } if attempts == 0 => {
                    return Err(SetError::Foreign { path, knob, found });
                }
                Tried::Overtaken { .. } => {}
            }
        }
    }

    fn try_to_write(
        &mut self,
        cgroup: CgroupRef<'_>,
        knob: Knob,
        value: f64,
        over: Over,
    ) -> Result<Tried, SetError> {
        let value = match knob {
            Knob::CpuMax => {
                self.lower_burst(cgroup, value)?;
                value
            }
            Knob::CpuBurst => value.min(self.quota_us(cgroup)?),
            _ => value,
        };
        let touched = Self::touch(&mut self.cgroups, &self.root, cgroup, knob)?;
        if touched.handed_over.contains(&knob) {
            return Err(SetError::HandedOver(touched.dir.display(knob.file())));
        }
        let before = read(&touched.dir, knob)?;
        self.write_after(&before, cgroup, knob, value, over)
    }

    /// Writes, if the file still holds `before`.
    fn write_after(
        &mut self,
        before: &str,
        cgroup: CgroupRef<'_>,
        knob: Knob,
        value: f64,
        over: Over,
    ) -> Result<Tried, SetError> {
        let touched = Self::touch(&mut self.cgroups, &self.root, cgroup, knob)?;
        let dir = &touched.dir;
        let path = || dir.display(knob.file());
        let current = parse_content(dir, knob, before)?;
        let held = touched.files.get(&knob).copied();
        let foreign = touched.is_foreign(knob, current, self.page);
        if foreign && over == Over::OwnOnly {
            // A takeover is nobody else's change.
            self.journal.check_fence()?;
            return Err(SetError::Foreign {
                path: path(),
                knob,
                found: current.value(),
            });
        }
        let wanted = current
            .with_value(value, self.page)
            .ok_or_else(|| SetError::Invalid {
                path: path(),
                value,
            })?;
        if wanted == current {
            if let (true, Some(held)) = (foreign, held) {
                // They have set what we want, and would have it without us.
                self.journal.hold()?;
                let file = knob.file();
                self.journal.keep_original(cgroup, file, before, true)?;
                let last = current;
                touched.files.insert(knob, Held { last, ..held });
            }
            return Ok(Tried::Done(SetReport {
                from: current.value(),
                to: current.value(),
                written: false,
            }));
        }
        refuse_to_kill(dir, knob, wanted)?;
        self.journal.hold()?;
        self.journal
            .keep_original(cgroup, knob.file(), before, foreign)?;
        // Both again, and last of all: keeping an original takes a while, in which others go on.
        self.journal.check_fence()?;
        let latest = read(dir, knob)?;
        if latest != before {
            if held.is_none() {
                // Nothing of ours is there yet, so the next look is at the original.
                self.journal.drop_original(cgroup.id, knob.file())?;
            }
            let found = parse_content(dir, knob, &latest)?.value();
            return Ok(Tried::Overtaken {
                path: path(),
                found,
            });
        }
        if let Err(source) = put::put(dir, knob, wanted) {
            let error = write_error(dir, knob, wanted, source);
            self.forget_first(cgroup, knob, before);
            return Err(error);
        }
        self.take_in(cgroup, knob, current, wanted).map(Tried::Done)
    }

    /// Makes room for a quota of `cores`: a burst credit above it is lowered to it.
    fn lower_burst(&mut self, cgroup: CgroupRef<'_>, cores: f64) -> Result<(), SetError> {
        let page = self.page;
        let dir = &Self::touch(&mut self.cgroups, &self.root, cgroup, Knob::CpuMax)?.dir;
        let quota = parse_content(dir, Knob::CpuMax, &read(dir, Knob::CpuMax)?)?;
        let quota = quota.with_value(cores, page).and_then(quota_us);
        // Kernels before 5.14 have no such file.
        let burst = match read(dir, Knob::CpuBurst) {
            Err(SetError::NoFile(_)) => return Ok(()),
            text => parse_content(dir, Knob::CpuBurst, &text?)?.value(),
        };
        match quota {
            Some(quota) if burst > quota => {
                let wrote = self.write(cgroup, Knob::CpuBurst, quota, Over::OwnOnly);
                wrote.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// The quota in force in microseconds; infinite for `max`.
    fn quota_us(&mut self, cgroup: CgroupRef<'_>) -> Result<f64, SetError> {
        let dir = &Self::touch(&mut self.cgroups, &self.root, cgroup, Knob::CpuBurst)?.dir;
        match read(dir, Knob::CpuMax) {
            // Without a quota the write itself says what is missing.
            Err(SetError::NoFile(_)) => Ok(f64::INFINITY),
            text => {
                let content = parse_content(dir, Knob::CpuMax, &text?)?;
                Ok(quota_us(content).unwrap_or(f64::INFINITY))
            }
        }
    }

    /// Does this cgroup hold limits of ours?
    #[must_use]
    pub fn holds(&self, id: u64) -> bool {
        self.journal.keeps(id)
    }

    /// Number of files that hold a limit of ours.
    #[must_use]
    pub fn held(&self) -> usize {
        self.journal.len()
    }

    /// Puts the originals of the files of one cgroup back; its unit is left to the caller. What somebody
    /// else has set since our last write stays.
    ///
    /// # Errors
    /// When the journal cannot be written; what became of the files is in the report.
    pub fn restore_cgroup(&mut self, id: u64) -> Result<RestoreReport, JournalError> {
        self.adopt_all(id);
        let touched: BTreeMap<u64, Touched> = self.cgroups.remove_entry(&id).into_iter().collect();
        self.generation += u64::from(!touched.is_empty());
        let theirs = foreign::told_by(&touched, self.page);
        self.journal.restore_cgroup(&self.root, id, &theirs)
    }

    /// Puts all originals back, as [`LimitWriter::restore_cgroup`] does for one cgroup.
    ///
    /// # Errors
    /// When the journal cannot be written; what became of the files is in the report.
    pub fn restore_all(&mut self) -> Result<RestoreReport, JournalError> {
        let ids: Vec<u64> = self.cgroups.keys().copied().collect();
        ids.into_iter().for_each(|id| self.adopt_all(id));
        let touched = std::mem::take(&mut self.cgroups);
        self.generation += 1;
        let theirs = foreign::told_by(&touched, self.page);
        self.journal.restore_all_but(&self.root, &theirs)
    }

    /// Renews the lease on the limits that are held; see [`Journal::renew`].
    ///
    /// # Errors
    /// [`JournalError::Fenced`] when the limits were put back by somebody else meanwhile.
    pub fn renew(&mut self) -> Result<(), JournalError> {
        self.journal.renew()
    }

    /// Were the limits put back by somebody else, so that nothing may be written before
    /// [`LimitWriter::reopen`]?
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        matches!(self.journal.check_fence(), Err(JournalError::Fenced { .. }))
    }

    /// Begins anew after that, knowing nothing of earlier writes, only what was handed over; see
    /// [`Journal::reopen`].
    ///
    /// # Errors
    /// As [`Journal::reopen`].
    pub fn reopen(&mut self, wait: Duration) -> Result<RestoreReport, JournalError> {
        self.cgroups.retain(|_, touched| {
            touched.files.clear();
            !touched.handed_over.is_empty()
        });
        self.generation += 1;
        self.journal.reopen(&self.root, wait)
    }

    fn touch<'a>(
        cgroups: &'a mut BTreeMap<u64, Touched>,
        root: &std::path::Path,
        cgroup: CgroupRef<'_>,
        knob: Knob,
    ) -> Result<&'a mut Touched, SetError> {
        use std::collections::btree_map::Entry;
        match cgroups.entry(cgroup.id) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let path = root.join(cgroup.path);
                match Dir::open(&path, cgroup.id) {
                    Ok(Some(dir)) => Ok(entry.insert(Touched {
                        dir,
                        files: BTreeMap::new(),
                        handed_over: BTreeSet::new(),
                        word: BTreeMap::new(),
                        asked: Asked::default(),
                    })),
                    Ok(None) => Err(SetError::Gone(path)),
                    Err(source) => Err(SetError::Read {
                        path: path.join(knob.file()),
                        source,
                    }),
                }
            }
        }
    }
}

fn read(dir: &Dir, knob: Knob) -> Result<String, SetError> {
    let path = dir.display(knob.file());
    match dir.read(knob.file()) {
        Ok(Some(text)) if dir.is_alive() => Ok(text),
        Ok(_) if !dir.is_alive() => Err(SetError::Gone(path)),
        Ok(_) => Err(SetError::NoFile(path)),
        Err(source) => Err(SetError::Read { path, source }),
    }
}

fn parse_content(dir: &Dir, knob: Knob, text: &str) -> Result<Content, SetError> {
    Content::parse(knob, text).map_err(|garbage| SetError::Garbage {
        path: dir.display(knob.file()),
        garbage,
    })
}

fn write_error(dir: &Dir, knob: Knob, wanted: Content, source: std::io::Error) -> SetError {
    let path = dir.display(knob.file());
    if is_gone(&source) {
        return SetError::Gone(path);
    }
    SetError::Write {
        path,
        value: text(wanted),
        source,
    }
}

/// The last guard before a write that no decision may cross.
fn refuse_to_kill(dir: &Dir, knob: Knob, wanted: Content) -> Result<(), SetError> {
    let (Knob::MemoryMax, Content::Memory(MemoryLimit::Bytes(wanted))) = (knob, wanted) else {
        return Ok(());
    };
    match in_use(dir) {
        Some(current) if current > wanted => Err(SetError::WouldKill {
            path: dir.display(knob.file()),
            wanted,
            current,
        }),
        _ => Ok(()),
    }
}

/// `memory.current`, if it can be read.
pub(crate) fn in_use(dir: &Dir) -> Option<u64> {
    let text = dir.read("memory.current").ok()??;
    parse::number(&text, "a number of bytes").ok()
}

/// The quota of a content of `cpu.max` in microseconds; `None` for `max`.
fn quota_us(content: Content) -> Option<f64> {
    match content {
        Content::Cpu(max) => max.quota_us.map(|us| us as f64),
        _ => None,
    }
}

fn text(content: Content) -> String {
    match content {
        Content::Cpu(max) => max.to_string(),
        Content::Burst(number) | Content::Weight(number) => number.to_string(),
        Content::Memory(limit) => limit.to_string(),
    }
}
