//! A pod: what it asks for and what its status shows.

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::Value;

use super::index::WorkloadId;
use super::meta::ObjectMeta;
use super::node::NodeId;
use super::resources::{Amounts, PodAmounts, Resources, lasting, requested};
use super::template::{ContainerSpec, PodTemplate};
use crate::sim::{Key, SimDuration, SimTime};

/// A pod's key.
pub type PodId = Key<Pod>;

/// A pod's phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodPhase {
    /// Not all containers run yet.
    Pending,
    /// Its containers run (or wait to restart).
    Running,
    /// All containers ended well.
    Succeeded,
    /// It failed for good.
    Failed,
}

impl PodPhase {
    /// The phase as `status.phase` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

/// Why a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminationReason {
    /// It exited with 0.
    Completed,
    /// It exited with 1.
    Error,
    /// It exited with this code, which is neither 0 nor 1.
    ExitCode(u8),
    /// It went over its memory limit.
    OomKilled,
}

impl TerminationReason {
    /// Of a process that exited with a code.
    pub fn of_exit(code: u8) -> Self {
        match code {
            0 => Self::Completed,
            1 => Self::Error,
            code => Self::ExitCode(code),
        }
    }

    /// `exitCode`.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Completed => 0,
            Self::Error => 1,
            Self::ExitCode(code) => i32::from(code),
            Self::OomKilled => 137,
        }
    }

    /// `reason`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "Completed",
            Self::Error | Self::ExitCode(_) => "Error",
            Self::OomKilled => "OOMKilled",
        }
    }
}

/// Why a pod is disrupted, besides evictions through the API and preemption: the condition
/// DisruptionTarget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disruption {
    /// It does not tolerate a NoExecute taint.
    TaintManager,
    /// Its node is gone.
    PodGc,
    /// The kubelet evicts it, or its node shuts down.
    Kubelet,
}

impl Disruption {
    /// The condition's reason.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TaintManager => "DeletionByTaintManager",
            Self::PodGc => "DeletionByPodGC",
            Self::Kubelet => "TerminationByKubelet",
        }
    }
}

/// How a resize stands, from the conditions `PodResizePending` and `PodResizeInProgress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResizeState {
    /// The kubelet has not looked at it yet, or is applying it.
    InProgress,
    /// There is no room on the node at the moment.
    Deferred,
    /// The node could not hold it even if it were empty.
    Infeasible,
    /// The kubelet cannot carry it out; it tries again.
    Error,
}

/// A container's status.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerStatus {
    /// Requests and limits that the node has promised.
    pub resources: Resources,
    /// Since when it runs, if it does.
    pub running_since: Option<SimTime>,
    /// Whether the application in it has started up; of a sidecar, whether its startup probe has
    /// succeeded.
    pub started: bool,
    /// Of a sidecar, whether it is ready; of others the pod tells.
    pub ready: bool,
    /// How often it was restarted.
    pub restarts: u32,
    /// Why it ended last, when that run had started, and when it ended.
    pub last_termination: Option<(TerminationReason, SimTime, SimTime)>,
}

impl ContainerStatus {
    /// A container that does not run yet.
    pub fn new(resources: Resources) -> Self {
        Self {
            resources,
            running_since: None,
            started: false,
            ready: false,
            restarts: 0,
            last_termination: None,
        }
    }
}

