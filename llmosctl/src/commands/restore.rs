//! `llmosctl restore`: works on the journal of an agent that does not run, so it needs no socket.

use llmos_cgroupfs::{Root, restore_all};
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
    let report = restore_all(&args.state_dir, &root)?;
    if json {
        let skipped = report.skipped.iter();
        let failed = report.failed.iter();
        print_json(&json!({
            "restored": report.restored,
            "skipped": skipped
                .map(|(path, why)| json!({"path": path, "why": why.to_string()}))
                .collect::<Vec<_>>(),
            "failed": failed
                .map(|(path, why)| json!({"path": path, "why": why}))
                .collect::<Vec<_>>(),
            "damaged_records": report.damage.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }))?;
    } else if report.is_empty() {
        print_lines([format!(
            "nothing to restore: no limit is in the journal of {}",
            args.state_dir.display()
        )])?;
    } else {
        let restored = report
            .restored
            .iter()
            .map(|path| format!("restored {}", path.display()));
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
        print_lines(restored.chain(skipped).chain(failed).chain(damage))?;
        print_lines([report.to_string()])?;
    }
    match report.failed.len() {
        0 => Ok(()),
        failed => Err(CtlError::NotRestored(failed)),
    }
}
