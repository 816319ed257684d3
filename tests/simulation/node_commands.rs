//! `kubectl taint` and `kubectl delete node` in a run.

use nlsim::api::{Kind, Pod};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

/// Deployments and a DaemonSet; the batch one tolerates for 30 s.
const MANIFESTS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1", resources: {requests: {cpu: 100m}}}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: batch}
spec:
  replicas: 4
  selector: {matchLabels: {app: batch}}
  template:
    metadata: {labels: {app: batch}}
    spec:
      tolerations: [{key: drained, operator: Exists, effect: NoExecute, tolerationSeconds: 30}]
      containers: [{name: batch, image: "batch:1", resources: {requests: {cpu: 100m}}}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: logs}
spec:
  selector: {matchLabels: {app: logs}}
  template:
    metadata: {labels: {app: logs}}
    spec: {containers: [{name: logs, image: "logs:1", resources: {requests: {cpu: 50m}}}]}
"#;

fn scenario(manifests: &str) -> Scenario {
    scenario_with(manifests, "")
}

fn scenario_with(manifests: &str, more: &str) -> Scenario {
    let toml = r#"
name = "nodes"
manifests = "all.yaml"
[simulation]
duration = "1h"
[[node_group]]
name = "n"
count = 2
cpu = 4
memory = "8Gi"
price = 0.1
"#;
    let toml = format!("{toml}{more}");
    let files = InMemory::new([("s.toml", toml.as_str()), ("all.yaml", manifests)]);
    let loaded = Loaded::load("s.toml", &files).unwrap_or_else(|all| panic!("{all:?}"));
    let built = loaded.build(&[]).unwrap_or_else(|all| panic!("{all:?}"));
    built.scenario
}

fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    let time = SimTime::from_secs(seconds);
    cluster.step_until(time).expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

fn typed(cluster: &mut Simulation<'_>, text: &str) -> String {
    cluster.kubectl(text).expect("a command line").join("\n")
}

/// Live pods of a workload on a node; an empty name is no node.
fn on(cluster: &Simulation<'_>, app: &str, node: &str) -> usize {
    let store = cluster.store();
    let pods = store.pods().filter(|(_, pod)| {
        let place = pod.node.and_then(|id| store.find_node(id));
        let name = place.map_or("", |place| place.name());
        Pod::is_active(pod)
            && pod.meta.labels.get("app").is_some_and(|own| own == app)
            && name == node
    });
    pods.count()
}

fn messages(cluster: &Simulation<'_>, reason: &str) -> Vec<String> {
    let events = cluster.recording().events.iter();
    let such = events.filter(|event| event.reason == reason);
    such.map(|event| event.message.to_owned()).collect()
}

#[test]
fn no_schedule_keeps_new_pods_away() {
    let scenario = scenario(MANIFESTS);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 10);
    let before = on(&cluster, "web", "n-1");
    assert!(before > 0);
    let taint = "kubectl taint nodes n-1 dedicated=x:NoSchedule";
    assert_eq!(typed(&mut cluster, taint), "node/n-1 tainted");
    assert_eq!(
        typed(&mut cluster, taint),
        "error: node n-1 already has dedicated taint(s) with same effect(s) and --overwrite is false"
    );
    typed(&mut cluster, "kubectl scale deployment web --replicas=10");
    run_until(&mut cluster, 60);
    assert_eq!(on(&cluster, "web", "n-1"), before);
    assert_eq!(on(&cluster, "web", "n-2"), 10 - before);
    // Pods of DaemonSets that are there stay, others do not come.
    assert_eq!(on(&cluster, "logs", "n-1"), 1);
    let logs = cluster.store().pods().find(|(_, pod)| {
        pod.name().starts_with("logs")
            && pod
                .node
                .is_some_and(|id| cluster.store().node(id).name() == "n-1")
    });
    let name = logs.map(|(_, pod)| pod.name().to_owned()).expect("its pod");
    typed(&mut cluster, &format!("kubectl delete pod {name}"));
    run_until(&mut cluster, 120);
    assert_eq!(
        (on(&cluster, "logs", "n-1"), on(&cluster, "logs", "n-2")),
        (0, 1)
    );
    typed(
        &mut cluster,
        "kubectl taint nodes n-2 dedicated=x:NoSchedule",
    );
    typed(&mut cluster, "kubectl scale deployment web --replicas=12");
    run_until(&mut cluster, 180);
    assert_eq!(on(&cluster, "web", ""), 2);
    assert_eq!(
        messages(&cluster, "FailedScheduling")[0],
        "0/2 nodes are available: 2 node(s) had untolerated taint(s). no new claims to deallocate, \
         preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    );
    assert_eq!(
        typed(&mut cluster, "kubectl taint nodes --all dedicated-"),
        "node/n-1 untainted\nnode/n-2 untainted"
    );
    run_until(&mut cluster, 240);
    assert_eq!(on(&cluster, "web", ""), 0);
    assert_eq!(on(&cluster, "logs", "n-1"), 1);
}

