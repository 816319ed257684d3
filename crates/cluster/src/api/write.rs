//! Writes, and the changes that they leave behind.

use std::borrow::Cow;
use std::sync::Arc;

use super::autoscaling::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HpaId, VerticalPodAutoscaler, VpaId,
    VpaStatus,
};
use super::index::WorkloadId;
use super::keda::{KedaStatus, ScaledJob, ScaledJobId, ScaledObject, ScaledObjectId};
use super::meta::{Kind, Labels, ObjectId};
use super::node::{Node, NodeId, Readiness};
use super::pod::{Disruption, Pod, PodId, PodPhase, ResizeState, TerminationReason};
use super::policy::PodDisruptionBudget;
use super::resources::Resources;
use super::taint::Taint;
use super::template::PodTemplate;
use super::workload::{
    CronJob, CronJobId, CronJobStatus, DaemonSet, DaemonSetId, Deployment, DeploymentId, Job,
    JobId, ReplicaSet, ReplicaSetId, Revision, RolloutAnnotations, StatefulSet, StatefulSetId,
};
use crate::autoscaler::hpa::{HpaSpec, Status};
use crate::autoscaler::vpa::VpaSpec;
use crate::controller::cronjob::CronJobSpec;
use crate::controller::daemonset::DaemonSetUpdate;
use crate::controller::deployment::{DeploymentSpec, DeploymentStatus};
use crate::controller::job::{JobSpec, JobStatus};
use crate::controller::statefulset::{StatefulSetSpec, StatefulSetStatus};
use crate::sim::{SimDuration, SimTime};
use crate::units::Bytes;

