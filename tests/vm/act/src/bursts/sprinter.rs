//! The load in the cgroup: a process that bursts when it is told to, and one that does a little all
//! the time, so that periods go on and bursts begin anywhere in one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result};
use llmos_vm_tests::cgroup::Group;

use super::plan::Burst;

/// The longest burst needs 40 s of the least quota that the kernel knows.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a burst took, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    /// From the first to the last thread's end.
    pub wall_ms: f64,
    /// CPU time of all threads.
    pub cpu_ms: f64,
}

/// The two processes; they end with it.
pub struct Sprinter {
    processes: [Child; 2],
    tell: ChildStdin,
    heard: Receiver<String>,
}

impl Sprinter {
    /// Starts them.
    pub fn start(group: &Group) -> Result<Self> {
        let mut worker = Command::new("vm-workload")
            .arg(group.path())
            .arg("work")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start vm-workload")?;
        let tell = worker.stdin.take().context("no standard input")?;
        let answers = worker.stdout.take().context("no standard output")?;
        let (said, heard) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(answers).lines().map_while(Result::ok) {
                if said.send(line).is_err() {
                    break;
                }
            }
        });
        let trickle = Command::new("vm-workload")
            .arg(group.path())
            .arg("trickle")
            .stdin(Stdio::null())
            .spawn();
        let trickle = trickle.inspect_err(|_| {
            // Nobody else would end it.
            let _ = worker.kill();
            let _ = worker.wait();
        });
        Ok(Self {
            processes: [worker, trickle.context("cannot start vm-workload")?],
            tell,
            heard,
        })
    }

    /// Bursts now, and says what it took.
    pub fn burst(&mut self, burst: &Burst) -> Result<Took> {
        writeln!(self.tell, "{:.3} {}", burst.cpu_ms, burst.threads)?;
        let line = self.heard.recv_timeout(PATIENCE);
        let line = line.with_context(|| format!("no end within {} s", PATIENCE.as_secs()))?;
        let numbers = line.split_once(' ').and_then(|(wall, cpu)| {
            Some(Took {
                wall_ms: wall.parse().ok()?,
                cpu_ms: cpu.parse().ok()?,
            })
        });
        numbers.with_context(|| format!("the load said {line:?}"))
    }
}

impl Drop for Sprinter {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // It may have ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
