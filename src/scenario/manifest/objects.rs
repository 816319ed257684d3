//! What the manifests hold.

use super::limit_range::LimitRangeObject;
use crate::autoscaler::hpa::HpaSpecInput;
use crate::autoscaler::vpa::VpaSpec;
use crate::cluster::spec::{Labels, PdbSpec, WorkloadSpec};
use crate::scenario::model::CrossVersionObjectReference;

/// Anything read from a manifest, with the document it came from.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct Object<T> {
    pub(in crate::scenario) value: T,
    pub(in crate::scenario) document: usize,
}

/// A Service.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct ServiceObject {
    pub(in crate::scenario) name: String,
    pub(in crate::scenario) namespace: String,
    pub(in crate::scenario) selector: Labels,
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
}

/// A VerticalPodAutoscaler as written.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct VpaManifest {
    pub(in crate::scenario) name: String,
    pub(in crate::scenario) namespace: String,
    pub(in crate::scenario) target: CrossVersionObjectReference,
    pub(in crate::scenario) spec: VpaSpec,
}

/// A PriorityClass.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct PriorityObject {
    pub(in crate::scenario) name: String,
    pub(in crate::scenario) value: i32,
    pub(in crate::scenario) global_default: bool,
}

/// A workload and the PriorityClass that its pods name.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct WorkloadObject {
    pub(in crate::scenario) spec: WorkloadSpec,
    pub(in crate::scenario) priority_class: Option<String>,
}

/// Everything that the manifests hold.
#[derive(Debug, Clone, Default)]
pub(in crate::scenario) struct Manifests {
    pub(in crate::scenario) workloads: Vec<Object<WorkloadObject>>,
    pub(in crate::scenario) services: Vec<Object<ServiceObject>>,
    pub(in crate::scenario) hpas: Vec<Object<HpaManifest>>,
    pub(in crate::scenario) vpas: Vec<Object<VpaManifest>>,
    pub(in crate::scenario) limit_ranges: Vec<Object<LimitRangeObject>>,
    pub(in crate::scenario) pdbs: Vec<Object<PdbSpec>>,
    pub(in crate::scenario) priorities: Vec<Object<PriorityObject>>,
}
