//! One tick of the whole loop as one function.

use std::collections::BTreeMap;

use crate::decide::{
    CpuInput, CpuState, Decision, MemoryInput, MemoryState, decide_cpu, decide_memory,
};
use crate::forecast::{Forecast, Model, Observation, Resource, SeriesForecaster, Standing};
use crate::policy::Policy;
use crate::sample::{Limits, RawSample, Usage, usage_between};
use crate::units::{Bytes, CgroupId, Cores, Timestamp};

/// What the node has to give.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NodeFacts {
    /// CPUs online.
    pub cpu: Cores,
    /// Memory of the machine.
    pub memory: Bytes,
}

/// One workload's part of a tick.
#[derive(Debug, Clone)]
pub struct WorkloadInput<'a> {
    /// Which cgroup.
    pub id: CgroupId,
    /// The reading of this tick.
    pub sample: RawSample,
    /// The limits in force.
    pub limits: Limits,
    /// The policy that applies.
    pub policy: &'a Policy,
}

/// Everything that a tick needs.
#[derive(Debug)]
pub struct TickInput<'a> {
    /// The time of the tick.
    pub now: Timestamp,
    /// The node's size.
    pub node: NodeFacts,
    /// All live workloads; one that is absent is forgotten.
    pub workloads: Vec<WorkloadInput<'a>>,
}

/// What the tick found for one workload.
#[derive(Debug, Clone)]
pub struct WorkloadReport {
    /// Which cgroup.
    pub id: CgroupId,
    /// Rates since the last tick.
    pub usage: Usage,
    /// Forecast peaks, where there was enough to say anything.
    pub cpu: Option<Forecast>,
    /// Forecast peak of memory in bytes.
    pub memory: Option<Forecast>,
    /// Forecast peak of network (in plus out) in bytes per second.
    pub network: Option<Forecast>,
    /// Who is listened to on each of these forecasts, and how well it has gone.
    pub standings: Standings,
    /// One decision per limit that could be judged.
    pub decisions: Vec<Decision>,
}

/// The standings behind the forecasts of one workload; `None` where there is no forecast.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Standings {
    /// Of CPU.
    pub cpu: Option<Standing>,
    /// Of memory.
    pub memory: Option<Standing>,
    /// Of network.
    pub network: Option<Standing>,
}

/// What the tick found for the node.
#[derive(Debug, Clone, Default)]
pub struct TickReport {
    /// One report per workload of the input, in its order.
    pub workloads: Vec<WorkloadReport>,
    /// Why the model did not drive this tick, if it did not.
    pub model_error: Option<String>,
}

/// All state between ticks. It grows with the live workloads only.
#[derive(Debug)]
pub struct Engine {
    series: SeriesForecaster,
    workloads: BTreeMap<CgroupId, Workload>,
    observations: Vec<Observation>,
}

/// What is remembered of one workload.
#[derive(Debug)]
struct Workload {
    last: RawSample,
    usage: Usage,
    cpu: CpuState,
    memory: MemoryState,
    /// Was it in the input of this tick?
    live: bool,
}

impl Engine {
    /// Nothing known yet, on ticks of so many seconds.
    #[must_use]
    pub fn new(tick_s: f64) -> Self {
        Self {
            series: SeriesForecaster::new(tick_s),
            workloads: BTreeMap::new(),
            observations: Vec::new(),
        }
    }

    /// The series of all workloads, so that their state can be saved and put back.
    pub fn series(&mut self) -> &mut SeriesForecaster {
        &mut self.series
    }

    /// Runs one tick. `model` is `None` while there is none; then the baseline forecasts.
    pub fn tick(&mut self, input: TickInput<'_>, model: Option<&mut dyn Model>) -> TickReport {
        self.observe(&input);
        let model_error = self.series.tick(&self.observations, model).err();
        let workloads = input
            .workloads
            .iter()
            .map(|workload| self.conclude(&input, workload));
        TickReport {
            workloads: workloads.collect(),
            model_error: model_error.map(|error| error.to_string()),
        }
    }

    /// Workloads that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.workloads.len()
    }

    /// Is no workload remembered?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.workloads.is_empty()
    }

    /// Takes the readings, and forgets the workloads that have none.
    fn observe(&mut self, input: &TickInput<'_>) {
        self.workloads
            .values_mut()
            .for_each(|known| known.live = false);
        self.observations.clear();
        for WorkloadInput { id, sample, .. } in &input.workloads {
            let known = self
                .workloads
                .entry(*id)
                .or_insert_with(|| Workload::new(*sample));
            if known.live {
                continue;
            }
            known.live = true;
            known.usage = usage_between(&known.last, sample);
            known.last = *sample;
            let usage = &known.usage;
            self.observations.push(Observation {
                id: *id,
                cpu: usage.cpu.map(|cpu| cpu.0),
                memory: usage
                    .working_set
                    .or(usage.memory)
                    .map(|bytes| bytes.0 as f64),
                network: usage.network().map(|rate| rate.0),
            });
        }
        self.workloads.retain(|_, known| known.live);
    }

    /// Decides for one workload of the input.
    fn conclude(&mut self, input: &TickInput<'_>, workload: &WorkloadInput<'_>) -> WorkloadReport {
        let (id, now, policy) = (workload.id, input.now, workload.policy);
        let cpu = self.series.forecast(id, Resource::Cpu);
        let memory = self.series.forecast(id, Resource::Memory);
        let network = self.series.forecast(id, Resource::Network);
        let standing = |resource| self.series.standing(id, resource);
        let standings = Standings {
            cpu: standing(Resource::Cpu),
            memory: standing(Resource::Memory),
            network: standing(Resource::Network),
        };
        let known = self
            .workloads
            .entry(id)
            .or_insert_with(|| Workload::new(workload.sample));
        let usage = known.usage;

        let cpu_max = decide_cpu(
            &mut known.cpu,
            &CpuInput {
                workload: id,
                now,
                usage: &usage,
                forecast: cpu.as_ref(),
                limit: workload.limits.cpu,
                node: input.node.cpu,
                policy,
            },
        );
        let targets = decide_memory(
            &mut known.memory,
            &MemoryInput {
                workload: id,
                now,
                usage: &usage,
                forecast: memory.as_ref(),
                limits: workload.limits,
                node: input.node.memory,
                policy,
            },
        );
        let decisions = [cpu_max, targets.high, targets.max]
            .into_iter()
            .flatten()
            .collect();
        WorkloadReport {
            id,
            usage,
            cpu,
            memory,
            network,
            standings,
            decisions,
        }
    }
}

impl Workload {
    /// A workload from its first reading, which gives gauges but no rates.
    fn new(sample: RawSample) -> Self {
        Self {
            last: sample,
            usage: usage_between(&sample, &sample),
            cpu: CpuState::default(),
            memory: MemoryState::default(),
            live: false,
        }
    }
}
