//! Objects as the API server takes them: autoscalers without a target, several on one workload,
//! and documents that are read during a run as they are at its start.

use crate::files::Memory;
use nlsim::cluster::spec::WorkloadKind;
use nlsim::record::Detail;
use nlsim::scenario::model::ObjectIndex;
use nlsim::scenario::{Admission, Built, Loaded, Object, RefusalReason, read_object};
use nlsim::world;
use serde_json::{Value, json};

const API: &str = include_str!("../bad/base/api.yaml");

fn of(manifest: &str) -> Built {
    let mut files = Memory::default();
    let scenario = "name = \"s\"\nmanifests = [\"m.yaml\"]\nsimulation.duration = \"10m\"\n";
    files.put("s.toml", scenario);
    files.put("m.yaml", format!("{API}---\n{manifest}"));
    Loaded::load("s.toml", &files)
        .and_then(|loaded| loaded.build(&[]))
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn hpa(name: &str, version: &str, target: &str) -> String {
    let (kind, target) = target.split_once('/').expect("Kind/name");
    format!(
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: {name}}}\nspec:\n  scaleTargetRef: {{apiVersion: {version}, kind: {kind}, name: {target}}}\n  maxReplicas: 10\n---\n"
    )
}

fn vpa(name: &str, mode: &str, target: &str) -> String {
    format!(
        "apiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {{name: {name}}}\nspec:\n  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: {target}}}\n  updatePolicy: {{updateMode: \"{mode}\"}}\n---\n"
    )
}

/// The titles of the warnings.
fn warned(built: &Built) -> Vec<&str> {
    let list = built.warnings.list.iter();
    list.map(|one| one.title.as_str()).collect()
}

#[test]
fn an_hpa_finds_its_target_by_group_kind_and_name() {
    let text = [
        hpa("rollout", "argoproj.io/v1alpha1", "Rollout/web"),
        hpa("absent", "apps/v1", "Deployment/web"),
        hpa("group", "example.com/v1", "Deployment/api"),
        hpa("old", "apps/v1beta2", "Deployment/api"),
    ];
    let built = of(&text.concat());
    let targets: Vec<_> = built.scenario.hpas.iter().map(|hpa| hpa.workload).collect();
    // By name: absent, group, old, rollout.
    assert_eq!(targets, [None, None, Some(0), None]);
    let target = &built.scenario.hpas[3].target;
    assert_eq!(target.api_version, "argoproj.io/v1alpha1");
    assert_eq!(
        (target.group(), target.to_string().as_str()),
        ("argoproj.io", "Rollout/web")
    );
    let stops = warned(&built)
        .iter()
        .filter(|w| w.contains("FailedGetScale"))
        .count();
    assert_eq!(stops, 3, "{:?}", warned(&built));
}

#[test]
fn hpas_that_share_pods_are_both_kept_and_told_of() {
    let built = of(&[
        hpa("one", "apps/v1", "Deployment/api"),
        hpa("two", "apps/v1", "Deployment/api"),
    ]
    .concat());
    assert_eq!(built.scenario.hpas.len(), 2);
    assert_eq!(
        warned(&built),
        ["two HPAs select pods of api: one and two; both stop with AmbiguousSelector"]
    );
    let finished = world::run(&built.scenario, 1, Detail::Full, |_| true).expect("a run");
    let counts = &finished.recording.workloads[0].counts;
    let counts = counts.at(built.scenario.simulation.end());
    assert_eq!(counts.map(|counts| counts.ready), Some(2));
}

#[test]
fn of_several_vpas_the_first_by_name_acts_unless_it_is_off() {
    let built = of(&[vpa("b", "Recreate", "api"), vpa("a", "Off", "api")].concat());
    assert_eq!((built.scenario.vpas.len(), warned(&built).len()), (2, 0));
    let built = of(&[vpa("b", "Recreate", "api"), vpa("a", "Initial", "api")].concat());
    assert_eq!(
        warned(&built),
        [
            "two VPAs act on api: a and b; a sets the requests of new pods, b evicts or resizes running ones by its own recommendation"
        ]
    );
    let built = of(&vpa("c", "Off", "web"));
    assert_eq!(built.scenario.vpas[0].workload, None);
    assert!(warned(&built)[0].ends_with("it recommends nothing (ConfigUnsupported)"));
}

fn hpa_value() -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "patchwin", "namespace": "shop", "resourceVersion": "17"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"},
            "minReplicas": 2,
            "maxReplicas": 10,
            "metrics": [{"type": "Resource", "resource": {
                "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}],
        },
        "status": {"currentReplicas": 3, "desiredReplicas": 3},
    })
}

/// What kubectl would print of an object after a change.
fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut value = hpa_value();
    change(&mut value);
    let refusal = read_object(&value, &Admission::default()).expect_err("a wrong object");
    refusal.to_string()
}

