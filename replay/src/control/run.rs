//! All series under all controllers: cut into jobs, jobs dealt out to threads, scores put in order.

use std::sync::atomic::{AtomicU64, Ordering};

use llmos_engine::forecast::{Model, Resource};
use llmos_engine::policy::Policy;

use super::llmos::{self, KNOBS, Knobs, STANDARD};
use super::plant::{CpuPlant, MemoryPlant};
use super::rival::{self, Rival, Seen};
use super::score::{Family, Tally, families};
use super::{Bounds, Demand};
use crate::workers::deal;

/// Series in a batch of LLMOS. It is fixed, because numbers of a model may depend on the batch's size
/// in their last bits, and the result must not depend on the number of threads.
const BLOCK: usize = 64;
/// LLMOS with its standard policy and the model, if there is one.
pub const LLMOS: &str = "llmos";
/// The same without the model.
pub const WITHOUT_MODEL: &str = "llmos_no_model";

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    /// A thread got no model.
    #[error(transparent)]
    Load(E),
    /// The model failed on the way. The agent would go on with its baseline; a score of that would be
    /// no score of the model.
    #[error("the replay ended early: {0}")]
    Model(String),
}

/// What the replay gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// All families, each with its controllers.
    pub families: Vec<Family>,
    /// Series that were replayed, and their ticks.
    pub series: usize,
    /// See there.
    pub ticks: usize,
    /// Was there a model?
    pub with_model: bool,
}

/// A piece of work.
#[derive(Debug, Clone)]
enum Job {
    /// All rivals on these series.
    Rivals(Vec<usize>),
    /// LLMOS on these series, at this point of the frontier, with the model or without.
    Llmos(Vec<usize>, usize, bool),
}

/// Whose score it is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Who {
    Rival(&'static str),
    Llmos { point: usize, model: bool },
}

/// Runs all controllers over all series. `base` is the standard policy. `load` gives each thread a
/// model of its own, or `None` to run without one. `progress` hears how many values are done, and of
/// how many.
///
/// # Errors
/// If `load` fails or the model does.
pub fn run<E: Send>(
    demands: &[Demand],
    base: &Policy,
    threads: usize,
    load: impl Fn() -> Result<Option<Box<dyn Model>>, E> + Sync,
    progress: impl Fn(u64, u64) + Sync,
) -> Result<Outcome, Error<E>> {
    let with_model = load().map_err(Error::Load)?.is_some();
    let jobs = jobs(demands, with_model);
    let length = |series: &[usize]| -> u64 {
        let all = series.iter().map(|at| demands[*at].values.len() as u64);
        all.sum()
    };
    let total = jobs
        .iter()
        .map(|(Job::Rivals(series) | Job::Llmos(series, ..))| length(series))
        .sum();
    let done = AtomicU64::new(0);
    let work = |model: &mut Option<Box<dyn Model>>, job: &Job| {
        let mut note = |more: u64| {
            progress(done.fetch_add(more, Ordering::Relaxed) + more, total);
        };
        match job {
            Job::Rivals(series) => Ok(rivals(demands, series, &mut note)),
            Job::Llmos(series, point, wanted) => {
                let here: Vec<&Demand> = series.iter().map(|at| &demands[*at]).collect();
                let model = model.as_mut().filter(|_| *wanted);
                let model = model.map(|model| &mut **model as &mut dyn Model);
                let policy = Knobs::policy(KNOBS[*point], base);
                let tallies = llmos::drive(&here, &policy, model, &mut note);
                let who = Who::Llmos {
                    point: *point,
                    model: *wanted,
                };
                let all = series.iter().zip(tallies.map_err(Error::Model)?);
                Ok(all.map(|(at, tally)| (who, *at, tally)).collect())
            }
        }
    };
    let found = deal(&jobs, threads, || load().map_err(Error::Load), work)?;
    let scores: Vec<_> = found.into_iter().flatten().collect();
    Ok(Outcome {
        families: collect(demands, &scores, with_model),
        series: demands.len(),
        ticks: demands.iter().map(|demand| demand.values.len()).sum(),
        with_model,
    })
}

