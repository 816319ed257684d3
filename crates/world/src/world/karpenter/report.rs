//! What Karpenter leaves in the recording: events in its words, and decisions with their reasons.

use std::collections::BTreeMap;

use super::Karpenter;
use super::disrupt::Proposed;
use super::launch::Wanted;
use crate::api::{NodeId, ObjectId, PodId};
use crate::autoscaler::karpenter::schedule::PodError;
use crate::cloud::InstanceId;
use crate::record::{EventRecord, NodeAction, NodeDecision};
use crate::sim::{SimDuration, SimTime};
use crate::world::Simulation;

/// Why a node goes whose time is over.
pub(super) const EXPIRED: &str = "Expired";
/// Why a node goes that has drifted.
pub(super) const DRIFTED: &str = "Drifted";
/// Why a node goes of which a static NodePool has too many.
pub(super) const OVERPROVISIONED: &str = "overprovisioned";
/// Why a node goes whose NodePool is deleted.
pub(super) const WITHOUT_POOL: &str = "its NodePool is deleted";
/// Why a node goes that somebody deletes, or its NodeClaim.
pub(super) const DELETED: &str = "it was deleted";
/// Why a node goes that the provider takes back.
pub(super) const INTERRUPTED: &str = "SpotInterrupted";
/// Why a node goes whose machine the provider finds broken.
pub(super) const UNHEALTHY: &str = "InstanceUnhealthy";
/// What is said of an interruption, by its reason.
pub(super) const SPOT_INTERRUPTED: (&str, &str) =
    (INTERRUPTED, "Spot interruption warning was triggered");
pub(super) const INSTANCE_UNHEALTHY: (&str, &str) = (
    UNHEALTHY,
    "An unhealthy warning was triggered for the instance",
);
/// Why pods of a node go that no command disrupts.
const FORCEFUL: &str = "Forceful Termination";
/// The same event of an object is told once in this time.
pub(super) const DEDUPE: SimDuration = SimDuration::from_secs(120);
/// The same for pods that no NodePool can help.
const DEDUPE_FAILED: SimDuration = SimDuration::from_secs(300);
/// Events about nominations: so many a second, and so many at once.
const NOMINATIONS: (f64, f64) = (5.0, 10.0);

/// From so many entries on those that are over are forgotten.
const MOST_KEPT: usize = 10_000;

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// By reason and object: when it may be told again.
    again: BTreeMap<(&'static str, u64), SimTime>,
    /// From so many entries on those that are over are forgotten the next time.
    sweep_at: usize,
    /// Events about nominations that may be told, and since when.
    tokens: Option<(f64, SimTime)>,
    /// Pods that no NodePool could help, by the reasons.
    pub(super) refused: BTreeMap<String, usize>,
}

impl Told {
    /// Whether an event is to be told now.
    pub(super) fn is_new(
        &mut self,
        reason: &'static str,
        uid: u64,
        after: SimDuration,
        now: SimTime,
    ) -> bool {
        if self.again.len() >= self.sweep_at.max(MOST_KEPT) {
            self.again.retain(|_, again| *again > now);
            self.sweep_at = 2 * self.again.len();
        }
        let again = self.again.entry((reason, uid)).or_insert(SimTime::ZERO);
        let is_new = *again <= now;
        if is_new {
            *again = now + after;
        }
        is_new
    }

    fn takes_nomination(&mut self, now: SimTime) -> bool {
        let (rate, most) = NOMINATIONS;
        let (left, since) = self.tokens.unwrap_or((most, now));
        let left = (left + (now - since).as_secs_f64() * rate).min(most);
        let is_there = left >= 1.0;
        self.tokens = Some((if is_there { left - 1.0 } else { left }, now));
        is_there
    }
}

/// Dollars an hour, as price lists have them.
fn an_hour(price: f64) -> String {
    format!("${price:.3}/h")
}

