//! A node with less CPU and memory than its workloads want: all of them in one [`Engine`], on one plant
//! that shares the node's CPU as the scheduler does.
//!
//! Series of all CPU families in turn, so many as there are up to fifty, by their last thousand ticks;
//! each is a workload, and each of its ticks a minute of the node. The node's CPU is the mean of what
//! they want together, over the load. Work that does not run in its tick is given up: with a queue
//! nobody would be left unserved for good, and nothing could be said of shares.
//!
//! Each workload has a series of memory as well, of all memory families in turn, again and again. Memory
//! cannot be put off, so the node's is the most that they want together, over the load. Where they use
//! more than there is, the kernel kills the largest.

use llmos_engine::decide::{Decision, Knob};
use llmos_engine::forecast::{Model, Resource};
use llmos_engine::policy::Policy;
use llmos_engine::sample::{Limits, RawSample};
use llmos_engine::units::{Bytes, CgroupId, Cores};
use llmos_engine::{Engine, NodeFacts, TickInput};

use super::llmos::{apply, at, bytes, cpu_limits, input, node};
use super::plant::{CpuPlant, MemoryPlant, share};
use super::score::jain;
use super::{Bounds, Demand};

const WORKLOADS: usize = 50;
const TICKS: usize = 1000;
/// First tick that is scored.
const CUT: usize = 700;
const STEP_S: f64 = 60.0;
/// Less is rounding, as a share of the demand.
const SHORT: f64 = 1e-6;
const WEIGHT: f64 = 100.0;

/// Demand as a share of what the node has.
pub const LOADS: [f64; 3] = [0.7, 1.0, 1.3];

/// What came of one load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scarcity {
    /// Demand over the node's CPU.
    pub load: f64,
    /// Workloads on the node.
    pub workloads: usize,
    /// Jain's index over the shares of their work that ran in its tick.
    pub jain: Option<f64>,
    /// Share of the work that ran in its tick, mean over the workloads.
    pub satisfied: f64,
    /// Share of the node's CPU that was used.
    pub used: f64,
    /// Times that a workload got less CPU or memory than it wanted and less than its guaranteed floor.
    pub floors_broken: u64,
    /// OOM kills by limits and for want of memory on the node.
    pub kills: u64,
    /// Of the times that demand rose above the limit: share after which all of it ran one tick later.
    pub bursts_served: Option<f64>,
}

struct Workload {
    values: Vec<f64>,
    plant: CpuPlant,
    bounds: Bounds,
    /// Bytes wanted; empty where there are no series of memory.
    bytes: Vec<f64>,
    memory: MemoryPlant,
    memory_bounds: Bounds,
    weight: f64,
    wanted: f64,
    ran: f64,
    /// Was its demand above its limit at the last tick?
    above: bool,
    /// Had it just risen above it?
    burst: bool,
}

