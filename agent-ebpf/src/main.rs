//! The kernel side: programs that count per cgroup and report events. They hold no policy.
//!
//! One file per probe; each program is loaded on its own, so one that a kernel refuses costs one
//! metric and no more.
#![no_std]
#![no_main]

mod cgroup;
mod cpu;
mod facts;
mod lifecycle;
mod lost;
mod member;
mod network;
mod oom;
mod quota;
mod rare;
mod reclaim;
mod tcp;

use aya_ebpf::macros::map;
use aya_ebpf::maps::RingBuf;
use llmos_common::limits::EVENT_RING_BYTES;

/// All events, in order.
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(EVENT_RING_BYTES, 0);

/// Set by the agent before loading: 1 when debug logs are wanted.
#[unsafe(no_mangle)]
static LOG_ENABLED: u8 = 0;

/// Are debug logs wanted? Constant for the verifier, so that the log code is dropped when not.
#[inline(always)]
fn log_enabled() -> bool {
    // SAFETY: a static that is never written; volatile because the agent replaces the value in
    // the object file and the compiler must not fold the zero that it sees here.
    unsafe { core::ptr::read_volatile(&raw const LOG_ENABLED) != 0 }
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Some helpers are for GPL-compatible programs only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
