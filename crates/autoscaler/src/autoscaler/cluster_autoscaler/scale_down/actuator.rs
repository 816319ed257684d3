//! Deleting nodes: taint, wait, evict, delete.
//!
//! Source: `core/scaledown/actuation/actuator.go`, `group_deletion_scheduler.go`,
//! `delete_in_batch.go`. Upstream's goroutines are states here; [`Actuator::next`] says when one
//! has to go on.

use super::budgets::{GroupView, crop_nodes};
use super::candidates::LocalDelays;
use super::deletion_tracker::{DeletionResult, NodeDeletionTracker};
use super::eligibility::node_utilization;
use super::evictor::{Drain, Progress, namespaced, pods_to_evict};
use super::planner::NodesToDelete;
use super::status::{ScaleDownNode, ScaleDownResult};
use crate::autoscaler::cluster_autoscaler::drain::{self, DrainContext};
use crate::autoscaler::cluster_autoscaler::events::{Events, Involved};
use crate::autoscaler::cluster_autoscaler::model::{GroupId, Node, NodeId, Observation};
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::outside::Outside;
use crate::autoscaler::cluster_autoscaler::pdb::RemainingPdbTracker;
use crate::autoscaler::cluster_autoscaler::resources::GPUS;
use crate::autoscaler::cluster_autoscaler::simulator::cluster::Cluster;
use crate::autoscaler::cluster_autoscaler::simulator::snapshot::Snapshot;
use crate::autoscaler::cluster_autoscaler::simulator::utilization::Utilization;
use crate::sim::{SimDuration, SimTime};
use std::collections::BTreeMap;

#[derive(Debug)]
enum Stage {
    /// Tainted, waiting.
    Tainted(SimTime),
    /// Being drained.
    Draining(Drain),
    /// An annotation delays it: the next look, and the last.
    Delayed(SimTime, SimTime),
    /// Ready for the cloud, gathered with others of its group.
    Gathered,
}

/// How often the annotations that delay a deletion are looked at.
const DELAY_POLL: SimDuration = SimDuration::from_secs(5);

#[derive(Debug)]
struct Deletion {
    node: NodeId,
    group: GroupId,
    drain: bool,
    stage: Stage,
}

/// What an action needs beside its own state.
pub struct Context<'a, 'o> {
    /// What is seen now.
    pub seen: &'a Observation<'a>,
    /// The flags.
    pub options: &'a Options,
    /// The nodes and the pods on them.
    pub cluster: &'o Cluster,
    /// The cloud and the API server.
    pub outside: &'o mut dyn Outside,
    /// Events.
    pub events: &'o mut Events,
    /// Delays of each group.
    pub local_delays: &'o mut LocalDelays,
}

/// Deletions under way.
#[derive(Debug, Default)]
pub struct Actuator {
    /// Their tracker.
    pub tracker: NodeDeletionTracker,
    deletions: Vec<Deletion>,
    /// When the nodes that are gathered of a group are deleted: an interval after the first.
    batches: BTreeMap<GroupId, SimTime>,
}

impl Actuator {
    /// Starts deletions, as many as the budgets allow.
    pub fn start_deletion(
        &mut self,
        context: &mut Context<'_, '_>,
        snapshot: &Snapshot<'_>,
        (empty, drain): NodesToDelete,
    ) -> (ScaleDownResult, Vec<ScaleDownNode>, Option<String>) {
        let seen = context.seen;
        let place = |id: NodeId| snapshot.place(id);
        let grouped = |ids: Vec<NodeId>| -> Vec<(NodeId, GroupId)> {
            ids.into_iter()
                .filter_map(|id| Some((id, seen.nodes[place(id)?].group?)))
                .collect()
        };
        let progress = self.tracker.in_progress();
        let (empty, drain) = crop_nodes(
            context.options,
            progress.nodes(false).count(),
            progress.nodes(true).count(),
            &grouped(empty),
            &grouped(drain),
        );
        if empty.is_empty() && drain.is_empty() {
            return (ScaleDownResult::NoNodeDeleted, Vec::new(), None);
        }
        let mut started = Vec::new();
        for (views, drained) in [(empty, false), (drain, true)] {
            if views.is_empty() {
                continue;
            }
            if let Err(error) = taint(context, &views) {
                return (ScaleDownResult::Error, started, Some(error));
            }
            for view in views {
                for node in view.nodes.into_iter().filter_map(place) {
                    let node = &seen.nodes[node];
                    started.extend(self.start(context, snapshot, node, view.group, drained));
                }
            }
        }
        (ScaleDownResult::NodeDeleteStarted, started, None)
    }

