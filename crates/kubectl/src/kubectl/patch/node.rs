//! `cordon`, `uncordon`, `taint`.
//!
//! Upstream: kubectl's `pkg/drain/cordon.go`, `pkg/cmd/taint`.

use serde_json::{Value, json};

use super::{Change, Refusal, object_at};
use crate::kubectl::command::{Taint, TaintEffect, TaintNodes};

fn is_unschedulable(live: &Value) -> bool {
    live["spec"]["unschedulable"].as_bool().unwrap_or(false)
}

pub(super) fn cordon(live: &Value) -> Change {
    if is_unschedulable(live) {
        return Change::done(live.clone(), "already cordoned");
    }
    let mut object = live.clone();
    object["spec"]["unschedulable"] = json!(true);
    Change::done(object, "cordoned")
}

pub(super) fn uncordon(live: &Value) -> Change {
    if !is_unschedulable(live) {
        return Change::done(live.clone(), "already uncordoned");
    }
    let mut object = live.clone();
    object_at(&mut object, &["spec"]).shift_remove("unschedulable");
    Change::done(object, "uncordoned")
}

fn is(taint: &Value, key: &str, effect: Option<TaintEffect>) -> bool {
    taint["key"] == *key && effect.is_none_or(|effect| taint["effect"] == *effect.as_str())
}

fn as_json(taint: &Taint) -> Value {
    let effect = taint.effect.as_str();
    if taint.value.is_empty() {
        json!({ "effect": effect, "key": taint.key })
    } else {
        json!({ "effect": effect, "key": taint.key, "value": taint.value })
    }
}

pub(super) fn taint(command: &TaintNodes, live: &Value) -> Result<Change, Refusal> {
    let old = live["spec"]["taints"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let there = |taint: &&Taint| {
        old.iter()
            .any(|old| is(old, &taint.key, Some(taint.effect)))
    };
    let existing: Vec<&str> = command
        .add
        .iter()
        .filter(there)
        .map(|taint| taint.key.as_str())
        .collect();
    if !command.overwrite && !existing.is_empty() {
        let name = live["metadata"]["name"].as_str().unwrap_or_default();
        return Err(Refusal::new(format!(
            "error: node {name} already has {} taint(s) with same effect(s) and --overwrite is \
             false",
            existing.join(",")
        )));
    }
    // New taints first, then those that stay (`reorganizeTaints`).
    let mut taints: Vec<Value> = command.add.iter().map(as_json).collect();
    for known in &old {
        let replaced = |taint: &Taint| is(known, &taint.key, Some(taint.effect));
        if !command.add.iter().any(replaced) {
            taints.push(known.clone());
        }
    }
    let added = taints.len() != old.len();
    let (mut removed, mut missing) = (false, Vec::new());
    for (key, effect) in &command.remove {
        let before = taints.len();
        taints.retain(|taint| !is(taint, key, *effect));
        removed = taints.len() < before;
        if !removed {
            let effect = effect.map_or_else(String::new, |effect| format!(":{}", effect.as_str()));
            missing.push(format!("error: taint \"{key}{effect}\" not found"));
        }
    }
    if !missing.is_empty() {
        return Err(Refusal::new(missing.join("\n")));
    }
    let operation = match (added, removed) {
        _ if command.overwrite => "modified",
        (true, true) => "modified",
        (true, false) => "tainted",
        (false, _) => "untainted",
    };
    let mut object = live.clone();
    let spec = object_at(&mut object, &["spec"]);
    if taints.is_empty() {
        spec.shift_remove("taints");
    } else {
        spec.insert("taints".to_owned(), Value::Array(taints));
    }
    Ok(Change::done(object, operation))
}
