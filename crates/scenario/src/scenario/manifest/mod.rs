//! The users' Kubernetes manifests: documents to parameters, one file per kind.
//!
//! Each document is read through the official API's types (`k8s-openapi`), which finds wrong
//! types and unknown fields; then by our own checks, which mirror the API server's where the
//! types are more lenient than it.

mod affinity;
mod claims;
mod command;
mod config;
mod container;
mod context;
mod cron_job;
mod daemon_set;
mod hpa;
mod hpa_metric;
mod hpa_versions;
mod job;
mod job_policy;
mod karpenter;
pub(super) mod keda;
mod keda_schema;
mod lifecycle;
mod limit_range;
mod names;
mod objects;
mod others;
mod placement;
mod placement_rules;
mod pod;
mod pod_checks;
mod pod_level;
mod predictive;
mod predictive_schema;
mod priority_expander;
mod probe;
mod prometheus;
mod selector;
mod service;
pub(in crate::scenario) mod typed;
mod versions;
mod vpa;
mod vpa_gated;
mod whole;
mod workload;
mod workloads;

use super::diagnostic::Diagnostics;
use super::loaded::Document;
use super::node::{Node, Span, Value};
use super::suggest::nearest;

pub use config::ConfigObject;
pub(super) use context::{Context, REFUSED};
pub(super) use hpa::check as check_hpa;
pub use limit_range::LimitRangeObject;
pub(super) use objects::{
    Gated, HpaManifest, Manifests, Placed, VpaGate, VpaManifest, WorkloadObject, Written,
};
pub use objects::{PriorityClassObject, ServiceObject, TriggerAuthenticationObject};
pub use priority_expander::PriorityExpanderObject;
pub(super) use priority_expander::{
    NAMESPACE as EXPANDER_NAMESPACE, PRIORITY_EXPANDER, place_of_priorities,
};
pub(super) use prometheus::{adapter_config, rule_files, trigger_queries};
pub(super) use service::check_name as check_service_name;
pub(super) use typed::{UNKNOWN_FIELD, WRONG_VALUE};
pub(super) use versions::upgrade;
pub(super) use vpa_gated::check as check_vpa;
pub(super) use whole::whole;

/// The simulated kinds with the version that is read.
const KINDS: [(&str, &str); 18] = [
    ("Deployment", "apps/v1"),
    ("ReplicaSet", "apps/v1"),
    ("StatefulSet", "apps/v1"),
    ("DaemonSet", "apps/v1"),
    ("Job", "batch/v1"),
    ("CronJob", "batch/v1"),
    ("Pod", "v1"),
    ("HorizontalPodAutoscaler", "autoscaling/v2"),
    ("Service", "v1"),
    ("PodDisruptionBudget", "policy/v1"),
    ("PriorityClass", "scheduling.k8s.io/v1"),
    ("VerticalPodAutoscaler", "autoscaling.k8s.io/v1"),
    ("LimitRange", "v1"),
    ("ScaledObject", "keda.sh/v1alpha1"),
    ("ScaledJob", "keda.sh/v1alpha1"),
    ("TriggerAuthentication", "keda.sh/v1alpha1"),
    ("ClusterTriggerAuthentication", "keda.sh/v1alpha1"),
    (
        "PredictiveHorizontalPodAutoscaler",
        "jamiethompson.me/v1alpha1",
    ),
];

/// The kinds that commands can be about.
pub(super) const SIMULATED: [&str; 21] = [
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "HorizontalPodAutoscaler",
    "VerticalPodAutoscaler",
    "PodDisruptionBudget",
    "Service",
    "PriorityClass",
    "LimitRange",
    "ScaledObject",
    "ScaledJob",
    "TriggerAuthentication",
    "ConfigMap",
    "Secret",
    "NodePool",
    "EC2NodeClass",
    "Pod",
    "Node",
];

/// Whether objects of a kind own pods that are simulated, or are some.
pub(super) fn is_workload(kind: &str) -> bool {
    matches!(
        kind,
        "Deployment"
            | "ReplicaSet"
            | "StatefulSet"
            | "DaemonSet"
            | "Job"
            | "CronJob"
            | "ScaledJob"
            | "Pod"
    )
}

/// Whether objects of a kind are simulated, if they are of its group.
pub(super) fn is_simulated(kind: &str) -> bool {
    KINDS.iter().any(|(known, _)| *known == kind)
}

