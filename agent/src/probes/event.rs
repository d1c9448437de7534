//! Decoding of ring-buffer records: a pure function of the bytes.

use std::mem::size_of;

use bytes::{Buf, Bytes};
use llmos_common::event::{EventHeader, EventKind, QuotaEvent};
use llmos_common::limits::PATH_BYTES;
use llmos_engine::units::{CgroupId, Timestamp};

/// Something that happened in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelEvent {
    /// A cgroup was made. The path is that of its own hierarchy, which need not be the unified
    /// one: the reader compares the id with the tree.
    CgroupCreated {
        /// Its id.
        id: CgroupId,
        /// Its path, beginning with `/`.
        path: String,
    },
    /// A cgroup is going away.
    CgroupRemoved {
        /// Its id.
        id: CgroupId,
        /// Its path, beginning with `/`.
        path: String,
    },
    /// A process was chosen to be killed because memory ran out.
    OomKill {
        /// The victim's cgroup where the kernel named the task.
        id: Option<CgroupId>,
        /// The victim.
        pid: u32,
        /// When, on the monotonic clock.
        at: Timestamp,
    },
    /// The quota of a cgroup is used up to its threshold in this period.
    NearQuota {
        /// The cgroup with the quota.
        id: CgroupId,
        /// When, on the monotonic clock.
        at: Timestamp,
        /// Quota of a period in nanoseconds.
        quota_ns: u64,
        /// What is left for this period, burst credit included, in nanoseconds.
        left_ns: u64,
        /// Count of periods with a quota so far: names the period.
        period: u64,
        /// When the period ends, on the monotonic clock; `None` where the kernel does not tell.
        ends: Option<Timestamp>,
        /// What was left earlier in the same period, in nanoseconds, and when; `None` where nobody
        /// looked.
        before: Option<(u64, Timestamp)>,
    },
}

/// Decodes one record; `None` for one that is too short or of an unknown kind.
#[must_use]
pub fn decode(mut record: Bytes) -> Option<KernelEvent> {
    if record.remaining() < size_of::<EventHeader>() {
        return None;
    }
    let kind = EventKind::from_u32(record.get_u32_ne())?;
    let pid = record.get_u32_ne();
    let id = CgroupId(record.get_u64_ne());
    let at = Timestamp(record.get_u64_ne());
    let path_len = usize::try_from(record.get_u64_ne()).ok()?.min(PATH_BYTES);
    if kind == EventKind::NearQuota {
        if record.remaining() < size_of::<QuotaEvent>() - size_of::<EventHeader>() {
            return None;
        }
        return Some(KernelEvent::NearQuota {
            id,
            at,
            quota_ns: record.get_u64_ne(),
            left_ns: record.get_u64_ne(),
            period: record.get_u64_ne(),
            ends: Some(record.get_u64_ne())
                .filter(|ends| *ends != 0)
                .map(Timestamp),
            before: Some((record.get_u64_ne(), Timestamp(record.get_u64_ne())))
                .filter(|(_, at)| at.0 != 0),
        });
    }
    let path = || Some(String::from_utf8_lossy(record.get(..path_len)?).into_owned());
    Some(match kind {
        EventKind::CgroupCreated => KernelEvent::CgroupCreated { id, path: path()? },
        EventKind::CgroupRemoved => KernelEvent::CgroupRemoved { id, path: path()? },
        EventKind::OomKill => KernelEvent::OomKill {
            id: (id.0 != 0).then_some(id),
            pid,
            at,
        },
        EventKind::NearQuota => return None,
    })
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut as _, BytesMut};

    use super::*;

    fn record(kind: u32, id: u64, path: &str) -> BytesMut {
        let mut record = BytesMut::new();
        record.put_u32_ne(kind);
        record.put_u32_ne(42);
        record.put_u64_ne(id);
        record.put_u64_ne(1_000);
        record.put_u64_ne(path.len() as u64);
        record.put_slice(path.as_bytes());
        record.resize(size_of::<EventHeader>() + PATH_BYTES, 0);
        record
    }

    #[test]
    fn a_created_cgroup_has_its_path() {
        let event = decode(record(1, 77, "/a/b").freeze());
        let expected = KernelEvent::CgroupCreated {
            id: CgroupId(77),
            path: "/a/b".to_owned(),
        };
        assert_eq!(event, Some(expected));
    }

    #[test]
    fn an_oom_kill_without_a_cgroup_says_so() {
        let event = decode(record(3, 0, "").freeze());
        assert_eq!(
            event,
            Some(KernelEvent::OomKill {
                id: None,
                pid: 42,
                at: Timestamp(1_000)
            })
        );
    }

    #[test]
    fn a_near_quota_event_has_its_numbers() {
        let mut bytes = record(4, 9, "");
        bytes.truncate(size_of::<EventHeader>());
        assert_eq!(decode(bytes.clone().freeze()), None, "cut short");
        for number in [20_000_000, 8_000_000, 3, 70_001_000, 12_000_000, 500] {
            bytes.put_u64_ne(number);
        }
        assert_eq!(
            decode(bytes.freeze()),
            Some(KernelEvent::NearQuota {
                id: CgroupId(9),
                at: Timestamp(1_000),
                quota_ns: 20_000_000,
                left_ns: 8_000_000,
                period: 3,
                ends: Some(Timestamp(70_001_000)),
                before: Some((12_000_000, Timestamp(500))),
            })
        );
    }

    #[test]
    fn short_and_unknown_records_are_refused() {
        assert_eq!(decode(Bytes::from_static(&[1, 2, 3])), None);
        assert_eq!(decode(record(99, 1, "/x").freeze()), None);
        let cut = record(1, 1, "/path")
            .freeze()
            .slice(..size_of::<EventHeader>() + 2);
        assert_eq!(decode(cut), None);
    }

    #[test]
    fn a_length_beyond_the_record_is_cut() {
        let mut long = record(1, 5, "/p");
        let end = size_of::<EventHeader>();
        long[end - 8..end].copy_from_slice(&u64::MAX.to_ne_bytes());
        assert!(matches!(
            decode(long.freeze()),
            None | Some(KernelEvent::CgroupCreated { .. })
        ));
    }
}
