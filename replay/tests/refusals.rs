//! Files that are no traces: one line that says which, what was found and what was expected.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use llmos_replay::trace::{self, TraceError};

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut packed, bytes).expect("written");
    packed.finish().expect("ends")
}

fn rows(n: usize) -> String {
    let rows = (0..n).map(|i| format!("a,{i},{}\n", i % 5));
    std::iter::once("series_id,t,cpu\n".to_owned())
        .chain(rows)
        .collect()
}

fn refused(name: &str, content: &[u8]) -> TraceError {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("written");
    let error = trace::read(&[path], |_| ()).expect_err("is refused");
    let line = error.to_string();
    assert!(line.contains(name) && !line.contains('\n'), "{line}");
    assert!(line.len() < 400, "{line}");
    error
}

#[test]
fn each_kind_of_bad_file_is_named() {
    let mut late = rows(300);
    late.push_str("a,7,1\n");
    let mut ragged = rows(300);
    ragged.push_str("a,300\n");
    let mut word = rows(300);
    word.push_str("a,300,lots\n");
    let mut no_time = rows(300);
    no_time.push_str("a,soon,1\n");
    let mut endless = rows(300);
    endless.push_str("a,300,inf\n");
    let garbage: Vec<u8> = (0..5000_u32).map(|i| (i * 197 % 251) as u8).collect();
    let plain = rows(300);
    let packed = gz(plain.as_bytes());
    let cases: [(&str, &[u8], &str); 14] = [
        ("a.csv", b"", "found an empty file"),
        (
            "a.csv",
            b"id,time,cpu\n1,2,3\n",
            "begins with series_id,t, found \"id,time\"",
        ),
        (
            "a.csv",
            late.as_bytes(),
            "series \"a\": t must rise strictly",
        ),
        (
            "a.csv",
            ragged.as_bytes(),
            "line 302 has 2 fields, expected 3",
        ),
        (
            "a.csv",
            word.as_bytes(),
            "line 302: cpu is \"lots\", expected a number",
        ),
        (
            "a.csv",
            no_time.as_bytes(),
            "line 302: t is \"soon\", expected a number",
        ),
        (
            "a.csv",
            endless.as_bytes(),
            "line 302: cpu is \"inf\", expected a number",
        ),
        ("a.csv", &garbage, "line 1"),
        ("a.csv.gz", &garbage, "no gzip file"),
        ("a.csv.gz", &packed[..packed.len() / 2], "ends too early"),
        ("a.csv.gz", b"", "ends too early"),
        ("a.csv.gz", plain.as_bytes(), "no gzip file"),
        (
            "a.txt",
            b"x",
            "expected one that ends in .csv, .csv.gz, .arrows",
        ),
        ("a.arrows", &garbage, "no recording"),
    ];
    for (name, content, expected) in cases {
        let error = refused(name, content);
        let line = error.to_string();
        assert!(line.contains(expected), "{expected:?} is not in {line:?}");
        assert!(
            matches!(
                error,
                TraceError::Malformed { .. } | TraceError::Recording(_)
            ),
            "{error:?}"
        );
    }
}

#[test]
fn nothing_to_replay_is_an_error() {
    let none = refused("a.csv", rows(150).as_bytes());
    assert!(matches!(none, TraceError::Nothing { .. }));
    assert!(none.to_string().contains("at least 200 rows"), "{none}");
    let other = rows(300).replace("cpu", "cups");
    assert!(matches!(
        refused("a.csv", other.as_bytes()),
        TraceError::Nothing { .. }
    ));
    let missing = trace::read(&["no/such/file.csv".into()], |_| ()).expect_err("is not there");
    assert!(
        missing
            .to_string()
            .starts_with("cannot read no/such/file.csv: No such file")
    );
}

#[test]
fn a_folder_is_read_by_name_and_files_keep_their_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, rows(220)).expect("written");
        path
    };
    let outside = tempfile::NamedTempFile::with_suffix(".z.csv").expect("a file");
    std::fs::write(outside.path(), rows(220)).expect("written");
    file("b.x.csv");
    file("a.csv");
    std::fs::write(folder.path().join("notes.txt"), "no trace").expect("written");
    let mut seen = Vec::new();
    let found = trace::read(&[outside.path().into(), folder.path().into()], |found| {
        seen.push((found.number, found.series));
    });
    let found = found.expect("reads");
    let families: Vec<&str> = found.iter().map(|s| s.family.as_str()).collect();
    assert_eq!(families[1..], ["a", "b"]);
    assert_eq!(seen, [((1, 3), 1), ((2, 3), 1), ((3, 3), 1)]);
    assert!(Path::new(&found[0].family).extension().is_none());
}
