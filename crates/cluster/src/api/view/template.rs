//! Pod templates, and the spec that pods have of them.

use serde_json::{Map, Value, json};

use super::{count, labels, list};
use crate::api::meta::Labels;
use crate::api::probe::{ProbeAction, ProbeSpec};
use crate::api::resources::Resources;
use crate::api::taint::{TaintEffect, Toleration};
use crate::api::template::{ContainerSpec, PodTemplate};
use crate::sim::SimDuration;
use crate::units::{Bytes, Millicores, Quantity};

/// Fields of a pod's spec that its object says itself.
const OF_SPEC: [&str; 8] = [
    "containers",
    "initContainers",
    "nodeSelector",
    "priority",
    "resources",
    "schedulingGates",
    "terminationGracePeriodSeconds",
    "tolerations",
];
/// The same of containers.
const OF_CONTAINERS: [&str; 4] = ["image", "name", "resizePolicy", "resources"];

/// What the API server gives pods that name none.
const SERVICE_ACCOUNT: &str = "default";

/// `spec.template` with these labels.
pub(super) fn template(template: &PodTemplate, own: &Labels) -> Value {
    let resources = template.containers.iter().map(ContainerSpec::resources);
    json!({
        "metadata": {
            "annotations": labels(&template.annotations),
            "labels": labels(own),
        },
        "spec": pod_spec(template, resources, false),
    })
}

/// The `spec` of a template, or of one of its pods.
pub(super) fn pod_spec(
    template: &PodTemplate,
    resources: impl Iterator<Item = Resources>,
    of_pod: bool,
) -> Value {
    let containers = template.containers.iter().zip(resources);
    let containers: Vec<Value> = containers
        .map(|(spec, resources)| container(spec, &resources, of_pod))
        .collect();
    let init_containers = template.init_containers.iter();
    let init_containers = init_containers.map(|spec| container(spec, &spec.resources(), of_pod));
    let shared = Resources {
        cpu_request: template.pod_cpu_request,
        memory_request: template.pod_memory_request,
        ..Resources::default()
    };
    let gates = template.placement.iter().flat_map(|one| &one.gates);
    let gates = gates.map(|name| json!({"name": name}));
    let readiness_gates = template.readiness_gates.iter();
    let readiness_gates = readiness_gates.map(|kind| json!({"conditionType": kind}));
    let mut spec = json!({
        "containers": containers,
        "dnsPolicy": "ClusterFirst",
        "hostNetwork": template.host_network.then_some(true),
        "initContainers": list(init_containers.collect()),
        "nodeSelector": labels(&template.node_selector),
        "readinessGates": list(readiness_gates.collect()),
        "resources": (shared != Resources::default()).then(|| resources_of(&shared)),
        "restartPolicy": template.restart_policy.name(),
        "schedulerName": "default-scheduler",
        "schedulingGates": list(gates.collect()),
        "securityContext": {},
        "serviceAccount": of_pod.then_some(SERVICE_ACCOUNT),
        "serviceAccountName": of_pod.then_some(SERVICE_ACCOUNT),
        "terminationGracePeriodSeconds": seconds(template.termination_grace),
        "tolerations": list(template.tolerations.iter().map(toleration).collect()),
    });
    as_written(&mut spec, &template.whole["spec"], &OF_SPEC);
    for list in ["containers", "initContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let mut written = template.whole["spec"][list]
                .as_array()
                .into_iter()
                .flatten();
            if let Some(written) = written.find(|one| one["name"] == container["name"]) {
                as_written(container, written, &OF_CONTAINERS);
                for list in ["limits", "requests"] {
                    further_amounts(
                        &mut container["resources"][list],
                        &written["resources"][list],
                    );
                }
            }
        }
    }
    spec
}

/// Takes over what a manifest says, except for what the objects say themselves.
fn as_written(view: &mut Value, written: &Value, own: &[&str]) {
    for (field, value) in written.as_object().into_iter().flatten() {
        if !own.contains(&field.as_str()) {
            view[field] = value.clone();
        }
    }
}

/// Amounts of other resources than CPU and memory.
fn further_amounts(amounts: &mut Value, written: &Value) {
    for (name, amount) in written.as_object().into_iter().flatten() {
        if !["cpu", "memory"].contains(&name.as_str()) {
            amounts[name] = amount.clone();
        }
    }
}

