//! The validated scenario: everything that a run needs, with units, nothing left to check.

use std::sync::Arc;

use super::admission::Admission;
pub use super::karpenter::KarpenterMarket;
use super::node::Span;
use crate::autoscaler::vpa::recommender::history::UsageHistory;
use crate::autoscaler::{cluster_autoscaler, hpa, karpenter, keda, vpa};
use crate::cluster::prices::{CommitmentSpec, IdlePayer, PodBilling};
use crate::cluster::spec::{ClusterConfig, NodeGroupSpec, PdbSpec, WorkloadSpec};
use crate::kubectl::command::CommandLine;
use crate::load::spec::LoadSpec;
use crate::metrics::spec::{CustomMetricSpec, PipelineConfig};
use crate::sim::{Dist, SimDuration, SimTime};
use crate::units::Usd;
use crate::workload::queue::spec::QueueSpec;
use crate::workload::spec::ServerSpec;

pub use super::monitoring::{AdapterSpec, ExportSpec, LabelAllowlist, PrometheusSpec};
pub use super::predictive::{Predictive, Tuning};
pub use super::trigger_source::{
    ExternalScaler, TriggerRef, TriggerSource, check_selector, queue_of,
};
pub use crate::api::CrossVersionObjectReference;

/// What one run simulates.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Name; the output folder's name too.
    pub name: String,
    /// Length, seed, warm-up.
    pub simulation: Simulation,
    /// Settings of the control plane.
    pub controllers: Controllers,
    /// Node groups.
    pub node_groups: Vec<NodeGroupSpec>,
    /// Workloads, load Jobs included.
    pub workloads: Vec<WorkloadSpec>,
    /// Services.
    pub services: Vec<ServerSpec>,
    /// Queues of messages.
    pub queues: Vec<QueueSpec>,
    /// HorizontalPodAutoscalers.
    pub hpas: Vec<HpaObject>,
    /// VerticalPodAutoscalers.
    pub vpas: Vec<VpaObject>,
    /// ScaledObjects, each of generation 1.
    pub scaled_objects: Vec<keda::ScaledObject>,
    /// ScaledJobs, each of generation 1.
    pub scaled_jobs: Vec<keda::ScaledJob>,
    /// What their triggers look at.
    pub trigger_sources: Vec<TriggerSource>,
    /// Models that predict beside HPAs.
    pub predictive: Vec<Predictive>,
    /// PodDisruptionBudgets.
    pub pdbs: Vec<PdbSpec>,
    /// Metrics of the custom and external APIs.
    pub custom_metrics: Vec<CustomMetricSpec>,
    /// Prometheus, if there is one.
    pub prometheus: Option<PrometheusSpec>,
    /// What services export, one entry per service.
    pub exports: Vec<ExportSpec>,
    /// Loads.
    pub loads: Vec<LoadSpec>,
    /// Service level objectives, one per service.
    pub slos: Vec<Slo>,
    /// Prices of requested resources.
    pub pricing: Pricing,
    /// Parameter sweep.
    pub sweep: Option<SweepSpec>,
    /// What must hold of the summary.
    pub asserts: Vec<AssertSpec>,
    /// Every object of the manifests as it stands after `--set` and the sweep's values, also of
    /// kinds that are not simulated; in the order of the files.
    pub documents: Vec<Document>,
    /// What completes objects that are created or changed during the run.
    pub admission: Admission,
    /// The namespace of objects and commands that name none.
    pub namespace: String,
    /// What people do during the run, by time.
    pub actions: Vec<Action>,
    /// What goes wrong during the run, by time.
    pub faults: Vec<Fault>,
    /// What is paid for in advance.
    pub commitments: Vec<CommitmentSpec>,
    /// Karpenter, if there are NodePools.
    pub karpenter: Option<KarpenterSpec>,
}

/// Kinds whose controllers would adopt what another leaves behind, which is not simulated.
pub const ADOPTERS: [&str; 5] = [
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
];

/// A kubectl command that is typed during the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// When.
    pub at: SimTime,
    /// The command; its namespace is the scenario's if it names none.
    pub command: CommandLine,
    /// The objects of the manifests that it names, in their order, each with its namespace.
    pub documents: Vec<serde_json::Value>,
    /// The command as typed.
    pub text: String,
    /// Where the command stands.
    pub place: Span,
}

