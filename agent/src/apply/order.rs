//! In which order the limits of one workload are written. Pure.

use llmos_engine::decide::{Action, Decision, Knob};

/// Indices of the decisions in the order of their writes. CPU is independent of memory and goes
/// first: burst credit falls before the quota and rises after it, because the kernel refuses a credit
/// above the quota. `memory.max` rises before `memory.high`, so that use has room to follow, and falls
/// after it, so that use has fallen first.
pub(super) fn order(decisions: &[Decision]) -> Vec<usize> {
    let max_rises = decisions
        .iter()
        .any(|d| d.knob == Knob::MemoryMax && d.action == Action::Raise);
    let rank = |decision: &Decision| match decision.knob {
        Knob::CpuBurst if decision.action == Action::Lower => 0,
        Knob::CpuMax => 1,
        Knob::CpuBurst => 2,
        Knob::CpuWeight => 3,
        Knob::MemoryMax if max_rises => 4,
        Knob::MemoryHigh => 5,
        Knob::MemoryMax => 6,
    };
    let mut order: Vec<usize> = (0..decisions.len()).collect();
    order.sort_by_key(|at| rank(&decisions[*at]));
    order
}

#[cfg(test)]
mod tests {
    use llmos_engine::units::{CgroupId, Timestamp};

    use super::*;

    fn knobs(wanted: &[(Knob, Action)]) -> Vec<Knob> {
        let decisions: Vec<_> = wanted
            .iter()
            .map(|(knob, action)| Decision {
                workload: CgroupId(1),
                knob: *knob,
                at: Timestamp(0),
                from: None,
                to: 1.0,
                action: *action,
                reasons: Vec::new(),
            })
            .collect();
        order(&decisions)
            .into_iter()
            .map(|at| decisions[at].knob)
            .collect()
    }

    #[test]
    fn rising_memory_gets_its_room_first() {
        let up = [
            (Knob::MemoryHigh, Action::Raise),
            (Knob::MemoryMax, Action::Raise),
        ];
        assert_eq!(knobs(&up), [Knob::MemoryMax, Knob::MemoryHigh]);
        let mixed = [
            (Knob::MemoryHigh, Action::Lower),
            (Knob::MemoryMax, Action::Raise),
        ];
        assert_eq!(knobs(&mixed), [Knob::MemoryMax, Knob::MemoryHigh]);
    }

    #[test]
    fn falling_memory_is_pressed_down_first() {
        for high in [Action::Lower, Action::Hold, Action::Raise] {
            let down = [(Knob::MemoryMax, Action::Lower), (Knob::MemoryHigh, high)];
            assert_eq!(knobs(&down), [Knob::MemoryHigh, Knob::MemoryMax]);
        }
    }

    #[test]
    fn credit_falls_before_the_quota_and_rises_after_it() {
        let down = [
            (Knob::CpuMax, Action::Lower),
            (Knob::CpuBurst, Action::Lower),
        ];
        assert_eq!(knobs(&down), [Knob::CpuBurst, Knob::CpuMax]);
        let up = [
            (Knob::CpuBurst, Action::Raise),
            (Knob::CpuMax, Action::Raise),
        ];
        assert_eq!(knobs(&up), [Knob::CpuMax, Knob::CpuBurst]);
    }

    #[test]
    fn cpu_waits_for_nothing() {
        let all = [
            (Knob::MemoryMax, Action::Raise),
            (Knob::MemoryHigh, Action::Raise),
            (Knob::CpuMax, Action::Lower),
        ];
        assert_eq!(knobs(&all)[0], Knob::CpuMax);
        assert_eq!(knobs(&[]), []);
    }
}
