//! Gives a unit back what it had.

use std::path::PathBuf;

use crate::dropin;
use crate::error::BusError;
use crate::host::Host;
use crate::manager::Manager;
use crate::original::Original;
use crate::unit::UnitName;

/// What an [`undo`] did.
#[derive(Debug, Default)]
pub struct Undone {
    /// Was anything set? Then systemd has written the files of the unit's cgroup.
    pub set: bool,
    /// A drop-in that could not be removed, and why. It holds the original value, so it does no
    /// harm before somebody changes the unit's own files, and it is gone at the next boot.
    pub left: Option<(PathBuf, String)>,
}

/// Sets the originals in one call and removes the drop-ins that came with ours. The caller makes
/// sure that an original `MemoryMax` is not below use: systemd writes it at once, and the kernel
/// kills. A unit that is gone needs no values, but its drop-ins would wait for the next of its name.
/// `anew` sets what is as it should be, too, so that systemd writes the files of the unit's cgroup.
///
/// # Errors
/// See [`BusError`]; the unit may still have properties of ours then.
pub fn undo(
    host: &Host,
    manager: &Manager,
    unit: &UnitName,
    original: &Original,
    anew: bool,
) -> Result<Undone, BusError> {
    let mut undone = Undone::default();
    match manager.values(unit, &original.values.which()) {
        Ok(now) => {
            let differing = original.values.differing_from(&now);
            if anew || !differing.is_empty() {
                manager.set(unit, &original.values)?;
                undone.set = true;
            }
        }
        Err(BusError::NoSuchUnit(_)) => {}
        Err(error) => return Err(error),
    }
    undone.left = sweep(host, unit, original);
    Ok(undone)
}

/// Removes the drop-ins that came with ours, without a word to systemd: what is left to do where the
/// bus cannot be reached. One that cannot be removed, and why.
#[must_use]
pub fn sweep(host: &Host, unit: &UnitName, original: &Original) -> Option<(PathBuf, String)> {
    let failed = dropin::remove(host, unit, &original.bare).err();
    failed.map(|(path, error)| (path, error.to_string()))
}
