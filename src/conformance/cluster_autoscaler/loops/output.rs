//! What the autoscaler did and said, as the recording writes it, and the comparison.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::cast::Cast;
use crate::autoscaler::cluster_autoscaler::scale_up::{
    Choice, NoScaleUpInfo, ScaleUpResult, ScaleUpStatus,
};
use crate::autoscaler::cluster_autoscaler::simulator::removal::UnremovableReason;
use crate::autoscaler::cluster_autoscaler::{
    Event, EventKind, GroupId, Involved, LoopReport, NodeId, Observation, Pod, StaticAutoscaler,
};
use crate::conformance::table::close;

/// A loop that ran.
pub(super) struct Said<'a> {
    pub(super) cast: &'a Cast,
    pub(super) seen: &'a Observation<'a>,
    pub(super) autoscaler: &'a StaticAutoscaler,
}

impl Said<'_> {
    /// The field `out`.
    pub(super) fn out(&self, report: &LoopReport, calls: &[Value]) -> Value {
        let now = self.seen.now;
        let autoscaler = self.autoscaler;
        let names = |drain: bool| -> Vec<&str> {
            let nodes = autoscaler.deletions().nodes(drain);
            nodes.map(|node| self.cast.node_name(node)).collect()
        };
        let utilization: Map<String, Value> = autoscaler
            .planner()
            .utilization()
            .iter()
            .map(|(node, found)| (self.node(*node), json!(found.highest())))
            .collect();
        let mut out = json!({
            "scale_up": report.scale_up.iter().map(|one| self.scale_up(one)).collect::<Vec<_>>(),
            "expander": report.choices.iter().map(|one| self.choice(one)).collect::<Vec<_>>(),
            "unneeded": self.unneeded(),
            "utilization": utilization,
            "scale_down": self.scale_down(report),
            "cluster": self.cluster(report.cluster_healthy),
            "deletions_in_progress": {"drain": names(true), "empty": names(false)},
            "last_scale_up": autoscaler.last_scale_up().as_secs_f64(),
            "last_delete": autoscaler.last_delete().as_secs_f64(),
            "last_failed_delete": autoscaler.last_failed_delete().as_secs_f64(),
            "cooldown": autoscaler.is_in_cooldown(now) || report.all_pending_too_new,
            "all_pending_too_new": report.all_pending_too_new,
            "cloud_calls": calls,
            "events": events(self.cast, self.seen.pods, &report.events),
        });
        if let Some(error) = &report.error {
            out["error"] = json!(error);
        }
        out
    }

    fn node(&self, node: NodeId) -> String {
        self.cast.node_name(node).to_owned()
    }

    fn group(&self, group: GroupId) -> &str {
        &self.cast.groups[group.index()].name
    }

    fn counts(&self, pods: &[u32]) -> Value {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for pod in pods {
            let class = self.seen.pods[*pod as usize].class;
            *counts.entry(&self.cast.shapes[class.index()]).or_default() += 1;
        }
        json!(counts)
    }

    fn scale_up(&self, status: &ScaleUpStatus) -> Value {
        let groups: Vec<Value> = status
            .groups
            .iter()
            .map(|info| {
                let group = self.group(info.group);
                json!({"group": group, "from": info.current, "to": info.new, "max": info.max})
            })
            .collect();
        let remaining = &status.pods_remain_unschedulable;
        let mut value = json!({
            "result": status.result.name(),
            "groups": groups,
            "pods_triggered": self.counts(&status.pods_triggered),
            "pods_await_evaluation": self.counts(&status.pods_await_evaluation),
            "pods_remain_unschedulable": self.remaining(remaining),
        });
        if let Some(error) = &status.error {
            value["error"] = json!(error);
        }
        if status.result == ScaleUpResult::Error && !status.failed_resize.is_empty() {
            let failed = status.failed_resize.iter();
            value["failed_resize"] = failed.map(|group| json!(self.group(*group))).collect();
        }
        value
    }

    /// Pods by shape and reasons.
    fn remaining(&self, infos: &[NoScaleUpInfo]) -> Vec<Value> {
        let mut found: Vec<(Value, u64)> = Vec::new();
        for info in infos {
            for pod in &info.pods {
                let class = self.seen.pods[*pod as usize].class;
                let reasons = |of: &BTreeMap<GroupId, Vec<String>>| {
                    let named = of
                        .iter()
                        .map(|(group, why)| (self.group(*group).to_owned(), json!(why)));
                    Value::Object(named.collect())
                };
                let value = json!({
                    "shape": self.cast.shapes[class.index()],
                    "rejected": reasons(&info.rejected),
                    "skipped": reasons(&info.skipped),
                });
                match found.iter_mut().find(|(known, _)| *known == value) {
                    Some((_, count)) => *count += 1,
                    None => found.push((value, 1)),
                }
            }
        }
        let counted = found.into_iter().map(|(mut value, count)| {
            value["count"] = json!(count);
            value
        });
        counted.collect()
    }

    fn choice(&self, choice: &Choice) -> Value {
        let options: Vec<Value> = choice
            .options
            .iter()
            .map(|option| {
                let similar: Vec<&str> = option
                    .similar
                    .iter()
                    .map(|group| self.group(*group))
                    .collect();
                json!({
                    "group": self.group(option.group),
                    "nodes": option.nodes,
                    "pods": self.counts(&option.pods),
                    "similar": similar,
                })
            })
            .collect();
        let name = |index: &usize| self.group(choice.options[*index].group);
        json!({
            "options": options,
            "equally_good": choice.equally_good.iter().map(name).collect::<Vec<_>>(),
            "chosen": name(&choice.chosen),
        })
    }

    fn unneeded(&self) -> Vec<Value> {
        let nodes = self.autoscaler.planner().unneeded().iter();
        nodes
            .map(|node| {
                json!({
                    "node": self.node(node.removal.node),
                    "pods_to_move": node.removal.pods_to_reschedule,
                    "risky": node.removal.risky,
                    "since": node.since.as_secs_f64(),
                    "threshold_s": node.threshold.as_secs_f64(),
                })
            })
            .collect()
    }

    fn scale_down(&self, report: &LoopReport) -> Value {
        let pod_name = |pod: u32| self.cast.pod_name(self.seen.pods[pod as usize].id);
        let started: Vec<Value> = report
            .deletion_started
            .iter()
            .map(|one| {
                let evict: Vec<&str> = one.evicted_pods.iter().map(|pod| pod_name(*pod)).collect();
                json!({
                    "node": self.node(one.node),
                    "evict": evict,
                    "utilization": one.utilization.highest(),
                })
            })
            .collect();
        let unremovable: Vec<Value> = self
            .autoscaler
            .planner()
            .unremovable()
            .iter()
            .map(|(node, reason)| {
                let mut value = json!({"node": self.node(*node), "reason": reason.name()});
                if let UnremovableReason::BlockedByPod(pod, why) = reason {
                    value["blocking_pod"] = json!(pod_name(*pod));
                    value["blocking_reason"] = json!(why.name());
                }
                value
            })
            .collect();
        let results: Vec<Value> = report
            .deletion_results
            .iter()
            .map(|(node, result)| json!({"node": self.node(*node), "result": result.name()}))
            .collect();
        json!({
            "result": report.scale_down.name(),
            "deletion_started": started,
            "unremovable": unremovable,
            "deletion_results": results,
        })
    }

    fn cluster(&self, healthy: bool) -> Value {
        let groups: Map<String, Value> = self
            .seen
            .group_ids()
            .map(|group| (self.group(group).to_owned(), self.group_status(group)))
            .collect();
        json!({"cluster_healthy": healthy, "groups": groups})
    }

    fn group_status(&self, group: GroupId) -> Value {
        let now = self.seen.now;
        let registry = self.autoscaler.registry();
        let options = self.autoscaler.options();
        let status = registry.status(group, options, now);
        let (upcoming, registered) = registry.upcoming(group, now);
        let registered: Vec<&str> = registered
            .iter()
            .map(|node| self.cast.node_name(*node))
            .collect();
        let readiness = &status.readiness;
        let mut value = json!({
            "healthy": status.healthy,
            "upcoming": upcoming,
            "upcoming_registered": registered,
            "safe_to_scale_up": registry.is_safe_to_scale_up(group, options, now),
            "counts": {
                "ready": readiness.ready,
                "unready": readiness.unready,
                "not_started": readiness.not_started.len(),
                "registered": readiness.registered,
                "being_deleted": readiness.deleted,
                "unregistered": readiness.unregistered,
                "long_unregistered": readiness.long_unregistered,
            },
            "target": status.target,
            "scale_up_status": status.scale_up.name(),
            "scale_down_status": if status.candidates > 0 { "CandidatesPresent" } else { "NoCandidates" },
        });
        if let Some(reason) = registry.backed_off(group, now) {
            value["backed_off"] = json!(reason.code);
        }
        value
    }
}

