//! The journal on a file system that is full now and then, and full when the agent ends.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::lane::Lane;
use super::subject::Subject;
use super::way::{self, Way};
use super::{Work, changed, undone};

const LIFE: Duration = Duration::from_secs(5);
/// Full, and not full, for up to so long.
const SPELL: Duration = Duration::from_millis(600);
const BLOCK: [u8; 4_096] = [0; 4_096];

/// See the module.
pub struct DiskFull;

impl Work for DiskFull {
    fn one(&mut self, lane: &mut Lane, at: u32) -> Result<Value> {
        lane.forget()?;
        let turn = at / 4;
        // Each fourth time it is stopped in order.
        let way = (turn % 4 != 3).then(|| Way::of(turn % 4));
        let file = lane.state.with_file_name("filler");
        let spells: Vec<Duration> = (0..64).map(|_| lane.within(SPELL)).collect();
        let watchdog = way.map(|way| way.ready(lane)).transpose()?.flatten();
        let life = lane.within(LIFE);
        // An agent that finds no place for its journal does not start, so that is not often.
        let at_start = lane.dice(5) == 0;
        let early = at_start.then(|| Filler::start(file.clone(), spells.clone()));
        let mut agent = Subject::agent(lane, "enforce")?;
        let filler = match early {
            Some(filler) => filler,
            None => {
                changed(lane)?;
                Filler::start(file.clone(), spells)
            }
        };
        std::thread::sleep(life);
        let full_spells = filler.stop();
        // Whatever it was before: full now.
        fill(&file);
        // An agent may have refused to start with no place for its journal.
        let started = agent.ended().is_none();
        let changed = lane.changed();
        let said = match way {
            Some(way) => {
                agent.kill()?;
                undone(way, lane)?
            }
            None if started => agent.terminate()?.to_string(),
            None => String::new(),
        };
        drop(watchdog);
        let left_while_full = lane.differing();
        std::fs::remove_file(&file)?;
        let then = if left_while_full.is_empty() {
            String::new()
        } else {
            way::command(lane)?
        };
        Ok(json!({
            "way": way.map_or("stop", Way::name),
            "life_ms": life.as_secs_f64() * 1e3,
            "full_spells": full_spells,
            "ended_early": !started,
            "changed": changed,
            "left_while_full": left_while_full,
            "said": said,
            "then": then,
        }))
    }
}

/// A thread that fills and frees.
struct Filler {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<u32>,
}

impl Filler {
    fn start(file: PathBuf, spells: Vec<Duration>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut full = 0;
            for spell in spells.chunks_exact(2).cycle() {
                std::thread::sleep(spell[0]);
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                fill(&file);
                full += 1;
                std::thread::sleep(spell[1]);
                // It is there: it was made just now.
                let _ = std::fs::remove_file(&file);
            }
            full
        });
        Self { stop, thread }
    }

    fn stop(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

/// Takes all that is free.
fn fill(path: &Path) {
    let Ok(mut file) = File::create(path) else {
        return;
    };
    while file.write_all(&BLOCK).is_ok() {}
}
