//! A small recording, and reading one whole.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::Path;

use llmos_recording::{Batch, Column, Info, Object, Reader, Tail, Tick, Writer};

/// Wall clock when the recording began, milliseconds since 1970.
pub const START_MS: i64 = 1_700_000_000_000;

pub fn info() -> Info {
    Info {
        node: "node-1".into(),
        kernel: "6.12.0".into(),
        agent_version: "0.1.0".into(),
        tick_ms: 1000,
        node_cpu_cores: 4.0,
        node_memory_bytes: 8 << 30,
        start_unix_ms: START_MS as u64,
    }
}

/// Some of the columns, so that the bytes stay the same when others are added.
pub fn few_columns() -> Vec<Column> {
    let few = [
        "cpu_cores",
        "memory_bytes",
        "working_set_bytes",
        "limit_cpu_cores",
    ];
    let all = Column::all().into_iter();
    all.filter(|c| few.contains(&c.name.as_ref())).collect()
}

/// Three ticks in one batch: one workload from the first, one from the second on of which nothing is
/// known.
pub fn small() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &info(), few_columns()).expect("begins");
    let mut tick = writer.tick();
    for number in 0..3_i32 {
        tick.restart(START_MS + 1000 + i64::from(number) * 1000);
        if number > 0 {
            tick.push(u64::MAX, "z.slice");
        }
        let usage = [
            ("cpu_cores", 0.25 + f64::from(number)),
            ("memory_bytes", 104_857_600.0),
        ];
        let mut web = tick.push(7, "a.slice/web.service");
        web.fill(Object::Usage, usage);
        web.fill(Object::Limits, [("cpu_cores", 2.0), ("no_such_field", 1.0)]);
        assert!(writer.push(&tick).expect("takes it"));
    }
    writer.finish().expect("ends")
}

/// Fills a tick with `count` workloads whose numbers tell workload and tick.
pub fn fill(tick: &mut Tick, number: u32, count: u32) {
    tick.restart(START_MS + i64::from(number) * 1000);
    for id in 1..=count {
        let mut row = tick.push(id.into(), &format!("s.slice/w{id}"));
        row.set("cpu_cores", f64::from(number) + f64::from(id) / 100.0);
    }
}

/// All batches and how the file ends.
pub fn read_all(file: &[u8]) -> (Vec<Batch>, Tail) {
    let mut reader = Reader::new(file, Path::new("memory")).expect("opens");
    let batches = reader.by_ref().map(|batch| batch.expect("reads")).collect();
    (batches, reader.tail().cloned().expect("at the end"))
}
