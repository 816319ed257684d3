//! How many pods of a controller may be disrupted.
//!
//! Follows `pkg/updater/restriction/pods_restriction_factory.go` and
//! `pods_eviction_restriction.go`. The counts are taken once per pass; what the pass does
//! is subtracted as it goes.

use super::held::Held;
use super::in_place::ResizeClock;
use super::{Pod, View};
use crate::autoscaler::vpa::{UpdateMode, UpdaterFlags};
use crate::sim::SimTime;

/// The object that creates a VPA's pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controller {
    /// ReplicaSet, StatefulSet or ReplicationController with its `spec.replicas`.
    Replicated(i32),
    /// DaemonSet with its `status.numberReady`.
    DaemonSet(i32),
    /// Job: as many pods as are alive.
    Job,
    /// Any other kind; it counts as one with no replicas configured.
    Other,
}

/// The counts of one controller's pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Group {
    configured: i64,
    tolerance: i64,
    running: i64,
    evicted: i64,
    resizes_started: i64,
    below_min_replicas: bool,
}

impl Group {
    /// `isPodDisruptable`.
    const fn is_disruptable(&self) -> bool {
        let away = self.evicted + self.resizes_started;
        self.running - away > self.configured - self.tolerance
            || (self.configured == self.running && self.tolerance == 0 && away == 0)
    }
}

/// The groups of a VPA's pods in one pass.
#[derive(Debug, Clone)]
pub struct Restriction {
    /// By controller, those without one last; the error is why one is left out of this pass.
    groups: Vec<Result<Group, Held>>,
}

impl Restriction {
    /// Counts the live pods (`GetCreatorMaps`). Groups with too few pods, and those whose
    /// controller has no replicas configured, are left out.
    pub fn new(view: &View<'_>, flags: &UpdaterFlags) -> Self {
        let places = view.controllers.len() + 1;
        let mut counts = vec![(0, 0, false); places];
        for pod in view.pods {
            let (live, pending, boosted) = &mut counts[place(pod, places)];
            *live += 1;
            *pending += i64::from(pod.pending);
            *boosted |= pod.is_boosted();
        }
        let controllers = view.controllers.iter().copied().chain([Controller::Other]);
        let group = |(controller, counts)| Group::new(view, flags, controller, counts);
        Self {
            groups: controllers.zip(counts).map(group).collect(),
        }
    }

    fn group(&self, pod: &Pod<'_>) -> Option<&Group> {
        self.groups[place(pod, self.groups.len())].as_ref().ok()
    }

    /// True if the pod's controller is known and has pods enough.
    pub(super) fn knows(&self, pod: &Pod<'_>) -> bool {
        self.group(pod).is_some()
    }

    /// True if the group can spare another running pod.
    pub(super) fn is_disruptable(&self, pod: &Pod<'_>) -> bool {
        self.group(pod).is_some_and(Group::is_disruptable)
    }

    /// True if the pod may be evicted now (`CanEvict`). Pending pods always may; pods in
    /// the middle of a resize only if that has failed or takes too long.
    pub fn can_evict(&self, pod: &Pod<'_>, clock: &mut ResizeClock, now: SimTime) -> bool {
        match self.group(pod) {
            None => false,
            Some(_) if pod.pending => true,
            Some(group) if group.below_min_replicas => false,
            Some(group) if pod.resize.is_some() => {
                clock.has_failed(pod, now) && group.is_disruptable()
            }
            Some(group) => group.is_disruptable(),
        }
    }

    /// Why a pod may not be disrupted, if it may not.
    pub(super) fn why_not(&self, pod: &Pod<'_>) -> Held {
        match &self.groups[place(pod, self.groups.len())] {
            Err(held) => *held,
            Ok(group) if group.below_min_replicas => Held::MinReplicas,
            Ok(_) if pod.resize.is_some() => Held::ResizeUnderWay,
            Ok(_) => Held::Tolerance,
        }
    }

    /// Notes that a pod was evicted.
    pub fn evicted(&mut self, pod: &Pod<'_>) {
        if let Some(group) = self.group_mut(pod)
            && !pod.pending
        {
            group.evicted += 1;
        }
    }

    /// Notes that a pod's resize was started.
    pub(super) fn resize_started(&mut self, pod: &Pod<'_>) {
        if let Some(group) = self.group_mut(pod) {
            group.resizes_started += 1;
        }
    }

    fn group_mut(&mut self, pod: &Pod<'_>) -> Option<&mut Group> {
        let places = self.groups.len();
        self.groups[place(pod, places)].as_mut().ok()
    }
}

fn place(pod: &Pod<'_>, places: usize) -> usize {
    pod.controller.unwrap_or(places - 1)
}

impl Group {
    fn new(
        view: &View<'_>,
        flags: &UpdaterFlags,
        controller: Controller,
        (live, pending, has_boosted): (i64, i64, bool),
    ) -> Result<Self, Held> {
        let required = view.vpa.min_replicas.unwrap_or(flags.min_replicas);
        let resize_anyway = matches!(
            view.vpa.update_mode,
            UpdateMode::InPlaceOrRecreate | UpdateMode::InPlace
        ) && flags.in_place_skip_disruption_budget;
        let below_min_replicas = live < i64::from(required);
        // A boost ends however few pods there are.
        if live == 0 || (below_min_replicas && !resize_anyway && !has_boosted) {
            return Err(Held::MinReplicas);
        }
        let configured = match controller {
            Controller::Replicated(0) | Controller::DaemonSet(0) => {
                return Err(Held::NoReplicas);
            }
            Controller::Replicated(replicas) | Controller::DaemonSet(replicas) => replicas.into(),
            Controller::Job => live,
            Controller::Other => 0,
        };
        Ok(Self {
            configured,
            tolerance: (configured as f64 * flags.eviction_tolerance) as i64,
            running: live - pending,
            evicted: 0,
            resizes_started: 0,
            below_min_replicas: below_min_replicas && resize_anyway,
        })
    }
}
