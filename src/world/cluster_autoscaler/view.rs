//! What the Cluster Autoscaler sees, kept in step with the objects: a loop looks only at what has
//! changed since the last.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::super::machines::Machine;
use super::classes::{Classes, effect};
use crate::api::{
    Amounts, LabelSelector, Node as ApiNode, NodeId as ApiNodeId, ObjectId, PdbId, Pod as ApiPod,
    PodId as ApiPodId, Store,
};
use crate::autoscaler::cluster_autoscaler::{
    ClassId, Controller, ControllerId, DaemonSet, GroupId, Node, NodeGroup, NodeGroupOptions,
    NodeId, NodeShape, Observation, Pdb, Pod, PodId, PodPrices, Resources, Taint,
};
use crate::cloud::InstanceId;
use crate::cluster::spec::NodeGroupSpec;
use crate::controller::disruption::budget_status;
use crate::sim::{SimDuration, SimTime};
use crate::units::{Bytes, Millicores};

/// The taint of a node that is being deleted.
pub(super) const TO_BE_DELETED: &str = "ToBeDeletedByClusterAutoscaler";
const SCALE_DOWN_DISABLED: &str = "cluster-autoscaler.kubernetes.io/scale-down-disabled";
/// From here on, numbers of pods are those of DaemonSets that are not simulated, by instance.
const DAEMONS: u32 = 1 << 31;

/// Priorities of the expander `priority`: regular expressions on a group's name.
pub(super) type Priorities = Vec<(i64, Vec<regex_lite::Regex>)>;

/// Everything that a loop may look at.
#[derive(Debug)]
pub(super) struct View {
    pub(super) classes: Classes,
    pub(super) nodes: Vec<Node>,
    pub(super) pods: Vec<Pod>,
    pdbs: Vec<Pdb>,
    /// The budgets' own: the selector, and how many classes have been searched with it.
    searched: Vec<(PdbId, Arc<LabelSelector>, usize)>,
    controllers: Vec<Option<Controller>>,
    /// Their numbers; the one without an object owns the DaemonSet pods that are not simulated.
    controller_ids: FxHashMap<Option<ObjectId>, ControllerId>,
    /// Those that were there at the last look.
    alive: Vec<(ObjectId, ControllerId)>,
    daemon_sets: Vec<DaemonSet>,
    pub(super) groups: Vec<NodeGroup>,
    prices: Option<PodPrices>,
    priorities: Option<Result<Priorities, String>>,
    /// The objects of the pods, in the same order.
    keys: Vec<(u32, ApiPodId)>,
    /// Pods that may have changed, by their numbers.
    touched: Vec<(u32, ApiPodId)>,
    /// The last shape of each node, by slot, and of which version of it.
    shapes: Vec<Option<(ApiNodeId, u64, Arc<NodeShape>)>>,
    /// By group of the scenario: its number here.
    group_ids: Vec<Option<GroupId>>,
    /// By group of the scenario: the class of the DaemonSet pods that are not simulated.
    daemons: Vec<Option<(ClassId, ControllerId)>>,
    /// The time of the run's begin, in seconds since 1970.
    pub(super) unix_start: i64,
}

