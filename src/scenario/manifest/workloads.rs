//! The workloads as the API server would have them: completed by other objects.

use super::{Context, Manifests};
use crate::cluster::spec::WorkloadSpec;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::loaded::Document;

impl Manifests {
    /// The workloads, with the priorities of the classes that their pods name and with what
    /// LimitRanges fill in. A class that is nowhere is reported if all manifests are there.
    pub(in crate::scenario) fn workloads(
        &self,
        documents: &[Document],
        complete: bool,
        diagnostics: &mut Diagnostics,
    ) -> Vec<WorkloadSpec> {
        let mut made = Vec::new();
        for object in &self.workloads {
            let mut spec = object.value.spec.clone();
            let context = &mut Context {
                document: &documents[object.document].node,
                diagnostics,
            };
            self.apply_limit_ranges(&mut spec, context);
            match &object.value.priority_class {
                None => {
                    let default = self
                        .priorities
                        .iter()
                        .find(|class| class.value.global_default);
                    if let Some(class) = default {
                        spec.template.priority = class.value.value;
                    }
                }
                Some(name) => match self.priority(name) {
                    Some(priority) => spec.template.priority = priority,
                    None if complete => {
                        context.error(
                            "spec.template.spec.priorityClassName",
                            format!("no PriorityClass {name} among the manifests"),
                            Some("add the PriorityClass's manifest"),
                        );
                    }
                    None => {}
                },
            }
            made.push(spec);
        }
        made
    }

    fn priority(&self, name: &str) -> Option<i32> {
        let class = self
            .priorities
            .iter()
            .find(|class| class.value.name == name);
        match (class, name) {
            (Some(class), _) => Some(class.value.value),
            (None, "system-cluster-critical") => Some(2_000_000_000),
            (None, "system-node-critical") => Some(2_000_001_000),
            (None, _) => None,
        }
    }
}
