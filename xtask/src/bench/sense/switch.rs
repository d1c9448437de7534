//! What the probes add to a context switch.

use anyhow::Result;

use super::super::native;
use super::{Numbers, accuracy};
use crate::step::Steps;

/// By the kernel's statistics, and by a benchmark with the probes off and on in turn.
pub fn run(_: bool, steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    let answer = steps.run("context switches without and with probes", || {
        native::ask("native-bench", &["switch"])
    })?;
    accuracy::take(&answer, numbers);
    Ok(())
}
