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

/// Eight nodes; objects are applied at time zero, as in the recording.
fn eight_nodes(strategy: &str) -> Scenario {
    let manifest = LOGS.replace("STRATEGY", strategy);
    let toml = r#"
name = "daemons"
manifests = "logs.yaml"
[simulation]
duration = "1h"
from = "apply"
[[node_group]]
name = "general"
count = 8
cpu = 4
memory = "16Gi"
labels = { pool = "general" }
[[service]]
workload = "DaemonSet/logs"
startup = { image_pull = "0s", container_start = { dist = "uniform", low = "2s", high = "4s" }, shutdown = "0s" }
"#;
    let files = InMemory::new([("s.toml", toml), ("logs.yaml", &manifest)]);
    let loaded =
        Loaded::load("s.toml", &files).unwrap_or_else(|all| panic!("{}", all.render(false)));
    let built = loaded.build(&[]);
    built
        .unwrap_or_else(|all| panic!("{}", all.render(false)))
        .scenario
}

/// The DaemonSet's events from a time on: reason, message without the pod's name, count.
fn told(cluster: &Simulation<'_>, from: i64) -> Vec<(String, String, u64)> {
    let events = cluster.recording().events.iter();
    let own = events
        .filter(|event| event.object == "DaemonSet/logs" && event.time >= SimTime::from_secs(from));
    own.map(|event| {
        let message = event.message.rsplit_once(' ').map_or("", |(text, _)| text);
        (event.reason.to_owned(), message.to_owned(), event.count)
    })
    .collect()
}

/// Creations and deletions in their order: `+` and `-`.
fn order(cluster: &Simulation<'_>, from: i64) -> String {
    let sign = |reason: &str| {
        if reason == "SuccessfulCreate" {
            '+'
        } else {
            '-'
        }
    };
    told(cluster, from)
        .iter()
        .map(|(reason, ..)| sign(reason))
        .collect()
}

const NEW_IMAGE: &str = "kubectl set image daemonset/logs logs=logs:2";

#[test]
fn one_node_after_the_other_with_events_as_recorded() {
    let scenario = eight_nodes(ROLLING);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 110);
    assert_eq!(order(&cluster, 0), "++++++++");
    cluster.kubectl(NEW_IMAGE).expect("a command line");
    run_until(&mut cluster, 195);
    assert_eq!(order(&cluster, 110), "-+-+-+-+-+-+-+-+");
    let created = told(&cluster, 110);
    let created: Vec<(&str, u64)> = (created.iter())
        .filter(|(reason, ..)| reason == "SuccessfulCreate")
        .map(|(_, message, count)| (message.as_str(), *count))
        .collect();
    let combined = "(combined from similar events): Created pod:";
    // The ninth of ten minutes stands alone, those after it are one.
    assert_eq!(
        created,
        [
            ("Created pod:", 1),
            (combined, 1),
            (combined, 2),
            (combined, 3),
            (combined, 4),
            (combined, 5),
            (combined, 6),
            (combined, 7),
        ]
    );
    let deleted = told(&cluster, 110);
    let mut deleted = deleted
        .iter()
        .filter(|(reason, ..)| reason == "SuccessfulDelete");
    assert!(deleted.all(|(_, message, count)| message == "Deleted pod:" && *count == 1));
}

#[test]
fn two_fifths_of_eight_nodes_are_four_at_once_as_recorded() {
    let scenario = eight_nodes("{rollingUpdate: {maxUnavailable: 40%}}");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 112);
    cluster.kubectl(NEW_IMAGE).expect("a command line");
    run_until(&mut cluster, 150);
    let all = order(&cluster, 112);
    assert!(all.starts_with("----++++"), "{all}");
    assert_eq!((all.matches('-').count(), all.matches('+').count()), (8, 8));
}

#[test]
fn a_surge_creates_first_as_recorded() {
    let scenario = eight_nodes("{rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 114);
    cluster.kubectl(NEW_IMAGE).expect("a command line");
    run_until(&mut cluster, 200);
    assert_eq!(order(&cluster, 114), "+-+-+-+-+-+-+-+-");
}

#[test]
fn on_delete_renews_the_pod_that_is_deleted_as_recorded() {
    let scenario = eight_nodes("{type: OnDelete}");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 116);
    cluster.kubectl(NEW_IMAGE).expect("a command line");
    let status = cluster.kubectl("kubectl rollout status daemonset/logs");
    assert_eq!(
        status.expect("a command line"),
        ["error: rollout status is only available for RollingUpdate strategy type"]
    );
    run_until(&mut cluster, 150);
    assert_eq!(order(&cluster, 116), "");
    let (_, pod) = cluster.store().pods().next().expect("a pod");
    let delete = format!("kubectl delete pod {}", pod.name());
    cluster.kubectl(&delete).expect("a command line");
    run_until(&mut cluster, 200);
    assert_eq!(order(&cluster, 116), "+");
    let new = images(&cluster)
        .into_values()
        .flatten()
        .filter(|image| image == "logs:2");
    assert_eq!(new.count(), 1);
}

#[test]
fn a_rollout_is_watched_and_undone() {
    let scenario = eight_nodes(ROLLING);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 110);
    let typed = |cluster: &mut Simulation<'_>, text: &str| {
        cluster.kubectl(text).expect("a command line").join("\n")
    };
    let undone = typed(&mut cluster, "kubectl rollout undo daemonset/logs");
    assert!(undone.ends_with("\nerror: no last revision to roll back to"));
    typed(&mut cluster, NEW_IMAGE);
    run_until(&mut cluster, 111);
    let status = "kubectl rollout status daemonset/logs";
    assert_eq!(
        typed(&mut cluster, status),
        "Waiting for daemon set \"logs\" rollout to finish: 1 out of 8 new pods have been updated..."
    );
    run_until(&mut cluster, 195);
    assert_eq!(
        typed(&mut cluster, status),
        "daemon set \"logs\" successfully rolled out"
    );
    let undone = typed(&mut cluster, "kubectl rollout undo daemonset/logs");
    assert!(undone.starts_with("Warning: resource daemonsets/logs was previously managed"));
    assert!(undone.ends_with("\ndaemonset.apps/logs rolled back"));
    run_until(&mut cluster, 290);
    // The 25th event; the spam filter holds the others back, as recorded.
    assert_eq!(order(&cluster, 195), "-");
    assert!(
        images(&cluster)
            .into_values()
            .flatten()
            .all(|image| image == "logs:1")
    );
    // Back to the hash of the first template; its revision is the newest.
    assert_eq!(
        typed(&mut cluster, "kubectl rollout history daemonset/logs"),
        "daemonset.apps/logs \nREVISION  CHANGE-CAUSE\n2         <none>\n3         <none>\n"
    );
}
