//! ReplicaSets.

use serde_json::{Value, json};

use super::template::template;
use super::{Clock, count, meta, selector};
use crate::api::index::WorkloadId;
use crate::api::meta::{Labels, ObjectId};
use crate::api::pod::Pod;
use crate::api::store::Store;
use crate::api::workload::{ReplicaSetId, RolloutAnnotations};
use crate::sim::SimDuration;

pub(super) fn view(id: ReplicaSetId, store: &Store, clock: Clock) -> Option<Value> {
    let set = store.replica_set(id)?;
    let wait = SimDuration::from_secs(i64::from(set.rollout.min_ready_seconds));
    let (mut replicas, mut ready, mut available, mut terminating) = (0, 0, 0, 0);
    for pod in owned(ObjectId::ReplicaSet(id), set.workload, store) {
        terminating += i32::from(pod.is_deleting() && !pod.has_ended());
        replicas += i32::from(pod.is_active());
        let is_ready = pod.is_ready();
        ready += i32::from(is_ready);
        let is_available = wait == SimDuration::ZERO || pod.ready_transition + wait <= clock.now;
        available += i32::from(is_ready && is_available);
    }
    let metadata = meta::metadata(&set.meta, &annotations(&set.rollout), None, store, clock);
    Some(json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": metadata,
        "spec": {
            "minReadySeconds": count(set.rollout.min_ready_seconds),
            "replicas": set.replicas,
            "selector": selector(&set.selector),
            "template": template(&set.template, &set.pod_labels, "Always"),
        },
        "status": {
            "availableReplicas": count(available),
            "fullyLabeledReplicas": count(replicas),
            "observedGeneration": set.meta.generation,
            "readyReplicas": count(ready),
            "replicas": replicas,
            "terminatingReplicas": terminating,
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
