//! Searches the few numbers that make the presets different, on the training part of series only.
//!
//! Each preset has a goal: how much stall it may have and how many kills. Number by number the value is
//! taken that reaches the goal with the least slack, of a few values within which the preset stays what
//! it is. A number of CPU and one of memory are tried in the same pass, since no series has both.

use std::sync::atomic::{AtomicU64, Ordering};

use llmos_engine::forecast::{Model, Resource};
use llmos_engine::policy::{Policy, Preset};

use super::Demand;
use super::run::Error;
use super::score::{Family, Figures, families, overall};
use super::under::under;
use crate::workers::deal;

const INF: f64 = f64::INFINITY;

/// What a preset has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// The largest share of the time in which work may wait for CPU.
    pub stall_share: f64,
    /// OOM kills on all series together.
    pub kills: u64,
}

/// What one value came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// The value.
    pub value: f64,
    /// Mean slack over mean use; of memory the mean of the ratios of the families.
    pub slack: Option<f64>,
    /// Share of the time in which work waits.
    pub stall_share: Option<f64>,
    /// OOM kills.
    pub kills: u64,
}

/// The search for one number.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its key in a policy.
    pub key: &'static str,
    /// All values that were tried.
    pub trials: Vec<Trial>,
    /// Place of the one that was taken.
    pub chosen: usize,
}

/// A preset with its numbers found.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// Which preset.
    pub preset: Preset,
    /// What it had to reach.
    pub goal: Goal,
    /// Its policy with the values taken.
    pub policy: Policy,
    /// How they were found, in order.
    pub steps: Vec<Step>,
}

/// A number that is searched.
#[derive(Debug, Clone, Copy)]
struct Number {
    key: &'static str,
    set: fn(&mut Policy, f64),
    values: &'static [f64],
}

const fn number(key: &'static str, set: fn(&mut Policy, f64), values: &'static [f64]) -> Number {
    Number { key, set, values }
}

fn price(policy: &mut Policy, value: f64) {
    policy.cpu_stall_price = value;
}

fn cpu_margin(policy: &mut Policy, value: f64) {
    policy.cpu_margin = value;
    policy.cpu_margin_min = policy.cpu_margin_min.min(value);
    policy.cpu_margin_max = policy.cpu_margin_max.max(value);
}

fn memory_margin(policy: &mut Policy, value: f64) {
    policy.memory_margin = value;
    policy.memory_margin_min = policy.memory_margin_min.min(value);
    policy.memory_margin_max = policy.memory_margin_max.max(value);
}

fn max_margin(policy: &mut Policy, value: f64) {
    policy.memory_max_margin = value;
}

/// What is searched for a preset: pairs of a number of CPU and one of memory.
fn plan(preset: Preset) -> (Goal, [[Number; 2]; 2]) {
    let goal = |stall_share, kills| Goal { stall_share, kills };
    let pairs = |prices, margins, max_margins, memory_margins| {
        [
            [
                number("cpu_stall_price", price, prices),
                number("memory_max_margin", max_margin, max_margins),
            ],
            [
                number("cpu_margin", cpu_margin, margins),
                number("memory_margin", memory_margin, memory_margins),
            ],
        ]
    };
    match preset {
        Preset::Latency => (
            goal(0.001, 0),
            pairs(
                &[300.0, 1000.0, INF],
                &[0.3, 0.4, 0.5],
                &[0.05, 0.1, 0.15],
                &[0.15, 0.2, 0.25],
            ),
        ),
        Preset::Standard => (
            goal(0.01, 0),
            pairs(
                &[5.0, 10.0, 20.0, 30.0, 50.0, 100.0],
                &[0.1, 0.15, 0.2],
                &[0.05, 0.1, 0.15],
                &[0.09, 0.1, 0.12],
            ),
        ),
        Preset::Batch => (
            goal(0.05, 20),
            pairs(
                &[0.5, 1.0, 2.0, 3.0],
                &[0.0, 0.05, 0.08],
                &[0.05, 0.1],
                &[0.05, 0.06, 0.08],
            ),
        ),
    }
}

