//! What one loop sees: nodes, pods, budgets, controllers and groups.
//!
//! Ids are the driver's. A [`NodeId`] or [`PodId`] is never used again for another object, a
//! [`ClassId`], [`GroupId`] or [`ControllerId`] is a place in a list that only grows. Lists are
//! in the order (creation, name).

use std::sync::Arc;

use super::options::NodeGroupOptions;
use super::resources::Resources;
use super::taints::{DELETION_CANDIDATE, TO_BE_DELETED, Taint};
use crate::sim::{SimDuration, SimTime};

/// A node, or the instance that is or will be one: upstream joins the two by provider id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// A pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodId(pub u32);

/// A place in [`Observation::classes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

/// A place in [`Observation::groups`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// A place in [`Observation::controllers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ControllerId(pub u32);

impl ClassId {
    /// The place in the list.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl GroupId {
    /// The place in the list.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What kind of controller owns a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControllerKind {
    /// A bare pod.
    None,
    /// A ReplicaSet.
    ReplicaSet,
    /// A ReplicationController.
    ReplicationController,
    /// A Job.
    Job,
    /// A StatefulSet.
    StatefulSet,
    /// A DaemonSet.
    DaemonSet,
    /// Some other controller.
    Custom,
}

/// The annotation `cluster-autoscaler.kubernetes.io/safe-to-evict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SafeToEvict {
    /// Absent or another value.
    #[default]
    Unset,
    /// `true`.
    True,
    /// `false`.
    False,
    /// `on-completion`: the node waits for the pod's end.
    OnCompletion,
}

/// What a pod puts up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toleration {
    /// The taint's key; `None` tolerates every key.
    pub key: Option<String>,
    /// The taint's value; `None` tolerates every value.
    pub value: Option<String>,
    /// The taint's effect; `None` tolerates every effect.
    pub effect: Option<super::taints::Effect>,
}

impl Toleration {
    /// Whether it covers a taint.
    pub fn covers(&self, taint: &Taint) -> bool {
        self.key.as_ref().is_none_or(|key| *key == taint.key)
            && self
                .value
                .as_ref()
                .is_none_or(|value| *value == taint.value)
            && self.effect.is_none_or(|effect| effect == taint.effect)
    }
}

/// A topology spread constraint that has to be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spread {
    /// `topologyKey`.
    pub topology_key: String,
    /// `maxSkew`.
    pub max_skew: i64,
    /// `minDomains`.
    pub min_domains: usize,
    /// `nodeAffinityPolicy: Honor`.
    pub honors_affinity: bool,
    /// `nodeTaintsPolicy: Honor`.
    pub honors_taints: bool,
    /// The classes whose pods it counts.
    pub counted: Vec<ClassId>,
    /// Whether it counts the pod that has it.
    pub counts_itself: bool,
}

/// A required term of a pod affinity, by what it means for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodTerm {
    /// `topologyKey`.
    pub topology_key: String,
    /// The classes whose pods it is about.
    pub matched: Vec<ClassId>,
}

/// The required terms of a pod affinity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodAffinity {
    /// The terms' keys.
    pub keys: Vec<String>,
    /// The classes whose pods match all terms.
    pub matched: Vec<ClassId>,
    /// Whether the pod itself does.
    pub matches_itself: bool,
}

