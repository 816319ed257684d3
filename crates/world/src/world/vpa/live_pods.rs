//! Live pods as the updater sees them.

use crate::api::{
    ObjectId, Pod, PodId, PodPhase, ResizeState, Resources, Store, TerminationReason,
};
use crate::autoscaler::vpa::Container;
use crate::autoscaler::vpa::updater::{self, OriginalResources, Resize, Termination};
use crate::sim::SimTime;
use crate::world::PodLink;

use super::admit::container;

/// Whether a pod is assigned, not finished and not being deleted.
pub(super) fn is_live(pod: &Pod) -> bool {
    pod.node.is_some() && pod.is_active()
}

/// What is read of a pod before a pass.
pub(super) struct FoundPod {
    pub(super) id: PodId,
    pub(super) name: String,
    uid: u64,
    owner: Option<ObjectId>,
    pending: bool,
    start_time: Option<SimTime>,
    ready_since: Option<SimTime>,
    containers: Vec<FoundContainer>,
    resize: Option<Resize>,
    restarts_on_resize: bool,
    originals: Option<Vec<Option<OriginalResources>>>,
}

struct FoundContainer {
    name: String,
    resources: Resources,
    /// How it ended before its restart, when that run had started, and when it ended.
    last_termination: Option<(TerminationReason, SimTime, SimTime)>,
}

impl FoundPod {
    pub(super) fn find(id: PodId, store: &Store, link: &PodLink) -> Option<Self> {
        let pod = store.pod(id)?;
        let template = &pod.template.containers;
        let containers = template.iter().zip(&pod.containers);
        let containers = containers.map(|(spec, status)| FoundContainer {
            name: spec.name.clone(),
            resources: status.resources,
            last_termination: status.last_termination.filter(|_| status.restarts > 0),
        });
        Some(Self {
            id,
            name: pod.name().to_owned(),
            uid: pod.serial,
            owner: pod.meta.owner,
            pending: pod.phase == PodPhase::Pending,
            start_time: pod.start_time,
            ready_since: pod.ready.then_some(pod.ready_transition),
            containers: containers.collect(),
            resize: pod.resize.map(resize),
            restarts_on_resize: template.iter().any(|c| c.restart_on_resize != [false; 2]),
            originals: link.boost.as_ref().map(|boosted| boosted.0.clone()),
        })
    }
}

/// A live pod, with everything that the updater's view of it borrows.
pub(super) struct LivePod<'a> {
    pub(super) id: PodId,
    found: &'a FoundPod,
    controller: Option<usize>,
    pub(super) containers: Vec<Container<'a>>,
    terminations: Vec<Termination<'a>>,
}

impl<'a> LivePod<'a> {
    /// `owners` are the controllers in the view.
    pub(super) fn new(found: &'a FoundPod, owners: &[ObjectId]) -> Self {
        let termination = |one: &'a FoundContainer| {
            let (reason, started, finished) = one.last_termination?;
            Some(Termination {
                container: &one.name,
                oom_killed: reason == TerminationReason::OomKilled,
                // The API's times are whole seconds.
                started: started.truncate_to_second(),
                finished: finished.truncate_to_second(),
            })
        };
        let containers = found.containers.iter();
        Self {
            id: found.id,
            found,
            controller: (found.owner).and_then(|owner| owners.iter().position(|one| *one == owner)),
            containers: (containers.clone())
                .map(|one| container(&one.name, one.resources))
                .collect(),
            terminations: containers.filter_map(termination).collect(),
        }
    }

    pub(super) fn view(&self) -> updater::Pod<'_> {
        let found = self.found;
        updater::Pod {
            name: &found.name,
            uid: found.uid,
            controller: self.controller,
            pending: found.pending,
            start_time: found.start_time,
            containers: &self.containers,
            last_terminations: &self.terminations,
            // Admission names all containers of the template, as none is added later.
            observed_containers: None,
            resize: found.resize,
            restarts_on_resize: found.restarts_on_resize,
            boost: found.originals.as_ref().map(|originals| updater::Boost {
                ready_since: found.ready_since,
                originals,
            }),
        }
    }
}

fn resize(state: ResizeState) -> Resize {
    match state {
        ResizeState::Deferred => Resize::Deferred,
        ResizeState::Infeasible => Resize::Infeasible,
        ResizeState::InProgress => Resize::InProgress,
        ResizeState::Error => Resize::Error,
    }
}