#[test]
fn a_taint_that_prefers_others_is_the_last_resort() {
    let scenario = scenario(MANIFESTS);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 10);
    let before = on(&cluster, "web", "n-1");
    typed(
        &mut cluster,
        "kubectl taint nodes n-1 slow:PreferNoSchedule",
    );
    typed(&mut cluster, "kubectl scale deployment web --replicas=10");
    run_until(&mut cluster, 60);
    assert_eq!(on(&cluster, "web", "n-1"), before);
    typed(&mut cluster, "kubectl cordon n-2");
    typed(&mut cluster, "kubectl scale deployment web --replicas=12");
    run_until(&mut cluster, 120);
    assert_eq!(on(&cluster, "web", "n-1"), before + 2);
}

#[test]
fn no_execute_evicts_at_once_or_after_the_toleration() {
    let scenario = scenario(MANIFESTS);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 80);
    let batch = on(&cluster, "batch", "n-1");
    assert!(batch > 0 && on(&cluster, "web", "n-1") > 0);
    typed(&mut cluster, "kubectl taint nodes n-1 drained:NoExecute");
    run_until(&mut cluster, 81);
    assert_eq!(
        (on(&cluster, "web", "n-1"), on(&cluster, "logs", "n-1")),
        (0, 0)
    );
    assert_eq!(on(&cluster, "batch", "n-1"), batch);
    run_until(&mut cluster, 109);
    assert_eq!(on(&cluster, "batch", "n-1"), batch);
    run_until(&mut cluster, 112);
    let marked = messages(&cluster, "TaintManagerEviction");
    let of_batch = |start: &str| {
        let start = format!("{start} default/batch");
        marked
            .iter()
            .filter(|text| text.starts_with(&start))
            .count()
    };
    assert_eq!(of_batch("Marking for deletion Pod"), batch);
    assert!(
        marked
            .iter()
            .any(|text| text.starts_with("Marking for deletion Pod default/web"))
    );
    // What has come meanwhile stays once the taint has gone.
    run_until(&mut cluster, 125);
    let there = on(&cluster, "batch", "n-1");
    typed(&mut cluster, "kubectl taint nodes n-1 drained-");
    run_until(&mut cluster, 300);
    assert!(on(&cluster, "batch", "n-1") >= there);
    let cancelled = messages(&cluster, "TaintManagerEviction");
    let cancelled = cancelled
        .iter()
        .filter(|text| text.starts_with("Cancelling deletion of Pod"));
    assert_eq!(cancelled.count(), there);
    assert_eq!(on(&cluster, "logs", "n-1"), 1);
}

#[test]
fn pods_of_a_deleted_node_are_collected_a_minute_later() {
    let scenario = scenario(MANIFESTS);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 105);
    let there = on(&cluster, "web", "n-1");
    assert!(there > 0);
    assert_eq!(
        typed(&mut cluster, "kubectl delete node n-1"),
        "node \"n-1\" deleted"
    );
    assert_eq!(
        typed(&mut cluster, "kubectl delete node n-1"),
        "Error from server (NotFound): nodes \"n-1\" not found"
    );
    let left = |cluster: &Simulation<'_>| {
        let pods = cluster.store().pods();
        pods.filter(|(_, pod)| Pod::is_active(pod) && pod.name().starts_with("web"))
            .count()
    };
    // It is missed at 120 s, and for good 40 s later.
    run_until(&mut cluster, 159);
    assert_eq!((left(&cluster), on(&cluster, "web", "n-2")), (4, 4 - there));
    run_until(&mut cluster, 200);
    assert_eq!((left(&cluster), on(&cluster, "web", "n-2")), (4, 4));
    assert_eq!(cluster.store().find(Kind::Node, "", "n-1"), None);
    assert_eq!(on(&cluster, "logs", "n-2"), 1);
    let store = cluster.store();
    let homeless = |pod: &Pod| pod.node.is_some_and(|node| store.find_node(node).is_none());
    assert_eq!(store.pods().filter(|(_, pod)| homeless(pod)).count(), 0);
    let finished = cluster.finish().expect("the books balance");
    let node = &finished.recording.nodes[0];
    assert_eq!(node.ended, Some(SimTime::from_secs(105)));
}

