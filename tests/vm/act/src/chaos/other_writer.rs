//! Another process that writes the same files in a loop. What it wrote last is what people want.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use llmos_vm_tests::cgroup::Group;
use llmos_vm_tests::clock::wait_for;
use llmos_vm_tests::load;
use serde_json::{Value, json};

use super::lane::Lane;
use super::subject::{Subject, ask};
use super::way::Way;
use super::{Work, changed, undone};

/// How long both write, at most.
const BOTH: Duration = Duration::from_millis(2_500);
const PAUSE: Duration = Duration::from_millis(40);
/// Some ticks of a slow machine: enough to notice.
const NOTICED: Duration = Duration::from_millis(1_500);

/// See the module.
pub struct OtherWriter;

impl Work for OtherWriter {
    fn one(&mut self, lane: &mut Lane, at: u32) -> Result<Value> {
        lane.forget()?;
        let turn = at / 4;
        // One in four is stopped in order.
        let way = (turn % 4 != 3).then(|| Way::of(turn % 4));
        let watchdog = way.map(|way| way.ready(lane)).transpose()?.flatten();
        let mut agent = Subject::agent(lane, "enforce")?;
        changed(lane)?;
        let (busy, calm) = (lane.busy.clone(), lane.calm.clone());
        let writes = [
            (&busy, "cpu.max", "120000 100000".to_owned()),
            (&busy, "cpu.weight", (500 + at % 1_000).to_string()),
            (&calm, "memory.high", (200 << 20).to_string()),
            (&calm, "memory.max", (256 << 20).to_string()),
        ];
        for (group, file, text) in &writes {
            lane.expect(group, file, text);
        }
        let begun = std::time::Instant::now();
        let mut count = 0;
        let both = lane.within(BOTH);
        while begun.elapsed() < both {
            count += write(&writes);
            std::thread::sleep(PAUSE);
        }
        // The kernel may have refused one for a moment; the last word has to be said.
        wait_for(load::SOON, || write(&writes) == writes.len()).context("a write is refused")?;
        std::thread::sleep(NOTICED);
        let noticed = ask(lane, "/v1/status").map(|status| status["components"].clone());
        let changed = lane.changed();
        let said = match way {
            Some(way) => {
                agent.kill()?;
                undone(way, lane)?
            }
            None => {
                let status = agent.terminate()?;
                ensure!(status.success(), "the agent ended with {status}");
                String::new()
            }
        };
        drop(watchdog);
        Ok(json!({
            "way": way.map_or("stop", Way::name),
            "foreign_writes": count,
            "changed": changed,
            "noticed": noticed.is_ok_and(|parts| parts.to_string().contains("changed by somebody")),
            "said": said,
        }))
    }
}

/// Writes all; how many the kernel took. It refuses a quota below the burst credit in force.
fn write(writes: &[(&Group, &str, String)]) -> usize {
    let taken = writes
        .iter()
        .filter(|(group, file, text)| group.write(file, text).is_ok());
    taken.count()
}
