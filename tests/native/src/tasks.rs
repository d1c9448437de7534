//! What the kernel keeps of each task of a process: context switches, and how often and how long it
//! waited for a CPU.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use nix::unistd::Pid;

/// Sums over the tasks of a process that are alive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskSums {
    /// Context switches away from them, voluntary or not (`/proc/PID/task/TID/status`).
    pub switches: u64,
    /// Nanoseconds that they were ready and waited (second field of `schedstat`).
    pub wait_ns: u64,
    /// Times that they got a CPU (third field of `schedstat`).
    pub waits: u64,
}

impl TaskSums {
    /// Of a process now.
    ///
    /// # Errors
    /// When it is gone, or this kernel does not keep `schedstat`.
    pub fn of(process: Pid) -> Result<Self> {
        let mut sums = Self::default();
        let dir = format!("/proc/{process}/task");
        for task in fs::read_dir(&dir).with_context(|| dir.clone())? {
            let task = Self::in_folder(&task?.path())?;
            sums.switches += task.switches;
            sums.wait_ns += task.wait_ns;
            sums.waits += task.waits;
        }
        Ok(sums)
    }

    /// Of one task of this process now.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn of_task(task: Pid) -> Result<Self> {
        Self::in_folder(Path::new(&format!("/proc/self/task/{task}")))
    }

    fn in_folder(task: &Path) -> Result<Self> {
        let read = |file: &str| {
            let path = task.join(file);
            fs::read_to_string(&path).with_context(|| path.display().to_string())
        };
        let switches = switches(&read("status")?).context("status without switches")?;
        let (wait_ns, waits) = waits(&read("schedstat")?).context("schedstat is odd")?;
        Ok(Self {
            switches,
            wait_ns,
            waits,
        })
    }

    /// What was added since an earlier reading of the same tasks.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            switches: self.switches - before.switches,
            wait_ns: self.wait_ns - before.wait_ns,
            waits: self.waits - before.waits,
        }
    }
}

fn switches(status: &str) -> Option<u64> {
    let of = |key: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().parse().ok()
    };
    Some(of("voluntary_ctxt_switches:")? + of("nonvoluntary_ctxt_switches:")?)
}

fn waits(schedstat: &str) -> Option<(u64, u64)> {
    let mut fields = schedstat.split_whitespace().skip(1);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_task_are_read() {
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(switches(status), Some(10));
        assert_eq!(switches("Name:\tx\n"), None);
        assert_eq!(waits("1000 250 9\n"), Some((250, 9)));
        assert_eq!(waits("1000\n"), None);
    }
}
