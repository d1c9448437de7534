//! `llmosctl policy`: what people's own checks ask of a policy before an agent gets it.

mod check;
mod test;
mod tune;

use crate::cli::{PolicyArgs, PolicyDo};
use crate::error::CtlError;

/// Does what was asked for.
pub fn run(json: bool, args: &PolicyArgs) -> Result<(), CtlError> {
    match &args.what {
        PolicyDo::Check(args) => check::run(json, args),
        PolicyDo::Test(args) => test::run(json, args),
        PolicyDo::Tune(args) => tune::run(json, args),
    }
}
