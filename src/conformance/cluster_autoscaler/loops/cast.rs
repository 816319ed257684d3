//! What the recorded inputs are to the autoscaler.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexSet;

use super::flags::options;
use super::input::{Case, GroupJson, InstanceJson, LoopJson, NodeJson, PodJson, ShapeJson};
use super::own_taints::OwnTaints;
use super::{Scene, Shape, seconds};
use crate::autoscaler::cluster_autoscaler::drain::blocking_local_storage;
use crate::autoscaler::cluster_autoscaler::{
    ClassId, Controller, ControllerId, ControllerKind, DaemonSet, Effect, GroupId, Node, NodeGroup,
    NodeGroupOptions, NodeId, NodeShape, Observation, OptionError, Options, Pdb, Pod, PodClass,
    PodId, PodPrices, Resources, Taint, Toleration,
};
use crate::conformance::cluster_autoscaler::drain::{kind_of, safe_to_evict_of, volume_of};
use crate::conformance::cluster_autoscaler::mib;
use crate::sim::{SimDuration, SimTime};
use crate::units::Millicores;

const ANNOTATION: &str = "cluster-autoscaler.kubernetes.io/";

/// What a case is about, in the autoscaler's terms.
pub(super) struct Cast {
    pub(super) options: Options,
    pub(super) groups: Vec<NodeGroup>,
    pub(super) classes: Vec<PodClass>,
    pub(super) shapes: Vec<String>,
    pdb_shapes: Vec<ClassId>,
    daemon_sets: Vec<DaemonSet>,
    priorities: Vec<(i64, Vec<regex_lite::Regex>)>,
    nodes: IndexSet<String>,
    pods: IndexSet<String>,
}

impl Cast {
    /// The cast, and what is wrong with the case's flags.
    pub(super) fn new(case: &Case) -> (Self, Vec<OptionError>) {
        let (options, errors) = options(&case.limits, &case.options);
        let mut classes: Vec<PodClass> = case.shapes.iter().map(class).collect();
        let mut daemon_sets = Vec::new();
        for (index, shape) in case.shapes.iter().enumerate() {
            let class = ClassId(index as u32);
            // A port of the host is one pod's.
            let others = case.shapes.iter().zip(0..).filter(|(other, _)| {
                shape.host_port.is_some() && other.host_port == shape.host_port
            });
            classes[index].port_conflicts = others.map(|(_, other)| ClassId(other)).collect();
            if shape.self_anti_affinity_per_host {
                classes[index].host_anti_affinity.push(class);
            }
            if classes[index].kind == ControllerKind::DaemonSet {
                let controller = ControllerId(index as u32);
                daemon_sets.push(DaemonSet { controller, class });
            }
        }
        let with_pdb = case.shapes.iter().zip(0..);
        let cast = Self {
            options,
            groups: case.groups.iter().map(group).collect(),
            classes,
            shapes: case.shapes.iter().map(|shape| shape.name.clone()).collect(),
            pdb_shapes: with_pdb
                .filter(|(shape, _)| shape.pdb_min_available >= 0)
                .map(|(_, index)| ClassId(index))
                .collect(),
            daemon_sets,
            priorities: priorities(case),
            nodes: IndexSet::new(),
            pods: IndexSet::new(),
        };
        (cast, errors)
    }

    pub(super) const fn names(&self) -> &IndexSet<String> {
        &self.nodes
    }

    pub(super) fn node_id(&mut self, name: &str) -> NodeId {
        NodeId(self.nodes.insert_full(name.to_owned()).0 as u32)
    }

    pub(super) fn node_name(&self, id: NodeId) -> &str {
        self.nodes
            .get_index(id.0 as usize)
            .map_or("?", String::as_str)
    }

    pub(super) fn pod_name(&self, id: PodId) -> &str {
        self.pods
            .get_index(id.0 as usize)
            .map_or("?", String::as_str)
    }

    pub(super) fn group_id(&self, name: &str) -> Option<GroupId> {
        let index = self.groups.iter().position(|group| group.name == name)?;
        Some(GroupId(index as u32))
    }

    fn shape_index(&self, name: &str) -> usize {
        let found = self.shapes.iter().position(|shape| shape == name);
        found.unwrap_or(0)
    }

