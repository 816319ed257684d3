//! The taint eviction controller: pods that do not tolerate a NoExecute taint of their node go
//! (`pkg/controller/tainteviction`).

use std::collections::BTreeMap;

use super::daemonset::daemon_tolerations;
use super::pod_control::delete_pod;
use super::podgc::pods_of;
use crate::api::{
    Change, Context, Disruption, NOT_READY, NodeId, ObjectId, Pod, PodId, PodWrite, Store, Taint,
    TaintEffect, Toleration, UNREACHABLE, What, Write, untolerated,
};
use crate::cluster::spec::ClusterConfig;
use crate::sim::{SimDuration, SimTime};

/// What the controller waits for.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// A pod's time on its node is over.
    Evict(PodId),
    /// A delete call arrives.
    Delete(PodId),
}

/// The taint eviction controller.
#[derive(Debug, Clone)]
pub struct Controller {
    api_latency: SimDuration,
    /// What the API server gives to every pod (`DefaultTolerationSeconds`).
    defaults: [Toleration; 2],
    /// Since when pods are to go, and when.
    pending: BTreeMap<PodId, (SimTime, SimTime)>,
}

impl Controller {
    /// A controller with these settings.
    pub fn new(config: &ClusterConfig) -> Self {
        Self {
            api_latency: config.api_latency,
            defaults: [0, 1].map(|place| {
                let seconds = config.default_tolerations[place].as_secs_f64() as i64;
                toleration([NOT_READY, UNREACHABLE][place], Some(seconds))
            }),
            pending: BTreeMap::new(),
        }
    }

    /// Wakes up for a change of a node's taints, and for a pod that gets onto a node.
    pub fn observe(&mut self, change: Change, context: &mut Context<'_, Event>) {
        match (change.object, change.what) {
            (ObjectId::Node(node), What::Spec) => {
                if no_execute(node, context.store).next().is_none() && self.pending.is_empty() {
                    return;
                }
                let on_it: Vec<PodId> = if no_execute(node, context.store).next().is_some() {
                    pods_of(node, context)
                } else {
                    let of_node = |id: &PodId| {
                        let pod = context.store.pod(*id);
                        pod.is_some_and(|pod| pod.node == Some(node))
                    };
                    self.pending.keys().copied().filter(of_node).collect()
                };
                for pod in on_it {
                    self.look(pod, node, context);
                }
            }
            (ObjectId::Pod(pod), What::Scheduled) => {
                if let Some(node) = context.store.pod(pod).and_then(|pod| pod.node)
                    && no_execute(node, context.store).next().is_some()
                {
                    self.look(pod, node, context);
                }
            }
            (ObjectId::Pod(pod), What::Deleted) => self.cancel(pod, context),
            _ => {}
        }
    }

    /// Decides when a pod has to leave its node (`processPodOnNode`).
    fn look(&mut self, id: PodId, node: NodeId, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        if pod.is_deleting() {
            return;
        }
        let now = context.now;
        let at = match self.stay(pod, no_execute(node, context.store)) {
            Stay::ForEver => {
                self.cancel(id, context);
                return;
            }
            Stay::NotAtAll => now,
            // What is scheduled already stays as it is, even where this would be sooner.
            Stay::For(_) if self.pending.get(&id).is_some_and(|(since, _)| *since < now) => return,
            Stay::For(length) => now + length,
        };
        self.cancel(id, context);
        self.pending.insert(id, (now, at));
        context.at(at, Event::Evict(id));
    }

    /// How long a pod may stay on a node with these taints: while the shortest toleration lasts
    /// (`getMinTolerationTime`).
    fn stay<'a>(&self, pod: &Pod, taints: impl Iterator<Item = &'a Taint>) -> Stay {
        let own = &pod.template.tolerations[..];
        let of_daemons = daemon_tolerations(&pod.template).filter(|_| pod.pinned.is_some());
        let tolerations = || of_daemons.clone().chain(own).chain(&self.defaults);
        let mut shortest: Option<i64> = None;
        for taint in taints {
            let Some(used) = tolerations().find(|one| one.tolerates(taint)) else {
                return Stay::NotAtAll;
            };
            if let Some(seconds) = used.seconds {
                shortest = Some(shortest.map_or(seconds, |known| known.min(seconds)));
            }
        }
        match shortest {
            Some(seconds) => Stay::For(SimDuration::from_secs(seconds.max(0))),
            None => Stay::ForEver,
        }
    }

    /// Forgets what is scheduled for a pod (`cancelWorkWithEvent`).
    fn cancel(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        if let Some((_, at)) = self.pending.remove(&id)
            && at > context.now
        {
            tell(id, "Cancelling deletion of Pod", context);
        }
    }

    /// Carries out an event.
    pub fn handle(&mut self, event: Event, context: &mut Context<'_, Event>) {
        match event {
            Event::Evict(id) => {
                if self
                    .pending
                    .get(&id)
                    .is_some_and(|(_, at)| *at <= context.now)
                {
                    self.pending.remove(&id);
                    tell(id, "Marking for deletion Pod", context);
                    context.after(self.api_latency, Event::Delete(id));
                }
            }
            Event::Delete(id) => {
                let stays = |pod: &&Pod| !pod.is_deleting() && !pod.removed;
                let Some(pod) = context.store.pod(id).filter(stays) else {
                    return;
                };
                let ended = pod.has_ended();
                context.write_pod(id, PodWrite::Disrupt(Disruption::TaintManager));
                delete_pod(id, context);
                // It gets no time to end: its object goes at once (`CheckGracefulDelete`).
                if ended {
                    context.commit(Write::RemovePod(id));
                }
            }
        }
    }
}

/// How long a pod may stay.
enum Stay {
    /// It tolerates all taints.
    ForEver,
    /// It tolerates all taints, for so long.
    For(SimDuration),
    /// It does not tolerate one.
    NotAtAll,
}

/// A toleration of a taint that evicts.
fn toleration(key: &str, seconds: Option<i64>) -> Toleration {
    Toleration {
        key: key.to_owned(),
        value: None,
        effect: Some(TaintEffect::NoExecute),
        seconds,
    }
}

/// The NoExecute taints of a node.
fn no_execute(node: NodeId, store: &Store) -> impl Iterator<Item = &Taint> {
    let taints = store.find_node(node).map_or(&[][..], |node| &node.taints);
    untolerated(taints, &[], |effect| effect == TaintEffect::NoExecute)
}

fn tell(id: PodId, what: &str, context: &mut Context<'_, Event>) {
    if let Some(pod) = context.store.pod(id) {
        let meta = &pod.meta;
        let message = || format!("{what} {}/{}", meta.namespace, meta.name);
        let object = ObjectId::Pod(id);
        context
            .events
            .normal(object, "TaintManagerEviction", message);
    }
}
