//! Pods.

use serde_json::{Value, json};

use super::pod_conditions::conditions;
use super::template::{amounts, pod_spec, resources_of, seconds, toleration};
use super::{Clock, list, meta};
use crate::api::meta::Labels;
use crate::api::node::Node;
use crate::api::pod::{ContainerStatus, Pod, PodPhase, TerminationReason};
use crate::api::resources::Resources;
use crate::api::store::Store;
use crate::api::taint::Toleration;
use crate::api::template::ContainerSpec;
use crate::controller::daemonset::daemon_tolerations;
use crate::sim::SimTime;

pub(super) fn view(pod: &Pod, store: &Store, clock: Clock) -> Value {
    let template = &pod.template;
    let has_run = |status: &ContainerStatus| {
        status.running_since.is_some() || status.last_termination.is_some()
    };
    // A pod that never ran goes at once.
    let grace = if pod.containers.iter().any(has_run) {
        seconds(pod.grace())
    } else {
        0
    };
    let metadata = meta::metadata(&pod.meta, &Labels::new(), Some(grace), store, clock);
    let resources = (0..pod.containers.len()).map(|place| pod.spec_resources(place));
    let mut spec = pod_spec(template, resources, true);
    // The scheduler's choice can be seen once the pod is bound.
    let node = pod.scheduled.and(pod.node);
    let node = node.and_then(|node| store.find_node(node));
    let node = node.map(Node::name).or(template.node_name.as_deref());
    spec["nodeName"] = node.map_or(Value::Null, Value::from);
    spec["tolerations"] = tolerations(pod, store);
    spec["priority"] = template.priority.into();
    let policy = if template.never_preempts {
        "Never"
    } else {
        "PreemptLowerPriority"
    };
    spec["preemptionPolicy"] = policy.into();
    let address = pod.address.filter(|_| has_sandbox(pod));
    let address = address.map(|address| address.to_string());
    let nominated = pod.nominated.and_then(|node| store.find_node(node));
    let nominated = nominated.map(Node::name);
    let acknowledged = pod.start_time.is_some();
    let statuses = pod.containers.iter().zip(&template.containers);
    let statuses = statuses.map(|(status, spec)| container_status(status, spec, pod, clock));
    let statuses: Vec<Value> = statuses.collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": spec,
        "status": {
            "conditions": list(conditions(pod, store, clock)),
            "containerStatuses": acknowledged.then_some(statuses),
            "initContainerStatuses": acknowledged.then(|| init_statuses(pod, clock)),
            "message": pod.failure.as_ref().map(|why| &why.1),
            "nominatedNodeName": nominated,
            "observedGeneration": acknowledged.then_some(pod.meta.generation),
            "phase": pod.phase.name(),
            "podIP": address,
            "podIPs": address.as_ref().map(|address| json!([{"ip": address}])),
            "qosClass": qos_class(pod),
            "reason": pod.failure.as_ref().map(|why| &*why.0),
            "startTime": clock.maybe(pod.start_time),
        },
    })
}

/// Whether it can be seen that a pod has its sandbox: its status comes with that of its containers.
fn has_sandbox(pod: &Pod) -> bool {
    let mut statuses = pod.containers.iter().chain(&pod.init_containers);
    statuses.any(|one| one.running_since.is_some() || one.last_termination.is_some())
        || pod.waiting.is_some_and(|why| why != "ContainerCreating")
}

/// `spec.tolerations`: those of a DaemonSet's controller and of the API server included.
fn tolerations(pod: &Pod, store: &Store) -> Value {
    let own = pod.template.tolerations.iter().cloned();
    let mut all: Vec<Toleration> = match pod.pinned {
        Some(_) => daemon_tolerations(&pod.template).cloned().collect(),
        None => own.collect(),
    };
    for default in store.default_tolerations() {
        let is_about = |one: &Toleration| {
            (one.key.is_empty() || one.key == default.key)
                && (one.effect.is_none() || one.effect == default.effect)
        };
        if !all.iter().any(is_about) {
            all.push(default);
        }
    }
    list(all.iter().map(toleration).collect())
}

