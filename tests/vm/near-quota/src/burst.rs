//! One kind of burst on its own cgroups, again and again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use llmos_vm_tests::cgroup::Group;
use llmos_vm_tests::clock::wait_for;
use llmos_vm_tests::load;
use nix::time::{ClockId, clock_gettime};

use crate::kind::Kind;
use crate::throttle::Throttles;
use crate::watcher::{Told, Watcher};

/// Long enough for the quota of one period to be used up and the next to begin.
const BURST: Duration = Duration::from_millis(150);
/// Some periods without load, so that the next burst begins with a full quota; up to a period more,
/// so that bursts do not follow the periods.
const IDLE: Duration = Duration::from_millis(350);
const PERIOD: Duration = Duration::from_millis(100);
/// `cpu.stat` is looked at this often.
const LOOK: Duration = Duration::from_millis(5);

/// What one burst was like. Moments are nanoseconds of the monotonic clock.
#[derive(Debug, Clone)]
pub struct Burst {
    /// Events of this burst.
    pub told: Vec<Told>,
    /// Throttled periods before it.
    pub before: u64,
    /// The kernel throttled; unknown where it cannot be traced.
    pub throttled_ns: Option<Vec<u64>>,
    /// The first look at `cpu.stat` that showed a throttled period.
    pub seen_ns: Option<u64>,
}

/// Cgroups with a quota and the process that bursts in them.
pub struct Stage {
    limited: Group,
    inner: Option<Group>,
    loads: Vec<Child>,
    start: ChildStdin,
    done: BufReader<ChildStdout>,
    phase: u64,
}

impl Stage {
    /// Makes the cgroups, asks for their events and starts the processes.
    pub fn build(kind: &Kind, watcher: &mut Watcher, used_share: f64) -> Result<Self> {
        let limited = Group::create("burst")?;
        let inner = kind
            .nested
            .then(|| Group::create("burst/inner"))
            .transpose()?;
        limited.write("cpu.max", kind.cpu_max)?;
        watcher.watch(limited.id()?, limited.path(), used_share)?;
        let place = inner.as_ref().unwrap_or(&limited).path();
        let mut sprinter = Command::new("vm-workload")
            .arg(place)
            .args(["sprint", &kind.threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start vm-workload")?;
        let start = sprinter.stdin.take().context("no standard input")?;
        let done = sprinter.stdout.take().context("no standard output")?;
        let mut loads = vec![sprinter];
        if kind.mid_period {
            let trickle = Command::new("vm-workload")
                .arg(place)
                .arg("trickle")
                .spawn();
            loads.push(trickle.context("cannot start vm-workload")?);
        }
        Ok(Self {
            limited,
            inner,
            loads,
            start,
            done: BufReader::new(done),
            phase: now_ns(),
        })
    }

    /// Rests, bursts, and says what happened.
    pub fn burst(&mut self, watcher: &Watcher, throttles: Option<&mut Throttles>) -> Result<Burst> {
        std::thread::sleep(IDLE + self.random_share_of(PERIOD));
        // What the rest brought belongs to no burst.
        watcher.told();
        let before = nr_throttled(self.limited.path()).context("no nr_throttled")?;
        let mut throttles = throttles;
        if let Some(throttles) = &mut throttles {
            throttles.since_last()?;
        }
        writeln!(self.start, "{}", BURST.as_millis())?;
        let begun = Instant::now();
        let mut seen_ns = None;
        while begun.elapsed() < BURST + PERIOD {
            if seen_ns.is_none()
                && nr_throttled(self.limited.path()).is_some_and(|now| now > before)
            {
                seen_ns = Some(now_ns());
            }
            std::thread::sleep(LOOK);
        }
        let mut line = String::new();
        self.done.read_line(&mut line)?;
        ensure!(line.trim() == "done", "the load said {line:?}");
        Ok(Burst {
            told: watcher.told(),
            before,
            throttled_ns: throttles.map(Throttles::since_last).transpose()?,
            seen_ns,
        })
    }

    /// Ends the processes and removes the cgroups.
    pub fn end(mut self, watcher: &mut Watcher) -> Result<()> {
        watcher.forget(self.limited.id()?);
        for load in &mut self.loads {
            load.kill()?;
            load.wait()?;
        }
        for group in self.inner.iter().chain([&self.limited]) {
            wait_for(load::SOON, || group.remove().is_ok())
                .with_context(|| format!("{} is still in use", group.name))?;
        }
        Ok(())
    }

    /// A different share each time; the same sequence is not needed, so the clock is seed enough.
    fn random_share_of(&mut self, length: Duration) -> Duration {
        self.phase = self
            .phase
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        length.mul_f64((self.phase >> 33) as f64 / f64::from(1_u32 << 31))
    }
}

/// Now on the monotonic clock, in nanoseconds.
pub fn now_ns() -> u64 {
    // The call fails for clocks that do not exist only.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// Periods in which the cgroup was throttled; the kernel counts one when it ends.
pub fn nr_throttled(cgroup: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(cgroup.join("cpu.stat")).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("nr_throttled "))?
        .parse()
        .ok()
}
