//! `llmosctl restore`: works on the journal of an agent that does not run, so it needs no socket. From
//! an agent that hangs the limits are taken over as a watchdog does it; one that answers is left alone.

use llmos_cgroupfs::{Root, restore_all, restore_workload};
use serde_json::json;

use super::{print_json, print_lines};
use crate::cli::RestoreArgs;
use crate::error::CtlError;

/// Runs the command.
pub fn run(json: bool, args: &RestoreArgs) -> Result<(), CtlError> {
    let root = match &args.cgroup_root {
        Some(root) => root.clone(),
        None => Root::find()?.path().to_owned(),
    };
    let report = match &args.workload {
        Some(workload) => restore_workload(&args.state_dir, &root, workload)?,
        None => restore_all(&args.state_dir, &root)?,
    };
    if json {
        let skipped = report.skipped.iter();
        let failed = report.failed.iter();
        print_json(&json!({
            "restored": report.restored,
            "units": report.units,
            "notes": report.notes,
            "skipped": skipped
                .map(|(path, why)| json!({"path": path, "why": why.to_string()}))
                .collect::<Vec<_>>(),
            "failed": failed
                .map(|(path, why)| json!({"path": path, "why": why}))
                .collect::<Vec<_>>(),
            "fenced_process": report.fenced,
            "damaged_records": report.damage.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }))?;
    } else if report.is_empty() {
        print_lines([format!(
            "nothing to restore: no limit{} is in the journal of {}",
            args.workload
                .as_ref()
                .map_or_else(String::new, |workload| format!(" of {workload}")),
            args.state_dir.display()
        )])?;
    } else {
        let restored = report
            .restored
            .iter()
            .map(|path| format!("restored {}", path.display()));
        let units = report
            .units
            .iter()
            .map(|unit| format!("restored systemd unit {unit}"));
        let notes = report.notes.iter().map(|note| format!("note: {note}"));
        let skipped = report
            .skipped
            .iter()
            .map(|(path, why)| format!("skipped {}: {why}", path.display()));
        let failed = report
            .failed
            .iter()
            .map(|(path, why)| format!("failed {}: {why}", path.display()));
        let damage = report
            .damage
            .iter()
            .map(|damage| format!("damaged {damage}"));
        let fenced = report.fenced.iter().map(|pid| {
            format!(
                "the agent (process {pid}) holds the journal but has not renewed its lease: its \
                 limits were taken over, and it writes none before it has begun anew"
            )
        });
        print_lines(
            fenced
                .chain(restored)
                .chain(units)
                .chain(skipped)
                .chain(failed)
                .chain(damage)
                .chain(notes),
        )?;
        print_lines([report.to_string()])?;
    }
    match report.failed.len() {
        0 => Ok(()),
        failed => Err(CtlError::NotRestored(failed)),
    }
}
