//! The meter: nodes come and go, pods take of them, usage is sampled.

use std::sync::Arc;

use super::pool::{Pool, Rules};
use super::tariff::{Rates, rates};
use super::{CostRow, Costs, Owner, Purchase, price_over};
use crate::record::fold::billed_seconds;
use crate::record::recording::{NodeRecord, Recording, WorkloadRecord};
use crate::sim::{SimDuration, SimTime};

/// A run of this length and more has a bucket an hour; shorter ones have shorter ones.
const LENGTHS: [(i64, i64); 3] = [(2 * 3600, 60), (12 * 3600, 300), (48 * 3600, 900)];

/// A node that is up.
#[derive(Debug, Clone, Copy)]
struct Up {
    pool: usize,
    since: SimTime,
    pods: u32,
    /// Pods that are no DaemonSet's, and since when there are none.
    busy: u32,
    empty: SimTime,
}

/// A pod on a node.
#[derive(Debug, Clone, Copy)]
struct Placed {
    node: usize,
    workload: usize,
    cpu: i64,
    memory: i64,
    /// It belongs to a DaemonSet.
    daemon: bool,
}

/// Adds up what nodes cost and who pays.
#[derive(Debug, Clone)]
pub(in crate::record) struct Meter {
    start: SimTime,
    end: SimTime,
    bucket: SimDuration,
    rules: Rules,
    minimum: f64,
    fee: f64,
    credit: f64,
    commitments: Vec<super::Commitment>,
    pools: Vec<Pool>,
    nodes: Vec<Option<Up>>,
    pods: Vec<Option<Placed>>,
    /// The first workload of the namespace of each.
    namespaces: Vec<usize>,
    /// Up to when nodes are paid.
    paid: SimTime,
    /// Begin of the open bucket.
    from: SimTime,
    /// What is committed to and not used in the open bucket.
    unused: f64,
    /// Nodes of each pool when there were most.
    at_peak: Vec<u32>,
    costs: Costs,
}

fn milli(cores: f64) -> i64 {
    (cores * 1000.0).round() as i64
}

fn bytes(gib: f64) -> i64 {
    (gib * f64::from(1 << 30)).round() as i64
}

impl Meter {
    /// Nothing has been paid yet in a run with this frame; who paid when is kept if wanted.
    pub(in crate::record) fn new(frame: &Recording, keep: bool) -> Self {
        let start = SimTime::ZERO + frame.warm_up.min(frame.duration);
        let length = frame.duration.as_secs_f64();
        let fits = LENGTHS.iter().find(|(most, _)| length <= *most as f64);
        let bucket = SimDuration::from_secs(fits.map_or(3600, |(_, bucket)| *bucket)).0;
        // Usage is told at the end of a step: a bucket is whole steps.
        let step = frame.step.0.max(1);
        Self {
            start,
            end: SimTime::ZERO + frame.duration,
            bucket: SimDuration((bucket + step - 1) / step * step),
            rules: Rules {
                reference: frame.prices.reference,
                idle: frame.prices.idle,
                keep,
            },
            minimum: frame.prices.node_minimum_seconds,
            fee: frame.prices.cluster_hour,
            credit: frame.prices.credit,
            commitments: frame.commitments.clone(),
            pools: Vec::new(),
            nodes: Vec::new(),
            pods: Vec::new(),
            namespaces: Vec::new(),
            paid: start,
            from: start,
            unused: 0.0,
            at_peak: Vec::new(),
            costs: Costs::default(),
        }
    }

    /// Ends the buckets that lie before a time; returns the time within the run.
    fn advance(&mut self, now: SimTime) -> SimTime {
        let now = now.clamp(self.start, self.end);
        while now > self.edge() {
            self.close();
        }
        now
    }

    /// The end of the open bucket.
    fn edge(&self) -> SimTime {
        let number = self.from.0.div_euclid(self.bucket.0) + 1;
        SimTime(number * self.bucket.0).min(self.end)
    }

    fn close(&mut self) {
        let (from, to) = (self.from, self.edge());
        if self.rules.keep {
            self.costs.begins.push(from);
        }
        self.pay(to);
        for pool in &mut self.pools {
            pool.close((from, to), self.rules, &self.namespaces, &mut self.costs);
        }
        let fee = self.fee * (to - from).as_secs_f64() / 3600.0;
        let unused = std::mem::take(&mut self.unused);
        self.costs.fee += fee;
        self.costs.unused += unused;
        // What is given back later is no matter of the credit: it may become larger again.
        let due = self.costs.nodes() + self.costs.fee - self.costs.refunds;
        let credits = self.credit.min(due.max(0.0));
        let credited = credits - std::mem::replace(&mut self.costs.credits, credits);
        if self.rules.keep {
            let rest = [
                (Owner::Unused, Some(Purchase::Commitment), unused),
                (Owner::Fee, None, fee),
                (Owner::Credit, None, -credited),
            ];
            let rest = rest.into_iter().filter(|one| one.2 != 0.0);
            let row = |(owner, purchase, other)| CostRow {
                from,
                group: None,
                purchase,
                owner,
                core_hours: 0.0,
                gib_hours: 0.0,
                cpu: 0.0,
                memory: 0.0,
                other,
            };
            self.costs.rows.extend(rest.map(row));
        }
        self.from = to;
    }

