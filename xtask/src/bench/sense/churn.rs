//! Ten thousand cgroups that come and go while an agent watches.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use llmos_vm_tests::http;

use super::super::native;
use super::{Numbers, accuracy};
use crate::paths;
use crate::run::System;
use crate::step::Steps;

/// The agent's first buffers are made.
const WARM_UP: Duration = Duration::from_secs(20);

/// Starts an agent and lets cgroups come and go.
pub fn run(release: bool, steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    steps.run("twice 10,000 cgroups come and go", || {
        let mut system = System::start_in(&paths::target().join("run-bench"), None, release)?;
        sleep(WARM_UP);
        let pid = system.agent_pid()?.to_string();
        let answer = native::ask("native-bench", &["churn", "--agent", &pid]);
        let status = http::get(&system.socket, "/v1/status");
        system.stop()?;
        accuracy::take(&answer?, numbers);
        for lost in status?["lost"].as_array().into_iter().flatten() {
            let place = lost["place"].as_str().unwrap_or("unnamed");
            let key = format!("churn_lost_{}", place.replace([' ', '-'], "_"));
            numbers.put(&key, lost["count"].as_f64());
        }
        Ok(())
    })
}
