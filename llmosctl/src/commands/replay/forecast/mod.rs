//! `llmosctl replay forecast`: how good the forecasts are on traces, beside simple rules
//! (`docs/replay.md`).

mod show;

use llmos_engine::forecast::HORIZONS;
use llmos_replay::forecast::{self, Error, Options};
use llmos_replay::score::{self, Facts};
use llmos_replay::trace;

use super::super::{print_json, print_lines};
use super::out::OutFile;
use super::progress::Progress;
use super::{model, threads};
use crate::cli::{JsonTo, ReplayForecastArgs};
use crate::error::CtlError;
use crate::style::Style;

/// Runs the command.
pub fn run(json: &JsonTo, args: &ReplayForecastArgs) -> Result<(), CtlError> {
    // What would fail at the end fails at the beginning.
    let file = match json {
        JsonTo::File(path) => Some(OutFile::create(path)?),
        JsonTo::Nowhere | JsonTo::Stdout => None,
    };
    let dir = model::find(&args.model)?;
    let load = || model::load(dir.as_deref());
    let name = load()?.map(|model| model.name().to_owned());

    let progress = Progress::start();
    let series = trace::read(&args.traces, |found| progress.file(found))?;
    let threads = threads();
    let scores = forecast::run(&series, Options { threads }, load, |done, all| {
        progress.values(done, all);
    })
    .map_err(|error| match error {
        Error::Load(error) => CtlError::Model(error),
        Error::Model(error) => CtlError::ModelFailed(error.to_string()),
    })?;
    progress.end();

    let groups = score::groups(&scores);
    let facts = Facts {
        model: name,
        horizons: horizons(&args.horizon),
        series: series.len(),
        ticks: series.iter().map(|s| s.values.len()).sum(),
    };
    let report = score::report(&groups, &facts);
    if let Some(file) = file {
        file.write(&report)?;
    }
    if matches!(json, JsonTo::Stdout) {
        return print_json(&report);
    }
    print_lines(show::lines(&groups, &facts, &report, Style::of_stdout()))
}

/// Places of the horizons that are asked for; all if none is.
fn horizons(asked: &[usize]) -> Vec<usize> {
    let all = HORIZONS.iter().enumerate();
    all.filter(|(_, ticks)| asked.is_empty() || asked.contains(ticks))
        .map(|(place, _)| place)
        .collect()
}
