//! A program that makes load in a control group: `vm-workload CGROUP KIND [ARGUMENTS]`. A dash for the
//! group stays in the one that it is started in.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use llmos_vm_tests::{grow, load};

const USAGE: &str = "vm-workload CGROUP bursts IDLE_S BURST_S COUNT LOG | \
                     wave BLOCKS GROW_S HOLD_S REST_S | steady MIB | murmur | trickle | sprint THREADS | work | \
                     grow anon|file FIRST_MIB LAST_MIB MIB_PER_S | hog";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [cgroup, kind, rest @ ..] = args.as_slice() else {
        bail!("{USAGE}")
    };
    // Before any load, so that none of it counts elsewhere.
    if cgroup != "-" {
        std::fs::write(Path::new(cgroup).join("cgroup.procs"), "0")
            .with_context(|| format!("cannot join {cgroup}"))?;
    }
    let number = |at: usize| -> Result<f64> {
        rest.get(at)
            .context(USAGE)?
            .parse()
            .with_context(|| format!("argument {at} of {kind}"))
    };
    let seconds = |at: usize| number(at).map(Duration::from_secs_f64);
    match kind.as_str() {
        "bursts" => {
            let log = rest.get(3).context(USAGE)?;
            load::bursts(
                seconds(0)?,
                seconds(1)?,
                number(2)? as usize,
                Path::new(log),
            )?;
        }
        "wave" => load::wave(number(0)? as usize, seconds(1)?, seconds(2)?, seconds(3)?),
        "steady" => load::steady(number(0)? as usize),
        "murmur" => load::murmur(std::process::id())?,
        "trickle" => load::trickle(),
        "sprint" => load::sprint(number(0)? as usize)?,
        "work" => load::work()?,
        "grow" => {
            let pages = rest.first().context(USAGE)?;
            grow::run(pages, number(1)? as usize, number(2)? as usize, number(3)?)?;
        }
        "hog" => load::hog(),
        _ => bail!("{USAGE}"),
    }
    Ok(())
}
