//! Graceful node shutdown: who ends when, and what is left.

use nlsim::api::{Pod, PodPhase};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const MANIFESTS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: "web:1"
          resources: {requests: {cpu: 100m}}
          lifecycle: {preStop: {sleep: {seconds: 5}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: dns}
spec:
  replicas: 2
  selector: {matchLabels: {app: dns}}
  template:
    metadata: {labels: {app: dns}}
    spec:
      priorityClassName: system-cluster-critical
      containers: [{name: dns, image: "dns:1", resources: {requests: {cpu: 100m}}}]
"#;

fn scenario(kubelet: &str) -> Scenario {
    let toml = format!(
        r#"
name = "shutdown"
manifests = "all.yaml"
[simulation]
duration = "20m"
[[node_group]]
name = "n"
count = 2
cpu = 4
memory = "8Gi"
[[service]]
workload = "Deployment/web"
startup = {{ shutdown = "1s" }}
[[service]]
workload = "Deployment/dns"
startup = {{ shutdown = "1s" }}
[[fault]]
at = "10m"
for = "2m"
shutdown = "n-1"
{kubelet}
"#
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("all.yaml", MANIFESTS)]);
    let loaded = Loaded::load("s.toml", &files).unwrap_or_else(|all| panic!("{all:?}"));
    let built = loaded.build(&[]).unwrap_or_else(|all| panic!("{all:?}"));
    built.scenario
}

fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    let time = SimTime::from_secs(seconds);
    cluster.step_until(time).expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

/// Pods of a workload on the node that shuts down: how many run, how many have failed.
fn on_it(cluster: &Simulation<'_>, app: &str) -> (usize, usize) {
    let store = cluster.store();
    let there = |pod: &&Pod| {
        let node = pod.node.and_then(|node| store.find_node(node));
        pod.meta.labels["app"] == app && node.is_some_and(|node| node.name() == "n-1")
    };
    let pods: Vec<&Pod> = store.pods().map(|(_, pod)| pod).filter(there).collect();
    let of = |phase| pods.iter().filter(|pod| pod.phase == phase).count();
    (of(PodPhase::Running), of(PodPhase::Failed))
}

#[test]
fn ordinary_pods_end_first_then_critical_ones() {
    let flags = "[controllers.kubelet]\nshutdownGracePeriod = \"30s\"\nshutdownGracePeriodCriticalPods = \"10s\"\n";
    let scenario = scenario(flags);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 599);
    let ((web, _), (dns, _)) = (on_it(&cluster, "web"), on_it(&cluster, "dns"));
    assert!(web > 0 && dns > 0);
    run_until(&mut cluster, 604);
    assert_eq!(on_it(&cluster, "web"), (web, 0), "the hook takes 5 s");
    assert_eq!(on_it(&cluster, "dns"), (dns, 0));
    run_until(&mut cluster, 607);
    assert_eq!(on_it(&cluster, "web"), (0, web));
    run_until(&mut cluster, 612);
    assert_eq!(on_it(&cluster, "dns"), (0, dns));
    let (_, failed) = cluster
        .store()
        .pods()
        .find(|(_, pod)| pod.phase == PodPhase::Failed)
        .expect("a pod has failed");
    let (reason, message) = &**failed.failure.as_ref().expect("a reason");
    assert_eq!(*reason, "Terminated");
    assert_eq!(
        message,
        "Pod was terminated in response to imminent node shutdown."
    );
    // They are replaced on the other node, at once.
    run_until(&mut cluster, 640);
    let ready = |cluster: &Simulation<'_>| {
        cluster
            .store()
            .pods()
            .filter(|(_, pod)| pod.is_ready())
            .count()
    };
    assert_eq!(ready(&cluster), 4);
    let faults = &cluster.recording().faults;
    assert_eq!(faults[0].lost_pods, (web + dns) as u64);
    run_until(&mut cluster, 760);
    let node = cluster
        .store()
        .nodes()
        .find(|(_, node)| node.name() == "n-1");
    let (_, node) = node.expect("the node");
    assert!(node.is_ready() && node.taints.is_empty(), "{node:?}");
}

#[test]
fn without_a_grace_period_the_machine_is_off_at_once() {
    let scenario = scenario("");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 599);
    let (web, _) = on_it(&cluster, "web");
    run_until(&mut cluster, 640);
    assert_eq!(
        on_it(&cluster, "web"),
        (web, 0),
        "the control plane has not noticed"
    );
    // The machine is back before the tolerations are over: containers start anew.
    run_until(&mut cluster, 800);
    assert_eq!(on_it(&cluster, "web"), (web, 0));
    let mut restarted = cluster
        .store()
        .pods()
        .filter(|(_, pod)| pod.containers[0].restarts > 0);
    assert!(restarted.next().is_some());
    let ready = cluster
        .store()
        .pods()
        .filter(|(_, pod)| pod.is_ready())
        .count();
    assert_eq!(ready, 4);
}

#[test]
fn a_hook_that_is_cut_off_leaves_time_to_exit() {
    let flags = "[controllers.kubelet]\nshutdownGracePeriod = \"6s\"\nshutdownGracePeriodCriticalPods = \"2s\"\n";
    let scenario = scenario(flags);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 599);
    let (web, _) = on_it(&cluster, "web");
    assert!(web > 0);
    // The hook of 5 s gets 4 s; then SIGTERM, and 2 s until SIGKILL.
    run_until(&mut cluster, 604);
    assert_eq!(on_it(&cluster, "web"), (web, 0));
    run_until(&mut cluster, 605);
    assert_eq!(on_it(&cluster, "web"), (0, web));
    let events = cluster.recording().events.iter();
    let killing = events.filter(|event| {
        event.reason == "Killing"
            && event.time == SimTime::from_secs(600)
            && event.message == "Stopping container web"
    });
    assert_eq!(killing.count(), web);
}
