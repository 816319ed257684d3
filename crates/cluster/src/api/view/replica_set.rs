//! ReplicaSets.

use serde_json::{Value, json};

use super::template::template;
use super::{Clock, count, meta, replica_set_counts, selector};
use crate::api::index::WorkloadId;
use crate::api::meta::{Labels, ObjectId};
use crate::api::pod::Pod;
use crate::api::store::Store;
use crate::api::workload::{ReplicaSetId, RolloutAnnotations};

pub(super) fn view(id: ReplicaSetId, store: &Store, clock: Clock) -> Option<Value> {
    let set = store.replica_set(id)?;
    let counts = replica_set_counts(id, set, store, clock.now);
    let metadata = meta::metadata(&set.meta, &annotations(&set.rollout), None, store, clock);
    Some(json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": metadata,
        "spec": {
            "minReadySeconds": count(set.rollout.min_ready_seconds),
            "replicas": set.replicas,
            "selector": selector(&set.selector),
            "template": template(&set.template, &set.pod_labels),
        },
        "status": {
            "availableReplicas": count(counts.available),
            "fullyLabeledReplicas": count(counts.replicas),
            "observedGeneration": set.meta.generation,
            "readyReplicas": count(counts.ready),
            "replicas": counts.replicas,
            "terminatingReplicas": counts.terminating,
        },
    }))
}

/// The pods of a workload that an object owns.
pub(super) fn owned(
    owner: ObjectId,
    workload: WorkloadId,
    store: &Store,
) -> impl Iterator<Item = &Pod> {
    let pods = store.workload(workload).pods.iter();
    let pods = pods.filter_map(|pod| store.pod(*pod));
    pods.filter(move |pod| pod.meta.owner == Some(owner) && !pod.removed)
}

/// What the Deployment notes at its ReplicaSet.
fn annotations(rollout: &RolloutAnnotations) -> Labels {
    let history = Some(rollout.revision_history.to_string()).filter(|text| !text.is_empty());
    let noted = [
        (
            "desired-replicas",
            rollout.desired_replicas.map(|n| n.to_string()),
        ),
        ("max-replicas", rollout.max_replicas.map(|n| n.to_string())),
        ("revision", rollout.revision.map(|n| n.to_string())),
        ("revision-history", history),
    ];
    let noted = noted.into_iter();
    noted
        .filter_map(|(key, value)| Some((format!("deployment.kubernetes.io/{key}"), value?)))
        .collect()
}