/// Searches all presets on the training part of these series. `load` gives each thread a model of its
/// own, or `None`; `progress` hears how many values are done, and of how many.
///
/// # Errors
/// If `load` fails or the model does.
pub fn tune<E: Send>(
    demands: &[Demand],
    threads: usize,
    load: impl Fn() -> Result<Option<Box<dyn Model>>, E> + Sync,
    progress: impl Fn(u64, u64) + Sync,
) -> Result<Vec<Tuned>, Error<E>> {
    let demands: Vec<Demand> = demands.iter().filter_map(Demand::training_part).collect();
    let mut tuned: Vec<(Tuned, [[Number; 2]; 2])> = Vec::new();
    for preset in Preset::ALL {
        let (goal, pairs) = plan(preset);
        let (policy, steps) = (preset.policy(), Vec::new());
        let begun = Tuned {
            preset,
            goal,
            policy,
            steps,
        };
        tuned.push((begun, pairs));
    }
    let length: u64 = demands.iter().map(|d| d.values.len() as u64).sum();
    let passes = tuned
        .iter()
        .flat_map(|(_, pairs)| pairs.iter().map(longest));
    let total = length * passes.sum::<usize>() as u64;
    let done = AtomicU64::new(0);
    let note = |more: u64| {
        let before = done.fetch_add(more, Ordering::Relaxed);
        progress(before + more, total);
    };
    for at in 0..2 {
        let mut jobs = Vec::new();
        for (whose, (tuned, pairs)) in tuned.iter().enumerate() {
            for pass in 0..longest(&pairs[at]) {
                let mut policy = tuned.policy.clone();
                for number in &pairs[at] {
                    (number.set)(
                        &mut policy,
                        number.values[pass.min(number.values.len() - 1)],
                    );
                }
                jobs.push((whose, policy));
            }
        }
        let found = passes_of(&demands, &jobs, threads, &load, &note)?;
        for (whose, (tuned, pairs)) in tuned.iter_mut().enumerate() {
            let mine = jobs
                .iter()
                .zip(&found)
                .filter(|((who, _), _)| *who == whose);
            let mine: Vec<&[Figures; 2]> = mine.map(|(_, figures)| figures).collect();
            for (kind, number) in pairs[at].iter().enumerate() {
                let figures = number.values.iter().zip(&mine);
                let trials: Vec<Trial> = figures
                    .map(|(value, figures)| trial(*value, &figures[kind], kind))
                    .collect();
                let chosen = best(&trials, tuned.goal, kind);
                (number.set)(&mut tuned.policy, number.values[chosen]);
                tuned.steps.push(Step {
                    key: number.key,
                    trials,
                    chosen,
                });
            }
        }
    }
    Ok(tuned.into_iter().map(|(tuned, _)| tuned).collect())
}

fn longest(pair: &[Number; 2]) -> usize {
    pair[0].values.len().max(pair[1].values.len())
}

/// Figures of CPU and of memory of each job.
fn passes_of<E: Send>(
    demands: &[Demand],
    jobs: &[(usize, Policy)],
    threads: usize,
    load: &(impl Fn() -> Result<Option<Box<dyn Model>>, E> + Sync),
    note: &(impl Fn(u64) + Sync),
) -> Result<Vec<[Figures; 2]>, Error<E>> {
    let work = |model: &mut Option<Box<dyn Model>>, (_, policy): &(usize, Policy)| {
        let model = model.as_mut().map(|model| &mut **model as &mut dyn Model);
        let before = AtomicU64::new(0);
        let progress = |done: u64, _| note(done - before.swap(done, Ordering::Relaxed));
        let tallies = under(demands, policy, model, progress).map_err(Error::Model)?;
        let named = [("", tallies.into_iter().map(Some).collect())];
        let families = families(demands, &named, &[Vec::new(), Vec::new()]);
        let of = |resource| together(&families, resource);
        Ok([of(Resource::Cpu), of(Resource::Memory)])
    };
    deal(jobs, threads, || load().map_err(Error::Load), work)
}

