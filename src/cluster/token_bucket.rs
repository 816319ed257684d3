//! A client's rate limit: so many calls a second, with a burst.
//!
//! Each controller of kube-controller-manager has a client, and a limit, of its own.

use super::spec::{ClusterConfig, WorkloadKind};
use crate::sim::{SimDuration, SimTime};

/// Tokens of a client; reservations may drive them below zero.
#[derive(Debug, Clone)]
pub(super) struct TokenBucket {
    tokens: f64,
    filled_at: SimTime,
    qps: f64,
    burst: f64,
}

impl TokenBucket {
    pub(super) fn new(qps: f64, burst: u32) -> Self {
        Self {
            tokens: f64::from(burst),
            filled_at: SimTime::ZERO,
            qps,
            burst: f64::from(burst),
        }
    }

    /// Reserves a call at or after `time` and returns when it may be made.
    pub(super) fn reserve(&mut self, time: SimTime) -> SimTime {
        let elapsed = (time - self.filled_at).as_secs_f64().max(0.0);
        self.tokens = (self.tokens + elapsed * self.qps).min(self.burst);
        self.filled_at = self.filled_at.max(time);
        self.tokens -= 1.0;
        if self.tokens >= 0.0 {
            return time;
        }
        time + SimDuration::from_secs_f64(-self.tokens / self.qps)
    }
}

/// A controller that makes calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    ReplicaSets,
    StatefulSets,
    Jobs,
    /// Deletes what an owner left behind.
    GarbageCollector,
}

impl Client {
    /// The controller of workloads of this kind.
    pub(super) fn of(kind: WorkloadKind) -> Self {
        match kind {
            WorkloadKind::Deployment | WorkloadKind::ReplicaSet => Self::ReplicaSets,
            WorkloadKind::StatefulSet { .. } => Self::StatefulSets,
            WorkloadKind::Job { .. } => Self::Jobs,
        }
    }
}

/// The limits of all controllers.
#[derive(Debug, Clone)]
pub(super) struct Clients([TokenBucket; 4]);

impl Clients {
    pub(super) fn new(config: &ClusterConfig) -> Self {
        let one = || TokenBucket::new(config.controller_qps, config.controller_burst);
        Self([one(), one(), one(), one()])
    }

    /// Reserves a call of a controller at or after `time` and returns when it may be made.
    pub(super) fn reserve(&mut self, client: Client, time: SimTime) -> SimTime {
        self.0[client as usize].reserve(time)
    }
}
