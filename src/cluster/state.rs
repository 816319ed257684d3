//! The state of the cluster and the dispatch of its events.

use super::effect::EffectLog;
use super::node::Node;
use super::pod::{Pod, PodId};
use super::scheduler::Scheduler;
use super::spec::{ClusterConfig, NodeGroupSpec, PdbSpec, WorkloadKind};
use super::token_bucket::{Client, Clients};
use super::workload::Workload;
use crate::sim::{Arena, EventQueue, SimDuration, SimTime};

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

impl Cluster {
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
