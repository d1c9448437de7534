//! Arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// See what the LLMOS agent on this machine sees, does and why.
#[derive(Debug, Parser)]
#[command(name = "llmosctl", version, about, max_term_width = 100)]
pub struct Cli {
    /// Status socket of the agent
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "LLMOS_SOCKET",
        default_value = "/run/llmos/agent.sock"
    )]
    pub socket: PathBuf,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The node, the agent, its parts and what it costs
    Status,
    /// All workloads, live: keys c, m, n sort by CPU, memory, network; q quits
    Top(TopArgs),
    /// One workload: use, forecast, each limit and why it is what it is
    Explain(ExplainArgs),
    /// Put original limits back that a stopped or killed agent left changed
    Restore(RestoreArgs),
    /// Record use and limits of all workloads, tick by tick, to a file
    Record(RecordArgs),
    /// Look into a recording
    Recording(RecordingArgs),
}

/// Arguments of `top`.
#[derive(Debug, Args)]
pub struct TopArgs {
    /// Print the table once and end, as when the output is no terminal
    #[arg(long)]
    pub once: bool,
    /// What to sort by at the start
    #[arg(long, value_enum, default_value_t = Sort::Cpu)]
    pub sort: Sort,
}

/// Orders of `top`: most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// CPU use
    Cpu,
    /// Memory use
    Memory,
    /// Traffic in plus out
    Network,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// cgroup id, path below the cgroup root, name, or a part of the path that only one workload has
    pub workload: String,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// State directory of the agent
    #[arg(
        long,
        value_name = "DIR",
        env = "LLMOS_STATE_DIR",
        default_value = "/var/lib/llmos"
    )]
    pub state_dir: PathBuf,
    /// Root of the cgroup v2 hierarchy; found by itself if not given
    #[arg(long, value_name = "DIR", env = "LLMOS_CGROUP_ROOT")]
    pub cgroup_root: Option<PathBuf>,
    /// All limits of the journal; this is what happens without it too
    #[arg(long)]
    pub all: bool,
}

/// Arguments of `record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// File to write, an Apache Arrow stream by convention named .arrows; must not exist
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// How long; until ctrl-c if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: Option<u64>,
}

/// Arguments of `recording`.
#[derive(Debug, Args)]
pub struct RecordingArgs {
    /// What to do with it
    #[command(subcommand)]
    pub look: Look,
}

/// Ways to look into a recording.
#[derive(Debug, Subcommand)]
pub enum Look {
    /// Its node, span, gaps, size and columns, and whether it is whole
    Show {
        /// What record wrote
        file: PathBuf,
    },
    /// Its rows as CSV
    Csv {
        /// What record wrote
        file: PathBuf,
    },
}
