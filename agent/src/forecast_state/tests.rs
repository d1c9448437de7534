//! What comes back after a restart, and what must not.

use std::fs;
use std::path::Path;
use std::time::Duration;

use llmos_engine::forecast::{
    Model, ModelError, OUTPUTS, Observation, Resource, SeriesForecaster, StateRows,
};
use llmos_engine::units::{CgroupId, Timestamp};

use super::{FILE, ForecastState, ModelId, Owner, read};
use crate::probes::Health;

const SECOND: u64 = 1_000_000_000;

/// Averages its input in its state.
struct Average;

impl Model for Average {
    fn name(&self) -> &str {
        "average"
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
        outputs.clear();
        let width = features.len() / rows;
        for row in 0..rows {
            let h = &mut state.h[row * 2];
            *h += 0.1 * (features[row * width] - *h);
            outputs.extend([*h; OUTPUTS]);
        }
        Ok(())
    }
}

fn owner() -> Owner {
    Owner {
        boot_id: "b-1".to_owned(),
        tick: Duration::from_secs(1),
        model: Some(ModelId {
            name: "average".to_owned(),
            sha256: "00ff".to_owned(),
        }),
    }
}

fn at(second: u64) -> Timestamp {
    Timestamp(second * SECOND)
}

fn observations(second: u64, workloads: u64) -> Vec<Observation> {
    let value = |k: u64| {
        let x = (second * 31 + k).wrapping_mul(2_654_435_761) % 1_000;
        0.2 + x as f64 / 1_000.0
    };
    (1..=workloads)
        .map(|id| Observation {
            id: CgroupId(id << 40),
            cpu: Some(value(id)),
            memory: Some(1e8 * value(id + 9)),
            network: None,
        })
        .collect()
}

fn tick(series: &mut SeriesForecaster, second: u64, workloads: u64) {
    series
        .tick(&observations(second, workloads), Some(&mut Average))
        .expect("a good model");
}

/// An agent from second 1 to `seconds`, stopped then; what it knew.
fn first_run(dir: &Path, seconds: u64, workloads: u64) -> SeriesForecaster {
    let mut series = SeriesForecaster::new(1.0);
    let mut state = ForecastState::new(dir.to_owned(), Some(Duration::from_secs(300)), owner());
    state.restore(at(0), &mut series);
    assert_eq!(state.health().state, Health::Healthy);
    for second in 1..=seconds {
        tick(&mut series, second, workloads);
        state.tick(at(second), &mut series);
    }
    state.stop(&mut series);
    assert_eq!(
        state.health().state,
        Health::Healthy,
        "{:?}",
        state.health()
    );
    series
}

/// What an agent knows that starts in this second.
fn second_run(dir: &Path, second: u64, owner: Owner) -> (SeriesForecaster, ForecastState) {
    let mut series = SeriesForecaster::new(1.0);
    let mut state = ForecastState::new(dir.to_owned(), Some(Duration::from_secs(300)), owner);
    state.restore(at(second), &mut series);
    (series, state)
}

fn said(series: &SeriesForecaster, workloads: u64) -> Vec<String> {
    let keys = (1..=workloads).map(|id| CgroupId(id << 40));
    keys.flat_map(|id| [Resource::Cpu, Resource::Memory].map(|resource| (id, resource)))
        .map(|(id, resource)| {
            let forecast = series.forecast(id, resource).expect("a forecast");
            let standing = series.standing(id, resource).expect("a standing");
            format!("{forecast:?} {standing:?}")
        })
        .collect()
}

#[test]
fn a_restart_without_a_gap_changes_no_forecast() {
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("not/yet/there");
    let mut first = first_run(&below, 120, 3);
    let (mut second, state) = second_run(&below, 121, owner());
    assert!(state.health().cause.contains("6 series restored"));
    for second_of in 121..200 {
        tick(&mut first, second_of, 3);
        tick(&mut second, second_of, 3);
        assert_eq!(said(&first, 3), said(&second, 3), "second {second_of}");
    }
    let files: Vec<_> = fs::read_dir(&below).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
}

