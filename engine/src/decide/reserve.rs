//! The reserve: what is granted to nobody is lent out for bursts, and comes back by itself.
//!
//! A lease is an amount for one workload until a moment. The tick says how much there is to lend
//! ([`Reserve::settle`]), folds a lease in once the regular grant covers it ([`Reserve::fold`]), and
//! both paths may ask for one in between ([`Reserve::borrow`]). Time is an argument.
//!
//! Only a burst is served: who has been short for longer than a lease lasts wants more for good, and
//! has to do with its share. A reserve that is lent to the same few for ever would be none.

use crate::units::{CgroupId, Timestamp};

/// An amount lent to a workload, in cores or bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lease {
    /// To whom.
    pub workload: CgroupId,
    /// How much on top of its grant.
    pub amount: f64,
    /// Since when.
    pub granted: Timestamp,
    /// Until when.
    pub expires: Timestamp,
}

/// All leases of one resource.
#[derive(Debug, Clone, Default)]
pub struct Reserve {
    /// What may be lent in all.
    pool: f64,
    lease_s: f64,
    leases: Vec<Lease>,
    /// Who got less than it needs at the last tick, and since when, by identity. A list keeps its room.
    short: Vec<(CgroupId, Timestamp)>,
}

impl Reserve {
    /// Sets what there is to lend from now on and for how long, and takes back what has expired.
    /// Leases that are no longer covered are cut, the newest first.
    pub fn settle(&mut self, now: Timestamp, pool: f64, lease_s: f64) {
        self.pool = if pool.is_finite() { pool.max(0.0) } else { 0.0 };
        self.lease_s = lease_s.max(0.0);
        self.leases.retain(|lease| lease.expires > now);
        let mut left = self.pool;
        for lease in &mut self.leases {
            lease.amount = lease.amount.min(left);
            left -= lease.amount;
        }
        self.leases.retain(|lease| lease.amount > 0.0);
    }

    /// The regular grant of a workload is less than it needs.
    pub fn fell_short(&mut self, now: Timestamp, workload: CgroupId) {
        if let Err(at) = self.short_at(workload) {
            self.short.insert(at, (workload, now));
        }
    }

    /// The regular grant of a workload is what it needs: it may burst again.
    pub fn served(&mut self, workload: CgroupId) {
        if let Ok(at) = self.short_at(workload) {
            self.short.remove(at);
        }
    }

    /// A lease of at most `wanted`, as far as the reserve reaches. One that the workload has
    /// already may grow, but its end stays. `None` when there is nothing to lend to it.
    pub fn borrow(&mut self, now: Timestamp, workload: CgroupId, wanted: f64) -> Option<Lease> {
        let known = self.place(workload);
        let left = self.pool - self.lent() + known.map_or(0.0, |at| self.leases[at].amount);
        let amount = wanted.min(left);
        if wanted.is_nan() || amount <= 0.0 {
            return None;
        }
        if let Some(at) = known {
            let lease = &mut self.leases[at];
            if lease.expires <= now {
                return None;
            }
            lease.amount = lease.amount.max(amount);
            return Some(*lease);
        }
        if self.wants_more_for_good(now, workload) {
            return None;
        }
        let lease = Lease {
            workload,
            amount,
            granted: now,
            expires: after(now, self.lease_s),
        };
        self.leases.push(lease);
        Some(lease)
    }

    /// A lease for so many seconds from now, as a burst of a moment needs one: of at most `wanted`,
    /// as far as the reserve reaches. One that the workload has already grows and lasts longer.
    /// `None` when there is nothing to lend to it.
    pub fn lend(
        &mut self,
        now: Timestamp,
        workload: CgroupId,
        hold_s: f64,
        wanted: f64,
    ) -> Option<Lease> {
        let held = self.place(workload).map(|at| self.leases.remove(at));
        let held = held.filter(|lease| lease.expires > now);
        let least = held.map_or(0.0, |lease| lease.amount);
        let amount = wanted.min(self.pool - self.lent());
        if wanted.is_nan() || amount <= 0.0 || self.wants_more_for_good(now, workload) {
            self.leases.extend(held);
            return None;
        }
        let end = after(now, hold_s.max(0.0));
        let lease = Lease {
            workload,
            amount: amount.max(least),
            granted: held.map_or(now, |lease| lease.granted),
            expires: held.map_or(end, |lease| lease.expires.max(end)),
        };
        self.leases.push(lease);
        Some(lease)
    }

    /// Has it been short for longer than a lease lasts? That is no burst.
    fn wants_more_for_good(&self, now: Timestamp, workload: CgroupId) -> bool {
        self.short_at(workload)
            .is_ok_and(|at| now.seconds_since(self.short[at].1) >= self.lease_s)
    }

    /// The lease of a workload that has not expired.
    #[must_use]
    pub fn of(&self, now: Timestamp, workload: CgroupId) -> Option<Lease> {
        let lease = self.leases.get(self.place(workload)?)?;
        (lease.expires > now).then_some(*lease)
    }

