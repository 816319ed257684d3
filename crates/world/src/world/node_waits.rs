//! Pods that wait for a node while something makes nodes.

use super::Simulation;
use crate::api::{Pod, PodId, What};
use crate::record::NodeWait;
use crate::sim::{SimDuration, SimTime};

/// Pods that wait for a node for so long are remembered.
const LONG_WAIT: SimDuration = SimDuration::from_secs(60);

impl Simulation<'_> {
    /// A pod has changed: its wait for a node may be over.
    pub(super) fn note_node_wait(&mut self, id: PodId, what: What, now: SimTime) {
        if self.recorder.recording.node_autoscaler.is_none()
            || !matches!(what, What::Scheduled | What::Deleted)
        {
            return;
        }
        let Some(pod) = self.store.pod(id) else {
            return;
        };
        let never_had_one = pod.scheduled.is_none() && pod.unschedulable.is_some();
        let got_one = what == What::Scheduled;
        if got_one || never_had_one {
            // What was before the run is not known.
            let from = pod.meta.created.max(SimTime::ZERO);
            let node = pod.node.filter(|_| got_one);
            let node = node.and_then(|node| self.store.find_node(node));
            self.waited_for_node(NodeWait {
                from,
                until: now,
                got_one,
                new_node: node.is_some_and(|node| node.meta.created > from),
            });
        }
    }

    fn waited_for_node(&mut self, wait: NodeWait) {
        if wait.until - wait.from >= LONG_WAIT
            && let Some(record) = &mut self.recorder.recording.node_autoscaler
        {
            record.waits.push(wait);
        }
    }

    /// The pods that still wait at the end.
    pub(super) fn finish_waits(&mut self, end: SimTime) {
        if self.recorder.recording.node_autoscaler.is_some() {
            let waiting = |pod: &&Pod| pod.scheduled.is_none() && pod.unschedulable.is_some();
            let pods = self.store.pods().map(|(_, pod)| pod).filter(waiting);
            let created: Vec<SimTime> = pods.map(|pod| pod.meta.created).collect();
            for from in created {
                self.waited_for_node(NodeWait {
                    from: from.max(SimTime::ZERO),
                    until: end,
                    got_one: false,
                    new_node: false,
                });
            }
        }
    }
}
