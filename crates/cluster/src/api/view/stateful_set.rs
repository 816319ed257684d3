//! StatefulSets.

use serde_json::{Value, json};

use super::template::template;
use super::{Clock, count, int_or_percent, meta, selector, stateful_set_counts};
use crate::api::store::Store;
use crate::api::workload::StatefulSetId;
use crate::controller::statefulset::{RevisionKey, StatefulSetSpec, UpdateStrategy};

pub(super) fn view(id: StatefulSetId, store: &Store, clock: Clock) -> Option<Value> {
    let set = store.stateful_set(id)?;
    let counts = stateful_set_counts(id, set, store);
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
            "template": template(&set.template, &set.template.labels),
            "updateStrategy": strategy(spec),
        },
        "status": {
            "availableReplicas": counts.ready,
            "collisionCount": 0,
            "currentReplicas": count(counts.current),
            "currentRevision": revision(set.status.current_revision),
            "observedGeneration": set.meta.generation,
            "readyReplicas": count(counts.ready),
            "replicas": counts.replicas,
            "updateRevision": revision(set.status.update_revision),
            "updatedReplicas": count(counts.updated),
        },
    }))
}

fn strategy(spec: &StatefulSetSpec) -> Value {
    let most = spec.max_unavailable.map(int_or_percent);
    match spec.update_strategy {
        UpdateStrategy::OnDelete => json!({"type": "OnDelete"}),
        UpdateStrategy::RollingUpdate { partition } => json!({
            "rollingUpdate": partition
                .map(|partition| json!({"maxUnavailable": most, "partition": partition})),
            "type": "RollingUpdate",
        }),
    }
}
