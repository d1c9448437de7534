//! Numbered steps with their durations, and the table of where the time went.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::paths;

/// The steps of one command, in order.
pub struct Steps {
    started: Instant,
    done: Vec<(String, Duration)>,
}

impl Steps {
    /// Starts the clock of a command.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            done: Vec::new(),
        }
    }

    /// Runs one step and prints its number, its name and how long it took, also when it fails.
    pub fn run<T>(&mut self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let number = self.done.len() + 1;
        println!("[{number}] {what} ...");
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        self.done.push((what.to_owned(), took));
        match result {
            Ok(value) => {
                println!("[{number}] {what}: took {:.1} s", took.as_secs_f64());
                Ok(value)
            }
            Err(error) => {
                println!(
                    "[{number}] {what}: failed after {:.1} s",
                    took.as_secs_f64()
                );
                Err(error.context(format!("{what} failed")))
            }
        }
    }

    /// Seconds since the command started.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Prints where the time of `command` went, longest names aligned.
    pub fn table(&self, command: &str) {
        let width = self
            .done
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0)
            .max(5);
        println!("\nwhere the time of `cargo xtask {command}` went");
        for (name, took) in &self.done {
            println!("  {name:<width$}  {:>7.1} s", took.as_secs_f64());
        }
        println!("  {:<width$}  {:>7.1} s", "total", self.seconds());
    }
}

/// Writes one duration in seconds to `target/bench/times.json`, beside those already there.
pub fn remember(key: &str, seconds: f64) -> Result<()> {
    let file = paths::bench().join("times.json");
    let mut times = read_times();
    times.insert(key.to_owned(), Value::from(round(seconds, 1)));
    std::fs::create_dir_all(paths::bench())?;
    std::fs::write(
        &file,
        serde_json::to_string_pretty(&Value::Object(times))? + "\n",
    )
    .with_context(|| format!("cannot write {}", file.display()))
}

/// The durations that earlier commands left behind; empty when there were none.
pub fn read_times() -> serde_json::Map<String, Value> {
    std::fs::read_to_string(paths::bench().join("times.json"))
        .ok()
        .and_then(|text| serde_json::from_str::<Value>(&text).ok())
        .and_then(|value| value.as_object().cloned())
        .unwrap_or_default()
}

/// Rounds for people: `digits` places after the point.
pub fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_is_counted_and_named() {
        let mut steps = Steps::new();
        let error = steps
            .run("dig", || -> Result<()> { anyhow::bail!("rock") })
            .unwrap_err();
        assert_eq!(format!("{error:#}"), "dig failed: rock");
        assert_eq!(steps.done.len(), 1);
    }

    #[test]
    fn rounding_keeps_the_digits_asked_for() {
        assert!((round(1.2345, 2) - 1.23).abs() < 1e-12);
        assert!((round(-0.05, 0)).abs() < 1e-12);
    }
}
