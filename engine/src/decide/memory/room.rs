//! What the node can really give. A limit that is raised is a promise, and one beyond what is free ends in
//! the kernel's choice of whom to kill on the whole node. So who grows beyond that is stopped at its own
//! limit instead.

use crate::decide::{Action, Decision, Knob, Reason};
use crate::units::Bytes;

/// So much of what is free may be promised at one tick, or by one raise between two.
const OF_FREE: f64 = 0.5;
/// Kept for the kernel and whatever is in no cgroup, of the node's memory.
const KEPT: f64 = 0.03;

/// Bytes that limits may be raised by beyond what is in use, with so much free on the node.
#[must_use]
pub(crate) fn room(free: Bytes, node: Bytes) -> f64 {
    (free.0 as f64 - KEPT * node.0 as f64).max(0.0) * OF_FREE
}

/// A limit that is to rise from `from`, as far as there is room above what is in use. One that falls or
/// stays is none of the node's business.
pub(super) fn within(
    wanted: f64,
    from: f64,
    current: f64,
    room: f64,
    reasons: &mut Vec<Reason>,
) -> f64 {
    let most = from.max(current + room);
    if wanted <= most {
        return wanted;
    }
    reasons.push(Reason::Room { room, value: most });
    most
}

/// What the raises among these decisions promise beyond what is in use, in bytes.
pub(crate) fn promised(decisions: &[Decision], current: Option<Bytes>) -> f64 {
    let Some(current) = current else { return 0.0 };
    let raised = decisions.iter().find(|decision| {
        let memory = decision.knob == Knob::MemoryMax;
        memory && decision.action == Action::Raise && decision.to.is_finite()
    });
    raised.map_or(0.0, |raise| {
        let above = raise.from.unwrap_or(0.0).max(current.0 as f64);
        (raise.to - above).max(0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: f64 = 1_048_576.0;

    #[test]
    fn a_raise_ends_where_the_node_does() {
        let node = Bytes(1 << 30);
        let room = room(Bytes(200 << 20), node);
        assert!(room > 80.0 * MIB && room < 100.0 * MIB, "{room}");
        let mut reasons = Vec::new();
        let to = within(400.0 * MIB, 64.0 * MIB, 60.0 * MIB, room, &mut reasons);
        assert!((to - (60.0 * MIB + room)).abs() < 1.0, "{to}");
        assert!(matches!(reasons[..], [Reason::Room { .. }]));
        // What is in force stays, and what falls may.
        let to = within(400.0 * MIB, 300.0 * MIB, 60.0 * MIB, room, &mut reasons);
        assert!((to - 300.0 * MIB).abs() < 1.0, "{to}");
        let to = within(50.0 * MIB, 300.0 * MIB, 60.0 * MIB, room, &mut reasons);
        assert!((to - 50.0 * MIB).abs() < 1.0, "{to}");
    }

    #[test]
    fn a_full_node_has_no_room_and_an_unknown_one_no_bound() {
        assert!(room(Bytes(10 << 20), Bytes(1 << 30)).abs() < f64::EPSILON);
        let mut reasons = Vec::new();
        let to = within(400.0 * MIB, 1.0, 1.0, f64::INFINITY, &mut reasons);
        assert!((to - 400.0 * MIB).abs() < 1.0 && reasons.is_empty());
    }
}
