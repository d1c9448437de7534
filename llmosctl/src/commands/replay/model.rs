//! Which model is replayed.

use std::path::{Path, PathBuf};

use llmos_config::Model;
use llmos_engine::forecast;
use llmos_forecaster::{LoadError, TractModel};

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

/// The model of that folder; none without a folder.
pub fn load(dir: Option<&Path>) -> Result<Option<Box<dyn forecast::Model>>, LoadError> {
    let Some(dir) = dir else { return Ok(None) };
    Ok(Some(Box::new(TractModel::load(dir)?)))
}
