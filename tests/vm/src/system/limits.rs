//! Limits of every kind of workload that is opted in move, and no other.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::Stage;
use crate::agent;
use crate::cgroup::LIMITS;
use crate::clock::wait_for;
use crate::report::Report;

/// Warm-up and one lowering step take a few seconds; emulation makes them longer.
pub const CHANGED: Duration = Duration::from_secs(90);
/// Originals come back within milliseconds; what has to be freed first takes longer.
const BACK: Duration = Duration::from_secs(20);

/// Each workload: does the agent know it as what it is, and does it move its limits?
pub fn run(report: &mut Report, stage: &Stage) -> Result<()> {
    let took = wait_for(CHANGED, || stage.all_changed());
    report.number("limits_written_s", took);
    let unchanged = stage.unchanged();
    let detail = match took {
        Some(_) => format!(
            "{} workloads, {} files",
            stage.managed().count(),
            agent::limits_held()
        ),
        None => format!("no limit of: {}", unchanged.join(", ")),
    };
    report.check("limits_written", took.is_some(), &detail);
    let mut touched = Vec::new();
    let mut misread = Vec::new();
    for target in &stage.targets {
        let row = agent::workload(&target.group.name);
        let managed = row.as_ref().and_then(|row| row["managed"].as_bool());
        if managed != Some(target.opted_in) {
            misread.push(target.name);
        }
        let limits = target.limits();
        let changed: Vec<&str> = LIMITS
            .into_iter()
            .zip(target.originals.iter().zip(&limits))
            .filter(|(_, (original, now))| original != now)
            .map(|(file, _)| file)
            .collect();
        if !target.opted_in && !changed.is_empty() {
            touched.push(target.name);
        }
        report.record(
            "workload",
            json!({
                "workload": target.name,
                "cgroup": target.group.name,
                "managed": managed,
                "changed": changed,
                "originals": target.originals,
                "limits": limits,
            }),
        );
    }
    report.check("workloads_known", misread.is_empty(), &misread.join(", "));
    report.check("untouched", touched.is_empty(), &touched.join(", "));
    Ok(())
}

/// All originals byte for byte; `proven` says that there was something to bring back.
pub fn back(report: &mut Report, name: &str, proven: bool, stage: &Stage) {
    wait_for(BACK, || stage.differing().is_empty());
    let differing = stage.differing();
    let detail = match (differing.first(), proven) {
        (Some(first), _) => first.clone(),
        (None, true) => "every original is back".to_owned(),
        (None, false) => "nothing had been changed before".to_owned(),
    };
    report.check(name, differing.is_empty() && proven, &detail);
}
