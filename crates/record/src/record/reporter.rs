//! Which component reports an event: `source.component` of the Event object, or its
//! `reportingComponent` where the recorder is that of `events.k8s.io`.

use super::Event;

/// kube-scheduler.
pub const SCHEDULER: &str = "default-scheduler";
/// A node's kubelet.
pub const KUBELET: &str = "kubelet";
/// What evicts pods for taints.
pub const TAINT_EVICTION: &str = "taint-eviction-controller";

const KARPENTER: &str = "karpenter";
const CLUSTER_AUTOSCALER: &str = "cluster-autoscaler";
const NODE_LIFECYCLE: &str = "node-controller";

/// The component by its name in events.
pub fn reporter(event: &Event<'_>) -> &'static str {
    let kind = event.object.split('/').next().unwrap_or_default();
    match kind {
        "Pod" => of_pod(event),
        "Node" => of_node(event),
        "Deployment" => "deployment-controller",
        "ReplicaSet" => "replicaset-controller",
        "StatefulSet" => "statefulset-controller",
        "DaemonSet" => "daemonset-controller",
        "Job" => "job-controller",
        "CronJob" => "cronjob-controller",
        "HorizontalPodAutoscaler" => "horizontal-pod-autoscaler",
        "PodDisruptionBudget" => "controllermanager",
        "VerticalPodAutoscaler" => "vpa-updater",
        "ScaledObject" | "ScaledJob" => "keda-operator",
        "NodeClaim" | "NodePool" => KARPENTER,
        "ConfigMap" => CLUSTER_AUTOSCALER,
        _ => "",
    }
}

fn of_pod(event: &Event<'_>) -> &'static str {
    match event.reason {
        // Karpenter has its own words for the same reasons.
        "FailedScheduling" if event.message.starts_with("Failed to schedule pod") => KARPENTER,
        "Evicted" if event.message.starts_with("Evicted pod") => KARPENTER,
        "Nominated" => KARPENTER,
        "Scheduled" | "FailedScheduling" | "Preempted" => SCHEDULER,
        "TaintManagerEviction" => TAINT_EVICTION,
        "NodeNotReady" => NODE_LIFECYCLE,
        "MultiplePodDisruptionBudgets" => "controllermanager",
        "EvictedByVPA" | "InPlaceResizedByVPA" | "InPlaceResizeSkipped" => "vpa-updater",
        "TriggeredScaleUp" | "NotTriggerScaleUp" | "ScaleDown" | "ScaleDownFailed" => {
            CLUSTER_AUTOSCALER
        }
        _ => KUBELET,
    }
}

fn of_node(event: &Event<'_>) -> &'static str {
    match event.reason {
        "RegisteredNode" | "RemovingNode" | "NodeNotReady" | "DeletingNode" => NODE_LIFECYCLE,
        "ScaleDown" | "ScaleDownFailed" | "ScaleUpFailed" => CLUSTER_AUTOSCALER,
        "FailedDraining" | "SpotInterrupted" => KARPENTER,
        reason if reason.starts_with("Disruption") => KARPENTER,
        _ => KUBELET,
    }
}
