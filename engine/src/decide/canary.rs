//! Canary tightening: of workloads that people call alike, a few get their lower limits first.
//!
//! One in five, at least one, are the canaries. While they are on trial the limits of the others do not
//! fall. If no canary is hurt for a minute after the first of them was tightened, all may fall. If one is,
//! nothing of the group falls for a while, and each time the while doubles; the canary itself is raised
//! by its laws. Once all may fall, hurt of more than a part of them closes the group as well.

use std::collections::BTreeMap;

use super::Reason;
use crate::policy::Policy;
use crate::units::{CgroupId, Timestamp};

/// Fewer are no group.
const GROUP: usize = 3;
/// Of so many one is a canary.
const ONE_IN: usize = 5;
/// How long canaries are watched after the first was tightened, in seconds.
const TRIAL_S: f64 = 60.0;
/// How long nothing falls after harm, at first and at most, in seconds.
const FIRST_S: f64 = 300.0;
const LONGEST_S: f64 = 3600.0;
/// Part of an open group that may be hurt at once: some always are.
const HURT: f64 = 0.34;

/// Why a limit must not fall although its law would let it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wait {
    /// Others of its kind are on trial.
    OnTrial {
        /// Seconds until all may fall; `None` while none of those on trial was tightened.
        left_s: Option<f64>,
    },
    /// One of its kind was hurt.
    Hurt {
        /// Seconds until the next trial.
        left_s: f64,
    },
}

/// All groups, by the number that people's rules give them.
#[derive(Debug, Default)]
pub(crate) struct Canaries {
    groups: BTreeMap<u32, Group>,
}

#[derive(Debug, Default)]
struct Group {
    state: State,
    wait_s: f64,
    canaries: Vec<CgroupId>,
    /// Of this tick.
    members: Vec<CgroupId>,
    hurt: usize,
    canary_hurt: bool,
    tightened: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Trial { since: Option<Timestamp> },
    Open,
    Closed { until: Timestamp },
}

impl Default for State {
    fn default() -> Self {
        Self::Trial { since: None }
    }
}

impl Canaries {
    /// A tick begins.
    pub(crate) fn begin(&mut self) {
        for group in self.groups.values_mut() {
            group.members.clear();
            (group.hurt, group.canary_hurt, group.tightened) = (0, false, false);
        }
    }

    /// Takes note of a member: was it hurt in the last tick under a limit of ours, and does it have
    /// such a limit at all?
    pub(crate) fn see(&mut self, group: u32, id: CgroupId, ours: bool, hurt: bool) {
        let group = self.groups.entry(group).or_default();
        group.members.push(id);
        let canary = group.canaries.contains(&id);
        group.hurt += usize::from(hurt);
        group.canary_hurt |= canary && hurt;
        group.tightened |= canary && ours;
    }

    /// All members were seen: what follows for each group.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        self.groups.retain(|_, group| !group.members.is_empty());
        self.groups.values_mut().for_each(|group| group.settle(now));
    }

    /// May limits of a workload under this policy fall? `None` if they may.
    pub(crate) fn of(&self, id: CgroupId, policy: &Policy, now: Timestamp) -> Option<Wait> {
        self.wait(policy.canary?, id, now)
    }

    fn wait(&self, group: u32, id: CgroupId, now: Timestamp) -> Option<Wait> {
        let group = self.groups.get(&group)?;
        let left = |from: Timestamp, span_s: f64| span_s - now.seconds_since(from);
        match group.state {
            State::Closed { until } => Some(Wait::Hurt {
                left_s: until.seconds_since(now),
            }),
            State::Trial { since } if group.is_one() && !group.canaries.contains(&id) => {
                Some(Wait::OnTrial {
                    left_s: since.map(|since| left(since, TRIAL_S)),
                })
            }
            _ => None,
        }
    }
}

impl Group {
    fn is_one(&self) -> bool {
        self.members.len() >= GROUP
    }

    fn settle(&mut self, now: Timestamp) {
        let members = &self.members;
        self.canaries.retain(|id| members.contains(id));
        let wanted = members.len().div_ceil(ONE_IN);
        for id in members {
            if self.canaries.len() >= wanted {
                break;
            }
            if !self.canaries.contains(id) {
                self.canaries.push(*id);
            }
        }
        if !self.is_one() {
            self.state = State::default();
            return;
        }
        let many = self.hurt as f64 > HURT * self.members.len() as f64;
        self.state = match self.state {
            State::Trial { .. } if self.canary_hurt => self.close(now),
            State::Trial { since: Some(since) } if now.seconds_since(since) >= TRIAL_S => {
                self.wait_s = 0.0;
                State::Open
            }
            State::Trial { since } => State::Trial {
                since: since.or(self.tightened.then_some(now)),
            },
            State::Open if many => self.close(now),
            State::Closed { until } if now >= until => State::default(),
            same => same,
        };
    }

