//! A pod template as the API server keeps it: everything that was written, completed with the
//! defaults and without what JSON leaves out. Two templates are one revision if these are equal.
//!
//! Upstream: `SetDefaults_PodSpec` and what it goes with in `pkg/apis/core/v1/defaults.go`,
//! `EqualIgnoreHash` in `pkg/controller/deployment/util`.

use k8s_openapi::api::core::v1 as core;
use serde_json::{Map, Value, json};

use crate::api::pull_policy;
use crate::units::Quantity;

/// Maps, whose entries may be empty.
const MAPS: [&str; 6] = [
    "annotations",
    "labels",
    "limits",
    "matchLabels",
    "nodeSelector",
    "requests",
];
/// Switches that are left out where they are off.
const SWITCHES: [&str; 7] = [
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "readOnly",
    "stdin",
    "stdinOnce",
    "tty",
];
/// Numbers that are left out where they are 0.
const NUMBERS: [&str; 2] = ["hostPort", "initialDelaySeconds"];
/// Fields with an amount of something.
const AMOUNTS: [&str; 2] = ["divisor", "sizeLimit"];

/// What the API server keeps of a template.
pub(in crate::scenario) fn whole(template: &core::PodTemplateSpec) -> Value {
    let mut value = serde_json::to_value(template).unwrap_or_default();
    without_empty(&mut value);
    complete(&mut value["spec"]);
    value
}

/// Leaves out what is empty, and writes amounts as Kubernetes does.
fn without_empty(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, value| !is_empty(key, value));
            for (key, value) in fields {
                match value {
                    Value::Object(amounts) if ["limits", "requests"].contains(&key.as_str()) => {
                        amounts.values_mut().for_each(canonical);
                    }
                    amount if AMOUNTS.contains(&key.as_str()) => canonical(amount),
                    Value::Object(_) if MAPS.contains(&key.as_str()) => {}
                    other => without_empty(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_empty),
        _ => {}
    }
}

fn is_empty(key: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty() && MAPS.contains(&key),
        Value::Bool(on) => !on && SWITCHES.contains(&key),
        Value::Number(number) => number.as_i64() == Some(0) && NUMBERS.contains(&key),
    }
}

fn canonical(amount: &mut Value) {
    let read = amount
        .as_str()
        .and_then(|text| text.parse::<Quantity>().ok());
    if let Some(read) = read {
        *amount = read.to_string().into();
    }
}

/// The defaults of a pod's spec.
fn complete(spec: &mut Value) {
    for (field, default) in [
        ("dnsPolicy", json!("ClusterFirst")),
        ("restartPolicy", json!("Always")),
        ("schedulerName", json!("default-scheduler")),
        ("securityContext", json!({})),
        ("terminationGracePeriodSeconds", json!(30)),
    ] {
        put(spec, field, default);
    }
    // The former name of the field goes along with it.
    let account = [&spec["serviceAccountName"], &spec["serviceAccount"]];
    let account = account.into_iter().find(|name| name.is_string()).cloned();
    if let Some(account) = account {
        put(spec, "serviceAccount", account.clone());
        put(spec, "serviceAccountName", account);
    }
    for list in ["containers", "initContainers"] {
        each(spec, list, complete_container);
    }
    each(spec, "volumes", complete_volume);
}

/// `SetDefaults_Container`, and the defaults of what it holds.
fn complete_container(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let policy = pull_policy(image);
    put(container, "imagePullPolicy", json!(policy));
    put(container, "resources", json!({}));
    put(
        container,
        "terminationMessagePath",
        json!("/dev/termination-log"),
    );
    put(container, "terminationMessagePolicy", json!("File"));
    each(container, "ports", |port| {
        put(port, "protocol", json!("TCP"));
    });
    each(container, "env", |one| field_version(&mut one["valueFrom"]));
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.get_mut(probe) else {
            continue;
        };
        for (field, default) in [
            ("timeoutSeconds", 1),
            ("periodSeconds", 10),
            ("successThreshold", 1),
            ("failureThreshold", 3),
        ] {
            let unset = probe[field].as_i64() == Some(0);
            if unset {
                probe[field] = json!(default);
            }
            put(probe, field, json!(default));
        }
        complete_http(probe);
        if let Some(grpc) = probe.get_mut("grpc") {
            put(grpc, "service", json!(""));
        }
    }
    for hook in ["postStart", "preStop"] {
        if let Some(hook) = container
            .get_mut("lifecycle")
            .and_then(|lifecycle| lifecycle.get_mut(hook))
        {
            complete_http(hook);
        }
    }
}

/// `SetDefaults_HTTPGetAction`.
fn complete_http(handler: &mut Value) {
    if let Some(get) = handler.get_mut("httpGet") {
        put(get, "path", json!("/"));
        put(get, "scheme", json!("HTTP"));
    }
}

