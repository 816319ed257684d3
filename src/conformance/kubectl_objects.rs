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
        // The table says neither the HPA's name nor its target's but in the cells.
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

/// A pod by a description in one line. The pod is our reading of it: of the cells only those are
/// taken that no description decides, the name and how often containers restarted.
#[derive(Deserialize)]
pub(super) struct PodCase {
    pub(super) id: String,
    desc: String,
    pub(super) cells_name_ready_status_restarts: Vec<String>,
}

/// What a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting(&'static str),
    Ended(&'static str, i64),
    Running { ready: bool },
}

impl State {
    fn json(self) -> Value {
        match self {
            Self::Waiting(reason) => json!({"waiting": {"reason": reason}}),
            Self::Ended(reason, code) => {
                json!({"terminated": {"reason": reason, "exitCode": code}})
            }
            Self::Running { .. } => json!({"running": {}}),
        }
    }

    /// Whether containers in this state may have ended before.
    fn may_follow_a_restart(self) -> bool {
        matches!(
            self,
            Self::Waiting("CrashLoopBackOff" | "RunContainerError")
                | Self::Ended(..)
                | Self::Running { .. }
        )
    }
}

/// States by the words that tell them, the special before the general: for each state a list of
/// alternatives, of each of which one word has to be there. A reason in kubectl's own word comes
/// before what words around it may say.
const STATES: &[(State, &[&[&str]])] = &[
    (State::Waiting("CrashLoopBackOff"), &[&["crashloopbackoff"]]),
    (State::Waiting("ImagePullBackOff"), &[&["imagepullbackoff"]]),
    (
        State::Waiting("ErrImageNeverPull"),
        &[&["errimageneverpull"]],
    ),
    (State::Waiting("ErrImagePull"), &[&["errimagepull"]]),
    (State::Waiting("InvalidImageName"), &[&["invalidimagename"]]),
    (
        State::Waiting("CreateContainerConfigError"),
        &[&["createcontainerconfigerror"]],
    ),
    (
        State::Waiting("CreateContainerError"),
        &[&["createcontainererror"]],
    ),
    (
        State::Waiting("RunContainerError"),
        &[&["runcontainererror"]],
    ),
    (
        State::Waiting("ContainerCreating"),
        &[&["containercreating"]],
    ),
    (State::Waiting("PodInitializing"), &[&["podinitializing"]]),
    (
        State::Waiting("ImagePullBackOff"),
        &[&["image"], &["back-off", "backoff", "back off"]],
    ),
    (
        State::Waiting("ErrImagePull"),
        &[&["image"], &["fail", "err"]],
    ),
    (
        State::Waiting("CreateContainerConfigError"),
        &[&["creat"], &["config"], &["fail", "err"]],
    ),
    (
        State::Waiting("CreateContainerError"),
        &[&["creat"], &["fail", "err"]],
    ),
    (
        State::Waiting("ContainerCreating"),
        &[&["pulling image", "creating"]],
    ),
    (
        State::Waiting("CrashLoopBackOff"),
        &[&["crash", "back-off", "backoff", "back off"]],
    ),
    (State::Ended("OOMKilled", 137), &[&["oom"]]),
    (State::Ended("Error", 1), &[&["error", "fail"]]),
    (
        State::Ended("Completed", 0),
        &[&["complete", "succeeded", "finished"]],
    ),
    (
        State::Running { ready: false },
        &[&["not ready", "unready", "notready"]],
    ),
    (State::Running { ready: true }, &[&["running", "ready"]]),
];

impl PodCase {
    fn says(&self, words: &[&str]) -> bool {
        let said = self.desc.to_lowercase();
        words.iter().any(|words| said.contains(words))
    }

    fn state(&self) -> Option<State> {
        let told = |(_, all): &&(State, &[&[&str]])| all.iter().all(|words| self.says(words));
        STATES.iter().find(told).map(|(state, _)| *state)
    }

    fn restarts(&self, state: State) -> i64 {
        if !state.may_follow_a_restart() {
            return 0;
        }
        let cell = self.cells_name_ready_status_restarts.get(3);
        let restarts = cell.and_then(|cell| cell.split(' ').next());
        restarts.and_then(|n| n.parse().ok()).unwrap_or_default()
    }

