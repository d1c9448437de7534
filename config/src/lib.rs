//! The agent's configuration: flags over environment over file over defaults, checked before
//! anything starts. A crate of its own, because the command line checks such files, too.

mod check;
mod cli;
mod error;
mod freeze;
mod keys;
mod layers;
mod node;
mod origin;
mod policy;
mod preset;
mod problems;
mod raw;
mod rules;
mod show;
mod size;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use llmos_engine::policy::{Mode, NodePolicy, Policy};

pub use cli::Cli;
pub use error::{ConfigError, EXIT_CONFIG};
pub use freeze::Freeze;
pub use origin::{Origin, Origins};
pub use problems::{NodeSize, problems};
pub use rules::{Rule, Rules};
pub use size::bytes;

/// Everything that can be set.
#[derive(Debug)]
pub struct Config {
    /// Observe only, or write limits too.
    pub mode: Mode,
    /// Time between two ticks.
    pub tick: Duration,
    /// Name under which the node reports.
    pub node_name: String,
    /// Root of the cgroup v2 hierarchy; `None` means: find it.
    pub cgroup_root: Option<PathBuf>,
    /// Directory of the undo journal and of what is known of each series.
    pub state_dir: PathBuf,
    /// Unix socket of status and metrics.
    pub socket: PathBuf,
    /// Log filter in the syntax of `tracing_subscriber::EnvFilter`.
    pub log: String,
    /// Show the debug logs of the kernel side?
    pub bpf_log: bool,
    /// Where to report.
    pub coordinator: Coordinator,
    /// Where else to serve metrics.
    pub metrics: Metrics,
    /// The forecast model.
    pub model: Model,
    /// What is kept of forecasts.
    pub forecast: Forecast,
    /// How limits are held.
    pub enforce: Enforce,
    /// Which eBPF probes to load.
    pub probes: Probes,
    /// What the agent may cost.
    pub budget: Budget,
    /// What is done at once, between two ticks, in mode `enforce`.
    pub fast: Fast,
    /// When no limit is written, or none lowered.
    pub freeze: Freeze,
    /// How the node is shared.
    pub node: NodePolicy,
    /// Policies and opt-ins.
    pub rules: Rules,
    /// Where each setting came from.
    pub origins: Origins,
}

/// `[coordinator]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coordinator {
    /// URL; `None` means that nothing is reported.
    pub address: Option<String>,
    /// Reports kept while the coordinator is away; the oldest go first.
    pub queue_reports: usize,
}

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// TCP address; `None` means the unix socket only.
    pub listen: Option<SocketAddr>,
}

/// `[model]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Directory of the model; `None` means: look in [`Model::SEARCH`].
    pub dir: Option<PathBuf>,
    /// Use a model at all? Without one the baseline forecasts.
    pub enabled: bool,
}

impl Model {
    /// Where a model is looked for, relative ones beside the current directory and the program.
    pub const SEARCH: [&str; 2] = [
        "/usr/share/llmos/models/lstm-64-32",
        "models/artifacts/lstm-64-32",
    ];

    /// The directory to load from: the one that is set, whatever it holds, else the first of
    /// [`Model::SEARCH`] that exists. `None` when models are off or none is found.
    #[must_use]
    pub fn find(&self) -> Option<PathBuf> {
        if !self.enabled {
            return None;
        }
        if self.dir.is_some() {
            return self.dir.clone();
        }
        let here = std::env::current_dir().ok();
        let program = std::env::current_exe().ok();
        // target/debug/llmos-agent lies three levels below the repository.
        let near = program
            .iter()
            .flat_map(|path| path.ancestors().skip(1).take(3));
        let bases: Vec<_> = here.iter().map(PathBuf::as_path).chain(near).collect();
        Self::SEARCH
            .iter()
            .flat_map(|dir| bases.iter().map(move |base| base.join(dir)))
            .find(|dir| dir.is_dir())
    }
}

/// `[fast]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fast {
    /// Raise a quota that would be used up before its period ends?
    pub cpu: bool,
    /// Raise memory limits that were reached? Not by default.
    pub memory: bool,
}

/// `[forecast]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// Time between two saves of the forecasting state; `None` is never.
    pub save_every: Option<Duration>,
}

/// `[enforce]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enforce {
    /// How long limits stay when the agent does not answer and a watchdog runs.
    pub lease: Duration,
    /// Are limits of systemd's units told to systemd, so that they last?
    pub systemd: bool,
}

/// `[probes]`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probes {
    /// CPU time, context switches and run-queue wait per cgroup.
    pub cpu: bool,
    /// Network bytes, packets and round-trip times per cgroup.
    pub network: bool,
    /// TCP connections, retransmits and accept queues per cgroup.
    pub tcp: bool,
    /// Time that tasks spend freeing memory.
    pub reclaim: bool,
    /// Cgroups made and removed, OOM kills, quotas nearly used up.
    pub events: bool,
    /// One walk over all cgroups instead of many files.
    pub facts: bool,
    /// Share of a period's quota after which the near-quota event comes.
    pub near_quota_share: f64,
}

/// `[budget]`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// CPU of the agent and its kernel side, in cores. Above it probes are shed.
    pub cpu_cores: f64,
}

impl Config {
    /// Reads all sources: `cli` over the variables of `env` over the file over the defaults.
    /// Pass `std::env::vars_os()`.
    ///
    /// # Errors
    /// One line that says what is wrong, where, and what was expected. The program should end
    /// with [`EXIT_CONFIG`].
    pub fn load(
        cli: &Cli,
        env: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let (raw, origins) = layers::read(cli, env)?;
        check::config(raw, origins)
    }

    /// The policy of a cgroup (path relative to the root, no leading slash), and whether a rule
    /// opted it in. Cheap enough for each workload at each tick.
    pub fn policy_for(&self, cgroup_path: &str) -> (&Policy, bool) {
        self.rules.policy_for(cgroup_path)
    }

    /// The effective configuration for people: TOML, with the source of what is not a default.
    #[must_use]
    pub fn show(&self) -> String {
        show::config(self)
    }
}
