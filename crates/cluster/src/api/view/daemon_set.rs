//! DaemonSets.

use serde_json::{Value, json};

use super::template::template;
use super::{Clock, count, meta, selector};
use crate::api::policy::IntOrPercent;
use crate::api::store::Store;
use crate::api::workload::DaemonSetId;
use crate::controller::daemonset::adapter::on_nodes;

pub(super) fn view(id: DaemonSetId, store: &Store, clock: Clock) -> Option<Value> {
    let set = store.daemon_set(id)?;
    let nodes = on_nodes(id, set, store, clock.now);
    let (mut desired, mut current, mut misplaced) = (0, 0, 0);
    let (mut ready, mut available, mut updated) = (0, 0, 0);
    for node in &nodes {
        let oldest = node.pods.first();
        if !node.should_run {
            misplaced += i32::from(oldest.is_some());
            continue;
        }
        desired += 1;
        if let Some(oldest) = oldest {
            current += 1;
            ready += i32::from(oldest.is_ready);
            available += i32::from(oldest.is_available);
            updated += i32::from(oldest.is_new);
        }
    }
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
            "template": template(&set.template, &set.template.labels, "Always"),
            "updateStrategy": strategy,
        },
        "status": {
            "currentNumberScheduled": current,
            "desiredNumberScheduled": desired,
            "numberAvailable": count(available),
            "numberMisscheduled": misplaced,
            "numberReady": ready,
            "numberUnavailable": count(desired - available),
            "observedGeneration": set.meta.generation,
            "updatedNumberScheduled": count(updated),
        },
    }))
}

fn amount(amount: IntOrPercent) -> Value {
    match amount {
        IntOrPercent::Int(number) => number.into(),
        IntOrPercent::Percent(percent) => format!("{percent}%").into(),
    }
}