impl Simulation<'_> {
    /// Keeps a decision.
    pub(super) fn note_decision(&mut self, decision: NodeDecision) {
        if let Some(record) = &mut self.recorder.recording.node_autoscaler {
            record.decisions.push(decision);
        }
    }

    fn decision(&self, id: InstanceId, action: NodeAction, now: SimTime) -> NodeDecision {
        let instance = self.cloud.instance(id);
        NodeDecision {
            time: now,
            action,
            group: self.cloud.spec(instance.group).name.clone(),
            node: instance.name.clone(),
            size: None,
            pods: 0,
            reason: String::new(),
        }
    }

    /// The machines of a NodePool that do not go.
    fn pool_size(karpenter: &Karpenter, pool: usize) -> i64 {
        let own = karpenter.claims.values();
        own.filter(|claim| claim.pool == pool && !claim.is_going())
            .count() as i64
    }

    /// The machine that an instance is, as sentences have it.
    fn machine_of(&self, id: InstanceId) -> String {
        let group = self.cloud.spec(self.cloud.instance(id).group);
        format!(
            "{} {} in {} at {}",
            if group.spot { "spot" } else { "on-demand" },
            group.instance_type.as_deref().unwrap_or_default(),
            group.zone,
            an_hour(group.price_per_hour.0)
        )
    }

    pub(super) fn note_launch(
        &mut self,
        karpenter: &Karpenter,
        id: InstanceId,
        wanted: &Wanted,
        now: SimTime,
    ) {
        let size = Self::pool_size(karpenter, wanted.pool);
        let among = match wanted.types.len() {
            1 => "the only type that fits".to_owned(),
            types => format!("the cheapest of {types} types that fit"),
        };
        let machine = self.machine_of(id);
        self.note_decision(NodeDecision {
            size: Some((size - 1, size)),
            pods: wanted.pods,
            reason: format!("pods waited; {machine}, {among}"),
            ..self.decision(id, NodeAction::ScaleUp, now)
        });
    }

    /// A machine of a static NodePool.
    pub(super) fn note_static(
        &mut self,
        karpenter: &Karpenter,
        id: InstanceId,
        pool: usize,
        now: SimTime,
    ) {
        let size = Self::pool_size(karpenter, pool);
        let replicas = karpenter.spec.pools[pool].replicas.unwrap_or_default();
        let machine = self.machine_of(id);
        self.note_decision(NodeDecision {
            size: Some((size - 1, size)),
            reason: format!("the NodePool is to have {replicas}; {machine}"),
            ..self.decision(id, NodeAction::ScaleUp, now)
        });
    }

    pub(super) fn note_replacement(
        &mut self,
        karpenter: &Karpenter,
        id: InstanceId,
        (wanted, reason): (&Wanted, &str),
        now: SimTime,
    ) {
        let size = Self::pool_size(karpenter, wanted.pool);
        let machine = self.machine_of(id);
        let what = match reason {
            DRIFTED => "a node that has drifted",
            _ => "dearer nodes",
        };
        self.note_decision(NodeDecision {
            size: Some((size - 1, size)),
            pods: wanted.pods,
            reason: format!("replaces {what}; {machine}"),
            ..self.decision(id, NodeAction::ScaleUp, now)
        });
    }

    pub(super) fn note_disruption(
        &mut self,
        karpenter: &Karpenter,
        proposed: &Proposed,
        (nodes, replacements): (&[InstanceId], &[InstanceId]),
        (reason, now): (&'static str, SimTime),
    ) {
        let with = match replacements {
            [] => String::new(),
            [one, ..] => format!(", {} replaces it", self.cloud.instance(*one).name),
        };
        let together = match nodes.len() {
            1 => String::new(),
            nodes => format!(" together with {} more", nodes - 1),
        };
        let saved = an_hour(proposed.savings);
        for (gone, id) in nodes.iter().enumerate() {
            let Some(claim) = karpenter.claims.get(id) else {
                continue;
            };
            let size = Self::pool_size(karpenter, claim.pool) - gone as i64;
            self.note_decision(NodeDecision {
                size: Some((size, size - 1)),
                pods: self.pods_that_leave(*id),
                reason: match claim.drifted {
                    Some((_, why)) if reason == DRIFTED => format!("{reason} ({why}){with}"),
                    _ => format!("{reason}{together}{with}; saves {saved}"),
                },
                ..self.decision(*id, NodeAction::ScaleDown, now)
            });
        }
    }

    /// A node goes without a command.
    pub(super) fn note_end(
        &mut self,
        karpenter: &Karpenter,
        id: InstanceId,
        reason: &'static str,
        now: SimTime,
    ) {
        let Some(claim) = karpenter.claims.get(&id) else {
            return;
        };
        let size = Self::pool_size(karpenter, claim.pool);
        self.note_decision(NodeDecision {
            size: Some((size, size - 1)),
            pods: self.pods_that_leave(id),
            reason: reason.to_owned(),
            ..self.decision(id, NodeAction::ScaleDown, now)
        });
    }

    /// Pods of a node that have to move when it goes.
    pub(in crate::world) fn pods_that_leave(&self, id: InstanceId) -> usize {
        let node = self.node_of_claim(id);
        let pods = node.map(|node| self.pods_on(node)).unwrap_or_default();
        let pods = pods.iter().filter_map(|pod| self.store.pod(*pod));
        pods.filter(|pod| pod.is_active() && !super::is_of_daemon_set(pod))
            .count()
    }

    pub(super) fn tell_of_nomination(
        &mut self,
        karpenter: &mut Karpenter,
        pod: PodId,
        target: &str,
        now: SimTime,
    ) {
        let Some(uid) = self.store.pod(pod).map(|pod| pod.meta.uid.0) else {
            return;
        };
        let told = &mut karpenter.told;
        if told.is_new("Nominated", uid, DEDUPE, now) && told.takes_nomination(now) {
            self.events.normal(ObjectId::Pod(pod), "Nominated", || {
                format!("Pod should schedule on: {target}")
            });
        }
    }

    pub(super) fn tell_of_failure(
        &mut self,
        karpenter: &mut Karpenter,
        pod: PodId,
        error: PodError,
        now: SimTime,
    ) {
        let Some(uid) = self.store.pod(pod).map(|pod| pod.meta.uid.0) else {
            return;
        };
        if karpenter
            .told
            .is_new("FailedScheduling", uid, DEDUPE_FAILED, now)
        {
            self.events
                .warning(ObjectId::Pod(pod), "FailedScheduling", || {
                    format!("Failed to schedule pod, {error}")
                });
        }
    }

    /// An event of a NodeClaim, which is no object here.
    pub(super) fn tell_of_claim(
        &mut self,
        id: InstanceId,
        (kind, reason): (&'static str, &str),
        message: String,
        now: SimTime,
    ) {
        let name = &self.cloud.instance(id).name;
        let object = format!("NodeClaim/{name}");
        self.recorder.event(|| EventRecord {
            time: now,
            kind,
            reason: reason.to_owned(),
            object,
            message,
            ..EventRecord::default()
        });
    }

    /// The provider has given notice of an instance, or says that it is broken: it will go.
    pub(super) fn tell_of_interruption(
        &mut self,
        id: InstanceId,
        (reason, words): (&'static str, &str),
        now: SimTime,
    ) {
        const TERMINATING: &str = "TerminatingOnInterruption";
        let terminating = |what: &str| format!("Interruption triggered termination for the {what}");
        if let Some(node) = self.node_of_claim(id) {
            let object = ObjectId::Node(node);
            self.events.warning(object, reason, || words.to_owned());
            self.events
                .warning(object, TERMINATING, || terminating("Node"));
        }
        self.tell_of_claim(id, ("Warning", reason), words.to_owned(), now);
        let message = terminating("NodeClaim");
        self.tell_of_claim(id, ("Warning", TERMINATING), message, now);
    }

    /// The provider recommends to leave an instance.
    pub(super) fn tell_of_rebalance(&mut self, id: InstanceId, now: SimTime) {
        const REASON: &str = "SpotRebalanceRecommendation";
        const WORDS: &str = "Spot rebalance recommendation was triggered";
        if let Some(node) = self.node_of_claim(id) {
            self.events
                .normal(ObjectId::Node(node), REASON, || WORDS.to_owned());
        }
        self.tell_of_claim(id, ("Normal", REASON), WORDS.to_owned(), now);
    }

    pub(super) fn tell_of_replacement(
        &mut self,
        karpenter: &mut Karpenter,
        id: InstanceId,
        reason: &'static str,
        now: SimTime,
    ) {
        let number = u64::from(id.0);
        if karpenter
            .told
            .is_new("DisruptionLaunching", number, DEDUPE, now)
        {
            let message = format!("Launching NodeClaim: {reason}");
            self.tell_of_claim(id, ("Normal", "DisruptionLaunching"), message, now);
        }
        if karpenter
            .told
            .is_new("DisruptionWaitingReadiness", number, DEDUPE, now)
        {
            let message = "Waiting on readiness to continue disruption".to_owned();
            self.tell_of_claim(id, ("Normal", "DisruptionWaitingReadiness"), message, now);
        }
    }

    pub(super) fn tell_of_disruption(&mut self, id: InstanceId, reason: &str, now: SimTime) {
        const TERMINATING: &str = "DisruptionTerminating";
        if let Some(node) = self.node_of_claim(id) {
            self.events.normal(ObjectId::Node(node), TERMINATING, || {
                format!("Disrupting Node: {reason}")
            });
        }
        let message = format!("Disrupting NodeClaim: {reason}");
        self.tell_of_claim(id, ("Normal", TERMINATING), message, now);
    }

    pub(super) fn tell_of_drain(
        &mut self,
        karpenter: &mut Karpenter,
        node: NodeId,
        waits: usize,
        now: SimTime,
    ) {
        self.tell_of_failed_drain(karpenter, node, now, || {
            format!("{waits} pods are waiting to be evicted")
        });
    }

    pub(super) fn tell_of_budget(&mut self, karpenter: &mut Karpenter, pod: PodId, now: SimTime) {
        let Some(pod) = self.store.pod(pod) else {
            return;
        };
        let name = format!("{}/{}", pod.meta.namespace, pod.name());
        if let Some(node) = pod.node {
            self.tell_of_failed_drain(karpenter, node, now, || {
                format!("evicting pod violates a PDB (Pod={name})")
            });
        }
    }

    fn tell_of_failed_drain(
        &mut self,
        karpenter: &mut Karpenter,
        node: NodeId,
        now: SimTime,
        why: impl FnOnce() -> String,
    ) {
        let Some(uid) = self.store.find_node(node).map(|node| node.meta.uid.0) else {
            return;
        };
        if karpenter.told.is_new("FailedDraining", uid, DEDUPE, now) {
            self.events
                .warning(ObjectId::Node(node), "FailedDraining", || {
                    format!("Failed to drain node, {}", why())
                });
        }
    }

    pub(super) fn tell_of_eviction(&mut self, karpenter: &Karpenter, pod: PodId) {
        let node = self.store.pod(pod).and_then(|pod| pod.node);
        let machine = node.and_then(|node| self.machine(node));
        let claim = machine.and_then(|machine| karpenter.claims.get(&machine.instance));
        let reason = claim.and_then(|claim| claim.marked).unwrap_or(FORCEFUL);
        self.events.normal(ObjectId::Pod(pod), "Evicted", || {
            format!("Evicted pod: {reason}")
        });
    }
}
