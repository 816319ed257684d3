//! What the Cluster Autoscaler sees, kept in step with the objects: a loop looks only at what has
//! changed since the last.

use std::sync::Arc;

use indexmap::IndexMap;

use super::super::machines::Machine;
use super::classes::{Classes, effect};
use crate::api::{
    Node as ApiNode, NodeId as ApiNodeId, ObjectId, Pod as ApiPod, PodId as ApiPodId, Store,
};
use crate::autoscaler::cluster_autoscaler::{
    ClassId, Controller, ControllerId, DaemonSet, GroupId, Node, NodeGroup, NodeGroupOptions,
    NodeId, NodeShape, Observation, Pdb, Pod, PodId, PodPrices, Resources, Taint,
};
use crate::cloud::InstanceId;
use crate::cluster::spec::NodeGroupSpec;
use crate::controller::disruption::budget_status;
use crate::sim::{SimDuration, SimTime};
use crate::units::Millicores;

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
    controllers: IndexMap<Option<ObjectId>, Option<Controller>>,
    daemon_sets: Vec<DaemonSet>,
    pub(super) groups: Vec<NodeGroup>,
    prices: Option<PodPrices>,
    priorities: Option<Priorities>,
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
        specs: &[NodeGroupSpec],
        prices: Option<PodPrices>,
        priorities: Option<Priorities>,
        unix_start: i64,
    ) -> Self {
        let mut view = Self {
            classes: Classes::default(),
            nodes: Vec::new(),
            pods: Vec::new(),
            pdbs: Vec::new(),
            controllers: IndexMap::new(),
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
        for spec in specs {
            view.add_group(spec);
        }
        view
    }

    fn add_group(&mut self, spec: &NodeGroupSpec) {
        let host = format!("template-node-for-{}", spec.name);
        let has_daemons = spec.daemonset_cpu.0 > 0 || spec.daemonset_memory.0 > 0;
        let daemons = has_daemons.then(|| {
            let (cpu, memory) = (spec.daemonset_cpu, spec.daemonset_memory);
            let class = self.classes.of_daemons(cpu, memory, &host);
            let controller = ControllerId(self.controllers.len() as u32);
            // One for all of them; it is never gone.
            self.controllers
                .entry(None)
                .or_insert(Some(Controller { replicas: 1 }));
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
        let shape = NodeShape {
            labels: labels.into_iter().collect(),
            taints: spec.taints.iter().map(taint).collect(),
            capacity: with_pods(spec.cpu, spec.memory, spec.max_pods),
            allocatable: with_pods(spec.allocatable_cpu, spec.allocatable_memory, spec.max_pods),
        };
        self.groups.push(NodeGroup {
            name: spec.name.clone(),
            min: min.into(),
            max: max.into(),
            options: NodeGroupOptions::default(),
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
    pub(super) fn observation<'v>(
        &'v self,
        controllers: &'v [Option<Controller>],
        now: SimTime,
    ) -> Observation<'v> {
        Observation {
            now,
            nodes: &self.nodes,
            pods: &self.pods,
            classes: self.classes.list(),
            pdbs: &self.pdbs,
            controllers,
            daemon_sets: &self.daemon_sets,
            groups: &self.groups,
            pod_prices: self.prices,
            priorities: self.priorities.as_deref(),
        }
    }

    /// The controllers as they are now.
    pub(super) fn controllers(&mut self, store: &Store) -> Vec<Option<Controller>> {
        for (object, controller) in &mut self.controllers {
            if let Some(object) = object {
                *controller = controller_of(*object, store);
            }
        }
        self.controllers.values().copied().collect()
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
            self.controller(set);
        }
        let pdbs = store.pdbs().map(|(id, pdb)| Pdb {
            disruptions_allowed: budget_status(id, store).disruptions_allowed,
            classes: self.classes.selected(&pdb.meta.namespace, &pdb.selector),
        });
        self.pdbs = pdbs.collect();
    }

    fn controller(&mut self, owner: ObjectId) -> ControllerId {
        let entry = self.controllers.entry(Some(owner));
        let place = entry.index();
        entry.or_default();
        ControllerId(place as u32)
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
            controller: pod.meta.owner.map(|owner| self.controller(owner)),
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
                ready: node.ready,
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
        let shape = Arc::new(NodeShape {
            labels: labels
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            taints: node.taints.iter().map(taint).collect(),
            capacity: with_pods(node.capacity.cpu, node.capacity.memory, node.max_pods),
            allocatable: with_pods(node.allocatable.cpu, node.allocatable.memory, node.max_pods),
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

fn with_pods(cpu: Millicores, memory: crate::units::Bytes, pods: u32) -> Resources {
    Resources {
        pods: pods.into(),
        ..Resources::new(cpu, memory)
    }
}
