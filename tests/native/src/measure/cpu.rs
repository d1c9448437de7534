//! The short comparison that also runs inside the virtual machines: CPU time of two loads at once.

use std::path::Path;

use anyhow::Result;
use llmos_agent::probes::{Probe, Wanted};

use super::{Compared, Kernel};
use crate::cgroup::TestCgroup;
use crate::load::Load;

/// CPU time of a busy loop and of a task that sleeps often, both at once for `seconds`.
///
/// # Errors
/// When the probe cannot run or a load fails.
pub fn basic(load: &Path, seconds: f64) -> Result<Vec<Compared>> {
    let mut kernel = Kernel::load(
        Wanted {
            cpu: true,
            ..Wanted::none()
        },
        &[Probe::Cpu],
    )?;
    let seconds = seconds.to_string();
    let both = [
        ("busy loop", "busy", TestCgroup::make(&kernel.root, "busy")?),
        (
            "task that sleeps often",
            "sleeper",
            TestCgroup::make(&kernel.root, "sleeper")?,
        ),
    ];
    let mut running = Vec::new();
    let mut before = Vec::new();
    for (_, name, cgroup) in &both {
        running.push(Load::start(load, cgroup, &[name, &seconds])?);
        before.push((kernel.counts(cgroup)?.run_ns, cgroup.cpu_ns()?));
    }
    for load in &mut running {
        load.begin()?;
    }
    for mut load in running {
        load.work_done()?;
        load.finish()?;
    }
    let mut compared = Vec::new();
    for ((what, _, cgroup), (counted, truth)) in both.iter().zip(before) {
        compared.push(Compared::new(
            format!("{what}, ns"),
            kernel.counts(cgroup)?.run_ns - counted,
            cgroup.cpu_ns()? - truth,
        ));
    }
    Ok(compared)
}
