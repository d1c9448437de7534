//! The scenario of a whole system: systemd as the first process, containerd, and the agent as the
//! service that it is in the field. A part is one file here and one line in `PARTS`; it finds the
//! workloads of [`target`] and the agent running in `enforce`, and leaves both so.

mod boot;
mod contained;
mod ends;
mod identity;
mod image;
mod lasting;
mod limits;
mod reload;
mod service;
mod storm;
pub mod target;
pub mod unit;

use anyhow::{Context as _, Result, ensure};

use crate::report::Report;
use target::Target;

/// A part of the scenario; an error ends the scenario, a failed check does not.
type Part = fn(&mut Report, &Stage) -> Result<()>;

/// All parts in order, by the names that `cargo xtask vm system --only` takes.
const PARTS: [(&str, Part); 8] = [
    ("service", service::run),
    ("identity", identity::run),
    ("limits", limits::run),
    ("reload", reload::run),
    ("lasting", lasting::run),
    ("ends", ends::run),
    ("contained", contained::run),
    ("storm", storm::run),
];
/// Runs of a part that is repeated, unless a number stands after its name.
const RUNS: u32 = 3;

/// What the parts work with.
pub struct Stage {
    /// All workloads.
    pub targets: Vec<Target>,
    /// How often the part that is repeated is.
    pub runs: u32,
}

impl Stage {
    /// The workloads that are opted in.
    pub fn managed(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| target.opted_in)
    }

    /// Limits that are not the originals, in words; empty when all are.
    #[must_use]
    pub fn differing(&self) -> Vec<String> {
        self.targets.iter().flat_map(Target::differing).collect()
    }

    /// Has every workload that is opted in a limit of the agent's?
    #[must_use]
    pub fn all_changed(&self) -> bool {
        self.managed().all(|target| !target.differing().is_empty())
    }

    /// Workloads that are opted in and have no limit of the agent's.
    #[must_use]
    pub fn unchanged(&self) -> Vec<&'static str> {
        let unchanged = self
            .managed()
            .filter(|target| target.differing().is_empty());
        unchanged.map(|target| target.name).collect()
    }
}

/// Runs the parts that were asked for; none means all. `NAME:N` repeats a part that is repeated N times.
///
/// # Errors
/// When a part cannot be carried out at all, or there is none of a name.
pub fn run(report: &mut Report, asked: &[&str]) -> Result<()> {
    let mut runs = RUNS;
    let mut names = Vec::new();
    for asked in asked {
        let (name, number) = asked.split_once(':').unwrap_or((asked, ""));
        if !number.is_empty() {
            runs = number
                .parse()
                .with_context(|| format!("{asked}: {number}"))?;
        }
        names.push(name);
        let known: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        ensure!(
            known.contains(&name),
            "no part {name}; there are: {}",
            known.join(", ")
        );
    }
    boot::run(report)?;
    let stage = Stage {
        targets: target::start_all()?,
        runs,
    };
    report.event(&format!("{} workloads run", stage.targets.len()));
    service::start(report)?;
    for (name, part) in PARTS {
        if names.is_empty() || names.contains(&name) {
            report.event(&format!("part {name}"));
            part(report, &stage)?;
        }
    }
    service::stop(report, &stage)
}

/// The parts that the kernel's command line names after `llmos.run=vm-system,`.
#[must_use]
pub fn asked_for(cmdline: &str) -> Vec<&str> {
    let words = cmdline.split_whitespace();
    words
        .filter_map(|word| word.strip_prefix("llmos.run="))
        .flat_map(|program| program.split(',').skip(1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_after_the_program() {
        assert_eq!(
            asked_for("quiet llmos.run=vm-system,boot,limits psi=1\n"),
            ["boot", "limits"]
        );
        assert!(asked_for("llmos.run=vm-system").is_empty());
    }
}
