//! Kinds `ca_utilization`, `ca_unneeded`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use super::{mib, plain_node};
use crate::autoscaler::cluster_autoscaler::scale_down::unneeded::{
    GroupSizes, UnneededNodes, removal_threshold,
};
use crate::autoscaler::cluster_autoscaler::scale_up::quotas::Tracker;
use crate::autoscaler::cluster_autoscaler::simulator::removal::NodeToBeRemoved;
use crate::autoscaler::cluster_autoscaler::simulator::utilization::calculate;
use crate::autoscaler::cluster_autoscaler::{
    ControllerKind, GroupId, Node, NodeGroup, NodeGroupOptions, NodeId, NodeShape, Observation,
    Options, PodClass, Resources,
};
use crate::conformance::table::{close, difference, rows};
use crate::conformance::{ReplayError, Report};
use crate::sim::{SimDuration, SimTime};
use crate::units::Millicores;

#[derive(Debug, Deserialize)]
struct UtilizationPod {
    cpu_milli: i64,
    memory_mib: i64,
    daemonset: bool,
    mirror: bool,
}

#[derive(Debug, Deserialize)]
struct UtilizationRow {
    id: String,
    allocatable_cpu_milli: i64,
    allocatable_memory_mib: i64,
    ignore_daemonsets_utilization: bool,
    ignore_mirror_pods_utilization: bool,
    threshold: f64,
    pods: Vec<UtilizationPod>,
    expected: UtilizationOutput,
}

#[derive(Debug, Deserialize)]
struct UtilizationOutput {
    cpu_utilization: f64,
    memory_utilization: f64,
    utilization: f64,
    eligible_for_scale_down: bool,
}

impl PartialEq for UtilizationOutput {
    fn eq(&self, other: &Self) -> bool {
        close(self.cpu_utilization, other.cpu_utilization)
            && close(self.memory_utilization, other.memory_utilization)
            && close(self.utilization, other.utilization)
            && self.eligible_for_scale_down == other.eligible_for_scale_down
    }
}

/// How full nodes are, and whether they may go.
pub(in crate::conformance) fn utilization(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for row in rows::<UtilizationRow>(text)? {
        report.cases += 1;
        let classes: Vec<PodClass> = row
            .pods
            .iter()
            .map(|pod| {
                let requests = Resources::new(Millicores(pod.cpu_milli), mib(pod.memory_mib));
                let mut class = PodClass::new(requests);
                class.mirror = pod.mirror;
                if pod.daemonset {
                    class.kind = ControllerKind::DaemonSet;
                }
                class
            })
            .collect();
        let found = calculate(
            &Resources::new(
                Millicores(row.allocatable_cpu_milli),
                mib(row.allocatable_memory_mib),
            ),
            classes.iter().map(|class| (None, class)),
            row.ignore_daemonsets_utilization,
            row.ignore_mirror_pods_utilization,
            SimTime::ZERO,
        );
        let got = found.map(|found| UtilizationOutput {
            cpu_utilization: found.cpu,
            memory_utilization: found.memory,
            utilization: found.highest(),
            eligible_for_scale_down: found.highest() <= row.threshold,
        });
        let expected = Some(&row.expected);
        report.step(difference(row.id.clone(), &expected, &got.as_ref(), &row));
    }
    Ok(report)
}

#[derive(Debug, Deserialize)]
struct UnneededNode {
    node: String,
    has_pods_to_move: bool,
    ready: bool,
    scale_down_disabled_annotation: bool,
}

#[derive(Debug, Deserialize)]
struct UnneededTick {
    t_s: i64,
    unneeded_now: Vec<String>,
    deletions_in_progress: i64,
    expected_removable_empty: Option<Vec<String>>,
    expected_removable_empty_count: usize,
    expected_removable_drain: Option<Vec<String>>,
    expected_removable_drain_count: usize,
}

