//! Rows of nodes, namespaces, Services, ConfigMaps, PodDisruptionBudgets and events.
//!
//! Upstream: `printers.go`, `printNode` and its neighbours.

use serde_json::Value;

use super::age::{Timestamp, age};
use super::cells::{
    NONE, condition, created, int_or_text, is_being_deleted, items, labels, name, number, text,
};
use super::columns::Printer;

pub(super) const NODE: Printer = (
    &[
        "Status",
        "Roles",
        "Age",
        "Version",
        "+Internal-IP",
        "+External-IP",
        "+OS-Image",
        "+Kernel-Version",
        "+Container-Runtime",
    ],
    node,
);

pub(super) const NAMESPACE: Printer = (&["Status", "Age"], |object, now| {
    let phase = text(object, &["status", "phase"]).unwrap_or_default();
    vec![phase.to_owned(), created(object, now)]
});

pub(super) const CONFIG_MAP: Printer = (&["Data", "Age"], |object, now| {
    let count = |field: &str| object[field].as_object().map_or(0, serde_json::Map::len);
    let data = count("data") + count("binaryData");
    vec![data.to_string(), created(object, now)]
});

pub(super) const SECRET: Printer = (&["Type", "Data", "Age"], |object, now| {
    let count = |field: &str| object[field].as_object().map_or(0, serde_json::Map::len);
    let data = count("data") + count("stringData");
    let kind = text(object, &["type"]).unwrap_or("Opaque");
    vec![kind.to_owned(), data.to_string(), created(object, now)]
});

pub(super) const SERVICE: Printer = (
    &[
        "Type",
        "Cluster-IP",
        "External-IP",
        "Port(s)",
        "Age",
        "+Selector",
    ],
    service,
);

pub(super) const DISRUPTION_BUDGET: Printer = (
    &[
        "Min Available",
        "Max Unavailable",
        "Allowed Disruptions",
        "Age",
    ],
    |object, now| {
        let bound = |field: &str| {
            let bound = int_or_text(&object["spec"][field]);
            bound.unwrap_or_else(|| "N/A".to_owned())
        };
        vec![
            bound("minAvailable"),
            bound("maxUnavailable"),
            number(object, &["status", "disruptionsAllowed"]).to_string(),
            created(object, now),
        ]
    },
);

pub(super) const EVENT: Printer = (
    &[
        "Last Seen",
        "Type",
        "Reason",
        "Object",
        "+Subobject",
        "+Source",
        "Message",
        "+First Seen",
        "+Count",
        "+Name",
    ],
    event,
);

fn node(object: &Value, now: Timestamp) -> Vec<String> {
    let mut status = match condition(object, "Ready") {
        None => "Unknown",
        Some(ready) if ready["status"] == "True" => "Ready",
        Some(_) => "NotReady",
    }
    .to_owned();
    if object["spec"]["unschedulable"] == true {
        status.push_str(",SchedulingDisabled");
    }
    let address = |kind: &str| {
        let mut addresses = items(object, &["status", "addresses"]).iter();
        let found = addresses.find(|address| address["type"] == *kind);
        let found = found.and_then(|address| text(address, &["address"]));
        found.unwrap_or(NONE).to_owned()
    };
    let info = |field: &str| {
        let found = text(object, &["status", "nodeInfo", field]);
        found.unwrap_or_default().to_owned()
    };
    let known = |text: String| {
        if text.is_empty() {
            "<unknown>".to_owned()
        } else {
            text
        }
    };
    vec![
        status,
        roles(object),
        created(object, now),
        info("kubeletVersion"),
        address("InternalIP"),
        address("ExternalIP"),
        known(info("osImage")),
        known(info("kernelVersion")),
        known(info("containerRuntimeVersion")),
    ]
}

/// The roles that a node's labels name.
fn roles(object: &Value) -> String {
    let labels = object["metadata"]["labels"].as_object();
    let mut roles: Vec<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(
            |(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
                Some(role) => Some(role),
                None if key == "kubernetes.io/role" => value.as_str(),
                None => None,
            },
        )
        .filter(|role| !role.is_empty())
        .collect();
    if roles.is_empty() {
        return NONE.to_owned();
    }
    roles.sort_unstable();
    roles.dedup();
    roles.join(",")
}

fn service(object: &Value, now: Timestamp) -> Vec<String> {
    let spec = &object["spec"];
    let kind = spec["type"].as_str().unwrap_or("ClusterIP");
    let ip = text(spec, &["clusterIP"]).filter(|ip| !ip.is_empty());
    let ports: Vec<String> = items(spec, &["ports"])
        .iter()
        .map(|port| {
            let node_port = match number(port, &["nodePort"]) {
                0 => String::new(),
                node_port => format!(":{node_port}"),
            };
            let protocol = text(port, &["protocol"]).unwrap_or("TCP");
            format!("{}{node_port}/{protocol}", number(port, &["port"]))
        })
        .collect();
    vec![
        kind.to_owned(),
        ip.unwrap_or(NONE).to_owned(),
        external_ip(object, kind),
        if ports.is_empty() {
            NONE.to_owned()
        } else {
            ports.join(",")
        },
        created(object, now),
        labels(&spec["selector"]),
    ]
}

fn external_ip(object: &Value, kind: &str) -> String {
    if kind == "ExternalName" {
        let external = text(object, &["spec", "externalName"]);
        return external.unwrap_or_default().to_owned();
    }
    let mut ips: Vec<&str> = Vec::new();
    if kind == "LoadBalancer" {
        let ingress = items(object, &["status", "loadBalancer", "ingress"]).iter();
        ips.extend(ingress.filter_map(|at| text(at, &["ip"]).or_else(|| text(at, &["hostname"]))));
    }
    ips.extend(
        items(object, &["spec", "externalIPs"])
            .iter()
            .filter_map(Value::as_str),
    );
    match (ips.is_empty(), kind) {
        (false, _) => ips.join(","),
        (true, "LoadBalancer") if !is_being_deleted(object) => "<pending>".to_owned(),
        (true, _) => NONE.to_owned(),
    }
}

fn event(object: &Value, now: Timestamp) -> Vec<String> {
    let first = text(object, &["firstTimestamp"]).or_else(|| text(object, &["eventTime"]));
    let last = text(object, &["series", "lastObservedTime"])
        .or_else(|| text(object, &["lastTimestamp"]))
        .or(first);
    let count = match object["series"]["count"].as_i64() {
        Some(count) => count,
        None => number(object, &["count"]).max(1),
    };
    let about = &object["involvedObject"];
    let part = |field: &str| about[field].as_str().unwrap_or_default();
    let target = match part("name") {
        "" => part("kind").to_lowercase(),
        name => format!("{}/{name}", part("kind").to_lowercase()),
    };
    let cell = |path: &[&str]| text(object, path).unwrap_or_default().to_owned();
    vec![
        age(now, last),
        cell(&["type"]),
        cell(&["reason"]),
        target,
        part("fieldPath").to_owned(),
        source(object),
        cell(&["message"]).trim().to_owned(),
        age(now, first),
        count.to_string(),
        name(object),
    ]
}

/// The component that reported an event, and its host.
fn source(object: &Value) -> String {
    let cell = |path: &[&str]| text(object, path).filter(|text| !text.is_empty());
    let component = cell(&["source", "component"]).or_else(|| cell(&["reportingComponent"]));
    let host = cell(&["source", "host"]).or_else(|| cell(&["reportingInstance"]));
    let parts = [component, host].into_iter().flatten();
    parts.collect::<Vec<_>>().join(", ")
}
