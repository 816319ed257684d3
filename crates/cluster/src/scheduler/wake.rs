//! What the scheduler hears of, and which pods that wakes (`eventhandlers.go`).

use std::sync::Arc;

use super::diagnosis::Plugins;
use super::hints::{Barriers, Happening};
use super::{Event, Scheduler, is_gated};
use crate::api::{
    Change, Context, Kind, Labels, NodeId, ObjectId, Pod, PodId, PodWrite, Store, What,
};
use crate::sim::SimTime;

/// A node as it was seen last.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    labels: Arc<Labels>,
    barriers: Barriers,
}

impl Scheduler {
    /// Wakes up for a change.
    pub fn observe(&mut self, change: Change, context: &mut Context<'_, Event>) {
        match (change.object, change.what) {
            (ObjectId::Pod(id), What::Created | What::Spec) => {
                self.enqueue(id, context);
                self.pod_changed(id, change.what, context);
            }
            (ObjectId::Pod(id), What::Ended | What::Deleted) => self.pod_gone(id, change, context),
            // Room is what one more pod takes: most of those that wait need not be asked.
            (ObjectId::Pod(id), What::Scheduled)
                if (self.queue).has_refused(Plugins::SPREAD | Plugins::POD_AFFINITY) =>
            {
                let now = context.now;
                if let Some(pod) = context.store.pod(id) {
                    self.wake_waiting(Happening::PodCame(pod), now, context.store);
                }
                self.wake(context);
            }
            (ObjectId::Pod(_), What::ResizeAllocated) => {
                self.wake_waiting(Happening::PodResized, context.now, context.store);
                self.wake(context);
            }
            (ObjectId::Node(id), What::Created | What::Spec | What::Status) => {
                self.node_changed(id, change.what, context);
            }
            (ObjectId::Node(id), What::Deleted) => {
                if let Some(seen) = self.nodes.get_mut(id.slot()).and_then(Option::take) {
                    let labels = &*seen.labels;
                    self.node_tree.remove(id, labels);
                    self.wake_waiting(Happening::NodeGone(labels), context.now, context.store);
                    self.wake(context);
                }
            }
            _ => {}
        }
    }

    /// A pod is new, or has changed while it waits.
    fn enqueue(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let waits = |pod: &&Pod| pod.node.is_none() && pod.is_active();
        let Some(pod) = context.store.pod(id).filter(waits) else {
            return;
        };
        if let Some(name) = &pod.template.node_name {
            match context.store.find(Kind::Node, "", name) {
                Some(ObjectId::Node(node)) => {
                    context.write_pod(id, PodWrite::Assume(node));
                    context.write_pod(id, PodWrite::Bind);
                }
                _ if self.homeless.contains(&id) => {}
                _ => self.homeless.push(id),
            }
            return;
        }
        if !self.queue.contains(id) {
            self.queue.add(id, pod.template.priority, is_gated(pod));
        } else if !is_gated(pod) {
            self.queue.release(id);
        }
        self.wake(context);
    }

    /// Labels of a pod on a node may help others, those of a pod that waits itself.
    fn pod_changed(&mut self, id: PodId, what: What, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        if self.labels.len() <= id.slot() {
            self.labels.resize(id.slot() + 1, None);
        }
        let before = self.labels[id.slot()].replace(Arc::clone(&pod.meta.labels));
        let Some(before) = before.filter(|before| *before != pod.meta.labels) else {
            return;
        };
        if what == What::Created {
            return;
        }
        let happening = Happening::PodLabels(&before, pod);
        if self.queue.contains(id) {
            self.queue.wake(context.now, |other, plugins| {
                other == id && happening.may_help(pod, plugins)
            });
        } else if pod.scheduled.is_some() && !pod.has_ended() {
            self.wake_waiting(happening, context.now, context.store);
        }
        self.wake(context);
    }

    fn wake_waiting(&mut self, happening: Happening<'_>, now: SimTime, store: &Store) {
        self.queue.wake(now, |id, plugins| {
            let pod = store.pod(id);
            pod.is_some_and(|pod| happening.may_help(pod, plugins))
        });
    }

    /// A pod waits for its node no longer: those that had to leave it room, the pod itself among
    /// them, are no more important.
    pub(super) fn wake_lower(&mut self, gone: &Pod, now: SimTime, store: &Store) {
        let happening = Happening::PodGone(gone);
        self.queue.wake(now, |id, plugins| {
            let pod = store.pod(id);
            let lower = pod.filter(|pod| pod.template.priority <= gone.template.priority);
            lower.is_some_and(|pod| happening.may_help(pod, plugins))
        });
    }

    /// A pod uses its node no more, or its object is gone.
    fn pod_gone(&mut self, id: PodId, change: Change, context: &mut Context<'_, Event>) {
        let waited = self.queue.contains(id);
        let expected = self.nominated.iter().any(|(pod, _)| *pod == id);
        self.queue.forget(id);
        self.homeless.retain(|pod| *pod != id);
        self.nominated.retain(|(pod, _)| *pod != id);
        if let Some(labels) = self.labels.get_mut(id.slot()) {
            *labels = None;
        }
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        if pod.node.is_some() && change.what == What::Ended {
            self.wake_waiting(Happening::PodGone(pod), context.now, context.store);
        } else if expected && waited {
            self.wake_lower(pod, context.now, context.store);
        }
        self.wake(context);
    }

    fn node_changed(&mut self, id: NodeId, what: What, context: &mut Context<'_, Event>) {
        if context.store.find_node(id).is_none() {
            return;
        }
        if self.nodes.len() <= id.slot() {
            self.nodes.resize(id.slot() + 1, None);
        }
        if what == What::Created && !self.homeless.is_empty() {
            for pod in std::mem::take(&mut self.homeless) {
                self.enqueue(pod, context);
            }
        }
        let Some(node) = context.store.find_node(id) else {
            return;
        };
        let barriers = Barriers::of(node);
        let labels = Arc::clone(node.labels());
        let before = self.nodes[id.slot()].replace(Seen { labels, barriers });
        let before = before.filter(|_| what != What::Created);
        let now = context.now;
        if let Some(before) = before {
            if before.labels != *node.labels() {
                (self.node_tree).relabel(id, &before.labels, node.labels());
                let happening = Happening::NodeLabels(&before.labels, node);
                self.wake_waiting(happening, now, context.store);
            }
            if before.barriers != Barriers::of(node) {
                let happening = Happening::NodeTaints(&before.barriers, node);
                self.wake_waiting(happening, now, context.store);
            }
        } else {
            self.node_tree.add(id, node.labels());
            self.wake_waiting(Happening::NodeCame(node), now, context.store);
        }
        self.wake(context);
    }
}
