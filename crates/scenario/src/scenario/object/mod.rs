//! Objects during a run: from JSON to what is simulated, by the same defaults, validation and
//! conversion as the manifests at the start.

mod defaults;
mod refusal;
mod unknown;
mod update;
mod value;

use serde_json::Value;

use super::admission::Admission;
use super::diagnostic::Diagnostics;
use super::manifest::{
    ConfigObject, Context, LimitRangeObject, PriorityClassObject, PriorityExpanderObject,
    ServiceObject, TriggerAuthenticationObject, Written, check_hpa, check_service_name, check_vpa,
    read_document, version_and_kind,
};
use super::model::{HpaObject, VpaObject};
use super::node::Node;
use crate::autoscaler::karpenter::{NodeClass, NodePool};
use crate::autoscaler::keda::{ScaledJob, ScaledObject};
use crate::autoscaler::vpa::recommender::history::UsageHistory;
use crate::cluster::spec::{PdbSpec, WorkloadSpec};

pub use defaults::is_same_object;
pub use refusal::{Refusal, RefusalReason};
pub use unknown::drop_unknown_fields;
pub use update::check_update;
pub(super) use value::{to_json, to_node};

/// An object of a simulated kind, completed.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// A Deployment, ReplicaSet, StatefulSet, DaemonSet, Job or CronJob. Its start-up times are the defaults, since
    /// no manifest has them, and it is created at time zero: who changes a workload keeps both.
    Workload(Box<WorkloadSpec>),
    /// A HorizontalPodAutoscaler; its target is not looked for.
    Hpa(Box<HpaObject>),
    /// A VerticalPodAutoscaler without a past; its target is not looked for.
    Vpa(Box<VpaObject>),
    /// A PodDisruptionBudget.
    Pdb(PdbSpec),
    /// A Service.
    Service(ServiceObject),
    /// A PriorityClass.
    PriorityClass(PriorityClassObject),
    /// A LimitRange.
    LimitRange(Box<LimitRangeObject>),
    /// A ScaledObject; its generation is 1.
    ScaledObject(Box<ScaledObject>),
    /// A ScaledJob, whose generation is 1, and its Jobs as a workload.
    ScaledJob(Box<ScaledJob>, Box<WorkloadSpec>),
    /// A TriggerAuthentication or a ClusterTriggerAuthentication.
    TriggerAuthentication(TriggerAuthenticationObject),
    /// The ConfigMap of the expander `priority`.
    PriorityExpander(PriorityExpanderObject),
    /// Another ConfigMap, or a Secret.
    Config(ConfigObject),
    /// A NodePool of Karpenter.
    NodePool(Box<NodePool>),
    /// An EC2NodeClass of Karpenter.
    NodeClass(Box<NodeClass>),
}

impl Object {
    /// `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Workload(spec) => spec.kind.name(),
            Self::Hpa(_) => "HorizontalPodAutoscaler",
            Self::Vpa(_) => "VerticalPodAutoscaler",
            Self::Pdb(_) => "PodDisruptionBudget",
            Self::Service(_) => "Service",
            Self::PriorityClass(_) => "PriorityClass",
            Self::LimitRange(_) => "LimitRange",
            Self::ScaledObject(_) => "ScaledObject",
            Self::ScaledJob(..) => "ScaledJob",
            Self::TriggerAuthentication(of) if of.namespace.is_empty() => {
                "ClusterTriggerAuthentication"
            }
            Self::TriggerAuthentication(_) => "TriggerAuthentication",
            Self::PriorityExpander(_) => "ConfigMap",
            Self::Config(config) => config.kind,
            Self::NodePool(_) => "NodePool",
            Self::NodeClass(_) => "EC2NodeClass",
        }
    }

    /// `metadata.namespace`; empty for a kind outside namespaces.
    pub fn namespace(&self) -> &str {
        match self {
            Self::Workload(spec) => &spec.namespace,
            Self::Hpa(hpa) => &hpa.namespace,
            Self::Vpa(vpa) => &vpa.namespace,
            Self::Pdb(pdb) => &pdb.namespace,
            Self::Service(service) => &service.namespace,
            Self::PriorityClass(_) | Self::NodePool(_) | Self::NodeClass(_) => "",
            Self::LimitRange(range) => &range.namespace,
            Self::ScaledObject(object) => &object.metadata.namespace,
            Self::ScaledJob(job, _) => &job.metadata.namespace,
            Self::TriggerAuthentication(of) => &of.namespace,
            Self::PriorityExpander(map) => &map.namespace,
            Self::Config(config) => &config.namespace,
        }
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        match self {
            Self::Workload(spec) => &spec.name,
            Self::Hpa(hpa) => &hpa.name,
            Self::Vpa(vpa) => &vpa.name,
            Self::Pdb(pdb) => &pdb.name,
            Self::Service(service) => &service.name,
            Self::PriorityClass(class) => &class.name,
            Self::LimitRange(range) => &range.name,
            Self::ScaledObject(object) => &object.metadata.name,
            Self::ScaledJob(job, _) => &job.metadata.name,
            Self::TriggerAuthentication(of) => &of.name,
            Self::PriorityExpander(_) => PriorityExpanderObject::NAME,
            Self::Config(config) => &config.name,
            Self::NodePool(pool) => &pool.name,
            Self::NodeClass(class) => &class.name,
        }
    }
}

