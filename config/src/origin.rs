//! Where a setting came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where a setting came from. Later ones win over earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The config file.
    File {
        /// Which file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
    },
    /// An environment variable.
    Env(String),
    /// A command-line flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{} line {line}", path.display()),
            Self::Env(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Where each key that was set came from, by `section.key`; rules are `workload[0].key`.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    by_key: BTreeMap<String, Origin>,
}

impl Origins {
    pub(crate) fn set(&mut self, key: impl Into<String>, origin: Origin) {
        self.by_key.insert(key.into(), origin);
    }

    /// Where a key came from.
    #[must_use]
    pub fn of(&self, key: &str) -> &Origin {
        self.by_key.get(key).unwrap_or(&Origin::Default)
    }
}
