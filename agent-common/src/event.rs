//! Events of the ring buffer. All begin with the same header; the kind tells what follows: a path cut
//! to [`PATH_BYTES`], or numbers.

use crate::limits::PATH_BYTES;

/// What happened.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A cgroup was made; `path` holds its path in its own hierarchy.
    CgroupCreated = 1,
    /// A cgroup is being removed; `path` holds its path.
    CgroupRemoved = 2,
    /// The kernel chose a task to kill because memory ran out; no path.
    OomKill = 3,
    /// The quota of this period is nearly used up; a [`QuotaEvent`].
    NearQuota = 4,
}

/// Header of an event.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventHeader {
    /// An [`EventKind`] as its number.
    pub kind: u32,
    /// Process chosen to be killed (OOM only, else 0).
    pub pid: u32,
    /// cgroup id; for an OOM kill the victim's where the kernel names the task, else 0.
    pub cgroup: u64,
    /// Monotonic clock, nanoseconds.
    pub at_ns: u64,
    /// Bytes of the path that count.
    pub path_len: u64,
}

/// An event as it lies in the ring.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// Header.
    pub header: EventHeader,
    /// Path without a terminating zero; `header.path_len` bytes count.
    pub path: [u8; PATH_BYTES],
}

/// The quota of a cgroup is used up to its threshold, before the cgroup is throttled.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaEvent {
    /// Header; the cgroup is the one with the quota, which may be above the one that runs.
    pub header: EventHeader,
    /// Quota of a period in nanoseconds.
    pub quota_ns: u64,
    /// What is left of it and of the burst for this period, in nanoseconds.
    pub left_ns: u64,
    /// Periods with a quota that the cgroup has seen: names the period.
    pub period: u64,
    /// When this period ends, on the monotonic clock; 0 where the kernel does not tell.
    pub ends_ns: u64,
    /// What was left when it was last seen to be more, in the same period; 0 with `before_at_ns` 0
    /// where it was not.
    pub before_left_ns: u64,
    /// When that was, on the monotonic clock.
    pub before_at_ns: u64,
}

/// When to tell that a quota is nearly used up, and what was told. One for each cgroup asked for.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NearQuota {
    /// Tell when at most this much of the quota is left, in 1/1024 of the quota.
    pub left_1024: u64,
    /// The last period told of, plus one; 0 when none was. This and what follows is written by the
    /// kernel side.
    pub told: u64,
    /// The period in which `left_ns` was seen, plus one.
    pub period: u64,
    /// What was left when it last changed, in nanoseconds.
    pub left_ns: u64,
    /// When that was, on the monotonic clock.
    pub at_ns: u64,
}

/// A threshold must leave at most this much of the quota, in 1/1024: with more left than that the
/// kernel side does not look the cgroup up.
pub const NEAR_QUOTA_MAX_LEFT_1024: u64 = 1024;

// SAFETY: plain integers without padding; any bit pattern is valid.
#[cfg(feature = "user")]
unsafe impl aya::Pod for NearQuota {}

impl EventKind {
    /// The kind of a number, if it is one.
    #[must_use]
    pub const fn from_u32(kind: u32) -> Option<Self> {
        match kind {
            1 => Some(Self::CgroupCreated),
            2 => Some(Self::CgroupRemoved),
            3 => Some(Self::OomKill),
            4 => Some(Self::NearQuota),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn layout_has_no_padding() {
        assert_eq!(size_of::<EventHeader>(), 4 + 4 + 8 + 8 + 8);
        assert_eq!(offset_of!(EventHeader, cgroup), 8);
        assert_eq!(offset_of!(Event, path), size_of::<EventHeader>());
        assert_eq!(size_of::<Event>(), size_of::<EventHeader>() + PATH_BYTES);
        assert_eq!(size_of::<QuotaEvent>(), size_of::<EventHeader>() + 6 * 8);
        assert_eq!(size_of::<NearQuota>(), 40);
    }

    #[test]
    fn kinds_survive_the_number() {
        for kind in [
            EventKind::CgroupCreated,
            EventKind::CgroupRemoved,
            EventKind::OomKill,
            EventKind::NearQuota,
        ] {
            assert_eq!(EventKind::from_u32(kind as u32), Some(kind));
        }
        assert_eq!(EventKind::from_u32(0), None);
    }
}
