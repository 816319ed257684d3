//! Tries to place pods, where they went last time first.
//!
//! Source: `simulator/scheduling`.

use rustc_hash::{FxHashMap, FxHashSet};

use super::snapshot::{NodeInfo, Placed, SimNode, Snapshot};
use crate::autoscaler::cluster_autoscaler::model::{ClassId, ControllerId, Pod, PodId};

/// Different pods of one controller that are remembered as unschedulable.
const MAX_PODS_PER_OWNER: usize = 10;

/// Places pods one by one and remembers where, for two generations.
#[derive(Debug, Default)]
pub struct HintingSimulator {
    current: FxHashMap<PodId, SimNode>,
    old: FxHashMap<PodId, SimNode>,
}

impl HintingSimulator {
    /// Places what can be placed; answers for each pod whether it was. With `break_on_failure`
    /// the first that cannot ends it.
    pub fn try_schedule(
        &mut self,
        snapshot: &mut Snapshot<'_>,
        pods: &[Pod],
        wanted: &[u32],
        break_on_failure: bool,
        acceptable: impl Fn(&NodeInfo) -> bool,
    ) -> Vec<bool> {
        let mut similar = SimilarPods::default();
        let mut done = Vec::with_capacity(wanted.len());
        for index in wanted {
            let pod = &pods[*index as usize];
            let placed = Placed {
                pod: Some(*index),
                class: pod.class,
                terminating: pod.deletion.is_some(),
            };
            let found = self.by_hint(snapshot, pod, placed, &acceptable)
                || self.anywhere(snapshot, &mut similar, pod, placed, &acceptable);
            done.push(found);
            if !found && break_on_failure {
                break;
            }
        }
        done.resize(wanted.len(), false);
        done
    }

    fn by_hint(
        &mut self,
        snapshot: &mut Snapshot<'_>,
        pod: &Pod,
        placed: Placed,
        acceptable: impl Fn(&NodeInfo) -> bool,
    ) -> bool {
        let hint = self.current.get(&pod.id).or_else(|| self.old.get(&pod.id));
        let Some(node) = hint.copied() else {
            return false;
        };
        let Some(slot) = snapshot.slot_of(node) else {
            return false;
        };
        if !acceptable(snapshot.node(slot)) || snapshot.schedule_on(placed, slot).is_err() {
            return false;
        }
        self.current.insert(pod.id, node);
        true
    }

    fn anywhere(
        &mut self,
        snapshot: &mut Snapshot<'_>,
        similar: &mut SimilarPods,
        pod: &Pod,
        placed: Placed,
        acceptable: impl Fn(&NodeInfo) -> bool,
    ) -> bool {
        if similar.is_unschedulable(pod) {
            return false;
        }
        let slots = snapshot.slots();
        let Some(slot) = snapshot.schedule_on_any(placed, 0..slots, acceptable) else {
            let daemon_set = snapshot.classes()[pod.class.index()].is_daemon_set();
            similar.set_unschedulable(pod, daemon_set);
            return false;
        };
        self.current.insert(pod.id, snapshot.node(slot).node);
        true
    }

    /// Forgets what was not used since the last call.
    pub fn drop_old_hints(&mut self) {
        self.old = std::mem::take(&mut self.current);
    }
}

/// Pods that found no place: others like them need not look.
#[derive(Debug, Default)]
struct SimilarPods {
    unschedulable: FxHashSet<(ControllerId, ClassId)>,
    counts: FxHashMap<ControllerId, usize>,
}

impl SimilarPods {
    fn is_unschedulable(&self, pod: &Pod) -> bool {
        pod.controller
            .is_some_and(|controller| self.unschedulable.contains(&(controller, pod.class)))
    }

    fn set_unschedulable(&mut self, pod: &Pod, daemon_set: bool) {
        let Some(controller) = pod.controller else {
            return;
        };
        if daemon_set {
            return;
        }
        let count = self.counts.entry(controller).or_default();
        if *count < MAX_PODS_PER_OWNER {
            *count += 1;
            self.unschedulable.insert((controller, pod.class));
        }
    }
}