    /// Pays the nodes up to a time.
    fn pay(&mut self, to: SimTime) {
        while self.paid < to {
            let from = self.paid;
            let until = self.same_until(from, to);
            let seconds = (until - from).as_secs_f64();
            let Rates {
                pools: rates,
                unused,
                idle,
            } = rates(&self.pools, &self.commitments, from);
            let mut hourly = unused;
            self.costs.reserved += idle * seconds / 3600.0;
            for (pool, rate) in self.pools.iter_mut().zip(rates) {
                pool.seconds += f64::from(pool.nodes) * seconds;
                for (paid, rate) in pool.paid.iter_mut().zip(rate) {
                    *paid += rate * seconds / 3600.0;
                }
                hourly += rate.iter().sum::<f64>();
            }
            self.unused += unused * seconds / 3600.0;
            let nodes = self.pools.iter().map(|pool| pool.nodes).sum();
            if nodes > self.costs.peak.0 {
                self.costs.peak = (nodes, hourly);
                self.at_peak = self.pools.iter().map(|pool| pool.nodes).collect();
            }
            self.paid = until;
        }
    }

    /// Until when prices and commitments stay as they are from a time on, at most to another.
    fn same_until(&self, from: SimTime, to: SimTime) -> SimTime {
        let changes = self.pools.iter().flat_map(|pool| pool.steps.iter());
        let terms = self.commitments.iter();
        let terms = terms.flat_map(|one| [Some(one.from), one.until]).flatten();
        let changes = changes.map(|step| step.0).chain(terms);
        let changes = changes.filter(|time| *time > from);
        changes.min().map_or(to, |next| next.min(to))
    }

    /// What the nodes of the peak would have cost all the time: a static fleet.
    fn static_nodes(&mut self) -> f64 {
        for (place, pool) in self.pools.iter_mut().enumerate() {
            pool.nodes = self.at_peak.get(place).copied().unwrap_or(0);
        }
        let (mut from, mut sum) = (self.start, 0.0);
        while from < self.end {
            let until = self.same_until(from, self.end);
            let rates = rates(&self.pools, &self.commitments, from);
            let hourly = rates.unused + rates.pools.iter().flatten().sum::<f64>();
            sum += hourly * (until - from).as_secs_f64() / 3600.0;
            from = until;
        }
        sum
    }

    /// A node is paid for from now on.
    pub(in crate::record) fn node_up(&mut self, slot: usize, node: &NodeRecord) {
        let now = self.advance(node.started);
        self.pay(now);
        let known = self.pools.iter().position(|pool| pool.has(node));
        let pool = known.unwrap_or_else(|| {
            self.pools.push(Pool::of(node));
            self.pools.len() - 1
        });
        self.pools[pool].nodes += 1;
        if self.nodes.len() <= slot {
            self.nodes.resize(slot + 1, None);
        }
        self.nodes[slot] = Some(Up {
            pool,
            since: now,
            pods: 0,
            busy: 0,
            empty: now,
        });
    }

    /// A node is paid for no longer. Its pods take nothing from it any more. What it cost may be given
    /// back.
    pub(in crate::record) fn node_down(&mut self, slot: usize, refunded: bool, now: SimTime) {
        let now = self.advance(now);
        let Some(up) = self.nodes.get_mut(slot).and_then(Option::take) else {
            return;
        };
        if up.pods > 0 {
            for place in 0..self.pods.len() {
                if let Some(placed) = self.pods[place].filter(|placed| placed.node == slot) {
                    self.pods[place] = None;
                    let share = self.pools[up.pool].share(placed.workload, now);
                    share.change(now, -1, -placed.cpu, -placed.memory);
                }
            }
        }
        self.pay(now);
        self.round(up, now);
        self.count_empty(up, now);
        if refunded {
            self.refund(up, now);
        }
        self.pools[up.pool].nodes -= 1;
    }

    /// What a node has cost is given back.
    fn refund(&mut self, up: Up, now: SimTime) {
        let seconds = (now - up.since).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let more = billed_seconds(seconds, self.minimum) - seconds;
        let pool = &mut self.pools[up.pool];
        pool.refund +=
            price_over(&pool.steps, pool.plain, up.since, now) + pool.price(now) * more / 3600.0;
    }

    /// The workloads that there are, which only become more.
    pub(in crate::record) fn knows(&mut self, workloads: &[WorkloadRecord]) {
        for workload in self.namespaces.len()..workloads.len() {
            let own = &workloads[workload].namespace;
            let first = workloads.iter().position(|one| one.namespace == *own);
            self.namespaces.push(first.unwrap_or(workload));
        }
    }

