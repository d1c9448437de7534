//! The memory controller's files: `memory.current`, `.stat`, `.events`, `.high`, `.max`,
//! `.pressure`.

use super::file::{Pass, Slot};
use crate::parse::{self, MemoryLimit, Pressure};

/// Counts of `memory.events`, this cgroup and all below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryEvents {
    /// Times that `memory.high` was exceeded.
    pub high: Option<u64>,
    /// Times that use was about to go over `memory.max`.
    pub max: Option<u64>,
    /// Times that no memory could be found under the limit.
    pub oom: Option<u64>,
    /// Processes killed for it.
    pub oom_kill: Option<u64>,
}

/// What the memory controller says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryReading {
    /// Bytes in use.
    pub current: Option<u64>,
    /// Bytes of file pages that were not used lately. As old as the last read of `memory.stat`.
    pub inactive_file: Option<u64>,
    /// Counts of limits reached.
    pub events: MemoryEvents,
    /// Above this use is throttled and reclaimed.
    pub high: Option<MemoryLimit>,
    /// Above this processes are killed.
    pub max: Option<MemoryLimit>,
    /// Time stalled for memory.
    pub pressure: Option<Pressure>,
}

impl MemoryReading {
    /// Use less inactive file pages: what cannot be dropped without harm.
    #[must_use]
    pub fn working_set(&self) -> Option<u64> {
        Some(self.current?.saturating_sub(self.inactive_file?))
    }
}

#[derive(Debug, Default)]
pub(super) struct MemoryFiles {
    current: Slot,
    stat: Slot,
    events: Slot,
    high: Slot,
    max: Slot,
    pressure: Slot,
    inactive_file: Option<u64>,
}

impl MemoryFiles {
    pub(super) fn read(&mut self, pass: &mut Pass<'_>, stat_due: bool) -> MemoryReading {
        if stat_due {
            let [inactive_file] = self
                .stat
                .read("memory.stat", pass, |text| {
                    parse::flat_keys(text, ["inactive_file"])
                })
                .unwrap_or_default();
            self.inactive_file = inactive_file;
        }
        let [high, max, oom, oom_kill] = self
            .events
            .read("memory.events", pass, |text| {
                parse::flat_keys(text, ["high", "max", "oom", "oom_kill"])
            })
            .unwrap_or_default();
        MemoryReading {
            current: self.current.read("memory.current", pass, |text| {
                parse::number(text, "a number of bytes")
            }),
            inactive_file: self.inactive_file,
            events: MemoryEvents {
                high,
                max,
                oom,
                oom_kill,
            },
            high: self.high.read("memory.high", pass, parse::memory_limit),
            max: self.max.read("memory.max", pass, parse::memory_limit),
            pressure: self.pressure.read("memory.pressure", pass, parse::pressure),
        }
    }
}