#[test]
fn documents_are_kept_as_they_were_set_and_read_to_what_the_scenario_holds() {
    let mut files = Memory::default();
    files.put(
        "s.toml",
        "name = \"s\"\nmanifests = [\"m.yaml\"]\nsimulation.duration = \"10m\"\n",
    );
    let class = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\nvalue: 1000\nglobalDefault: true\n";
    let range = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: all}\nspec: {limits: [{type: Container, default: {cpu: 2}}]}\n";
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {b: x, a: v}\n";
    let hpa = hpa("one", "apps/v1", "Deployment/api");
    let vpa = vpa("two", "Off", "api");
    files.put(
        "m.yaml",
        [API, map, class, range, &hpa, &vpa].join("\n---\n"),
    );
    let path = "HorizontalPodAutoscaler/one:spec.maxReplicas";
    let set = [(path.to_owned(), "7".to_owned())];
    let built = Loaded::load("s.toml", &files)
        .and_then(|loaded| loaded.build(&set))
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let scenario = built.scenario;
    let kinds: Vec<&str> = scenario.documents.iter().map(|d| d.kind.as_str()).collect();
    let expected = [
        "ConfigMap",
        "Deployment",
        "HorizontalPodAutoscaler",
        "LimitRange",
        "PriorityClass",
        "Service",
        "VerticalPodAutoscaler",
    ];
    assert_eq!(kinds, expected);
    let map = &scenario.documents[0];
    assert_eq!((map.object, map.name.as_str()), (None, "settings"));
    assert_eq!(map.value["data"].to_string(), r#"{"b":"x","a":"v"}"#);
    let one = &scenario.hpas[0];
    assert_eq!((one.document, one.spec.max_replicas), (Some(2), 7));
    let document = scenario
        .document_of(ObjectIndex::Hpa(0))
        .expect("its document");
    assert_eq!(document.value["spec"]["maxReplicas"], 7);

    // Each document read again is what the scenario holds.
    let read = |index: usize| read_object(&scenario.documents[index].value, &scenario.admission);
    let Ok(Object::Hpa(again)) = read(2) else {
        panic!("an HPA")
    };
    assert_eq!((&again.spec, &again.target), (&one.spec, &one.target));
    let Ok(Object::Vpa(again)) = read(6) else {
        panic!("a VPA")
    };
    assert_eq!(again.spec, scenario.vpas[0].spec);
    let Ok(Object::Workload(again)) = read(1) else {
        panic!("a Deployment")
    };
    assert_eq!(*again, scenario.workloads[0]);
    assert_eq!(again.template.priority, 1000);
    let limit = again.template.containers[0].cpu_limit;
    assert_eq!(limit.map(|limit| limit.0), Some(2000));
    for (index, kind) in [
        (5, "Service"),
        (4, "PriorityClass"),
        (3, "LimitRange"),
        (0, "ConfigMap"),
    ] {
        let object = read(index).expect("a good object");
        assert_eq!(object.kind(), kind);
    }
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}});
    let refusal = read_object(&account, &scenario.admission).expect_err("not simulated");
    assert_eq!(refusal.reason, RefusalReason::NotFound);
}

#[test]
fn admission_follows_the_objects() {
    let deployment: Value = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"priorityClassName": "high", "containers": [{"name": "web", "image": "web"}]},
            },
        },
    });
    let class = json!({
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": {"name": "high"}, "value": 7,
    });
    let mut admission = Admission::default();
    // The API server takes the template; pods would be refused.
    let Ok(Object::Workload(spec)) = read_object(&deployment, &admission) else {
        panic!("a workload")
    };
    assert_eq!(spec.template.priority, 0);
    for value in [5, 7] {
        let mut class = class.clone();
        class["value"] = json!(value);
        admission.put(&read_object(&class, &admission).expect("a class"));
        let Ok(Object::Workload(spec)) = read_object(&deployment, &admission) else {
            panic!("a Deployment")
        };
        assert_eq!(
            (spec.template.priority, spec.kind),
            (value, WorkloadKind::Deployment)
        );
    }
    admission.remove("PriorityClass", "", "high");
    let Ok(Object::Workload(spec)) = read_object(&deployment, &admission) else {
        panic!("a Deployment")
    };
    assert_eq!(spec.template.priority, 0);
}

