//! Forecasts where it is hard: the first minute, a change of level, a gap, and a restart of the
//! agent.

#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::saved::{In, take_out};
use common::{Demand, UNLIMITED, World};
use llmos_engine::forecast::{
    Forecast, Model, ModelError, OUTPUTS, Observation, Resource, SeriesForecaster, StateRows,
    features,
};
use llmos_engine::sample::RawSample;
use llmos_engine::units::{Bytes, CgroupId};

const ID: CgroupId = CgroupId(3);

fn cpu(value: Option<f64>) -> Observation {
    Observation {
        id: ID,
        cpu: value,
        memory: None,
        network: None,
    }
}

/// The forecast after each value.
fn forecasts(
    series: &mut SeriesForecaster,
    values: impl IntoIterator<Item = f64>,
) -> Vec<Forecast> {
    let one = |value| {
        series
            .tick(&[cpu(Some(value))], None)
            .expect("no model, no error");
        series.forecast(ID, Resource::Cpu).expect("a forecast")
    };
    values.into_iter().map(one).collect()
}

/// Between 0.2 and 0.8, without a pattern.
fn restless(tick: u32) -> f64 {
    let x = tick.wrapping_mul(2_654_435_761) >> 8;
    0.2 + 0.6 * f64::from(x) / f64::from(1 << 24)
}

fn highest(forecast: &Forecast) -> f64 {
    forecast.at(1, 0.99)
}

#[test]
fn a_new_constant_is_sane_from_the_first_tick() {
    let all = forecasts(&mut SeriesForecaster::new(1.0), [0.4; 120]);
    for (tick, forecast) in all.iter().enumerate() {
        let [near, far] = forecast.horizons;
        for median in [near[0], far[0]] {
            assert!((0.39..0.5).contains(&median), "tick {tick}: {forecast:?}");
        }
        assert!(highest(forecast) <= 2.2 * 0.4, "tick {tick}: {forecast:?}");
    }
    assert!(highest(&all[90]) < 1.05 * 0.4, "{:?}", all[90]);
}

#[test]
fn a_new_noisy_series_is_sane_from_the_first_tick() {
    let values: Vec<f64> = (0..160).map(restless).collect();
    let all = forecasts(&mut SeriesForecaster::new(1.0), values.iter().copied());
    let (mut below, mut judged) = (0, 0);
    for tick in 0..120 {
        let largest = values[..=tick].iter().copied().fold(0.0, f64::max);
        let forecast = &all[tick];
        assert!(
            highest(forecast) <= 2.5 * largest,
            "tick {tick}: {forecast:?}"
        );
        let peak = values[tick + 1..=tick + 5]
            .iter()
            .copied()
            .fold(0.0, f64::max);
        // From the tenth second on the median is within a third of what comes.
        if tick >= 10 {
            let ratio = forecast.at(0, 0.5) / peak;
            assert!((0.66..1.5).contains(&ratio), "tick {tick}: {forecast:?}");
            judged += 1;
            below += u32::from(peak <= forecast.at(0, 0.95));
        }
    }
    assert!(10 * below >= 9 * judged, "{below} of {judged}");
}

#[test]
fn a_near_idle_series_that_wakes_up_is_followed_and_never_explodes() {
    let idle = |tick: u32| 0.000_5 + 0.000_5 * restless(tick);
    let mut series = SeriesForecaster::new(1.0);
    let asleep = forecasts(&mut series, (0..1_000).map(idle));
    assert!(asleep.iter().all(|f| highest(f) < 4.0 * 0.001));
    // Awake for half a minute, twice, with a long sleep between.
    for _ in 0..2 {
        let awake = forecasts(&mut series, (0..30).map(|tick| 0.9 + 0.1 * restless(tick)));
        for (tick, forecast) in awake.iter().enumerate() {
            assert!(highest(forecast) <= 3.0, "tick {tick}: {forecast:?}");
            if tick >= 3 {
                assert!(forecast.at(0, 0.5) > 0.6, "tick {tick}: {forecast:?}");
                assert!(forecast.at(0, 0.95) > 0.9, "tick {tick}: {forecast:?}");
            }
        }
        let asleep = forecasts(&mut series, (0..600).map(idle));
        assert!(asleep.iter().all(|f| highest(f) <= 3.0));
        let last = asleep.last().expect("ticks");
        assert!(last.at(0, 0.5) < 0.01, "{last:?}");
    }
}

