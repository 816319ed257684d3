//! Findings about the node autoscaler.

use std::collections::BTreeMap;

use super::{Finding, Severity};
use crate::record::{NodeAction, NodeAutoscalerRecord, NodeDecision, NodeWait, Recording};
use crate::sim::{SimDuration, SimTime};

/// Pods that wait for so long wait for a node that does not come by itself.
const LONG: SimDuration = SimDuration::from_secs(60);

/// What is to be said about the node autoscaler.
pub(super) fn node_autoscaler(recording: &Recording) -> Vec<Finding> {
    let Some(record) = &recording.node_autoscaler else {
        return Vec::new();
    };
    let mut found = Vec::new();
    found.extend(too_small(record));
    found.extend(refused(record));
    found.extend(held(record, recording));
    found.extend(provisioning(record));
    found
}

/// What its nodes are made of.
fn groups(record: &NodeAutoscalerRecord) -> &'static str {
    match record.name {
        "Karpenter" => "NodePool",
        _ => "node group",
    }
}

/// In whole seconds.
fn seconds(span: SimDuration) -> SimDuration {
    SimDuration::from_secs(span.as_secs_f64().round() as i64)
}

fn of_action(
    record: &NodeAutoscalerRecord,
    action: NodeAction,
) -> impl Iterator<Item = &NodeDecision> {
    let decisions = record.decisions.iter();
    decisions.filter(move |decision| decision.action == action)
}

/// Pods that no group could help, with the reasons of the longest time.
fn too_small(record: &NodeAutoscalerRecord) -> Option<Finding> {
    // The refusal in force the longest while pods waited.
    let refusals: Vec<&NodeDecision> = of_action(record, NodeAction::NoScaleUp)
        .filter(|decision| !decision.reason.is_empty())
        .collect();
    let (mut worst, mut most): (Option<(&NodeDecision, SimDuration)>, usize) = (None, 0);
    for decision in refusals {
        // Who got a new node was helped in the end.
        let lasts = |wait: &&NodeWait| {
            !wait.new_node && wait.from <= decision.time && decision.time < wait.until
        };
        let waits = record.waits.iter().filter(lasts);
        let longest = waits.map(|wait| wait.until - wait.from).max();
        let longest = longest.unwrap_or(SimDuration::ZERO);
        most = most.max(decision.pods);
        if worst.is_none_or(|(_, length)| longest > length) {
            worst = Some((decision, longest));
        }
    }
    let (decision, longest) = worst.filter(|(_, longest)| *longest >= LONG)?;
    let longest = seconds(longest);
    let full = record
        .groups
        .iter()
        .filter(|(name, _)| {
            decision
                .reason
                .contains(&format!("{name}: max node group size reached"))
        })
        .map(|(name, (_, max))| format!("node group {name} stood at its max of {max}"));
    let backed_off = record.groups.iter().filter(|(name, _)| {
        let words = format!("{name}: in backoff after failed scale-up");
        decision.reason.contains(&words)
    });
    let backed_off = backed_off
        .map(|(name, _)| format!("node group {name} was backed off after a failed scale-up"));
    let limits = record.limits.iter();
    let limits = limits.filter(|(words, _)| decision.reason.contains(words));
    let limits = limits.map(|(_, limit)| limit.clone());
    let full: Vec<String> = full.chain(backed_off).chain(limits).collect();
    let why = if full.is_empty() {
        decision.reason.clone()
    } else {
        full.join(", ")
    };
    let pods = if most == 1 { "pod" } else { "pods" };
    Some(Finding {
        severity: Severity::Warning,
        subject: record.name.to_owned(),
        text: format!(
            "up to {most} {pods} waited for a node, the longest for {longest}, that no {} could give (first at {}): {why}",
            groups(record),
            seconds(decision.time - SimTime::ZERO)
        ),
    })
}

/// Requests for nodes that came to nothing.
fn refused(record: &NodeAutoscalerRecord) -> Vec<Finding> {
    let mut failures: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for decision in of_action(record, NodeAction::ScaleUpFailed) {
        let key = (decision.group.as_str(), decision.reason.as_str());
        *failures.entry(key).or_default() += 1;
    }
    let finding = |((group, reason), count): ((&str, &str), u64)| Finding {
        severity: Severity::Warning,
        subject: format!("NodeGroup/{group}"),
        text: format!(
            "{count} {} for nodes came to nothing: {reason}",
            if count == 1 { "request" } else { "requests" }
        ),
    };
    failures.into_iter().map(finding).collect()
}

/// Nodes that could be spared, but that something holds.
fn held(record: &NodeAutoscalerRecord, recording: &Recording) -> Vec<Finding> {
    // Many pods may hold nodes for one reason: the first stands for all of them.
    let mut reasons: BTreeMap<&str, (&str, SimTime, Vec<&str>)> = BTreeMap::new();
    let unremovable = of_action(record, NodeAction::Unremovable);
    for decision in unremovable.chain(of_action(record, NodeAction::ScaleDownFailed)) {
        let reason = decision.reason.as_str();
        let kind = reason
            .split_once(" holds it: ")
            .map_or(reason, |(_, kind)| kind);
        let first = (reason, decision.time, Vec::new());
        let (_, _, nodes) = reasons.entry(kind).or_insert(first);
        if !nodes.contains(&decision.node.as_str()) {
            nodes.push(&decision.node);
        }
    }
    let mut held: Vec<(&str, SimTime, Vec<&str>)> = reasons.into_values().collect();
    held.retain(|(reason, ..)| *reason != "NoPlaceToMovePods");
    held.sort_unstable();
    let finding = |(reason, since, nodes): (&str, SimTime, Vec<&str>)| Finding {
        severity: Severity::Info,
        subject: record.name.to_owned(),
        text: match nodes.as_slice() {
            [node] => {
                let stayed = stayed(node, since, recording);
                format!("node {node} was not needed from {stayed}: {reason}")
            }
            [node, ..] => {
                let (others, stayed) = (nodes.len() - 1, stayed(node, since, recording));
                format!("node {node} and {others} more were not needed from {stayed}: {reason}")
            }
            [] => reason.to_owned(),
        },
    };
    held.into_iter().map(finding).collect()
}

