//! What the cluster consists of: parameters only, as manifests and scenario state them.

use std::sync::Arc;

use super::eviction::Eviction;
use crate::controller::cronjob::CronJobSpec;
use crate::controller::daemonset::DaemonSetUpdate;
use crate::controller::deployment::DeploymentSpec;
use crate::controller::job::JobSpec;
use crate::controller::statefulset::StatefulSetSpec;
use crate::sim::{Dist, SimDuration, SimTime};
use crate::units::{Bytes, Millicores, Usd};

use crate::api::Taint;
pub use crate::api::{
    ContainerSpec, Extended, IntOrPercent, LabelSelector, Labels, PodTemplate, ProbeAction,
    ProbeSpec,
};

/// A group of equal nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeGroupSpec {
    /// Name of the group.
    pub name: String,
    /// Nodes at the start.
    pub count: u32,
    /// CPU of a node.
    pub cpu: Millicores,
    /// Memory of a node.
    pub memory: Bytes,
    /// CPU left for pods.
    pub allocatable_cpu: Millicores,
    /// Memory left for pods.
    pub allocatable_memory: Bytes,
    /// Pods that fit at most.
    pub max_pods: u32,
    /// CPU requests on each node of DaemonSet pods that are not simulated.
    pub daemonset_cpu: Millicores,
    /// Memory requests on each node of DaemonSet pods that are not simulated.
    pub daemonset_memory: Bytes,
    /// What a node pulls of images in a second.
    pub image_bandwidth: Bytes,
    /// Zone label; nodes of a group without one share the empty zone.
    pub zone: String,
    /// Further node labels.
    pub labels: Labels,
    /// What a node has for pods besides CPU and memory, such as GPUs.
    pub extended: Arc<Extended>,
    /// Instance type as billed, if from a price table.
    pub instance_type: Option<String>,
    /// Price of a node per hour.
    pub price_per_hour: Usd,
    /// Prices per hour in dollars from each time on, where they change; times ascend.
    pub prices: Vec<(SimTime, f64)>,
    /// Whether the nodes are spot nodes.
    pub spot: bool,
    /// Taints that its nodes have from the start.
    pub taints: Vec<Taint>,
    /// How it grows and shrinks.
    pub scaling: ScalingSpec,
    /// What a node would cost an hour on demand.
    pub list_price: Usd,
    /// How the provider takes its spot nodes back, if it does.
    pub interruption: Option<InterruptionSpec>,
}

impl NodeGroupSpec {
    /// What a node pulls of images in a second where nothing is stated: unpacking bounds it.
    pub const IMAGE_BANDWIDTH: Bytes = Bytes(50 << 20);
}

/// How a provider takes spot nodes back.
#[derive(Debug, Clone, PartialEq)]
pub struct InterruptionSpec {
    /// Chance an hour (λ of an exponential): of each node, or of the group if nodes go together.
    pub hazard: f64,
    /// Times at which it happens besides.
    pub times: Vec<SimTime>,
    /// Nodes go together: the chance that one that happens takes a node. None takes one node.
    pub correlated: Option<f64>,
    /// From the notice to the end of the machine.
    pub notice: SimDuration,
    /// After this long the machine is gone at the latest.
    pub max_lifetime: Option<SimDuration>,
    /// A node that is taken in its first hour costs nothing.
    pub free_first_hour: bool,
    /// The group whose nodes replace those that go; its own if absent.
    pub fallback: Option<usize>,
    /// What is done at the notice.
    pub handler: SpotHandler,
    /// How long before the notice the provider recommends to leave the node, if it does.
    pub rebalance: Option<SimDuration>,
    /// What is done then.
    pub on_rebalance: OnRebalance,
}

/// Who heeds a notice, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpotHandler {
    /// Cordons the node and deletes its pods, whatever budgets say.
    #[default]
    Delete,
    /// Cordons the node and evicts its pods as `kubectl drain` does.
    Evict,
    /// The kubelet shuts its node down gracefully.
    Shutdown,
    /// Nobody.
    None,
}

impl SpotHandler {
    /// Their names.
    pub const NAMES: [&'static str; 4] = ["delete", "evict", "graceful-shutdown", "none"];

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Delete, Self::Evict, Self::Shutdown, Self::None];
        let place = Self::NAMES.iter().position(|other| *other == name)?;
        Some(all[place])
    }

    /// Whether it cordons the node.
    pub fn cordons(self) -> bool {
        matches!(self, Self::Delete | Self::Evict)
    }
}

