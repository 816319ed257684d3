//! The Deployment controller: keeps the ReplicaSet of its template at the Deployment's size
//! (`pkg/controller/deployment`).

use std::sync::Arc;

use super::pod_control::PodControl;
use crate::api::{
    Change, Context, Deployment, DeploymentId, Labels, ObjectId, ObjectMeta, ReplicaSet,
    ReplicaSetId, What, Write,
};

/// `pod-template-hash`, which tells the pods of a Deployment's revisions apart.
const HASH_LABEL: &str = "pod-template-hash";

/// What a Deployment controller waits for.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// It compares what is with what should be.
    Sync(DeploymentId),
}

/// The controller of all Deployments.
#[derive(Debug, Clone, Default)]
pub struct Controller {
    /// The ReplicaSets of each Deployment, oldest first, by its slot.
    sets: Vec<Vec<ReplicaSetId>>,
}

impl Controller {
    fn sets(&mut self, id: DeploymentId) -> &mut Vec<ReplicaSetId> {
        if self.sets.len() <= id.slot() {
            self.sets.resize(id.slot() + 1, Vec::new());
        }
        &mut self.sets[id.slot()]
    }

    /// Wakes up for a change.
    pub fn observe(
        &mut self,
        change: Change,
        pods: &mut PodControl,
        context: &mut Context<'_, Event>,
    ) {
        match (change.object, change.what) {
            (ObjectId::Deployment(id), What::Created | What::Scaled { .. } | What::Spec) => {
                self.sync(id, pods, context);
            }
            (ObjectId::Deployment(id), What::Deleted) => self.sets(id).clear(),
            _ => {}
        }
    }

    /// Carries out an event.
    pub fn handle(
        &mut self,
        event: Event,
        pods: &mut PodControl,
        context: &mut Context<'_, Event>,
    ) {
        let Event::Sync(id) = event;
        self.sync(id, pods, context);
    }

    /// Brings the ReplicaSet of the template to the Deployment's size; makes it if need be.
    pub fn sync<E>(
        &mut self,
        id: DeploymentId,
        pods: &mut PodControl,
        context: &mut Context<'_, E>,
    ) {
        let Some(deployment) = context.store.deployment(id) else {
            return;
        };
        let wanted = deployment.replicas;
        let current = self.sets(id).last().copied();
        let Some((set_id, set)) =
            current.and_then(|id| context.store.replica_set(id).map(|set| (id, set)))
        else {
            let set = new_replica_set(id, deployment, pods, context);
            let name = Arc::clone(&set.meta.name);
            let made = context
                .store
                .commit(context.now, Write::CreateReplicaSet(Box::new(set)));
            if let Some(ObjectId::ReplicaSet(set)) = made {
                self.sets(id).push(set);
                let message = || format!("Scaled up replica set {name} from 0 to {wanted}");
                let object = ObjectId::Deployment(id);
                context.events.normal(object, "ScalingReplicaSet", message);
            }
            return;
        };
        let before = set.replicas;
        if before != wanted {
            let direction = if wanted > before { "up" } else { "down" };
            let name = &set.meta.name;
            let message =
                || format!("Scaled {direction} replica set {name} from {before} to {wanted}");
            let object = ObjectId::Deployment(id);
            context.events.normal(object, "ScalingReplicaSet", message);
            context.commit(Write::Replicas(ObjectId::ReplicaSet(set_id), wanted));
        }
    }
}

/// The ReplicaSet of a Deployment's first revision, already at its size.
fn new_replica_set<E>(
    id: DeploymentId,
    deployment: &Deployment,
    pods: &mut PodControl,
    context: &Context<'_, E>,
) -> ReplicaSet {
    let workload = deployment.workload;
    let hash = pods.template_hash(workload, context.store.workload(workload), 1);
    let with_hash = |labels: &Labels| {
        let mut labels = labels.clone();
        labels.insert(HASH_LABEL.to_owned(), hash.clone());
        Arc::new(labels)
    };
    let name = format!("{}-{hash}", deployment.meta.name);
    let namespace = &deployment.meta.namespace;
    let uid = pods.uid(&format!("ReplicaSet/{namespace}/{name}"));
    ReplicaSet {
        meta: ObjectMeta {
            labels: with_hash(&deployment.template.labels),
            owner: Some(ObjectId::Deployment(id)),
            ..ObjectMeta::new(namespace, &name, uid, context.now)
        },
        workload,
        replicas: deployment.replicas,
        selector: with_hash(&deployment.selector),
        template: Arc::clone(&deployment.template),
        pod_labels: with_hash(&deployment.template.labels),
        revision: 1,
    }
}
