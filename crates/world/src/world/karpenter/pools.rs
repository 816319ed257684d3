//! NodePools and NodeClasses that are created, changed and deleted while the cluster runs, and offerings that
//! cannot be had for a while.

use std::sync::Arc;

use super::report::WITHOUT_POOL;
use super::{Event, Karpenter};
use crate::autoscaler::karpenter::{NodeClass, NodePool};
use crate::cloud::InstanceId;
use crate::cluster::spec::NodeGroupSpec;
use crate::sim::{SimDuration, SimTime};
use crate::world::Simulation;

/// How long a spot offering cannot be had after an interruption (`UnavailableOfferingsTTL`).
const UNAVAILABLE: SimDuration = SimDuration::from_secs(180);

impl Simulation<'_> {
    /// A NodePool comes or changes.
    pub(in crate::world) fn put_node_pool(&mut self, pool: &NodePool, now: SimTime) {
        let Some(mut karpenter) = self.karpenter.take() else {
            return;
        };
        let is_new = !self.is_in_manifests("NodePool", &pool.name);
        if is_new {
            karpenter.born.insert(("NodePool", pool.name.clone()), now);
        }
        let groups = self.cloud.specs().count();
        let made = Arc::make_mut(&mut karpenter.spec).put_pool(pool.clone(), groups);
        self.has_changed(&mut karpenter, made, now);
        self.karpenter = Some(karpenter);
    }

    /// An EC2NodeClass comes or changes.
    pub(in crate::world) fn put_node_class(&mut self, class: &NodeClass, now: SimTime) {
        let Some(mut karpenter) = self.karpenter.take() else {
            return;
        };
        let is_new = !self.is_in_manifests("EC2NodeClass", &class.name);
        if is_new {
            karpenter
                .born
                .insert(("EC2NodeClass", class.name.clone()), now);
        }
        let groups = self.cloud.specs().count();
        let made = Arc::make_mut(&mut karpenter.spec).put_class(class.clone(), groups);
        self.has_changed(&mut karpenter, made, now);
        self.karpenter = Some(karpenter);
    }

    /// A NodePool or an EC2NodeClass is deleted: with a NodePool its nodes go.
    pub(in crate::world) fn delete_for_karpenter(&mut self, kind: &str, name: &str, now: SimTime) {
        let Some(mut karpenter) = self.karpenter.take() else {
            return;
        };
        let own = &mut *karpenter;
        let spec = Arc::make_mut(&mut own.spec);
        if kind == "EC2NodeClass" {
            spec.remove_class(name);
        } else if let Some(place) = spec.place(name) {
            spec.remove_pool(place);
            let claims = own.claims.iter().filter(|(_, claim)| claim.pool == place);
            let ids: Vec<InstanceId> = claims.map(|(id, _)| *id).collect();
            for id in ids {
                self.note_end(own, id, WITHOUT_POOL, now);
                self.delete_claim(own, id, WITHOUT_POOL, now);
            }
        }
        own.changed = true;
        self.karpenter = Some(karpenter);
    }

    fn is_in_manifests(&self, kind: &str, name: &str) -> bool {
        self.manifests.get(kind, "", name).is_some()
    }

    fn has_changed(&mut self, karpenter: &mut Karpenter, made: Vec<NodeGroupSpec>, now: SimTime) {
        for group in made {
            self.components.kubelet.add_bandwidth(group.image_bandwidth);
            self.cloud.add_group(group);
        }
        Self::mark_offerings(karpenter, now);
        self.look_for_drift(karpenter, now);
        karpenter.changed = true;
        for pool in 0..karpenter.spec.pools.len() {
            self.karpenter_at(now, Event::Static(pool as u32));
        }
    }

    /// The provider has taken a spot instance back: none like it is asked for in its zone for a while.
    pub(super) fn lose_offering(
        &mut self,
        karpenter: &mut Karpenter,
        id: InstanceId,
        now: SimTime,
    ) {
        let Some(claim) = karpenter.claims.get(&id) else {
            return;
        };
        let launch = &karpenter.spec.launches[claim.launch];
        let lost = (launch.instance_type.clone(), launch.zone.clone());
        karpenter
            .unavailable
            .push((lost.0, lost.1, now + UNAVAILABLE));
        Self::mark_offerings(karpenter, now);
        self.karpenter_at(now + UNAVAILABLE, Event::Offerings);
    }

    /// Says of each spot offering whether it can be had now.
    pub(super) fn mark_offerings(karpenter: &mut Karpenter, now: SimTime) {
        karpenter.unavailable.retain(|(.., until)| *until > now);
        karpenter.changed = true;
        let lost = &karpenter.unavailable;
        for kind in Arc::make_mut(&mut karpenter.spec)
            .types
            .iter_mut()
            .flatten()
        {
            for offering in kind.offerings.iter_mut().filter(|one| one.spot) {
                let is_lost = |(name, zone, _): &(String, String, SimTime)| {
                    *name == kind.name && *zone == offering.zone
                };
                offering.available = !lost.iter().any(is_lost);
            }
        }
    }
}
