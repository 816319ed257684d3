//! A small cluster: a cloud whose instances register after a while, a first-fit scheduler.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::autoscaler::cluster_autoscaler::{
    Changed, ClassId, Controller, ControllerId, Event, EventKind, EvictError, GroupId, Instance,
    InstanceError, Involved, LoopReport, Node, NodeGroup, NodeGroupOptions, NodeId, NodeShape,
    Observation, Options, Outside, Pdb, Pod, PodClass, PodId, Resources, StaticAutoscaler,
};
use crate::sim::{SimDuration, SimTime};
use crate::units::{Bytes, Millicores};

pub(super) fn secs(seconds: i64) -> SimTime {
    SimTime::from_secs(seconds)
}

pub(super) fn amount(cpu: i64, gib: i64) -> Resources {
    Resources::new(Millicores(cpu), Bytes(gib * Bytes::GIB.0))
}

pub(super) fn shape(cpu: i64, gib: i64) -> Arc<NodeShape> {
    let resources = Resources {
        pods: 110,
        ..amount(cpu, gib)
    };
    Arc::new(NodeShape {
        labels: vec![("pool".to_owned(), "a".to_owned())],
        taints: Vec::new(),
        capacity: resources.clone(),
        allocatable: resources,
    })
}

/// Pods of so many millicores and 1 GiB.
pub(super) fn pod(cpu: i64) -> PodClass {
    PodClass::new(amount(cpu, 1))
}

/// Nodes go half a minute after they are found, and nothing else holds them.
pub(super) fn eager() -> Options {
    Options {
        scale_down_unneeded_time: SimDuration::from_secs(30),
        scale_down_delay_after_add: SimDuration::ZERO,
        ..Options::default()
    }
}

pub(super) fn group(name: &str, min: i64, max: i64, shape: &Arc<NodeShape>) -> NodeGroup {
    NodeGroup {
        name: name.to_owned(),
        min,
        max,
        options: NodeGroupOptions::default(),
        template: Some(Arc::clone(shape)),
        price: None,
    }
}

/// The cluster and its cloud. Everything may be changed between loops.
pub(super) struct Rig {
    pub(super) now: SimTime,
    pub(super) groups: Vec<NodeGroup>,
    pub(super) classes: Vec<PodClass>,
    pub(super) nodes: Vec<Node>,
    pub(super) pods: Vec<Pod>,
    pub(super) pdbs: Vec<Pdb>,
    pub(super) controllers: Vec<Option<Controller>>,
    pub(super) cloud: Cloud,
    pub(super) autoscaler: StaticAutoscaler,
    /// All events so far.
    pub(super) told: Vec<Event>,
    /// Whether what has changed is named, and what was shown last: pods by their ids.
    pub(super) names_changes: bool,
    shown: Vec<Pod>,
    shown_nodes: BTreeMap<NodeId, String>,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "switches of tests")]
pub(super) struct Cloud {
    pub(super) targets: Vec<i64>,
    /// Group, instance and when it registers.
    pub(super) instances: Vec<(GroupId, NodeId, SimTime)>,
    pub(super) registers_after: SimDuration,
    pub(super) refuses: bool,
    pub(super) refuses_taints: bool,
    pub(super) refuses_evictions: bool,
    pub(super) refuses_deletions: bool,
    /// A group that cannot be grown.
    pub(super) refuses_group: Option<u32>,
    /// Pods that may not be evicted.
    pub(super) refuses_evictions_of: Vec<PodId>,
    /// Instances that cannot be created, and why.
    pub(super) failed: BTreeMap<NodeId, InstanceError>,
    /// Nodes with an annotation that their deletion is to wait for.
    pub(super) delayed: Vec<NodeId>,
    /// The deletions that were asked for.
    pub(super) deletions: Vec<Vec<NodeId>>,
    pub(super) next_id: u32,
    pub(super) deleted: Vec<NodeId>,
    pub(super) tainted: Vec<NodeId>,
    /// Marks for deletion, set and taken off, and whether the node was to be cordoned with it.
    pub(super) marks: Vec<(NodeId, bool)>,
    pub(super) soft: Vec<(NodeId, bool)>,
    pub(super) evicted: Vec<(PodId, SimDuration)>,
    pub(super) tried: RefCell<Vec<PodId>>,
    /// How often instances have been listed.
    pub(super) listed: Cell<usize>,
}

