//! Deployments and sets of pods.
//!
//! Upstream: `describeDeployment`, `describeReplicaSet`, `describeStatefulSet`,
//! `describeDaemonSet`, `getPodStatusForController`.

use serde_json::Value;

use super::super::cells::{int_or_text, items, labels, number, selector, text};
use super::date::date_at;
use super::replicas;
use super::template::{self, controller, owner};
use super::writer::Writer;

pub(super) fn deployment(object: &Value, replica_sets: &[Value], writer: &mut Writer) {
    let spec = &object["spec"];
    writer.names(object);
    created(object, writer);
    writer.labels_and_annotations(object);
    writer.write(0, &format!("Selector:\t{}\n", matching(&spec["selector"])));
    let status = |field: &str| number(object, &["status", field]);
    writer.write(
        0,
        &format!(
            "Replicas:\t{} desired | {} updated | {} total | {} available | {} unavailable\n",
            spec["replicas"].as_i64().unwrap_or(1),
            status("updatedReplicas"),
            status("replicas"),
            status("availableReplicas"),
            status("unavailableReplicas"),
        ),
    );
    let strategy = &spec["strategy"];
    let kind = strategy["type"].as_str().unwrap_or_default();
    writer.write(0, &format!("StrategyType:\t{kind}\n"));
    let least = number(spec, &["minReadySeconds"]);
    writer.write(0, &format!("MinReadySeconds:\t{least}\n"));
    if let Some(rolling) = strategy.get("rollingUpdate") {
        let of = |field: &str| int_or_text(&rolling[field]).unwrap_or_else(|| "0".to_owned());
        let (unavailable, surge) = (of("maxUnavailable"), of("maxSurge"));
        writer.write(
            0,
            &format!("RollingUpdateStrategy:\t{unavailable} max unavailable, {surge} max surge\n"),
        );
    }
    template::describe(&spec["template"], writer);
    conditions(object, writer);
    replicas::describe(object, replica_sets, writer);
}

pub(super) fn replica_set(object: &Value, pods: &[Value], writer: &mut Writer) {
    let spec = &object["spec"];
    writer.names(object);
    writer.write(0, &format!("Selector:\t{}\n", selector(&spec["selector"])));
    writer.labels_and_annotations(object);
    writer.given(0, "Controlled By", controller(object).as_deref());
    let current = number(object, &["status", "replicas"]);
    let desired = spec["replicas"].as_i64().unwrap_or(1);
    writer.write(
        0,
        &format!("Replicas:\t{current} current / {desired} desired\n"),
    );
    pods_status(object, pods, writer);
    template::describe(&spec["template"], writer);
    conditions(object, writer);
}

pub(super) fn stateful_set(object: &Value, pods: &[Value], writer: &mut Writer) {
    let spec = &object["spec"];
    writer.names(object);
    created(object, writer);
    writer.write(0, &format!("Selector:\t{}\n", matching(&spec["selector"])));
    writer.labels_and_annotations(object);
    let desired = spec["replicas"].as_i64().unwrap_or(1);
    let total = number(object, &["status", "replicas"]);
    writer.write(
        0,
        &format!("Replicas:\t{desired} desired | {total} total\n"),
    );
    let strategy = &spec["updateStrategy"];
    let kind = strategy["type"].as_str().unwrap_or_default();
    writer.write(0, &format!("Update Strategy:\t{kind}\n"));
    let rolling = &strategy["rollingUpdate"];
    if let Some(partition) = rolling["partition"].as_i64() {
        writer.write(1, &format!("Partition:\t{partition}\n"));
        let most = int_or_text(&rolling["maxUnavailable"]);
        writer.given(1, "MaxUnavailable", most.as_deref());
    }
    pods_status(object, pods, writer);
    template::describe(&spec["template"], writer);
    claims(spec, writer);
}