    fn start(
        &mut self,
        context: &mut Context<'_, '_>,
        snapshot: &Snapshot<'_>,
        node: &Node,
        group: GroupId,
        drain: bool,
    ) -> Option<ScaleDownNode> {
        let now = context.seen.now;
        self.tracker.start(node.id, group, drain);
        self.deletions.push(Deletion {
            node: node.id,
            group,
            drain,
            stage: Stage::Tainted(now + context.options.node_delete_delay_after_taint),
        });
        let report = report(context, snapshot, node, drain);
        let name = context.outside.node_name(node.id);
        if !drain {
            let message = format!("Scale-down: removing empty node \"{name}\"");
            context
                .events
                .normal(now, "ScaleDownEmpty", Involved::Status, message);
        } else if let Some(report) = &report {
            let pods: Vec<String> = report
                .evicted_pods
                .iter()
                .map(|pod| {
                    context
                        .outside
                        .pod_name(context.seen.pods[*pod as usize].id)
                })
                .collect();
            let Utilization { cpu, memory, gpu } = report.utilization;
            let (resource, gpu) = match gpu {
                Some((place, share)) => (GPUS[place], share),
                None if cpu > memory => ("cpu", 0.0),
                None => ("memory", 0.0),
            };
            let [cpu, memory, gpu, highest] =
                [cpu, memory, gpu, report.utilization.highest()].map(as_go_prints);
            let message = format!(
                "Scale-down: removing node {name}, utilization: {{{cpu} {memory} {gpu} 0 {resource} {highest}}}, pods to reschedule: {}",
                pods.join(",")
            );
            context
                .events
                .normal(now, "ScaleDown", Involved::Status, message);
        }
        report
    }

    /// When a deletion has to go on.
    pub fn next(&self) -> Option<SimTime> {
        let next = |deletion: &Deletion| match &deletion.stage {
            Stage::Tainted(until) | Stage::Delayed(until, _) => *until,
            Stage::Draining(drain) => drain.next(),
            Stage::Gathered => SimTime::MAX,
        };
        let batches = self.batches.values().copied();
        self.deletions.iter().map(next).chain(batches).min()
    }

    /// Goes on with all that is due.
    pub fn advance(&mut self, context: &mut Context<'_, '_>) {
        let now = context.seen.now;
        let interval = context.options.node_deletion_batcher_interval;
        for mut deletion in std::mem::take(&mut self.deletions) {
            match step(&mut deletion, context) {
                Step::Waits => self.deletions.push(deletion),
                Step::Failed(error, result) => {
                    let result = abort(&deletion, context, &error, result);
                    self.tracker.end(deletion.node, result);
                }
                Step::Ready if interval == SimDuration::ZERO => {
                    self.delete(vec![deletion], context);
                }
                Step::Ready => {
                    let batch = self.batches.entry(deletion.group);
                    batch.or_insert(now + interval);
                    deletion.stage = Stage::Gathered;
                    self.deletions.push(deletion);
                }
            }
        }
        while let Some(group) = self.due_batch(now) {
            self.batches.remove(&group);
            let is_due =
                |one: &mut Deletion| one.group == group && matches!(one.stage, Stage::Gathered);
            let batch = self.deletions.extract_if(.., is_due).collect();
            self.delete(batch, context);
        }
    }

    fn due_batch(&self, now: SimTime) -> Option<GroupId> {
        let mut batches = self.batches.iter();
        batches.find(|batch| *batch.1 <= now).map(|batch| *batch.0)
    }

