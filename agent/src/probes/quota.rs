//! Thresholds of the near-quota event, by cgroup.

use std::collections::HashMap as Table;

use aya::maps::{Array, HashMap, MapData, MapError};
use llmos_common::event::{NEAR_QUOTA_MAX_LEFT_1024, NearQuota};
use llmos_engine::units::CgroupId;

/// A usual threshold that differs by less, in 1/1024, stays as it is.
const SAME_1024: u64 = 32;

/// The kernel side's table of thresholds.
pub struct QuotaThresholds {
    map: HashMap<MapData, u64, NearQuota>,
    /// How many there are: the kernel side looks at nothing while this is 0.
    count: Array<MapData, u64>,
    cgroups: Table<CgroupId, Threshold>,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
struct Threshold {
    /// What may be left for an event, in 1/1024 of the quota.
    usual_1024: u64,
    /// Is another one in force?
    moved: bool,
}

impl QuotaThresholds {
    pub(super) fn new(map: HashMap<MapData, u64, NearQuota>, count: Array<MapData, u64>) -> Self {
        Self {
            map,
            count,
            cgroups: Table::new(),
        }
    }

    /// Is there a threshold for this cgroup?
    #[must_use]
    pub fn has(&self, cgroup: CgroupId) -> bool {
        self.cgroups.contains_key(&cgroup)
    }

    /// Asks for an event in each period in which `used_share` (0 to 1) of the quota of this cgroup is
    /// gone, credit not counted. Slices that CPUs hold and have not used yet count as gone.
    ///
    /// # Errors
    /// When the map is full.
    pub fn set(&mut self, cgroup: CgroupId, used_share: f64) -> Result<(), MapError> {
        let usual_1024 = left_1024(used_share);
        // While another one is in force, so is another quota, and this is no share of the usual one.
        let same =
            |known: &Threshold| known.moved || known.usual_1024.abs_diff(usual_1024) < SAME_1024;
        if self.cgroups.get(&cgroup).is_some_and(same) {
            return Ok(());
        }
        self.write(cgroup, usual_1024)?;
        let threshold = Threshold {
            usual_1024,
            moved: false,
        };
        if self.cgroups.insert(cgroup, threshold).is_none() {
            return self.count();
        }
        Ok(())
    }

    /// Moves the threshold of a cgroup that has one, so that there may be another event in this period;
    /// `None` is back to the usual one.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn move_to(&mut self, cgroup: CgroupId, used_share: Option<f64>) -> Result<(), MapError> {
        let Some(threshold) = self.cgroups.get_mut(&cgroup) else {
            return Ok(());
        };
        threshold.moved = used_share.is_some();
        let left = used_share.map_or(threshold.usual_1024, left_1024);
        self.write(cgroup, left)
    }

    /// No more events of this cgroup.
    pub fn remove(&mut self, cgroup: CgroupId) {
        if self.cgroups.remove(&cgroup).is_none() {
            return;
        }
        if let Err(error) = self.map.remove(&cgroup.0).and_then(|()| self.count()) {
            tracing::debug!(cgroup = cgroup.0, %error, "a threshold could not be removed");
        }
    }

    fn write(&mut self, cgroup: CgroupId, left_1024: u64) -> Result<(), MapError> {
        let near = NearQuota {
            left_1024,
            ..NearQuota::default()
        };
        self.map.insert(cgroup.0, near, 0)
    }

    fn count(&mut self) -> Result<(), MapError> {
        self.count.set(0, self.cgroups.len() as u64, 0)
    }
}

/// What may be left, in 1/1024 of the quota.
fn left_1024(used_share: f64) -> u64 {
    let left = ((1.0 - used_share.clamp(0.0, 1.0)) * 1024.0) as u64;
    left.min(NEAR_QUOTA_MAX_LEFT_1024)
}