#[derive(Debug, Deserialize)]
struct UnneededRow {
    id: String,
    unneeded_time_s: i64,
    unready_time_s: i64,
    group_min_size: i64,
    group_target_size: i64,
    nodes: Vec<UnneededNode>,
    ticks: Vec<UnneededTick>,
}

/// Nodes that ripen for removal; each tick is a step.
pub(in crate::conformance) fn unneeded(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for row in rows::<UnneededRow>(text)? {
        report.cases += 1;
        replay_unneeded(&row, &mut report);
    }
    Ok(report)
}

fn replay_unneeded(row: &UnneededRow, report: &mut Report) {
    let options = Options {
        scale_down_unneeded_time: SimDuration::from_secs(row.unneeded_time_s),
        scale_down_unready_time: SimDuration::from_secs(row.unready_time_s),
        ..Options::default()
    };
    let groups = [NodeGroup {
        name: "group".to_owned(),
        min: row.group_min_size,
        max: i64::MAX,
        options: NodeGroupOptions::default(),
        template: None,
        price: None,
    }];
    let shape = Arc::new(plain_node(1000, 1000, 110));
    let nodes: Vec<Node> = row
        .nodes
        .iter()
        .enumerate()
        .map(|(index, node)| recorded_node(index, node, &shape))
        .collect();
    let mut unneeded = UnneededNodes::default();
    for tick in &row.ticks {
        let seen = Observation {
            now: SimTime::from_secs(tick.t_s),
            nodes: &nodes,
            pods: &[],
            pending: &[],
            changed: None,
            classes: &[],
            pdbs: &[],
            controllers: &[],
            daemon_sets: &[],
            groups: &groups,
            pod_prices: None,
            priorities: None,
        };
        let now: BTreeSet<&String> = tick.unneeded_now.iter().collect();
        let named = row.nodes.iter().enumerate();
        let removals = named
            .filter(|(_, node)| now.contains(&node.node))
            .map(|(index, node)| NodeToBeRemoved {
                node: NodeId(index as u32),
                risky: false,
                pods_to_reschedule: usize::from(node.has_pods_to_move),
                on_completion_pods: false,
            });
        unneeded.update(removals.collect(), seen.now, |node| {
            removal_threshold(&seen, &options, &nodes[node.0 as usize])
        });
        let mut sizes = GroupSizes {
            targets: vec![row.group_target_size],
            deletions: BTreeMap::from([(GroupId(0), tick.deletions_in_progress)]),
        };
        let mut tracker = Tracker::min(&options, nodes.iter().map(|node| (node.group, &*shape)));
        let found = unneeded.removable_at(
            &seen,
            &|node| nodes.get(node.0 as usize),
            &mut sizes,
            &mut tracker,
        );
        let names = |found: &[NodeToBeRemoved], expected: &Option<Vec<String>>| {
            // Where the group's min decides, any will do.
            let name = |removal: &NodeToBeRemoved| row.nodes[removal.node.0 as usize].node.clone();
            expected
                .as_ref()
                .map(|_| found.iter().map(name).collect::<Vec<String>>())
        };
        let got = (
            found.empty.len(),
            names(&found.empty, &tick.expected_removable_empty),
            found.need_drain.len(),
            names(&found.need_drain, &tick.expected_removable_drain),
        );
        let expected = (
            tick.expected_removable_empty_count,
            tick.expected_removable_empty.clone(),
            tick.expected_removable_drain_count,
            tick.expected_removable_drain.clone(),
        );
        let place = format!("{} t={} s", row.id, tick.t_s);
        report.step(difference(place, &expected, &got, tick));
    }
}

fn recorded_node(index: usize, node: &UnneededNode, shape: &Arc<NodeShape>) -> Node {
    Node {
        id: NodeId(index as u32),
        group: Some(GroupId(0)),
        created: SimTime::ZERO,
        ready: node.ready,
        last_transition: SimTime::ZERO,
        unschedulable: false,
        scale_down_disabled: node.scale_down_disabled_annotation,
        to_be_deleted: None,
        shape: Arc::clone(shape),
    }
}
