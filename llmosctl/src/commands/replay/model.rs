//! Which model is replayed.

use std::path::PathBuf;

use llmos_config::Model;

use crate::cli::ReplayModelArgs;
use crate::error::CtlError;

/// The folder that was named, or where the agent finds one; `None` if none is wanted.
pub fn find(args: &ReplayModelArgs) -> Result<Option<PathBuf>, CtlError> {
    if args.without_model {
        return Ok(None);
    }
    let model = Model {
        dir: args.model.clone(),
        enabled: true,
    };
    model.find().ok_or(CtlError::NoModel).map(Some)
}
