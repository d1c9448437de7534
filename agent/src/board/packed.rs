//! One past tick of a workload in 28 bytes, and the values that rarely change in 16.
//!
//! Absent values are marked inside the number (a NaN, or the largest integer), so that nothing
//! needs a flag beside it. Rates keep 24 significant bits, packets 9, memory whole 4 KiB pages,
//! shares steps of 1/65,534.

use llmos_proto::status::{Limits, Usage};

const PAGE: u64 = 4096;
const SHARE_STEPS: f64 = 65_534.0;

/// A number of 24 significant bits, or nothing.
#[derive(Clone, Copy)]
struct Number(f32);

impl Number {
    fn pack(value: Option<f64>) -> Self {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "24 bits are enough for a picture of the past"
        )]
        let short = value.map_or(f32::NAN, |v| v as f32);
        Self(if short.is_finite() { short } else { f32::NAN })
    }

    /// The shortest decimal that names the packed number: 0.1 comes back as 0.1.
    fn unpack(self) -> Option<f64> {
        if self.0.is_nan() {
            return None;
        }
        self.0.to_string().parse().ok()
    }

    fn same(self, other: Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

/// A number of 9 significant bits that is not negative, or nothing: the upper half of an `f32`
/// without its sign.
#[derive(Clone, Copy)]
struct Coarse(u16);

impl Coarse {
    const DROPPED_BITS: u32 = 15;

    fn pack(value: Option<f64>) -> Self {
        let Number(short) = Number::pack(value.filter(|v| *v >= 0.0));
        if short.is_nan() {
            return Self(u16::MAX);
        }
        // To the nearest; the largest finite numbers would round to infinity and are unknown then.
        let rounded = (short.to_bits() + (1 << (Self::DROPPED_BITS - 1))) >> Self::DROPPED_BITS;
        Self(u16::try_from(rounded).unwrap_or(u16::MAX))
    }

    fn unpack(self) -> Option<f64> {
        let short = f32::from_bits(u32::from(self.0) << Self::DROPPED_BITS);
        Number(if short.is_finite() { short } else { f32::NAN }).unpack()
    }
}

/// Bytes in whole pages, or nothing. 32 bits of pages reach 16 TiB; more is kept as unknown.
#[derive(Clone, Copy, PartialEq)]
struct Pages(u32);

impl Pages {
    fn pack(bytes: Option<u64>) -> Self {
        Self(
            bytes
                .and_then(|b| u32::try_from(b.div_ceil(PAGE)).ok())
                .unwrap_or(u32::MAX),
        )
    }

    fn unpack(self) -> Option<u64> {
        (self.0 != u32::MAX).then(|| u64::from(self.0) * PAGE)
    }
}

/// A share from 0 to 1, or nothing. A share above zero never becomes zero.
#[derive(Clone, Copy)]
struct Share(u16);

impl Share {
    fn pack(share: Option<f64>) -> Self {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 0..=65,534 before"
        )]
        let steps = share
            .filter(|s| s.is_finite())
            .map(|s| (s.clamp(0.0, 1.0) * SHARE_STEPS).ceil() as u16);
        Self(steps.unwrap_or(u16::MAX))
    }

    /// Rounded to six decimals, which is finer than a step.
    fn unpack(self) -> Option<f64> {
        (self.0 != u16::MAX).then(|| (f64::from(self.0) / SHARE_STEPS * 1e6).round() / 1e6)
    }
}

/// What changes each tick.
#[derive(Clone, Copy)]
pub struct PackedUsage {
    cpu: Number,
    memory: Pages,
    working_set: Pages,
    rx_bytes: Number,
    tx_bytes: Number,
    rx_packets: Coarse,
    tx_packets: Coarse,
    throttled: Share,
    stalled: Share,
}

const _: () = assert!(
    size_of::<PackedUsage>() == 28,
    "300 ticks must stay below 9 KiB"
);

impl PackedUsage {
    /// Everything of `usage` but the OOM kills, which [`Slow`] keeps.
    pub fn pack(usage: &Usage) -> Self {
        Self {
            cpu: Number::pack(usage.cpu_cores),
            memory: Pages::pack(usage.memory_bytes),
            working_set: Pages::pack(usage.working_set_bytes),
            rx_bytes: Number::pack(usage.rx_bytes_per_s),
            tx_bytes: Number::pack(usage.tx_bytes_per_s),
            rx_packets: Coarse::pack(usage.rx_packets_per_s),
            tx_packets: Coarse::pack(usage.tx_packets_per_s),
            throttled: Share::pack(usage.throttled_share),
            stalled: Share::pack(usage.memory_stall_share),
        }
    }

