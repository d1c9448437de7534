//! What holds for any node: conservation, floors, fairness, no starvation, leases that end.

#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use std::collections::BTreeMap;

use common::node::Node;
use llmos_engine::decide::{Action, Claim, Grant, Knob, Reserve, Sharing, jain_index};
use llmos_engine::policy::Policy;
use llmos_engine::units::{CgroupId, Cores, Timestamp};
use proptest::prelude::*;

/// Sums of so many parts are exact to this.
const HAIR: f64 = 1e-6;

fn claims() -> impl Strategy<Value = Vec<Claim>> {
    let claim = (0.0..20.0_f64, 0.0..2.0_f64, 1.0..1000.0_f64);
    let claim = claim.prop_map(|(wanted, floor, weight)| Claim {
        wanted,
        floor,
        weight,
    });
    prop::collection::vec(claim, 1..60)
}

fn share(capacity: f64, claims: &[Claim]) -> Vec<Grant> {
    Sharing::default()
        .share(capacity, claims.iter().copied())
        .to_vec()
}

fn promised(claim: &Claim) -> f64 {
    claim.floor.min(claim.wanted)
}

fn sum(grants: &[Grant]) -> f64 {
    grants.iter().map(|grant| grant.amount).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn grants_never_exceed_the_node_nor_what_is_wanted(
        claims in claims(),
        capacity in 0.0..200.0_f64,
    ) {
        let grants = share(capacity, &claims);
        prop_assert!(sum(&grants) <= capacity * (1.0 + 1e-9), "{} of {capacity}", sum(&grants));
        for (grant, claim) in grants.iter().zip(&claims) {
            prop_assert!(grant.amount >= 0.0 && grant.amount <= claim.wanted);
        }
    }

    #[test]
    fn nothing_is_left_while_somebody_wants_it(claims in claims(), capacity in 0.0..200.0_f64) {
        let wanted: f64 = claims.iter().map(|claim| claim.wanted).sum();
        let floors: f64 = claims.iter().map(promised).sum();
        prop_assume!(floors <= capacity);
        let given = sum(&share(capacity, &claims));
        prop_assert!(given >= wanted.min(capacity) * (1.0 - HAIR), "{given}");
    }

    #[test]
    fn floors_that_fit_are_kept_and_nobody_starves(claims in claims(), capacity in 0.1..200.0_f64) {
        let floors: f64 = claims.iter().map(promised).sum();
        let grants = share(capacity, &claims);
        for (grant, claim) in grants.iter().zip(&claims) {
            if floors <= capacity {
                prop_assert!(grant.amount >= promised(claim) - HAIR, "{grant:?} {claim:?}");
            }
            if claim.wanted > 0.0 && (claim.floor > 0.0 || floors < capacity * 0.99) {
                prop_assert!(grant.amount > 0.0, "{grant:?} {claim:?}");
            }
        }
    }

    #[test]
    fn nobody_has_more_for_the_weight_than_one_who_lacks(
        claims in claims(),
        capacity in 0.0..200.0_f64,
    ) {
        let floors: f64 = claims.iter().map(promised).sum();
        prop_assume!(floors <= capacity);
        let grants = share(capacity, &claims);
        let level = |at: usize| grants[at].amount / claims[at].weight;
        for poor in (0..claims.len()).filter(|at| !grants[*at].whole) {
            for rich in 0..claims.len() {
                let by_floor = grants[rich].amount <= promised(&claims[rich]) + HAIR;
                prop_assert!(
                    by_floor || level(rich) <= level(poor) * (1.0 + HAIR) + 1e-12,
                    "{rich} has more than {poor}"
                );
            }
        }
    }

    #[test]
    fn more_capacity_takes_from_nobody(
        claims in claims(),
        capacity in 0.0..200.0_f64,
        more in 0.0..50.0_f64,
    ) {
        let (less, enough) = (share(capacity, &claims), share(capacity + more, &claims));
        for (before, after) in less.iter().zip(&enough) {
            prop_assert!(after.amount >= before.amount - HAIR, "{before:?} {after:?}");
        }
    }

    #[test]
    fn wanting_more_or_weighing_more_never_gives_less(
        claims in claims(),
        capacity in 0.0..200.0_f64,
        more in 0.0..20.0_f64,
        factor in 1.0..10.0_f64,
    ) {
        let before = share(capacity, &claims)[0].amount;
        let mut greedy = claims.clone();
        greedy[0].wanted += more;
        prop_assert!(share(capacity, &greedy)[0].amount >= before - HAIR);
        let mut heavy = claims;
        heavy[0].weight *= factor;
        prop_assert!(share(capacity, &heavy)[0].amount >= before - HAIR);
    }

    #[test]
    fn equals_in_contention_are_satisfied_alike(
        wanted in prop::collection::vec(0.1..20.0_f64, 2..60),
        part in 0.1..1.3_f64,
    ) {
        let claims: Vec<Claim> = wanted
            .iter()
            .map(|wanted| Claim { wanted: *wanted, floor: 0.0, weight: 100.0 })
            .collect();
        let capacity = part * wanted.iter().sum::<f64>();
        let grants = share(capacity, &claims);
        // What each got of what an even split entitles it to.
        let even = capacity / wanted.len() as f64;
        let satisfied: Vec<f64> = grants
            .iter()
            .zip(&wanted)
            .map(|(grant, wanted)| (grant.amount / wanted.min(even)).min(1.0))
            .collect();
        let index = jain_index(&satisfied).expect("satisfied");
        prop_assert!(index >= 0.95, "{index}");
    }

    #[test]
    fn leases_never_exceed_the_reserve_and_all_end(
        steps in prop::collection::vec((0_u64..6, 0.0..3.0_f64, 0_u64..5_000, 0_u8..4), 1..80),
        pools in prop::collection::vec(0.0..4.0_f64, 80),
    ) {
        let mut reserve = Reserve::default();
        let mut now = Timestamp(0);
        let mut pool = 0.0;
        for ((who, wanted, wait_ms, what), next) in steps.into_iter().zip(pools) {
            now = Timestamp(now.0 + wait_ms * 1_000_000);
            let id = CgroupId(who);
            match what {
                0 => {
                    pool = next;
                    reserve.settle(now, pool, 10.0);
                }
                1 => reserve.fold(id),
                2 => reserve.fell_short(now, id),
                _ => {
                    let before = reserve.of(now, id).map_or(0.0, |lease| lease.amount);
                    if let Some(lease) = reserve.borrow(now, id, wanted) {
                        prop_assert!(lease.amount <= wanted.max(before) + 1e-12);
                        prop_assert!(lease.expires > now);
                        prop_assert!(lease.expires.seconds_since(now) <= 10.0);
                    }
                }
            }
            prop_assert!(reserve.lent() <= pool + 1e-9, "{} of {pool}", reserve.lent());
        }
        reserve.settle(Timestamp(now.0 + 10_000_000_000), pool, 10.0);
        prop_assert!(reserve.lent() <= 0.0);
    }
}

