//! The store's counters against a recount, checked at the end of every run.

use std::collections::BTreeMap;

use super::index::Counts;
use super::meta::{Kind, ObjectId};
use super::node::NodeInfo;
use super::store::{Ledger, Store};

impl Store {
    /// Whether everything that is counted along the way is what counting it now gives: pods
    /// created, deleted and there; what nodes have promised; pods by stage; those of ReplicaSets.
    pub fn audit(&self) -> Result<(), String> {
        let ledger = self.ledger();
        let Ledger {
            created,
            deleted,
            existing,
        } = ledger;
        if created != deleted + existing {
            return Err(format!("pods do not add up: {ledger:?}"));
        }
        self.audit_nodes()?;
        self.audit_addresses()?;
        for entry in self.workloads() {
            let mut counts = Counts::default();
            for pod in entry.pods.iter().filter_map(|id| self.pod(*id)) {
                if let Some(count) = counts.of(pod) {
                    *count += 1;
                }
            }
            if counts != entry.counts {
                let (name, kept) = (&entry.name, entry.counts);
                return Err(format!(
                    "pods of {name} are counted as {kept:?}, but are {counts:?}"
                ));
            }
        }
        self.audit_replica_sets()
    }

    /// No two pods that run have an address.
    fn audit_addresses(&self) -> Result<(), String> {
        let mut of = BTreeMap::new();
        for (_, pod) in self.pods().filter(|(_, pod)| !pod.removed) {
            let address = pod.address.filter(|_| pod.occupies_node());
            let there = |node| self.find_node(node).is_some();
            let Some(address) = address.filter(|_| pod.node.is_some_and(there)) else {
                continue;
            };
            if let Some(other) = of.insert(address, pod.name()) {
                return Err(format!("{other} and {} have {address}", pod.name()));
            }
        }
        Ok(())
    }

    fn audit_replica_sets(&self) -> Result<(), String> {
        let mut active = BTreeMap::new();
        for (_, pod) in self
            .pods()
            .filter(|(_, pod)| pod.is_active() && !pod.removed)
        {
            *active.entry(pod.meta.owner).or_insert(0) += 1;
        }
        for id in self.all(Kind::ReplicaSet) {
            let (ObjectId::ReplicaSet(key), counted) = (id, active.get(&Some(id))) else {
                continue;
            };
            let (kept, counted) = (self.active_of(key), counted.copied().unwrap_or(0));
            if kept != counted {
                return Err(format!(
                    "{id:?} counts {kept} active pods, but owns {counted}"
                ));
            }
        }
        Ok(())
    }

    fn audit_nodes(&self) -> Result<(), String> {
        let mut facts = vec![NodeInfo::default(); self.node_slots()];
        let mut on_nodes = vec![BTreeMap::new(); self.workloads().len()];
        for (id, node) in self.nodes() {
            (facts[id.slot()].requested, facts[id.slot()].nonzero) = (node.daemons, node.daemons);
        }
        for (_, pod) in self.pods().filter(|(_, pod)| pod.occupies_node()) {
            let Some(node) = pod.node.filter(|node| self.find_node(*node).is_some()) else {
                continue;
            };
            let (facts, amounts) = (&mut facts[node.slot()], pod.amounts());
            facts.requested = facts.requested + amounts.raw;
            facts.nonzero = facts.nonzero + amounts.nonzero;
            facts.deferred = facts.deferred + pod.deferred();
            facts.pods += 1;
            if !pod.is_deleting() && !pod.orphaned {
                let on_nodes = &mut on_nodes[pod.listed.index()];
                *on_nodes.entry(node.slot() as u32).or_insert(0) += 1;
            }
        }
        for (id, node) in self.nodes() {
            let (name, kept, facts) = (node.name(), self.node_info(id), &facts[id.slot()]);
            if kept != facts {
                return Err(format!("{name} has promised {kept:?}, but holds {facts:?}"));
            }
        }
        for (entry, facts) in self.workloads().iter().zip(on_nodes) {
            let there = |(slot, _): &&(u32, u32)| self.node_at(*slot as usize).is_some();
            let kept: BTreeMap<u32, u32> = entry.nodes.iter().filter(there).copied().collect();
            if kept != facts {
                let name = &entry.name;
                return Err(format!(
                    "pods of {name} are counted on nodes as {kept:?}, but are {facts:?}"
                ));
            }
        }
        Ok(())
    }
}
