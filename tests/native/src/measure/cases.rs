//! CPU time, switches and waits of one load at a time against the kernel's own accounts of the
//! cgroup and of its tasks.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use llmos_agent::probes::Probe;
use llmos_engine::sample::WaitHistogram;
use nix::unistd::Pid;

use super::{Compared, Kernel, since};
use crate::cgroup::TestCgroup;
use crate::load::Load;
use crate::tasks::TaskSums;
use crate::work::cpu::allowed_cpus;

/// After its word a load goes to sleep; on a busy machine its last switch is a while later.
const ASLEEP_FOR: Duration = Duration::from_millis(50);
const ASLEEP_WITHIN: Duration = Duration::from_secs(10);

/// Which accounts a load is good for. A count of a few dozen says nothing about one percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Account {
    /// CPU time against `cpu.stat`.
    Time,
    /// Context switches against the tasks' `status`.
    Switches,
    /// Time and number of waits against the tasks' `schedstat`.
    Waits,
}

use Account::{Switches, Time, Waits};

/// A load and what is compared of it.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// For people.
    pub name: &'static str,
    /// Arguments of the load program for so many seconds on so many CPUs.
    args: fn(f64, usize) -> Vec<String>,
    accounts: &'static [Account],
}

/// The loads for CPU time and switches, beside [`moved`].
pub const CPU: [Case; 5] = [
    Case {
        name: "busy loop",
        args: |seconds, _| words(&["busy", &seconds.to_string()]),
        accounts: &[Time],
    },
    Case {
        name: "task that sleeps often",
        args: |seconds, _| words(&["sleeper", &seconds.to_string()]),
        accounts: &[Time],
    },
    Case {
        name: "100 short-lived processes a second",
        args: |seconds, _| {
            let count = (100.0 * seconds) as u32;
            words(&["processes", &seconds.to_string(), &count.to_string()])
        },
        accounts: &[Time],
    },
    Case {
        name: "20,000 switches a second",
        args: |seconds, _| words(&["switches", &seconds.to_string(), "20000"]),
        accounts: &[Time, Switches],
    },
    Case {
        name: "four busy threads",
        args: |seconds, _| words(&["busy", &seconds.to_string(), "--threads", "4"]),
        accounts: &[Time],
    },
];

/// The loads for run-queue wait.
pub const WAIT: [Case; 3] = [
    Case {
        name: "four busy threads a CPU",
        args: |seconds, cpus| {
            let threads = (4 * cpus).to_string();
            words(&["busy", &seconds.to_string(), "--threads", &threads])
        },
        accounts: &[Time, Waits],
    },
    Case {
        name: "four busy threads a CPU, pinned",
        args: |seconds, cpus| {
            let (seconds, threads) = (seconds.to_string(), (4 * cpus).to_string());
            words(&["busy", &seconds, "--threads", &threads, "--pinned"])
        },
        accounts: &[Time, Waits],
    },
    Case {
        name: "two pairs a CPU that wake each other",
        args: |seconds, cpus| {
            let pairs = (2 * cpus).to_string();
            words(&["wakeups", &seconds.to_string(), &pairs])
        },
        accounts: &[Time, Switches, Waits],
    },
];

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// What came of one load.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Each account against its truth.
    pub compared: Vec<Compared>,
    /// The waits by length, of a load for which waits are compared.
    pub waits: Option<WaitHistogram>,
}

/// Runs one load in a cgroup of its own and compares.
///
/// # Errors
/// When the counters cannot be read or the load fails.
pub fn one(kernel: &mut Kernel, load: &Path, case: &Case, seconds: f64) -> Result<Outcome> {
    let cgroup = TestCgroup::make(&kernel.root, "one")?;
    let args = (case.args)(seconds, allowed_cpus()?.len());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut load = Load::start(load, &cgroup, &args)?;
    let tasks_before = asleep(load.pid()?)?;
    let before = (kernel.counts(&cgroup)?, cgroup.cpu_ns()?);
    load.begin()?;
    load.work_done()?;
    let tasks = asleep(load.pid()?)?.since(&tasks_before);
    let counted = since(&kernel.counts(&cgroup)?, &before.0);
    let cpu_ns = cgroup.cpu_ns()? - before.1;
    load.finish()?;

    let scheduling = kernel.need(Probe::Scheduling).is_ok();
    let (mut compared, mut waits) = (Vec::new(), None);
    let mut add = |what: &str, counted, truth| {
        let what = format!("{}: {what}", case.name);
        compared.push(Compared::new(what, counted, truth));
    };
    for account in case.accounts {
        match account {
            Switches | Waits if !scheduling => {}
            Time => add("CPU time, ns", counted.run_ns, cpu_ns),
            Switches => add("switches", counted.switches, tasks.switches),
            Waits => {
                add("wait, ns", counted.wait_ns, tasks.wait_ns);
                add("waits", counted.waits, tasks.waits);
                let in_buckets: u64 = counted.wait_buckets.iter().map(|n| u64::from(*n)).sum();
                add("waits in the histogram", in_buckets, counted.waits);
                waits = Some(WaitHistogram(counted.wait_buckets));
            }
        }
    }
    Ok(Outcome { compared, waits })
}

/// Waits until all tasks of a process sleep; their accounts then.
fn asleep(process: Pid) -> Result<TaskSums> {
    let start = Instant::now();
    let mut last = TaskSums::of(process)?;
    loop {
        sleep(ASLEEP_FOR);
        let now = TaskSums::of(process)?;
        if now == last {
            return Ok(now);
        }
        ensure!(
            start.elapsed() < ASLEEP_WITHIN,
            "the load does not go to sleep"
        );
        last = now;
    }
}

/// A busy task that is moved between two cgroups; the CPU time of both.
///
/// # Errors
/// When the counters cannot be read or the load fails.
pub fn moved(kernel: &mut Kernel, load: &Path, seconds: f64) -> Result<Vec<Compared>> {
    const MOVES: u32 = 9;
    let cgroups = [
        TestCgroup::make(&kernel.root, "moved-from")?,
        TestCgroup::make(&kernel.root, "moved-to")?,
    ];
    let mut load = Load::start(load, &cgroups[0], &["busy", &seconds.to_string()])?;
    let mut before = Vec::new();
    for cgroup in &cgroups {
        before.push((kernel.counts(cgroup)?.run_ns, cgroup.cpu_ns()?));
    }
    load.begin()?;
    for number in 0..MOVES {
        sleep(Duration::from_secs_f64(seconds / f64::from(MOVES + 1)));
        let to = if number % 2 == 0 { 1 } else { 0 };
        cgroups[to].take_in(load.pid()?)?;
    }
    load.work_done()?;
    load.finish()?;
    let mut compared = Vec::new();
    for (cgroup, (counted, cpu_ns)) in cgroups.iter().zip(before) {
        compared.push(Compared::new(
            format!(
                "task moved {MOVES} times: CPU time of cgroup {}, ns",
                compared.len() + 1
            ),
            kernel.counts(cgroup)?.run_ns - counted,
            cgroup.cpu_ns()? - cpu_ns,
        ));
    }
    Ok(compared)
}
