//! The agent beside its peers: the same cgroups, one after another, in one boot.
//!
//! Costs are counted in instructions on a machine that carries out one each nanosecond, so that
//! neither the load of the host nor the emulator's weak spots are in them.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::Numbers;
use crate::bench::machine::{self, SERIES, keep, kernel, measuring};
use crate::step::Steps;
use crate::vm::{Clock, Job, image, peers};
use crate::{paths, step};

/// Cgroups; ratios of the last one are the headline.
const COUNTS: [u64; 2] = [100, 1_000];
/// Length of one measurement in seconds, after a warm-up.
const WINDOW: u64 = 60;
/// A peer that needs all of the machine runs some ten times slower than it thinks.
const LIMIT: Duration = Duration::from_secs(3 * 3_600);
const SILENCE: Duration = Duration::from_secs(3_600);
/// A thousand small processes and the largest peer.
const MEMORY_MIB: u32 = 4_096;

/// Measures all subjects at each number of cgroups in one boot. What cannot be measured is `null` with
/// its reason.
///
/// # Errors
/// When the emulator cannot be had or the machine does not reach its end.
pub fn run(release: bool, steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    machine::get(steps)?;
    let got = peers::get(steps);
    let kernel = kernel()?;
    let counts = COUNTS.map(|count| count.to_string()).join(",");
    let what = format!("agent and peers at {counts} cgroups on kernel {SERIES}");
    let records = steps.run(&what, || {
        let archive = paths::target().join("vm/peers.cpio");
        let mut programs = vec![paths::binary("llmos-agent", release)];
        programs.extend(["vm-peers", "vm-workload"].map(measuring));
        programs.extend(got.programs.clone());
        image::pack(&archive, &measuring("vm-init"), &programs)?;
        let job = Job {
            program: &format!("vm-peers,{WINDOW},{counts}"),
            keep: false,
            root_disk: None,
            memory_mib: MEMORY_MIB,
            clock: Clock::Instructions,
            ahead: false,
            limit: LIMIT,
            silence: SILENCE,
        };
        Ok(job.run(kernel, &archive)?.records)
    })?;
    got.versions
        .iter()
        .for_each(|version| println!("  {version}"));
    let all = json!({
        "kernel": kernel.release(),
        "versions": got.versions,
        "missing": got.missing,
        "records": records,
    });
    keep("peers", &all)?;
    for count in COUNTS {
        table(&records, count);
        figures(
            &Turns {
                all: &records,
                count,
            },
            numbers,
        );
    }
    Ok(())
}

/// The records of one number of cgroups.
struct Turns<'a> {
    all: &'a [Value],
    count: u64,
}

impl Turns<'_> {
    fn of(&self, subject: &str, turn: &str) -> Option<&Value> {
        self.all.iter().find(|record| {
            record["groups"] == self.count && record["subject"] == subject && record["turn"] == turn
        })
    }

    fn number(&self, subject: &str, turn: &str, member: &str) -> Option<f64> {
        self.of(subject, turn)?[member].as_f64()
    }

    /// The agent's, as the mean of its first and its last turn.
    fn ours(&self, member: &str) -> Option<f64> {
        let first = self.number("llmos", "first", member)?;
        let last = self.number("llmos", "last", member)?;
        Some(f64::midpoint(first, last))
    }

    fn why_not(&self, subjects: &[(&str, &str)]) -> String {
        let failed = subjects.iter().find_map(|(subject, turn)| {
            let record = self.of(subject, turn)?;
            Some(format!("{subject}: {}", record["failed"].as_str()?))
        });
        failed.unwrap_or_else(|| "a peer left no record".to_owned())
    }
}

