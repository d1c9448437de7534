//! The cgroup iterator: one read by the agent, and the kernel walks all cgroups and writes what is
//! known of each into an array that the agent has mapped. No file is opened and no text is made.
//!
//! CPUs are added up here as well, so that the agent need not copy the slots of all of them.

use core::ffi::c_void;
use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::helpers::generated::bpf_map_lookup_percpu_elem;
use aya_ebpf::macros::map;
use aya_ebpf::maps::Array;
use llmos_common::counters::{CpuCounters, NetCounters, RareCounters};
use llmos_common::facts::{
    CgroupFacts, HAS_CPU, HAS_MEMORY, HAS_PSI, HAS_RUN, memory_event, pressure,
};
use llmos_common::limits::{MAX_CGROUPS, MAX_ITERATED_CPUS};
use llmos_common::lost::Lost;

use crate::member::{constant, offsets, pointer, probe, value};
use crate::{cgroup, cpu, lost, network, rare};

offsets! {
    CGROUP_LEVEL
    CGROUP_MEMORY
    CGROUP_CPU
    CGROUP_PSI
    MEMCG_CSS
    MEMCG_USAGE
    MEMCG_HIGH
    MEMCG_MAX
    MEMCG_SWAP
    MEMCG_EVENT_HIGH
    MEMCG_EVENT_MAX
    MEMCG_EVENT_OOM
    MEMCG_EVENT_OOM_KILL
    TASK_GROUP_CSS
    CFS_QUOTA
    CFS_PERIOD
    CFS_BURST
    CFS_SHARES
    CFS_PERIODS
    CFS_THROTTLED
    CFS_THROTTLED_NS
    CFS_BURSTS
    CFS_BURST_NS
    PSI_CPU_SOME
    PSI_MEMORY_SOME
    PSI_MEMORY_FULL
    CPU_COUNT
}

/// Which parts this kernel has: the flags of the facts. Set by the agent.
#[unsafe(no_mangle)]
static FACTS_ENABLED: u32 = 0;

/// Lets the agent map the array into its memory.
const BPF_F_MMAPABLE: u32 = 1 << 10;

#[map]
static FACTS: Array<CgroupFacts> = Array::with_max_entries(MAX_CGROUPS, BPF_F_MMAPABLE);

/// How many facts the last walk wrote; the agent sets it to 0 before each walk.
#[map]
static FACTS_LEN: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Called for each cgroup. The context holds two pointers, of which the second is the cgroup, null
/// at the end of the walk.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/cgroup")]
pub fn cgroup_facts(ctx: *mut c_void) -> i32 {
    // SAFETY: the context of this program type; the verifier knows its members.
    let cgroup = unsafe { read_volatile(ctx.cast::<*const u8>().add(1)) };
    // SAFETY: the verifier knows the pointer as one to a cgroup.
    let Some(id) = (unsafe { cgroup::id(cgroup) }) else {
        return 0;
    };
    let Some(len) = FACTS_LEN.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: one walk at a time is the agent's business; a second one would mix rows, not break
    // memory.
    let row = unsafe { *len };
    let Some(facts) = FACTS.get_ptr_mut(row as u32) else {
        lost::count(Lost::Facts);
        return 0;
    };
    // SAFETY: a row of the array; typed or probed reads of the cgroup.
    unsafe {
        *len = row + 1;
        clear(facts);
        (*facts).id = id;
        (*facts).level = value(cgroup, constant(&CGROUP_LEVEL));
        let enabled = constant(&FACTS_ENABLED);
        if enabled & HAS_MEMORY != 0 {
            memory(cgroup, facts);
        }
        if enabled & HAS_CPU != 0 {
            bandwidth(cgroup, facts);
        }
        if enabled & HAS_PSI != 0 {
            stalls(cgroup, facts);
        }
        counters(id, facts);
    }
    0
}