    /// Asks the cloud to delete nodes of one group.
    fn delete(&mut self, batch: Vec<Deletion>, context: &mut Context<'_, '_>) {
        let Some(group) = batch.first().map(|first| first.group) else {
            return;
        };
        let now = context.seen.now;
        let nodes: Vec<NodeId> = batch.iter().map(|one| one.node).collect();
        let answer = context.outside.delete_nodes(now, group, &nodes);
        if answer.is_err() {
            context.local_delays.register_failed_scale_down(group, now);
        }
        for deletion in batch {
            let result = match &answer {
                Ok(()) => succeed(&deletion, context),
                Err(error) => {
                    let name = &context.seen.group(group).name;
                    let error = format!("failed to delete nodes from group {name}: {error}");
                    abort(&deletion, context, &error, DeletionResult::FailedToDelete)
                }
            };
            self.tracker.end(deletion.node, result);
        }
    }
}

/// A share as Go's `%v` has it: with an exponent of two digits below a ten-thousandth.
fn as_go_prints(share: f64) -> String {
    if share == 0.0 || share.abs() >= 1e-4 {
        return share.to_string();
    }
    let text = format!("{share:e}");
    match text.split_once("e-") {
        Some((digits, exponent)) => format!("{digits}e-{exponent:0>2}"),
        None => text,
    }
}

