//! What can go wrong, each in one line that says what to do, with its exit code.

use std::io;
use std::path::PathBuf;

use llmos_cgroupfs::{JournalError, RootError};
use llmos_forecaster::LoadError;
use llmos_proto::status::API_VERSION;
use llmos_recording::ReadError;
use llmos_replay::control;
use llmos_replay::control::picture::PictureError;
use llmos_replay::trace::TraceError;

/// `EX_USAGE` of sysexits.h.
pub const USAGE: u8 = 64;
/// `EX_DATAERR`.
const DATA: u8 = 65;
const UNAVAILABLE: u8 = 69;
/// `EX_CANTCREAT`.
const CANNOT_CREATE: u8 = 73;
const NO_PERMISSION: u8 = 77;
const OTHER: u8 = 1;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum CtlError {
    /// Nobody answers.
    #[error(
        "cannot reach the agent at {}: {cause}; is llmos-agent running? start it with \
         \"sudo llmos-agent\" or \"systemctl start llmos-agent\", or name its socket with --socket",
        socket.display()
    )]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// Why.
        cause: String,
    },
    /// The socket is for others.
    #[error(
        "no permission to use the agent's socket {}: run as root or as a member of the socket's group",
        socket.display()
    )]
    Forbidden {
        /// The socket.
        socket: PathBuf,
    },
    /// Something answers that is no agent.
    #[error(
        "{} is no status socket of llmos-agent: {cause}; name the right one with --socket",
        socket.display()
    )]
    NotAnAgent {
        /// The socket.
        socket: PathBuf,
        /// What it said or did.
        cause: String,
    },
    /// An agent of another release answers.
    #[error(
        "the agent at {} speaks version {theirs} of the status interface, this llmosctl speaks \
         {API_VERSION}: use the llmosctl of the agent's release",
        socket.display()
    )]
    Version {
        /// The socket.
        socket: PathBuf,
        /// The agent's version.
        theirs: String,
    },
    /// The agent said no.
    #[error("the agent refused {path}: {cause}")]
    Refused {
        /// What was asked for.
        path: String,
        /// Its answer.
        cause: String,
    },
    /// No workload has this name.
    #[error("no workload matches {wanted:?}: \"llmosctl top --once\" lists them")]
    NoSuchWorkload {
        /// What was asked for.
        wanted: String,
    },
    /// Many have it.
    #[error(
        "{} workloads match {wanted:?}: give more of the path, or the id\n{}",
        candidates.len(),
        listed(candidates)
    )]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// Id and path of each.
        candidates: Vec<(String, String)>,
    },
    /// The journal is in use or unreadable.
    #[error("cannot restore: {}", advice(.0))]
    Journal(#[from] JournalError),
    /// No cgroup v2 hierarchy.
    #[error("cannot restore: {0}; name the hierarchy with --cgroup-root")]
    Root(#[from] RootError),
    /// Some limits are still changed.
    #[error(
        "{0} limits could not be restored; they stay in the journal, run this again after mending the cause"
    )]
    NotRestored(usize),
    /// A file cannot be used.
    #[error("cannot {step} {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What was tried.
        step: &'static str,
        /// What came of it.
        source: io::Error,
    },
    /// A recording cannot be read.
    #[error(transparent)]
    Recording(#[from] ReadError),
    /// A trace cannot be replayed.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A trace has nothing that could be limited.
    #[error("nothing to control in {paths}: expected a column cpu or mem")]
    NothingToControl {
        /// What was asked for.
        paths: String,
    },
    /// A picture cannot be drawn.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// There is no model.
    #[error("no forecast model found: name its folder with --model, or use --without-model")]
    NoModel,
    /// A model cannot be used.
    #[error("cannot use the model: {0}")]
    Model(#[from] LoadError),
    /// A model does not fit; what is wrong with it has been said.
    #[error("{} does not fit: {wrong} of the lines above say what is wrong", path.display())]
    ModelUnfit {
        /// The model.
        path: PathBuf,
        /// How many findings.
        wrong: usize,
    },
    /// A policy is wrong; in what has been said.
    #[error("{} has {count} {}", path.display(), if *count == 1 { "problem" } else { "problems" })]
    Policy {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// A policy does not hold what was asked of it; in what has been said.
    #[error("{} is over {count} {}", path.display(), if *count == 1 { "limit" } else { "limits" })]
    PolicyFailed {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// A policy that seemed right could not be taken.
    #[error("{}: {why}", path.display())]
    PolicyUnread {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        why: String,
    },
    /// There is nothing to write.
    #[error("{} is not written: it is there, or none would fit", path.display())]
    NoTemplate {
        /// The contract.
        path: PathBuf,
    },
    /// A model failed on the way.
    #[error("the replay ended early: {0}")]
    ModelFailed(String),
    /// A file cannot be made.
    #[error("cannot create {}: {source}", path.display())]
    Create {
        /// Which.
        path: PathBuf,
        /// What came of it.
        source: io::Error,
    },
    /// The output is gone.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// The runtime of the client did not start.
    #[error("cannot start: {0}")]
    Start(io::Error),
}

impl From<control::Error<LoadError>> for CtlError {
    fn from(error: control::Error<LoadError>) -> Self {
        match error {
            control::Error::Load(error) => Self::Model(error),
            control::Error::Model(error) => Self::ModelFailed(error),
        }
    }
}

impl CtlError {
    /// Exit code by the convention of sysexits.h.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unreachable { .. } | Self::NotAnAgent { .. } => UNAVAILABLE,
            Self::Forbidden { .. } => NO_PERMISSION,
            Self::Journal(JournalError::InUse { .. }) => UNAVAILABLE,
            Self::Recording(ReadError::NotARecording { .. })
            | Self::Trace(
                TraceError::Malformed { .. }
                | TraceError::Nothing { .. }
                | TraceError::Recording(ReadError::NotARecording { .. }),
            ) => DATA,
            Self::Model(error) if !matches!(error, LoadError::Read { .. }) => DATA,
            Self::ModelUnfit { .. }
            | Self::Policy { .. }
            | Self::PolicyFailed { .. }
            | Self::PolicyUnread { .. }
            | Self::NothingToControl { .. } => DATA,
            Self::NoTemplate { .. } => CANNOT_CREATE,
            Self::Journal(JournalError::Io { source, .. })
            | Self::File { source, .. }
            | Self::Create { source, .. }
            | Self::Recording(ReadError::Io { source, .. })
            | Self::Model(LoadError::Read { source, .. })
            | Self::Trace(
                TraceError::Io { source, .. } | TraceError::Recording(ReadError::Io { source, .. }),
            ) if source.kind() == io::ErrorKind::PermissionDenied => NO_PERMISSION,
            Self::Create { .. } => CANNOT_CREATE,
            _ => OTHER,
        }
    }
}

fn listed(candidates: &[(String, String)]) -> String {
    let lines: Vec<_> = candidates
        .iter()
        .map(|(id, path)| format!("  {id}  {}", crate::units::plain(path)))
        .collect();
    lines.join("\n")
}

fn advice(error: &JournalError) -> String {
    match error {
        JournalError::InUse { .. } => format!(
            "{error}; it renews its lease, so it is well, and puts the limits back itself when it \
             stops, e.g. with \"systemctl stop llmos-agent\""
        ),
        JournalError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            format!("{error}; run as root")
        }
        _ => error.to_string(),
    }
}
