//! ScaledObject, ScaledJob, TriggerAuthentication and ClusterTriggerAuthentication
//! (keda.sh/v1alpha1).
//!
//! The types are those of KEDA's core; the checks here are those of the CRDs' schemas
//! (`config/crd/bases`). What the admission webhook and the operator refuse depends on other
//! objects and comes later.

use std::sync::Arc;

use k8s_openapi::api::batch::v1::JobSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::job::job_spec;
use super::keda_schema::{at_least, hpa_behavior, need_triggers, one_of};
use super::workload::workload;
use super::{Context, REFUSED, TriggerAuthenticationObject, WorkloadObject, typed};
use crate::autoscaler::keda::{
    Environment, Metadata, ScaledJob, ScaledJobSpec, ScaledObject, ScaledObjectSpec,
};
use crate::cluster::spec::WorkloadKind;
use crate::scenario::diagnostic::{Diagnostic, Severity};
use crate::scenario::node::{KeyNode, Node, Value};
use crate::scenario::object::to_json;

const METRIC_TYPES: &[&str] = &["AverageValue", "Value"];
const FALLBACKS: &[&str] = &[
    "static",
    "currentReplicas",
    "currentReplicasIfHigher",
    "currentReplicasIfLower",
    "scalingModifiers",
];
const ROLLOUTS: &[&str] = &["gradual", "immediate"];
/// What fields of a ScaledJob may say, by their paths in `spec`.
const JOB_CHOICES: [(&str, &[&str]); 5] = [
    ("rolloutStrategy", ROLLOUTS),
    ("rollout.strategy", ROLLOUTS),
    ("rollout.propagationPolicy", &["foreground", "background"]),
    (
        "scalingStrategy.strategy",
        &["default", "custom", "accurate", "eager"],
    ),
    (
        "scalingStrategy.multipleScalersCalculation",
        &["min", "avg", "sum", "max"],
    ),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KedaObject<S> {
    #[serde(rename = "apiVersion")]
    _api_version: Option<IgnoredAny>,
    #[serde(rename = "kind")]
    _kind: Option<IgnoredAny>,
    #[serde(default)]
    metadata: ObjectMeta,
    spec: Option<S>,
    #[serde(rename = "status")]
    _status: Option<IgnoredAny>,
}

/// `metadata` as KEDA reads it.
fn metadata(from: ObjectMeta, context: &mut Context<'_>) -> Metadata {
    let labels = from.labels.clone().unwrap_or_default();
    let annotations = from.annotations.clone();
    let (name, namespace) = context.identity(from);
    Metadata {
        name,
        namespace,
        labels,
        annotations,
        generation: 1,
    }
}

pub(super) fn scaled_object(context: &mut Context<'_>) -> Option<ScaledObject> {
    let object: KedaObject<ScaledObjectSpec> = typed::read(context)?;
    let metadata = metadata(object.metadata, context);
    let Some(spec) = object.spec else {
        context.error("spec", "a ScaledObject needs a `spec`", None);
        return None;
    };
    for (field, least, value) in [
        ("pollingInterval", 1, spec.polling_interval),
        ("initialCooldownPeriod", 0, spec.initial_cooldown_period),
        ("cooldownPeriod", 0, spec.cooldown_period),
        ("idleReplicaCount", 0, spec.idle_replica_count),
        ("minReplicaCount", 0, spec.min_replica_count),
        ("maxReplicaCount", 1, spec.max_replica_count),
    ] {
        at_least(field, least, value, context);
    }
    if let Some(fallback) = &spec.fallback {
        let failures = Some(fallback.failure_threshold);
        at_least("fallback.failureThreshold", 0, failures, context);
        at_least("fallback.replicas", 0, Some(fallback.replicas), context);
        for field in ["failureThreshold", "replicas"] {
            let spec = context.document.get("spec");
            let written = spec.and_then(|spec| spec.get("fallback")?.get(field));
            if written.is_none() {
                context.refuse(&format!("spec.fallback.{field}"), "Required value", None);
            }
        }
    }
    if spec.scale_target_ref.name.is_empty() {
        let example = Some("for example `name: worker`");
        context.refuse("spec.scaleTargetRef.name", "Required value", example);
    }
    one_of(
        "advanced.scalingModifiers.metricType",
        METRIC_TYPES,
        context,
    );
    one_of("fallback.behavior", FALLBACKS, context);
    let has_behavior = hpa_behavior(context);
    // The schema's own rule.
    if spec.min_replica_count > Some(spec.max_replica_count.unwrap_or(100)) {
        let words = "Invalid value: \"object\": minReplicaCount must be less than or equal to \
                     maxReplicaCount";
        context.refuse_at("spec.minReplicaCount", "spec", words, None);
    }
    need_triggers(context);
    has_behavior.then_some(ScaledObject { metadata, spec })
}

/// A ScaledJob, and what its Jobs are.
pub(super) fn scaled_job(context: &mut Context<'_>) -> Option<(ScaledJob, WorkloadObject)> {
    let object: KedaObject<ScaledJobSpec> = typed::read(context)?;
    let metadata = metadata(object.metadata, context);
    let Some(spec) = object.spec else {
        context.error("spec", "a ScaledJob needs a `spec`", None);
        return None;
    };
    if spec.job_target_ref.is_none() {
        context.refuse("spec.jobTargetRef", "Required value", None);
    }
    for (field, least, value) in [
        ("pollingInterval", 1, spec.polling_interval),
        ("minReplicaCount", 0, spec.min_replica_count),
        ("maxReplicaCount", 1, spec.max_replica_count),
        (
            "successfulJobsHistoryLimit",
            0,
            spec.successful_jobs_history_limit,
        ),
        ("failedJobsHistoryLimit", 0, spec.failed_jobs_history_limit),
    ] {
        at_least(field, least, value, context);
    }
    for (path, values) in JOB_CHOICES {
        one_of(path, values, context);
    }
    need_triggers(context);
    let (workload, refused) = jobs(&metadata, context)?;
    let job = ScaledJob {
        metadata,
        spec,
        refused,
    };
    Some((job, workload))
}

#[derive(Deserialize)]
struct JobTemplate {
    spec: JobSpec,
}

/// What the Jobs of a ScaledJob are, and why the API server refuses them if it does; KEDA gives
/// their pods a label and a policy of restarts.
fn jobs(metadata: &Metadata, context: &mut Context<'_>) -> Option<(WorkloadObject, Vec<String>)> {
    let reference = context.document.get("spec")?.get("jobTargetRef")?;
    // The places of a Job's fields begin with `spec`.
    let key = KeyNode {
        span: reference.span,
        name: "spec".to_owned(),
    };
    let job = Node {
        span: reference.span,
        value: Value::Table(vec![(key, reference.clone())]),
    };
    let inner = &mut Context {
        document: &job,
        diagnostics: &mut *context.diagnostics,
    };
    let mut template: JobTemplate = typed::read(inner)?;
    if let Some(pod) = &mut template.spec.template.spec
        && pod.restart_policy.as_deref().unwrap_or_default().is_empty()
    {
        pod.restart_policy = Some("OnFailure".to_owned());
    }
    let before = inner.diagnostics.list.len();
    let spec = job_spec(&template.spec, inner);
    let identity = ObjectMeta {
        name: Some(metadata.name.clone()),
        namespace: Some(metadata.namespace.clone()),
        ..ObjectMeta::default()
    };
    let kind = WorkloadKind::ScaledJob(Arc::new(spec));
    let mut made = workload(kind, &identity, 0, None, &template.spec.template, inner);
    let label = ("scaledjob.keda.sh/name".to_owned(), metadata.name.clone());
    made.spec.template.labels.extend([label]);
    made.spec.selector = made.spec.template.labels.clone().into();
    let refused = refused_later(&mut context.diagnostics.list[before..]);
    Some((made, refused))
}

/// What the API server will say of each Job that KEDA creates: the schema of a ScaledJob checks
/// no more than types and a few fields. Such an error is a warning here.
fn refused_later(told: &mut [Diagnostic]) -> Vec<String> {
    let mut causes = Vec::new();
    for one in told {
        let in_the_schema = one.title.contains(": Duplicate value")
            || one.title.ends_with(": Required value") && !one.title.contains(".image:");
        if one.severity == Severity::Error && one.label == REFUSED && !in_the_schema {
            one.severity = Severity::Warning;
            "the API server refuses each Job for this".clone_into(&mut one.label);
            causes.push(one.title.clone());
        }
    }
    causes
}

/// Secrets are not simulated: whatever could come from one counts as given.
pub(super) fn trigger_authentication(
    context: &mut Context<'_>,
    of_the_cluster: bool,
) -> Option<TriggerAuthenticationObject> {
    let object: KedaObject<IgnoredAny> = typed::read(context)?;
    let (name, namespace) = context.identity(object.metadata);
    Some(TriggerAuthenticationObject {
        name,
        namespace: if of_the_cluster {
            String::new()
        } else {
            namespace
        },
    })
}

/// The pod spec of a ScaledJob's Jobs.
pub(in crate::scenario) fn pods_of_job(document: &Node) -> Option<&Node> {
    let job = document.get("spec")?.get("jobTargetRef")?;
    job.get("template")?.get("spec")
}

/// The pod spec of a document, if it is of this kind, namespace and name.
pub(in crate::scenario) fn pods_of<'a>(
    document: &'a Node,
    (kind, namespace, name): (&str, &str, &str),
) -> Option<&'a Node> {
    let metadata = |key: &str| document.get("metadata")?.get(key)?.text();
    let fits = document.get("kind").and_then(Node::text) == Some(kind)
        && metadata("name") == Some(name)
        && metadata("namespace").unwrap_or("default") == namespace;
    let template = document.get("spec").filter(|_| fits)?.get("template")?;
    template.get("spec")
}

/// Whether an HPA's annotation says that KEDA shall not look whose it is.
pub(in crate::scenario) fn is_unchecked(hpa: &Node) -> bool {
    let annotations = hpa.get("metadata").and_then(|m| m.get("annotations"));
    let ownership = annotations.and_then(|of| of.get("validations.keda.sh/hpa-ownership"));
    ownership.and_then(Node::text) == Some("false")
}

/// The environment of a container of a pod's spec.
pub(in crate::scenario) fn environment(
    pods: Option<&Node>,
    container: &str,
) -> Result<Environment, String> {
    Environment::resolve(pods.map(to_json).as_ref(), container)
}
