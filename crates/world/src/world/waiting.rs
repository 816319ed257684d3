//! Why a pod finds no node, in words, and what else findings tell of objects.

use std::sync::Arc;

use super::Simulation;
use crate::api::{
    Change, DeploymentId, Node, NodeId, Pod, PodId, Store, TaintEffect, What, WorkloadId, matches,
    untolerated,
};
use crate::controller::deployment::{ConditionType, reason};
use crate::record::{BlockedRecord, Progress};
use crate::sim::SimTime;
use crate::units::{Bytes, Millicores};

/// What of a node keeps a pod away, in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lacks {
    Cordoned,
    Tainted,
    Labels,
    Pods,
    Cpu,
    Memory,
    /// Something else.
    Other,
}

/// An amount of CPU as a person would write it.
fn cpu(amount: Millicores) -> String {
    match amount.0 {
        whole if whole % 1000 == 0 => format!("{} CPU", whole / 1000),
        _ => format!("{amount} CPU"),
    }
}

fn memory(amount: Bytes) -> String {
    format!("{amount} memory")
}

impl Simulation<'_> {
    /// Keeps that a pod finds no node, and why.
    pub(super) fn note_waiting(&mut self, id: PodId, workload: WorkloadId, now: SimTime) {
        let waits = |pod: &Pod| pod.unschedulable.is_some() && pod.node.is_none();
        if !self.store.pod(id).is_some_and(waits) {
            return;
        }
        let place = self.record_of(workload);
        let Some(counts) = self.counts_told.get(place).copied().flatten() else {
            return;
        };
        let store = &self.store;
        let why = || store.pod(id).map_or(String::new(), |pod| why(pod, store));
        self.recorder.waits(place, now, &counts, why);
    }

    /// Keeps how the roll-out of a Deployment goes on.
    pub(super) fn note_progress(&mut self, change: Change, id: DeploymentId, now: SimTime) {
        if change.what != What::Status {
            return;
        }
        let Some(workload) = self.store.deployment(id).map(|object| object.workload) else {
            return;
        };
        let place = self.record_of(workload);
        let Some(object) = self.store.deployment(id) else {
            return;
        };
        let condition = object.status.condition(ConditionType::Progressing);
        let Some(condition) = condition else { return };
        let progress = match &*condition.reason {
            reason::NEW_REPLICA_SET_AVAILABLE => Progress::Complete,
            reason::PROGRESS_DEADLINE_EXCEEDED => Progress::Stuck,
            _ => Progress::UnderWay,
        };
        let pods = u32::try_from(object.status.replicas).unwrap_or_default();
        let sizes = (object.spec.replicas, pods);
        let told = (progress, &*condition.message);
        self.recorder.progress(place, now, told, sizes);
    }

    /// Keeps that a budget refuses to evict a pod for a drain.
    pub(super) fn note_refusal(&mut self, id: PodId, now: SimTime) {
        self.note_blocked(id, 1, now);
    }

    /// Keeps that a budget stops so many evictions of a pod; none are asked for where it keeps the node
    /// autoscaler from its node.
    pub(super) fn note_blocked(&mut self, id: PodId, refused: u64, now: SimTime) {
        let Some(pod) = self.store.pod(id) else {
            return;
        };
        let covers = self.store.pdbs().find(|(_, pdb)| {
            let selection = self.store.selection(pdb.selection);
            selection.namespace == pod.meta.namespace
                && selection.selector.matches(&pod.meta.labels)
        });
        let node = pod.node.and_then(|node| self.store.find_node(node));
        let (Some((_, pdb)), Some(node)) = (covers, node) else {
            return;
        };
        let blocked = BlockedRecord {
            namespace: Arc::clone(&pdb.meta.namespace),
            budget: pdb.meta.name.to_string(),
            node: node.name().to_owned(),
            from: now,
            last: now,
            refused,
        };
        self.recorder.refused(blocked);
    }
}

