//! What a file holds right after a write of ours, and after one that failed.

use llmos_engine::decide::Knob;

use super::value::Content;
use super::{Held, LimitWriter, SetError, SetReport, parse_content, read, text};
use crate::dir::CgroupRef;

impl LimitWriter {
    /// Takes in what a file holds after `wanted` was written over `before`. What was written is what is
    /// ours, whatever the file holds by now: others write while ours is on its way, for which there is
    /// time, as the kernel reclaims before it ends a write of `memory.high` or `memory.max`.
    pub(super) fn take_in(
        &mut self,
        cgroup: CgroupRef<'_>,
        knob: Knob,
        before: Content,
        wanted: Content,
    ) -> Result<SetReport, SetError> {
        let touched = Self::touch(&mut self.cgroups, &self.root, cgroup, knob)?;
        let held = touched.files.get(&knob);
        let mut held = Held {
            last: wanted,
            first: held.map_or(before, |held| held.first),
        };
        self.generation += u64::from(touched.files.insert(knob, held).is_none());
        let dir = &touched.dir;
        let after = parse_content(dir, knob, &read(dir, knob)?)?;
        if after.is_near(wanted, self.page) {
            held.last = after;
            touched.files.insert(knob, held);
            return Ok(SetReport {
                from: before.value(),
                to: after.value(),
                written: true,
            });
        }
        let path = dir.display(knob.file());
        Err(if after == before {
            let (wanted, found) = (text(wanted), text(after));
            SetError::ReadBack {
                path,
                wanted,
                found,
            }
        } else {
            let found = after.value();
            SetError::Foreign { path, knob, found }
        })
    }

    /// After a failed write: a file that still holds `before`, and never held a value of ours, has
    /// nothing to be put back. What others write to it later would be lost by that.
    pub(super) fn forget_first(&mut self, cgroup: CgroupRef<'_>, knob: Knob, before: &str) {
        let touched = self.cgroups.get(&cgroup.id);
        let untouched = touched.is_some_and(|touched| {
            let same = || read(&touched.dir, knob).is_ok_and(|now| now == before);
            !touched.files.contains_key(&knob) && same()
        });
        if untouched {
            // Where that fails, a restore puts back what the file held.
            let _ = self.journal.drop_original(cgroup.id, knob.file());
        }
    }
}
