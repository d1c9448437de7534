//! Why the status server could not start: one line each, and the exit code that fits.

use std::net::SocketAddr;
use std::path::PathBuf;

/// `EX_UNAVAILABLE` of sysexits.h: something that is needed is taken.
const UNAVAILABLE: u8 = 69;
/// `EX_CANTCREAT`: the socket cannot be made.
const CANT_CREATE: u8 = 73;
/// `EX_NOPERM`.
const NO_PERMISSION: u8 = 77;

/// Why the status server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// Another process answers on the socket.
    #[error(
        "another agent answers at {}: stop it, or give this one another socket",
        path.display()
    )]
    InUse {
        /// Path of the socket.
        path: PathBuf,
    },
    /// Something that is no socket has the name.
    #[error(
        "{} exists and is not a socket ({found}): remove it, or choose another path for the socket",
        path.display()
    )]
    NotASocket {
        /// Path of the socket.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// A socket is there of which it is unknown whether somebody answers.
    #[error("cannot tell whether {} is in use: {source}", path.display())]
    Unknown {
        /// Path of the socket.
        path: PathBuf,
        /// What the attempt to connect gave.
        source: std::io::Error,
    },
    /// The socket or its folder cannot be made.
    #[error("cannot make the status socket {}: {step}: {source}", path.display())]
    Create {
        /// Path of the socket.
        path: PathBuf,
        /// What was tried.
        step: &'static str,
        /// What came of it.
        source: std::io::Error,
    },
    /// The address for metrics cannot be had.
    #[error("cannot listen for metrics on {address}: {source}")]
    Metrics {
        /// Address asked for.
        address: SocketAddr,
        /// What came of it.
        source: std::io::Error,
    },
}

impl StatusError {
    /// Exit code by the convention of sysexits.h.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::InUse { .. } => UNAVAILABLE,
            Self::NotASocket { .. } => CANT_CREATE,
            Self::Unknown { source, .. } => denied(source).unwrap_or(CANT_CREATE),
            Self::Create { source, .. } => denied(source).unwrap_or(CANT_CREATE),
            Self::Metrics { source, .. } => denied(source).unwrap_or(UNAVAILABLE),
        }
    }
}

fn denied(source: &std::io::Error) -> Option<u8> {
    (source.kind() == std::io::ErrorKind::PermissionDenied).then_some(NO_PERMISSION)
}