/// A write of one object.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// An entry for the workload of this kind, namespace and name, before its object exists.
    Workload(Kind, Arc<str>, Arc<str>),
    /// How many seconds the API server lets pods tolerate `not-ready` and `unreachable` that say
    /// nothing of them; 300 both unless this is written.
    DefaultTolerations([i64; 2]),
    /// Creates a node.
    CreateNode(Box<Node>),
    /// Creates a pod.
    CreatePod(Box<Pod>),
    /// Creates a Deployment.
    CreateDeployment(Box<Deployment>),
    /// Creates a ReplicaSet.
    CreateReplicaSet(Box<ReplicaSet>),
    /// Creates a StatefulSet.
    CreateStatefulSet(Box<StatefulSet>),
    /// Creates a DaemonSet.
    CreateDaemonSet(Box<DaemonSet>),
    /// Creates a Job.
    CreateJob(Box<Job>),
    /// Creates a CronJob.
    CreateCronJob(Box<CronJob>),
    /// Creates a PodDisruptionBudget.
    CreatePodDisruptionBudget(Box<PodDisruptionBudget>),
    /// Creates a HorizontalPodAutoscaler.
    CreateHorizontalPodAutoscaler(Box<HorizontalPodAutoscaler>),
    /// Creates a VerticalPodAutoscaler.
    CreateVerticalPodAutoscaler(Box<VerticalPodAutoscaler>),
    /// Creates a ScaledObject.
    CreateScaledObject(Box<ScaledObject>),
    /// Creates a ScaledJob.
    CreateScaledJob(Box<ScaledJob>),
    /// Changes a pod.
    Pod(PodId, PodWrite),
    /// Removes a pod's object. It can be read until [`Write::Forget`].
    RemovePod(PodId),
    /// Frees the place of a removed pod, once its observers have heard of the removal.
    Forget(PodId),
    /// Sets `spec.replicas`, as a write of the scale subresource does.
    Replicas(ObjectId, i32),
    /// Replaces `spec.template` of a workload.
    Template(ObjectId, Arc<PodTemplate>),
    /// Replaces `spec` of a Deployment but for its template, selector and `replicas`.
    DeploymentSpec(DeploymentId, DeploymentSpec),
    /// Replaces how a DaemonSet replaces its pods.
    DaemonSetUpdate(DaemonSetId, DaemonSetUpdate),
    /// Replaces `spec` of a StatefulSet but for its template, selector and `replicas`.
    StatefulSetSpec(StatefulSetId, StatefulSetSpec),
    /// Replaces the status of a StatefulSet.
    StatefulSetStatus(StatefulSetId, StatefulSetStatus),
    /// Replaces the ControllerRevisions of a StatefulSet.
    Revisions(StatefulSetId, Arc<Vec<Revision>>),
    /// Replaces the status of a Deployment, and its `deployment.kubernetes.io/revision`.
    DeploymentStatus(DeploymentId, Arc<DeploymentStatus>, Option<i64>),
    /// Replaces what a Deployment has noted at a ReplicaSet.
    Rollout(ReplicaSetId, Arc<RolloutAnnotations>),
    /// Replaces the status of a Job.
    JobStatus(JobId, Arc<JobStatus>),
    /// Replaces `spec` of a Job but for its pod template.
    JobSpec(JobId, Arc<JobSpec>),
    /// Replaces `spec` of a CronJob but for its pod template.
    CronJobSpec(CronJobId, Arc<CronJobSpec>),
    /// Replaces the status of a CronJob.
    CronJobStatus(CronJobId, Arc<CronJobStatus>),
    /// Replaces `spec` of a HorizontalPodAutoscaler.
    HpaSpec(HpaId, Arc<HpaSpec>),
    /// The target of a HorizontalPodAutoscaler is this from now on.
    HpaTarget(HpaId, Arc<CrossVersionObjectReference>),
    /// Replaces `status` of a HorizontalPodAutoscaler.
    HpaStatus(HpaId, Arc<Status>),
    /// Replaces `spec` of a VerticalPodAutoscaler.
    VpaSpec(VpaId, Arc<VpaSpec>),
    /// The target of a VPA is this from now on.
    VpaTarget(VpaId, Arc<CrossVersionObjectReference>),
    /// Replaces `status` of a VerticalPodAutoscaler.
    VpaStatus(VpaId, Arc<VpaStatus>),
    /// Replaces `spec` of a ScaledObject, as written.
    ScaledObjectSpec(ScaledObjectId, Arc<serde_json::Value>),
    /// Replaces `status` of a ScaledObject.
    ScaledObjectStatus(ScaledObjectId, Arc<KedaStatus>),
    /// Replaces `spec` of a ScaledJob, as written.
    ScaledJobSpec(ScaledJobId, Arc<serde_json::Value>),
    /// Replaces `status` of a ScaledJob.
    ScaledJobStatus(ScaledJobId, Arc<KedaStatus>),
    /// Replaces the owner of an object but a pod.
    Owner(ObjectId, Option<ObjectId>),
    /// Sets `spec.unschedulable` of a node: cordon or uncordon.
    Cordon(NodeId, bool),
    /// Replaces `spec.taints` of a node.
    Taints(NodeId, Vec<Taint>),
    /// Sets the condition Ready of a node.
    Readiness(NodeId, Readiness),
    /// A node says that it has an image of this name and size.
    Image(NodeId, Arc<str>, Bytes),
    /// Sets the condition MemoryPressure of a node.
    MemoryPressure(NodeId, bool),
    /// Replaces the labels of any object but a pod.
    Labels(ObjectId, Arc<Labels>),
    /// Replaces the annotations of any object but a pod.
    Annotations(ObjectId, Arc<Labels>),
    /// Removes any object but a pod.
    Delete(ObjectId),
}

