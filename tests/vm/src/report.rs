//! The result port: one JSON object a line, read by the task that booted the machine.

use std::fs::File;
use std::io::Write;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::clock;

/// The second serial port carries results and nothing else.
const PORT: &str = "/dev/ttyS1";

/// Where results go.
pub struct Report {
    out: Box<dyn Write>,
    failed: usize,
}

impl Report {
    /// Opens the result port.
    ///
    /// # Errors
    /// When there is none.
    pub fn open() -> Result<Self> {
        let port = File::options()
            .write(true)
            .open(PORT)
            .with_context(|| format!("open {PORT}"))?;
        Ok(Self::to(Box::new(port)))
    }

    /// Reports to any writer.
    #[must_use]
    pub fn to(out: Box<dyn Write>) -> Self {
        Self { out, failed: 0 }
    }

    /// Something worth a line in the table of what happened.
    pub fn event(&mut self, text: &str) {
        self.line(json!({ "kind": "event", "text": text }));
    }

    /// One thing that had to be so, and what was seen.
    pub fn check(&mut self, name: &str, ok: bool, detail: &str) {
        self.failed += usize::from(!ok);
        self.line(json!({ "kind": "check", "name": name, "ok": ok, "detail": detail }));
    }

    /// A measured number; `None` is "not measured".
    pub fn number(&mut self, name: &str, value: Option<f64>) {
        let value = value.map(|value| (value * 1e3).round() / 1e3);
        self.line(json!({ "kind": "number", "name": name, "value": value }));
    }

    /// One part of the agent, and how it is on this kernel.
    pub fn part(&mut self, name: &str, state: &str, cause: &str) {
        self.line(json!({ "kind": "part", "name": name, "state": state, "cause": cause }));
    }

    /// All parts in the agent's status; one that is not healthy has to say why.
    ///
    /// # Errors
    /// When the status has none.
    pub fn parts(&mut self, status: &Value) -> Result<()> {
        let parts = status["components"].as_array().context("no components")?;
        let mut silent = Vec::new();
        for part in parts {
            let word = |key: &str| part[key].as_str().unwrap_or_default();
            let (name, state, cause) = (word("name"), word("state"), word("cause"));
            self.part(name, state, cause);
            if state != "healthy" {
                self.event(&format!("{name} is {state}: {cause}"));
                silent.extend(cause.trim().is_empty().then_some(name));
            }
        }
        let detail = format!("{} parts {}", parts.len(), silent.join(", "));
        let explained = !parts.is_empty() && silent.is_empty();
        self.check("parts_explained", explained, &detail);
        Ok(())
    }

    /// A measurement with several members; it has to be an object.
    pub fn record(&mut self, name: &str, mut members: Value) {
        members["kind"] = json!("record");
        members["name"] = json!(name);
        self.line(members);
    }

    /// The last line: everything was run.
    pub fn end(&mut self) {
        self.line(json!({ "kind": "end" }));
    }

    /// Checks that failed so far.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failed
    }

    fn line(&mut self, mut value: Value) {
        value["at_s"] = json!((clock::now_ms() / 100.0).round() / 10.0);
        // A port that breaks shows as a missing end; there is nowhere else to say it.
        let _ = writeln!(self.out, "{value}").and_then(|()| self.out.flush());
    }
}