#[test]
fn an_hpa_is_refused_in_the_words_of_the_api_server() {
    assert!(read_object(&hpa_value(), &Admission::default()).is_ok());
    let window = |window: i64| json!({"scaleDown": {"stabilizationWindowSeconds": window}});
    let told = [
        refused(|hpa| hpa["spec"]["behavior"] = window(4000)),
        refused(|hpa| hpa["spec"]["behavior"] = window(-1)),
        refused(|hpa| hpa["spec"]["minReplicas"] = json!(11)),
        refused(|hpa| {
            hpa["spec"]["minReplicas"] = json!(0);
            hpa["spec"]["maxReplicas"] = json!(0);
            hpa["spec"]["scaleTargetRef"]["apiVersion"] = json!("");
            hpa["spec"]["behavior"] = json!({"scaleUp": {"policies": []}});
        }),
        refused(|hpa| {
            let target = &mut hpa["spec"]["metrics"][0]["resource"]["target"];
            *target = json!({"type": "Utilization"});
        }),
        refused(|hpa| {
            let target = &mut hpa["spec"]["metrics"][0]["resource"]["target"];
            target["averageUtilization"] = json!(0);
        }),
        refused(|hpa| hpa["spec"]["maxReplica"] = json!(3)),
        refused(|hpa| hpa["spec"]["maxReplicas"] = json!("many")),
    ];
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn zero_replicas_need_the_gate_and_a_metric_from_outside() {
    let mut value = hpa_value();
    value["spec"]["minReplicas"] = json!(0);
    let gate = Admission {
        scale_to_zero: true,
        ..Admission::default()
    };
    let refusal = read_object(&value, &gate).expect_err("no such metric");
    assert_eq!(refusal.causes.len(), 1, "{refusal}");
    value["spec"]["metrics"] = json!([{"type": "External", "external": {
        "metric": {"name": "depth"}, "target": {"type": "AverageValue", "averageValue": "30"}}}]);
    assert!(read_object(&value, &gate).is_ok());
}

#[test]
fn sidecars_take_ports_and_resources_beside_the_containers() {
    let manifest = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: gpu}
spec:
  selector: {matchLabels: {app: gpu}}
  template:
    metadata: {labels: {app: gpu}}
    spec:
      initContainers:
        - {name: first, image: a, resources: {limits: {example.com/a: 4}}, ports: [{containerPort: 1, hostPort: 1}]}
        - {name: one, image: a, restartPolicy: Always, resources: {limits: {example.com/a: 1, example.com/b: 2}}, ports: [{containerPort: 2, hostPort: 2}]}
        - {name: next, image: a, resources: {limits: {example.com/a: 4, example.com/b: 1}}}
        - {name: two, image: a, restartPolicy: Always, resources: {limits: {example.com/b: 3}}}
      containers:
        - {name: c, image: a, resources: {limits: {example.com/a: 2, example.com/b: 1}}, ports: [{containerPort: 3, hostPort: 3}]}
";
    let built = of(manifest);
    let mut workloads = built.scenario.workloads.iter();
    let found = workloads.find(|one| one.name == "gpu");
    let placement = found.and_then(|one| one.template.placement.clone());
    let placement = placement.expect("it says where pods may run");
    let ports: Vec<i32> = placement.host_ports.iter().map(|one| one.port).collect();
    assert_eq!(ports, [3, 2]);
    let of = |name: &str| placement.extended.get(name).copied();
    // The third one beside the sidecar before it: 5; all that go on together: 1 + 2 + 3.
    assert_eq!(
        (of("example.com/a"), of("example.com/b")),
        (Some(5), Some(6))
    );
}

/// Of what others own, only what its owner makes again here is left out without a word.
#[test]
fn what_owners_of_other_kinds_hold_is_told() {
    let owned = |kind: &str, name: &str, owner: (&str, &str)| {
        let (of, by) = owner;
        format!(
            "apiVersion: {}\nkind: {kind}\nmetadata:\n  name: {name}\n  ownerReferences: [{{apiVersion: x/v1, kind: {of}, name: {by}, uid: u, controller: true}}]\nspec: {{}}\n---\n",
            if kind == "Pod" { "v1" } else { "apps/v1" }
        )
    };
    let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: ro}\n---\n";
    let text = [
        rollout.to_owned(),
        owned("ReplicaSet", "ro-77", ("Rollout", "ro")),
        owned("ReplicaSet", "gone-1", ("Deployment", "gone")),
        owned("Pod", "gone-1-a", ("ReplicaSet", "absent")),
        owned("ReplicaSet", "api-1", ("Deployment", "api")),
        owned("Pod", "api-1-a", ("ReplicaSet", "api-1")),
    ];
    let built = of(&text.concat());
    assert_eq!(
        warned(&built),
        [
            "left out, since their owners are not among the manifests: ReplicaSet gone-1 of \
             Deployment gone, Pod gone-1-a of ReplicaSet absent",
            "left out, since their owners are of a kind that is not simulated: ReplicaSet ro-77 of \
             Rollout ro",
            "not simulated and left out: Rollout",
        ]
    );
}
