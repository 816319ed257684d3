//! `kubectl describe`: an object and its events as text.
//!
//! Upstream: kubectl's `pkg/describe/describe.go`.

mod config;
mod containers;
mod date;
mod events;
mod generic;
mod hpa;
mod jobs;
mod node;
mod node_pods;
mod pod;
mod pod_disruption_budget;
mod probe;
mod replicas;
mod service;
mod template;
mod volumes;
mod workloads;
mod writer;

use serde_json::Value;

use super::age::Timestamp;
use crate::kubectl::kind::Kind;

use events::is_about;

/// What kubectl reads of the cluster besides the object itself. Lists may hold more than belongs
/// to the object: what does is chosen as kubectl chooses it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around<'a> {
    /// Events, if they are to be shown.
    pub events: Option<&'a [Value]>,
    /// Pods: a set's are counted, a node's are listed.
    pub pods: &'a [Value],
    /// ReplicaSets, for a Deployment.
    pub replica_sets: &'a [Value],
    /// EndpointSlices of a Service.
    pub endpoint_slices: &'a [Value],
    /// The Lease of a node; its lines are left out without one.
    pub lease: Option<&'a Value>,
}

/// Describes an object as kubectl does: kinds of the API server by their own describers, kinds of
/// custom resource definitions (VPAs) by the generic one. `now` is when it is printed. None for
/// kinds that are built in and have no describer here.
pub fn describe(
    kind: &Kind,
    object: &Value,
    around: &Around<'_>,
    now: Timestamp,
) -> Option<String> {
    let mut writer = writer::Writer::default();
    let into = &mut writer;
    match kind.kind {
        "Pod" => pod::describe(object, now, into),
        "Deployment" => workloads::deployment(object, around.replica_sets, into),
        "ReplicaSet" => workloads::replica_set(object, around.pods, into),
        "StatefulSet" => workloads::stateful_set(object, around.pods, into),
        "DaemonSet" => workloads::daemon_set(object, around.pods, into),
        "Job" => jobs::job(object, into),
        "CronJob" => jobs::cron_job(object, into),
        "Node" => node::describe(object, around, now, into),
        "PodDisruptionBudget" => pod_disruption_budget::describe(object, into),
        "ConfigMap" => config::config_map(object, into),
        "Secret" => config::secret(object, into),
        "Service" => service::service(object, around.endpoint_slices, into),
        "Endpoints" => service::endpoints(object, into),
        "EndpointSlice" => service::endpoint_slice(object, into),
        "HorizontalPodAutoscaler" => hpa::describe(object, into),
        _ if kind.built_in => return None,
        _ => generic::describe(object, into),
    }
    // Of a Secret no events are read.
    if let Some(events) = around.events.filter(|_| kind.kind != "Secret") {
        let about = events.iter().filter(|event| is_about(event, object));
        events::describe(about, now, into);
    }
    Some(writer.text())
}

/// A pod template as `kubectl rollout history --revision` prints it, its columns ended by tabs.
pub fn describe_template(template: &Value) -> String {
    let mut writer = writer::Writer::default();
    template::describe(template, &mut writer);
    writer.unaligned()
}