/// What is done when a provider recommends to leave a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnRebalance {
    /// It is told.
    #[default]
    Nothing,
    /// The node is cordoned.
    Cordon,
    /// It is drained.
    Drain,
}

impl OnRebalance {
    /// Their names.
    pub const NAMES: [&'static str; 3] = ["nothing", "cordon", "drain"];

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Nothing, Self::Cordon, Self::Drain];
        let place = Self::NAMES.iter().position(|other| *other == name)?;
        Some(all[place])
    }
}

/// How a node group grows and shrinks while the cluster runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingSpec {
    /// The least and the most nodes that a node autoscaler may make of it; without them it leaves
    /// the group alone.
    pub bounds: Option<(u32, u32)>,
    /// From a request for a node to its being Ready, in seconds.
    pub provisioning: Dist,
    /// Requests that come to nothing.
    pub failure: Option<NodeFailure>,
    /// Taints of new nodes that agents take off before pods can be there.
    pub startup_taints: Vec<Taint>,
    /// How long they take for that from the node's being Ready on, in seconds.
    pub untainted: Dist,
}

impl Default for ScalingSpec {
    fn default() -> Self {
        Self {
            bounds: None,
            // Managed node groups: a median of 150 s, 270 s at the 95th percentile.
            provisioning: Dist::lognormal(160.0, 0.37).unwrap_or(Dist::Constant(160.0)),
            failure: None,
            startup_taints: Vec::new(),
            untainted: Dist::Constant(0.0),
        }
    }
}

/// Requests for nodes that come to nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeFailure {
    /// The share of the requests, from 0 to 1.
    pub share: f64,
    /// Why.
    pub reason: FailureReason,
    /// From when on.
    pub from: SimTime,
    /// Until when, if it ends.
    pub until: Option<SimTime>,
}

impl NodeFailure {
    /// Whether it is in force.
    pub fn holds(&self, now: SimTime) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }
}

/// Why a request for nodes comes to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureReason {
    /// The provider has no such machine left.
    Stockout,
    /// The account may not have more.
    Quota,
    /// The provider's API refuses the call.
    Throttled,
    /// The machine runs, but never registers as a node.
    NeverRegisters,
}

impl FailureReason {
    /// The names in scenarios, in the order of the variants.
    pub const NAMES: [&str; 4] = ["stockout", "quota", "throttled", "never-registers"];

    /// By its name in scenarios.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [
            Self::Stockout,
            Self::Quota,
            Self::Throttled,
            Self::NeverRegisters,
        ];
        let place = Self::NAMES.iter().position(|one| *one == name)?;
        Some(all[place])
    }

    /// Whether the provider is out of resources, as the Cluster Autoscaler classes it.
    pub fn is_out_of_resources(self) -> bool {
        matches!(self, Self::Stockout | Self::Quota)
    }

    /// The provider's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Stockout => "RESOURCE_POOL_EXHAUSTED",
            Self::Quota => "QUOTA_EXCEEDED",
            Self::Throttled => "RATE_LIMIT_EXCEEDED",
            Self::NeverRegisters => "",
        }
    }

    /// The provider's message.
    pub fn message(self) -> &'static str {
        match self {
            Self::Stockout => "Instance could not be created because the zone has no capacity left",
            Self::Quota => "Instance could not be created because the quota of CPUs is used up",
            Self::Throttled => "rate of requests exceeded",
            Self::NeverRegisters => "",
        }
    }
}

/// A workload: something that owns pods.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadSpec {
    /// Kind with what only that kind has.
    pub kind: WorkloadKind,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `spec.replicas` (a Job: unused).
    pub replicas: i32,
    /// `spec.selector`.
    pub selector: LabelSelector,
    /// `spec.template`.
    pub template: PodTemplate,
    /// Of a Deployment: how it rolls out.
    pub rollout: DeploymentSpec,
    /// How long its pods take to start and stop.
    pub startup: StartupSpec,
    /// When the object is created; those of time 0 are there, with ready pods, at the start.
    pub created_at: SimTime,
    /// When the object is deleted, if ever.
    pub deleted_at: Option<SimTime>,
}

/// The kinds of workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` ReplicaSet without an owner.
    ReplicaSet,
    /// `apps/v1` StatefulSet.
    StatefulSet(StatefulSetSpec),
    /// `apps/v1` DaemonSet.
    DaemonSet(DaemonSetUpdate),
    /// `batch/v1` Job.
    Job(Arc<JobSpec>),
    /// `batch/v1` CronJob.
    CronJob(Arc<CronJobSpec>),
    /// `keda.sh/v1alpha1` ScaledJob: what each of its Jobs is.
    ScaledJob(Arc<JobSpec>),
    /// `v1` Pod that no controller owns.
    Pod,
}

