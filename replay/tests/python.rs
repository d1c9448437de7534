//! The reader against the one of the training pipeline: the same files give the same series, bit for
//! bit. `LLMOS_TRACES=DIR` holds both to a folder of your own as well.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use llmos_recording::{Column, Info, Writer};
use llmos_replay::trace;

/// One line for each series: names, step, length, known values, and the bits of a sum that hangs on
/// the place of each value, and of the size.
const SCRIPT: &str = r#"
import io, struct, sys
import numpy as np
from pipeline import data

def bits(x):
    return struct.pack(">d", float(x)).hex()

for s in data.read_folder(sys.argv[1], progress=io.StringIO()):
    known = [(i, v) for i, v in enumerate(s.values.tolist()) if v == v]
    total = 0.0
    for i, v in known:
        total += v * (1 + i % 7)
    print(s.family, s.name, s.column, s.resource, bits(s.step_s), len(s.values), len(known), bits(total), bits(s.peak), s.cut)
"#;

fn python(folder: &Path) -> Vec<String> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("a target folder");
    let program = target.join("models-test-venv/bin/python");
    let output = Command::new(&program)
        .current_dir(models)
        .args(["-c", SCRIPT])
        .arg(folder)
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "cannot start {}: {error}; `cargo xtask setup` makes it",
                program.display()
            )
        });
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    lines.lines().map(str::to_owned).collect()
}

fn rust(folder: &Path) -> Vec<String> {
    let bits = |x: f64| format!("{:016x}", x.to_bits());
    let series = trace::read(&[folder.to_owned()], |_| ()).expect("reads");
    let line = |s: &trace::Series| {
        let known = s
            .values
            .iter()
            .enumerate()
            .filter_map(|(i, v)| Some((i, (*v)?)));
        let total = known
            .clone()
            .fold(0.0, |sum, (i, v)| sum + v * (1 + i % 7) as f64);
        format!(
            "{} {} {} {} {} {} {} {} {} {}",
            s.family,
            s.name,
            s.column,
            s.resource.name(),
            bits(s.step_s),
            s.values.len(),
            known.count(),
            bits(total),
            bits(s.size()),
            s.cut()
        )
    };
    series.iter().map(line).collect()
}

fn hold_to_each_other(folder: &Path, at_least: usize) {
    let (mine, theirs) = (rust(folder), python(folder));
    assert!(mine.len() >= at_least, "{mine:#?}");
    for (mine, theirs) in mine.iter().zip(&theirs) {
        assert_eq!(mine, theirs);
    }
    assert_eq!(mine.len(), theirs.len());
}

/// Numbers that look like use: positive, rough, with digits.
fn use_at(i: usize, salt: usize) -> f64 {
    let x = ((i * 2_654_435_761 + salt * 40_503) % 10_007) as f64 / 10_007.0;
    (x * 1e5).round() / 1e5 + 0.1 * ((i / 50) % 4) as f64
}

/// A file with what goes wrong in the field: gaps, holes, values below zero, short series, quotes,
/// jitter in time, columns that nobody knows.
fn csv() -> String {
    let mut text = String::from("series_id,t,cpu,note,mem,cpu_limit,net_rx\n");
    let mut rows = |name: &str, n: usize, step: usize, jitter: usize| {
        let mut t = 0;
        for i in 0..n {
            t += step + if jitter > 0 { (i * 7) % jitter } else { 0 };
            t += if i % 97 == 60 { 5 * step } else { 0 };
            t += if i == 111 { 100_000 * step } else { 0 };
            let cpu = if i % 31 == 4 {
                String::new()
            } else {
                use_at(i, 1).to_string()
            };
            let mem = if i < 20 || i + 9 > n {
                "nan".to_owned()
            } else {
                format!("{:e}", use_at(i, 2))
            };
            let net = if i % 13 == 0 {
                -1.0
            } else {
                1e6 * use_at(i, 3)
            };
            writeln!(text, "{name},{t},{cpu},\"a, b\",{mem},2,{net}").expect("a string");
        }
    };
    rows("a", 400, 60, 0);
    rows("short", 150, 60, 0);
    rows("\"odd, name\"", 333, 30, 13);
    rows("b", 228, 7, 5);
    rows("a", 260, 1, 0);
    text
}

fn recording(path: &Path) {
    let columns = [
        "cpu_cores",
        "memory_bytes",
        "working_set_bytes",
        "rx_bytes_per_s",
        "tx_bytes_per_s",
    ];
    let columns = columns.map(|name| Column {
        name: name.into(),
        unit: "made up".into(),
        meaning: "made up".into(),
    });
    let info = Info {
        tick_ms: 500,
        ..Info::default()
    };
    let file = std::fs::File::create(path).expect("creates");
    let mut writer = Writer::new(file, &info, columns.to_vec()).expect("begins");
    let mut tick = writer.tick();
    let mut clock = 1_700_000_000_000_i64;
    for i in 0..700 {
        clock += if i % 50 == 9 { 1_730 } else { 500 };
        // The clock is set back once.
        clock -= if i == 300 { 60_000 } else { 0 };
        tick.restart(clock);
        let mut web = tick.push(7, "a.slice/web");
        web.set("cpu_cores", use_at(i, 4));
        web.set("memory_bytes", 2e6 + 1e6 * use_at(i, 5));
        if i % 10 != 3 {
            web.set("working_set_bytes", 1e6 + 1e6 * use_at(i, 6));
        }
        web.set("rx_bytes_per_s", 1e3 * use_at(i, 7));
        if i % 10 != 5 {
            web.set("tx_bytes_per_s", 1e3 * use_at(i, 8));
        }
        if i > 650 {
            tick.push(8, "b.slice").set("cpu_cores", 1.0);
        }
        assert!(writer.push(&tick).expect("takes it"));
    }
    writer.finish().expect("ends");
}

#[test]
fn both_readers_make_the_same_series_of_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("plain.v1.csv"), csv()).expect("written");
    let packed = std::fs::File::create(folder.path().join("packed.csv.gz")).expect("creates");
    let mut packed = GzEncoder::new(packed, Compression::fast());
    std::io::Write::write_all(&mut packed, csv().as_bytes()).expect("written");
    packed.finish().expect("ends");
    recording(&folder.path().join("node-a.arrows"));
    std::fs::write(folder.path().join("README.md"), "no trace").expect("written");
    // Three signals in two runs of the recording, and in each CSV file 3 + 3 + 3 + 3.
    hold_to_each_other(folder.path(), 6 + 24);
    if let Some(folder) = std::env::var_os("LLMOS_TRACES").map(PathBuf::from) {
        hold_to_each_other(&folder, 1);
    }
}