/// A disturbance from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// When it begins.
    pub at: SimTime,
    /// When it is over; none if it lasts to the end.
    pub until: Option<SimTime>,
    /// What it is.
    pub kind: FaultKind,
    /// Where it is stated.
    pub place: Span,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// A component does not run.
    Down(Component),
    /// A node's kubelet is silent: it is not scraped and reports nothing; its pods run on.
    Kubelet(NodeName),
    /// A node is lost, with its pods.
    Node(NodeName),
    /// All nodes of a zone are lost, with their pods.
    Zone(String),
    /// A node shuts down, as its kubelet's configuration says, and is off.
    Shutdown(NodeName),
    /// The custom or external metrics API does not answer for a metric.
    Metric {
        /// The metric's name.
        name: String,
        /// Of which type; none means every type.
        metric_type: Option<MetricType>,
    },
    /// What triggers look at does not answer.
    Trigger(TriggerOutage),
    /// Images are pulled slowly.
    ImagePull(ImagePull),
    /// The registry does not have an image.
    NoImage(String),
}

/// Triggers whose sources do not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerOutage {
    /// `ScaledObject` or `ScaledJob`.
    pub kind: &'static str,
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The trigger's place; all of them if there is none.
    pub trigger: Option<usize>,
}

/// Components that can be down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// metrics-server.
    MetricsServer,
    /// vpa-recommender.
    VpaRecommender,
    /// vpa-updater.
    VpaUpdater,
    /// vpa-admission-controller.
    VpaAdmissionController,
    /// Prometheus.
    Prometheus,
    /// prometheus-adapter.
    PrometheusAdapter,
    /// keda-operator.
    KedaOperator,
    /// keda-operator-metrics-apiserver.
    KedaMetricsApiserver,
}

impl Component {
    /// The component's own name.
    pub fn name(self) -> &'static str {
        match self {
            Self::MetricsServer => "metrics-server",
            Self::VpaRecommender => "vpa-recommender",
            Self::VpaUpdater => "vpa-updater",
            Self::VpaAdmissionController => "vpa-admission-controller",
            Self::Prometheus => "prometheus",
            Self::PrometheusAdapter => "prometheus-adapter",
            Self::KedaOperator => "keda-operator",
            Self::KedaMetricsApiserver => "keda-operator-metrics-apiserver",
        }
    }
}

/// A node of the start: its place in its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeName {
    /// `GROUP-N`.
    pub name: String,
    /// Index of the group in the scenario's node groups.
    pub group: usize,
    /// Its place in the group, from 0.
    pub number: u32,
}

/// Types of the metrics that `[[metric]]` serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricType {
    /// Of pods.
    Pods,
    /// Of an object.
    Object,
    /// From outside the cluster.
    External,
}

/// How slowly images are pulled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ImagePull {
    /// Each pull takes this long.
    Takes(SimDuration),
    /// Each pull takes so many times as long as otherwise.
    Times(f64),
}

/// An object of the manifests.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.namespace`; empty for kinds outside namespaces.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// The whole document.
    pub value: Arc<serde_json::Value>,
    /// What was read from it; none if the kind is not simulated.
    pub object: Option<ObjectIndex>,
}

/// Where the scenario holds what it read from a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectIndex {
    /// In `workloads`.
    Workload(usize),
    /// In `hpas`.
    Hpa(usize),
    /// In `vpas`.
    Vpa(usize),
    /// In `pdbs`.
    Pdb(usize),
    /// A Service, a PriorityClass or a LimitRange: what it does to others is in them.
    Other,
}

/// Length, seed and warm-up of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simulation {
    /// Simulated time.
    pub duration: SimDuration,
    /// Seed of all random streams.
    pub seed: u64,
    /// Time at the start that the analysis leaves out.
    pub warm_up: SimDuration,
    /// Distance of the rows in the time series, and length of the latency windows.
    pub step: SimDuration,
    /// What there is at the start.
    pub from: From,
    /// Whether the calendar time of the start is stated, by `start` or by a trace.
    pub has_calendar: bool,
}

