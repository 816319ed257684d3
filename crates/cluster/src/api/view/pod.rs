//! Pods.

use serde_json::{Value, json};

use super::pod_conditions::conditions;
use super::template::{amounts, pod_spec, resources_of, seconds};
use super::{Clock, list, meta};
use crate::api::meta::{Labels, ObjectId};
use crate::api::node::Node;
use crate::api::pod::{ContainerStatus, Pod, PodPhase, TerminationReason};
use crate::api::resources::Resources;
use crate::api::store::Store;
use crate::api::template::ContainerSpec;
use crate::sim::SimTime;

pub(super) fn view(pod: &Pod, store: &Store, clock: Clock) -> Value {
    let template = &pod.template;
    let has_run = |status: &ContainerStatus| {
        status.running_since.is_some() || status.last_termination.is_some()
    };
    // A pod that never ran goes at once.
    let grace = if pod.containers.iter().any(has_run) {
        seconds(template.termination_grace)
    } else {
        0
    };
    let metadata = meta::metadata(&pod.meta, &Labels::new(), Some(grace), store, clock);
    let resources = (0..pod.containers.len()).map(|place| pod.spec_resources(place));
    let mut spec = pod_spec(template, resources, restart_policy(pod, store), true);
    // The scheduler's choice can be seen once the pod is bound.
    let node = pod.scheduled.and(pod.node);
    let node = node.and_then(|node| store.find_node(node));
    spec["nodeName"] = node.map_or(Value::Null, |node| node.name().into());
    spec["priority"] = template.priority.into();
    let policy = if template.never_preempts {
        "Never"
    } else {
        "PreemptLowerPriority"
    };
    spec["preemptionPolicy"] = policy.into();
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
            "conditions": list(conditions(pod, clock)),
            "containerStatuses": acknowledged.then_some(statuses),
            "initContainerStatuses": acknowledged.then(|| init_statuses(pod, clock)),
            "message": pod.failure.as_ref().map(|why| &why.1),
            "nominatedNodeName": nominated,
            "observedGeneration": acknowledged.then_some(pod.meta.generation),
            "phase": pod.phase.name(),
            "qosClass": qos_class(pod),
            "reason": pod.failure.as_ref().map(|why| why.0),
            "startTime": clock.maybe(pod.start_time),
        },
    })
}

fn restart_policy(pod: &Pod, store: &Store) -> &'static str {
    let Some(ObjectId::Job(job)) = pod.meta.owner else {
        return "Always";
    };
    match store.job(job) {
        Some(job) if job.spec.restarts_in_place => "OnFailure",
        _ => "Never",
    }
}

/// `GetPodQOS`, by what the node has promised.
fn qos_class(pod: &Pod) -> &'static str {
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
    let running = status.running_since.is_some();
    let last = status.last_termination;
    let terminated = last.map(|last| terminated(last, clock));
    let (state, last_state) = match (status.running_since, terminated) {
        _ if pod.has_ended() && pod.is_deleting() => (ended_by_deletion(pod), json!({})),
        (Some(since), last) => (
            json!({"running": {"startedAt": clock.time(since)}}),
            last.unwrap_or_else(|| json!({})),
        ),
        (None, Some(ended)) if pod.has_ended() || pod.is_deleting() => (ended, json!({})),
        (None, Some(last)) => (json!({"waiting": {"reason": "CrashLoopBackOff"}}), last),
        (None, None) => {
            let first = pod.template.containers.first().map(|one| &one.image);
            let reason = if let Some(why) = pod.waiting.filter(|_| first == Some(&spec.image)) {
                why
            } else if pod.template.init_containers.is_empty() {
                "ContainerCreating"
            } else {
                "PodInitializing"
            };
            (json!({"waiting": {"reason": reason}}), json!({}))
        }
    };
    let promised = &status.resources;
    json!({
        "allocatedResources": amounts(promised.cpu_request, promised.memory_request),
        "image": spec.image,
        "lastState": last_state,
        "name": spec.name,
        "ready": is_ready(status, spec, pod),
        "resources": resources_of(promised),
        "restartCount": status.restarts,
        "started": running,
        "state": state,
    })
}

/// The statuses of the init containers. They have run once a container beside them has; sidecars
/// then run until the pod has ended.
fn init_statuses(pod: &Pod, clock: Clock) -> Option<Vec<Value>> {
    let specs = &pod.template.init_containers;
    let first_start = |status: &ContainerStatus| {
        let before = status.last_termination.map(|(_, started, _)| started);
        before.or(status.running_since)
    };
    let since = pod.containers.iter().filter_map(first_start).min();
    let state = |spec: &ContainerSpec| match since {
        None => json!({"waiting": {"reason": "PodInitializing"}}),
        Some(since) if spec.restartable && !pod.has_ended() => {
            json!({"running": {"startedAt": clock.time(since)}})
        }
        Some(_) => json!({"terminated": {"exitCode": 0, "reason": "Completed"}}),
    };
    let status = |spec: &ContainerSpec| {
        let resources = spec.resources();
        let runs = since.is_some() && spec.restartable && !pod.has_ended();
        json!({
            "allocatedResources": amounts(resources.cpu_request, resources.memory_request),
            "image": spec.image,
            "lastState": {},
            "name": spec.name,
            "ready": since.is_some() && (runs || !spec.restartable),
            "resources": resources_of(&resources),
            "restartCount": 0,
            "started": runs,
            "state": state(spec),
        })
    };
    (!specs.is_empty()).then(|| specs.iter().map(status).collect())
}

/// The state of a container whose pod was deleted: it went in time, or by SIGKILL.
fn ended_by_deletion(pod: &Pod) -> Value {
    let (code, reason) = match pod.phase {
        PodPhase::Succeeded => (0, "Completed"),
        _ => (137, "Error"),
    };
    json!({"terminated": {"exitCode": code, "reason": reason}})
}

/// Whether a container is ready: all are if their pod is; beside one that does not run, those
/// without a probe are.
pub(super) fn is_ready(status: &ContainerStatus, spec: &ContainerSpec, pod: &Pod) -> bool {
    let down = |one: &ContainerStatus| one.running_since.is_none();
    let beside = pod.containers.iter().any(down);
    let by_itself = beside && status.started && spec.readiness_probe.is_none();
    status.running_since.is_some() && pod.phase == PodPhase::Running && (pod.ready || by_itself)
}

fn terminated(last: (TerminationReason, SimTime, SimTime), clock: Clock) -> Value {
    let (reason, started, finished) = last;
    json!({"terminated": {
        "exitCode": reason.exit_code(),
        "finishedAt": clock.time(finished),
        "reason": reason.name(),
        "startedAt": clock.time(started),
    }})
}
