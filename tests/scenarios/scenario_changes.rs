//! What happens to the cluster while it runs: commands, faults and the namespace that objects
//! and commands have if they name none.

use crate::files::Memory;
use nlsim::kubectl::command::{Command, Targets};
use nlsim::scenario::model::{Component, FaultKind, ImagePull, MetricType};
use nlsim::scenario::{Built, Diagnostics, Loaded, Object, read_object};
use nlsim::sim::{SimDuration, SimTime};

const API: &str = include_str!("../bad/base/api.yaml");
const HPA: &str = include_str!("../bad/base/hpa.yaml");
const START: &str = "name = \"s\"\nmanifests = [\"base/*.yaml\"]\nsimulation.duration = \"1h\"\n";

fn load(toml: &str, set: &[(&str, &str)]) -> Result<Built, Diagnostics> {
    let mut files = Memory::default();
    files.put("x/s.toml", format!("{START}{toml}"));
    files.put("x/base/api.yaml", API);
    files.put("x/base/hpa.yaml", HPA);
    files.put(
        "x/later/hpa.yaml",
        HPA.replace("maxReplicas: 10", "maxReplicas: 30"),
    );
    files.put(
        "x/later/list.yaml",
        "apiVersion: v1\nkind: List\nitems:\n  - {apiVersion: v1, kind: Service, metadata: {name: a, namespace: other}, spec: {clusterIP: None}}\n  - {apiVersion: v1, kind: Service, metadata: {name: b}, spec: {clusterIP: None}}\n",
    );
    let set: Vec<(String, String)> = set
        .iter()
        .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()))
        .collect();
    Loaded::load("x/s.toml", &files).and_then(|loaded| loaded.build(&set))
}

