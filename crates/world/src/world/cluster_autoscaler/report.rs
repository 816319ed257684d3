//! What a loop leaves in the recording: events, and decisions with their reasons.

use std::collections::BTreeMap;

use super::super::Simulation;
use super::view::{View, instance_id};
use crate::autoscaler::cluster_autoscaler::clusterstate::TIMEOUT;
use crate::autoscaler::cluster_autoscaler::drain::BlockingReason;
use crate::autoscaler::cluster_autoscaler::scale_down::deletion_tracker::DeletionResult;
use crate::autoscaler::cluster_autoscaler::scale_up::{ScaleUpResult, ScaleUpStatus};
use crate::autoscaler::cluster_autoscaler::simulator::removal::UnremovableReason;
use crate::autoscaler::cluster_autoscaler::{
    Event, EventKind, Involved, LoopReport, NodeId, Observation, Options, StaticAutoscaler,
};
use crate::record::{EventRecord, NodeAction, NodeDecision};

/// What was told last, so that nothing is told in every loop anew.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// Why no group helped.
    refused: BTreeMap<String, usize>,
    /// Why nodes could not go.
    unremovable: BTreeMap<NodeId, String>,
}

impl Simulation<'_> {
    /// Events of the autoscaler, on their objects.
    pub(super) fn tell_of_cluster_autoscaler(
        &mut self,
        (events, view): (&[Event], &View),
        options: &Options,
    ) {
        for event in events {
            let config_map = |name: &str| {
                let namespace = "kube-system".into();
                Some((namespace, format!("ConfigMap/{name}"), 0))
            };
            let about = match event.involved {
                Involved::Status if !options.write_status_config_map => None,
                Involved::Status => config_map(&options.status_config_map_name),
                Involved::Priorities => config_map("cluster-autoscaler-priority-expander"),
                Involved::Node(node) => {
                    let node = self.cloud.instance(instance_id(node)).node;
                    let node = node.and_then(|node| self.store.find_node(node));
                    node.map(|node| ("".into(), format!("Node/{}", node.name()), node.meta.uid.0))
                }
                Involved::Pod(pod) => {
                    let pod = view.key_of(pod).and_then(|pod| self.store.pod(pod));
                    pod.map(|pod| {
                        let namespace = pod.meta.namespace.clone();
                        (namespace, format!("Pod/{}", pod.name()), pod.meta.uid.0)
                    })
                }
            };
            let Some((namespace, object, uid)) = about else {
                continue;
            };
            self.recorder.event(|| EventRecord {
                time: event.at,
                kind: match event.kind {
                    EventKind::Normal => "Normal",
                    EventKind::Warning => "Warning",
                },
                reason: event.reason.to_owned(),
                namespace,
                object,
                uid,
                message: event.message.clone(),
                ..EventRecord::default()
            });
        }
    }

    /// What a loop decided.
    pub(super) fn record_loop(
        &mut self,
        report: &LoopReport,
        core: &StaticAutoscaler,
        seen: &Observation<'_>,
        (view, told): (&View, &mut Told),
    ) {
        let now = seen.now;
        let mut made = Vec::new();
        let decision = |action: NodeAction, reason: String| NodeDecision {
            time: now,
            action,
            group: String::new(),
            node: String::new(),
            size: None,
            pods: 0,
            reason,
        };
        for status in &report.scale_up {
            for info in &status.groups {
                let chosen = report
                    .choices
                    .last()
                    .map_or(0, |choice| choice.options.len());
                let reason = match (status.pods_triggered.len(), chosen) {
                    (0, _) => "the group was below its min".to_owned(),
                    (_, 0 | 1) => "pods waited; it was the only group to help".to_owned(),
                    (_, several) => {
                        format!("pods waited; chosen among {several} groups")
                    }
                };
                made.push(NodeDecision {
                    group: seen.group(info.group).name.clone(),
                    size: Some((info.current, info.new)),
                    pods: status.pods_triggered.len(),
                    ..decision(NodeAction::ScaleUp, reason)
                });
            }
            if let (ScaleUpResult::Error, Some(error)) = (status.result, &status.error) {
                let group = status.failed_resize.first();
                made.push(NodeDecision {
                    group: group.map_or_else(String::new, |id| seen.group(*id).name.clone()),
                    pods: status.pods_triggered.len(),
                    ..decision(NodeAction::ScaleUpFailed, error.clone())
                });
            }
        }
        for (group, failure) in &report.failures {
            let mut statuses = report.scale_up.iter();
            if statuses.any(|status| status.failed_resize.contains(group)) {
                continue;
            }
            let reason = if failure.code == TIMEOUT {
                "nodes did not register in time".to_owned()
            } else {
                failure.message.clone()
            };
            made.push(NodeDecision {
                group: seen.group(*group).name.clone(),
                ..decision(NodeAction::ScaleUpFailed, reason)
            });
        }
        let refused = refusals(&report.scale_up, seen);
        if refused != told.refused {
            for (reason, pods) in &refused {
                if told.refused.get(reason) != Some(pods) {
                    made.push(NodeDecision {
                        pods: *pods,
                        ..decision(NodeAction::NoScaleUp, reason.clone())
                    });
                }
            }
            told.refused = refused;
        }
        for node in &report.deletion_started {
            let utilization = node.utilization.highest() * 100.0;
            let reason = format!("unneeded; {utilization:.0}% utilized");
            made.push(NodeDecision {
                pods: node.evicted_pods.len(),
                ..self.about(node.node, decision(NodeAction::ScaleDown, reason))
            });
        }
        for (node, result) in &report.deletion_results {
            if *result != DeletionResult::Ok {
                let failed = decision(NodeAction::ScaleDownFailed, result.name().to_owned());
                made.push(self.about(*node, failed));
            }
        }
        for (node, reason) in core.planner().found_at(now) {
            self.note_kept(reason, seen, view);
            let Some(reason) = self.blocking(reason, seen, view) else {
                continue;
            };
            if told.unremovable.get(&node) != Some(&reason) {
                told.unremovable.insert(node, reason.clone());
                made.push(self.about(node, decision(NodeAction::Unremovable, reason)));
            }
        }
        if let Some(record) = &mut self.recorder.recording.node_autoscaler {
            record.loops += 1;
            record.decisions.extend(made);
        }
    }

    /// A budget keeps a node that could be spared.
    fn note_kept(&mut self, reason: UnremovableReason, seen: &Observation<'_>, view: &View) {
        if let UnremovableReason::BlockedByPod(pod, BlockingReason::NotEnoughPdb) = reason
            && let Some(pod) = seen.pods.get(pod as usize)
            && let Some(pod) = view.key_of(pod.id)
        {
            self.note_blocked(pod, 0, seen.now);
        }
    }

    /// A decision about a node.
    fn about(&self, node: NodeId, decision: NodeDecision) -> NodeDecision {
        let instance = self.cloud.instance(instance_id(node));
        NodeDecision {
            group: self.cloud.spec(instance.group).name.clone(),
            node: instance.name.clone(),
            ..decision
        }
    }

    /// Why a node that could be spared stays, unless that is only a matter of time.
    fn blocking(
        &self,
        reason: UnremovableReason,
        seen: &Observation<'_>,
        view: &View,
    ) -> Option<String> {
        Some(match reason {
            UnremovableReason::BlockedByPod(pod, why) => {
                let pod = seen.pods.get(pod as usize).map(|pod| pod.id);
                let pod = pod.and_then(|id| self.store.pod(view.key_of(id)?));
                let pod = pod.map(|pod| format!("{}/{}", pod.meta.namespace, pod.name()));
                let pod = pod.unwrap_or_else(|| "a pod".to_owned());
                format!("{pod} holds it: {}", why.name())
            }
            UnremovableReason::NoPlaceToMovePods
            | UnremovableReason::BlockedByOnCompletionPod
            | UnremovableReason::ScaleDownDisabledAnnotation
            | UnremovableReason::MinimalResourceLimitExceeded => reason.name().to_owned(),
            _ => return None,
        })
    }
}

/// Pods that no group helps, by the reasons.
fn refusals(statuses: &[ScaleUpStatus], seen: &Observation<'_>) -> BTreeMap<String, usize> {
    let mut refused = BTreeMap::new();
    for status in statuses {
        let total = status.result == ScaleUpResult::LimitedByMaxNodesTotal;
        for info in &status.pods_remain_unschedulable {
            let named = info.rejected.iter().chain(&info.skipped);
            let reasons: Vec<String> = named
                .map(|(group, why)| format!("{}: {}", seen.group(*group).name, why.join(", ")))
                .collect();
            let reason = if total {
                "max total nodes in cluster reached".to_owned()
            } else {
                reasons.join("; ")
            };
            *refused.entry(reason).or_insert(0) += info.pods.len();
        }
    }
    refused
}
