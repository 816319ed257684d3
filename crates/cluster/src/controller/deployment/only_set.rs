//! A Deployment that is scaled while nothing is rolled out, and whose status nobody looks at.
//!
//! A sync then comes to two writes of its only ReplicaSet and an event (`sync.go`,
//! `scaleReplicaSet`). HPAs bring about most syncs, and views of all pods for each would be most of
//! their cost.

use std::sync::Arc;

use super::adapter::{Controller, Event};
use super::sync::scaled_message;
use super::{ConditionType, reason};
use crate::api::{
    Context, Deployment, DeploymentId, ObjectId, ReplicaSet, RolloutAnnotations, Write,
};

impl Controller {
    /// Scales the only ReplicaSet of a Deployment, if a sync has nothing else to do; says whether it
    /// did.
    pub(super) fn scale_only_set(
        &mut self,
        id: DeploymentId,
        context: &mut Context<'_, Event>,
    ) -> bool {
        let [only] = self.sets(id)[..] else {
            return false;
        };
        let store = &context.store;
        let (Some(deployment), Some(set)) = (store.deployment(id), store.replica_set(only)) else {
            return false;
        };
        if !is_scaled_only(deployment, set) {
            return false;
        }
        let replicas = deployment.spec.replicas;
        let rollout = RolloutAnnotations {
            desired_replicas: Some(replicas),
            max_replicas: Some(deployment.spec.max_replicas()),
            ..(*set.rollout).clone()
        };
        let (name, from) = (Arc::clone(&set.meta.name), set.replicas);
        context.commit(Write::Rollout(only, Arc::new(rollout)));
        context.commit(Write::Replicas(ObjectId::ReplicaSet(only), replicas));
        let object = ObjectId::Deployment(id);
        let message = || scaled_message(&name, from, replicas);
        context
            .events
            .normal(object, reason::SCALING_REPLICA_SET, message);
        true
    }
}

/// Whether the ReplicaSet is the Deployment's new one, is annotated as it should be, and differs in
/// size alone.
fn is_scaled_only(deployment: &Deployment, set: &ReplicaSet) -> bool {
    let (spec, rollout) = (&deployment.spec, &set.rollout);
    let progressing = deployment.status.condition(ConditionType::Progressing);
    let is_noted = !spec.has_progress_deadline()
        || progressing.is_some_and(|found| found.reason != reason::DEPLOYMENT_PAUSED);
    is_noted
        && !spec.paused
        && (spec.min_ready_seconds, rollout.min_ready_seconds) == (0, 0)
        && Arc::ptr_eq(&set.template, &deployment.template)
        && rollout.revision.is_some_and(|revision| revision > 0)
        && rollout.revision == deployment.revision
        && set.replicas > 0
        && set.replicas != spec.replicas
        && rollout
            .desired_replicas
            .is_some_and(|desired| desired != spec.replicas)
}
