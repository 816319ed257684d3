//! Rows of pods.
//!
//! Upstream: `printers.go`, `printPod`.

use serde_json::Value;

use super::age::{Timestamp, human_duration};
use super::cells::{
    NONE, condition, created, is_being_deleted, is_condition_true, items, number, text,
};
use super::columns::Printer;

pub(super) const POD: Printer = (
    &[
        "Ready",
        "Status",
        "Restarts",
        "Age",
        "+IP",
        "+Node",
        "+Nominated Node",
        "+Readiness Gates",
    ],
    pod,
);

/// What a pod's containers add up to.
struct Summary {
    reason: String,
    ready: usize,
    total: usize,
    restarts: i64,
    last_restart: Option<Timestamp>,
}

fn pod(object: &Value, now: Timestamp) -> Vec<String> {
    let summary = summary(object);
    let or_none = |path: &[&str]| {
        let found = text(object, path).filter(|text| !text.is_empty());
        found.unwrap_or(NONE).to_owned()
    };
    let restarts = match summary.last_restart {
        Some(at) if summary.restarts != 0 => {
            format!(
                "{} ({} ago)",
                summary.restarts,
                human_duration(now.since(at))
            )
        }
        _ => summary.restarts.to_string(),
    };
    let ip = items(object, &["status", "podIPs"])
        .first()
        .and_then(|ip| text(ip, &["ip"]))
        .or_else(|| text(object, &["status", "podIP"]))
        .filter(|ip| !ip.is_empty());
    vec![
        format!("{}/{}", summary.ready, summary.total),
        summary.reason,
        restarts,
        created(object, now),
        ip.unwrap_or(NONE).to_owned(),
        or_none(&["spec", "nodeName"]),
        or_none(&["status", "nominatedNodeName"]),
        readiness_gates(object),
    ]
}

fn readiness_gates(object: &Value) -> String {
    let gates = items(object, &["spec", "readinessGates"]);
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let passed = gates.iter().filter(|gate| {
        let kind = text(gate, &["conditionType"]).unwrap_or_default();
        is_condition_true(object, kind)
    });
    format!("{}/{}", passed.count(), gates.len())
}

fn summary(object: &Value) -> Summary {
    let phase = text(object, &["status", "phase"]).unwrap_or_default();
    let status_reason = text(object, &["status", "reason"]).filter(|reason| !reason.is_empty());
    let mut summary = Summary {
        reason: status_reason.unwrap_or(phase).to_owned(),
        ready: 0,
        total: items(object, &["spec", "containers"]).len(),
        restarts: 0,
        last_restart: None,
    };
    if condition(object, "PodScheduled").is_some_and(|c| c["reason"] == "SchedulingGated") {
        "SchedulingGated".clone_into(&mut summary.reason);
    }
    let initializing = init_containers(object, &mut summary);
    if !initializing || is_condition_true(object, "Initialized") {
        containers(object, &mut summary);
    }
    let terminal = matches!(phase, "Succeeded" | "Failed");
    if is_being_deleted(object) {
        if status_reason == Some("NodeLost") {
            "Unknown".clone_into(&mut summary.reason);
        } else if !terminal {
            "Terminating".clone_into(&mut summary.reason);
        }
    }
    summary
}

/// `OOMKilled`, `ExitCode:1`, `Signal:9`.
fn ended(terminated: &Value) -> String {
    if let Some(reason) = text(terminated, &["reason"]).filter(|reason| !reason.is_empty()) {
        return reason.to_owned();
    }
    match number(terminated, &["signal"]) {
        0 => format!("ExitCode:{}", number(terminated, &["exitCode"])),
        signal => format!("Signal:{signal}"),
    }
}

fn waiting_for(status: &Value) -> Option<&str> {
    text(status, &["state", "waiting", "reason"]).filter(|reason| !reason.is_empty())
}

fn count_restarts(status: &Value, summary: &mut Summary) {
    summary.restarts += number(status, &["restartCount"]);
    let finished = text(status, &["lastState", "terminated", "finishedAt"]);
    let finished = finished.and_then(|time| time.parse().ok());
    summary.last_restart = summary.last_restart.max(finished);
}

/// Counts init containers; true while the pod waits for them.
fn init_containers(object: &Value, summary: &mut Summary) -> bool {
    let specs = items(object, &["spec", "initContainers"]);
    let restartable = |name: &Value| {
        let spec = specs.iter().find(|spec| spec["name"] == *name);
        spec.is_some_and(|spec| spec["restartPolicy"] == "Always")
    };
    let sidecars = specs.iter().filter(|spec| restartable(&spec["name"]));
    summary.total += sidecars.count();
    let mut of_sidecars = Summary {
        reason: String::new(),
        ready: 0,
        total: 0,
        restarts: 0,
        last_restart: None,
    };
    let mut initializing = false;
    for (at, status) in items(object, &["status", "initContainerStatuses"])
        .iter()
        .enumerate()
    {
        count_restarts(status, summary);
        let sidecar = restartable(&status["name"]);
        if sidecar {
            count_restarts(status, &mut of_sidecars);
        }
        let terminated = status["state"]
            .get("terminated")
            .filter(|state| !state.is_null());
        if terminated.is_some_and(|state| number(state, &["exitCode"]) == 0) {
            continue;
        }
        if sidecar && status["started"] == true {
            summary.ready += usize::from(status["ready"] == true);
            continue;
        }
        let waiting = waiting_for(status).filter(|reason| *reason != "PodInitializing");
        summary.reason = match (terminated, waiting) {
            (Some(state), _) => format!("Init:{}", ended(state)),
            (None, Some(reason)) => format!("Init:{reason}"),
            (None, None) => format!("Init:{at}/{}", specs.len()),
        };
        initializing = true;
        break;
    }
    if !initializing || is_condition_true(object, "Initialized") {
        summary.restarts = of_sidecars.restarts;
        summary.last_restart = of_sidecars.last_restart;
    }
    initializing
}