#[test]
fn a_shift_of_the_level_is_followed_up_and_down() {
    let mut series = SeriesForecaster::new(1.0);
    let around = |level: f64| move |tick: u32| level * (0.9 + 0.2 * restless(tick));
    forecasts(&mut series, (0..400).map(around(1.0)));
    let up = forecasts(&mut series, (0..300).map(around(4.0)));
    for (tick, forecast) in up.iter().enumerate() {
        assert!(highest(forecast) < 16.0, "tick {tick}: {forecast:?}");
        // What limits are set by follows at once, the median within a horizon and a half.
        if tick >= 1 {
            assert!(forecast.at(0, 0.95) > 3.4, "tick {tick}: {forecast:?}");
        }
        if tick >= 8 {
            assert!(forecast.at(0, 0.5) > 3.6, "tick {tick}: {forecast:?}");
        }
    }
    let down = forecasts(&mut series, (0..300).map(around(0.5)));
    for (tick, forecast) in down.iter().enumerate() {
        if tick >= 12 {
            assert!(forecast.at(0, 0.5) < 1.0, "tick {tick}: {forecast:?}");
        }
        if tick >= 200 {
            assert!(forecast.at(0, 0.95) < 1.0, "tick {tick}: {forecast:?}");
        }
    }
}

#[test]
fn a_gap_leaves_the_forecast_as_it_was() {
    let value = |tick: u32| 1.0 + 0.2 * restless(tick);
    for gap in [1, 7, 29, 31, 100] {
        let mut series = SeriesForecaster::new(1.0);
        let before = *forecasts(&mut series, (0..600).map(value))
            .last()
            .expect("ticks");
        for _ in 0..gap {
            series.tick(&[cpu(None)], None).expect("no model, no error");
        }
        let during = series.forecast(ID, Resource::Cpu).expect("a forecast");
        let after = forecasts(&mut series, (600..640).map(value));
        for forecast in std::iter::once(&during).chain(&after) {
            let (was, is) = (before.horizons.as_flattened(), forecast.horizons);
            for (a, b) in was.iter().zip(is.as_flattened()) {
                assert!((a - b).abs() < 0.12 * a, "{gap}: {before:?} {forecast:?}");
            }
        }
    }
}

#[test]
fn a_counter_that_starts_again_does_no_harm() {
    let demand = Demand {
        cores: 0.7,
        working_set: Bytes::from_mib(300),
        ..Demand::default()
    };
    let mut world = World::new(UNLIMITED);
    world.enforce = false;
    let before = world.ticks(300, demand).cpu.expect("a forecast");
    // The counters of a container that was started anew, seen under the same cgroup.
    let zero = Some(0);
    world.sample = RawSample {
        cpu_ns: zero,
        rx_bytes: zero,
        tx_bytes: zero,
        ..world.sample
    };
    for _ in 0..40 {
        let report = world.tick(demand);
        let after = report.cpu.expect("a forecast");
        assert!(report.standings.cpu.is_some());
        for (a, b) in before
            .horizons
            .as_flattened()
            .iter()
            .zip(after.horizons.as_flattened())
        {
            assert!((a - b).abs() < 0.02 * a, "{before:?} {after:?}");
        }
    }
}

/// A model whose answers depend on all that it was fed: its state is a slow average of its input.
struct Leaky {
    name: &'static str,
    steps: Vec<usize>,
}

const LEAKY: &str = "leaky";

impl Leaky {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            steps: Vec::new(),
        }
    }
}

impl Model for Leaky {
    fn name(&self) -> &str {
        self.name
    }

    fn state_width(&self) -> usize {
        2
    }

    fn step(
        &mut self,
        rows: usize,
        features: &[f32],
        state: &mut StateRows,
        outputs: &mut Vec<f32>,
    ) -> Result<(), ModelError> {
        self.steps.push(rows);
        outputs.clear();
        for row in 0..rows {
            let input = &features[row * features::COUNT..(row + 1) * features::COUNT];
            let (h, c) = (&mut state.h[row * 2..], &mut state.c[row * 2..]);
            h[0] = 0.9 * h[0] + 0.1 * input[0];
            h[1] += 1.0;
            c[0] = 0.8 * c[0] + 0.2 * input[1];
            c[1] = h[0] * c[0];
            outputs.extend((0..OUTPUTS).map(|k| h[0] * 0.5 + c[0] * (0.5 + 0.1 * k as f32)));
        }
        Ok(())
    }
}

/// Three workloads, of which one has no traffic.
fn three(tick: u32) -> Vec<Observation> {
    let value = |k: u32| restless(tick.wrapping_mul(3).wrapping_add(k));
    (0..3)
        .map(|k| Observation {
            id: CgroupId(u64::from(10 - k)),
            cpu: ((tick + k) % 17 != 3 || tick < 3).then(|| value(k)),
            memory: Some(1e8 * (1.0 + value(k + 7))),
            network: Some(if k == 0 { 0.0 } else { 1e5 * value(k + 9) }),
        })
        .collect()
}

