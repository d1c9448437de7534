//! What a step of the model costs for each workload: as the agent runs it, with tract, and with ONNX
//! Runtime on the same model, core and minute.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Numbers, Subject};
use crate::step::Steps;
use crate::{cmd, models, paths};

/// Rows of a batch: a workload has up to three of them.
const BATCHES: [&str; 4] = ["1", "16", "128", "1024"];
/// Rounds, each of which measures everything once; other work on the machine spoils some of them.
const ROUNDS: usize = 7;
/// Measures ONNX Runtime.
const ORT: &str = include_str!("ort_step.py");

/// Microseconds a row by batch, of one round; none where it could not be measured.
type Times = [Option<f64>; BATCHES.len()];

/// What each round found.
#[derive(Default)]
struct Found {
    own: Vec<Times>,
    tract: Vec<Times>,
    ort: Vec<Times>,
}

/// See the module.
pub fn run(subject: &Subject, steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    let core = last_core()?;
    // Without it the rest is still worth having.
    let mut no_ort = match models::missing() {
        Some(_) => steps.run("set up ONNX Runtime", models::get).err(),
        None => None,
    };
    let mut found = Found::default();
    let mut why_tract = Value::Null;
    steps.run("time of a step", || -> Result<()> {
        for round in 1..=ROUNDS {
            println!("round {round} of {ROUNDS} on core {core}");
            let own = own(subject, &core)?;
            found.own.push(times(&own["step_us"]));
            found.tract.push(times(&own["tract_us"]));
            why_tract = own["why_tract"].clone();
            if no_ort.is_none() {
                match ort(&subject.model, &core) {
                    Ok(answer) => found.ort.push(times(&answer["step_us"])),
                    Err(error) => no_ort = Some(error),
                }
            }
        }
        Ok(())
    })?;
    let no_ort = no_ort.map_or_else(
        || "it gave no figure".to_owned(),
        |error| format!("ONNX Runtime: {error:#}"),
    );
    let no_tract = why_tract.as_str().map_or_else(
        || "it gave no figure".to_owned(),
        |why| format!("step_us is with tract: {why}"),
    );
    for (at, rows) in BATCHES.iter().enumerate() {
        let key = |name: &str| format!("{name}.{rows}");
        let own = median(found.own.iter().map(|times| times[at]));
        numbers.put_or(&key("step_us"), own, "it gave no figure");
        let tract = median(found.tract.iter().map(|times| times[at]));
        numbers.put_or(&key("tract_us"), tract, &no_tract);
        let ort = median(found.ort.iter().map(|times| times[at]));
        numbers.put_or(&key("ort_us"), ort, &no_ort);
        // Of each round by itself: what slowed down the one has slowed down the other.
        let rounds = found.own.iter().zip(&found.ort);
        let ratio = median(rounds.map(|(own, ort)| Some(own[at]? / ort[at]?)));
        numbers.put_or(&key("ort_ratio"), ratio, &no_ort);
    }
    Ok(())
}

/// The last core that this process may use: the first ones have the most to do besides.
fn last_core() -> Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let list = list.context("the kernel does not say which cores may be used")?;
    let last = list.trim().rsplit([',', '-']).next();
    Ok(last.unwrap_or("0").to_owned())
}

fn own(subject: &Subject, core: &str) -> Result<Value> {
    let mut check = Command::new("taskset");
    check.args(["--cpu-list", core]);
    check.arg(paths::binary("llmosctl", subject.release));
    check.args(["model", "check", "--json", "--batch"]);
    check.arg(BATCHES.join(",")).arg(&subject.model);
    json(&mut check)
}

fn ort(model: &Path, core: &str) -> Result<Value> {
    let mut python = Command::new("taskset");
    python.args(["--cpu-list", core]).arg(models::test_python());
    python.args(["-c", ORT]).arg(model.join("model.onnx"));
    json(python.args(BATCHES))
}

fn json(command: &mut Command) -> Result<Value> {
    let text = cmd::output(command)?;
    serde_json::from_str(&text).with_context(|| format!("expected JSON, found {text:?}"))
}

fn times(by_rows: &Value) -> Times {
    BATCHES.map(|rows| by_rows[rows].as_f64())
}

fn median(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let mut values: Vec<f64> = values.flatten().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_leaves_out_what_is_missing() {
        let values = [Some(3.0), None, Some(1.0), Some(2.0)];
        assert_eq!(median(values.into_iter()), Some(2.0));
        assert_eq!(median([None].into_iter()), None);
    }

    #[test]
    fn a_core_is_a_number() {
        assert!(last_core().unwrap().parse::<usize>().is_ok());
    }
}
