//! Counters per cgroup and CPU. They only grow; the agent makes rates of two readings.

/// CPU time of the tasks of one cgroup on one CPU.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuCounters {
    /// Nanoseconds run, as the scheduler accounts them.
    pub run_ns: u64,
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
}

// SAFETY: plain integers without padding; any bit pattern is valid.
#[cfg(feature = "user")]
unsafe impl aya::Pod for CpuCounters {}

// SAFETY: plain integers without padding; any bit pattern is valid.
#[cfg(feature = "user")]
unsafe impl aya::Pod for NetCounters {}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{align_of, size_of};

    #[test]
    fn layout_has_no_padding() {
        assert_eq!(size_of::<CpuCounters>(), 8);
        assert_eq!(size_of::<NetCounters>(), 4 * 8);
        assert_eq!(align_of::<NetCounters>(), 8);
    }
}
