//! The clocks of the agent, read here and nowhere else: the engine gets time as an argument.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use llmos_engine::units::Timestamp;
use nix::time::{ClockId, clock_gettime};

/// The monotonic clock, the same that stamps events of the kernel side.
///
/// # Errors
/// When the kernel refuses to tell the time, which it does on no supported system.
pub fn monotonic() -> nix::Result<Timestamp> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    let (seconds, nanos) = (now.tv_sec().unsigned_abs(), now.tv_nsec().unsigned_abs());
    Ok(Timestamp(seconds * 1_000_000_000 + nanos))
}

/// Wall clock in milliseconds since 1970; zero for a clock set before that.
#[must_use]
pub fn wall_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// CPU time that this thread has used.
///
/// # Errors
/// As [`monotonic`].
pub fn thread_cpu() -> nix::Result<Duration> {
    let used = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(Duration::new(used.tv_sec().unsigned_abs(), 0)
        + Duration::from_nanos(used.tv_nsec().unsigned_abs()))
}
