//! Graceful node shutdown: ordinary pods first, then critical ones, each with the time that the
//! kubelet's configuration leaves them (`pkg/kubelet/nodeshutdown`).

use super::pressure::CRITICAL;
use super::{Event, Kubelet};
use crate::api::{Context, NodeId, Pod, PodId, PodPhase, Readiness, Write};
use crate::sim::{SimDuration, SimTime};

/// How often the kubelet looks whether the pods of a group have ended.
const POLL: SimDuration = SimDuration::from_secs(1);
/// Reason and message of pods that end with their node.
const REASON: &str = "Terminated";
const MESSAGE: &str = "Pod was terminated in response to imminent node shutdown.";

/// A node that shuts down.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShuttingDown {
    /// When the ordinary pods' time is over.
    ordinary_until: SimTime,
    /// How long critical pods have then.
    critical: SimDuration,
}

impl Kubelet {
    /// How long nodes take to shut down at most (`shutdownGracePeriod`); none if they do so
    /// without looking at their pods.
    pub fn shutdown_period(&self) -> SimDuration {
        self.config.shutdown_grace[0]
    }

    /// That and, of it, how long critical pods have (`shutdownGracePeriodCriticalPods`).
    pub fn shutdown_periods(&self) -> [SimDuration; 2] {
        self.config.shutdown_grace
    }

    /// A node begins to shut down.
    pub fn shut_down(&mut self, node: NodeId, context: &mut Context<'_, Event>) {
        self.shut_down_within(node, self.config.shutdown_grace, context);
    }

    /// The same with so long in all, and so long of it for critical pods.
    pub fn shut_down_within(
        &mut self,
        node: NodeId,
        [whole, critical]: [SimDuration; 2],
        context: &mut Context<'_, Event>,
    ) {
        if self.shutting_down.contains_key(&node) || context.store.find_node(node).is_none() {
            return;
        }
        let ordinary = whole - critical.min(whole);
        let ordinary_until = context.now + ordinary;
        let state = ShuttingDown {
            ordinary_until,
            critical,
        };
        self.shutting_down.insert(node, state);
        context.commit(Write::Readiness(node, Readiness::Stopping));
        self.end_group(node, false, ordinary, context);
        context.after(POLL.min(ordinary), Event::ShutDown(node));
    }

    /// A node's machine ends without a look at its pods: it is not Ready any more.
    pub fn machine_ends(&mut self, node: NodeId, now: SimTime) {
        let ends = ShuttingDown {
            ordinary_until: now,
            critical: SimDuration::ZERO,
        };
        self.shutting_down.insert(node, ends);
    }

    /// Looks whether it is the critical pods' turn.
    pub(super) fn go_on_shutting_down(&mut self, node: NodeId, context: &mut Context<'_, Event>) {
        let Some(&ShuttingDown {
            ordinary_until,
            critical,
        }) = self.shutting_down.get(&node)
        else {
            return;
        };
        let is_left = |pod: &Pod| !is_critical(pod) && pod.phase == PodPhase::Running;
        let pods = context.store.pods_of_node(node);
        let waits = pods.filter(|(_, pod)| is_left(pod)).count() > 0;
        if waits && context.now < ordinary_until {
            let next = (context.now + POLL).min(ordinary_until);
            context.at(next, Event::ShutDown(node));
            return;
        }
        self.end_group(node, true, critical, context);
    }

    fn end_group(
        &mut self,
        node: NodeId,
        critical: bool,
        longest: SimDuration,
        context: &mut Context<'_, Event>,
    ) {
        let of_group = |pod: &Pod| is_critical(pod) == critical && pod.scheduled.is_some();
        let pods = context.store.pods_of_node(node);
        let pods = pods.filter(|(_, pod)| of_group(pod));
        let pods: Vec<(PodId, SimDuration)> = pods
            .map(|(id, pod)| (id, pod.template.termination_grace.min(longest)))
            .collect();
        for (id, grace) in pods {
            let why = (REASON, MESSAGE.to_owned());
            self.end_early(id, why, grace, context);
        }
    }
}

fn is_critical(pod: &Pod) -> bool {
    pod.template.priority >= CRITICAL
}
