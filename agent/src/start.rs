//! Puts the agent together: loads what can be had, names what cannot, serves, runs the loop, and
//! leaves nothing behind when it stops.

use std::path::PathBuf;
use std::sync::Arc;

use llmos_cgroupfs::{Root, RootError};
use llmos_engine::policy::Mode;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::apply::{Applier, ApplyError};
use crate::board::Board;
use crate::config::Config;
use crate::freeze::{Freeze, Switch};
use crate::host::{allocator, clock, priority, systemd};
use crate::identity::Identity;
use crate::links::Links;
use crate::model;
use crate::node::{Node, Parts};
use crate::probes::{Probes, Wanted};
use crate::report::{ReportError, Reporter};
use crate::run::{self, Events, Signals};
use crate::sense::Sensor;
use crate::status::{StatusError, StatusServer};
use crate::watch::{Settings, Stalls, Watches};

/// Open files left for everything but cgroup readers: sockets, maps, programs, links.
const OTHER_FILES: u64 = 256;

/// Why the agent cannot run at all. Anything less is a named state of a running agent.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No cgroup v2 tree to look at.
    #[error(transparent)]
    Root(#[from] RootError),
    /// Facts of the machine that nothing can be done without.
    #[error("the machine does not tell its size: {0}")]
    Machine(std::io::Error),
    /// The status socket or the metrics address.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// The address of the coordinator.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The journal of limits, without which nothing may be written.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Signals.
    #[error("signal handlers cannot be installed: {0}")]
    Signals(std::io::Error),
}

impl StartError {
    /// Exit code by `sysexits.h`.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Root(_) | Self::Machine(_) => 69,
            Self::Status(error) => error.exit_code(),
            Self::Report(_) => 64,
            Self::Apply(error) => error.exit_code(),
            Self::Signals(_) => 71,
        }
    }
}

/// Runs the agent until a signal stops it.
///
/// # Errors
/// When something is missing that the agent cannot do without.
pub async fn run(config: Config) -> Result<(), StartError> {
    let config = Arc::new(config);
    // Before all that takes time: until then these signals would end the agent, in the midst of a restore.
    let signals = Signals::install().map_err(StartError::Signals)?;
    let switch = Arc::new(Switch::new(config.freeze.file.clone()));
    let root = root(config.cgroup_root.as_ref())?;
    let identity = Identity::of_this_machine().map_err(StartError::Machine)?;
    // First of all: what an earlier run left behind goes back, whatever this run is for.
    let applier = Applier::start(&config, &root)?;

    let wanted = Wanted {
        cpu: config.probes.cpu,
        network: config.probes.network,
        tcp: config.probes.tcp,
        reclaim: config.probes.reclaim,
        events: config.probes.events,
        facts: config.probes.facts,
        bpf_log: config.bpf_log,
    };
    let mut probes = Probes::load(wanted, Some(root.path()));
    let (ring, kernel_log) = (probes.events.take(), probes.log.take());
    let model = model::load(&config.model);
    allocator::return_free_memory();

    let reporter = Reporter::start(
        config.coordinator.address.as_deref(),
        config.coordinator.queue_reports,
    )?;
    let parts = Parts {
        sensor: Sensor::new(
            &root,
            probes,
            raise_open_files(),
            config.probes.near_quota_share,
        ),
        links: Links::watch(),
        model,
        applier,
        freeze: Freeze::new(&config, Arc::clone(&switch)),
        reporter,
        board: Board::new(starting(&config, &identity)),
        config: Arc::clone(&config),
        identity,
    };
    let board = Arc::clone(&parts.board);
    let mut node = Node::new(parts);
    node.restore_forecasts();
    node.tick();
    for part in &board.health().components {
        tracing::info!(part = part.name, state = ?part.state, "{}", part.cause);
    }
    let server = StatusServer::start(&config.socket, config.metrics.listen, board, switch).await?;
    if let Err(error) = priority::raise() {
        tracing::info!(%error, "ordinary priority: events may wait for a busy CPU");
    }
    let watches = Watches::new(root.path().to_owned(), watch_settings(&config));
    let mut events = Events::new(config.tick, ring, kernel_log, watches, signals);
    tracing::info!(socket = %config.socket.display(), mode = ?config.mode, "ready");
    systemd::ready();

    let signal = run::until_stopped(&mut events, &mut node).await;

    tracing::info!(signal, "stopping");
    systemd::stopping();
    node.stop();
    server.stop().await;
    let unsent = node.reporter.stop().await;
    if unsent > 0 {
        tracing::warn!(unsent, "reports could not be delivered to the coordinator");
    }
    tracing::info!("stopped");
    Ok(())
}

fn root(configured: Option<&PathBuf>) -> Result<Root, RootError> {
    match configured {
        Some(path) => Root::at(path),
        None => Root::find(),
    }
}

/// What the socket shows before the first tick.
fn starting(config: &Config, identity: &Identity) -> llmos_proto::status::Status {
    llmos_proto::status::Status {
        api_version: llmos_proto::status::API_VERSION.to_owned(),
        node: config.node_name.clone(),
        kernel: identity.kernel.clone(),
        started_unix_ms: identity.started_unix_ms,
        now_unix_ms: clock::wall_ms(),
        ..Default::default()
    }
}

/// Files are watched where events are wanted. A trigger makes the removal of its cgroup some
/// milliseconds slower, so only an agent that acts on cgroups sets triggers on them.
fn watch_settings(config: &Config) -> Settings {
    let mut default = Settings::default();
    if config.mode == Mode::Observe {
        // It has none.
        default.limit_files = 0;
    }
    if config.probes.events {
        return match config.mode {
            Mode::Enforce => default,
            Mode::Observe => Settings {
                cgroups: Stalls::default(),
                ..default
            },
        };
    }
    Settings {
        node: Stalls::default(),
        cgroups: Stalls::default(),
        memory_events: false,
        ..default
    }
}

/// Raises the limit on open files to what the system allows; how many readers may keep open.
fn raise_open_files() -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, hard)| {
        match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            Ok(()) => hard,
            Err(_) => soft,
        }
    });
    usize::try_from(limit.saturating_sub(OTHER_FILES) / 2).unwrap_or(usize::MAX)
}
