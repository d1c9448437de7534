//! One or several processes of a cgroup that grow together, and how that ends.

use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use llmos_vm_tests::cgroup::Group;

/// MiB of all processes together before they grow.
const FIRST_MIB: u32 = 10;
/// The slowest needs four seconds; whoever needs as long as this waits for memory it will not get.
const BOUND: Duration = Duration::from_secs(20);
/// Start of the processes and their first few MiB.
const READY: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

/// A program to run.
pub struct Program {
    /// `anon` or `file`.
    pub pages: &'static str,
    /// Processes that share the growth.
    pub processes: u32,
    /// Speed of all together; 0 is as fast as they can.
    pub mib_per_s: u32,
    /// MiB of all together in the end.
    pub to_mib: u32,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pages, {} processes, ", self.pages, self.processes)?;
        match self.mib_per_s {
            0 => write!(f, "as fast as it can"),
            speed => write!(f, "{speed} MiB/s"),
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All processes grew as far as they were meant to.
    Done,
    /// The kernel killed at least one.
    Killed,
    /// Not done within the bound.
    Stuck,
}

impl Ended {
    /// As it stands in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Killed => "killed",
            Self::Stuck => "stuck",
        }
    }
}

/// Its processes; they end with it.
pub struct Growth {
    processes: Vec<Child>,
    tell: Vec<ChildStdin>,
    heard: Receiver<String>,
}

impl Growth {
    /// Starts the processes and waits until each has its first memory.
    pub fn start(program: &Program, group: &Group) -> Result<Self> {
        let (said, heard) = channel();
        let mut growth = Self {
            processes: Vec::new(),
            tell: Vec::new(),
            heard,
        };
        let share = |mib: u32| mib.div_ceil(program.processes).to_string();
        let speed = f64::from(program.mib_per_s) / f64::from(program.processes);
        for _ in 0..program.processes {
            let mut process = Command::new("vm-workload")
                .arg(group.path())
                .args([
                    "grow",
                    program.pages,
                    &share(FIRST_MIB),
                    &share(program.to_mib),
                ])
                .arg(speed.to_string())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .context("cannot start vm-workload")?;
            let pipes = process.stdin.take().zip(process.stdout.take());
            growth.processes.push(process);
            let (stdin, stdout) = pipes.context("no pipes")?;
            growth.tell.push(stdin);
            let said = said.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if said.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        let begun = Instant::now();
        for _ in 0..program.processes {
            let left = READY.saturating_sub(begun.elapsed());
            let line = growth.heard.recv_timeout(left);
            let line = line.context("a process did not get ready")?;
            ensure!(line == "ready", "the load said {line:?}");
        }
        Ok(growth)
    }

    /// Lets them grow; how it ended, and after how long.
    pub fn run(&mut self, group: &Group) -> Result<(Ended, Duration)> {
        let begun = Instant::now();
        for tell in &mut self.tell {
            writeln!(tell, "go")?;
        }
        let mut done = 0;
        while begun.elapsed() < BOUND {
            match self.heard.recv_timeout(LOOK) {
                Ok(line) if line.starts_with("done ") => done += 1,
                Ok(line) => bail!("the load said {line:?}"),
                Err(RecvTimeoutError::Timeout) => {}
                // All are gone and said nothing more: then there is a kill to see.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(LOOK),
            }
            if event(group, "oom_kill ").is_some_and(|kills| kills > 0) {
                return Ok((Ended::Killed, begun.elapsed()));
            }
            if done == self.processes.len() {
                return Ok((Ended::Done, begun.elapsed()));
            }
        }
        Ok((Ended::Stuck, begun.elapsed()))
    }
}

impl Drop for Growth {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // The kernel may have been first.
            let _ = process.kill();
        }
        for process in &mut self.processes {
            let _ = process.wait();
        }
    }
}

/// A count of `memory.events`; its name ends with a space.
pub fn event(group: &Group, key: &str) -> Option<u64> {
    group.keyed("memory.events", key)
}
