//! StatefulSets.

use std::sync::Arc;

use serde_json::{Value, json};

use super::replica_set::owned;
use super::template::template;
use super::{Clock, count, meta, selector};
use crate::api::meta::ObjectId;
use crate::api::store::Store;
use crate::api::workload::StatefulSetId;
use crate::controller::statefulset::{RevisionKey, UpdateStrategy};

pub(super) fn view(id: StatefulSetId, store: &Store, clock: Clock) -> Option<Value> {
    let set = store.stateful_set(id)?;
    let (mut replicas, mut ready, mut updated, mut older) = (0, 0, 0, 0);
    for pod in owned(ObjectId::StatefulSet(id), set.workload, store) {
        replicas += 1;
        ready += i32::from(pod.ready && !pod.has_ended());
        if !pod.is_deleting() {
            let is_updated =
                Arc::ptr_eq(&pod.template, &set.template) || pod.template == set.template;
            updated += i32::from(is_updated);
            older += i32::from(!is_updated);
        }
    }
    // The current revision is the one that a roll-out replaces, if one is under way.
    let current = if older > 0 { older } else { updated };
    let spec = &set.spec;
    let policy = if spec.is_parallel {
        "Parallel"
    } else {
        "OrderedReady"
    };
    let revision = |key: Option<RevisionKey>| key.map(|key| set.revision_name(key));
    Some(json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": meta::plain(&set.meta, store, clock),
        "spec": {
            "persistentVolumeClaimRetentionPolicy": {
                "whenDeleted": "Retain",
                "whenScaled": "Retain",
            },
            "minReadySeconds": count(spec.min_ready_seconds),
            "ordinals": (spec.start_ordinal > 0).then(|| json!({"start": spec.start_ordinal})),
            "podManagementPolicy": policy,
            "replicas": spec.replicas,
            "revisionHistoryLimit": spec.revision_history_limit,
            "selector": selector(&set.selector),
            "template": template(&set.template, &set.template.labels, "Always"),
            "updateStrategy": strategy(spec.update_strategy),
        },
        "status": {
            "availableReplicas": ready,
            "collisionCount": 0,
            "currentReplicas": count(current),
            "currentRevision": revision(set.status.current_revision),
            "observedGeneration": set.meta.generation,
            "readyReplicas": count(ready),
            "replicas": replicas,
            "updateRevision": revision(set.status.update_revision),
            "updatedReplicas": count(updated),
        },
    }))
}

fn strategy(of: UpdateStrategy) -> Value {
    match of {
        UpdateStrategy::OnDelete => json!({"type": "OnDelete"}),
        UpdateStrategy::RollingUpdate { partition } => json!({
            "rollingUpdate": partition.map(|partition| json!({"partition": partition})),
            "type": "RollingUpdate",
        }),
    }
}
