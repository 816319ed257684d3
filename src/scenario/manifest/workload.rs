//! Deployment, ReplicaSet, StatefulSet and Job.

use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::batch::v1 as batch;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::container::{labels, template};
use super::{Context, WorkloadObject, typed};
use crate::cluster::spec::{Labels, StartupSpec, WorkloadKind, WorkloadSpec};
use crate::sim::{Dist, SimDuration, SimTime};

type Read = Option<WorkloadObject>;

/// Start-up times where the scenario states none: a pull of 5 s on a node without the image,
/// container start with a median of 1.5 s and a 99th percentile of 5 s.
fn default_startup() -> StartupSpec {
    let (median, p99): (f64, f64) = (1.5, 5.0);
    let sigma = (p99 / median).ln() / 2.326_347_9;
    StartupSpec {
        image_pull: Dist::Constant(5.0),
        container_start: Dist::LogNormal {
            mu: median.ln(),
            sigma,
        },
        ready: Dist::Constant(2.0),
        shutdown: Dist::Constant(0.5),
        startup_cpu: 0.0,
    }
}

fn check_replicas(replicas: Option<i32>, context: &mut Context<'_>) -> i32 {
    let replicas = replicas.unwrap_or(1);
    if replicas < 0 {
        context.error(
            "spec.replicas",
            format!("replicas is {replicas}; it must be at least 0"),
            None,
        );
    }
    replicas
}

fn check_selector(
    selector: &LabelSelector,
    pod_labels: &Labels,
    context: &mut Context<'_>,
) -> Labels {
    let selector = labels(selector.match_labels.as_ref());
    if selector.is_empty() {
        let help = "add `selector: {matchLabels: {…}}` with the labels of the pod template";
        context.error(
            "spec",
            "the selector is missing or has no matchLabels",
            Some(help),
        );
    }
    for (key, value) in &selector {
        if pod_labels.get(key) != Some(value) {
            let message = format!(
                "the selector asks for {key}={value}, which the pod template does not carry"
            );
            context.error(
                "spec.selector.matchLabels",
                message,
                Some("give `spec.template.metadata.labels` the same labels"),
            );
        }
    }
    selector
}

fn workload(
    kind: WorkloadKind,
    metadata: &ObjectMeta,
    replicas: i32,
    selector: Option<&LabelSelector>,
    pods: &PodTemplateSpec,
    context: &mut Context<'_>,
) -> Read {
    let (name, namespace) = context.identity(metadata.clone());
    let (template, priority_class) = template(pods, context);
    let selector = match selector {
        Some(selector) => check_selector(selector, &template.labels, context),
        None => template.labels.clone(),
    };
    let spec = WorkloadSpec {
        kind,
        name,
        namespace,
        replicas,
        selector,
        template,
        startup: default_startup(),
        created_at: SimTime::ZERO,
        deleted_at: None,
    };
    Some(WorkloadObject {
        spec,
        priority_class,
    })
}

/// Says that `spec` is missing.
fn need_spec<T>(spec: Option<T>, context: &mut Context<'_>) -> Option<T> {
    if spec.is_none() {
        context.error(
            "",
            "`spec` is missing",
            Some("a workload needs `spec:` with a pod template"),
        );
    }
    spec
}

pub(super) fn deployment(context: &mut Context<'_>) -> Read {
    let object: apps::Deployment = typed::read(context)?;
    let spec = need_spec(object.spec, context)?;
    let replicas = check_replicas(spec.replicas, context);
    workload(
        WorkloadKind::Deployment,
        &object.metadata,
        replicas,
        Some(&spec.selector),
        &spec.template,
        context,
    )
}

pub(super) fn replica_set(context: &mut Context<'_>) -> Read {
    let object: apps::ReplicaSet = typed::read(context)?;
    let spec = need_spec(object.spec, context)?;
    let replicas = check_replicas(spec.replicas, context);
    let pods = spec.template.unwrap_or_default();
    workload(
        WorkloadKind::ReplicaSet,
        &object.metadata,
        replicas,
        Some(&spec.selector),
        &pods,
        context,
    )
}

pub(super) fn stateful_set(context: &mut Context<'_>) -> Read {
    let object: apps::StatefulSet = typed::read(context)?;
    let spec = need_spec(object.spec, context)?;
    let replicas = check_replicas(spec.replicas, context);
    let parallel = spec.pod_management_policy.as_deref() == Some("Parallel");
    let kind = WorkloadKind::StatefulSet { parallel };
    workload(
        kind,
        &object.metadata,
        replicas,
        Some(&spec.selector),
        &spec.template,
        context,
    )
}

pub(super) fn job(context: &mut Context<'_>) -> Read {
    let object: batch::Job = typed::read(context)?;
    let spec = need_spec(object.spec, context)?;
    let mut at_least = |value: Option<i32>, default: i32, least: i32, field: &str| {
        let value = value.unwrap_or(default);
        if value < least {
            context.error(
                &format!("spec.{field}"),
                format!("{field} is {value}; it must be at least {least}"),
                None,
            );
        }
        value
    };
    let parallelism = at_least(spec.parallelism, 1, 0, "parallelism");
    let backoff_limit = at_least(spec.backoff_limit, 6, 0, "backoffLimit");
    // Neither parallelism nor completions: one pod.
    let completions = match (spec.completions, spec.parallelism) {
        (None, None) => Some(1),
        (None, Some(_)) => None,
        (given, _) => Some(at_least(given, 1, 0, "completions")),
    };
    let kind = WorkloadKind::Job {
        parallelism,
        completions,
        backoff_limit,
        active_deadline: spec.active_deadline_seconds.map(SimDuration::from_secs),
    };
    if !matches!(
        spec.template
            .spec
            .as_ref()
            .and_then(|pod| pod.restart_policy.as_deref()),
        Some("Never" | "OnFailure")
    ) {
        let help = "write `restartPolicy: Never` in the pod template";
        context.error(
            "spec.template.spec",
            "a Job needs restartPolicy Never or OnFailure",
            Some(help),
        );
    }
    workload(kind, &object.metadata, 0, None, &spec.template, context)
}
