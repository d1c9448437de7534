//! The recording in `fixtures` that the Python side reads in its tests: it is byte for byte what the
//! writer gives, so both sides are held to the same file.
//!
//! When the format changes on purpose, write it anew and look at what the other side says:
//! `LLMOS_WRITE_FIXTURE=1 cargo test --workspace --test fixture`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use common::{START_MS, info, read_all};
use llmos_recording::{Column, Reader, Tail, Writer};

const TICKS: i32 = 260;
/// Ticks that the agent missed.
const GAP: std::ops::Range<i32> = 100..105;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/small.arrows")
}

/// Columns with texts of their own, so that better words elsewhere do not change the file.
fn columns() -> Vec<Column> {
    let names = [
        ("cpu_cores", "cores"),
        ("memory_bytes", "bytes"),
        ("working_set_bytes", "bytes"),
        ("rx_bytes_per_s", "bytes/s"),
        ("tx_bytes_per_s", "bytes/s"),
        ("limit_cpu_cores", "cores"),
    ];
    names
        .map(|(name, unit)| Column {
            name: name.into(),
            unit: unit.into(),
            meaning: "made up".into(),
        })
        .to_vec()
}

/// `models/tests/test_recording.py` knows these numbers too.
fn written() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &info(), columns()).expect("begins");
    let mut tick = writer.tick();
    for i in (0..TICKS).filter(|i| !GAP.contains(i)) {
        tick.restart(START_MS + i64::from(i) * 1000);
        let memory = 1_000_000.0 + 4096.0 * f64::from(i);
        let mut web = tick.push(7, "a.slice/web.service");
        web.set("cpu_cores", 0.25 * f64::from(i % 4));
        web.set("memory_bytes", memory);
        if i % 10 != 3 {
            web.set("working_set_bytes", memory - 65_536.0);
        }
        web.set("rx_bytes_per_s", 100.0 * f64::from(i));
        if i % 10 != 5 {
            web.set("tx_bytes_per_s", 50.0);
        }
        web.set("limit_cpu_cores", 2.0);
        if i >= 30 {
            tick.push(u64::MAX, "z.slice/ü,\"q\"").set("cpu_cores", 1.5);
        }
        if i < 10 {
            tick.push(9, "m.slice").set("cpu_cores", 1.0);
        }
        assert!(writer.push(&tick).expect("takes it"));
    }
    writer.finish().expect("ends")
}

static FIXTURE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    if std::env::var_os("LLMOS_WRITE_FIXTURE").is_some() {
        std::fs::write(path(), written()).expect("written");
    }
    std::fs::read(path()).expect("read")
});

#[test]
fn it_is_what_the_writer_gives() {
    assert!(
        *FIXTURE == written(),
        "the writer gives another file than {}: see the top of this test",
        path().display()
    );
}

#[test]
fn it_is_read() {
    let (batches, tail) = read_all(&FIXTURE);
    assert_eq!(tail, Tail::Whole);
    assert_eq!(batches.len(), 5);
    let mut reader = Reader::open(&path()).expect("opens");
    let names = ["cpu_cores", "working_set_bytes", "oom_kills"];
    let series = reader.series(&names, |_, _| true).expect("reads");
    let found: Vec<_> = series
        .iter()
        .map(|s| (s.workload, s.cgroup.as_str(), s.at_unix_ms.len()))
        .collect();
    let wanted = [
        (7, "a.slice/web.service", 255),
        (9, "m.slice", 10),
        (u64::MAX, "z.slice/ü,\"q\"", 225),
    ];
    assert_eq!(found, wanted);
    let web = &series[0];
    assert_eq!(web.at_unix_ms[100], START_MS + 105_000);
    assert_eq!(web.values[0][..4], [0.0, 0.25, 0.5, 0.75].map(Some));
    assert_eq!(web.values[1][2..4], [Some(942_656.0), None]);
    assert!(web.values[2].iter().all(Option::is_none));
}