fn built(toml: &str, set: &[(&str, &str)]) -> Built {
    load(toml, set).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn minutes(minutes: i64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(60 * minutes)
}

#[test]
fn commands_are_sorted_by_time_and_then_by_order() {
    let text = r#"
[[action]]
at = "30m"
kubectl = "kubectl scale deploy/api --replicas=9"
[[action]]
at = "10m"
kubectl = "kubectl get hpa -A"
[[action]]
at = "30m"
kubectl = "kubectl rollout restart deploy/api -n default"
"#;
    let built = built(text, &[("action[0].at", "20m")]);
    assert_eq!(built.warnings.list, []);
    let actions = built.scenario.actions;
    let times: Vec<SimTime> = actions.iter().map(|action| action.at).collect();
    assert_eq!(times, [minutes(10), minutes(20), minutes(30)]);
    let [get, scale, restart] = actions.as_slice() else {
        panic!("three actions")
    };
    assert_eq!(
        (get.command.all_namespaces, &get.command.namespace),
        (true, &None)
    );
    assert_eq!(scale.text, "kubectl scale deploy/api --replicas=9");
    let Command::Scale(one) = &scale.command.command else {
        panic!("{:?}", scale.command)
    };
    assert_eq!(one.replicas, 9);
    let Targets::Named(objects) = &one.targets else {
        panic!("{:?}", one.targets)
    };
    assert_eq!(
        (objects[0].kind.kind, objects[0].name.as_str()),
        ("Deployment", "api")
    );
    for action in [scale, restart] {
        assert_eq!(action.command.namespace.as_deref(), Some("default"));
        assert!(action.documents.is_empty());
    }
}

#[test]
fn documents_come_from_files_folders_and_here_documents() {
    let text = r#"
namespace = "shop"
[[action]]
at = "10m"
kubectl = "kubectl apply -f later/hpa.yaml"
[[action]]
at = "11m"
kubectl = "kubectl apply -f later/"
[[action]]
at = "12m"
kubectl = """
kubectl create -n dev -f - <<'END'
apiVersion: v1
kind: Service
metadata: {name: c}
spec: {clusterIP: None}
END
"""
"#;
    let scenario = built(text, &[]).scenario;
    let found: Vec<Vec<String>> = scenario
        .actions
        .iter()
        .map(|action| {
            let name = |value: &serde_json::Value| {
                let metadata = &value["metadata"];
                format!("{}/{}", metadata["namespace"], metadata["name"]).replace('"', "")
            };
            action.documents.iter().map(name).collect()
        })
        .collect();
    let expected = [
        &["shop/api"][..],
        &["shop/api", "other/a", "shop/b"],
        &["dev/c"],
    ];
    assert_eq!(found, expected);
    let hpa = &scenario.actions[0].documents[0];
    let Ok(Object::Hpa(hpa)) = read_object(hpa, &scenario.admission) else {
        panic!("an HPA")
    };
    assert_eq!(
        (hpa.namespace.as_str(), hpa.spec.max_replicas),
        ("shop", 30)
    );
}

#[test]
fn a_file_that_only_set_names_was_not_read() {
    let text = "[[action]]\nat = \"1m\"\nkubectl = \"kubectl get pods\"\n";
    let set = [("action[0].kubectl", "kubectl apply -f later/hpa.yaml")];
    let problems = load(text, &set).expect_err("not read").render(false);
    assert!(
        problems.contains("later/hpa.yaml was not read"),
        "{problems}"
    );
    let set = [("action[0].kubectl", "kubectl delete hpa api")];
    let built = built(text, &set);
    assert!(matches!(
        built.scenario.actions[0].command.command,
        Command::Delete(_)
    ));
}

#[test]
fn what_earlier_commands_create_is_there_for_later_ones() {
    let warnings = |text: &str| built(text, &[]).warnings.list.len();
    let apply = "[[action]]\nat = \"5m\"\nkubectl = \"kubectl delete hpa api\"\n[[action]]\nat = \"6m\"\nkubectl = \"kubectl autoscale deployment api --max=5\"\n";
    let patch = "[[action]]\nat = \"AT\"\nkubectl = '''kubectl patch hpa api -p '{\"spec\":{\"maxReplicas\":7}}' '''\n";
    assert_eq!(
        warnings(&format!("{apply}{}", patch.replace("AT", "7m"))),
        0
    );
    assert_eq!(
        warnings(&format!("{apply}{}", patch.replace("AT", "5m30s"))),
        1
    );
}

#[test]
fn faults_have_their_units_and_their_order() {
    let text = r#"
[[metric]]
name = "depth"
type = "external"
series = 5
[[node_group]]
name = "a-b"
instance_type = "m5.large"
count = 2
[[fault]]
at = "30m"
for = "5m"
down = "vpa-admission-controller"
[[fault]]
at = "10m"
kubelet = "a-b-2"
[[fault]]
at = "10m"
for = "90s"
node = "a-b-1"
[[fault]]
at = "40m"
metric = "depth"
type = "external"
[[fault]]
at = "41m"
image_pull = "2m"
[[fault]]
at = "42m"
image_pull = 10
"#;
    let faults = built(text, &[]).scenario.faults;
    let times: Vec<_> = faults.iter().map(|fault| (fault.at, fault.until)).collect();
    assert_eq!(times[0], (minutes(10), None));
    let later = minutes(10) + SimDuration::from_secs(90);
    assert_eq!(times[1], (minutes(10), Some(later)));
    assert_eq!(times[2], (minutes(30), Some(minutes(35))));
    let FaultKind::Kubelet(node) = &faults[0].kind else {
        panic!("{:?}", faults[0])
    };
    assert_eq!(
        (node.name.as_str(), node.group, node.number),
        ("a-b-2", 0, 1)
    );
    assert!(matches!(&faults[1].kind, FaultKind::Node(node) if node.number == 0));
    let down = FaultKind::Down(Component::VpaAdmissionController);
    assert_eq!(faults[2].kind, down);
    let metric = FaultKind::Metric {
        name: "depth".to_owned(),
        metric_type: Some(MetricType::External),
    };
    assert_eq!(faults[3].kind, metric);
    let pull = ImagePull::Takes(SimDuration::from_secs(120));
    assert_eq!(faults[4].kind, FaultKind::ImagePull(pull));
    assert_eq!(faults[5].kind, FaultKind::ImagePull(ImagePull::Times(10.0)));
}

#[test]
fn the_namespace_is_that_of_documents_that_name_none() {
    let scenario = built("namespace = \"shop\"\n", &[]).scenario;
    assert_eq!(scenario.namespace, "shop");
    assert_eq!(scenario.workloads[0].namespace, "shop");
    assert_eq!(
        (
            scenario.hpas[0].namespace.as_str(),
            scenario.hpas[0].workload
        ),
        ("shop", Some(0))
    );
    let namespaces: Vec<&str> = scenario
        .documents
        .iter()
        .map(|d| d.namespace.as_str())
        .collect();
    assert_eq!(namespaces, ["shop", "shop", "shop"]);
    assert_eq!(scenario.documents[0].value["metadata"]["namespace"], "shop");

    // It can be set, and names the objects in paths.
    let path = "Deployment/prod/api:spec.replicas";
    let scenario = built("", &[("namespace", "prod"), (path, "5")]).scenario;
    let workload = &scenario.workloads[0];
    assert_eq!(
        (workload.namespace.as_str(), workload.replicas),
        ("prod", 5)
    );
    assert_eq!(built("", &[]).scenario.namespace, "default");
}

#[test]
fn objects_outside_namespaces_get_none() {
    let mut files = Memory::default();
    files.put(
        "s.toml",
        "name = \"s\"\nnamespace = \"shop\"\nmanifests = [\"m.yaml\"]\nsimulation.duration = \"1h\"\n",
    );
    let class =
        "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\nvalue: 5\n";
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n";
    let own = "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: shop}\nspec: {clusterIP: None}\n";
    files.put("m.yaml", [class, role, own].join("---\n"));
    let scenario = Loaded::load("s.toml", &files)
        .and_then(|loaded| loaded.build(&[]))
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario;
    let namespaces: Vec<&str> = scenario
        .documents
        .iter()
        .map(|d| d.namespace.as_str())
        .collect();
    assert_eq!(namespaces, ["", "", "shop"]);
}

#[test]
fn what_is_wrong_with_a_replaced_value_is_told_where_it_is_replaced() {
    let problems = load("", &[("simulation.duration", "400d")]).expect_err("too long");
    let text = problems.render(false);
    assert!(text.contains("--> (set):1:"), "{text}");
    assert!(text.contains("400d") && text.contains("180 days"), "{text}");
}
