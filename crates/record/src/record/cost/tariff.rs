//! Commitments: what is paid for in advance, and which nodes it covers.
//!
//! They are used before anything is paid on demand: first those for instances, in their order, each
//! over the nodes of the groups in theirs; then those of dollars an hour, over all that is left,
//! group by group in proportion. Spot nodes are not covered.

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

    /// What is paid for it from one time to another, used or not, in dollars.
    pub fn over(&self, from: SimTime, to: SimTime) -> f64 {
        let from = self.from.max(from);
        let to = self.until.map_or(to, |until| until.min(to));
        self.rate() * (to - from.min(to)).as_secs_f64() / 3600.0
    }

    /// Dollars an hour while it holds, used or not.
    pub fn rate(&self) -> f64 {
        match self.terms {
            Terms::Instances { count, price, .. } => f64::from(count) * price,
            Terms::Spend { rate, .. } => rate,
        }
    }
}

/// What is paid an hour: for each pool on demand, at spot prices and by commitments, and what is
/// committed to and not used.
pub(super) fn rates(
    pools: &[Pool],
    commitments: &[Commitment],
    time: SimTime,
) -> (Vec<[f64; 3]>, f64) {
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
    }
    for ((pool, rate), left) in pools.iter().zip(&mut rates).zip(&left) {
        rate[0] = f64::from(*left) * pool.price(time);
    }
    for commitment in commitments.iter().filter(holds) {
        if let Terms::Spend { rate, discount } = commitment.terms {
            let listed: f64 = rates.iter().map(|rate| rate[0]).sum();
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
            unused += rate - share * lower;
        }
    }
    (rates, unused)
}
