//! What the Cluster Autoscaler sees, kept in step with the objects: a loop looks only at what has
//! changed since the last.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::super::machines::Machine;
use super::budgets::Budgets;
use super::classes::{Classes, effect};
use super::pods::Pods;
use crate::api::{
    Amounts, Node as ApiNode, NodeId as ApiNodeId, ObjectId, Pod as ApiPod, PodId as ApiPodId,
    Store, Taint as ApiTaint,
};
use crate::autoscaler::cluster_autoscaler::{
    Changed, ClassId, Controller, ControllerId, DaemonSet, GroupId, Node, NodeGroup,
    NodeGroupOptions, NodeId, NodeShape, Observation, Options, Pod, PodId, PodPrices, Resources,
    Taint, taints,
};
use crate::cloud::InstanceId;
use crate::cluster::spec::NodeGroupSpec;
use crate::sim::{SimDuration, SimTime, work};
use crate::units::{Bytes, Millicores};

/// The taint of a node that is being deleted.
pub(super) const TO_BE_DELETED: &str = "ToBeDeletedByClusterAutoscaler";
const SCALE_DOWN_DISABLED: &str = "cluster-autoscaler.kubernetes.io/scale-down-disabled";
/// From here on, numbers of pods are those of DaemonSets that are not simulated, by instance.
const DAEMONS: u32 = 1 << 31;

/// Priorities of the expander `priority`: regular expressions on a group's name.
pub(super) type Priorities = Vec<(i64, Vec<regex_lite::Regex>)>;

/// A node, as far as it is remembered by the place of its object.
#[derive(Debug, Clone)]
struct Known {
    node: ApiNodeId,
    /// Which version of it.
    version: u64,
    instance: NodeId,
    shape: Arc<NodeShape>,
}

/// Everything that a loop may look at.
#[derive(Debug)]
pub(super) struct View {
    pub(super) classes: Classes,
    /// By id.
    pub(super) nodes: Vec<Node>,
    pub(super) pods: Pods,
    budgets: Budgets,
    controllers: Vec<Option<Controller>>,
    /// Their numbers; the one without an object owns the DaemonSet pods that are not simulated.
    controller_ids: FxHashMap<Option<ObjectId>, ControllerId>,
    /// Owners that may have changed.
    touched_owners: Vec<ObjectId>,
    daemon_sets: Vec<DaemonSet>,
    pub(super) groups: Vec<NodeGroup>,
    prices: Option<PodPrices>,
    /// The ConfigMap of the expander `priority`, if there is one.
    pub(super) priorities: Option<Result<Priorities, String>>,
    /// Pods that may have changed, by their numbers.
    touched: Vec<(u32, ApiPodId)>,
    /// Nodes that may have changed.
    touched_nodes: Vec<ApiNodeId>,
    /// What is remembered of each node, by slot.
    known: Vec<Option<Known>>,
    /// Nodes that have changed since the last observation.
    changed: Vec<NodeId>,
    /// By group of the scenario: its number here.
    group_ids: Vec<Option<GroupId>>,
    /// By group of the scenario: the class of the DaemonSet pods that are not simulated.
    daemons: Vec<Option<(ClassId, ControllerId)>>,
    /// The flags: they say which taints are startup taints.
    options: Options,
    /// The time of the run's begin, in seconds since 1970.
    pub(super) unix_start: i64,
}

impl View {
    pub(super) fn new(
        (specs, options): (&[NodeGroupSpec], &[NodeGroupOptions]),
        prices: Option<PodPrices>,
        priorities: Option<Result<Priorities, String>>,
        options_of_all: &Options,
        unix_start: i64,
    ) -> Self {
        let mut view = Self {
            classes: Classes::default(),
            nodes: Vec::new(),
            pods: Pods::default(),
            budgets: Budgets::default(),
            controllers: Vec::new(),
            controller_ids: FxHashMap::default(),
            touched_owners: Vec::new(),
            daemon_sets: Vec::new(),
            groups: Vec::new(),
            prices,
            priorities,
            touched: Vec::new(),
            touched_nodes: Vec::new(),
            known: Vec::new(),
            changed: Vec::new(),
            group_ids: Vec::new(),
            daemons: Vec::new(),
            options: options_of_all.clone(),
            unix_start,
        };
        for (place, spec) in specs.iter().enumerate() {
            let options = options.get(place).cloned().unwrap_or_default();
            view.add_group(spec, options);
        }
        view
    }

