//! Nodes of one group, price and size, and what workloads take of them.

use std::sync::Arc;

use super::idle::{IdleShare, Taker, share_idle};
use super::{CostRow, Costs, Owner, Purchase, price_at};
use crate::record::fold::ExactSum;
use crate::record::recording::NodeRecord;
use crate::sim::SimTime;

/// From so many times what there is on nodes are crowded: rounding does not count.
const CROWDED: f64 = 1.0 + 1e-6;

/// How what nodes cost is divided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Reference prices of a core and of a GiB for an hour.
    pub(super) reference: (f64, f64),
    /// Who pays for what is idle.
    pub(super) idle: IdleShare,
    /// Whether rows are kept.
    pub(super) keep: bool,
}

/// What a workload takes of a pool.
#[derive(Debug, Clone, Default)]
pub(super) struct Share {
    /// Millicores and bytes that its pods request now.
    requested: (i64, i64),
    pods: u32,
    since: SimTime,
    /// Cores × seconds and GiB × seconds of the open bucket.
    taken: [f64; 2],
    /// What is requested since the last step of the series ended, likewise, and pods × seconds.
    pub(super) step: [f64; 3],
}

impl Share {
    /// Counts what is requested up to a time.
    pub(super) fn settle(&mut self, to: SimTime) {
        let seconds = (to - self.since).as_secs_f64();
        self.since = to;
        if self.pods == 0 || seconds <= 0.0 {
            return;
        }
        let (cpu, memory) = self.requested;
        let amounts = [
            cpu as f64 / 1000.0 * seconds,
            memory as f64 / f64::from(1 << 30) * seconds,
        ];
        for (place, amount) in amounts.into_iter().enumerate() {
            self.taken[place] += amount;
            self.step[place] += amount;
        }
        self.step[2] += f64::from(self.pods) * seconds;
    }

    /// Pods that request this come, or go.
    pub(super) fn change(&mut self, now: SimTime, pods: i32, cpu: i64, memory: i64) {
        self.settle(now);
        self.pods = self.pods.saturating_add_signed(pods);
        self.requested.0 += cpu;
        self.requested.1 += memory;
    }

    /// It uses more than it requests.
    pub(super) fn uses_more(&mut self, resource: usize, amount: f64) {
        self.taken[resource] += amount;
    }
}

/// Nodes of one group, price and size.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    pub(super) group: Arc<str>,
    pub(super) instance_type: Option<Arc<str>>,
    pub(super) spot: bool,
    pub(super) plain: f64,
    pub(super) steps: Arc<[(SimTime, f64)]>,
    /// Cores and GiB of a node, and of these what is not for simulated pods.
    size: [f64; 2],
    system: [f64; 2],
    pub(super) nodes: u32,
    /// Dollars of the open bucket by purchase, and node-seconds.
    pub(super) paid: [f64; 3],
    pub(super) seconds: f64,
    /// Seconds of nodes without pods, those of DaemonSets left out.
    pub(super) empty: f64,
    /// What they cost meanwhile, in dollars.
    pub(super) empty_cost: f64,
    /// Dollars of the open bucket that are given back.
    pub(super) refund: f64,
    /// Seconds in which more was taken than there is.
    pub(super) crowded: f64,
    pub(super) shares: Vec<Share>,
}

impl Pool {
    pub(super) fn of(node: &NodeRecord) -> Self {
        Self {
            group: node.group.as_str().into(),
            instance_type: node.instance_type.as_deref().map(Into::into),
            spot: node.spot,
            plain: node.price_per_hour,
            steps: Arc::clone(&node.prices),
            size: [node.cpu, node.memory],
            system: [node.system.0, node.system.1],
            nodes: 0,
            paid: [0.0; 3],
            seconds: 0.0,
            empty: 0.0,
            empty_cost: 0.0,
            refund: 0.0,
            crowded: 0.0,
            shares: Vec::new(),
        }
    }

    /// Whether a node is of this pool.
    pub(super) fn has(&self, node: &NodeRecord) -> bool {
        *self.group == *node.group
            && self.instance_type.as_deref() == node.instance_type.as_deref()
            && self.spot == node.spot
            && self.plain.to_bits() == node.price_per_hour.to_bits()
            && self.size == [node.cpu, node.memory]
            && self.system == [node.system.0, node.system.1]
    }

    /// Dollars an hour of a node.
    pub(super) fn price(&self, time: SimTime) -> f64 {
        price_at(&self.steps, self.plain, time)
    }

    pub(super) fn share(&mut self, workload: usize, now: SimTime) -> &mut Share {
        while self.shares.len() <= workload {
            self.shares.push(Share {
                since: now,
                ..Share::default()
            });
        }
        &mut self.shares[workload]
    }

