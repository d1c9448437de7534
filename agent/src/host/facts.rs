//! The node: its size, its name, its use as a whole.

use std::fs;
use std::path::Path;

use llmos_engine::NodeFacts;
use llmos_engine::units::{Bytes, Cores};

/// CPUs online and memory of the machine. Unknown memory is zero CPUs' worth of nothing, so a
/// machine without `/proc/meminfo` is an error, not a guess.
///
/// # Errors
/// When `/proc/meminfo` cannot be read.
pub fn node() -> std::io::Result<NodeFacts> {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let cpus = fs::read_to_string("/sys/devices/system/cpu/online")
        .ok()
        .and_then(|list| count_of_list(&list))
        .unwrap_or(cpus);
    let memory = meminfo(&fs::read_to_string("/proc/meminfo")?, "MemTotal")
        .ok_or_else(|| std::io::Error::other("/proc/meminfo has no MemTotal"))?;
    Ok(NodeFacts {
        cpu: Cores(cpus as f64),
        memory: Bytes(memory),
    })
}

/// Busy CPU time of the node since boot in seconds, from `/proc/stat`; `None` when unreadable.
#[must_use]
pub fn busy_cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<f64> = stat
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .filter_map(|f| f.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq steal; guest time is inside user.
    let busy: f64 = [0, 1, 2, 5, 6].iter().filter_map(|i| fields.get(*i)).sum();
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok()??;
    Some(busy / ticks as f64)
}

/// Memory that could be given out without swapping, in bytes; `None` when unreadable.
#[must_use]
pub fn memory_available() -> Option<u64> {
    meminfo(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable")
}

/// Kernel release, e.g. `6.12.1-cloud-amd64`.
#[must_use]
pub fn kernel_release() -> String {
    trimmed("/proc/sys/kernel/osrelease").unwrap_or_else(|| "unknown".to_owned())
}

/// A name that is stable over restarts: `/etc/machine-id`, else the boot id.
#[must_use]
pub fn machine_id() -> String {
    trimmed("/etc/machine-id")
        .filter(|id| !id.is_empty())
        .unwrap_or_else(boot_id)
}

/// Id of this boot.
#[must_use]
pub fn boot_id() -> String {
    trimmed("/proc/sys/kernel/random/boot_id").unwrap_or_else(|| "unknown".to_owned())
}

/// Name of an attached sched_ext scheduler: while one runs, `cpu.max` has no effect.
#[must_use]
pub fn sched_ext() -> Option<String> {
    if trimmed("/sys/kernel/sched_ext/state")? != "enabled" {
        return None;
    }
    Some(trimmed("/sys/kernel/sched_ext/root/ops").unwrap_or_else(|| "unnamed".to_owned()))
}

/// The cgroup of a process (a pid or `self`) in the unified hierarchy, below its root, while the
/// process lives.
#[must_use]
pub fn cgroup_of(pid: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(path.trim_start_matches('/').to_owned())
}

fn trimmed(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path).ok().map(|s| s.trim().to_owned())
}

/// A field of `/proc/meminfo` in bytes.
fn meminfo(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find(|l| l.split(':').next() == Some(field))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<u64>()
        .ok()?
        .checked_mul(1024)
}

/// How many numbers a kernel list such as `0-3,8` holds.
fn count_of_list(list: &str) -> Option<usize> {
    list.trim()
        .split(',')
        .map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
            Some(last.checked_sub(first)? + 1)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus_are_counted() {
        assert_eq!(count_of_list("0-3,8\n"), Some(5));
        assert_eq!(count_of_list("0"), Some(1));
        assert_eq!(count_of_list("x"), None);
    }

    #[test]
    fn meminfo_is_in_bytes() {
        let text = "MemTotal:       2048 kB\nMemAvailable:   1024 kB\n";
        assert_eq!(meminfo(text, "MemTotal"), Some(2048 * 1024));
        assert_eq!(meminfo(text, "MemFree"), None);
    }
}
