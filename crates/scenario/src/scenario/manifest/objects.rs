//! What manifests hold: objects as written, each to be completed by others.

use super::config::ConfigObject;
use super::limit_range::LimitRangeObject;
use super::priority_expander::PriorityExpanderObject;
use crate::autoscaler::hpa::HpaSpecInput;
use crate::autoscaler::karpenter::{NodeClass, NodePool};
use crate::autoscaler::keda::{ScaledJob, ScaledObject};
use crate::autoscaler::predictive::{DecisionType, Model};
use crate::autoscaler::vpa::VpaSpec;
use crate::cluster::spec::{Labels, PdbSpec, WorkloadSpec};
use crate::scenario::admission::Admission;
use crate::scenario::model::{CrossVersionObjectReference, Tuning};
use crate::sim::SimDuration;

/// Anything read from a manifest, with the document it came from.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct Placed<T> {
    pub(in crate::scenario) value: T,
    pub(in crate::scenario) document: usize,
}

/// A Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceObject {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `spec.selector`.
    pub selector: Labels,
    /// `sessionAffinity: ClientIP`: its timeout.
    pub affinity: Option<SimDuration>,
}

/// A PriorityClass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriorityClassObject {
    /// `metadata.name`.
    pub name: String,
    /// `value`.
    pub value: i32,
    /// `globalDefault`: the class of pods that name none.
    pub global_default: bool,
    /// `preemptionPolicy: Never`.
    pub never_preempts: bool,
}

/// A TriggerAuthentication or, without a namespace, a ClusterTriggerAuthentication. Its secrets
/// are not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerAuthenticationObject {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`; empty for a ClusterTriggerAuthentication.
    pub namespace: String,
}

/// A HorizontalPodAutoscaler as written.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct HpaManifest {
    pub(in crate::scenario) name: String,
    pub(in crate::scenario) namespace: String,
    pub(in crate::scenario) target: CrossVersionObjectReference,
    /// The metrics that could be read: their places in `spec.metrics`.
    pub(in crate::scenario) places: Vec<usize>,
    pub(in crate::scenario) input: HpaSpecInput,
    /// What a PredictiveHorizontalPodAutoscaler says besides.
    pub(in crate::scenario) predictive: Option<Box<PredictiveManifest>>,
}

/// What a PredictiveHorizontalPodAutoscaler says besides an HPA.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct PredictiveManifest {
    pub(in crate::scenario) models: Vec<Model>,
    pub(in crate::scenario) decision: DecisionType,
    pub(in crate::scenario) tuning: Tuning,
}

/// A VerticalPodAutoscaler as written.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct VpaManifest {
    pub(in crate::scenario) name: String,
    pub(in crate::scenario) namespace: String,
    pub(in crate::scenario) target: CrossVersionObjectReference,
    pub(in crate::scenario) spec: VpaSpec,
    /// What a feature gate has to allow.
    pub(in crate::scenario) gated: Vec<Gated>,
}

/// A field that a feature gate has to allow: its path, the gate, and what is wrong with its value,
/// which is told where the gate is open.
pub(in crate::scenario) type Gated = (String, VpaGate, Option<String>);

/// A feature gate without which the admission controller refuses a VPA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) enum VpaGate {
    CpuStartupBoost,
    InPlace,
    PerVpaConfig,
}

/// A workload and the PriorityClass that its pods name.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct WorkloadObject {
    pub(in crate::scenario) spec: WorkloadSpec,
    pub(in crate::scenario) priority_class: Option<String>,
}

/// An object as written.
#[derive(Debug, Clone)]
pub(in crate::scenario) enum Written {
    Workload(Box<WorkloadObject>),
    Hpa(HpaManifest),
    Vpa(VpaManifest),
    Pdb(PdbSpec),
    Service(ServiceObject),
    PriorityClass(PriorityClassObject),
    LimitRange(LimitRangeObject),
    ScaledObject(Box<ScaledObject>),
    /// With its Jobs as a workload.
    ScaledJob(Box<ScaledJob>, Box<WorkloadObject>),
    TriggerAuthentication(TriggerAuthenticationObject),
    PriorityExpander(PriorityExpanderObject),
    Config(ConfigObject),
    NodePool(Box<NodePool>),
    NodeClass(Box<NodeClass>),
}

/// Everything that the manifests hold.
#[derive(Debug, Clone, Default)]
pub(in crate::scenario) struct Manifests {
    pub(in crate::scenario) workloads: Vec<Placed<WorkloadObject>>,
    pub(in crate::scenario) services: Vec<Placed<ServiceObject>>,
    pub(in crate::scenario) hpas: Vec<Placed<HpaManifest>>,
    pub(in crate::scenario) vpas: Vec<Placed<VpaManifest>>,
    pub(in crate::scenario) pdbs: Vec<Placed<PdbSpec>>,
    pub(in crate::scenario) node_pools: Vec<Placed<NodePool>>,
    pub(in crate::scenario) node_classes: Vec<Placed<NodeClass>>,
    pub(in crate::scenario) scaled_objects: Vec<Placed<ScaledObject>>,
    pub(in crate::scenario) scaled_jobs: Vec<Placed<ScaledJob>>,
    pub(in crate::scenario) trigger_authentications: Vec<TriggerAuthenticationObject>,
    pub(in crate::scenario) priority_expanders: Vec<Placed<PriorityExpanderObject>>,
    /// What completes the others.
    pub(in crate::scenario) admission: Admission,
}

impl Manifests {
    pub(super) fn add(&mut self, document: usize, written: Written) {
        fn put<T>(list: &mut Vec<Placed<T>>, document: usize, value: T) {
            list.push(Placed { value, document });
        }
        match written {
            Written::Workload(value) => put(&mut self.workloads, document, *value),
            Written::Hpa(value) => put(&mut self.hpas, document, value),
            Written::Vpa(value) => put(&mut self.vpas, document, value),
            Written::Pdb(value) => put(&mut self.pdbs, document, value),
            Written::ScaledObject(value) => put(&mut self.scaled_objects, document, *value),
            Written::ScaledJob(value, workload) => {
                put(&mut self.scaled_jobs, document, *value);
                put(&mut self.workloads, document, *workload);
            }
            Written::PriorityExpander(value) => put(&mut self.priority_expanders, document, value),
            Written::NodePool(value) => put(&mut self.node_pools, document, *value),
            Written::NodeClass(value) => put(&mut self.node_classes, document, *value),
            Written::TriggerAuthentication(value) => self.trigger_authentications.push(value),
            Written::Service(value) => put(&mut self.services, document, value),
            Written::PriorityClass(value) => self.admission.priority_classes.push(value),
            Written::LimitRange(value) => self.admission.limit_ranges.push(value),
            // Its document is all that there is to know of it.
            Written::Config(_) => {}
        }
    }
}
