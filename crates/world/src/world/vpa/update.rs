//! The updater's loop: it evicts or resizes pods whose resources are far from what is
//! recommended (`RunOnce` of `pkg/updater/logic/updater.go`).

use std::sync::Arc;

use super::Simulation;
use super::admit::updated;
use super::held::differs;
use super::live_pods::{FoundPod, LivePod, is_live};
use crate::api::{
    Context, EventSink, Labels, ObjectId, PodDraws, PodId, Resources, Store, WorkloadId,
};
use crate::autoscaler::vpa::admission::ContainerUpdate;
use crate::autoscaler::vpa::updater::{
    Action, ActionKind, Api, Controller, EvictionRefused, Held, Pass, Pod, ResizeRefused, View,
};
use crate::autoscaler::vpa::{UpdateMode, VpaSpec};
use crate::controller::disruption;
use crate::kubelet::{Kubelet, ResizeError};
use crate::record::{DisruptionKind, DisruptionRecord, EventRecord, HeldBy};
use crate::scenario::model::Component;
use crate::sim::{EventQueue, SimDuration, SimTime};
use crate::world::Event;
use crate::world::requests::changed_requests;

/// The API server, as the updater calls it.
struct ApiServer<'a, 's> {
    now: SimTime,
    latency: SimDuration,
    store: &'a mut Store,
    draws: &'a mut PodDraws,
    events: &'a mut EventSink,
    queue: &'a mut EventQueue<Event>,
    kubelet: &'a mut Kubelet,
    pods: &'a [LivePod<'s>],
    /// Pods whose spec has changed, and to what.
    resized: Vec<(PodId, Vec<Resources>)>,
}

impl ApiServer<'_, '_> {
    fn with_context<E, R>(
        &mut self,
        event: impl Fn(E) -> Event,
        call: impl FnOnce(&mut Kubelet, &mut Context<'_, E>) -> R,
    ) -> R {
        let queue = &mut *self.queue;
        let context = &mut Context {
            now: self.now,
            store: self.store,
            draws: self.draws,
            events: self.events,
            timers: &mut |time, own| {
                queue.schedule(time, event(own));
            },
        };
        call(self.kubelet, context)
    }
}

impl Api for ApiServer<'_, '_> {
    fn evict(&mut self, pod: usize, at: SimTime) -> Result<(), EvictionRefused> {
        let (id, latency) = (self.pods[pod].id, self.latency);
        self.with_context(Event::Disruption, |_, context| {
            disruption::evict(id, at, latency, context)
        })
        .map_err(|_| EvictionRefused)
    }

    fn resize(
        &mut self,
        pod: usize,
        containers: &[ContainerUpdate],
        at: SimTime,
    ) -> Result<(), ResizeRefused> {
        let pod = &self.pods[pod];
        let id = pod.id;
        let resources: Vec<Resources> = containers
            .iter()
            .zip(&pod.containers)
            .map(|(update, before)| updated(update, before))
            .collect();
        self.with_context(Event::Kubelet, |kubelet, context| {
            kubelet.resize(id, &resources, at, context)
        })
        .map_err(|why| match why {
            ResizeError::NodeCapacity(_) => ResizeRefused::NodeCapacity,
            _ => ResizeRefused::Other,
        })?;
        self.resized.push((id, resources));
        Ok(())
    }
}

impl Simulation<'_> {
    /// One pass over all VPAs.
    pub(in crate::world) fn update_vpas(&mut self, now: SimTime) {
        let mut updater = self.vpas.updater.clone();
        let mut pass = updater.pass(now);
        let blocked = if self.is_down(Component::VpaUpdater, now) {
            Some(HeldBy::UpdaterDown)
        } else if self.admission_is_silent(now) {
            Some(HeldBy::AdmissionControllerDown)
        } else {
            None
        };
        for index in 0..self.vpas.all.len() {
            self.refresh_vpa_target(index);
        }
        let controlled = self.controlled_pods();
        let mut is_missed = false;
        for (index, ids) in controlled.into_iter().enumerate() {
            let Some(object) = self.store.vpa(self.vpas.all[index].id) else {
                continue;
            };
            let spec = Arc::clone(&object.spec);
            match (blocked, ids) {
                (None, Ok(ids)) => self.update_vpa(index, &spec, &ids, &mut pass),
                (_, Err(reason)) => self.hold_all(index, reason),
                (Some(reason), Ok(ids)) => {
                    self.hold_all(index, reason);
                    is_missed |= !ids.is_empty();
                }
            }
        }
        match blocked {
            Some(HeldBy::UpdaterDown) if is_missed => {
                self.blame_fault_of(Component::VpaUpdater, now);
            }
            Some(HeldBy::AdmissionControllerDown) if is_missed => {
                self.blame_fault_of(Component::VpaAdmissionController, now);
            }
            _ => {}
        }
        let alive = |uid| {
            let pods = self.store.workloads().iter().flat_map(|w| &w.pods);
            pods.filter_map(|id| self.store.pod(*id))
                .any(|pod| pod.serial == uid)
        };
        updater.forget_all_but(alive);
        self.vpas.updater = updater;
        let interval = self.scenario.controllers.vpa.updater.updater_interval;
        self.queue.schedule_in(interval, Event::VpaUpdater);
    }

