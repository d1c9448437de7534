//! Counters per cgroup. They only grow; the agent makes rates of two readings.

/// Buckets of the run-queue wait histogram.
pub const WAIT_BUCKETS: usize = 20;

/// Scheduling of the tasks of one cgroup on one CPU.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuCounters {
    /// Nanoseconds run, as the scheduler accounts them.
    pub run_ns: u64,
    /// Times that a task left the CPU.
    pub switches: u64,
    /// Nanoseconds that tasks were ready to run and waited for the CPU.
    pub wait_ns: u64,
    /// Times that a task waited, thus the sum of the buckets.
    pub waits: u64,
    /// Waits by length. Bucket 0 holds those below 1.024 us, each further one those below twice
    /// the limit of the one before, the last one all longer waits; see [`wait_bucket`].
    pub wait_buckets: [u32; WAIT_BUCKETS],
}

/// Bucket of a wait: the binary logarithm of its length in units of 1,024 ns, one up.
#[must_use]
#[inline(always)]
pub const fn wait_bucket(ns: u64) -> usize {
    let units = ns >> 10;
    let bucket = (u64::BITS - units.leading_zeros()) as usize;
    if bucket < WAIT_BUCKETS {
        bucket
    } else {
        WAIT_BUCKETS - 1
    }
}

/// Upper limit of a bucket in nanoseconds; the last one has none.
#[must_use]
pub const fn wait_bucket_limit_ns(bucket: usize) -> Option<u64> {
    if bucket + 1 < WAIT_BUCKETS {
        Some(1024 << bucket)
    } else {
        None
    }
}

/// Traffic of the sockets of one cgroup on one CPU, from the network header on.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NetCounters {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received; a segment that was merged on receive counts as the packets it was.
    pub rx_packets: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent; a segment that is split later counts as the packets it becomes.
    pub tx_packets: u64,
    /// Sum of the smoothed round-trip times of TCP that were sampled, in microseconds.
    pub rtt_us_sum: u64,
    /// Samples in that sum: the first received packet and each 16th after it.
    pub rtt_samples: u64,
}

/// What happens rarely: TCP connections and reclaim of one cgroup on one CPU.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RareCounters {
    /// TCP connections opened from here.
    pub tcp_opened: u64,
    /// TCP connections accepted here.
    pub tcp_accepted: u64,
    /// TCP segments sent again.
    pub tcp_retransmits: u64,
    /// Sum over accepted connections of how full the listener's accept queue was, in 1/1024.
    pub accept_queue_sum: u64,
    /// Accepted connections in that sum.
    pub accept_queue_samples: u64,
    /// Nanoseconds that tasks spent freeing memory before they could go on.
    pub reclaim_ns: u64,
    /// Times that a task had to free memory.
    pub reclaims: u64,
}

#[cfg(feature = "user")]
mod pod {
    // SAFETY: plain integers without padding; any bit pattern is valid.
    unsafe impl aya::Pod for super::CpuCounters {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::NetCounters {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::RareCounters {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{align_of, size_of};

    #[test]
    fn layout_has_no_padding() {
        assert_eq!(size_of::<CpuCounters>(), 4 * 8 + WAIT_BUCKETS * 4);
        assert_eq!(size_of::<NetCounters>(), 6 * 8);
        assert_eq!(size_of::<RareCounters>(), 7 * 8);
        assert_eq!(align_of::<CpuCounters>(), 8);
        // The array ends on a multiple of the alignment, so nothing follows it.
        assert!(size_of::<CpuCounters>().is_multiple_of(8));
    }

    #[test]
    fn buckets_hold_what_is_below_their_limit() {
        for bucket in 0..WAIT_BUCKETS {
            if let Some(limit) = wait_bucket_limit_ns(bucket) {
                assert_eq!(wait_bucket(limit - 1), bucket);
                assert_eq!(wait_bucket(limit), bucket + 1);
            }
        }
        assert_eq!(wait_bucket(0), 0);
        assert_eq!(wait_bucket(u64::MAX), WAIT_BUCKETS - 1);
    }
}