/// Means over the families of a resource.
fn together(families: &[Family], resource: Resource) -> Figures {
    let of = families.iter().filter(|f| f.resource == resource);
    overall(of.flat_map(|family| family.controllers.iter().map(|c| &c.figures)))
}

fn trial(value: f64, figures: &Figures, kind: usize) -> Trial {
    let cpu = kind == 0;
    Trial {
        value,
        slack: if cpu {
            figures.pooled_ratio()
        } else {
            figures.slack_ratio
        },
        stall_share: figures.stall_share,
        kills: figures.kills,
    }
}

/// The place of the value that misses the goal by least, with the least slack among such.
fn best(trials: &[Trial], goal: Goal, kind: usize) -> usize {
    let missed = |trial: &Trial| {
        if kind == 0 {
            (trial.stall_share.unwrap_or(INF) - goal.stall_share).max(0.0)
        } else {
            trial.kills.saturating_sub(goal.kills) as f64
        }
    };
    let rank = |trial: &Trial| (missed(trial), trial.slack.unwrap_or(INF));
    let order = |a: &(usize, &Trial), b: &(usize, &Trial)| {
        let (a, b) = (rank(a.1), rank(b.1));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    };
    trials
        .iter()
        .enumerate()
        .min_by(order)
        .map_or(0, |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(value: f64, slack: f64, stall_share: f64, kills: u64) -> Trial {
        Trial {
            value,
            slack: Some(slack),
            stall_share: Some(stall_share),
            kills,
        }
    }

    #[test]
    fn the_least_slack_that_reaches_the_goal_is_taken() {
        let goal = Goal {
            stall_share: 0.01,
            kills: 0,
        };
        let trials = [
            trial(1.0, 0.2, 0.05, 0),
            trial(2.0, 0.5, 0.009, 0),
            trial(3.0, 0.4, 0.01, 2),
        ];
        assert_eq!(best(&trials, goal, 0), 2);
        assert_eq!(best(&trials, goal, 1), 0, "of memory kills count");
        assert_eq!(
            best(&trials[..1], goal, 0),
            0,
            "else the one that misses by least"
        );
    }

    #[test]
    fn what_is_tried_keeps_the_presets_in_order() {
        let [latency, standard, batch] = Preset::ALL.map(|preset| plan(preset).1);
        for (more, less) in [(latency, standard), (standard, batch)] {
            for (more, less) in more.iter().flatten().zip(less.iter().flatten()) {
                assert_eq!(more.key, less.key);
                if more.key != "memory_max_margin" {
                    let least = more.values.iter().copied().fold(INF, f64::min);
                    let most = less.values.iter().copied().fold(0.0, f64::max);
                    assert!(least >= most, "{}", more.key);
                }
            }
        }
    }

    #[test]
    fn only_the_training_part_is_looked_at() {
        let series = |late: f64| {
            let values = (0..400).map(|t| {
                let calm = 1.0 + 0.1 * f64::from(t % 7);
                Some(if t < 280 { calm } else { late })
            });
            vec![Demand {
                family: "f".into(),
                resource: Resource::Cpu,
                step_s: 60.0,
                cut: 280,
                size: 1.6,
                values: values.collect(),
                in_force: Vec::new(),
            }]
        };
        let found = |late| {
            let load = || Ok::<_, std::convert::Infallible>(None);
            tune(&series(late), 2, load, |_, _| {}).unwrap()
        };
        let (calm, wild) = (found(1.0), found(9.0));
        assert_eq!(calm, wild);
        assert!(calm.iter().all(|tuned| tuned.steps.len() == 4));
        assert!(calm[0].steps[0].trials[0].slack.is_some());
    }
}
