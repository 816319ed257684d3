//! The cluster as the last observation showed it: only what has changed since is looked at.
//!
//! Upstream lists everything in each loop and builds its snapshot anew
//! (`simulator/clustersnapshot`).

use std::collections::BTreeSet;

use super::nodes::Nodes;
use super::snapshot::{NodeInfo, Placed, SimNode, Snapshot};
use crate::autoscaler::cluster_autoscaler::model::{Changed, GroupId, Node, NodeId, Observation};
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::pod_list::is_expendable;
use crate::sim::work;

/// Nodes that somebody has yet to look at.
#[derive(Debug, Default)]
pub struct Dirty {
    all: bool,
    nodes: Vec<NodeId>,
}

impl Dirty {
    const fn all() -> Self {
        Self {
            all: true,
            nodes: Vec::new(),
        }
    }

    /// Hands them over: all nodes of the observation, or those that have changed.
    pub fn take(&mut self, seen: &Observation<'_>) -> (bool, Vec<NodeId>) {
        let mut nodes = std::mem::take(&mut self.nodes);
        let all = std::mem::take(&mut self.all);
        if all {
            nodes = seen.nodes.iter().map(|node| node.id).collect();
        }
        nodes.sort_unstable();
        nodes.dedup();
        work::count(nodes.len());
        (all, nodes)
    }
}

/// Nodes with the pods that count, and what is known of them.
#[derive(Debug, Default)]
pub struct Cluster {
    nodes: Nodes,
    /// By place of a pod: the node that it is bound to.
    bound: Vec<Option<NodeId>>,
    /// Pods that are bound to nodes that are not there.
    homeless: BTreeSet<u32>,
    /// The nodes of each group, in their order.
    groups: Vec<Vec<NodeId>>,
    /// Nodes with the soft taint.
    soft_tainted: BTreeSet<NodeId>,
    /// Grows when nodes come or go.
    generation: u64,
    /// Nodes whose standing is not known.
    pub standing: Dirty,
    /// Nodes whose readiness is not known.
    pub readiness: Dirty,
}

impl Cluster {
    /// Takes an observation in.
    pub fn take_in(&mut self, seen: &Observation<'_>, options: &Options) {
        match seen.changed {
            Some(changed) if self.generation > 0 => {
                self.take_pods(seen, changed.pods, options, false);
                self.take_nodes(seen, changed);
                self.take_pods(seen, changed.pods, options, true);
            }
            _ => self.rebuild(seen, options),
        }
    }

    /// Grows when nodes come or go.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The nodes of a group, in their order.
    pub fn of_group(&self, group: GroupId) -> &[NodeId] {
        self.groups.get(group.index()).map_or(&[], Vec::as_slice)
    }

    /// Whether a node is registered.
    pub fn has(&self, node: NodeId) -> bool {
        self.nodes.place(node).is_some()
    }

    /// The pods that count on a node, by their places.
    pub fn pods_on(&self, node: NodeId) -> impl Iterator<Item = u32> {
        let info = self.nodes.place(node).map(|slot| self.nodes.node(slot));
        let pods = info.into_iter().flat_map(|info| &info.pods);
        pods.filter_map(|placed| placed.pod)
    }

    /// Nodes with the soft taint.
    pub const fn soft_tainted(&self) -> &BTreeSet<NodeId> {
        &self.soft_tainted
    }

