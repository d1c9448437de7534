//! What holds for any input: bounds, order, and the same answer to the same question.

#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

use llmos_engine::decide::{
    Action, CpuInput, CpuState, Decision, MemoryInput, MemoryState, MemoryTargets, Pool, Share,
};
use llmos_engine::forecast::{
    Forecast, Model, ModelError, OUTPUTS, Observation, Resource, SeriesForecaster, Source,
    StateRows,
};
use llmos_engine::policy::Policy;
use llmos_engine::sample::{Limits, Usage};
use llmos_engine::units::{Bytes, CgroupId, Cores, Timestamp};
use proptest::prelude::*;

const ID: CgroupId = CgroupId(1);
const NODE_CPU: Cores = Cores(16.0);
const NODE_MEMORY: Bytes = Bytes::from_mib(64 * 1024);
const PAGE: f64 = 4096.0;

fn at(second: usize) -> Timestamp {
    Timestamp((second as u64 + 1) * 1_000_000_000)
}

fn policies() -> impl Strategy<Value = Policy> {
    (
        (0.01..4.0, prop::option::of(0.05..32.0), 0.0..1.0),
        (
            1_u64..4_096,
            prop::option::of(8_u64..131_072),
            0.0..1.0,
            0.0..1.0,
        ),
        (0.0..20.0, 0.0..0.3, 0.0..1.0, 0.0..20.0),
    )
        .prop_map(|(cpu, memory, pace)| Policy {
            cpu_floor: Cores(cpu.0),
            cpu_ceiling: cpu.1.map(Cores),
            cpu_margin: cpu.2,
            memory_floor: Bytes::from_mib(memory.0),
            memory_ceiling: memory.1.map(Bytes::from_mib),
            memory_margin: memory.2,
            memory_max_margin: memory.3,
            cooldown_s: pace.0,
            hysteresis: pace.1,
            max_step_down: pace.2,
            warmup_s: pace.3,
            ..Policy::default()
        })
}

fn cores() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..0.2, 0.0..20.0, Just(f64::INFINITY)]
}

fn limit_bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        (1_u64 << 20..1 << 37).prop_map(Bytes),
        Just(Bytes(u64::MAX))
    ]
}

fn share() -> impl Strategy<Value = Option<f64>> {
    prop::option::of(prop_oneof![Just(0.0), 0.0..1.0])
}

fn usages() -> impl Strategy<Value = Usage> {
    (
        prop::option::of(0.0..20.0_f64),
        share(),
        share(),
        prop::option::of((1_u64..1 << 36, 0.0..1.0_f64)),
        prop::option::of(0_u64..3),
        prop::option::of(0_u64..3),
    )
        .prop_map(|(cpu, throttled_share, stall, memory, kills, high)| Usage {
            cpu: cpu.map(Cores),
            throttled_share,
            memory_stall_share: stall,
            memory: memory.map(|memory| Bytes(memory.0)),
            working_set: memory.map(|(all, part)| Bytes((all as f64 * part) as u64)),
            oom_kills_new: kills,
            memory_high_new: high,
            ..Usage::default()
        })
}

fn forecast(peak: f64) -> Forecast {
    Forecast {
        source: Source::Baseline,
        horizons: [[peak; 4]; 2],
    }
}

/// One run of the CPU law: each decision comes into force.
fn run_cpu(policy: &Policy, start: f64, ticks: &[(Usage, Option<f64>)]) -> Vec<Decision> {
    let (mut state, mut pool) = (CpuState::default(), Pool::default());
    let mut limit = start;
    let mut decisions = Vec::new();
    for (second, (usage, peak)) in ticks.iter().enumerate() {
        let forecast = peak.map(forecast);
        let input = CpuInput {
            workload: ID,
            now: at(second),
            usage,
            forecast: forecast.as_ref(),
            limit: Some(Cores(limit)),
            node: NODE_CPU,
            served_in: None,
            waits: None,
            policy,
        };
        let want = state.want(&input, &mut pool).expect("there is a limit");
        let decision = state.settle(&input, want, &Share::WHOLE);
        limit = decision.to;
        decisions.push(decision);
    }
    decisions
}

