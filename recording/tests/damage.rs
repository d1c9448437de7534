//! Files that were cut or are something else.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

mod common;

use std::io::{self, Read};
use std::path::Path;

use common::{few_columns, fill, info, read_all, small};
use llmos_recording::{Column, ReadError, Reader, Summary, Tail, Writer};

/// Three batches, and where each of them ends; before the first stands the schema's end.
fn three_batches() -> (Vec<u8>, Vec<u64>) {
    let mut writer = Writer::new(Vec::new(), &info(), few_columns()).expect("begins");
    let mut tick = writer.tick();
    writer.flush().expect("writes");
    let mut ends = vec![writer.bytes()];
    for number in 0..3 {
        // Other workloads in each batch, so that each brings a dictionary of its own.
        fill(&mut tick, number, number + 1);
        writer.push(&tick).expect("takes it");
        writer.flush().expect("writes");
        ends.push(writer.bytes());
    }
    (writer.finish().expect("ends"), ends)
}

#[test]
fn cut_at_every_byte_it_gives_its_whole_batches_and_says_so() {
    let (file, ends) = three_batches();
    let whole = read_all(&file).0;
    for cut in 0..file.len() {
        let part = &file[..cut];
        if (cut as u64) < ends[0] {
            let error = Reader::new(part, Path::new("f"))
                .err()
                .expect("no schema yet");
            assert!(
                error
                    .to_string()
                    .starts_with("f is no recording of llmosctl: "),
                "{error}"
            );
            continue;
        }
        let (batches, tail) = read_all(part);
        let expected = ends.iter().filter(|end| **end <= cut as u64).count() - 1;
        assert_eq!(batches.len(), expected, "cut at byte {cut}");
        for (batch, same) in batches.iter().zip(&whole) {
            assert_eq!(batch.len(), same.len());
            for (a, b) in batch.rows().zip(same.rows()) {
                assert_eq!((a.workload(), a.cgroup()), (b.workload(), b.cgroup()));
                assert_eq!(a.value(0), b.value(0));
            }
        }
        assert!(
            matches!(tail, Tail::Cut { .. }),
            "cut at byte {cut} and called whole"
        );
    }
    assert_eq!(read_all(&file).1, Tail::Whole);
}

/// What a power cut leaves where the file system had made the file longer but not written to it.
#[test]
fn zeros_from_any_byte_on_cost_no_batch_before_them() {
    let (file, ends) = three_batches();
    for from in ends[0] as usize..file.len() {
        let mut part = file.clone();
        part[from..].fill(0);
        let (batches, tail) = read_all(&part);
        // Bytes that are zero anyway may be missing without harm.
        let least = ends.iter().filter(|end| **end <= from as u64).count() - 1;
        assert!(batches.len() >= least, "zeros from byte {from}");
        assert!(
            part == file || matches!(tail, Tail::Cut { .. }),
            "zeros from byte {from}"
        );
    }
}

#[test]
fn a_cut_file_has_a_summary() {
    let (file, ends) = three_batches();
    let part = &file[..file.len() - 9];
    let mut reader = Reader::new(part, Path::new("f")).expect("opens");
    let summary = Summary::of(&mut reader).expect("reads");
    assert_eq!((summary.ticks, summary.rows, summary.workloads), (2, 3, 2));
    assert_eq!((summary.batches, summary.bytes), (2, ends[2]));
    assert_eq!(
        summary.span,
        Some((common::START_MS, common::START_MS + 1000))
    );
    assert_eq!(
        summary.known,
        [3, 0, 0, 0],
        "only the first column is filled"
    );
    assert_eq!(summary.gaps.count, 0);
    assert!(matches!(summary.tail, Tail::Cut { .. }));
    assert!(reader.next().is_none(), "after the end nothing comes");
}

