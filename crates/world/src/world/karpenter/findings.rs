//! Events about what a pass finds out of nodes, NodeClaims, NodePools and pods, and those of the end of a
//! node's time.
//!
//! Upstream: `pkg/controllers/disruption/events`, `pkg/controllers/node/termination/terminator/events`,
//! `pkg/utils/pod/events.go`. What every pass finds again is told again, as often as its dedupe time lets it, in
//! passes too that do not look as nothing has changed.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use super::Karpenter;
use super::disrupt::Proposed;
use super::report::DEDUPE;
use super::view::{Block, DO_NOT_DISRUPT, View};
use crate::api::{ObjectId, PodId};
use crate::autoscaler::karpenter::disruption::{Note, Rejected, command_text};
use crate::autoscaler::karpenter::schedule::Cluster;
use crate::cloud::InstanceId;
use crate::record::EventRecord;
use crate::sim::{SimDuration, SimTime};
use crate::world::Simulation;

const BLOCKED: &str = "DisruptionBlocked";
const EXPIRING: &str = "TerminationGracePeriodExpiring";
const UNCONSOLIDATABLE: &str = "Unconsolidatable";
/// That a node stays is told so often.
const DEDUPE_UNCONSOLIDATABLE: SimDuration = SimDuration::from_secs(900);
/// That budgets allow nothing is told so often.
const DEDUPE_POOL: SimDuration = SimDuration::from_secs(60);

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum About {
    /// A machine: its node and its NodeClaim.
    Claim(InstanceId),
    /// A NodePool.
    Pool(String),
    /// A pod.
    Pod(PodId),
}

/// An event that its dedupe time may hold back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Finding {
    about: About,
    kind: &'static str,
    reason: &'static str,
    message: String,
    /// What tells it from others of its reason about the same object.
    part: u64,
    again: SimDuration,
}

impl Finding {
    fn of(about: About, reason: &'static str, message: String) -> Self {
        Self {
            about,
            kind: "Normal",
            reason,
            message,
            part: 0,
            again: DEDUPE,
        }
    }
}

fn hash_of(thing: impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    thing.hash(&mut hasher);
    hasher.finish()
}

