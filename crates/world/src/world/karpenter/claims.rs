//! Machines that Karpenter asked for: NodeClaims.

use crate::autoscaler::karpenter::{Requirements, Resources};
use crate::sim::{SimDuration, SimTime};

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
    /// `terminationGracePeriod` of its NodePool when it was made.
    pub(super) grace: Option<SimDuration>,
    /// What it was made for.
    pub(super) made_for: Box<MadeFor>,
    /// What of the NodePool's template and of the NodeClass counted then.
    pub(super) made_of: MadeOf,
    /// From when on its pods are not waited for (`karpenter.sh/nodeclaim-termination-timestamp`), whatever
    /// its grace period.
    pub(super) forced: Option<SimTime>,
    /// Since when it has drifted, and why: condition Drifted.
    pub(super) drifted: Option<(SimTime, &'static str)>,
}

/// What a machine was made for: `spec.resources.requests` and `spec.requirements` of its NodeClaim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MadeFor {
    pub(super) requests: Resources,
    pub(super) requirements: Requirements,
}

/// What a machine was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MadeOf {
    pub(super) template: String,
    pub(super) class: String,
    pub(super) images: String,
}

impl Claim {
    /// Whether it is about to go.
    pub(super) fn is_going(&self) -> bool {
        self.marked.is_some() || self.deleting.is_some()
    }

    /// Whether it goes once what replaces it is ready.
    pub(super) fn awaits_replacement(&self) -> bool {
        self.marked.is_some() && self.deleting.is_none()
    }
}