#[test]
fn what_is_no_recording_is_said_in_one_line() {
    let mut file = Vec::new();
    let schema = arrow_schema::Schema::empty();
    let mut foreign = arrow_ipc::writer::StreamWriter::try_new(&mut file, &schema).expect("begins");
    foreign.finish().expect("ends");
    drop(foreign);
    let cases: [(&[u8], &str); 6] = [
        (b"", "it does not begin as one"),
        (
            b"series_id,t,cpu,mem\na,0,1,2\n",
            "it does not begin as one",
        ),
        (b"ARROW1\0\0\xff\xff\xff\xff", "it does not begin as one"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0", "it does not begin as one"),
        (&[0xff; 64], "it does not begin as one"),
        (&file, "without \"format: llmos-recording\" in its metadata"),
    ];
    for (bytes, part) in cases {
        let error = Reader::new(bytes, Path::new("f"))
            .err()
            .expect("refused")
            .to_string();
        assert!(
            error.starts_with("f is no recording of llmosctl: "),
            "{error}"
        );
        assert!(error.contains(part), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_not_called_something_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = folder.path().join("nothing");
    for path in [nowhere.as_path(), folder.path()] {
        let error = Reader::open(path).err().expect("refused");
        assert!(matches!(error, ReadError::Io { .. }), "{error}");
    }

    struct Broken<'a>(&'a [u8]);
    impl Read for Broken<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::ErrorKind::TimedOut.into()),
                count => Ok(count),
            }
        }
    }
    let (file, ends) = three_batches();
    let mut reader = Reader::new(Broken(&file[..ends[2] as usize]), Path::new("f")).expect("opens");
    let given: Vec<_> = reader.by_ref().collect();
    assert_eq!(given.len(), 3);
    let error = given[2].as_ref().expect_err("the device failed");
    assert!(matches!(error, ReadError::Io { .. }), "{error}");
    assert!(reader.next().is_none());
}

#[test]
fn other_columns_than_this_releases_are_read() {
    let mut columns = few_columns();
    columns.retain(|c| c.name != "memory_bytes");
    columns.insert(
        1,
        Column {
            name: "from_the_future".into(),
            unit: "things/s".into(),
            meaning: "nobody knows yet".into(),
        },
    );
    let mut writer = Writer::new(Vec::new(), &info(), columns.clone()).expect("begins");
    let mut tick = writer.tick();
    tick.restart(5);
    let mut row = tick.push(1, "a");
    assert!(row.set("cpu_cores", 1.5) && row.set("from_the_future", 2.5));
    assert!(!row.set("memory_bytes", 1.0));
    writer.push(&tick).expect("takes it");
    let file = writer.finish().expect("ends");

    let mut reader = Reader::new(file.as_slice(), Path::new("f")).expect("opens");
    assert_eq!(reader.columns(), columns.as_slice());
    let names = ["memory_bytes", "from_the_future", "cpu_cores"];
    let series = reader.series(&names, |id, _| id == 1).expect("reads");
    assert_eq!(series[0].values, [[None], [Some(2.5)], [Some(1.5)]]);
    let (batches, _) = read_all(&file);
    let row = batches[0].row(0).expect("one row");
    assert_eq!(
        (row.usage().cpu_cores, row.usage().memory_bytes),
        (Some(1.5), None)
    );
}

#[test]
fn only_the_series_that_are_wanted_are_kept() {
    let file = small();
    let read = |wanted: fn(u64, &str) -> bool| {
        let mut reader = Reader::new(file.as_slice(), Path::new("f")).expect("opens");
        let series = reader.series(&["cpu_cores"], wanted).expect("reads");
        series
            .iter()
            .map(|s| (s.workload, s.at_unix_ms.len()))
            .collect::<Vec<_>>()
    };
    assert_eq!(read(|_, _| true), [(7, 3), (u64::MAX, 2)]);
    assert_eq!(read(|id, _| id == u64::MAX), [(u64::MAX, 2)]);
    assert_eq!(read(|_, cgroup| cgroup.starts_with("a.slice/")), [(7, 3)]);
}
