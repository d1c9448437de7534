//! Memory of a cgroup without a memory controller: the resident memory of its processes, summed.
//!
//! Pages that processes share are counted once for each, so this is an upper bound, shown as a
//! degraded source and never used to set a limit.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use llmos_engine::units::{Bytes, CgroupId};

use super::self_cost::resident_bytes_of;

/// Reading many processes each tick is dear: only so many cgroups a tick.
const PER_TICK: u32 = 4;
/// A sum is good for this many ticks.
const GOOD_TICKS: u64 = 5;

/// Sums resident memory, and remembers the sums between the ticks that read them.
#[derive(Debug)]
pub struct ResidentMemory {
    root: PathBuf,
    sums: HashMap<CgroupId, (u64, Bytes)>,
    tick: u64,
    left: u32,
}

impl ResidentMemory {
    /// Over a cgroup v2 root.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            sums: HashMap::new(),
            tick: 0,
            left: PER_TICK,
        }
    }

    /// The sum for a cgroup; `None` when its processes cannot be listed, or while its first turn
    /// has not come. `tick` counts ticks: with many cgroups the oldest sums are read anew first.
    pub fn of(&mut self, id: CgroupId, path: &str, tick: u64) -> Option<Bytes> {
        if tick != self.tick {
            (self.tick, self.left) = (tick, PER_TICK);
        }
        let known = self.sums.get(&id).copied();
        let good = self.good_ticks();
        match known {
            Some((then, sum)) if tick.saturating_sub(then) < good => return Some(sum),
            _ if self.left == 0 => return known.map(|(_, sum)| sum),
            _ => {}
        }
        self.left -= 1;
        let sum = sum_of(&self.root.join(path))?;
        self.sums.insert(id, (tick, sum));
        Some(sum)
    }

    /// As long as it takes to read all of them once.
    fn good_ticks(&self) -> u64 {
        let all = u64::try_from(self.sums.len()).unwrap_or(u64::MAX);
        GOOD_TICKS.max(all.div_ceil(PER_TICK.into()))
    }

    /// Forgets a cgroup that is gone.
    pub fn forget(&mut self, id: CgroupId) {
        self.sums.remove(&id);
    }
}

fn sum_of(dir: &Path) -> Option<Bytes> {
    let procs = fs::read_to_string(dir.join("cgroup.procs")).ok()?;
    // A process that ended meanwhile has no memory.
    Some(Bytes(procs.lines().filter_map(resident_bytes_of).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_the_processes_that_still_live() {
        let dir = tempfile::tempdir().unwrap();
        let procs = format!("{}\n999999999\n", std::process::id());
        fs::write(dir.path().join("cgroup.procs"), procs).unwrap();
        let mut memory = ResidentMemory::new(dir.path().to_owned());
        let sum = memory.of(CgroupId(5), "", 0).unwrap();
        assert!(
            sum > Bytes::from_mib(1),
            "this test needs more than a mebibyte itself: {sum}"
        );
        assert_eq!(memory.of(CgroupId(6), "missing", 0), None);
    }
}