/// Guests of a node: cores wanted, floor, weight.
fn guests() -> impl Strategy<Value = Vec<(f64, f64, Option<u64>)>> {
    let guest = (0.0..4.0_f64, 0.05..0.4_f64, prop::option::of(1_u64..1000));
    prop::collection::vec(guest, 1..20)
}

fn node(guests: &[(f64, f64, Option<u64>)]) -> Node {
    let mut node = Node::new(8.0, 64 * 1024);
    for (cores, floor, weight) in guests {
        let policy = Policy {
            cpu_floor: Cores(*floor),
            cpu_weight: *weight,
            ..Policy::default()
        };
        node.add(policy, *cores, 100);
    }
    node
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 40,
        ..ProptestConfig::default()
    })]

    /// Steady demand, whatever it is: after the start all quotas together fit the node, each
    /// guarantee holds, and no limit goes up and down. (Calm narrows margins, so now and then one
    /// falls by what is worth a write, and another gets what that sets free.)
    #[test]
    fn a_node_under_steady_demand_settles(guests in guests()) {
        let mut node = node(&guests);
        node.ticks(240);
        let mut moves: BTreeMap<(CgroupId, Knob), Vec<Action>> = BTreeMap::new();
        for _ in 0..200 {
            let report = node.tick();
            let decided = report.workloads.iter().flat_map(|told| &told.decisions);
            for decided in decided.filter(|decided| decided.action != Action::Hold) {
                let key = (decided.workload, decided.knob);
                moves.entry(key).or_default().push(decided.action);
            }
        }
        for (what, moves) in moves {
            let one_way = moves.windows(2).all(|pair| pair[0] == pair[1]);
            prop_assert!(one_way && moves.len() <= 2, "{what:?}: {moves:?}");
        }
        prop_assert!(node.quotas() <= 8.0 + 1e-9, "{}", node.quotas());
        for (at, (cores, floor, _)) in guests.iter().enumerate() {
            prop_assert!(node.quota(at) >= floor - 1e-9, "{at}: {}", node.quota(at));
            let alone = guests.iter().map(|guest| guest.0.max(guest.1)).sum::<f64>() * 1.6 < 7.2;
            if alone {
                prop_assert!(node.quota(at) >= *cores, "{at}: {}", node.quota(at));
            }
        }
    }

    #[test]
    fn the_same_node_gives_the_same_reports(guests in guests()) {
        let (mut one, mut other) = (node(&guests), node(&guests));
        for _ in 0..60 {
            let (a, b) = (one.tick(), other.tick());
            for (a, b) in a.workloads.iter().zip(&b.workloads) {
                prop_assert_eq!(&a.decisions, &b.decisions);
            }
        }
    }
}
