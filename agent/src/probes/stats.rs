//! What the kernel side costs: run time per program and memory of the maps, as the kernel shows them
//! in `/proc/self/fdinfo`.

use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _};

use super::catalog::Probe;
use super::object::Object;
use super::set::Probes;

/// Runs and run time of one program while the kernel kept statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgramTotals {
    /// Its probe.
    pub probe: Probe,
    /// Its name.
    pub name: &'static str,
    /// Runs.
    pub runs: u64,
    /// Nanoseconds in those runs.
    pub run_ns: u64,
}

impl Probes {
    /// Totals of all programs that run. They only grow while statistics are on
    /// (`aya::sys::enable_stats`).
    #[must_use]
    pub fn program_totals(&self) -> Vec<ProgramTotals> {
        let Some(object) = &self.object else {
            return Vec::new();
        };
        let running = Probe::ALL.into_iter().filter(|probe| self.runs(*probe));
        let parts = running.flat_map(|probe| {
            let own = probe.parts().iter().filter(|(_, hook)| hook.is_own());
            own.map(move |(name, _)| (probe, *name))
        });
        parts
            .filter_map(|(probe, name)| totals(object, probe, name))
            .collect()
    }

    /// Bytes that the maps take in the kernel; `None` when it does not say.
    #[must_use]
    pub fn map_bytes(&self) -> Option<u64> {
        let size = |fd: &i32| number(&fdinfo(*fd)?, "memlock:");
        let sizes: Vec<u64> = self.map_fds.iter().filter_map(size).collect();
        (!sizes.is_empty()).then(|| sizes.iter().sum())
    }
}

fn totals(object: &Object, probe: Probe, name: &'static str) -> Option<ProgramTotals> {
    let fd = object.program(name)?.as_fd().as_raw_fd();
    let info = fdinfo(fd)?;
    Some(ProgramTotals {
        probe,
        name,
        runs: number(&info, "run_cnt:")?,
        run_ns: number(&info, "run_time_ns:")?,
    })
}

/// Descriptors of all maps that this process has open.
pub(super) fn open_maps() -> Vec<i32> {
    let Ok(folder) = fs::read_dir("/proc/self/fd") else {
        return Vec::new();
    };
    let fds = folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    fds.filter(|fd| fdinfo(*fd).is_some_and(|info| info.contains("map_id:")))
        .collect()
}

fn fdinfo(fd: i32) -> Option<String> {
    fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()
}

fn number(info: &str, key: &str) -> Option<u64> {
    let line = info.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().parse().ok()
}