    /// One container, and an init container if the description speaks of one, which then has the
    /// state. A description that is not known makes a pod without a status, which is printed
    /// otherwise than any.
    pub(super) fn pod(&self) -> Value {
        let name = self.cells_name_ready_status_restarts.first();
        let deleted = self.says(&["deleting", "deletion", "being deleted", "terminating"]);
        // A pod of which nothing else is told runs until it is gone.
        let state = match self.state() {
            None if deleted => Some(State::Running { ready: true }),
            state => state,
        };
        let status = |name: &str, state: State| {
            json!({
                "name": name,
                "state": state.json(),
                "ready": state == State::Running { ready: true },
                "restartCount": self.restarts(state),
            })
        };
        let has_init = self.says(&["init"]) && state != Some(State::Waiting("PodInitializing"));
        let [mut inits, mut containers] = [const { Vec::new() }; 2];
        let mut reason = Value::Null;
        let phase = if self.says(&["not scheduled", "unschedulable"]) {
            "Pending"
        } else if self.says(&["evicted"]) {
            reason = json!("Evicted");
            "Failed"
        } else if has_init {
            // While it is created, an init container waits for the same as the others.
            let state = match state {
                None | Some(State::Waiting("ContainerCreating")) => {
                    State::Waiting("PodInitializing")
                }
                Some(state) => state,
            };
            inits.push(status("init", state));
            containers.push(status("app", State::Waiting("PodInitializing")));
            "Pending"
        } else if let Some(state) = state {
            containers.push(status("app", state));
            match state {
                State::Waiting("CrashLoopBackOff" | "RunContainerError") => "Running",
                State::Waiting(_) => "Pending",
                State::Ended("Completed", _) => "Succeeded",
                State::Ended(..) | State::Running { .. } => "Running",
            }
        } else {
            ""
        };
        let init_specs = inits.iter().map(|init| json!({"name": init["name"]}));
        json!({
            "metadata": {
                "name": name,
                "deletionTimestamp": deleted.then_some("1970-01-01T00:00:30Z"),
            },
            "spec": {
                "containers": [{"name": "app"}],
                "initContainers": init_specs.collect::<Vec<_>>(),
            },
            "status": {
                "phase": phase,
                "reason": reason,
                "initContainerStatuses": inits,
                "containerStatuses": containers,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::kubectl::pod_status;

    #[test]
    fn a_description_is_read_as_kubectl_prints_such_a_pod() {
        for (desc, ready, status, restarts) in [
            ("not scheduled", "0/1", "Pending", 0),
            ("pulling image / creating", "0/1", "ContainerCreating", 0),
            ("image pull back-off", "0/1", "ImagePullBackOff", 0),
            ("image pull failed", "0/1", "ErrImagePull", 0),
            ("error creating container", "0/1", "CreateContainerError", 0),
            (
                "CreateContainerConfigError",
                "0/1",
                "CreateContainerConfigError",
                0,
            ),
            ("crash loop", "0/1", "CrashLoopBackOff", 3),
            ("terminated by OOM", "0/1", "OOMKilled", 1),
            ("completed", "0/1", "Completed", 0),
            ("running not ready", "0/1", "Running", 2),
            ("running and ready", "1/1", "Running", 0),
            ("init container running", "0/1", "Init:0/1", 0),
            ("waiting for init container", "0/1", "Init:0/1", 0),
            ("creating init container", "0/1", "Init:0/1", 0),
            (
                "init container crash loop",
                "0/1",
                "Init:CrashLoopBackOff",
                4,
            ),
            (
                "init container image back-off",
                "0/1",
                "Init:ImagePullBackOff",
                0,
            ),
            ("init container error", "0/1", "Init:Error", 1),
            ("init container completed", "0/1", "PodInitializing", 0),
            ("deleting", "1/1", "Terminating", 0),
            ("terminating, not ready", "0/1", "Terminating", 0),
            ("terminating in a crash loop", "0/1", "Terminating", 5),
            ("evicted by kubelet", "0/1", "Evicted", 0),
            ("evicted, being deleted", "0/1", "Evicted", 0),
        ] {
            let cells = ["p", ready, status, &restarts.to_string()];
            let rows =
                json!([{"id": desc, "desc": desc, "cells_name_ready_status_restarts": cells}]);
            let report = pod_status(&rows.to_string()).unwrap();
            assert_eq!(report.differences, []);
        }
    }

    #[test]
    fn restarts_that_a_description_rules_out_are_not_taken_from_the_cells() {
        let cells = ["p", "0/1", "ContainerCreating", "7"];
        let rows = json!([
            {"id": "", "desc": "creating", "cells_name_ready_status_restarts": cells},
            {"id": "", "desc": "no such words", "cells_name_ready_status_restarts": cells},
        ]);
        assert_eq!(pod_status(&rows.to_string()).unwrap().equal, 0);
    }
}