/// Of two taints that a pod tolerates for a while the first one counts; one that it does not
/// tolerate first cancels what is scheduled.
#[test]
fn a_second_taint_cancels_only_where_it_is_not_tolerated() {
    let twice = "tolerations: [{key: drained, operator: Exists, effect: NoExecute, tolerationSeconds: 30}, \
                 {key: slow, operator: Exists, effect: NoExecute, tolerationSeconds: 5}]";
    let once =
        "tolerations: [{key: drained, operator: Exists, effect: NoExecute, tolerationSeconds: 30}]";
    assert!(MANIFESTS.contains(once));
    let scenario = scenario(&MANIFESTS.replace(once, twice));
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 80);
    let batch = on(&cluster, "batch", "n-1");
    assert!(batch > 0);
    typed(&mut cluster, "kubectl taint nodes n-1 drained:NoExecute");
    run_until(&mut cluster, 85);
    typed(&mut cluster, "kubectl taint nodes n-1 slow:NoExecute");
    run_until(&mut cluster, 100);
    assert_eq!(on(&cluster, "batch", "n-1"), batch);
    typed(&mut cluster, "kubectl taint nodes n-1 other:NoExecute");
    run_until(&mut cluster, 102);
    assert_eq!(on(&cluster, "batch", "n-1"), 0);
    let told = messages(&cluster, "TaintManagerEviction");
    let of_batch = |start: &str| {
        let start = format!("{start} default/batch");
        told.iter().position(|text| text.starts_with(&start))
    };
    let cancelled = of_batch("Cancelling deletion of Pod").expect("they were scheduled");
    let marked = of_batch("Marking for deletion Pod").expect("they went");
    assert!(cancelled < marked);
}

#[test]
fn wrong_tolerations_are_refused() {
    for (wrong, words) in [
        (
            "operator: Equal",
            "operator must be Exists when `key` is empty",
        ),
        (
            "key: a, operator: Exists, value: b",
            "value must be empty when `operator` is 'Exists'",
        ),
        (
            "key: a, effect: Sometimes",
            "Unsupported value: \"Sometimes\"",
        ),
        (
            "key: a, operator: Exists, effect: NoSchedule, tolerationSeconds: 3",
            "effect must be 'NoExecute' when `tolerationSeconds` is set",
        ),
    ] {
        let right = "key: drained, operator: Exists, effect: NoExecute, tolerationSeconds: 30";
        let manifests = MANIFESTS.replace(right, wrong);
        let files = InMemory::new([
            (
                "s.toml",
                "name = \"n\"\nmanifests = \"all.yaml\"\nsimulation.duration = \"1h\"\n",
            ),
            ("all.yaml", manifests.as_str()),
        ]);
        let loaded = Loaded::load("s.toml", &files).unwrap_or_else(|all| panic!("{all:?}"));
        let problems = loaded.build(&[]).expect_err("refused").render(false);
        assert!(problems.contains(words), "{words}: {problems}");
    }
}

/// A pod of the first node that a budget keeps there.
const KEPT: &str = r#"
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: kept}
spec:
  replicas: 1
  selector: {matchLabels: {app: kept}}
  template:
    metadata: {labels: {app: kept}}
    spec:
      nodeSelector: {kubernetes.io/hostname: n-1}
      containers: [{name: kept, image: "kept:1", resources: {requests: {cpu: 100m}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: kept}
spec: {maxUnavailable: 0, selector: {matchLabels: {app: kept}}}
"#;

#[test]
fn the_timeout_of_a_drain_is_that_of_each_node() {
    let scenario = scenario(&format!("{MANIFESTS}{KEPT}"));
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 100);
    let drain = "kubectl drain n-1 n-2 --ignore-daemonsets --timeout=60s";
    typed(&mut cluster, drain);
    run_until(&mut cluster, 155);
    let drained = |cluster: &Simulation<'_>| {
        let printed = &cluster.recording().actions[0].printed;
        printed.iter().any(|line| line == "node/n-2 drained")
    };
    assert!(on(&cluster, "web", "n-2") > 0, "its turn has not come");
    run_until(&mut cluster, 220);
    assert!(drained(&cluster));
    assert_eq!(on(&cluster, "web", "n-2"), 0);
    assert_eq!(on(&cluster, "kept", "n-1"), 1);
}

