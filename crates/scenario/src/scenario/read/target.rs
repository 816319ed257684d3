//! What autoscalers target: a workload of the scenario, or nothing that is simulated. The API
//! server takes both; the controllers then say that they find no scale, or no pods.

use super::known::{Known, Reference};
use crate::autoscaler::hpa::KubernetesVersion;
use crate::cluster::spec::WorkloadKind;
use crate::scenario::manifest::{Context, group_of, is_workload};
use crate::scenario::model::CrossVersionObjectReference;
use crate::scenario::suggest::nearest;

/// An autoscaler that looks for its target.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seeker<'a> {
    /// Kind and name for messages, "HPA api".
    pub(super) who: &'a str,
    pub(super) namespace: &'a str,
    pub(super) target: &'a CrossVersionObjectReference,
    /// Where the reference stands in the manifest.
    pub(super) path: &'a str,
    /// What it does to its target.
    pub(super) does: &'a str,
    /// The consequence of a missing target.
    pub(super) outcome: &'a str,
    /// Whether it goes by the scale subresource, which it finds by group and kind.
    pub(super) by_scale: bool,
    /// The release of the API server.
    pub(super) release: KubernetesVersion,
}

/// Kinds that a name may be a slip of.
const WITH_SCALE: [&str; 3] = ["Deployment", "ReplicaSet", "StatefulSet"];

/// The group of a simulated kind, and whether it has a scale.
fn served(kind: &WorkloadKind) -> (&'static str, bool) {
    match kind {
        WorkloadKind::Job(_) | WorkloadKind::CronJob(_) => ("batch", false),
        WorkloadKind::ScaledJob(_) => ("keda.sh", false),
        WorkloadKind::DaemonSet(_) => ("apps", false),
        WorkloadKind::Pod => ("", false),
        _ => ("apps", true),
    }
}

impl Seeker<'_> {
    /// The target's index among the workloads. Warns if there is none, with what to do.
    pub(super) fn find(&self, known: &Known<'_>, context: &mut Context<'_>) -> Option<usize> {
        let CrossVersionObjectReference { kind, name, .. } = self.target;
        if kind.is_empty() || name.is_empty() {
            return None;
        }
        let reference = Reference {
            kind: Some(kind),
            namespace: Some(self.namespace),
            name,
        };
        if let [workload] = known.find(reference).as_slice() {
            return self.check(known, *workload, context);
        }
        let group = self.target.group();
        let of_kind = is_workload(kind).then(|| group_of(kind)).flatten();
        // Without a group or with a former one the kind is still meant.
        let is_known = of_kind.is_some_and(|own| [own, "", "extensions"].contains(&group));
        if !is_known {
            let title = format!(
                "{} {} {} of {}, a kind that is not simulated: {}",
                self.who, self.does, self.target, self.target.api_version, self.outcome
            );
            let meant = nearest(kind, WITH_SCALE).filter(|meant| meant != kind);
            let help = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("describe the {kind} as a Deployment with the same pod template"),
            };
            context.warning(&format!("{}.kind", self.path), title, &help);
            return None;
        }
        if known.may_exist(reference) {
            return None;
        }
        let anywhere = known.find(Reference {
            namespace: None,
            ..reference
        });
        let (who, does, target, outcome) = (self.who, self.does, self.target, self.outcome);
        let (title, help) = if let Some(&other) = anywhere.first() {
            let (own, other) = (self.namespace, &known.workloads[other].namespace);
            (
                format!("{who} is in namespace {own}, {target} in {other}: {outcome}"),
                format!(
                    "it {does} what is in its own namespace: add `namespace: {other}` to its metadata"
                ),
            )
        } else {
            (
                format!("{who} {does} {target}, which is not among the manifests: {outcome}"),
                known.advice(&target.to_string()),
            )
        };
        context.warning(&format!("{}.name", self.path), title, &help);
        None
    }

    /// Whether the controller finds the scale of what has the right kind and name.
    fn check(
        &self,
        known: &Known<'_>,
        workload: usize,
        context: &mut Context<'_>,
    ) -> Option<usize> {
        let (group, has_scale) = served(&known.workloads[workload].kind);
        let CrossVersionObjectReference {
            api_version, kind, ..
        } = self.target;
        if !self.by_scale || has_scale && self.target.group() == group {
            return Some(workload);
        }
        if has_scale {
            // Without any group the API server refuses it since 1.34, which is told already.
            if !self.target.group().is_empty() || self.release < KubernetesVersion(34) {
                let version = match api_version.as_str() {
                    "" => "the core group",
                    version => version,
                };
                let title = format!("{version} has no {kind}: {}", self.outcome);
                let help = format!("write `apiVersion: {group}/v1`");
                context.warning(&format!("{}.apiVersion", self.path), title, &help);
            }
        } else {
            let title = format!("a {kind} has no scale: {}", self.outcome);
            let help = "target a Deployment, a ReplicaSet or a StatefulSet";
            context.warning(&format!("{}.kind", self.path), title, help);
        }
        None
    }
}