    /// The nodes, to try things on; they have to be given back.
    pub fn lend<'a>(&mut self, seen: &Observation<'a>, last_index: usize) -> Snapshot<'a> {
        let mut snapshot = Snapshot::of(seen.classes, std::mem::take(&mut self.nodes), last_index);
        snapshot.fork();
        snapshot
    }

    /// Takes the nodes back, as they were.
    pub fn give_back(&mut self, mut snapshot: Snapshot<'_>) {
        snapshot.revert();
        self.nodes = snapshot.into_nodes();
        self.nodes.forget_domains();
    }

    fn rebuild(&mut self, seen: &Observation<'_>, options: &Options) {
        work::count(seen.nodes.len() + seen.pods.len());
        let by_id = seen.changed.is_some();
        *self = Self {
            generation: self.generation + 1,
            standing: Dirty::all(),
            readiness: Dirty::all(),
            ..Self::default()
        };
        for node in seen.nodes {
            self.nodes.add_node(info_of(node), seen.classes);
            self.note(node);
        }
        self.list_groups(seen);
        let mut places: Vec<u32> = (0..seen.pods.len() as u32).collect();
        if by_id {
            places.sort_by_key(|place| seen.pods[*place as usize].id);
        }
        for place in places {
            self.bind(seen, place, options, false);
        }
    }

    /// What is remembered of a node besides its pods.
    fn note(&mut self, node: &Node) {
        if node.has_deletion_candidate_taint() {
            self.soft_tainted.insert(node.id);
        } else {
            self.soft_tainted.remove(&node.id);
        }
    }

    fn list_groups(&mut self, seen: &Observation<'_>) {
        self.groups = vec![Vec::new(); seen.groups.len()];
        for node in seen.nodes {
            if let Some(group) = node.group {
                self.groups[group.index()].push(node.id);
            }
        }
    }

    fn take_nodes(&mut self, seen: &Observation<'_>, changed: Changed<'_>) {
        work::count(changed.nodes.len());
        let mut moves = false;
        for id in changed.nodes {
            self.standing.nodes.push(*id);
            self.readiness.nodes.push(*id);
            let found = seen.nodes.binary_search_by_key(id, |node| node.id);
            match (found, self.nodes.place(*id)) {
                (Ok(index), Some(slot)) => {
                    let node = &seen.nodes[index];
                    let info = self.nodes.node_mut(slot);
                    moves |= info.group != node.group;
                    info.shape = node.shape.clone();
                    info.group = node.group;
                    info.unschedulable = node.unschedulable;
                    self.note(node);
                }
                (Ok(index), None) => {
                    self.note(&seen.nodes[index]);
                    moves = true;
                }
                (Err(_), known) => {
                    self.soft_tainted.remove(id);
                    moves |= known.is_some();
                }
            }
        }
        if moves {
            self.list_anew(seen);
        }
    }

    /// Nodes have come or gone: those that stay keep their pods.
    fn list_anew(&mut self, seen: &Observation<'_>) {
        work::count(seen.nodes.len());
        self.generation += 1;
        let mut old = self.nodes.take_all().into_iter().peekable();
        let mut gone = Vec::new();
        let number = |info: &NodeInfo| match info.node {
            SimNode::Real(id) => id,
            SimNode::Upcoming(..) | SimNode::New => NodeId(u32::MAX),
        };
        for node in seen.nodes {
            while let Some(info) = old.next_if(|info| number(info) < node.id) {
                gone.push(info);
            }
            if let Some(info) = old.next_if(|info| number(info) == node.id) {
                self.nodes.add_node(info, seen.classes);
            } else {
                let slot = self.nodes.add_node(info_of(node), seen.classes);
                self.house(seen, node.id, slot);
            }
        }
        gone.extend(old);
        for info in gone {
            self.homeless
                .extend(info.pods.iter().filter_map(|placed| placed.pod));
        }
        self.list_groups(seen);
    }

    /// Pods that were bound to a node before it was there.
    fn house(&mut self, seen: &Observation<'_>, node: NodeId, slot: usize) {
        let bound = &self.bound;
        let homeless = self.homeless.iter().copied();
        let mut found: Vec<u32> = homeless
            .filter(|place| bound[*place as usize] == Some(node))
            .collect();
        self.homeless.retain(|place| !found.contains(place));
        found.sort_by_key(|place| seen.pods[*place as usize].id);
        for place in found {
            let placed = placed(seen, place);
            self.nodes.node_mut(slot).add(placed, seen.classes);
        }
    }

    /// Takes pods that have changed off their nodes, or puts them where they are now.
    fn take_pods(&mut self, seen: &Observation<'_>, changed: &[u32], options: &Options, put: bool) {
        work::count(changed.len());
        for place in changed {
            if put {
                self.bind(seen, *place, options, true);
            } else {
                self.unbind(seen, *place);
            }
        }
    }

    fn unbind(&mut self, seen: &Observation<'_>, place: u32) {
        let Some(bound) = self.bound.get_mut(place as usize) else {
            return;
        };
        let Some(node) = bound.take() else { return };
        match self.nodes.place(node) {
            Some(slot) => {
                self.nodes.node_mut(slot).remove(place, seen.classes);
                self.standing.nodes.push(node);
            }
            None => {
                self.homeless.remove(&place);
            }
        }
    }

    /// Puts a pod on its node: at the end, or where its id belongs.
    fn bind(&mut self, seen: &Observation<'_>, place: u32, options: &Options, by_id: bool) {
        let pod = &seen.pods[place as usize];
        if self.bound.len() <= place as usize {
            self.bound.resize(seen.pods.len(), None);
        }
        let Some(node) = pod.node else { return };
        // A place may be named twice: a pod has gone and another has come.
        if self.bound[place as usize].is_some() || is_expendable(seen.class(pod.class), options) {
            return;
        }
        self.bound[place as usize] = Some(node);
        let Some(slot) = self.nodes.place(node) else {
            self.homeless.insert(place);
            return;
        };
        self.standing.nodes.push(node);
        let info = self.nodes.node_mut(slot);
        info.add(placed(seen, place), seen.classes);
        if by_id {
            let id = |placed: &Placed| placed.pod.map(|place| seen.pods[place as usize].id);
            let last = info.pods.len() - 1;
            let at = info.pods[..last].partition_point(|other| id(other) < Some(pod.id));
            info.pods[at..].rotate_right(1);
        }
    }
}

fn placed(seen: &Observation<'_>, place: u32) -> Placed {
    Placed {
        pod: Some(place),
        class: seen.pods[place as usize].class,
        terminating: seen.pods[place as usize].deletion.is_some(),
    }
}

fn info_of(node: &Node) -> NodeInfo {
    let id = SimNode::Real(node.id);
    NodeInfo::new(id, node.group, node.shape.clone(), node.unschedulable)
}