impl Outside for Cloud {
    fn target_size(&self, group: GroupId) -> i64 {
        self.targets[group.index()]
    }
    fn instances(&self, group: GroupId) -> Vec<Instance> {
        self.listed.set(self.listed.get() + 1);
        let of_group = self.instances.iter().filter(|(of, ..)| *of == group);
        of_group
            .map(|(_, id, _)| Instance {
                id: *id,
                creating: self.failed.contains_key(id),
                deleting: false,
                error: self.failed.get(id).cloned(),
            })
            .collect()
    }
    fn has_instance(&self, node: NodeId) -> bool {
        self.instances.iter().any(|(_, id, _)| *id == node)
    }
    fn increase_size(&mut self, now: SimTime, group: GroupId, delta: i64) -> Result<(), String> {
        if self.refuses || self.refuses_group == Some(group.0) {
            return Err("no".to_owned());
        }
        self.targets[group.index()] += delta;
        for _ in 0..delta {
            let id = NodeId(self.next_id);
            self.next_id += 1;
            self.instances.push((group, id, now + self.registers_after));
        }
        Ok(())
    }
    fn decrease_target_size(&mut self, _: SimTime, group: GroupId, by: i64) -> Result<(), String> {
        if self.targets[group.index()] + by < self.instances(group).len() as i64 {
            return Err("would delete existing instances".to_owned());
        }
        self.targets[group.index()] += by;
        Ok(())
    }
    fn delete_nodes(&mut self, _: SimTime, group: GroupId, ids: &[NodeId]) -> Result<(), String> {
        if self.refuses_deletions {
            return Err("no".to_owned());
        }
        self.deletions.push(ids.to_vec());
        self.targets[group.index()] -= ids.len() as i64;
        self.instances.retain(|(_, id, _)| !ids.contains(id));
        self.deleted.extend(ids);
        Ok(())
    }
    fn mark_to_be_deleted(&mut self, _: SimTime, node: NodeId, cordon: bool) -> Result<(), String> {
        if self.refuses_taints {
            return Err("no".to_owned());
        }
        self.marks.push((node, cordon));
        self.tainted.push(node);
        Ok(())
    }
    fn clean_to_be_deleted(&mut self, node: NodeId, uncordon: bool) {
        self.marks.push((node, uncordon));
        self.tainted.retain(|tainted| *tainted != node);
    }
    fn mark_deletion_candidate(&mut self, node: NodeId) {
        self.soft.push((node, true));
    }
    fn clean_deletion_candidate(&mut self, node: NodeId) {
        self.soft.push((node, false));
    }
    fn evict(&mut self, _: SimTime, pod: PodId, grace: SimDuration) -> Result<(), EvictError> {
        self.tried.borrow_mut().push(pod);
        if self.refuses_evictions || self.refuses_evictions_of.contains(&pod) {
            return Err(EvictError::Refused("budget".to_owned()));
        }
        self.evicted.push((pod, grace));
        Ok(())
    }
    fn node_name(&self, node: NodeId) -> String {
        format!("node-{}", node.0)
    }
    fn pod_name(&self, pod: PodId) -> String {
        format!("pod-{}", pod.0)
    }
    fn pod_namespace(&self, _: PodId) -> String {
        "default".to_owned()
    }
    fn delays_deletion(&self, node: NodeId) -> bool {
        self.delayed.contains(&node)
    }
    fn pod_on_node(&self, _: SimTime, pod: PodId, node: NodeId) -> bool {
        !self.deleted.contains(&node) && self.evicted.iter().all(|(evicted, _)| *evicted != pod)
    }
}

impl Rig {
    /// Groups with as many ready nodes each, registered long ago.
    pub(super) fn new(options: Options, groups: Vec<(NodeGroup, i64)>) -> Self {
        let mut rig = Self {
            now: SimTime::ZERO,
            groups: Vec::new(),
            classes: Vec::new(),
            nodes: Vec::new(),
            pods: Vec::new(),
            pdbs: Vec::new(),
            controllers: Vec::new(),
            cloud: Cloud::default(),
            autoscaler: StaticAutoscaler::new(options, SimTime::ZERO),
            told: Vec::new(),
            names_changes: false,
            shown: Vec::new(),
            shown_nodes: BTreeMap::new(),
        };
        for (group, size) in groups {
            let id = GroupId(rig.groups.len() as u32);
            rig.groups.push(group);
            rig.cloud.targets.push(0);
            rig.cloud
                .increase_size(secs(-3600), id, size)
                .expect("the cloud agrees");
        }
        rig.register();
        rig
    }

    /// A workload; answers its class and controller.
    pub(super) fn workload(&mut self, class: PodClass) -> (ClassId, ControllerId) {
        self.classes.push(class);
        self.controllers.push(Some(Controller { replicas: 1 }));
        let index = self.classes.len() as u32 - 1;
        (ClassId(index), ControllerId(index))
    }

    /// Adds a pod of a workload.
    pub(super) fn pod(&mut self, workload: (ClassId, ControllerId), node: Option<u32>) -> PodId {
        let id = PodId(self.pods.iter().map(|pod| pod.id.0 + 1).max().unwrap_or(0));
        self.pods.push(Pod {
            id,
            class: workload.0,
            controller: Some(workload.1),
            node: node.map(NodeId),
            created: self.now - SimDuration::from_secs(5),
            deletion: None,
            finished: false,
        });
        id
    }