fn run(series: &mut SeriesForecaster, model: &mut Leaky, ticks: std::ops::Range<u32>) {
    for tick in ticks {
        series
            .tick(&three(tick), Some(model))
            .expect("a good model");
    }
}

/// What is forecast for all series, bit by bit, and why.
fn said(series: &SeriesForecaster) -> Vec<(Vec<u64>, String)> {
    let keys = (8..=10).flat_map(|id| Resource::ALL.map(|resource| (CgroupId(id), resource)));
    keys.filter_map(|(id, resource)| {
        let forecast = series.forecast(id, resource)?;
        let bits = forecast.horizons.as_flattened().iter().map(|q| q.to_bits());
        let standing = series.standing(id, resource)?;
        Some((bits.collect(), format!("{standing:?}")))
    })
    .collect()
}

/// A forecaster that has seen half an hour, and one that goes on from what was saved of it.
fn restarted(missed: u64) -> (SeriesForecaster, SeriesForecaster, Leaky) {
    let mut model = Leaky::new(LEAKY);
    let mut first = SeriesForecaster::new(1.0);
    run(&mut first, &mut model, 0..1_800);
    let mut second = SeriesForecaster::new(1.0);
    second.expect_state_of(first.state_of().0, first.state_of().1);
    // In any order: they are told apart by their keys.
    for (key, bytes) in take_out(&mut first).iter().rev() {
        assert!(second.put_back(*key, missed, &mut In::new(bytes)));
        assert!(
            !second.put_back(*key, missed, &mut In::new(bytes)),
            "it is there already"
        );
    }
    assert_eq!((first.len(), second.len()), (8, 8));
    (first, second, model)
}

#[test]
fn what_was_saved_goes_on_to_the_bit() {
    let (mut first, mut second, mut model) = restarted(0);
    for tick in 1_800..2_400 {
        run(&mut first, &mut model, tick..tick + 1);
        run(&mut second, &mut model, tick..tick + 1);
        let expected = said(&first);
        assert_eq!(expected.len(), 8);
        assert_eq!(expected, said(&second), "tick {tick}");
    }
    let (again, then) = (take_out(&mut first), take_out(&mut second));
    assert!(again == then, "the same numbers after all");
    // No steps but the two of each tick: nothing had to be warmed up.
    assert_eq!(model.steps.len(), 1_800 + 2 * 600);
}

#[test]
fn ticks_that_nobody_saw_count_as_missing() {
    let (mut first, mut second, _) = restarted(5);
    for _ in 0..5 {
        let nothing = three(0).into_iter().map(|seen| Observation {
            cpu: None,
            memory: None,
            network: None,
            ..seen
        });
        let nothing: Vec<_> = nothing.collect();
        first.tick(&nothing, None).expect("no model");
    }
    // One forecast in them, the other did not, so that they learn from the outcomes of different ones.
    for tick in 1_805..1_900 {
        first.tick(&three(tick), None).expect("no model");
        second.tick(&three(tick), None).expect("no model");
        for id in 8..=10 {
            let of = |series: &SeriesForecaster| {
                let forecast = series.forecast(CgroupId(id), Resource::Memory);
                forecast.expect("a forecast").horizons
            };
            for (a, b) in of(&first)
                .as_flattened()
                .iter()
                .zip(of(&second).as_flattened())
            {
                assert!((a - b).abs() < 0.02 * a, "tick {tick}: {a} {b}");
            }
        }
    }
}

#[test]
fn after_a_long_absence_the_model_starts_anew_and_the_rest_goes_on() {
    for missed in [31, 10_000, 100_000_000] {
        let (_, mut second, mut model) = restarted(missed);
        let before = model.steps.len();
        run(&mut second, &mut model, 1_800..1_801);
        assert_eq!(
            model.steps.len(),
            before + 1,
            "there is nothing to warm up on"
        );
        for id in 8..=10 {
            let standing = second.standing(CgroupId(id), Resource::Cpu);
            let standing = standing.expect("a standing");
            assert!(standing.model_share == 0.0 && standing.coverage.is_some());
            assert!(standing.skill.is_some(), "{standing:?}");
            let forecast = second.forecast(CgroupId(id), Resource::Cpu);
            let forecast = forecast.expect("a forecast");
            assert!((0.4..0.9).contains(&forecast.at(0, 0.5)), "{forecast:?}");
        }
    }
}

#[test]
fn another_model_finds_nothing_of_the_one_before() {
    let (mut first, mut second, _) = restarted(0);
    let mut other = Leaky::new("another");
    run(&mut second, &mut other, 1_800..1_801);
    // It was taken through the last half minute, in one batch of all rows a tick.
    assert_eq!(other.steps, vec![8; 31]);
    let standing = second.standing(CgroupId(9), Resource::Cpu);
    let standing = standing.expect("a standing");
    assert!(standing.model_skill.is_none() && standing.skill.is_some());
    assert!(standing.model_share > 0.0, "{standing:?}");
    // The same model under another name starts the same way in the one that was never stopped.
    let mut other = Leaky::new("another");
    run(&mut first, &mut other, 1_800..1_801);
    assert_eq!(said(&first), said(&second));
}

