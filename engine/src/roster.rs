//! The workloads that are remembered: side by side in memory, in the order in which they came.

use std::collections::BTreeMap;

use crate::grow::grow;
use crate::units::CgroupId;
use crate::workload::Workload;

/// All workloads that are remembered. A walk over a thousand is paid for in memory that is not in
/// the cache yet: what lies side by side is fetched ahead, and nobody is searched for twice a tick.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    rows: Vec<Workload>,
    index: BTreeMap<CgroupId, usize>,
}

impl Roster {
    /// The place of a workload, which is looked for at `hint` first.
    pub fn find(&self, id: CgroupId, hint: usize) -> Option<usize> {
        if self.rows.get(hint).is_some_and(|row| row.id == id) {
            return Some(hint);
        }
        self.index.get(&id).copied()
    }

    /// Remembers a workload that is not here yet, and gives its place.
    pub fn add(&mut self, workload: Workload) -> usize {
        let place = self.rows.len();
        self.index.insert(workload.id, place);
        grow(&mut self.rows, 1);
        self.rows.push(workload);
        place
    }

    /// The workload at a place that was found or added since the last [`Self::retain`].
    pub fn at(&mut self, place: usize) -> &mut Workload {
        &mut self.rows[place]
    }

    /// Forgets those of which this is not true; the others keep their order, not their places.
    pub fn retain(&mut self, stays: impl Fn(&Workload) -> bool) {
        self.rows.retain(stays);
        self.index.clear();
        let places = self.rows.iter().enumerate();
        self.index
            .extend(places.map(|(place, row)| (row.id, place)));
    }

    pub fn get(&self, id: CgroupId) -> Option<&Workload> {
        self.rows.get(*self.index.get(&id)?)
    }

    pub fn get_mut(&mut self, id: CgroupId) -> Option<&mut Workload> {
        self.rows.get_mut(*self.index.get(&id)?)
    }

    pub fn contains(&self, id: CgroupId) -> bool {
        self.index.contains_key(&id)
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }
}