/// The field `after`.
pub(super) fn after(
    cast: &Cast,
    pods: &[Pod],
    said: &[Event],
    calls: &[Value],
    evictions: &[Value],
) -> Value {
    json!({
        "cloud_calls": calls,
        "events": events(cast, pods, said),
        "evictions": evictions,
    })
}

/// Events by time, type, reason and object, pods by their workload, with how many there were.
fn events(cast: &Cast, pods: &[Pod], events: &[Event]) -> Vec<Value> {
    let shape = |id| {
        let pod = pods.iter().find(|pod| pod.id == id);
        pod.map_or("?", |pod| cast.shapes[pod.class.index()].as_str())
    };
    let mut counts: BTreeMap<(i64, &str, &str, String), u64> = BTreeMap::new();
    for event in events {
        let kind = match event.kind {
            EventKind::Normal => "Normal",
            EventKind::Warning => "Warning",
        };
        let object = match event.involved {
            Involved::Status => "ConfigMap/cluster-autoscaler-status".to_owned(),
            Involved::Priorities => "ConfigMap/cluster-autoscaler-priority-expander".to_owned(),
            Involved::Node(node) => format!("Node/{}", cast.node_name(node)),
            Involved::Pod(pod) => format!("Pod/{}", shape(pod)),
        };
        let key = (event.at.0, kind, event.reason, object);
        *counts.entry(key).or_default() += 1;
    }
    let listed = counts
        .into_iter()
        .map(|((at, kind, reason, object), count)| {
            json!([at as f64 / 1e9, kind, reason, object, count])
        });
    listed.collect()
}

