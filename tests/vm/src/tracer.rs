//! Every write to a file of a control group, seen from outside: a kprobe on the function by which the
//! kernel takes them all, with the text that was written.

use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::wait_for;
use anyhow::{Context, Result};

const TRACING: &str = "/sys/kernel/tracing";
/// The kernel finds the members of its structs by its own type information.
const PROBE: &str = "p:llmos/w cgroup_file_write who=$comm file=of->kn->name:string \
                     group=of->kn->parent->name:string text=+0($arg2):string";
/// Stands before the values in each line.
const MARK: &str = ": w: (cgroup_file_write";
const BUFFER_KIB: &str = "4096";
/// The reader is a thread of an emulated machine with two CPUs.
const PATIENCE: Duration = Duration::from_secs(20);

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Name of the thread that wrote.
    pub program: String,
    /// Last part of the cgroup's path.
    pub group: String,
    /// The file in it.
    pub file: String,
    /// What was written, without spaces around it.
    pub text: String,
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            program,
            group,
            file,
            text,
        } = self;
        write!(f, "{program}: {text:?} to {group}/{file}")
    }
}

#[derive(Default)]
struct Seen {
    writes: Vec<Write>,
    /// What makes the list incomplete.
    broken: Option<String>,
}

/// The probe, and the thread that reads what it says.
pub struct Tracer(Arc<Mutex<Seen>>);

impl Tracer {
    /// Sets the probe.
    ///
    /// # Errors
    /// When the kernel has no such probes.
    pub fn start() -> Result<Self> {
        let write = |file: &str, text: &str| {
            let path = Path::new(TRACING).join(file);
            std::fs::write(&path, text).with_context(|| format!("{text} to {}", path.display()))
        };
        write("buffer_size_kb", BUFFER_KIB)?;
        write("kprobe_events", PROBE)?;
        write("events/llmos/w/enable", "1")?;
        let pipe = File::open(Path::new(TRACING).join("trace_pipe")).context("trace_pipe")?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let filled = Arc::clone(&seen);
        // Ends with the machine.
        std::thread::spawn(move || {
            let outcome = read(BufReader::new(pipe), &filled);
            let why = outcome.map_or_else(|error| error.to_string(), |()| "it ended".to_owned());
            lock(&filled).broken = Some(format!("trace_pipe: {why}"));
        });
        Ok(Self(seen))
    }

    /// Takes out the writes to groups of this name, or all whose name fits.
    pub fn take(&self, fits: impl Fn(&str) -> bool) -> Vec<Write> {
        let mut seen = lock(&self.0);
        let all = std::mem::take(&mut seen.writes);
        let (taken, left) = all.into_iter().partition(|write| fits(&write.group));
        seen.writes = left;
        taken
    }

    /// Waits until this write was seen; all that were made before it have been seen then.
    ///
    /// # Errors
    /// When it is not seen, or writes were lost.
    pub fn wait(&self, group: &str, file: &str, text: &str) -> Result<()> {
        let is_it =
            |write: &Write| write.group == group && write.file == file && write.text == text;
        let found = wait_for(PATIENCE, || lock(&self.0).writes.iter().any(is_it));
        if let Some(why) = &lock(&self.0).broken {
            anyhow::bail!("writes were not seen: {why}");
        }
        found.with_context(|| format!("the tracer did not see {text} in {group}/{file}"))?;
        Ok(())
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A text may end with a newline, so that a record goes on to the line that ends with a quote.
fn read(mut pipe: BufReader<File>, seen: &Mutex<Seen>) -> std::io::Result<()> {
    let mut record = String::new();
    while pipe.read_line(&mut record)? > 0 {
        if record.contains(MARK) && !record.ends_with("\"\n") {
            continue;
        }
        if let Some(write) = parse(&record) {
            lock(seen).writes.push(write);
        } else if record.contains("LOST") {
            lock(seen).broken = Some(record.trim().to_owned());
        }
        record.clear();
    }
    Ok(())
}

/// `  TASK-PID  [CPU] FLAGS TIME: w: (...) who="W" file="F" group="G" text="T"`; the first word is not
/// always known to the kernel.
fn parse(record: &str) -> Option<Write> {
    let (_, values) = record.split_once(MARK)?;
    let quoted = |key: &str| -> Option<&str> {
        let (_, rest) = values.split_once(key)?;
        Some(rest.split_once('"')?.0)
    };
    Some(Write {
        program: quoted("who=\"")?.to_owned(),
        group: quoted("group=\"")?.to_owned(),
        file: quoted("file=\"")?.to_owned(),
        text: quoted("text=\"")?.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gives_who_wrote_what_where() {
        let record = "           <...>-77      [001] .....     3.933272: w: \
                      (cgroup_file_write+0x4/0x1b0) who=\"llmos-agent\" file=\"cpu.max\" group=\"in-0-busy\" \
                      text=\"50000 100000\n\"\n";
        let write = parse(record).unwrap();
        assert_eq!(write.program, "llmos-agent");
        assert_eq!((&*write.group, &*write.file), ("in-0-busy", "cpu.max"));
        assert_eq!(write.text, "50000 100000");
        assert_eq!(parse("CPU:0 [LOST 5 EVENTS]\n"), None);
    }
}
