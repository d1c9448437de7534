//! Prints the errors of the kernel side's counts as one JSON object with flat keys.

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use llmos_native_tests::measure;

#[derive(Debug, Parser)]
struct Arguments {
    /// Seconds that the CPU loads run.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Bytes of the transfer.
    #[arg(long, default_value_t = 256 << 20)]
    bytes: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(obstacle) = measure::obstacle() {
        bail!("the counts cannot be compared here: {obstacle}");
    }
    let own = std::env::current_exe()?;
    let load = own
        .parent()
        .context("no folder beside this program")?
        .join("native-load");
    let cpu = measure::cpu(&load, arguments.seconds)?;
    let network = measure::network(&load, arguments.bytes)?;
    let worst = |all: &[measure::Compared]| {
        all.iter()
            .map(measure::Compared::error_pct)
            .fold(0.0, f64::max)
    };
    for compared in cpu.iter().chain(&network) {
        eprintln!(
            "{:24} counted {:>14}  truth {:>14}  error {:.3} %",
            compared.what,
            compared.counted,
            compared.truth,
            compared.error_pct()
        );
    }
    println!(
        "{}",
        serde_json::json!({ "cpu_err_pct": worst(&cpu), "net_err_pct": worst(&network) })
    );
    Ok(())
}