/// The time of the last entry of an `after`, in seconds.
pub(super) fn last_time(after: Option<&Value>) -> f64 {
    let entries = |field: &str, time: fn(&Value) -> Option<f64>| {
        let list = after.and_then(|after| after[field].as_array());
        let times = list.into_iter().flatten().filter_map(time);
        times.fold(f64::NEG_INFINITY, f64::max)
    };
    let call = |entry: &Value| entry["t"].as_f64();
    entries("cloud_calls", call)
        .max(entries("evictions", call))
        .max(entries("events", |entry| entry[0].as_f64()))
        .max(0.0)
}

/// The first field in which two values differ: where, expected, got. The order of a list means
/// nothing, and an empty object or list is as good as none.
pub(super) fn first_difference(
    expected: &Value,
    got: &Value,
    place: &str,
) -> Option<(String, String, String)> {
    let differ = || Some((place.to_owned(), expected.to_string(), got.to_string()));
    match (expected, got) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: std::collections::BTreeSet<&String> =
                one.keys().chain(other.keys()).collect();
            keys.into_iter().find_map(|key| {
                let null = Value::Null;
                let (one, other) = (
                    one.get(key).unwrap_or(&null),
                    other.get(key).unwrap_or(&null),
                );
                if is_empty(one) && is_empty(other) {
                    return None;
                }
                first_difference(one, other, &format!("{place}.{key}"))
            })
        }
        (Value::Array(one), Value::Array(other)) => {
            let (mut one, mut other) = (one.clone(), other.clone());
            one.sort_by_cached_key(sort_key);
            other.sort_by_cached_key(sort_key);
            let same = one.len() == other.len()
                && one
                    .iter()
                    .zip(&other)
                    .all(|(one, other)| first_difference(one, other, place).is_none());
            if same { None } else { differ() }
        }
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64(), other.as_f64());
            match (one, other) {
                (Some(one), Some(other)) if close(one, other) => None,
                _ => differ(),
            }
        }
        _ if expected == got => None,
        _ => differ(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    }
}

/// Text that is the same for equal values: keys sorted, numbers as floats.
fn sort_key(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields
                .iter()
                .filter(|(_, value)| !is_empty(value))
                .collect();
            let parts = sorted
                .into_iter()
                .map(|(key, value)| format!("{key}:{}", sort_key(value)));
            parts.collect::<Vec<String>>().join(",")
        }
        Value::Array(values) => {
            let mut parts: Vec<String> = values.iter().map(sort_key).collect();
            parts.sort();
            parts.join(";")
        }
        Value::Number(number) => format!("{:.6}", number.as_f64().unwrap_or(0.0)),
        other => other.to_string(),
    }
}
