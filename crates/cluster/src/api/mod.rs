//! What the API server holds: typed objects, one way to write them, one log of changes.
//!
//! A [`Store`] keeps every object of the cluster: nodes, pods, the workloads that own them,
//! autoscalers, budgets. Components read it freely and write it in one way only,
//! [`Store::commit`] with a [`Write`]. A write leaves [`Change`]s behind: small `Copy` values
//! that wake controllers, drive the machines and feed the recording. The log of writes is the
//! cluster's history: [`ChangeLog::at`] folds it into the store of any time.
//!
//! Every object has [`ObjectMeta`]; an [`ObjectId`] names it while it exists. Defaults and
//! validation are those of the API server and are applied where YAML is read.

mod audit;
mod autoscaling;
mod context;
mod event;
mod index;
mod keda;
mod log;
mod meta;
mod node;
mod placement;
mod pod;
mod pod_writes;
mod policy;
mod probe;
mod resources;
mod store;
mod taint;
mod template;
mod view;
mod workload;
mod write;

pub use crate::autoscaler::label_selector::{LabelSelector, Operator, Requirement};
pub use autoscaling::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HpaId, VerticalPodAutoscaler, VpaId,
    VpaStatus,
};
pub use context::{Context, PodDraws};
pub use event::{EventKind, EventSink, ObjectEvent};
pub use index::{Counts, Selection, SelectionId, WorkloadEntry, WorkloadId};
pub use keda::{KedaStatus, ScaledJob, ScaledJobId, ScaledObject, ScaledObjectId};
pub use log::ChangeLog;
pub use meta::{Kind, Labels, ObjectId, ObjectMeta, Uid, matches};
pub use node::{
    MEMORY_PRESSURE, NOT_READY, Node, NodeId, NodeInfo, OUT_OF_SERVICE, Readiness, UNREACHABLE,
    UNSCHEDULABLE,
};
pub use placement::{
    Extended, HOSTNAME, HostPort, Labelled, NodeSelectorTerm, Placement, PodAffinity,
    PodAffinityTerm, SpreadConstraint, allows_labels, allows_node,
};
pub use pod::{ContainerStatus, Disruption, Pod, PodId, PodPhase, ResizeState, TerminationReason};
pub use policy::{IntOrPercent, PdbId, PodDisruptionBudget};
pub use probe::{ProbeAction, ProbeSpec};
pub use resources::{Amounts, PodAmounts, Resources};
pub use store::{Ledger, NodeImage, Opinion, Store};
pub use taint::{Taint, TaintEffect, Toleration, untolerated};
pub use template::{ContainerSpec, Hook, LocalVolume, PodTemplate, RestartPolicy};
pub use view::{
    Clock, ContainerState, DaemonSetCounts, JobCounts, ReplicaSetCounts, StatefulSetCounts,
    container_is_ready, container_state, daemon_set_counts, disruption_reason,
    init_container_is_ready, init_container_state, job_counts, pod_template, pull_policy,
    qos_class, replica_set_counts, resize_error, stateful_set_counts, taints_of, true_conditions,
};
pub use workload::{
    ActiveJob, CronJob, CronJobId, CronJobStatus, DaemonSet, DaemonSetId, Deployment, DeploymentId,
    Job, JobId, ReplicaSet, ReplicaSetId, Revision, RolloutAnnotations, StatefulSet, StatefulSetId,
};
pub use write::{Change, InitWrite, PodWrite, What, Write};
