//! TCP connections opened and accepted, segments sent again, and how full accept queues are.

use aya_ebpf::macros::{btf_tracepoint, fentry};
use aya_ebpf::programs::{BtfTracePointContext, FEntryContext};

use crate::member::{constant, offsets, value};
use crate::{cgroup, rare};

offsets! {
    SOCK_PROTOCOL
    SOCK_ACK_BACKLOG
    SOCK_MAX_ACK_BACKLOG
}

const IPPROTO_TCP: u16 = 6;
/// States of a TCP socket, as in `/proc/net/tcp`.
const ESTABLISHED: u32 = 1;
const SYN_SENT: u32 = 2;
const SYN_RECV: u32 = 3;

/// Arguments: the socket, its old state, its new state.
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn tcp_state(ctx: BtfTracePointContext) -> i32 {
    let sock: *const u8 = ctx.arg(0);
    let (from, to): (u32, u32) = (ctx.arg(1), ctx.arg(2));
    if to != ESTABLISHED || (from != SYN_SENT && from != SYN_RECV) {
        return 0;
    }
    // SAFETY: the first argument of this tracepoint is a socket.
    unsafe {
        if value::<u16>(sock, constant(&SOCK_PROTOCOL)) != IPPROTO_TCP {
            return 0;
        }
        let Some(counters) = cgroup::of_sock(sock).and_then(rare::counters) else {
            return 0;
        };
        if from == SYN_SENT {
            (*counters).tcp_opened += 1;
        } else {
            (*counters).tcp_accepted += 1;
        }
    }
    0
}

/// Arguments: the socket, the segment.
#[btf_tracepoint(function = "tcp_retransmit_skb")]
pub fn tcp_retransmit(ctx: BtfTracePointContext) -> i32 {
    let sock: *const u8 = ctx.arg(0);
    // SAFETY: the first argument of this tracepoint is a socket.
    unsafe {
        if let Some(counters) = cgroup::of_sock(sock).and_then(rare::counters) {
            (*counters).tcp_retransmits += 1;
        }
    }
    0
}

/// A connection is complete and goes into the accept queue of its listener, the first argument.
#[fentry(function = "inet_csk_complete_hashdance")]
pub fn tcp_accept_queue(ctx: FEntryContext) -> i32 {
    let listener: *const u8 = ctx.arg(0);
    // SAFETY: the first argument of this function is a socket.
    unsafe {
        let waiting: u32 = value(listener, constant(&SOCK_ACK_BACKLOG));
        let room: u32 = value(listener, constant(&SOCK_MAX_ACK_BACKLOG));
        if room == 0 {
            return 0;
        }
        let Some(counters) = cgroup::of_sock(listener).and_then(rare::counters) else {
            return 0;
        };
        let share = (u64::from(waiting) << 10) / u64::from(room);
        (*counters).accept_queue_sum += share;
        (*counters).accept_queue_samples += 1;
    }
    0
}
