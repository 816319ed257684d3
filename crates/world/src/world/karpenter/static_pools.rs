//! Static NodePools: so many nodes, whatever pods there are.
//!
//! Upstream: `pkg/controllers/static/{provisioning,deprovisioning}`, behind the feature gate StaticCapacity. Of
//! empty nodes upstream takes any; here the oldest go first.

use std::sync::Arc;

use super::launch::Wanted;
use super::report::OVERPROVISIONED;
use super::view::is_protected;
use super::{Event, Karpenter};
use crate::autoscaler::karpenter::NODES;
use crate::autoscaler::karpenter::schedule::NodeClaim;
use crate::cloud::{InstanceId, Stage};
use crate::sim::{SimDuration, SimTime};
use crate::world::Simulation;

/// Until it is tried again to make nodes that could not be made.
const AGAIN: SimDuration = SimDuration::from_secs(60);

impl Simulation<'_> {
    /// Makes what a static NodePool lacks, or deletes what it has too many of.
    pub(super) fn reconcile_static(
        &mut self,
        karpenter: &mut Karpenter,
        pool: usize,
        now: SimTime,
    ) {
        const UNIT: i128 = 1_000_000_000;
        let spec = Arc::clone(&karpenter.spec);
        let Some(replicas) = spec.pools[pool].replicas else {
            return;
        };
        if !spec.config.static_capacity || spec.types[pool].is_empty() {
            return;
        }
        let own = || karpenter.claims.values().filter(|claim| claim.pool == pool);
        let there = own().count() as i64;
        let running = own().filter(|claim| !claim.is_going()).count() as i64;
        let awaiting = own().filter(|claim| claim.awaits_replacement()).count() as i64;
        if running > replicas {
            for id in self.least_needed(karpenter, pool, running - replicas, now) {
                self.note_end(karpenter, id, OVERPROVISIONED, now);
                self.delete_claim(karpenter, id, OVERPROVISIONED, now);
            }
            return;
        }
        if running + awaiting >= replicas {
            return;
        }
        let limit = spec.pools[pool].limits.stated(NODES);
        let limit = limit.map_or(i64::MAX, |limit| (limit / UNIT) as i64);
        let count = (replicas - running).min(limit.saturating_sub(there));
        let mut made = 0;
        let view = self.karpenter_view(karpenter, now);
        let claim = NodeClaim::of_static_pool(&view.cluster(&spec), pool);
        if let Some(wanted) = claim.map(|claim| Wanted::of(&claim, &spec)) {
            for _ in 0..count {
                let Some(id) = self.launch_claim(karpenter, &wanted, now) else {
                    break;
                };
                self.note_static(karpenter, id, pool, now);
                made += 1;
            }
        }
        if made < replicas - running {
            self.karpenter_at(now + AGAIN, Event::Static(pool as u32));
        }
    }

    /// The nodes of a NodePool that are missed least: those that have not been launched, those without
    /// pods, then those whose pods are easiest to move.
    fn least_needed(
        &self,
        karpenter: &Karpenter,
        pool: usize,
        count: i64,
        now: SimTime,
    ) -> Vec<InstanceId> {
        let view = self.karpenter_view(karpenter, now);
        let mut order: Vec<(bool, bool, bool, f64, InstanceId)> = Vec::new();
        let claims = karpenter.claims.iter();
        for (id, claim) in claims.filter(|(_, one)| one.pool == pool && !one.is_going()) {
            let is_launched = self.cloud.instance(*id).stage != Stage::Creating;
            let node = view.place(*id).map(|place| &view.nodes[place]);
            let pods = node.map_or(&[][..], |node| &node.pods);
            let on_node = self.node_of_claim(*id);
            let on_node = on_node.map_or_else(Vec::new, |node| self.pods_on(node));
            let mut on_node = on_node.iter().filter_map(|pod| self.store.pod(*pod));
            let holds = on_node.any(|pod| is_protected(pod, now));
            let cost: f64 = pods
                .iter()
                .map(crate::autoscaler::karpenter::Pod::eviction_cost)
                .sum();
            let lifetime = karpenter.spec.pools[pool].expire_after;
            let remaining = lifetime.map_or(1.0, |all| {
                let left = all.as_secs_f64() - (now - claim.created).as_secs_f64();
                (left / all.as_secs_f64()).clamp(0.0, 1.0)
            });
            order.push((is_launched, !pods.is_empty(), holds, cost * remaining, *id));
        }
        order.sort_by(|a, b| {
            let first = (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2));
            first.then(a.3.total_cmp(&b.3)).then(a.4.cmp(&b.4))
        });
        let most = usize::try_from(count).unwrap_or(0);
        order.into_iter().take(most).map(|one| one.4).collect()
    }
}
