//! A node's CPU among the servers on it.
//!
//! As long as the servers together want no more than the node has, each gets what it wants.
//! Beyond that the CPU is filled like water by weight (cgroup v2 `cpu.weight` under the
//! fair scheduler): nobody gets more than it wants, and what it does not want goes to the
//! others in proportion to their weights. Cgroups are nested: burstable pods share what their group
//! gets, those of best effort likewise, guaranteed ones are beside both groups.

use super::figures::{GroupWeight, Tier};
use crate::units::Millicores;

/// What one server on a node wants and gets, in millionths of a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) server: u32,
    pub(super) weight: u64,
    pub(super) demand: u64,
    pub(super) grant: u64,
    pub(super) tier: Tier,
}

impl Share {
    /// The group that it is in.
    fn group(&self) -> Option<Group> {
        match self.tier {
            Tier::Guaranteed => None,
            Tier::Burstable(_) => Some(Group::Burstable),
            Tier::BestEffort => Some(Group::BestEffort),
        }
    }
}

/// A cgroup that holds those of pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Burstable,
    BestEffort,
}

impl Group {
    /// The group as one that shares with others, if there is anybody in it.
    fn whole(self, shares: &[Share], weight_of: GroupWeight) -> Option<Share> {
        let own = || shares.iter().filter(|share| share.group() == Some(self));
        let first = own().next()?;
        let requested = own().map(|share| match share.tier {
            Tier::Burstable(request) => request.0,
            Tier::Guaranteed | Tier::BestEffort => 0,
        });
        Some(Share {
            weight: u64::from(weight_of(Millicores(requested.sum())).max(1)),
            demand: own().map(|share| share.demand).sum(),
            ..*first
        })
    }
}

/// Divides `capacity` among the shares by the groups that they are in; `outer` is room to work in.
pub(super) fn share(
    capacity: u64,
    weight_of: GroupWeight,
    shares: &mut [Share],
    outer: &mut Vec<Share>,
) {
    let group = shares.first().and_then(Share::group);
    if shares.iter().all(|share| share.group() == group) {
        // They are all beside one another.
        fill(capacity, shares);
        return;
    }
    let groups = [Group::Burstable, Group::BestEffort];
    outer.clear();
    outer.extend(shares.iter().filter(|share| share.group().is_none()));
    outer.extend(
        groups
            .iter()
            .filter_map(|group| group.whole(shares, weight_of)),
    );
    fill(capacity, outer);
    let mut granted = outer.iter().map(|share| share.grant);
    for (share, grant) in shares
        .iter_mut()
        .filter(|one| one.group().is_none())
        .zip(&mut granted)
    {
        share.grant = grant;
    }
    for group in groups {
        let mut whole = outer.iter().filter(|one| one.group() == Some(group));
        if let Some(whole) = whole.next() {
            fill_those(whole.grant, shares, |share| share.group() == Some(group));
        }
    }
}

/// Divides `capacity` among the shares. Grants are cut to whole millionths.
fn fill(capacity: u64, shares: &mut [Share]) {
    fill_those(capacity, shares, |_| true);
}

/// The same among some of them.
fn fill_those(capacity: u64, shares: &mut [Share], are: impl Fn(&Share) -> bool) {
    let mut weight: u64 = 0;
    for share in shares.iter_mut().filter(|share| are(share)) {
        share.grant = u64::MAX;
        weight += share.weight;
    }
    let mut left = capacity;
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
            tier: Tier::default(),
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

    /// Weights as requests are, as with cgroup v1.
    fn weight_of(request: Millicores) -> u32 {
        u32::try_from(request.0).unwrap_or(u32::MAX).max(2)
    }

    #[test]
    fn what_idle_burstable_pods_leave_goes_to_the_others_of_their_group() {
        let mut all = shares(&[(1000, 4_000), (1000, 4_000), (1000, 0), (2, 4_000)]);
        all[0].tier = Tier::Guaranteed;
        for burstable in &mut all[1..3] {
            burstable.tier = Tier::Burstable(Millicores(1000));
        }
        all[3].tier = Tier::BestEffort;
        share(3_002, weight_of, &mut all, &mut Vec::new());
        // Flat, the first two would have the same.
        let grants: Vec<u64> = all.iter().map(|share| share.grant).collect();
        assert_eq!(grants, [1_000, 2_000, 0, 2]);
    }

    /// Fair shares the slow way: everybody gets a little by weight until satisfied or nothing is left.
    fn naive(capacity: f64, of: &[(f64, f64)]) -> Vec<f64> {
        let mut grants = vec![0.0_f64; of.len()];
        let mut left = capacity;
        for _ in 0..=of.len() {
            let open: Vec<usize> = (0..of.len()).filter(|i| grants[*i] < of[*i].1).collect();
            let weight: f64 = open.iter().map(|i| of[*i].0).sum();
            let step = open.iter().map(|i| (of[*i].1 - grants[*i]) / of[*i].0);
            let step = step.fold(f64::INFINITY, f64::min).min(left / weight);
            if open.is_empty() || left <= 0.0 {
                break;
            }
            for i in open {
                grants[i] += step * of[i].0;
                if of[i].1 - grants[i] < 1e-9 {
                    grants[i] = of[i].1;
                }
            }
            left = capacity - grants.iter().sum::<f64>();
        }
        grants
    }

    proptest! {
        #[test]
        fn groups_share_as_nested_fair_shares_do(
            of in prop::collection::vec((0usize..3, 1u64..2_000, 0u64..8_000_000), 1..24),
            capacity in 1_000u64..30_000_000,
        ) {
            let pairs: Vec<(u64, u64)> = of.iter().map(|(_, weight, demand)| (*weight, *demand)).collect();
            let mut all = shares(&pairs);
            for (one, (tier, weight, _)) in all.iter_mut().zip(&of) {
                one.tier = match tier {
                    0 => Tier::Guaranteed,
                    1 => Tier::Burstable(Millicores(*weight as i64)),
                    _ => Tier::BestEffort,
                };
            }
            share(capacity, weight_of, &mut all, &mut Vec::new());
            let own = |tier: usize| -> Vec<usize> { (0..of.len()).filter(|i| of[*i].0 == tier).collect() };
            let plain = |i: &usize| (of[*i].1 as f64, of[*i].2 as f64);
            let groups = [own(1), own(2)];
            let mut outer: Vec<(f64, f64)> = own(0).iter().map(plain).collect();
            let alone = outer.len();
            for (tier, group) in [1, 2].into_iter().zip(&groups) {
                let sum: u64 = group.iter().filter(|_| tier == 1).map(|i| of[*i].1).sum();
                let weight = f64::from(weight_of(Millicores(sum as i64)));
                outer.push((weight, group.iter().map(|i| of[*i].2 as f64).sum()));
            }
            let grants = naive(capacity as f64, &outer);
            let mut expected = vec![0.0; of.len()];
            for (i, grant) in own(0).into_iter().zip(&grants) {
                expected[i] = *grant;
            }
            for (place, group) in groups.iter().enumerate() {
                let inner: Vec<(f64, f64)> = group.iter().map(plain).collect();
                for (i, grant) in group.iter().zip(naive(grants[alone + place], &inner)) {
                    expected[*i] = grant;
                }
            }
            for (one, expected) in all.iter().zip(expected) {
                let off = (one.grant as f64 - expected).abs();
                prop_assert!(off <= 2.0 * of.len() as f64 + 2.0, "{} is not {}", one.grant, expected);
            }
        }

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
