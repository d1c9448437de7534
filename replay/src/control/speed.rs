//! What deciding costs, for a thousand workloads on one core.

use std::time::Instant;

use llmos_engine::forecast::{Observation, SeriesForecaster};
use llmos_engine::policy::Policy;
use llmos_engine::sample::RawSample;
use llmos_engine::units::{Bytes, CgroupId};
use llmos_engine::{Engine, TickInput, WorkloadInput};

use super::Bounds;
use super::llmos::{at, cpu_limits, node};

const WORKLOADS: u64 = 1000;
const WARM_TICKS: usize = 40;
const TICKS: usize = 60;
const MIB: f64 = 1_048_576.0;

/// Medians over ticks, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// A whole tick of the engine without a model: rates, forecasts and decisions.
    pub tick_ms: f64,
    /// The same less what the forecasts take by themselves.
    pub decide_ms: f64,
}

/// Measures it. Unlike all else here it differs from run to run.
#[must_use]
pub fn speed(policy: &Policy) -> Speed {
    let mut engine = Engine::new(1.0);
    let mut forecaster = SeriesForecaster::new(1.0);
    let limits = llmos_engine::sample::Limits {
        memory_high: Some(Bytes((600.0 * MIB) as u64)),
        memory_max: Some(Bytes((700.0 * MIB) as u64)),
        ..cpu_limits(&Bounds::hard(2.0))
    };
    let mut ran_s = vec![0.0; WORKLOADS as usize];
    let (mut whole, mut decided) = (Vec::new(), Vec::new());
    for tick in 0..WARM_TICKS + TICKS {
        let mut observations = Vec::with_capacity(ran_s.len());
        let mut samples = Vec::with_capacity(ran_s.len());
        for (id, ran_s) in (0..).zip(&mut ran_s) {
            // Waves of different length, so that limits move.
            let phase = tick as f64 / (3.0 + id as f64 % 17.0);
            let (cores, bytes) = (1.0 + phase.sin(), (400.0 + 100.0 * phase.cos()) * MIB);
            *ran_s += cores;
            observations.push(Observation {
                id: CgroupId(id),
                cpu: Some(cores),
                memory: Some(bytes),
                network: None,
            });
            samples.push(RawSample {
                at: at(tick, 1.0),
                cpu_ns: Some((*ran_s * 1e9) as u64),
                memory_current: Some(Bytes(bytes as u64)),
                working_set: Some(Bytes(bytes as u64)),
                ..RawSample::default()
            });
        }
        let input = |(id, sample)| WorkloadInput {
            id: CgroupId(id),
            sample,
            limits,
            memory_served: true,
            policy,
        };
        let workloads = (0..).zip(&samples).map(input).collect();
        let input = TickInput {
            now: at(tick, 1.0),
            node: node(),
            workloads,
        };
        let begun = Instant::now();
        let report = engine.tick(input, None);
        let took = begun.elapsed();
        engine.recycle(report);
        let begun = Instant::now();
        // Without a model nothing can fail here.
        let _ = forecaster.tick(&observations, None);
        let alone = begun.elapsed();
        if tick >= WARM_TICKS {
            whole.push(took.as_secs_f64() * 1e3);
            decided.push((took.as_secs_f64() - alone.as_secs_f64()).max(0.0) * 1e3);
        }
    }
    Speed {
        tick_ms: median(&mut whole),
        decide_ms: median(&mut decided),
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
