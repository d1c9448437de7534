//! The write itself, through cgroups-rs.

use std::error::Error as _;
use std::io;
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
                Knob::MemoryHigh | Knob::CpuMax => SetMemory {
                    high: value,
                    ..SetMemory::default()
                },
            };
            MemController::new(dir.pinned(), PathBuf::new(), true).set_mem(wanted)
        }
    }
    .map_err(system_error)
}

/// The system's error inside one of cgroups-rs, which itself knows no path.
fn system_error(error: Error) -> io::Error {
    let code = error
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>())
        .and_then(io::Error::raw_os_error);
    code.map_or_else(|| io::Error::other(error), io::Error::from_raw_os_error)
}
