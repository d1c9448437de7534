//! Files that are read now and then beside the walk: `memory.stat`, for which the kernel adds up its
//! counters, and the pressure files. Each tick reads a bounded number of them, those first whose
//! workload has changed, so that the cost of a tick does not grow with the number of workloads.

use llmos_cgroupfs::{CgroupReader, FileProblem, Scratch};
use llmos_common::facts::{CgroupFacts, HAS_MEMORY, HAS_PSI};
use llmos_engine::sample::{MemoryStat, RawSample};
use llmos_engine::units::{Bytes, Timestamp};

/// `memory.stat` files read per tick at most.
const STATS_PER_TICK: u32 = 16;
/// Workloads per tick at most whose pressure files are read.
const PRESSURES_PER_TICK: u32 = 16;
/// `memory.stat` is read again after this long in any case, and not more often than the second.
const STAT_OLD_S: f64 = 60.0;
const STAT_NEW_S: f64 = 5.0;
/// A change of use by this share of it makes `memory.stat` worth reading.
const STAT_CHANGE: f64 = 1.0 / 32.0;
/// Pressure files are read for this long after the kernel's totals moved last.
const PRESSURE_HOT_S: f64 = 4.0;

/// How many reads this tick has left.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    stats: u32,
    pressures: u32,
}

impl Allowance {
    /// Is nothing left?
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.stats == 0 && self.pressures == 0
    }
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            stats: STATS_PER_TICK,
            pressures: PRESSURES_PER_TICK,
        }
    }
}

/// What the files of one workload said last.
#[derive(Debug, Clone, Default)]
pub struct FileFacts {
    stat: Option<MemoryStat>,
    stat_before: Option<MemoryStat>,
    inactive_file: Option<Bytes>,
    /// Use when `memory.stat` was read.
    pages_then: u64,
    /// The kernel's totals when they were looked at last.
    pressure_then: Option<[u64; 3]>,
    hot_since: Option<Timestamp>,
    cpu_some_ns: Option<u64>,
    memory_some_ns: Option<u64>,
    memory_full_ns: Option<u64>,
}

impl FileFacts {
    /// Reads what is due.
    pub fn read(
        &mut self,
        facts: &CgroupFacts,
        now: Timestamp,
        reader: &mut CgroupReader,
        scratch: &mut Scratch,
        left: &mut Allowance,
    ) -> Vec<FileProblem> {
        let mut problems = Vec::new();
        if facts.flags & HAS_MEMORY != 0 && left.stats > 0 && self.stat_is_due(facts, now) {
            left.stats -= 1;
            self.read_stat(facts, now, reader, scratch, &mut problems);
        }
        if facts.flags & HAS_PSI != 0 && left.pressures > 0 && self.pressure_is_due(facts, now) {
            left.pressures -= 1;
            let (cpu, memory) = reader.read_pressure(scratch, &mut problems);
            let ns = |us: Option<u64>| us.map(|us| us.saturating_mul(1_000));
            self.cpu_some_ns = ns(cpu.and_then(|p| p.some_us));
            self.memory_some_ns = ns(memory.and_then(|p| p.some_us));
            self.memory_full_ns = ns(memory.and_then(|p| p.full_us));
        }
        problems
    }

    /// Puts into a sample what the files said last.
    pub fn complete(&self, sample: &mut RawSample) {
        sample.memory_stat = self.stat;
        sample.memory_stat_before = self.stat_before;
        sample.working_set = sample
            .memory_current
            .zip(self.inactive_file)
            .map(|(all, inactive)| Bytes(all.0.saturating_sub(inactive.0)));
        sample.cpu_stall_ns = self.cpu_some_ns;
        sample.memory_stall_ns = self.memory_some_ns;
        sample.memory_full_stall_ns = self.memory_full_ns;
    }

    fn stat_is_due(&self, facts: &CgroupFacts, now: Timestamp) -> bool {
        let Some(stat) = &self.stat else {
            return true;
        };
        let age_s = now.seconds_since(stat.at);
        let change = facts.memory_pages.abs_diff(self.pages_then) as f64;
        age_s >= STAT_OLD_S || age_s >= STAT_NEW_S && change > self.pages_then as f64 * STAT_CHANGE
    }

    fn read_stat(
        &mut self,
        facts: &CgroupFacts,
        now: Timestamp,
        reader: &mut CgroupReader,
        scratch: &mut Scratch,
        problems: &mut Vec<FileProblem>,
    ) {
        let stat = reader
            .read_memory_stat(scratch, problems)
            .unwrap_or_default();
        self.stat_before = self.stat;
        // Also when it could not be read: the next try waits its turn.
        self.stat = Some(stat.sample(now));
        self.inactive_file = stat.inactive_file.map(Bytes);
        self.pages_then = facts.memory_pages;
    }

    /// The totals in the kernel move each two seconds while there is pressure, and not at all while
    /// there is none; then the files need not be read.
    fn pressure_is_due(&mut self, facts: &CgroupFacts, now: Timestamp) -> bool {
        let first = self.pressure_then.is_none();
        if self
            .pressure_then
            .is_some_and(|then| then != facts.pressure_ns)
        {
            self.hot_since = Some(now);
        }
        self.pressure_then = Some(facts.pressure_ns);
        first
            || self
                .hot_since
                .is_some_and(|since| now.seconds_since(since) <= PRESSURE_HOT_S)
    }
}
