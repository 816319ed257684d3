//! PodDisruptionBudgets.

use serde_json::{Value, json};

use super::{Clock, int_or_percent, meta, selector, truth};
use crate::api::policy::PdbId;
use crate::api::store::Store;
use crate::controller::disruption::{budget_error, budget_status};

pub(super) fn view(id: PdbId, store: &Store, clock: Clock) -> Option<Value> {
    let pdb = store.pdb(id)?;
    let status = budget_status(id, store);
    let allowed = status.disruptions_allowed > 0;
    let error = budget_error(id, store);
    let reason = match &error {
        Some(_) => "SyncFailed",
        None if allowed => "SufficientPods",
        None => "InsufficientPods",
    };
    let selected = if pdb.selector.is_empty() {
        json!({})
    } else if pdb.selector.is_nothing() {
        Value::Null
    } else {
        selector(&pdb.selector)
    };
    Some(json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta::plain(&pdb.meta, store, clock),
        "spec": {
            "maxUnavailable": pdb.max_unavailable.map(int_or_percent),
            "minAvailable": pdb.min_available.map(int_or_percent),
            "selector": selected,
            "unhealthyPodEvictionPolicy": pdb.always_allow_unhealthy.then_some("AlwaysAllow"),
        },
        "status": {
            "conditions": [{
                "message": error.unwrap_or_default(),
                "observedGeneration": pdb.meta.generation,
                "reason": reason,
                "status": truth(allowed),
                "type": "DisruptionAllowed",
            }],
            "currentHealthy": status.current_healthy,
            "desiredHealthy": status.desired_healthy,
            "disruptionsAllowed": status.disruptions_allowed,
            "expectedPods": status.expected,
            "observedGeneration": pdb.meta.generation,
        },
    }))
}
