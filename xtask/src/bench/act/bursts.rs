//! Bursts against a tight quota: who gets through without being throttled, how much longer it takes,
//! and what it costs in quota that nobody uses.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use super::Subject;
use super::spread::{at, share, sorted};
use crate::bench::Numbers;
use crate::bench::machine::{self, SERIES, Timed, keep_records};
use crate::step::{self, Steps};

/// Controllers in the order in which they run.
const CONTROLLERS: [&str; 6] = [
    "unlimited",
    "none",
    "captain",
    "koordlet",
    "llmos_tick_only",
    "llmos",
];
/// Ten bursts are a line of progress.
const SILENCE: Duration = Duration::from_secs(300);
/// Boot, and the little load before the bursts of each controller.
const AROUND: Duration = Duration::from_secs(600);
/// For a burst and its rest under all controllers.
const PER_BURST: Duration = Duration::from_secs(60);

/// Those that were asked for, in their order; all if none was.
pub fn named(asked: &[String]) -> Result<Vec<&'static str>> {
    if let Some(unknown) = asked
        .iter()
        .find(|name| !CONTROLLERS.contains(&name.as_str()))
    {
        bail!("--under takes {}, not {unknown}", CONTROLLERS.join(", "));
    }
    let wanted = |name: &&str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    Ok(CONTROLLERS.into_iter().filter(wanted).collect())
}

/// Runs the bursts in one machine and takes the figures from its records.
pub fn run(subject: &Subject, steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    let what = format!(
        "{} bursts under each of {} controllers on kernel {SERIES}",
        subject.bursts,
        subject.under.len()
    );
    let records = steps.run(&what, || {
        let machine = Timed {
            program: &format!(
                "vm-act,bursts,{},{}",
                subject.bursts,
                subject.under.join(",")
            ),
            programs: subject.programs(),
            limit: AROUND + PER_BURST * subject.bursts,
            silence: SILENCE,
        };
        machine.run()
    })?;
    keep_records("act-bursts", machine::kernel()?, &records)?;
    numbers.put("bursts.asked", Some(f64::from(subject.bursts)));
    let all = subject.under.iter().map(|name| Outcome::of(name, &records));
    let all: Vec<_> = all.collect();
    table(&all);
    for outcome in &all {
        outcome.put(numbers);
    }
    latency(&records, numbers);
    Ok(())
}

/// What came of the bursts of one controller.
struct Outcome {
    controller: &'static str,
    bursts: usize,
    /// Figures by the end of their key; what there was nothing to take from is absent.
    figures: Vec<(&'static str, Option<f64>)>,
    /// Why something is absent.
    reason: String,
}

impl Outcome {
    fn of(controller: &'static str, records: &[Value]) -> Self {
        let named = |name: &str| {
            records
                .iter()
                .filter(move |record| record["controller"] == controller)
                .filter(move |record| record["name"] == name)
                .collect::<Vec<_>>()
        };
        let bursts = named("burst");
        let turn = named("turn")
            .first()
            .map_or(Value::Null, |turn| (*turn).clone());
        let stretch = |threads: Option<u64>| {
            let some = bursts.iter().filter(|burst| {
                threads.is_none_or(|threads| burst["threads"].as_u64() == Some(threads))
            });
            sorted(some.filter_map(|burst| stretch(burst)))
        };
        let unthrottled = |threads: Option<u64>| {
            let some = bursts.iter().filter(|burst| {
                threads.is_none_or(|threads| burst["threads"].as_u64() == Some(threads))
            });
            share(some.map(|burst| burst["throttled_periods"] == 0))
        };
        let onset = sorted(
            bursts
                .iter()
                .filter_map(|burst| burst["onset_cores"].as_f64()),
        );
        let (quota, used) = (turn["quota_cores"].as_f64(), turn["use_cores"].as_f64());
        let slack = quota.zip(used).map(|(quota, used)| (quota - used) / used);
        let (all, one, two) = (stretch(None), stretch(Some(1)), stretch(Some(2)));
        let failed = turn["failed"].as_str();
        Self {
            controller,
            bursts: bursts.len(),
            figures: vec![
                ("unthrottled_share", unthrottled(None)),
                ("unthrottled_share_1_thread", unthrottled(Some(1))),
                ("unthrottled_share_2_threads", unthrottled(Some(2))),
                ("stretch_p50", at(&all, 0.5)),
                ("stretch_p99", at(&all, 0.99)),
                ("stretch_1_thread_p50", at(&one, 0.5)),
                ("stretch_2_threads_p50", at(&two, 0.5)),
                ("slack_ratio", slack),
                ("quota_cores", quota),
                ("use_cores", used),
                ("onset_cores_p50", at(&onset, 0.5)),
                ("onset_cores_max", at(&onset, 1.0)),
            ],
            reason: failed
                .unwrap_or("the machine left no record of it")
                .to_owned(),
        }
    }

