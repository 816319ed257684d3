//! What the API server takes and refuses: manifests that are changed in one place each.

mod words;

use serde_json::{Value, json};

use super::*;
use crate::autoscaler::hpa::KubernetesVersion;

fn workload(kind: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": kind,
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            },
        },
    })
}

fn job() -> Value {
    let mut job = workload("Job");
    job["apiVersion"] = json!("batch/v1");
    job["spec"]["template"]["spec"]["restartPolicy"] = json!("Never");
    if let Some(spec) = job["spec"].as_object_mut() {
        spec.remove("selector");
    }
    job
}

fn object(api_version: &str, kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}, "spec": spec})
}

fn class(name: &str, value: i32) -> Value {
    json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": {"name": name}, "value": value})
}

fn service(spec: &Value) -> Value {
    object("v1", "Service", spec)
}

fn pdb(spec: &Value) -> Value {
    object("policy/v1", "PodDisruptionBudget", spec)
}

fn rolling(field: &str, value: &Value) -> Value {
    let strategy = json!({"rollingUpdate": {field: value}});
    with(workload("Deployment"), "/spec/strategy", strategy)
}

fn range(limits: &Value) -> Value {
    object("v1", "LimitRange", &json!({"limits": limits}))
}

/// A value with another one at a path.
fn with(mut value: Value, path: &str, new: Value) -> Value {
    // `pointer_mut` makes no fields.
    let (parent, field) = path.rsplit_once('/').expect("a path");
    let mut at = &mut value;
    for step in parent.split('/').filter(|step| !step.is_empty()) {
        at = match step.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[step],
        };
    }
    match field.parse::<usize>() {
        Ok(index) => at[index] = new,
        Err(_) => at[field] = new,
    }
    value
}

/// What is refused of an object; nothing if it is taken.
fn causes(value: &Value) -> Vec<String> {
    match read_object(value, &Admission::default()) {
        Ok(_) => Vec::new(),
        Err(refusal) => refusal.causes,
    }
}

const POD: &str = "/spec/template/spec";

#[test]
fn what_the_api_server_takes_is_taken() {
    let deployment = || workload("Deployment");
    let container = |field: &str, value: Value| {
        with(deployment(), &format!("{POD}/containers/0/{field}"), value)
    };
    let pdb = object(
        "policy/v1",
        "PodDisruptionBudget",
        &json!({"maxUnavailable": 1}),
    );
    let service = object("v1", "Service", &json!({"ports": [{"port": 80}]}));
    let claimed = with(
        workload("StatefulSet"),
        "/spec/volumeClaimTemplates",
        json!([{"metadata": {"name": "data"}, "spec": {}}]),
    );
    let mounts = json!([{"name": "data", "mountPath": "/data"}]);
    for value in [
        rolling("maxSurge", &json!("200%")),
        with(deployment(), "/spec/strategy", json!({"type": ""})),
        with(
            workload("DaemonSet"),
            "/spec/updateStrategy",
            json!({"type": ""}),
        ),
        with(deployment(), "/metadata/labels", json!({"a": null})),
        with(
            deployment(),
            "/spec/template/metadata/annotations",
            json!({"A/b": null}),
        ),
        with(
            deployment(),
            &format!("{POD}/terminationGracePeriodSeconds"),
            json!(-5),
        ),
        with(
            workload("StatefulSet"),
            "/spec/revisionHistoryLimit",
            json!(-1),
        ),
        with(claimed, &format!("{POD}/containers/0/volumeMounts"), mounts),
        with(pdb, "/metadata/name", json!("Not_a label")),
        with(service, "/metadata/name", json!("1a")),
        container(
            "resources",
            json!({"limits": {"nvidia.com/gpu": 2, "ephemeral-storage": "1Gi"}}),
        ),
        container("ports", json!([{"name": "http", "containerPort": 80}])),
        container("lifecycle", json!({"preStop": {"sleep": {"seconds": 30}}})),
        object("v1", "Service", &json!({"clusterIP": "None"})),
        object(
            "v1",
            "Service",
            &json!({"type": "ExternalName", "externalName": "a.example"}),
        ),
    ] {
        assert_eq!(causes(&value), Vec::<String>::new(), "{value}");
    }
    let negative = with(
        deployment(),
        &format!("{POD}/terminationGracePeriodSeconds"),
        json!(-5),
    );
    let read = read_object(&negative, &Admission::default());
    let Ok(Object::Workload(read)) = read else {
        panic!("a Deployment")
    };
    assert_eq!(
        read.template.termination_grace,
        crate::sim::SimDuration::from_secs(1)
    );
}

