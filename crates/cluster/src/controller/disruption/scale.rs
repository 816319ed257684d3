//! What the owners of a budget's pods ask for (`getExpectedScale` and its finders).

use std::sync::Arc;

use crate::api::{IntOrPercent, ObjectId, Pod, PodDisruptionBudget, Store};

/// Why the owners of a budget's pods cannot be added up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unscaled {
    /// The owner of the pod of this name is gone.
    #[error("found no controllers for pod {0:?}")]
    Gone(Arc<str>),
    /// Objects of this resource have no scale.
    #[error("{0} does not implement the scale subresource")]
    Never(&'static str),
}

/// The pods that a budget selects, by name.
pub(super) fn selected<'a>(
    pdb: &PodDisruptionBudget,
    store: &'a Store,
) -> impl Iterator<Item = &'a Pod> {
    let members = &store.selection(pdb.selection).members;
    members.iter().filter_map(|id| store.pod(*id))
}

/// Whether a budget is about a part of what its pods' owners ask for.
pub(super) fn counts_owners(pdb: &PodDisruptionBudget) -> bool {
    pdb.max_unavailable.is_some() || matches!(pdb.min_available, Some(IntOrPercent::Percent(_)))
}

/// The sum of `spec.replicas` over the owners of a budget's pods, if it asks for that; else 0.
/// Pods that nobody owns do not count.
pub(super) fn scale(pdb: &PodDisruptionBudget, store: &Store) -> Result<i32, Unscaled> {
    let mut counted: Vec<ObjectId> = Vec::new();
    if !counts_owners(pdb) {
        return Ok(0);
    }
    let mut direct: Option<ObjectId> = None;
    for pod in selected(pdb, store) {
        let Some(owner) = pod.meta.owner else {
            continue;
        };
        // Most pods have the owner of the one before.
        if direct.replace(owner) == Some(owner) {
            continue;
        }
        let scaled =
            of_owner(owner, store)?.ok_or_else(|| Unscaled::Gone(pod.meta.name.clone()))?;
        if !counted.contains(&scaled) {
            counted.push(scaled);
        }
    }
    let replicas = counted.into_iter().filter_map(|one| store.replicas(one));
    Ok(replicas.sum())
}

/// The object with the scale of a pod's owner; none if it is gone.
fn of_owner(owner: ObjectId, store: &Store) -> Result<Option<ObjectId>, Unscaled> {
    match owner {
        ObjectId::Job(_) => return Err(Unscaled::Never("jobs.batch")),
        ObjectId::DaemonSet(_) => return Err(Unscaled::Never("daemonsets.apps")),
        _ => {}
    }
    let Some(meta) = store.meta(owner) else {
        return Ok(None);
    };
    let scaled = match (owner, meta.owner) {
        (ObjectId::ReplicaSet(_), Some(of)) => store.meta(of).map(|_| of),
        _ => Some(owner),
    };
    Ok(scaled)
}