/// A write of a pod.
#[derive(Debug, Clone, PartialEq)]
pub enum PodWrite {
    /// Admission changes what its containers ask for, before the scheduler has seen it.
    Admit(Box<[Resources]>),
    /// The scheduler has found a node for it.
    Assume(NodeId),
    /// It is bound to that node.
    Bind,
    /// The scheduler finds no node for it, and says why where events are kept.
    Unschedulable(Option<Arc<str>>),
    /// Others leave this node for it; no longer for `None`.
    Nominate(Option<NodeId>),
    /// It has to make room for a pod of higher priority.
    Preempt,
    /// The kubelet's first status: it has seen the pod, which is not ready yet.
    Acknowledge,
    /// Why its containers wait, after the kubelet has seen it.
    Waiting(&'static str),
    /// All its containers run.
    Run,
    /// A container runs for the first time, one after the other, as there are postStart hooks.
    BeginContainer(u16),
    /// The container whose postStart hook is under way, by its place among those that last.
    Hook(Option<u16>),
    /// All its containers have been begun with.
    Running,
    /// Something has happened to an init container, by its place among them.
    Init(u16, InitWrite),
    /// A container runs again.
    StartContainer(u16),
    /// Its application has started up.
    AppStarted,
    /// A container has ended.
    StopContainer(u16, TerminationReason),
    /// The condition Ready.
    Ready(bool),
    /// The condition ContainersReady of a pod with readiness gates.
    ContainersReady,
    /// Conditions that clients set.
    Conditions(Arc<Vec<serde_json::Value>>),
    /// It is no longer Ready with its containers: a readiness gate has closed.
    CloseGate,
    /// It is being deleted; its grace period ends then.
    Delete {
        /// `deletionTimestamp`.
        deadline: SimTime,
    },
    /// Its deletion has this grace period; if it is under way, that is shortened.
    Grace(SimDuration),
    /// Its containers get SIGTERM.
    Terminate,
    /// Its containers have ended for good.
    End(PodPhase),
    /// Its eviction is granted.
    Evict,
    /// It is about to be ended from outside.
    Disrupt(Disruption),
    /// Reason and message of the status of a pod that the kubelet ends.
    Failure(Arc<(Cow<'static, str>, String)>),
    /// Its containers shall have these resources (the subresource `resize`).
    Resize(Box<[Resources]>),
    /// How its resize stands; `None` once it is in force.
    ResizeStatus(Option<ResizeState>),
    /// The kubelet cannot carry out its resize, and says why.
    ResizeError(Arc<str>),
    /// The node promises what its resize asks for.
    AllocateResize,
    /// Its controller, and the workload at the top of that one's owners; with none the one that
    /// it has.
    Owner(Option<ObjectId>, WorkloadId),
    /// Replaces what it was made from, where only what ends it differs.
    Template(Arc<PodTemplate>),
    /// Replaces its labels.
    Labels(Arc<Labels>),
    /// Replaces its annotations.
    Annotations(Arc<Labels>),
}

/// What happens to an init container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitWrite {
    /// It starts, for the first time or again.
    Start,
    /// A sidecar's startup probe has succeeded, or it has none.
    Started,
    /// Whether a sidecar is ready.
    Ready(bool),
    /// It has ended.
    End(TerminationReason),
}

/// A change of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The object.
    pub object: ObjectId,
    /// What happened to it.
    pub what: What,
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It was created.
    Created,
    /// Its `spec.replicas` changed.
    Scaled {
        /// What it was before.
        from: i32,
    },
    /// Something else in its spec, labels or annotations changed.
    Spec,
    /// Its status changed.
    Status,
    /// It is gone. A pod can still be read.
    Deleted,
    /// A pod is bound to its node.
    Scheduled,
    /// A container of a pod runs.
    ContainerStarted(u16),
    /// The application in a pod has started up.
    AppStarted,
    /// A container of a pod no longer runs.
    ContainerStopped(u16),
    /// A pod's condition Ready changed.
    Ready,
    /// A pod has got its deletion timestamp.
    Deleting,
    /// The grace period of a pod that is being deleted is shortened.
    GraceShortened,
    /// A pod's containers get SIGTERM.
    Terminating,
    /// A pod's containers have ended for good: it uses its node no more.
    Ended,
    /// A resize of a pod is asked for.
    ResizeRequested,
    /// A node has promised what a resize of a pod asks for.
    ResizeAllocated,
    /// A resize of a pod is in force.
    Resized,
    /// kube-proxy sends traffic to a pod from now on.
    EndpointAdded,
    /// kube-proxy sends no more traffic to a pod, which may be gone.
    EndpointRemoved,
    /// kube-proxy sends the traffic of another workload's Services to a pod from now on, or no
    /// more; it may be gone.
    EndpointElsewhere(WorkloadId, bool),
}
