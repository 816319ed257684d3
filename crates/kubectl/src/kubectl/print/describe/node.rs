//! A node.
//!
//! Upstream: `describeNode`, `describeNodeLease`, `findNodeRoles`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::age::Timestamp;
use super::super::cells::{items, quantity, text};
use super::containers::sorted;
use super::date::date_at;
use super::writer::Writer;
use super::{Around, node_pods};

/// `status.nodeInfo`, in its order of lines.
const SYSTEM: [(&str, &str); 9] = [
    ("Machine ID", "machineID"),
    ("System UUID", "systemUUID"),
    ("Boot ID", "bootID"),
    ("Kernel Version", "kernelVersion"),
    ("OS Image", "osImage"),
    ("Operating System", "operatingSystem"),
    ("Architecture", "architecture"),
    ("Container Runtime Version", "containerRuntimeVersion"),
    ("Kubelet Version", "kubeletVersion"),
];

pub(super) fn describe(node: &Value, around: &Around<'_>, now: Timestamp, writer: &mut Writer) {
    let name = text(node, &["metadata", "name"]).unwrap_or_default();
    writer.write(0, &format!("Name:\t{name}\n"));
    writer.write(0, &format!("Roles:\t{}\n", roles(node)));
    writer.labels_and_annotations(node);
    let created = date_at(node, &["metadata", "creationTimestamp"]);
    writer.write(0, &format!("CreationTimestamp:\t{created}\n"));
    taints(node, writer);
    let unschedulable = node["spec"]["unschedulable"] == true;
    writer.write(0, &format!("Unschedulable:\t{unschedulable}\n"));
    if let Some(lease) = around.lease {
        self::lease(lease, writer);
    }
    conditions(node, writer);
    writer.write(0, "Addresses:\n");
    for address in items(node, &["status", "addresses"]) {
        let of = |field: &str| address[field].as_str().unwrap_or_default();
        writer.write(1, &format!("{}:\t{}\n", of("type"), of("address")));
    }
    for (title, field) in [("Capacity", "capacity"), ("Allocatable", "allocatable")] {
        let amounts = sorted(&node["status"][field]);
        if !amounts.is_empty() {
            writer.write(0, &format!("{title}:\n"));
        }
        for (resource, amount) in amounts {
            let amount = quantity(amount).unwrap_or_default();
            writer.write(1, &format!("{resource}:\t{amount}\n"));
        }
    }
    let system = &node["status"]["nodeInfo"];
    writer.write(0, "System Info:\n");
    for (title, field) in SYSTEM {
        let value = system[field].as_str().unwrap_or_default();
        writer.write(1, &format!("{title}:\t{value}\n"));
    }
    writer.given(0, "PodCIDR", text(node, &["spec", "podCIDR"]));
    let ranges = items(node, &["spec", "podCIDRs"]).iter();
    let ranges: Vec<&str> = ranges.filter_map(Value::as_str).collect();
    writer.given(0, "PodCIDRs", Some(ranges.join(",").as_str()));
    writer.given(0, "ProviderID", text(node, &["spec", "providerID"]));
    node_pods::describe(node, around.pods, now, writer);
}

fn roles(node: &Value) -> String {
    let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
    let role = |(key, value): (&'_ String, &'_ Value)| {
        let role = match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => role.to_owned(),
            None if key == "kubernetes.io/role" => value.as_str()?.to_owned(),
            None => return None,
        };
        Some(role).filter(|role| !role.is_empty())
    };
    let roles: BTreeSet<String> = labels.filter_map(role).collect();
    if roles.is_empty() {
        return "<none>".to_owned();
    }
    roles.into_iter().collect::<Vec<_>>().join(",")
}

fn taints(node: &Value, writer: &mut Writer) {
    let mut taints: Vec<&Value> = items(node, &["spec", "taints"]).iter().collect();
    let of = |taint: &Value, field: &str| taint[field].as_str().unwrap_or_default().to_owned();
    taints.sort_by_cached_key(|taint| format!("{},{}", of(taint, "effect"), of(taint, "key")));
    writer.list("Taints", &taints, |taint| {
        let (key, value, effect) = (of(taint, "key"), of(taint, "value"), of(taint, "effect"));
        match (effect.is_empty(), value.is_empty()) {
            (true, true) => key,
            (true, false) => format!("{key}={value}:"),
            (false, true) => format!("{key}:{effect}"),
            (false, false) => format!("{key}={value}:{effect}"),
        }
    });
}

fn lease(lease: &Value, writer: &mut Writer) {
    let spec = &lease["spec"];
    writer.write(0, "Lease:\n");
    let unset = || "<unset>".to_owned();
    let holder = spec["holderIdentity"].as_str();
    let holder = holder.map_or_else(unset, str::to_owned);
    writer.write(1, &format!("HolderIdentity:\t{holder}\n"));
    for (title, field) in [("AcquireTime", "acquireTime"), ("RenewTime", "renewTime")] {
        let time = match spec[field].as_str() {
            Some(_) => date_at(spec, &[field]),
            None => unset(),
        };
        writer.write(1, &format!("{title}:\t{time}\n"));
    }
}

fn conditions(node: &Value, writer: &mut Writer) {
    let conditions = items(node, &["status", "conditions"]);
    if conditions.is_empty() {
        return;
    }
    writer.write(
        0,
        "Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage\n",
    );
    writer.write(
        1,
        "----\t------\t-----------------\t------------------\t------\t-------\n",
    );
    for condition in conditions {
        let of = |field: &str| condition[field].as_str().unwrap_or_default();
        let [heartbeat, transition] =
            ["lastHeartbeatTime", "lastTransitionTime"].map(|field| date_at(condition, &[field]));
        writer.write(
            1,
            &format!(
                "{} \t{} \t{heartbeat} \t{transition} \t{} \t{}\n",
                of("type"),
                of("status"),
                of("reason"),
                of("message"),
            ),
        );
    }
}