    /// What was said so far: seconds, warnings with `!`, reason, object and text.
    pub(super) fn texts(&self) -> Vec<String> {
        let text = |event: &Event| {
            let object = match event.involved {
                Involved::Status => "status".to_owned(),
                Involved::Priorities => "priorities".to_owned(),
                Involved::Node(node) => self.cloud.node_name(node),
                Involved::Pod(pod) => self.cloud.pod_name(pod),
            };
            let mark = if event.kind == EventKind::Warning {
                "!"
            } else {
                ""
            };
            let seconds = event.at.as_secs_f64();
            let Event {
                reason, message, ..
            } = event;
            format!("{seconds} {mark}{reason} {object}: {message}")
        };
        self.told.iter().map(text).collect()
    }

    /// Instances whose time has come are ready nodes; nodes without an instance go, with their
    /// pods.
    pub(super) fn register(&mut self) {
        let cloud = &self.cloud;
        self.nodes.retain(|node| cloud.has_instance(node.id));
        let nodes: Vec<NodeId> = self.nodes.iter().map(|node| node.id).collect();
        for (group, id, at) in &self.cloud.instances {
            if *at <= self.now && !nodes.contains(id) {
                let template = self.groups[group.index()].template.as_ref();
                self.nodes.push(Node {
                    id: *id,
                    group: Some(*group),
                    created: *at,
                    ready: true,
                    last_transition: *at,
                    unschedulable: false,
                    scale_down_disabled: false,
                    to_be_deleted: None,
                    shape: Arc::clone(template.expect("the rig's groups have templates")),
                });
            }
        }
        let nodes: Vec<NodeId> = self.nodes.iter().map(|node| node.id).collect();
        self.pods
            .retain(|pod| pod.node.is_none_or(|node| nodes.contains(&node)));
        for node in &mut self.nodes {
            let marked = self.cloud.tainted.contains(&node.id);
            node.unschedulable = marked;
            node.to_be_deleted = marked.then_some(node.to_be_deleted.unwrap_or(self.now));
        }
    }

    /// One loop at `now`, with what is due before it.
    pub(super) fn run(&mut self, at: i64) -> LoopReport {
        while self.autoscaler.next_wakeup() <= secs(at) {
            let now = self.autoscaler.next_wakeup();
            let told = self.at(now, |autoscaler, seen, cloud| {
                autoscaler.advance(seen, cloud)
            });
            self.told.extend(told);
            self.register();
        }
        self.now = secs(at);
        self.register();
        let report = self.at(secs(at), |autoscaler, seen, cloud| {
            autoscaler.run_once(seen, cloud, &mut |_| 0)
        });
        self.told.extend_from_slice(&report.events);
        report
    }

    pub(super) fn at<T>(
        &mut self,
        now: SimTime,
        act: impl FnOnce(&mut StaticAutoscaler, &Observation<'_>, &mut Cloud) -> T,
    ) -> T {
        let (nodes, pods) = self.show();
        let gone = |pod: &Pod| self.pods.iter().all(|one| one.id != pod.id);
        let mut pending = Observation::pending_among(&self.shown);
        pending.retain(|place| !gone(&self.shown[*place as usize]));
        let changed = Changed {
            nodes: &nodes,
            pods: &pods,
        };
        let seen = Observation {
            now,
            nodes: &self.nodes,
            pods: &self.shown,
            pending: &pending,
            changed: self.names_changes.then_some(changed),
            classes: &self.classes,
            pdbs: &self.pdbs,
            controllers: &self.controllers,
            daemon_sets: &[],
            groups: &self.groups,
            pod_prices: None,
            priorities: None,
        };
        act(&mut self.autoscaler, &seen, &mut self.cloud)
    }

    /// Puts the pods into the places of their ids; answers which nodes and places have changed.
    fn show(&mut self) -> (Vec<NodeId>, Vec<u32>) {
        let told = |node: &Node| format!("{node:?} {}", self.cloud.has_instance(node.id));
        let nodes = self.nodes.iter().map(|node| (node.id, told(node)));
        let nodes: BTreeMap<NodeId, String> = nodes.collect();
        let before = std::mem::replace(&mut self.shown_nodes, nodes);
        let now = &self.shown_nodes;
        let either = before.keys().chain(now.keys()).copied();
        let changed = either.filter(|node| before.get(node) != now.get(node));
        let changed_nodes = changed.collect();
        let mut shown: Vec<Pod> = std::mem::take(&mut self.shown);
        let before = shown.clone();
        for pod in &mut shown {
            pod.node = None;
        }
        for pod in &self.pods {
            let place = pod.id.0 as usize;
            if shown.len() <= place {
                shown.resize(place + 1, Pod { node: None, ..*pod });
            }
            shown[place] = *pod;
        }
        let places = 0..shown.len() as u32;
        let changed = |place: &u32| before.get(*place as usize) != shown.get(*place as usize);
        // Each is named twice, which is not to matter.
        let changed_pods = places
            .filter(changed)
            .flat_map(|place| [place; 2])
            .collect();
        self.shown = shown;
        (changed_nodes, changed_pods)
    }
}
