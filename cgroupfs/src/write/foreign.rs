//! What others write to files that hold a value of ours: seeing it, keeping it, leaving it to them.
//!
//! What somebody else sets after us is what people would have without us, so it becomes the original
//! as soon as it is seen. A restore puts it back, or finds it there already.

use std::collections::BTreeMap;
use std::path::Path;

use llmos_engine::decide::Knob;

use super::value::Content;
use super::{LimitWriter, SetError, Touched, parse_content, read};
use crate::journal::JournalError;

/// Tells for a restore whether a file (cgroup, file name, content) holds what somebody else has set.
pub(super) fn told_by(
    cgroups: &BTreeMap<u64, Touched>,
    page: u64,
) -> impl Fn(u64, &str, &str) -> bool + '_ {
    move |id, file, text| {
        let Some(touched) = cgroups.get(&id) else {
            return false;
        };
        let knob = touched.files.keys().find(|knob| knob.file() == file);
        knob.is_some_and(|knob| {
            let found = Content::parse(*knob, text);
            found.is_ok_and(|found| touched.is_foreign(*knob, found, page))
        })
    }
}

/// What a file of ours holds now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// The limit, in the knob's unit; infinite for `max`.
    pub value: f64,
    /// Has somebody else changed it since our last write?
    pub foreign: bool,
    /// Is it what was there before our first write, or what is kept as the original?
    pub original: bool,
}

impl LimitWriter {
    /// What we last wrote to this file of this cgroup, in the knob's unit. `None` if nothing.
    #[must_use]
    pub fn last_written(&self, id: u64, knob: Knob) -> Option<f64> {
        let touched = self.cgroups.get(&id)?;
        touched.files.get(&knob).map(|held| held.last.value())
    }

    /// Has somebody else changed the file since our last write, if it holds `value` now?
    #[must_use]
    pub fn is_foreign(&self, id: u64, knob: Knob, value: f64) -> bool {
        let touched = self.cgroups.get(&id);
        let held = touched.and_then(|touched| touched.files.get(&knob));
        held.is_some_and(|held| {
            let found = held.last.with_value(value, self.page);
            let foreign = |found| touched.is_some_and(|t| t.is_foreign(knob, found, self.page));
            found.is_none_or(foreign)
        })
    }

    /// Looks at a file now; `None` where it holds no value of ours. One read while nobody else has
    /// changed it. What was put back in a takeover is nobody else's change.
    ///
    /// # Errors
    /// When the file cannot be read or is not understood; [`SetError::Gone`] is normal.
    pub fn look(&self, id: u64, knob: Knob) -> Result<Option<Look>, SetError> {
        let found = self.found(id, knob)?;
        Ok(found.map(|(_, look)| look))
    }

    /// Makes what the file holds now the original, on disk, if somebody else has set it.
    ///
    /// # Errors
    /// As [`LimitWriter::look`], and when the journal cannot be written.
    pub fn adopt(&mut self, id: u64, knob: Knob) -> Result<(), SetError> {
        if let Some((text, look)) = self.found(id, knob)?
            && look.foreign
        {
            // Looks at the fence again: it may have been raised since the file was read.
            self.journal.hold()?;
            self.journal.replace_original(id, knob.file(), &text)?;
        }
        Ok(())
    }

    /// Leaves a file to somebody else: its original is dropped on disk, and it is neither written nor
    /// put back, before [`LimitWriter::take_back`]. Whatever it holds stays.
    ///
    /// # Errors
    /// When the journal cannot be written; then the file is not handed over.
    pub fn hand_over(&mut self, id: u64, knob: Knob) -> Result<(), JournalError> {
        let Some(touched) = self.cgroups.get_mut(&id) else {
            return Ok(());
        };
        self.journal.hold()?;
        self.journal.drop_original(id, knob.file())?;
        touched.handed_over.insert(knob);
        self.generation += u64::from(touched.files.remove(&knob).is_some());
        Ok(())
    }

    /// Ends that: the file may be written again.
    pub fn take_back(&mut self, id: u64, knob: Knob) {
        if let Some(touched) = self.cgroups.get_mut(&id) {
            touched.handed_over.remove(&knob);
        }
    }

    /// The files that hold a value of ours: cgroup, its directory, and which file.
    pub fn held_files(&self) -> impl Iterator<Item = (u64, &Path, Knob)> {
        self.cgroups.iter().flat_map(|(id, touched)| {
            let files = touched.files.keys();
            files.map(|knob| (*id, touched.dir.path(), *knob))
        })
    }

    /// Another number whenever [`LimitWriter::held_files`] may have changed.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Before a restore: what others have set stays. Where that cannot be told or kept, the original
    /// that is known is put back.
    pub(super) fn adopt_all(&mut self, id: u64) {
        let touched = self.cgroups.get(&id);
        let knobs: Vec<Knob> = touched.map_or_else(Vec::new, |t| t.files.keys().copied().collect());
        for knob in knobs {
            // What is wrong with the cgroup or the journal the restore itself will find and tell.
            let _ = self.adopt(id, knob);
        }
    }

    fn found(&self, id: u64, knob: Knob) -> Result<Option<(String, Look)>, SetError> {
        let Some(touched) = self.cgroups.get(&id) else {
            return Ok(None);
        };
        let Some(held) = touched.files.get(&knob) else {
            return Ok(None);
        };
        let text = read(&touched.dir, knob)?;
        let content = parse_content(&touched.dir, knob, &text)?;
        let near = |other: Content| other.is_near(content, self.page);
        // The fence is looked at after the file, which who restores writes after raising it.
        let foreign = touched.is_foreign(knob, content, self.page) && !self.is_fenced();
        let kept = self.journal.original(id, knob.file());
        let kept = kept.and_then(|text| Content::parse(knob, text).ok());
        let look = Look {
            value: content.value(),
            foreign,
            original: near(held.first) || kept.is_some_and(near),
        };
        Ok(Some((text, look)))
    }
}
