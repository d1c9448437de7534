//! What the node has to give, and who gets it: fair shares of what is granted, leases of the rest.

use super::laws::Wants;
use super::reserve::{Lease, Reserve};
use super::share::{Claim, Grant, Sharing};
use super::{Reason, cpu, memory};
use crate::policy::NodePolicy;
use crate::units::{CgroupId, Timestamp};

/// A workload without a limit to decide on asks for nothing.
const NOTHING: Claim = Claim {
    wanted: 0.0,
    floor: 0.0,
    weight: 1.0,
};

/// What one workload may have of one resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Its fair share.
    pub grant: Grant,
    /// What it was lent on top.
    pub lease: Option<Lease>,
}

impl Share {
    /// All that is wanted.
    pub const WHOLE: Self = Self {
        grant: Grant {
            amount: f64::INFINITY,
            whole: true,
            lift: 1.0,
        },
        lease: None,
    };

    /// The most that may be set, with the reasons; infinite when all that is wanted is granted.
    pub(super) fn cap(&self, wanted: f64, now: Timestamp, reasons: &mut Vec<Reason>) -> f64 {
        if self.grant.whole {
            return f64::INFINITY;
        }
        let mut value = self.grant.amount;
        reasons.push(Reason::Share { value, wanted });
        if let Some(lease) = self.lease {
            value += lease.amount;
            reasons.push(Reason::Lease {
                amount: lease.amount,
                left_s: lease.expires.seconds_since(now),
                value,
            });
        }
        value
    }
}

/// One resource of the node.
#[derive(Debug, Default)]
struct Part {
    sharing: Sharing,
    reserve: Reserve,
    shares: Vec<Share>,
}

/// Shares of the whole node.
#[derive(Debug, Default)]
pub struct NodeShares {
    policy: NodePolicy,
    cpu: Part,
    memory: Part,
}

impl NodeShares {
    /// With these numbers.
    #[must_use]
    pub fn new(policy: NodePolicy) -> Self {
        Self {
            policy,
            ..Self::default()
        }
    }

    /// Shares `cpu` cores and `memory` bytes among the workloads; leases of those that are not
    /// `alive` are forgotten.
    pub(crate) fn tick(
        &mut self,
        now: Timestamp,
        (cpu, memory): (f64, f64),
        wants: &[Wants],
        alive: impl Fn(CgroupId) -> bool + Copy,
    ) {
        let NodePolicy {
            cpu_reserve,
            memory_reserve,
            lease_s,
        } = self.policy;
        let claims = wants.iter().map(|want| Asked {
            id: want.id,
            claim: want.cpu_claim.unwrap_or(NOTHING),
            need: want.cpu.as_ref().map_or(0.0, |want| want.need()),
            short: want.cpu.as_ref().is_some_and(|want| want.censored()),
            quantum: cpu::QUANTUM,
        });
        self.cpu.tick(now, cpu, cpu_reserve, lease_s, claims, alive);
        let claims = wants.iter().map(|want| Asked {
            id: want.id,
            claim: want.memory_claim.unwrap_or(NOTHING),
            need: want.memory.as_ref().map_or(0.0, |want| want.need()),
            short: want.memory.as_ref().is_some_and(|want| want.pressed()),
            quantum: memory::PAGE,
        });
        self.memory
            .tick(now, memory, memory_reserve, lease_s, claims, alive);
    }

    /// The share of CPU of the workload at this place.
    pub(crate) fn cpu(&self, at: usize) -> Share {
        self.cpu.share(at)
    }

    /// The share of memory of the workload at this place.
    pub(crate) fn memory(&self, at: usize) -> Share {
        self.memory.share(at)
    }

    /// Lends CPU between two ticks, for so many seconds.
    pub(crate) fn lend_cpu(
        &mut self,
        now: Timestamp,
        id: CgroupId,
        hold_s: f64,
        cores: f64,
    ) -> Option<Lease> {
        self.cpu.reserve.lend(now, id, hold_s, cores)
    }

    /// Lends memory between two ticks, for so many seconds.
    pub(crate) fn lend_memory(
        &mut self,
        now: Timestamp,
        id: CgroupId,
        hold_s: f64,
        bytes: f64,
    ) -> Option<Lease> {
        self.memory.reserve.lend(now, id, hold_s, bytes)
    }
}

/// What one workload asks for.
#[derive(Debug, Clone, Copy)]
struct Asked {
    id: CgroupId,
    claim: Claim,
    /// What it used or would have used in the last tick, without room.
    need: f64,
    /// Is its limit in its way right now?
    short: bool,
    /// What limits are multiples of.
    quantum: f64,
}

impl Part {
    fn tick(
        &mut self,
        now: Timestamp,
        capacity: f64,
        reserve: f64,
        lease_s: f64,
        asked: impl Iterator<Item = Asked> + Clone,
        alive: impl Fn(CgroupId) -> bool,
    ) {
        let granted = capacity * (1.0 - reserve.clamp(0.0, 1.0));
        let claims = asked.clone().map(|asked| asked.claim);
        let grants = self.sharing.share(granted, claims);
        let sum: f64 = grants.iter().map(|grant| grant.amount).sum();
        self.reserve.retain(alive);
        self.reserve.settle(now, capacity - sum, lease_s);
        self.shares.clear();
        for (grant, asked) in grants.iter().zip(asked) {
            let missing = asked.claim.wanted - grant.amount;
            // A share is cut to whole quanta, so what is needed may lack a part of one.
            let lacks = !grant.whole && asked.need > grant.amount - asked.quantum;
            if lacks {
                self.reserve.fell_short(now, asked.id);
            } else {
                self.reserve.served(asked.id);
            }
            let lease = if grant.whole {
                self.reserve.fold(asked.id);
                None
            } else if asked.short {
                self.reserve
                    .borrow(now, asked.id, missing)
                    .or_else(|| self.reserve.of(now, asked.id))
            } else {
                self.reserve.of(now, asked.id)
            };
            self.shares.push(Share {
                grant: *grant,
                lease,
            });
        }
    }

    fn share(&self, at: usize) -> Share {
        self.shares.get(at).copied().unwrap_or(Share::WHOLE)
    }
}
