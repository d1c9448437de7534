//! Limits that follow use, and one group that nobody touches.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Load, Stage, verdict};
use crate::agent::{self, Agent};
use crate::report::Report;
use crate::watch::{Seen, Watch};

const ONSETS: &str = "/tmp/onsets";
/// The rest is twice the sixty ticks (of 0.2 s) for which the baseline remembers a burst.
const IDLE_S: &str = "24";
const BURST_S: &str = "4";
const BURSTS: &str = "3";
/// 200 MiB at the peak, 40 MiB at rest. The rest is long beside the six seconds for which memory is
/// forecast: if a rise were likely within them, a limit that stays up would be right.
const WAVE: [&str; 5] = ["wave", "5", "8", "6", "45"];

/// Runs the three workloads and judges what the agent did to their limits.
pub fn run(report: &mut Report, stage: &Stage, agent: &Agent) -> Result<()> {
    let _wave = Load::start(stage.wave.path(), &WAVE)?;
    let _steady = Load::start(stage.other.path(), &["steady", "50"])?;
    let watch = Watch::start(vec![
        stage.bursty.clone(),
        stage.wave.clone(),
        stage.other.clone(),
    ]);
    let bursts = Load::start(
        stage.bursty.path(),
        &["bursts", IDLE_S, BURST_S, BURSTS, ONSETS],
    )?;
    bursts.finish()?;
    // Time to fall after the last burst and the second wave.
    std::thread::sleep(Duration::from_secs(32));
    let seen = watch.stop();

    let onsets = onsets(Path::new(ONSETS))?;
    let rises = verdict::bursts(&seen.quota, &onsets, BURST_S.parse::<f64>()? * 1e3);
    for rise in &rises {
        report.event(&rise.to_string());
    }
    let good = rises.iter().filter(|rise| rise.followed()).count();
    let followed = good >= 3 && good == rises.len();
    let detail = format!("{good} of {} bursts", rises.len());
    report.check("quota_followed", followed, &detail);
    let median = verdict::median(rises.iter().filter_map(|rise| rise.to_quota_ms));
    report.number("burst_to_quota_ms_p50", median);

    trace(&seen);
    let waves = verdict::memory(&seen.samples[1]);
    let kills = stage
        .wave
        .keyed("memory.events", "oom_kill ")
        .context("memory.events")?;
    report.check(
        "memory_followed",
        waves.followed() && kills == 0,
        &format!("{waves}; {kills} OOM kills"),
    );

    let touched = verdict::changes(&seen.samples[2]);
    report.check(
        "untouched",
        touched == 0,
        &format!("{touched} changes of llmos-test/other"),
    );
    explain(report, agent, stage)
}

/// The course of the two groups once a second on the console, for people who look at a run.
fn trace(seen: &Seen) {
    println!("  time s | bursty: quota | wave: use, memory.high, memory.max in MiB");
    let mib = |bytes: Option<f64>| bytes.map_or(f64::NAN, |bytes| bytes / 1_048_576.0);
    for (bursty, wave) in seen.samples[0].iter().zip(&seen.samples[1]).step_by(10) {
        println!(
            "{:8.1} | {:5.2} | {:5.0} {:5.0} {:5.0}",
            bursty.at_ms / 1e3,
            bursty.quota.unwrap_or(f64::NAN),
            mib(wave.memory),
            mib(wave.high),
            mib(wave.max),
        );
    }
}

fn explain(report: &mut Report, agent: &Agent, stage: &Stage) -> Result<()> {
    // The reason that the agent itself keeps for its last change has to be in the answer. The last
    // change may be another one a moment later, so it is asked before and after.
    let last_reason = || -> Result<String> {
        let detail = agent.get(&format!("/v1/workloads/{}", stage.bursty.id()?))?;
        let reason = detail["changes"][0]["reasons"][0].as_str();
        Ok(reason.unwrap_or_default().to_owned())
    };
    let before = last_reason()?;
    let (ok, text) = agent::ctl(&["explain", &stage.bursty.name])?;
    let reasons = [before, last_reason()?];
    let named = reasons
        .iter()
        .find(|reason| !reason.is_empty() && text.contains(reason.as_str()));
    let detail = named.map_or(text.trim(), String::as_str);
    report.check("explained", ok && named.is_some(), detail);
    Ok(())
}

fn onsets(log: &Path) -> Result<Vec<f64>> {
    let text = std::fs::read_to_string(log).with_context(|| format!("read {}", log.display()))?;
    text.lines()
        .map(|line| line.parse().context("onset"))
        .collect()
}
