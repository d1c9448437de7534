//! The rows of one walk of the cgroup iterator, found by id.

use llmos_common::facts::CgroupFacts;
use llmos_engine::units::CgroupId;

/// See the module. Quick for who asks in the order of ids, as the tree of workloads is walked: then a row
/// is where the one before it was, or a little after.
pub struct Rows<'a> {
    rows: &'a [CgroupFacts],
    /// Where each row is, in the order of ids.
    order: &'a [(CgroupId, usize)],
    at: usize,
}

impl<'a> Rows<'a> {
    /// Over the rows of a walk, which come in the order of the tree; `room` holds their order by id.
    pub fn sort(rows: &'a [CgroupFacts], room: &'a mut Vec<(CgroupId, usize)>) -> Self {
        room.clear();
        room.extend(rows.iter().map(|row| CgroupId(row.id)).zip(0..));
        room.sort_unstable();
        Self {
            rows,
            order: room,
            at: 0,
        }
    }

    /// The row of a cgroup; `None` if the walk has not seen it.
    pub fn of(&mut self, id: CgroupId) -> Option<&'a CgroupFacts> {
        if self.order.get(self.at).is_none_or(|(next, _)| *next > id) {
            self.at = 0;
        }
        let ahead = self.order.get(self.at..)?;
        self.at += ahead.iter().take_while(|(next, _)| *next < id).count();
        let (found, row) = self.order.get(self.at)?;
        (*found == id).then(|| self.rows.get(*row)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_found_in_any_order_and_no_other() {
        let ids = [7, 3, 9, 1, 4];
        let rows = ids.map(|id| CgroupFacts {
            id,
            ..CgroupFacts::default()
        });
        let mut room = Vec::new();
        let mut rows = Rows::sort(&rows, &mut room);
        let rising = 0..=10;
        let turned = (4..=10).chain(0..4);
        let falling = (0..=10).rev();
        for id in rising.chain(turned).chain(falling) {
            let found = rows.of(CgroupId(id)).map(|row| row.id);
            assert_eq!(found, ids.contains(&id).then_some(id), "{id}");
        }
    }

    #[test]
    fn a_walk_without_rows_has_none() {
        let mut room = vec![(CgroupId(1), 0)];
        assert!(Rows::sort(&[], &mut room).of(CgroupId(1)).is_none());
    }
}
