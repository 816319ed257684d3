//! What other objects do to an object that is created or changed: the API server's admission.
//!
//! The plugins `Priority` and `LimitRanger` act on pods; since the pods of a template are all
//! alike, they are applied to the template.

use super::manifest::{Context, LimitRangeObject, PriorityClassObject, WorkloadObject};
use super::object::Object;
use crate::autoscaler::hpa::KubernetesVersion;
use crate::autoscaler::vpa::FeatureGates;
use crate::autoscaler::vpa::admission::{LimitRange, LimitRangeItem};
use crate::cluster::spec::WorkloadSpec;

/// The objects and gates that defaulting and admission depend on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Admission {
    /// PriorityClasses.
    pub priority_classes: Vec<PriorityClassObject>,
    /// LimitRanges; of several in a namespace the first one's defaults count.
    pub limit_ranges: Vec<LimitRangeObject>,
    /// The release of the API server.
    pub release: KubernetesVersion,
    /// Feature gate HPAScaleToZero.
    pub scale_to_zero: bool,
    /// Feature gates of the VPA's admission controller.
    pub vpa_gates: FeatureGates,
}

impl Admission {
    /// Takes in an object that was created or changed, if admission depends on its kind.
    pub fn put(&mut self, object: &Object) {
        self.remove(object.kind(), object.namespace(), object.name());
        match object {
            Object::PriorityClass(class) => self.priority_classes.push(class.clone()),
            Object::LimitRange(range) => self.limit_ranges.push((**range).clone()),
            _ => {}
        }
    }

    /// Forgets an object that was deleted.
    pub fn remove(&mut self, kind: &str, namespace: &str, name: &str) {
        match kind {
            "PriorityClass" => self.priority_classes.retain(|class| class.name != name),
            "LimitRange" => self.limit_ranges.retain(|range| {
                (range.namespace.as_str(), range.name.as_str()) != (namespace, name)
            }),
            _ => {}
        }
    }

    /// All LimitRanges of a namespace together, as the VPA reads them.
    pub fn limit_range(&self, namespace: &str) -> LimitRange {
        let mut made = LimitRange::default();
        let of_namespace = |one: &&LimitRangeObject| one.namespace == namespace;
        for one in self.limit_ranges.iter().filter(of_namespace) {
            let both = |earlier: Option<LimitRangeItem>, later| match (earlier, later) {
                (Some(earlier), Some(later)) => Some(earlier.and(later)),
                (earlier, later) => earlier.or(later),
            };
            made.container = both(made.container, one.value.container);
            made.pod = both(made.pod, one.value.pod);
        }
        made
    }

    /// A workload with the priority of the class that its pods name and with what LimitRanges
    /// fill in. A class that is nowhere is reported if all objects are known.
    pub(super) fn workload(
        &self,
        written: &WorkloadObject,
        complete: bool,
        context: &mut Context<'_>,
    ) -> WorkloadSpec {
        let mut spec = written.spec.clone();
        self.apply_limit_ranges(&mut spec, context);
        match &written.priority_class {
            None => {
                let mut classes = self.priority_classes.iter();
                if let Some(class) = classes.find(|class| class.global_default) {
                    spec.template.priority = class.value;
                    spec.template.never_preempts |= class.never_preempts;
                }
            }
            Some(name) => match self.priority(name) {
                Some((priority, never)) => {
                    spec.template.priority = priority;
                    spec.template.never_preempts |= never;
                }
                None if complete => {
                    context.warning(
                        "spec.template.spec.priorityClassName",
                        format!(
                            "no PriorityClass {name} among the manifests: its pods have priority 0; a cluster without it would refuse them"
                        ),
                        "add the PriorityClass's manifest",
                    );
                }
                None => {}
            },
        }
        spec
    }

    /// The value of a class, and whether its pods make no room for themselves.
    fn priority(&self, name: &str) -> Option<(i32, bool)> {
        let class = self
            .priority_classes
            .iter()
            .find(|class| class.name == name);
        match (class, name) {
            (Some(class), _) => Some((class.value, class.never_preempts)),
            (None, "system-cluster-critical") => Some((2_000_000_000, false)),
            (None, "system-node-critical") => Some((2_000_001_000, false)),
            (None, _) => None,
        }
    }
}
