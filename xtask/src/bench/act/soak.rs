//! Mixed load for long: whether the agent grows.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Subject;
use crate::bench::Numbers;
use crate::bench::machine::{self, SERIES, Timed, keep_records};
use crate::step::Steps;

const AROUND: Duration = Duration::from_secs(300);
const SILENCE: Duration = Duration::from_secs(180);

/// Runs it in one machine and takes the figures from its samples.
pub fn run(subject: &Subject, steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    let minutes = subject.minutes;
    let records = steps.run(&format!("{minutes} minutes on kernel {SERIES}"), || {
        let machine = Timed {
            program: &format!("vm-act,soak,{minutes}"),
            programs: subject.programs(),
            limit: AROUND + Duration::from_secs(60) * minutes,
            silence: SILENCE,
        };
        machine.run()
    })?;
    keep_records("act-soak", machine::kernel()?, &records)?;
    figures(&records, numbers)
}

fn figures(records: &[Value], numbers: &mut Numbers) -> Result<()> {
    let samples = records.iter().filter(|record| record["name"] == "sample");
    let samples: Vec<&Value> = samples.collect();
    let last = samples.last().context("the machine left no sample")?;
    for (key, member, unit) in [
        ("soak.rss_growth_mib", "rss_kib", 1_024.0),
        ("soak.fd_growth", "fds", 1.0),
        ("soak.journal_growth_kib", "journal_bytes", 1_024.0),
        ("soak.map_growth_kib", "map_memory_bytes", 1_024.0),
    ] {
        let reason = format!("too few samples of {member}");
        let grown = growth(&samples, member).map(|grown| grown / unit);
        numbers.put_or(key, grown, &reason);
    }
    for (key, member) in [
        ("soak.minutes", "minutes"),
        ("soak.ticks", "ticks"),
        ("soak.missed_ticks", "missed_ticks"),
    ] {
        numbers.put(key, last[member].as_f64());
    }
    numbers.put(
        "soak.rss_mib",
        last["rss_kib"].as_f64().map(|kib| kib / 1_024.0),
    );
    Ok(())
}

/// The mean of the last third less that of the second sixth. The first sixth is start and warm-up, and
/// means are of many samples because groups that come and go, and waves, move single ones.
fn growth(samples: &[&Value], member: &str) -> Option<f64> {
    let count = samples.len();
    let mean = |from: usize, to: usize| -> Option<f64> {
        let part = samples.get(from..to)?;
        let values: Option<Vec<f64>> = part.iter().map(|sample| sample[member].as_f64()).collect();
        let values = values.filter(|values| !values.is_empty())?;
        Some(values.iter().sum::<f64>() / values.len() as f64)
    };
    Some(mean(count - count / 3, count)? - mean(count / 6, count / 3)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn growth_leaves_the_warm_up_out() {
        let sample = |rss_kib: u32| json!({ "name": "sample", "rss_kib": rss_kib, "fds": 9 });
        let sizes = [1, 1, 2_048, 4_096, 9, 9, 9, 9, 4_096, 4_096, 5_120, 5_120];
        let mut numbers = Numbers::default();
        figures(&sizes.map(sample), &mut numbers).unwrap();
        assert_eq!(numbers.get("soak.rss_growth_mib"), Some(1.5));
        assert_eq!(numbers.get("soak.fd_growth"), Some(0.0));
        assert_eq!(numbers.get("soak.journal_growth_kib"), None);
        assert!(figures(&[], &mut numbers).is_err());
    }
}
