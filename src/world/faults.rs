//! What breaks from outside, and for how long.

use super::components::with_context;
use super::{Event, Simulation};
use crate::api::{Node, NodeId, Pod, PodId, PodPhase, PodWrite, TerminationReason, Write};
use crate::controller::podgc;
use crate::metrics::spec::MetricOf;
use crate::record::FaultRecord;
use crate::scenario::model::{Component, Fault, FaultKind, ImagePull, MetricType, NodeName};
use crate::sim::{SimDuration, SimTime};

/// From a node's last status to its Ready condition being Unknown
/// (`--node-monitor-grace-period`).
const MONITOR_GRACE: SimDuration = SimDuration::from_secs(50);
/// From then to the eviction of its pods: the toleration that every pod gets for the taint
/// `node.kubernetes.io/unreachable`.
const TOLERATION: SimDuration = SimDuration::from_secs(300);

/// A fault's record, before it has cost anything.
pub(super) fn record(fault: &Fault) -> FaultRecord {
    let what = match &fault.kind {
        FaultKind::Down(component) => format!("{} was down", component.name()),
        FaultKind::Kubelet(node) => format!("the kubelet of {} was silent", node.name),
        FaultKind::Node(node) => format!("node {} was lost", node.name),
        FaultKind::Trigger(of) => {
            let trigger = of.trigger.map_or_else(String::new, |at| format!(" [{at}]"));
            format!(
                "triggers{trigger} of {} {} got no answers",
                of.kind, of.name
            )
        }
        FaultKind::Zone(zone) => format!("zone {zone} was lost"),
        FaultKind::Metric { name, .. } => format!("the metric {name} was not available"),
        FaultKind::ImagePull(_) => "images were pulled slowly".to_owned(),
    };
    FaultRecord {
        from: fault.at,
        until: fault.until,
        what,
        failed_syncs: 0,
        lost_pods: 0,
        missed_passes: 0,
    }
}

