//! What the agent costs natively at 100 and at 1,000 cgroups, once a second, with forecasts on and
//! with a coordinator to report to.

use std::fs::File;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use llmos_vm_tests::http;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use serde_json::Value;

use super::Numbers;
use super::crowd::Crowd;
use crate::paths;
use crate::run::System;
use crate::step::Steps;

/// Buffers are made and the model has its first state.
const WARM_UP: Duration = Duration::from_secs(20);
const MEASURED: Duration = Duration::from_secs(60);

/// The small crowd and the large one.
pub fn run(release: bool, steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    for groups in [100, 1000] {
        let what = format!("agent at {groups} cgroups for {} s", MEASURED.as_secs());
        let cost = steps.run(&what, || measure(groups, release))?;
        cost.put(groups, numbers);
    }
    let growth = |key: &str, numbers: &Numbers| {
        let (small, large) = (format!("{key}_100"), format!("{key}_1000"));
        Some(numbers.get(&large)? / numbers.get(&small)?)
    };
    for key in ["agent_cpu_pct", "agent_rss_mib", "tick_work_ms"] {
        let value = growth(key, numbers);
        numbers.put(&format!("{key}_growth_100_to_1000_ratio"), value);
    }
    Ok(())
}

/// What was seen at one size.
struct Cost {
    cpu_pct: f64,
    rss_mib: f64,
    rss_anon_mib: Option<f64>,
    status: Value,
}

impl Cost {
    fn put(&self, groups: usize, numbers: &mut Numbers) {
        let mut put = |key: &str, value: Option<f64>, reason: &str| {
            numbers.put_or(&format!("{key}_{groups}"), value, reason);
        };
        put("agent_cpu_pct", Some(self.cpu_pct), "");
        put("agent_rss_mib", Some(self.rss_mib), "");
        put("agent_rss_anon_mib", self.rss_anon_mib, "no RssAnon");
        for (key, field) in [
            ("tick_read_ms", "tick_read_ms_p50"),
            ("tick_work_ms", "tick_work_ms_p50"),
            ("workloads", "workloads"),
            ("missed_ticks", "missed_ticks"),
        ] {
            let reason = format!("the agent's status has no {field}");
            put(key, self.status[field].as_f64(), &reason);
        }
    }
}

fn measure(groups: usize, release: bool) -> Result<Cost> {
    read_anew(&paths::binary("llmos-agent", release))?;
    let crowd = Crowd::make(groups)?;
    let mut system = System::start_in(&paths::target().join("run-bench"), None, release)?;
    sleep(WARM_UP);
    let pid = system.agent_pid()?;
    let (start, before) = (Instant::now(), cpu_seconds(pid)?);
    sleep(MEASURED);
    let pid = system.agent_pid()?;
    let cpu = cpu_seconds(pid)? - before;
    let elapsed = start.elapsed().as_secs_f64();
    let status = http::get(&system.socket, "/v1/status");
    let (rss, anon) = (mib(pid, "VmRSS:")?, mib(pid, "RssAnon:").ok());
    system.stop()?;
    crowd.finish()?;
    Ok(Cost {
        cpu_pct: cpu / elapsed * 100.0,
        rss_mib: rss,
        rss_anon_mib: anon,
        status: status?,
    })
}

/// Has a program read from the disk at its next start, as where it is installed. One that was just built is
/// in the page cache in large pieces, each of which counts as resident as soon as one page of it is used.
fn read_anew(program: &Path) -> Result<()> {
    let name = || program.display().to_string();
    let file = File::open(program).with_context(name)?;
    file.sync_all().with_context(name)?;
    let advice = PosixFadviseAdvice::POSIX_FADV_DONTNEED;
    posix_fadvise(&file, 0, 0, advice).with_context(name)
}

/// CPU time of a process so far, user and system, in seconds. In steps of a clock tick, so a minute
/// is right to a fiftieth of a percent of a core.
fn cpu_seconds(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    ticks(&text)
        .map(|ticks| ticks as f64 / ticks_per_second())
        .with_context(|| format!("{path} is odd"))
}

/// User and system time in clock ticks: fields 14 and 15, counted behind the name, which may hold
/// anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

fn ticks_per_second() -> f64 {
    let asked = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK);
    asked.ok().flatten().map_or(100.0, |ticks| ticks as f64)
}

fn mib(pid: u32, key: &str) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.with_context(|| format!("{path} has no {key}"))?;
    Ok(kib.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_found_behind_any_name() {
        let stat = "7 (a) b) c) S 1 7 7 0 -1 4194560 100 0 0 0 30 12 5 6 20 0 1 0";
        assert_eq!(ticks(stat), Some(42));
        assert!(cpu_seconds(std::process::id()).unwrap() >= 0.0);
        assert!(mib(std::process::id(), "VmRSS:").unwrap() > 0.0);
    }
}
