//! Where systemd is to be found.

use std::path::{Path, PathBuf};

/// systemd's folder of files that do not outlive the boot.
const RUN: &str = "/run/systemd";

/// The bus and the runtime folder of one systemd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Address of the bus; `None` for the system's, as `DBUS_SYSTEM_BUS_ADDRESS` or the default
    /// says.
    pub(crate) address: Option<String>,
    pub(crate) run: PathBuf,
}

impl Default for Host {
    /// This machine.
    fn default() -> Self {
        Self {
            address: None,
            run: PathBuf::from(RUN),
        }
    }
}

impl Host {
    /// Another bus and folder, for tests.
    #[must_use]
    pub fn at(address: &str, run: &Path) -> Self {
        Self {
            address: Some(address.to_owned()),
            run: run.to_owned(),
        }
    }

    /// Is PID 1 systemd? The same test as `sd_booted(3)`.
    #[must_use]
    pub fn is_booted(&self) -> bool {
        self.run.join("system").is_dir()
    }
}