    fn figure(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|(key, _)| *key == name)?.1
    }

    fn put(&self, numbers: &mut Numbers) {
        let key = |figure: &str| format!("bursts.{}.{figure}", self.controller);
        numbers.put(&key("bursts"), Some(self.bursts as f64));
        for (figure, value) in &self.figures {
            numbers.put_or(&key(figure), *value, &self.reason);
        }
    }
}

/// Wall time over what the CPU time takes with all threads running that there are CPUs for.
fn stretch(burst: &Value) -> Option<f64> {
    let number = |key: &str| burst[key].as_f64();
    Some(number("wall_ms")? * number("at_once")? / number("cpu_ms")?)
}

/// What the agent says of its own fast path.
fn latency(records: &[Value], numbers: &mut Numbers) {
    let turn = records
        .iter()
        .find(|record| record["name"] == "turn" && record["controller"] == "llmos");
    let said = |field: &str| turn.and_then(|turn| turn["says"][field].as_f64());
    for (key, field) in [
        ("fast_writes", "fast_writes"),
        ("event_to_write_ms.p50", "fast_event_to_write_ms_p50"),
        ("event_to_write_ms.p99", "fast_event_to_write_ms_p99"),
    ] {
        let reason = format!("the agent's status has no {field}");
        numbers.put_or(key, said(field), &reason);
    }
}

/// All controllers beside each other, for people.
fn table(all: &[Outcome]) {
    println!(
        "\n  {:<16} {:>6} {:>12} {:>12} {:>12} {:>11} {:>11} {:>8} {:>12}",
        "controller",
        "bursts",
        "unthrottled",
        "stretch p50",
        "stretch p99",
        "quota",
        "use",
        "slack",
        "at onset p50"
    );
    for outcome in all {
        let show = |name: &str| {
            let value = outcome.figure(name);
            value.map_or("-".to_owned(), |value| step::round(value, 3).to_string())
        };
        println!(
            "  {:<16} {:>6} {:>12} {:>12} {:>12} {:>11} {:>11} {:>8} {:>12}",
            outcome.controller,
            outcome.bursts,
            show("unthrottled_share"),
            show("stretch_p50"),
            show("stretch_p99"),
            show("quota_cores"),
            show("use_cores"),
            show("slack_ratio"),
            show("onset_cores_p50"),
        );
        if outcome.figure("slack_ratio").is_none() {
            println!("  {:<16} not measured to its end: {}", "", outcome.reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn burst(threads: u32, wall_ms: f64, throttled: u32) -> Value {
        json!({
            "name": "burst", "controller": "captain", "threads": threads, "at_once": threads,
            "cpu_ms": 100.0, "wall_ms": wall_ms, "throttled_periods": throttled,
            "onset_cores": 0.2,
        })
    }

    #[test]
    fn figures_come_from_the_records_of_one_controller() {
        let turn = json!({
            "name": "turn", "controller": "captain", "quota_cores": 0.3, "use_cores": 0.1,
        });
        let mut other = burst(1, 1e6, 9);
        other["controller"] = json!("none");
        let records = [burst(1, 110.0, 0), burst(2, 100.0, 3), other, turn];
        let outcome = Outcome::of("captain", &records);
        assert_eq!(outcome.bursts, 2);
        let near = |name: &str, wanted: f64| {
            let value = outcome.figure(name).unwrap();
            assert!((value - wanted).abs() < 1e-9, "{name} {value}");
        };
        near("unthrottled_share", 0.5);
        near("unthrottled_share_2_threads", 0.0);
        near("stretch_1_thread_p50", 1.1);
        near("stretch_2_threads_p50", 2.0);
        near("slack_ratio", 2.0);
        near("onset_cores_max", 0.2);
    }

    #[test]
    fn a_controller_that_could_not_run_leaves_null_and_the_reason() {
        let turn = json!({ "name": "turn", "controller": "llmos", "failed": "it ended" });
        let mut numbers = Numbers::default();
        Outcome::of("llmos", std::slice::from_ref(&turn)).put(&mut numbers);
        latency(&[turn], &mut numbers);
        assert_eq!(numbers.get("bursts.llmos.bursts"), Some(0.0));
        assert_eq!(numbers.reason("bursts.llmos.slack_ratio"), Some("it ended"));
        let reason = numbers.reason("event_to_write_ms.p99").unwrap();
        assert!(reason.contains("fast_event_to_write_ms_p99"), "{reason}");
    }
}
