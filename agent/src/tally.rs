//! Counts of the events that came, by kind: what people see of the fast path.

use std::collections::BTreeMap;

use llmos_proto::status::EventCount;

use crate::probes::KernelEvent;
use crate::watch::{Resource, WatchEvent};

/// Events since the start.
#[derive(Debug, Default)]
pub struct Tally {
    counts: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// All kinds, each with a count, also of those that have not come yet.
    const KINDS: [&'static str; 11] = [
        "cgroup-created",
        "cgroup-removed",
        "memory-high",
        "memory-max",
        "memory-oom",
        "near-quota",
        "node-cpu-stall",
        "node-memory-stall",
        "oom-kill",
        "workload-cpu-stall",
        "workload-memory-stall",
    ];

    /// Takes in an event of the kernel side.
    pub fn kernel(&mut self, event: &KernelEvent) {
        let kind = match event {
            KernelEvent::CgroupCreated { .. } => "cgroup-created",
            KernelEvent::CgroupRemoved { .. } => "cgroup-removed",
            KernelEvent::OomKill { .. } => "oom-kill",
            KernelEvent::NearQuota { .. } => "near-quota",
        };
        self.add(kind, 1);
    }

    /// Takes in an event of a file.
    pub fn watch(&mut self, event: &WatchEvent) {
        match event {
            WatchEvent::Pressure {
                cgroup, resource, ..
            } => {
                let kind = match (cgroup, resource) {
                    (None, Resource::Cpu) => "node-cpu-stall",
                    (None, Resource::Memory) => "node-memory-stall",
                    (Some(_), Resource::Cpu) => "workload-cpu-stall",
                    (Some(_), Resource::Memory) => "workload-memory-stall",
                };
                self.add(kind, 1);
            }
            WatchEvent::MemoryEvents { new, .. } => {
                self.add("memory-high", new.high.unwrap_or(0));
                self.add("memory-max", new.max.unwrap_or(0));
                self.add("memory-oom", new.oom.unwrap_or(0));
            }
            // Most are our own writes; what others do is counted where it is told apart.
            WatchEvent::LimitFile { .. } => {}
        }
    }

    /// As the socket shows it.
    #[must_use]
    pub fn shown(&self) -> Vec<EventCount> {
        Self::KINDS
            .iter()
            .map(|kind| EventCount {
                kind: (*kind).to_owned(),
                count: self.counts.get(kind).copied().unwrap_or(0),
            })
            .collect()
    }

    fn add(&mut self, kind: &'static str, n: u64) {
        *self.counts.entry(kind).or_default() += n;
    }
}

#[cfg(test)]
mod tests {
    use llmos_engine::units::{CgroupId, Timestamp};

    use super::*;
    use crate::watch::MemoryCounts;

    #[test]
    fn each_kind_is_shown_and_counted() {
        let mut tally = Tally::default();
        let at = Timestamp(1);
        tally.watch(&WatchEvent::MemoryEvents {
            cgroup: CgroupId(1),
            new: MemoryCounts {
                high: Some(3),
                ..MemoryCounts::default()
            },
            at,
        });
        tally.watch(&WatchEvent::Pressure {
            cgroup: None,
            resource: Resource::Cpu,
            at,
        });
        tally.kernel(&KernelEvent::OomKill {
            id: None,
            pid: 1,
            at,
        });
        let of = |kind: &str| {
            tally
                .shown()
                .iter()
                .find(|e| e.kind == kind)
                .map(|e| e.count)
        };
        assert_eq!(of("memory-high"), Some(3));
        assert_eq!(of("node-cpu-stall"), Some(1));
        assert_eq!(of("oom-kill"), Some(1));
        assert_eq!(of("near-quota"), Some(0));
        assert!(tally.counts.keys().all(|kind| Tally::KINDS.contains(kind)));
    }
}
