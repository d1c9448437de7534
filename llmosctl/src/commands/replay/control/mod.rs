//! `llmosctl replay control`: what limits would have been worth on traces, beside the rules of other
//! systems (`docs/replay.md`).

mod pictures;
mod show;

use llmos_engine::forecast::Model;
use llmos_engine::policy::Policy;
use llmos_replay::control;
use llmos_replay::control::scarcity::{LOADS, Scarcity, scarcity};
use llmos_replay::control::score::{self, Facts};

use super::super::{print_json, print_lines};
use super::out::OutFile;
use super::progress::Progress;
use super::{demands, model, threads};
use crate::cli::{JsonTo, ReplayControlArgs};
use crate::error::CtlError;
use crate::style::Style;
use pictures::Pictures;

/// Runs the command.
pub fn run(json: &JsonTo, args: &ReplayControlArgs) -> Result<(), CtlError> {
    // What would fail at the end fails at the beginning.
    let file = match json {
        JsonTo::File(path) => Some(OutFile::create(path)?),
        JsonTo::Nowhere | JsonTo::Stdout => None,
    };
    let pictures = args.pictures.as_deref().map(Pictures::create).transpose()?;
    let dir = model::find(&args.model)?;
    let load = || model::load(dir.as_deref());
    let mut model = load()?;

    let progress = Progress::start();
    let demands = demands::read(&args.traces, &progress)?;
    let standard = Policy::default();
    let note = |done, all| progress.values(done, all);
    let outcome = control::run(&demands, &standard, threads(), load, note)?;
    progress.stage("scarce nodes");
    let mut scarce: Vec<Scarcity> = Vec::new();
    for load in LOADS {
        let model = model.as_mut().map(|model| &mut **model as &mut dyn Model);
        let found = scarcity(&demands, load, &standard, model).map_err(CtlError::ModelFailed)?;
        scarce.extend(found);
    }
    progress.stage("the speed of decisions");
    let facts = Facts {
        model: model.map(|model| model.name().to_owned()),
        scarcity: scarce,
        speed: Some(control::speed(&standard)),
    };
    progress.end();

    let report = score::report(&outcome, &facts);
    if let Some(pictures) = pictures {
        pictures.write(&outcome.families)?;
    }
    if let Some(file) = file {
        file.write(&report)?;
    }
    if matches!(json, JsonTo::Stdout) {
        return print_json(&report);
    }
    print_lines(show::lines(&outcome, &facts, &report, Style::of_stdout()))
}
