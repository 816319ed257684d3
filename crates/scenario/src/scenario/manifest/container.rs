//! Pod templates and containers, with the API server's defaults.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;

use super::command::end_of;
use super::probe::probe;
use super::selector::check_labels;
use super::whole::whole;
use super::{Context, affinity, lifecycle, placement, pod_checks, pod_level};
use crate::api::{LocalVolume, RestartPolicy};
use crate::cluster::spec::{ContainerSpec, Labels, PodTemplate};
use crate::scenario::reader::{MOST_BYTES, MOST_CORES};
use crate::sim::SimDuration;
use crate::units::{Bytes, Millicores, Quantity};

pub(super) type Amounts = std::collections::BTreeMap<String, ApiQuantity>;

impl Context<'_> {
    /// A quantity of a map, if it is there and well-formed.
    pub(super) fn amount(
        &mut self,
        amounts: Option<&Amounts>,
        name: &str,
        path: &str,
    ) -> Option<Quantity> {
        let text = &amounts?.get(name)?.0;
        match text.parse::<Quantity>() {
            Ok(quantity) if quantity.nanos() > most(name) => {
                let message = format!("{text} of {name} is more than any pod or machine has");
                self.error(&format!("{path}.{name}"), message, None);
                None
            }
            Ok(quantity) if quantity.nanos() >= 0 => {
                if name == "memory" && quantity.nanos() % 1_000_000_000 != 0 {
                    let message = format!("{text} of memory is not a whole number of bytes");
                    self.warning(
                        &format!("{path}.{name}"),
                        message,
                        "M and Mi are millions of bytes, m is a thousandth",
                    );
                }
                Some(quantity)
            }
            Ok(_) => {
                self.error(
                    &format!("{path}.{name}"),
                    format!("the quantity {text} is negative"),
                    None,
                );
                None
            }
            Err(error) => {
                self.error(&format!("{path}.{name}"), error.to_string(), None);
                None
            }
        }
    }
}

/// The largest amount of a resource that is simulated, in billionths.
fn most(name: &str) -> i128 {
    let amount = match name {
        "cpu" => MOST_CORES,
        _ => MOST_BYTES,
    };
    amount * 1_000_000_000
}

/// Sorts a label map.
pub(super) fn labels(map: Option<&std::collections::BTreeMap<String, String>>) -> Labels {
    map.cloned().unwrap_or_default()
}

/// Reads a pod template; also the PriorityClass that it names.
pub(super) fn template(
    template: &core::PodTemplateSpec,
    context: &mut Context<'_>,
) -> (PodTemplate, Option<String>) {
    let path = "spec.template.spec";
    let metadata = template.metadata.clone().unwrap_or_default();
    let spec = template.spec.clone().unwrap_or_default();
    if spec.containers.is_empty() {
        context.refuse(
            &format!("{path}.containers"),
            "Required value",
            Some("add `containers:` with a `name` and an `image`"),
        );
    }
    let annotations = labels(metadata.annotations.as_ref());
    let containers: Vec<ContainerSpec> = spec
        .containers
        .iter()
        .enumerate()
        .map(|(index, one)| container(one, &format!("{path}.containers[{index}]"), context))
        .collect();
    let init = spec.init_containers.clone().unwrap_or_default();
    let init_containers: Vec<ContainerSpec> = init
        .iter()
        .enumerate()
        .map(|(index, one)| container(one, &format!("{path}.initContainers[{index}]"), context))
        .collect();
    let path_of_pod = format!("{path}.resources");
    let resources = spec.resources.as_ref();
    let (pod_cpu_request, pod_memory_request) = pod_level::requests(
        resources,
        &path_of_pod,
        &containers,
        &init_containers,
        context,
    );
    pod_checks::check(&spec, context);
    placement::warn(&spec, context);
    let template_labels = labels(metadata.labels.as_ref());
    let of = |field: &str| {
        [
            format!("spec.template.metadata.{field}"),
            format!("spec.template.{field}"),
        ]
    };
    let [place, known] = of("labels");
    check_labels(&template_labels, (&place, &known), context);
    let [place, known] = of("annotations");
    context.check_annotations(&annotations, (&place, &known));
    // A negative one counts as 1 when a pod is deleted.
    let grace = spec.termination_grace_period_seconds.unwrap_or(30);
    let grace = if grace < 0 { 1 } else { grace };
    let made = PodTemplate {
        labels: template_labels,
        annotations: annotations.into(),
        containers,
        init_containers,
        pod_cpu_request,
        pod_memory_request,
        priority: spec.priority.unwrap_or(0),
        termination_grace: seconds(grace),
        node_name: spec
            .node_name
            .as_deref()
            .filter(|name| !name.is_empty())
            .map(Into::into),
        active_deadline: spec.active_deadline_seconds.map(seconds),
        node_selector: labels(spec.node_selector.as_ref()),
        tolerations: placement::tolerations(&spec, context),
        host_network: spec.host_network == Some(true),
        readiness_gates: (spec.readiness_gates.iter().flatten())
            .map(|gate| gate.condition_type.clone())
            .collect(),
        never_preempts: spec.preemption_policy.as_deref() == Some("Never"),
        volumes: volumes(&spec),
        placement: affinity::placement(&spec, context),
        restart_policy: match spec.restart_policy.as_deref() {
            Some("Never") => RestartPolicy::Never,
            Some("OnFailure") => RestartPolicy::OnFailure,
            _ => RestartPolicy::Always,
        },
        whole: std::sync::Arc::new(whole(template).into()),
    };
    (made, spec.priority_class_name)
}

