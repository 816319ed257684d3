//! The updater's loop: it evicts or resizes pods whose resources are far from what is
//! recommended (`RunOnce` of `pkg/updater/logic/updater.go`).

use std::sync::Arc;

use super::Simulation;
use super::admit::{container, updated};
use crate::api::{
    Context, EventSink, PodDraws, PodId, PodPhase, ResizeState, Resources, Store,
    TerminationReason, WorkloadId,
};
use crate::autoscaler::vpa::admission::ContainerUpdate;
use crate::autoscaler::vpa::updater::{
    Action, ActionKind, Api, Controller, EvictionRefused, Pod, Resize, ResizeRefused, Termination,
    View,
};
use crate::autoscaler::vpa::{Container, UpdateMode};
use crate::cluster::spec::WorkloadKind;
use crate::controller::disruption;
use crate::kubelet::Kubelet;
use crate::record::{DisruptionKind, DisruptionRecord, EventRecord};
use crate::scenario::Scenario;
use crate::scenario::model::Component;
use crate::sim::{EventQueue, SimDuration, SimTime};
use crate::world::Event;
use crate::world::requests::changed_requests;

/// A live pod, with everything that the updater's view of it borrows.
struct LivePod<'s> {
    id: PodId,
    name: String,
    uid: u64,
    pending: bool,
    start_time: Option<SimTime>,
    containers: Vec<Container<'s>>,
    terminations: Vec<Termination<'s>>,
    resize: Option<Resize>,
    restarts_on_resize: bool,
}

impl LivePod<'_> {
    fn view(&self) -> Pod<'_> {
        Pod {
            name: &self.name,
            uid: self.uid,
            controller: Some(0),
            pending: self.pending,
            start_time: self.start_time,
            containers: &self.containers,
            last_terminations: &self.terminations,
            // Admission names all containers of the template, as none is added later.
            observed_containers: None,
            resize: self.resize,
            restarts_on_resize: self.restarts_on_resize,
            boost: None,
        }
    }
}

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
        .map_err(|_| ResizeRefused::Other)?;
        self.resized.push((id, resources));
        Ok(())
    }
}

impl Simulation<'_> {
    /// One pass over all VPAs.
    pub(in crate::world) fn update_vpas(&mut self, now: SimTime) {
        let mut updater = self.vpas.updater.clone();
        let mut pass = updater.pass(now);
        let is_down = self.is_down(Component::VpaUpdater, now);
        let passes = if is_down { 0 } else { self.vpas.objects.len() };
        for index in 0..passes {
            let (object, workload) = self.vpa(index);
            let Some(spec) = self.vpa_spec(index) else {
                continue;
            };
            if matches!(spec.update_mode, UpdateMode::Off | UpdateMode::Initial) {
                continue;
            }
            let pods = live_pods(&self.store, self.scenario, workload);
            let recommendations = self.vpas.objects[index].recommender.recommendations();
            let recommendations = (!recommendations.is_empty()).then_some(recommendations);
            let views: Vec<Pod<'_>> = pods.iter().map(LivePod::view).collect();
            let view = View {
                vpa: &spec,
                recommendations,
                limit_range: &object.limit_range,
                controllers: &[self.controller(workload)],
                pods: &views,
            };
            let mut api = ApiServer {
                now,
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
            // The HPA divides by the spec's requests, whether in force yet or not.
            let template = &self.scenario.workloads[workload].template;
            for (id, resources) in api.resized {
                let requests = changed_requests(template, &resources);
                self.pods[id.slot()].requests = Arc::new(requests);
            }
            // Upstream would crash and start again; the pass over this VPA is lost.
            let Ok(outcome) = outcome else {
                continue;
            };
            for action in outcome.actions {
                self.record_action(index, &pods[action.pod], action);
            }
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

    fn controller(&self, workload: usize) -> Controller {
        let object = self.store.workload(WorkloadId(workload as u32)).object;
        if let WorkloadKind::Job { .. } = self.scenario.workloads[workload].kind {
            return Controller::Job;
        }
        let replicas = object.and_then(|object| self.store.replicas(object));
        Controller::Replicated(replicas.unwrap_or_default())
    }

    fn record_action(&mut self, index: usize, pod: &LivePod<'_>, action: Action) {
        let (object, workload) = self.vpa(index);
        let kind = match action.kind {
            ActionKind::Evicted => Some(DisruptionKind::Eviction),
            ActionKind::EvictionRefused => Some(DisruptionKind::EvictionRefused),
            ActionKind::Resized => Some(DisruptionKind::Resize),
            ActionKind::ResizeFailed(_) | ActionKind::ResizeSkipped => None,
        };
        if let Some(kind) = kind {
            self.recorder.disruption(DisruptionRecord {
                time: action.at,
                workload,
                kind,
            });
        }
        let namespace = self.recorder.recording.vpas[index].namespace.clone();
        let on_pod = action
            .kind
            .pod_event()
            .map(|event| (format!("Pod/{}", pod.name), event));
        let on_vpa = action
            .kind
            .vpa_event(&pod.name)
            .map(|event| (format!("VerticalPodAutoscaler/{}", object.name), event));
        for (object, event) in on_pod.into_iter().chain(on_vpa) {
            self.recorder.event(|| EventRecord {
                time: action.at,
                kind: "Normal",
                reason: event.reason.to_owned(),
                namespace: namespace.clone(),
                object,
                message: event.message.into_owned(),
            });
        }
    }
}

/// Pods that are assigned, not finished and not being deleted.
fn live_pods<'s>(store: &Store, scenario: &'s Scenario, workload: usize) -> Vec<LivePod<'s>> {
    let template = &scenario.workloads[workload].template.containers;
    let restarts_on_resize = template.iter().any(|c| c.restart_on_resize != [false; 2]);
    let live = |id: &PodId| {
        let pod = store.pod(*id)?;
        if pod.node.is_none() || !pod.is_active() {
            return None;
        }
        let (mut containers, mut terminations) = (Vec::new(), Vec::new());
        for (spec, status) in template.iter().zip(&pod.containers) {
            containers.push(container(&spec.name, status.resources));
            if let Some((reason, started, finished)) = status.last_termination
                && status.restarts > 0
            {
                terminations.push(Termination {
                    container: &spec.name,
                    oom_killed: reason == TerminationReason::OomKilled,
                    started,
                    finished,
                });
            }
        }
        Some(LivePod {
            id: *id,
            name: pod.name().to_owned(),
            uid: pod.serial,
            pending: pod.phase == PodPhase::Pending,
            start_time: pod.start_time,
            containers,
            terminations,
            resize: pod.resize.map(resize),
            restarts_on_resize,
        })
    };
    let pods = &store.workload(WorkloadId(workload as u32)).pods;
    pods.iter().filter_map(live).collect()
}

fn resize(state: ResizeState) -> Resize {
    match state {
        ResizeState::Deferred => Resize::Deferred,
        ResizeState::Infeasible => Resize::Infeasible,
        ResizeState::InProgress => Resize::InProgress,
    }
}