/// Why no node takes a pod.
fn why(pod: &Pod, store: &Store) -> String {
    let mut found: Vec<(Lacks, usize)> = Vec::new();
    for (id, node) in store.nodes() {
        let lacks = lacks(pod, id, node, store);
        match found.iter_mut().find(|one| one.0 == lacks) {
            Some(one) => one.1 += 1,
            None => found.push((lacks, 1)),
        }
    }
    found.sort_unstable();
    let asked = pod.requested();
    let largest = || store.nodes().map(|(_, node)| node.allocatable);
    let most = largest().map(|one| one.cpu).max().unwrap_or_default();
    if asked.cpu > most {
        let (asked, most) = (cpu(asked.cpu), cpu(most));
        return format!("a pod asks for {asked}, and no node has more than {most}");
    }
    let most = largest().map(|one| one.memory).max().unwrap_or_default();
    if asked.memory > most {
        let (asked, most) = (memory(asked.memory), memory(most));
        return format!("a pod asks for {asked}, and no node has more than {most}");
    }
    let text = |(lacks, count): (Lacks, usize), alone: bool| {
        let (whole, part) = match lacks {
            Lacks::Cpu => ("no node has ", format!("{} free", cpu(asked.cpu))),
            Lacks::Memory => ("no node has ", format!("{} free", memory(asked.memory))),
            Lacks::Pods => ("every node has its most pods", String::new()),
            Lacks::Labels => (
                "no node has the labels of their nodeSelector",
                String::new(),
            ),
            Lacks::Tainted => (
                "every node has a taint that they do not tolerate",
                String::new(),
            ),
            Lacks::Cordoned => ("every node is cordoned or not ready", String::new()),
            Lacks::Other => ("no node suits their other constraints", String::new()),
        };
        if alone {
            return format!("{whole}{part}");
        }
        let (have, lack) = match count {
            1 => ("has", "lacks"),
            _ => ("have", "lack"),
        };
        match lacks {
            Lacks::Cpu | Lacks::Memory => format!("{have} less than {part}"),
            Lacks::Pods => format!("{have} the most pods"),
            Lacks::Labels => format!("{lack} the labels of their nodeSelector"),
            Lacks::Tainted => format!("{have} a taint that they do not tolerate"),
            Lacks::Cordoned if count == 1 => "is cordoned or not ready".to_owned(),
            Lacks::Cordoned => "are cordoned or not ready".to_owned(),
            Lacks::Other if count == 1 => "does not suit their other constraints".to_owned(),
            Lacks::Other => "do not suit their other constraints".to_owned(),
        }
    };
    match found[..] {
        [] => "there is no node".to_owned(),
        [one] => text(one, true),
        _ => {
            let nodes = format!(" of {} nodes", store.node_count());
            let mut of = nodes.as_str();
            let mut parts = Vec::new();
            for one in &found {
                parts.push(format!("{}{of} {}", one.1, text(*one, false)));
                of = "";
            }
            parts.join(", ")
        }
    }
}

/// What of a node keeps a pod away.
fn lacks(pod: &Pod, id: NodeId, node: &Node, store: &Store) -> Lacks {
    let keeps = |effect| matches!(effect, TaintEffect::NoSchedule | TaintEffect::NoExecute);
    if node.unschedulable || !node.is_ready() {
        return Lacks::Cordoned;
    }
    let tolerations = &pod.template.tolerations;
    if untolerated(&node.taints, tolerations, keeps)
        .next()
        .is_some()
    {
        return Lacks::Tainted;
    }
    if !matches(&pod.template.node_selector, node.labels()) {
        return Lacks::Labels;
    }
    let (info, asked) = (store.node_info(id), pod.requested());
    let free = |there: i64, taken: i64, kept: i64| there - taken - kept;
    if info.pods >= node.max_pods {
        return Lacks::Pods;
    }
    let (there, taken, kept) = (node.allocatable, info.requested, info.deferred);
    if asked.cpu.0 > free(there.cpu.0, taken.cpu.0, kept.cpu.0) {
        return Lacks::Cpu;
    }
    if asked.memory.0 > free(there.memory.0, taken.memory.0, kept.memory.0) {
        return Lacks::Memory;
    }
    Lacks::Other
}
