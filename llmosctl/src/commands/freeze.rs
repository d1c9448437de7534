//! `llmosctl freeze` and `llmosctl unfreeze`: the switch that keeps the agent from writing any limit.

use llmos_proto::status::FreezeReport;
use serde_json::Value;

use super::{print_json, print_lines};
use crate::cli::FreezeArgs;
use crate::client::Client;
use crate::error::CtlError;
use crate::units::plain;

/// Freezes.
pub fn freeze(client: &Client, json: bool, args: &FreezeArgs) -> Result<(), CtlError> {
    tell(client, json, client.freeze(args.cause.clone())?)
}

/// Unfreezes.
pub fn unfreeze(client: &Client, json: bool) -> Result<(), CtlError> {
    tell(client, json, client.unfreeze()?)
}

fn tell(client: &Client, json: bool, answer: Value) -> Result<(), CtlError> {
    if json {
        return print_json(&answer);
    }
    let report = client.read_freeze(answer)?;
    print_lines(lines(&report))
}

fn lines(report: &FreezeReport) -> Vec<String> {
    let Some(cause) = report.cause.as_deref().filter(|_| report.frozen) else {
        return vec!["not frozen: limits are written again".to_owned()];
    };
    let lasts = match &report.not_kept {
        Some(why) => format!("it may end with the agent: {}", plain(why)),
        None => format!(
            "until \"llmosctl unfreeze\"; kept in {}",
            plain(&report.file)
        ),
    };
    vec![
        format!("frozen: {}", plain(cause)),
        format!("no limit is written, {lasts}"),
    ]
}
