//! Many cgroups, each with one small process that works a little now and then.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use llmos_cgroupfs::Root;
use nix::unistd::{ForkResult, Pid, fork};

use crate::cgroup::{TestCgroup, move_to};
use crate::guard::tie_to_parent;
use crate::work::spin;

/// A process works once a second, for so many microseconds in turn: 0.01 to 0.03 % of a CPU. So a
/// thousand of them leave the machine its air, and no series is flat.
const PERIOD: Duration = Duration::from_secs(1);
const WORK_US: [u64; 4] = [100, 300, 200, 250];

/// The cgroups, below one of their own; dropping it ends the processes and removes the cgroups.
#[derive(Debug)]
pub struct Crowd {
    parent: TestCgroup,
    processes: Vec<Pid>,
}

impl Crowd {
    /// Makes them. The calling process must have one thread: it forks.
    ///
    /// # Errors
    /// When a cgroup or a process cannot be made.
    pub fn make(groups: usize) -> Result<Self> {
        let root = Root::find()?;
        let mut crowd = Self {
            parent: TestCgroup::make(&root, "crowd")?,
            processes: Vec::new(),
        };
        for number in 0..groups {
            let dir = crowd.dir(number);
            fs::create_dir(&dir).with_context(|| format!("making {}", dir.display()))?;
            let process = child(|| live(number, groups))?;
            crowd.processes.push(process);
            move_to(&dir, process)?;
        }
        Ok(crowd)
    }

    /// Is every process still there?
    ///
    /// # Errors
    /// When a cgroup is gone or has no process any more.
    pub fn check(&self) -> Result<()> {
        for number in 0..self.processes.len() {
            let procs = self.dir(number).join("cgroup.procs");
            let list = fs::read_to_string(&procs).with_context(|| procs.display().to_string())?;
            if list.trim().is_empty() {
                bail!("the process of {} has ended", procs.display());
            }
        }
        Ok(())
    }

    fn dir(&self, number: usize) -> PathBuf {
        self.parent.dir().join(format!("{number:04}"))
    }
}

/// Starts a process that runs `work` and never returns from it.
///
/// # Errors
/// When the kernel refuses.
pub fn child(work: impl FnOnce()) -> Result<Pid> {
    // SAFETY: the caller has one thread, so the copy is whole.
    match unsafe { fork() }.context("fork")? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            let tied = tie_to_parent();
            if tied.is_ok() {
                work();
            }
            // SAFETY: ends the copy at once, without what the parent does at its end.
            unsafe { nix::libc::_exit(i32::from(tied.is_err())) }
        }
    }
}

/// The life of one process: first its turn within the second, then a little work each second.
fn live(number: usize, groups: usize) {
    sleep(PERIOD.mul_f64(number as f64 / groups as f64));
    for work in WORK_US.iter().cycle().skip(number) {
        spin(Duration::from_micros(*work));
        sleep(PERIOD);
    }
}
