//! The command line of the agent.

use std::path::PathBuf;

use clap::Parser;

/// Watches this machine's cgroups, forecasts what they will need, and sets their limits.
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "llmos-agent", version)]
pub struct Cli {
    /// Config file. Without it /etc/llmos/agent.toml is read if it exists
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// `observe` (compute and show) or `enforce` (also write limits of opted-in workloads)
    #[arg(long)]
    pub mode: Option<String>,
    /// Unix socket that serves status and metrics
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Directory of the undo journal
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Coordinator to report to, e.g. http://coordinator:7781
    #[arg(long, value_name = "URL")]
    pub coordinator: Option<String>,
    /// Address that serves Prometheus metrics over TCP, e.g. 127.0.0.1:9464
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<String>,
    /// Milliseconds between two ticks
    #[arg(long, value_name = "MS")]
    pub tick_ms: Option<u64>,
    /// Directory of the forecast model
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Print the configuration in force, with where each setting came from, and exit
    #[arg(long)]
    pub check_config: bool,
}

impl Cli {
    /// The settings made by flags: key, flag, value.
    pub(crate) fn settings(&self) -> Vec<(&'static str, &'static str, String)> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        [
            ("mode", "--mode", self.mode.clone()),
            ("socket", "--socket", path(&self.socket)),
            ("state_dir", "--state-dir", path(&self.state_dir)),
            (
                "coordinator.address",
                "--coordinator",
                self.coordinator.clone(),
            ),
            ("metrics.listen", "--metrics", self.metrics.clone()),
            (
                "tick_ms",
                "--tick-ms",
                self.tick_ms.map(|ms| ms.to_string()),
            ),
            ("model.dir", "--model", path(&self.model)),
        ]
        .into_iter()
        .filter_map(|(key, flag, value)| Some((key, flag, value?)))
        .collect()
    }
}
