//! What is controlled in a replay.

use std::path::PathBuf;

use llmos_replay::control::Demand;
use llmos_replay::trace;

use super::progress::Progress;
use crate::error::CtlError;

/// The demands in these traces; none at all is an error.
pub fn read(paths: &[PathBuf], progress: &Progress) -> Result<Vec<Demand>, CtlError> {
    let series = trace::read(paths, |found| progress.file(found))?;
    let demands: Vec<Demand> = series.iter().filter_map(Demand::of).collect();
    if demands.is_empty() {
        let names: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        return Err(CtlError::NothingToControl {
            paths: names.join(", "),
        });
    }
    Ok(demands)
}
