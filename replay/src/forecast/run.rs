//! All series: cut into blocks, blocks dealt out to threads, scores put back in order.

use std::sync::atomic::{AtomicU64, Ordering};

use llmos_engine::forecast::{Model, ModelError};

use super::block;
use super::lane::Lane;
use crate::score::SeriesScore;
use crate::trace::Series;
use crate::workers::deal;

/// Series in a batch. It is fixed, because numbers of a model may depend on the batch's size in
/// their last bits, and the result must not depend on the number of threads.
const BLOCK: usize = 64;

/// How to run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Threads, at least one.
    pub threads: usize,
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    /// A thread got no model.
    #[error(transparent)]
    Load(E),
    /// The model failed on the way. The agent would go on with its baseline; a score of that would
    /// be no score of the model.
    #[error("the replay ended early: {0}")]
    Model(#[from] ModelError),
}

/// Runs the forecaster over all series, each from its first tick, and scores the evaluation part.
/// The scores are in the order of the series. `load` gives each thread a model of its own, or
/// `None` to run without one. `progress` hears how many values are done, and of how many.
///
/// # Errors
/// If `load` fails or the model does.
pub fn run<E: Send>(
    series: &[Series],
    options: Options,
    load: impl Fn() -> Result<Option<Box<dyn Model>>, E> + Sync,
    progress: impl Fn(u64, u64) + Sync,
) -> Result<Vec<SeriesScore>, Error<E>> {
    let mut order: Vec<usize> = (0..series.len()).collect();
    // Stable, so that series of one length keep their order. All of a block have one tick.
    order.sort_by_key(|at| std::cmp::Reverse(series[*at].values.len()));
    order.sort_by(|a, b| series[*a].step_s.total_cmp(&series[*b].step_s));
    let same_tick = |a: &usize, b: &usize| series[*a].step_s.total_cmp(&series[*b].step_s).is_eq();
    let blocks: Vec<&[usize]> = order
        .chunk_by(same_tick)
        .flat_map(|ticks| ticks.chunks(BLOCK))
        .collect();
    let total = series.iter().map(|s| s.values.len() as u64).sum();
    let done = AtomicU64::new(0);
    let work = |model: &mut Option<Box<dyn Model>>, block: &&[usize]| {
        let lanes = block
            .iter()
            .map(|at| Lane::new(&series[*at], *at as u64 + 1));
        let mut note = |more: u64| {
            progress(done.fetch_add(more, Ordering::Relaxed) + more, total);
        };
        let model = model.as_mut().map(|model| &mut **model as &mut dyn Model);
        block::run(lanes.collect(), model, &mut note).map_err(Error::Model)
    };
    let begin = || load().map_err(Error::Load);
    let found = deal(&blocks, options.threads, begin, work)?;
    let places = blocks.iter().copied().flatten().copied();
    let mut scores: Vec<(usize, SeriesScore)> = places.zip(found.into_iter().flatten()).collect();
    scores.sort_unstable_by_key(|(at, _)| *at);
    Ok(scores.into_iter().map(|(_, score)| score).collect())
}