    /// A node is gone, or gets its first pod, after a time without any.
    fn count_empty(&mut self, up: Up, now: SimTime) {
        if up.busy == 0 {
            let pool = &mut self.pools[up.pool];
            pool.empty += (now - up.empty).as_secs_f64();
            pool.empty_cost += price_over(&pool.steps, pool.plain, up.empty, now);
        }
    }

    /// A node is billed by whole seconds, and a minimum; commitments are paid by time.
    fn round(&mut self, up: Up, now: SimTime) {
        let seconds = (now - up.since).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let more = billed_seconds(seconds, self.minimum) - seconds;
        // What is paid now for the pool's nodes, by the node.
        let rates = rates(&self.pools, &self.commitments, now).pools;
        let pool = &mut self.pools[up.pool];
        let nodes = f64::from(pool.nodes);
        let hourly = rates[up.pool].iter().take(2);
        for (paid, rate) in pool.paid.iter_mut().zip(hourly) {
            *paid += rate / nodes * more / 3600.0;
        }
    }

    /// A pod takes of a node from now on.
    pub(in crate::record) fn placed(
        &mut self,
        pod: usize,
        node: usize,
        workload: usize,
        (cores, gib): (f64, f64),
        daemon: bool,
        now: SimTime,
    ) {
        let now = self.advance(now);
        let Some(Some(up)) = self.nodes.get_mut(node) else {
            return;
        };
        let placed = Placed {
            node,
            workload,
            cpu: milli(cores),
            memory: bytes(gib),
            daemon,
        };
        let before = *up;
        up.pods += 1;
        up.busy += u32::from(!daemon);
        if !daemon {
            self.count_empty(before, now);
        }
        let up = before;
        let share = self.pools[up.pool].share(workload, now);
        share.change(now, 1, placed.cpu, placed.memory);
        if self.pods.len() <= pod {
            self.pods.resize(pod + 1, None);
        }
        self.pods[pod] = Some(placed);
    }

    /// A pod requests something else from now on.
    pub(in crate::record) fn resized(
        &mut self,
        pod: usize,
        (cores, gib): (f64, f64),
        now: SimTime,
    ) {
        if let Some(before) = self.left(pod, now) {
            let (node, workload, daemon) = before;
            self.placed(pod, node, workload, (cores, gib), daemon, now);
        }
    }

    /// A pod takes nothing of its node any more; returns node, workload, and whether it is a
    /// DaemonSet's.
    pub(in crate::record) fn left(
        &mut self,
        pod: usize,
        now: SimTime,
    ) -> Option<(usize, usize, bool)> {
        let placed = self.pods.get_mut(pod)?.take()?;
        let now = self.advance(now);
        let up = self.nodes[placed.node].as_mut()?;
        up.pods -= 1;
        up.busy -= u32::from(!placed.daemon);
        if up.busy == 0 && !placed.daemon {
            up.empty = now;
        }
        let share = self.pools[up.pool].share(placed.workload, now);
        share.change(now, -1, -placed.cpu, -placed.memory);
        Some((placed.node, placed.workload, placed.daemon))
    }

    /// What the pods of a workload used in a step of the series: cores, and GiB at its end.
    pub(in crate::record) fn used(
        &mut self,
        workload: usize,
        now: SimTime,
        step: SimDuration,
        (cores, gib): (f64, f64),
    ) {
        if now < self.start {
            return;
        }
        let is_whole = now - step >= self.start;
        let now = self.advance(now);
        let mut asked = [0.0; 3];
        for pool in &mut self.pools {
            if let Some(share) = pool.shares.get_mut(workload) {
                share.settle(now);
                for (sum, one) in asked.iter_mut().zip(share.step) {
                    *sum += one;
                }
            }
        }
        let seconds = step.as_secs_f64();
        let more = [cores * seconds - asked[0], gib * seconds - asked[1]];
        for pool in &mut self.pools {
            let Some(share) = pool.shares.get_mut(workload) else {
                continue;
            };
            let own = std::mem::take(&mut share.step);
            for resource in 0..2 {
                if !is_whole || more[resource] <= 0.0 {
                    continue;
                }
                // By what is requested where; by pods if nothing is.
                let by = if asked[resource] > 0.0 { resource } else { 2 };
                if asked[by] > 0.0 {
                    share.uses_more(resource, more[resource] * own[by] / asked[by]);
                }
            }
        }
    }

    /// The run is over.
    pub(in crate::record) fn finish(mut self) -> Costs {
        self.advance(self.end);
        self.pay(self.end);
        for up in std::mem::take(&mut self.nodes).into_iter().flatten() {
            self.round(up, self.end);
            self.count_empty(up, self.end);
        }
        for pool in &self.pools {
            let group = Arc::clone(&pool.group);
            self.costs.empty.push((group, pool.empty, pool.empty_cost));
        }
        if self.from < self.end {
            self.close();
        }
        self.costs.static_nodes = self.static_nodes();
        for pool in self.pools.iter().filter(|pool| pool.crowded > 0.0) {
            let group = Arc::clone(&pool.group);
            self.costs.crowded.push((group, pool.crowded));
        }
        self.costs
    }
}