/// Makes a row zero, eight bytes at a time: what the compiler makes of an assignment goes byte by byte,
/// which for all rows took as long as half of what is read.
#[inline(always)]
unsafe fn clear(facts: *mut CgroupFacts) {
    const WORDS: usize = size_of::<CgroupFacts>() / size_of::<u64>();
    const { assert!(size_of::<CgroupFacts>().is_multiple_of(size_of::<u64>())) };
    for at in 0..WORDS {
        // SAFETY: within the row, which has the alignment of its words; all its members are integers.
        unsafe { write_volatile(facts.cast::<u64>().add(at), 0) };
    }
}

/// Page counters and events of the memory controller.
#[inline(always)]
unsafe fn memory(cgroup: *const u8, facts: *mut CgroupFacts) {
    // SAFETY: the state is the first typed pointer; the struct around it is probed.
    unsafe {
        let state = pointer(cgroup, constant(&CGROUP_MEMORY));
        if state.is_null() {
            return;
        }
        let memcg = state.sub(constant(&MEMCG_CSS) as usize);
        (*facts).flags |= HAS_MEMORY;
        (*facts).memory_pages = probe(memcg, constant(&MEMCG_USAGE));
        (*facts).memory_high_pages = probe(memcg, constant(&MEMCG_HIGH));
        (*facts).memory_max_pages = probe(memcg, constant(&MEMCG_MAX));
        (*facts).swap_pages = probe(memcg, constant(&MEMCG_SWAP));
        let events = &mut (*facts).memory_events;
        events[memory_event::HIGH] = probe(memcg, constant(&MEMCG_EVENT_HIGH));
        events[memory_event::MAX] = probe(memcg, constant(&MEMCG_EVENT_MAX));
        events[memory_event::OOM] = probe(memcg, constant(&MEMCG_EVENT_OOM));
        events[memory_event::OOM_KILL] = probe(memcg, constant(&MEMCG_EVENT_OOM_KILL));
    }
}

/// Quota, weight and throttling of the CPU controller.
#[inline(always)]
unsafe fn bandwidth(cgroup: *const u8, facts: *mut CgroupFacts) {
    // SAFETY: as in `memory`.
    unsafe {
        let state = pointer(cgroup, constant(&CGROUP_CPU));
        if state.is_null() {
            return;
        }
        let group = state.sub(constant(&TASK_GROUP_CSS) as usize);
        (*facts).flags |= HAS_CPU;
        (*facts).quota_ns = probe(group, constant(&CFS_QUOTA));
        (*facts).period_ns = probe(group, constant(&CFS_PERIOD));
        (*facts).burst_ns = probe(group, constant(&CFS_BURST));
        (*facts).shares = probe(group, constant(&CFS_SHARES));
        (*facts).periods = u64::from(probe::<u32>(group, constant(&CFS_PERIODS)));
        (*facts).throttled_periods = u64::from(probe::<u32>(group, constant(&CFS_THROTTLED)));
        (*facts).throttled_ns = probe(group, constant(&CFS_THROTTLED_NS));
        (*facts).burst_periods = u64::from(probe::<u32>(group, constant(&CFS_BURSTS)));
        (*facts).burst_used_ns = probe(group, constant(&CFS_BURST_NS));
    }
}

/// Pressure totals of the averaging clock.
#[inline(always)]
unsafe fn stalls(cgroup: *const u8, facts: *mut CgroupFacts) {
    // SAFETY: as in `memory`.
    unsafe {
        let psi = pointer(cgroup, constant(&CGROUP_PSI));
        if psi.is_null() {
            return;
        }
        (*facts).flags |= HAS_PSI;
        let total = &mut (*facts).pressure_ns;
        total[pressure::CPU_SOME] = value(psi, constant(&PSI_CPU_SOME));
        total[pressure::MEMORY_SOME] = value(psi, constant(&PSI_MEMORY_SOME));
        total[pressure::MEMORY_FULL] = value(psi, constant(&PSI_MEMORY_FULL));
    }
}

