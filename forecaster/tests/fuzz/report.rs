//! What a long run leaves behind: its figures, and the files of each case that failed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::case;
use crate::supervise::{Kind, Tally};

/// Prints a line, and writes `fuzz_model.json` and `fuzz_model/case-N/` into the folder.
pub fn write(out: &Path, first: u64, taken: Duration, tally: &Tally) {
    let (cases, seconds) = (tally.cases(), taken.as_secs());
    let [crashes, hangs, unsound] =
        [Kind::Crash, Kind::Hang, Kind::Unsound].map(|kind| tally.count(kind));
    println!(
        "{seconds:>5} s  {cases} cases: {} refused, {} ran; {crashes} crashes, {hangs} hangs, {unsound} unsound",
        tally.refused, tally.ran
    );
    let failures = tally.failures.iter().map(|failure| {
        json!({
            "case": failure.case,
            "kind": format!("{:?}", failure.kind).to_lowercase(),
            "what": failure.what,
        })
    });
    let figures = json!({
        "seconds": seconds,
        "first_case": first,
        "cases": cases,
        "refused": tally.refused,
        "ran": tally.ran,
        "crashes": crashes,
        "hangs": hangs,
        "unsound": unsound,
        "failures": failures.collect::<Vec<_>>(),
    });
    fs::create_dir_all(out).unwrap();
    let text = serde_json::to_string_pretty(&figures).unwrap();
    fs::write(out.join("fuzz_model.json"), text + "\n").unwrap();
    let bases = case::bases();
    for failure in &tally.failures {
        let dir = out.join(format!("fuzz_model/case-{}", failure.case));
        if !dir.exists() {
            fs::create_dir_all(&dir).unwrap();
            let case = case::make(&bases, failure.case);
            fs::write(dir.join("model.onnx"), &case.onnx).unwrap();
            fs::write(dir.join("contract.json"), &case.contract).unwrap();
            println!("case {} failed, kept in {}", failure.case, dir.display());
        }
    }
}