/// A pod.
#[derive(Debug, Clone, PartialEq)]
pub struct Pod {
    /// Its metadata.
    pub meta: ObjectMeta,
    /// The workload at the top of the owners that made it.
    pub workload: WorkloadId,
    /// The workload among whose pods it is: at the top of its present owners, or of its last ones.
    pub listed: WorkloadId,
    /// Its controller has released it, and no other has adopted it.
    pub orphaned: bool,
    /// The revision of the pod template that it was made from.
    pub template: Arc<PodTemplate>,
    /// How many pods were created before it.
    pub serial: u64,
    /// The ordinal of a StatefulSet's pod.
    pub ordinal: u32,
    /// The node that its affinity names: that of a DaemonSet's pod.
    pub pinned: Option<NodeId>,
    /// `spec.nodeName`; before `scheduled`, the node that the scheduler assumes.
    pub node: Option<NodeId>,
    /// When it was bound to its node: the condition PodScheduled.
    pub scheduled: Option<SimTime>,
    /// Since when the scheduler finds no node for it, unless it has one.
    pub unschedulable: Option<SimTime>,
    /// Why: the message of the condition PodScheduled.
    pub unschedulable_message: Option<Arc<str>>,
    /// `status.nominatedNodeName`: the node that others leave for it.
    pub nominated: Option<NodeId>,
    /// Since when it has to make room, if it has: the condition DisruptionTarget.
    pub preempted: Option<SimTime>,
    /// `status.phase`.
    pub phase: PodPhase,
    /// `status.startTime`: when the kubelet saw it first.
    pub start_time: Option<SimTime>,
    /// Why its containers wait, if for more than their creation.
    pub waiting: Option<&'static str>,
    /// The container whose postStart hook is under way, by its place among those that last: its
    /// status does not show its start yet.
    pub hook: Option<u16>,
    /// The condition Ready.
    pub ready: bool,
    /// When the condition Ready changed last.
    pub ready_transition: SimTime,
    /// Since when the containers of a pod with readiness gates are ready, which need not be Ready
    /// with them: the condition ContainersReady.
    pub containers_ready: Option<SimTime>,
    /// Conditions that clients have set: those that readiness gates are about.
    pub conditions: Option<Arc<Vec<Value>>>,
    /// When an eviction was granted: the condition DisruptionTarget.
    pub evicted: Option<SimTime>,
    /// Why and since when it is disrupted otherwise: the condition DisruptionTarget.
    pub disrupted: Option<(Disruption, SimTime)>,
    /// `status.reason` and `status.message`, of a pod that the kubelet has ended.
    pub failure: Option<Arc<(Cow<'static, str>, String)>>,
    /// How its last resize stands, until that is in force.
    pub resize: Option<ResizeState>,
    /// Why the kubelet cannot carry it out: the message of PodResizeInProgress.
    pub resize_error: Option<Arc<str>>,
    /// `status.podIP`, once its kubelet has made its sandbox.
    pub address: Option<Ipv4Addr>,
    /// `spec.containers[*].resources` while a resize waits for the kubelet; else empty.
    pub desired: Vec<Resources>,
    /// Its containers, in the template's order.
    pub containers: Vec<ContainerStatus>,
    /// The grace period that a call for its deletion asks for, in place of its own.
    pub grace: Option<SimDuration>,
    /// Its init containers, in the template's order.
    pub init_containers: Vec<ContainerStatus>,
    /// Its object is about to go: the store forgets it once its observers have heard.
    pub removed: bool,
}

impl Pod {
    /// The annotation and the label with the completion index of an Indexed Job's pod.
    pub const COMPLETION_INDEX: &str = "batch.kubernetes.io/job-completion-index";

    /// The completion index of an Indexed Job's pod.
    pub fn completion_index(&self) -> Option<i32> {
        let index = self.meta.annotations.get(Self::COMPLETION_INDEX)?;
        index.parse().ok()
    }

