//! What breaks from outside, and for how long.

use super::components::with_context;
use super::{Event, Simulation};
use crate::api::{Node, NodeId, PodId, Write};
use crate::cloud::Stage;
use crate::controller::podgc;
use crate::kubelet::Silence;
use crate::metrics::spec::MetricOf;
use crate::record::FaultRecord;
use crate::scenario::model::{Component, Fault, FaultKind, ImagePull, MetricType, NodeName};
use crate::sim::{SimDuration, SimTime};

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
        FaultKind::Shutdown(node) => format!("node {} was shut down", node.name),
        FaultKind::Metric { name, .. } => format!("the metric {name} was not available"),
        FaultKind::ImagePull(_) => "images were pulled slowly".to_owned(),
        FaultKind::NoImage(image) => format!("image {image} could not be pulled"),
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

    /// The nodes that a fault befalls.
    fn hit(&self, kind: &FaultKind) -> Vec<NodeId> {
        match kind {
            FaultKind::Kubelet(node) | FaultKind::Node(node) | FaultKind::Shutdown(node) => {
                self.node_of(node).into_iter().collect()
            }
            FaultKind::Zone(zone) => {
                let nodes = self.store.nodes();
                let in_it = nodes.filter(|(_, node)| self.cloud.spec(node.group).zone == *zone);
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
        let missing = self.lasting(now).filter_map(|fault| match &fault.kind {
            FaultKind::NoImage(image) => Some(image.clone()),
            _ => None,
        });
        let missing = missing.collect();
        self.components.kubelet.fail_pulls(missing);
        let silent = self.lasting(now).flat_map(|fault| {
            let hit = self.silence_of(fault, now).map(|_| self.hit(&fault.kind));
            hit.unwrap_or_default()
        });
        let silent: Vec<_> = silent
            .filter_map(|node| self.machine(node))
            .map(|machine| machine.metrics)
            .collect();
        let is_down = self.is_down(Component::MetricsServer, now);
        self.metrics.set_outage(&silent, is_down);
        self.heed_keda_faults(now);
        self.heed_adapter_faults(now);
        self.heed_silent_nodes(now);
    }

    /// How silent a fault makes its node, if it does so yet.
    fn silence_of(&self, fault: &Fault, now: SimTime) -> Option<Silence> {
        match &fault.kind {
            FaultKind::Kubelet(_) => Some(Silence::Kubelet),
            FaultKind::Node(_) | FaultKind::Zone(_) => Some(Silence::Machine),
            FaultKind::Shutdown(_) => {
                let is_off = fault.at + self.components.kubelet.shutdown_period() <= now;
                is_off.then_some(Silence::Machine)
            }
            FaultKind::Down(_)
            | FaultKind::Trigger(_)
            | FaultKind::Metric { .. }
            | FaultKind::ImagePull(_)
            | FaultKind::NoImage(_) => None,
        }
    }

    /// Nodes fall silent, shut down, are lost, or are back.
    fn heed_silent_nodes(&mut self, now: SimTime) {
        let faults = self.scenario.faults.iter();
        let hit = faults.flat_map(|fault| self.hit(&fault.kind));
        let mut nodes: Vec<NodeId> = hit.collect();
        nodes.sort_unstable();
        nodes.dedup();
        for node in nodes {
            let its = |fault: &&Fault| self.hit(&fault.kind).contains(&node);
            let of_it = || self.lasting(now).filter(its);
            let wanted = of_it()
                .filter_map(|fault| self.silence_of(fault, now))
                .max();
            let stops = of_it().any(|fault| matches!(fault.kind, FaultKind::Shutdown(_)));
            let is = self.components.kubelet.silence(node);
            match (is, wanted) {
                (None | Some(Silence::Kubelet), Some(silence)) if is != wanted => {
                    self.node_falls_silent(node, silence, stops, now);
                }
                (Some(_), None) => self.node_is_back(node, now),
                (None, None) if stops => {
                    let periods = self.components.kubelet.shutdown_periods();
                    self.node_shuts_down(node, periods, now);
                }
                _ => {}
            }
        }
    }

    /// A node's kubelet is told that the machine shuts down.
    pub(super) fn node_shuts_down(
        &mut self,
        node: NodeId,
        periods: [SimDuration; 2],
        now: SimTime,
    ) {
        let taints = Node::not_ready_taints().chain(self.store.node(node).taints_when_ready());
        self.store
            .commit(now, Write::Taints(node, taints.collect()));
        with_context!(self, now, Event::Kubelet, |all, cx| {
            all.kubelet.shut_down_within(node, periods, cx);
        });
    }

    pub(super) fn pods_on(&self, node: NodeId) -> Vec<PodId> {
        let pods = self.store.pods_of_node(node);
        let mut pods: Vec<PodId> = pods.map(|(id, _)| id).collect();
        pods.sort_unstable();
        pods
    }

    /// The control plane hears of a node no more, and notices later. The processes of a lost
    /// machine are gone at once; `stops` is whether it shuts down.
    fn node_falls_silent(&mut self, node: NodeId, silence: Silence, stops: bool, now: SimTime) {
        if silence == Silence::Machine {
            self.stop_containers_of(node, stops, now);
            self.karpenter_loses(node, now);
        }
        self.node_is_unheard(node, silence, now);
    }

    /// The control plane hears of a node no more.
    pub(super) fn node_is_unheard(&mut self, node: NodeId, silence: Silence, now: SimTime) {
        let kubelet = &mut self.components.kubelet;
        if kubelet.silence(node).is_none() {
            with_context!(self, now, Event::NodeLifecycle, |all, cx| {
                all.node_lifecycle.falls_silent(node, cx);
            });
        }
        let kubelet = &mut self.components.kubelet;
        kubelet.fall_silent(node, silence, &self.store);
    }

    /// A node is heard of again.
    fn node_is_back(&mut self, node: NodeId, now: SimTime) {
        let machine = self.machine(node);
        if machine.is_some_and(|one| self.cloud.instance(one.instance).stage == Stage::Gone) {
            return;
        }
        self.components.node_lifecycle.is_heard(node);
        with_context!(self, now, Event::Kubelet, |all, cx| {
            all.kubelet.come_back(node, cx);
        });
    }

    /// A pod is to go while its node is silent, or with its node: a fault in force is why.
    pub(super) fn blame_silence(&mut self, pod: PodId, now: SimTime) {
        let Some(node) = self.store.pod(pod).and_then(|pod| pod.node) else {
            return;
        };
        for place in 0..self.scenario.faults.len() {
            let fault = &self.scenario.faults[place];
            let lasts = fault.at <= now && fault.until.is_none_or(|until| now < until);
            if lasts && self.hit(&fault.kind).contains(&node) {
                self.recorder.recording.faults[place].lost_pods += 1;
            }
        }
    }

    /// The pod garbage collector looks: what nobody else will end is gone.
    pub(super) fn collect_pods(&mut self, event: podgc::Event, now: SimTime) {
        let pods = with_context!(self, now, Event::PodGc, |_all, cx| podgc::ended_by(
            event, cx
        ));
        for pod in &pods {
            let containers = self.store.pod(*pod).map_or(0, |pod| pod.containers.len());
            for container in 0..containers {
                self.container_stopped(*pod, container as u16, now);
            }
        }
        with_context!(self, now, Event::PodGc, |_all, cx| podgc::collect(
            event, pods, cx
        ));
    }

    /// Schedules when the faults have to be looked at.
    pub(super) fn plan_faults(&mut self) {
        for fault in &self.scenario.faults {
            self.queue.schedule(fault.at, Event::Faults);
            if let FaultKind::Shutdown(_) = fault.kind {
                let off = fault.at + self.components.kubelet.shutdown_period();
                self.queue.schedule(off, Event::Faults);
            }
            if let Some(until) = fault.until {
                self.queue.schedule(until, Event::Faults);
            }
        }
    }
}
