//! One line on a terminal that says how the recording gets on. Nothing where nobody looks.

use std::io::{IsTerminal, Write};

use super::Counts;
use crate::units::whole_bytes;

/// Back to the beginning of the line, and clear it.
const ANEW: &str = "\r\x1b[K";

/// See the module.
#[derive(Debug)]
pub struct Progress {
    on: bool,
}

impl Progress {
    /// Shows something only if the standard error is a terminal.
    pub fn on_terminal() -> Self {
        Self {
            on: std::io::stderr().is_terminal(),
        }
    }

    /// Writes the line anew.
    pub fn show(&self, counts: &Counts, bytes: u64) {
        let unanswered = match counts.unanswered {
            0 => String::new(),
            n => format!(", {n} times no answer"),
        };
        self.write(&format!(
            "{ANEW}{} ticks, {} workloads, {} written{unanswered}; ctrl-c ends it",
            counts.ticks,
            counts.workloads,
            whole_bytes(Some(bytes)),
        ));
    }

    /// Takes the line away.
    pub fn end(&self) {
        self.write(ANEW);
    }

    fn write(&self, text: &str) {
        if self.on {
            // Nobody is told if the terminal is gone; the recording goes on.
            let mut terminal = std::io::stderr();
            let _ = terminal.write_all(text.as_bytes());
            let _ = terminal.flush();
        }
    }
}