    /// The regular grant covers all that is wanted: a lease goes back.
    pub fn fold(&mut self, workload: CgroupId) {
        self.served(workload);
        self.leases.retain(|lease| lease.workload != workload);
    }

    /// Forgets the workloads that are gone.
    pub fn retain(&mut self, alive: impl Fn(CgroupId) -> bool) {
        self.leases.retain(|lease| alive(lease.workload));
        self.short.retain(|(id, _)| alive(*id));
    }

    /// What is lent now, in all.
    #[must_use]
    pub fn lent(&self) -> f64 {
        self.leases.iter().map(|lease| lease.amount).sum()
    }

    fn short_at(&self, workload: CgroupId) -> Result<usize, usize> {
        self.short.binary_search_by_key(&workload, |(id, _)| *id)
    }

    fn place(&self, workload: CgroupId) -> Option<usize> {
        self.leases
            .iter()
            .position(|lease| lease.workload == workload)
    }
}

fn after(now: Timestamp, seconds: f64) -> Timestamp {
    Timestamp(now.0.saturating_add((seconds * 1e9) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: CgroupId = CgroupId(1);
    const B: CgroupId = CgroupId(2);

    fn at(s: f64) -> Timestamp {
        Timestamp((s * 1e9) as u64)
    }

    fn reserve(pool: f64) -> Reserve {
        let mut reserve = Reserve::default();
        reserve.settle(at(0.0), pool, 10.0);
        reserve
    }

    fn lent(reserve: &mut Reserve, s: f64, who: CgroupId, wanted: f64) -> f64 {
        reserve
            .borrow(at(s), who, wanted)
            .map_or(0.0, |lease| lease.amount)
    }

    #[test]
    fn no_more_is_lent_than_there_is() {
        let mut reserve = reserve(1.0);
        assert_eq!(
            lent(&mut reserve, 0.0, A, 0.75).to_bits(),
            0.75_f64.to_bits()
        );
        assert_eq!(
            lent(&mut reserve, 0.0, B, 0.75).to_bits(),
            0.25_f64.to_bits()
        );
        assert_eq!(reserve.borrow(at(0.0), CgroupId(3), 1.0), None);
        assert!(reserve.lent() <= 1.0);
    }

    #[test]
    fn a_lease_grows_but_its_end_stays() {
        let mut reserve = reserve(1.0);
        let first = reserve.borrow(at(0.0), A, 0.2).unwrap();
        let second = reserve.borrow(at(5.0), A, 0.6).unwrap();
        assert_eq!(first.expires, second.expires);
        assert!(second.amount > first.amount);
        let third = reserve.borrow(at(6.0), A, 0.1).unwrap();
        assert_eq!(
            third.amount.to_bits(),
            second.amount.to_bits(),
            "no less either"
        );
    }

    #[test]
    fn a_lease_expires_and_who_is_still_short_gets_no_other() {
        let mut reserve = reserve(1.0);
        reserve.fell_short(at(0.0), A);
        assert!(reserve.borrow(at(0.0), A, 1.0).is_some());
        assert!(reserve.of(at(9.9), A).is_some());
        assert!(reserve.of(at(10.0), A).is_none(), "over, settled or not");
        reserve.settle(at(10.0), 1.0, 10.0);
        reserve.fell_short(at(10.0), A);
        assert_eq!(reserve.borrow(at(500.0), A, 1.0), None);
        assert!(reserve.borrow(at(500.0), B, 0.4).is_some(), "others do");
    }

    #[test]
    fn who_was_served_in_full_may_burst_again() {
        let mut reserve = reserve(1.0);
        reserve.fell_short(at(0.0), A);
        assert!(reserve.borrow(at(1.0), A, 1.0).is_some());
        reserve.fold(A);
        assert!(reserve.lent() <= 0.0);
        reserve.fell_short(at(60.0), A);
        assert!(reserve.borrow(at(61.0), A, 1.0).is_some());
    }

    #[test]
    fn a_smaller_reserve_cuts_the_newest() {
        let mut reserve = reserve(1.0);
        assert!(reserve.borrow(at(0.0), A, 0.6).is_some());
        assert!(reserve.borrow(at(1.0), B, 0.4).is_some());
        reserve.settle(at(2.0), 0.7, 10.0);
        assert!((reserve.of(at(2.0), A).unwrap().amount - 0.6).abs() < 1e-12);
        assert!((reserve.of(at(2.0), B).unwrap().amount - 0.1).abs() < 1e-12);
        reserve.settle(at(3.0), 0.0, 10.0);
        assert!(reserve.lent() <= 0.0);
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let mut reserve = reserve(1.0);
        assert!(reserve.borrow(at(0.0), A, 1.0).is_some());
        reserve.retain(|id| id != A);
        assert!(reserve.lent() <= 0.0);
        assert!(reserve.borrow(at(1.0), B, 1.0).is_some());
    }
}
