//! Bytes and packets per cgroup in both directions, at the root of the unified hierarchy.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::generated::bpf_skb_cgroup_id;
use aya_ebpf::macros::{cgroup_skb, map};
use aya_ebpf::maps::PerCpuHashMap;
use aya_ebpf::programs::SkBuffContext;
use llmos_common::counters::NetCounters;
use llmos_common::limits::MAX_CGROUPS;
use llmos_common::lost::Lost;

use crate::lost;

/// Let the packet pass: these programs only count.
const PASS: i32 = 1;
const BPF_F_NO_PREALLOC: u32 = 1;

#[map]
static NET: PerCpuHashMap<u64, NetCounters> =
    PerCpuHashMap::with_max_entries(MAX_CGROUPS, BPF_F_NO_PREALLOC);

#[cgroup_skb(ingress)]
pub fn net_ingress(ctx: SkBuffContext) -> i32 {
    let (bytes, packets) = size(&ctx);
    add(
        &ctx,
        NetCounters {
            rx_bytes: bytes,
            rx_packets: packets,
            tx_bytes: 0,
            tx_packets: 0,
        },
    );
    PASS
}

#[cgroup_skb(egress)]
pub fn net_egress(ctx: SkBuffContext) -> i32 {
    let (bytes, packets) = size(&ctx);
    add(
        &ctx,
        NetCounters {
            rx_bytes: 0,
            rx_packets: 0,
            tx_bytes: bytes,
            tx_packets: packets,
        },
    );
    PASS
}

/// Bytes from the network header on, and the packets that a merged segment stands for.
#[inline(always)]
fn size(ctx: &SkBuffContext) -> (u64, u64) {
    let skb = ctx.as_ptr().cast::<__sk_buff>();
    // SAFETY: the context of this program type; the verifier knows its fields.
    let (len, segments) = unsafe { ((*skb).len, (*skb).gso_segs) };
    (
        u64::from(len),
        if segments == 0 {
            1
        } else {
            u64::from(segments)
        },
    )
}

#[inline(always)]
fn add(ctx: &SkBuffContext, delta: NetCounters) {
    // SAFETY: a helper that this program type may call with its own context.
    let id = unsafe { bpf_skb_cgroup_id(ctx.as_ptr().cast()) };
    if let Some(counters) = NET.get_ptr_mut(id) {
        // SAFETY: a slot of this CPU; receive and send of one CPU do not preempt each other
        // inside these few instructions often enough to matter, and never corrupt more than a
        // count.
        unsafe {
            (*counters).rx_bytes += delta.rx_bytes;
            (*counters).rx_packets += delta.rx_packets;
            (*counters).tx_bytes += delta.tx_bytes;
            (*counters).tx_packets += delta.tx_packets;
        }
    } else if NET.insert(id, delta, 0).is_err() {
        lost::count(Lost::NetMap);
    }
}