    /// Whether the admission controller has not said for a while that it is alive; the updater
    /// then does nothing (`use-admission-controller-status`).
    fn admission_is_silent(&self, now: SimTime) -> bool {
        let flags = &self.scenario.controllers.vpa.updater;
        let timeout = flags.admission_controller_status_lease_timeout;
        let down = self.down_since(Component::VpaAdmissionController, now);
        flags.use_admission_controller_status && down.is_some_and(|since| now - since >= timeout)
    }

    /// The live pods that each VPA controls, or why it acts on none.
    fn controlled_pods(&self) -> Vec<Result<Vec<PodId>, HeldBy>> {
        let acts = |spec: &VpaSpec| {
            !matches!(spec.update_mode, UpdateMode::Off | UpdateMode::Initial)
                || spec.has_startup_boost()
        };
        let flags = &self.scenario.controllers.vpa.updater;
        let own = |vpa: &super::Vpa| match self.store.vpa(vpa.id) {
            Some(object) if !flags.watches(&object.meta.namespace) => Err(HeldBy::Namespace),
            Some(object) if acts(&object.spec) => Ok(Vec::new()),
            Some(object) if object.spec.update_mode == UpdateMode::Initial => Err(HeldBy::Initial),
            _ => Err(HeldBy::Off),
        };
        let mut controlled: Vec<_> = self.vpas.all.iter().map(own).collect();
        let mut seen: Vec<WorkloadId> = Vec::new();
        for vpa in &self.vpas.all {
            let Ok(target) = &vpa.target else { continue };
            if seen.contains(&target.workload) {
                continue;
            }
            seen.push(target.workload);
            for id in &self.store.workload(target.workload).pods {
                let Some(pod) = self.store.pod(*id).filter(|pod| is_live(pod)) else {
                    continue;
                };
                let strongest = self.controlling_vpa(pod.workload, &pod.meta.labels, acts);
                if let Some(Ok(ids)) = strongest.map(|index| &mut controlled[index]) {
                    ids.push(*id);
                }
            }
        }
        let idle = |(index, ids): (usize, Result<Vec<PodId>, HeldBy>)| match ids {
            Ok(ids) if ids.is_empty() => self.stronger_vpa(index, acts).map_or(Ok(ids), Err),
            other => other,
        };
        controlled.into_iter().enumerate().map(idle).collect()
    }

    /// Another VPA that controls the pods of this one's target.
    fn stronger_vpa(&self, index: usize, acts: impl Fn(&VpaSpec) -> bool) -> Option<HeldBy> {
        let target = self.vpas.all[index].target.as_ref().ok()?;
        let template = self.store.template(target.object);
        let mut labels = template.map_or_else(Labels::new, |template| template.labels.clone());
        labels.extend(target.selector.labels.clone());
        let other = self.controlling_vpa(target.workload, &labels, acts)?;
        let record = self.vpas.all[other].record?;
        (other != index).then_some(HeldBy::OtherVpa(record))
    }

