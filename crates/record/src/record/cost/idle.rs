//! Who pays for what is idle: nobody, or those who take of the same nodes.
//!
//! After OpenCost's `shareIdle` and `shareSplit`: in proportion to what each pays of the same resource, or
//! the same for each namespace, within which it goes by what each pays.

use super::Owner;

/// Who pays for what is idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdleShare {
    /// Nobody: it is told by itself.
    #[default]
    Separate,
    /// Each by what it pays of the same resource.
    Weighted,
    /// Each namespace the same.
    Even,
}

/// Who takes of a pool in a bucket, and pays.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taker {
    pub(super) owner: Owner,
    /// Cores × seconds and GiB × seconds.
    pub(super) taken: [f64; 2],
    /// Dollars for both.
    pub(super) dollars: [f64; 2],
}

impl Taker {
    pub(super) fn new(owner: Owner, taken: [f64; 2]) -> Self {
        Self {
            owner,
            taken,
            dollars: [0.0; 2],
        }
    }

    /// The number of its namespace. What is not simulated has one of its own.
    fn namespace(&self, namespaces: &[usize]) -> usize {
        match self.owner {
            Owner::Workload(place) => namespaces.get(place).copied().unwrap_or(place),
            _ => usize::MAX,
        }
    }
}

/// Adds what is idle to what takers pay; answers how much that was. What nobody can pay stays.
pub(super) fn share_idle(
    how: IdleShare,
    idle: &mut [f64; 2],
    takers: &mut [Taker],
    namespaces: &[usize],
) -> f64 {
    let before = idle[0] + idle[1];
    match how {
        IdleShare::Separate => {}
        IdleShare::Weighted => {
            for (resource, idle) in idle.iter_mut().enumerate() {
                let all: f64 = takers.iter().map(|one| one.dollars[resource]).sum();
                if *idle <= 0.0 || all <= 0.0 {
                    continue;
                }
                for taker in &mut *takers {
                    taker.dollars[resource] *= 1.0 + *idle / all;
                }
                *idle = 0.0;
            }
        }
        IdleShare::Even => share_evenly(idle, takers, namespaces),
    }
    before - (idle[0] + idle[1])
}

fn share_evenly(idle: &mut [f64; 2], takers: &mut [Taker], namespaces: &[usize]) {
    let cost = |one: &Taker| one.dollars[0] + one.dollars[1];
    let mut sums: Vec<(usize, f64)> = Vec::new();
    for taker in takers.iter().filter(|one| cost(one) > 0.0) {
        let own = taker.namespace(namespaces);
        match sums.iter_mut().find(|(one, _)| *one == own) {
            Some((_, sum)) => *sum += cost(taker),
            None => sums.push((own, cost(taker))),
        }
    }
    if sums.is_empty() {
        return;
    }
    let part = |taker: &Taker| {
        let own = taker.namespace(namespaces);
        let sum = sums.iter().find(|(one, _)| *one == own);
        sum.map_or(0.0, |(_, sum)| cost(taker) / sum / sums.len() as f64)
    };
    let parts: Vec<f64> = takers.iter().map(part).collect();
    for (resource, idle) in idle.iter_mut().enumerate() {
        let whole = std::mem::take(idle);
        for (taker, part) in takers.iter_mut().zip(&parts) {
            taker.dollars[resource] += whole * part;
        }
    }
}