/// `GetPodQOS`, by what the node has promised.
pub fn qos_class(pod: &Pod) -> &'static str {
    let init = pod.template.init_containers.iter();
    let init = init.map(ContainerSpec::resources);
    let all = pod.containers.iter().map(|status| status.resources);
    let all: Vec<Resources> = all.chain(init).collect();
    let template = &pod.template;
    let shared = template.pod_cpu_request.is_some() || template.pod_memory_request.is_some();
    let guaranteed = |one: &Resources| {
        one.cpu_limit.is_some()
            && one.memory_limit.is_some()
            && one.cpu_request == one.cpu_limit
            && one.memory_request == one.memory_limit
    };
    if !shared && all.iter().all(|one| *one == Resources::default()) {
        "BestEffort"
    } else if !shared && all.iter().all(guaranteed) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

fn container_status(
    status: &ContainerStatus,
    spec: &ContainerSpec,
    pod: &Pod,
    clock: Clock,
) -> Value {
    let running = status.running_since.is_some() && !pod.hides_start(spec);
    let (state, last) = container_state(status, spec, pod);
    let last = last.map(|last| ContainerState::terminated(last).view(clock));
    let promised = &status.resources;
    json!({
        "allocatedResources": amounts(promised.cpu_request, promised.memory_request),
        "image": spec.image,
        "lastState": last.unwrap_or_else(|| json!({})),
        "name": spec.name,
        "ready": container_is_ready(status, spec, pod),
        "resources": resources_of(promised),
        "restartCount": pod.restart_count(status, spec),
        "started": running,
        "state": state.view(clock),
    })
}

/// The statuses of the init containers.
fn init_statuses(pod: &Pod, clock: Clock) -> Option<Vec<Value>> {
    let all = pod.init_containers.iter();
    let all = all.zip(&pod.template.init_containers);
    let status = |(status, spec): (&ContainerStatus, &ContainerSpec)| {
        let resources = spec.resources();
        let (state, last) = init_container_state(status, spec, pod);
        let last = last.map(|last| ContainerState::terminated(last).view(clock));
        json!({
            "allocatedResources": amounts(resources.cpu_request, resources.memory_request),
            "image": spec.image,
            "lastState": last.unwrap_or_else(|| json!({})),
            "name": spec.name,
            "ready": init_container_is_ready(status, spec, pod),
            "resources": resources_of(&resources),
            "restartCount": pod.restart_count(status, spec),
            "started": init_container_has_started(status, spec, pod),
            "state": state.view(clock),
        })
    };
    (!pod.init_containers.is_empty()).then(|| all.map(status).collect())
}

/// How a container stands, and how it ended before that.
pub fn container_state(
    status: &ContainerStatus,
    spec: &ContainerSpec,
    pod: &Pod,
) -> (ContainerState, Option<Termination>) {
    let running_since = status.running_since.filter(|_| !pod.hides_start(spec));
    match (running_since, status.last_termination) {
        // The kernel was faster than the end of its grace period.
        (None, Some(ended @ (TerminationReason::OomKilled, ..))) if pod.has_ended() => {
            (ContainerState::terminated(ended), None)
        }
        // Its pod was deleted: it went in time, or by SIGKILL.
        _ if pod.has_ended() && pod.is_deleting() => {
            let (exit_code, reason) = match pod.phase {
                PodPhase::Succeeded => (0, "Completed"),
                _ => (137, "Error"),
            };
            (ContainerState::ended(exit_code, reason), None)
        }
        (Some(since), last) => (ContainerState::Running(since), last),
        (None, Some(ended)) if pod.has_ended() || pod.is_deleting() => {
            (ContainerState::terminated(ended), None)
        }
        (None, last @ Some(_)) => {
            let reason = pod.waiting.filter(|_| is_first(spec, pod));
            let reason = reason.unwrap_or("CrashLoopBackOff");
            (ContainerState::Waiting(reason), last)
        }
        (None, None) => {
            let reason = if let Some(why) = pod.waiting.filter(|_| is_first(spec, pod)) {
                why
            } else if pod.template.init_containers.is_empty() {
                "ContainerCreating"
            } else {
                "PodInitializing"
            };
            (ContainerState::Waiting(reason), None)
        }
    }
}