    /// Ends a bucket: divides what the nodes cost among those who take of them.
    pub(super) fn close(
        &mut self,
        (from, to): (SimTime, SimTime),
        rules: Rules,
        namespaces: &[usize],
        costs: &mut Costs,
    ) {
        for share in &mut self.shares {
            share.settle(to);
        }
        let paid = std::mem::take(&mut self.paid);
        let seconds = std::mem::take(&mut self.seconds);
        let cost: f64 = paid.iter().sum();
        costs.node_hours += seconds / 3600.0;
        for (total, one) in costs.paid.iter_mut().zip(paid) {
            *total += one;
        }
        self.give_back(from, rules.keep, costs);
        let mut takers: Vec<Taker> = Vec::new();
        for (workload, share) in self.shares.iter_mut().enumerate() {
            let taken = std::mem::take(&mut share.taken);
            if taken != [0.0; 2] {
                takers.push(Taker::new(Owner::Workload(workload), taken));
            }
        }
        if cost == 0.0 {
            return;
        }
        if self.system != [0.0; 2] {
            let taken = self.system.map(|amount| amount * seconds);
            takers.push(Taker::new(Owner::System, taken));
        }
        let mut idle = self.divide(cost, seconds, rules.reference, &mut takers);
        if takers.iter().map(|one| one.taken[0]).sum::<f64>() > self.size[0] * seconds * CROWDED
            || takers.iter().map(|one| one.taken[1]).sum::<f64>() > self.size[1] * seconds * CROWDED
        {
            self.crowded += (to - from).as_secs_f64();
        }
        let shared = share_idle(rules.idle, &mut idle.dollars, &mut takers, namespaces);
        costs.idle_shared.add(shared);
        for taker in takers.iter().chain([&idle]) {
            self.tell(taker, (from, paid, cost), rules.keep, costs);
        }
    }

    /// What the provider gives back.
    fn give_back(&mut self, from: SimTime, keep: bool, costs: &mut Costs) {
        let refund = std::mem::take(&mut self.refund);
        costs.refunds += refund;
        if keep && refund > 0.0 {
            costs.rows.push(CostRow {
                from,
                group: Some(Arc::clone(&self.group)),
                purchase: Some(Purchase::Spot),
                owner: Owner::Credit,
                core_hours: 0.0,
                gib_hours: 0.0,
                cpu: 0.0,
                memory: 0.0,
                other: -refund,
            });
        }
    }

    /// Prices what is taken of a bucket; answers what is idle of it.
    fn divide(
        &self,
        cost: f64,
        seconds: f64,
        reference: (f64, f64),
        takers: &mut [Taker],
    ) -> Taker {
        let there = self.size.map(|amount| amount * seconds);
        let ratio = reference.0 / reference.1;
        let weight = self.size[0] * ratio + self.size[1];
        let of_cpu = cost
            * if weight > 0.0 {
                self.size[0] * ratio / weight
            } else {
                1.0
            };
        let of = [of_cpu, cost - of_cpu];
        // Usage can be more than there is: then it is divided, and nothing is idle.
        let mut price = [0.0; 2];
        for resource in 0..2 {
            let all: f64 = takers.iter().map(|one| one.taken[resource]).sum();
            let base = all.max(there[resource]);
            price[resource] = if base > 0.0 { of[resource] / base } else { 0.0 };
        }
        let mut idle = Taker::new(Owner::Idle, there);
        idle.dollars = of;
        for taker in takers {
            taker.dollars = [taker.taken[0] * price[0], taker.taken[1] * price[1]];
            for resource in 0..2 {
                idle.dollars[resource] -= taker.dollars[resource];
                idle.taken[resource] -= taker.taken[resource];
            }
        }
        idle.taken = idle.taken.map(|left| left.max(0.0));
        idle
    }

    /// Keeps what one pays of a bucket, of what was paid by purchase and in all.
    fn tell(
        &self,
        taker: &Taker,
        (from, paid, cost): (SimTime, [f64; 3], f64),
        keep: bool,
        costs: &mut Costs,
    ) {
        let [cpu, memory] = taker.dollars;
        let sum = cpu + memory;
        match taker.owner {
            Owner::Workload(place) => {
                if costs.workloads.len() <= place {
                    let places = place + 1;
                    costs.workloads.resize(places, ExactSum::default());
                }
                costs.workloads[place].add(sum);
            }
            Owner::System => costs.system.add(sum),
            _ => costs.idle.add(sum),
        }
        if !keep || sum == 0.0 {
            return;
        }
        for (purchase, paid) in Purchase::ALL.into_iter().zip(paid) {
            let part = paid / cost;
            if part > 0.0 {
                costs.rows.push(CostRow {
                    from,
                    group: Some(Arc::clone(&self.group)),
                    purchase: Some(purchase),
                    owner: taker.owner,
                    core_hours: taker.taken[0] / 3600.0 * part,
                    gib_hours: taker.taken[1] / 3600.0 * part,
                    cpu: cpu * part,
                    memory: memory * part,
                    other: 0.0,
                });
            }
        }
    }
}
