//! The text of the ConfigMap `cluster-autoscaler-status`.
//!
//! Source: `GetStatus` in `clusterstate/clusterstate.go`, `clusterstate/api/types.go`,
//! `clusterstate/utils/status.go`: keys in alphabetical order, zero times as null.

use std::collections::BTreeMap;
use std::fmt::Write;

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

/// Text that grows line by line.
struct Yaml<'t> {
    text: String,
    time: &'t dyn Fn(SimTime) -> String,
}

impl Yaml<'_> {
    fn line(&mut self, indent: usize, line: &str) {
        let _ = writeln!(self.text, "{:indent$}{line}", "");
    }

    fn number(&mut self, indent: usize, key: &str, value: i64) {
        self.line(indent, &format!("{key}: {value}"));
    }

    fn at(&mut self, indent: usize, key: &str, time: Option<SimTime>) {
        let value = time.map_or_else(
            || "null".to_owned(),
            |time| format!("\"{}\"", (self.time)(time)),
        );
        self.line(indent, &format!("{key}: {value}"));
    }

    fn counts(&mut self, indent: usize, readiness: &Readiness) {
        self.line(indent, "nodeCounts:");
        self.number(indent + 2, "longUnregistered", readiness.long_unregistered);
        self.line(indent + 2, "registered:");
        if readiness.deleted > 0 {
            self.number(indent + 4, "beingDeleted", readiness.deleted);
        }
        let not_started = readiness.not_started.len() as i64;
        self.number(indent + 4, "notStarted", not_started);
        self.number(indent + 4, "ready", readiness.ready);
        self.number(indent + 4, "suspended", readiness.suspended);
        self.number(indent + 4, "total", readiness.registered);
        self.line(indent + 4, "unready:");
        self.number(indent + 6, "resourceUnready", 0);
        self.number(indent + 6, "total", readiness.unready);
        self.number(indent + 2, "unregistered", readiness.unregistered);
    }
}

impl StatusConfigMap {
    /// The status of an autoscaler that has not looked yet, or that has nothing to look at and says so
    /// (`EmptyClusterAutoscalerStatus`, `OnEmptyCluster`).
    pub fn initializing(message: Option<&str>, now: &str) -> String {
        let mut yaml = Yaml {
            text: String::new(),
            time: &|_| String::new(),
        };
        yaml.line(0, "autoscalerStatus: Initializing");
        yaml.line(0, "clusterWide:");
        for condition in ["health", "scaleDown", "scaleUp"] {
            yaml.line(2, &format!("{condition}:"));
            yaml.at(4, "lastProbeTime", None);
            yaml.at(4, "lastTransitionTime", None);
            if condition == "health" {
                yaml.counts(4, &Readiness::default());
            }
        }
        if let Some(message) = message {
            yaml.line(0, &format!("message: {}", scalar(message)));
        }
        yaml.line(0, &format!("time: {now}"));
        yaml.text
    }

    /// The status after a loop. `time` prints a time as RFC 3339, `now` is the loop's time as
    /// Go's format `2006-01-02 15:04:05.999999999 -0700 MST` prints it.
    pub fn write(
        &mut self,
        seen: &Observation<'_>,
        options: &Options,
        registry: &ClusterStateRegistry,
        time: &dyn Fn(SimTime) -> String,
        now: &str,
    ) -> String {
        let mut yaml = Yaml {
            text: String::new(),
            time,
        };
        let probe = registry.probed;
        let scaling_up = seen.group_ids().any(|group| registry.is_scaling_up(group));
        let state = if scaling_up {
            ScaleUpState::InProgress
        } else {
            ScaleUpState::NoActivity
        };
        yaml.line(0, "autoscalerStatus: Running");
        yaml.line(0, "clusterWide:");
        yaml.line(2, "health:");
        let healthy = health(registry.is_cluster_healthy(options));
        self.times(&mut yaml, 4, (None, "health"), healthy, probe);
        yaml.counts(4, &registry.total);
        yaml.line(4, &format!("status: {healthy}"));
        let candidates = registry.candidates.values().sum();
        self.scale_down(&mut yaml, 2, None, candidates, registry.scale_down_probed);
        yaml.line(2, "scaleUp:");
        self.times(&mut yaml, 4, (None, "scaleUp"), state.name(), probe);
        yaml.line(4, &format!("status: {}", state.name()));
        if !seen.groups.is_empty() {
            yaml.line(0, "nodeGroups:");
        }
        for group in seen.group_ids() {
            self.group(&mut yaml, seen, options, registry, group);
        }
        yaml.line(0, &format!("time: {now}"));
        yaml.text
    }

    fn group(
        &mut self,
        yaml: &mut Yaml<'_>,
        seen: &Observation<'_>,
        options: &Options,
        registry: &ClusterStateRegistry,
        group: GroupId,
    ) {
        let status = registry.status(group, options, seen.now);
        let known = registry.readiness.get(group.index());
        let probe = known.and_then(Option::as_ref).and(registry.probed);
        let spec = seen.group(group);
        let healthy = health(status.healthy);
        yaml.line(0, "- health:");
        yaml.number(4, "cloudProviderTarget", status.target);
        self.times(yaml, 4, (Some(group), "health"), healthy, probe);
        yaml.number(4, "maxSize", spec.max);
        yaml.number(4, "minSize", spec.min);
        yaml.counts(4, &status.readiness);
        yaml.line(4, &format!("status: {healthy}"));
        yaml.line(2, &format!("name: {}", spec.name));
        let probed = registry.scale_down_probed;
        self.scale_down(yaml, 2, Some(group), status.candidates, probed);
        yaml.line(2, "scaleUp:");
        let reason = registry
            .backed_off(group, seen.now)
            .filter(|_| status.scale_up == ScaleUpState::Backoff);
        match reason {
            None => yaml.line(4, "backoffInfo: {}"),
            Some(reason) => {
                yaml.line(4, "backoffInfo:");
                yaml.line(6, &format!("errorCode: {}", scalar(&reason.code)));
                if !reason.message.is_empty() {
                    let message = scalar(&truncated(&reason.message));
                    yaml.line(6, &format!("errorMessage: {message}"));
                }
            }
        }
        let state = status.scale_up.name();
        self.times(yaml, 4, (Some(group), "scaleUp"), state, probe);
        yaml.line(4, &format!("status: {state}"));
    }

    fn scale_down(
        &mut self,
        yaml: &mut Yaml<'_>,
        indent: usize,
        group: Option<GroupId>,
        candidates: i64,
        probe: Option<SimTime>,
    ) {
        let state = if candidates > 0 {
            "CandidatesPresent"
        } else {
            "NoCandidates"
        };
        yaml.line(indent, "scaleDown:");
        if candidates > 0 {
            yaml.number(indent + 2, "candidates", candidates);
        }
        self.times(yaml, indent + 2, (group, "scaleDown"), state, probe);
        yaml.line(indent + 2, &format!("status: {state}"));
    }

    /// When a condition was looked at, and when it last changed.
    fn times(
        &mut self,
        yaml: &mut Yaml<'_>,
        indent: usize,
        key: Key,
        state: &'static str,
        probe: Option<SimTime>,
    ) {
        let known = self.last.get(&key).filter(|(last, _)| *last == state);
        let since = known.map_or(probe, |(_, since)| *since);
        self.last.insert(key, (state, since));
        yaml.at(indent, "lastProbeTime", probe);
        yaml.at(indent, "lastTransitionTime", since);
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

/// In quotes where the text would not be read as it stands.
fn scalar(text: &str) -> String {
    let plain = text
        .chars()
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with(':');
    if plain {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}
