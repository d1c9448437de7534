//! Bytes and packets per cgroup in both directions, at the root of the unified hierarchy, and a
//! sample of TCP's round-trip times.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::generated::{bpf_skb_cgroup_id, bpf_tcp_sock};
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
/// One received packet in this many is asked for its connection's round-trip time.
const RTT_EVERY: u64 = 16;

#[map]
pub static NET: PerCpuHashMap<u64, NetCounters> =
    PerCpuHashMap::with_max_entries(MAX_CGROUPS, BPF_F_NO_PREALLOC);

#[cgroup_skb(ingress)]
pub fn net_ingress(ctx: SkBuffContext) -> i32 {
    let Some(counters) = counters(&ctx) else {
        return PASS;
    };
    let (bytes, packets) = size(&ctx);
    // SAFETY: a slot of this CPU; receive and send of one CPU do not preempt each other inside
    // these few instructions often enough to matter, and never corrupt more than a count.
    unsafe {
        if (*counters).rx_packets % RTT_EVERY == 0
            && let Some(rtt_us) = round_trip_us(&ctx)
        {
            (*counters).rtt_us_sum += rtt_us;
            (*counters).rtt_samples += 1;
        }
        (*counters).rx_bytes += bytes;
        (*counters).rx_packets += packets;
    }
    PASS
}

#[cgroup_skb(egress)]
pub fn net_egress(ctx: SkBuffContext) -> i32 {
    let Some(counters) = counters(&ctx) else {
        return PASS;
    };
    let (bytes, packets) = size(&ctx);
    // SAFETY: as above.
    unsafe {
        (*counters).tx_bytes += bytes;
        (*counters).tx_packets += packets;
    }
    PASS
}

/// Bytes from the network header on, and the packets that a merged segment stands for.
#[inline(always)]
fn size(ctx: &SkBuffContext) -> (u64, u64) {
    let skb = ctx.as_ptr().cast::<__sk_buff>();
    // SAFETY: the context of this program type; the verifier knows its fields.
    let (len, segments) = unsafe { ((*skb).len, (*skb).gso_segs) };
    let packets = if segments == 0 {
        1
    } else {
        u64::from(segments)
    };
    (u64::from(len), packets)
}

/// Smoothed round-trip time of the packet's connection, in microseconds; `None` without one.
#[inline(always)]
fn round_trip_us(ctx: &SkBuffContext) -> Option<u64> {
    let skb = ctx.as_ptr().cast::<__sk_buff>();
    // SAFETY: as in `size`; the helper takes the context's socket and gives null for all but TCP.
    unsafe {
        let sock = (*skb).__bindgen_anon_2.sk;
        if sock.is_null() {
            return None;
        }
        let tcp = bpf_tcp_sock(sock);
        if tcp.is_null() {
            return None;
        }
        // The kernel keeps eight times the value.
        let rtt_us = u64::from((*tcp).srtt_us >> 3);
        (rtt_us != 0).then_some(rtt_us)
    }
}

/// The counters of the packet's cgroup on this CPU, made when there are none yet.
#[inline(always)]
fn counters(ctx: &SkBuffContext) -> Option<*mut NetCounters> {
    // SAFETY: a helper that this program type may call with its own context.
    let id = unsafe { bpf_skb_cgroup_id(ctx.as_ptr().cast()) };
    if let Some(counters) = NET.get_ptr_mut(id) {
        return Some(counters);
    }
    if NET.insert(id, NetCounters::default(), 0).is_err() {
        lost::count(Lost::NetMap);
        return None;
    }
    NET.get_ptr_mut(id)
}