fn figures(turns: &Turns<'_>, numbers: &mut Numbers) {
    // The headline keeps its name short.
    let end = match turns.count {
        1_000 => String::new(),
        count => format!("_{count}"),
    };
    for peer in ["cadvisor", "rezolus", "node-exporter"] {
        for (kind, member) in [("cpu", "cpu_cores"), ("rss", "rss_mib")] {
            let theirs = turns.number(peer, "scraped", member);
            let ratio = turns.ours(member).zip(theirs).map(|(a, b)| a / b);
            let name = format!("{kind}_ratio_vs_{}{end}", peer.replace('-', "_"));
            let reason = turns.why_not(&[(peer, "scraped"), ("llmos", "first"), ("llmos", "last")]);
            numbers.put_or(&name, ratio, &reason);
        }
    }
    let ours = turns.number("llmos", "collecting", "cpu_cores");
    let theirs = turns.number("cadvisor", "collecting", "cpu_cores");
    let reason = turns.why_not(&[("cadvisor", "collecting"), ("llmos", "collecting")]);
    numbers.put_or(
        &format!("cpu_ratio_vs_cadvisor_unscraped{end}"),
        ours.zip(theirs).map(|(a, b)| a / b),
        &reason,
    );
    // Peers make no forecasts; this is the agent without them.
    let ours = turns.number("llmos-sensing", "scraped", "cpu_cores");
    for peer in ["cadvisor", "rezolus"] {
        let theirs = turns.number(peer, "scraped", "cpu_cores");
        let reason = turns.why_not(&[(peer, "scraped"), ("llmos-sensing", "scraped")]);
        numbers.put_or(
            &format!("cpu_ratio_vs_{peer}_without_forecasts{end}"),
            ours.zip(theirs).map(|(a, b)| a / b),
            &reason,
        );
    }
    let drift = turns
        .number("llmos", "last", "cpu_cores")
        .zip(turns.number("llmos", "first", "cpu_cores"))
        .map(|(last, first)| last / first);
    let reason = turns.why_not(&[("llmos", "first"), ("llmos", "last")]);
    numbers.put_or(&format!("peers_drift_ratio{end}"), drift, &reason);
    let kernel_side = turns
        .ours("bpf_ms_per_s")
        .zip(turns.number("rezolus", "scraped", "bpf_ms_per_s"))
        .map(|(a, b)| a / b);
    let reason = turns.why_not(&[
        ("rezolus", "scraped"),
        ("llmos", "first"),
        ("llmos", "last"),
    ]);
    numbers.put_or(&format!("bpf_ratio_vs_rezolus{end}"), kernel_side, &reason);
}

/// All turns at one number of cgroups, for people.
fn table(records: &[Value], count: u64) {
    println!(
        "\n  {count} cgroups   {:<11} {:>9} {:>9} {:>13} {:>9} {:>12}",
        "", "cores", "RSS MiB", "kernel ms/s", "scrapes/s", "readings/s"
    );
    for record in records.iter().filter(|record| record["groups"] == count) {
        let word = |key: &str| record[key].as_str().unwrap_or_default();
        let number = |key: &str, digits| {
            let value = record[key].as_f64();
            value.map_or("-".to_owned(), |value| {
                step::round(value, digits).to_string()
            })
        };
        print!("  {:<14} {:<11}", word("subject"), word("turn"));
        if let Some(reason) = record["failed"].as_str() {
            println!("  not measured: {reason}");
            continue;
        }
        println!(
            " {:>9} {:>9} {:>13} {:>9} {:>12}",
            number("cpu_cores", 3),
            number("rss_mib", 1),
            number("bpf_ms_per_s", 2),
            number("scrapes_per_s", 2),
            number("readings_per_s", 2),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(subject: &str, turn: &str, cores: f64) -> Value {
        json!({
            "subject": subject, "turn": turn, "groups": 1_000,
            "cpu_cores": cores, "rss_mib": 10.0,
        })
    }

    #[test]
    fn ratios_are_ours_over_theirs() {
        let records = [
            record("llmos", "first", 0.1),
            record("llmos", "last", 0.3),
            record("cadvisor", "scraped", 2.0),
        ];
        let mut numbers = Numbers::default();
        let turns = Turns {
            all: &records,
            count: 1_000,
        };
        figures(&turns, &mut numbers);
        assert_eq!(numbers.get("cpu_ratio_vs_cadvisor"), Some(0.1));
        assert_eq!(numbers.get("rss_ratio_vs_cadvisor"), Some(1.0));
        assert_eq!(numbers.get("peers_drift_ratio"), Some(3.0));
    }

    #[test]
    fn a_peer_that_could_not_run_leaves_null_and_the_reason() {
        let failed = json!({
            "subject": "rezolus", "turn": "scraped", "groups": 100, "failed": "it ended at once",
        });
        let records = [failed];
        let mut numbers = Numbers::default();
        let turns = Turns {
            all: &records,
            count: 100,
        };
        figures(&turns, &mut numbers);
        assert_eq!(numbers.get("cpu_ratio_vs_rezolus_100"), None);
        let reason = numbers.reason("cpu_ratio_vs_rezolus_100").unwrap();
        assert!(reason.contains("it ended at once"), "{reason}");
    }
}
