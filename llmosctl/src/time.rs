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

/// `2023-11-14 22:13:23 UTC`.
pub fn of_date(unix_ms: u64) -> String {
    // Days are counted from 1 March of the year 0, so that the leap day is the last of its year;
    // from there years and months follow by division alone
    // (<https://howardhinnant.github.io/date_algorithms.html#civil_from_days>).
    let days = unix_ms / 86_400_000 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let (month, next) = match from_march {
        0..10 => (from_march + 3, 0),
        _ => (from_march - 9, 1),
    };
    let year = era * 400 + year + next;
    format!("{year}-{month:02}-{day:02} {}", of_day(unix_ms))
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
        assert_eq!(of_date(1_700_000_003_999), "2023-11-14 22:13:23 UTC");
        assert_eq!(of_date(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(of_date(951_782_400_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(of_date(4_107_542_399_000), "2100-02-28 23:59:59 UTC");
        assert_eq!(of_date(4_107_542_400_000), "2100-03-01 00:00:00 UTC");
        assert_eq!(ago(1_000, 4_500), "3 s ago");
        assert_eq!(ago(5_000, 4_500), "0 s ago");
    }
}
