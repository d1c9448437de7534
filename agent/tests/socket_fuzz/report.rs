//! What came of all cases, and what a long run leaves behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::case;
use crate::target::Outcome;

/// Figures of all cases so far.
#[derive(Debug, Default)]
pub struct Tally {
    cases: u64,
    words: BTreeMap<&'static str, u64>,
    /// Number of each case that broke a rule, and which.
    pub failures: Vec<(u64, String)>,
}

impl Tally {
    /// Takes in one case.
    pub fn count(&mut self, number: u64, outcome: &Outcome) {
        self.cases += 1;
        match outcome {
            Ok(words) => {
                for word in words {
                    *self.words.entry(word).or_default() += 1;
                }
            }
            Err(what) => self.failures.push((number, what.clone())),
        }
    }

    /// Cases of which this was said.
    pub fn of(&self, word: &str) -> u64 {
        self.words.get(word).copied().unwrap_or(0)
    }
}

/// Prints a line, and writes `fuzz_socket.json` and `fuzz_socket/case-N` into the folder.
pub fn write(out: &Path, first: u64, taken: Duration, tally: &Tally) {
    let counts: Vec<String> = tally
        .words
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    println!(
        "{:>5} s  {} cases: {}; {} failed",
        taken.as_secs(),
        tally.cases,
        counts.join(", "),
        tally.failures.len()
    );
    let mut figures = json!({
        "seconds": taken.as_secs(),
        "first_case": first,
        "cases": tally.cases,
        "failures": tally.failures,
    });
    for (word, count) in &tally.words {
        figures[*word] = json!(count);
    }
    fs::create_dir_all(out).unwrap();
    let text = serde_json::to_string_pretty(&figures).unwrap();
    fs::write(out.join("fuzz_socket.json"), text + "\n").unwrap();
    for (number, _) in &tally.failures {
        let folder = out.join("fuzz_socket");
        fs::create_dir_all(&folder).unwrap();
        fs::write(
            folder.join(format!("case-{number}")),
            case::make(*number).bytes,
        )
        .unwrap();
    }
}
