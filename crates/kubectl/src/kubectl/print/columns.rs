//! Which columns a kind has, and the table of some objects.

use serde_json::Value;

use super::age::Timestamp;
use super::cells::{created, labels, name, text};
use super::table::Table;
use super::{autoscaling, cluster, endpoints, jobs, karpenter, keda, pods, workloads};
use crate::kubectl::kind::Kind;

/// What `kubectl get` was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are kubectl's flags")]
pub struct TableOptions {
    /// `-o wide`.
    pub wide: bool,
    /// `-A`: a column with the namespace.
    pub with_namespace: bool,
    /// Names with their kind, as where several kinds are listed.
    pub with_kind: bool,
    /// `--show-labels`.
    pub show_labels: bool,
    /// `-L`.
    pub label_columns: Vec<String>,
}

/// The columns of a kind behind NAME, and the cells of an object in them. Wide columns are
/// marked with a `+`.
pub(super) type Printer = (
    &'static [&'static str],
    fn(&Value, Timestamp) -> Vec<String>,
);

fn printer(kind: &Kind) -> Printer {
    match kind.kind {
        "Pod" => pods::POD,
        "Deployment" => workloads::DEPLOYMENT,
        "ReplicaSet" => workloads::REPLICA_SET,
        "StatefulSet" => workloads::STATEFUL_SET,
        "DaemonSet" => workloads::DAEMON_SET,
        "ControllerRevision" => workloads::CONTROLLER_REVISION,
        "Job" => jobs::JOB,
        "CronJob" => jobs::CRON_JOB,
        "HorizontalPodAutoscaler" => autoscaling::HORIZONTAL,
        "VerticalPodAutoscaler" => autoscaling::VERTICAL,
        "ScaledObject" => keda::SCALED_OBJECT,
        "ScaledJob" => keda::SCALED_JOB,
        "NodeClaim" => karpenter::NODE_CLAIM,
        "NodePool" => karpenter::NODE_POOL,
        "EC2NodeClass" => karpenter::NODE_CLASS,
        "PodDisruptionBudget" => cluster::DISRUPTION_BUDGET,
        "Node" => cluster::NODE,
        "Namespace" => cluster::NAMESPACE,
        "Service" => cluster::SERVICE,
        "Event" => cluster::EVENT,
        "Endpoints" => endpoints::ENDPOINTS,
        "EndpointSlice" => endpoints::ENDPOINT_SLICE,
        "ConfigMap" => cluster::CONFIG_MAP,
        "Secret" => cluster::SECRET,
        _ => (&["Age"], |object, now| vec![created(object, now)]),
    }
}

/// The table of objects of one kind. `now` is the API server's time, which ages count to.
pub fn table(kind: &Kind, objects: &[Value], options: &TableOptions, now: Timestamp) -> Table {
    let (columns, cells) = printer(kind);
    let shown = |column: &str| options.wide || !column.starts_with('+');
    // Events have no name among their columns but in a wide table.
    let named = kind.kind != "Event";
    let mut names = Vec::new();
    if options.with_namespace && kind.namespaced {
        names.push("Namespace".to_owned());
    }
    if named {
        names.push("Name".to_owned());
    }
    let kept = columns.iter().filter(|column| shown(column));
    names.extend(kept.map(|column| column.trim_start_matches('+').to_owned()));
    names.extend(options.label_columns.iter().map(|label| {
        let last = label.rsplit('/').next();
        last.unwrap_or_default().to_owned()
    }));
    if options.show_labels {
        names.push("Labels".to_owned());
    }
    let row = |object: &Value| {
        let mut row = Vec::with_capacity(names.len());
        if options.with_namespace && kind.namespaced {
            let namespace = text(object, &["metadata", "namespace"]);
            row.push(namespace.unwrap_or_default().to_owned());
        }
        if named {
            row.push(if options.with_kind {
                format!("{}/{}", kind.qualified(), name(object))
            } else {
                name(object)
            });
        }
        let cells = cells(object, now);
        let kept = cells.into_iter().zip(columns);
        row.extend(
            kept.filter(|(_, column)| shown(column))
                .map(|(cell, _)| cell),
        );
        let values = &object["metadata"]["labels"];
        row.extend(options.label_columns.iter().map(|label| {
            let value = values[label].as_str();
            value.unwrap_or_default().to_owned()
        }));
        if options.show_labels {
            row.push(labels(values));
        }
        row
    };
    Table {
        rows: objects.iter().map(row).collect(),
        columns: names,
    }
}
