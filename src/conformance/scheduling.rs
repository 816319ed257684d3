//! Tables of how requests become places and shares: `scheduler_resource_scores`,
//! `scheduler_topology_spread_default` and `cpu_weight`.

use serde::Deserialize;

use super::{ReplayError, Report, table};
use crate::api::{Amounts, PodAmounts};
use crate::cluster::spec::CpuWeightModel;
use crate::kubelet::cpu_weight as weight;
use crate::scheduler::fit::{Room, insufficient_resources};
use crate::scheduler::score::{
    SpreadNode, balanced_allocation, balanced_change, least_allocated, most_allocated,
    spread_normalized, spread_raw, zone_numbers,
};
use crate::units::{Bytes, Millicores};

#[derive(Deserialize)]
struct ScoreCase {
    id: String,
    pod: PodJson,
    #[serde(default, deserialize_with = "table::null_as_empty")]
    nodes: Vec<NodeJson>,
}

#[derive(Deserialize, Debug)]
struct PodJson {
    #[serde(default, deserialize_with = "table::null_as_empty")]
    containers: Vec<ContainerJson>,
}

#[derive(Deserialize, Debug)]
struct ContainerJson {
    cpu_milli: Option<i64>,
    memory_bytes: Option<i64>,
}

#[derive(Deserialize, Debug)]
struct NodeJson {
    name: String,
    allocatable_cpu_milli: i64,
    allocatable_memory_bytes: i64,
    allocatable_pods: u32,
    #[serde(default, deserialize_with = "table::null_as_empty")]
    pods: Vec<PodJson>,
    #[serde(flatten)]
    scores: Scores,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Scores {
    fits: bool,
    #[serde(default, deserialize_with = "table::null_as_empty")]
    insufficient: Vec<String>,
    least_allocated: i64,
    most_allocated: i64,
    balanced_allocation_v1_36: Option<i64>,
    balanced_allocation_classic: Option<i64>,
}

impl PodJson {
    fn wanted(&self) -> PodAmounts {
        let requests = || {
            self.containers.iter().map(|container| {
                (
                    container.cpu_milli.map(Millicores),
                    container.memory_bytes.map(Bytes),
                )
            })
        };
        let raw = Amounts {
            cpu: requests().filter_map(|(cpu, _)| cpu).sum(),
            memory: requests().filter_map(|(_, memory)| memory).sum(),
        };
        PodAmounts::new(raw, requests())
    }
}

/// Replays filters and scores of resources; each node is a step.
pub(super) fn scheduler_resource_scores(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<ScoreCase>(text)? {
        report.cases += 1;
        let wanted = case.pod.wanted();
        for node in &case.nodes {
            let place = format!("{} node {}", case.id, node.name);
            let got = scores(node, &wanted);
            let input = (&case.pod, node);
            report.step(table::difference(place, &node.scores, &got, &input));
        }
    }
    Ok(report)
}

fn scores(node: &NodeJson, wanted: &PodAmounts) -> Scores {
    let allocatable = Amounts {
        cpu: Millicores(node.allocatable_cpu_milli),
        memory: Bytes(node.allocatable_memory_bytes),
    };
    let (mut raw, mut nonzero) = (Amounts::default(), wanted.nonzero);
    for pod in &node.pods {
        let pod = pod.wanted();
        raw = raw + pod.raw;
        nonzero = nonzero + pod.nonzero;
    }
    let room = Room {
        allocatable,
        requested: raw,
        pods: node.pods.len() as u32,
        max_pods: node.allocatable_pods,
    };
    let insufficient: Vec<String> = insufficient_resources(room, wanted)
        .reasons()
        .map(str::to_owned)
        .collect();
    let with_pod = raw + wanted.raw;
    let scored = |score: i64| wanted.has_requests().then_some(score);
    Scores {
        fits: insufficient.is_empty(),
        insufficient,
        least_allocated: least_allocated(allocatable, nonzero),
        most_allocated: most_allocated(allocatable, nonzero),
        balanced_allocation_v1_36: scored(balanced_change(allocatable, raw, with_pod)),
        balanced_allocation_classic: scored(balanced_allocation(allocatable, with_pod)),
    }
}

#[derive(Deserialize)]
struct SpreadCase {
    id: String,
    #[serde(default, deserialize_with = "table::null_as_empty")]
    nodes: Vec<SpreadNodeJson>,
}

#[derive(Deserialize, Debug)]
struct SpreadNodeJson {
    zone: String,
    matching_pods: u32,
    raw_score: i64,
    normalized_score: i64,
}

/// Replays PodTopologySpread's default constraints; a row's nodes together are a step.
pub(super) fn scheduler_topology_spread_default(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<SpreadCase>(text)? {
        report.cases += 1;
        let zones = zone_numbers(case.nodes.iter().map(|node| node.zone.as_str()));
        let nodes: Vec<SpreadNode> = (case.nodes.iter().zip(zones))
            .map(|(node, zone)| SpreadNode {
                matching: node.matching_pods,
                zone,
                is_candidate: true,
            })
            .collect();
        let raw = spread_raw(&nodes);
        let normalized = spread_normalized(&raw);
        let recorded = |of: fn(&SpreadNodeJson) -> i64| case.nodes.iter().map(of).collect();
        let expected = (
            recorded(|node| node.raw_score),
            recorded(|node| node.normalized_score),
        );
        report.step(table::difference(
            case.id,
            &expected,
            &(raw, normalized),
            &case.nodes,
        ));
    }
    Ok(report)
}

#[derive(Deserialize)]
struct WeightCase {
    id: String,
    cpu_request_milli: i64,
    cpu_shares: u32,
    cgroup_v2_cpu_weight_new_quadratic: u32,
    cgroup_v2_cpu_weight_old_linear: u32,
}

/// Replays the weights of CPU requests.
pub(super) fn cpu_weight(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<WeightCase>(text)? {
        report.cases += 1;
        let request = Some(Millicores(case.cpu_request_milli));
        let got = [
            CpuWeightModel::Shares,
            CpuWeightModel::V2New,
            CpuWeightModel::V2Old,
        ]
        .map(|model| weight(request, model));
        let expected = [
            case.cpu_shares,
            case.cgroup_v2_cpu_weight_new_quadratic,
            case.cgroup_v2_cpu_weight_old_linear,
        ];
        report.step(table::difference(case.id, &expected, &got, &request));
    }
    Ok(report)
}
