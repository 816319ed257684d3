//! DaemonSets.

use serde_json::{Value, json};

use super::template::template;
use super::{Clock, count, daemon_set_counts, meta, selector};
use crate::api::policy::IntOrPercent;
use crate::api::store::Store;
use crate::api::workload::DaemonSetId;

pub(super) fn view(id: DaemonSetId, store: &Store, clock: Clock) -> Option<Value> {
    let set = store.daemon_set(id)?;
    let counts = daemon_set_counts(id, set, store, clock.now);
    let update = &set.update;
    let strategy = if update.on_delete {
        json!({"type": "OnDelete"})
    } else {
        json!({
            "rollingUpdate": {
                "maxSurge": amount(update.max_surge),
                "maxUnavailable": amount(update.max_unavailable),
            },
            "type": "RollingUpdate",
        })
    };
    let mut own = crate::api::meta::Labels::new();
    let generation = set.template_generation.to_string();
    own.insert(
        "deprecated.daemonset.template.generation".to_owned(),
        generation,
    );
    Some(json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": meta::metadata(&set.meta, &own, None, store, clock),
        "spec": {
            "minReadySeconds": count(update.min_ready_seconds),
            "revisionHistoryLimit": 10,
            "selector": selector(&set.selector),
            "template": template(&set.template, &set.template.labels),
            "updateStrategy": strategy,
        },
        "status": {
            "currentNumberScheduled": counts.current,
            "desiredNumberScheduled": counts.desired,
            "numberAvailable": count(counts.available),
            "numberMisscheduled": counts.misscheduled,
            "numberReady": counts.ready,
            "numberUnavailable": count(counts.desired - counts.available),
            "observedGeneration": set.meta.generation,
            "updatedNumberScheduled": count(counts.updated),
        },
    }))
}

fn amount(amount: IntOrPercent) -> Value {
    match amount {
        IntOrPercent::Int(number) => number.into(),
        IntOrPercent::Percent(percent) => format!("{percent}%").into(),
    }
}