fn containers(object: &Value, summary: &mut Summary) {
    let mut has_running = false;
    for status in items(object, &["status", "containerStatuses"]).iter().rev() {
        count_restarts(status, summary);
        let state = &status["state"];
        let terminated = state.get("terminated").filter(|state| !state.is_null());
        if let Some(reason) = waiting_for(status) {
            reason.clone_into(&mut summary.reason);
        } else if let Some(terminated) = terminated {
            summary.reason = ended(terminated);
        } else if status["ready"] == true && state.get("running").is_some() {
            has_running = true;
            summary.ready += 1;
        }
    }
    if summary.reason == "Completed" && has_running {
        let ready = is_condition_true(object, "Ready");
        let reason = if ready { "Running" } else { "NotReady" };
        reason.clone_into(&mut summary.reason);
    }
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::needless_pass_by_value,
        reason = "values are written where they are used"
    )]

    use super::{Timestamp, pod};
    use serde_json::{Value, json};

    fn cells(status: Value, deleted: bool) -> String {
        let mut object = json!({
            "metadata": {"name": "p", "creationTimestamp": "1970-01-01T00:00:00Z"},
            "spec": {"containers": [{"name": "a"}]},
            "status": status,
        });
        if deleted {
            object["metadata"]["deletionTimestamp"] = json!("1970-01-01T00:00:30Z");
        }
        pod(&object, Timestamp(60_000_000_000))[..3].join(" ")
    }

    fn container(state: Value, ready: bool, restarts: i64) -> Value {
        json!({"phase": "Running", "containerStatuses": [
            {"name": "a", "state": state, "ready": ready, "restartCount": restarts},
        ]})
    }

    #[test]
    fn a_pods_status_is_that_of_its_containers() {
        let running = json!({"running": {}});
        let waiting = |reason: &str| json!({"waiting": {"reason": reason}});
        let ended = |reason: &str| json!({"terminated": {"reason": reason, "exitCode": 1}});
        assert_eq!(cells(json!({"phase": "Pending"}), false), "0/1 Pending 0");
        let creating = container(waiting("ContainerCreating"), false, 0);
        assert_eq!(cells(creating, false), "0/1 ContainerCreating 0");
        assert_eq!(
            cells(container(running.clone(), true, 0), false),
            "1/1 Running 0"
        );
        assert_eq!(
            cells(container(running.clone(), false, 0), false),
            "0/1 Running 0"
        );
        assert_eq!(
            cells(container(ended("OOMKilled"), false, 1), false),
            "0/1 OOMKilled 1"
        );
        assert_eq!(
            cells(container(ended("Error"), false, 2), false),
            "0/1 Error 2"
        );
        assert_eq!(
            cells(container(ended(""), false, 0), false),
            "0/1 ExitCode:1 0"
        );
        assert_eq!(
            cells(container(running.clone(), true, 0), true),
            "1/1 Terminating 0"
        );
        let evicted = json!({"phase": "Failed", "reason": "Evicted"});
        assert_eq!(cells(evicted, true), "0/1 Evicted 0");
        let mut restarted = container(waiting("CrashLoopBackOff"), false, 3);
        restarted["containerStatuses"][0]["lastState"] =
            json!({"terminated": {"finishedAt": "1970-01-01T00:00:50Z"}});
        assert_eq!(cells(restarted, false), "0/1 CrashLoopBackOff 3 (10s ago)");
    }

    #[test]
    fn a_pod_waits_for_its_init_containers_and_counts_its_sidecars() {
        let object = |init: Value, initialized: &str| {
            json!({
                "metadata": {"name": "p"},
                "spec": {
                    "containers": [{"name": "a"}],
                    "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}],
                },
                "status": {
                    "phase": "Pending",
                    "conditions": [{"type": "Initialized", "status": initialized}],
                    "initContainerStatuses": init,
                    "containerStatuses": [{"name": "a", "ready": true, "restartCount": 1, "state": {"running": {}}}],
                },
            })
        };
        let cells = |object: Value| pod(&object, Timestamp(0))[..3].join(" ");
        let waits = json!([{"name": "i", "restartCount": 2, "state": {"running": {}}}]);
        assert_eq!(cells(object(waits, "False")), "0/2 Init:0/2 2");
        let failed =
            json!([{"name": "i", "restartCount": 2, "state": {"terminated": {"exitCode": 3}}}]);
        assert_eq!(cells(object(failed, "False")), "0/2 Init:ExitCode:3 2");
        let done = json!([
            {"name": "i", "restartCount": 2, "state": {"terminated": {"exitCode": 0}}},
            {"name": "s", "restartCount": 4, "started": true, "ready": true, "state": {"running": {}}},
        ]);
        assert_eq!(cells(object(done, "True")), "2/2 Pending 5");
    }
}