pub(super) fn toleration(one: &Toleration) -> Value {
    json!({
        "effect": one.effect.map(TaintEffect::name),
        "key": Some(&one.key).filter(|key| !key.is_empty()),
        "operator": if one.value.is_some() { "Equal" } else { "Exists" },
        "tolerationSeconds": one.seconds,
        "value": one.value,
    })
}

fn container(spec: &ContainerSpec, resources: &Resources, of_pod: bool) -> Value {
    let restarts = spec.restart_on_resize;
    let has_policy = restarts.contains(&true) || of_pod && *resources != Resources::default();
    let policy = |resource: &str, restart: bool| {
        let policy = if restart {
            "RestartContainer"
        } else {
            "NotRequired"
        };
        json!({"resourceName": resource, "restartPolicy": policy})
    };
    let pre_stop = spec
        .pre_stop
        .map(|hook| json!({"preStop": {"sleep": {"seconds": seconds(hook.length)}}}));
    json!({
        "image": spec.image,
        "imagePullPolicy": pull_policy(&spec.image),
        "lifecycle": pre_stop,
        "livenessProbe": spec.liveness_probe.as_ref().map(probe),
        "name": spec.name,
        "readinessProbe": spec.readiness_probe.as_ref().map(probe),
        "resizePolicy": has_policy.then(|| [policy("cpu", restarts[0]), policy("memory", restarts[1])]),
        "resources": resources_of(resources),
        "restartPolicy": spec.restartable.then_some("Always"),
        "startupProbe": spec.startup_probe.as_ref().map(probe),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    })
}

/// `SetDefaults_Container`: the newest image is pulled each time.
pub fn pull_policy(image: &str) -> &'static str {
    let name = image.rsplit('/').next().unwrap_or(image);
    let pinned = name.contains('@');
    match name.split_once(':') {
        _ if pinned => "IfNotPresent",
        None | Some((_, "latest")) => "Always",
        Some(_) => "IfNotPresent",
    }
}

fn probe(probe: &ProbeSpec) -> Value {
    let mut value = json!({
        "failureThreshold": probe.failure_threshold,
        "initialDelaySeconds": count(seconds(probe.initial_delay) as i32),
        "periodSeconds": seconds(probe.period),
        "successThreshold": probe.success_threshold,
        "terminationGracePeriodSeconds": probe.termination_grace.map(seconds),
        "timeoutSeconds": seconds(probe.timeout),
    });
    let (name, action) = match &probe.action {
        ProbeAction::Exec(command) => ("exec", json!({"command": command})),
        ProbeAction::HttpGet {
            scheme,
            host,
            port,
            path,
        } => (
            "httpGet",
            json!({"host": host, "path": path, "port": port, "scheme": scheme}),
        ),
        ProbeAction::TcpSocket { host, port } => ("tcpSocket", json!({"host": host, "port": port})),
        ProbeAction::Grpc { port, service } => ("grpc", json!({"port": port, "service": service})),
    };
    value[name] = action;
    value
}

/// Whole seconds of a length.
pub(super) fn seconds(length: SimDuration) -> i64 {
    length.0 / SimDuration::from_secs(1).0
}

/// `resources` of a container.
pub(super) fn resources_of(resources: &Resources) -> Value {
    json!({
        "limits": amounts(resources.cpu_limit, resources.memory_limit),
        "requests": amounts(resources.cpu_request, resources.memory_request),
    })
}

/// CPU and memory as quantities, left out where there is neither.
pub(super) fn amounts(cpu: Option<Millicores>, memory: Option<Bytes>) -> Value {
    let mut amounts = Map::new();
    if let Some(cpu) = cpu {
        let cpu = Quantity::from_millicores(cpu).to_string();
        amounts.insert("cpu".to_owned(), cpu.into());
    }
    if let Some(memory) = memory {
        let memory = Quantity::from_bytes(memory).to_string();
        amounts.insert("memory".to_owned(), memory.into());
    }
    if amounts.is_empty() {
        Value::Null
    } else {
        Value::Object(amounts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_without_a_version_are_pulled_each_time() {
        for (image, policy) in [
            ("nginx", "Always"),
            ("registry:5000/nginx", "Always"),
            ("nginx:latest", "Always"),
            ("nginx:1.27", "IfNotPresent"),
            ("registry:5000/nginx@sha256:00", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), policy, "{image}");
        }
    }
}
