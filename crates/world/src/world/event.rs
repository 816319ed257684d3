//! The enum of enums: every event names the component that handles it.

use super::cluster_autoscaler;
use super::karpenter;
use super::keda;
use super::prometheus::PrometheusEvent;
use super::traffic::TrafficEvent;
use crate::controller::{
    cronjob, daemonset, deployment, disruption, endpoints, garbage_collector, job, node_lifecycle,
    podautoscaler, podgc, replicaset, statefulset, taint_eviction,
};
use crate::metrics::MetricsEvent;
use crate::{cloud, kubelet, scheduler};

/// Something is due.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// In the request engine.
    Traffic(TrafficEvent),
    /// In the metrics pipeline.
    Metrics(MetricsEvent),
    /// For the Deployment controller.
    Deployment(deployment::adapter::Event),
    /// For the ReplicaSet controller.
    ReplicaSet(replicaset::Event),
    /// For the StatefulSet controller.
    StatefulSet(statefulset::adapter::Event),
    /// For the DaemonSet controller.
    DaemonSet(daemonset::adapter::Event),
    /// For the Job controller.
    Job(job::Event),
    /// For the CronJob controller.
    CronJob(cronjob::adapter::Event),
    /// For the eviction API.
    Disruption(disruption::Event),
    /// For the EndpointSlice controller and kube-proxy.
    Endpoints(endpoints::Event),
    /// For the garbage collector.
    GarbageCollector(garbage_collector::Event),
    /// For the pod garbage collector.
    PodGc(podgc::Event),
    /// For the node lifecycle controller.
    NodeLifecycle(node_lifecycle::Event),
    /// For the taint eviction controller.
    TaintEviction(taint_eviction::Event),
    /// For the scheduler.
    Scheduler(scheduler::Event),
    /// For a kubelet.
    Kubelet(kubelet::Event),
    /// The scenario's workload of this index is created.
    CreateWorkload(u32),
    /// The scenario's workload of this index is deleted.
    DeleteWorkload(u32),
    /// The scenario's action of this index is due.
    Action(u32),
    /// The drain of this index asks again.
    Drain(u32),
    /// The time of the `rollout status` of this index is over.
    WatchTimeout(u32),
    /// In the cloud that the nodes come from.
    Cloud(cloud::Event),
    /// For the Cluster Autoscaler.
    ClusterAutoscaler(cluster_autoscaler::Event),
    /// For Karpenter.
    Karpenter(karpenter::Event),
    /// A fault begins, goes on or ends.
    Faults,
    /// For the HPA controller.
    Hpa(podautoscaler::Event),
    /// For KEDA's operator.
    Keda(keda::Event),
    /// The VPA recommender makes a pass.
    VpaRecommender,
    /// The VPA updater makes a pass.
    VpaUpdater,
    /// The time series get a row.
    Sample,
    /// Service counters are read for custom metrics.
    Counters,
    /// For Prometheus and its adapter.
    Prometheus(PrometheusEvent),
}

const _: () = assert!(size_of::<Event>() <= 16);

impl From<TrafficEvent> for Event {
    fn from(event: TrafficEvent) -> Self {
        Self::Traffic(event)
    }
}

impl From<MetricsEvent> for Event {
    fn from(event: MetricsEvent) -> Self {
        Self::Metrics(event)
    }
}
