//! What a virtual machine said: checks, numbers and events, one JSON object a line.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use super::Checks;
use super::matrix::Part;

/// The results of one boot.
#[derive(Default)]
pub struct Report {
    /// Stands before each line that is shown: which machine says it.
    label: String,
    /// The agent's parts and how they were.
    pub parts: Vec<Part>,
    /// Measurements with several members, as they came.
    pub records: Vec<Value>,
    /// Name and outcome of each check, with what was seen.
    pub checks: Vec<(String, bool, String)>,
    /// Booleans and numbers for `vm.json`.
    pub facts: Map<String, Value>,
    ended: bool,
    unreadable: Vec<String>,
}

impl Report {
    /// An empty report of the machine `label`.
    pub fn of(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            ..Self::default()
        }
    }

    /// Takes in one line and shows it as a person wants to read it.
    pub fn line(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            self.unreadable.push(text.to_owned());
            return;
        };
        let word = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let at = value["at_s"].as_f64().unwrap_or_default();
        let show = |text: String| println!("  {:<5}{at:>6.1} s  {text}", self.label);
        match value["kind"].as_str() {
            Some("event") => show(word("text")),
            Some("check") => {
                let ok = value["ok"].as_bool().unwrap_or_default();
                let verdict = if ok { "ok" } else { "FAILED" };
                show(format!(
                    "{:<28} {verdict:<6} {}",
                    word("name"),
                    word("detail")
                ));
                self.facts.insert(word("name"), Value::from(ok));
                self.checks.push((word("name"), ok, word("detail")));
            }
            Some("number") => {
                show(format!("{:<28} {}", word("name"), value["value"]));
                self.facts.insert(word("name"), value["value"].clone());
            }
            Some("part") => self.parts.push(Part {
                name: word("name"),
                state: word("state"),
                cause: word("cause"),
            }),
            Some("record") => self.records.push(value),
            Some("end") => self.ended = true,
            _ => self.unreadable.push(text.to_owned()),
        }
    }

    /// Checks that went well and checks that did not.
    pub fn outcome(&self) -> Checks {
        let failed: Vec<String> = self
            .checks
            .iter()
            .filter(|(_, ok, _)| !ok)
            .map(|(name, _, detail)| format!("{name}: {detail}"))
            .collect();
        Checks {
            passed: self.checks.len() - failed.len(),
            failed,
        }
    }

    /// An error when the machine did not get to its end or said what nobody understands.
    pub fn complete(&self) -> Result<()> {
        if let Some(line) = self.unreadable.first() {
            bail!(
                "{} unreadable result lines, the first: {line}",
                self.unreadable.len()
            );
        }
        if !self.ended {
            let last = self.checks.last().map_or("none", |(name, ..)| name);
            bail!("the program did not reach its end; the last check was: {last}");
        }
        if self.checks.is_empty() && self.records.is_empty() {
            bail!("the program checked and measured nothing");
        }
        Ok(())
    }

    /// Puts the facts of `kernel` into `vm.json`, beside those of other kernels.
    pub fn write(&self, kernel: &str) -> Result<()> {
        let file = crate::paths::bench().join("vm.json");
        let mut all = std::fs::read_to_string(&file)
            .ok()
            .and_then(|text| serde_json::from_str::<Map<String, Value>>(&text).ok())
            .unwrap_or_default();
        all.insert(kernel.to_owned(), Value::Object(self.facts.clone()));
        std::fs::create_dir_all(crate::paths::bench())?;
        std::fs::write(
            &file,
            serde_json::to_string_pretty(&Value::Object(all))? + "\n",
        )
        .with_context(|| format!("cannot write {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_stops_half_way_is_an_error() {
        let mut report = Report::default();
        report.line(r#"{"kind":"check","name":"a","ok":true,"detail":"","at_s":1.0}"#);
        assert!(format!("{:#}", report.complete().unwrap_err()).contains("last check was: a"));
        report.line(r#"{"kind":"end"}"#);
        report.complete().unwrap();
        report.line(r#"{"kind":"check","name":"b","ok":false,"detail":"2 kills","at_s":1.0}"#);
        let checks = report.outcome();
        assert_eq!(checks.passed, 1);
        assert_eq!(checks.failed, ["b: 2 kills"]);
    }

    #[test]
    fn noise_on_the_result_port_is_an_error() {
        let mut report = Report::default();
        report.line("Segmentation fault");
        report.line(r#"{"kind":"end"}"#);
        assert!(report.complete().is_err());
    }
}
