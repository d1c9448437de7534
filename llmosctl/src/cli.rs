//! Arguments.

use std::path::PathBuf;

use clap::builder::{BoolishValueParser, PathBufValueParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use llmos_engine::forecast::HORIZONS;

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
    // `replay` has an argument of the same name that takes a file: clap hands the value of
    // either to both, so they have one type.
    #[arg(
        long,
        global = true,
        action = ArgAction::SetTrue,
        value_parser = BoolishValueParser::new().map(|on| if on { JsonTo::Stdout } else { JsonTo::Nowhere })
    )]
    pub json: JsonTo,
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
    /// Freeze all limits: none is written until unfreeze, also after a restart of the agent
    Freeze(FreezeArgs),
    /// Let limits be written again, whoever froze them
    Unfreeze,
    /// Record use and limits of all workloads, tick by tick, to a file
    Record(RecordArgs),
    /// Look into a recording
    Recording(RecordingArgs),
    /// Replay traces and recordings: what would have been
    Replay(ReplayArgs),
    /// Forecast models of your own
    Model(ModelArgs),
    /// Policies as files, for checks of your own
    Policy(PolicyArgs),
}

/// Where JSON goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonTo {
    /// None is wanted.
    Nowhere,
    /// To the standard output, instead of the text for people.
    Stdout,
    /// To a file, beside the text for people.
    File(PathBuf),
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
    /// Only this workload: the path of its cgroup below the root, or its id
    #[arg(value_name = "WORKLOAD", conflicts_with = "all")]
    pub workload: Option<String>,
    /// All limits of the journal; this is what happens without it too
    #[arg(long)]
    pub all: bool,
}

/// Arguments of `freeze`.
#[derive(Debug, Args)]
pub struct FreezeArgs {
    /// Why, one line; shown wherever a limit is not written
    #[arg(long, value_name = "TEXT")]
    pub cause: Option<String>,
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

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// What to replay
    #[command(subcommand)]
    pub replay: Replay,
}

/// What can be replayed.
#[derive(Debug, Subcommand)]
pub enum Replay {
    /// Score the forecasts of peaks on the last 30 % of each series, beside simple rules
    Forecast(ReplayForecastArgs),
    /// Run the limits of LLMOS in closed loop on each series, beside the rules of other systems, and
    /// score slack and stall of the last 30 %
    Control(ReplayControlArgs),
}

/// Which model a replay takes.
#[derive(Debug, Args)]
pub struct ReplayModelArgs {
    /// Folder of the forecast model; where the agent looks if not given
    #[arg(long, value_name = "DIR", conflicts_with = "without_model")]
    pub model: Option<PathBuf>,
    /// Replay what the agent does without a model
    #[arg(long)]
    pub without_model: bool,
}

/// Arguments of `replay forecast`.
#[derive(Debug, Args)]
pub struct ReplayForecastArgs {
    /// Traces (.csv, .csv.gz), recordings (.arrows), or folders of them
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    pub traces: Vec<PathBuf>,
    /// Which model
    #[command(flatten)]
    pub model: ReplayModelArgs,
    /// Ticks ahead: 5, 30; both if not given
    #[arg(long, value_name = "TICKS", value_delimiter = ',', value_parser = horizon)]
    pub horizon: Vec<usize>,
    /// Write all figures to this file as JSON
    #[arg(long, value_name = "OUT", value_parser = PathBufValueParser::new().map(JsonTo::File))]
    json: Option<JsonTo>,
}

/// Arguments of `replay control`.
#[derive(Debug, Args)]
pub struct ReplayControlArgs {
    /// Traces (.csv, .csv.gz), recordings (.arrows), or folders of them
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    pub traces: Vec<PathBuf>,
    /// Which model
    #[command(flatten)]
    pub model: ReplayModelArgs,
    /// Write a picture of each family to this folder, as SVG
    #[arg(long, value_name = "DIR")]
    pub pictures: Option<PathBuf>,
    /// Write all figures to this file as JSON
    #[arg(long, value_name = "OUT", value_parser = PathBufValueParser::new().map(JsonTo::File))]
    json: Option<JsonTo>,
}

