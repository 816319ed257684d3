//! What the ConfigMap `cluster-autoscaler-status` says.
//!
//! Source: `GetStatus` in `clusterstate/clusterstate.go`, `clusterstate/api/types.go`: zero times are null.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ClusterStateRegistry, Readiness, ScaleUpState};
use crate::autoscaler::cluster_autoscaler::model::{GroupId, Observation};
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::sim::SimTime;

/// Messages are cut to this length, in bytes.
const MAX_MESSAGE: usize = 500;
const TRUNCATED: &str = "<truncated>";

/// What a condition is of: the whole cluster or a group, and which.
type Key = (Option<GroupId>, &'static str);

/// Writes the status, and remembers since when each condition has been what it is.
#[derive(Debug, Default)]
pub struct StatusConfigMap {
    last: BTreeMap<Key, (&'static str, Option<SimTime>)>,
}

/// Prints a time as RFC 3339.
type Print<'p> = &'p dyn Fn(SimTime) -> String;

fn printed(time: Option<SimTime>, print: Print<'_>) -> Value {
    time.map_or(Value::Null, |time| print(time).into())
}

fn counts(readiness: &Readiness) -> Value {
    let mut registered = json!({
        "notStarted": readiness.not_started.len(),
        "ready": readiness.ready,
        "suspended": readiness.suspended,
        "total": readiness.registered,
        "unready": {"resourceUnready": 0, "total": readiness.unready},
    });
    if readiness.deleted > 0 {
        registered["beingDeleted"] = readiness.deleted.into();
    }
    json!({
        "longUnregistered": readiness.long_unregistered,
        "registered": registered,
        "unregistered": readiness.unregistered,
    })
}

impl StatusConfigMap {
    /// The status of an autoscaler that has not looked yet, or that has nothing to look at and says so
    /// (`EmptyClusterAutoscalerStatus`, `OnEmptyCluster`).
    pub fn initializing(message: Option<&str>, now: &str) -> Value {
        let never = json!({"lastProbeTime": null, "lastTransitionTime": null});
        let mut health = never.clone();
        health["nodeCounts"] = counts(&Readiness::default());
        let mut status = json!({
            "autoscalerStatus": "Initializing",
            "clusterWide": {"health": health, "scaleDown": never.clone(), "scaleUp": never},
            "time": now,
        });
        if let Some(message) = message {
            status["message"] = message.into();
        }
        status
    }

    /// The status after a loop. `print` prints a time as RFC 3339, `now` is the loop's time as
    /// Go's format `2006-01-02 15:04:05.999999999 -0700 MST` prints it.
    pub fn write(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        registry: &ClusterStateRegistry,
        print: Print<'_>,
        now: &str,
    ) -> Value {
        let probe = registry.probed;
        let scaling_up = seen.group_ids().any(|group| registry.is_scaling_up(group));
        let state = if scaling_up {
            ScaleUpState::InProgress
        } else {
            ScaleUpState::NoActivity
        };
        let healthy = health(registry.is_cluster_healthy(options));
        let mut of_all = self.condition((None, "health"), healthy, probe, print);
        of_all["nodeCounts"] = counts(&registry.total);
        let candidates = registry.candidates.values().sum();
        let down = registry.scale_down_probed;
        let mut status = json!({
            "autoscalerStatus": "Running",
            "clusterWide": {
                "health": of_all,
                "scaleDown": self.scale_down(None, candidates, down, print),
                "scaleUp": self.condition((None, "scaleUp"), state.name(), probe, print),
            },
            "time": now,
        });
        let groups = seen.group_ids();
        let groups: Vec<Value> = groups
            .map(|group| self.group(seen, options, registry, group, print))
            .collect();
        if !groups.is_empty() {
            status["nodeGroups"] = groups.into();
        }
        status
    }

    fn group(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        registry: &ClusterStateRegistry,
        group: GroupId,
        print: Print<'_>,
    ) -> Value {
        let status = registry.status(group, options, seen.now);
        let known = registry.readiness.get(group.index());
        let probe = known.and_then(Option::as_ref).and(registry.probed);
        let spec = seen.group(group);
        let key = |condition| (Some(group), condition);
        let mut of_health = self.condition(key("health"), health(status.healthy), probe, print);
        of_health["cloudProviderTarget"] = status.target.into();
        of_health["maxSize"] = spec.max.into();
        of_health["minSize"] = spec.min.into();
        of_health["nodeCounts"] = counts(&status.readiness);
        let down = registry.scale_down_probed;
        let scale_down = self.scale_down(Some(group), status.candidates, down, print);
        let state = status.scale_up;
        let mut scale_up = self.condition(key("scaleUp"), state.name(), probe, print);
        let reason = registry
            .backed_off(group, seen.now)
            .filter(|_| state == ScaleUpState::Backoff);
        scale_up["backoffInfo"] = json!({});
        if let Some(reason) = reason {
            let info = &mut scale_up["backoffInfo"];
            info["errorCode"] = reason.code.as_str().into();
            if !reason.message.is_empty() {
                info["errorMessage"] = truncated(&reason.message).into();
            }
        }
        json!({
            "health": of_health,
            "name": spec.name,
            "scaleDown": scale_down,
            "scaleUp": scale_up,
        })
    }

    fn scale_down(
        &mut self,
        group: Option<GroupId>,
        candidates: i64,
        probe: Option<SimTime>,
        print: Print<'_>,
    ) -> Value {
        let state = if candidates > 0 {
            "CandidatesPresent"
        } else {
            "NoCandidates"
        };
        let mut made = self.condition((group, "scaleDown"), state, probe, print);
        if candidates > 0 {
            made["candidates"] = candidates.into();
        }
        made
    }

    /// What is the case, when it was looked at, and since when it is.
    fn condition(
        &mut self,
        key: Key,
        state: &'static str,
        probe: Option<SimTime>,
        print: Print<'_>,
    ) -> Value {
        let known = self.last.get(&key).filter(|(last, _)| *last == state);
        let since = known.map_or(probe, |(_, since)| *since);
        self.last.insert(key, (state, since));
        json!({
            "lastProbeTime": printed(probe, print),
            "lastTransitionTime": printed(since, print),
            "status": state,
        })
    }
}

const fn health(healthy: bool) -> &'static str {
    if healthy { "Healthy" } else { "Unhealthy" }
}

fn truncated(message: &str) -> String {
    if message.len() <= MAX_MESSAGE {
        return message.to_owned();
    }
    let mut end = MAX_MESSAGE - TRUNCATED.len();
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{TRUNCATED}", &message[..end])
}

#[cfg(test)]
mod tests {
    use super::truncated;

    #[test]
    fn long_messages_are_cut_to_five_hundred_bytes() {
        let long = "ä".repeat(300);
        let cut = truncated(&long);
        assert!(cut.ends_with("ä<truncated>") && cut.len() <= 500, "{cut}");
        assert_eq!(truncated(&long[..500]), long[..500]);
    }
}
