//! A node's CPU among the servers on it.
//!
//! As long as the servers together want no more than the node has, each gets what it wants.
//! Beyond that the CPU is filled like water by weight (cgroup v2 `cpu.weight` under the
//! fair scheduler): nobody gets more than it wants, and what it does not want goes to the
//! others in proportion to their weights.

/// What one server on a node wants and gets, in millionths of a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) server: u32,
    pub(super) weight: u64,
    pub(super) demand: u64,
    pub(super) grant: u64,
}

/// Divides `capacity` among the shares. Grants are cut to whole millionths.
pub(super) fn fill(capacity: u64, shares: &mut [Share]) {
    for share in shares.iter_mut() {
        share.grant = u64::MAX;
    }
    let mut left = capacity;
    let mut weight: u64 = shares.iter().map(|share| share.weight).sum();
    loop {
        let (level_left, level_weight) = (u128::from(left), u128::from(weight));
        let mut settled = false;
        for share in shares.iter_mut().filter(|share| share.grant == u64::MAX) {
            // Satisfied by its part of what is left?
            if u128::from(share.demand) * level_weight <= level_left * u128::from(share.weight) {
                share.grant = share.demand;
                left -= share.demand;
                weight -= share.weight;
                settled = true;
            }
        }
        if !settled {
            break;
        }
    }
    for share in shares.iter_mut().filter(|share| share.grant == u64::MAX) {
        let part = u128::from(left) * u128::from(share.weight) / u128::from(weight.max(1));
        share.grant = part as u64;
    }
}

/// A node's CPU.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// What there is, in millionths of a core.
    pub(super) capacity: u64,
    /// What the servers on it want together.
    pub(super) demand: u64,
    /// Whether they want more than there is.
    pub(super) contended: bool,
    /// What it has room for on behalf of members of cohorts, which is no part of the demand.
    pub(super) bound: u64,
    pub(super) servers: Vec<u32>,
}

impl Node {
    /// Whether it might not have what everybody on it wants.
    pub(super) fn is_short(&self) -> bool {
        self.demand.saturating_add(self.bound) > self.capacity
    }

    pub(super) fn new(capacity: u64) -> Self {
        Self {
            capacity,
            demand: 0,
            contended: false,
            bound: 0,
            servers: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shares(of: &[(u64, u64)]) -> Vec<Share> {
        let share = |(i, &(weight, demand)): (usize, &(u64, u64))| Share {
            server: i as u32,
            weight,
            demand,
            grant: 0,
        };
        of.iter().enumerate().map(share).collect()
    }

    #[test]
    fn what_one_does_not_want_goes_to_the_others_by_weight() {
        let mut all = shares(&[(1, 500), (1, 10_000), (3, 10_000)]);
        fill(4_500, &mut all);
        let grants: Vec<u64> = all.iter().map(|share| share.grant).collect();
        assert_eq!(grants, [500, 1_000, 3_000]);
    }

    proptest! {
        #[test]
        fn filling_wastes_nothing_and_is_fair(
            of in prop::collection::vec((1u64..10_000, 0u64..64_000_000), 1..40),
            capacity in 0u64..100_000_000,
        ) {
            let mut all = shares(&of);
            fill(capacity, &mut all);
            let demand: u64 = all.iter().map(|share| share.demand).sum();
            let given: u64 = all.iter().map(|share| share.grant).sum();
            prop_assert!(all.iter().all(|share| share.grant <= share.demand));
            prop_assert!(given <= capacity);
            // Nothing is left over but rounding, less than one unit per server.
            prop_assert!(given + all.len() as u64 > capacity.min(demand));
            // Who got less than wanted has the greatest grant per weight, within rounding.
            let most = all.iter().map(|share| share.grant as f64 / share.weight as f64).fold(0.0, f64::max);
            for share in all.iter().filter(|share| share.grant < share.demand) {
                prop_assert!((share.grant + 1) as f64 / share.weight as f64 >= most - 1e-6);
            }
        }
    }
}
