//! `llmosctl policy check`: all that is wrong with a config file, a line each.

use std::path::Path;

use llmos_config::{NodeSize, problems};
use serde::Serialize;

use crate::cli::PolicyCheckArgs;
use crate::commands::{print_json, print_lines};
use crate::error::CtlError;
use crate::units::plain;

/// What `--json` prints.
#[derive(Serialize)]
struct Checked {
    file: String,
    problems: Vec<String>,
}

/// Checks the file.
pub fn run(json: bool, args: &PolicyCheckArgs) -> Result<(), CtlError> {
    let path = &args.file;
    let text = read(path)?;
    let node = NodeSize {
        cpus: args.cpus,
        memory: args.memory,
    };
    let problems = problems(path, &text, node);
    let count = problems.len();
    if json {
        print_json(&Checked {
            file: path.display().to_string(),
            problems,
        })?;
    } else if problems.is_empty() {
        print_lines([format!("{}: nothing is wrong", path.display())])?;
    } else {
        // The file may be anybody's.
        print_lines(problems.iter().map(|problem| plain(problem)))?;
    }
    if count > 0 {
        return Err(CtlError::Policy {
            path: path.clone(),
            count,
        });
    }
    Ok(())
}

/// The text of a config file.
pub fn read(path: &Path) -> Result<String, CtlError> {
    std::fs::read_to_string(path).map_err(|source| CtlError::File {
        path: path.to_owned(),
        step: "read",
        source,
    })
}
