//! Tables of the kubelet and the node: `kubelet_memory_eviction_rank` and
//! `node_allocatable_formula`.

use serde::Deserialize;

use super::{ReplayError, Report, table};
use crate::cluster::allocatable::{Reserved, allocatable};
use crate::kubelet::eviction::{MemoryUse, memory_eviction_order};
use crate::units::{Bytes, Millicores};

#[derive(Deserialize)]
struct RankCase {
    id: String,
    pods: Vec<PodJson>,
    eviction_order: Vec<String>,
}

#[derive(Deserialize, Debug)]
struct PodJson {
    name: String,
    priority: i32,
    memory_request_bytes: i64,
    working_set_bytes: Option<i64>,
}

/// Replays lists of pods under memory pressure; the order is the step.
pub(super) fn memory_eviction_rank(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<RankCase>(text)? {
        report.cases += 1;
        let uses = |pod: &PodJson| MemoryUse {
            priority: pod.priority,
            request: Bytes(pod.memory_request_bytes),
            working_set: pod.working_set_bytes.map(Bytes),
        };
        let uses: Vec<MemoryUse> = case.pods.iter().map(uses).collect();
        let order = memory_eviction_order(&uses).into_iter();
        let got: Vec<String> = order.map(|place| case.pods[place].name.clone()).collect();
        report.step(table::difference(
            case.id,
            &case.eviction_order,
            &got,
            &case.pods,
        ));
    }
    Ok(report)
}

#[derive(Deserialize)]
struct NodeCase {
    id: String,
    capacity_cpu_milli: i64,
    capacity_memory_bytes: i64,
    max_pods: u32,
    gke_allocatable_cpu_milli: i64,
    gke_allocatable_memory_bytes: i64,
    eks_allocatable_cpu_milli: i64,
    eks_allocatable_memory_bytes: i64,
}

/// Replays sizes of nodes with both providers' reservations.
pub(super) fn node_allocatable(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for case in table::rows::<NodeCase>(text)? {
        report.cases += 1;
        let (cpu, memory) = (
            Millicores(case.capacity_cpu_milli),
            Bytes(case.capacity_memory_bytes),
        );
        let got = [Reserved::Gke, Reserved::Eks]
            .map(|reserved| allocatable(cpu, memory, case.max_pods, reserved));
        let expected = [
            (
                Millicores(case.gke_allocatable_cpu_milli),
                Bytes(case.gke_allocatable_memory_bytes),
            ),
            (
                Millicores(case.eks_allocatable_cpu_milli),
                Bytes(case.eks_allocatable_memory_bytes),
            ),
        ];
        let input = (cpu, memory, case.max_pods);
        report.step(table::difference(case.id, &expected, &got, &input));
    }
    Ok(report)
}
