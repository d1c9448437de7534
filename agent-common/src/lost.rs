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
}

impl Lost {
    /// All reasons, in the order of their values.
    pub const ALL: [Self; 4] = [
        Self::EventRing,
        Self::CpuMap,
        Self::NetMap,
        Self::TaskCgroup,
    ];

    /// Name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventRing => "event ring",
            Self::CpuMap => "cpu map",
            Self::NetMap => "net map",
            Self::TaskCgroup => "task without cgroup",
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
