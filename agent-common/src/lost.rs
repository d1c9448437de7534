//! Why the kernel side lost something. The values index the array map `LOST`.

/// A place where data can get lost.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The event ring was full.
    EventRing = 0,
    /// The CPU map was full: this cgroup's CPU time is not counted.
    CpuMap = 1,
    /// The network map was full: this cgroup's traffic is not counted.
    NetMap = 2,
    /// A kernel pointer on the way from a task to its cgroup was null.
    TaskCgroup = 3,
    /// The map of rare counters was full.
    RareMap = 4,
    /// More cgroups than the iterator has room for.
    Facts = 5,
    /// More tasks freed memory at once than could be followed.
    Reclaim = 6,
}

impl Lost {
    /// All reasons, in the order of their values.
    pub const ALL: [Self; 7] = [
        Self::EventRing,
        Self::CpuMap,
        Self::NetMap,
        Self::TaskCgroup,
        Self::RareMap,
        Self::Facts,
        Self::Reclaim,
    ];

    /// Name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventRing => "event ring",
            Self::CpuMap => "cpu map",
            Self::NetMap => "net map",
            Self::TaskCgroup => "task without cgroup",
            Self::RareMap => "tcp and reclaim map",
            Self::Facts => "cgroup iterator",
            Self::Reclaim => "reclaim in flight",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_indices() {
        for (i, reason) in Lost::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, i);
        }
    }
}