#[test]
fn a_drain_that_waits_too_long_says_so() {
    let slow = MANIFESTS.replace(
        "containers: [{name: web,",
        "terminationGracePeriodSeconds: 100, \
         containers: [{lifecycle: {preStop: {sleep: {seconds: 90}}}, name: web,",
    );
    let scenario = scenario(&slow);
    let errors = |more: &str| {
        let mut cluster = Simulation::new(&scenario, 1);
        run_until(&mut cluster, 100);
        let line = format!("kubectl drain n-1 --ignore-daemonsets --timeout=20s{more}");
        typed(&mut cluster, &line);
        run_until(&mut cluster, 130);
        let printed = &cluster.recording().actions[0].printed;
        let last = printed.last().expect("an error").to_owned();
        (on(&cluster, "web", "n-1"), last)
    };
    let (_, evicted) = errors("");
    assert!(
        evicted.contains("error when waiting for pod \"web-")
            && evicted
                .contains("\" in namespace \"default\" to terminate: context deadline exceeded"),
        "{evicted}"
    );
    let (_, deleted) = errors(" --disable-eviction");
    assert_eq!(deleted, "context deadline exceeded");
}

#[test]
fn ended_pods_go_at_once_when_their_node_is_tainted() {
    let job = r#"
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  completions: 4
  parallelism: 4
  template:
    metadata: {labels: {app: once}}
    spec:
      restartPolicy: Never
      containers: [{name: once, image: "once:1", resources: {requests: {cpu: 100m}}}]
"#;
    let takes = "[[service]]\nworkload = \"Job/once\"\nrun_time = \"5s\"\n";
    let scenario = scenario_with(&format!("{MANIFESTS}{job}"), takes);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 600);
    let ended = |cluster: &Simulation<'_>, node: &str| {
        let store = cluster.store();
        let pods = store.pods().filter(|(_, pod)| {
            let place = pod.node.and_then(|id| store.find_node(id));
            let is_own = pod.meta.labels.get("app").is_some_and(|app| app == "once");
            is_own && pod.has_ended() && place.is_some_and(|place| place.name() == node)
        });
        pods.count()
    };
    let before = ["n-1", "n-2"].map(|node| ended(&cluster, node));
    assert_eq!(before.iter().sum::<usize>(), 4);
    assert!(before[0] > 0);
    typed(&mut cluster, "kubectl taint nodes n-1 broken=x:NoExecute");
    run_until(&mut cluster, 601);
    assert_eq!(ended(&cluster, "n-1"), 0);
    run_until(&mut cluster, 700);
    assert_eq!(
        ended(&cluster, "n-2"),
        before[1],
        "the Job has counted them"
    );
}

#[test]
fn kubelets_tell_of_cordons_with_their_next_status() {
    let scenario = scenario(MANIFESTS);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    typed(&mut cluster, "kubectl cordon n-1");
    run_until(&mut cluster, 71);
    let told = |cluster: &Simulation<'_>, reason| messages(cluster, reason);
    let not = ["Node n-1 status is now: NodeNotSchedulable"];
    assert_eq!(told(&cluster, "NodeNotSchedulable"), not);
    typed(&mut cluster, "kubectl uncordon n-1");
    run_until(&mut cluster, 82);
    let again = ["Node n-1 status is now: NodeSchedulable"];
    assert_eq!(told(&cluster, "NodeSchedulable"), again);
    // Nobody has seen a cordon that was taken back at once.
    for state in ["cordon", "uncordon"] {
        typed(&mut cluster, &format!("kubectl {state} n-2"));
    }
    run_until(&mut cluster, 100);
    assert_eq!(told(&cluster, "NodeNotSchedulable").len(), 1);
}

#[test]
fn budgets_without_pods_and_pods_with_several_budgets_are_told() {
    let budget = |name: &str, app: &str| {
        format!(
            "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: {name}}}\nspec: {{maxUnavailable: 1, selector: {{matchLabels: {{app: {app}}}}}}}\n"
        )
    };
    let budgets = [("a", "web"), ("b", "web"), ("c", "nobody")];
    let budgets: String = budgets
        .iter()
        .map(|(name, app)| budget(name, app))
        .collect();
    let scenario = scenario(&format!("{MANIFESTS}{budgets}"));
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 10);
    assert_eq!(messages(&cluster, "NoPods").len(), 1, "of c alone");
    let several = "MultiplePodDisruptionBudgets";
    assert!(messages(&cluster, several).is_empty(), "that was long ago");
    typed(&mut cluster, "kubectl scale deployment/web --replicas=5");
    run_until(&mut cluster, 20);
    let told = messages(&cluster, several);
    assert_eq!(told.len(), 1);
    assert!(told[0].ends_with("matches multiple PodDisruptionBudgets.  Chose \"a\" arbitrarily."));
    typed(&mut cluster, "kubectl scale deployment/web --replicas=0");
    run_until(&mut cluster, 80);
    assert_eq!(messages(&cluster, "NoPods").len(), 3);
}
