//! Numbers as people read them. Absent is a dash, never zero.

/// For what is unknown or does not exist.
pub const ABSENT: &str = "-";

/// CPU in cores: `0.25`, `12.5`.
pub fn cores(cores: Option<f64>) -> String {
    cores.map_or_else(absent, |c| {
        let digits = if c >= 100.0 {
            0
        } else if c >= 10.0 {
            1
        } else {
            2
        };
        format!("{c:.digits$}")
    })
}

/// Bytes by powers of 1024: `512 B`, `1.5 MiB`.
pub fn bytes(bytes: Option<f64>) -> String {
    bytes.map_or_else(absent, |b| {
        scaled(b, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
    })
}

/// Bytes that are counted.
pub fn whole_bytes(count: Option<u64>) -> String {
    bytes(count.map(|b| b as f64))
}

/// Traffic by powers of 1000, as links are sold: `1.5 MB/s`.
pub fn rate(bytes_per_s: Option<f64>) -> String {
    bytes_per_s.map_or_else(absent, |b| {
        scaled(b, 1000.0, &["B/s", "kB/s", "MB/s", "GB/s", "TB/s"])
    })
}

/// A share as per cent: `12 %`, `0.4 %`.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(absent, |s| {
        let p = s * 100.0;
        let digits = usize::from(p != 0.0 && p < 9.95);
        format!("{p:.digits$} %")
    })
}

/// A length of time in two steps: `3 s`, `4 min 10 s`, `2 d 3 h`.
pub fn duration(seconds: f64) -> String {
    // Whole seconds are all that is shown; a negative length is a clock that was set back.
    let s = seconds.max(0.0) as u64;
    let (minutes, hours, days) = (s / 60, s / 3600, s / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{s} s"),
        (0, 0, _) => format!("{minutes} min {} s", s % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// Text of others without what a terminal would obey: names of cgroups may hold anything.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn absent() -> String {
    ABSENT.to_owned()
}

fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut units = units.iter().peekable();
    let mut unit = units.next().copied().unwrap_or_default();
    let whole = unit;
    // 999.95 would be shown as 1000.0: the next unit is meant.
    while value.abs() >= step - 0.05
        && let Some(next) = units.next()
    {
        value /= step;
        unit = next;
    }
    if unit == whole || value.abs() >= 99.95 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_have_units() {
        assert_eq!(cores(Some(0.256)), "0.26");
        assert_eq!(cores(Some(12.34)), "12.3");
        assert_eq!(cores(None), "-");
        assert_eq!(whole_bytes(Some(0)), "0 B");
        assert_eq!(whole_bytes(Some(1023)), "1023 B");
        assert_eq!(whole_bytes(Some(1024)), "1.0 KiB");
        assert_eq!(whole_bytes(Some(1024 * 1024 - 1)), "1.0 MiB");
        assert_eq!(whole_bytes(Some(150 << 20)), "150 MiB");
        assert_eq!(rate(Some(1500.0)), "1.5 kB/s");
        assert_eq!(rate(Some(125e6)), "125 MB/s");
        assert_eq!(percent(Some(0.004)), "0.4 %");
        assert_eq!(percent(Some(0.0)), "0 %");
        assert_eq!(percent(Some(0.5)), "50 %");
    }

    #[test]
    fn durations_have_two_steps() {
        assert_eq!(duration(-5.0), "0 s");
        assert_eq!(duration(59.9), "59 s");
        assert_eq!(duration(250.0), "4 min 10 s");
        assert_eq!(duration(7_260.0), "2 h 1 min");
        assert_eq!(duration(183_600.0), "2 d 3 h");
    }

    #[test]
    fn a_name_cannot_command_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
