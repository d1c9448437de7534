//! How far the replay is: one line that changes on a terminal, a line now and then elsewhere, so that
//! a log of a long run shows life and that of a short one stays empty.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use llmos_replay::trace::Found;

use crate::units::{duration, plain};

/// Back to the beginning of the line, and clear it.
const ANEW: &str = "\r\x1b[K";
/// Time between two lines on a terminal, and elsewhere.
const TERMINAL: Duration = Duration::from_millis(200);
const LOG: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub struct Progress {
    terminal: bool,
    begun: Instant,
    last: Mutex<Instant>,
}

impl Progress {
    /// The clock starts.
    pub fn start() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            begun: Instant::now(),
            last: Mutex::new(Instant::now()),
        }
    }

    /// A file was read. A recording that is not whole is always told.
    pub fn file(&self, found: &Found<'_>) {
        let name = found.path.file_name().unwrap_or_default().to_string_lossy();
        let name = plain(&name);
        if let Some(cut) = &found.cut {
            let anew = if self.terminal { ANEW } else { "" };
            write(&format!(
                "{anew}llmosctl: {name} is not whole: {}\n",
                plain(cut)
            ));
        }
        let (number, all) = found.number;
        self.note(|| format!("read {number}/{all} {name}: {} series", found.series));
    }

    /// So many values of all were replayed.
    pub fn values(&self, done: u64, all: u64) {
        self.note(|| {
            let took = self.begun.elapsed().as_secs_f64();
            let share = 100 * done / all.max(1);
            format!("replayed {share} % of {all} values in {}", duration(took))
        });
    }

    /// What is being done now.
    pub fn stage(&self, text: &str) {
        self.note(|| text.to_owned());
    }

    /// Takes the line away.
    pub fn end(&self) {
        if self.terminal {
            write(ANEW);
        }
    }

    fn note(&self, text: impl Fn() -> String) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = if self.terminal { TERMINAL } else { LOG };
        if last.elapsed() < pause {
            return;
        }
        *last = Instant::now();
        if self.terminal {
            write(&format!("{ANEW}{}", text()));
        } else {
            write(&format!("{}\n", text()));
        }
    }
}

fn write(text: &str) {
    // Nobody is told if the terminal is gone; the replay goes on.
    let mut terminal = std::io::stderr();
    let _ = terminal.write_all(text.as_bytes());
    let _ = terminal.flush();
}
