//! Where systemd is to be found.

use std::path::{Path, PathBuf};

/// systemd's folder of files that do not outlive the boot.
const RUN: &str = "/run/systemd";
/// The system's bus. Its specification says `/var/run`, which is a link to `/run` on every system, but
/// not in every container.
const BUS: &str = "/run/dbus/system_bus_socket";
const BUS_VARIABLE: &str = "DBUS_SYSTEM_BUS_ADDRESS";

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

    /// Address of the bus; `None` for what the bus's own library takes.
    pub(crate) fn bus(&self) -> Option<String> {
        let is_default = self.address.is_none() && std::env::var_os(BUS_VARIABLE).is_none();
        let found = is_default && Path::new(BUS).exists();
        let found = found.then(|| format!("unix:path={BUS}"));
        self.address.clone().or(found)
    }

    /// Is PID 1 systemd? The same test as `sd_booted(3)`.
    #[must_use]
    pub fn is_booted(&self) -> bool {
        self.run.join("system").is_dir()
    }
}