/// What there is at the start of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum From {
    /// Workloads whose pods have been ready for long.
    #[default]
    Steady,
    /// Objects that are applied at that moment: their pods are yet to be created.
    Apply,
}

/// Settings of the control plane, by component.
#[derive(Debug, Clone, PartialEq)]
pub struct Controllers {
    /// The HPA controller.
    pub hpa: hpa::Config,
    /// The three components of the VPA.
    pub vpa: VpaConfig,
    /// Other controllers, scheduler, kubelet.
    pub cluster: ClusterConfig,
    /// cAdvisor and metrics-server.
    pub metrics: PipelineConfig,
    /// The Cluster Autoscaler.
    pub cluster_autoscaler: ClusterAutoscalerConfig,
}

/// Regular expressions on names of node groups, by priority.
pub type GroupPriorities = Vec<(i64, Vec<String>)>;

/// The Cluster Autoscaler's settings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClusterAutoscalerConfig {
    /// Whether it runs.
    pub enabled: bool,
    /// Whether the scenario says that it runs, or that it does not, and where.
    pub stated: Option<(bool, Span)>,
    /// Its flags.
    pub options: cluster_autoscaler::Options,
    /// For the expander `priority`: regular expressions on a group's name, by priority; or what is
    /// wrong with its ConfigMap.
    pub priorities: Option<Result<GroupPriorities, String>>,
    /// What groups set for themselves, in the order of the node groups.
    pub group_options: Vec<cluster_autoscaler::NodeGroupOptions>,
}

/// Karpenter's settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KarpenterConfig {
    /// `BATCH_IDLE_DURATION`.
    pub batch_idle: SimDuration,
    /// `BATCH_MAX_DURATION`.
    pub batch_most: SimDuration,
    /// Feature gate SpotToSpotConsolidation.
    pub spot_to_spot: bool,
    /// Feature gate StaticCapacity.
    pub static_capacity: bool,
}

impl Default for KarpenterConfig {
    fn default() -> Self {
        Self {
            batch_idle: karpenter::schedule::BATCH_IDLE,
            batch_most: karpenter::schedule::BATCH_MOST,
            spot_to_spot: false,
            static_capacity: false,
        }
    }
}

impl KarpenterConfig {
    /// From the launch of a machine to its being Ready, in seconds, if the scenario states nothing:
    /// a median of 60 s, 120 s at the 95th percentile.
    pub fn provisioning() -> Dist {
        Dist::lognormal(65.6, 0.44).unwrap_or(Dist::Constant(65.6))
    }
}

/// What Karpenter has to know.
#[derive(Debug, Clone, PartialEq)]
pub struct KarpenterSpec {
    /// Its settings.
    pub config: KarpenterConfig,
    /// The NodePools.
    pub pools: Vec<karpenter::NodePool>,
    /// The instance types of each pool.
    pub types: Vec<Vec<karpenter::instance_type::InstanceType>>,
    /// What it can launch: of one NodePool, type, zone and capacity type the last counts.
    pub launches: Vec<KarpenterLaunch>,
    /// The NodeClasses.
    pub classes: Vec<karpenter::NodeClass>,
    /// What there is to be had.
    pub market: KarpenterMarket,
    /// Node groups from here on are Karpenter's.
    pub first_group: usize,
}

/// A machine that Karpenter can launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KarpenterLaunch {
    /// Place of its NodePool.
    pub pool: usize,
    /// Its instance type.
    pub instance_type: String,
    /// Its zone.
    pub zone: String,
    /// Whether it is preemptible.
    pub spot: bool,
    /// The node group that such machines are of: an index of the scenario's.
    pub group: usize,
}

/// A HorizontalPodAutoscaler.
#[derive(Debug, Clone, PartialEq)]
pub struct HpaObject {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `spec.scaleTargetRef`.
    pub target: CrossVersionObjectReference,
    /// The scaled workload: its index in the scenario's workloads. None if the target is absent
    /// or of a kind that is not simulated; the controller then stops with `FailedGetScale`.
    pub workload: Option<usize>,
    /// The completed spec.
    pub spec: hpa::HpaSpec,
    /// When its first syncs begin; drawn if there is none.
    pub first_syncs: Vec<SimTime>,
    /// Its index in the scenario's documents; none if it was made during a run.
    pub document: Option<usize>,
}

