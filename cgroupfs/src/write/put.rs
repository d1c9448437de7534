//! The write itself, through cgroups-rs where it knows the file.

use std::error::Error as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;

use cgroups_rs::fs::MaxValue;
use cgroups_rs::fs::cpu::CpuController;
use cgroups_rs::fs::error::Error;
use cgroups_rs::fs::memory::{MemController, SetMemory};
use llmos_engine::decide::Knob;

use super::value::Content;
use crate::dir::Dir;
use crate::parse::{CpuMax, MemoryLimit};

/// Writes `content` to the file of `knob`. The file must have been read before: cgroups-rs opens
/// with O_CREAT, which a cgroup directory refuses and a plain one would not.
pub(super) fn put(dir: &Dir, knob: Knob, content: Content) -> io::Result<()> {
    match content {
        Content::Cpu(CpuMax {
            quota_us,
            period_us,
        }) => {
            let quota = quota_us.map_or(-1, |us| i64::try_from(us).unwrap_or(i64::MAX));
            CpuController::new(dir.pinned(), PathBuf::new(), true)
                .set_cfs_quota_and_period(Some(quota), Some(period_us))
        }
        Content::Burst(us) => return write(dir, knob, us),
        Content::Weight(weight) => {
            CpuController::new(dir.pinned(), PathBuf::new(), true).set_shares(weight)
        }
        Content::Memory(limit) => {
            let value = Some(match limit {
                MemoryLimit::Max => MaxValue::Max,
                MemoryLimit::Bytes(bytes) => {
                    MaxValue::Value(i64::try_from(bytes).unwrap_or(i64::MAX))
                }
            });
            let wanted = match knob {
                Knob::MemoryMax => SetMemory {
                    max: value,
                    ..SetMemory::default()
                },
                _ => SetMemory {
                    high: value,
                    ..SetMemory::default()
                },
            };
            MemController::new(dir.pinned(), PathBuf::new(), true).set_mem(wanted)
        }
    }
    .map_err(system_error)
}

/// cgroups-rs has no burst. Never creates a file; cutting to length means nothing to the kernel's
/// files and keeps plain ones honest.
fn write(dir: &Dir, knob: Knob, number: u64) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(dir.pinned().join(knob.file()))?
        .write_all(number.to_string().as_bytes())
}

/// The system's error inside one of cgroups-rs, which itself knows no path.
fn system_error(error: Error) -> io::Error {
    let code = error
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>())
        .and_then(io::Error::raw_os_error);
    code.map_or_else(|| io::Error::other(error), io::Error::from_raw_os_error)
}
