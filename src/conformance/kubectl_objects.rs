//! The objects that the tables of kubectl's cells were printed of, as far as the tables say.

use serde::Deserialize;
use serde_json::{Value, json};

/// An HPA by its metrics and numbers.
#[derive(Deserialize)]
pub(super) struct HpaCase {
    pub(super) id: String,
    metrics: Option<Vec<MetricJson>>,
    min_replicas: Option<i64>,
    max_replicas: i64,
    status_current_replicas: i64,
    kind: String,
    pub(super) cells_without_age: Vec<String>,
}

#[derive(Deserialize)]
struct MetricJson {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    no_status_entry: bool,
    current_value_milli: Option<i64>,
    current_average_utilization: Option<i64>,
    target_average_utilization: Option<i64>,
    target_average_value: Option<String>,
    target_value: Option<String>,
}

impl MetricJson {
    /// The metric in the spec, and its entry in the status.
    fn spec_and_status(&self) -> (Value, Value) {
        let mut letters = self.kind.chars();
        let first = letters.next().into_iter().flat_map(char::to_lowercase);
        let field: String = first.chain(letters).collect();
        let target = json!({
            "averageUtilization": self.target_average_utilization,
            "averageValue": self.target_average_value,
            "value": self.target_value,
        });
        let current = self.current_value_milli.map(|milli| format!("{milli}m"));
        let value = match self.target_value {
            Some(_) => "value",
            None => "averageValue",
        };
        let now = json!({
            "averageUtilization": self.current_average_utilization,
            value: current,
        });
        let status = if self.no_status_entry {
            json!({"type": ""})
        } else {
            json!({"type": self.kind, field.as_str(): {"current": now}})
        };
        (
            json!({"type": self.kind, field.as_str(): {"name": self.name, "target": target}}),
            status,
        )
    }
}

impl HpaCase {
    pub(super) fn hpa(&self) -> Value {
        let metrics = self
            .metrics
            .iter()
            .flatten()
            .map(MetricJson::spec_and_status);
        let (specs, statuses): (Vec<Value>, Vec<Value>) = metrics.unzip();
        let cell = |at: usize| self.cells_without_age.get(at).map(String::as_str);
        let target = cell(1).and_then(|reference| reference.split_once('/'));
        json!({
            "metadata": {"name": cell(0)},
            "spec": {
                "scaleTargetRef": {"kind": self.kind, "name": target.map(|(_, name)| name)},
                "minReplicas": self.min_replicas,
                "maxReplicas": self.max_replicas,
                "metrics": specs,
            },
            "status": {
                "currentReplicas": self.status_current_replicas,
                "currentMetrics": statuses,
            },
        })
    }
}

/// A pod by a description in words; how often it restarted stands in the cells only.
#[derive(Deserialize)]
pub(super) struct PodCase {
    pub(super) id: String,
    desc: String,
    pub(super) cells_name_ready_status_restarts: Vec<String>,
}

impl PodCase {
    /// One container, in the state that the description tells. A description that is not known
    /// makes a pod without a status, which is printed otherwise than any.
    pub(super) fn pod(&self) -> Value {
        let cells = &self.cells_name_ready_status_restarts;
        let restarts = cells.get(3).and_then(|cell| cell.split(' ').next());
        let restarts: i64 = restarts.and_then(|n| n.parse().ok()).unwrap_or_default();
        let says = |words: &str| self.desc.to_lowercase().contains(words);
        let waiting = |reason: &str| json!({"waiting": {"reason": reason}});
        let ended =
            |reason: &str, code: i64| json!({"terminated": {"reason": reason, "exitCode": code}});
        let running = json!({"running": {}});
        let [mut reason, mut deleted, mut waits] = [const { Value::Null }; 3];
        let image = |words: &[&str]| says("image") && words.iter().any(|word| says(word));
        let (phase, state, ready) = if says("not scheduled") {
            ("Pending", None, false)
        } else if says("evicted") {
            reason = json!("Evicted");
            ("Failed", None, false)
        } else if says("deleting") {
            deleted = json!("1970-01-01T00:00:30Z");
            ("Running", Some(running), true)
        } else if says("init") {
            waits = json!({"name": "init", "state": running});
            ("Pending", Some(waiting("PodInitializing")), false)
        } else if image(&["back-off", "backoff", "back off"]) {
            ("Pending", Some(waiting("ImagePullBackOff")), false)
        } else if image(&["fail", "err"]) {
            ("Pending", Some(waiting("ErrImagePull")), false)
        } else if says("pulling image") || says("creating") {
            ("Pending", Some(waiting("ContainerCreating")), false)
        } else if says("crash") || says("back-off") {
            ("Running", Some(waiting("CrashLoopBackOff")), false)
        } else if says("oom") {
            ("Running", Some(ended("OOMKilled", 137)), false)
        } else if says("error") {
            ("Running", Some(ended("Error", 1)), false)
        } else if says("complete") || says("succeeded") || says("finished") {
            ("Succeeded", Some(ended("Completed", 0)), false)
        } else if says("not ready") {
            ("Running", Some(running), false)
        } else if says("running") {
            ("Running", Some(running), true)
        } else {
            ("", None, false)
        };
        let inits = [waits].into_iter().filter(|init| !init.is_null());
        let inits: Vec<Value> = inits.collect();
        let name = cells.first();
        let status = state.map(
            |state| json!({"name": name, "state": state, "ready": ready, "restartCount": restarts}),
        );
        json!({
            "metadata": {"name": name, "deletionTimestamp": deleted},
            "spec": {"containers": [{"name": name}], "initContainers": inits},
            "status": {
                "phase": phase,
                "reason": reason,
                "initContainerStatuses": inits,
                "containerStatuses": status.into_iter().collect::<Vec<_>>(),
            },
        })
    }
}
