//! Reads what [`Judge`](super::judge::Judge) judges by: pressure of the node, room for originals, the
//! clocks, sched_ext.

use std::fs;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use nix::time::{ClockId, clock_gettime};

use super::judge::{Clocks, Readings};
use crate::host::facts;

/// Where the kernel gives the pressure of the whole node.
const PRESSURE: &str = "/proc/pressure";
/// Clocks that were read within this time, in nanoseconds, were read at one moment.
const MOMENT_NS: i64 = 10_000_000;
/// Attempts to read them so; a busy machine may take the CPU away in between.
const ATTEMPTS: usize = 3;

/// Reads all. `lost` is what the kernel side has lost so far, if there is one.
pub(super) fn read(state_dir: &Path, lost: Option<u64>) -> Readings {
    Readings {
        memory_full: full_avg10(&Path::new(PRESSURE).join("memory")),
        io_full: full_avg10(&Path::new(PRESSURE).join("io")),
        state_free: free(state_dir),
        clocks: clocks(),
        lost: lost.ok_or_else(|| "no kernel side runs, so nothing is counted".to_owned()),
        sched_ext: facts::sched_ext(),
    }
}

/// Share of the last ten seconds in which all tasks stalled.
fn full_avg10(file: &Path) -> Result<f64, String> {
    let text = fs::read_to_string(file).map_err(|error| {
        let hint = "pressure is not accounted unless the boot parameter psi=1 is set";
        format!("cannot read {}: {error}; {hint}", file.display())
    })?;
    let percent = parse_full_avg10(&text);
    let percent = percent.ok_or_else(|| format!("{} has no full avg10", file.display()))?;
    Ok(percent / 100.0)
}

/// In percent.
fn parse_full_avg10(text: &str) -> Option<f64> {
    let full = text.lines().find_map(|line| line.strip_prefix("full "))?;
    let mut fields = full.split_whitespace();
    let value = fields.find_map(|field| field.strip_prefix("avg10="))?;
    value.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Bytes that are free where a directory lies or will lie, without what is reserved for root.
fn free(dir: &Path) -> Result<u64, String> {
    let there = dir.ancestors().find(|dir| dir.exists()).unwrap_or(dir);
    let found = statvfs(there).map_err(|error| {
        let dir = there.display();
        format!("cannot tell the room at {dir}: {error}")
    })?;
    // A file system without a size, such as the ramfs of an initramfs, does not tell its room.
    if found.blocks() == 0 {
        return Err(format!(
            "the file system of {} has no size",
            there.display()
        ));
    }
    Ok(found
        .blocks_available()
        .saturating_mul(found.fragment_size()))
}

fn clocks() -> Result<Clocks, String> {
    let failed = |error| format!("the clocks cannot be read: {error}");
    for _ in 0..ATTEMPTS {
        let monotonic = ns(ClockId::CLOCK_MONOTONIC).map_err(failed)?;
        let boot = ns(ClockId::CLOCK_BOOTTIME).map_err(failed)?;
        let wall = ns(ClockId::CLOCK_REALTIME).map_err(failed)?;
        if ns(ClockId::CLOCK_MONOTONIC).map_err(failed)? - monotonic <= MOMENT_NS {
            return Ok(Clocks {
                monotonic,
                boot,
                wall,
            });
        }
    }
    Err("the machine is too busy to read the clocks at one moment".to_owned())
}

fn ns(clock: ClockId) -> nix::Result<i64> {
    let now = clock_gettime(clock)?;
    Ok(now
        .tv_sec()
        .saturating_mul(1_000_000_000)
        .saturating_add(now.tv_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_is_a_share() {
        let text = "some avg10=1.00 avg60=0.00 avg300=0.00 total=9\n\
                    full avg10=23.50 avg60=0.40 avg300=0.00 total=3\n";
        assert_eq!(parse_full_avg10(text), Some(23.5));
        for text in [
            "",
            "some avg10=1.00\n",
            "full avg60=1.00\n",
            "full avg10=x\n",
        ] {
            assert_eq!(parse_full_avg10(text), None, "{text}");
        }
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("memory");
        let why = full_avg10(&file).unwrap_err();
        assert!(why.contains("psi=1"), "{why}");
        fs::write(&file, text).unwrap();
        let share = full_avg10(&file).unwrap();
        assert!((share - 0.235).abs() < 1e-9);
    }

    #[test]
    fn room_is_told_also_before_the_directory_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let there = free(dir.path()).unwrap();
        assert!(there > 0);
        assert!(free(&dir.path().join("a/b")).is_ok());
    }

    #[test]
    fn the_clocks_of_this_machine_agree_with_themselves() {
        let (first, second) = (clocks().unwrap(), clocks().unwrap());
        assert!(second.monotonic > first.monotonic && first.boot >= first.monotonic);
    }
}