    fn add_group(&mut self, spec: &NodeGroupSpec, options: NodeGroupOptions) {
        let host = format!("template-node-for-{}", spec.name);
        let has_daemons = spec.daemonset_cpu.0 > 0 || spec.daemonset_memory.0 > 0;
        let daemons = has_daemons.then(|| {
            let (cpu, memory) = (spec.daemonset_cpu, spec.daemonset_memory);
            let class = self.classes.of_daemons(cpu, memory, &host);
            // One for all of them; it is never gone.
            let controller = self.controller(None);
            self.daemon_sets.push(DaemonSet { controller, class });
            (class, controller)
        });
        self.daemons.push(daemons);
        let Some((min, max)) = spec.scaling.bounds else {
            self.group_ids.push(None);
            return;
        };
        self.group_ids.push(Some(GroupId(self.groups.len() as u32)));
        let mut labels = spec.labels.clone();
        labels.insert("kubernetes.io/hostname".to_owned(), host);
        let extended = self.classes.extended(&spec.extended);
        let of = |cpu, memory| of_node(cpu, memory, spec.max_pods, &extended);
        let shape = NodeShape {
            labels: labels.into_iter().collect(),
            taints: spec.taints.iter().map(taint).collect(),
            capacity: of(spec.cpu, spec.memory),
            allocatable: of(spec.allocatable_cpu, spec.allocatable_memory),
        };
        self.groups.push(NodeGroup {
            name: spec.name.clone(),
            min: min.into(),
            max: max.into(),
            options,
            template: Some(Arc::new(shape)),
            price: Some(spec.price_per_hour.0),
        });
    }

    /// The index of a group in the scenario.
    pub(super) fn group_index(&self, group: GroupId) -> usize {
        let place = self.group_ids.iter().position(|id| *id == Some(group));
        place.unwrap_or_default()
    }

    /// A pod may have changed.
    pub(super) fn touch(&mut self, id: ApiPodId, pod: &ApiPod) {
        self.touched.push((pod.serial as u32, id));
    }

    /// A node may have changed.
    pub(super) fn touch_node(&mut self, id: ApiNodeId) {
        self.touched_nodes.push(id);
    }

    /// Another object may have changed: owners of pods and budgets matter.
    pub(super) fn touch_object(&mut self, id: ObjectId) {
        match id {
            ObjectId::DaemonSet(_) => {
                self.controller(Some(id));
                self.touched_owners.push(id);
            }
            ObjectId::Deployment(_)
            | ObjectId::ReplicaSet(_)
            | ObjectId::StatefulSet(_)
            | ObjectId::Job(_)
            | ObjectId::PodDisruptionBudget(_) => self.touched_owners.push(id),
            _ => {}
        }
    }

    /// The object of a pod that is listed.
    pub(super) fn key_of(&self, pod: PodId) -> Option<ApiPodId> {
        self.pods.key_of(pod)
    }

