//! The last ticks of one workload, bounded in count and bytes.

use std::collections::VecDeque;

use llmos_proto::status::{Limits, Usage};

use super::packed::{PackedUsage, Slow};

/// Ticks kept for each workload at most: five minutes at one tick a second.
pub const TICKS: usize = 300;
/// Ticks kept of all workloads together; with many of them the past of each is shorter.
const ALL_TICKS: usize = 120_000;
/// Ticks kept for each workload at least.
const LEAST_TICKS: usize = 60;
/// Changes of limits or OOM kills within those ticks. More than this and the history begins later.
const SLOW_CHANGES: usize = 48;
/// Room grows in steps of this, so that short-lived workloads stay small.
const GROWTH: usize = 50;

/// Ticks to keep of each of so many workloads.
pub fn ticks_for(workloads: usize) -> usize {
    (ALL_TICKS / workloads.max(1)).clamp(LEAST_TICKS, TICKS)
}

/// Use and limits of the last ticks, [`TICKS`] at most. Ticks are numbered by the board; the history has one
/// entry for each tick since the workload came.
#[derive(Clone, Default)]
pub struct History {
    points: VecDeque<PackedUsage>,
    /// Number of the first tick with these values, and the values. Never empty while points exist.
    slow: VecDeque<(u64, Slow)>,
    /// Number of the newest tick.
    newest: u64,
}

impl History {
    /// Appends the values of tick number `tick`, which is one more than the last one's, and keeps
    /// the last `keep` ticks.
    pub fn push(&mut self, tick: u64, usage: &Usage, limits: &Limits, keep: usize) {
        if self.points.len() >= keep {
            let over = self.points.len() + 1 - keep;
            self.points.drain(..over);
            if over > 1 {
                self.points.shrink_to(keep);
            }
        } else if self.points.len() == self.points.capacity() {
            self.points
                .reserve_exact(GROWTH.min(keep - self.points.len()));
        }
        self.points.push_back(PackedUsage::pack(usage));
        self.newest = tick;

        let slow = Slow::pack(usage, limits);
        if self.slow.back().is_none_or(|(_, last)| !last.same(slow)) {
            self.slow.push_back((tick, slow));
        }
        self.trim();
    }

    /// Drops what no point needs, and points whose limits are no longer known.
    fn trim(&mut self) {
        while self.slow.len() > SLOW_CHANGES {
            self.slow.pop_front();
        }
        while let Some(&(since, _)) = self.slow.front()
            && self.oldest() < since
        {
            self.points.pop_front();
        }
        while let Some(&(next, _)) = self.slow.get(1)
            && next <= self.oldest()
        {
            self.slow.pop_front();
        }
    }

    /// Number of the oldest tick kept.
    fn oldest(&self) -> u64 {
        self.newest + 1 - self.points.len() as u64
    }

    /// Tick number, use and limits, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Usage, Limits)> {
        let mut slow = self.slow.iter().peekable();
        let mut current = None;
        (self.oldest()..)
            .zip(&self.points)
            .filter_map(move |(tick, point)| {
                while let Some(&&(since, values)) = slow.peek()
                    && since <= tick
                {
                    current = Some(values);
                    slow.next();
                }
                current.map(|values| (tick, point.unpack(values), values.limits()))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(cpu: f64) -> Usage {
        Usage {
            cpu_cores: Some(cpu),
            ..Usage::default()
        }
    }

    fn limits(cpu: f64) -> Limits {
        Limits {
            cpu_cores: Some(cpu),
            ..Limits::default()
        }
    }

    #[test]
    fn keeps_the_newest_ticks_with_their_limits() {
        let mut history = History::default();
        for tick in 1..=1000_u32 {
            let limit = if tick < 900 { 1.0 } else { 2.0 };
            history.push(tick.into(), &usage(tick.into()), &limits(limit), TICKS);
        }
        let kept: Vec<_> = history.iter().collect();
        assert_eq!(kept.len(), TICKS);
        assert_eq!(kept[0].0, 701);
        assert_eq!(kept[299].0, 1000);
        for (tick, usage, limits) in kept {
            assert_eq!(usage.cpu_cores, Some(tick as f64));
            assert_eq!(limits.cpu_cores, Some(if tick < 900 { 1.0 } else { 2.0 }));
        }
    }

    #[test]
    fn a_limit_that_moves_each_tick_shortens_the_history_and_never_lies() {
        let mut history = History::default();
        for tick in 1..=500_u32 {
            history.push(tick.into(), &usage(1.0), &limits(tick.into()), TICKS);
        }
        let kept: Vec<_> = history.iter().collect();
        assert_eq!(kept.len(), SLOW_CHANGES);
        for (tick, _, limits) in kept {
            assert_eq!(limits.cpu_cores, Some(tick as f64));
        }
    }

    #[test]
    fn with_many_workloads_the_past_of_each_is_shorter() {
        assert_eq!(
            (ticks_for(1), ticks_for(400), ticks_for(1000)),
            (300, 300, 120)
        );
        assert_eq!(ticks_for(100_000), LEAST_TICKS);
        let mut history = History::default();
        for tick in 1..=400_u32 {
            let keep = if tick < 350 { TICKS } else { 120 };
            history.push(tick.into(), &usage(tick.into()), &limits(1.0), keep);
        }
        let kept: Vec<_> = history.iter().collect();
        assert_eq!((kept.len(), kept[0].0), (120, 281));
        assert!(history.points.capacity() <= 120 + GROWTH);
    }

    #[test]
    fn room_is_bounded() {
        let mut history = History::default();
        for tick in 1..=5000_u32 {
            history.push(tick.into(), &usage(1.0), &limits((tick % 7).into()), TICKS);
        }
        let bytes = history.points.capacity() * size_of::<PackedUsage>()
            + history.slow.capacity() * size_of::<(u64, Slow)>();
        assert!(bytes <= 12 * 1024, "{bytes} bytes");
    }

    #[test]
    fn a_workload_that_came_later_begins_later() {
        let mut history = History::default();
        history.push(41, &usage(0.5), &limits(1.0), TICKS);
        history.push(42, &usage(0.6), &limits(1.0), TICKS);
        let ticks: Vec<_> = history.iter().map(|(tick, ..)| tick).collect();
        assert_eq!(ticks, [41, 42]);
    }
}
