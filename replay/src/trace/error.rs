//! Why a trace cannot be read: one line that says which file, what was found, what was expected.

use std::io;
use std::path::{Path, PathBuf};

use llmos_recording::ReadError;

/// Why a trace cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file or folder refuses.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What came of it.
        source: io::Error,
    },
    /// It holds something else than a trace.
    #[error("{}: {cause}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What was found and what was expected.
        cause: String,
    },
    /// A recording cannot be read.
    #[error(transparent)]
    Recording(#[from] ReadError),
    /// All was read, and there is nothing to replay.
    #[error(
        "no usable series in {paths}: expected columns such as cpu, mem or net with at least {} rows \
         in a series and a use above zero",
        super::SHORTEST
    )]
    Nothing {
        /// What was asked for.
        paths: String,
    },
}

impl TraceError {
    pub(super) fn malformed(path: &Path, cause: impl Into<String>) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            cause: cause.into(),
        }
    }

    /// An error while reading: a broken compression is the file's content, not the disk's fault.
    pub(super) fn reading(path: &Path, source: io::Error) -> Self {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match source.kind() {
            UnexpectedEof => Self::malformed(path, "the compressed file ends too early"),
            InvalidData | InvalidInput => {
                Self::malformed(path, format!("no gzip file that can be read ({source})"))
            }
            _ => Self::Io {
                path: path.to_owned(),
                source,
            },
        }
    }
}
