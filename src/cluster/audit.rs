//! The cluster's books, added up anew: checked at the end of every run.

use super::pod::Pod;
use super::score::Amounts;
use super::state::{Cluster, Ledger};
use super::workload::Counts;

impl Cluster {
    /// Whether everything that is counted along the way is what counting it now gives: pods
    /// created, deleted and there; what nodes have promised; pods by stage.
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
        for node in 0..self.nodes.len() {
            self.audit_node(node)?;
        }
        for workload in &self.workloads {
            let mut counts = Counts::default();
            for pod in workload.pods.iter().filter_map(|id| self.pods.get(*id)) {
                if let Some(count) = counts.of(pod) {
                    *count += 1;
                }
            }
            if counts != workload.counts {
                let (name, kept) = (&workload.spec.name, workload.counts);
                return Err(format!(
                    "pods of {name} are counted as {kept:?}, but are {counts:?}"
                ));
            }
        }
        Ok(())
    }

    fn audit_node(&self, index: usize) -> Result<(), String> {
        let node = &self.nodes[index];
        let group = &self.groups[node.group];
        let on_it = |pod: &&Pod| pod.node == Some(index) && pod.occupies_node();
        let mut promised = Amounts {
            cpu: group.daemonset_cpu,
            memory: group.daemonset_memory,
        };
        let (mut pods, mut pods_of) = (0, vec![0; self.workloads.len()]);
        for (_, pod) in self.pods.iter() {
            let Some(pod) = Some(pod).filter(on_it) else {
                continue;
            };
            let template = &self.workloads[pod.workload].spec.template;
            promised.cpu += pod.cpu_request(template);
            promised.memory += pod.memory_request(template);
            pods += 1;
            pods_of[pod.workload] += u32::from(pod.deletion.is_none());
        }
        let kept = Amounts {
            cpu: node.requested_cpu,
            memory: node.requested_memory,
        };
        let books = (kept, node.pods, &node.pods_of, node.deferred);
        let facts = (promised, pods, &pods_of, self.deferred(index));
        if books == facts {
            Ok(())
        } else {
            let name = &node.name;
            Err(format!(
                "{name} has promised {books:?}, but holds {facts:?}"
            ))
        }
    }
}
