//! Thresholds of the near-quota event, by cgroup.

use std::collections::HashSet;

use aya::maps::{Array, HashMap, MapData, MapError};
use llmos_common::event::{NEAR_QUOTA_MAX_LEFT_1024, NearQuota};
use llmos_engine::units::CgroupId;

/// The kernel side's table of thresholds.
pub struct QuotaThresholds {
    map: HashMap<MapData, u64, NearQuota>,
    /// How many there are: the kernel side looks at nothing while this is 0.
    count: Array<MapData, u64>,
    cgroups: HashSet<CgroupId>,
}

impl QuotaThresholds {
    pub(super) fn new(map: HashMap<MapData, u64, NearQuota>, count: Array<MapData, u64>) -> Self {
        Self {
            map,
            count,
            cgroups: HashSet::new(),
        }
    }

    /// Is there a threshold for this cgroup?
    #[must_use]
    pub fn has(&self, cgroup: CgroupId) -> bool {
        self.cgroups.contains(&cgroup)
    }

    /// Asks for an event in each period in which `used_share` (0.125 to 1) of the quota of this
    /// cgroup is gone. Slices that CPUs hold and have not used yet count as gone.
    ///
    /// # Errors
    /// When the map is full.
    pub fn set(&mut self, cgroup: CgroupId, used_share: f64) -> Result<(), MapError> {
        let left = ((1.0 - used_share.clamp(0.0, 1.0)) * 1024.0) as u64;
        let near = NearQuota {
            left_1024: left.min(NEAR_QUOTA_MAX_LEFT_1024),
            ..NearQuota::default()
        };
        self.map.insert(cgroup.0, near, 0)?;
        self.cgroups.insert(cgroup);
        self.count()
    }

    /// No more events of this cgroup.
    pub fn remove(&mut self, cgroup: CgroupId) {
        if !self.cgroups.remove(&cgroup) {
            return;
        }
        if let Err(error) = self.map.remove(&cgroup.0).and_then(|()| self.count()) {
            tracing::debug!(cgroup = cgroup.0, %error, "a threshold could not be removed");
        }
    }

    fn count(&mut self) -> Result<(), MapError> {
        self.count.set(0, self.cgroups.len() as u64, 0)
    }
}