#[test]
fn warming_up_is_nearly_as_if_the_model_had_always_been_there() {
    let (mut late, mut always) = (SeriesForecaster::with_statements(1.0), None);
    for tick in 0..700 {
        late.tick(&three(tick), None).expect("no model");
    }
    let (mut model, mut old) = (Leaky::new(LEAKY), Leaky::new(LEAKY));
    run(&mut late, &mut model, 700..701);
    let twin = always.get_or_insert_with(|| SeriesForecaster::with_statements(1.0));
    run(twin, &mut old, 0..701);
    assert_eq!(model.steps, vec![8; 31]);
    for id in 8..=10 {
        for resource in [Resource::Cpu, Resource::Memory] {
            let of = |series: &SeriesForecaster| {
                series.statements(CgroupId(id), resource).expect("said")[0].expect("the model")
            };
            for (a, b) in of(&late).as_flattened().iter().zip(of(twin).as_flattened()) {
                assert!((a - b).abs() < 0.08 * b, "{id} {resource:?}: {a} {b}");
            }
        }
    }
    // Once is enough.
    run(&mut late, &mut model, 701..710);
    assert_eq!(model.steps.len(), 31 + 9);
}

#[test]
fn many_rows_are_warmed_up_in_turns() {
    let all = |tick: u32| -> Vec<Observation> {
        (0..600)
            .map(|id| Observation {
                id: CgroupId(id),
                cpu: Some(restless(tick)),
                memory: None,
                network: None,
            })
            .collect()
    };
    let mut series = SeriesForecaster::new(1.0);
    for tick in 0..40 {
        series.tick(&all(tick), None).expect("no model");
    }
    let mut model = Leaky::new(LEAKY);
    let mut calls = Vec::new();
    for tick in 40..45 {
        model.steps.clear();
        series
            .tick(&all(tick), Some(&mut model))
            .expect("a good model");
        calls.push(model.steps.len());
        assert!(model.steps.iter().all(|rows| *rows <= 256 || *rows == 600));
    }
    assert_eq!(calls, [31, 31, 31, 1, 1]);
}

#[test]
fn a_file_that_was_cut_anywhere_is_refused() {
    let mut model = Leaky::new(LEAKY);
    let mut series = SeriesForecaster::new(1.0);
    run(&mut series, &mut model, 0..400);
    let all = take_out(&mut series);
    let (key, bytes) = &all[0];
    for len in 0..bytes.len() {
        let mut other = SeriesForecaster::new(1.0);
        other.expect_state_of(LEAKY, 2);
        assert!(
            !other.put_back(*key, 0, &mut In::new(&bytes[..len])),
            "{len}"
        );
        assert!(other.is_empty());
    }
}

#[test]
fn no_damage_makes_a_forecast_that_is_not_a_number() {
    let mut model = Leaky::new(LEAKY);
    let mut series = SeriesForecaster::new(1.0);
    run(&mut series, &mut model, 0..400);
    let all = take_out(&mut series);
    let mut x = 1_u64;
    let mut random = |below: usize| {
        x = x
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (x >> 33) as usize % below
    };
    let mut accepted = 0;
    for round in 0..6_000 {
        let (key, bytes) = &all[random(all.len())];
        let mut bytes = bytes.clone();
        for _ in 0..1 << (round % 6) {
            let bit = random(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        let mut other = SeriesForecaster::new(1.0);
        other.expect_state_of(LEAKY, 2);
        if !other.put_back(*key, random(3) as u64, &mut In::new(&bytes)) {
            continue;
        }
        accepted += 1;
        for tick in 0..70 {
            // Errors of the model are its own affair: its row starts anew.
            let _ = other.tick(&three(tick), Some(&mut model));
            let forecast = other.forecast(key.0, key.1).expect("a forecast");
            for horizon in forecast.horizons {
                assert!(
                    horizon.is_sorted() && horizon.iter().all(|q| q.is_finite() && *q >= 0.0),
                    "round {round} tick {tick}: {forecast:?}"
                );
            }
            let standing = other.standing(key.0, key.1).expect("a standing");
            assert!((0.0..=1.000_001).contains(&standing.model_share));
            for share in [standing.skill, standing.model_skill].into_iter().flatten() {
                assert!(share.is_finite(), "{standing:?}");
            }
        }
    }
    assert!(accepted > 100, "{accepted}");
}
