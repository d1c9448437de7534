//! One clock for all processes of the machine.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// Milliseconds since the machine started (the kernel's monotonic clock).
#[must_use]
pub fn now_ms() -> f64 {
    // The call fails for clocks that do not exist only.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0.0, |at| Duration::from(at).as_secs_f64() * 1e3)
}

/// CPU time that the calling thread has used.
#[must_use]
pub fn thread_cpu() -> Duration {
    // As above.
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Polls `done` every 50 ms, for at most `limit`; the seconds that it took, or nothing.
pub fn wait_for(limit: Duration, mut done: impl FnMut() -> bool) -> Option<f64> {
    let start = Instant::now();
    loop {
        if done() {
            return Some(start.elapsed().as_secs_f64());
        }
        if start.elapsed() >= limit {
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