/// One run of the memory law: each decision comes into force.
fn run_memory(
    policy: &Policy,
    start: Limits,
    ticks: &[(Usage, Option<f64>)],
) -> Vec<MemoryTargets> {
    let bytes = |to: f64| {
        if to.is_finite() {
            Bytes(to as u64)
        } else {
            Bytes(u64::MAX)
        }
    };
    let (mut state, mut pool) = (MemoryState::default(), Pool::default());
    let mut limits = start;
    let mut all = Vec::new();
    for (second, (usage, peak)) in ticks.iter().enumerate() {
        let forecast = peak.map(|share| forecast(share * 1e9));
        let input = MemoryInput {
            workload: ID,
            now: at(second),
            tick_s: 1.0,
            usage,
            forecast: forecast.as_ref(),
            limits,
            node: NODE_MEMORY,
            room: f64::INFINITY,
            // What holds for the higher limits has to hold for these.
            served: second % 2 == 0,
            waits: None,
            policy,
        };
        let want = state.want(&input, &mut pool).expect("there is a limit");
        let targets = state.settle(&input, want, &Share::WHOLE, &mut pool);
        limits.memory_high = targets.high.as_ref().map(|high| bytes(high.to));
        limits.memory_max = targets.max.as_ref().map(|max| bytes(max.to));
        all.push(targets);
    }
    all
}

fn runs() -> impl Strategy<Value = Vec<(Usage, Option<f64>)>> {
    prop::collection::vec((usages(), prop::option::of(0.0..20.0_f64)), 1..40)
}

