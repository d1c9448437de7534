//! Why a limit was not set.

use std::io;
use std::path::PathBuf;

use llmos_engine::decide::Knob;

use crate::journal::JournalError;
use crate::parse::Garbage;

/// Why a limit was not set. The file keeps what it held, but for [`SetError::ReadBack`].
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// The cgroup is gone, or another one has its name. Normal.
    #[error("{0} is gone")]
    Gone(PathBuf),
    /// The cgroup is there, the file is not.
    #[error("{0} does not exist, expected its controller to be enabled for this cgroup")]
    NoFile(PathBuf),
    /// The value is no limit.
    #[error("{path}: cannot set {value}, expected a number that is not negative")]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// The value that was asked for.
        value: f64,
    },
    /// A lower `memory.max` than the memory in use would kill processes at once.
    #[error("{path}: {wanted} is below the {current} bytes in use and would kill")]
    WouldKill {
        /// Which file.
        path: PathBuf,
        /// The limit that was asked for, in bytes.
        wanted: u64,
        /// Bytes in use.
        current: u64,
    },
    /// Somebody else has changed the file since our last write, and the caller did not ask for that
    /// to be replaced.
    #[error("{path}: somebody else has set {found}")]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// Which limit; the burst credit also where a quota was to be set.
        knob: Knob,
        /// What the file holds, in the knob's unit.
        found: f64,
    },
    /// The file was handed over to somebody else who changes it.
    #[error("{0} was handed over to somebody else")]
    HandedOver(PathBuf),
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file holds something unknown, so its limit is left alone.
    #[error("{path}: {garbage}")]
    Garbage {
        /// Which file.
        path: PathBuf,
        /// What was expected and found.
        garbage: Garbage,
    },
    /// The original could not be made safe, so nothing was written.
    #[error("not written, because the original is not safe: {0}")]
    Journal(#[source] JournalError),
    /// The limits were put back by somebody else, because their lease had run out. Nothing can be
    /// written before [`LimitWriter::reopen`](super::LimitWriter::reopen).
    #[error("not written: {0}")]
    Fenced(#[source] JournalError),
    /// The kernel refused the write.
    #[error("cannot write {value:?} to {path}: {source}")]
    Write {
        /// Which file.
        path: PathBuf,
        /// What was written.
        value: String,
        /// The system's error.
        source: io::Error,
    },
    /// The write went through, but the file holds something else.
    #[error("{path} holds {found:?} after {wanted:?} was written")]
    ReadBack {
        /// Which file.
        path: PathBuf,
        /// What was written.
        wanted: String,
        /// What the file holds.
        found: String,
    },
}

impl SetError {
    /// Did the file refuse because it lies on something that is mounted read-only?
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        matches!(self, Self::Write { source, .. } if source.kind() == io::ErrorKind::ReadOnlyFilesystem)
    }
}

impl From<JournalError> for SetError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Fenced { .. } => Self::Fenced(error),
            _ => Self::Journal(error),
        }
    }
}
