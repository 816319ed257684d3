//! The state of the cluster and the dispatch of its events.

use super::disruption::covering;
use super::effect::{ClusterEffect, EffectLog};
use super::node::Node;
use super::pod::{Pod, PodId, PodPhase, Stage};
use super::scheduler::Scheduler;
use super::spec::{ClusterConfig, NodeGroupSpec, PdbSpec, WorkloadKind, WorkloadSpec};
use super::token_bucket::{Client, Clients};
use super::workload::{Counts, Workload, random_suffix};
use crate::sim::{Arena, EventQueue, SimDuration, SimTime, Streams};

/// What happens in the cluster.
#[derive(Debug, Clone, Copy)]
pub enum ClusterEvent {
    /// A workload object is created.
    WorkloadCreated(u32),
    /// A workload object is deleted.
    WorkloadDeleted(u32),
    /// A workload's controller compares what is with what should be.
    Sync(u32),
    /// A create call of a workload's controller arrives.
    Create(u32),
    /// A delete call arrives.
    Delete(PodId),
    /// The scheduler takes the next pod.
    Schedule,
    /// A binding arrives.
    Bind(PodId),
    /// A pod's containers start; the number tells starts apart.
    Start(PodId, u16),
    /// A container starts again after a crash.
    Restart(PodId, u16),
    /// The application has started up.
    AppStarted(PodId, u16),
    /// The readiness probe has succeeded often enough.
    Ready(PodId, u16),
    /// kube-proxy learns that a pod is ready.
    EndpointAdd(PodId, u16),
    /// kube-proxy learns that a pod is not ready any more since the end of that start.
    EndpointRemove(PodId, u16),
    /// The preStop hook is over: SIGTERM.
    Terminate(PodId),
    /// The containers have exited after SIGTERM.
    Exit(PodId),
    /// The grace period is over: SIGKILL.
    Kill(PodId),
    /// The pod object goes away.
    Remove(PodId),
    /// The kubelet looks at a resize; the number tells resizes apart.
    Resize(PodId, u16),
    /// A resize is in force.
    Resized(PodId, u16),
}

/// The cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub(super) config: ClusterConfig,
    pub(super) groups: Vec<NodeGroupSpec>,
    pub(super) workloads: Vec<Workload>,
    pub(super) pdbs: Vec<PdbSpec>,
    pub(super) pods: Arena<Pod>,
    pub(super) nodes: Vec<Node>,
    pub(super) scheduler: Scheduler,
    pub(super) clients: Clients,
    /// Per workload, the first one with the same image: nodes know images by it.
    pub(super) image_of: Vec<usize>,
    /// Pods whose deletion was announced; they leave when the next event is handled.
    pub(super) graveyard: Vec<PodId>,
    pub(super) created: u64,
    pub(super) deleted: u64,
}

/// Pods created, deleted and there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ledger {
    /// Pod objects created.
    pub created: u64,
    /// Pod objects deleted.
    pub deleted: u64,
    /// Pod objects there.
    pub existing: u64,
}

/// What the handlers of an event work with.
pub(super) struct Context<'a, E> {
    pub(super) now: SimTime,
    pub(super) queue: &'a mut EventQueue<E>,
    pub(super) log: &'a mut EffectLog,
}

impl<E: Copy + From<ClusterEvent>> Context<'_, E> {
    pub(super) fn after(&mut self, delay: SimDuration, event: ClusterEvent) {
        self.queue.schedule(self.now + delay, event);
    }
}

/// Pods that are there at the start have run for this long.
const SETTLED: SimDuration = SimDuration::from_secs(3600);

impl Cluster {
    /// A cluster whose nodes are up and whose workloads do not exist yet.
    pub fn new(
        config: &ClusterConfig,
        groups: &[NodeGroupSpec],
        workloads: &[WorkloadSpec],
        pdbs: &[PdbSpec],
        streams: &Streams,
    ) -> Self {
        let nodes = groups.iter().enumerate().flat_map(|(group, spec)| {
            (0..spec.count).map(move |number| Node::new(spec, group, number, workloads.len()))
        });
        let workloads = workloads.iter().map(|spec| {
            let mut stream = streams.stream(&Workload::stream_name(spec));
            Workload {
                spec: spec.clone(),
                replicas: spec.replicas,
                pods: Vec::new(),
                by_name: Vec::new(),
                counts: Counts::default(),
                exists: false,
                pdbs: covering(pdbs, &spec.namespace, &spec.template.labels),
                creating: 0,
                batch: (0, 0),
                sync_at: None,
                created: 0,
                succeeded: 0,
                failed: 0,
                failing: (0, SimTime::ZERO),
                given_up: false,
                template_hash: random_suffix(&mut stream, 10),
                stream,
                streams: *streams,
            }
        });
        let workloads: Vec<Workload> = workloads.collect();
        Self {
            config: config.clone(),
            groups: groups.to_vec(),
            nodes: nodes.collect(),
            image_of: images(&workloads),
            workloads,
            pdbs: pdbs.to_vec(),
            pods: Arena::default(),
            scheduler: Scheduler::new(config),
            clients: Clients::new(config),
            graveyard: Vec::new(),
            created: 0,
            deleted: 0,
        }
    }

