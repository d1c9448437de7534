//! Which actuator a cgroup has: systemd for its units, the files of cgroupfs for all else.

use std::path::Path;

use llmos_cgroupfs::Root;
use llmos_proto::status::Health;
use llmos_systemd::{Host, UnitName, unit_of};
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};

/// Actuators as the status names them.
pub(super) const SYSTEMD: &str = "systemd";
pub(super) const CGROUPFS: &str = "cgroupfs";

/// Whether systemd is asked at all, and where it is.
#[derive(Debug, Clone)]
pub struct Which {
    host: Host,
    off: Option<(Health, &'static str)>,
}

impl Which {
    /// As this machine and the configuration have it.
    pub(crate) fn of_this_machine(enabled: bool, root: &Root) -> Self {
        let host = Host::default();
        let off = if !enabled {
            Some((
                Health::Off,
                "[enforce] systemd = false: a daemon-reload resets the limits of its units",
            ))
        } else if !host.is_booted() {
            Some((
                Health::Unsupported,
                "systemd does not run here: limits are in cgroup files only",
            ))
        } else if !is_whole(root.path()) {
            Some((
                Health::Unsupported,
                "the cgroup root is not that of the whole machine, so its cgroups are no units of \
                 systemd: limits are in cgroup files only",
            ))
        } else {
            None
        };
        Self { host, off }
    }

    /// systemd is there, in this place.
    #[cfg(test)]
    pub(crate) fn on(host: Host) -> Self {
        Self { host, off: None }
    }

    /// Where systemd is.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Why systemd is not asked, if so.
    pub(super) fn off(&self) -> Option<(Health, &'static str)> {
        self.off
    }

    /// The unit that a cgroup belongs to, by its path, if systemd is to be asked.
    pub(super) fn unit(&self, path: &str) -> Option<UnitName> {
        if self.off.is_some() {
            return None;
        }
        unit_of(path)
    }

    /// The actuator of a cgroup, by its path.
    pub(crate) fn actuator(&self, path: &str) -> &'static str {
        match self.unit(path) {
            Some(_) => SYSTEMD,
            None => CGROUPFS,
        }
    }
}

/// Is this the root of the machine's whole hierarchy? That of a part of it, and of a cgroup namespace,
/// has files that the real root lacks.
fn is_whole(root: &Path) -> bool {
    let is_cgroup2 = statfs(root).is_ok_and(|fs| fs.filesystem_type() == CGROUP2_SUPER_MAGIC);
    is_cgroup2 && !root.join("cgroup.events").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_directory_is_no_hierarchy() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_whole(dir.path()));
        std::fs::write(dir.path().join("cgroup.controllers"), "cpu\n").unwrap();
        let root = Root::at(dir.path()).unwrap();
        for enabled in [false, true] {
            let which = Which::of_this_machine(enabled, &root);
            assert!(which.off().is_some(), "{enabled}");
            assert_eq!(which.actuator("system.slice/a.service"), CGROUPFS);
        }
    }

    #[test]
    fn units_are_systemds_and_the_rest_is_not() {
        let which = Which::on(Host::default());
        assert_eq!(which.actuator("system.slice/a.service"), SYSTEMD);
        assert_eq!(which.actuator("system.slice/a.service/payload"), CGROUPFS);
        assert_eq!(which.actuator("jobs/a"), CGROUPFS);
    }
}
