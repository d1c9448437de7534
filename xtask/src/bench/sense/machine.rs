//! What needs a machine with a unified cgroup v2 tree and so runs in an emulated one: the agent
//! beside its peers, and the event that a quota is nearly used up.

mod near_quota;
mod peers;

use anyhow::Result;

use super::Numbers;
use crate::bench::machine::{self, keep, measuring};
use crate::step::Steps;

/// Programs that measure and make load.
const MEASURING: [&str; 4] = ["vm-init", "vm-near-quota", "vm-peers", "vm-workload"];

/// Runs both parts. What cannot be measured is `null` with its reason.
///
/// # Errors
/// When the emulator cannot be had or a machine does not reach its end.
pub fn run(release: bool, steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    machine::get(steps)?;
    machine::build(&MEASURING, steps)?;
    // One that fails does not keep the other from being measured.
    let bursts = near_quota::run(steps, numbers);
    let peers = peers::run(release, steps, numbers);
    bursts.and(peers)
}
