//! The scripted cloud and API server.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::cast::Cast;
use super::input::{Case, FailureJson, InstanceJson, LoopJson};
use super::own_taints::OwnTaints;
use super::seconds;
use crate::autoscaler::cluster_autoscaler::{
    ClassId, EvictError, GroupId, Instance, InstanceError, NodeId, Outside, Pdb, Pod, PodId,
};
use crate::sim::{SimDuration, SimTime};

#[derive(Debug, Clone, Default)]
struct Cloud {
    target: i64,
    instances: Vec<Instance>,
}

/// The outside of one case.
pub(super) struct Recorded<'c> {
    case: &'c Case,
    cloud: Vec<Cloud>,
    /// The instances at the next loop, where they are read at that very instant.
    next: Option<Vec<Cloud>>,
    at_next: bool,
    names: Vec<String>,
    pod_names: BTreeMap<PodId, String>,
    /// New instances by group, as the recording names them.
    created: BTreeMap<String, Vec<Vec<NodeId>>>,
    refuses_taint: BTreeSet<String>,
    pods: BTreeMap<PodId, Pod>,
    gone: BTreeMap<PodId, SimTime>,
    deleted: BTreeSet<NodeId>,
    budgets: Vec<(ClassId, i32)>,
    calls: Vec<Value>,
    evictions: Vec<(SimTime, PodId, bool)>,
    pub(super) taints: OwnTaints,
}

impl<'c> Recorded<'c> {
    pub(super) fn new(case: &'c Case) -> Self {
        Self {
            case,
            cloud: Vec::new(),
            next: None,
            at_next: false,
            names: Vec::new(),
            pod_names: BTreeMap::new(),
            created: BTreeMap::new(),
            refuses_taint: BTreeSet::new(),
            pods: BTreeMap::new(),
            gone: BTreeMap::new(),
            deleted: BTreeSet::new(),
            budgets: Vec::new(),
            calls: Vec::new(),
            evictions: Vec::new(),
            taints: OwnTaints::default(),
        }
    }

    /// A loop begins.
    pub(super) fn begin(&mut self, cast: &mut Cast, recorded: &LoopJson, pods: &[Pod]) {
        self.cloud = clouds(cast, recorded);
        self.next = None;
        self.at_next = false;
        self.pods = pods.iter().map(|pod| (pod.id, *pod)).collect();
        self.budgets = cast.budgets(recorded);
        self.deleted.clear();
        self.refuses_taint.clear();
        self.created.clear();
        for event in recorded.out["events"].as_array().into_iter().flatten() {
            if event[2] == "ScaleDownFailed"
                && let Some(node) = event[3]
                    .as_str()
                    .and_then(|node| node.strip_prefix("Node/"))
            {
                self.refuses_taint.insert(node.to_owned());
            }
        }
        for call in recorded.out["cloud_calls"].as_array().into_iter().flatten() {
            if call["what"] == "increase_size" {
                let group = call["group"].as_str().unwrap_or_default().to_owned();
                let names = call["names"].as_array().into_iter().flatten();
                let ids = names
                    .filter_map(Value::as_str)
                    .map(|name| cast.node_id(name));
                let ids = ids.collect();
                self.created.entry(group).or_default().push(ids);
            }
        }
        self.names = cast.names().iter().cloned().collect();
        self.pod_names = pods
            .iter()
            .map(|pod| (pod.id, cast.pod_name(pod.id).to_owned()))
            .collect();
    }

    /// What the next loop will see of the cloud.
    pub(super) fn look_ahead(&mut self, cast: &mut Cast, next: Option<&LoopJson>) {
        self.next = next.map(|next| clouds(cast, next));
    }

    /// It is `now`; the next loop begins at `next`.
    pub(super) fn at(&mut self, now: SimTime, next: SimTime) {
        self.at_next = now == next;
    }

