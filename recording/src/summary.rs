//! What there is to know about a recording without looking at its numbers.

use std::collections::{BTreeSet, HashSet};
use std::io::Read;

use crate::{ReadError, Reader, Tail};

/// Ticks that are missing between others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gaps {
    /// Places where ticks are missing.
    pub count: u64,
    /// Ticks that would fill them.
    pub ticks: u64,
    /// The longest one in milliseconds.
    pub longest_ms: u64,
    /// Times that the wall clock went back.
    pub clock_set_back: u64,
}

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Wall clocks of the first and the last tick, milliseconds since 1970.
    pub span: Option<(i64, i64)>,
    /// Ticks.
    pub ticks: u64,
    /// Workloads.
    pub workloads: u64,
    /// Rows: one for each workload and tick.
    pub rows: u64,
    /// Batches.
    pub batches: u64,
    /// Bytes up to the end of the last whole batch.
    pub bytes: u64,
    /// For each column of numbers, in how many rows it is known.
    pub known: Vec<u64>,
    /// Missing ticks.
    pub gaps: Gaps,
    /// How the file ends.
    pub tail: Tail,
}

impl Summary {
    /// Reads all of what is left.
    pub fn of<R: Read>(reader: &mut Reader<R>) -> Result<Self, ReadError> {
        let (mut ticks, mut rows, mut batches) = (0, 0, 0);
        let mut workloads = HashSet::new();
        let mut span: Option<(i64, i64)> = None;
        let mut gaps = Gaps::default();
        let mut known = vec![0; reader.columns().len()];
        let tick_ms = reader.info().tick_ms;
        while let Some(batch) = reader.next().transpose()? {
            batches += 1;
            rows += batch.len() as u64;
            let mut clocks = BTreeSet::new();
            for row in batch.rows() {
                workloads.insert(row.workload());
                clocks.insert(row.at_unix_ms());
            }
            for (column, known) in known.iter_mut().enumerate() {
                *known += batch.known(column) as u64;
            }
            ticks += clocks.len() as u64;
            for at in clocks {
                if let Some((_, last)) = span {
                    gaps.between(last, at, tick_ms);
                }
                span = Some((span.map_or(at, |(first, _)| first), at));
            }
        }
        Ok(Self {
            span,
            ticks,
            workloads: workloads.len() as u64,
            rows,
            batches,
            bytes: reader.read_bytes(),
            known,
            gaps,
            // The reader has come to the end, so it knows.
            tail: reader.tail().cloned().unwrap_or(Tail::Whole),
        })
    }
}

impl Gaps {
    /// Counts what is missing between two ticks that follow each other, clocks and the length of a
    /// tick in milliseconds. Ticks come a little early or late: from one and a half on, one is
    /// missing.
    pub fn between(&mut self, last: i64, at: i64, tick_ms: u64) {
        let Ok(distance) = u64::try_from(at.saturating_sub(last)) else {
            self.clock_set_back += 1;
            return;
        };
        if tick_ms > 0 && distance.saturating_mul(2) >= tick_ms.saturating_mul(3) {
            self.count += 1;
            self.ticks += distance.saturating_add(tick_ms / 2) / tick_ms - 1;
            self.longest_ms = self.longest_ms.max(distance);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_begins_at_one_and_a_half_ticks() {
        let mut gaps = Gaps::default();
        for (last, at) in [(0, 1000), (1000, 2499), (5000, 4999)] {
            gaps.between(last, at, 1000);
        }
        assert_eq!((gaps.count, gaps.clock_set_back), (0, 1));
        for (at, ticks) in [(1500, 1), (2000, 2), (2499, 3), (61_000, 63)] {
            gaps.between(0, at, 1000);
            assert_eq!(gaps.ticks, ticks);
        }
        assert_eq!((gaps.count, gaps.longest_ms), (4, 61_000));
        gaps.between(0, 9, 0);
        assert_eq!(gaps.count, 4, "a file without a tick length has no gaps");
    }
}
