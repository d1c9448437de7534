//! Who changes limits of ours: decided from what changed at the same time and before. Pure.

use std::collections::{BTreeSet, VecDeque};

use llmos_engine::decide::Knob;
use llmos_engine::units::Timestamp;

/// Changes within so many seconds of each other have one cause.
const AT_ONCE_S: f64 = 1.0;
/// A file that is changed for this time within ten minutes has another writer.
const AGAIN: usize = 3;
/// Files of one cgroup that go back to what they were at once.
const FILES: usize = 2;
/// Cgroups of which a file goes back to what it was at once.
const CGROUPS: usize = 3;
/// Changes that are kept to compare with; of more at once the later ones are decided as they come.
const KEPT: usize = 8192;
/// Changes before and after one that it is compared with. Those of one cause come together.
const NEIGHBOURS: usize = 256;

/// Who changed a limit, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// systemd put the values of its units back, as at each `daemon-reload`.
    SystemdReload,
    /// A container runtime or the kubelet set another value.
    RuntimeUpdate,
    /// Somebody changes the same file again and again.
    AnotherWriter,
    /// Somebody else.
    Unknown,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 4] = [
        Self::SystemdReload,
        Self::RuntimeUpdate,
        Self::AnotherWriter,
        Self::Unknown,
    ];

    /// Name in status and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SystemdReload => "systemd_reload",
            Self::RuntimeUpdate => "runtime_update",
            Self::AnotherWriter => "another_writer",
            Self::Unknown => "unknown",
        }
    }

    /// What a write waits for, in words.
    pub(super) const fn waits_for(self) -> &'static str {
        match self {
            Self::SystemdReload => "systemd has put its own value back",
            Self::RuntimeUpdate => "the container runtime changed it",
            Self::AnotherWriter => "somebody else changes it again and again",
            Self::Unknown => "somebody else changed it",
        }
    }
}

/// What the path of a cgroup tells of who looks after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// systemd has a unit for it.
    pub(super) unit: bool,
    /// A container, or a pod.
    pub(super) container: bool,
}

impl Place {
    pub(super) fn of(path: &str) -> Self {
        const UNITS: [&str; 6] = ["service", "scope", "slice", "socket", "mount", "swap"];
        const RUNTIMES: [&str; 9] = [
            "kubepods",
            "kubelet",
            "docker",
            "crio",
            "cri-containerd",
            "containerd",
            "libpod",
            "lxc",
            "machine.slice",
        ];
        let suffix = path.rsplit_once('.').map(|(_, suffix)| suffix);
        let runtime = |part: &str| {
            RUNTIMES.iter().any(|name| {
                let rest = part.strip_prefix(name);
                rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
            })
        };
        // The runtimes' daemons are services beside their containers.
        let services = path.split('/').any(|part| part.ends_with(".service"));
        Self {
            unit: suffix.is_some_and(|suffix| UNITS.contains(&suffix)),
            container: !services && path.split('/').any(runtime),
        }
    }
}

/// A change of a file of ours by somebody else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Change {
    pub(super) at: Timestamp,
    pub(super) cgroup: u64,
    pub(super) knob: Knob,
    pub(super) place: Place,
    /// Does the file hold what it held before us?
    pub(super) original: bool,
    /// Which change of this file it is, of those that are remembered.
    pub(super) nth: usize,
}

/// The changes of the last moments.
#[derive(Debug, Default)]
pub(super) struct Changes {
    recent: VecDeque<Change>,
    /// So many of them, from the oldest, are decided.
    decided: usize,
}

impl Changes {
    /// Takes in a change. Its class, when there is no room to wait for what else changes.
    pub(super) fn note(&mut self, change: Change) -> Option<Class> {
        if self.recent.len() < KEPT {
            self.recent.push_back(change);
            return None;
        }
        let before = self.recent.len().saturating_sub(NEIGHBOURS);
        Some(classify(&change, self.recent.range(before..)))
    }

