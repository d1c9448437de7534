//! The floor that an OOM kill leaves behind: the same death should not come twice, yet the
//! memory is not lost for ever.

use crate::policy::Policy;
use crate::units::Timestamp;

/// Floor under `memory.high` since the last kill.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OomFloor {
    last: Option<Kill>,
}

#[derive(Debug, Clone, Copy)]
struct Kill {
    at: Timestamp,
    /// The floor at the moment of the kill, in bytes.
    value: f64,
    /// Kills since the floor was last gone.
    count: u64,
}

impl OomFloor {
    /// Notes new kills that met a use of `use_bytes`. The floor never exceeds the ceiling.
    pub(super) fn update(
        &mut self,
        now: Timestamp,
        kills: u64,
        use_bytes: f64,
        policy: &Policy,
        ceiling: f64,
    ) {
        if kills == 0 {
            return;
        }
        let (left, count) = self.value(now, policy).unwrap_or((0.0, 0));
        let value = (use_bytes * (1.0 + policy.oom_bump)).max(left).min(ceiling);
        self.last = Some(Kill {
            at: now,
            value,
            count: count.saturating_add(kills),
        });
    }

    /// The floor now in bytes and the kills behind it. What it has above the policy's own floor
    /// halves in each half-life; within a page of that it is gone.
    pub(super) fn value(&self, now: Timestamp, policy: &Policy) -> Option<(f64, u64)> {
        let kill = self.last?;
        let floor = policy.memory_floor.0 as f64;
        let half_lives = now.seconds_since(kill.at) / policy.oom_half_life_s.max(1.0);
        let surplus = (kill.value - floor) * (-half_lives).exp2();
        (surplus > 4096.0).then_some((floor + surplus, kill.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: f64 = 1_048_576.0;

    fn hours(h: f64) -> Timestamp {
        Timestamp((h * 3600.0 * 1e9) as u64)
    }

    #[test]
    fn oom_floor_decays_to_the_policy_floor_and_goes() {
        let policy = Policy::default();
        let mut floor = OomFloor::default();
        floor.update(hours(0.0), 1, 100.0 * MIB, &policy, 1e12);
        let at = |h| floor.value(hours(h), &policy).map(|left| left.0 / MIB);
        assert!((at(0.0).unwrap() - 120.0).abs() < 1e-6);
        // Policy floor 16 MiB, half-life 4 h: the surplus of 104 MiB becomes 52.
        assert!((at(4.0).unwrap() - 68.0).abs() < 1e-6);
        assert!(at(100.0).is_none());
    }

    #[test]
    fn a_second_kill_never_lowers_the_floor_and_the_ceiling_caps_it() {
        let policy = Policy::default();
        let mut floor = OomFloor::default();
        floor.update(hours(0.0), 1, 100.0 * MIB, &policy, 1e12);
        floor.update(hours(0.1), 2, 10.0 * MIB, &policy, 1e12);
        let (value, kills) = floor.value(hours(0.1), &policy).unwrap();
        assert!(value > 115.0 * MIB);
        assert_eq!(kills, 3);
        floor.update(hours(0.2), 1, 500.0 * MIB, &policy, 200.0 * MIB);
        assert!(floor.value(hours(0.2), &policy).unwrap().0 <= 200.0 * MIB);
    }
}