    pub(super) fn pdbs(&self) -> Vec<Pdb> {
        let pdb = |(class, allowed): &(ClassId, i32)| Pdb {
            disruptions_allowed: *allowed,
            classes: vec![*class],
        };
        self.budgets.iter().map(pdb).collect()
    }

    pub(super) fn take_calls(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.calls)
    }

    pub(super) fn take_evictions(&mut self, cast: &Cast) -> Vec<Value> {
        let taken = std::mem::take(&mut self.evictions);
        taken
            .into_iter()
            .map(|(at, pod, refused)| {
                let pod = cast.pod_name(pod);
                let mut value = json!({"pod": pod, "t": at.as_secs_f64(), "what": "evict"});
                if refused {
                    value["refused"] = json!("pdb");
                }
                value
            })
            .collect()
    }

    fn failure(&self, group: GroupId, now: SimTime) -> Option<&'c FailureJson> {
        let failures = &self.case.groups[group.index()].cloud_failures;
        let within = |one: &&FailureJson| seconds(one.from_s) <= now && now < seconds(one.to_s);
        failures.iter().find(within)
    }

    fn call(&mut self, now: SimTime, what: &str, group: GroupId, n: i64) -> &mut Value {
        let group = &self.case.groups[group.index()].id;
        let call = json!({"t": now.as_secs_f64(), "what": what, "group": group, "n": n});
        self.calls.push(call);
        let last = self.calls.len() - 1;
        &mut self.calls[last]
    }

    fn names_of(&self, nodes: &[NodeId]) -> Vec<String> {
        let name = |node: &NodeId| self.node_name(*node);
        let mut names: Vec<String> = nodes.iter().map(name).collect();
        names.sort();
        names
    }
}

fn clouds(cast: &mut Cast, recorded: &LoopJson) -> Vec<Cloud> {
    let names: Vec<String> = cast.groups.iter().map(|group| group.name.clone()).collect();
    names
        .iter()
        .map(|name| {
            let Some(cloud) = recorded.input.cloud.get(name) else {
                return Cloud::default();
            };
            Cloud {
                target: cloud.target,
                instances: cloud
                    .instances
                    .iter()
                    .map(|instance| read_instance(cast, instance))
                    .collect(),
            }
        })
        .collect()
}

fn read_instance(cast: &mut Cast, instance: &InstanceJson) -> Instance {
    let (name, state, error) = match instance {
        InstanceJson::Failed(name, state, error) => (name, state, Some(error)),
        InstanceJson::Fine(name, state) => (name, state, None),
    };
    Instance {
        id: cast.node_id(name),
        creating: state == "creating",
        deleting: state == "deleting",
        error: error.map(|error| {
            let (class, code) = error.split_once('.').unwrap_or(("", error));
            InstanceError {
                out_of_resources: class == "OutOfResource",
                code: code.to_owned(),
                message: String::new(),
            }
        }),
    }
}

