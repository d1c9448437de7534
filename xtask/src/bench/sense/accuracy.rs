//! What the kernel side counts, against the kernel's own accounts.

use anyhow::Result;
use serde_json::Value;

use super::super::native;
use super::Numbers;
use crate::step::Steps;

/// Long enough for a difference of one part in a thousand to show.
const SECONDS: &str = "10";

/// Each load for ten seconds: CPU, switches, waits, traffic.
pub fn run(_: bool, steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    let answer = steps.run("counts against the kernel's own accounts", || {
        native::ask("native-accuracy", &["--all", "--seconds", SECONDS])
    })?;
    take(&answer, numbers);
    Ok(())
}

/// Takes over all figures of an answer, with the reasons for those that are missing.
pub fn take(answer: &Value, numbers: &mut Numbers) {
    for (key, value) in answer.as_object().into_iter().flatten() {
        if key.ends_with("_reason") {
            continue;
        }
        let reason = answer[format!("{key}_reason")].as_str();
        numbers.put_or(key, value.as_f64(), reason.unwrap_or("it gave no number"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_reasons_are_taken_over() {
        let answer: Value =
            serde_json::from_str(r#"{"a": 1.5, "b": null, "b_reason": "no schedstat"}"#).unwrap();
        let mut numbers = Numbers::default();
        take(&answer, &mut numbers);
        assert_eq!(numbers.get("a"), Some(1.5));
        assert_eq!(numbers.reason("b"), Some("no schedstat"));
    }
}
