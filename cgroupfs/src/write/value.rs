//! From a wanted value to what a limit file can hold. Pure.

use llmos_engine::decide::Knob;

use crate::parse::{CpuMax, Garbage, MemoryLimit, cpu_max, memory_limit, number};

/// CPU limits are multiples of this many millicores. Finer steps are not worth a write, and
/// systemd rounds what it re-applies to 1 %, which would look like somebody else's change.
const CPU_STEP_MILLICORES: f64 = 10.0;
/// The kernel refuses a smaller quota, in microseconds.
const MIN_QUOTA_US: u64 = 1000;
/// The kernel's default period, in microseconds.
const DEFAULT_PERIOD_US: u64 = 100_000;
/// Burst credits closer than this are the same, in microseconds.
const BURST_STEP_US: f64 = 1000.0;
/// What the kernel takes as a weight.
const WEIGHTS: (f64, f64) = (1.0, 10_000.0);
/// The largest number that cgroups-rs can write; more than any machine has.
const LARGEST: f64 = i64::MAX as f64;

/// The content of a limit file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Of `cpu.max`.
    Cpu(CpuMax),
    /// Of `cpu.max.burst`, in microseconds.
    Burst(u64),
    /// Of `cpu.weight`.
    Weight(u64),
    /// Of `memory.high` or `memory.max`.
    Memory(MemoryLimit),
}

impl Content {
    /// Parses what the file of `knob` holds.
    pub(crate) fn parse(knob: Knob, text: &str) -> Result<Self, Garbage> {
        match knob {
            Knob::CpuMax => cpu_max(text).map(Self::Cpu),
            Knob::CpuBurst => number(text, "a number of microseconds").map(Self::Burst),
            Knob::CpuWeight => number(text, "1 to 10000").map(Self::Weight),
            Knob::MemoryHigh | Knob::MemoryMax => memory_limit(text).map(Self::Memory),
        }
    }

    /// The value in the knob's unit; infinite for `max`.
    pub(crate) fn value(self) -> f64 {
        match self {
            Self::Cpu(max) => max.cores(),
            Self::Burst(number) | Self::Weight(number) => number as f64,
            Self::Memory(MemoryLimit::Bytes(bytes)) => bytes as f64,
            Self::Memory(MemoryLimit::Max) => f64::INFINITY,
        }
    }

    /// The content nearest to `value` that keeps the period of `self`. `None` if `value` is no
    /// limit at all (not a number, negative, or infinite where there is no such thing).
    pub(crate) fn with_value(self, value: f64, page: u64) -> Option<Self> {
        if value.is_nan() || value < 0.0 {
            return None;
        }
        Some(match self {
            Self::Cpu(CpuMax { period_us, .. }) => Self::Cpu(CpuMax {
                quota_us: quota_us(value, period_us),
                period_us,
            }),
            Self::Burst(_) | Self::Weight(_) if value >= LARGEST => return None,
            Self::Burst(_) => Self::Burst(value.round() as u64),
            Self::Weight(_) => Self::Weight(value.round().clamp(WEIGHTS.0, WEIGHTS.1) as u64),
            Self::Memory(_) if value >= LARGEST => Self::Memory(MemoryLimit::Max),
            Self::Memory(_) => {
                let pages = (value as u64 / page).max(1);
                Self::Memory(MemoryLimit::Bytes(pages * page))
            }
        })
    }

    /// Is `other` the same limit, within less than one step of CPU (systemd rounds up to whole ones), or up
    /// to one page of memory? Weights are exact.
    pub(crate) fn is_near(self, other: Self, page: u64) -> bool {
        if self == other {
            return true;
        }
        let step = match self {
            Self::Cpu(_) => CPU_STEP_MILLICORES / 1000.0,
            Self::Burst(_) => BURST_STEP_US,
            Self::Weight(_) => return false,
            Self::Memory(_) => page as f64,
        };
        let apart = (self.value() - other.value()).abs();
        // The tiny difference covers the rounding of quota over period.
        match self {
            Self::Cpu(_) => apart < step * 0.999_999,
            _ => apart <= step,
        }
    }
}

