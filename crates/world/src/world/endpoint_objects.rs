//! Endpoints and EndpointSlices, as the controllers make them of Services and pods.
//!
//! Upstream: `pkg/controller/endpoint`, `k8s.io/endpointslice`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::registry::letters;

/// Endpoints of a slice at most (`--max-endpoints-per-slice`).
const MOST: usize = 100;
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const HEADLESS: &str = "service.kubernetes.io/headless";
const LAST_CHANGE: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// A pod that a Service selects and that has an address.
struct Endpoint<'a> {
    pod: &'a Value,
    address: &'a str,
    is_ready: bool,
    is_terminating: bool,
    /// The ports that the Service leads to.
    ports: Vec<Value>,
}

/// The Endpoints of a Service; none where nobody makes them.
pub(super) fn endpoints(service: &Value, pods: &[Value]) -> Option<Value> {
    let publishes = publishes(service);
    let mut by_ports: BTreeMap<String, (Vec<Value>, [Vec<&Endpoint<'_>>; 2])> = BTreeMap::new();
    let all = of_service(service, pods)?;
    for one in &all {
        // Those that are being deleted are left out.
        if one.is_terminating && !publishes || one.ports.is_empty() && !allows_no_ports(service) {
            continue;
        }
        let key = Value::from(one.ports.clone()).to_string();
        let (ports, addresses) = by_ports.entry(key).or_default();
        ports.clone_from(&one.ports);
        addresses[usize::from(!(one.is_ready || publishes))].push(one);
    }
    let subsets = by_ports.into_values().map(|(ports, addresses)| {
        let [ready, not_ready] = addresses.map(|mut all| {
            all.sort_by_key(|one| one.address);
            let all = all.into_iter().map(Endpoint::address);
            some(all.collect())
        });
        json!({"addresses": ready, "notReadyAddresses": not_ready, "ports": some(ports)})
    });
    let subsets = some(subsets.collect());
    let mut metadata = metadata(service, &all);
    let labels = labels(service);
    metadata["name"] = service["metadata"]["name"].clone();
    metadata["labels"] = labels;
    metadata["labels"]["endpoints.kubernetes.io/managed-by"] = "endpoint-controller".into();
    let made = json!({
        "apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": subsets,
    });
    Some(tidy(made))
}

/// The EndpointSlices of a Service; `zone_of` knows the zones of nodes.
pub(super) fn endpoint_slices(
    service: &Value,
    pods: &[Value],
    zone_of: &dyn Fn(&str) -> Option<String>,
) -> Vec<Value> {
    let all = of_service(service, pods).unwrap_or_default();
    if service["spec"]["selector"].is_null() || service["spec"]["type"] == "ExternalName" {
        return Vec::new();
    }
    let mut by_ports: BTreeMap<String, Vec<&Endpoint<'_>>> = BTreeMap::new();
    for one in &all {
        let key = Value::from(one.ports.clone()).to_string();
        by_ports.entry(key).or_default().push(one);
    }
    let mut parts: Vec<Vec<&Endpoint<'_>>> = Vec::new();
    for of in by_ports.into_values() {
        parts.extend(of.chunks(MOST).map(<[_]>::to_vec));
    }
    if parts.is_empty() {
        // It holds the place.
        parts.push(Vec::new());
    }
    let slice = |(number, part): (usize, Vec<&Endpoint<'_>>)| {
        let name = service["metadata"]["name"].as_str().unwrap_or_default();
        let namespace = service["metadata"]["namespace"].as_str();
        let letters = letters(namespace.unwrap_or_default(), name, number as u32);
        let mut metadata = metadata(service, &all);
        metadata["name"] = format!("{name}-{letters}").into();
        metadata["generateName"] = format!("{name}-").into();
        metadata["labels"] = labels(service);
        metadata["labels"][SERVICE_NAME] = name.into();
        let manager = "endpointslice-controller.k8s.io";
        metadata["labels"]["endpointslice.kubernetes.io/managed-by"] = manager.into();
        metadata["ownerReferences"] = json!([{
            "apiVersion": "v1", "blockOwnerDeletion": true, "controller": true,
            "kind": "Service", "name": name, "uid": service["metadata"]["uid"],
        }]);
        let ports = part.first().map(|one| one.ports.clone());
        let endpoints = part.iter().map(|one| one.endpoint(service, zone_of));
        tidy(json!({
            "addressType": "IPv4",
            "apiVersion": "discovery.k8s.io/v1",
            "endpoints": some(endpoints.collect()),
            "kind": "EndpointSlice",
            "metadata": metadata,
            "ports": ports.and_then(some),
        }))
    };
    parts.into_iter().enumerate().map(slice).collect()
}

impl Endpoint<'_> {
    fn target(&self) -> Value {
        let metadata = &self.pod["metadata"];
        json!({
            "kind": "Pod", "name": metadata["name"], "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        })
    }

    /// As an address of Endpoints.
    fn address(&self) -> Value {
        json!({
            "ip": self.address, "nodeName": self.pod["spec"]["nodeName"],
            "targetRef": self.target(),
        })
    }

    /// As an endpoint of an EndpointSlice.
    fn endpoint(&self, service: &Value, zone_of: &dyn Fn(&str) -> Option<String>) -> Value {
        let ready = publishes(service) || self.is_ready && !self.is_terminating;
        let spec = &self.pod["spec"];
        let named = spec["subdomain"] == service["metadata"]["name"];
        json!({
            "addresses": [self.address],
            "conditions": {
                "ready": ready, "serving": self.is_ready, "terminating": self.is_terminating,
            },
            "hostname": named.then(|| spec["hostname"].clone()),
            "nodeName": spec["nodeName"],
            "targetRef": self.target(),
            "zone": spec["nodeName"].as_str().and_then(zone_of),
        })
    }
}

fn publishes(service: &Value) -> bool {
    service["spec"]["publishNotReadyAddresses"] == true
}

/// A headless Service need not have ports.
fn allows_no_ports(service: &Value) -> bool {
    let spec = &service["spec"];
    spec["clusterIP"] == "None" && spec["ports"].as_array().is_none_or(Vec::is_empty)
}

/// The pods that a Service leads to, or would; none of one of which it is others to say.
fn of_service<'a>(service: &Value, pods: &'a [Value]) -> Option<Vec<Endpoint<'a>>> {
    let spec = &service["spec"];
    let selector = spec["selector"].as_object()?;
    if spec["type"] == "ExternalName" {
        return None;
    }
    let is_selected = |pod: &&Value| {
        let labels = &pod["metadata"]["labels"];
        let mut wanted = selector.iter();
        pod["metadata"]["namespace"] == service["metadata"]["namespace"]
            && wanted.all(|(key, value)| labels[key] == *value)
    };
    let endpoint = |pod: &'a Value| {
        let status = &pod["status"];
        let has_ended = status["phase"] == "Succeeded" || status["phase"] == "Failed";
        let mut conditions = status["conditions"].as_array().into_iter().flatten();
        let is_ready = conditions.any(|one| one["type"] == "Ready" && one["status"] == "True");
        Some(Endpoint {
            pod,
            address: status["podIP"].as_str().filter(|_| !has_ended)?,
            is_ready,
            is_terminating: pod["metadata"]["deletionTimestamp"].is_string(),
            ports: ports(service, pod),
        })
    };
    Some(
        pods.iter()
            .filter(is_selected)
            .filter_map(endpoint)
            .collect(),
    )
}