/// Whether an object is of a kind and group that is simulated.
pub(super) fn is_simulated_object(document: &Node) -> bool {
    let (version, kind) = version_and_kind(document);
    let group = group(version);
    KINDS
        .iter()
        .any(|(known, right)| *known == kind && [self::group(right), "extensions"].contains(&group))
}

/// The group of an `apiVersion`; the core's is empty.
pub(super) fn group(version: &str) -> &str {
    version.split_once('/').map_or("", |(group, _)| group)
}

/// The group of a simulated kind.
pub(super) fn group_of(kind: &str) -> Option<&'static str> {
    let (_, right) = KINDS.iter().find(|(known, _)| *known == kind)?;
    Some(group(right))
}

/// Reads documents; kinds that are not simulated are named in one warning.
pub(super) fn read(documents: &[Document], diagnostics: &mut Diagnostics) -> Manifests {
    let mut manifests = Manifests::default();
    let mut others = Others::default();
    for (index, whole) in documents.iter().enumerate() {
        let document = &whole.node;
        if !is_object(document, diagnostics) {
            continue;
        }
        let read = |document: &Node, diagnostics: &mut Diagnostics| {
            let context = &mut Context {
                document,
                diagnostics,
            };
            read_document(context)
        };
        // Whatever is in it: nobody reads it.
        if config::is_config(document) && !priority_expander::is_priority_expander(document) {
            continue;
        }
        if karpenter::is_one(document) {
            let context = &mut Context {
                document,
                diagnostics,
            };
            karpenter::read(index, context, &mut manifests);
            continue;
        }
        match whole.read(diagnostics, read) {
            Ok(written) => written
                .into_iter()
                .for_each(|written| manifests.add(index, written)),
            Err(NotSimulated) if adapter_config(document).is_some() => {}
            Err(NotSimulated) if !rule_files(document).is_empty() => {}
            Err(NotSimulated) => others.add(document, diagnostics),
        }
    }
    others.warn(diagnostics);
    manifests
}

pub(super) fn version_and_kind(document: &Node) -> (&str, &str) {
    let text = |key: &str| document.get(key).and_then(Node::text).unwrap_or_default();
    (text("apiVersion"), text("kind"))
}

pub(super) fn is_object(document: &Node, diagnostics: &mut Diagnostics) -> bool {
    let (version, kind) = version_and_kind(document);
    let missing = match (version, kind) {
        ("", "") => "`apiVersion` and `kind` are missing",
        ("", _) => "`apiVersion` is missing",
        (_, "") => "`kind` is missing",
        _ => return true,
    };
    let label = match &document.value {
        Value::Table(_) => missing.to_owned(),
        other => format!("this is {}", other.kind()),
    };
    let help = "a manifest begins with `apiVersion: …` and `kind: …`".to_owned();
    diagnostics
        .error(
            document.span.first(),
            "this is not a Kubernetes object",
            label,
        )
        .help = Some(help);
    false
}

/// Kinds of the Prometheus operator that say what is scraped, and how often.
const SCRAPE_SETTINGS: [&str; 3] = ["PodMonitor", "Prometheus", "ServiceMonitor"];

/// Objects of kinds that are not read.
#[derive(Default)]
pub(super) struct Others(Vec<(String, Span)>);

impl Others {
    /// Registers one: a typo, an old version, or a kind that is not simulated.
    pub(super) fn add(&mut self, document: &Node, diagnostics: &mut Diagnostics) {
        let (version, kind) = version_and_kind(document);
        let span = |key: &str| document.get(key).map_or(document.span, |node| node.span);
        // What is now in other groups began in `extensions`.
        let is_old = |right: &str| group(version) == group(right) || group(version) == "extensions";
        if let Some((_, right)) = KINDS
            .iter()
            .find(|(name, right)| *name == kind && is_old(right))
        {
            let title = format!("{kind} has no apiVersion {version}");
            diagnostics
                .error(
                    span("apiVersion"),
                    title,
                    "not served any more, or never was",
                )
                .help = Some(format!("write `apiVersion: {right}`"));
            return;
        }
        let near = KINDS
            .iter()
            .filter(|(_, right)| *right == version)
            .map(|(name, _)| *name);
        match nearest(kind, near) {
            Some(right) => {
                let title = format!("{version} has no kind {kind}");
                diagnostics.error(span("kind"), title, "not known").help =
                    Some(format!("did you mean `{right}`?"));
            }
            None => self.0.push((called(version, kind), span("kind"))),
        }
    }

