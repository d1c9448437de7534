//! Control groups that come and go, 1,000 a minute, under names that were there before.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use llmos_vm_tests::cgroup::{self, Group};
use llmos_vm_tests::clock::wait_for;
use llmos_vm_tests::load;
use serde_json::{Value, json};

use super::lane::Lane;
use super::subject::Subject;
use super::way::Way;
use super::{Work, changed, undone};

/// 1,000 a minute.
const EACH: Duration = Duration::from_millis(60);
/// So many are there at a time, each for a second and a half.
pub const SLOTS: usize = 24;
const LIFE: Duration = Duration::from_secs(4);

/// A process for each group to be.
pub struct Churn {
    sitters: Vec<Child>,
    number: u32,
    made: u32,
}

impl Churn {
    /// Starts the processes.
    ///
    /// # Errors
    /// When they cannot be started.
    pub fn start(number: u32) -> Result<Self> {
        let mut churn = Self {
            sitters: Vec::new(),
            number,
            made: 0,
        };
        for _ in 0..SLOTS {
            let mut command = Command::new("vm-workload");
            command.args([cgroup::ROOT, "murmur"]);
            let sitter = command.spawn().context("cannot start vm-workload")?;
            churn.sitters.push(sitter);
        }
        Ok(churn)
    }

    fn slot(&self, at: usize) -> Result<Group> {
        Group::create(&format!("chaos/in-{}-churn{at}", self.number))
    }

    /// A new group under the name of the slot, with an original that no group had before.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn renew(&mut self, at: usize) -> Result<(Group, String)> {
        self.end(at)?;
        let group = self.slot(at)?;
        self.made += 1;
        let text = ((128_u64 << 20) + u64::from(self.made) * 4_096).to_string();
        group.write("memory.max", &text)?;
        if let Some(sitter) = self.sitters.get(at) {
            group.write("cgroup.procs", &sitter.id().to_string())?;
        }
        Ok((group, text))
    }

    /// Groups made so far.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// Takes the process out and removes the group.
    fn end(&self, at: usize) -> Result<()> {
        let group = self.slot(at)?;
        if let Some(sitter) = self.sitters.get(at) {
            let procs = std::path::Path::new(cgroup::ROOT).join("cgroup.procs");
            std::fs::write(procs, sitter.id().to_string())?;
        }
        wait_for(load::SOON, || group.remove().is_ok()).context("a group stays")?;
        Ok(())
    }
}

impl Drop for Churn {
    fn drop(&mut self) {
        for sitter in &mut self.sitters {
            // It may have ended by itself.
            let _ = sitter.kill();
            let _ = sitter.wait();
        }
    }
}

impl Work for Churn {
    fn one(&mut self, lane: &mut Lane, at: u32) -> Result<Value> {
        lane.forget()?;
        let way = Way::of(at / 2);
        let watchdog = way.ready(lane)?;
        let mut agent = Subject::agent(lane, "enforce")?;
        changed(lane)?;
        let before = self.made;
        let begun = Instant::now();
        let mut there: Vec<Option<(Group, String)>> = vec![None; SLOTS];
        let mut slot = 0;
        let mut next = Duration::ZERO;
        while begun.elapsed() < LIFE {
            there[slot] = Some(self.renew(slot)?);
            slot = (slot + 1) % SLOTS;
            next += EACH;
            std::thread::sleep(next.saturating_sub(begun.elapsed()));
        }
        let per_minute = f64::from(self.made - before) / begun.elapsed().as_secs_f64() * 60.0;
        agent.kill()?;
        let held = self.differing(&there);
        let changed = lane.changed() + held.len();
        let said = undone(way, lane)?;
        drop(watchdog);
        let mut wrong = self.differing(&there);
        wrong.extend(lane.differing());
        for at in 0..SLOTS {
            self.end(at)?;
        }
        ensure!(self.made > before, "no group was made");
        Ok(json!({
            "way": way.name(),
            "per_minute": per_minute,
            "groups": self.made - before,
            "groups_held": held.len(),
            "changed": changed,
            "wrong": wrong,
            "said": said,
        }))
    }
}

impl Churn {
    /// Groups that do not hold what they were made with.
    fn differing(&self, there: &[Option<(Group, String)>]) -> Vec<String> {
        let mut differing = Vec::new();
        for (group, text) in there.iter().flatten() {
            let wanted = ["max 100000", "0", "100", "max", text];
            for (file, wanted) in super::tally::FILES.iter().zip(wanted) {
                let now = group.read(file).unwrap_or_default();
                if now != wanted {
                    differing.push(format!("{}/{file}: {now}, was {wanted}", group.name));
                }
            }
        }
        differing
    }
}
