//! Which model is replayed.

use std::path::{Path, PathBuf};

use crate::cli::ReplayModelArgs;
use crate::error::CtlError;

/// Where the agent looks for a model too; relative ones beside the current directory and the program.
const SEARCH: [&str; 2] = [
    "/usr/share/llmos/models/lstm-64-32",
    "models/artifacts/lstm-64-32",
];

/// The folder that was named, or the first that is there; `None` if none is wanted.
pub fn find(args: &ReplayModelArgs) -> Result<Option<PathBuf>, CtlError> {
    if args.without_model {
        return Ok(None);
    }
    if args.model.is_some() {
        return Ok(args.model.clone());
    }
    let here = std::env::current_dir().ok();
    let program = std::env::current_exe().ok();
    // target/release/llmosctl lies three levels below the repository.
    let near = program
        .iter()
        .flat_map(|path| path.ancestors().skip(1).take(3));
    let bases: Vec<&Path> = here.iter().map(PathBuf::as_path).chain(near).collect();
    let mut places = SEARCH
        .iter()
        .flat_map(|dir| bases.iter().map(move |base| base.join(dir)));
    match places.find(|dir| dir.is_dir()) {
        Some(dir) => Ok(Some(dir)),
        None => Err(CtlError::NoModel),
    }
}