    /// The use with the OOM kills of `slow`.
    pub fn unpack(self, slow: Slow) -> Usage {
        Usage {
            cpu_cores: self.cpu.unpack(),
            throttled_share: self.throttled.unpack(),
            memory_bytes: self.memory.unpack(),
            working_set_bytes: self.working_set.unpack(),
            memory_stall_share: self.stalled.unpack(),
            rx_bytes_per_s: self.rx_bytes.unpack(),
            tx_bytes_per_s: self.tx_bytes.unpack(),
            rx_packets_per_s: self.rx_packets.unpack(),
            tx_packets_per_s: self.tx_packets.unpack(),
            oom_kills: slow.oom_kills(),
            // The past is kept of what the page draws; the rest would double the memory it takes.
            ..Usage::default()
        }
    }
}

/// What changes rarely: limits and OOM kills. Kept once per change, not once per tick.
#[derive(Clone, Copy)]
pub struct Slow {
    cpu: Number,
    high: Pages,
    max: Pages,
    oom_kills: u32,
}

impl Slow {
    /// The rare values of a tick.
    pub fn pack(usage: &Usage, limits: &Limits) -> Self {
        Self {
            cpu: Number::pack(limits.cpu_cores),
            high: Pages::pack(limits.memory_high_bytes),
            max: Pages::pack(limits.memory_max_bytes),
            oom_kills: usage
                .oom_kills
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(u32::MAX),
        }
    }

    /// Limits in force.
    pub fn limits(self) -> Limits {
        Limits {
            cpu_cores: self.cpu.unpack(),
            memory_high_bytes: self.high.unpack(),
            memory_max_bytes: self.max.unpack(),
            ..Limits::default()
        }
    }

    /// True when nothing changed.
    pub fn same(self, other: Self) -> bool {
        self.cpu.same(other.cpu)
            && self.high == other.high
            && self.max == other.max
            && self.oom_kills == other.oom_kills
    }

    fn oom_kills(self) -> Option<u64> {
        (self.oom_kills != u32::MAX).then_some(u64::from(self.oom_kills))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_absent_stays_absent() {
        let usage = Usage {
            cpu_cores: Some(0.1),
            throttled_share: Some(0.0),
            memory_bytes: Some(3 * 4096),
            working_set_bytes: None,
            memory_stall_share: Some(1e-9),
            rx_bytes_per_s: Some(125_000_000.0),
            tx_bytes_per_s: None,
            rx_packets_per_s: Some(f64::NAN),
            tx_packets_per_s: Some(f64::INFINITY),
            oom_kills: Some(2),
            ..Usage::default()
        };
        let limits = Limits {
            cpu_cores: Some(1.25),
            memory_high_bytes: None,
            memory_max_bytes: Some(64 << 20),
            ..Limits::default()
        };
        let slow = Slow::pack(&usage, &limits);
        let back = PackedUsage::pack(&usage).unpack(slow);
        assert_eq!(back.cpu_cores, Some(0.1));
        assert_eq!(back.throttled_share, Some(0.0));
        assert_eq!(back.memory_bytes, Some(12_288));
        assert_eq!(back.working_set_bytes, None);
        assert!(back.memory_stall_share.is_some_and(|s| s > 0.0 && s < 2e-5));
        assert_eq!(back.rx_bytes_per_s, Some(125_000_000.0));
        assert_eq!(back.tx_bytes_per_s, None);
        assert_eq!(back.rx_packets_per_s, None, "a NaN is not a value");
        assert_eq!(back.tx_packets_per_s, None);
        assert_eq!(back.oom_kills, Some(2));
        assert_eq!(slow.limits(), limits);
        assert!(!slow.same(Slow::pack(&usage, &Limits::default())));
        assert!(slow.same(Slow::pack(&usage, &limits)));
    }

    #[test]
    fn packets_are_within_a_fifth_of_a_percent() {
        for packets in [0.0, 0.25, 1.0, 3.0, 700.0, 81_234.0, 14_880_000.0] {
            let back = Coarse::pack(Some(packets)).unpack().expect("a number");
            assert!(
                (back - packets).abs() <= packets * 0.002,
                "{packets} came back as {back}"
            );
        }
        for unknown in [None, Some(f64::NAN), Some(-1.0), Some(f64::from(f32::MAX))] {
            assert_eq!(Coarse::pack(unknown).unpack(), None);
        }
    }

    #[test]
    fn a_full_share_is_one_and_no_share_is_none() {
        assert_eq!(Share::pack(Some(1.0)).unpack(), Some(1.0));
        assert_eq!(Share::pack(Some(7.0)).unpack(), Some(1.0));
        assert_eq!(Share::pack(None).unpack(), None);
    }
}