/// Flags of the VPA's components.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VpaConfig {
    /// vpa-recommender.
    pub recommender: vpa::RecommenderFlags,
    /// vpa-updater.
    pub updater: vpa::UpdaterFlags,
    /// vpa-admission-controller.
    pub admission: vpa::AdmissionFlags,
    /// Feature gates of each.
    pub gates: VpaGates,
    /// The calendar time of the start.
    pub clock: vpa::WallClock,
}

/// Feature gates of the VPA's components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VpaGates {
    /// vpa-recommender.
    pub recommender: vpa::FeatureGates,
    /// vpa-updater.
    pub updater: vpa::FeatureGates,
    /// vpa-admission-controller.
    pub admission: vpa::FeatureGates,
}

/// A VerticalPodAutoscaler.
#[derive(Debug, Clone, PartialEq)]
pub struct VpaObject {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `spec.targetRef`.
    pub target: CrossVersionObjectReference,
    /// The workload it targets: its index in the scenario's workloads. None if the target is
    /// absent or of a kind that is not simulated; there is no recommendation then.
    pub workload: Option<usize>,
    /// The completed spec.
    pub spec: vpa::VpaSpec,
    /// Its index in the scenario's documents; none if it was made during a run.
    pub document: Option<usize>,
    /// What its recommender knows at the start: usage of the past.
    pub history: UsageHistory,
    /// What its recommender knows at the start: checkpoints, one per container.
    pub checkpoints: Vec<vpa::recommender::Checkpoint>,
}

/// Service level objective.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slo {
    /// The latency percentile that is bounded, in percent.
    pub percentile: f64,
    /// Its bound; no latency objective if absent.
    pub latency: Option<SimDuration>,
    /// Largest share of failed requests.
    pub error_rate: f64,
}

/// Prices of what pods request, per hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pricing {
    /// A core for an hour.
    pub cpu_hour: Usd,
    /// A GiB for an hour.
    pub gib_hour: Usd,
    /// What pods are rounded up to.
    pub pods: PodBilling,
    /// What a core and a GiB cost in the compute classes general-purpose, Balanced and Scale-Out.
    pub classes: [Option<(Usd, Usd)>; 3],
    /// Billed at least per pod, in seconds.
    pub minimum_seconds: f64,
    /// The cluster's fee per hour.
    pub cluster_hour: Usd,
    /// Billed at least per node, in seconds.
    pub node_minimum_seconds: f64,
    /// What the provider pays of the run.
    pub credit: Usd,
    /// Who pays for what is idle.
    pub idle: IdlePayer,
}

/// A parameter sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepSpec {
    /// How points are chosen.
    pub design: Design,
    /// Seeds per point.
    pub replicates: u32,
    /// The parameters.
    pub parameters: Vec<ParameterSpec>,
}

/// How a sweep's points are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// Every combination.
    Grid,
    /// This many points drawn at random.
    Random {
        /// How many.
        points: u32,
    },
}

/// A parameter of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterSpec {
    /// The path that is set.
    pub path: String,
    /// The values it takes.
    pub values: ParameterValues,
}

/// Values of a sweep's parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterValues {
    /// These, as the scenario writes them.
    List(Vec<String>),
    /// Uniform between two numbers; for random designs only.
    Range {
        /// The least.
        low: f64,
        /// The largest.
        high: f64,
        /// Whole numbers only.
        whole: bool,
        /// What stands behind the number; empty for plain numbers.
        unit: String,
    },
}

/// What must hold of a metric of the summary.
#[derive(Debug, Clone, PartialEq)]
pub struct AssertSpec {
    /// Name of the metric.
    pub metric: String,
    /// Least value.
    pub min: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
    /// The value itself.
    pub equals: Option<f64>,
    /// Where the metric is named: whether it exists is known after a run.
    pub place: Span,
}

impl Scenario {
    /// The document that something was read from.
    pub fn document_of(&self, object: ObjectIndex) -> Option<&Document> {
        let mut documents = self.documents.iter();
        documents.find(|document| document.object == Some(object))
    }
}

impl Simulation {
    /// The instant at which the run ends.
    pub fn end(&self) -> SimTime {
        SimTime::ZERO + self.duration
    }
}
