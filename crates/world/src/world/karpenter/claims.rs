//! Machines that Karpenter asked for: NodeClaims.

use crate::sim::SimTime;

/// A machine that Karpenter asked for.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    /// Place of its NodePool.
    pub(super) pool: usize,
    /// Its launch: an index of the scenario's.
    pub(super) launch: usize,
    /// When it was asked for.
    pub(super) created: SimTime,
    /// Since when pods can be there.
    pub(super) initialized: Option<SimTime>,
    /// When a pod was last scheduled to it or removed.
    pub(super) last_pod_event: Option<SimTime>,
    /// Until when a pod may be on its way to it.
    pub(super) nominated_until: SimTime,
    /// Why it goes, if a command lets it go.
    pub(super) marked: Option<&'static str>,
    /// Since when it is being deleted, and why.
    pub(super) deleting: Option<(SimTime, &'static str)>,
    /// When its pods are looked at again while it is about to go.
    pub(super) next_look: SimTime,
}

impl Claim {
    /// Whether it is about to go.
    pub(super) fn is_going(&self) -> bool {
        self.marked.is_some() || self.deleting.is_some()
    }
}
