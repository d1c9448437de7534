//! The CPU burst of Koordinator's node agent, on top of a static limit.
//!
//! Source: koordinator-sh/koordinator, `pkg/koordlet/qosmanager/plugins/cpuburst`: `cfs_burst_us` is
//! ten times the limit; and a container that was throttled in the last sample gets 1.2 times its
//! quota, up to three times its limit. Where the node's shared pool is in use to 50 % or more a quota
//! is lowered by the factor 0.8 instead, down to the limit, and from 45 % on it is not raised. One
//! that is no longer throttled keeps its quota. A series has the node for itself here, so that the
//! pool is idle: the case in which it gives most.

use super::fixed::Fixed;
use super::{Rival, Seen};
use crate::control::Bounds;

const UP: f64 = 1.2;
const DOWN: f64 = 0.8;
const MOST: f64 = 3.0;
/// `cfs_burst_us` over the quota of a period.
const BURST: f64 = 10.0;
const PERIOD_S: f64 = 0.1;
const OVERLOADED: f64 = 0.5;
const COOLING: f64 = 0.45;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Koordlet {
    limit: f64,
    quota: f64,
    /// Use of the shared pool, 0 to 1.
    pool: f64,
}

impl Koordlet {
    /// On a node where nobody else is.
    pub(super) const fn on(limit: Fixed) -> Self {
        Self::of(limit.limit())
    }

    /// On a limit in cores that people have set, while the shared pool is idle.
    #[must_use]
    pub const fn of(limit: f64) -> Self {
        Self {
            limit,
            quota: limit,
            pool: 0.0,
        }
    }

    /// Takes in how far the shared pool is in use, 0 to 1.
    pub const fn pool_used(&mut self, share: f64) {
        self.pool = share;
    }
}

impl Rival for Koordlet {
    fn decide(&mut self, seen: &Seen) -> Bounds {
        let factor = if self.pool >= OVERLOADED {
            DOWN
        } else if seen.throttled_share > 0.0 && self.pool < COOLING {
            UP
        } else {
            1.0
        };
        self.quota = (self.quota * factor).clamp(self.limit, self.limit * MOST);
        Bounds {
            burst_s: self.limit * PERIOD_S * BURST,
            ..Bounds::hard(self.quota)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{calm, near};
    use super::*;

    fn rule(pool: f64) -> Koordlet {
        Koordlet {
            limit: 2.0,
            quota: 2.0,
            pool,
        }
    }

    #[test]
    fn throttling_raises_by_a_fifth_up_to_three_times_and_calm_holds() {
        let mut koordlet = rule(0.0);
        let short = Seen {
            throttled_share: 0.1,
            ..calm(1.0, 2.0)
        };
        assert!(near(koordlet.decide(&short).max, 2.4));
        let calm = koordlet.decide(&calm(1.0, 1.0));
        assert!(near(calm.max, 2.4) && near(calm.burst_s, 2.0));
        let last = (0..20).map(|_| koordlet.decide(&short).max).last().unwrap();
        assert!(near(last, 6.0));
    }

    #[test]
    fn a_busy_pool_takes_it_back() {
        let short = Seen {
            throttled_share: 1.0,
            ..calm(1.0, 2.0)
        };
        let mut koordlet = Koordlet {
            quota: 6.0,
            ..rule(0.0)
        };
        koordlet.pool_used(0.5);
        assert!(near(koordlet.decide(&short).max, 4.8));
        let last = (0..20).map(|_| koordlet.decide(&short).max).last().unwrap();
        assert!(near(last, 2.0), "the limit itself is the user's");
        assert!(near(rule(0.47).decide(&short).max, 2.0), "cooling");
    }
}
