//! A pod.
//!
//! Upstream: `describePod`.

use serde_json::Value;

use super::super::age::{Timestamp, age};
use super::super::cells::{items, number, text};
use super::containers;
use super::date::date_at;
use super::template::{controller, spread, tolerations};
use super::volumes::volumes;
use super::writer::Writer;

pub(super) fn describe(pod: &Value, now: Timestamp, writer: &mut Writer) {
    head(pod, writer);
    status(pod, now, writer);
    let spec = &pod["spec"];
    if !spec["resources"].is_null() {
        writer.write(0, "Resources:\n");
        containers::resources(&spec["resources"], 1, writer);
    }
    let statuses = |field: &str| Some(items(&pod["status"], &[field]));
    if !items(spec, &["initContainers"]).is_empty() {
        let statuses = statuses("initContainerStatuses");
        let all = items(spec, &["initContainers"]);
        containers::describe("Init Containers", all, statuses, Some(pod), writer);
    }
    let all = items(spec, &["containers"]);
    containers::describe(
        "Containers",
        all,
        statuses("containerStatuses"),
        Some(pod),
        writer,
    );
    let conditions = items(pod, &["status", "conditions"]);
    if !conditions.is_empty() {
        writer.write(0, "Conditions:\n  Type\tStatus\n");
        for condition in conditions {
            let of = |field: &str| condition[field].as_str().unwrap_or_default();
            writer.write(1, &format!("{} \t{} \n", of("type"), of("status")));
        }
    }
    volumes(spec, "", writer);
    let class = text(pod, &["status", "qosClass"]).unwrap_or_default();
    writer.write(0, &format!("QoS Class:\t{class}\n"));
    writer.pairs("Node-Selectors", &spec["nodeSelector"]);
    tolerations("Tolerations", spec, writer);
    spread("", spec, writer);
}

fn head(pod: &Value, writer: &mut Writer) {
    let spec = &pod["spec"];
    writer.names(pod);
    if let Some(priority) = spec["priority"].as_i64() {
        writer.write(0, &format!("Priority:\t{priority}\n"));
    }
    for (title, field) in [
        ("Priority Class Name", "priorityClassName"),
        ("Runtime Class Name", "runtimeClassName"),
        ("Service Account", "serviceAccountName"),
    ] {
        writer.given(0, title, spec[field].as_str());
    }
    let host = text(pod, &["status", "hostIP"]).unwrap_or_default();
    match text(spec, &["nodeName"]).filter(|name| !name.is_empty()) {
        None => writer.write(0, "Node:\t<none>\n"),
        Some(node) => writer.write(0, &format!("Node:\t{node}/{host}\n")),
    }
    if text(pod, &["status", "startTime"]).is_some() {
        let start = date_at(pod, &["status", "startTime"]);
        writer.write(0, &format!("Start Time:\t{start}\n"));
    }
    writer.labels_and_annotations(pod);
}

fn status(pod: &Value, now: Timestamp, writer: &mut Writer) {
    let phase = text(pod, &["status", "phase"]).unwrap_or_default();
    let deleted = text(pod, &["metadata", "deletionTimestamp"]);
    if deleted.is_some() && !matches!(phase, "Failed" | "Succeeded") {
        let since = age(now, deleted);
        let grace = number(pod, &["metadata", "deletionGracePeriodSeconds"]);
        writer.write(0, &format!("Status:\tTerminating (lasts {since})\n"));
        writer.write(0, &format!("Termination Grace Period:\t{grace}s\n"));
    } else {
        writer.write(0, &format!("Status:\t{phase}\n"));
    }
    writer.given(0, "Reason", text(pod, &["status", "reason"]));
    writer.given(0, "Message", text(pod, &["status", "message"]));
    let address = text(pod, &["status", "podIP"]).unwrap_or_default();
    writer.write(0, &format!("IP:\t{address}\n"));
    let addresses = items(pod, &["status", "podIPs"]);
    if addresses.is_empty() {
        writer.write(0, "IPs:\t<none>\n");
    } else {
        writer.write(0, "IPs:\n");
    }
    for one in addresses {
        let address = one["ip"].as_str().unwrap_or_default();
        writer.write(1, &format!("IP:\t{address}\n"));
    }
    writer.given(0, "Controlled By", controller(pod).as_deref());
    let nominated = text(pod, &["status", "nominatedNodeName"]);
    writer.given(0, "NominatedNodeName", nominated);
}
