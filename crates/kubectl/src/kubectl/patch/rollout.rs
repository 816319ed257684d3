//! `rollout restart`, `pause`, `resume`.
//!
//! Upstream: kubectl's `pkg/polymorphichelpers/objectrestarter.go`, `objectpauser.go`,
//! `objectresumer.go`.

use serde_json::{Value, json};

use super::{Change, Refusal, object_at};
use crate::kubectl::kind::Kind;

const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

fn refused(kind: &Kind, live: &Value, why: &str) -> Refusal {
    let name = live["metadata"]["name"].as_str().unwrap_or_default();
    Refusal::new(format!("error: {} \"{name}\" {why}", kind.resource()))
}

fn is_paused(live: &Value) -> bool {
    live["spec"]["paused"].as_bool().unwrap_or(false)
}

pub(super) fn restart(kind: &Kind, live: &Value, now: &str) -> Result<Change, Refusal> {
    if is_paused(live) {
        let why = "can't restart paused deployment (run rollout resume first)";
        return Err(refused(kind, live, why));
    }
    let mut object = live.clone();
    object_at(
        &mut object,
        &["spec", "template", "metadata", "annotations"],
    )
    .insert(RESTARTED_AT.to_owned(), json!(now));
    if object == *live {
        let name = live["metadata"]["name"].as_str().unwrap_or_default();
        return Err(Refusal::new(format!(
            "error: failed to create patch for {name}: if restart has already been triggered \
             within the past second, please wait before attempting to trigger another"
        )));
    }
    Ok(Change::done(object, "restarted"))
}

pub(super) fn pause(kind: &Kind, live: &Value) -> Result<Change, Refusal> {
    if is_paused(live) {
        return Err(refused(kind, live, "is already paused"));
    }
    let mut object = live.clone();
    object["spec"]["paused"] = json!(true);
    Ok(Change::done(object, "paused"))
}

pub(super) fn resume(kind: &Kind, live: &Value) -> Result<Change, Refusal> {
    if !is_paused(live) {
        return Err(refused(kind, live, "is not paused"));
    }
    let mut object = live.clone();
    object_at(&mut object, &["spec"]).shift_remove("paused");
    Ok(Change::done(object, "resumed"))
}
