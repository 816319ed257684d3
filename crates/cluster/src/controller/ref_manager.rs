//! Whose pods are whose: a controller releases those that its selector no longer matches, and
//! adopts those that it matches and that no controller has (`controller_ref_manager.go`).

use std::borrow::Cow;

use super::calls::Caller;
use super::owner::{Event, Owner};
use crate::api::{Context, LabelSelector, ObjectId, Pod, PodId, PodWrite, Store, WorkloadId};
use crate::sim::SimDuration;

/// What an object knows its pods by.
struct Claimant<'a> {
    namespace: &'a str,
    selector: Cow<'a, LabelSelector>,
    workload: WorkloadId,
    /// That of a StatefulSet: its pods are named after it.
    name: Option<&'a str>,
    /// A ReplicaSet claims none that go or have ended.
    active_only: bool,
}

impl<'a> Claimant<'a> {
    fn of(object: ObjectId, store: &'a Store) -> Option<Self> {
        let (selector, workload) = match object {
            ObjectId::ReplicaSet(id) => {
                let set = store.replica_set(id)?;
                (Cow::Borrowed(&*set.selector), set.workload)
            }
            ObjectId::StatefulSet(id) => {
                let set = store.stateful_set(id)?;
                (Cow::Borrowed(&*set.selector), set.workload)
            }
            ObjectId::DaemonSet(id) => {
                let set = store.daemon_set(id)?;
                (Cow::Borrowed(&*set.selector), set.workload)
            }
            ObjectId::Job(id) => {
                let job = store.job(id)?;
                // One that has ended looks at no pod any more.
                if job.status.end().is_some() || job.spec.is_managed_elsewhere() {
                    return None;
                }
                (Cow::Owned(job.selector()), job.workload)
            }
            _ => return None,
        };
        let meta = store.meta(object)?;
        Some(Self {
            namespace: &meta.namespace,
            selector,
            workload,
            name: matches!(object, ObjectId::StatefulSet(_)).then_some(&*meta.name),
            active_only: matches!(object, ObjectId::ReplicaSet(_)),
        })
    }

    fn matches(&self, pod: &Pod) -> bool {
        let is_member = |set: &str| {
            let ordinal = pod.name().strip_prefix(set);
            let ordinal = ordinal.and_then(|rest| rest.strip_prefix('-'));
            ordinal.is_some_and(|ordinal| ordinal.parse::<u32>().is_ok())
        };
        *self.namespace == *pod.meta.namespace
            && self.selector.matches(&pod.meta.labels)
            && self.name.is_none_or(is_member)
    }
}

/// What an object's controller writes to a pod: that it releases it, or adopts it (`ClaimObject`).
fn claim(object: ObjectId, pod: &Pod, store: &Store) -> Option<PodWrite> {
    let claimant = Claimant::of(object, store)?;
    if pod.removed || claimant.active_only && !pod.is_active() {
        return None;
    }
    match pod.meta.owner {
        Some(owner) if owner == object => {
            (!claimant.matches(pod)).then_some(PodWrite::Owner(None, pod.listed))
        }
        Some(_) => None,
        None => {
            let adopts = !pod.is_deleting() && claimant.matches(pod);
            adopts.then_some(PodWrite::Owner(Some(object), claimant.workload))
        }
    }
}

impl Caller {
    /// Labels of a pod have changed, or its controller: who releases or adopts it syncs after a
    /// delay.
    pub(super) fn observe_labels<K: Owner>(
        &mut self,
        id: PodId,
        delay: SimDuration,
        context: &mut Context<'_, Event<K>>,
    ) {
        let store = &*context.store;
        let Some(pod) = store.pod(id) else { return };
        let claims = |object: &ObjectId| claim(*object, pod, store).is_some();
        let concerned: Vec<ObjectId> = match pod.meta.owner {
            Some(owner) => Some(owner).filter(claims).into_iter().collect(),
            None => store.all(K::KIND).filter(claims).collect(),
        };
        for key in concerned.into_iter().filter_map(K::of) {
            self.of(key.place()).claims.push(id);
            self.sync_in(key, delay, context);
        }
    }

    /// A new object adopts pods that it finds.
    pub(super) fn find_orphans<K: Owner>(&mut self, key: K, context: &Context<'_, Event<K>>) {
        if context.store.has_orphans() {
            let store = &*context.store;
            let claims = |pod: &Pod| claim(key.object(), pod, store).is_some();
            let found = store.pods().filter(|(_, pod)| claims(pod));
            self.of(key.place()).claims = found.map(|(id, _)| id).collect();
        }
    }

    /// Releases and adopts pods whose labels or controllers have changed (`ClaimPods`).
    pub(super) fn claim_pods<K: Owner>(&mut self, key: K, context: &mut Context<'_, Event<K>>) {
        for id in std::mem::take(&mut self.of(key.place()).claims) {
            let pod = context.store.pod(id);
            if let Some(write) = pod.and_then(|pod| claim(key.object(), pod, context.store)) {
                context.write_pod(id, write);
            }
        }
    }
}
