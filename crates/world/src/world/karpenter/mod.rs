//! Karpenter in the cluster: batches of pending pods, passes of disruption, the life of its nodes.
//!
//! The core decides ([`schedule`](crate::autoscaler::karpenter::schedule),
//! [`disruption`](crate::autoscaler::karpenter::disruption)); here is when, and what becomes of it.
//! Upstream: `pkg/controllers` of kubernetes-sigs/karpenter.

mod claims;
mod disrupt;
mod drift;
mod findings;
mod launch;
mod objects;
mod pools;
mod report;
mod static_pools;
mod terminate;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexSet;

use super::{Event as WorldEvent, Simulation};
use crate::api::{NodeId, ObjectId, Pod, PodId, What};
use crate::autoscaler::karpenter::disruption::LOOP;
use crate::autoscaler::karpenter::schedule::Batch;
use crate::cloud::InstanceId;
use crate::record::NodeAutoscalerRecord;
use crate::scenario::Scenario;
use crate::scenario::model::KarpenterSpec;
use crate::sim::{SimDuration, SimTime};
use claims::Claim;

/// As long as pods wait or nodes go, they trigger another batch so often.
const AGAIN: SimDuration = SimDuration::from_secs(10);
/// Of the events of a pod of a node, one counts in this time.
const POD_EVENTS: SimDuration = SimDuration::from_secs(10);

/// What Karpenter waits for.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// A pod may wait still.
    Pod(PodId),
    /// A node that goes may still be there.
    Node(InstanceId),
    /// A batch is over, if it has not been extended.
    Batch(u32),
    /// A pass of disruption begins, if this is still the next.
    Pass(u32),
    /// What a pass has proposed is looked at again.
    Validate(u32),
    /// A command waits for nodes that replace others.
    Command(u32),
    /// A node is drained.
    Terminate(InstanceId),
    /// An eviction is asked for again.
    Evict(PodId),
    /// A node has been there for long enough.
    Expire(InstanceId),
    /// A static NodePool may have too few nodes, or too many.
    Static(u32),
    /// Offerings that could not be had may be had again.
    Offerings,
    /// The provider's checks of a machine may have failed for long enough.
    Broken(InstanceId),
}

/// What extends a batch: each counts once in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trigger {
    Pod(PodId),
    Node(InstanceId),
}

/// Karpenter.
#[derive(Debug)]
pub(super) struct Karpenter {
    /// NodePools, NodeClasses and what can be launched, as they are now.
    spec: Arc<KarpenterSpec>,
    /// Spot offerings that cannot be had until a time: type and zone.
    unavailable: Vec<(String, String, SimTime)>,
    /// The machines that it asked for and that are not gone.
    claims: BTreeMap<InstanceId, Claim>,
    batch: Option<(Batch, BTreeSet<Trigger>)>,
    /// The number of the last event about a batch.
    batch_number: u32,
    /// Pods that trigger batches from time to time.
    waiting: BTreeSet<PodId>,
    /// The number of the next pass.
    pass: u32,
    proposed: Option<disrupt::Proposed>,
    commands: BTreeMap<u32, disrupt::Running>,
    next_command: u32,
    /// Something has changed since the last pass.
    changed: bool,
    /// Without a change no pass finds anything until then.
    calm_until: SimTime,
    /// Evictions under way, with how often they were refused.
    evicting: BTreeMap<PodId, u32>,
    told: report::Told,
    /// What every pass finds as long as nothing changes.
    standing: IndexSet<findings::Finding>,
    /// When NodePools and EC2NodeClasses came that were not there at the start.
    born: objects::Born,
}

impl Karpenter {
    /// Karpenter, if the scenario has NodePools.
    pub(super) fn new(scenario: &Scenario) -> Option<Box<Self>> {
        let spec = scenario.karpenter.clone()?;
        Some(Box::new(Self {
            spec: Arc::new(spec),
            unavailable: Vec::new(),
            claims: BTreeMap::new(),
            batch: None,
            batch_number: 0,
            waiting: BTreeSet::new(),
            pass: 0,
            proposed: None,
            commands: BTreeMap::new(),
            next_command: 0,
            changed: true,
            calm_until: SimTime::ZERO,
            evicting: BTreeMap::new(),
            told: report::Told::default(),
            standing: IndexSet::new(),
            born: objects::Born::new(),
        }))
    }
}