/// The volumes that are on the node.
fn volumes(spec: &core::PodSpec) -> Vec<(String, LocalVolume)> {
    let all = spec.volumes.iter().flatten();
    let local = |one: &core::Volume| {
        let volume = match (&one.empty_dir, &one.host_path) {
            (Some(dir), _) if dir.medium.as_deref() == Some("Memory") => LocalVolume::Memory,
            (Some(_), _) => LocalVolume::EmptyDir,
            (None, Some(_)) => LocalVolume::HostPath,
            (None, None) => return None,
        };
        Some((one.name.clone(), volume))
    };
    all.filter_map(local).collect()
}

/// Seconds as written, at most about 285 years, which is what fits.
pub(super) fn seconds(seconds: i64) -> SimDuration {
    SimDuration::from_secs(seconds.clamp(0, 9_000_000_000))
}

fn container(one: &core::Container, path: &str, context: &mut Context<'_>) -> ContainerSpec {
    let resources = one.resources.clone().unwrap_or_default();
    let (limits, requests) = (resources.limits.as_ref(), resources.requests.as_ref());
    let limit_path = format!("{path}.resources.limits");
    let request_path = format!("{path}.resources.requests");
    let cpu_limit = context.amount(limits, "cpu", &limit_path);
    let memory_limit = context.amount(limits, "memory", &limit_path);
    // A limit without a request is the request too.
    let cpu_request = context.amount(requests, "cpu", &request_path).or(cpu_limit);
    let memory_request = context
        .amount(requests, "memory", &request_path)
        .or(memory_limit);
    for (name, request, limit) in [
        ("cpu", cpu_request, cpu_limit),
        ("memory", memory_request, memory_limit),
    ] {
        if let (Some(request), Some(limit)) = (request, limit)
            && request.nanos() > limit.nanos()
        {
            let words = format!(
                "Invalid value: \"{request}\": must be less than or equal to {name} limit of {limit}"
            );
            context.refuse_at(
                &format!("{request_path}.{name}"),
                &request_path,
                words,
                Some("lower the request or raise the limit"),
            );
        }
    }
    let command = [
        one.command.clone().unwrap_or_default(),
        one.args.clone().unwrap_or_default(),
    ]
    .concat()
    .join(" ");
    let end = end_of(&command);
    let hooks = one.lifecycle.clone().unwrap_or_default();
    let [post_start, pre_stop] = [("postStart", hooks.post_start), ("preStop", hooks.pre_stop)]
        .map(|(name, hook)| Some(lifecycle::hook(&hook?, (path, name), context)));
    ContainerSpec {
        name: one.name.clone(),
        image: one.image.clone().unwrap_or_default(),
        cpu_request: cpu_request.map(|q| Millicores(q.milli_value())),
        cpu_limit: cpu_limit.map(|q| Millicores(q.milli_value())),
        memory_request: memory_request.map(|q| Bytes(q.value())),
        memory_limit: memory_limit.map(|q| Bytes(q.value())),
        startup_probe: probe("startupProbe", one, path, context),
        readiness_probe: probe("readinessProbe", one, path, context),
        liveness_probe: probe("livenessProbe", one, path, context),
        restart_on_resize: restart_on_resize(one),
        restartable: one.restart_policy.as_deref() == Some("Always"),
        post_start,
        pre_stop,
        sleeps: end.map(|(after, _)| after),
        exit_code: end.map_or(0, |(_, code)| code),
        command,
        idle_cpu: Millicores(1),
        idle_memory: Bytes(16 << 20),
    }
}

/// `resizePolicy`: CPU, memory.
fn restart_on_resize(one: &core::Container) -> [bool; 2] {
    let policies = one.resize_policy.as_deref().unwrap_or_default();
    ["cpu", "memory"].map(|resource| {
        policies
            .iter()
            .any(|p| p.resource_name == resource && p.restart_policy == "RestartContainer")
    })
}
