//! The updater: makes running pods take up recommendations, by eviction or in place.
//!
//! A pass runs once a minute over all VPAs ([`Updater::pass`], [`Pass::update`]). It picks
//! the pods that may be disrupted, judges and orders them, and acts through an [`Api`],
//! whose refusals (disruption budgets, nodes too small) it takes as they come. Follows
//! `pkg/updater/logic/updater.go`. Which VPA a pod belongs to, and that passes are left
//! out while the admission controller is away, is the caller's knowledge.

mod action;
mod candidates;
mod held;
mod in_place;
mod pass;
mod priority;
mod rate_limiter;
mod restriction;
#[cfg(test)]
mod tests;
mod unboost;
mod view;

pub use action::{Action, ActionKind, Event};
pub use candidates::Candidate;
pub use held::Held;
pub use in_place::{
    DEFERRED_RESIZE_TIMEOUT, InPlaceDecision, InfeasibleAttempts, RESIZE_IN_PROGRESS_TIMEOUT,
    Resize, ResizeClock,
};
pub use pass::{Pass, VpaPass};
pub use priority::Priority;
pub use restriction::{Controller, Restriction};
pub use view::{Boost, OriginalResources, Pod, Termination, View};

use super::admission::ContainerUpdate;
use super::{FeatureGates, UpdaterFlags};
use crate::sim::SimTime;
use rate_limiter::RateLimiter;

/// What the API server answers to the updater's requests.
pub trait Api {
    /// Evicts a pod (by its place in the view), unless a disruption budget is in the way.
    fn evict(&mut self, pod: usize, at: SimTime) -> Result<(), EvictionRefused>;

    /// Patches a pod's subresource `resize`, one place per container.
    fn resize(
        &mut self,
        pod: usize,
        containers: &[ContainerUpdate],
        at: SimTime,
    ) -> Result<(), ResizeRefused>;
}

/// The eviction API said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the eviction was refused")]
pub struct EvictionRefused;

/// The resize was not taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResizeRefused {
    /// The node can never hold it (`NodeCapacity`, known since Kubernetes 1.36).
    #[error("the node cannot hold the pod")]
    NodeCapacity,
    /// Anything else.
    #[error("the resize was refused")]
    Other,
}

/// The updater's memory between passes.
#[derive(Debug, Clone)]
pub struct Updater {
    flags: UpdaterFlags,
    gates: FeatureGates,
    evictions: RateLimiter,
    resizes: RateLimiter,
    resize_clock: ResizeClock,
    infeasible: InfeasibleAttempts,
}

impl Updater {
    /// An updater just started. `in_place_gate` is the feature gate `InPlace`, off by
    /// default; without it VPAs in that mode are left alone.
    pub fn new(flags: UpdaterFlags, in_place_gate: bool) -> Self {
        let gates = FeatureGates {
            in_place: in_place_gate,
            ..FeatureGates::default()
        };
        Self::with_gates(flags, gates)
    }

    /// An updater just started, with feature gates.
    pub fn with_gates(flags: UpdaterFlags, gates: FeatureGates) -> Self {
        let limiter = || RateLimiter::new(flags.eviction_rate_limit, flags.eviction_rate_burst);
        Self {
            evictions: limiter(),
            resizes: limiter(),
            resize_clock: ResizeClock::default(),
            infeasible: InfeasibleAttempts::default(),
            flags,
            gates,
        }
    }

    /// Its flags.
    pub const fn flags(&self) -> &UpdaterFlags {
        &self.flags
    }

    /// Forgets what it remembers of pods that are gone, by `uid`.
    pub fn forget_all_but(&mut self, is_alive: impl FnMut(u64) -> bool) {
        self.infeasible.retain(is_alive);
    }

    /// Begins a pass (`RunOnce`).
    pub fn pass(&mut self, now: SimTime) -> Pass<'_> {
        Pass::new(self, now)
    }
}
