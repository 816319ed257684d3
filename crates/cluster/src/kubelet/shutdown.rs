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
}

impl Kubelet {
    /// How long nodes take to shut down at most (`shutdownGracePeriod`); none if they do so
    /// without looking at their pods.
    pub fn shutdown_period(&self) -> SimDuration {
        self.config.shutdown_grace[0]
    }

    /// A node begins to shut down.
    pub fn shut_down(&mut self, node: NodeId, context: &mut Context<'_, Event>) {
        let [whole, critical] = self.config.shutdown_grace;
        if self.shutting_down.contains_key(&node) || context.store.find_node(node).is_none() {
            return;
        }
        let ordinary = whole - critical.min(whole);
        let ordinary_until = context.now + ordinary;
        self.shutting_down
            .insert(node, ShuttingDown { ordinary_until });
        context.commit(Write::Readiness(node, Readiness::Stopping));
        self.end_group(node, false, ordinary, context);
        context.after(POLL.min(ordinary), Event::ShutDown(node));
    }

    /// A node's machine ends without a look at its pods: it is not Ready any more.
    pub fn machine_ends(&mut self, node: NodeId, now: SimTime) {
        let ordinary_until = now;
        let ends = ShuttingDown { ordinary_until };
        self.shutting_down.insert(node, ends);
    }

    /// Looks whether it is the critical pods' turn.
    pub(super) fn go_on_shutting_down(&mut self, node: NodeId, context: &mut Context<'_, Event>) {
        let Some(&ShuttingDown { ordinary_until }) = self.shutting_down.get(&node) else {
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
        self.end_group(node, true, self.config.shutdown_grace[1], context);
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
