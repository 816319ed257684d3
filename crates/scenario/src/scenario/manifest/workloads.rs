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
        let completed = self.workloads.iter().map(|object| {
            let context = &mut Context {
                document: &documents[object.document].node,
                diagnostics: &mut *diagnostics,
            };
            self.admission.workload(&object.value, complete, context)
        });
        completed.collect()
    }
}
