//! Which pods are on a node, and what those of them say about others.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Store;
use crate::api::node::NodeId;
use crate::api::pod::{Pod, PodId};
use crate::api::template::PodTemplate;

/// Pods on nodes.
#[derive(Debug, Clone, Default)]
pub(super) struct Placed {
    /// By slot of the node, in the order of their coming.
    by_node: Vec<Vec<PodId>>,
    opinions: Vec<Opinion>,
    /// How many pods of each priority.
    priorities: BTreeMap<i32, u32>,
}

/// Pods on nodes, of one template and namespace, whose affinity concerns others.
#[derive(Debug, Clone)]
pub struct Opinion {
    /// Their template.
    pub template: Arc<PodTemplate>,
    /// Their namespace.
    pub namespace: Arc<str>,
    /// How many there are.
    pods: u32,
}

impl Placed {
    /// A pod uses a node from now on.
    pub(super) fn add(&mut self, id: PodId, pod: &Pod) {
        let Some(node) = pod.node else { return };
        if self.by_node.len() <= node.slot() {
            self.by_node.resize(node.slot() + 1, Vec::new());
        }
        self.by_node[node.slot()].push(id);
        *self.priorities.entry(pod.template.priority).or_default() += 1;
        if let Some(place) = self.opinion_of(pod) {
            self.opinions[place].pods += 1;
        }
    }

    /// A pod uses its node no more.
    pub(super) fn remove(&mut self, id: PodId, pod: &Pod) {
        let Some(node) = pod.node else { return };
        let pods = self.by_node.get_mut(node.slot());
        if let Some(pods) = pods
            && let Some(place) = pods.iter().position(|other| *other == id)
        {
            pods.remove(place);
        }
        let priority = pod.template.priority;
        if let Some(count) = self.priorities.get_mut(&priority) {
            *count -= 1;
            if *count == 0 {
                self.priorities.remove(&priority);
            }
        }
        if let Some(place) = self.opinion_of(pod) {
            self.opinions[place].pods = self.opinions[place].pods.saturating_sub(1);
            self.opinions.retain(|one| one.pods > 0);
        }
    }

    /// The node in this slot is another one, or gone.
    pub(super) fn forget_node(&mut self, node: NodeId) {
        if let Some(pods) = self.by_node.get_mut(node.slot()) {
            pods.clear();
        }
    }

    /// The place of what pods like this one say; made if it is not there.
    fn opinion_of(&mut self, pod: &Pod) -> Option<usize> {
        let placement = pod.template.placement.as_ref()?;
        placement.concerns_others().then_some(())?;
        let same = |one: &Opinion| {
            Arc::ptr_eq(&one.template, &pod.template) && one.namespace == pod.meta.namespace
        };
        let known = self.opinions.iter().position(same);
        Some(known.unwrap_or_else(|| {
            self.opinions.push(Opinion {
                template: Arc::clone(&pod.template),
                namespace: Arc::clone(&pod.meta.namespace),
                pods: 0,
            });
            self.opinions.len() - 1
        }))
    }
}

impl Store {
    /// The pods that use a node, assumed ones included, in the order of their coming.
    pub fn pods_of_node(&self, node: NodeId) -> impl Iterator<Item = (PodId, &Pod)> + Clone {
        let slots = self.placed.by_node.get(node.slot());
        let pods = slots.map(Vec::as_slice).unwrap_or_default().iter();
        pods.filter_map(move |id| {
            let pod = self.pods.get(*id).filter(|pod| pod.node == Some(node))?;
            Some((*id, pod))
        })
    }

    /// What the affinities of pods on nodes say, by template and namespace.
    pub fn opinions(&self) -> &[Opinion] {
        &self.placed.opinions
    }

    /// The lowest priority of all pods on nodes.
    pub fn lowest_priority(&self) -> Option<i32> {
        self.placed.priorities.keys().next().copied()
    }
}
