//! The agent and programs like it, one after another on the same kernel and the same cgroups: what
//! each costs.

mod cost;
mod crowd;
mod scrape;
mod subject;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::report::Report;
use cost::Cost;
use crowd::Crowd;
use scrape::{Scraped, Scraper};
use subject::{Running, SUBJECTS, Subject};

/// After everything was seen: caches fill and the first garbage is collected.
const WARM_UP: Duration = Duration::from_secs(15);
/// A thousand cgroups are a lot for some.
const SEEN: Duration = Duration::from_secs(180);
/// Between two looks whether everything is seen: each look is a scrape.
const BETWEEN: Duration = Duration::from_secs(2);
/// Memory is looked at this often.
const LOOK: Duration = Duration::from_secs(1);

/// One measurement of the sequence.
struct Turn {
    subject: &'static str,
    /// Tells turns of the same subject apart.
    turn: &'static str,
    scraped: bool,
}

const fn turn(subject: &'static str, turn: &'static str, scraped: bool) -> Turn {
    Turn {
        subject,
        turn,
        scraped,
    }
}

/// The agent comes first and last, so that a drift of the machine shows.
const TURNS: [Turn; 8] = [
    turn("llmos", "first", true),
    turn("cadvisor", "scraped", true),
    turn("rezolus", "scraped", true),
    turn("node-exporter", "scraped", true),
    turn("llmos-sensing", "scraped", true),
    turn("cadvisor", "collecting", false),
    turn("llmos", "collecting", false),
    turn("llmos", "last", true),
];

/// Runs all turns at each number of cgroups and reports a record of each. A peer that cannot be
/// measured leaves a record that says why.
///
/// # Errors
/// When the cgroups cannot be made.
pub fn run(report: &mut Report, counts: &[usize], window: Duration) -> Result<()> {
    // Times of kernel programs are not kept unless somebody asks; it costs all subjects the same.
    std::fs::write("/proc/sys/kernel/bpf_stats_enabled", "1").context("bpf_stats_enabled")?;
    for &count in counts {
        let start = Instant::now();
        let crowd = Crowd::start(count)?;
        let took = start.elapsed().as_secs_f64();
        report.event(&format!(
            "{count} cgroups with a process each in {took:.0} s"
        ));
        for turn in &TURNS {
            let mut record = json!({
                "subject": turn.subject,
                "turn": turn.turn,
                "scraped": turn.scraped,
                "groups": count,
            });
            match measure(turn, count, window) {
                Ok(Value::Object(members)) => {
                    report.event(&told(turn, &members));
                    members
                        .into_iter()
                        .for_each(|(key, value)| record[key] = value);
                }
                Ok(_) => bail!("a measurement is an object"),
                Err(error) => {
                    report.event(&format!("{} not measured: {error:#}", turn.subject));
                    record["failed"] = json!(format!("{error:#}"));
                }
            }
            report.record("peer", record);
        }
        crowd.end()?;
    }
    Ok(())
}

fn measure(turn: &Turn, count: usize, window: Duration) -> Result<Value> {
    let subject = SUBJECTS
        .iter()
        .find(|subject| subject.name == turn.subject)
        .context("no such subject")?;
    let mut running = subject.start()?;
    let version = running.version();
    let seen = ready(subject, &mut running, count)?;
    let scraper = turn.scraped.then(|| Scraper::start(subject));
    std::thread::sleep(WARM_UP);
    let before = Cost::of(running.pid())?;
    // What came before the window is no part of it.
    scraper.as_ref().map(Scraper::forget);
    let start = Instant::now();
    let mut resident = Vec::new();
    while start.elapsed() < window {
        std::thread::sleep(LOOK.min(window.saturating_sub(start.elapsed())));
        resident.push(cost::resident_bytes(running.pid())?);
    }
    let seconds = start.elapsed().as_secs_f64();
    let used = Cost::of(running.pid())?.since(&before);
    let scraped = scraper.map(Scraper::stop).unwrap_or_default();
    let status = running.status();
    running.stop()?;
    let mut members = json!({
        "version": version,
        "seconds": seconds,
        "groups_seen": seen,
        "cpu_cores": used.cpu_s / seconds,
        "rss_mib": mean(&resident).map(|bytes| bytes / 1_048_576.0),
        "rss_max_mib": resident.iter().max().map(|bytes| *bytes as f64 / 1_048_576.0),
        "bpf_ms_per_s": used.bpf_ns.map(|ns| ns as f64 / 1e6 / seconds),
        "bpf_runs_per_s": used.bpf_runs.map(|runs| runs as f64 / seconds),
        "status": status,
    });
    if turn.scraped {
        add(&mut members, &scraped, seconds)?;
    }
    Ok(members)
}

/// Waits until the subject answers and names every cgroup that it can name.
fn ready(subject: &Subject, running: &mut Running, count: usize) -> Result<usize> {
    let start = Instant::now();
    let mut seen = None;
    while start.elapsed() < SEEN {
        std::thread::sleep(BETWEEN);
        if let Some(status) = running.ended() {
            bail!("it ended with {status}: {}", running.last_words());
        }
        seen = subject.fetch().ok().map(|body| crowd::names_in(&body));
        if seen.is_some_and(|seen| !subject.sees_cgroups || seen >= count) {
            break;
        }
    }
    let seen = seen.with_context(|| format!("it does not answer: {}", running.last_words()))?;
    ensure!(
        !subject.sees_cgroups || seen >= count,
        "it names {seen} of {count} cgroups"
    );
    Ok(seen)
}

fn add(members: &mut Value, scraped: &Scraped, seconds: f64) -> Result<()> {
    ensure!(
        scraped.answers > 0,
        "no scrape was answered: {}",
        scraped.error
    );
    members["scrapes_per_s"] = json!(scraped.answers as f64 / seconds);
    members["scrape_ms_p50"] = json!(scraped.median_ms());
    members["scrape_bytes"] = json!(scraped.bytes);
    members["readings_per_s"] = json!(scraped.readings().map(|n| n as f64 / seconds));
    Ok(())
}

fn told(turn: &Turn, members: &serde_json::Map<String, Value>) -> String {
    let number = |key: &str| members[key].as_f64().unwrap_or(f64::NAN);
    let mut text = format!(
        "{:<14} {:<10} {:.3} cores, {:.1} MiB",
        turn.subject,
        turn.turn,
        number("cpu_cores"),
        number("rss_mib")
    );
    if let Some(ms) = members["bpf_ms_per_s"].as_f64() {
        text += &format!(", kernel side {ms:.2} ms/s");
    }
    if let Some(rate) = members.get("scrapes_per_s").and_then(Value::as_f64) {
        text += &format!(", {rate:.2} scrapes/s");
    }
    if let Some(rate) = members.get("readings_per_s").and_then(Value::as_f64) {
        text += &format!(", {rate:.2} readings/s of a cgroup");
    }
    text
}

fn mean(values: &[u64]) -> Option<f64> {
    let sum: u64 = values.iter().sum();
    (!values.is_empty()).then(|| sum as f64 / values.len() as f64)
}