    /// Creates what is there from the start, settled, and schedules what comes later.
    pub fn start<E: Copy + From<ClusterEvent>>(
        &mut self,
        queue: &mut EventQueue<E>,
        log: &mut EffectLog,
    ) {
        let mut context = Context {
            now: SimTime::ZERO,
            queue,
            log,
        };
        for index in 0..self.workloads.len() {
            let number = index as u32;
            let spec = &self.workloads[index].spec;
            let (created_at, deleted_at) = (spec.created_at, spec.deleted_at);
            let settles =
                created_at == SimTime::ZERO && !matches!(spec.kind, WorkloadKind::Job { .. });
            if settles {
                self.workloads[index].exists = true;
                for _ in 0..self.workloads[index].replicas {
                    self.create_settled(index, &mut context);
                }
            } else {
                context
                    .queue
                    .schedule(created_at, ClusterEvent::WorkloadCreated(number));
            }
            if let Some(time) = deleted_at {
                context
                    .queue
                    .schedule(time, ClusterEvent::WorkloadDeleted(number));
            }
        }
    }

    /// A pod that has been ready for long; if no node has room for it, it is pending.
    fn create_settled<E: Copy + From<ClusterEvent>>(
        &mut self,
        workload: usize,
        context: &mut Context<'_, E>,
    ) {
        let age = SETTLED + SimDuration::from_secs(self.workloads[workload].pods.len() as i64);
        let since = SimTime::ZERO - age;
        let id = self.insert_pod(workload, since);
        context.log.push(ClusterEffect::PodCreated(id));
        let Ok(node) = self.find_node(id) else {
            self.enqueue(id, context);
            return;
        };
        self.assign(id, node);
        self.nodes[node].image_at[self.image_of[workload]] = Some(since);
        self.change(id, |pod| {
            pod.stage = Stage::Running;
            pod.phase = PodPhase::Running;
            pod.start_time = Some(since);
            pod.ready = true;
            pod.endpoint_of = Some(pod.run);
            pod.ready_transition = since + SimDuration::from_secs(10);
            for container in &mut pod.containers {
                container.running_since = Some(since);
            }
        });
        context.log.push(ClusterEffect::PodScheduled(id));
        for container in 0..self.workloads[workload].spec.template.containers.len() {
            let container = container as u16;
            context.log.push(ClusterEffect::ContainerStarted {
                pod: id,
                container,
                at: since,
            });
        }
        context.log.push(ClusterEffect::AppStarted(id));
        context.log.push(ClusterEffect::ReadyChanged(id));
        context.log.push(ClusterEffect::EndpointAdded(id));
    }

    /// Carries out an event.
    pub fn handle<E: Copy + From<ClusterEvent>>(
        &mut self,
        event: ClusterEvent,
        now: SimTime,
        queue: &mut EventQueue<E>,
        log: &mut EffectLog,
    ) {
        self.bury();
        let mut context = Context { now, queue, log };
        let context = &mut context;
        match event {
            ClusterEvent::WorkloadCreated(workload) => {
                let state = &mut self.workloads[workload as usize];
                state.exists = true;
                if let WorkloadKind::Job {
                    active_deadline: Some(limit),
                    ..
                } = state.spec.kind
                {
                    context.after(limit, ClusterEvent::Sync(workload));
                }
                self.schedule_sync(workload as usize, SimDuration::ZERO, context);
            }
            ClusterEvent::WorkloadDeleted(workload) => {
                self.delete_workload(workload as usize, context);
            }
            ClusterEvent::Sync(workload) => self.sync(workload as usize, context),
            ClusterEvent::Create(workload) => self.create(workload as usize, context),
            ClusterEvent::Delete(pod) => self.delete(pod, context),
            ClusterEvent::Schedule => self.schedule_next(context),
            ClusterEvent::Bind(pod) => self.bind(pod, context),
            ClusterEvent::Start(pod, run) => self.start_containers(pod, run, context),
            ClusterEvent::Restart(pod, container) => self.restart(pod, container, context),
            ClusterEvent::AppStarted(pod, run) => self.app_started(pod, run, context),
            ClusterEvent::Ready(pod, run) => self.became_ready(pod, run, context),
            ClusterEvent::EndpointAdd(pod, run) => self.endpoint_add(pod, run, context),
            ClusterEvent::EndpointRemove(pod, run) => self.endpoint_remove(pod, run, context),
            ClusterEvent::Terminate(pod) => self.terminate(pod, context),
            ClusterEvent::Exit(pod) | ClusterEvent::Kill(pod) => self.end(pod, context),
            ClusterEvent::Remove(pod) => self.remove(pod, context),
            ClusterEvent::Resize(pod, number) => self.allocate_resize(pod, number, context),
            ClusterEvent::Resized(pod, number) => self.resized(pod, number, context),
        }
    }