impl Simulation<'_> {
    /// A sync of an HPA failed: a fault in force may be the cause.
    pub(super) fn blame_faults(&mut self, now: SimTime) {
        let faults = &mut self.recorder.recording.faults;
        let lasting = faults
            .iter_mut()
            .filter(|fault| fault.from <= now && fault.until.is_none_or(|until| now < until));
        lasting.for_each(|fault| fault.failed_syncs += 1);
    }

    /// A pass over VPAs was missed because this component is down.
    pub(super) fn blame_fault_of(&mut self, component: Component, now: SimTime) {
        let lasts = |fault: &Fault| {
            fault.kind == FaultKind::Down(component)
                && fault.at <= now
                && fault.until.is_none_or(|until| now < until)
        };
        let faults = self.scenario.faults.iter();
        let records = &mut self.recorder.recording.faults;
        for (fault, record) in faults.zip(records) {
            record.missed_passes += u64::from(lasts(fault));
        }
    }

    /// The faults in force at an instant.
    fn lasting(&self, now: SimTime) -> impl Iterator<Item = &Fault> {
        let lasts =
            move |fault: &&Fault| fault.at <= now && fault.until.is_none_or(|until| now < until);
        self.scenario.faults.iter().filter(lasts)
    }

    /// Whether a component is down.
    pub(super) fn is_down(&self, component: Component, now: SimTime) -> bool {
        self.lasting(now)
            .any(|fault| fault.kind == FaultKind::Down(component))
    }

    /// Since when a component is down, if it is.
    pub(super) fn down_since(&self, component: Component, now: SimTime) -> Option<SimTime> {
        let lasting = self.lasting(now);
        let down = lasting.filter(|fault| fault.kind == FaultKind::Down(component));
        down.map(|fault| fault.at).min()
    }

    /// Whether the custom or external metrics API does not answer for a metric.
    pub(super) fn is_metric_down(&self, name: &str, of: &MetricOf, now: SimTime) -> bool {
        let own = match of {
            MetricOf::Pods(_) => MetricType::Pods,
            MetricOf::Object { .. } => MetricType::Object,
            MetricOf::External => MetricType::External,
        };
        self.lasting(now).any(|fault| match &fault.kind {
            FaultKind::Metric {
                name: down,
                metric_type,
            } => down == name && metric_type.is_none_or(|of| of == own),
            _ => false,
        })
    }

    fn node_of(&self, name: &NodeName) -> Option<NodeId> {
        let mut nodes = self.store.nodes();
        let same = |(_, node): &(NodeId, &Node)| node.name() == name.name;
        nodes.find(same).map(|(id, _)| id)
    }

    /// The nodes that are silent while a fault lasts.
    fn hit(&self, kind: &FaultKind) -> Vec<NodeId> {
        match kind {
            FaultKind::Kubelet(node) | FaultKind::Node(node) => {
                self.node_of(node).into_iter().collect()
            }
            FaultKind::Zone(zone) => {
                let groups = &self.scenario.node_groups;
                let nodes = self.store.nodes();
                let in_it = nodes.filter(|(_, node)| groups[node.group].zone == *zone);
                in_it.map(|(id, _)| id).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A fault begins, goes on or ends: passes it to the components that depend on it.
    pub(super) fn heed_faults(&mut self, now: SimTime) {
        let pull = self.lasting(now).find_map(|fault| match fault.kind {
            FaultKind::ImagePull(pull) => Some(pull),
            _ => None,
        });
        self.components.kubelet.slow_pulls(match pull {
            None => (1.0, None),
            Some(ImagePull::Times(factor)) => (factor, None),
            Some(ImagePull::Takes(length)) => (1.0, Some(length)),
        });
        let silent = self.lasting(now).flat_map(|fault| self.hit(&fault.kind));
        let silent: Vec<_> = silent
            .filter_map(|node| self.machine(node))
            .map(|machine| machine.metrics)
            .collect();
        let is_down = self.is_down(Component::MetricsServer, now);
        self.metrics.set_outage(&silent, is_down);
        self.heed_keda_faults(now);
        for (place, fault) in self.scenario.faults.iter().enumerate() {
            if fault.at > now {
                continue;
            }
            let is_lost = !matches!(fault.kind, FaultKind::Kubelet(_));
            for node in self.hit(&fault.kind) {
                if fault.until.is_some_and(|until| until <= now) {
                    self.node_is_back(node, fault.until == Some(now), now);
                } else {
                    let lost = self.node_is_silent(node, is_lost, now - fault.at, now);
                    self.recorder.recording.faults[place].lost_pods += lost;
                }
            }
        }
    }

    pub(super) fn pods_on(&self, node: NodeId) -> Vec<PodId> {
        let on_it = |pod: &Pod| pod.node == Some(node) && pod.occupies_node() && !pod.removed;
        let pods = self.store.pods().filter(|(_, pod)| on_it(pod));
        pods.map(|(id, _)| id).collect()
    }

    /// A node has been silent for this long. The processes of a lost node are gone at once; the
    /// control plane notices later. Returns the pods that end now.
    fn node_is_silent(
        &mut self,
        node: NodeId,
        is_lost: bool,
        length: SimDuration,
        now: SimTime,
    ) -> u64 {
        let mut lost = 0;
        if is_lost && length == SimDuration::ZERO {
            self.stop_containers_of(node, now);
        }
        if length >= MONITOR_GRACE && self.store.node(node).ready {
            self.store.commit(now, Write::NodeReady(node, false));
            for pod in self.pods_on(node) {
                if self.store.pod(pod).is_some_and(Pod::is_ready) {
                    self.store
                        .commit(now, Write::Pod(pod, PodWrite::Ready(false)));
                }
            }
        }
        if is_lost && length >= MONITOR_GRACE + TOLERATION {
            // Their objects go with the node's.
            for pod in self.pods_on(node) {
                // A DaemonSet's pods tolerate the taint for ever.
                if self.store.pod(pod).is_some_and(|pod| pod.pinned.is_some()) {
                    continue;
                }
                lost += 1;
                let delete = PodWrite::Delete { deadline: now };
                for write in [
                    Write::Pod(pod, delete),
                    Write::Pod(pod, PodWrite::End(PodPhase::Failed)),
                    Write::RemovePod(pod),
                ] {
                    self.store.commit(now, write);
                }
            }
        }
        lost
    }

    /// A kubelet answers again: what still runs on its node is ready.
    fn node_is_back(&mut self, node: NodeId, just_now: bool, now: SimTime) {
        if !self.store.node(node).ready {
            self.store.commit(now, Write::NodeReady(node, true));
        } else if !just_now {
            return;
        }
        for pod in self.pods_on(node) {
            let runs = |pod: &Pod| pod.phase == PodPhase::Running && pod.is_active();
            let is_there = self.pods[pod.slot()].containers.iter().any(Option::is_some);
            if is_there && self.store.pod(pod).is_some_and(runs) {
                self.store
                    .commit(now, Write::Pod(pod, PodWrite::Ready(true)));
            } else if !is_there && self.store.pod(pod).is_some_and(runs) {
                // Its processes went with the machine: the kubelet starts them anew.
                let containers = self.store.pod(pod).map_or(0, |pod| pod.containers.len());
                for container in 0..containers {
                    let reason = TerminationReason::Error;
                    self.container_exited(pod, container as u16, reason, now);
                }
            }
        }
    }

    /// The pods of a node that is gone go.
    pub(super) fn collect_pods_of(&mut self, node: NodeId, now: SimTime) {
        let pods = with_context!(self, now, Event::PodGc, |_all, cx| podgc::pods_of(node, cx));
        for pod in pods {
            let containers = self.store.pod(pod).map_or(0, |pod| pod.containers.len());
            for container in 0..containers {
                self.container_stopped(pod, container as u16, now);
            }
        }
        with_context!(self, now, Event::PodGc, |_all, cx| podgc::collect(node, cx));
    }

    /// Schedules when the faults have to be looked at.
    pub(super) fn plan_faults(&mut self) {
        for fault in &self.scenario.faults {
            let steps = [SimDuration::ZERO, MONITOR_GRACE, MONITOR_GRACE + TOLERATION];
            for step in steps {
                self.queue.schedule(fault.at + step, Event::Faults);
            }
            if let Some(until) = fault.until {
                self.queue.schedule(until, Event::Faults);
            }
        }
    }
}