/// From when on a node was not needed, and how long it stayed.
fn stayed(node: &str, since: SimTime, recording: &Recording) -> String {
    let end = SimTime::ZERO + recording.duration;
    let mut nodes = recording.nodes.iter().rev();
    let gone = nodes.find(|one| one.name == node).and_then(|one| one.ended);
    let (until, length) = match gone.filter(|gone| *gone < end) {
        Some(gone) => (
            format!("until {}", seconds(gone - SimTime::ZERO)),
            gone - since,
        ),
        None => ("to the end".to_owned(), end - since),
    };
    let since = seconds(since - SimTime::ZERO);
    format!("{since} on, but stayed {until}, for {}", seconds(length))
}

/// How long pods waited for nodes that came.
fn provisioning(record: &NodeAutoscalerRecord) -> Option<Finding> {
    let first = of_action(record, NodeAction::ScaleUp).next()?.time;
    let came = record.waits.iter();
    let came = came.filter(|wait| wait.new_node && wait.until >= first);
    let mut waits: Vec<SimDuration> = came.map(|wait| wait.until - wait.from).collect();
    let longest = waits.iter().max().copied()?;
    waits.sort_unstable();
    let (median, longest) = (seconds(waits[waits.len() / 2]), seconds(longest));
    let pods = if waits.len() == 1 { "pod" } else { "pods" };
    Some(Finding {
        severity: Severity::Info,
        subject: record.name.to_owned(),
        text: format!(
            "{} {pods} waited for a new node to come up, {median} at the median and {longest} at most, before they could start",
            waits.len()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(second: i64, action: NodeAction, node: &str, reason: &str) -> NodeDecision {
        NodeDecision {
            time: SimTime::from_secs(second),
            action,
            group: "general".to_owned(),
            node: node.to_owned(),
            size: None,
            pods: 6,
            reason: reason.to_owned(),
        }
    }

    fn wait(from: i64, until: i64) -> NodeWait {
        NodeWait {
            from: SimTime::from_secs(from),
            until: SimTime::from_secs(until),
            got_one: true,
            new_node: false,
        }
    }

    fn wait_for_new(from: i64, until: i64) -> NodeWait {
        NodeWait {
            new_node: true,
            ..wait(from, until)
        }
    }

    fn texts(decisions: Vec<NodeDecision>, waits: Vec<NodeWait>) -> Vec<String> {
        let recording = Recording {
            duration: SimDuration::from_secs(1000),
            node_autoscaler: Some(NodeAutoscalerRecord {
                name: "ClusterAutoscaler",
                groups: vec![("general".to_owned(), (1, 10))],
                limits: vec![(
                    "max total nodes in cluster reached",
                    "max-nodes-total is 12".to_owned(),
                )],
                decisions,
                waits,
                loops: 100,
            }),
            ..Recording::default()
        };
        let found = node_autoscaler(&recording);
        found.into_iter().map(|finding| finding.text).collect()
    }

    #[test]
    fn a_group_at_its_max_is_named_with_the_pods_that_waited() {
        let refused = "general: max node group size reached";
        let found = texts(
            vec![decision(110, NodeAction::NoScaleUp, "", refused)],
            vec![wait(100, 300), wait(100, 170), wait_for_new(100, 500)],
        );
        assert_eq!(
            found,
            [
                "up to 6 pods waited for a node, the longest for 3m20s, that no node group could give (first at 1m50s): node group general stood at its max of 10"
            ]
        );
    }

    #[test]
    fn limits_of_the_whole_cluster_and_groups_that_are_backed_off_are_named() {
        for (refused, why) in [
            (
                "max total nodes in cluster reached",
                "max-nodes-total is 12",
            ),
            (
                "general: in backoff after failed scale-up",
                "node group general was backed off after a failed scale-up",
            ),
            ("general: Insufficient cpu", "general: Insufficient cpu"),
        ] {
            let decision = decision(110, NodeAction::NoScaleUp, "", refused);
            let found = texts(vec![decision], vec![wait(100, 300)]);
            assert!(found[0].ends_with(&format!(": {why}")), "{found:?}");
        }
    }

    #[test]
    fn nodes_that_are_held_and_nodes_that_come_late_are_told() {
        let budget = "default/web-1 holds it: NotEnoughPdb";
        let other = "default/api-1 holds it: NotEnoughPdb";
        let found = texts(
            vec![
                decision(20, NodeAction::ScaleUp, "", "pods waited"),
                decision(700, NodeAction::Unremovable, "general-2", budget),
                decision(710, NodeAction::Unremovable, "general-3", other),
                decision(
                    710,
                    NodeAction::Unremovable,
                    "general-3",
                    "NoPlaceToMovePods",
                ),
            ],
            vec![wait_for_new(10, 160), wait(10, 400)],
        );
        let expected = [
            "node general-2 and 1 more were not needed from 11m40s on, but stayed to the end, for 5m0s: default/web-1 holds it: NotEnoughPdb",
            "1 pod waited for a new node to come up, 2m30s at the median and 2m30s at most, before they could start",
        ];
        assert_eq!(found, expected);
    }
}