    /// The budgets of a loop, and the workloads that they select.
    pub(super) fn budgets(&self, recorded: &LoopJson) -> Vec<(ClassId, i32)> {
        let allowed = |class: &ClassId| {
            let allowed = recorded.input.pdb_allowed.get(&self.shapes[class.index()]);
            allowed.map(|allowed| (*class, *allowed))
        };
        self.pdb_shapes.iter().filter_map(allowed).collect()
    }

    pub(super) fn observation<'a>(&'a self, scene: &'a Scene, now: SimTime) -> Observation<'a> {
        Observation {
            now,
            nodes: &scene.nodes,
            pods: &scene.pods,
            pending: &scene.pending,
            changed: None,
            classes: &self.classes,
            pdbs: &scene.pdbs,
            controllers: &scene.controllers,
            daemon_sets: &self.daemon_sets,
            groups: &self.groups,
            pod_prices: Some(PodPrices {
                core_hour: 0.03,
                gib_hour: 0.004,
            }),
            priorities: Some(Ok(&self.priorities)),
        }
    }

    /// The objects of a loop, in the order (creation, name).
    pub(super) fn scene(&mut self, recorded: &LoopJson, taints: &OwnTaints) -> Scene {
        let input = &recorded.input;
        let mut listed: Vec<&NodeJson> = input.nodes.iter().collect();
        listed.sort_by(|one, other| one.c.total_cmp(&other.c).then(one.n.cmp(&other.n)));
        let nodes: Vec<Node> = listed
            .into_iter()
            .map(|node| self.node(node, taints))
            .collect();
        for cloud in input.cloud.values() {
            for instance in &cloud.instances {
                let (InstanceJson::Failed(name, ..) | InstanceJson::Fine(name, _)) = instance;
                self.node_id(name);
            }
        }
        let mut pods: Vec<(f64, &str, &PodJson)> = input
            .pods
            .iter()
            .map(|pod| match pod {
                PodJson::Deleted(name, _, _, created, _) | PodJson::Living(name, _, _, created) => {
                    (*created, name.as_str(), pod)
                }
            })
            .collect();
        pods.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(other.1)));
        let pods: Vec<Pod> = pods.into_iter().map(|(_, _, pod)| self.pod(pod)).collect();
        let controller = |shape: &String| {
            let replicas = input.controllers.get(shape).map_or(0, |counts| counts.0);
            Some(Controller { replicas })
        };
        Scene {
            nodes,
            pending: Observation::pending_among(&pods),
            pods,
            pdbs: self
                .budgets(recorded)
                .into_iter()
                .map(|(class, allowed)| Pdb {
                    disruptions_allowed: allowed,
                    classes: vec![class],
                })
                .collect(),
            controllers: self.shapes.iter().map(controller).collect(),
        }
    }

    fn node(&mut self, node: &NodeJson, taints: &OwnTaints) -> Node {
        let id = self.node_id(&node.n);
        let group = node
            .n
            .rsplit_once('-')
            .and_then(|(name, _)| self.group_id(name));
        let template = group.and_then(|group| self.groups[group.index()].template.clone());
        let shape = template.map_or_else(
            || Arc::new(super::super::plain_node(0, 0, 0)),
            |shape| tainted(&shape, &node.taints),
        );
        Node {
            id,
            group,
            created: seconds(node.c),
            ready: node.ready,
            last_transition: seconds(node.rt),
            unschedulable: node.cordoned,
            scale_down_disabled: node
                .annotations
                .get(&format!("{ANNOTATION}scale-down-disabled"))
                .is_some_and(|value| value == "true"),
            to_be_deleted: taints.to_be_deleted(id),
            shape,
        }
    }

    fn pod(&mut self, pod: &PodJson) -> Pod {
        let (name, shape, node, created, deletion) = match pod {
            PodJson::Deleted(name, shape, node, created, deletion) => {
                (name, shape, node, created, Some(*deletion))
            }
            PodJson::Living(name, shape, node, created) => (name, shape, node, created, None),
        };
        let index = self.shape_index(shape);
        let owned = self.classes[index].kind != ControllerKind::None;
        Pod {
            id: PodId(self.pods.insert_full(name.clone()).0 as u32),
            class: ClassId(index as u32),
            controller: owned.then_some(ControllerId(index as u32)),
            node: node.as_ref().map(|node| self.node_id(node)),
            created: seconds(*created),
            deletion: deletion.map(seconds),
            finished: false,
        }
    }
}

