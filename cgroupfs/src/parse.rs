//! Pure parsers for the text of cgroup v2 files. Formats: the kernel's `cgroup-v2.rst`.

use std::fmt;

/// A file held something else than its format allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct Garbage {
    /// What the format asks for.
    pub expected: &'static str,
    /// What was there, cut to a readable length.
    pub found: String,
}

impl Garbage {
    fn new(expected: &'static str, found: &str) -> Self {
        Self {
            expected,
            found: found.trim().chars().take(60).collect(),
        }
    }
}

/// `cpu.max`: how much CPU time in each period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuMax {
    /// Microseconds of CPU time in a period; `None` for `max`.
    pub quota_us: Option<u64>,
    /// Length of the period in microseconds.
    pub period_us: u64,
}

impl CpuMax {
    /// The limit in cores; infinite for `max`.
    #[must_use]
    pub fn cores(self) -> f64 {
        self.quota_us
            .map_or(f64::INFINITY, |quota| quota as f64 / self.period_us as f64)
    }
}

impl fmt::Display for CpuMax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quota_us {
            Some(quota) => write!(f, "{quota} {}", self.period_us),
            None => write!(f, "max {}", self.period_us),
        }
    }
}

/// `memory.high` or `memory.max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemoryLimit {
    /// A limit in bytes.
    Bytes(u64),
    /// No limit.
    Max,
}

impl MemoryLimit {
    /// The limit in bytes; `u64::MAX` for `max`.
    #[must_use]
    pub fn bytes(self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Max => u64::MAX,
        }
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{bytes}"),
            Self::Max => f.write_str("max"),
        }
    }
}

/// Totals of a pressure file, in microseconds since the cgroup was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pressure {
    /// Time in which at least one task stalled.
    pub some_us: Option<u64>,
    /// Time in which all tasks stalled at once. Older kernels do not give it for CPU.
    pub full_us: Option<u64>,
}

/// Values of the wanted keys of a `key value` file, in the order asked for. A key that is not
/// there is `None`; a line that is not a key and a number is garbage.
pub(crate) fn flat_keys<const N: usize>(
    text: &str,
    keys: [&str; N],
) -> Result<[Option<u64>; N], Garbage> {
    let mut values = [None; N];
    for line in text.lines() {
        let (key, value) = line
            .split_once(' ')
            .and_then(|(key, value)| Some((key, value.trim().parse::<u64>().ok()?)))
            .ok_or_else(|| Garbage::new("lines of a key and a number", line))?;
        if let Some(at) = keys.iter().position(|wanted| *wanted == key) {
            values[at] = Some(value);
            if values.iter().all(Option::is_some) {
                break;
            }
        }
    }
    Ok(values)
}

/// One whole number.
pub(crate) fn number(text: &str, expected: &'static str) -> Result<u64, Garbage> {
    text.trim()
        .parse()
        .map_err(|_| Garbage::new(expected, text))
}

/// `cpu.max`.
pub(crate) fn cpu_max(text: &str) -> Result<CpuMax, Garbage> {
    const EXPECTED: &str = "\"QUOTA PERIOD\" in microseconds, where QUOTA may be max";
    let mut words = text.split_whitespace();
    let (Some(quota), Some(period), None) = (words.next(), words.next(), words.next()) else {
        return Err(Garbage::new(EXPECTED, text));
    };
    let bad = |_| Garbage::new(EXPECTED, text);
    let quota_us = if quota == "max" {
        None
    } else {
        Some(quota.parse().map_err(bad)?)
    };
    let period_us = period.parse().map_err(bad)?;
    if period_us == 0 {
        return Err(Garbage::new(EXPECTED, text));
    }
    Ok(CpuMax {
        quota_us,
        period_us,
    })
}

/// `memory.high` and `memory.max`.
pub(crate) fn memory_limit(text: &str) -> Result<MemoryLimit, Garbage> {
    if text.trim() == "max" {
        return Ok(MemoryLimit::Max);
    }
    number(text, "a number of bytes or max").map(MemoryLimit::Bytes)
}

/// `cpu.pressure` and `memory.pressure`: `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
pub(crate) fn pressure(text: &str) -> Result<Pressure, Garbage> {
    const EXPECTED: &str = "\"some|full avg10=.. avg60=.. avg300=.. total=MICROSECONDS\"";
    let mut totals = Pressure::default();
    for line in text.lines() {
        let total = line
            .rsplit_once(" total=")
            .and_then(|(_, total)| total.trim().parse().ok())
            .ok_or_else(|| Garbage::new(EXPECTED, line))?;
        match line.split(' ').next() {
            Some("some") => totals.some_us = Some(total),
            Some("full") => totals.full_us = Some(total),
            _ => return Err(Garbage::new(EXPECTED, line)),
        }
    }
    Ok(totals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_print_as_the_kernel_reads_them() {
        for text in ["max 100000", "20000 50000"] {
            assert_eq!(cpu_max(text).unwrap().to_string(), text);
        }
        for text in ["max", "4096"] {
            assert_eq!(memory_limit(text).unwrap().to_string(), text);
        }
        assert!((cpu_max("25000 50000\n").unwrap().cores() - 0.5).abs() < 1e-12);
        assert!(cpu_max("max 100000\n").unwrap().cores().is_infinite());
    }

    #[test]
    fn wrong_limits_are_garbage() {
        for text in [
            "",
            "max",
            "1 2 3",
            "x 100000",
            "100 0",
            "100 y",
            "-1 100000",
        ] {
            assert!(cpu_max(text).is_err(), "{text:?} passed");
        }
        for text in ["", "x", "-5", "12 13"] {
            assert!(memory_limit(text).is_err(), "{text:?} passed");
        }
    }

    #[test]
    fn pressure_without_full_is_not_zero() {
        let found = pressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=17\n").unwrap();
        assert_eq!(
            found,
            Pressure {
                some_us: Some(17),
                full_us: None
            }
        );
        assert!(pressure("some avg10=0.00\n").is_err());
        assert!(pressure("none avg10=0.00 total=1\n").is_err());
    }

    #[test]
    fn absent_keys_are_none_and_garbage_is_named() {
        let found = flat_keys("usage_usec 5\nuser_usec 3\n", ["usage_usec", "nr_periods"]);
        assert_eq!(found.unwrap(), [Some(5), None]);
        let error = flat_keys("usage_usec five\n", ["usage_usec"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected lines of a key and a number, found \"usage_usec five\""
        );
        assert!(flat_keys("hello\n", ["usage_usec"]).is_err());
    }
}