impl View {
    pub(super) fn new(
        (specs, options): (&[NodeGroupSpec], &[NodeGroupOptions]),
        prices: Option<PodPrices>,
        priorities: Option<Result<Priorities, String>>,
        unix_start: i64,
    ) -> Self {
        let mut view = Self {
            classes: Classes::default(),
            nodes: Vec::new(),
            pods: Vec::new(),
            pdbs: Vec::new(),
            searched: Vec::new(),
            controllers: Vec::new(),
            controller_ids: FxHashMap::default(),
            alive: Vec::new(),
            daemon_sets: Vec::new(),
            groups: Vec::new(),
            prices,
            priorities,
            keys: Vec::new(),
            touched: Vec::new(),
            shapes: Vec::new(),
            group_ids: Vec::new(),
            daemons: Vec::new(),
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

    /// The object of a pod that is listed.
    pub(super) fn key_of(&self, pod: PodId) -> Option<ApiPodId> {
        let place = self
            .keys
            .binary_search_by_key(&pod.0, |(serial, _)| *serial);
        Some(self.keys[place.ok()?].1)
    }

    /// The observation as of the last [`View::update`].
    pub(super) fn observation(&self, now: SimTime) -> Observation<'_> {
        Observation {
            now,
            nodes: &self.nodes,
            pods: &self.pods,
            classes: self.classes.list(),
            pdbs: &self.pdbs,
            controllers: &self.controllers,
            daemon_sets: &self.daemon_sets,
            groups: &self.groups,
            pod_prices: self.prices,
            priorities: (self.priorities.as_ref())
                .map(|read| read.as_deref().map_err(String::as_str)),
        }
    }

    /// Takes in what has changed.
    pub(super) fn update(&mut self, store: &Store, machines: &[Machine]) {
        self.pods.truncate(self.keys.len());
        self.update_pods(store, machines);
        self.update_nodes(store, machines);
        let sets: Vec<ObjectId> = store
            .daemon_sets()
            .map(|(id, _)| ObjectId::DaemonSet(id))
            .collect();
        for set in sets {
            self.controller(Some(set));
        }
        self.update_controllers(store);
        self.update_pdbs(store);
    }

    fn controller(&mut self, owner: Option<ObjectId>) -> ControllerId {
        let next = ControllerId(self.controllers.len() as u32);
        let id = *self.controller_ids.entry(owner).or_insert(next);
        if id == next {
            self.controllers.push(Some(Controller { replicas: 1 }));
            self.alive.extend(owner.map(|owner| (owner, id)));
        }
        id
    }

    /// What is gone never comes back: only the others are looked at.
    fn update_controllers(&mut self, store: &Store) {
        let controllers = &mut self.controllers;
        self.alive.retain(|(object, id)| {
            let seen = controller_of(*object, store);
            controllers[id.0 as usize] = seen;
            seen.is_some()
        });
    }

    /// Classes never change: only new ones are matched.
    fn update_pdbs(&mut self, store: &Store) {
        let searched = std::mem::take(&mut self.searched).into_iter();
        let mut known: FxHashMap<PdbId, (Arc<LabelSelector>, usize, Vec<ClassId>)> = searched
            .zip(std::mem::take(&mut self.pdbs))
            .map(|((id, selector, searched), pdb)| (id, (selector, searched, pdb.classes)))
            .collect();
        for (id, pdb) in store.pdbs() {
            let known = known.remove(&id);
            let same = known.filter(|(selector, ..)| *selector == pdb.selector);
            let (selector, from, mut classes) =
                same.unwrap_or_else(|| (Arc::clone(&pdb.selector), 0, Vec::new()));
            let namespace = &pdb.meta.namespace;
            classes.extend(self.classes.selected(from, namespace, &selector));
            let searched = self.classes.list().len();
            self.searched.push((id, selector, searched));
            self.pdbs.push(Pdb {
                disruptions_allowed: budget_status(id, store).disruptions_allowed,
                classes,
            });
        }
    }

    fn update_pods(&mut self, store: &Store, machines: &[Machine]) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        let mut fresh: Vec<(u32, ApiPodId, Option<Pod>)> = Vec::with_capacity(touched.len());
        for (serial, key) in touched.drain(..) {
            let pod = store.pod(key).filter(|pod| pod.serial as u32 == serial);
            let seen = pod.and_then(|pod| self.see_pod(pod, store, machines));
            fresh.push((serial, key, seen));
        }
        self.touched = touched;
        let place = |keys: &[(u32, ApiPodId)], serial: u32| {
            keys.binary_search_by_key(&serial, |(other, _)| *other)
        };
        // Those that stay are replaced where they are; only else the list is made anew.
        let mut moves = false;
        for (serial, _, seen) in &fresh {
            match (place(&self.keys, *serial), seen) {
                (Ok(place), Some(pod)) => self.pods[place] = *pod,
                (Err(_), None) => {}
                _ => moves = true,
            }
        }
        if !moves {
            return;
        }
        let (old_keys, old_pods) = (
            std::mem::take(&mut self.keys),
            std::mem::take(&mut self.pods),
        );
        let mut old = old_keys.into_iter().zip(old_pods).peekable();
        let mut put = |key: (u32, ApiPodId), pod: Pod| {
            self.keys.push(key);
            self.pods.push(pod);
        };
        for (serial, key, seen) in fresh {
            while let Some((key, pod)) = old.next_if(|((other, _), _)| *other < serial) {
                put(key, pod);
            }
            old.next_if(|((other, _), _)| *other == serial);
            if let Some(pod) = seen {
                put((serial, key), pod);
            }
        }
        for (key, pod) in old {
            put(key, pod);
        }
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

    fn update_nodes(&mut self, store: &Store, machines: &[Machine]) {
        self.nodes.clear();
        let mut daemons = Vec::new();
        for (id, node) in store.nodes() {
            let Some(instance) = instance_of(id, machines) else {
                continue;
            };
            let shape = self.shape(id, node);
            let seconds = node.taints.iter().find(|taint| taint.key == TO_BE_DELETED);
            let since = seconds.and_then(|taint| taint.value.parse::<i64>().ok());
            // The pods of DaemonSets that are not simulated.
            daemons.extend(self.daemons[node.group].map(|(class, controller)| Pod {
                id: PodId(DAEMONS + instance.0),
                class,
                controller: Some(controller),
                node: Some(instance),
                created: node.meta.created,
                deletion: None,
                finished: false,
            }));
            let disabled = node.meta.annotations.get(SCALE_DOWN_DISABLED);
            self.nodes.push(Node {
                id: instance,
                group: self.group_ids[node.group],
                created: node.meta.created,
                ready: node.is_ready(),
                last_transition: node.ready_transition,
                unschedulable: node.unschedulable,
                scale_down_disabled: disabled.is_some_and(|value| value == "true"),
                to_be_deleted: since
                    .map(|since| SimTime::ZERO + SimDuration::from_secs(since - self.unix_start)),
                shape,
            });
        }
        self.nodes.sort_by_key(|node| node.id);
        daemons.sort_by_key(|pod| pod.id);
        self.pods.extend(daemons);
    }

    /// Labels, taints and capacity of a node.
    fn shape(&mut self, id: ApiNodeId, node: &ApiNode) -> Arc<NodeShape> {
        if self.shapes.len() <= id.slot() {
            self.shapes.resize(id.slot() + 1, None);
        }
        let version = node.meta.resource_version;
        if let Some((of, at, shape)) = &self.shapes[id.slot()]
            && (*of, *at) == (id, version)
        {
            return Arc::clone(shape);
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
        self.shapes[id.slot()] = Some((id, version, Arc::clone(&shape)));
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
