//! Deployment, ReplicaSet and StatefulSet.

use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{self as meta, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::container::template;
use super::hpa::unsupported;
use super::{Context, WorkloadObject, names, typed};
use crate::cluster::spec::{
    IntOrPercent, LabelSelector, Labels, StartupSpec, WorkloadKind, WorkloadSpec,
};
use crate::controller::deployment::{DeploymentSpec, DeploymentSpecInput, StrategyType};
use crate::controller::statefulset::{StatefulSetSpecInput, UpdateStrategyType};
use crate::sim::{Dist, SimTime};
use crate::units::Millicores;

type Read = Option<WorkloadObject>;

/// Start-up times where the scenario states none: a pull of 5 s on a node without the image,
/// container start with a median of 1.5 s and a 99th percentile of 5 s. A tenth of a core until
/// the application answers, 0.2 s of CPU in all: small HTTP servers of Node.js, Python and Java
/// were measured to use 0.13 to 0.23 s.
fn default_startup() -> StartupSpec {
    let (median, p99): (f64, f64) = (1.5, 5.0);
    let sigma = (p99 / median).ln() / 2.326_347_9;
    StartupSpec {
        image_pull: Dist::Constant(5.0),
        image_size: None,
        container_start: Dist::LogNormal {
            mu: median.ln(),
            sigma,
        },
        ready: Dist::Constant(2.0),
        shutdown: Dist::Constant(0.5),
        startup_cpu: Millicores(100),
        run_time: None,
        probes_are_served: false,
        images: Vec::new(),
        exit_codes: Vec::new(),
    }
}

/// Pods of a workload at most: each is simulated.
const MOST_PODS: i32 = 1_000_000;

/// Reports more pods than can be simulated.
pub(super) fn check_pods(number: i32, field: &str, context: &mut Context<'_>) {
    if number > MOST_PODS {
        let message = format!("{field} is {number}; at most {MOST_PODS} pods are simulated");
        context.error(&format!("spec.{field}"), message, None);
    }
}

/// `ValidateNonnegativeField`.
pub(super) fn check_not_negative(path: &str, value: Option<i32>, context: &mut Context<'_>) {
    if let Some(value) = value.filter(|value| *value < 0) {
        let words = format!("Invalid value: {value}: must be greater than or equal to 0");
        context.refuse(path, words, None);
    }
}

fn check_replicas(replicas: Option<i32>, context: &mut Context<'_>) -> i32 {
    let replicas = replicas.unwrap_or(1);
    check_pods(replicas, "replicas", context);
    check_not_negative("spec.replicas", Some(replicas), context);
    replicas
}

pub(super) fn check_selector(
    selector: &meta::LabelSelector,
    pod_labels: &Labels,
    kind: &str,
    context: &mut Context<'_>,
) -> LabelSelector {
    let empty = selector.match_labels.as_ref().is_none_or(Labels::is_empty)
        && selector
            .match_expressions
            .as_ref()
            .is_none_or(Vec::is_empty);
    if empty {
        let help = Some("add `selector: {matchLabels: {…}}` with the labels of the pod template");
        let spec = context.document.get("spec");
        let is_there = spec.and_then(|spec| spec.get("selector")).is_some();
        if is_there {
            let kind = kind.to_lowercase();
            let words = format!("Invalid value: {{}}: empty selector is invalid for {kind}");
            context.refuse("spec.selector", words, help);
        } else {
            context.refuse("spec.selector", "Required value", help);
        }
    }
    super::selector::selector(selector, "spec.selector", Some(pod_labels), context)
}

/// What keeps its pods running restarts their containers.
pub(super) fn check_restarts(pods: &PodTemplateSpec, context: &mut Context<'_>) {
    let policy = pods
        .spec
        .as_ref()
        .and_then(|pod| pod.restart_policy.as_deref());
    if let Some(policy) = policy.filter(|policy| *policy != "Always") {
        let words = format!("Unsupported value: \"{policy}\": supported values: \"Always\"");
        let help = Some("leave `restartPolicy` out");
        context.refuse("spec.template.spec.restartPolicy", words, help);
    }
}

/// Only pods of Jobs have a deadline.
fn check_deadline(pods: &PodTemplateSpec, kind: &str, context: &mut Context<'_>) {
    let spec = pods.spec.as_ref();
    if spec.is_some_and(|pod| pod.active_deadline_seconds.is_some()) {
        // Deployments are validated as ReplicaSets are.
        let kind = if kind == "Deployment" {
            "ReplicaSet"
        } else {
            kind
        };
        let words = format!("Forbidden: activeDeadlineSeconds in {kind} is not Supported");
        context.refuse("spec.template.spec.activeDeadlineSeconds", words, None);
    }
}

pub(super) fn workload(
    kind: WorkloadKind,
    metadata: &ObjectMeta,
    replicas: i32,
    selector: Option<&meta::LabelSelector>,
    pods: &PodTemplateSpec,
    context: &mut Context<'_>,
) -> WorkloadObject {
    let rule = match kind {
        WorkloadKind::StatefulSet(_) => names::label,
        _ => names::subdomain,
    };
    let (name, namespace) = context.identity_by(metadata.clone(), rule);
    let kind_name = kind.name();
    if !matches!(
        kind,
        WorkloadKind::Job(_)
            | WorkloadKind::CronJob(_)
            | WorkloadKind::ScaledJob(_)
            | WorkloadKind::Pod
    ) {
        check_restarts(pods, context);
        check_deadline(pods, kind_name, context);
    }
    let (template, priority_class) = template(pods, context);
    let selector = match selector {
        Some(selector) => check_selector(selector, &template.labels, kind_name, context),
        None => template.labels.clone().into(),
    };
    let spec = WorkloadSpec {
        kind,
        name,
        namespace,
        replicas,
        selector,
        template,
        rollout: DeploymentSpec::default(),
        startup: default_startup(),
        created_at: SimTime::ZERO,
        deleted_at: None,
    };
    WorkloadObject {
        spec,
        priority_class,
    }
}

/// Says that `spec` is missing.
pub(super) fn need_spec<T>(spec: Option<T>, context: &mut Context<'_>) -> Option<T> {
    if spec.is_none() {
        context.error(
            "spec",
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
    let mut made = workload(
        WorkloadKind::Deployment,
        &object.metadata,
        replicas,
        Some(&spec.selector),
        &spec.template,
        context,
    );
    made.spec.rollout = rollout(&spec, replicas, context);
    Some(made)
}

/// `progressDeadlineSeconds` by default.
const PROGRESS_DEADLINE: i32 = 600;

/// A value as the API server quotes it.
pub(super) fn json(value: &IntOrString) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// How a Deployment rolls out, completed as the API server does.
fn rollout(
    spec: &apps::DeploymentSpec,
    replicas: i32,
    context: &mut Context<'_>,
) -> DeploymentSpec {
    let strategy = spec.strategy.as_ref();
    let kind = strategy.and_then(|strategy| strategy.type_.as_deref());
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    let path = |field: &str| format!("spec.strategy.rollingUpdate.{field}");
    let surge = rolling.and_then(|rolling| rolling.max_surge.as_ref());
    let surge = surge.and_then(|value| super::others::amount(value, &path("maxSurge"), context));
    let unavailable = rolling.and_then(|rolling| rolling.max_unavailable.as_ref());
    let given = unavailable;
    let unavailable =
        unavailable.and_then(|value| super::others::share(value, &path("maxUnavailable"), context));
    let strategy = match kind.filter(|kind| !kind.is_empty()) {
        None | Some("RollingUpdate") => Some(StrategyType::RollingUpdate),
        Some("Recreate") => Some(StrategyType::Recreate),
        Some(other) => {
            // What is missing in the block is zero by then.
            let block = rolling.map_or_else(
                || "null".to_owned(),
                |rolling| {
                    let quoted = |value: Option<&_>| value.map_or_else(|| "0".to_owned(), json);
                    let most = quoted(rolling.max_unavailable.as_ref());
                    let surge = quoted(rolling.max_surge.as_ref());
                    format!("{{\"MaxUnavailable\":{most},\"MaxSurge\":{surge}}}")
                },
            );
            let words = format!(
                "Unsupported value: {{\"Type\":\"{other}\",\"RollingUpdate\":{block}}}: supported values: \"Recreate\", \"RollingUpdate\""
            );
            context.refuse_at("spec.strategy.type", "spec.strategy", words, None);
            None
        }
    };
    if strategy == Some(StrategyType::Recreate) && rolling.is_some() {
        let words = "Forbidden: may not be specified when strategy `type` is 'Recreate'";
        let help = Some("leave `rollingUpdate` out");
        context.refuse("spec.strategy.rollingUpdate", words, help);
    }
    let is_zero = |value: Option<IntOrPercent>| {
        matches!(value, Some(IntOrPercent::Int(0) | IntOrPercent::Percent(0)))
    };
    if is_zero(surge) && is_zero(unavailable) {
        let value = given.map(json).unwrap_or_default();
        let words = format!("Invalid value: {value}: may not be 0 when `maxSurge` is 0");
        let help = Some("let one of them be at least 1");
        context.refuse(&path("maxUnavailable"), words, help);
    }
    let (min_ready, deadline) = (spec.min_ready_seconds, spec.progress_deadline_seconds);
    let history = spec.revision_history_limit;
    check_not_negative("spec.minReadySeconds", min_ready, context);
    check_not_negative("spec.revisionHistoryLimit", history, context);
    check_not_negative("spec.progressDeadlineSeconds", deadline, context);
    let deadline = deadline.unwrap_or(PROGRESS_DEADLINE);
    if deadline <= min_ready.unwrap_or(0) {
        let words = format!("Invalid value: {deadline}: must be greater than minReadySeconds");
        context.refuse("spec.progressDeadlineSeconds", words, None);
    }
    DeploymentSpecInput {
        replicas: Some(replicas),
        paused: spec.paused.unwrap_or_default(),
        strategy,
        max_surge: surge,
        max_unavailable: unavailable,
        min_ready_seconds: spec.min_ready_seconds.unwrap_or_default(),
        revision_history_limit: spec.revision_history_limit,
        progress_deadline_seconds: spec.progress_deadline_seconds,
    }
    .into()
}

pub(super) fn replica_set(context: &mut Context<'_>) -> Read {
    let object: apps::ReplicaSet = typed::read(context)?;
    let spec = need_spec(object.spec, context)?;
    let replicas = check_replicas(spec.replicas, context);
    check_not_negative("spec.minReadySeconds", spec.min_ready_seconds, context);
    let pods = spec.template.unwrap_or_default();
    Some(workload(
        WorkloadKind::ReplicaSet,
        &object.metadata,
        replicas,
        Some(&spec.selector),
        &pods,
        context,
    ))
}

pub(super) fn stateful_set(context: &mut Context<'_>) -> Read {
    let object: apps::StatefulSet = typed::read(context)?;
    let spec = need_spec(object.spec, context)?;
    let replicas = check_replicas(spec.replicas, context);
    let policy = spec
        .pod_management_policy
        .as_deref()
        .unwrap_or("OrderedReady");
    if !matches!(policy, "OrderedReady" | "Parallel") {
        let words = format!("Invalid value: \"{policy}\": must be 'OrderedReady' or 'Parallel'");
        context.refuse("spec.podManagementPolicy", words, None);
    }
    let mut made = stateful_set_spec(&spec, context);
    made.is_parallel = policy == "Parallel";
    let kind = WorkloadKind::StatefulSet(made.into());
    Some(workload(
        kind,
        &object.metadata,
        replicas,
        Some(&spec.selector),
        &spec.template,
        context,
    ))
}

/// How a StatefulSet replaces its pods.
fn stateful_set_spec(
    spec: &apps::StatefulSetSpec,
    context: &mut Context<'_>,
) -> StatefulSetSpecInput {
    let strategy = spec.update_strategy.as_ref();
    let kind = strategy.and_then(|strategy| strategy.type_.as_deref());
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    let update_strategy = match kind.filter(|kind| !kind.is_empty()) {
        None => None,
        Some("RollingUpdate") => Some(UpdateStrategyType::RollingUpdate),
        Some("OnDelete") => Some(UpdateStrategyType::OnDelete),
        Some(other) => {
            let words =
                format!("Invalid value: \"{other}\": must be 'RollingUpdate' or 'OnDelete'");
            context.refuse("spec.updateStrategy.type", words, None);
            None
        }
    };
    let partition = rolling.and_then(|rolling| rolling.partition);
    let start = spec.ordinals.as_ref().and_then(|ordinals| ordinals.start);
    for (path, value) in [
        ("spec.updateStrategy.rollingUpdate.partition", partition),
        ("spec.minReadySeconds", spec.min_ready_seconds),
        ("spec.ordinals.start", start),
    ] {
        check_not_negative(path, value, context);
    }
    check_surroundings(spec, context);
    if let (Some(UpdateStrategyType::OnDelete), Some(rolling)) = (update_strategy, rolling) {
        let most = rolling.max_unavailable.as_ref();
        let words = format!(
            "Invalid value: {{\"Partition\":{},\"MaxUnavailable\":{}}}: only allowed for updateStrategy 'RollingUpdate'",
            rolling.partition.unwrap_or(0),
            most.map_or_else(|| "null".to_owned(), json)
        );
        context.refuse("spec.updateStrategy.rollingUpdate", words, None);
    }
    let max_unavailable = match update_strategy {
        Some(UpdateStrategyType::OnDelete) => None,
        _ => rolling.and_then(|rolling| most_unavailable(rolling, context)),
    };
    StatefulSetSpecInput {
        replicas: None,
        start_ordinal: start.unwrap_or(0),
        is_parallel: false,
        update_strategy,
        has_rolling_update: rolling.is_some(),
        partition,
        max_unavailable,
        min_ready_seconds: spec.min_ready_seconds.unwrap_or_default(),
        revision_history_limit: spec.revision_history_limit,
    }
}

/// What a StatefulSet says of its Service and claims.
fn check_surroundings(spec: &apps::StatefulSetSpec, context: &mut Context<'_>) {
    let service = spec.service_name.as_deref();
    if let Some(name) = service.filter(|name| !name.is_empty()) {
        context.refuse_text("spec.serviceName", name, names::label(name));
    }
    let Some(policy) = &spec.persistent_volume_claim_retention_policy else {
        return;
    };
    for (field, value) in [
        ("whenDeleted", &policy.when_deleted),
        ("whenScaled", &policy.when_scaled),
    ] {
        let given = value.as_deref().filter(|value| !value.is_empty());
        if let Some(value) = given.filter(|value| !matches!(*value, "Retain" | "Delete")) {
            let words = unsupported(value, &["Retain", "Delete"]);
            let path = format!("spec.persistentVolumeClaimRetentionPolicy.{field}");
            context.refuse(&path, words, None);
        }
    }
}

/// `validateRollingUpdateStatefulSet`.
fn most_unavailable(
    rolling: &apps::RollingUpdateStatefulSetStrategy,
    context: &mut Context<'_>,
) -> Option<IntOrPercent> {
    let given = rolling.max_unavailable.as_ref()?;
    let path = "spec.updateStrategy.rollingUpdate.maxUnavailable";
    let most = super::others::share(given, path, context);
    if matches!(most, Some(IntOrPercent::Int(0) | IntOrPercent::Percent(0))) {
        let words = format!("Invalid value: {}: cannot be 0", json(given));
        context.refuse(path, words, None);
    }
    most
}