    /// A pass over one VPA and the pods that it controls.
    fn update_vpa(&mut self, index: usize, spec: &VpaSpec, ids: &[PodId], pass: &mut Pass<'_>) {
        let Ok(target) = self.vpas.all[index].target.clone() else {
            return;
        };
        let namespace = Arc::clone(&self.store.workload(target.workload).namespace);
        let limit_range = self.manifests.limit_range(&namespace);
        let found: Vec<FoundPod> = (ids.iter())
            .filter_map(|id| FoundPod::find(*id, &self.store, &self.pods[id.slot()]))
            .collect();
        let (owners, controllers) = self.controllers(ids);
        let pods: Vec<LivePod<'_>> = (found.iter())
            .map(|pod| LivePod::new(pod, &owners))
            .collect();
        let views: Vec<Pod<'_>> = pods.iter().map(LivePod::view).collect();
        let recommendations = self.vpas.recommendations(index);
        let view = View {
            vpa: spec,
            recommendations,
            limit_range: &limit_range,
            controllers: &controllers,
            pods: &views,
        };
        let mut api = ApiServer {
            now: pass.now(),
            latency: self.scenario.controllers.cluster.api_latency,
            store: &mut self.store,
            draws: &mut self.draws,
            events: &mut self.events,
            queue: &mut self.queue,
            kubelet: &mut self.components.kubelet,
            pods: &pods,
            resized: Vec::new(),
        };
        let outcome = pass.update(&view, &mut api);
        let resized = api.resized;
        let mut ended = Vec::new();
        if let Ok(outcome) = &outcome {
            for action in outcome
                .actions
                .iter()
                .filter(|one| one.kind == ActionKind::Resized)
            {
                let pod = &views[action.pod];
                let expired = |place: &usize| view.boost_has_expired(pod, *place, action.at);
                let places: Vec<usize> = (0..pod.containers.len()).filter(expired).collect();
                ended.push((pods[action.pod].id, places));
            }
        }
        // The HPA divides by the spec's requests, whether in force yet or not.
        for (id, resources) in resized {
            if let Some(pod) = self.store.pod(id) {
                let requests = changed_requests(&pod.template, &resources);
                self.pods[id.slot()].requests = Arc::new(requests);
            }
        }
        for (id, places) in ended {
            self.end_boosts(id, &places);
        }
        // Upstream would crash and start again; the pass over this VPA is lost.
        let Ok(outcome) = outcome else { return };
        for action in outcome.actions {
            self.record_action(index, target.workload, &found[action.pod], action);
        }
        let recommended = self.vpas.recommendations(index).unwrap_or_default();
        let capped = |pod: usize| differs(&pods[pod].containers, recommended);
        let held = outcome.held.into_iter();
        let held = held.map(|(pod, held)| (held, held == Held::AtTarget && capped(pod)));
        let held: Vec<(Held, bool)> = held.collect();
        self.hold(index, spec, held.into_iter());
    }

    /// The controllers of these pods, and what the updater knows of each.
    fn controllers(&self, pods: &[PodId]) -> (Vec<ObjectId>, Vec<Controller>) {
        let mut owners: Vec<ObjectId> = Vec::new();
        for id in pods {
            if let Some(owner) = self.store.pod(*id).and_then(|pod| pod.meta.owner)
                && !owners.contains(&owner)
            {
                owners.push(owner);
            }
        }
        let controller = |owner: &ObjectId| match owner {
            ObjectId::Job(_) => Controller::Job,
            ObjectId::DaemonSet(_) => {
                let is_ready = |id: &PodId| self.store.pod(*id).is_some_and(|pod| pod.ready);
                let own = |id: &&PodId| {
                    let pod = self.store.pod(**id);
                    pod.is_some_and(|pod| pod.meta.owner == Some(*owner))
                };
                let own = pods.iter().filter(own);
                Controller::DaemonSet(own.filter(|id| is_ready(id)).count() as i32)
            }
            owner => match self.store.replicas(*owner) {
                Some(replicas) => Controller::Replicated(replicas),
                None => Controller::Other,
            },
        };
        let controllers = owners.iter().map(controller).collect();
        (owners, controllers)
    }

    /// Boosts of these containers of a pod are over.
    fn end_boosts(&mut self, id: PodId, places: &[usize]) {
        let boost = &mut self.pods[id.slot()].boost;
        if let Some(boosted) = boost {
            for place in places {
                boosted.0[*place] = None;
            }
            if !boosted.goes_on() {
                *boost = None;
            }
        }
    }

    fn record_action(
        &mut self,
        index: usize,
        workload: WorkloadId,
        pod: &FoundPod,
        action: Action,
    ) {
        let kind = match action.kind {
            ActionKind::Evicted => Some(DisruptionKind::Eviction),
            ActionKind::EvictionRefused => Some(DisruptionKind::EvictionRefused),
            ActionKind::Resized => Some(DisruptionKind::Resize),
            ActionKind::ResizeFailed(_) | ActionKind::ResizeSkipped => None,
        };
        if action.kind == ActionKind::Evicted {
            self.note_eviction(index, pod.id);
        }
        if let Some(kind) = kind {
            let workload = self.record_of(workload);
            self.recorder.disruption(DisruptionRecord {
                time: action.at,
                workload,
                vpa: self.vpas.all[index].record,
                kind,
            });
        }
        let Some(object) = self.store.vpa(self.vpas.all[index].id) else {
            return;
        };
        let (namespace, name) = (&object.meta.namespace, &object.meta.name);
        let on_pod = action
            .kind
            .pod_event()
            .map(|event| (format!("Pod/{}", pod.name), event));
        let on_vpa = action
            .kind
            .vpa_event(&pod.name)
            .map(|event| (format!("VerticalPodAutoscaler/{name}"), event));
        for (object, event) in on_pod.into_iter().chain(on_vpa) {
            self.recorder.event(|| EventRecord {
                time: action.at,
                kind: "Normal",
                reason: event.reason.to_owned(),
                namespace: namespace.clone(),
                object,
                message: event.message.into_owned(),
                ..EventRecord::default()
            });
        }
    }
}
