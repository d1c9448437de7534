//! Where the kernel side finds what it reads: each offset as a sum of members and enumerators that
//! are looked up in the running kernel's BTF. No number stands here.

use crate::host::btf::{BtfError, KernelTypes};

/// What needs an offset. A group that this kernel lacks costs only what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// From a task to its cgroup's id: nothing works without it.
    Base,
    /// The kernel's own account of run-queue wait.
    Wait,
    /// Bandwidth control of task groups.
    Quota,
    /// When an enforcement period ends.
    QuotaEnd,
    /// From a socket to its cgroup.
    Socket,
    /// Accept queues.
    AcceptQueue,
    /// The victim of an OOM kill.
    Oom,
    /// The walk over cgroups.
    Facts,
    /// Memory controller in the walk.
    FactsMemory,
    /// CPU controller in the walk.
    FactsCpu,
    /// Pressure in the walk.
    FactsPsi,
}

/// One summand of an offset.
enum Term {
    /// Offset of a member in its struct.
    Member(&'static str, &'static str),
    /// Place of an enumerator in an array of eight-byte entries.
    Slot(&'static str, &'static str),
    /// Place of a pressure state in the row of the averaging clock.
    PressureState(&'static str),
}

use Term::{Member, PressureState, Slot};

const CFS: Term = Member("task_group", "cfs_bandwidth");
const MEMORY_COUNTER: Term = Member("mem_cgroup", "memory");
const MEMORY_EVENTS: Term = Member("mem_cgroup", "memory_events");
const PSI_TOTAL: Term = Member("psi_group", "total");
const SUBSYSTEMS: Term = Member("cgroup", "subsys");

#[rustfmt::skip]
const OFFSETS: &[(Group, &str, &[Term])] = &[
    (Group::Base, "TASK_CGROUPS", &[Member("task_struct", "cgroups")]),
    (Group::Base, "CSS_SET_DFL_CGRP", &[Member("css_set", "dfl_cgrp")]),
    (Group::Base, "CGROUP_KN", &[Member("cgroup", "kn")]),
    (Group::Base, "KERNFS_NODE_ID", &[Member("kernfs_node", "id")]),
    (Group::Base, "TASK_PID", &[Member("task_struct", "pid")]),
    (Group::Base, "TASK_START", &[Member("task_struct", "start_time")]),
    (Group::Base, "TASK_RUNTIME", &[Member("task_struct", "se"), Member("sched_entity", "sum_exec_runtime")]),
    (Group::Oom, "TASK_TGID", &[Member("task_struct", "tgid")]),
    (Group::Wait, "TASK_RUN_DELAY", &[Member("task_struct", "sched_info"), Member("sched_info", "run_delay")]),
    (Group::Quota, "TASK_TASK_GROUP", &[Member("task_struct", "sched_task_group")]),
    (Group::Quota, "TASK_GROUP_PARENT", &[Member("task_group", "parent")]),
    (Group::Quota, "TASK_GROUP_CGROUP", &[Member("task_group", "css"), Member("cgroup_subsys_state", "cgroup")]),
    (Group::Quota, "TASK_GROUP_QUOTA", &[CFS, Member("cfs_bandwidth", "quota")]),
    (Group::Quota, "TASK_GROUP_LEFT", &[CFS, Member("cfs_bandwidth", "runtime")]),
    (Group::Quota, "TASK_GROUP_PERIODS", &[CFS, Member("cfs_bandwidth", "nr_periods")]),
    (Group::QuotaEnd, "TASK_GROUP_PERIOD_END", &[CFS, Member("cfs_bandwidth", "period_timer"), Member("hrtimer", "_softexpires")]),
    (Group::Socket, "SOCK_CGROUP", &[Member("sock", "sk_cgrp_data"), Member("sock_cgroup_data", "cgroup")]),
    (Group::Socket, "SOCK_PROTOCOL", &[Member("sock", "sk_protocol")]),
    (Group::AcceptQueue, "SOCK_ACK_BACKLOG", &[Member("sock", "sk_ack_backlog")]),
    (Group::AcceptQueue, "SOCK_MAX_ACK_BACKLOG", &[Member("sock", "sk_max_ack_backlog")]),
    (Group::Facts, "CGROUP_LEVEL", &[Member("cgroup", "level")]),
    (Group::FactsMemory, "CGROUP_MEMORY", &[SUBSYSTEMS, Slot("cgroup_subsys_id", "memory_cgrp_id")]),
    (Group::FactsMemory, "MEMCG_CSS", &[Member("mem_cgroup", "css")]),
    (Group::FactsMemory, "MEMCG_USAGE", &[MEMORY_COUNTER, Member("page_counter", "usage")]),
    (Group::FactsMemory, "MEMCG_HIGH", &[MEMORY_COUNTER, Member("page_counter", "high")]),
    (Group::FactsMemory, "MEMCG_MAX", &[MEMORY_COUNTER, Member("page_counter", "max")]),
    (Group::FactsMemory, "MEMCG_SWAP", &[Member("mem_cgroup", "swap"), Member("page_counter", "usage")]),
    (Group::FactsMemory, "MEMCG_EVENT_HIGH", &[MEMORY_EVENTS, Slot("memcg_memory_event", "MEMCG_HIGH")]),
    (Group::FactsMemory, "MEMCG_EVENT_MAX", &[MEMORY_EVENTS, Slot("memcg_memory_event", "MEMCG_MAX")]),
    (Group::FactsMemory, "MEMCG_EVENT_OOM", &[MEMORY_EVENTS, Slot("memcg_memory_event", "MEMCG_OOM")]),
    (Group::FactsMemory, "MEMCG_EVENT_OOM_KILL", &[MEMORY_EVENTS, Slot("memcg_memory_event", "MEMCG_OOM_KILL")]),
    (Group::FactsCpu, "CGROUP_CPU", &[SUBSYSTEMS, Slot("cgroup_subsys_id", "cpu_cgrp_id")]),
    (Group::FactsCpu, "TASK_GROUP_CSS", &[Member("task_group", "css")]),
    (Group::FactsCpu, "CFS_SHARES", &[Member("task_group", "shares")]),
    (Group::FactsCpu, "CFS_QUOTA", &[CFS, Member("cfs_bandwidth", "quota")]),
    (Group::FactsCpu, "CFS_PERIOD", &[CFS, Member("cfs_bandwidth", "period")]),
    (Group::FactsCpu, "CFS_BURST", &[CFS, Member("cfs_bandwidth", "burst")]),
    (Group::FactsCpu, "CFS_PERIODS", &[CFS, Member("cfs_bandwidth", "nr_periods")]),
    (Group::FactsCpu, "CFS_THROTTLED", &[CFS, Member("cfs_bandwidth", "nr_throttled")]),
    (Group::FactsCpu, "CFS_THROTTLED_NS", &[CFS, Member("cfs_bandwidth", "throttled_time")]),
    (Group::FactsCpu, "CFS_BURSTS", &[CFS, Member("cfs_bandwidth", "nr_burst")]),
    (Group::FactsCpu, "CFS_BURST_NS", &[CFS, Member("cfs_bandwidth", "burst_time")]),
    (Group::FactsPsi, "CGROUP_PSI", &[Member("cgroup", "psi")]),
    (Group::FactsPsi, "PSI_CPU_SOME", &[PSI_TOTAL, PressureState("PSI_CPU_SOME")]),
    (Group::FactsPsi, "PSI_MEMORY_SOME", &[PSI_TOTAL, PressureState("PSI_MEM_SOME")]),
    (Group::FactsPsi, "PSI_MEMORY_FULL", &[PSI_TOTAL, PressureState("PSI_MEM_FULL")]),
];

/// Bytes of a pointer or a counter in the arrays of [`Term::Slot`] and [`Term::PressureState`].
const ENTRY: u32 = 8;

/// The offsets of the running kernel.
#[derive(Debug)]
pub struct Offsets {
    /// Each global with its value; 0 where it could not be found.
    pub values: Vec<(&'static str, u32)>,
    missing: Vec<(Group, BtfError)>,
}

impl Offsets {
    /// Looks all of them up.
    #[must_use]
    pub fn find(types: &KernelTypes) -> Self {
        let mut found = Self {
            values: Vec::with_capacity(OFFSETS.len()),
            missing: Vec::new(),
        };
        for (group, global, terms) in OFFSETS {
            let sum: Result<u32, BtfError> = terms.iter().map(|term| term.value(types)).sum();
            let value = sum.unwrap_or_else(|error| {
                found.missing.push((*group, error));
                0
            });
            found.values.push((global, value));
        }
        found
    }

