//! DaemonSets: a pod on each node that fits, roll-outs, drains, VPAs.

use std::collections::BTreeMap;

use nlsim::api::{Clock, Kind, ObjectId, Pod};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const LOGS: &str = r#"
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: logs}
spec:
  selector: {matchLabels: {app: logs}}
  updateStrategy: STRATEGY
  template:
    metadata: {labels: {app: logs}}
    spec:
      nodeSelector: {pool: general}
      containers:
        - {name: logs, image: "logs:1", resources: {requests: {cpu: 200m, memory: 64Mi}}}
"#;
const VPA: &str = "
---
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: logs}
spec:
  targetRef: {apiVersion: apps/v1, kind: DaemonSet, name: logs}
  updatePolicy: {updateMode: Recreate}
";
const ROLLING: &str = "{type: RollingUpdate}";

fn scenario(strategy: &str, more: &str) -> Scenario {
    let manifest = LOGS.replace("STRATEGY", strategy) + more;
    let toml = r#"
name = "daemons"
manifests = "logs.yaml"
[simulation]
duration = "12h"
[[node_group]]
name = "general"
count = 3
cpu = 4
memory = "8Gi"
labels = { pool = "general" }
[[node_group]]
name = "other"
cpu = 4
memory = "8Gi"
"#;
    let files = InMemory::new([("s.toml", toml), ("logs.yaml", &manifest)]);
    let loaded = Loaded::load("s.toml", &files).unwrap_or_else(|all| panic!("{all:?}"));
    let built = loaded.build(&[]).unwrap_or_else(|all| panic!("{all:?}"));
    built.scenario
}

fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    let time = SimTime::from_secs(seconds);
    cluster.step_until(time).expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

/// Pods that are not being deleted by their node, with the image of each.
fn images(cluster: &Simulation<'_>) -> BTreeMap<String, Vec<String>> {
    let store = cluster.store();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, pod) in store.pods().filter(|(_, pod)| Pod::is_active(pod)) {
        let node = pod.node.map_or("", |node| store.node(node).name());
        let image = pod.template.containers[0].image.clone();
        found.entry(node.to_owned()).or_default().push(image);
    }
    found
}

fn everywhere(image: &str) -> BTreeMap<String, Vec<String>> {
    let nodes = ["general-1", "general-2", "general-3"];
    let one = |node: &str| (node.to_owned(), vec![image.to_owned()]);
    nodes.map(one).into()
}

/// The greatest and the least number of ready pods, and the greatest of all that are there, while
/// so many seconds pass.
fn watched(cluster: &mut Simulation<'_>, from: i64, to: i64) -> (usize, usize, usize) {
    let (mut most_ready, mut least_ready, mut most) = (0, usize::MAX, 0);
    for second in from..=to {
        run_until(cluster, second);
        let pods = || {
            cluster
                .store()
                .pods()
                .filter(|(_, pod)| Pod::is_active(pod))
        };
        let ready = pods().filter(|(_, pod)| pod.is_ready()).count();
        most_ready = most_ready.max(ready);
        least_ready = least_ready.min(ready);
        most = most.max(pods().count());
    }
    (most_ready, least_ready, most)
}

#[test]
fn each_node_that_fits_has_one_pod_and_the_status_counts_them() {
    let scenario = scenario(ROLLING, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    assert_eq!(images(&cluster), everywhere("logs:1"));
    let store = cluster.store();
    let id = store.find(Kind::DaemonSet, "default", "logs");
    let clock = Clock {
        calendar: scenario.controllers.vpa.clock,
        now: SimTime::from_secs(60),
    };
    let view = id
        .and_then(|id| store.view(id, clock))
        .expect("a DaemonSet");
    for (field, count) in [
        ("desiredNumberScheduled", 3),
        ("currentNumberScheduled", 3),
        ("numberReady", 3),
        ("numberAvailable", 3),
        ("updatedNumberScheduled", 3),
        ("numberMisscheduled", 0),
    ] {
        assert_eq!(view["status"][field], count, "{field}");
    }
    let Some(ObjectId::Node(node)) = store.find(Kind::Node, "", "general-1") else {
        panic!("the node is there")
    };
    assert_eq!(store.node_info(node).requested.cpu.0, 200);
}

#[test]
fn a_new_template_replaces_one_pod_after_the_other() {
    let scenario = scenario(ROLLING, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let set = "kubectl set image ds/logs logs=logs:2";
    let lines = cluster.kubectl(set).expect("a command line");
    assert_eq!(lines, ["daemonset.apps/logs image updated"]);
    let (_, least_ready, most) = watched(&mut cluster, 61, 300);
    assert_eq!((least_ready, most), (2, 3));
    assert_eq!(images(&cluster), everywhere("logs:2"));
}

#[test]
fn a_surge_keeps_every_node_served() {
    let strategy = "{rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}";
    let scenario = scenario(strategy, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let set = "kubectl set image ds/logs logs=logs:2";
    cluster.kubectl(set).expect("a command line");
    let (_, least_ready, most) = watched(&mut cluster, 61, 300);
    assert_eq!((least_ready, most), (3, 4));
    assert_eq!(images(&cluster), everywhere("logs:2"));
}

#[test]
fn on_delete_waits_for_somebody_to_delete() {
    let scenario = scenario("{type: OnDelete}", "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let set = "kubectl set image ds/logs logs=logs:2";
    cluster.kubectl(set).expect("a command line");
    run_until(&mut cluster, 300);
    assert_eq!(images(&cluster), everywhere("logs:1"));
    let pods = cluster.store().pods();
    let on_first = |pod: &Pod| {
        let node = pod.node.map(|node| cluster.store().node(node).name());
        node == Some("general-1")
    };
    let first = pods.map(|(_, pod)| pod).find(|pod| on_first(pod));
    let delete = format!("kubectl delete pod {}", first.expect("a pod").name());
    cluster.kubectl(&delete).expect("a command line");
    run_until(&mut cluster, 400);
    let mut expected = everywhere("logs:1");
    expected.insert("general-1".to_owned(), vec!["logs:2".to_owned()]);
    assert_eq!(images(&cluster), expected);
}

#[test]
fn a_drain_leaves_the_pods_of_daemon_sets() {
    let scenario = scenario(ROLLING, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let refused = cluster.kubectl("kubectl drain general-1").expect("a line");
    let text = refused.join("\n");
    assert!(
        text.contains("cannot delete DaemonSet-managed Pods"),
        "{text}"
    );
    let ignoring = "kubectl drain general-1 --ignore-daemonsets";
    let drained = cluster.kubectl(ignoring).expect("a line").join("\n");
    assert!(drained.contains("node/general-1 drained"), "{drained}");
    run_until(&mut cluster, 200);
    // A cordoned node keeps its pod, and would get one.
    assert_eq!(images(&cluster), everywhere("logs:1"));
}

#[test]
fn a_vpa_recommends_and_evicts() {
    let scenario = scenario(ROLLING, VPA);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 12 * 3600);
    let (_, vpa) = cluster.store().vpas().next().expect("the VPA");
    assert!(!vpa.status.recommendations.is_empty(), "{:?}", vpa.status);
    let small = |pod: &Pod| pod.requested().cpu.0 < 200;
    let pods: Vec<bool> = (cluster.store().pods())
        .filter(|(_, pod)| pod.is_active())
        .map(|(_, pod)| small(pod))
        .collect();
    assert_eq!(pods, [true; 3]);
}
