//! Leaves nothing behind when a signal ends a measuring program.

use std::thread;

use anyhow::{Context as _, Result};
use llmos_cgroupfs::Root;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigHandler, SigSet, Signal, raise, signal as set_action};

use crate::cgroup;

/// The signals that people and programs end a program with.
#[must_use]
pub fn ending_signals() -> SigSet {
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
        .into_iter()
        .collect()
}

/// Removes what killed runs left, and from now on this process's own cgroups, with what runs in
/// them, when a signal ends it. Call it before any thread is started: threads inherit the mask.
///
/// # Errors
/// When there is no cgroup v2 tree, or signals cannot be blocked.
pub fn start() -> Result<()> {
    let root = Root::find()?;
    cgroup::remove_left_behind(&root);
    let signals = ending_signals();
    signals.thread_block().context("blocking signals")?;
    thread::spawn(move || {
        let Ok(signal) = signals.wait() else { return };
        cgroup::remove_own(&root);
        // Ends the process the way it was asked to, also where its starter had this ignored.
        // SAFETY: the default action runs no code of ours.
        let _ = unsafe { set_action(signal, SigHandler::SigDfl) };
        let _ = signals.thread_unblock();
        let _ = raise(signal);
    });
    Ok(())
}

/// For a child between fork and exec, or right after a fork: the kernel kills it when the thread
/// that made it is gone, and signals reach it. Allocates nothing.
///
/// # Errors
/// When the kernel refuses one of both.
pub fn tie_to_parent() -> std::io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    SigSet::all().thread_unblock()?;
    Ok(())
}
