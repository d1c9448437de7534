//! `llmosctl replay forecast`: how good the forecasts are on traces, beside simple rules
//! (`docs/replay.md`).

mod model;
mod out;
mod progress;
mod show;

use std::thread::available_parallelism;

use llmos_engine::forecast::{HORIZONS, Model};
use llmos_forecaster::{LoadError, TractModel};
use llmos_replay::forecast::{self, Error, Options};
use llmos_replay::score::{self, Facts};
use llmos_replay::trace;

use super::super::{print_json, print_lines};
use crate::cli::{JsonTo, ReplayForecastArgs};
use crate::error::CtlError;
use crate::style::Style;
use out::OutFile;
use progress::Progress;

/// More would not help: a block of series is the smallest piece of work, and there are few.
const THREADS: usize = 2;

/// Runs the command.
pub fn run(json: &JsonTo, args: &ReplayForecastArgs) -> Result<(), CtlError> {
    // What would fail at the end fails at the beginning.
    let file = match json {
        JsonTo::File(path) => Some(OutFile::create(path)?),
        JsonTo::Nowhere | JsonTo::Stdout => None,
    };
    let dir = model::find(args)?;
    let load = || -> Result<Option<Box<dyn Model>>, LoadError> {
        let Some(dir) = &dir else { return Ok(None) };
        Ok(Some(Box::new(TractModel::load(dir)?)))
    };
    let name = load()?.map(|model| model.name().to_owned());

    let progress = Progress::start();
    let series = trace::read(&args.traces, |found| progress.file(found))?;
    let threads = available_parallelism().map_or(1, usize::from).min(THREADS);
    let scores = forecast::run(&series, Options { threads }, load, |done, all| {
        progress.values(done, all);
    })
    .map_err(|error| match error {
        Error::Load(error) => CtlError::Model(error),
        Error::Model(error) => CtlError::ModelFailed(error),
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