    /// Names those that are not simulated in one warning.
    pub(super) fn warn(&self, diagnostics: &mut Diagnostics) {
        let others = &self.0;
        let Some((_, first)) = others.first() else {
            return;
        };
        let mut names: Vec<&str> = others.iter().map(|(kind, _)| kind.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let title = format!("not simulated and left out: {}", names.join(", "));
        let label = match others.len() {
            1 => "this object".to_owned(),
            number => format!("the first of {number} objects"),
        };
        let warning = diagnostics.warning(*first, title, label);
        if names.iter().any(|name| SCRAPE_SETTINGS.contains(name)) {
            warning.help = Some(
                "pods of each `[[service]]` are scraped, as often as `[prometheus] scrape_interval` says"
                    .to_owned(),
            );
        }
    }
}

/// A kind as the warning names it: with its group if the name alone says something else.
fn called(version: &str, kind: &str) -> String {
    if is_simulated(kind) {
        format!("{kind} ({version})")
    } else {
        kind.to_owned()
    }
}

/// A kind that is not simulated.
pub(super) struct NotSimulated;

/// Reads a document through the types of its kind; what cannot be read is told.
pub(super) fn read_document(context: &mut Context<'_>) -> Result<Option<Written>, NotSimulated> {
    let (version, kind) = version_and_kind(context.document);
    let boxed = |object| Written::Workload(Box::new(object));
    Ok(match (kind, version) {
        ("Deployment", "apps/v1") => workload::deployment(context).map(boxed),
        ("ReplicaSet", "apps/v1") => workload::replica_set(context).map(boxed),
        ("StatefulSet", "apps/v1") => workload::stateful_set(context).map(boxed),
        ("DaemonSet", "apps/v1") => daemon_set::daemon_set(context).map(boxed),
        ("Job", "batch/v1") => job::job(context).map(boxed),
        ("CronJob", "batch/v1") => cron_job::cron_job(context).map(boxed),
        ("Pod", "v1") => pod::pod(context).map(boxed),
        ("HorizontalPodAutoscaler", "autoscaling/v2") => hpa::v2(context).map(Written::Hpa),
        ("HorizontalPodAutoscaler", "autoscaling/v1") => hpa::v1(context).map(Written::Hpa),
        ("PredictiveHorizontalPodAutoscaler", "jamiethompson.me/v1alpha1") => {
            predictive::autoscaler(context).map(Written::Hpa)
        }
        ("VerticalPodAutoscaler", "autoscaling.k8s.io/v1" | "autoscaling.k8s.io/v1beta2") => {
            vpa::vpa(context).map(Written::Vpa)
        }
        ("ScaledObject", "keda.sh/v1alpha1") => {
            let boxed = |object| Written::ScaledObject(Box::new(object));
            keda::scaled_object(context).map(boxed)
        }
        ("ScaledJob", "keda.sh/v1alpha1") => {
            let boxed = |(job, workload)| Written::ScaledJob(Box::new(job), Box::new(workload));
            keda::scaled_job(context).map(boxed)
        }
        ("TriggerAuthentication" | "ClusterTriggerAuthentication", "keda.sh/v1alpha1") => {
            let of_the_cluster = kind == "ClusterTriggerAuthentication";
            keda::trigger_authentication(context, of_the_cluster)
                .map(Written::TriggerAuthentication)
        }
        ("ConfigMap", "v1") if priority_expander::is_priority_expander(context.document) => {
            priority_expander::priority_expander(context).map(Written::PriorityExpander)
        }
        ("ConfigMap", "v1") => config::config_map(context).map(Written::Config),
        ("Secret", "v1") => config::secret(context).map(Written::Config),
        ("NodePool", "karpenter.sh/v1") => {
            karpenter::node_pool(context).map(|pool| Written::NodePool(Box::new(pool)))
        }
        ("EC2NodeClass", "karpenter.k8s.aws/v1") => {
            karpenter::node_class(context).map(|class| Written::NodeClass(Box::new(class)))
        }
        ("LimitRange", "v1") => limit_range::limit_range(context).map(Written::LimitRange),
        ("Service", "v1") => others::service(context).map(Written::Service),
        ("PodDisruptionBudget", "policy/v1") => others::pdb(context).map(Written::Pdb),
        ("PriorityClass", "scheduling.k8s.io/v1") => {
            others::priority_class(context).map(Written::PriorityClass)
        }
        _ => return Err(NotSimulated),
    })
}