/// Pods with the same labels and a semantically equal spec: what decides where they may run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts about a pod"
)]
pub struct PodClass {
    /// What a pod requests.
    pub requests: Resources,
    /// Names of the extended resources among them, in their order; for messages only.
    pub extended_names: Vec<String>,
    /// Who owns it.
    pub kind: ControllerKind,
    /// Whether it lives in `kube-system`.
    pub kube_system: bool,
    /// Its priority.
    pub priority: i32,
    /// Its `safe-to-evict` annotation.
    pub safe_to_evict: SafeToEvict,
    /// Whether it has local storage that blocks a drain ([`super::drain::blocking_local_storage`]).
    pub local_storage: bool,
    /// Whether it mirrors a static pod.
    pub mirror: bool,
    /// The annotation `cluster-autoscaler.kubernetes.io/daemonset-pod`.
    pub counts_as_daemon_set: bool,
    /// The annotation `cluster-autoscaler.kubernetes.io/enable-ds-eviction`.
    pub daemon_set_eviction: Option<bool>,
    /// The annotation `cluster-autoscaler.kubernetes.io/pod-scale-up-delay`.
    pub scale_up_delay: Option<SimDuration>,
    /// `terminationGracePeriodSeconds`.
    pub grace_period: SimDuration,
    /// Labels that a node must have.
    pub node_selector: Vec<(String, String)>,
    /// Its required node affinity, if it has any.
    pub node_terms: Option<Vec<super::node_affinity::NodeTerm>>,
    /// What it tolerates.
    pub tolerations: Vec<Toleration>,
    /// The classes that need a port of the host which this one needs, too.
    pub port_conflicts: Vec<ClassId>,
    /// Classes with which it may not share a host (required anti-affinity per hostname).
    pub host_anti_affinity: Vec<ClassId>,
    /// Whether it has any topology spread constraints, those that only rank nodes too.
    pub has_spread: bool,
    /// Whether any of them is by host name.
    pub spreads_by_host: bool,
    /// Its topology spread constraints that have to be met.
    pub spread: Vec<Spread>,
    /// Near which pods it has to be.
    pub affinity: PodAffinity,
    /// Away from which pods it has to be, by other keys than the host name.
    pub anti_affinity: Vec<PodTerm>,
    /// Which pods have to be away from it, by other keys than the host name.
    pub kept_away_by: Vec<PodTerm>,
}

impl PodClass {
    /// A pod of a ReplicaSet in an ordinary namespace that asks for nothing but resources.
    pub fn new(requests: Resources) -> Self {
        Self {
            requests,
            extended_names: Vec::new(),
            kind: ControllerKind::ReplicaSet,
            kube_system: false,
            priority: 0,
            safe_to_evict: SafeToEvict::Unset,
            local_storage: false,
            mirror: false,
            counts_as_daemon_set: false,
            daemon_set_eviction: None,
            scale_up_delay: None,
            grace_period: SimDuration::from_secs(30),
            node_selector: Vec::new(),
            node_terms: None,
            tolerations: Vec::new(),
            port_conflicts: Vec::new(),
            host_anti_affinity: Vec::new(),
            has_spread: false,
            spreads_by_host: false,
            spread: Vec::new(),
            affinity: PodAffinity::default(),
            anti_affinity: Vec::new(),
            kept_away_by: Vec::new(),
        }
    }

    /// Whether upstream takes it for a DaemonSet's pod.
    pub fn is_daemon_set(&self) -> bool {
        self.kind == ControllerKind::DaemonSet || self.counts_as_daemon_set
    }
}

/// A pod that is bound or waits for a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pod {
    /// Which one.
    pub id: PodId,
    /// Its class.
    pub class: ClassId,
    /// Its controller.
    pub controller: Option<ControllerId>,
    /// The node that it is bound to or nominated for; `None` is PodScheduled=False/Unschedulable.
    pub node: Option<NodeId>,
    /// When it was created, in whole seconds.
    pub created: SimTime,
    /// `deletionTimestamp`.
    pub deletion: Option<SimTime>,
    /// Whether it has finished and will not restart ([`super::drain::is_terminal`]).
    pub finished: bool,
}

/// What nodes of one make have in common; shared, so that a template is a pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeShape {
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Taints.
    pub taints: Vec<Taint>,
    /// `status.capacity`.
    pub capacity: Resources,
    /// `status.allocatable`.
    pub allocatable: Resources,
}

/// A registered node.
#[derive(Debug, Clone)]
pub struct Node {
    /// Which one.
    pub id: NodeId,
    /// Its group; `None` is not autoscaled.
    pub group: Option<GroupId>,
    /// When it was created.
    pub created: SimTime,
    /// Whether it is ready by its conditions and taints.
    pub ready: bool,
    /// The last change of its readiness.
    pub last_transition: SimTime,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// The annotation `cluster-autoscaler.kubernetes.io/scale-down-disabled` is `true`.
    pub scale_down_disabled: bool,
    /// The time in the value of the taint ToBeDeletedByClusterAutoscaler, if it has one.
    pub to_be_deleted: Option<SimTime>,
    /// Labels, taints, capacity.
    pub shape: Arc<NodeShape>,
}

