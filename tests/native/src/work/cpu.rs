//! Loads of the CPU: busy threads, a task that sleeps often, short-lived processes.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::crew::{self, Job};
use super::{done, pace, ready, spin};

/// Threads that never sleep, for so long; each on a CPU of its turn when `pinned`.
///
/// # Errors
/// When nobody talks to this program, or a thread cannot be pinned.
pub fn busy(duration: Duration, threads: usize, pinned: bool) -> Result<()> {
    let cpus = allowed_cpus()?;
    let jobs = cpus.into_iter().cycle().take(threads).map(|cpu| -> Job {
        Box::new(move || {
            if pinned {
                pin(cpu)?;
            }
            spin(duration);
            Ok(())
        })
    });
    crew::run(jobs.collect())
}

/// Burns a millisecond, sleeps a millisecond, again and again.
///
/// # Errors
/// When nobody talks to this program.
pub fn sleeper(duration: Duration) -> Result<()> {
    ready("")?;
    let end = Instant::now() + duration;
    while Instant::now() < end {
        spin(Duration::from_millis(1));
        thread::sleep(Duration::from_millis(1));
    }
    done("")
}

/// Starts `count` processes one after the other, evenly over the time, each with its own program
/// image, and waits for each.
///
/// # Errors
/// When a process cannot be started or fails.
pub fn processes(duration: Duration, count: u32) -> Result<()> {
    let own = std::env::current_exe()?;
    ready("")?;
    let start = Instant::now();
    for number in 0..count {
        pace(start, duration, f64::from(number) / f64::from(count));
        let status = Command::new(&own).arg("nothing").status()?;
        ensure!(status.success(), "a short process ended with {status}");
    }
    done(&count.to_string())
}

/// CPUs that this task may run on.
///
/// # Errors
/// When the kernel does not say.
pub fn allowed_cpus() -> Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0)).context("reading the CPU affinity")?;
    let cpus: Vec<usize> = (0..CpuSet::count())
        .filter(|cpu| set.is_set(*cpu).unwrap_or(false))
        .collect();
    ensure!(!cpus.is_empty(), "this task may run on no CPU");
    Ok(cpus)
}

/// Keeps the calling thread on one CPU.
///
/// # Errors
/// When the kernel refuses.
pub fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("pinning to CPU {cpu}"))
}
