//! Memory of a cgroup without a memory controller: the resident memory of its processes, summed.
//!
//! Pages that processes share are counted once for each, so this is an upper bound, shown as a
//! degraded source and never used to set a limit.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use llmos_engine::units::{Bytes, CgroupId};

use super::self_cost::resident_bytes_of;

/// Reading many processes each tick is dear: only at each so many ticks per cgroup.
const EVERY: u64 = 5;

/// Sums resident memory, and remembers the sums between the ticks that read them.
#[derive(Debug)]
pub struct ResidentMemory {
    root: PathBuf,
    sums: HashMap<CgroupId, Bytes>,
}

impl ResidentMemory {
    /// Over a cgroup v2 root.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            sums: HashMap::new(),
        }
    }

    /// The sum for a cgroup; `None` when its processes cannot be listed. `tick` counts ticks; the
    /// reads of many cgroups are spread over them.
    pub fn of(&mut self, id: CgroupId, path: &str, tick: u64) -> Option<Bytes> {
        if !(tick + id.0).is_multiple_of(EVERY)
            && let Some(sum) = self.sums.get(&id)
        {
            return Some(*sum);
        }
        let sum = sum_of(&self.root.join(path))?;
        self.sums.insert(id, sum);
        Some(sum)
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
