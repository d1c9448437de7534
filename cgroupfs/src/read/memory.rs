//! The memory controller's files: `memory.current`, `.stat`, `.events`, `.high`, `.max`,
//! `.pressure`.

use super::file::{Pass, Slot};
use crate::parse::{self, Garbage, MemoryLimit, Pressure};

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

/// Selected lines of `memory.stat`, in bytes, pages for refaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryStat {
    /// Memory of processes that no file stands behind.
    pub anon: Option<u64>,
    /// Memory of cached files.
    pub file: Option<u64>,
    /// Memory of the kernel on behalf of the cgroup.
    pub kernel: Option<u64>,
    /// File pages that were not used lately.
    pub inactive_file: Option<u64>,
    /// Page faults, those that needed a read among them.
    pub faults: Option<u64>,
    /// Page faults that needed a read.
    pub major_faults: Option<u64>,
    /// Anonymous pages that were swapped out and soon needed again.
    pub refaults_anon: Option<u64>,
    /// File pages that were dropped and soon needed again.
    pub refaults_file: Option<u64>,
}

impl MemoryStat {
    /// Pages of both kinds that were dropped and soon needed again.
    #[must_use]
    pub fn refaults(&self) -> Option<u64> {
        Some(self.refaults_anon?.saturating_add(self.refaults_file?))
    }

    pub(super) fn parse(text: &str) -> Result<Self, Garbage> {
        let [
            anon,
            file,
            kernel,
            inactive_file,
            faults,
            major_faults,
            refaults_anon,
            refaults_file,
        ] = parse::flat_keys(
            text,
            [
                "anon",
                "file",
                "kernel",
                "inactive_file",
                "pgfault",
                "pgmajfault",
                "workingset_refault_anon",
                "workingset_refault_file",
            ],
        )?;
        Ok(Self {
            anon,
            file,
            kernel,
            inactive_file,
            faults,
            major_faults,
            refaults_anon,
            refaults_file,
        })
    }
}

/// What the memory controller says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryReading {
    /// Bytes in use.
    pub current: Option<u64>,
    /// As old as the last read of `memory.stat`.
    pub stat: MemoryStat,
    /// Bytes of swap in use.
    pub swap: Option<u64>,
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
        Some(self.current?.saturating_sub(self.stat.inactive_file?))
    }
}

#[derive(Debug, Default)]
pub(super) struct MemoryFiles {
    current: Slot,
    stat: Slot,
    swap: Slot,
    events: Slot,
    high: Slot,
    max: Slot,
    pressure: Slot,
    last_stat: MemoryStat,
}

impl MemoryFiles {
    /// Reads `memory.stat`.
    pub(super) fn read_stat(&mut self, pass: &mut Pass<'_>) -> Option<MemoryStat> {
        self.stat.read("memory.stat", pass, MemoryStat::parse)
    }

    /// Reads `memory.pressure`.
    pub(super) fn read_pressure(&mut self, pass: &mut Pass<'_>) -> Option<Pressure> {
        self.pressure.read("memory.pressure", pass, parse::pressure)
    }

    pub(super) fn read(&mut self, pass: &mut Pass<'_>, stat_due: bool) -> MemoryReading {
        if stat_due {
            self.last_stat = self.read_stat(pass).unwrap_or_default();
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
            stat: self.last_stat,
            swap: self.swap.read("memory.swap.current", pass, |text| {
                parse::number(text, "a number of bytes")
            }),
            events: MemoryEvents {
                high,
                max,
                oom,
                oom_kill,
            },
            high: self.high.read("memory.high", pass, parse::memory_limit),
            max: self.max.read("memory.max", pass, parse::memory_limit),
            pressure: self.read_pressure(pass),
        }
    }
}
