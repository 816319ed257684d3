//! The DaemonSet controller's place in the cluster: what it reads, its calls, its events;
//! follows `pkg/controller/daemon`.

use std::collections::{BTreeMap, VecDeque};

use super::{DaemonPod, OnNode, Steps, daemon_tolerations, manage, rolling_update};
use crate::api::{
    Change, Context, DaemonSet, DaemonSetId, NOT_READY, Node, NodeId, ObjectId, Pod, PodId,
    PodPhase, Readiness, Store, Taint, TaintEffect, What, allows_node,
};
use crate::cluster::spec::ClusterConfig;
use crate::controller::calls::Caller;
use crate::controller::owner;
use crate::controller::pod_control::{PodControl, delete_pod};
use crate::sim::{SimDuration, SimTime, Stream};

/// What a DaemonSet controller waits for.
pub type Event = owner::Event<DaemonSetId>;

/// The controller of all DaemonSets.
#[derive(Debug, Clone)]
pub struct Controller {
    calls: Caller,
    /// Nodes whose pods are about to be created, by slot.
    creating: BTreeMap<usize, VecDeque<NodeId>>,
}

impl Controller {
    /// A controller with these settings and draws.
    pub fn new(config: &ClusterConfig, stream: Stream) -> Self {
        Self {
            calls: Caller::new(config, stream),
            creating: BTreeMap::new(),
        }
    }

    /// Wakes up for a change.
    pub fn observe(&mut self, change: Change, context: &mut Context<'_, Event>) {
        if !context.store.has_daemon_sets() {
            return;
        }
        match (change.object, change.what) {
            (ObjectId::DaemonSet(id), What::Created) => {
                self.calls.of(id.slot()).clear();
                self.creating.remove(&id.slot());
                self.calls.find_orphans(id, context);
                self.schedule(id, SimDuration::ZERO, context);
            }
            (ObjectId::DaemonSet(id), What::Spec) => {
                self.schedule(id, self.calls.api_latency, context);
            }
            (ObjectId::Node(_), _) => {
                let all: Vec<DaemonSetId> = context.store.daemon_sets().map(|(id, _)| id).collect();
                for id in all {
                    self.schedule(id, self.calls.api_latency, context);
                }
            }
            (ObjectId::Pod(pod), What::Spec) => {
                let delay = self.calls.api_latency;
                self.calls.observe_labels(pod, delay, context);
            }
            (ObjectId::Pod(pod), What::Deleting | What::Deleted | What::Ready | What::Ended) => {
                self.observe_pod(pod, context);
            }
            _ => {}
        }
    }

    fn observe_pod(&mut self, pod: PodId, context: &mut Context<'_, Event>) {
        let Some(ObjectId::DaemonSet(id)) = owner::owner_of(pod, context.store) else {
            return;
        };
        self.calls.of(id.slot()).deleted(pod);
        self.schedule(id, self.calls.api_latency, context);
        let set = context.store.daemon_set(id);
        let wait = set.map_or(0, |set| set.update.min_ready_seconds);
        if wait > 0 && context.store.pod(pod).is_some_and(Pod::is_ready) {
            context.after(SimDuration::from_secs(wait.into()), Event::Sync(id));
        }
    }

    /// Carries out an event.
    pub fn handle(
        &mut self,
        event: Event,
        pods: &mut PodControl,
        context: &mut Context<'_, Event>,
    ) {
        match event {
            Event::Sync(id) => self.sync(id, context),
            Event::Create(id) => self.create(id, pods, context),
            Event::Delete(id) => delete_pod(id, context),
        }
    }

    fn schedule(&mut self, id: DaemonSetId, delay: SimDuration, context: &mut Context<'_, Event>) {
        self.calls.sync_in(id, delay, context);
    }

    fn sync(&mut self, id: DaemonSetId, context: &mut Context<'_, Event>) {
        self.calls.claim_pods(id, context);
        let may_go_ahead = self.calls.of(id.slot()).begin_sync(context.now);
        let Some(set) = context.store.daemon_set(id).filter(|_| may_go_ahead) else {
            return;
        };
        let nodes = on_nodes(id, set, context.store, context.now);
        let mut steps = manage(&nodes, &set.update);
        if steps.is_nothing() && !set.update.on_delete {
            steps = rolling_update(&nodes, &set.update);
        }
        let is_waiting = |pod: &DaemonPod<PodId>| pod.is_ready && !pod.is_available;
        let mut pods = nodes.iter().flat_map(|node| &node.pods);
        let wait = SimDuration::from_secs(set.update.min_ready_seconds.into());
        let waits = pods.any(is_waiting).then_some(wait);
        let Steps {
            create,
            delete,
            ended,
        } = steps;
        for (node, pod) in ended {
            tell_of_ended(id, node, pod, context);
        }
        if !create.is_empty() {
            let count = create.len();
            self.creating.insert(id.slot(), create.into());
            self.calls.create_pods(id, count, context);
        }
        for pod in delete {
            self.calls.delete_pod(id, pod, owner::DELETED, context);
        }
        // Its status, counted where it is shown, changes with time, too.
        context.store.notify(ObjectId::DaemonSet(id), What::Status);
        if let Some(wait) = waits {
            self.schedule(id, wait, context);
        }
    }