/// Taints nodes for deletion; if one refuses, those already tainted are cleaned.
fn taint(context: &mut Context<'_, '_>, views: &[GroupView]) -> Result<(), String> {
    let now = context.seen.now;
    let cordon = context.options.cordon_node_before_terminating;
    let (mut tainted, mut failed) = (Vec::new(), Vec::new());
    for node in views.iter().flat_map(|view| &view.nodes) {
        let involved = Involved::Node(*node);
        match context.outside.mark_to_be_deleted(now, *node, cordon) {
            Ok(()) => {
                let message = "marked the node as toBeDeleted/unschedulable";
                context.events.normal(now, "ScaleDown", involved, message);
                tainted.push(*node);
            }
            Err(error) => {
                let message =
                    format!("failed to mark the node as toBeDeleted/unschedulable: {error}");
                context
                    .events
                    .warning(now, "ScaleDownFailed", involved, message.as_str());
                failed.push((involved, message));
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    for (involved, message) in failed {
        context
            .events
            .warning(now, "ScaleDownFailed", involved, message);
    }
    for node in tainted {
        context.outside.clean_to_be_deleted(node, cordon);
    }
    // As upstream: it counts the failures after it has read them off.
    Err("couldn't taint 0 nodes with ToBeDeleted".to_owned())
}

fn report(
    context: &Context<'_, '_>,
    snapshot: &Snapshot<'_>,
    node: &Node,
    drain: bool,
) -> Option<ScaleDownNode> {
    let seen = context.seen;
    let slot = snapshot.slot(node.id)?;
    let utilization = node_utilization(seen, context.options, snapshot, node)?;
    let pods = snapshot.node(slot).pods.iter();
    let pods = pods.filter_map(|placed| Some((placed.pod?, seen.class(placed.class))));
    let (_, evicted_pods) = pods_to_evict(pods, false);
    Some(ScaleDownNode {
        node: node.id,
        evicted_pods: if drain { evicted_pods } else { Vec::new() },
        utilization,
    })
}

/// How far a deletion is.
enum Step {
    /// Something has to come first.
    Waits,
    /// The cloud can be asked.
    Ready,
    /// The node stays.
    Failed(String, DeletionResult),
}

/// One step of a deletion.
fn step(deletion: &mut Deletion, context: &mut Context<'_, '_>) -> Step {
    let now = context.seen.now;
    loop {
        match &mut deletion.stage {
            Stage::Tainted(until) if *until > now => return Step::Waits,
            Stage::Tainted(_) => match begin_drain(deletion, context) {
                Ok(drain) => deletion.stage = Stage::Draining(drain),
                Err(error) => return Step::Failed(error, DeletionResult::InternalError),
            },
            Stage::Draining(drain) => {
                let options = context.options;
                let (outside, events) = (&mut *context.outside, &mut *context.events);
                match drain.advance(now, deletion.node, options, outside, events) {
                    Progress::Pending => return Step::Waits,
                    Progress::Failed(error) => {
                        return Step::Failed(error, DeletionResult::FailedToEvictPods);
                    }
                    Progress::Done => {}
                }
                let longest = options.node_deletion_delay_timeout;
                if longest == SimDuration::ZERO || !context.outside.delays_deletion(deletion.node) {
                    return Step::Ready;
                }
                deletion.stage = Stage::Delayed(now + DELAY_POLL.min(longest), now + longest);
            }
            Stage::Delayed(next, last) => {
                if *next > now {
                    return Step::Waits;
                }
                if now >= *last || !context.outside.delays_deletion(deletion.node) {
                    return Step::Ready;
                }
                *next = (now + DELAY_POLL).min(*last);
            }
            Stage::Gathered => return Step::Waits,
        }
    }
}

/// Looks at the node's pods again before they are evicted.
fn begin_drain(deletion: &Deletion, context: &mut Context<'_, '_>) -> Result<Drain, String> {
    let (seen, options) = (context.seen, context.options);
    let on_node = context.cluster.pods_on(deletion.node);
    let pods: Vec<usize> = on_node.map(|place| place as usize).collect();
    let pdbs = if deletion.drain {
        RemainingPdbTracker::new(seen.pdbs)
    } else {
        RemainingPdbTracker::default()
    };
    let drain_context = DrainContext {
        options,
        pdbs: &pdbs,
        controllers: deletion.drain.then_some(seen.controllers),
        now: seen.now,
    };
    let listed = pods.iter().map(|index| {
        let pod = &seen.pods[*index];
        (*index, pod, seen.class(pod.class))
    });
    let outside = &*context.outside;
    let node = outside.node_name(deletion.node);
    let info = drain::pods_to_move(&drain_context, listed).map_err(|(index, reason)| {
        let pod = seen.pods[index].id;
        let error = reason.error(&namespaced(outside, pod), &outside.pod_name(pod));
        format!("GetPodsToMove for \"{node}\" returned error: {error}")
    })?;
    let stays = |why: &str| Err(format!("failed to delete empty node \"{node}\", {why}"));
    if !deletion.drain && !info.pods.is_empty() {
        return stays("new pods scheduled");
    }
    if !deletion.drain && !info.on_completion_pods.is_empty() {
        return stays("active on-completion pods present");
    }
    Ok(Drain::new(
        seen,
        options,
        &pods,
        deletion.drain,
        context.events,
    ))
}

/// Gives a node back to the cluster.
fn abort(
    deletion: &Deletion,
    context: &mut Context<'_, '_>,
    error: &str,
    result: DeletionResult,
) -> DeletionResult {
    let what = if deletion.drain {
        "failed to drain and delete node"
    } else {
        "failed to delete empty node"
    };
    let involved = Involved::Node(deletion.node);
    let message = format!("{what}: {error}");
    context
        .events
        .warning(context.seen.now, "ScaleDownFailed", involved, message);
    let uncordon = context.options.cordon_node_before_terminating;
    context.outside.clean_to_be_deleted(deletion.node, uncordon);
    result
}

/// The cloud deletes the node.
fn succeed(deletion: &Deletion, context: &mut Context<'_, '_>) -> DeletionResult {
    let now = context.seen.now;
    let Deletion { node, group, .. } = *deletion;
    let message = "nodes removed by cluster autoscaler";
    context
        .events
        .normal(now, "ScaleDown", Involved::Node(node), message);
    context.local_delays.register_scale_down(group, now);
    let name = context.outside.node_name(node);
    let (reason, message) = if deletion.drain {
        (
            "ScaleDown",
            format!("Scale-down: node {name} removed with drain"),
        )
    } else {
        (
            "ScaleDownEmpty",
            format!("Scale-down: empty node {name} removed"),
        )
    };
    context
        .events
        .normal(now, reason, Involved::Status, message);
    DeletionResult::Ok
}
