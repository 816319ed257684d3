//! What one reconcile sees: the scale, the pods and the answers of the metrics APIs.
//!
//! Everything is borrowed. Metric answers refer to pods by their place in the pod list,
//! so that a reconcile needs no look-ups by name; `None` marks a pod that is not in the
//! list (already gone).

use super::tally::Tally;
use crate::sim::{SimDuration, SimTime};

/// One look at the world.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The target, as messages name it: `Deployment/default/web`.
    pub reference: &'a str,
    /// The scale subresource, or the error of reading it.
    pub scale: Result<Scale<'a>, &'a str>,
    /// Every HPA (`namespace/name`) that selects some of the pods. More than one makes the
    /// selector ambiguous; an empty list says that this is the only one.
    pub selected_by: &'a [&'a str],
    /// Pods that the selector matches, in the API's order.
    pub pods: &'a [Pod<'a>],
    /// The resource metrics API's answer.
    pub resource_metrics: Result<&'a [PodUsage<'a>], &'a str>,
    /// For each metric of the spec, what it comes to over the pods, if that has been added up
    /// already: then the pods and the resource metrics API's answer are not looked at.
    pub tallies: Option<&'a [Tally]>,
    /// For each metric of the spec, its values; unused entries of Resource metrics are empty.
    pub custom_metrics: &'a [Result<&'a [PodValue], MetricsError<'a>>],
}

/// The error of a custom or external metrics API.
pub type MetricsError<'a> = &'a str;

/// The scale subresource.
#[derive(Debug, Clone, Copy)]
pub struct Scale<'a> {
    /// `spec.replicas`.
    pub spec_replicas: i32,
    /// `status.replicas`.
    pub status_replicas: i32,
    /// `status.selector`.
    pub selector: &'a str,
}

/// A pod's phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not all containers run yet.
    Pending,
    /// Bound, at least one container runs.
    Running,
    /// All containers ended well.
    Succeeded,
    /// All containers ended, at least one badly.
    Failed,
    /// The node does not answer.
    Unknown,
}

/// The Ready condition's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadyStatus {
    /// Ready.
    True,
    /// Not ready.
    False,
    /// The node does not answer.
    Unknown,
}

/// The Ready condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadyCondition {
    /// Its status.
    pub status: ReadyStatus,
    /// When the status changed last, to the second.
    pub last_transition: SimTime,
}

/// A pod as the controller's informer shows it.
#[derive(Debug, Clone, Copy)]
pub struct Pod<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its phase.
    pub phase: Phase,
    /// Whether it has a deletion timestamp.
    pub deleting: bool,
    /// `status.startTime`.
    pub start_time: Option<SimTime>,
    /// The Ready condition.
    pub ready: Option<ReadyCondition>,
    /// Its requests.
    pub requests: &'a PodRequests,
}

/// What decides whether a pod's value counts.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Its phase.
    pub phase: Phase,
    /// Whether it has a deletion timestamp.
    pub deleting: bool,
    /// `status.startTime`.
    pub start_time: Option<SimTime>,
    /// The Ready condition.
    pub ready: Option<ReadyCondition>,
}

impl Pod<'_> {
    /// What decides whether its value counts.
    pub fn standing(&self) -> Standing {
        Standing {
            phase: self.phase,
            deleting: self.deleting,
            start_time: self.start_time,
            ready: self.ready,
        }
    }
}

/// The requests of a pod, as the calculation reads them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PodRequests {
    /// Containers, in the pod's order.
    pub containers: Vec<ContainerRequest>,
    /// Init containers, restartable ones (sidecars) included, in the pod's order.
    pub init_containers: Vec<ContainerRequest>,
    /// Pod-level requests: millicores, and bytes × 1000. `None` if the pod sets none.
    pub pod_level: Option<[Option<i64>; 2]>,
}

/// The requests of a container.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerRequest {
    /// Its name.
    pub name: String,
    /// CPU in millicores and memory in bytes × 1000, where set.
    pub requests: [Option<i64>; 2],
    /// Whether it is a restartable init container (sidecar).
    pub restartable: bool,
}

/// A pod's entry in the resource metrics API.
#[derive(Debug, Clone, Copy)]
pub struct PodUsage<'a> {
    /// Place in the pod list.
    pub pod: Option<usize>,
    /// When the values were measured, to the second.
    pub timestamp: SimTime,
    /// Over which time.
    pub window: SimDuration,
    /// The containers that the API lists.
    pub containers: &'a [ContainerUsage<'a>],
}

/// A container's usage.
#[derive(Debug, Clone, Copy)]
pub struct ContainerUsage<'a> {
    /// Its name.
    pub name: &'a str,
    /// CPU in millicores (rounded up) and memory in bytes × 1000, where reported.
    pub usage: [Option<i64>; 2],
}

/// A value of a custom metric, in thousandths.
#[derive(Debug, Clone, Copy)]
pub struct PodValue {
    /// Place in the pod list, for Pods metrics.
    pub pod: Option<usize>,
    /// The value in thousandths.
    pub value: i64,
}
