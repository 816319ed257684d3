//! StatefulSets.

use std::sync::Arc;

use serde_json::{Value, json};

use super::replica_set::owned;
use super::template::template;
use super::{Clock, count, labels, meta};
use crate::api::meta::ObjectId;
use crate::api::store::Store;
use crate::api::workload::StatefulSetId;

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
    let policy = if set.parallel {
        "Parallel"
    } else {
        "OrderedReady"
    };
    Some(json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": meta::plain(&set.meta, store, clock),
        "spec": {
            "persistentVolumeClaimRetentionPolicy": {
                "whenDeleted": "Retain",
                "whenScaled": "Retain",
            },
            "podManagementPolicy": policy,
            "replicas": set.replicas,
            "revisionHistoryLimit": 10,
            "selector": {"matchLabels": labels(&set.selector)},
            "template": template(&set.template, &set.template.labels, "Always"),
            "updateStrategy": {"rollingUpdate": {"partition": 0}, "type": "RollingUpdate"},
        },
        "status": {
            "availableReplicas": ready,
            "collisionCount": 0,
            "currentReplicas": count(current),
            "observedGeneration": set.meta.generation,
            "readyReplicas": count(ready),
            "replicas": replicas,
            "updatedReplicas": count(updated),
        },
    }))
}