    fn create(&mut self, id: DaemonSetId, pods: &mut PodControl, context: &mut Context<'_, Event>) {
        // What waits in the slot of a DaemonSet that is gone may be another one's.
        if context.store.daemon_set(id).is_none() {
            return;
        }
        let waiting = self.creating.get_mut(&id.slot());
        let node = waiting.and_then(VecDeque::pop_front);
        let make = |cx: &mut Context<'_, Event>| {
            let node = node.filter(|node| cx.store.find_node(*node).is_some())?;
            pods.create_on(ObjectId::DaemonSet(id), node, cx.now, cx)
        };
        self.calls.create_arrives(id, make, owner::CREATED, context);
    }
}

/// The event of a pod that has ended and is deleted for that.
fn tell_of_ended(id: DaemonSetId, node: NodeId, pod: PodId, context: &mut Context<'_, Event>) {
    let store = &*context.store;
    let (Some(pod), Some(node)) = (store.pod(pod), store.find_node(node)) else {
        return;
    };
    let (namespace, name, node) = (&pod.meta.namespace, pod.name(), node.name());
    let object = ObjectId::DaemonSet(id);
    if pod.phase == PodPhase::Failed {
        let message = || {
            format!(
                "Found failed daemon pod {namespace}/{name} on node {node}, will try to kill it"
            )
        };
        context.events.warning(object, "FailedDaemonPod", message);
    } else {
        let message = || {
            format!(
                "Found succeeded daemon pod {namespace}/{name} on node {node}, will try to delete it"
            )
        };
        context.events.normal(object, "SucceededDaemonPod", message);
    }
}

/// Whether a pod of this DaemonSet belongs on a node, and whether one that is there may stay
/// (`NodeShouldRunDaemonPod`). The taint of a cordoned node is always tolerated.
fn belongs(set: &DaemonSet, node: &Node) -> (bool, bool) {
    let fits = allows_node(&set.template, node);
    let tolerates =
        |taint: &Taint| daemon_tolerations(&set.template).any(|one| one.tolerates(taint));
    let shuts_down = Taint::of(NOT_READY, TaintEffect::NoSchedule);
    let own = Some(&shuts_down).filter(|_| node.readiness == Readiness::Stopping);
    let repelled = |has_effect: fn(TaintEffect) -> bool| {
        let mut taints = node.taints.iter().chain(own);
        taints.any(|taint| has_effect(taint.effect) && !tolerates(taint))
    };
    let evicts = repelled(|effect| effect == TaintEffect::NoExecute);
    let repels = repelled(|effect| effect != TaintEffect::PreferNoSchedule);
    (fits && !repels, fits && !evicts)
}

/// Whether a pod of this DaemonSet belongs on a node.
pub fn should_run(set: &DaemonSet, node: &Node) -> bool {
    belongs(set, node).0
}

/// The nodes with the DaemonSet's pods.
pub fn on_nodes(
    id: DaemonSetId,
    set: &DaemonSet,
    store: &Store,
    now: SimTime,
) -> Vec<OnNode<NodeId, PodId>> {
    let wait = SimDuration::from_secs(set.update.min_ready_seconds.into());
    let view = |key: PodId, pod: &Pod| DaemonPod {
        key,
        is_new: set.made(pod),
        is_ready: pod.is_ready(),
        is_available: pod.is_ready() && pod.ready_transition + wait <= now,
        is_deleting: pod.is_deleting(),
        has_ended: pod.has_ended(),
    };
    let mut by_node: BTreeMap<NodeId, Vec<DaemonPod<PodId>>> = BTreeMap::new();
    for key in &store.workload(set.workload).pods {
        let is_own = |pod: &&Pod| pod.meta.owner == Some(ObjectId::DaemonSet(id)) && !pod.removed;
        if let Some(pod) = store.pod(*key).filter(is_own)
            && let Some(node) = pod.pinned.or(pod.node)
            && !(pod.is_deleting() && pod.has_ended())
        {
            by_node.entry(node).or_default().push(view(*key, pod));
        }
    }
    let nodes = store.nodes().map(|(key, node)| {
        let (should_run, may_stay) = belongs(set, node);
        OnNode {
            key,
            should_run,
            may_stay,
            pods: by_node.remove(&key).unwrap_or_default(),
        }
    });
    nodes.collect()
}
