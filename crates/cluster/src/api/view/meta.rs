//! `metadata`.

use serde_json::{Value, json};

use super::{Clock, labels};
use crate::api::meta::{Kind, Labels, ObjectId, ObjectMeta};
use crate::api::store::Store;

/// `apiVersion` of a kind.
pub(super) fn api_version(kind: Kind) -> &'static str {
    match kind {
        Kind::Node | Kind::Pod => "v1",
        Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet => "apps/v1",
        Kind::Job | Kind::CronJob => "batch/v1",
        Kind::PodDisruptionBudget => "policy/v1",
        Kind::HorizontalPodAutoscaler => "autoscaling/v2",
        Kind::VerticalPodAutoscaler => "autoscaling.k8s.io/v1",
        Kind::ScaledObject | Kind::ScaledJob => "keda.sh/v1alpha1",
    }
}

/// `metadata` with annotations besides the object's own. `grace` is what a deletion leaves an
/// object, in seconds.
pub(super) fn metadata(
    meta: &ObjectMeta,
    annotations: &Labels,
    grace: Option<i64>,
    store: &Store,
    clock: Clock,
) -> Value {
    let mut all = annotations.clone();
    all.extend(meta.annotations.as_ref().clone());
    json!({
        "annotations": labels(&all),
        "creationTimestamp": clock.time(meta.created),
        "deletionGracePeriodSeconds": meta.deletion.and(grace),
        "deletionTimestamp": clock.maybe(meta.deletion),
        "generateName": generate_name(meta, store),
        "generation": meta.generation,
        "labels": labels(&meta.labels),
        "name": &*meta.name,
        "namespace": Some(&*meta.namespace).filter(|namespace| !namespace.is_empty()),
        "ownerReferences": meta.owner.and_then(|owner| owner_references(owner, store)),
        "resourceVersion": meta.resource_version.to_string(),
        "uid": meta.uid.to_string(),
    })
}

/// The same for objects that are gone as soon as they are deleted.
pub(super) fn plain(meta: &ObjectMeta, store: &Store, clock: Clock) -> Value {
    metadata(meta, &Labels::new(), None, store, clock)
}

/// The controller; nothing once it is gone.
fn owner_references(owner: ObjectId, store: &Store) -> Option<Value> {
    let meta = store.meta(owner)?;
    let kind = owner.kind();
    Some(json!([{
        "apiVersion": api_version(kind),
        "blockOwnerDeletion": true,
        "controller": true,
        "kind": kind.name(),
        "name": &*meta.name,
        "uid": meta.uid.to_string(),
    }]))
}

/// What a drawn name begins with.
fn generate_name(meta: &ObjectMeta, store: &Store) -> Option<String> {
    match meta.owner? {
        owner @ (ObjectId::ReplicaSet(_)
        | ObjectId::DaemonSet(_)
        | ObjectId::Job(_)
        | ObjectId::ScaledJob(_)) => Some(format!("{}-", store.meta(owner)?.name)),
        _ => None,
    }
}
