//! What a new node of each group would look like.
//!
//! Source: `processors/nodeinfosprovider/mixed_nodeinfos_processor.go`,
//! `simulator/node_info_utils.go`. A ready, schedulable node that has been so for over a minute is
//! the model; else the last such node; else what the provider says; else an unready node.

use std::sync::Arc;

use super::cluster::Cluster;
use super::predicates;
use super::snapshot::{NodeInfo, Placed, SimNode, Snapshot};
use crate::autoscaler::cluster_autoscaler::model::{
    ClassId, ControllerKind, GroupId, Node, NodeShape, Observation, Toleration,
};
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::taints;
use crate::sim::{SimDuration, SimTime, work};

/// How long a node must have been ready to be a model.
const STABILIZATION_DELAY: SimDuration = SimDuration::from_secs(60);

/// What a DaemonSet's pods tolerate beside what their spec says.
const DAEMON_SET_TOLERATES: &[&str] = &[
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
];

/// A new node of a group.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its number: upcoming nodes of the same template have the same names.
    number: u64,
    /// Labels, taints, capacity.
    pub shape: Arc<NodeShape>,
    /// Cordoned, where an unready node had to do.
    pub unschedulable: bool,
    /// The classes of the pods that come with it.
    pub pods: Vec<ClassId>,
}

impl Template {
    /// A node of nothing but a shape, whose pods come with it.
    pub fn new(shape: Arc<NodeShape>, pods: Vec<ClassId>) -> Self {
        Self {
            number: 0,
            shape,
            unschedulable: false,
            pods,
        }
    }

    /// A node like this one.
    pub fn node(&self, node: SimNode, snapshot: &Snapshot<'_>) -> NodeInfo {
        let group = match node {
            SimNode::Upcoming(group, ..) => Some(group),
            SimNode::Real(_) | SimNode::New => None,
        };
        let mut info = NodeInfo::new(node, group, Arc::clone(&self.shape), self.unschedulable);
        for class in &self.pods {
            let placed = Placed {
                pod: None,
                class: *class,
                terminating: false,
            };
            info.add(placed, snapshot.classes());
        }
        info
    }

    /// The name of an upcoming node.
    pub const fn upcoming(&self, group: GroupId, number: u32) -> SimNode {
        SimNode::Upcoming(group, self.number, number)
    }
}

/// The templates of a loop, and the models of earlier ones.
#[derive(Debug, Default)]
pub struct Templates {
    current: Vec<Option<Template>>,
    /// With the time at which a node was last the model.
    cache: Vec<Option<(Template, SimTime)>>,
    made: u64,
}

impl Templates {
    /// The template of a group.
    pub fn get(&self, group: GroupId) -> Option<&Template> {
        self.current.get(group.index())?.as_ref()
    }

    /// Makes the templates anew.
    pub fn recompute(
        &mut self,
        seen: &Observation<'_>,
        (cluster, snapshot): (&Cluster, &Snapshot<'_>),
        options: &Options,
    ) {
        let groups = seen.groups.len();
        self.cache.resize(groups, None);
        self.current = vec![None; groups];
        for group in seen.group_ids() {
            let of_group = || {
                let ids = cluster.of_group(group).iter();
                ids.inspect(|_| work::count(1))
                    .filter_map(|id| Some(&seen.nodes[snapshot.place(*id)?]))
            };
            let place = group.index();
            if let Some(node) = of_group().find(|node| is_good(node, seen)) {
                self.take_node(seen, snapshot, node, options);
                let found = self.current[place].as_ref();
                self.cache[place] = found.map(|template| (template.clone(), seen.now));
                continue;
            }
            let keeps = options.node_info_cache_expire_time;
            self.cache[place].take_if(|cached| seen.now.since(cached.1) > keeps);
            if let Some((cached, _)) = &self.cache[place] {
                self.current[place] = Some(cached.clone());
            } else if let Some(shape) = &seen.group(group).template {
                let shape = sanitized(shape, options);
                let pods = daemon_set_pods(seen, &shape, &[], true);
                self.put(group, shape, false, pods);
            } else if let Some(node) = of_group().next() {
                self.take_node(seen, snapshot, node, options);
            }
        }
    }

    /// Takes a node as the model of its group.
    fn take_node(
        &mut self,
        seen: &Observation<'_>,
        snapshot: &Snapshot<'_>,
        node: &Node,
        options: &Options,
    ) {
        let (Some(group), Some(slot)) = (node.group, snapshot.slot(node.id)) else {
            return;
        };
        let shape = sanitized(&node.shape, options);
        let mut running = Vec::new();
        let mut pods = Vec::new();
        for placed in &snapshot.node(slot).pods {
            let class = seen.class(placed.class);
            let pod = placed.pod.map(|index| &seen.pods[index as usize]);
            if pod.is_some_and(|pod| pod.deletion.is_some()) {
                continue;
            }
            if class.mirror || class.is_daemon_set() {
                pods.push(placed.class);
            }
            if class.kind == ControllerKind::DaemonSet {
                running.extend(pod.and_then(|pod| pod.controller));
            }
        }
        let force = options.force_daemon_sets;
        pods.extend(daemon_set_pods(seen, &shape, &running, force));
        let unschedulable = node.unschedulable && !options.scale_from_unschedulable;
        self.put(group, shape, unschedulable, pods);
    }

    fn put(
        &mut self,
        group: GroupId,
        shape: Arc<NodeShape>,
        unschedulable: bool,
        pods: Vec<ClassId>,
    ) {
        self.made += 1;
        self.current[group.index()] = Some(Template {
            number: self.made,
            shape,
            unschedulable,
            pods,
        });
    }
}

fn is_good(node: &Node, seen: &Observation<'_>) -> bool {
    node.ready
        && node.last_transition + STABILIZATION_DELAY < seen.now
        && !node.unschedulable
        && !node.has_to_be_deleted_taint()
}

/// The shape without the taints of the moment.
fn sanitized(shape: &Arc<NodeShape>, options: &Options) -> Arc<NodeShape> {
    let kept = taints::sanitize(&shape.taints, options);
    if kept.len() == shape.taints.len() {
        return Arc::clone(shape);
    }
    Arc::new(NodeShape {
        taints: kept,
        ..NodeShape::clone(shape)
    })
}

/// The DaemonSets that are not running yet and would put a pod on the node.
fn daemon_set_pods(
    seen: &Observation<'_>,
    shape: &NodeShape,
    running: &[crate::autoscaler::cluster_autoscaler::model::ControllerId],
    force: bool,
) -> Vec<ClassId> {
    let tolerates = |tolerations: &[Toleration]| {
        shape.taints.iter().all(|taint| {
            taint.effect == taints::Effect::PreferNoSchedule
                || DAEMON_SET_TOLERATES.contains(&taint.key.as_str())
                || tolerations.iter().any(|one| one.covers(taint))
        })
    };
    seen.daemon_sets
        .iter()
        .filter(|set| force && !running.contains(&set.controller))
        .filter(|set| {
            let class = seen.class(set.class);
            predicates::selects(class, shape) && tolerates(&class.tolerations)
        })
        .map(|set| set.class)
        .collect()
}
