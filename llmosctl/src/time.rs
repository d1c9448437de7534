//! Wall clocks for people, in UTC: no time zone data is needed and logs of nodes agree.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::units;

/// Now, in milliseconds since 1970.
pub fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// `12:03:04 UTC`.
pub fn of_day(unix_ms: u64) -> String {
    let s = unix_ms / 1000 % 86_400;
    format!("{:02}:{:02}:{:02} UTC", s / 3600, s / 60 % 60, s % 60)
}

/// `3 s ago`.
pub fn ago(unix_ms: u64, now_ms: u64) -> String {
    let ms = now_ms.saturating_sub(unix_ms);
    format!("{} ago", units::duration(ms as f64 / 1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_readable() {
        assert_eq!(of_day(1_700_000_003_999), "22:13:23 UTC");
        assert_eq!(ago(1_000, 4_500), "3 s ago");
        assert_eq!(ago(5_000, 4_500), "0 s ago");
    }
}