/// A shape with a node's own taints.
fn tainted(shape: &Shape, taints: &[String]) -> Shape {
    if taints.is_empty() {
        return Arc::clone(shape);
    }
    let mut own = NodeShape::clone(shape);
    for taint in taints {
        let (key, effect) = taint.split_once(':').unwrap_or((taint, ""));
        if own.taints.iter().all(|known| known.key != key) {
            own.taints.push(Taint {
                key: key.to_owned(),
                value: String::new(),
                effect: match effect {
                    "PreferNoSchedule" => Effect::PreferNoSchedule,
                    "NoExecute" => Effect::NoExecute,
                    _ => Effect::NoSchedule,
                },
            });
        }
    }
    Arc::new(own)
}

fn group(group: &GroupJson) -> NodeGroup {
    let resources = |cpu_m, mem_mib| Resources {
        pods: group.pods,
        ..Resources::new(Millicores(cpu_m), mib(mem_mib))
    };
    let labels = group.labels.iter();
    let taints = group.taint_keys_noschedule.iter();
    let span = |key: &str| {
        let value = group.options.get(key).copied();
        value.map(SimDuration::from_secs_f64)
    };
    NodeGroup {
        name: group.id.clone(),
        min: group.min,
        max: group.max,
        options: NodeGroupOptions {
            scale_down_gpu_utilization_threshold: None,
            scale_down_utilization_threshold: group
                .options
                .get("scale_down_utilization_threshold")
                .copied(),
            scale_down_unneeded_time: span("scale_down_unneeded_time_s"),
            scale_down_unready_time: span("scale_down_unready_time_s"),
            max_node_provision_time: span("max_node_provision_time_s"),
            max_node_startup_time: span("max_node_startup_time_s"),
            ignore_daemonsets_utilization: None,
        },
        template: Some(Arc::new(NodeShape {
            labels: labels
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            taints: taints
                .map(|key| Taint {
                    key: key.clone(),
                    value: "x".to_owned(),
                    effect: Effect::NoSchedule,
                })
                .collect(),
            capacity: resources(group.cpu_m, group.mem_mib),
            allocatable: resources(group.alloc_cpu_m, group.alloc_mem_mib),
        })),
        price: Some(group.price_per_hour),
    }
}

fn priorities(case: &Case) -> Vec<(i64, Vec<regex_lite::Regex>)> {
    let mut by_priority: BTreeMap<i64, Vec<regex_lite::Regex>> = BTreeMap::new();
    for group in case
        .groups
        .iter()
        .filter(|group| group.expander_priority != 0)
    {
        if let Ok(pattern) = regex_lite::Regex::new(&group.id) {
            by_priority
                .entry(group.expander_priority)
                .or_default()
                .push(pattern);
        }
    }
    by_priority.into_iter().collect()
}

fn class(shape: &ShapeJson) -> PodClass {
    let annotation = |name: &str| {
        let value = shape.annotations.get(&format!("{ANNOTATION}{name}"));
        value.map_or("", String::as_str)
    };
    let toleration = |key: &String| Toleration {
        key: Some(key.clone()),
        value: None,
        effect: None,
    };
    let volume = shape.volume.iter();
    PodClass {
        kind: kind_of(&shape.kind),
        kube_system: shape.namespace == "kube-system",
        priority: shape.priority,
        safe_to_evict: safe_to_evict_of(annotation("safe-to-evict")),
        local_storage: blocking_local_storage(
            volume.map(|kind| ("v", volume_of(kind))),
            annotation("safe-to-evict-local-volumes"),
        ),
        counts_as_daemon_set: annotation("daemonset-pod") == "true",
        daemon_set_eviction: match annotation("enable-ds-eviction") {
            "" => None,
            value => Some(value == "true"),
        },
        scale_up_delay: annotation("pod-scale-up-delay").parse().ok(),
        grace_period: SimDuration::from_secs(shape.grace_s),
        node_selector: shape.node_selector.clone().into_iter().collect(),
        tolerations: shape.tolerates_taint_keys.iter().map(toleration).collect(),
        ..PodClass::new(Resources::new(Millicores(shape.cpu_m), mib(shape.mem_mib)))
    }
}