    fn close(&mut self, now: Timestamp) -> State {
        self.wait_s = (self.wait_s * 2.0).clamp(FIRST_S, LONGEST_S);
        State::Closed {
            until: Timestamp(now.0.saturating_add((self.wait_s * 1e9) as u64)),
        }
    }
}

impl Wait {
    /// The same as a reason.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::OnTrial { left_s } => Reason::OnTrial { left_s },
            Self::Hurt { left_s } => Reason::LikeHurt { left_s },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: f64) -> Timestamp {
        Timestamp((s * 1e9) as u64)
    }

    /// A tick of a group of so many, of which the first is the canary.
    fn tick(canaries: &mut Canaries, s: f64, members: u64, ours: bool, hurt: &[u64]) {
        canaries.begin();
        for id in 0..members {
            canaries.see(1, CgroupId(id), ours, hurt.contains(&id));
        }
        canaries.settle(at(s));
    }

    fn waits(canaries: &Canaries, s: f64, id: u64) -> Option<Wait> {
        canaries.wait(1, CgroupId(id), at(s))
    }

    #[test]
    fn one_in_five_goes_first_and_the_others_follow_when_nothing_hurts() {
        let mut canaries = Canaries::default();
        tick(&mut canaries, 0.0, 6, false, &[]);
        let free = (0..6).filter(|id| waits(&canaries, 0.0, *id).is_none());
        assert_eq!(free.collect::<Vec<_>>(), [0, 1]);
        assert_eq!(
            waits(&canaries, 0.0, 5),
            Some(Wait::OnTrial { left_s: None })
        );
        // The trial begins with the first limit in force.
        tick(&mut canaries, 100.0, 6, false, &[]);
        assert!(waits(&canaries, 100.0, 5).is_some());
        tick(&mut canaries, 101.0, 6, true, &[]);
        let left = Some(Wait::OnTrial { left_s: Some(40.0) });
        assert_eq!(waits(&canaries, 121.0, 5), left);
        // Hurt of one that was not tightened says nothing.
        tick(&mut canaries, 122.0, 6, true, &[5]);
        tick(&mut canaries, 161.0, 6, true, &[]);
        assert_eq!(waits(&canaries, 161.0, 5), None);
    }

    #[test]
    fn a_canary_that_is_hurt_closes_the_group_for_longer_each_time() {
        let mut canaries = Canaries::default();
        tick(&mut canaries, 0.0, 5, true, &[]);
        tick(&mut canaries, 1.0, 5, true, &[0]);
        for id in 0..5 {
            assert_eq!(
                waits(&canaries, 1.0, id),
                Some(Wait::Hurt { left_s: FIRST_S })
            );
        }
        tick(&mut canaries, 1.0 + FIRST_S, 5, true, &[]);
        assert_eq!(waits(&canaries, 302.0, 0), None, "tries again");
        assert!(waits(&canaries, 302.0, 1).is_some());
        tick(&mut canaries, 302.0, 5, true, &[0]);
        assert_eq!(
            waits(&canaries, 302.0, 1),
            Some(Wait::Hurt {
                left_s: 2.0 * FIRST_S
            })
        );
    }

    #[test]
    fn an_open_group_closes_when_many_are_hurt_at_once() {
        let mut canaries = Canaries::default();
        for s in [0.0, 1.0, 61.0] {
            tick(&mut canaries, s, 10, true, &[]);
        }
        tick(&mut canaries, 62.0, 10, true, &[1, 2, 3]);
        assert_eq!(waits(&canaries, 62.0, 5), None);
        tick(&mut canaries, 63.0, 10, true, &[1, 2, 3, 4]);
        assert!(matches!(waits(&canaries, 63.0, 5), Some(Wait::Hurt { .. })));
    }

    #[test]
    fn a_canary_that_leaves_is_replaced_and_two_are_no_group() {
        let mut canaries = Canaries::default();
        tick(&mut canaries, 0.0, 5, false, &[]);
        canaries.begin();
        (1..5).for_each(|id| canaries.see(1, CgroupId(id), false, false));
        canaries.settle(at(1.0));
        assert_eq!(waits(&canaries, 1.0, 1), None);
        assert!(waits(&canaries, 1.0, 2).is_some());
        tick(&mut canaries, 2.0, 2, false, &[]);
        assert_eq!(waits(&canaries, 2.0, 1), None);
        canaries.begin();
        canaries.settle(at(3.0));
        assert!(canaries.groups.is_empty());
    }
}
