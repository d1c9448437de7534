//! Prints the errors of the kernel side's counts as one JSON object with flat keys.

use anyhow::{Result, bail};
use clap::Parser;
use llmos_agent::probes::{Probe, Wanted};
use llmos_native_tests::measure::{self, Compared, Kernel};
use llmos_native_tests::{guard, load};
use serde_json::{Map, Value, json};

#[derive(Debug, Parser)]
struct Arguments {
    /// Seconds that each load runs.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Bytes of the transfer of the short comparison.
    #[arg(long, default_value_t = 256 << 20)]
    bytes: u64,
    /// Every load, not only two for the CPU and one transfer.
    #[arg(long)]
    all: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(obstacle) = measure::obstacle() {
        bail!("the counts cannot be compared here: {obstacle}");
    }
    guard::start()?;
    let answer = if arguments.all {
        all(arguments.seconds)?
    } else {
        let load = load::beside_this_program()?;
        let cpu = show(measure::cpu(&load, arguments.seconds)?);
        let network = show(measure::network(&load, arguments.bytes)?);
        json!({
            "cpu_err_pct": measure::worst(&cpu),
            "net_err_pct": measure::worst(&network),
        })
    };
    println!("{answer}");
    Ok(())
}

/// Every load. One group that cannot be measured does not lose the others.
fn all(seconds: f64) -> Result<Value> {
    let load = load::beside_this_program()?;
    let wanted = Wanted {
        cpu: true,
        network: true,
        ..Wanted::none()
    };
    let mut kernel = Kernel::load(wanted, &[Probe::Cpu, Probe::Network])?;
    let mut answer = Map::new();
    let mut cpu = Vec::new();
    for case in &measure::CPU {
        cpu.extend(show(
            measure::one(&mut kernel, &load, case, seconds)?.compared,
        ));
    }
    cpu.extend(show(measure::moved(&mut kernel, &load, seconds)?));
    put(&mut answer, "cpu_err_pct_max", Ok(cpu));

    let mut wait = kernel.need(Probe::Scheduling).map(|()| Vec::new());
    for case in &measure::WAIT {
        wait = wait.and_then(|mut wait: Vec<Compared>| {
            let outcome = measure::one(&mut kernel, &load, case, seconds)?;
            wait.extend(show(outcome.compared));
            for (name, q) in [("p50", 0.5), ("p99", 0.99)] {
                let ns = outcome.waits.and_then(|waits| waits.quantile_ns(q));
                let name = format!("{}_wait_us_{name}", measure::key(case.name));
                answer.insert(name, json!(ns.map(|ns| ns / 1e3)));
            }
            Ok(wait)
        });
    }
    put(&mut answer, "wait_err_pct_max", wait);
    let flows = measure::flows(&mut kernel, &load, seconds).map(show);
    put(&mut answer, "net_err_pct_max", flows);
    Ok(answer.into())
}

/// Keeps the worst error and each single one, or the reason why there is none.
fn put(answer: &mut Map<String, Value>, key: &str, compared: Result<Vec<Compared>>) {
    match compared {
        Ok(all) => {
            answer.insert(key.to_owned(), json!(measure::worst(&all)));
            for one in all {
                let name = format!("{}_err_pct", measure::key(&one.what));
                answer.insert(name, json!(one.error_pct()));
            }
        }
        Err(error) => {
            answer.insert(key.to_owned(), Value::Null);
            answer.insert(format!("{key}_reason"), json!(format!("{error:#}")));
        }
    }
}

fn show(compared: Vec<Compared>) -> Vec<Compared> {
    for one in &compared {
        eprintln!("  {one}");
    }
    compared
}
