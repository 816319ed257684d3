//! Batches of pods that wait: where they will be scheduled, and the machines that are made for them.

use std::sync::Arc;

use super::claims::{Claim, MadeFor};
use super::drift::made_of;
use super::view::View;
use super::{Event, Karpenter};
use crate::autoscaler::karpenter::instance_type::launch;
use crate::autoscaler::karpenter::schedule::{NodeClaim, Options, schedule};
use crate::autoscaler::karpenter::{Pod, Requirements};
use crate::cloud::InstanceId;
use crate::record::{NodeAction, NodeDecision};
use crate::scenario::model::KarpenterSpec;
use crate::sim::{SimDuration, SimTime};
use crate::world::Simulation;

/// Twice the longest batch, and this at least: so long a node is thought to get pods.
const NOMINATED_AT_LEAST: SimDuration = SimDuration::from_secs(10);

/// A machine to be asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Place of its NodePool.
    pub(super) pool: usize,
    /// What its labels may be.
    pub(super) requirements: Requirements,
    /// The instance types that it may be, by name.
    pub(super) types: Vec<String>,
    /// How many pods it is for.
    pub(super) pods: usize,
    /// What it is made for: what pods request, and what it states of its labels.
    pub(super) made_for: MadeFor,
}

impl Wanted {
    pub(super) fn of(claim: &NodeClaim<'_>, spec: &KarpenterSpec) -> Self {
        let is_static = spec.pools[claim.pool].replicas.is_some();
        Self {
            made_for: MadeFor {
                requests: claim.requests.clone(),
                requirements: claim.stated(is_static),
            },
            pool: claim.pool,
            requirements: claim.requirements.clone(),
            types: claim.types.iter().map(|kind| kind.name.clone()).collect(),
            pods: claim.pods.len(),
        }
    }
}

impl Simulation<'_> {
    /// A batch is over.
    pub(super) fn end_batch(&mut self, karpenter: &mut Karpenter, now: SimTime) {
        if karpenter.batch.take().is_none() {
            return;
        }
        let spec = Arc::clone(&karpenter.spec);
        let view = self.karpenter_view(karpenter, now);
        let pods: Vec<&Pod> = view.pending.iter().chain(&view.leaving).collect();
        if pods.is_empty() {
            return;
        }
        let results = schedule(view.cluster(&spec), &pods, &Options::default());
        for (pod, node) in &results.placed {
            Self::nominate(karpenter, view.instances[*node], now);
            let name = &view.nodes[*node].name;
            let is_claim = view.nodes[*node].pool.is_some();
            let target = match (is_claim, view.nodes[*node].initialized) {
                (true, Some(_)) => format!("nodeclaim/{name}, node/{name}"),
                (true, None) => format!("nodeclaim/{name}"),
                (false, _) => format!("node/{name}"),
            };
            self.tell_of_nomination(karpenter, view.objects[*pod], &target, now);
        }
        for (pod, error) in &results.errors {
            self.tell_of_failure(karpenter, view.objects[*pod], *error, now);
        }
        self.note_refusals(karpenter, &view, &results, now);
        for claim in &results.claims {
            let wanted = Wanted::of(claim, &spec);
            let Some(id) = self.launch_claim(karpenter, &wanted, now) else {
                continue;
            };
            let name = self.cloud.instance(id).name.clone();
            for pod in &claim.pods {
                let target = format!("nodeclaim/{name}");
                self.tell_of_nomination(karpenter, view.objects[*pod], &target, now);
            }
            self.note_launch(karpenter, id, &wanted, now);
        }
    }

    /// What no NodePool could help, where it is not what was told last.
    fn note_refusals(
        &mut self,
        karpenter: &mut Karpenter,
        view: &View,
        results: &crate::autoscaler::karpenter::schedule::Results<'_>,
        now: SimTime,
    ) {
        let mut refused = std::collections::BTreeMap::new();
        let waiting = results
            .errors
            .iter()
            .filter(|(pod, _)| **pod < view.pending.len());
        for (_, error) in waiting {
            *refused.entry(error.to_string()).or_insert(0_usize) += 1;
        }
        for (reason, pods) in &refused {
            if karpenter.told.refused.get(reason) != Some(pods) {
                self.note_decision(NodeDecision {
                    time: now,
                    action: NodeAction::NoScaleUp,
                    group: String::new(),
                    node: String::new(),
                    size: None,
                    pods: *pods,
                    reason: reason.clone(),
                });
            }
        }
        karpenter.told.refused = refused;
    }

    /// A pod is on its way to a node.
    pub(super) fn nominate(karpenter: &mut Karpenter, id: InstanceId, now: SimTime) {
        let most = karpenter.spec.config.batch_most;
        if let Some(claim) = karpenter.claims.get_mut(&id) {
            claim.nominated_until = now + (most + most).max(NOMINATED_AT_LEAST);
        }
    }

    /// Asks the cloud for a machine: the cheapest that it may be.
    pub(super) fn launch_claim(
        &mut self,
        karpenter: &mut Karpenter,
        wanted: &Wanted,
        now: SimTime,
    ) -> Option<InstanceId> {
        let spec = Arc::clone(&karpenter.spec);
        let kinds = wanted.types.iter();
        let kinds: Vec<_> = kinds
            .filter_map(|name| {
                spec.types[wanted.pool]
                    .iter()
                    .find(|kind| kind.name == *name)
            })
            .collect();
        let made = launch(&kinds, &wanted.requirements)?;
        // Those of a NodePool as it is now come last.
        let place = spec.launches.iter().rposition(|one| {
            one.pool == wanted.pool
                && one.instance_type == made.kind.name
                && one.zone == made.offering.zone
                && one.spot == made.offering.spot
        })?;
        let group = spec.launches[place].group;
        self.request_nodes(group, 1).ok()?;
        let id = *self.cloud.of_group(group).last()?;
        let pool = &spec.pools[wanted.pool];
        let claim = Claim {
            made_for: Box::new(wanted.made_for.clone()),
            grace: pool.termination_grace_period,
            made_of: made_of(&spec, wanted.pool),
            drifted: None,
            forced: None,
            pool: wanted.pool,
            launch: place,
            created: now,
            initialized: None,
            last_pod_event: None,
            nominated_until: SimTime::ZERO,
            marked: None,
            deleting: None,
            next_look: SimTime::ZERO,
        };
        karpenter.claims.insert(id, claim);
        karpenter.changed = true;
        if let Some(after) = pool.expire_after {
            self.karpenter_at(now + after, Event::Expire(id));
        }
        Some(id)
    }
}