impl Simulation<'_> {
    /// Tells what is to be told now.
    fn publish(&mut self, karpenter: &mut Karpenter, finding: &Finding, now: SimTime) {
        let Finding {
            about,
            kind,
            reason,
            message,
            part,
            again,
        } = finding;
        let told = &mut karpenter.told;
        let mut is_new = |what: &str, id: u64| {
            let key = hash_of((what, id, part));
            told.is_new(reason, key, *again, now)
        };
        let object = match about {
            About::Claim(id) => {
                let node = self.node_of_claim(*id);
                if let Some(node) = node
                    && is_new("node", self.store.node(node).meta.uid.0)
                {
                    self.tell(ObjectId::Node(node), kind, reason, message);
                }
                if !is_new("claim", id.0.into()) {
                    return;
                }
                format!("NodeClaim/{}", self.cloud.instance(*id).name)
            }
            About::Pool(name) => {
                if !is_new("pool", hash_of(name)) {
                    return;
                }
                format!("NodePool/{name}")
            }
            About::Pod(id) => {
                let uid = self.store.pod(*id).map(|pod| pod.meta.uid.0);
                if uid.is_some_and(|uid| is_new("pod", uid)) {
                    self.tell(ObjectId::Pod(*id), kind, reason, message);
                }
                return;
            }
        };
        self.recorder.event(|| EventRecord {
            time: now,
            kind,
            reason: (*reason).to_owned(),
            object,
            message: message.clone(),
            ..EventRecord::default()
        });
    }

    fn tell(&mut self, object: ObjectId, kind: &str, reason: &'static str, message: &str) {
        if kind == "Warning" {
            self.events.warning(object, reason, || message.to_owned());
        } else {
            self.events.normal(object, reason, || message.to_owned());
        }
    }

    /// A pass without anything to look at: what was found in the last one still holds.
    pub(super) fn tell_again(&mut self, karpenter: &mut Karpenter, now: SimTime) {
        let standing = std::mem::take(&mut karpenter.standing);
        for finding in &standing {
            self.publish(karpenter, finding, now);
        }
        karpenter.standing = standing;
    }

    /// Nodes that nothing may disrupt now, and annotations of pods (`NewCandidate`).
    pub(super) fn tell_of_blocks(&mut self, karpenter: &mut Karpenter, view: &View, now: SimTime) {
        karpenter.standing.clear();
        if !self.recorder.keeps_events() {
            return;
        }
        for place in 0..view.nodes.len() {
            let message = self.why_blocked(karpenter, view, place);
            if let Some(message) = message {
                let about = About::Claim(view.instances[place]);
                let finding = Finding::of(about, BLOCKED, message);
                self.publish(karpenter, &finding, now);
                karpenter.standing.insert(finding);
            }
        }
        for (place, pod) in &view.annotated {
            let node = &view.nodes[*place];
            let is_looked_at =
                node.initialized.is_some() && !node.is_deleting && !node.is_nominated;
            if is_looked_at && let Some(finding) = self.of_annotation(*pod, now) {
                self.publish(karpenter, &finding, now);
            }
        }
    }

    /// Why a node is no candidate of any method.
    fn why_blocked(&self, karpenter: &Karpenter, view: &View, place: usize) -> Option<String> {
        let (node, id) = (&view.nodes[place], view.instances[place]);
        let claim = karpenter.claims.get(&id)?;
        if claim.awaits_replacement() {
            // A command has it.
            return None;
        }
        if self.node_of_claim(id).is_none() {
            let launched = self.cloud.instance(id).record.is_some();
            return launched.then(|| "Nodeclaim does not have an associated node".to_owned());
        }
        if node.initialized.is_none() {
            return Some("Node isn't initialized".to_owned());
        }
        if node.is_deleting {
            return Some("Node is deleting or marked for deletion".to_owned());
        }
        if node.is_nominated {
            return Some("Node is nominated for a pending pod".to_owned());
        }
        let named = |pod: PodId| {
            let pod = self.store.pod(pod)?;
            Some(format!("{}/{}", pod.meta.namespace, pod.name()))
        };
        Some(match view.blocks[place]? {
            Block::Annotation => {
                format!("Disruption is blocked through the \"{DO_NOT_DISRUPT}\" annotation")
            }
            Block::Pod(pod) => {
                let pod = named(pod)?;
                format!("Pod has \"{DO_NOT_DISRUPT}\" annotation (Pod={pod})")
            }
            Block::Budget(pod) => {
                let pod = self.store.pod(pod)?;
                let covers = |selection| {
                    let selection = self.store.selection(selection);
                    selection.namespace == pod.meta.namespace
                        && selection.selector.matches(&pod.meta.labels)
                };
                let budgets = self.store.pdbs().filter(|(_, pdb)| covers(pdb.selection));
                let budgets: Vec<String> = budgets
                    .map(|(_, pdb)| format!("{}/{}", pdb.meta.namespace, pdb.meta.name))
                    .collect();
                let all = budgets.join(" ");
                match budgets.len() {
                    0 | 1 => format!("Pdb prevents pod evictions (PodDisruptionBudget=[{all}])"),
                    _ => format!(
                        "Eviction does not support multiple PDBs (PodDisruptionBudget(s)=[{all}])"
                    ),
                }
            }
        })
    }

    /// What is said of a pod whose annotation is no plain `true` (`IsDoNotDisruptActive`).
    fn of_annotation(&self, id: PodId, now: SimTime) -> Option<Finding> {
        let pod = self.store.pod(id)?;
        let value = pod.meta.annotations.get(DO_NOT_DISRUPT)?;
        let finding = |reason, message| Finding::of(About::Pod(id), reason, message);
        let wrong = match value.parse::<SimDuration>() {
            Ok(length) if length > SimDuration::ZERO => {
                let ends = pod.start_time? + length;
                if now >= ends {
                    let message = "The karpenter.sh/do-not-disrupt grace period has elapsed, pod is now disruptable";
                    return Some(finding(
                        "DoNotDisruptGracePeriodElapsed",
                        message.to_owned(),
                    ));
                }
                let ends = self.clock().print(ends);
                let message =
                    format!("The karpenter.sh/do-not-disrupt grace period will elapse at {ends}");
                return Some(Finding {
                    part: hash_of(&ends),
                    ..finding("DoNotDisruptUntil", message)
                });
            }
            Ok(_) => format!("duration {value:?} must be positive"),
            Err(_) => {
                let why = if value.parse::<f64>().is_ok() {
                    "missing unit in"
                } else {
                    "invalid"
                };
                format!("failed to parse {value:?} as a duration: time: {why} duration {value:?}")
            }
        };
        let message =
            format!("Invalid karpenter.sh/do-not-disrupt annotation: {wrong}, ignoring annotation");
        Some(Finding {
            kind: "Warning",
            part: hash_of(&wrong),
            ..finding("InvalidDoNotDisruptAnnotation", message)
        })
    }

    /// What a method found out.
    pub(super) fn tell_of_findings(
        &mut self,
        karpenter: &mut Karpenter,
        (cluster, view): (Cluster<'_>, &View),
        notes: Vec<Note>,
        now: SimTime,
    ) {
        for note in notes {
            let of = |place: usize| About::Claim(view.instances[place]);
            match note {
                Note::Unconsolidatable(place, why, always) => {
                    let message = why.message(cluster, place);
                    let finding = Finding {
                        again: DEDUPE_UNCONSOLIDATABLE,
                        ..Finding::of(of(place), UNCONSOLIDATABLE, message)
                    };
                    self.publish(karpenter, &finding, now);
                    if always {
                        karpenter.standing.insert(finding);
                    }
                }
                Note::Blocked(place, stuck) => {
                    let finding = Finding::of(of(place), BLOCKED, stuck.message(cluster));
                    self.publish(karpenter, &finding, now);
                }
                Note::Candidate(places, savings) => {
                    for place in &places {
                        let command = command_text(&cluster.nodes[*place].name, places.len(), true);
                        let message =
                            format!("Consolidation candidate: {command} (savings: ${savings:.2})");
                        let finding = Finding {
                            part: hash_of(&command),
                            ..Finding::of(of(*place), "ConsolidationCandidate", message)
                        };
                        self.publish(karpenter, &finding, now);
                    }
                }
                Note::Approved(place, score) => {
                    let finding = Finding::of(of(place), "ConsolidationApproved", score.message());
                    self.publish(karpenter, &finding, now);
                }
                Note::PoolApproved(pool, score) => {
                    let about = About::Pool(cluster.pools[pool].name.clone());
                    let finding = Finding::of(about, "ConsolidationApproved", score.message());
                    self.publish(karpenter, &finding, now);
                }
                Note::PoolBlocked(pool, method) => {
                    let reason = super::disrupt::name(method.reason());
                    let message = format!(
                        "No allowed disruptions for disruption reason {reason} due to blocking budget"
                    );
                    let finding = Finding {
                        part: hash_of(reason),
                        again: DEDUPE_POOL,
                        ..Finding::of(
                            About::Pool(cluster.pools[pool].name.clone()),
                            BLOCKED,
                            message,
                        )
                    };
                    self.publish(karpenter, &finding, now);
                    karpenter.standing.insert(finding);
                }
            }
        }
    }

    /// What was proposed does not hold at the second look.
    pub(super) fn tell_of_rejection(
        &mut self,
        karpenter: &mut Karpenter,
        proposed: &Proposed,
        why: Rejected,
        now: SimTime,
    ) {
        let replaces = !proposed.replacements.is_empty();
        let why = why.name();
        for id in &proposed.nodes {
            let name = &self.cloud.instance(*id).name;
            let command = command_text(name, proposed.nodes.len(), replaces);
            let message = format!(
                "Consolidation rejected: {command}, reason: {why} (savings: ${:.2})",
                proposed.savings
            );
            let finding = Finding {
                part: hash_of((&command, why)),
                ..Finding::of(About::Claim(*id), "ConsolidationRejected", message)
            };
            self.publish(karpenter, &finding, now);
        }
    }

    /// A node's pods are deleted by a time: its NodeClaim says so when it is deleted, the node as long
    /// as it is drained.
    pub(super) fn tell_of_expiry(
        &mut self,
        karpenter: &mut Karpenter,
        id: InstanceId,
        (ends, of_node): (SimTime, bool),
        now: SimTime,
    ) {
        let message = || format!("All pods will be deleted by {}", self.clock().print(ends));
        if of_node {
            let node = self.node_of_claim(id);
            let uid = node.map(|node| self.store.node(node).meta.uid.0);
            if let (Some(node), Some(uid)) = (node, uid)
                && karpenter.told.is_new(EXPIRING, uid, DEDUPE, now)
            {
                let message = message();
                self.tell(ObjectId::Node(node), "Warning", EXPIRING, &message);
            }
        } else {
            let message = message();
            self.tell_of_claim(id, ("Warning", EXPIRING), message, now);
        }
    }

    /// A pod is deleted as its node's time is over.
    pub(super) fn tell_of_forced_deletion(
        &mut self,
        karpenter: &mut Karpenter,
        id: PodId,
        (granted, ends): (i64, SimTime),
        now: SimTime,
    ) {
        let Some(pod) = self.store.pod(id) else {
            return;
        };
        let own = pod.template.termination_grace.as_secs_f64();
        let ends = self.clock().print(ends).replace('T', " ");
        let ends = ends.trim_end_matches('Z');
        let message = format!(
            "Deleting the pod to accommodate the terminationTime {ends} +0000 UTC of the node. The pod was granted {granted} seconds of grace-period of its {own} terminationGracePeriodSeconds. This bypasses the PDB of the pod and the do-not-disrupt annotation."
        );
        let finding = Finding::of(About::Pod(id), "Disrupted", message);
        self.publish(karpenter, &finding, now);
    }
}
