//! `kill -9` at any moment of an agent's life.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::lane::Lane;
use super::subject::Subject;
use super::way::Way;
use super::{Work, undone};

/// The longest life: start, first writes, and some seconds of work.
const LIFE: Duration = Duration::from_secs(7);

/// See the module.
pub struct Kill9;

impl Work for Kill9 {
    fn one(&mut self, lane: &mut Lane, at: u32) -> Result<Value> {
        lane.forget()?;
        let way = Way::of(at / 4);
        let watchdog = way.ready(lane)?;
        let life = lane.within(LIFE);
        let mut agent = Subject::agent(lane, "enforce")?;
        std::thread::sleep(life);
        agent.kill()?;
        let changed = lane.changed();
        let said = undone(way, lane)?;
        drop(watchdog);
        Ok(json!({
            "way": way.name(),
            "life_ms": life.as_secs_f64() * 1e3,
            "changed": changed,
            "said": said,
        }))
    }
}
