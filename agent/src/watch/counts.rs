//! Counts of `memory.events`: what they are, and what is new between two readings.

/// Counts by kind, of a cgroup and all below it. A kind that the kernel does not give is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryCounts {
    /// Times that the cgroup was reclaimed although under `memory.low`.
    pub low: Option<u64>,
    /// Times that `memory.high` was exceeded.
    pub high: Option<u64>,
    /// Times that use was about to go over `memory.max`.
    pub max: Option<u64>,
    /// Times that no memory could be found under the limit.
    pub oom: Option<u64>,
    /// Processes killed for it.
    pub oom_kill: Option<u64>,
}

impl MemoryCounts {
    /// Reads lines of a key and a number. Keys that are not known here, and lines that are
    /// neither, are left out: newer kernels add kinds.
    pub(super) fn parse(text: &str) -> Self {
        let mut counts = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once(' ')) {
            let Some(slot) = counts.slot(key) else {
                continue;
            };
            *slot = value.trim().parse().ok();
        }
        counts
    }

    /// What came since `before`. A kind is absent when one of the readings lacks it or it went
    /// back, which is another cgroup's count.
    pub(super) fn since(self, before: Self) -> Self {
        let new = |now: Option<u64>, before: Option<u64>| now?.checked_sub(before?);
        Self {
            low: new(self.low, before.low),
            high: new(self.high, before.high),
            max: new(self.max, before.max),
            oom: new(self.oom, before.oom),
            oom_kill: new(self.oom_kill, before.oom_kill),
        }
    }

    /// Is there a count above zero?
    #[must_use]
    pub fn any(&self) -> bool {
        [self.low, self.high, self.max, self.oom, self.oom_kill]
            .iter()
            .any(|count| count.is_some_and(|count| count > 0))
    }

    fn slot(&mut self, key: &str) -> Option<&mut Option<u64>> {
        Some(match key {
            "low" => &mut self.low,
            "high" => &mut self.high,
            "max" => &mut self.max,
            "oom" => &mut self.oom,
            "oom_kill" => &mut self.oom_kill,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_and_unknown_ones_left_out() {
        let counts = MemoryCounts::parse("low 1\nhigh 2\nmax x\noom 4\noom_group_kill 9\n");
        let expected = MemoryCounts {
            low: Some(1),
            high: Some(2),
            oom: Some(4),
            ..MemoryCounts::default()
        };
        assert_eq!(counts, expected);
    }

    #[test]
    fn a_difference_needs_both_ends() {
        let before = MemoryCounts::parse("high 2\nmax 5\noom 1\n");
        let after = MemoryCounts::parse("high 7\nmax 4\noom 1\noom_kill 3\n");
        let new = after.since(before);
        let expected = MemoryCounts {
            high: Some(5),
            oom: Some(0),
            ..MemoryCounts::default()
        };
        assert_eq!(new, expected);
        assert!(new.any() && !after.since(after).any());
    }
}
