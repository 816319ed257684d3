//! The garbage collector: what an owner leaves behind is deleted in the background
//! (`pkg/controller/garbagecollector`).

use super::client::TokenBucket;
use super::pod_control::delete_pod;
use crate::api::{Change, Context, ObjectId, PodId, What, Write};
use crate::cluster::spec::ClusterConfig;
use crate::sim::SimDuration;

/// What the garbage collector waits for.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// A delete call arrives.
    Delete(PodId),
}

/// The garbage collector.
#[derive(Debug, Clone)]
pub struct Controller {
    api_latency: SimDuration,
    client: TokenBucket,
}

impl Controller {
    /// A collector with these settings.
    pub fn new(config: &ClusterConfig) -> Self {
        Self {
            api_latency: config.api_latency,
            client: TokenBucket::new(config.controller_qps, config.controller_burst),
        }
    }

    /// Wakes up for a change: an owner is gone.
    pub fn observe(&mut self, change: Change, context: &mut Context<'_, Event>) {
        let owner = change.object;
        if change.what != What::Deleted || matches!(owner, ObjectId::Pod(_)) {
            return;
        }
        if let ObjectId::Deployment(_) = owner {
            let sets = context.store.replica_sets();
            let owned: Vec<ObjectId> = sets
                .filter(|(_, set)| set.meta.owner == Some(owner))
                .map(|(id, _)| ObjectId::ReplicaSet(id))
                .collect();
            for set in owned {
                context.commit(Write::Delete(set));
            }
            return;
        }
        if let ObjectId::ScaledObject(_) = owner {
            let hpas = context.store.hpas();
            let owned: Vec<ObjectId> = hpas
                .filter(|(_, hpa)| hpa.meta.owner == Some(owner))
                .map(|(id, _)| ObjectId::HorizontalPodAutoscaler(id))
                .collect();
            for hpa in owned {
                context.commit(Write::Delete(hpa));
            }
            return;
        }
        if let ObjectId::CronJob(_) | ObjectId::ScaledJob(_) = owner {
            let jobs = context.store.jobs();
            let owned: Vec<ObjectId> = jobs
                .filter(|(_, job)| job.meta.owner == Some(owner))
                .map(|(id, _)| ObjectId::Job(id))
                .collect();
            for job in owned {
                context.commit(Write::Delete(job));
            }
            return;
        }
        let is_owned = |id: &&PodId| {
            let pod = context.store.pod(**id);
            pod.is_some_and(|pod| pod.meta.owner == Some(owner) && !pod.is_deleting())
        };
        let pods = context.store.workloads().iter().flat_map(|one| &one.pods);
        let owned: Vec<PodId> = pods.filter(is_owned).copied().collect();
        for pod in owned {
            let arrives = self.client.reserve(context.now) + self.api_latency;
            context.at(arrives, Event::Delete(pod));
        }
    }

    /// Carries out an event.
    pub fn handle(&mut self, event: Event, context: &mut Context<'_, Event>) {
        let Event::Delete(id) = event;
        delete_pod(id, context);
    }
}
