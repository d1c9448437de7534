//! The moment at which the kernel throttles, from its own function by a return probe of tracefs.
//!
//! `nr_throttled` is no help here: it goes up at the end of the period only.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

const TRACING: &str = "/sys/kernel/tracing";
const EVENT: &str = "llmos_throttle";
/// It returns true when the queue was throttled, and false when it found some more time.
const PROBE: &str = "r:llmos_throttle throttle_cfs_rq throttled=$retval:u8";

/// A trace of throttled queues.
pub struct Throttles {}

impl Throttles {
    /// Sets the probe up.
    ///
    /// # Errors
    /// When this kernel has no such function or does not let it be probed.
    pub fn watch() -> Result<Self> {
        // The clock of the events.
        write("trace_clock", "mono")?;
        write("kprobe_events", PROBE)?;
        write(&format!("events/kprobes/{EVENT}/enable"), "1")?;
        let mut throttles = Self {};
        throttles.since_last()?;
        Ok(throttles)
    }

    /// Moments on the monotonic clock since the last call, in nanoseconds, in order.
    ///
    /// # Errors
    /// When the trace cannot be read.
    pub fn since_last(&mut self) -> Result<Vec<u64>> {
        let path = Path::new(TRACING).join("trace");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        write("trace", "")?;
        let mut moments: Vec<u64> = text.lines().filter_map(moment).collect();
        moments.sort_unstable();
        Ok(moments)
    }
}

fn write(file: &str, text: &str) -> Result<()> {
    let path = Path::new(TRACING).join(file);
    fs::write(&path, text).with_context(|| format!("write {text:?} to {}", path.display()))
}

/// ` task-7 [001] d..2. 12.000345: llmos_throttle: (a <- b) throttled=1` gives its time.
fn moment(line: &str) -> Option<u64> {
    let (before, after) = line.split_once(&format!(": {EVENT}:"))?;
    if !after.trim_end().ends_with("throttled=1") {
        return None;
    }
    let (seconds, micros) = before.split_whitespace().last()?.split_once('.')?;
    let (seconds, micros): (u64, u64) = (seconds.parse().ok()?, micros.parse().ok()?);
    Some(seconds * 1_000_000_000 + micros * 1_000)
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn only_a_queue_that_was_throttled_counts() {
        let line = "  vm-load-70 [001] d..2.    12.000345: llmos_throttle: (a+0x1 <- throttle_cfs_rq) throttled=";
        assert_eq!(moment(&format!("{line}1")), Some(12_000_345_000));
        assert_eq!(moment(&format!("{line}0")), None);
        assert_eq!(moment("# tracer: nop"), None);
    }
}
