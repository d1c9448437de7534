//! Bursts against a CPU quota on every kernel: does the event arrive before the cgroup is throttled?
//!
//! The machines run in the host's time on two processors: emulation makes delays longer, not
//! shorter.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::Numbers;
use crate::bench::machine::{self, keep, measuring};
use crate::paths;
use crate::step::Steps;
use crate::vm::kernel::KERNELS;
use crate::vm::{Clock, Job, image};

/// Bursts on each kernel.
const BURSTS: u64 = 200;
const PROGRAMS: [&str; 2] = ["vm-near-quota", "vm-workload"];
const LIMIT: Duration = Duration::from_secs(1_200);
/// A kind of burst is told of when all of its bursts are done.
const SILENCE: Duration = Duration::from_secs(300);
const MEMORY_MIB: u32 = 1_024;

/// Bursts on each kernel. The headline is the worst kernel's.
///
/// # Errors
/// When the emulator cannot be had or a machine does not reach its end.
pub fn run(steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    machine::get(steps)?;
    let mut worst: Option<f64> = None;
    let mut all = Vec::new();
    for kernel in KERNELS {
        let what = format!(
            "{BURSTS} bursts against a quota on kernel {}",
            kernel.series
        );
        let records = steps.run(&what, || {
            let archive = paths::target().join("vm/near-quota.cpio");
            image::pack(&archive, &measuring("vm-init"), &PROGRAMS.map(measuring))?;
            let job = Job {
                program: &format!("vm-near-quota,{BURSTS},alone"),
                keep: false,
                root_disk: None,
                memory_mib: MEMORY_MIB,
                clock: Clock::Host,
                ahead: true,
                limit: LIMIT,
                silence: SILENCE,
            };
            Ok(job.run(*kernel, &archive)?.records)
        })?;
        let share = early_share(&records);
        worst = match (worst, share) {
            (Some(worst), Some(share)) => Some(worst.min(share)),
            (worst, share) => worst.or(share),
        };
        let name = kernel.series.replace('.', "_");
        numbers.put_or(
            &format!("near_quota_early_share_{name}"),
            share,
            "no burst was throttled",
        );
        for (figure, member) in [
            ("near_quota_arrival_ms", "kernel_to_arrival_ms"),
            ("near_quota_lead_ms", "arrival_to_throttled_ms"),
            ("near_quota_counted_ms", "arrival_to_counted_ms"),
        ] {
            for at in ["p10", "p50", "p90", "p99"] {
                let value = mean(
                    records
                        .iter()
                        .filter_map(|record| record[member][at].as_f64()),
                );
                let reason = "nothing to take a distribution of";
                numbers.put_or(&format!("{figure}_{at}_{name}"), value, reason);
            }
        }
        all.push(json!({ "kernel": kernel.release(), "records": records }));
    }
    numbers.put_or("near_quota_early_share", worst, "no burst was throttled");
    keep("near_quota", &Value::from(all))
}

/// Of the bursts that were throttled, those whose event was in user space before.
fn early_share(records: &[Value]) -> Option<f64> {
    let sum = |member: &str| -> f64 { records.iter().filter_map(|r| r[member].as_f64()).sum() };
    let throttled = sum("throttled");
    (throttled > 0.0).then(|| sum("early") / throttled)
}

/// The mean over the kinds of burst, which have the same number each.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    let sum: f64 = values.iter().sum();
    (!values.is_empty()).then(|| sum / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_that_were_not_throttled_prove_nothing() {
        let kinds = [
            json!({ "bursts": 50, "throttled": 40, "early": 39 }),
            json!({ "bursts": 50, "throttled": 40, "early": 37 }),
        ];
        assert_eq!(early_share(&kinds), Some(0.95));
        assert_eq!(
            early_share(&[json!({ "bursts": 50, "throttled": 0 })]),
            None
        );
    }
}
