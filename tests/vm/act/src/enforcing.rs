//! The real agent in `enforce`, with the fast path or without it.

use anyhow::Result;
use llmos_vm_tests::agent::{self, Agent};

const CONFIG: &str = include_str!("agent.toml");

const FAST_ON: &str = "
[fast]
cpu = true
memory = true
";
const FAST_OFF: &str = "
[fast]
cpu = false
memory = false
";

/// Starts an agent that knows nothing of those that ran before.
///
/// # Errors
/// When it does not start.
pub fn start(fast: bool) -> Result<Agent> {
    match std::fs::remove_dir_all(agent::STATE) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let table = if fast { FAST_ON } else { FAST_OFF };
    Agent::configure(&format!("{CONFIG}{table}"))?;
    Agent::start("enforce")
}