fn quota_us(cores: f64, period_us: u64) -> Option<u64> {
    let millicores = (cores * 1000.0 / CPU_STEP_MILLICORES).round() * CPU_STEP_MILLICORES;
    let quota = millicores / 1000.0 * period_us as f64;
    (quota < LARGEST).then(|| (quota.round() as u64).max(MIN_QUOTA_US))
}

/// The value that a limit file would really hold for a wanted `value`, in the knob's unit: CPU in
/// steps of 10 millicores, memory in whole pages. Use it to compare before asking for a write.
/// `value` comes back as it is when it is no limit at all.
#[must_use]
pub fn quantise(knob: Knob, value: f64) -> f64 {
    let content = match knob {
        Knob::CpuMax => Content::Cpu(CpuMax {
            quota_us: None,
            period_us: DEFAULT_PERIOD_US,
        }),
        Knob::CpuBurst => Content::Burst(0),
        Knob::CpuWeight => Content::Weight(0),
        Knob::MemoryHigh | Knob::MemoryMax => Content::Memory(MemoryLimit::Max),
    };
    content
        .with_value(value, page_size())
        .map_or(value, Content::value)
}

/// Bytes in a page of this machine.
pub(crate) fn page_size() -> u64 {
    use nix::unistd::{SysconfVar, sysconf};
    match sysconf(SysconfVar::PAGE_SIZE) {
        Ok(Some(bytes)) if bytes > 0 => bytes.unsigned_abs(),
        _ => 4096,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(from: &str, cores: f64) -> String {
        match Content::parse(Knob::CpuMax, from)
            .unwrap()
            .with_value(cores, 4096)
            .unwrap()
        {
            Content::Cpu(max) => max.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn cpu_is_in_steps_and_keeps_its_period() {
        assert_eq!(cpu("max 100000", 0.333), "33000 100000");
        assert_eq!(cpu("50000 20000", 1.5), "30000 20000");
        assert_eq!(cpu("max 100000", f64::INFINITY), "max 100000");
        assert_eq!(
            cpu("max 100000", 0.0),
            "1000 100000",
            "never below the kernel's minimum"
        );
        assert_eq!(cpu("max 10000", 0.05), "1000 10000");
    }

    #[test]
    fn memory_is_in_pages() {
        let page = 4096;
        let none = Content::Memory(MemoryLimit::Max);
        let bytes = |value| none.with_value(value, page).unwrap().value();
        assert_eq!(bytes(10_000.0) as u64, 8192);
        assert_eq!(bytes(0.0) as u64, 4096);
        assert!(bytes(u64::MAX as f64).is_infinite());
        assert!(bytes(f64::INFINITY).is_infinite());
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        let none = Content::Memory(MemoryLimit::Max);
        assert_eq!(none.with_value(f64::NAN, 4096), None);
        assert_eq!(none.with_value(-1.0, 4096), None);
    }

    #[test]
    fn credit_and_weight_are_whole_numbers_that_the_kernel_takes() {
        let of = |knob, value| {
            let content = Content::parse(knob, "100").unwrap().with_value(value, 4096);
            content.map(|content| content.value() as u64)
        };
        assert_eq!(of(Knob::CpuBurst, 20_000.4), Some(20_000));
        assert_eq!(of(Knob::CpuWeight, 0.0), Some(1));
        assert_eq!(of(Knob::CpuWeight, 1e6), Some(10_000));
        for knob in [Knob::CpuBurst, Knob::CpuWeight] {
            assert_eq!(of(knob, f64::INFINITY), None);
            assert!(Content::parse(knob, "max").is_err());
        }
    }

    #[test]
    fn near_means_less_than_a_step() {
        let at = |text| Content::parse(Knob::CpuMax, text).unwrap();
        assert!(at("33300 100000").is_near(at("34000 100000"), 4096));
        assert!(!at("33000 100000").is_near(at("34000 100000"), 4096));
        assert!(!at("120000 100000").is_near(at("121000 100000"), 4096));
        assert!(!at("33000 100000").is_near(at("max 100000"), 4096));
        assert!(at("max 100000").is_near(at("max 100000"), 4096));
    }
}
