//! What a pod keeps of its calls to another service: a retry budget, a circuit breaker and a pool of
//! connections. Each pod has its own, as client libraries and sidecars do.

mod breaker;
mod budget;
mod pool;

pub use breaker::{Breaker, Pass};
pub use budget::Budget;
pub use pool::Pool;

use super::spec::CallSpec;
use crate::sim::SimTime;

/// One pod's side of a way from service to service. `W` is who waits for a connection, `C` is what a
/// kept connection leads to.
#[derive(Debug, Clone)]
pub struct Caller<W, C> {
    /// What retries may cost.
    pub budget: Budget,
    /// Whether attempts are made at all.
    pub breaker: Breaker,
    /// What attempts go over.
    pub pool: Pool<W, C>,
}

impl<W: PartialEq, C> Caller<W, C> {
    /// Of a pod that has made no call yet.
    pub fn new(spec: &CallSpec, now: SimTime) -> Self {
        Self {
            budget: Budget::new(spec.retry_budget, now),
            breaker: Breaker::new(spec.breaker),
            pool: Pool::new(spec.connections),
        }
    }
}
