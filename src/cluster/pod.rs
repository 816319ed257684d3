//! A pod: what it asks for, where it stands in its life, what its status shows.

use super::crash_loop::CrashLoop;
use super::resize::ResizeState;
use super::spec::{ContainerSpec, PodTemplate};
use crate::sim::{Key, SimTime, Stream};
use crate::units::{Bytes, Millicores};

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

/// Requests and limits of a container in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    /// CPU request.
    pub cpu_request: Option<Millicores>,
    /// CPU limit.
    pub cpu_limit: Option<Millicores>,
    /// Memory request.
    pub memory_request: Option<Bytes>,
    /// Memory limit.
    pub memory_limit: Option<Bytes>,
}

/// Why a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminationReason {
    /// It exited with 0.
    Completed,
    /// It exited otherwise.
    Error,
    /// It went over its memory limit.
    OomKilled,
}

/// A container's status.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerStatus {
    /// Requests and limits in force.
    pub resources: Resources,
    /// Since when it runs, if it does.
    pub running_since: Option<SimTime>,
    /// How often it was restarted.
    pub restarts: u32,
    /// Its back-off.
    pub(super) crash_loop: CrashLoop,
    /// Whether a resize under way changes its CPU or its memory.
    pub(super) changed: [bool; 2],
    /// Why and when it ended last, and when that run had started.
    pub last_termination: Option<(TerminationReason, SimTime, SimTime)>,
}

/// Where a pod stands between creation and deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// In the scheduler's queue, or unschedulable.
    Unscheduled,
    /// On a node; image pull and start are under way.
    Starting,
    /// Its containers run.
    Running,
    /// Deleted; its containers still run, at most until the grace period ends.
    Terminating,
    /// Its containers have ended for good; the object is still there.
    Ended,
    /// Its removal is announced; the object goes with the next event.
    Removed,
}

/// A pod.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one object"
)]
pub struct Pod {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// How many pods were created before it.
    pub serial: u64,
    /// Its workload.
    pub workload: usize,
    /// The ordinal of a StatefulSet's pod.
    pub ordinal: u32,
    /// Its node.
    pub node: Option<usize>,
    /// Its phase.
    pub phase: PodPhase,
    /// `metadata.creationTimestamp`.
    pub created: SimTime,
    /// `status.startTime`: when the kubelet saw it first.
    pub start_time: Option<SimTime>,
    /// Whether it is Ready.
    pub ready: bool,
    /// When Ready changed last.
    pub ready_transition: SimTime,
    /// `metadata.deletionTimestamp`: when its grace period ends, once it is deleted.
    pub deletion: Option<SimTime>,
    /// How its last resize stands, until that is in force.
    pub resize: Option<ResizeState>,
    /// Its containers, in the template's order.
    pub containers: Vec<ContainerStatus>,
    pub(super) stage: Stage,
    /// A delete call is on its way.
    pub(super) doomed: bool,
    /// Whether the scheduler said already that it does not fit.
    pub(super) reported_unschedulable: bool,
    /// Its eviction was granted.
    pub(super) evicted: bool,
    /// What a resize that the kubelet has not taken yet asks for.
    pub(super) desired: Vec<Resources>,
    /// Counts resizes, so that events of an earlier one are recognised.
    pub(super) resizes: u16,
    /// Counts starts, so that events of an earlier start are recognised.
    pub(super) run: u16,
    /// The start with which kube-proxy has it as an endpoint, if it has.
    pub(super) endpoint_of: Option<u16>,
    /// Its lot among nodes of equal score, in [0, 1).
    pub(super) lot: f64,
    /// Draws of its delays.
    pub(super) stream: Stream,
}

impl Pod {
    /// Whether its controller counts it: not deleted, not ended.
    pub fn is_active(&self) -> bool {
        self.deletion.is_none() && !matches!(self.phase, PodPhase::Succeeded | PodPhase::Failed)
    }

    /// Whether it uses its node: scheduled and not ended.
    pub fn occupies_node(&self) -> bool {
        self.node.is_some() && !self.has_ended()
    }

    /// Whether its containers have ended for good.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended | Stage::Removed)
    }

    /// The CPU that the scheduler counts.
    pub fn cpu_request(&self, template: &PodTemplate) -> Millicores {
        let own = |c: &ContainerStatus| c.resources.cpu_request.map_or(0, |cpu| cpu.0);
        let init = |c: &ContainerSpec| c.cpu_request.map_or(0, |cpu| cpu.0);
        let peak = peak(self.containers.iter().map(own), template, init);
        template.pod_cpu_request.unwrap_or(Millicores(peak))
    }

    /// The memory that the scheduler counts.
    pub fn memory_request(&self, template: &PodTemplate) -> Bytes {
        let own = |c: &ContainerStatus| c.resources.memory_request.map_or(0, |memory| memory.0);
        let init = |c: &ContainerSpec| c.memory_request.map_or(0, |memory| memory.0);
        let peak = peak(self.containers.iter().map(own), template, init);
        template.pod_memory_request.unwrap_or(Bytes(peak))
    }
}

/// The most that a pod's containers request at once: each init container runs beside the
/// sidecars that started before it, the containers beside all of them.
fn peak(
    containers: impl Iterator<Item = i64>,
    template: &PodTemplate,
    request: impl Fn(&ContainerSpec) -> i64,
) -> i64 {
    let (mut sidecars, mut most) = (0, 0);
    for container in &template.init_containers {
        let beside = sidecars + request(container);
        if container.restartable {
            sidecars = beside;
        }
        most = most.max(beside);
    }
    most.max(containers.sum::<i64>() + sidecars)
}
