//! Machines that come and go: from what the cloud does to nodes, and from nodes that are deleted
//! back to their machines.

use std::sync::Arc;

use super::build::node_record;
use super::traffic::NodeCpuId;
use super::{Event, Simulation};
use crate::api::{Amounts, Node, NodeId, ObjectId, ObjectMeta, Pod, PodWrite, Readiness, Write};
use crate::cloud::{self, Cloud, InstanceId};
use crate::cluster::spec::{InterruptionSpec, NodeGroupSpec};
use crate::kubelet::Silence;
use crate::metrics::MetricsNodeId;
use crate::record::EventRecord;
use crate::scheduler::score::zone_numbers;
use crate::sim::{SimDuration, SimTime};

/// From one look of the cloud node lifecycle controller to the next (`--node-monitor-period`).
const MONITOR_PERIOD: SimDuration = SimDuration::from_secs(5);

/// What the data plane knows of a node besides its object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine {
    /// Its node.
    pub(super) node: NodeId,
    /// The instance that it is.
    pub(super) instance: InstanceId,
    /// Its CPU.
    pub(super) cpu: NodeCpuId,
    /// Its kubelet, as metrics-server knows it.
    pub(super) metrics: MetricsNodeId,
}

impl Simulation<'_> {
    /// The cloud that the nodes come from.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// The machine of a node, as long as no other has taken its place.
    pub(super) fn machine(&self, node: NodeId) -> Option<Machine> {
        let machine = self.machines.get(node.slot());
        machine.copied().filter(|machine| machine.node == node)
    }

    /// The nodes of time zero.
    pub(super) fn start_machines(&mut self) {
        for group in 0..self.scenario.node_groups.len() {
            for id in self.cloud.of_group(group).to_vec() {
                let record = id.index();
                self.cloud.instance_mut(id).record = Some(record);
                self.create_node(id, true, SimTime::ZERO);
            }
        }
    }

    /// Asks the cloud for so many nodes more of a group, the index of one of the scenario's.
    pub fn request_nodes(&mut self, group: usize, count: u32) -> Result<(), String> {
        let agenda = self.cloud.increase(self.now(), group, count)?;
        self.plan_cloud(agenda);
        Ok(())
    }

    /// Asks the cloud to delete an instance, whether it is a node already or not.
    pub fn delete_instance(&mut self, id: InstanceId) {
        let now = self.now();
        let agenda = self.cloud.delete(now, id);
        self.plan_cloud(agenda);
    }

    pub(super) fn plan_cloud(&mut self, agenda: cloud::Agenda) {
        for (time, event) in agenda {
            self.queue.schedule(time, Event::Cloud(event));
        }
    }

    pub(super) fn handle_cloud(&mut self, event: cloud::Event, now: SimTime) {
        match event {
            cloud::Event::Launched(id) => {
                if self.cloud.launch(id) {
                    self.pay_for(id, now);
                    self.plan_end_of_life(id, now);
                }
            }
            cloud::Event::Registers(id) => {
                if self.cloud.instance(id).stage == cloud::Stage::Running {
                    self.create_node(id, false, now);
                }
            }
            cloud::Event::Ready(id) => self.node_gets_ready(id, now),
            cloud::Event::Refused(id) => self.cloud.refuse(id),
            cloud::Event::Terminated(id) => self.machine_ends(id, now),
            cloud::Event::Interruption(group) => self.group_is_struck(group, now),
            cloud::Event::RandomInterruption(group) => {
                self.group_is_struck(group, now);
                let agenda = self.cloud.strikes_again(group, now);
                self.plan_cloud(agenda);
            }
            cloud::Event::Notice(id) => self.spot_notice(id, now),
            cloud::Event::Rebalance(id) => self.spot_rebalance(id, now),
            cloud::Event::Drains(id) => self.spot_drains(id, now),
            cloud::Event::Untainted(id) => self.startup_taints_go(id, now),
            cloud::Event::Reclaimed(id) => self.spot_reclaimed(id, now),
            cloud::Event::NodeGoes(id) => self.cloud_node_lifecycle(id, now),
        }
    }

    /// The cloud node lifecycle controller looks: a node that is not Ready and has no machine any
    /// more goes. One that is Ready is not asked for (`MonitorNodes`).
    fn cloud_node_lifecycle(&mut self, id: InstanceId, now: SimTime) {
        let node = self.cloud.instance(id).node;
        let Some(node) = node.filter(|node| self.store.find_node(*node).is_some()) else {
            return;
        };
        if self.store.node(node).is_ready() {
            self.monitor_node(id, now);
            return;
        }
        self.node_event(node, "DeletingNode", |name| {
            format!("Deleting node {name} because it does not exist in the cloud provider")
        });
        // It is told while the node still has its name.
        self.settle(now);
        self.delete_node(node, now);
    }

    /// The cloud node lifecycle controller looks at a node at its next turn.
    fn monitor_node(&mut self, id: InstanceId, now: SimTime) {
        let looks = now.0.div_euclid(MONITOR_PERIOD.0) + 1;
        let next = SimTime(looks * MONITOR_PERIOD.0);
        let event = Event::Cloud(cloud::Event::NodeGoes(id));
        self.queue.schedule(next, event);
    }

    /// A machine runs: its record begins.
    fn pay_for(&mut self, id: InstanceId, now: SimTime) {
        let instance = self.cloud.instance(id);
        let record = node_record(&instance.name, self.cloud.spec(instance.group), now);
        let record = self.recorder.node_launched(record);
        self.cloud.instance_mut(id).record = Some(record);
    }

    /// The kubelet of a machine registers its node.
    fn create_node(&mut self, id: InstanceId, ready: bool, now: SimTime) {
        let instance = self.cloud.instance(id);
        let groups = self.cloud.specs();
        let zones = zone_numbers(groups.map(|group| group.zone.as_str()));
        let (name, group) = (instance.name.clone(), instance.group);
        let noticed = instance.noticed;
        let spec = self.cloud.spec(group);
        let cordons = |spec: &InterruptionSpec| spec.handler.cordons();
        let noticed = noticed && spec.interruption.as_ref().is_some_and(cordons);
        let startup = spec.scaling.startup_taints.clone();
        let mut node = self.node(&name, group, self.cloud.spec(group), now);
        node.zone = zones[group];
        // The provider takes it back already.
        node.unschedulable = noticed;
        if !ready {
            node.taints.extend(Node::not_ready_taints());
            node.taints.extend(startup);
            node.readiness = Readiness::Starting;
        }
        let cpu = node.allocatable.cpu;
        let made = self.store.commit(now, Write::CreateNode(Box::new(node)));
        let Some(ObjectId::Node(node)) = made else {
            return;
        };
        let machine = Machine {
            node,
            instance: id,
            cpu: self.traffic.add_node(cpu),
            metrics: self.metrics.add_node(),
        };
        match self.machines.get_mut(node.slot()) {
            Some(place) => *place = machine,
            None => self.machines.push(machine),
        }
        self.cloud.instance_mut(id).node = Some(node);
        if !ready {
            self.tell_of_registration(node);
        }
    }

    fn node(&self, name: &str, index: usize, group: &NodeGroupSpec, now: SimTime) -> Node {
        let uid = self.components.pod_control.uid(&format!("Node/{name}"));
        let mut labels = group.labels.clone();
        labels.insert("kubernetes.io/hostname".to_owned(), name.to_owned());
        Node {
            meta: ObjectMeta {
                labels: Arc::new(labels),
                ..ObjectMeta::new("", name, uid, now)
            },
            group: index,
            zone: None,
            capacity: Amounts {
                cpu: group.cpu,
                memory: group.memory,
            },
            allocatable: Amounts {
                cpu: group.allocatable_cpu,
                memory: group.allocatable_memory,
            },
            max_pods: group.max_pods,
            daemons: Amounts {
                cpu: group.daemonset_cpu,
                memory: group.daemonset_memory,
            },
            extended: Arc::clone(&group.extended),
            unschedulable: false,
            taints: group.taints.clone(),
            readiness: Readiness::Ready,
            ready_transition: now,
            memory_pressure: None,
            images: Vec::new(),
        }
    }

    /// The events of a kubelet that starts, and of the controllers that see its node.
    fn tell_of_registration(&mut self, node: NodeId) {
        self.node_event(node, "Starting", |_| "Starting kubelet.".to_owned());
        for state in [
            "NodeHasSufficientMemory",
            "NodeHasNoDiskPressure",
            "NodeHasSufficientPID",
        ] {
            self.node_event(node, state, |name| {
                format!("Node {name} status is now: {state}")
            });
        }
        self.node_event(node, "NodeAllocatableEnforced", |_| {
            "Updated Node Allocatable limit across pods".to_owned()
        });
        self.node_event(node, "RegisteredNode", |name| {
            format!("Node {name} event: Registered Node {name} in Controller")
        });
    }

    fn node_event(
        &mut self,
        node: NodeId,
        reason: &'static str,
        message: impl FnOnce(&str) -> String,
    ) {
        let name = self.store.find_node(node).map_or("", Node::name);
        self.events
            .normal(ObjectId::Node(node), reason, || message(name));
    }

    fn node_gets_ready(&mut self, id: InstanceId, now: SimTime) {
        let instance = self.cloud.instance(id);
        let runs = instance.stage == cloud::Stage::Running;
        let node = instance.node.filter(|_| runs);
        let Some(node) = node.filter(|node| self.store.find_node(*node).is_some()) else {
            return;
        };
        let taints = self.store.node(node).taints_when_ready();
        self.store
            .commit(now, Write::Readiness(node, Readiness::Ready));
        self.store.commit(now, Write::Taints(node, taints));
        self.node_event(node, "NodeReady", |name| {
            format!("Node {name} status is now: NodeReady")
        });
        let scaling = &self.cloud.spec(self.cloud.instance(id).group).scaling;
        if scaling.startup_taints.is_empty() {
            self.tell_karpenter_of_ready(id, now);
            return;
        }
        let mut stream = self.cloud.stream_of(id, "startup-taints");
        let agents = scaling.untainted.sample(&mut stream);
        let event = Event::Cloud(cloud::Event::Untainted(id));
        self.queue
            .schedule(now + SimDuration::from_secs_f64(agents), event);
    }

    /// Agents have taken the startup taints off a node: pods can be there.
    fn startup_taints_go(&mut self, id: InstanceId, now: SimTime) {
        let instance = self.cloud.instance(id);
        let startup = &self.cloud.spec(instance.group).scaling.startup_taints;
        let node = instance.node;
        let Some(node) = node.filter(|node| self.store.find_node(*node).is_some()) else {
            return;
        };
        let mut taints = self.store.node(node).taints.clone();
        taints.retain(|one| {
            !startup
                .iter()
                .any(|other| other.key == one.key && other.effect == one.effect)
        });
        self.store.commit(now, Write::Taints(node, taints));
        self.tell_karpenter_of_ready(id, now);
    }

    /// A machine is gone: what ran on it has ended, and its node goes when that is noticed. A kubelet
    /// that shuts its node down gracefully has said so; otherwise the node is Ready until its
    /// heartbeats have been missed.
    pub(super) fn machine_ends(&mut self, id: InstanceId, now: SimTime) {
        self.cloud.terminate(id);
        let instance = self.cloud.instance(id);
        if let Some(record) = instance.record {
            self.recorder.node_terminated(record, now);
        }
        let Some(node) = instance.node else { return };
        if self.store.find_node(node).is_none() {
            return;
        }
        self.stop_containers_of(node, true, now);
        if self.components.kubelet.shutdown_period() > SimDuration::ZERO {
            self.node_stops(node, now);
        } else {
            self.node_is_unheard(node, Silence::Machine, now);
        }
        self.monitor_node(id, now);
    }

    /// A node is not Ready any more, as its kubelet says.
    fn node_stops(&mut self, node: NodeId, now: SimTime) {
        self.node_event(node, "NodeNotReady", |name| {
            format!("Node {name} status is now: NodeNotReady")
        });
        self.components.kubelet.machine_ends(node, now);
        self.store
            .commit(now, Write::Readiness(node, Readiness::Stopping));
        for pod in self.pods_on(node) {
            if self.store.pod(pod).is_some_and(Pod::is_ready) {
                self.store
                    .commit(now, Write::Pod(pod, PodWrite::Ready(false)));
            }
        }
    }

    /// The processes of a machine that is gone: one that shuts down closes their connections, one that
    /// is lost does not.
    pub(super) fn stop_containers_of(&mut self, node: NodeId, closes: bool, now: SimTime) {
        for pod in self.pods_on(node) {
            if let Some(server) = self.pods[pod.slot()].server.filter(|_| !closes) {
                self.traffic.machine_lost(server, now);
            }
            let containers = self.store.pod(pod).map_or(0, |pod| pod.containers.len());
            for container in 0..containers {
                self.container_stopped(pod, container as u16, now);
            }
        }
    }

    /// A node's object is deleted: nobody asks its kubelet any more, and nobody pays for it.
    pub(super) fn delete_node(&mut self, node: NodeId, now: SimTime) {
        let Some(machine) = self.machine(node) else {
            return;
        };
        let meta = &self.store.node(node).meta;
        let (name, uid) = (meta.name.to_string(), meta.uid.0);
        self.store.commit(now, Write::Delete(ObjectId::Node(node)));
        self.settle(now);
        self.metrics.remove_node(machine.metrics);
        let instance = self.cloud.instance(machine.instance);
        let record = instance.record;
        if instance.stage != cloud::Stage::Gone {
            // The machine goes with it.
            self.cloud.delete(now, machine.instance);
            self.cloud.terminate(machine.instance);
        }
        if let Some(record) = record {
            self.recorder.node_terminated(record, now);
        }
        self.tell_karpenter_of_end(machine.instance);
        self.recorder.event(|| EventRecord {
            time: now,
            kind: "Normal",
            reason: "RemovingNode".to_owned(),
            object: format!("Node/{name}"),
            uid,
            message: format!("Node {name} event: Removing Node {name} from Controller"),
            ..EventRecord::default()
        });
    }
}
