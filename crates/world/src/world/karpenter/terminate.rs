//! Nodes that go: they are drained, then their machines end.
//!
//! Upstream: `pkg/controllers/node/termination`, `pkg/controllers/nodeclaim/expiration`.

use std::collections::btree_map::Entry;

use super::disrupt::DISRUPTED;
use super::report::{EXPIRED, INSTANCE_UNHEALTHY, UNHEALTHY};
use super::view::is_protected;
use super::{Event, Karpenter, is_of_daemon_set};
use crate::api::{NodeId, Pod, PodId, Taint, TaintEffect, untolerated};
use crate::cloud::{InstanceId, Stage};
use crate::controller::disruption::EvictionError;
use crate::kubelet::Silence;
use crate::sim::{SimDuration, SimTime};
use crate::world::Simulation;

/// How often a node that is drained is looked at.
const POLL: SimDuration = SimDuration::from_secs(1);
/// How often it is asked whether a machine is gone (`awaitInstanceTermination`).
const INSTANCE_POLL: SimDuration = SimDuration::from_secs(5);
/// A drain takes at least so long: the scheduler may not have seen the taint.
const LEAST_DRAIN: SimDuration = SimDuration::from_secs(5);
/// A pod that is still there so long after its grace period does not count.
const STUCK: SimDuration = SimDuration::from_secs(60);
/// Between refused evictions of a pod: first, and at most.
const BACK_OFF: (SimDuration, SimDuration) =
    (SimDuration::from_millis(100), SimDuration::from_secs(10));
/// So long the provider's checks of a machine have to fail (`UnhealthyThreshold`).
const UNHEALTHY_FOR: SimDuration = SimDuration::from_secs(120);
/// How often they are asked for (`InstanceStatusInterval`).
const STATUS_POLL: SimDuration = SimDuration::from_secs(60);
/// From this priority on pods are critical (`system-cluster-critical`): they go last.
const CRITICAL: i32 = 2_000_000_000;

/// Whether a drain waits for a pod.
fn is_drained(pod: &Pod, now: SimTime) -> bool {
    let taint = [Taint {
        key: DISRUPTED.to_owned(),
        value: String::new(),
        effect: TaintEffect::NoSchedule,
    }];
    let all = |_: TaintEffect| true;
    let tolerates = untolerated(&taint, &pod.template.tolerations, all)
        .next()
        .is_none();
    // A deletion timestamp has the grace period in it.
    let is_stuck = pod.meta.deletion.is_some_and(|end| now - end > STUCK);
    !tolerates && !is_stuck
}

/// Whose turn it is at a drain: critical pods after others, of each those of DaemonSets last
/// (`groupPodsByPriority`).
fn tier(pod: &Pod) -> (bool, bool) {
    (pod.template.priority >= CRITICAL, is_of_daemon_set(pod))
}