/// Reads an object as the API server takes it: decoded strictly, completed with its defaults
/// and with what other objects fill in, validated. Unlike at the start of a run nothing is said
/// of what is taken and does not work.
pub fn read_object(value: &Value, admission: &Admission) -> Result<Object, Box<Refusal>> {
    let document = to_node(value);
    let mut diagnostics = Diagnostics::default();
    let context = &mut Context {
        document: &document,
        diagnostics: &mut diagnostics,
    };
    let read = read_document(context);
    let is_known = read.is_ok();
    let written = read.ok().flatten();
    let object = written.map(|written| complete(written, admission, context));
    let (version, kind) = version_and_kind(&document);
    let name = document.get("metadata").and_then(|m| m.get("name"));
    let identity = (version, kind, name.and_then(Node::text).unwrap_or_default());
    let refused = |reason| Refusal {
        reason,
        api_version: version.to_owned(),
        kind: kind.to_owned(),
        name: identity.2.to_owned(),
        causes: Vec::new(),
    };
    if !is_known {
        return Err(Box::new(refused(RefusalReason::NotFound)));
    }
    if let Some(refusal) = Refusal::of(identity, &diagnostics) {
        return Err(Box::new(refusal));
    }
    object.ok_or_else(|| Box::new(refused(RefusalReason::BadRequest)))
}

/// Completes an object as written, and validates it.
pub(super) fn complete(
    written: Written,
    admission: &Admission,
    context: &mut Context<'_>,
) -> Object {
    match written {
        Written::Workload(workload) => {
            Object::Workload(Box::new(admission.workload(&workload, true, context)))
        }
        Written::Hpa(manifest) => {
            if manifest.predictive.is_some() {
                let title =
                    "a PredictiveHorizontalPodAutoscaler is there from the start on or not at all";
                context.error("kind", title, None);
            }
            check_hpa(
                &manifest,
                admission.scale_to_zero,
                admission.release,
                context,
            );
            Object::Hpa(Box::new(HpaObject {
                name: manifest.name,
                namespace: manifest.namespace,
                target: manifest.target,
                workload: None,
                spec: manifest.input.defaulted(),
                first_syncs: Vec::new(),
                document: None,
            }))
        }
        Written::Vpa(manifest) => {
            check_vpa(&manifest, admission.vpa_gates, context);
            Object::Vpa(Box::new(VpaObject {
                name: manifest.name,
                namespace: manifest.namespace,
                target: manifest.target,
                workload: None,
                spec: manifest.spec,
                document: None,
                history: UsageHistory::default(),
                checkpoints: Vec::new(),
            }))
        }
        Written::Pdb(pdb) => Object::Pdb(pdb),
        Written::Service(service) => {
            check_service_name(&service, admission.release, context);
            Object::Service(service)
        }
        Written::PriorityClass(class) => Object::PriorityClass(class),
        Written::LimitRange(range) => Object::LimitRange(Box::new(range)),
        Written::ScaledObject(object) => Object::ScaledObject(object),
        Written::ScaledJob(job, workload) => {
            let workload = admission.workload(&workload, true, context);
            Object::ScaledJob(job, Box::new(workload))
        }
        Written::TriggerAuthentication(of) => Object::TriggerAuthentication(of),
        Written::PriorityExpander(map) => Object::PriorityExpander(map),
        Written::Config(config) => Object::Config(config),
        Written::NodePool(pool) => Object::NodePool(pool),
        Written::NodeClass(class) => Object::NodeClass(class),
    }
}

#[cfg(test)]
mod tests;