    /// What its deletion costs by the annotation `controller.kubernetes.io/pod-deletion-cost`; 0
    /// if that is not an i32 as upstream writes it (`GetDeletionCostFromPodAnnotations`).
    pub fn deletion_cost(&self) -> i32 {
        let annotations = &self.meta.annotations;
        let written = annotations.get("controller.kubernetes.io/pod-deletion-cost");
        let is_plain = |text: &&String| {
            *text == "0" || text.starts_with(|first| matches!(first, '-' | '1'..='9'))
        };
        let plain = written.filter(is_plain);
        plain.and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// A pod of this template that waits for the scheduler.
    pub fn new(meta: ObjectMeta, workload: WorkloadId, template: Arc<PodTemplate>) -> Self {
        let created = meta.created;
        let containers = template.containers.iter();
        let init_containers = template.init_containers.iter();
        Self {
            meta,
            workload,
            listed: workload,
            orphaned: false,
            serial: 0,
            ordinal: 0,
            pinned: None,
            node: None,
            scheduled: None,
            unschedulable: None,
            unschedulable_message: None,
            nominated: None,
            preempted: None,
            phase: PodPhase::Pending,
            start_time: None,
            waiting: None,
            hook: None,
            ready: false,
            ready_transition: created,
            containers_ready: None,
            conditions: None,
            evicted: None,
            disrupted: None,
            failure: None,
            resize: None,
            resize_error: None,
            address: None,
            desired: Vec::new(),
            containers: containers
                .map(|container| ContainerStatus::new(container.resources()))
                .collect(),
            init_containers: init_containers
                .map(|container| ContainerStatus::new(container.resources()))
                .collect(),
            template,
            grace: None,
            removed: false,
        }
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        &self.meta.name
    }

    /// The condition that a readiness gate is about, if a client has set it.
    pub fn condition(&self, kind: &str) -> Option<&Value> {
        let mut set = self.conditions.iter().flat_map(|all| all.iter());
        set.find(|one| one["type"] == *kind)
    }

    /// Whether the conditions of all its readiness gates are true.
    pub fn gates_are_open(&self) -> bool {
        let is_true = |one: &Value| one["status"] == "True";
        let mut gates = self.template.readiness_gates.iter();
        gates.all(|gate| self.condition(gate).is_some_and(is_true))
    }

    /// Whether the start of a container is not in its status yet: the sync that starts it is under
    /// way, as its postStart hook is, or one of another container beside it.
    pub fn hides_start(&self, spec: &ContainerSpec) -> bool {
        let hooked = |place: u16| self.template.lasting_at(usize::from(place));
        let own = self.hook.and_then(hooked);
        let is_init = || {
            self.template
                .init_containers
                .iter()
                .any(|one| one.name == spec.name)
        };
        self.phase == PodPhase::Pending && !is_init()
            || own.is_some_and(|own| own.name == spec.name)
    }

    /// `restartCount` of a container.
    pub fn restart_count(&self, status: &ContainerStatus, spec: &ContainerSpec) -> u32 {
        let starts_again = status.running_since.is_some() && self.hides_start(spec);
        status.restarts.saturating_sub(u32::from(starts_again))
    }

    /// Whether it has processes, as far as its containers tell.
    pub fn runs(&self) -> bool {
        let is_up = |one: &ContainerStatus| one.running_since.is_some();
        let mut all = self.containers.iter().chain(&self.init_containers);
        !self.has_ended() && !self.removed && all.any(is_up)
    }

    /// How long it may take to end: `deletionGracePeriodSeconds`, once it is being deleted.
    pub fn grace(&self) -> SimDuration {
        self.grace.unwrap_or(self.template.termination_grace)
    }

    /// Whether it has a deletion timestamp.
    pub fn is_deleting(&self) -> bool {
        self.meta.deletion.is_some()
    }

    /// Whether its containers have ended for good.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase, PodPhase::Succeeded | PodPhase::Failed)
    }

    /// Whether its controller counts it (`IsPodActive`): not deleted, not ended.
    pub fn is_active(&self) -> bool {
        !self.is_deleting() && !self.has_ended()
    }

    /// Whether it is Ready and stays: what endpoints, budgets and replica counts ask for.
    pub fn is_ready(&self) -> bool {
        self.ready && !self.is_deleting()
    }

    /// Whether it uses its node: assumed or bound there, and not ended.
    pub fn occupies_node(&self) -> bool {
        self.node.is_some() && !self.has_ended()
    }

    /// What the scheduler counts of it.
    pub fn amounts(&self) -> PodAmounts {
        PodAmounts::of(&self.containers, &self.template)
    }

    /// What it requests of what its node has promised.
    pub fn requested(&self) -> Amounts {
        let own = self.containers.iter().map(|status| status.resources);
        requested(own, &self.template)
    }

    /// What its containers and sidecars request while they run.
    pub fn lasting_requests(&self) -> Amounts {
        let own = self.containers.iter().map(|status| status.resources);
        lasting(own, &self.template)
    }

    /// What it will request once its resize is in force.
    pub fn desired_requests(&self) -> Amounts {
        if self.desired.is_empty() {
            return self.requested();
        }
        self.requested_with(&self.desired)
    }

    /// What it would request if its containers had these resources.
    pub fn requested_with(&self, resources: &[Resources]) -> Amounts {
        requested(resources.iter().copied(), &self.template)
    }

    /// What a resize under way asks for beyond what the node has promised: the scheduler counts
    /// the larger of both, unless the kubelet has found it infeasible.
    pub fn deferred(&self) -> Amounts {
        if self.desired.is_empty() || self.resize == Some(ResizeState::Infeasible) {
            return Amounts::default();
        }
        let larger = self.containers.iter().zip(&self.desired);
        let larger = larger.map(|(status, desired)| Resources {
            cpu_request: status.resources.cpu_request.max(desired.cpu_request),
            memory_request: status.resources.memory_request.max(desired.memory_request),
            ..status.resources
        });
        requested(larger, &self.template) - self.requested()
    }

    /// `spec.containers[*].resources`: what it asks for, promised or not.
    pub fn spec_resources(&self, container: usize) -> Resources {
        let asked = self.desired.get(container).copied();
        asked.unwrap_or_else(|| self.containers[container].resources)
    }
}