impl WorkloadKind {
    /// The kind's name as in manifests.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::StatefulSet(_) => "StatefulSet",
            Self::DaemonSet(_) => "DaemonSet",
            Self::Job(_) => "Job",
            Self::CronJob(_) => "CronJob",
            Self::ScaledJob(_) => "ScaledJob",
            Self::Pod => "Pod",
        }
    }
}

impl WorkloadSpec {
    /// How long the pods of a CronJob or a ScaledJob run if nothing tells it, in seconds.
    pub const RUN_TIME: f64 = 60.0;

    /// Whether it is a pod of its own that comes to an end.
    pub fn is_passing_pod(&self) -> bool {
        let containers = &self.template.containers;
        let ends = containers.iter().all(|one| one.sleeps.is_some());
        let is_limited = self.template.active_deadline.is_some();
        let ends = ends || is_limited || self.startup.run_time.is_some();
        self.kind == WorkloadKind::Pod && ends
    }

    /// Whether nothing tells when the pods of a CronJob or a ScaledJob end.
    pub fn lacks_run_time(&self) -> bool {
        let mut containers = self.template.containers.iter();
        matches!(
            self.kind,
            WorkloadKind::CronJob(_) | WorkloadKind::ScaledJob(_)
        ) && self.startup.run_time.is_none()
            && containers.any(|one| one.sleeps.is_none())
    }
}

/// How long pods of a workload take to come and go; all in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct StartupSpec {
    /// Pulling the image, on a node that does not have it yet.
    pub image_pull: Dist,
    /// The image's size, if pulls take as long as that needs at the node's bandwidth.
    pub image_size: Option<Bytes>,
    /// From scheduled (image present) to the container running.
    pub container_start: Dist,
    /// From the container running to the application answering its readiness probe.
    pub ready: Dist,
    /// From SIGTERM to exit once the last request is done.
    pub shutdown: Dist,
    /// CPU that the serving container burns until the application answers.
    pub startup_cpu: Millicores,
    /// From the containers of a Job's pod running to their end, if nothing in the pod tells it.
    pub run_time: Option<Dist>,
    /// Whether an HTTP or gRPC probe of the serving container fails while a request would take
    /// longer than its timeout; it answers at once if false.
    pub probes_are_served: bool,
    /// What is different with these images of a container.
    pub images: Vec<(String, StartupSpec)>,
    /// The codes with which they exit then: of one run after the other, the last for all
    /// others; in an Indexed Job by completion index. Empty: what the command tells, else 0.
    pub exit_codes: Vec<u8>,
}

/// A PodDisruptionBudget.
#[derive(Debug, Clone, PartialEq)]
pub struct PdbSpec {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `spec.selector`; a PodDisruptionBudget without one selects nothing.
    pub selector: LabelSelector,
    /// `spec.minAvailable`.
    pub min_available: Option<IntOrPercent>,
    /// `spec.maxUnavailable`.
    pub max_unavailable: Option<IntOrPercent>,
    /// `spec.unhealthyPodEvictionPolicy: AlwaysAllow`.
    pub always_allow_unhealthy: bool,
}

/// A feature gate of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureGate {
    /// What it guards is not there.
    Off,
    /// It is.
    On,
}

