//! The wall clock jumps forth and back by hours.

use std::time::Duration;

use anyhow::Result;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};
use serde_json::{Value, json};

use super::lane::Lane;
use super::subject::{Subject, limits};
use super::way::Way;
use super::{Work, changed, undone};

const JUMPS: u32 = 6;
const HOURS: u32 = 48;
const PAUSE: Duration = Duration::from_millis(700);

/// See the module.
pub struct Jump;

impl Work for Jump {
    fn one(&mut self, lane: &mut Lane, at: u32) -> Result<Value> {
        lane.forget()?;
        let way = Way::of(at / 4);
        // It would put limits back if it went by this clock.
        let watchdog = Subject::watchdog(lane)?;
        let mut agent = Subject::agent(lane, "enforce")?;
        changed(lane)?;
        for _ in 0..JUMPS {
            jump(i64::from(lane.dice(2 * HOURS)) - i64::from(HOURS))?;
            std::thread::sleep(lane.within(PAUSE));
        }
        let cause = limits(lane);
        let taken_over = cause.contains("put back") || cause.is_empty();
        let changed = lane.changed();
        agent.kill()?;
        jump(i64::from(lane.dice(2 * HOURS)) - i64::from(HOURS))?;
        let said = undone(way, lane)?;
        drop(watchdog);
        Ok(json!({
            "way": way.name(),
            "changed": changed,
            "wrong": taken_over.then_some(cause).into_iter().collect::<Vec<_>>(),
            "said": said,
        }))
    }
}

/// By so many hours and a little, but not to before 1971.
fn jump(hours: i64) -> Result<()> {
    let now = clock_gettime(ClockId::CLOCK_REALTIME)?;
    let there = (now.tv_sec() + hours * 3_600 + 7).max(365 * 86_400);
    clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::new(there, now.tv_nsec()))?;
    Ok(())
}