impl Node {
    /// Whether it carries a taint with this key.
    fn has_taint(&self, key: &str) -> bool {
        self.shape.taints.iter().any(|taint| taint.key == key)
    }

    /// Whether it is tainted for deletion.
    pub fn has_to_be_deleted_taint(&self) -> bool {
        self.has_taint(TO_BE_DELETED)
    }

    /// Whether it has the soft taint.
    pub fn has_deletion_candidate_taint(&self) -> bool {
        self.has_taint(DELETION_CANDIDATE)
    }
}

/// A group of equal instances in the cloud.
#[derive(Debug, Clone)]
pub struct NodeGroup {
    /// Its name in the cloud.
    pub name: String,
    /// It is never deleted below this size.
    pub min: i64,
    /// It is never grown above this size.
    pub max: i64,
    /// Overrides of flags for this group.
    pub options: NodeGroupOptions,
    /// What the provider says a new node looks like.
    pub template: Option<Arc<NodeShape>>,
    /// Price of a node per hour.
    pub price: Option<f64>,
}

/// A PodDisruptionBudget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdb {
    /// `status.disruptionsAllowed`.
    pub disruptions_allowed: i32,
    /// The classes whose pods it selects.
    pub classes: Vec<ClassId>,
}

/// A controller that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Controller {
    /// `spec.replicas`.
    pub replicas: i32,
}

/// A DaemonSet, which runs on every node that suits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DaemonSet {
    /// Which one.
    pub controller: ControllerId,
    /// The class of its pods.
    pub class: ClassId,
}

/// What a pod would cost, for the expander `price`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PodPrices {
    /// Per core and hour.
    pub core_hour: f64,
    /// Per GiB of memory and hour.
    pub gib_hour: f64,
}

/// What the ConfigMap of the expander `priority` holds: regular expressions on a group's name, by
/// priority; or what is wrong with it.
pub type Priorities<'a> = Result<&'a [(i64, Vec<regex_lite::Regex>)], &'a str>;

/// What is not as the last observation showed it. Who names changes keeps nodes in the order of
/// their ids, and a pod in its place as long as it is there: a place without a pod holds one
/// that is neither bound nor pending.
#[derive(Debug, Clone, Copy)]
pub struct Changed<'a> {
    /// Nodes that are new, changed or gone, or whose instance is.
    pub nodes: &'a [NodeId],
    /// Places of pods that are new, changed or gone.
    pub pods: &'a [u32],
}

/// Everything that a loop may look at.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The time.
    pub now: SimTime,
    /// All nodes.
    pub nodes: &'a [Node],
    /// All pods that are bound or unschedulable.
    pub pods: &'a [Pod],
    /// The places of those without a node, in order.
    pub pending: &'a [u32],
    /// What has changed since the last observation; `None` if anything may have.
    pub changed: Option<Changed<'a>>,
    /// All classes of pods.
    pub classes: &'a [PodClass],
    /// All budgets.
    pub pdbs: &'a [Pdb],
    /// The controllers by id; `None` is gone.
    pub controllers: &'a [Option<Controller>],
    /// All DaemonSets.
    pub daemon_sets: &'a [DaemonSet],
    /// All groups.
    pub groups: &'a [NodeGroup],
    /// Prices of pods.
    pub pod_prices: Option<PodPrices>,
    /// The ConfigMap of the expander `priority`, if there is one.
    pub priorities: Option<Priorities<'a>>,
}

impl<'a> Observation<'a> {
    /// A pod's class.
    pub fn class(&self, id: ClassId) -> &'a PodClass {
        &self.classes[id.index()]
    }

    /// A group by id.
    pub fn group(&self, id: GroupId) -> &'a NodeGroup {
        &self.groups[id.index()]
    }

    /// The places of the pods of a list that have no node.
    pub fn pending_among(pods: &[Pod]) -> Vec<u32> {
        let places = pods.iter().zip(0..);
        let pending = places.filter(|(pod, _)| pod.node.is_none());
        pending.map(|(_, place)| place).collect()
    }

    /// The ids of all groups, in the provider's order.
    pub fn group_ids(&self) -> impl Iterator<Item = GroupId> + use<> {
        (0..self.groups.len() as u32).map(GroupId)
    }
}
