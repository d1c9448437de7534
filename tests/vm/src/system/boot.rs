//! What a system has to have before anything of ours runs on it.

use std::path::Path;

use anyhow::Result;

use super::unit;
use crate::clock;
use crate::report::Report;

/// systemd is up with nothing failed, containerd answers, the hierarchy is unified.
pub fn run(report: &mut Report) -> Result<()> {
    report.number("boot_s", Some(clock::now_ms() / 1e3));
    let first = std::fs::read_to_string("/proc/1/comm").unwrap_or_default();
    let version = unit::say("systemctl", &["--version"])?;
    let version = version.lines().next().unwrap_or_default().to_owned();
    report.check("systemd_is_first", first.trim() == "systemd", &version);
    let failed = unit::say(
        "systemctl",
        &["list-units", "--failed", "--plain", "--no-legend"],
    )?;
    report.check("no_unit_failed", failed.trim().is_empty(), failed.trim());
    let unified = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    report.check("unified_hierarchy", unified, "/sys/fs/cgroup");
    let up = clock::wait_for(unit::PATIENCE, || unit::say("ctr", &["version"]).is_ok());
    let version = unit::say("containerd", &["--version"])? + &unit::say("runc", &["--version"])?;
    let version = version.replace('\n', "; ");
    report.check(
        "containerd_answers",
        up.is_some(),
        version.trim_end_matches("; "),
    );
    Ok(())
}
