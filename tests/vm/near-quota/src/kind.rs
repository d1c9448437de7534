//! The ways in which a quota is run into.

/// How a burst is made.
pub struct Kind {
    /// Name in reports.
    pub name: &'static str,
    /// Threads that never sleep.
    pub threads: u32,
    /// `cpu.max` of the group with the quota.
    pub cpu_max: &'static str,
    /// The burst runs in a group without a quota below the one that has it.
    pub nested: bool,
    /// A little work keeps periods going, so that the burst begins anywhere in one. Without, the
    /// first period begins with the burst.
    pub mid_period: bool,
}

/// All of them; each gets the same number of bursts.
pub const KINDS: [Kind; 4] = [
    Kind {
        name: "one thread",
        threads: 1,
        cpu_max: "20000 100000",
        nested: false,
        mid_period: false,
    },
    Kind {
        name: "three threads on all CPUs",
        threads: 3,
        cpu_max: "40000 100000",
        nested: false,
        mid_period: false,
    },
    Kind {
        name: "anywhere in a period",
        threads: 1,
        cpu_max: "20000 100000",
        nested: false,
        mid_period: true,
    },
    Kind {
        name: "quota of the parent",
        threads: 2,
        cpu_max: "30000 100000",
        nested: true,
        mid_period: false,
    },
];
