//! What the agent itself costs: CPU time and resident memory.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

/// CPU time of this process so far, user and system; `None` when the kernel refuses to say.
#[must_use]
pub fn cpu_time() -> Option<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Some(Duration::from_micros(u64::try_from(micros).ok()?))
}

/// Resident memory of this process in bytes; `None` when `/proc` cannot be read.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    resident_bytes_of("self")
}

/// Bytes of a page of memory.
#[must_use]
pub fn page_bytes() -> u64 {
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
    // Every machine answers; 4 KiB is the smallest page there is.
    page.ok()
        .flatten()
        .and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or(4096)
}

/// Resident memory of a process in bytes, by the second field of its `statm`.
#[must_use]
pub fn resident_bytes_of(pid: &str) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(page_bytes())
}
