//! In which order the limits of one workload are written. Pure.

use llmos_engine::decide::{Action, Decision, Knob};

/// Indices of the decisions in the order of their writes. CPU is independent of memory and goes
/// first. `memory.max` rises before `memory.high`, so that use has room to follow, and falls
/// after it, so that use has fallen first.
pub(super) fn order(decisions: &[Decision]) -> Vec<usize> {
    let max_rises = decisions
        .iter()
        .any(|d| d.knob == Knob::MemoryMax && d.action == Action::Raise);
    let rank = |knob| match knob {
        Knob::CpuMax => 0,
        Knob::MemoryMax if max_rises => 1,
        Knob::MemoryHigh => 2,
        Knob::MemoryMax => 3,
    };
    let mut order: Vec<usize> = (0..decisions.len()).collect();
    order.sort_by_key(|at| rank(decisions[*at].knob));
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