/// Runs a node under one load. `None` where there are no series that are long enough.
///
/// # Errors
/// What kept the model from driving.
pub fn scarcity(
    demands: &[Demand],
    load: f64,
    policy: &Policy,
    mut model: Option<&mut dyn Model>,
) -> Result<Option<Scarcity>, String> {
    let mut workloads = workloads(demands);
    let mean: f64 = workloads.iter().map(|w| w.values.iter().sum::<f64>()).sum();
    let capacity = mean / TICKS as f64 / load;
    if workloads.is_empty() || capacity <= 0.0 {
        return Ok(None);
    }
    let memory = most_memory(&workloads) / load;
    let node = NodeFacts {
        cpu: Cores(capacity),
        memory: if memory > 0.0 {
            Bytes(memory as u64)
        } else {
            node().memory
        },
    };
    let mut engine = Engine::new(STEP_S);
    let (mut used, mut floors_broken, mut bursts, mut served) = (0.0, 0, 0_u64, 0_u64);
    let mut kills = 0;
    for tick in 0..=TICKS {
        if let Some(now) = tick.checked_sub(1) {
            let asks: Vec<f64> = workloads
                .iter()
                .map(|w| w.plant.asks(w.values[now], &w.bounds, STEP_S))
                .collect();
            let (killed, broken) = remember(&mut workloads, now, memory, policy);
            if now >= CUT {
                kills += killed;
                floors_broken += broken;
            }
            let weights: Vec<f64> = workloads.iter().map(|w| w.weight).collect();
            let given = share(&asks, &weights, capacity * STEP_S);
            for (workload, given) in workloads.iter_mut().zip(given) {
                let wanted = workload.values[now];
                let ran = workload.run(wanted, given);
                let whole = ran >= wanted * (1.0 - SHORT);
                let above = wanted > workload.bounds.max;
                // A burst is a rise: who has been above its limit all the time wants more for good.
                let before = std::mem::replace(&mut workload.above, above);
                let rises = above && !before;
                let burst = std::mem::replace(&mut workload.burst, rises);
                if now < CUT {
                    continue;
                }
                workload.wanted += wanted;
                workload.ran += ran;
                used += ran;
                floors_broken += u64::from(!whole && ran < policy.cpu_floor.0 * (1.0 - SHORT));
                bursts += u64::from(burst);
                served += u64::from(burst && whole);
            }
        }
        let read: Vec<_> = workloads.iter().map(|w| w.read(tick)).collect();
        let input = TickInput {
            now: at(tick, STEP_S),
            node,
            workloads: (1..)
                .zip(&read)
                // Memory is short here: what the fast path would raise is not there.
                .map(|(id, read)| input(CgroupId(id), read, false, policy))
                .collect(),
        };
        let model = model.as_mut().map(|model| &mut **model as &mut dyn Model);
        let report = engine.tick(input, model);
        if let Some(error) = report.model_error {
            return Err(error);
        }
        for (workload, report) in workloads.iter_mut().zip(&report.workloads) {
            let of_memory = |d: &&Decision| matches!(d.knob, Knob::MemoryHigh | Knob::MemoryMax);
            let (memory, cpu): (Vec<&Decision>, Vec<&Decision>) =
                report.decisions.iter().partition(of_memory);
            apply(&mut workload.bounds, cpu);
            apply(&mut workload.memory_bounds, memory);
            let weight = report
                .decisions
                .iter()
                .find(|d| d.knob.file() == "cpu.weight");
            workload.weight = weight.map_or(workload.weight, |decision| decision.to.max(1.0));
        }
    }
    let wanting = workloads.iter().filter(|w| w.wanted > 0.0);
    let satisfied: Vec<f64> = wanting.map(|w| (w.ran / w.wanted).min(1.0)).collect();
    Ok(Some(Scarcity {
        load,
        workloads: workloads.len(),
        jain: jain(&satisfied),
        satisfied: satisfied.iter().sum::<f64>() / satisfied.len().max(1) as f64,
        used: used / (capacity * (TICKS - CUT) as f64),
        floors_broken,
        kills,
        bursts_served: (bursts > 0).then(|| served as f64 / bursts as f64),
    }))
}

impl Workload {
    /// What runs of its demand, in cores, where the node gives so many CPU seconds.
    fn run(&mut self, wanted: f64, given: f64) -> f64 {
        let ran = self.plant.tick(wanted, &self.bounds, STEP_S, given);
        self.plant.shed();
        ran.served
    }

    fn read(&self, tick: usize) -> (RawSample, Limits) {
        let mut sample = RawSample {
            at: at(tick, STEP_S),
            ..RawSample::default()
        };
        self.plant.read(&mut sample);
        let mut limits = cpu_limits(&self.bounds);
        if !self.bytes.is_empty() {
            self.memory.read(&mut sample);
            limits.memory_high = Some(bytes(self.memory_bounds.high));
            limits.memory_max = Some(bytes(self.memory_bounds.max));
        }
        (sample, limits)
    }
}

/// The most bytes that they want together at a scored tick.
fn most_memory(workloads: &[Workload]) -> f64 {
    let at = |tick: usize| workloads.iter().filter_map(|w| w.bytes.get(tick)).sum();
    (CUT..TICKS).map(at).fold(0.0, f64::max)
}

/// One tick of memory on a node with so many bytes: OOM kills, and guaranteed floors that were broken.
fn remember(workloads: &mut [Workload], tick: usize, node: f64, policy: &Policy) -> (u64, u64) {
    let (mut kills, mut broken) = (0, 0);
    for workload in workloads.iter_mut() {
        if let Some(wanted) = workload.bytes.get(tick) {
            let ran = workload
                .memory
                .tick(*wanted, &workload.memory_bounds, STEP_S);
            kills += ran.kills;
        }
    }
    while workloads.iter().map(|w| w.memory.used()).sum::<f64>() > node && node > 0.0 {
        let order =
            |a: &&mut Workload, b: &&mut Workload| a.memory.used().total_cmp(&b.memory.used());
        let Some(largest) = workloads.iter_mut().max_by(order) else {
            break;
        };
        largest.memory.kill();
        kills += 1;
    }
    let floor = policy.memory_floor.0 as f64;
    for workload in workloads.iter() {
        let wanted = workload.bytes.get(tick).copied().unwrap_or(0.0);
        let limit = workload.memory_bounds.high.min(workload.memory_bounds.max);
        broken += u64::from(limit < wanted.min(floor) * (1.0 - SHORT));
    }
    (kills, broken)
}

