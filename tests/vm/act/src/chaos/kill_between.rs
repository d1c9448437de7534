//! `kill -9` between the record in the journal and the write that it is for.

use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use llmos_vm_tests::cgroup;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use serde_json::{Value, json};

use super::lane::Lane;
use super::subject::Subject;
use super::way::Way;
use super::{Work, undone};

const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_MS: u16 = 500;
/// It is killed at one of the first records, of which there are two for each file that is written.
const RECORDS: u32 = 6;

/// See the module.
pub struct KillBetween;

impl Work for KillBetween {
    fn one(&mut self, lane: &mut Lane, at: u32) -> Result<Value> {
        lane.forget()?;
        std::fs::create_dir_all(&lane.state)?;
        let way = Way::of(at / 4);
        let watchdog = way.ready(lane)?;
        let nth = 1 + lane.dice(RECORDS);
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        inotify.add_watch(&lane.state, AddWatchFlags::IN_MODIFY)?;
        let mut agent = Subject::agent(lane, "enforce")?;
        appended(&inotify, nth)?;
        agent.kill()?;
        let between = is_between(&lane.state.join("journal"))?;
        let changed = lane.changed();
        let said = undone(way, lane)?;
        drop(watchdog);
        Ok(json!({
            "way": way.name(),
            "record": nth,
            "between": between,
            "changed": changed,
            "said": said,
        }))
    }
}

/// Waits until the journal was appended to `nth` times.
fn appended(inotify: &Inotify, nth: u32) -> Result<()> {
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < PATIENCE {
        let mut fds = [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::from(LOOK_MS))? == 0 {
            continue;
        }
        for event in inotify.read_events()? {
            count += u32::from(event.name.is_some_and(|name| name == "journal"));
        }
        if count >= nth {
            return Ok(());
        }
    }
    bail!("{count} records within {} s", PATIENCE.as_secs())
}

/// Does the file of the last record still hold its original?
fn is_between(journal: &Path) -> Result<bool> {
    let text = std::fs::read_to_string(journal).context("the journal")?;
    let last = text.lines().last().context("an empty journal")?;
    let words: Vec<&str> = last.split('\t').collect();
    let [_, "original", _, _, file, path, original] = words[..] else {
        return Ok(false);
    };
    let now = std::fs::read_to_string(Path::new(cgroup::ROOT).join(path).join(file))?;
    Ok(now.trim_end() == original.trim_end_matches("\\n"))
}
