//! When the agent keeps its hands still: `[freeze]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::error::ConfigError;
use crate::origin::Origins;
use crate::size::Size;

/// Name of the file in the state directory, where none is set.
const FILE: &str = "freeze";

/// `[freeze]`. A bound that is `None` is not looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Freeze {
    /// While this file is there, no limit is written.
    pub file: PathBuf,
    /// Share of time in which all tasks of the node stalled for memory, 0 to 1.
    pub memory_pressure: Option<f64>,
    /// The same for input and output.
    pub io_pressure: Option<f64>,
    /// Bytes free on the file system of the state directory.
    pub state_free: Option<u64>,
    /// Seconds by which the wall clock jumps, or for which the machine slept.
    pub clock_jump_s: Option<f64>,
    /// Records that the kernel side lost in one tick.
    pub lost_per_tick: Option<u64>,
    /// How long trouble has to be over before it counts as over.
    pub hold: Duration,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawFreeze {
    file: Option<PathBuf>,
    memory_pressure: Option<f64>,
    io_pressure: Option<f64>,
    state_free: Option<Size>,
    clock_jump_s: Option<f64>,
    lost_per_tick: Option<u64>,
    hold_s: Option<f64>,
}

/// The section with defaults, in its bounds.
pub(crate) fn checked(
    raw: RawFreeze,
    state_dir: &Path,
    origins: &Origins,
) -> Result<Freeze, ConfigError> {
    let wrong = |key: &str, value: String, expected: &str| {
        let key = format!("freeze.{key}");
        ConfigError::Invalid {
            origin: origins.of(&key).clone(),
            key,
            value,
            expected: expected.to_owned(),
        }
    };
    let number = |key: &str, value: Option<f64>, default: f64, low: f64, high: f64, unit: &str| {
        let value = value.unwrap_or(default);
        if (low..=high).contains(&value) {
            return Ok(value);
        }
        let expected = format!("{low} to {high}, {unit}");
        Err(wrong(key, value.to_string(), &expected))
    };
    let share = "a share of the time, or 0 for never";
    let seconds = "seconds";
    let jump = "seconds, or 0 for never";
    let file = raw.file.unwrap_or_else(|| state_dir.join(FILE));
    if file.file_name().is_none() {
        let value = format!("{:?}", file.display().to_string());
        return Err(wrong("file", value, "a path that ends in a name"));
    }
    let memory = number("memory_pressure", raw.memory_pressure, 0.2, 0.0, 1.0, share)?;
    let io = number("io_pressure", raw.io_pressure, 0.5, 0.0, 1.0, share)?;
    let clock_jump_s = number("clock_jump_s", raw.clock_jump_s, 2.0, 0.0, 86_400.0, jump)?;
    let hold_s = number("hold_s", raw.hold_s, 10.0, 1.0, 3600.0, seconds)?;
    let state_free = raw.state_free.map_or(16 << 20, |size| size.0);
    let lost = raw.lost_per_tick.unwrap_or(1000);
    let above_zero = |value: f64| (value > 0.0).then_some(value);
    Ok(Freeze {
        file: crate::check::anchored(file),
        memory_pressure: above_zero(memory),
        io_pressure: above_zero(io),
        state_free: (state_free > 0).then_some(state_free),
        clock_jump_s: above_zero(clock_jump_s),
        lost_per_tick: (lost > 0).then_some(lost),
        hold: Duration::from_secs_f64(hold_s),
    })
}

/// Keys and values as they are written in a file.
pub(crate) fn printed(freeze: &Freeze) -> [(&'static str, String); 7] {
    let float = |value: f64| format!("{value:?}");
    let path = toml::Value::String(freeze.file.display().to_string());
    [
        ("file", path.to_string()),
        (
            "memory_pressure",
            float(freeze.memory_pressure.unwrap_or_default()),
        ),
        ("io_pressure", float(freeze.io_pressure.unwrap_or_default())),
        (
            "state_free",
            Size(freeze.state_free.unwrap_or_default()).to_string(),
        ),
        (
            "clock_jump_s",
            float(freeze.clock_jump_s.unwrap_or_default()),
        ),
        (
            "lost_per_tick",
            freeze.lost_per_tick.unwrap_or_default().to_string(),
        ),
        ("hold_s", float(freeze.hold.as_secs_f64())),
    ]
}