/// Series in batches, the longest at first, so that no thread is left with one at the end. All of a
/// batch have one tick.
pub(super) fn blocks(demands: &[Demand]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(demands[*at].values.len()));
    order.sort_by(|a, b| demands[*a].step_s.total_cmp(&demands[*b].step_s));
    let same = |a: &usize, b: &usize| demands[*a].step_s.total_cmp(&demands[*b].step_s).is_eq();
    order
        .chunk_by(same)
        .flat_map(|ticks| ticks.chunks(BLOCK))
        .map(<[usize]>::to_vec)
        .collect()
}

fn jobs(demands: &[Demand], with_model: bool) -> Vec<Job> {
    let models: &[bool] = if with_model { &[true, false] } else { &[false] };
    let mut jobs = Vec::new();
    for block in blocks(demands) {
        for model in models {
            jobs.extend((0..KNOBS.len()).map(|point| Job::Llmos(block.clone(), point, *model)));
        }
        jobs.push(Job::Rivals(block));
    }
    jobs
}

fn rivals(
    demands: &[Demand],
    series: &[usize],
    note: &mut impl FnMut(u64),
) -> Vec<(Who, usize, Tally)> {
    let mut found = Vec::new();
    for at in series {
        let demand = &demands[*at];
        for (name, mut rival) in rival::of(demand) {
            found.push((Who::Rival(name), *at, follow(demand, rival.as_mut())));
        }
        note(demand.values.len() as u64);
    }
    found
}

/// One rival on one series from its first tick to its last.
fn follow(demand: &Demand, rival: &mut dyn Rival) -> Tally {
    let mut tally = Tally::new(demand);
    let mut bounds = Bounds::NONE;
    let mut cpu = CpuPlant::new(demand.threads());
    let mut memory = MemoryPlant::default();
    let step_s = demand.step_s;
    for (tick, wanted) in demand.values.iter().enumerate() {
        let mut seen = Seen {
            step_s,
            used: None,
            bounds,
            throttled_share: 0.0,
            stalled_share: 0.0,
            kills: 0,
        };
        if let Some(wanted) = wanted {
            if demand.resource == Resource::Memory {
                let ran = memory.tick(*wanted, &bounds, step_s);
                tally.memory(tick, &bounds, &ran);
                seen.used = Some(ran.used);
                seen.stalled_share = ran.stalled_s / step_s;
                seen.kills = ran.kills;
            } else {
                let ran = cpu.tick(*wanted, &bounds, step_s, f64::INFINITY);
                tally.cpu(tick, &bounds, *wanted, &ran);
                seen.used = Some(ran.served);
                seen.throttled_share = ran.throttled_share;
            }
        }
        let next = rival.decide(&seen);
        tally.changed(next != bounds);
        bounds = next;
    }
    tally
}

/// Scores by family, in the order of the series.
fn collect(demands: &[Demand], scores: &[(Who, usize, Tally)], with_model: bool) -> Vec<Family> {
    let of = |who: Who| {
        let mut row = vec![None; demands.len()];
        let mine = scores.iter().filter(|(whose, ..)| *whose == who);
        mine.for_each(|(_, at, tally)| row[*at] = Some(tally.clone()));
        row
    };
    let points = |model| -> Vec<_> {
        (0..KNOBS.len())
            .map(|point| of(Who::Llmos { point, model }))
            .collect()
    };
    let swept = [points(with_model), points(false)];
    let mut named = vec![
        (LLMOS, swept[0][STANDARD].clone()),
        (WITHOUT_MODEL, swept[1][STANDARD].clone()),
    ];
    named.extend(rival::NAMES.map(|name| (name, of(Who::Rival(name)))));
    families(demands, &named, &swept)
}