/// Speeds and limits of the control plane and the kubelets; every default is upstream's.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterConfig {
    /// One API call that writes.
    pub api_latency: SimDuration,
    /// One read of an object or of metrics.
    pub api_read_latency: SimDuration,
    /// `--concurrent-horizontal-pod-autoscaler-syncs`.
    pub hpa_workers: u32,
    /// Feature gate MaxUnavailableStatefulSet, off by default up to 1.36.
    pub max_unavailable_stateful_set: FeatureGate,
    /// From a write of the scale to the sync of the controller of the pods, in seconds.
    pub controller_sync_delay: Dist,
    /// `--kube-api-qps` of a controller's own client in kube-controller-manager.
    pub controller_qps: f64,
    /// `--kube-api-burst` of a controller's own client in kube-controller-manager.
    pub controller_burst: u32,
    /// Scheduling one pod.
    pub scheduler_time_per_pod: SimDuration,
    /// The scheduler client's QPS.
    pub scheduler_qps: f64,
    /// The scheduler client's burst.
    pub scheduler_burst: u32,
    /// `percentageOfNodesToScore` of the scheduler, where there are 100 nodes or more: it looks
    /// no further once so many fit. 0 is what upstream takes by itself, by the number of nodes.
    pub percentage_of_nodes_to_score: u32,
    /// Feature gate SchedulerPopFromBackoffQ, on since 1.33: an idle scheduler waits for no back-off.
    pub pop_from_backoff: bool,
    /// NodeResourcesBalancedAllocation scores as since 1.36; as before it if false.
    pub balanced_allocation_v136: bool,
    /// From Ready (or deleted) to the change reaching kube-proxy, in seconds.
    pub endpoints_delay: Dist,
    /// Period of the kubelet's pod life cycle event generator.
    pub pleg_relist: SimDuration,
    /// Feature gate PLEGOnDemandRelist, on since 1.36: a start is seen at once.
    pub pleg_on_demand_relist: bool,
    /// From the last container's exit to the pod object's disappearance, in seconds.
    pub pod_removal: Dist,
    /// What of a pod can be resized in place.
    pub in_place_resize: InPlaceResize,
    /// From a resize that fits to its being in force, in seconds.
    pub resize_actuation: Dist,
    /// How requests become weights of the CPU scheduler.
    pub cpu_weight_model: CpuWeightModel,
    /// Images that a node pulls at a time (`serializeImagePulls`, `maxParallelImagePulls`); none
    /// for all that are wanted.
    pub image_pulls: Option<u32>,
    /// First delay of the crash-loop back-off.
    pub crash_loop_initial: SimDuration,
    /// Longest delay of the crash-loop back-off.
    pub crash_loop_max: SimDuration,
    /// What is added to a wait for a restart at most, as a share of it (the pod workers' jitter).
    pub restart_jitter: f64,
    /// `shutdownGracePeriod` and, of that, `shutdownGracePeriodCriticalPods`.
    pub shutdown_grace: [SimDuration; 2],
    /// When the kubelet evicts pods.
    pub eviction: Eviction,
    /// `--node-monitor-grace-period`: how long a node may be silent.
    pub node_monitor_grace: SimDuration,
    /// `--default-not-ready-toleration-seconds` and `--default-unreachable-toleration-seconds`:
    /// how long pods stay on nodes with these taints, unless they say something else themselves.
    pub default_tolerations: [SimDuration; 2],
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            api_latency: SimDuration::from_millis(20),
            api_read_latency: SimDuration::from_millis(2),
            hpa_workers: 5,
            max_unavailable_stateful_set: FeatureGate::Off,
            controller_sync_delay: Dist::Uniform {
                low: 0.008,
                high: 0.05,
            },
            controller_qps: 20.0,
            controller_burst: 30,
            scheduler_time_per_pod: SimDuration::from_millis(10),
            scheduler_qps: 50.0,
            scheduler_burst: 100,
            percentage_of_nodes_to_score: 0,
            pop_from_backoff: true,
            balanced_allocation_v136: true,
            endpoints_delay: Dist::Uniform {
                low: 0.1,
                high: 1.1,
            },
            pleg_relist: SimDuration::from_secs(1),
            pleg_on_demand_relist: true,
            pod_removal: Dist::Uniform {
                low: 0.05,
                high: 1.95,
            },
            in_place_resize: InPlaceResize::default(),
            resize_actuation: Dist::Uniform {
                low: 1.0,
                high: 3.0,
            },
            cpu_weight_model: CpuWeightModel::default(),
            image_pulls: Some(1),
            crash_loop_initial: SimDuration::from_secs(10),
            crash_loop_max: SimDuration::from_secs(300),
            restart_jitter: 0.5,
            shutdown_grace: [SimDuration::ZERO; 2],
            eviction: Eviction::default(),
            node_monitor_grace: SimDuration::from_secs(50),
            default_tolerations: [SimDuration::from_secs(300); 2],
        }
    }
}

/// What of a pod can be resized in place, by release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InPlaceResize {
    /// Nothing: the feature gate InPlacePodVerticalScaling is off (before 1.33).
    Off,
    /// All but lower limits of memory, unless the container starts anew for it (1.33).
    NoLowerMemoryLimit,
    /// Also those, as long as they are above the usage (since 1.34).
    LowerMemoryLimit,
    /// As before, but nothing that the node can never hold (PodResizeValidator, since 1.36).
    #[default]
    WithinAllocatable,
}

/// How CPU requests become weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CpuWeightModel {
    /// cgroup v1: shares, proportional to requests.
    Shares,
    /// cgroup v2 with the old linear mapping.
    V2Old,
    /// cgroup v2 with the quadratic mapping of current runtimes.
    #[default]
    V2New,
}
