//! What is wrong with a configuration: one line that says what, where, and what was expected.

use std::io;
use std::path::PathBuf;

use crate::origin::Origin;

/// Exit code for a configuration that cannot be used (`EX_USAGE` of `sysexits.h`).
pub const EXIT_CONFIG: u8 = 64;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read config file {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file is not TOML, or a value has the wrong type.
    #[error("{path} line {line}: {message}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What the parser says, in one line.
        message: String,
    },
    /// A key that does not exist.
    #[error("{path} line {line}: unknown key \"{key}\"{}", did_you_mean(.nearest))]
    UnknownKey {
        /// Which file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// The key with its section.
        key: String,
        /// The name most like it.
        nearest: Option<String>,
    },
    /// An environment variable that looks like ours and is not.
    #[error("unknown environment variable {name}{}", did_you_mean(.nearest))]
    UnknownVariable {
        /// Its name.
        name: String,
        /// The name most like it.
        nearest: Option<String>,
    },
    /// An environment variable or flag whose value has the wrong type.
    #[error("{origin}: {value:?} does not fit: {message}")]
    Value {
        /// Where it was set.
        origin: Origin,
        /// Its value.
        value: String,
        /// What the parser says, in one line.
        message: String,
    },
    /// A value that is out of bounds or makes no sense.
    #[error("{key} = {value} ({origin}): expected {expected}")]
    Invalid {
        /// The key with its section.
        key: String,
        /// Its value.
        value: String,
        /// Where it was set.
        origin: Origin,
        /// What would be right.
        expected: String,
    },
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map_or_else(String::new, |name| format!(", did you mean \"{name}\"?"))
}
