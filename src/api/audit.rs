//! The store's counters against a recount, checked at the end of every run.

use super::index::Counts;
use super::node::{NodeId, NodeInfo};
use super::store::{Ledger, Store};

impl Store {
    /// Whether everything that is counted along the way is what counting it now gives: pods
    /// created, deleted and there; what nodes have promised; pods by stage; selections.
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
        for (id, _) in self.nodes() {
            self.audit_node(id)?;
        }
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
        Ok(())
    }

    fn audit_node(&self, id: NodeId) -> Result<(), String> {
        let node = self.node(id);
        let kept = self.node_info(id);
        let mut facts = NodeInfo {
            requested: node.daemons,
            nonzero: node.daemons,
            pods_of: vec![0; kept.pods_of.len()],
            ..NodeInfo::default()
        };
        for (_, pod) in self.pods() {
            if pod.node != Some(id) || !pod.occupies_node() {
                continue;
            }
            let amounts = pod.amounts();
            facts.requested = facts.requested + amounts.raw;
            facts.nonzero = facts.nonzero + amounts.nonzero;
            facts.deferred = facts.deferred + pod.deferred();
            facts.pods += 1;
            facts.pods_of[pod.workload.index()] += u32::from(!pod.is_deleting());
        }
        if *kept == facts {
            Ok(())
        } else {
            let name = node.name();
            Err(format!("{name} has promised {kept:?}, but holds {facts:?}"))
        }
    }
}