impl Simulation<'_> {
    /// Deletes a NodeClaim: its node is drained first.
    pub(super) fn delete_claim(
        &mut self,
        karpenter: &mut Karpenter,
        id: InstanceId,
        reason: &'static str,
        now: SimTime,
    ) {
        let Some(claim) = karpenter.claims.get_mut(&id) else {
            return;
        };
        karpenter.changed = true;
        if claim.deleting.is_some() {
            return;
        }
        claim.deleting = Some((now, claim.marked.unwrap_or(reason)));
        let pool = claim.pool;
        if let Some(grace) = claim.grace {
            self.tell_of_expiry(karpenter, id, (now + grace, false), now);
        }
        if karpenter.spec.pools[pool].replicas.is_some() {
            self.karpenter_at(now, Event::Static(pool as u32));
        }
        if self.node_of_claim(id).is_none() {
            self.delete_instance(id);
            karpenter.claims.remove(&id);
            return;
        }
        self.karpenter_at(now, Event::Terminate(id));
        self.karpenter_at(now, Event::Node(id));
    }

    pub(super) fn expire_claim(&mut self, karpenter: &mut Karpenter, id: InstanceId, now: SimTime) {
        let goes = karpenter
            .claims
            .get(&id)
            .is_some_and(|claim| claim.deleting.is_none());
        if goes {
            self.note_end(karpenter, id, EXPIRED, now);
            self.delete_claim(karpenter, id, EXPIRED, now);
        }
    }

    /// A machine is lost: the provider's checks fail, which is seen once they have for long enough.
    pub(in crate::world) fn karpenter_loses(&mut self, node: NodeId, now: SimTime) {
        let machine = self.machine(node);
        let Some(id) = machine.map(|machine| machine.instance) else {
            return;
        };
        let is_own = |karpenter: &Karpenter| karpenter.claims.contains_key(&id);
        if self.karpenter.as_deref().is_some_and(is_own) {
            let failed = now + UNHEALTHY_FOR;
            let polls = (failed.0 + STATUS_POLL.0 - 1).div_euclid(STATUS_POLL.0);
            self.karpenter_at(SimTime(polls * STATUS_POLL.0), Event::Broken(id));
        }
    }

    /// The provider has found a machine broken: its node goes without being drained.
    pub(super) fn break_claim(&mut self, karpenter: &mut Karpenter, id: InstanceId, now: SimTime) {
        let node = self.node_of_claim(id);
        let silence = node.and_then(|node| self.components.kubelet.silence(node));
        let Some(claim) = karpenter.claims.get_mut(&id) else {
            return;
        };
        if silence != Some(Silence::Machine) || claim.forced.is_some() {
            return;
        }
        claim.forced = Some(now);
        if claim.deleting.is_none() {
            self.tell_of_interruption(id, INSTANCE_UNHEALTHY, now);
            self.note_end(karpenter, id, UNHEALTHY, now);
            self.delete_claim(karpenter, id, UNHEALTHY, now);
        }
    }

    /// Drains a node; once that is done its machine ends.
    pub(super) fn terminate_claim(
        &mut self,
        karpenter: &mut Karpenter,
        id: InstanceId,
        now: SimTime,
    ) {
        let Some(claim) = karpenter.claims.get(&id) else {
            return;
        };
        let Some((since, _)) = claim.deleting else {
            return;
        };
        let deadline = claim.grace.map(|grace| since + grace);
        let deadline = deadline.into_iter().chain(claim.forced).min();
        let Some(node) = self.node_of_claim(id) else {
            return;
        };
        let is_gone = self.cloud.instance(id).stage == Stage::Gone;
        if is_gone && !self.store.node(node).is_ready() {
            self.delete_node(node, now);
            return;
        }
        if let Some(end) = deadline {
            self.tell_of_expiry(karpenter, id, (end, true), now);
        }
        self.taint_disrupted(id, true, now);
        let waits = self.drain_for_karpenter(karpenter, node, deadline, now);
        if waits > 0 {
            self.tell_of_drain(karpenter, node, waits, now);
        }
        if waits > 0 || now - since < LEAST_DRAIN {
            self.karpenter_at(now + POLL, Event::Terminate(id));
        } else if is_gone {
            // Its finalizer goes.
            self.delete_node(node, now);
        } else {
            self.delete_instance(id);
            self.karpenter_at(now + INSTANCE_POLL, Event::Terminate(id));
        }
    }

    /// Evicts those pods of a node whose turn it is; answers how many it waits for.
    fn drain_for_karpenter(
        &mut self,
        karpenter: &mut Karpenter,
        node: NodeId,
        deadline: Option<SimTime>,
        now: SimTime,
    ) -> usize {
        // Whose grace is longer than the node has goes with it.
        let is_over = deadline.is_some_and(|end| now >= end);
        let pods = self.pods_on(node).into_iter();
        let pods: Vec<(PodId, &Pod)> = pods
            .filter_map(|id| Some((id, self.store.pod(id)?)))
            .filter(|(_, pod)| !pod.has_ended() && is_drained(pod, now))
            .filter(|(_, pod)| !(is_over && pod.is_deleting()))
            .collect();
        let waits = pods.len();
        let is_due = |pod: &Pod| {
            let ends = |end: SimTime| match pod.meta.deletion {
                Some(deleted) => deleted > end,
                None => now > end - pod.template.termination_grace,
            };
            deadline.is_some_and(ends)
        };
        // Those that have longer to end than the node has are deleted once more.
        let forced: Vec<PodId> = pods
            .iter()
            .filter(|(_, pod)| is_due(pod))
            .map(|(id, _)| *id)
            .collect();
        let graceful = pods.iter().filter(|(_, pod)| !is_due(pod));
        let first = graceful.clone().map(|(_, pod)| tier(pod)).min();
        let turn: Vec<PodId> = graceful
            .filter(|(_, pod)| Some(tier(pod)) == first && pod.is_active())
            .map(|(id, _)| *id)
            .collect();
        for id in forced {
            let end = deadline.unwrap_or(now);
            let left = (end - now).0.div_euclid(1_000_000_000).max(1);
            karpenter.evicting.remove(&id);
            self.tell_of_forced_deletion(karpenter, id, (left, end), now);
            self.delete_pod(id, Some(left), now);
        }
        for id in turn {
            if let Entry::Vacant(entry) = karpenter.evicting.entry(id) {
                entry.insert(0);
                self.evict_for_karpenter(karpenter, id, now);
            }
        }
        waits
    }

    /// Asks for an eviction, again and again.
    pub(super) fn evict_for_karpenter(
        &mut self,
        karpenter: &mut Karpenter,
        id: PodId,
        now: SimTime,
    ) {
        let Some(refused) = karpenter.evicting.get(&id).copied() else {
            return;
        };
        let Some(pod) = self.store.pod(id).filter(|pod| pod.is_active()) else {
            karpenter.evicting.remove(&id);
            return;
        };
        let granted = if is_protected(pod, now) {
            false
        } else {
            match self.call_eviction(id, now) {
                Ok(()) => true,
                Err(EvictionError::NotFound) => {
                    karpenter.evicting.remove(&id);
                    return;
                }
                Err(_) => {
                    self.note_refusal(id, now);
                    self.tell_of_budget(karpenter, id, now);
                    false
                }
            }
        };
        if granted {
            karpenter.evicting.remove(&id);
            self.tell_of_eviction(karpenter, id);
            return;
        }
        karpenter.evicting.insert(id, refused.saturating_add(1));
        let wait = BACK_OFF.0 * (1_i64 << refused.min(10));
        self.karpenter_at(now + wait.min(BACK_OFF.1), Event::Evict(id));
    }
}