fn horizon(text: &str) -> Result<usize, String> {
    let known = || HORIZONS.map(|h| h.to_string()).join(", ");
    let ticks = text.parse().ok().filter(|ticks| HORIZONS.contains(ticks));
    ticks.ok_or_else(|| format!("expected one of {}", known()))
}

/// Arguments of `model`.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// What to do with it
    #[command(subcommand)]
    pub what: ModelDo,
}

/// What can be done with a model.
#[derive(Debug, Subcommand)]
pub enum ModelDo {
    /// Say what fits, what does not, and how fast it is here
    Check(ModelCheckArgs),
}

/// Arguments of `model check`.
#[derive(Debug, Args)]
pub struct ModelCheckArgs {
    /// Folder with model.onnx and contract.json, or an ONNX file
    pub path: PathBuf,
    /// Where there is no contract, write one that would fit
    #[arg(long)]
    pub write_contract: bool,
    /// Sizes of the batches to measure
    #[arg(
        long,
        value_name = "ROWS",
        value_delimiter = ',',
        default_values_t = [1, 16, 128],
        value_parser = batch
    )]
    pub batch: Vec<usize>,
}

fn batch(text: &str) -> Result<usize, String> {
    let rows = text.parse().ok().filter(|rows| (1..=65_536).contains(rows));
    rows.ok_or_else(|| "expected 1 to 65536".to_owned())
}

/// Arguments of `policy`.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// What to do with it
    #[command(subcommand)]
    pub what: PolicyDo,
}

/// What can be done with a policy.
#[derive(Debug, Subcommand)]
pub enum PolicyDo {
    /// Say all that is wrong with a config file, a line each: unknown keys, contradictions, floors
    /// that cannot be kept, rules that are never reached
    Check(PolicyCheckArgs),
    /// Run what a config file says in closed loop on traces, and hold slack, stalls and kills to
    /// limits
    Test(PolicyTestArgs),
    /// Search the numbers of the presets on the training part of traces, and say what each value
    /// that was tried came to
    Tune(PolicyTuneArgs),
}

/// Arguments of `policy check`.
#[derive(Debug, Args)]
pub struct PolicyCheckArgs {
    /// Config file of the agent
    pub file: PathBuf,
    /// CPUs of the machine that it is for
    #[arg(long, value_name = "N", value_parser = cpus)]
    pub cpus: Option<f64>,
    /// Memory of that machine, e.g. 16GiB
    #[arg(long, value_name = "SIZE", value_parser = llmos_config::bytes)]
    pub memory: Option<u64>,
}

/// Arguments of `policy test`.
#[derive(Debug, Args)]
pub struct PolicyTestArgs {
    /// Config file of the agent
    pub file: PathBuf,
    /// Traces (.csv, .csv.gz), recordings (.arrows), or folders of them
    #[arg(long = "trace", value_name = "PATH", required = true, num_args = 1..)]
    pub traces: Vec<PathBuf>,
    /// Cgroup whose policy is tested; what no rule matches gets that of the section policy
    #[arg(long, value_name = "CGROUP")]
    pub workload: Option<String>,
    /// Which model
    #[command(flatten)]
    pub model: ReplayModelArgs,
    /// Fail where the limits are further above the use on average, e.g. 0.5
    #[arg(long, value_name = "RATIO", value_parser = at_least_0)]
    pub max_slack: Option<f64>,
    /// Fail where work waits for a larger share of the time, e.g. 0.01
    #[arg(long, value_name = "SHARE", value_parser = at_least_0)]
    pub max_stall: Option<f64>,
    /// Fail after more OOM kills
    #[arg(long, value_name = "N")]
    pub max_kills: Option<u64>,
}

/// Arguments of `policy tune`.
#[derive(Debug, Args)]
pub struct PolicyTuneArgs {
    /// Traces (.csv, .csv.gz), recordings (.arrows), or folders of them; only the first 70 % of each
    /// series are looked at
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    pub traces: Vec<PathBuf>,
    /// Which model
    #[command(flatten)]
    pub model: ReplayModelArgs,
}

fn at_least_0(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| *x >= 0.0);
    number.ok_or_else(|| "expected a number, at least 0".to_owned())
}

fn cpus(text: &str) -> Result<f64, String> {
    let cpus = text.parse().ok().filter(|cpus| *cpus > 0.0);
    cpus.ok_or_else(|| "expected a number above 0".to_owned())
}