    /// The observation as of the last [`View::update`].
    pub(super) fn observation(&self, now: SimTime) -> Observation<'_> {
        Observation {
            now,
            nodes: &self.nodes,
            pods: self.pods.list(),
            pending: self.pods.pending(),
            changed: Some(Changed {
                nodes: &self.changed,
                pods: self.pods.changed(),
            }),
            classes: self.classes.list(),
            pdbs: self.budgets.list(),
            controllers: &self.controllers,
            daemon_sets: &self.daemon_sets,
            groups: &self.groups,
            pod_prices: self.prices,
            priorities: (self.priorities.as_ref())
                .map(|read| read.as_deref().map_err(String::as_str)),
        }
    }

    /// Takes in what has changed. Each time, the core has to see the result.
    pub(super) fn update(&mut self, store: &Store, machines: &[Machine]) {
        self.changed.clear();
        self.pods.begin();
        let mut nodes = std::mem::take(&mut self.touched_nodes);
        nodes.sort_unstable();
        nodes.dedup();
        for id in &nodes {
            self.update_node(*id, store, machines);
        }
        self.touched_nodes = nodes;
        self.touched_nodes.clear();
        let unlisted = self.update_pods(store, machines);
        self.pods.end();
        let scaled = self.update_controllers(store);
        let changed = self.pods.changed_classes();
        let all = scaled || unlisted;
        self.budgets.update(store, &self.classes, all, changed);
    }

    fn controller(&mut self, owner: Option<ObjectId>) -> ControllerId {
        let next = ControllerId(self.controllers.len() as u32);
        let id = *self.controller_ids.entry(owner).or_insert(next);
        if id == next {
            self.controllers.push(Some(Controller { replicas: 1 }));
            self.touched_owners.extend(owner);
        }
        id
    }

    /// Answers whether any object has changed that a budget may count by.
    fn update_controllers(&mut self, store: &Store) -> bool {
        let changed = !self.touched_owners.is_empty();
        for object in self.touched_owners.drain(..) {
            if let Some(id) = self.controller_ids.get(&Some(object)) {
                self.controllers[id.0 as usize] = controller_of(object, store);
            }
        }
        changed
    }

    /// Answers whether there are pods among them that were not listed: a budget may count them.
    fn update_pods(&mut self, store: &Store, machines: &[Machine]) -> bool {
        let mut unlisted = false;
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        work::count(touched.len());
        for (serial, key) in touched.drain(..) {
            let pod = store.pod(key).filter(|pod| pod.serial as u32 == serial);
            if let Some(seen) = pod.and_then(|pod| self.see_pod(pod, store, machines)) {
                self.pods.put(seen, Some(key));
            } else {
                unlisted |= !self.pods.remove(PodId(serial));
            }
        }
        self.touched = touched;
        unlisted
    }

    /// A pod that is bound, or that the scheduler has found no node for.
    fn see_pod(&mut self, pod: &ApiPod, store: &Store, machines: &[Machine]) -> Option<Pod> {
        if pod.removed || pod.has_ended() {
            return None;
        }
        let node = match (pod.scheduled, pod.node) {
            (Some(_), Some(node)) => {
                store.find_node(node)?;
                Some(instance_of(node, machines)?)
            }
            _ if pod.unschedulable.is_some() && !pod.is_deleting() => None,
            _ => return None,
        };
        Some(Pod {
            id: PodId(pod.serial as u32),
            class: self.classes.of(pod),
            controller: pod.meta.owner.map(|owner| self.controller(Some(owner))),
            node,
            created: pod.meta.created.truncate_to_second(),
            deletion: pod.meta.deletion,
            finished: false,
        })
    }

    /// Takes in a node that may have changed, or come, or gone.
    fn update_node(&mut self, id: ApiNodeId, store: &Store, machines: &[Machine]) {
        work::count(1);
        let slot = id.slot();
        if self.known.len() <= slot {
            self.known.resize(slot + 1, None);
        }
        let now = store.find_node(id).zip(instance_of(id, machines));
        let known = self.known[slot].take_if(|known| now.is_none() && known.node == id);
        if let Some(known) = known {
            self.lose_node(&known);
            return;
        }
        let Some((node, instance)) = now else { return };
        // Another node may have had the slot, and its end has not been told.
        if let Some(former) = self.known[slot].take_if(|known| known.node != id) {
            self.lose_node(&former);
        }
        let known = self.remember(id, node, instance);
        let seconds = node.taints.iter().find(|taint| taint.key == TO_BE_DELETED);
        let since = seconds.and_then(|taint| taint.value.parse::<i64>().ok());
        let disabled = node.meta.annotations.get(SCALE_DOWN_DISABLED);
        // A Ready node that has one counts as not ready since its creation.
        let is_startup = |taint: &ApiTaint| taints::is_startup(&taint.key, &self.options);
        let starts = node.is_ready() && node.taints.iter().any(is_startup);
        let seen = Node {
            id: instance,
            group: self.group_ids[node.group],
            created: node.meta.created,
            ready: node.is_ready() && !starts,
            last_transition: if starts {
                node.meta.created
            } else {
                node.ready_transition
            },
            unschedulable: node.unschedulable,
            scale_down_disabled: disabled.is_some_and(|value| value == "true"),
            to_be_deleted: since
                .map(|since| SimTime::ZERO + SimDuration::from_secs(since - self.unix_start)),
            shape: known,
        };
        match self.nodes.binary_search_by_key(&instance, |node| node.id) {
            Ok(place) => self.nodes[place] = seen,
            Err(place) => self.nodes.insert(place, seen),
        }
        self.changed.push(instance);
    }

    fn lose_node(&mut self, known: &Known) {
        let instance = known.instance;
        if let Ok(place) = self.nodes.binary_search_by_key(&instance, |node| node.id) {
            self.nodes.remove(place);
        }
        // The pod that stands for DaemonSets that are not simulated.
        self.pods.remove(PodId(DAEMONS + instance.0));
        self.changed.push(instance);
    }

    /// Labels, taints and capacity of a node; a new one comes with its DaemonSets' pods.
    fn remember(&mut self, id: ApiNodeId, node: &ApiNode, instance: NodeId) -> Arc<NodeShape> {
        let version = node.meta.resource_version;
        let slot = id.slot();
        if let Some(known) = &self.known[slot]
            && known.version == version
        {
            return Arc::clone(&known.shape);
        }
        let labels = node.labels().iter();
        let extended = self.classes.extended(&node.extended);
        let of = |amounts: Amounts| of_node(amounts.cpu, amounts.memory, node.max_pods, &extended);
        let shape = Arc::new(NodeShape {
            labels: labels
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            taints: node.taints.iter().map(taint).collect(),
            capacity: of(node.capacity),
            allocatable: of(node.allocatable),
        });
        if let Some(known) = &mut self.known[slot] {
            known.version = version;
            known.shape = Arc::clone(&shape);
            return shape;
        }
        // The pods of DaemonSets that are not simulated.
        if let Some((class, controller)) = self.daemons[node.group] {
            let pod = Pod {
                id: PodId(DAEMONS + instance.0),
                class,
                controller: Some(controller),
                node: Some(instance),
                created: node.meta.created,
                deletion: None,
                finished: false,
            };
            self.pods.put(pod, None);
        }
        self.known[slot] = Some(Known {
            node: id,
            version,
            instance,
            shape: Arc::clone(&shape),
        });
        shape
    }
}

/// The instance that a node is.
fn instance_of(node: ApiNodeId, machines: &[Machine]) -> Option<NodeId> {
    let machine = machines.get(node.slot())?;
    (machine.node == node).then_some(NodeId(machine.instance.0))
}

/// The instance of a node of the core.
pub(super) fn instance_id(node: NodeId) -> InstanceId {
    InstanceId(node.0)
}

fn controller_of(object: ObjectId, store: &Store) -> Option<Controller> {
    store.meta(object)?;
    let replicas = match object {
        ObjectId::Job(id) => store.job(id).map(|job| job.spec.parallelism),
        other => store.replicas(other),
    };
    Some(Controller {
        replicas: replicas.unwrap_or(1),
    })
}

fn taint(taint: &crate::api::Taint) -> Taint {
    Taint {
        key: taint.key.clone(),
        value: taint.value.clone(),
        effect: effect(taint.effect),
    }
}

fn of_node(cpu: Millicores, memory: Bytes, pods: u32, extended: &[i64]) -> Resources {
    Resources {
        pods: pods.into(),
        extended: extended.to_vec(),
        ..Resources::new(cpu, memory)
    }
}