#[test]
fn what_the_api_server_refuses_is_refused_in_its_words() {
    let deployment = || workload("Deployment");
    let pod = |field: &str, value: Value| with(deployment(), &format!("{POD}/{field}"), value);
    let container = |field: &str, value: Value| pod(&format!("containers/0/{field}"), value);
    let update =
        |kind: &str, strategy: Value| with(workload(kind), "/spec/updateStrategy", strategy);
    let init =
        json!([{"name": "init", "image": "a", "readinessProbe": {"tcpSocket": {"port": 1}}}]);
    let two = json!({"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}});
    let twice = json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"});
    let values = [
        rolling("maxUnavailable", &json!("150%")),
        rolling("maxSurge", &json!("+5%")),
        rolling("maxSurge", &json!(-1)),
        with(deployment(), "/spec/replicas", json!(-1)),
        with(deployment(), "/spec/minReadySeconds", json!(-1)),
        with(deployment(), "/spec/minReadySeconds", json!(600)),
        with(deployment(), "/spec/revisionHistoryLimit", json!(-1)),
        with(deployment(), "/spec/progressDeadlineSeconds", json!(0)),
        pod("activeDeadlineSeconds", json!(5)),
        with(deployment(), "/metadata/name", json!("a..b")),
        with(deployment(), "/metadata/labels", json!({"a b": "c"})),
        with(
            deployment(),
            "/metadata/annotations",
            json!({"a": "x".repeat(262_144)}),
        ),
        update("DaemonSet", json!({"rollingUpdate": {"maxSurge": "10%"}})),
        update("DaemonSet", json!({"rollingUpdate": {"maxUnavailable": 0}})),
        update(
            "StatefulSet",
            json!({"rollingUpdate": {"maxUnavailable": 0}}),
        ),
        update(
            "StatefulSet",
            json!({"type": "OnDelete", "rollingUpdate": {"partition": 1}}),
        ),
        with(workload("StatefulSet"), "/metadata/name", json!("a.b")),
        with(workload("StatefulSet"), "/spec/serviceName", json!("A")),
        pod(
            "resources",
            json!({"requests": {"cpu": 1}, "limits": {"cpu": "500m"}}),
        ),
        with(
            pod(
                "resources",
                json!({"requests": {"cpu": 1}, "limits": {"cpu": 1}}),
            ),
            &format!("{POD}/containers/0/resources"),
            json!({"limits": {"cpu": 2}}),
        ),
        pod("resources", json!({"limits": {"nvidia.com/gpu": 1}})),
        container("name", json!("Web")),
        container(
            "ports",
            json!([{"name": "http"}, {"name": "http", "containerPort": 70000}]),
        ),
        container("readinessProbe", json!({"periodSeconds": 5})),
        container("readinessProbe", two),
        container(
            "volumeMounts",
            json!([{"name": "data", "mountPath": "/data"}]),
        ),
        container("lifecycle", json!({"preStop": {}})),
        container("lifecycle", json!({"preStop": {"sleep": {"seconds": 31}}})),
        container(
            "resizePolicy",
            json!([{"resourceName": "gpu", "restartPolicy": "NotRequired"}]),
        ),
        container("resources", json!({"limits": {"nvidia.com/gpu": "1500m"}})),
        container("resources", json!({"limits": {"gpu": 1}})),
        container("resources", json!({"limits": {"hugepages-2Mi": "2Mi"}})),
        pod("initContainers", init),
        pod(
            "volumes",
            json!([{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}]),
        ),
        pod("topologySpreadConstraints", json!([twice, twice])),
        pod("tolerations", json!([{"operator": "Exists", "value": "x"}])),
        service(&json!({})),
        service(&json!({"ports": [{"port": 80}, {"port": 80, "name": "b"}]})),
        service(&json!({"type": "Foo", "ports": [{"port": 0}]})),
        pdb(&json!({"minAvailable": "101%"})),
        pdb(&json!({"minAvailable": 1, "maxUnavailable": 1})),
        range(&json!([{"type": "Container"}, {"type": "Container"}])),
        range(&json!([{"type": "Foo"}])),
        range(&json!([{"type": "Pod", "max": {"gpu": 1}}])),
        class("high", 1_000_000_001),
        class("system-mine", 1),
    ];
    let told = values.iter().map(|value| {
        let causes = causes(value);
        assert!(!causes.is_empty(), "{value}");
        causes.join("\n")
    });
    let told: Vec<String> = told.collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn a_service_begins_with_a_letter_before_1_36() {
    let mut service = object("v1", "Service", &json!({"ports": [{"port": 80}]}));
    service["metadata"]["name"] = json!("1a");
    let release = |minor| Admission {
        release: KubernetesVersion(minor),
        ..Admission::default()
    };
    assert!(read_object(&service, &release(36)).is_ok());
    let refusal = read_object(&service, &release(35)).expect_err("a digit first");
    assert!(refusal.causes[0].contains("DNS-1035"), "{refusal}");
}

#[test]
fn the_selector_of_a_metric_is_nobodys_before_a_sync() {
    let hpa = object(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        &json!({
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 3,
            "metrics": [{"type": "External", "external": {
                "metric": {"name": "depth", "selector": {"matchLabels": {"queue": "a b"}}},
                "target": {"type": "Value", "value": "1"},
            }}],
        }),
    );
    assert_eq!(causes(&hpa), Vec::<String>::new());
    let target = "/spec/metrics/0/external/target";
    let told = [
        with(hpa.clone(), "/spec/maxReplicas", json!(0)),
        with(hpa.clone(), "/spec/maxReplicas", json!(-1)),
        with(hpa.clone(), "/spec/scaleTargetRef/name", json!("a/b")),
        with(
            hpa.clone(),
            "/spec/scaleTargetRef/apiVersion",
            json!("a/b/c"),
        ),
        with(
            hpa.clone(),
            &format!("{target}/averageUtilization"),
            json!(0),
        ),
        with(hpa, &format!("{target}/value"), json!("-1")),
    ]
    .map(|value| causes(&value).join("\n"));
    insta::assert_snapshot!(told.join("\n"));
}

/// What is refused of a change.
fn refused(before: &Value, after: &Value) -> String {
    let read = |value| read_object(value, &Admission::default()).expect("an object");
    let (old, new) = (read(before), read(after));
    match check_update((before, &old), (after, &new)) {
        Ok(()) => String::new(),
        Err(refusal) => refusal.to_string(),
    }
}

#[test]
fn fields_that_may_not_change_do_not() {
    let change = |of: Value, path: &str, new: Value| {
        let after = with(of.clone(), path, new);
        refused(&of, &after)
    };
    let labels = json!({"app": "web", "tier": "a"});
    let relabelled = |kind: &str| {
        with(
            workload(kind),
            "/spec/template/metadata/labels",
            labels.clone(),
        )
    };
    let narrower = json!({"matchLabels": labels});
    let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": {"name": "high"}, "value": 5});
    let indexed = with(
        with(job(), "/spec/completionMode", json!("Indexed")),
        "/spec/completions",
        json!(2),
    );
    let suspended = with(job(), "/spec/suspend", json!(true));
    let image = format!("{POD}/containers/0/image");
    let told = [
        change(relabelled("Deployment"), "/spec/selector", narrower.clone()),
        change(relabelled("StatefulSet"), "/spec/selector", narrower),
        change(
            workload("StatefulSet"),
            "/spec/podManagementPolicy",
            json!("Parallel"),
        ),
        change(workload("StatefulSet"), "/spec/serviceName", json!("db")),
        change(job(), "/spec/completions", json!(3)),
        change(job(), &image, json!("web:2")),
        change(indexed.clone(), "/spec/completions", json!(3)),
        change(class.clone(), "/value", json!(6)),
        change(class, "/preemptionPolicy", json!("Never")),
    ];
    for (index, text) in told.iter().enumerate() {
        assert!(!text.is_empty(), "{index}");
    }
    insta::assert_snapshot!(told.join("\n"));
    let both = with(
        with(indexed.clone(), "/spec/completions", json!(3)),
        "/spec/parallelism",
        json!(3),
    );
    for (before, after) in [
        (indexed, both),
        (suspended.clone(), with(suspended, &image, json!("web:2"))),
        (
            workload("StatefulSet"),
            with(
                workload("StatefulSet"),
                "/spec/podManagementPolicy",
                json!("OrderedReady"),
            ),
        ),
        (
            workload("StatefulSet"),
            with(workload("StatefulSet"), "/spec/replicas", json!(3)),
        ),
    ] {
        assert_eq!(refused(&before, &after), "");
    }
}
