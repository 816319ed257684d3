//! What a VPA acts on (`Fetch` of `pkg/target/fetcher.go`, `validateTargetRef` and `getSelector`
//! of `pkg/recommender/input/cluster_feeder.go`).

use std::sync::Arc;

use super::Simulation;
use crate::api::{LabelSelector, Labels, ObjectId, Store, VerticalPodAutoscaler, WorkloadId};
use crate::world::manifests::kind_in_store;

/// A workload, and the pods that its selector matches.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) object: ObjectId,
    pub(super) workload: WorkloadId,
    pub(super) selector: Arc<LabelSelector>,
}

/// Kinds whose selectors upstream reads from the objects; all others have to have a scale.
const WELL_KNOWN: [&str; 7] = [
    "DaemonSet",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "ReplicationController",
    "Job",
    "CronJob",
];

/// Looks a target up; the error is the message of the condition ConfigUnsupported.
fn find(vpa: &VerticalPodAutoscaler, store: &Store) -> Result<Target, String> {
    let (namespace, target) = (&vpa.meta.namespace, &vpa.target);
    let (kind, name) = (target.kind.as_str(), target.name.as_str());
    let cannot_read = |reason: String| format!("Cannot read targetRef. Reason: {reason}");
    if !WELL_KNOWN.contains(&kind) {
        let group = target.group();
        return Err(cannot_read(format!(
            "unhandled targetRef {} / {kind} / {name}, last error no matches for kind \"{kind}\" in group \"{group}\"",
            target.api_version
        )));
    }
    let missing = || cannot_read(format!("{kind} {namespace}/{name} does not exist"));
    let kind = kind_in_store(kind).ok_or_else(missing)?;
    let object = store.find(kind, namespace, name).ok_or_else(missing)?;
    if store.meta(object).is_some_and(|meta| meta.owner.is_some()) {
        return Err(format!(
            "The target {}.{}/{name} has a parent controller but it should point to a topmost well-known or scalable controller",
            target.api_version, target.kind
        ));
    }
    let workload = store.find_workload(kind, namespace, name);
    let workload = workload.ok_or_else(missing)?;
    let selector = match object {
        // By its uid, which only its own pods carry.
        ObjectId::Job(_) => {
            let own = ("batch.kubernetes.io/job-name".to_owned(), name.to_owned());
            Arc::new(Labels::from([own]).into())
        }
        _ => store.selector(object).cloned().ok_or_else(missing)?,
    };
    Ok(Target {
        object,
        workload,
        selector,
    })
}

impl Simulation<'_> {
    /// Looks a VPA's target up anew.
    pub(super) fn find_vpa_target(&mut self, index: usize) {
        if let Some(object) = self.store.vpa(self.vpas.all[index].id) {
            let target = find(object, &self.store);
            self.vpas.all[index].target = target;
        }
    }

    /// Looks a VPA's target up, unless it is known and still there.
    pub(super) fn refresh_vpa_target(&mut self, index: usize) {
        let known = self.vpas.all[index].target.as_ref();
        let is_there = known.is_ok_and(|target| self.store.meta(target.object).is_some());
        if !is_there {
            self.find_vpa_target(index);
        }
    }
}