/// A pod that Karpenter makes nodes for (`IsProvisionable`).
fn is_provisionable(pod: &Pod) -> bool {
    pod.unschedulable.is_some()
        && pod.node.is_none()
        && pod.nominated.is_none()
        && pod.is_active()
        && !is_of_daemon_set(pod)
}

fn is_of_daemon_set(pod: &Pod) -> bool {
    matches!(pod.meta.owner, Some(ObjectId::DaemonSet(_)))
}

impl Simulation<'_> {
    pub(super) fn start_karpenter(&mut self) {
        let Some(karpenter) = &mut self.karpenter else {
            return;
        };
        let number = karpenter.pass;
        let pools = karpenter.spec.pools.len() as u32;
        self.recorder.recording.node_autoscaler = Some(NodeAutoscalerRecord {
            name: "Karpenter",
            ..NodeAutoscalerRecord::default()
        });
        self.karpenter_at(SimTime::ZERO + LOOP, Event::Pass(number));
        for pool in 0..pools {
            self.karpenter_at(SimTime::ZERO, Event::Static(pool));
        }
    }

    fn karpenter_at(&mut self, at: SimTime, event: Event) {
        self.queue.schedule(at, WorldEvent::Karpenter(event));
    }

    pub(super) fn handle_karpenter(&mut self, event: Event, now: SimTime) {
        let Some(mut karpenter) = self.karpenter.take() else {
            return;
        };
        let own = &mut *karpenter;
        match event {
            Event::Pod(pod) => self.pod_waits(own, pod, now),
            Event::Node(node) => self.node_waits(own, node, now),
            Event::Batch(number) if own.batch_number == number => self.end_batch(own, now),
            Event::Pass(number) if own.pass == number => self.disruption_pass(own, 0, now),
            Event::Validate(number) if own.pass == number => self.validate_proposed(own, now),
            Event::Batch(_) | Event::Pass(_) | Event::Validate(_) => {}
            Event::Command(number) => self.advance_command(own, number, now),
            Event::Terminate(node) => self.terminate_claim(own, node, now),
            Event::Evict(pod) => self.evict_for_karpenter(own, pod, now),
            Event::Expire(node) => self.expire_claim(own, node, now),
            Event::Static(pool) => self.reconcile_static(own, pool as usize, now),
            Event::Offerings => Self::mark_offerings(own, now),
            Event::Broken(node) => self.break_claim(own, node, now),
        }
        self.karpenter = Some(karpenter);
    }

    /// A pod has changed.
    pub(super) fn tell_karpenter(&mut self, id: PodId, what: What, now: SimTime) {
        let Some(karpenter) = &mut self.karpenter else {
            return;
        };
        karpenter.changed = true;
        let Some(pod) = self.store.pod(id) else {
            return;
        };
        if is_provisionable(pod) && karpenter.waiting.insert(id) {
            self.karpenter_at(now, Event::Pod(id));
            return;
        }
        let moves = matches!(what, What::Scheduled | What::Deleting | What::Ended);
        if !moves || is_of_daemon_set(pod) {
            return;
        }
        let machine = pod.node.and_then(|node| self.machines.get(node.slot()));
        let machine = machine.filter(|machine| Some(machine.node) == pod.node);
        let claim = machine.and_then(|machine| karpenter.claims.get_mut(&machine.instance));
        if let Some(claim) = claim
            && claim
                .last_pod_event
                .is_none_or(|last| now - last >= POD_EVENTS)
        {
            claim.last_pod_event = Some(now);
        }
    }

    /// A node is Ready for the first time: pods can be there.
    pub(super) fn tell_karpenter_of_ready(&mut self, id: InstanceId, now: SimTime) {
        if let Some(karpenter) = &mut self.karpenter {
            karpenter.changed = true;
            if let Some(claim) = karpenter.claims.get_mut(&id) {
                claim.initialized.get_or_insert(now);
            }
        }
    }

    /// A node is gone.
    pub(super) fn tell_karpenter_of_end(&mut self, id: InstanceId) {
        if let Some(karpenter) = &mut self.karpenter {
            karpenter.changed = true;
            karpenter.claims.remove(&id);
        }
    }

    /// Whether the nodes of a group are Karpenter's.
    pub(super) fn is_karpenters(&self, group: usize) -> bool {
        let spec = self.scenario.karpenter.as_ref();
        spec.is_some_and(|spec| group >= spec.first_group)
    }

    /// Whether an instance is Karpenter's, which then lets it go because the provider takes it back.
    pub(super) fn karpenter_is_interrupted(&mut self, id: InstanceId, now: SimTime) -> bool {
        let Some(mut karpenter) = self.karpenter.take() else {
            return false;
        };
        let is_own = karpenter.claims.contains_key(&id);
        if is_own {
            self.tell_of_interruption(id, report::SPOT_INTERRUPTED, now);
            self.lose_offering(&mut karpenter, id, now);
            self.delete_claim(&mut karpenter, id, report::INTERRUPTED, now);
        }
        self.karpenter = Some(karpenter);
        is_own
    }

    /// Whether an instance is Karpenter's, which tells of a recommendation to leave it and waits for the
    /// notice.
    pub(super) fn karpenter_hears_of_rebalance(&mut self, id: InstanceId, now: SimTime) -> bool {
        let karpenter = self.karpenter.as_deref();
        let is_own = karpenter.is_some_and(|karpenter| karpenter.claims.contains_key(&id));
        if is_own {
            self.tell_of_rebalance(id, now);
        }
        is_own
    }

    /// `kubectl delete` of a NodeClaim, or of a node, whose finalizer it has: whether there is one of
    /// that name.
    pub(super) fn delete_node_claim(&mut self, name: &str, now: SimTime) -> bool {
        let Some(mut karpenter) = self.karpenter.take() else {
            return false;
        };
        let mut ids = karpenter.claims.keys();
        let id = ids
            .find(|id| self.cloud.instance(**id).name == name)
            .copied();
        if let Some(id) = id {
            self.note_end(&karpenter, id, report::DELETED, now);
            self.delete_claim(&mut karpenter, id, report::DELETED, now);
        }
        self.karpenter = Some(karpenter);
        id.is_some()
    }

    fn pod_waits(&mut self, karpenter: &mut Karpenter, id: PodId, now: SimTime) {
        if self.store.pod(id).is_some_and(is_provisionable) {
            self.trigger(karpenter, Trigger::Pod(id), now);
            self.karpenter_at(now + AGAIN, Event::Pod(id));
        } else {
            karpenter.waiting.remove(&id);
        }
    }

    fn node_waits(&mut self, karpenter: &mut Karpenter, id: InstanceId, now: SimTime) {
        let is_there = self.node_of_claim(id).is_some();
        let claim = karpenter.claims.get_mut(&id);
        let Some(claim) = claim.filter(|claim| claim.is_going() && is_there) else {
            return;
        };
        // What marks it once more adds no second turn.
        if claim.next_look <= now {
            claim.next_look = now + AGAIN;
            self.karpenter_at(now + AGAIN, Event::Node(id));
        }
        self.trigger(karpenter, Trigger::Node(id), now);
    }

    /// The node of an instance, as long as it is there.
    fn node_of_claim(&self, id: InstanceId) -> Option<NodeId> {
        let node = self.cloud.instance(id).node?;
        self.store.find_node(node).map(|_| node)
    }

    /// Begins a batch, or extends it.
    fn trigger(&mut self, karpenter: &mut Karpenter, trigger: Trigger, now: SimTime) {
        let config = karpenter.spec.config;
        let batch = if let Some((batch, triggers)) = &mut karpenter.batch {
            if !triggers.insert(trigger) {
                return;
            }
            batch.push(now);
            *batch
        } else {
            let batch = Batch::begin(now, config.batch_idle, config.batch_most);
            karpenter.batch = Some((batch, BTreeSet::from([trigger])));
            batch
        };
        karpenter.batch_number = karpenter.batch_number.wrapping_add(1);
        self.karpenter_at(batch.due(), Event::Batch(karpenter.batch_number));
    }
}
