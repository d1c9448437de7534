//! Reads one cgroup: its CPU and memory counters, its pressure, and the limits in force.
//!
//! A missing file is `None`, never zero. A file with garbage gives `None` too, and a
//! [`FileProblem`] beside the metrics that could be read.

mod cpu;
mod file;
mod memory;
mod sample;

use std::io;
use std::path::Path;

pub use cpu::CpuReading;
pub use file::{FileBudget, FileProblem, Scratch};
pub use memory::{MemoryEvents, MemoryReading, MemoryStat};

use crate::dir::{CgroupRef, Dir};
use crate::parse::Pressure;
use cpu::CpuFiles;
use memory::MemoryFiles;

/// What one read gave.
#[derive(Debug)]
pub enum Outcome {
    /// The cgroup is there.
    Read(Box<Reading>),
    /// The cgroup is gone, or another one has its name. Normal; drop the reader.
    Gone,
}

/// Everything that was read of a cgroup at one moment.
#[derive(Debug, Default)]
pub struct Reading {
    /// What the CPU controller says.
    pub cpu: CpuReading,
    /// What the memory controller says.
    pub memory: MemoryReading,
    /// Files that are there but could not be read or understood.
    pub problems: Vec<FileProblem>,
}

/// Reads one cgroup again and again. Files stay open while the budget lasts; beyond it they are
/// opened for each read, which is slower and gives the same values.
#[derive(Debug)]
pub struct CgroupReader {
    dir: Dir,
    cpu: CpuFiles,
    memory: MemoryFiles,
    budget: FileBudget,
    stat_every: u32,
    reads: u32,
}

impl CgroupReader {
    /// Opens the cgroup, or gives `None` if it is gone.
    ///
    /// `memory.stat` is dear (the kernel flushes its counters for it), so it is read at each
    /// `stat_every`-th read only (0 counts as 1); in between its last value stands.
    ///
    /// # Errors
    /// When the directory is there but cannot be opened (no permission, no file descriptors).
    pub fn open(
        root: &Path,
        cgroup: CgroupRef<'_>,
        stat_every: u32,
        budget: &FileBudget,
    ) -> io::Result<Option<Self>> {
        let Some(dir) = Dir::open(&root.join(cgroup.path), cgroup.id)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            dir,
            cpu: CpuFiles::default(),
            memory: MemoryFiles::default(),
            budget: budget.clone(),
            stat_every: stat_every.max(1),
            reads: 0,
        }))
    }

    /// Reads `memory.stat` alone; `None` when it is absent or bad.
    pub fn read_memory_stat(
        &mut self,
        scratch: &mut Scratch,
        problems: &mut Vec<FileProblem>,
    ) -> Option<MemoryStat> {
        self.memory.read_stat(&mut file::Pass {
            dir: &self.dir,
            budget: &self.budget,
            scratch,
            problems,
            retry_absent: true,
        })
    }

    /// Reads the pressure files alone: CPU, then memory.
    pub fn read_pressure(
        &mut self,
        scratch: &mut Scratch,
        problems: &mut Vec<FileProblem>,
    ) -> (Option<Pressure>, Option<Pressure>) {
        let mut pass = file::Pass {
            dir: &self.dir,
            budget: &self.budget,
            scratch,
            problems,
            retry_absent: true,
        };
        (
            self.cpu.read_pressure(&mut pass),
            self.memory.read_pressure(&mut pass),
        )
    }

    /// Reads the CPU time alone, in microseconds; `None` when it is absent or bad.
    pub fn read_cpu_usage(
        &mut self,
        scratch: &mut Scratch,
        problems: &mut Vec<FileProblem>,
    ) -> Option<u64> {
        self.cpu.read_usage(&mut file::Pass {
            dir: &self.dir,
            budget: &self.budget,
            scratch,
            problems,
            retry_absent: true,
        })
    }

    /// Reads all files that are there.
    pub fn read(&mut self, scratch: &mut Scratch) -> Outcome {
        let due = self.reads.is_multiple_of(self.stat_every);
        let mut reading = Box::new(Reading::default());
        let mut pass = file::Pass {
            dir: &self.dir,
            budget: &self.budget,
            scratch,
            problems: &mut reading.problems,
            retry_absent: due,
        };
        reading.cpu = self.cpu.read(&mut pass);
        reading.memory = self.memory.read(&mut pass, due);
        // A gone cgroup may have answered before it went, so this is asked last: two stats.
        if !self.dir.is_alive() {
            return Outcome::Gone;
        }
        self.reads = self.reads.wrapping_add(1);
        Outcome::Read(reading)
    }
}