/// Whether a container has the image that its pod's first container has: what cannot be pulled.
fn is_first(spec: &ContainerSpec, pod: &Pod) -> bool {
    let first = pod.template.containers.first();
    first.is_some_and(|first| first.image == spec.image)
}

/// How an init container stands, and how it ended before that.
pub fn init_container_state(
    status: &ContainerStatus,
    spec: &ContainerSpec,
    pod: &Pod,
) -> (ContainerState, Option<Termination>) {
    let running_since = status.running_since.filter(|_| !pod.hides_start(spec));
    match (running_since, status.last_termination) {
        (Some(since), last) => (ContainerState::Running(since), last),
        (None, None) => (ContainerState::Waiting("PodInitializing"), None),
        (None, Some(ended)) => {
            let is_over = !spec.restartable && ended.0 == TerminationReason::Completed;
            if is_over || pod.has_ended() || pod.is_deleting() {
                (ContainerState::terminated(ended), None)
            } else {
                (ContainerState::Waiting("CrashLoopBackOff"), Some(ended))
            }
        }
    }
}

/// Whether an init container is ready: a sidecar by its probes, others once they have ended well.
pub fn init_container_is_ready(status: &ContainerStatus, spec: &ContainerSpec, pod: &Pod) -> bool {
    let ended = status.last_termination.map(|(reason, ..)| reason);
    let runs = status.running_since.is_some();
    if spec.restartable {
        runs && status.ready && !pod.hides_start(spec)
    } else {
        !runs && ended == Some(TerminationReason::Completed)
    }
}

/// `started` of an init container.
pub(super) fn init_container_has_started(
    status: &ContainerStatus,
    spec: &ContainerSpec,
    pod: &Pod,
) -> bool {
    let runs = status.running_since.is_some() && !pod.hides_start(spec);
    runs && (status.started || !spec.restartable)
}

/// Why a container ended, when that run had started, and when it ended.
type Termination = (TerminationReason, SimTime, SimTime);

/// How a container stands: `state` of its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerState {
    /// It waits, for this reason.
    Waiting(&'static str),
    /// It runs since then.
    Running(SimTime),
    /// It has ended.
    Terminated {
        /// `exitCode`.
        exit_code: i32,
        /// `reason`.
        reason: &'static str,
        /// `startedAt` and `finishedAt`, where that is known.
        times: Option<(SimTime, SimTime)>,
    },
}

impl ContainerState {
    fn ended(exit_code: i32, reason: &'static str) -> Self {
        let times = None;
        Self::Terminated {
            exit_code,
            reason,
            times,
        }
    }

    fn terminated((reason, started, finished): Termination) -> Self {
        Self::Terminated {
            exit_code: reason.exit_code(),
            reason: reason.name(),
            times: Some((started, finished)),
        }
    }

    fn view(self, clock: Clock) -> Value {
        match self {
            Self::Waiting(reason) => json!({"waiting": {"reason": reason}}),
            Self::Running(since) => json!({"running": {"startedAt": clock.time(since)}}),
            Self::Terminated {
                exit_code,
                reason,
                times,
            } => json!({"terminated": {
                "exitCode": exit_code,
                "finishedAt": clock.maybe(times.map(|(_, finished)| finished)),
                "reason": reason,
                "startedAt": clock.maybe(times.map(|(started, _)| started)),
            }}),
        }
    }
}

/// Whether a container is ready: all are if their pod is; beside one that does not run, or a sidecar
/// that is not ready, those without a probe are.
pub fn container_is_ready(status: &ContainerStatus, spec: &ContainerSpec, pod: &Pod) -> bool {
    let down = |one: &ContainerStatus| one.running_since.is_none();
    let mut sidecars = pod
        .init_containers
        .iter()
        .zip(&pod.template.init_containers);
    let waits = |(status, spec): (&ContainerStatus, &ContainerSpec)| {
        spec.restartable && !init_container_is_ready(status, spec, pod)
    };
    let beside = pod.containers.iter().any(down) || sidecars.any(waits);
    let by_itself = beside && status.started && spec.readiness_probe.is_none();
    status.running_since.is_some()
        && !pod.hides_start(spec)
        && pod.phase == PodPhase::Running
        && (pod.ready || pod.containers_ready.is_some() || by_itself)
}
