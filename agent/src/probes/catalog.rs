//! The probes: what each is called, which programs it consists of, what it needs of the kernel, what
//! stands in for it, and which goes first when the agent costs too much.

use super::offsets::Group;

/// One thing that the kernel side can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Probe {
    /// CPU time per cgroup.
    Cpu,
    /// Context switches and run-queue wait per cgroup.
    Scheduling,
    /// Quotas that are nearly used up, as events.
    NearQuota,
    /// Traffic per cgroup, and round-trip times.
    Network,
    /// TCP connections and retransmits per cgroup.
    Tcp,
    /// How full accept queues are.
    AcceptQueue,
    /// Time that tasks spend freeing memory.
    Reclaim,
    /// cgroups made and removed, as events.
    CgroupEvents,
    /// OOM kills, as events.
    OomEvents,
    /// Memory, quotas, throttling and counters of all cgroups in one walk.
    Facts,
}

/// Where a program is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hook {
    /// A BTF tracepoint of this name.
    Tracepoint(&'static str),
    /// The entry of this kernel function.
    Entry(&'static str),
    /// Packets that sockets receive.
    Ingress,
    /// Packets that sockets send.
    Egress,
    /// The cgroup iterator.
    Iterator,
    /// No program of its own: part of another probe's.
    With(Probe),
}

impl Hook {
    /// Is the program the probe's own?
    pub(super) const fn is_own(self) -> bool {
        !matches!(self, Self::With(_))
    }
}

/// A program and its hook.
pub(super) type Part = (&'static str, Hook);

impl Probe {
    /// All probes, in the order in which people see them.
    pub const ALL: [Self; 10] = [
        Self::Cpu,
        Self::Scheduling,
        Self::NearQuota,
        Self::Network,
        Self::Tcp,
        Self::AcceptQueue,
        Self::Reclaim,
        Self::CgroupEvents,
        Self::OomEvents,
        Self::Facts,
    ];

    /// What goes when the agent is over its budget, first to last. The first is the dearest, runs at
    /// each context switch, and CPU time has a stand-in. What runs at each packet follows, then what
    /// runs at each connection. Events and the walk stay: they are what decisions live on.
    pub const SHED_ORDER: [Self; 4] = [Self::Cpu, Self::Network, Self::AcceptQueue, Self::Tcp];

    /// Its name on the status socket.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "probe.cpu",
            Self::Scheduling => "probe.scheduling",
            Self::NearQuota => "probe.near-quota",
            Self::Network => "probe.network",
            Self::Tcp => "probe.tcp",
            Self::AcceptQueue => "probe.accept-queue",
            Self::Reclaim => "probe.reclaim",
            Self::CgroupEvents => "probe.cgroup-events",
            Self::OomEvents => "probe.oom-events",
            Self::Facts => "probe.cgroup-facts",
        }
    }

    /// What it gives, in a few words.
    pub(super) const fn gives(self) -> &'static str {
        match self {
            Self::Cpu => "run time by sched_switch and the timer tick",
            Self::Scheduling => "context switches and run-queue wait, by the program of probe.cpu",
            Self::NearQuota => "quotas nearly used up, by the kernel's account of what is left",
            Self::Network => "bytes, packets and round-trip times by cgroup_skb at the root",
            Self::Tcp => "connections and retransmits by inet_sock_set_state, tcp_retransmit_skb",
            Self::AcceptQueue => "accept queues at inet_csk_complete_hashdance",
            Self::Reclaim => "stalls by mm_vmscan_memcg_reclaim and mm_vmscan_direct_reclaim",
            Self::CgroupEvents => "created and removed",
            Self::OomEvents => "kills by mark_victim",
            Self::Facts => "all cgroups in one walk of the cgroup iterator",
        }
    }

    /// What stands in for it; empty where nothing does.
    pub(super) const fn instead(self) -> &'static str {
        match self {
            Self::Cpu => "cpu.stat instead",
            Self::Reclaim => "memory.pressure instead",
            Self::CgroupEvents => "the tree is scanned instead",
            Self::OomEvents => "memory.events instead",
            Self::Facts => "files and maps are read cgroup by cgroup instead",
            Self::Scheduling | Self::NearQuota | Self::Network | Self::Tcp | Self::AcceptQueue => {
                ""
            }
        }
    }

    /// The probe and those that are parts of its programs.
    pub(super) fn with_dependents(self) -> impl Iterator<Item = Self> {
        let on_it = move |other: &Self| {
            other
                .parts()
                .iter()
                .any(|(_, hook)| *hook == Hook::With(self))
        };
        std::iter::once(self).chain(Self::ALL.into_iter().filter(on_it))
    }

    /// Its programs; all of them or none.
    pub(super) const fn parts(self) -> &'static [Part] {
        match self {
            Self::Cpu => &[
                ("cpu_switch", Hook::Tracepoint("sched_switch")),
                ("cpu_tick", Hook::Tracepoint("hrtimer_expire_exit")),
            ],
            Self::Scheduling => &[("cpu_switch", Hook::With(Self::Cpu))],
            Self::NearQuota => &[("quota_tick", Hook::Tracepoint("hrtimer_expire_exit"))],
            Self::Network => &[("net_ingress", Hook::Ingress), ("net_egress", Hook::Egress)],
            Self::Tcp => &[
                ("tcp_state", Hook::Tracepoint("inet_sock_set_state")),
                ("tcp_retransmit", Hook::Tracepoint("tcp_retransmit_skb")),
            ],
            Self::AcceptQueue => &[(
                "tcp_accept_queue",
                Hook::Entry("inet_csk_complete_hashdance"),
            )],
            Self::Reclaim => &[
                (
                    "memcg_reclaim_begin",
                    Hook::Tracepoint("mm_vmscan_memcg_reclaim_begin"),
                ),
                (
                    "memcg_reclaim_end",
                    Hook::Tracepoint("mm_vmscan_memcg_reclaim_end"),
                ),
                (
                    "direct_reclaim_begin",
                    Hook::Tracepoint("mm_vmscan_direct_reclaim_begin"),
                ),
                (
                    "direct_reclaim_end",
                    Hook::Tracepoint("mm_vmscan_direct_reclaim_end"),
                ),
            ],
            Self::CgroupEvents => &[
                ("cgroup_created", Hook::Tracepoint("cgroup_mkdir")),
                ("cgroup_removed", Hook::Tracepoint("cgroup_rmdir")),
            ],
            // The loader takes the other program where the argument is the pid.
            Self::OomEvents => &[("oom_task", Hook::Tracepoint("mark_victim"))],
            Self::Facts => &[("cgroup_facts", Hook::Iterator)],
        }
    }

    /// Members of kernel structs without which it cannot work.
    pub(super) const fn needs(self) -> &'static [Group] {
        match self {
            Self::Cpu | Self::Network | Self::Reclaim | Self::CgroupEvents => &[],
            Self::OomEvents => &[Group::Oom],
            Self::Scheduling => &[Group::Wait],
            Self::NearQuota => &[Group::Quota],
            Self::Tcp => &[Group::Socket],
            Self::AcceptQueue => &[Group::Socket, Group::AcceptQueue],
            Self::Facts => &[Group::Facts],
        }
    }
}