#[test]
fn it_is_saved_while_it_runs_some_series_a_tick() {
    let dir = tempfile::tempdir().unwrap();
    let mut series = SeriesForecaster::new(1.0);
    let mut state = ForecastState::new(
        dir.path().to_owned(),
        Some(Duration::from_secs(60)),
        owner(),
    );
    state.restore(at(0), &mut series);
    let mut second = 0;
    while !dir.path().join(FILE).exists() {
        second += 1;
        tick(&mut series, second, 100);
        state.tick(at(second), &mut series);
        if second > 60 {
            // The thread needs a moment, which ticks that follow at once do not give it.
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(second < 5_000, "it is never saved");
    }
    assert!(second > 66, "200 series in one tick");
    let (_, state) = second_run(dir.path(), second + 1, owner());
    assert!(
        state.health().cause.contains("200 series restored"),
        "{:?}",
        state.health()
    );
}

#[test]
fn what_does_not_fit_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    first_run(dir.path(), 50, 2);
    let path = dir.path().join(FILE);
    let restored = |owner: &Owner, second: u64| {
        let mut series = SeriesForecaster::new(1.0);
        read::restore(&path, owner, at(second), &mut series).map(|found| {
            let found = found.expect("there is a file");
            assert_eq!(found.series, series.len() as u64);
            (found.series, found.same_model, found.damage)
        })
    };
    assert_eq!(restored(&owner(), 51), Ok((4, true, None)));
    assert_eq!(restored(&owner(), 86_000), Ok((4, true, None)));
    let old = restored(&owner(), 50 + 90_000);
    assert_eq!(old, Err("25 hours old".to_owned()));

    let mut other = owner();
    other.boot_id = "b-2".to_owned();
    assert_eq!(restored(&other, 51), Err("of another boot".to_owned()));
    let mut other = owner();
    other.tick = Duration::from_millis(500);
    let slower = "for ticks of 1s, expected 500ms";
    assert_eq!(restored(&other, 51), Err(slower.to_owned()));

    for model in [
        Some(ModelId {
            name: "average".to_owned(),
            sha256: "00fe".to_owned(),
        }),
        Some(ModelId::default()),
    ] {
        let other = Owner { model, ..owner() };
        assert_eq!(restored(&other, 51), Ok((4, false, None)));
    }
    let none = Owner {
        model: None,
        ..owner()
    };
    assert_eq!(restored(&none, 51), Ok((4, true, None)));
}

#[test]
fn a_file_of_another_kind_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let mut series = SeriesForecaster::new(1.0);
    let mut restore = || read::restore(&path, &owner(), at(1), &mut series);
    assert_eq!(restore(), Ok(None));
    fs::write(&path, b"").unwrap();
    assert_eq!(restore(), Err("the file ends too early".to_owned()));
    fs::write(&path, b"\x05\0\0\0\0\0\0\0hello").unwrap();
    assert_eq!(restore(), Err("a record has a wrong checksum".to_owned()));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(restore().is_err());
}

#[test]
fn a_cut_file_gives_the_series_before_the_cut() {
    let dir = tempfile::tempdir().unwrap();
    first_run(dir.path(), 40, 1);
    let bytes = fs::read(dir.path().join(FILE)).unwrap();
    let mut most = 0;
    for len in 0..bytes.len() {
        let mut series = SeriesForecaster::new(1.0);
        let found = read::records(&mut &bytes[..len], &owner(), at(41), &mut series);
        if let Ok(found) = found {
            assert!(found.damage.is_some(), "{len} of {}", bytes.len());
            assert!(found.series >= most);
            most = found.series;
        }
    }
    assert_eq!(most, 2);
}

/// Frame and kind of the record at the end.
const END_BYTES: usize = 9;

#[test]
fn no_damage_is_believed() {
    let dir = tempfile::tempdir().unwrap();
    first_run(dir.path(), 40, 2);
    let bytes = fs::read(dir.path().join(FILE)).unwrap();
    let mut x = 7_u64;
    for round in 0..2_000 {
        x = x
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let bit = (x >> 20) as usize % (bytes.len() * 8);
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let mut series = SeriesForecaster::new(1.0);
        let found = read::records(&mut bad.as_slice(), &owner(), at(41), &mut series);
        let whole = found.is_ok_and(|found| found.damage.is_none());
        assert!(!whole, "round {round}, bit {bit}");
        // All four are there only if nothing but the mark at the end is damaged.
        assert!(series.len() < 4 || bit / 8 >= bytes.len() - END_BYTES);
    }
}

#[test]
fn where_nothing_can_be_written_is_said_and_the_agent_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    let (mut series, mut state) = second_run(&file.join("below"), 1, owner());
    assert_eq!(state.health().state, Health::Degraded);
    assert!(state.health().cause.contains("below"));
    for second in 1..400 {
        tick(&mut series, second, 1);
        state.tick(at(second), &mut series);
    }
    state.stop(&mut series);
    assert_eq!(state.health().state, Health::Degraded);
    assert!(state.health().cause.contains("begin anew after a restart"));
}

#[test]
fn switched_off_it_neither_reads_nor_writes() {
    let dir = tempfile::tempdir().unwrap();
    first_run(dir.path(), 40, 1);
    let before = fs::read(dir.path().join(FILE)).unwrap();
    let mut series = SeriesForecaster::new(1.0);
    let mut state = ForecastState::new(dir.path().to_owned(), None, owner());
    state.restore(at(41), &mut series);
    assert!(series.is_empty());
    tick(&mut series, 41, 2);
    state.tick(at(1_000), &mut series);
    state.stop(&mut series);
    assert_eq!(state.health().state, Health::Off);
    assert!(fs::read(dir.path().join(FILE)).unwrap() == before);
}
