//! Kind `ca_drain`: what a drain does with the pods of a node.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::autoscaler::cluster_autoscaler::drain::{
    DrainContext, Volume, blocking_local_storage, is_terminal, pods_to_move,
};
use crate::autoscaler::cluster_autoscaler::pdb::RemainingPdbTracker;
use crate::autoscaler::cluster_autoscaler::{
    ClassId, ControllerKind, NodeId, Options, Pdb, Pod, PodClass, PodId, Resources, SafeToEvict,
};
use crate::conformance::table::{difference, null_as_empty, rows};
use crate::conformance::{ReplayError, Report};
use crate::sim::SimTime;

#[derive(Debug, Deserialize)]
#[allow(clippy::struct_field_names, reason = "the flags' names")]
struct DrainOptions {
    skip_nodes_with_custom_controller_pods: bool,
    skip_nodes_with_local_storage: bool,
    skip_nodes_with_system_pods: bool,
}

#[derive(Debug, Deserialize)]
struct VolumeJson {
    name: String,
    kind: String,
}

#[derive(Debug, Deserialize)]
struct PodJson {
    name: String,
    namespace: String,
    app_label: String,
    owner_kind: String,
    safe_to_evict_annotation: String,
    safe_to_evict_local_volumes_annotation: String,
    #[serde(deserialize_with = "null_as_empty")]
    volumes: Vec<VolumeJson>,
    mirror_pod: bool,
    phase: String,
    restart_policy: String,
}

#[derive(Debug, Deserialize)]
struct PdbJson {
    namespace: String,
    app_label: String,
    disruptions_allowed: i32,
}

#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    options: DrainOptions,
    #[serde(deserialize_with = "null_as_empty")]
    pods_on_node: Vec<PodJson>,
    #[serde(deserialize_with = "null_as_empty")]
    pdbs: Vec<PdbJson>,
    expected: Output,
}

#[derive(Debug, Deserialize, PartialEq, Default)]
struct Output {
    drainable: bool,
    #[serde(deserialize_with = "null_as_empty")]
    pods_to_move: Vec<String>,
    #[serde(deserialize_with = "null_as_empty")]
    daemonset_pods: Vec<String>,
    blocking_pod: String,
    blocking_reason: String,
    pdb_allows_all_in_parallel: Option<bool>,
}

/// Nodes with their pods; where a pod blocks, only that pod and its reason count.
pub(in crate::conformance) fn drain(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for mut row in rows::<Row>(text)? {
        report.cases += 1;
        let got = decide(&row);
        if !row.expected.drainable {
            row.expected.pods_to_move.clear();
            row.expected.daemonset_pods.clear();
            row.expected.pdb_allows_all_in_parallel = None;
        }
        let input = (&row.options, &row.pods_on_node, &row.pdbs);
        report.step(difference(row.id.clone(), &row.expected, &got, &input));
    }
    Ok(report)
}

pub(super) fn kind_of(owner: &str) -> ControllerKind {
    match owner {
        "" | "none" => ControllerKind::None,
        "ReplicaSet" => ControllerKind::ReplicaSet,
        "ReplicationController" => ControllerKind::ReplicationController,
        "Job" => ControllerKind::Job,
        "StatefulSet" => ControllerKind::StatefulSet,
        "DaemonSet" => ControllerKind::DaemonSet,
        _ => ControllerKind::Custom,
    }
}

pub(super) fn safe_to_evict_of(annotation: &str) -> SafeToEvict {
    match annotation {
        "true" => SafeToEvict::True,
        "false" => SafeToEvict::False,
        "on-completion" => SafeToEvict::OnCompletion,
        _ => SafeToEvict::Unset,
    }
}

pub(super) fn volume_of(kind: &str) -> Volume {
    match kind {
        "hostPath" => Volume::HostPath,
        "emptyDir" => Volume::EmptyDir,
        _ => Volume::Other,
    }
}

fn decide(row: &Row) -> Output {
    let options = Options {
        skip_nodes_with_custom_controller_pods: row.options.skip_nodes_with_custom_controller_pods,
        skip_nodes_with_local_storage: row.options.skip_nodes_with_local_storage,
        skip_nodes_with_system_pods: row.options.skip_nodes_with_system_pods,
        ..Options::default()
    };
    let classes: Vec<PodClass> = row.pods_on_node.iter().map(class).collect();
    let pods: Vec<Pod> = row
        .pods_on_node
        .iter()
        .enumerate()
        .map(|(index, pod)| Pod {
            id: PodId(index as u32),
            class: ClassId(index as u32),
            controller: None,
            node: Some(NodeId(0)),
            created: SimTime::from_secs(-600),
            deletion: None,
            finished: is_terminal(&pod.restart_policy, &pod.phase),
        })
        .collect();
    let pdbs: Vec<Pdb> = row.pdbs.iter().map(|pdb| budget(row, pdb)).collect();
    let tracker = RemainingPdbTracker::new(&pdbs);
    let context = DrainContext {
        options: &options,
        pdbs: &tracker,
        controllers: None,
        now: SimTime::ZERO,
    };
    let listed = pods.iter().zip(&classes).enumerate();
    let name = |index: &usize| row.pods_on_node[*index].name.clone();
    match pods_to_move(
        &context,
        listed.map(|(index, (pod, class))| (index, pod, class)),
    ) {
        Err((index, reason)) => Output {
            blocking_pod: name(&index),
            blocking_reason: reason.name().to_owned(),
            ..Output::default()
        },
        Ok(info) => Output {
            drainable: true,
            pods_to_move: info.pods.iter().map(name).collect(),
            daemonset_pods: info.daemon_set_pods.iter().map(name).collect(),
            pdb_allows_all_in_parallel: Some(
                tracker.can_remove_in_parallel(info.pods.iter().map(|index| pods[*index].class)),
            ),
            ..Output::default()
        },
    }
}

fn class(pod: &PodJson) -> PodClass {
    let mut class = PodClass::new(Resources::default());
    class.kind = kind_of(&pod.owner_kind);
    class.kube_system = pod.namespace == "kube-system";
    class.safe_to_evict = safe_to_evict_of(&pod.safe_to_evict_annotation);
    class.mirror = pod.mirror_pod;
    class.local_storage = blocking_local_storage(
        pod.volumes
            .iter()
            .map(|volume| (volume.name.as_str(), volume_of(&volume.kind))),
        &pod.safe_to_evict_local_volumes_annotation,
    );
    class
}

fn budget(row: &Row, pdb: &PdbJson) -> Pdb {
    let selected: BTreeMap<usize, &PodJson> = row.pods_on_node.iter().enumerate().collect();
    let classes = selected
        .into_iter()
        .filter(|(_, pod)| pod.namespace == pdb.namespace && pod.app_label == pdb.app_label)
        .map(|(index, _)| ClassId(index as u32))
        .collect();
    Pdb {
        disruptions_allowed: pdb.disruptions_allowed,
        classes,
    }
}
