//! Upstream's flags that change nothing here.

use super::Options;

/// Why a flag of upstream's changes nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inert {
    /// It bounds or speeds up work that takes no time here.
    Time,
    /// Upstream 1.36.1 reads it and does nothing with it.
    Unused,
    /// It says how the process runs or whom it talks to.
    Process,
    /// What it turns on or tunes is not simulated.
    Missing,
}

impl Inert {
    /// The same in words.
    pub const fn why(self) -> &'static str {
        match self {
            Self::Time => "it limits how long the autoscaler works, which takes no time here",
            Self::Unused => "the Cluster Autoscaler 1.36 reads it and does nothing with it",
            Self::Process => "it is about the process, not about what it decides",
            Self::Missing => "what it is for is not simulated",
        }
    }
}

/// Upstream's flags that change nothing here.
const INERT: &[(Inert, &[&str])] = &[
    (
        Inert::Time,
        &[
            "enable-graceful-degradation",
            "enable-inter-pod-affinity-hostname-fast-path",
            "max-binpacking-time",
            "max-bulk-soft-taint-time",
            "max-nodegroup-binpacking-duration",
            "scale-down-simulation-timeout",
            "cluster-snapshot-parallelism",
            "predicate-parallelism",
            "kube-client-burst",
            "kube-client-qps",
            "max-failing-time",
            "max-inactivity",
            "max-startup-time",
            "salvo-scale-up-budget",
            "pending-pods-batching-timeout",
        ],
    ),
    (
        Inert::Unused,
        &[
            "scale-down-candidates-pool-min-count",
            "scale-down-candidates-pool-ratio",
            "scale-down-non-empty-candidates-count",
        ],
    ),
    (
        Inert::Process,
        &[
            "address",
            "aws-use-static-instance-list",
            "bulk-mig-instances-listing-enabled",
            "cloud-config",
            "cloud-provider",
            "cluster-name",
            "clusterapi-cloud-config-authoritative",
            "debugging-snapshot-enabled",
            "emit-per-nodegroup-metrics",
            "gce-concurrent-refreshes",
            "gce-mig-instances-min-refresh-wait-time",
            "grpc-expander-cert",
            "grpc-expander-url",
            "kube-api-content-type",
            "kubeconfig",
            "kubernetes",
            "leader-elect",
            "logtostderr",
            "max-node-skip-eval-time-tracker-enabled",
            "namespace",
            "node-group-auto-discovery",
            "node-removal-latency-tracking-enabled",
            "nodes",
            "profiling",
            "regional",
            "scheduler-verbosity",
            "stderrthreshold",
            "user-agent",
            "v",
        ],
    ),
    (
        Inert::Missing,
        &[
            "allowed-scheduler-names",
            "async-node-groups",
            "capacity-buffer-controller-enabled",
            "capacity-buffer-pod-dry-run-enabled",
            "capacity-buffer-pod-injection-enabled",
            "capacity-quotas-enabled",
            "check-capacity-batch-processing",
            "check-capacity-processor-instance",
            "check-capacity-provisioning-request-batch-timebox",
            "check-capacity-provisioning-request-max-batch-size",
            "dynamic-node-delete-delay-after-taint-enabled",
            "enable-csi-node-aware-scheduling",
            "enable-dynamic-resource-allocation",
            "enable-proactive-scaleup",
            "enable-provisioning-requests",
            "force-delete-failed-nodes",
            "gpu-total",
            "node-deletion-candidate-ttl",
            "pod-injection-limit",
            "provisioning-request-initial-backoff-time",
            "provisioning-request-max-backoff-cache-size",
            "provisioning-request-max-backoff-time",
            "scaleup-simulation-for-skipped-node-groups-enabled",
            "scheduler-config-file",
        ],
    ),
];

impl Options {
    /// Upstream's flags that change nothing here, and why.
    pub fn inert() -> impl Iterator<Item = (&'static str, Inert)> {
        let of_kind = |(why, flags): &(Inert, &'static [&'static str])| {
            let why = *why;
            flags.iter().map(move |flag| (*flag, why))
        };
        INERT.iter().flat_map(of_kind)
    }
}