impl Outside for Recorded<'_> {
    fn target_size(&self, group: GroupId) -> i64 {
        self.cloud[group.index()].target
    }

    fn instances(&self, group: GroupId) -> Vec<Instance> {
        let next = self.next.as_ref().filter(|_| self.at_next);
        let cloud = &next.unwrap_or(&self.cloud)[group.index()];
        cloud.instances.clone()
    }

    fn has_instance(&self, node: NodeId) -> bool {
        let mut all = self.cloud.iter().flat_map(|cloud| &cloud.instances);
        all.any(|instance| instance.id == node)
    }

    fn increase_size(&mut self, now: SimTime, group: GroupId, delta: i64) -> Result<(), String> {
        let refused = self
            .failure(group, now)
            .is_some_and(|failure| failure.mode == "error");
        if refused {
            let error = "injected: increase refused";
            self.call(now, "increase_size", group, delta)["error"] = json!(error);
            return Err(error.to_owned());
        }
        let name = &self.case.groups[group.index()].id;
        let created = self.created.get_mut(name).filter(|calls| !calls.is_empty());
        let created = created.map_or_else(Vec::new, |calls| calls.remove(0));
        let names = self.names_of(&created);
        let call = self.call(now, "increase_size", group, delta);
        if !names.is_empty() {
            call["names"] = json!(names);
        }
        let cloud = &mut self.cloud[group.index()];
        cloud.target += delta;
        cloud
            .instances
            .extend(created.into_iter().map(|id| Instance {
                id,
                creating: true,
                deleting: false,
                error: None,
            }));
        Ok(())
    }

    fn decrease_target_size(
        &mut self,
        now: SimTime,
        group: GroupId,
        delta: i64,
    ) -> Result<(), String> {
        let cloud = &self.cloud[group.index()];
        if cloud.target + delta < cloud.instances.len() as i64 {
            let error = "would delete existing instances";
            self.call(now, "decrease_target", group, delta)["error"] = json!(error);
            return Err(error.to_owned());
        }
        self.call(now, "decrease_target", group, delta);
        self.cloud[group.index()].target += delta;
        Ok(())
    }

    fn delete_nodes(
        &mut self,
        now: SimTime,
        group: GroupId,
        nodes: &[NodeId],
    ) -> Result<(), String> {
        let names = self.names_of(nodes);
        self.call(now, "delete_nodes", group, nodes.len() as i64)["names"] = json!(names);
        let cloud = &mut self.cloud[group.index()];
        cloud.target -= nodes.len() as i64;
        cloud
            .instances
            .retain(|instance| !nodes.contains(&instance.id));
        self.deleted.extend(nodes);
        Ok(())
    }

    fn mark_to_be_deleted(&mut self, now: SimTime, node: NodeId, _: bool) -> Result<(), String> {
        if self.refuses_taint.contains(&self.node_name(node)) {
            return Err("injected".to_owned());
        }
        self.taints.mark_to_be_deleted(now, node);
        Ok(())
    }

    fn clean_to_be_deleted(&mut self, node: NodeId, _: bool) {
        self.taints.clean_to_be_deleted(node);
    }

    fn mark_deletion_candidate(&mut self, node: NodeId) {
        self.taints.mark_candidate(node);
    }

    fn clean_deletion_candidate(&mut self, node: NodeId) {
        self.taints.clean_candidate(node);
    }

    fn evict(&mut self, now: SimTime, pod: PodId, _: SimDuration) -> Result<(), EvictError> {
        let Some(found) = self.pods.get(&pod).copied() else {
            return Err(EvictError::NotFound);
        };
        if self.gone.get(&pod).is_some_and(|gone| *gone <= now) {
            return Err(EvictError::NotFound);
        }
        let budget = self
            .budgets
            .iter_mut()
            .find(|(class, _)| *class == found.class);
        if let Some((_, allowed)) = budget {
            if *allowed < 1 {
                self.evictions.push((now, pod, true));
                return Err(EvictError::Refused("pdb".to_owned()));
            }
            *allowed -= 1;
        }
        self.evictions.push((now, pod, false));
        let takes = self.case.shapes[found.class.index()].terminates_after_eviction_s;
        self.gone
            .entry(pod)
            .or_insert(now + SimDuration::from_secs_f64(takes));
        Ok(())
    }

    fn node_name(&self, node: NodeId) -> String {
        let name = self.names.get(node.0 as usize);
        name.cloned().unwrap_or_default()
    }

    fn pod_name(&self, pod: PodId) -> String {
        self.pod_names.get(&pod).cloned().unwrap_or_default()
    }

    fn pod_namespace(&self, _: PodId) -> String {
        String::new()
    }

    fn delays_deletion(&self, _: NodeId) -> bool {
        false
    }

    fn pod_on_node(&self, now: SimTime, pod: PodId, node: NodeId) -> bool {
        self.pods
            .get(&pod)
            .is_some_and(|found| found.node == Some(node))
            && !self.deleted.contains(&node)
            && self.gone.get(&pod).is_none_or(|gone| *gone > now)
    }
}