/// `SetDefaults_Volume`, and the defaults of its source.
fn complete_volume(volume: &mut Value) {
    let sources = volume.as_object().map_or(0, Map::len);
    if sources < 2 {
        put(volume, "emptyDir", json!({}));
    }
    for (source, field, default) in [
        ("azureDisk", "cachingMode", json!("ReadWrite")),
        ("azureDisk", "fsType", json!("ext4")),
        ("azureDisk", "kind", json!("Shared")),
        ("azureDisk", "readOnly", json!(false)),
        ("configMap", "defaultMode", json!(0o644)),
        ("downwardAPI", "defaultMode", json!(0o644)),
        ("hostPath", "type", json!("")),
        ("iscsi", "iscsiInterface", json!("default")),
        ("projected", "defaultMode", json!(0o644)),
        ("rbd", "keyring", json!("/etc/ceph/keyring")),
        ("rbd", "pool", json!("rbd")),
        ("rbd", "user", json!("admin")),
        ("scaleIO", "fsType", json!("xfs")),
        ("scaleIO", "storageMode", json!("ThinProvisioned")),
        ("secret", "defaultMode", json!(0o644)),
    ] {
        if let Some(source) = volume.get_mut(source) {
            put(source, field, default);
        }
    }
    if let Some(source) = volume.get_mut("downwardAPI") {
        each(source, "items", field_version);
    }
    if let Some(projected) = volume.get_mut("projected") {
        each(projected, "sources", |source| {
            if let Some(token) = source.get_mut("serviceAccountToken") {
                put(token, "expirationSeconds", json!(3600));
            }
            if let Some(source) = source.get_mut("downwardAPI") {
                each(source, "items", field_version);
            }
        });
    }
    if let Some(image) = volume.get_mut("image") {
        let policy = pull_policy(image["reference"].as_str().unwrap_or_default());
        put(image, "pullPolicy", json!(policy));
    }
    let claim = volume.pointer_mut("/ephemeral/volumeClaimTemplate/spec");
    if let Some(claim) = claim {
        put(claim, "volumeMode", json!("Filesystem"));
    }
}

/// `SetDefaults_ObjectFieldSelector`.
fn field_version(holder: &mut Value) {
    if let Some(field) = holder.get_mut("fieldRef") {
        put(field, "apiVersion", json!("v1"));
    }
}

/// Puts a field where there is none.
fn put(object: &mut Value, field: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.entry(field).or_insert(value);
    }
}

fn each(object: &mut Value, list: &str, mut change: impl FnMut(&mut Value)) {
    let items = object.get_mut(list).and_then(Value::as_array_mut);
    for item in items.into_iter().flatten() {
        change(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(spec: &Value) -> Value {
        let template = json!({"metadata": {"labels": {"app": "web", "empty": ""}}, "spec": spec});
        let template: core::PodTemplateSpec =
            serde_json::from_value(template).expect("a pod template");
        whole(&template)
    }

    #[test]
    fn what_is_written_as_the_default_is_no_other_template() {
        let short = of(&json!({"containers": [{
            "name": "web", "image": "shop/web:1.0", "env": [{"name": "A"}, {"name": "B", "value": "1"}],
            "ports": [{"containerPort": 80}], "readinessProbe": {"httpGet": {"port": 80}},
            "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
        }], "volumes": [{"name": "tmp"}, {"name": "conf", "configMap": {"name": "web"}}]}));
        let long = of(&json!({"containers": [{
            "name": "web", "image": "shop/web:1.0", "imagePullPolicy": "IfNotPresent",
            "env": [{"name": "A", "value": ""}, {"name": "B", "value": "1"}], "args": [],
            "ports": [{"containerPort": 80, "hostPort": 0, "protocol": "TCP"}],
            "readinessProbe": {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
                "initialDelaySeconds": 0, "periodSeconds": 10, "timeoutSeconds": 1,
                "successThreshold": 1, "failureThreshold": 3},
            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {}},
            "stdin": false, "terminationMessagePath": "/dev/termination-log",
        }], "dnsPolicy": "ClusterFirst", "hostNetwork": false, "nodeSelector": {},
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "tolerations": [],
            "volumes": [{"name": "tmp", "emptyDir": {}},
                {"name": "conf", "configMap": {"name": "web", "defaultMode": 420}}]}));
        assert_eq!(short, long);
        assert_eq!(short["metadata"]["labels"]["empty"], "");
    }

    #[test]
    fn what_says_something_else_is_another_template() {
        let base = json!({"containers": [{"name": "web", "image": "web"}]});
        for (pointer, value) in [
            ("/containers/0/env", json!([{"name": "A"}])),
            ("/containers/0/args", json!(["-v"])),
            ("/containers/0/ports", json!([{"containerPort": 80}])),
            ("/containers/0/imagePullPolicy", json!("Never")),
            ("/containers/0/tty", json!(true)),
            ("/volumes", json!([{"name": "tmp"}])),
            ("/serviceAccountName", json!("web")),
            ("/enableServiceLinks", json!(false)),
            ("/securityContext", json!({"runAsNonRoot": true})),
        ] {
            let mut other = base.clone();
            let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
            other.pointer_mut(parent).expect("it is there")[field] = value;
            assert_ne!(of(&base), of(&other), "{pointer}");
        }
    }

    #[test]
    fn what_was_completed_stays_as_it_is() {
        let once = of(&json!({"containers": [{"name": "web", "image": "web"}],
            "volumes": [{"name": "a", "hostPath": {"path": "/a"}}]}));
        let template: core::PodTemplateSpec =
            serde_json::from_value(once.clone()).expect("a pod template");
        assert_eq!(whole(&template), once);
    }
}
