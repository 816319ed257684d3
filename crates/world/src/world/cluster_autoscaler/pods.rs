//! The pods that the Cluster Autoscaler sees: each keeps its place as long as it is there.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::api::PodId as ApiPodId;
use crate::autoscaler::cluster_autoscaler::{ClassId, Pod, PodId};

/// Pods in places that are used again.
#[derive(Debug, Default)]
pub(super) struct Pods {
    list: Vec<Pod>,
    /// The objects of the pods, by place; what stands for DaemonSets has none.
    keys: Vec<Option<ApiPodId>>,
    free: Vec<u32>,
    places: FxHashMap<PodId, u32>,
    /// Those without a node.
    waiting: BTreeMap<PodId, u32>,
    pending: Vec<u32>,
    changed: Vec<u32>,
    /// The classes of those that have changed.
    classes: Vec<ClassId>,
}

impl Pods {
    pub(super) fn list(&self) -> &[Pod] {
        &self.list
    }

    /// The places of those without a node, by their ids.
    pub(super) fn pending(&self) -> &[u32] {
        &self.pending
    }

    /// The places that have changed since [`Pods::begin`].
    pub(super) fn changed(&self) -> &[u32] {
        &self.changed
    }

    /// The classes of those that have changed since then.
    pub(super) fn changed_classes(&self) -> &[ClassId] {
        &self.classes
    }

    /// The object of a pod that is listed.
    pub(super) fn key_of(&self, pod: PodId) -> Option<ApiPodId> {
        self.keys[*self.places.get(&pod)? as usize]
    }

    /// From here on, changes are noted anew.
    pub(super) fn begin(&mut self) {
        self.changed.clear();
        self.classes.clear();
    }

    /// All changes have been made.
    pub(super) fn end(&mut self) {
        self.pending.clear();
        self.pending.extend(self.waiting.values());
        self.classes.sort_unstable();
        self.classes.dedup();
    }

    /// Puts a pod into its place, or into a new one.
    pub(super) fn put(&mut self, pod: Pod, key: Option<ApiPodId>) {
        let place = self.places.get(&pod.id).copied();
        let place = place.unwrap_or_else(|| {
            let place = self.free.pop().unwrap_or(self.list.len() as u32);
            self.places.insert(pod.id, place);
            place
        });
        if pod.node.is_none() {
            self.waiting.insert(pod.id, place);
        } else {
            self.waiting.remove(&pod.id);
        }
        self.classes.push(pod.class);
        let index = place as usize;
        if index == self.list.len() {
            self.list.push(pod);
            self.keys.push(key);
        } else if self.list[index] == pod {
            return;
        } else {
            // What it was before is gone as well.
            self.classes.push(self.list[index].class);
            self.list[index] = pod;
            self.keys[index] = key;
        }
        self.changed.push(place);
    }

    /// Takes a pod out; answers whether it was there.
    pub(super) fn remove(&mut self, pod: PodId) -> bool {
        let Some(place) = self.places.remove(&pod) else {
            return false;
        };
        let gone = &mut self.list[place as usize];
        gone.node = None;
        self.classes.push(gone.class);
        self.keys[place as usize] = None;
        self.waiting.remove(&pod);
        self.free.push(place);
        self.changed.push(place);
        true
    }
}