    /// Is everything of this group there?
    ///
    /// # Errors
    /// The first thing that this kernel lacks, in words.
    pub fn have(&self, group: Group) -> Result<(), String> {
        match self.missing.iter().find(|(of, _)| *of == group) {
            None => Ok(()),
            Some((_, error)) => Err(error.to_string()),
        }
    }
}

impl Term {
    fn value(&self, types: &KernelTypes) -> Result<u32, BtfError> {
        Ok(match self {
            Member(strukt, member) => types.offset(strukt, member)?,
            Slot(enumeration, name) => types.enumerator(enumeration, name)? * ENTRY,
            PressureState(state) => {
                // `u64 total[NR_PSI_AGGREGATORS][NR_PSI_STATES - 1]`
                let row = types
                    .enumerator("psi_states", "NR_PSI_STATES")?
                    .saturating_sub(1);
                let clock = types.enumerator("psi_aggregators", "PSI_AVGS")?;
                (clock * row + types.enumerator("psi_states", state)?) * ENTRY
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::btf::VMLINUX;

    #[test]
    fn running_kernel_has_the_base_and_names_what_it_lacks() {
        if !std::path::Path::new(VMLINUX).exists() {
            println!("not run: this kernel shows no BTF at {VMLINUX}");
            return;
        }
        let types = KernelTypes::of_running_kernel().unwrap();
        let offsets = Offsets::find(&types);
        offsets.have(Group::Base).unwrap();
        assert_eq!(offsets.values.len(), OFFSETS.len());
        for (group, error) in &offsets.missing {
            let said = offsets.have(*group).unwrap_err();
            assert!(said.contains("this kernel has no"), "{error}");
        }
    }
}
