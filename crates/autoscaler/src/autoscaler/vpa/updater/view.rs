//! What the updater sees of one VPA and its pods.

use super::in_place::Resize;
use super::restriction::Controller;
use super::unboost;
use crate::autoscaler::vpa::admission::LimitRange;
use crate::autoscaler::vpa::{Container, Recommendation, Resources, VpaSpec};
use crate::sim::SimTime;

/// One VPA with what it controls.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The VPA.
    pub vpa: &'a VpaSpec,
    /// `status.recommendation`, if there has been one.
    pub recommendations: Option<&'a [Recommendation]>,
    /// The namespace's LimitRange.
    pub limit_range: &'a LimitRange,
    /// The controllers of the pods.
    pub controllers: &'a [Controller],
    /// Its live pods: assigned to a node, neither finished nor being deleted.
    pub pods: &'a [Pod<'a>],
}

/// A live pod.
#[derive(Debug, Clone, Copy)]
pub struct Pod<'a> {
    /// Its namespace and name; a StatefulSet's pod gets the one of its predecessor.
    pub name: &'a str,
    /// Its `uid`, never given twice.
    pub uid: u64,
    /// The place of its controller in the view; pods without one are a group of their own.
    pub controller: Option<usize>,
    /// True in phase `Pending`.
    pub pending: bool,
    /// `status.startTime`.
    pub start_time: Option<SimTime>,
    /// Its containers.
    pub containers: &'a [Container<'a>],
    /// The last terminations of those containers that have been restarted.
    pub last_terminations: &'a [Termination<'a>],
    /// The containers named by the annotation `vpaObservedContainers`; without the
    /// annotation all are observed.
    pub observed_containers: Option<&'a [&'a str]>,
    /// A resize that is pending or in progress.
    pub resize: Option<Resize>,
    /// True if a container has a resize policy `RestartContainer`.
    pub restarts_on_resize: bool,
    /// The CPU that its containers have for their start.
    pub boost: Option<Boost<'a>>,
}

/// Containers with more CPU while they start (annotations `vpaCpuStartupBoost/NAME`).
#[derive(Debug, Clone, Copy)]
pub struct Boost<'a> {
    /// Since when the pod is ready; absent while it is not.
    pub ready_since: Option<SimTime>,
    /// One place per container: what a boosted one would have had.
    pub originals: &'a [Option<OriginalResources>],
}

/// What a container's template asks for (the annotation's value).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginalResources {
    /// `requests`.
    pub requests: Resources,
    /// `limits`.
    pub limits: Resources,
}

/// How a container ended before its restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Termination<'a> {
    /// The container's name.
    pub container: &'a str,
    /// True for reason `OOMKilled`.
    pub oom_killed: bool,
    /// When it had been started.
    pub started: SimTime,
    /// When it ended.
    pub finished: SimTime,
}

impl View<'_> {
    /// True if a pod's container has a boost that has lasted long enough at this time.
    pub fn boost_has_expired(&self, pod: &Pod<'_>, place: usize, now: SimTime) -> bool {
        unboost::has_expired(self, pod, place, now)
    }
}

impl Pod<'_> {
    /// True while a container has more CPU than it is to keep
    /// (`PodHasCPUBoostInProgressAnnotation`).
    pub(super) fn is_boosted(&self) -> bool {
        (0..self.containers.len()).any(|place| self.original(place).is_some())
    }

    /// What a boosted container would have had.
    pub(super) fn original(&self, place: usize) -> Option<OriginalResources> {
        *self.boost?.originals.get(place)?
    }

    /// True if admission saw the container.
    pub(super) fn observes(&self, container_name: &str) -> bool {
        self.observed_containers
            .is_none_or(|observed| observed.contains(&container_name))
    }
}