/// Raises go up, lowers go down, holds stand still.
fn action_fits(decision: &Decision) -> bool {
    let from = decision.from.expect("the limits can be read");
    match decision.action {
        Action::Raise => decision.to > from,
        Action::Lower => decision.to < from,
        Action::Hold => decision.to.total_cmp(&from).is_eq(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cpu_stays_between_floor_and_ceiling(policy in policies(), start in cores(), ticks in runs()) {
        let ceiling = policy.cpu_ceiling.map_or(NODE_CPU.0, |cores| cores.0.min(NODE_CPU.0));
        let floor = policy.cpu_floor.0.min(ceiling);
        for decision in run_cpu(&policy, start, &ticks) {
            prop_assert!(action_fits(&decision), "{decision:?}");
            if decision.action != Action::Hold {
                prop_assert!(decision.to >= floor && decision.to <= ceiling, "{decision:?}");
            }
        }
    }

    #[test]
    fn memory_stays_between_floor_and_ceiling_and_high_below_max(
        policy in policies(),
        high in limit_bytes(),
        max in limit_bytes(),
        ticks in runs(),
    ) {
        let start = Limits { memory_high: Some(high), memory_max: Some(max), ..Limits::default() };
        let ceiling = policy.memory_ceiling.map_or(NODE_MEMORY, |bytes| bytes.min(NODE_MEMORY));
        let ceiling = ceiling.0 as f64;
        let floor = (policy.memory_floor.0 as f64).min(ceiling);
        for targets in run_memory(&policy, start, &ticks) {
            let (high, max) = (targets.high.expect("a limit"), targets.max.expect("a limit"));
            for decision in [&high, &max] {
                prop_assert!(action_fits(decision), "{decision:?}");
                if decision.action != Action::Hold {
                    prop_assert!(decision.to >= floor && decision.to <= ceiling, "{decision:?}");
                    prop_assert!((decision.to % PAGE).abs() < 1e-6, "whole pages: {decision:?}");
                }
            }
            // An infinite high limit, not yet lowered, catches nothing and orders nothing.
            let moved = high.action != Action::Hold || max.action != Action::Hold;
            if moved && high.to.is_finite() {
                prop_assert!(high.to.min(ceiling) <= max.to, "{high:?} {max:?}");
            }
        }
    }

    #[test]
    fn memory_max_is_never_lowered_to_what_is_in_use(
        policy in policies(),
        high in limit_bytes(),
        max in limit_bytes(),
        ticks in runs(),
    ) {
        let start = Limits { memory_high: Some(high), memory_max: Some(max), ..Limits::default() };
        let all = run_memory(&policy, start, &ticks);
        for (targets, (usage, _)) in all.iter().zip(&ticks) {
            let max = targets.max.as_ref().expect("a limit");
            if max.action == Action::Lower {
                let current = usage.memory.expect("nothing is lowered on missing data").0 as f64;
                prop_assert!(max.to > current, "{current} {max:?}");
            }
        }
    }

    #[test]
    fn missing_data_and_pressure_lower_nothing(
        policy in policies(),
        high in limit_bytes(),
        ticks in runs(),
    ) {
        let start = Limits { memory_high: Some(high), memory_max: None, ..Limits::default() };
        let all = run_memory(&policy, start, &ticks);
        for (targets, (usage, _)) in all.iter().zip(&ticks) {
            let stalled = usage.memory_stall_share.is_some_and(|s| s > policy.memory_stall_veto);
            if usage.memory.is_none() || stalled {
                let high = targets.high.as_ref().expect("a limit");
                prop_assert_ne!(high.action, Action::Lower);
            }
        }
        for (decision, (usage, _)) in run_cpu(&policy, 8.0, &ticks).iter().zip(&ticks) {
            if usage.cpu.is_none() {
                prop_assert_eq!(decision.action, Action::Hold);
            }
        }
    }

    #[test]
    fn the_same_input_gives_the_same_decisions(policy in policies(), start in cores(), ticks in runs()) {
        prop_assert_eq!(run_cpu(&policy, start, &ticks), run_cpu(&policy, start, &ticks));
    }

    #[test]
    fn more_demand_never_gives_less_cpu(
        policy in policies(),
        start in cores(),
        used in 0.0..20.0_f64,
        more in 0.0..5.0_f64,
        peak in 0.0..20.0_f64,
    ) {
        let last = |used: f64, peak: f64| {
            let usage = Usage { cpu: Some(Cores(used)), ..Usage::default() };
            let tick = (usage, Some(peak));
            run_cpu(&policy, start, &[tick; 30])[29].to
        };
        prop_assert!(last(used + more, peak) >= last(used, peak) - 1e-9);
        prop_assert!(last(used, peak + more) >= last(used, peak) - 1e-9);
    }

    #[test]
    fn more_demand_never_gives_less_memory(
        policy in policies(),
        high in limit_bytes(),
        used in 1_u64..1 << 36,
        more in 0_u64..1 << 34,
    ) {
        let start = Limits { memory_high: Some(high), memory_max: Some(Bytes(u64::MAX)), ..Limits::default() };
        let first = |used: u64| {
            let memory = Some(Bytes(used));
            let usage = Usage { memory, working_set: memory, ..Usage::default() };
            let policy = Policy { warmup_s: 0.0, ..policy.clone() };
            let targets = run_memory(&policy, start, &[(usage, None)]).remove(0);
            (targets.high.expect("a limit").to, targets.max.expect("a limit").to)
        };
        let (less, enough) = (first(used), first(used + more));
        prop_assert!(enough.0 >= less.0, "{less:?} {enough:?}");
        prop_assert!(enough.1 >= less.1, "{less:?} {enough:?}");
    }

    #[test]
    fn quantiles_without_a_model_never_cross(
        values in prop::collection::vec(prop::option::of(0.0..1e12_f64), 1..200),
    ) {
        let mut series = SeriesForecaster::new(1.0);
        for cpu in values {
            let seen = Observation { id: ID, cpu, memory: None, network: None };
            series.tick(&[seen], None).expect("no model, no error");
            if let Some(forecast) = series.forecast(ID, Resource::Cpu) {
                prop_assert!(in_order(&forecast.horizons), "{forecast:?}");
            }
        }
    }

    #[test]
    fn no_model_can_make_quantiles_cross(
        outputs in prop::collection::vec(wild(), OUTPUTS * 60),
        values in prop::collection::vec(prop::option::of(0.0..1e9_f64), 60),
    ) {
        let mut model = Replay(outputs.chunks(OUTPUTS).map(<[f32]>::to_vec).collect());
        let mut series = SeriesForecaster::new(1.0);
        for value in values {
            let seen = Observation { id: ID, cpu: value, memory: value, network: None };
            // The error of a NaN is not the matter here.
            drop(series.tick(&[seen], Some(&mut model)));
            for resource in [Resource::Cpu, Resource::Memory] {
                if let Some(forecast) = series.forecast(ID, resource) {
                    prop_assert!(in_order(&forecast.horizons), "{forecast:?}");
                }
            }
        }
    }
}

fn wild() -> impl Strategy<Value = f32> {
    prop_oneof![
        20 => -2.0_f32..3.0,
        1 => Just(f32::NAN),
        1 => Just(f32::INFINITY),
        1 => Just(f32::MAX),
        1 => Just(-0.0_f32),
    ]
}

/// Finite, not negative, rising with the quantile and with the horizon.
fn in_order(horizons: &[[f64; 4]; 2]) -> bool {
    let [short, long] = horizons;
    horizons
        .as_flattened()
        .iter()
        .all(|x| x.is_finite() && *x >= 0.0)
        && horizons.iter().all(|quantiles| quantiles.is_sorted())
        && short.iter().zip(long).all(|(short, long)| short <= long)
}

/// A model that gives prepared answers, one a tick, to every row.
struct Replay(Vec<Vec<f32>>);

impl Model for Replay {
    fn name(&self) -> &str {
        "replay"
    }

    fn state_width(&self) -> usize {
        1
    }

    fn step(
        &mut self,
        rows: usize,
        _features: &[f32],
        _state: &mut StateRows,
        outputs: &mut Vec<f32>,
    ) -> Result<(), ModelError> {
        let answer = self
            .0
            .pop()
            .ok_or_else(|| ModelError::Failed("no more".to_owned()))?;
        *outputs = answer.repeat(rows);
        Ok(())
    }
}

#[test]
fn where_memory_is_raised_when_it_is_short_the_tick_keeps_less() {
    let mib = |mib: f64| mib * 1_048_576.0;
    // What is likely soon, what is likely later, and what is rare.
    let forecast = Forecast {
        source: Source::Baseline,
        horizons: [[mib(100.0); 4], [100.0, 150.0, 200.0, 400.0].map(mib)],
    };
    let policy = Policy::default();
    let limits = |served: bool, tick_s: f64| {
        let (mut state, mut pool) = (MemoryState::default(), Pool::default());
        let mut limits = Limits {
            memory_high: Some(Bytes(mib(800.0) as u64)),
            memory_max: Some(Bytes(mib(1_000.0) as u64)),
            ..Limits::default()
        };
        for tick in 0..200 {
            let used = Some(Bytes(mib(if tick == 0 { 400.0 } else { 100.0 }) as u64));
            let usage = Usage {
                memory: used,
                working_set: used,
                ..Usage::default()
            };
            let input = MemoryInput {
                workload: ID,
                now: Timestamp((tick as f64 * tick_s * 1e9) as u64),
                tick_s,
                usage: &usage,
                forecast: Some(&forecast),
                limits,
                node: NODE_MEMORY,
                room: f64::INFINITY,
                served,
                waits: None,
                policy: &policy,
            };
            let want = state.want(&input, &mut pool).expect("there is a limit");
            let targets = state.settle(&input, want, &Share::WHOLE, &mut pool);
            limits.memory_high = targets.high.map(|high| Bytes(high.to as u64));
            limits.memory_max = targets.max.map(|max| Bytes(max.to as u64));
        }
        let of = |limit: Option<Bytes>| limit.map_or(f64::NAN, |bytes| bytes.mib());
        (of(limits.memory_high), of(limits.memory_max))
    };
    let (alone, served, slow) = (limits(false, 1.0), limits(true, 1.0), limits(true, 60.0));
    assert!(alone.0 >= 200.0 && alone.1 >= 390.0, "{alone:?}");
    assert!(served.0 >= 200.0 && served.1 < 300.0, "{served:?}");
    assert!(slow.0 >= 100.0 && slow.1 < 150.0, "{slow:?}");
}