/// What our own programs counted, all CPUs added up.
#[inline(always)]
unsafe fn counters(id: u64, facts: *mut CgroupFacts) {
    // SAFETY: pointers into map values and into the row.
    unsafe {
        let cpus = constant(&CPU_COUNT);
        // An entry has a slot for each CPU, so the first look-up tells whether there is one.
        for cpu in 0..MAX_ITERATED_CPUS {
            if cpu >= cpus || !add_cpu(id, cpu, facts) {
                break;
            }
        }
        for cpu in 0..MAX_ITERATED_CPUS {
            if cpu >= cpus || !add_net(id, cpu, facts) {
                break;
            }
        }
        for cpu in 0..MAX_ITERATED_CPUS {
            if cpu >= cpus || !add_rare(id, cpu, facts) {
                break;
            }
        }
    }
}

/// The slot of one CPU; null where the cgroup has none.
#[inline(always)]
unsafe fn slot<M, V>(map: *const M, id: &u64, cpu: u32) -> *const V {
    // SAFETY: a map and a key of its size.
    unsafe {
        bpf_map_lookup_percpu_elem(map.cast_mut().cast(), core::ptr::from_ref(id).cast(), cpu)
            .cast_const()
            .cast()
    }
}

/// Adds one CPU; false when there is nothing to add.
#[inline(always)]
unsafe fn add_cpu(id: u64, cpu: u32, facts: *mut CgroupFacts) -> bool {
    // SAFETY: the slot of a CPU, read while that CPU may write: each number is whole.
    unsafe {
        let slot: *const CpuCounters = slot(&raw const cpu::CPU, &id, cpu);
        if slot.is_null() {
            return false;
        }
        (*facts).flags |= HAS_RUN;
        (*facts).run_ns += (*slot).run_ns;
        (*facts).switches += (*slot).switches;
        (*facts).wait_ns += (*slot).wait_ns;
        (*facts).waits += (*slot).waits;
        if (*slot).waits != 0 {
            for (sum, n) in (*facts).wait_buckets.iter_mut().zip(&(*slot).wait_buckets) {
                *sum = sum.wrapping_add(*n);
            }
        }
    }
    true
}

/// Adds one CPU; false when there is nothing to add.
#[inline(always)]
unsafe fn add_net(id: u64, cpu: u32, facts: *mut CgroupFacts) -> bool {
    // SAFETY: as in `add_cpu`.
    unsafe {
        let slot: *const NetCounters = slot(&raw const network::NET, &id, cpu);
        if slot.is_null() {
            return false;
        }
        let sum = &raw mut (*facts).net;
        (*sum).rx_bytes += (*slot).rx_bytes;
        (*sum).rx_packets += (*slot).rx_packets;
        (*sum).tx_bytes += (*slot).tx_bytes;
        (*sum).tx_packets += (*slot).tx_packets;
        (*sum).rtt_us_sum += (*slot).rtt_us_sum;
        (*sum).rtt_samples += (*slot).rtt_samples;
    }
    true
}

/// Adds one CPU; false when there is nothing to add.
#[inline(always)]
unsafe fn add_rare(id: u64, cpu: u32, facts: *mut CgroupFacts) -> bool {
    // SAFETY: as in `add_cpu`.
    unsafe {
        let slot: *const RareCounters = slot(&raw const rare::RARE, &id, cpu);
        if slot.is_null() {
            return false;
        }
        let sum = &raw mut (*facts).rare;
        (*sum).tcp_opened += (*slot).tcp_opened;
        (*sum).tcp_accepted += (*slot).tcp_accepted;
        (*sum).tcp_retransmits += (*slot).tcp_retransmits;
        (*sum).accept_queue_sum += (*slot).accept_queue_sum;
        (*sum).accept_queue_samples += (*slot).accept_queue_samples;
        (*sum).reclaim_ns += (*slot).reclaim_ns;
        (*sum).reclaims += (*slot).reclaims;
    }
    true
}
