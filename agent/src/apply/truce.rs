//! What is done about limits that somebody else changes: counted by who it was, kept as originals,
//! and left to them when they insist or the policy says so.

use std::collections::BTreeSet;

use llmos_cgroupfs::{LimitWriter, Look, SetError};
use llmos_engine::decide::Knob;
use llmos_engine::policy::{OnForeignChange, Policy};
use llmos_engine::units::Timestamp;

use super::foreign::{Change, Changes, Class, Place};
use super::guard::{Guard, Seen};

/// What the policy of a workload says about changes by others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Terms {
    /// Leave a file to others at its first change.
    pub(super) yields: bool,
    /// How long a file is left to others, in seconds.
    pub(super) hand_over_s: f64,
}

impl Terms {
    pub(super) fn of(policy: &Policy) -> Self {
        Self {
            yields: policy.on_foreign_change == OnForeignChange::Yield,
            hand_over_s: policy.hand_over_s,
        }
    }
}

/// A file of a workload.
#[derive(Debug, Clone, Copy)]
pub(super) struct LimitFile<'a> {
    pub(super) id: u64,
    pub(super) path: &'a str,
    pub(super) knob: Knob,
}

/// The state between two changes.
#[derive(Debug, Default)]
pub(super) struct Truce {
    changes: Changes,
    /// Decided at once, for want of room to wait; to be taken in at the next tick.
    crowded: Vec<(Change, Class)>,
    counts: [u64; Class::ALL.len()],
    /// Changes since the start, also those that are not decided yet.
    seen: u64,
    /// Files that are to be handed over, because of the policy or not.
    due: BTreeSet<(u64, Knob, bool)>,
}

impl Truce {
    /// Takes in what a file of ours holds now.
    pub(super) fn saw(
        &mut self,
        now: Timestamp,
        file: LimitFile<'_>,
        look: Look,
        (guard, terms): (&mut Guard, Terms),
        writer: &mut LimitWriter,
    ) {
        let LimitFile { id, path, knob } = file;
        let ours = writer.last_written(id, knob);
        let seen = guard.observe(now, look.foreign.then_some(look.value));
        if guard.is_to_keep(now) {
            match writer.adopt(id, knob) {
                Ok(()) => guard.kept(now),
                // There is nobody left to keep it for, or it moves just now and is seen again.
                Err(SetError::Gone(_) | SetError::Garbage { .. }) => {}
                Err(error) => tracing::warn!(%error, cgroup = path, "the new original is not safe"),
            }
        }
        let Seen::Changed(nth) = seen else { return };
        self.seen += 1;
        let found = look.value;
        let name = knob.file();
        tracing::warn!(
            cgroup = path,
            file = name,
            ?ours,
            found,
            "somebody else changed a limit"
        );
        let change = Change {
            at: now,
            cgroup: id,
            knob,
            place: Place::of(path),
            original: look.original,
            nth,
        };
        if let Some(class) = self.changes.note(change) {
            self.crowded.push((change, class));
        }
        if terms.yields {
            self.due.insert((id, knob, true));
            self.hand_over(now, file, guard, writer);
        }
    }

    /// The changes of which it is known by now who made them.
    pub(super) fn decided(&mut self, now: Timestamp) -> Vec<(Change, Class)> {
        let mut decided = std::mem::take(&mut self.crowded);
        decided.extend(self.changes.settle(now));
        for (_, class) in &decided {
            if let Some(at) = Class::ALL.iter().position(|known| known == class)
                && let Some(count) = self.counts.get_mut(at)
            {
                *count += 1;
            }
        }
        decided
    }

    /// Marks a file that is to be handed over after a quarrel.
    pub(super) fn quarrel(&mut self, id: u64, knob: Knob) {
        self.due.insert((id, knob, false));
    }

    /// The files that are still to be handed over.
    pub(super) fn due(&self) -> Vec<(u64, Knob)> {
        self.due.iter().map(|(id, knob, _)| (*id, *knob)).collect()
    }

    /// Hands a file over if that is due: in the journal first. What fails is tried again.
    pub(super) fn hand_over(
        &mut self,
        now: Timestamp,
        file: LimitFile<'_>,
        guard: &mut Guard,
        writer: &mut LimitWriter,
    ) {
        let LimitFile { id, path, knob } = file;
        let by_policy = self.due.contains(&(id, knob, true));
        if !by_policy && !self.due.contains(&(id, knob, false)) {
            return;
        }
        match writer.look(id, knob) {
            Ok(Some(look)) if look.foreign => {}
            // It holds our value again, which must not stay.
            Ok(_) => return self.forget(id, Some(knob)),
            Err(_) => return,
        }
        match writer.hand_over(id, knob) {
            Ok(()) => {
                self.forget(id, Some(knob));
                guard.hand_over(now, by_policy);
                let file = knob.file();
                tracing::warn!(cgroup = path, file, by_policy, "left to who changes it");
            }
            Err(error) => tracing::warn!(%error, cgroup = path, "cannot be handed over yet"),
        }
    }

    /// A cgroup, or one file of it, is not to be handed over any more.
    pub(super) fn forget(&mut self, id: u64, knob: Option<Knob>) {
        self.due
            .retain(|(of, file, _)| *of != id || knob.is_some_and(|knob| *file != knob));
    }

    /// After a takeover nothing of ours is left to hand over.
    pub(super) fn begin_anew(&mut self) {
        self.due.clear();
    }

    /// Changes since the start.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Changes since the start by who made them, a moment later.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Class, u64)> {
        Class::ALL.into_iter().zip(self.counts)
    }
}