pub(super) fn daemon_set(object: &Value, pods: &[Value], writer: &mut Writer) {
    let spec = &object["spec"];
    writer.names(object);
    writer.write(0, &format!("Selector:\t{}\n", matching(&spec["selector"])));
    let nodes = labels(&spec["template"]["spec"]["nodeSelector"]);
    writer.write(0, &format!("Node-Selector:\t{nodes}\n"));
    writer.labels_and_annotations(object);
    for (title, field) in [
        (
            "Desired Number of Nodes Scheduled",
            "desiredNumberScheduled",
        ),
        (
            "Current Number of Nodes Scheduled",
            "currentNumberScheduled",
        ),
        (
            "Number of Nodes Scheduled with Up-to-date Pods",
            "updatedNumberScheduled",
        ),
        (
            "Number of Nodes Scheduled with Available Pods",
            "numberAvailable",
        ),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ] {
        let number = number(object, &["status", field]);
        writer.write(0, &format!("{title}: {number}\n"));
    }
    pods_status(object, pods, writer);
    template::describe(&spec["template"], writer);
}

fn created(object: &Value, writer: &mut Writer) {
    let created = date_at(object, &["metadata", "creationTimestamp"]);
    writer.write(0, &format!("CreationTimestamp:\t{created}\n"));
}

/// A selector as it is sent: nothing where it matches everything (`LabelSelectorAsSelector`).
pub(super) fn matching(of: &Value) -> String {
    match selector(of) {
        none if none == super::super::cells::NONE => String::new(),
        text => text,
    }
}

fn pods_status(object: &Value, pods: &[Value], writer: &mut Writer) {
    let uid = &object["metadata"]["uid"];
    let own = |pod: &&Value| owner(pod).is_some_and(|owner| owner["uid"] == *uid);
    let own: Vec<&Value> = pods.iter().filter(own).collect();
    let [running, waiting, succeeded, failed] =
        ["Running", "Pending", "Succeeded", "Failed"].map(|phase| {
            let is = |pod: &&&Value| text(pod, &["status", "phase"]) == Some(phase);
            own.iter().filter(is).count()
        });
    writer.write(
        0,
        &format!(
            "Pods Status:\t{running} Running / {waiting} Waiting / {succeeded} Succeeded / \
             {failed} Failed\n"
        ),
    );
}

fn conditions(object: &Value, writer: &mut Writer) {
    let conditions = items(object, &["status", "conditions"]);
    if conditions.is_empty() {
        return;
    }
    writer.write(0, "Conditions:\n  Type\tStatus\tReason\n");
    writer.write(1, "----\t------\t------\n");
    for condition in conditions {
        let of = |field: &str| condition[field].as_str().unwrap_or_default();
        let (kind, status, reason) = (of("type"), of("status"), of("reason"));
        writer.write(1, &format!("{kind} \t{status}\t{reason}\n"));
    }
}

/// `volumeClaimTemplates` of a StatefulSet (`describeVolumeClaimTemplates`).
fn claims(spec: &Value, writer: &mut Writer) {
    let claims = items(spec, &["volumeClaimTemplates"]);
    if claims.is_empty() {
        writer.write(0, "Volume Claims:\t<none>\n");
        return;
    }
    writer.write(0, "Volume Claims:\n");
    for claim in claims {
        let of = |path: &[&str]| text(claim, path).unwrap_or_default();
        writer.write(1, &format!("Name:\t{}\n", of(&["metadata", "name"])));
        let class = of(&["spec", "storageClassName"]);
        writer.write(1, &format!("StorageClass:\t{class}\n"));
        writer.pairs("  Labels", &claim["metadata"]["labels"]);
        writer.pairs("  Annotations", &claim["metadata"]["annotations"]);
        let size = int_or_text(&claim["spec"]["resources"]["requests"]["storage"]);
        let size = size.unwrap_or_else(|| "<default>".to_owned());
        writer.write(1, &format!("Capacity:\t{size}\n"));
        let modes = items(claim, &["spec", "accessModes"]).iter();
        let modes: Vec<&str> = modes.filter_map(Value::as_str).collect();
        writer.write(1, &format!("Access Modes:\t[{}]\n", modes.join(" ")));
    }
}
