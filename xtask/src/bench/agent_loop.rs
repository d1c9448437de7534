//! `cargo xtask bench loop`: accuracy and cost of the agent on this machine.

use anyhow::Result;

use super::Numbers;
use crate::step;

/// Measures and returns the numbers.
pub fn run() -> Result<Numbers> {
    let mut numbers = Numbers::default();
    let times = step::read_times();
    for name in ["setup_s", "test_s"] {
        numbers.put(name, times.get(name).and_then(serde_json::Value::as_f64));
    }
    Ok(numbers)
}
