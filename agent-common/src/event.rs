//! Events of the ring buffer. All have one fixed layout: a header, then the path where there is
//! one, cut to [`PATH_BYTES`].

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

impl EventKind {
    /// The kind of a number, if it is one.
    #[must_use]
    pub const fn from_u32(kind: u32) -> Option<Self> {
        match kind {
            1 => Some(Self::CgroupCreated),
            2 => Some(Self::CgroupRemoved),
            3 => Some(Self::OomKill),
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
    }

    #[test]
    fn kinds_survive_the_number() {
        for kind in [
            EventKind::CgroupCreated,
            EventKind::CgroupRemoved,
            EventKind::OomKill,
        ] {
            assert_eq!(EventKind::from_u32(kind as u32), Some(kind));
        }
        assert_eq!(EventKind::from_u32(0), None);
    }
}
