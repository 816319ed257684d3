//! `kubectl drain`: evictions, tried again every five seconds where a budget refuses them.

use super::act::Printed;
use super::{Event, Simulation};
use crate::api::{Kind, ObjectId, Pod, PodId};
use crate::kubectl::command::Drain;
use crate::sim::{SimDuration, SimTime};

/// How long kubectl waits before it asks again.
const RETRY: SimDuration = SimDuration::from_secs(5);

/// A drain under way.
#[derive(Debug, Clone)]
pub(super) struct Draining {
    pods: Vec<PodId>,
    /// When kubectl gives up.
    until: Option<SimTime>,
}

impl Simulation<'_> {
    /// Evicts the pods of nodes that were cordoned.
    pub(super) fn drain(
        &mut self,
        nodes: Vec<String>,
        command: &Drain,
        printed: &mut Printed,
        now: SimTime,
    ) {
        let mut waiting = Vec::new();
        for name in nodes {
            let Some(ObjectId::Node(node)) = self.store.find(Kind::Node, "", &name) else {
                continue;
            };
            let of_daemon_set = |pod: &Pod| matches!(pod.meta.owner, Some(ObjectId::DaemonSet(_)));
            let on_it = |pod: &Pod| pod.node == Some(node) && pod.is_active();
            let stay = self
                .store
                .pods()
                .filter(|(_, pod)| on_it(pod) && of_daemon_set(pod));
            let stay: Vec<String> = stay
                .map(|(_, pod)| format!("{}/{}", pod.meta.namespace, pod.name()))
                .collect();
            if !stay.is_empty() && !command.ignore_daemon_sets {
                printed.error(format!(
                    "error: unable to drain node \"{name}\" due to error: cannot delete \
                     DaemonSet-managed Pods (use --ignore-daemonsets to ignore): {}, continuing \
                     command...",
                    stay.join(", ")
                ));
                continue;
            }
            if !stay.is_empty() {
                printed.lines.push(format!(
                    "Warning: ignoring DaemonSet-managed Pods: {}",
                    stay.join(", ")
                ));
            }
            let goes = |pod: &Pod| on_it(pod) && !of_daemon_set(pod);
            let pods: Vec<PodId> = self
                .store
                .pods()
                .filter(|(_, pod)| goes(pod))
                .map(|(id, _)| id)
                .collect();
            for id in pods {
                let pod = self.store.pod(id).map(|pod| pod.name().to_owned());
                let pod = pod.unwrap_or_default();
                if command.disable_eviction {
                    self.delete_pod(id, command.grace_period, now);
                    printed.lines.push(format!("pod/{pod} deleted"));
                } else if self.evict_now(id, now) {
                    printed.lines.push(format!("pod/{pod} evicted"));
                } else {
                    self.note_refusal(id, now);
                    let text = "Cannot evict pod as it would violate the pod's disruption budget.";
                    printed.lines.push(format!(
                        "error when evicting pods/\"{pod}\" (will retry after 5s): {text}"
                    ));
                    waiting.push(id);
                }
            }
            printed.lines.push(format!("node/{name} drained"));
        }
        if !waiting.is_empty() {
            let until = command.timeout.map(|timeout| now + timeout);
            self.drains.push(Draining {
                pods: waiting,
                until,
            });
            let index = self.drains.len() as u32 - 1;
            self.queue.schedule(now + RETRY, Event::Drain(index));
        }
    }

    /// Asks again for the evictions that were refused.
    pub(super) fn retry_drain(&mut self, index: usize, now: SimTime) {
        if self.drains[index].until.is_some_and(|until| now > until) {
            return;
        }
        let pods = std::mem::take(&mut self.drains[index].pods);
        let mut waiting = Vec::new();
        for id in pods {
            let is_active = self.store.pod(id).is_some_and(Pod::is_active);
            if is_active && !self.evict_now(id, now) {
                self.note_refusal(id, now);
                waiting.push(id);
            }
        }
        if !waiting.is_empty() {
            self.drains[index].pods = waiting;
            self.queue.schedule(now + RETRY, Event::Drain(index as u32));
        }
    }
}
