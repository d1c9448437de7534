//! Sums over the history that the agent keeps of a workload.

use serde_json::Value;

/// Adds up a rate of a `/v1/workloads/{id}` answer over time: cores give CPU seconds, bytes per
/// second give bytes. Nothing when no tick has a value.
#[must_use]
pub fn total(detail: &Value, rate: &str) -> Option<f64> {
    let mut total = None;
    for pair in detail["history"].as_array()?.windows(2) {
        let [before, after] = pair else { continue };
        // A tick without a value adds nothing; what it should have added shows as a difference.
        let Some(value) = after["usage"][rate].as_f64() else {
            continue;
        };
        let seconds = (after["at_unix_ms"].as_f64()? - before["at_unix_ms"].as_f64()?) / 1e3;
        total = Some(total.unwrap_or(0.0) + value * seconds);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rate_times_its_tick_is_added_up() {
        let detail = json!({ "history": [
            { "at_unix_ms": 1_000, "usage": { "cpu_cores": 9.0 } },
            { "at_unix_ms": 2_000, "usage": { "cpu_cores": 1.0 } },
            { "at_unix_ms": 2_500, "usage": { "cpu_cores": 2.0 } },
            { "at_unix_ms": 3_500, "usage": { "cpu_cores": null } },
        ]});
        assert_eq!(total(&detail, "cpu_cores"), Some(2.0));
        assert_eq!(total(&detail, "rx_bytes_per_s"), None);
        assert_eq!(total(&json!({}), "cpu_cores"), None);
    }
}