    /// Sets `spec.replicas` of a workload, as a write to its scale subresource does.
    pub fn scale<E: Copy + From<ClusterEvent>>(
        &mut self,
        workload: usize,
        replicas: i32,
        now: SimTime,
        queue: &mut EventQueue<E>,
        log: &mut EffectLog,
    ) {
        let state = &mut self.workloads[workload];
        let before = std::mem::replace(&mut state.replicas, replicas);
        let direction = if replicas > before { "up" } else { "down" };
        let (name, hash) = (state.spec.name.clone(), state.template_hash.clone());
        if matches!(state.spec.kind, WorkloadKind::Deployment) && before != replicas {
            log.workload_event(workload, "ScalingReplicaSet", || {
                format!("Scaled {direction} replica set {name}-{hash} from {before} to {replicas}")
            });
        }
        let delay = self.config.controller_sync_delay;
        self.schedule_sync(workload, delay, &mut Context { now, queue, log });
    }

    pub(super) fn schedule_sync<E: Copy + From<ClusterEvent>>(
        &mut self,
        workload: usize,
        delay: SimDuration,
        context: &mut Context<'_, E>,
    ) {
        let at = context.now + delay;
        let state = &mut self.workloads[workload];
        if state.sync_at.is_none_or(|scheduled| at < scheduled) {
            state.sync_at = Some(at);
            context.after(delay, ClusterEvent::Sync(workload as u32));
        }
    }

    fn sync<E: Copy + From<ClusterEvent>>(
        &mut self,
        workload: usize,
        context: &mut Context<'_, E>,
    ) {
        let state = &mut self.workloads[workload];
        state.sync_at = state.sync_at.filter(|scheduled| *scheduled > context.now);
        // A controller waits for its calls and for their effects to show: another sync
        // follows the last of them.
        if !state.exists || self.has_calls_under_way(workload) {
            return;
        }
        match self.workloads[workload].spec.kind {
            WorkloadKind::Deployment | WorkloadKind::ReplicaSet => {
                self.sync_replicas(workload, context);
            }
            WorkloadKind::StatefulSet { parallel } => {
                self.sync_stateful_set(workload, parallel, context);
            }
            WorkloadKind::Job { .. } => self.sync_job(workload, context),
        }
    }

    fn delete_workload<E: Copy + From<ClusterEvent>>(
        &mut self,
        workload: usize,
        context: &mut Context<'_, E>,
    ) {
        let state = &mut self.workloads[workload];
        state.exists = false;
        state.replicas = 0;
        for pod in state.pods.clone() {
            self.request_delete(pod, Client::GarbageCollector, context);
        }
    }

    /// Whether create or delete calls of a workload's controller have not arrived yet.
    fn has_calls_under_way(&self, workload: usize) -> bool {
        let state = &self.workloads[workload];
        let leaves = |pod: &Pod| pod.doomed && pod.deletion.is_none();
        state.creating > 0
            || state
                .pods
                .iter()
                .any(|id| self.pods.get(*id).is_some_and(leaves))
    }

    /// A pod, if it exists.
    pub fn pod(&self, id: PodId) -> Option<&Pod> {
        self.pods.get(id)
    }

    /// All workloads, in the scenario's order.
    pub fn workloads(&self) -> &[Workload] {
        &self.workloads
    }

    /// All nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node groups as specified.
    pub fn groups(&self) -> &[NodeGroupSpec] {
        &self.groups
    }

    /// The settings.
    pub fn config(&self) -> &ClusterConfig {
        &self.config
    }

    /// Pods created, deleted and there: created = deleted + existing, always.
    pub fn ledger(&self) -> Ledger {
        Ledger {
            created: self.created,
            deleted: self.deleted,
            existing: self.pods.len() as u64,
        }
    }
}

/// Per workload, the first one whose pods have the same image.
fn images(workloads: &[Workload]) -> Vec<usize> {
    let image = |workload: &Workload| {
        let first = workload.spec.template.containers.first();
        first.map(|container| container.image.clone())
    };
    let images: Vec<Option<String>> = workloads.iter().map(image).collect();
    let first = |own: usize| {
        let same = images.iter().position(|image| *image == images[own]);
        same.unwrap_or(own)
    };
    (0..images.len()).map(first).collect()
}