/// The Service's ports as those of a pod.
fn ports(service: &Value, pod: &Value) -> Vec<Value> {
    let ports = service["spec"]["ports"].as_array().into_iter().flatten();
    let of_pod = ports.filter_map(|port| {
        let number = match &port["targetPort"] {
            Value::String(name) => named_port(pod, name, &port["protocol"])?,
            number => number.clone(),
        };
        let mut made = json!({"port": number, "protocol": port["protocol"]});
        for field in ["appProtocol", "name"] {
            if !port[field].is_null() {
                made[field] = port[field].clone();
            }
        }
        Some(made)
    });
    of_pod.collect()
}

fn named_port(pod: &Value, name: &str, protocol: &Value) -> Option<Value> {
    let list = |field: &str| pod["spec"][field].as_array().into_iter().flatten();
    let sidecars = list("initContainers").filter(|one| one["restartPolicy"] == "Always");
    let mut ports = list("containers").chain(sidecars).flat_map(|one| {
        let ports = one["ports"].as_array();
        ports.into_iter().flatten()
    });
    let is_meant = |port: &&Value| {
        let default = port["protocol"].is_null() && *protocol == "TCP";
        port["name"] == *name && (port["protocol"] == *protocol || default)
    };
    ports
        .find(is_meant)
        .map(|port| port["containerPort"].clone())
}

/// What both have in common.
fn metadata(service: &Value, all: &[Endpoint<'_>]) -> Value {
    let of = &service["metadata"];
    // What changes a Service's endpoints last, as far as pods show it.
    let conditions = all.iter().filter_map(|one| {
        let mut conditions = one.pod["status"]["conditions"].as_array()?.iter();
        let ready = conditions.find(|one| one["type"] == "Ready")?;
        ready["lastTransitionTime"].as_str()
    });
    let last = conditions
        .max()
        .or_else(|| of["creationTimestamp"].as_str());
    json!({
        "annotations": last.map(|last| json!({LAST_CHANGE: last})),
        "creationTimestamp": of["creationTimestamp"],
        "namespace": of["namespace"],
    })
}

/// The Service's labels, and what it is.
fn labels(service: &Value) -> Value {
    let mut labels = match &service["metadata"]["labels"] {
        Value::Object(labels) => labels.clone(),
        _ => Map::new(),
    };
    if service["spec"]["clusterIP"] == "None" {
        labels.insert(HEADLESS.to_owned(), "".into());
    }
    labels.into()
}

fn some(list: Vec<Value>) -> Option<Vec<Value>> {
    Some(list).filter(|list| !list.is_empty())
}

/// Without what is not there, in the order of names.
fn tidy(mut value: Value) -> Value {
    strip(&mut value);
    value.sort_all_objects();
    value
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
