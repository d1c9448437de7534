//! What people are told of the truce with others who change limits.

use std::path::Path;

use llmos_cgroupfs::LimitWriter;
use llmos_engine::decide::Knob;
use llmos_engine::units::{CgroupId, Timestamp};
use llmos_proto::status::{EventCount, HandedOver};

use super::Applier;
use super::enforce::Enforcer;

/// Files that one line names; of more the number.
const NAMED: usize = 3;

/// The files that are left to others, in words.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub(super) words: String,
    /// Is there one for which the policy did not ask?
    pub(super) after_quarrel: bool,
}

pub(super) fn left(enforcer: &Enforcer) -> Left {
    let all: Vec<_> = enforcer.handed_over().collect();
    let named = all.iter().take(NAMED);
    let mut words: Vec<String> = named
        .map(|(path, knob, _, _)| format!("{} of {path}", knob.file()))
        .collect();
    if all.len() > NAMED {
        words.push(format!("{} more", all.len() - NAMED));
    }
    Left {
        words: words.join(", "),
        after_quarrel: all.iter().any(|(_, _, handed, _)| !handed.by_policy),
    }
}

impl Applier {
    /// Times since the start that somebody else changed a limit of ours; also those of which it is
    /// not known yet who it was.
    #[must_use]
    pub fn drifts(&self) -> u64 {
        let enforcer = self.enforcer.as_ref();
        enforcer.map_or(0, |enforcer| enforcer.truce().seen())
    }

    /// The same by who it was, a moment later: all classes.
    #[must_use]
    pub fn changes_by_others(&self) -> Vec<EventCount> {
        let enforcer = self.enforcer.iter();
        let counts = enforcer.flat_map(|enforcer| enforcer.truce().counts());
        counts
            .map(|(class, count)| EventCount {
                kind: class.name().to_owned(),
                count,
            })
            .collect()
    }

    /// The files that are left to others.
    #[must_use]
    pub fn handed_over(&self) -> Vec<HandedOver> {
        let now = self.enforcer.as_ref().map_or(Timestamp(0), Enforcer::now);
        let all = self.enforcer.iter().flat_map(Enforcer::handed_over);
        all.map(|(path, knob, handed, hand_over_s)| {
            let for_s = now.seconds_since(handed.since);
            let left_s = (hand_over_s - for_s).max(0.0);
            HandedOver {
                cgroup: path.to_owned(),
                knob: knob.file().to_owned(),
                class: handed.class.name().to_owned(),
                by_policy: handed.by_policy,
                for_s,
                left_s: left_s.is_finite().then_some(left_s),
            }
        })
        .collect()
    }

    /// The files that hold a value of ours, to watch them: cgroup, its directory, which file. And a
    /// number that changes whenever they may have changed.
    pub fn held_files(&self) -> (u64, impl Iterator<Item = (CgroupId, &Path, Knob)>) {
        let writer = self.enforcer.as_ref().map(Enforcer::writer);
        let generation = writer.map_or(0, LimitWriter::generation);
        let files = writer.into_iter().flat_map(LimitWriter::held_files);
        let files = files.map(|(id, dir, knob)| (CgroupId(id), dir, knob));
        (generation, files)
    }

    /// The cgroup of the watchdog, as far as one is known: it is never managed, so that what saves a
    /// node from a hung agent is not held back by the agent's limits.
    #[must_use]
    pub fn watchdog_cgroup(&self) -> Option<&str> {
        self.enforcer.as_ref()?.lease().watchdog_cgroup()
    }
}
