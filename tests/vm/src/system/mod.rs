//! The scenario of a whole system: systemd as the first process, containerd, and the agent as the
//! service that it is in the field. A part is one file here and one line in [`PARTS`].

mod boot;
pub mod unit;

use anyhow::{Result, ensure};

use crate::report::Report;

/// A part of the scenario; an error ends the scenario, a failed check does not.
type Part = fn(&mut Report) -> Result<()>;

/// All parts in order, by the names that `cargo xtask vm system --only` takes.
const PARTS: [(&str, Part); 1] = [("boot", boot::run)];

/// Runs the parts that were asked for; none means all.
///
/// # Errors
/// When a part cannot be carried out at all, or there is none of a name.
pub fn run(report: &mut Report, asked: &[&str]) -> Result<()> {
    for name in asked {
        let known: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        ensure!(
            known.contains(name),
            "no part {name}; there are: {}",
            known.join(", ")
        );
    }
    for (name, part) in PARTS {
        if asked.is_empty() || asked.contains(&name) {
            report.event(&format!("part {name}"));
            part(report)?;
        }
    }
    Ok(())
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
