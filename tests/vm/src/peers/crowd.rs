//! Many cgroups, each with a small process that does a little now and then.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::cgroup::Group;
use crate::clock::wait_for;
use crate::load;

/// All are below this one.
const PARENT: &str = "crowd";
/// Their names begin so; four digits follow.
const NAME: &str = "llmos-crowd-";
const DIGITS: usize = 4;

/// Cgroups and their processes.
pub struct Crowd {
    groups: Vec<Group>,
    processes: Vec<Child>,
}

impl Crowd {
    /// Makes `count` cgroups with CPU and memory controllers and starts a process in each.
    ///
    /// # Errors
    /// When the kernel refuses one.
    pub fn start(count: usize) -> Result<Self> {
        let mut crowd = Self {
            groups: Vec::with_capacity(count),
            processes: Vec::with_capacity(count),
        };
        for number in 0..count {
            let group = Group::create(&format!("{PARENT}/{NAME}{number:04}"))?;
            let process = Command::new("vm-workload")
                .arg(group.path())
                .arg("murmur")
                .stdin(Stdio::null())
                .spawn()
                .context("cannot start vm-workload")?;
            crowd.groups.push(group);
            crowd.processes.push(process);
        }
        Ok(crowd)
    }

    /// Ends all processes and removes the cgroups.
    ///
    /// # Errors
    /// When a cgroup cannot be removed.
    pub fn end(mut self) -> Result<()> {
        for process in &mut self.processes {
            process.kill()?;
        }
        for process in &mut self.processes {
            process.wait()?;
        }
        for group in &self.groups {
            // The last task leaves a moment after its parent has heard of its end.
            let gone = wait_for(load::SOON, || group.remove().is_ok());
            gone.with_context(|| format!("{} is still in use", group.name))?;
        }
        Ok(())
    }
}

/// How many different cgroups of the crowd are named in an answer of any format.
pub fn names_in(body: &[u8]) -> usize {
    let mut seen = BTreeSet::new();
    let needle = NAME.as_bytes();
    let mut rest = body;
    while let Some(at) = rest
        .windows(needle.len())
        .position(|window| window == needle)
    {
        rest = &rest[at + needle.len()..];
        if let Some(digits) = rest.get(..DIGITS) {
            seen.insert(digits.to_vec());
        }
    }
    seen.len()
}

#[cfg(test)]
mod tests {
    use super::names_in;

    #[test]
    fn names_are_counted_once_in_any_format() {
        let text = b"a{id=\"/crowd/llmos-crowd-0001\"} 1\nb{id=\"/crowd/llmos-crowd-0001\"} 2\n\
                     \x93llmos-crowd-0002\x00 llmos-crowd-00";
        assert_eq!(names_in(text), 2);
        assert_eq!(names_in(b""), 0);
    }
}