    /// The changes for which nothing can come any more that has the same cause, with their class.
    pub(super) fn settle(&mut self, now: Timestamp) -> Vec<(Change, Class)> {
        let over = |change: &Change, s: f64| now.seconds_since(change.at) > s;
        let mut settled = Vec::new();
        while let Some(change) = self.recent.get(self.decided).copied()
            && over(&change, AT_ONCE_S)
        {
            let from = self.decided.saturating_sub(NEIGHBOURS);
            let to = (self.decided + NEIGHBOURS).min(self.recent.len());
            let class = classify(&change, self.recent.range(from..to));
            settled.push((change, class));
            self.decided += 1;
        }
        while self.decided > 0
            && let Some(_old) = self.recent.pop_front_if(|old| over(old, 2.0 * AT_ONCE_S))
        {
            self.decided -= 1;
        }
        settled
    }
}

/// The class of a change, by the changes around it (which may hold it as well).
fn classify<'a>(change: &Change, around: impl Iterator<Item = &'a Change>) -> Class {
    let at_once = |other: &Change| {
        let apart = other.at.seconds_since(change.at);
        apart.max(change.at.seconds_since(other.at)) <= AT_ONCE_S
    };
    let back = |change: &Change| change.place.unit && change.original;
    let (mut files, mut cgroups) = (BTreeSet::new(), BTreeSet::new());
    for other in around.filter(|other| at_once(other) && back(other)) {
        cgroups.insert(other.cgroup);
        if other.cgroup == change.cgroup {
            files.insert(other.knob);
        }
    }
    if back(change) && (files.len() >= FILES || cgroups.len() >= CGROUPS) {
        Class::SystemdReload
    } else if change.nth >= AGAIN {
        Class::AnotherWriter
    } else if change.place.container {
        Class::RuntimeUpdate
    } else {
        Class::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: &str = "system.slice/web.service";
    const CONTAINER: &str = "kubepods.slice/kubepods-pod1.slice/cri-containerd-ab.scope";

    fn change(ms: u64, cgroup: u64, knob: Knob, path: &str, original: bool) -> Change {
        Change {
            at: Timestamp(ms * 1_000_000),
            cgroup,
            knob,
            place: Place::of(path),
            original,
            nth: 1,
        }
    }

    /// The classes of these changes, in their order.
    fn classes(of: &[Change]) -> Vec<Class> {
        let mut changes = Changes::default();
        for change in of {
            assert_eq!(changes.note(*change), None);
        }
        let last = of.iter().map(|change| change.at.0).max().unwrap();
        let settled = changes.settle(Timestamp(last + 1_000_000_001));
        settled.into_iter().map(|(_, class)| class).collect()
    }

    #[test]
    fn files_of_a_unit_that_go_back_at_once_are_a_reload() {
        let cpu = change(0, 1, Knob::CpuMax, UNIT, true);
        let memory = change(400, 1, Knob::MemoryMax, UNIT, true);
        assert_eq!(classes(&[cpu, memory]), [Class::SystemdReload; 2]);
        // A pod's files as well, which the runtime has systemd write.
        let of = |knob| change(0, 1, knob, CONTAINER, true);
        let pod = [of(Knob::MemoryHigh), of(Knob::MemoryMax)];
        assert_eq!(classes(&pod), [Class::SystemdReload; 2]);
        let late = change(1500, 1, Knob::MemoryMax, UNIT, true);
        assert_eq!(classes(&[cpu, late]), [Class::Unknown; 2], "not at once");
        let twice = change(300, 1, Knob::CpuMax, UNIT, true);
        assert_eq!(classes(&[cpu, twice]), [Class::Unknown; 2], "one file");
    }

    #[test]
    fn many_units_of_which_a_file_goes_back_at_once_are_a_reload() {
        let of = |cgroup| change(cgroup * 10, cgroup, Knob::CpuMax, UNIT, true);
        assert_eq!(classes(&[of(1), of(2), of(3)]), [Class::SystemdReload; 3]);
        assert_eq!(classes(&[of(1), of(2)]), [Class::Unknown; 2]);
    }

    #[test]
    fn what_a_reload_cannot_be() {
        // The one who sets a property of a unit has the others put back beside it.
        let all = [
            change(0, 1, Knob::CpuMax, UNIT, false),
            change(0, 1, Knob::MemoryHigh, UNIT, true),
            change(0, 1, Knob::MemoryMax, UNIT, true),
        ];
        let reload = Class::SystemdReload;
        assert_eq!(classes(&all), [Class::Unknown, reload, reload]);
        let of = |knob| change(0, 1, knob, "jobs/a", true);
        let no_unit = [of(Knob::CpuMax), of(Knob::MemoryMax)];
        assert_eq!(classes(&no_unit), [Class::Unknown; 2]);
    }

    #[test]
    fn a_container_that_gets_another_value_was_updated() {
        let update = change(0, 1, Knob::MemoryMax, CONTAINER, false);
        assert_eq!(classes(&[update]), [Class::RuntimeUpdate]);
        let other = change(0, 1, Knob::MemoryMax, UNIT, false);
        assert_eq!(classes(&[other]), [Class::Unknown]);
    }

    #[test]
    fn a_file_that_is_changed_again_and_again_has_another_writer() {
        let update = change(0, 1, Knob::MemoryMax, CONTAINER, false);
        for (nth, class) in [
            (2, Class::RuntimeUpdate),
            (3, Class::AnotherWriter),
            (9, Class::AnotherWriter),
        ] {
            assert_eq!(classes(&[Change { nth, ..update }]), [class]);
        }
    }

    #[test]
    fn a_change_is_decided_once_and_only_when_nothing_can_come_any_more() {
        let mut changes = Changes::default();
        let ms = |ms: u64| Timestamp(ms * 1_000_000);
        changes.note(change(0, 1, Knob::CpuMax, UNIT, true));
        assert_eq!(changes.settle(ms(1000)), []);
        changes.note(change(1000, 1, Knob::MemoryMax, UNIT, true));
        let decided = |settled: Vec<(Change, Class)>| -> Vec<Class> {
            settled.into_iter().map(|(_, class)| class).collect()
        };
        assert_eq!(decided(changes.settle(ms(1001))), [Class::SystemdReload]);
        assert_eq!(decided(changes.settle(ms(2001))), [Class::SystemdReload]);
        assert_eq!(changes.settle(ms(9000)), []);
        assert!(changes.recent.is_empty() && changes.decided == 0);
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_rest_is_decided_at_once() {
        let mut changes = Changes::default();
        for at in 0..KEPT as u64 {
            let one = change(0, at, Knob::CpuMax, UNIT, true);
            assert_eq!(changes.note(one), None);
        }
        let more = change(0, u64::MAX, Knob::CpuMax, UNIT, true);
        assert_eq!(changes.note(more), Some(Class::SystemdReload));
        assert_eq!(changes.recent.len(), KEPT);
    }

    #[test]
    fn paths_tell_who_looks_after_a_cgroup() {
        let id = "0123456789abcdef".repeat(4);
        for (path, unit, container) in [
            ("jobs/a", false, false),
            (UNIT, true, false),
            (CONTAINER, true, true),
            ("kubepods/burstable/pod1/ab", false, true),
            ("system.slice/docker.service", true, false),
            ("user.slice/user-0.slice/session-1.scope", true, false),
            ("machine.slice/libpod-ab.scope/container", false, true),
            ("dockerish/a", false, false),
        ] {
            assert_eq!(Place::of(path), Place { unit, container }, "{path}");
        }
        let docker = format!("system.slice/docker-{id}.scope");
        assert!(Place::of(&docker).container);
    }
}
