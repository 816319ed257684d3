//! Commitments: what is paid for in advance, and which nodes it covers.
//!
//! They are used before anything is paid on demand: first those for instances, in their order, each
//! over the nodes of the groups in theirs; then those of dollars an hour, over all that is left,
//! group by group in proportion. Spot nodes are not covered.
//!
//! Reserved capacity (On-Demand Capacity Reservations of AWS) is paid for on demand, by the nodes that
//! use it or else for nothing; what lowers prices of nodes lowers those of idle capacity, too.

use std::sync::Arc;

use super::pool::Pool;
use crate::sim::SimTime;

/// A commitment.
#[derive(Debug, Clone, PartialEq)]
pub struct Commitment {
    /// Its name.
    pub name: String,
    /// What it covers and costs.
    pub terms: Terms,
    /// When it begins.
    pub from: SimTime,
    /// When it is over, if that is before the end of the run.
    pub until: Option<SimTime>,
}

/// What a commitment covers and costs.
#[derive(Debug, Clone, PartialEq)]
pub enum Terms {
    /// So many instances (Reserved Instances, committed resources).
    Instances {
        /// Which.
        covers: Covers,
        /// How many.
        count: u32,
        /// Dollars an hour for each, used or not.
        price: f64,
    },
    /// Capacity for so many instances of a type: idle, it costs what the instances would.
    Reservation {
        /// The type.
        instance_type: Arc<str>,
        /// For how many.
        count: u32,
        /// Dollars an hour for each.
        price: f64,
    },
    /// So many dollars an hour at lower prices (Savings Plans, flexible commitments).
    Spend {
        /// Dollars an hour, used or not.
        rate: f64,
        /// What prices are lower by, from 0 to 1.
        discount: f64,
    },
}

/// The instances that a commitment covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Covers {
    /// Nodes of a group.
    Group(Arc<str>),
    /// Nodes of an instance type, whatever their group.
    InstanceType(Arc<str>),
}

impl Covers {
    fn covers(&self, pool: &Pool) -> bool {
        match self {
            Self::Group(name) => *name == pool.group,
            Self::InstanceType(name) => pool.instance_type.as_ref() == Some(name),
        }
    }
}

impl Commitment {
    /// Whether it is paid for at a time.
    pub fn holds(&self, time: SimTime) -> bool {
        self.from <= time && self.until.is_none_or(|until| time < until)
    }

    /// What is paid for it from one time to another, used or not, in dollars; of reserved capacity
    /// nothing, which is paid for by its nodes or as idle.
    pub fn over(&self, from: SimTime, to: SimTime) -> f64 {
        let from = self.from.max(from);
        let to = self.until.map_or(to, |until| until.min(to));
        self.rate() * (to - from.min(to)).as_secs_f64() / 3600.0
    }

    /// Dollars an hour while it holds, used or not.
    pub fn rate(&self) -> f64 {
        match self.terms {
            Terms::Instances { count, price, .. } => f64::from(count) * price,
            Terms::Reservation { .. } => 0.0,
            Terms::Spend { rate, .. } => rate,
        }
    }
}

/// What is paid an hour.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Rates {
    /// For each pool on demand, at spot prices and by commitments.
    pub(super) pools: Vec<[f64; 3]>,
    /// For what is committed to and not used, and for capacity that is idle.
    pub(super) unused: f64,
    /// The part of that for idle capacity which nothing covers.
    pub(super) idle: f64,
}

/// Reserved capacity that no node uses: the type, for how many nodes, and the price of each.
type Idle<'c> = Vec<(&'c str, u32, f64)>;

fn idle_capacity<'c>(pools: &[Pool], commitments: &'c [Commitment], time: SimTime) -> Idle<'c> {
    let running = pools
        .iter()
        .map(|pool| if pool.spot { 0 } else { pool.nodes });
    let mut running: Vec<u32> = running.collect();
    let mut idle = Idle::new();
    for commitment in commitments.iter().filter(|one| one.holds(time)) {
        let Terms::Reservation {
            instance_type,
            count,
            price,
        } = &commitment.terms
        else {
            continue;
        };
        let mut free = *count;
        for (pool, running) in pools.iter().zip(&mut running) {
            if pool.instance_type.as_ref() == Some(instance_type) {
                let used = free.min(*running);
                (free, *running) = (free - used, *running - used);
            }
        }
        idle.push((instance_type, free, *price));
    }
    idle
}

/// What is paid an hour at a time.
pub(super) fn rates(pools: &[Pool], commitments: &[Commitment], time: SimTime) -> Rates {
    let mut reserved = idle_capacity(pools, commitments, time);
    let mut left: Vec<u32> = Vec::with_capacity(pools.len());
    let mut rates = vec![[0.0; 3]; pools.len()];
    for (pool, rate) in pools.iter().zip(&mut rates) {
        left.push(if pool.spot { 0 } else { pool.nodes });
        if pool.spot {
            rate[1] = f64::from(pool.nodes) * pool.price(time);
        }
    }
    let mut unused = 0.0;
    let holds = |one: &&Commitment| one.holds(time);
    for commitment in commitments.iter().filter(holds) {
        let Terms::Instances {
            covers,
            count,
            price,
        } = &commitment.terms
        else {
            continue;
        };
        let mut free = *count;
        for (place, pool) in pools.iter().enumerate() {
            if covers.covers(pool) {
                let used = free.min(left[place]);
                rates[place][2] += f64::from(used) * price;
                (free, left[place]) = (free - used, left[place] - used);
            }
        }
        unused += f64::from(free) * price;
        // What they do not cover of nodes they cover of idle capacity.
        for (kind, idle, _) in &mut reserved {
            if matches!(covers, Covers::InstanceType(covered) if **covered == **kind) {
                let used = free.min(*idle);
                (free, *idle) = (free - used, *idle - used);
            }
        }
    }
    let mut idle: f64 = reserved
        .iter()
        .map(|(_, count, price)| f64::from(*count) * price)
        .sum();
    for ((pool, rate), left) in pools.iter().zip(&mut rates).zip(&left) {
        rate[0] = f64::from(*left) * pool.price(time);
    }
    for commitment in commitments.iter().filter(holds) {
        if let Terms::Spend { rate, discount } = commitment.terms {
            let listed = rates.iter().map(|rate| rate[0]).sum::<f64>() + idle;
            let lower = listed * (1.0 - discount);
            let share = if lower > 0.0 {
                (rate / lower).min(1.0)
            } else {
                0.0
            };
            for one in &mut rates {
                one[2] += one[0] * (1.0 - discount) * share;
                one[0] *= 1.0 - share;
            }
            unused += rate - share * lower + idle * (1.0 - discount) * share;
            idle *= 1.0 - share;
        }
    }
    Rates {
        pools: rates,
        unused: unused + idle,
        idle,
    }
}
