//! A pod that fits nowhere: what it is told, who has to go for it, and where it will go then.

use std::sync::Arc;

use super::diagnosis::{Diagnosis, Plugins, Preemption};
use super::preempt::Candidate;
use super::{Event, Scheduler};
use crate::api::{Context, NodeId, ObjectId, Pod, PodId, PodWrite, Store};
use crate::controller::pod_control::delete_pod;

/// What pods are told for which there is no node and nobody to push out; the same for all pods of
/// a class as long as no node changes.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    diagnosis: Arc<Diagnosis>,
    plugins: Plugins,
    message: Option<Arc<str>>,
}

impl Scheduler {
    /// A pod fits nowhere: others may have to go; it waits.
    pub(super) fn refuse(
        &mut self,
        id: PodId,
        diagnosis: &Arc<Diagnosis>,
        context: &mut Context<'_, Event>,
    ) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let wanted = context.events.is_wanted();
        let (
            outcome,
            Refused {
                plugins, message, ..
            },
        ) = if is_lowest(pod, context.store) {
            let refused = self.refused(pod, diagnosis, wanted);
            (Err(Preemption::Useless(Vec::new())), refused)
        } else {
            let offset = context.draws.tie_breaker(id);
            let outcome = self.make_room(id, diagnosis, offset, context.store);
            let preemption = match &outcome {
                Ok(_) => &Preemption::Started,
                Err(preemption) => preemption,
            };
            let refused = Refused {
                diagnosis: Arc::clone(diagnosis),
                plugins: diagnosis.plugins(),
                message: wanted.then(|| diagnosis.message(pod, preemption).into()),
            };
            (outcome, refused)
        };
        let is_news = pod.unschedulable.is_none() || pod.unschedulable_message != message;
        // A node that others left in vain is given up.
        let in_vain =
            matches!(outcome, Err(Preemption::Useless(_))) || diagnosis.refused.is_empty();
        let gives_up = in_vain && pod.nominated.is_some();
        self.queue.failed(id, plugins, context.now);
        if let Some(message) = &message {
            let object = ObjectId::Pod(id);
            let text = || shortened(message);
            context.events.warning(object, "FailedScheduling", text);
        }
        if is_news {
            context.write_pod(id, PodWrite::Unschedulable(message));
        }
        if gives_up {
            self.renominate(id, None, context);
        }
        if let Ok(candidate) = outcome {
            self.nominate(id, candidate, context);
        }
        self.keep_flushing(context);
    }

    /// What a pod is told that has nobody to push out.
    fn refused(&mut self, pod: &Pod, diagnosis: &Arc<Diagnosis>, wanted: bool) -> Refused {
        let known = self.last.take();
        let same = known.filter(|last| Arc::ptr_eq(&last.diagnosis, diagnosis));
        let refused = same.unwrap_or_else(|| {
            let useless = || Preemption::Useless(diagnosis.resolvable().map(|_| None).collect());
            Refused {
                diagnosis: Arc::clone(diagnosis),
                plugins: diagnosis.plugins(),
                message: wanted.then(|| diagnosis.message(pod, &useless()).into()),
            }
        });
        self.last = Some(refused.clone());
        refused
    }

    /// A pod will get this node once its victims have gone, those that go already included.
    fn nominate(&mut self, id: PodId, candidate: Candidate, context: &mut Context<'_, Event>) {
        let node = candidate.node;
        let stays = |victim: &PodId| {
            let victim = context.store.pod(*victim);
            victim.is_some_and(|victim| !victim.is_deleting())
        };
        if candidate.victims.iter().any(stays) {
            let priority = |id: PodId| context.store.pod(id).map(|pod| pod.template.priority);
            let own = priority(id);
            let expected = self.nominated.iter();
            let displaced: Vec<PodId> = expected
                .filter(|(other, on)| *on == node && priority(*other) < own)
                .map(|(other, _)| *other)
                .collect();
            for other in displaced {
                self.renominate(other, None, context);
            }
            let takes = self.api_latency + self.api_latency;
            self.queue.hold(id, context.now + takes);
            context.after(takes, Event::Preempt(id));
            self.preempting.push((id, candidate));
        }
        self.renominate(id, Some(node), context);
    }

    /// Others leave this node for a pod, or none; those that left it another one may be tried
    /// again (`hasNominatedNodeNameChanged`).
    fn renominate(&mut self, id: PodId, node: Option<NodeId>, context: &mut Context<'_, Event>) {
        self.nominated.retain(|(pod, _)| *pod != id);
        self.nominated.extend(node.map(|node| (id, node)));
        let before = context.store.pod(id).and_then(|pod| pod.nominated);
        if before == node {
            return;
        }
        context.write_pod(id, PodWrite::Nominate(node));
        if let Some(pod) = context.store.pod(id).filter(|_| before.is_some()) {
            self.wake_lower(pod, context.now, context.store);
        }
    }

    /// The API server has heard that a pod's victims go.
    pub(super) fn delete_victims(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let Some(place) = self.preempting.iter().position(|(pod, _)| *pod == id) else {
            return;
        };
        let (_, candidate) = self.preempting.remove(place);
        let uid = context.store.pod(id).map(|pod| pod.meta.uid);
        let node = context.store.find_node(candidate.node);
        let node = node.map(|node| Arc::clone(&node.meta.name));
        let (Some(uid), Some(node)) = (uid, node) else {
            return;
        };
        for victim in candidate.victims {
            let goes = |pod: &Pod| !pod.is_deleting() && !pod.has_ended();
            if context.store.pod(victim).is_some_and(goes) {
                context.write_pod(victim, PodWrite::Preempt);
                delete_pod(victim, context);
                let message = || format!("Preempted by pod {uid} on node {node}");
                let object = ObjectId::Pod(victim);
                context.events.normal(object, "Preempted", message);
            }
        }
    }
}

/// Whether no pod is less important than this one, which would push others out.
fn is_lowest(pod: &Pod, store: &Store) -> bool {
    let lowest = store.lowest_priority();
    lowest.is_none_or(|lowest| lowest >= pod.template.priority) && !pod.template.never_preempts
}

/// A message as an event may hold it: the condition has all of it (`truncateMessage`).
pub(super) fn shortened(message: &str) -> String {
    const MOST: usize = 1024;
    if message.len() <= MOST {
        return message.to_owned();
    }
    let end = " ...";
    let mut cut = MOST - end.len();
    while !message.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}{end}", &message[..cut])
}
