//! The figures of one measurement under flat names, and what could not be measured.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::{paths, step};

/// Numbers of one measurement under flat names; the unit is the end of the name.
#[derive(Default)]
pub struct Numbers(Map<String, Value>);

impl Numbers {
    /// Keeps a number with three digits after the point; what was not measured is `null`.
    pub fn put(&mut self, name: &str, value: Option<f64>) {
        let value = value.map_or(Value::Null, |value| Value::from(step::round(value, 3)));
        self.0.insert(name.to_owned(), value);
    }

    /// Keeps a number, or `null` with the reason beside it under `NAME_reason`.
    pub fn put_or(&mut self, name: &str, value: Option<f64>, reason: &str) {
        self.put(name, value);
        if value.is_none() {
            self.0.insert(format!("{name}_reason"), Value::from(reason));
        }
    }

    /// Keeps a figure as another program has given it.
    pub fn keep(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// The number kept under a name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64)
    }

    /// Why there is no number under a name.
    pub fn reason(&self, name: &str) -> Option<&str> {
        self.0
            .get(&format!("{name}_reason"))
            .and_then(Value::as_str)
    }

    /// Is there anything under this name, be it `null`?
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Names and values in order, without the reasons.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .filter(|(name, _)| !name.ends_with("_reason"))
    }

    /// Prints all numbers, one on a line.
    pub fn print(&self) {
        let width = self.0.keys().map(String::len).max().unwrap_or(0);
        for (name, value) in &self.0 {
            println!("  {name:<width$}  {value}");
        }
    }

    /// Writes `target/bench/NAME.json`.
    pub fn write(&self, bench: &str) -> Result<()> {
        let file = paths::bench().join(format!("{bench}.json"));
        std::fs::create_dir_all(paths::bench())?;
        std::fs::write(&file, serde_json::to_string_pretty(&self.0)? + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
        println!("written to {}", paths::shown(&file));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_null_with_its_reason() {
        let mut numbers = Numbers::default();
        numbers.put_or("a_ms", Some(1.23456), "not shown");
        numbers.put_or("b_ms", None, "no such file");
        assert_eq!(numbers.get("a_ms"), Some(1.235));
        assert!(numbers.reason("a_ms").is_none());
        assert_eq!((numbers.get("b_ms"), numbers.has("b_ms")), (None, true));
        assert_eq!(numbers.reason("b_ms"), Some("no such file"));
        assert_eq!(numbers.iter().count(), 2);
    }
}
