//! Fair sharing of what is scarce: weighted max-min, found by filling up with water.
//!
//! Each claim first gets its floor (never more than it wants). The rest rises like water in vessels
//! as wide as the weights: `grant = min(wanted, max(floor, level * weight))`, with the one level at
//! which the grants add up to the capacity. So nobody can get more without somebody with less (for
//! their weight) losing something, and whoever wants less than that is served in full.

/// What one workload would like to have. Cores or bytes; all amounts finite and not negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claim {
    /// What it wants.
    pub wanted: f64,
    /// What it has been promised; counts up to `wanted` only.
    pub floor: f64,
    /// Its part relative to others, above zero.
    pub weight: f64,
}

/// What one workload gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grant {
    /// How much, in the unit of the claim.
    pub amount: f64,
    /// Is that all it wanted?
    pub whole: bool,
    /// How many times its part by weight alone that is; above 1 where the floor is what counts.
    pub lift: f64,
}

/// Room for sums, kept from one call to the next so that sharing takes no new memory.
#[derive(Debug, Clone, Default)]
pub struct Sharing {
    claims: Vec<Claim>,
    /// The levels at which a vessel begins or ends to fill, and by how much that changes the width.
    steps: Vec<(f64, f64)>,
    grants: Vec<Grant>,
}

impl Sharing {
    /// Grants for the claims, in their order. Their sum is never above `capacity`.
    pub fn share(&mut self, capacity: f64, claims: impl Iterator<Item = Claim>) -> &[Grant] {
        self.claims.clear();
        self.claims.extend(claims.map(sound));
        self.grants.clear();
        let capacity = capacity.max(0.0);
        let sum = |of: fn(&Claim) -> f64| self.claims.iter().map(of).sum::<f64>();
        if sum(|claim| claim.wanted) <= capacity {
            let whole = |claim: &Claim| Grant {
                amount: claim.wanted,
                whole: true,
                lift: 1.0,
            };
            self.grants.extend(self.claims.iter().map(whole));
            return &self.grants;
        }
        if sum(|claim| claim.floor) > capacity {
            // Not even what was promised fits: the promises themselves are shared.
            for claim in &mut self.claims {
                (claim.wanted, claim.floor) = (claim.floor, 0.0);
            }
            let level = self.level(capacity);
            let part = |claim: &Claim| Grant {
                whole: false,
                ..grant(claim, level)
            };
            self.grants.extend(self.claims.iter().map(part));
            return &self.grants;
        }
        let level = self.level(capacity);
        self.grants
            .extend(self.claims.iter().map(|claim| grant(claim, level)));
        &self.grants
    }

    /// The level at which the grants add up to `capacity`, a hair lower, so that rounding never
    /// takes their sum above it. The floors fit, and not everything that is wanted does.
    fn level(&mut self, capacity: f64) -> f64 {
        self.steps.clear();
        for claim in &self.claims {
            self.steps.push((claim.floor / claim.weight, claim.weight));
            self.steps
                .push((claim.wanted / claim.weight, -claim.weight));
        }
        self.steps.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut filled: f64 = self.claims.iter().map(|claim| claim.floor).sum();
        let (mut level, mut width) = (0.0, 0.0_f64);
        for (next, change) in &self.steps {
            let volume = width.max(0.0) * (next - level);
            if filled + volume > capacity && width > 0.0 {
                level += (capacity - filled).max(0.0) / width;
                break;
            }
            filled += volume;
            level = *next;
            width += change;
        }
        level * (1.0 - 1e-9)
    }
}

/// What a claim gets at a level.
fn grant(claim: &Claim, level: f64) -> Grant {
    let by_weight = level * claim.weight;
    let amount = by_weight.max(claim.floor).min(claim.wanted);
    Grant {
        amount,
        whole: amount >= claim.wanted,
        lift: if by_weight > 0.0 {
            (amount / by_weight).max(1.0)
        } else {
            1.0
        },
    }
}

/// Without numbers that would spoil all sums.
fn sound(claim: Claim) -> Claim {
    let amount = |value: f64| {
        if value.is_finite() {
            value.max(0.0)
        } else {
            0.0
        }
    };
    let wanted = amount(claim.wanted);
    Claim {
        wanted,
        floor: amount(claim.floor).min(wanted),
        weight: if claim.weight.is_finite() && claim.weight > 0.0 {
            claim.weight
        } else {
            1.0
        },
    }
}

/// Jain's index of fairness: 1 when all values are alike, `1/n` when one has everything. `None`
/// where there is nothing to compare.
#[must_use]
pub fn jain_index(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    (squares > 0.0).then(|| sum * sum / (values.len() as f64 * squares))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(wanted: f64, floor: f64, weight: f64) -> Claim {
        Claim {
            wanted,
            floor,
            weight,
        }
    }

    fn amounts(capacity: f64, claims: &[Claim]) -> Vec<f64> {
        let mut sharing = Sharing::default();
        let grants = sharing.share(capacity, claims.iter().copied());
        grants
            .iter()
            .map(|grant| (grant.amount * 1e6).round() / 1e6)
            .collect()
    }

    #[test]
    fn the_small_are_served_in_full_and_the_rest_share_by_weight() {
        let claims = [
            claim(1.0, 0.0, 1.0),
            claim(9.0, 0.0, 1.0),
            claim(9.0, 0.0, 2.0),
        ];
        assert_eq!(amounts(10.0, &claims), [1.0, 3.0, 6.0]);
        assert_eq!(amounts(100.0, &claims), [1.0, 9.0, 9.0]);
        assert_eq!(amounts(0.0, &claims), [0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_floor_holds_against_any_weight() {
        let claims = [claim(5.0, 4.0, 1.0), claim(9.0, 0.0, 9.0)];
        assert_eq!(amounts(6.0, &claims), [4.0, 2.0]);
        let mut sharing = Sharing::default();
        let lift = sharing.share(6.0, claims.into_iter())[0].lift;
        // By weight alone it would get 2/9.
        assert!((lift - 18.0).abs() < 1e-6, "{lift}");
    }

    #[test]
    fn floors_that_do_not_fit_are_shared_themselves() {
        let claims = [claim(8.0, 8.0, 1.0), claim(8.0, 2.0, 1.0)];
        assert_eq!(amounts(6.0, &claims), [4.0, 2.0]);
    }

    #[test]
    fn what_is_no_number_takes_nothing_from_others() {
        let claims = [claim(f64::NAN, 1.0, 1.0), claim(5.0, 0.0, f64::INFINITY)];
        assert_eq!(amounts(4.0, &claims), [0.0, 4.0]);
    }

    #[test]
    fn the_index_knows_the_extremes() {
        assert_eq!(jain_index(&[]), None);
        assert_eq!(jain_index(&[2.0, 2.0]), Some(1.0));
        assert_eq!(jain_index(&[0.0, 3.0]), Some(0.5));
    }
}
