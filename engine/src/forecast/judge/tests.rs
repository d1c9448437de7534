//! The judge as a whole, on series of which the right forecast is known.

use super::*;

/// Runs a judge over values; the model says what `model` gives for a tick and its value.
fn run(
    values: impl IntoIterator<Item = f64>,
    model: impl Fn(usize, f64) -> Option<Quantiles>,
) -> (Judge, Quantiles, Lead) {
    let mut judge = Judge::new(1.0);
    let mut last = None;
    for (tick, value) in values.into_iter().enumerate() {
        judge.observe(Some(value));
        last = Some(judge.forecast(model(tick, value).as_ref(), true, 1.0));
    }
    let verdict: Verdict = last.expect("there were values");
    (judge, verdict.forecast, verdict.lead)
}

fn restless(tick: usize) -> f64 {
    let x = (tick as u32).wrapping_mul(2_654_435_761) >> 8;
    0.2 + 0.6 * f64::from(x) / f64::from(1 << 24)
}

#[test]
fn a_constant_series_forecasts_itself() {
    let (_, forecast, _) = run([2.5; 300], |_, _| None);
    for quantile in forecast.as_flattened() {
        assert!((quantile - 2.5).abs() < 0.05, "{forecast:?}");
    }
}

#[test]
fn a_young_series_is_widened_above_its_median() {
    let (_, [near, _], _) = run([1.0], |_, _| None);
    assert!((near[0] - 1.0).abs() < 0.05 && near[3] > 1.9, "{near:?}");
}

#[test]
fn a_steady_climb_is_carried_forward() {
    let climb = (0..400).map(|tick| 100.0 + f64::from(tick));
    let (_, [near, far], _) = run(climb, |_, _| None);
    // The last value is 499: the exact peaks are 504 and 529.
    assert!((500.0..515.0).contains(&near[0]), "{near:?}");
    assert!((515.0..560.0).contains(&far[2]), "{far:?}");
}

#[test]
fn a_level_shift_is_followed_within_a_few_ticks() {
    let shifted = |ticks: usize| {
        let values = (0..300 + ticks).map(|tick| if tick < 300 { 0.1 } else { 0.8 });
        run(values, |_, _| None).1[0]
    };
    let near = shifted(2);
    assert!(near[0] > 0.5 && near[3] > 0.8, "{near:?}");
    let near = shifted(12);
    assert!(near[0] > 0.79, "{near:?}");
}

#[test]
fn a_near_idle_series_that_wakes_up_keeps_its_scale() {
    let wake = (0..500).map(|tick| if tick % 250 == 249 { 1.0 } else { 0.001 });
    let (_, forecast, _) = run(wake, |_, _| None);
    assert!(forecast[1][3] < 4.0, "{forecast:?}");
}

#[test]
fn a_gap_changes_nothing() {
    let mut judge = Judge::new(1.0);
    for tick in 0..300 {
        judge.observe((!(200..=260).contains(&tick)).then_some(1.0));
        let forecast = judge.forecast(None, true, 1.0).forecast;
        if tick > 200 {
            assert!(
                forecast
                    .as_flattened()
                    .iter()
                    .all(|q| (q - 1.0).abs() < 0.05)
            );
        }
    }
}

#[test]
fn a_model_that_knows_drives_and_one_that_is_wrong_does_not() {
    let values = || (0..600).map(restless);
    let peak = |tick: usize, ticks: usize| {
        (1..=ticks)
            .map(|ahead| restless(tick + ahead))
            .fold(0.0, f64::max)
    };
    let (judge, _, lead) = run(values(), |tick, _| {
        Some([[peak(tick, 5); 4], [peak(tick, 30); 4]])
    });
    let standing = judge.standing(&lead);
    assert_eq!(standing.driver, Expert::Model, "{standing:?}");
    assert!(standing.model_share > 0.8, "{standing:?}");
    assert!(
        standing.skill.is_some_and(|skill| skill > 0.5),
        "{standing:?}"
    );

    let (judge, [near, _], lead) = run(values(), |_, _| Some([[7.0; 4]; 2]));
    let standing = judge.standing(&lead);
    assert_ne!(standing.driver, Expert::Model, "{standing:?}");
    assert!(
        standing.model_skill.is_some_and(|skill| skill < 0.0),
        "{standing:?}"
    );
    assert!(near[3] < 1.2, "{near:?}");
}

#[test]
fn a_copier_is_set_aside_and_comes_back_when_it_knows() {
    let values = |ticks: usize| (0..ticks).map(restless);
    let copy = |_, value: f64| Some([[value; 4]; 2]);
    let (judge, _, lead) = run(values(600), copy);
    let standing = judge.standing(&lead);
    assert!(
        standing.copier && standing.model_share == 0.0,
        "{standing:?}"
    );

    let later = |tick: usize, value: f64| {
        if tick < 600 {
            return Some([[value; 4]; 2]);
        }
        let peak = (1..=5)
            .map(|ahead| restless(tick + ahead))
            .fold(0.0, f64::max);
        Some([[peak; 4]; 2])
    };
    let (judge, _, lead) = run(values(1_200), later);
    assert!(!judge.standing(&lead).copier);
}

#[test]
fn coverage_holds_on_a_restless_series() {
    let mut judge = Judge::new(1.0);
    let (mut covered, mut outcomes) = ([0.0; 4], 0.0);
    let mut open: Vec<[f64; 4]> = Vec::new();
    for tick in 0..6_000 {
        let value = restless(tick);
        judge.observe(Some(value));
        let peak = (1..=5)
            .map(|ahead| restless(tick + ahead))
            .fold(0.0, f64::max);
        let [near, _] = judge.forecast(None, true, 1.0).forecast;
        if tick > 2_000 {
            outcomes += 1.0;
            for (covered, quantile) in covered.iter_mut().zip(near) {
                *covered += f64::from(u8::from(peak <= quantile));
            }
        }
        open.push(near);
    }
    for (covered, q) in covered.iter().zip(QUANTILES) {
        assert!(
            (covered / outcomes - q).abs() < 0.02,
            "{} of {q}",
            covered / outcomes
        );
    }
}

#[test]
fn quantiles_never_cross() {
    let mut judge = Judge::new(1.0);
    for tick in 0..500 {
        judge.observe((tick % 13 != 0 || tick == 0).then_some(restless(tick)));
        let [near, far] = judge.forecast(None, true, 1.0).forecast;
        assert!(near.is_sorted() && far.is_sorted(), "{near:?} {far:?}");
        assert!(
            near.iter().zip(far).all(|(a, b)| *a <= b),
            "{near:?} {far:?}"
        );
    }
}