/// One series of each family in turn, until there are enough. What is unknown is as it was before.
fn workloads(demands: &[Demand]) -> Vec<Workload> {
    let memory = in_turn(demands, Resource::Memory);
    let made = in_turn(demands, Resource::Cpu).into_iter().enumerate();
    let made = made.map(|(at, demand)| Workload {
        values: held(demand),
        plant: CpuPlant::new(demand.threads()),
        bounds: Bounds::NONE,
        bytes: match memory.get(at % memory.len().max(1)) {
            Some(demand) => held(demand),
            None => Vec::new(),
        },
        memory: MemoryPlant::default(),
        memory_bounds: Bounds::NONE,
        weight: WEIGHT,
        wanted: 0.0,
        ran: 0.0,
        above: false,
        burst: false,
    });
    made.collect()
}

/// The last ticks of a series. What is unknown is as it was before.
fn held(demand: &Demand) -> Vec<f64> {
    let mut last = 0.0;
    let all = demand.values.iter().map(|value| {
        last = value.unwrap_or(last);
        last
    });
    let all: Vec<f64> = all.collect();
    all[all.len() - TICKS..].to_vec()
}

/// Long series of a resource, one of each family in turn, until there are enough.
fn in_turn(demands: &[Demand], resource: Resource) -> Vec<&Demand> {
    let fit = |d: &&Demand| d.resource == resource && d.values.len() >= TICKS;
    let fitting: Vec<&Demand> = demands.iter().filter(fit).collect();
    let mut names: Vec<&str> = fitting.iter().map(|d| d.family.as_str()).collect();
    names.dedup();
    let mut families: Vec<_> = names
        .iter()
        .map(|name| fitting.iter().filter(move |d| d.family == *name))
        .collect();
    let mut chosen: Vec<&Demand> = Vec::new();
    loop {
        let before = chosen.len();
        chosen.extend(families.iter_mut().filter_map(Iterator::next));
        if chosen.len() >= WORKLOADS || chosen.len() == before {
            break;
        }
    }
    chosen.truncate(WORKLOADS);
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(family: &str, cores: f64) -> Demand {
        Demand {
            family: family.into(),
            resource: Resource::Cpu,
            step_s: 60.0,
            cut: 700,
            size: cores,
            values: vec![Some(cores); TICKS],
            in_force: Vec::new(),
        }
    }

    #[test]
    fn families_take_turns_and_short_series_stay_out() {
        let mut demands: Vec<Demand> = (0..80).map(|_| steady("a", 1.0)).collect();
        demands.extend((0..5).map(|_| steady("b", 2.0)));
        demands.push(Demand {
            values: vec![Some(1.0); TICKS - 1],
            ..steady("c", 3.0)
        });
        let chosen = workloads(&demands);
        assert_eq!(chosen.len(), WORKLOADS);
        let second: Vec<bool> = chosen.iter().map(|w| w.values[0] > 1.5).collect();
        assert!(second[1] && second[3] && second[9] && !second[11]);
        assert_eq!(second.iter().filter(|b| **b).count(), 5);
    }

    #[test]
    fn equal_workloads_get_equal_shares_of_a_node_that_is_too_small() {
        let demands: Vec<Demand> = (0..4).map(|_| steady("a", 2.0)).collect();
        let found = scarcity(&demands, 1.3, &Policy::default(), None)
            .unwrap()
            .unwrap();
        assert_eq!(found.workloads, 4);
        assert!((found.jain.unwrap() - 1.0).abs() < 1e-9, "{found:?}");
        assert!(
            found.satisfied < 1.0 / 1.3 + 1e-6 && found.satisfied > 0.5,
            "{found:?}"
        );
        assert_eq!(found.floors_broken, 0);
        let enough = scarcity(&demands, 0.5, &Policy::default(), None)
            .unwrap()
            .unwrap();
        assert!(enough.satisfied > 0.999, "{enough:?}");
        assert!(
            scarcity(&[], 1.0, &Policy::default(), None)
                .unwrap()
                .is_none()
        );
    }
}
