//! Nodes that run out of memory: whom the kubelet evicts, what the node says, and what a finding
//! names.

use nlsim::analysis::Summary;
use nlsim::api::{Kind, ObjectId, Pod, PodId, PodPhase, TerminationReason};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

/// One that grows beyond what it requests, one that keeps to it, one that requests nothing.
const MANIFESTS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: leak}
spec:
  replicas: 1
  selector: {matchLabels: {app: leak}}
  template:
    metadata: {labels: {app: leak}}
    spec:
      containers: [{name: main, image: "leak:1", resources: {requests: {cpu: 100m, memory: 128Mi}}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: steady}
spec:
  replicas: 2
  selector: {matchLabels: {app: steady}}
  template:
    metadata: {labels: {app: steady}}
    spec:
      containers: [{name: main, image: "steady:1", resources: {requests: {cpu: 100m, memory: 256Mi}}}]
"#;

fn scenario(controllers: &str, manifests: &str) -> Scenario {
    let toml = format!(
        r#"
name = "pressure"
manifests = "all.yaml"
[simulation]
duration = "1h"
[[node_group]]
name = "n"
count = 1
cpu = 4
memory = "1Gi"
[[service]]
workload = "Deployment/leak"
memory = {{ base = "64Mi", growth_per_hour = "1800Mi" }}
[[service]]
workload = "Deployment/steady"
memory = {{ base = "200Mi" }}
{controllers}
"#
    );
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

fn pods<'a>(cluster: &'a Simulation<'_>, app: &str) -> Vec<&'a Pod> {
    let all = cluster.store().pods().map(|(_, pod)| pod);
    all.filter(|pod| pod.meta.labels["app"] == app).collect()
}

fn messages(cluster: &Simulation<'_>, reason: &str) -> Vec<(f64, String)> {
    let events = cluster.recording().events.iter();
    let such = events.filter(|event| event.reason == reason);
    such.map(|event| (event.time.as_secs_f64(), event.message.to_owned()))
        .collect()
}

#[test]
fn the_pod_that_holds_more_than_it_requests_goes_and_is_replaced() {
    let scenario = scenario("", MANIFESTS);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 1300);
    let failed: Vec<&Pod> = pods(&cluster, "leak")
        .into_iter()
        .filter(|pod| pod.phase == PodPhase::Failed)
        .collect();
    let [failed] = failed[..] else {
        panic!("one pod has failed, and its object stays: {failed:?}")
    };
    // 1 GiB less 2 × 200 MiB leaves 624 MiB, 100 MiB of which are kept free: 524 MiB.
    let (reason, message) = &**failed.failure.as_ref().expect("a reason");
    assert_eq!(*reason, "Evicted");
    let start = "The node was low on resource: memory. Threshold quantity: 100Mi, available: ";
    assert!(message.starts_with(start), "{message}");
    assert!(message.contains("Container main was using "), "{message}");
    let end = ", request is 128Mi, has larger consumption of memory. ";
    assert!(message.ends_with(end), "{message}");
    let evicted = messages(&cluster, "Evicted");
    assert_eq!(evicted.len(), 1);
    assert_eq!(evicted[0].1, *message);
    // (524 − 64) MiB at half a MiB a second, looked at every 10 s.
    assert!((915.0..=945.0).contains(&evicted[0].0), "{evicted:?}");
    let attempt = messages(&cluster, "EvictionThresholdMet");
    assert_eq!(attempt[0].1, "Attempting to reclaim memory");
    let live = pods(&cluster, "leak");
    assert_eq!(live.iter().filter(|pod| pod.is_active()).count(), 1);
    for pod in pods(&cluster, "steady") {
        assert!(pod.is_active() && pod.is_ready(), "within its request");
    }
}

#[test]
fn the_node_says_so_for_five_minutes_and_takes_no_other_pods() {
    let scenario = scenario("", MANIFESTS);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 900);
    let node = |cluster: &Simulation<'_>| {
        let store = cluster.store();
        let Some(ObjectId::Node(id)) = store.find(Kind::Node, "", "n-1") else {
            panic!("a node")
        };
        let node = store.node(id);
        let taints: Vec<String> = node.taints.iter().map(|one| one.key.clone()).collect();
        (node.has_memory_pressure(), taints)
    };
    assert_eq!(node(&cluster), (false, vec![]));
    run_until(&mut cluster, 1000);
    let pressure = "node.kubernetes.io/memory-pressure".to_owned();
    assert_eq!(node(&cluster), (true, vec![pressure]));
    let waits = |cluster: &Simulation<'_>| {
        let all = pods(cluster, "leak");
        all.iter()
            .filter(|pod| pod.is_active() && pod.node.is_none())
            .count()
    };
    assert_eq!(
        waits(&cluster),
        1,
        "the replacement does not tolerate the taint"
    );
    run_until(&mut cluster, 1300);
    assert_eq!(node(&cluster), (false, vec![]));
    assert_eq!(waits(&cluster), 0);
    let said = |reason| messages(&cluster, reason).len();
    assert_eq!(
        (
            said("NodeHasInsufficientMemory"),
            said("NodeHasSufficientMemory")
        ),
        (1, 1)
    );
}

#[test]
fn a_higher_threshold_evicts_earlier_and_a_limit_kills_first() {
    let flags = "[controllers.kubelet]\neviction-hard = \"memory.available<300Mi\"\n";
    let scenario_early = scenario(flags, MANIFESTS);
    let mut cluster = Simulation::new(&scenario_early, 1);
    run_until(&mut cluster, 700);
    let evicted = messages(&cluster, "Evicted");
    assert!((515.0..=545.0).contains(&evicted[0].0), "{evicted:?}");
    // The kernel kills a container at its limit long before the node is short of memory.
    let limited = MANIFESTS.replacen(
        "memory: 128Mi}}",
        "memory: 128Mi}, limits: {memory: 256Mi}}",
        1,
    );
    let limited = scenario("", &limited);
    let mut cluster = Simulation::new(&limited, 1);
    run_until(&mut cluster, 1300);
    assert_eq!(messages(&cluster, "Evicted"), []);
    assert!(!messages(&cluster, "OOMKilling").is_empty());
}

/// The phase of the pod that was evicted.
fn phase_of_evicted(cluster: &Simulation<'_>) -> PodPhase {
    let evicted = pods(cluster, "leak").into_iter();
    let mut evicted = evicted.filter(|pod| pod.disrupted.is_some());
    evicted.next().expect("one is evicted").phase
}

#[test]
fn a_soft_threshold_evicts_after_its_grace_period_and_within_the_pods_own() {
    let slow = MANIFESTS.replacen(
        "memory: 128Mi}}}]",
        "memory: 128Mi}}, lifecycle: {preStop: {sleep: {seconds: 25}}}}]",
        1,
    );
    for (more, stays) in [("eviction-max-pod-grace-period = 20", 21), ("", 2)] {
        let flags = format!(
            "[controllers.kubelet]\neviction-soft = \"memory.available<300Mi\"\n\
             eviction-soft-grace-period = \"memory.available=1m30s\"\n{more}\n"
        );
        let soft = scenario(&flags, &slow);
        let mut cluster = Simulation::new(&soft, 1);
        run_until(&mut cluster, 600);
        let pressure = messages(&cluster, "NodeHasInsufficientMemory");
        assert!((515.0..=545.0).contains(&pressure[0].0), "{pressure:?}");
        assert_eq!(messages(&cluster, "EvictionThresholdMet"), []);
        run_until(&mut cluster, 640);
        let evicted = messages(&cluster, "Evicted");
        let [(at, message)] = &evicted[..] else {
            panic!("one goes: {evicted:?}")
        };
        assert!((at - pressure[0].0 - 90.0).abs() < 0.1, "{evicted:?}");
        let start = "The node was low on resource: memory. Threshold quantity: 300Mi, available: ";
        assert!(message.starts_with(start), "{message}");
        let mut cluster = Simulation::new(&soft, 1);
        let at = *at as i64;
        run_until(&mut cluster, at + stays - 1);
        assert_eq!(phase_of_evicted(&cluster), PodPhase::Running, "{more}");
        run_until(&mut cluster, at + stays + 5);
        assert_eq!(phase_of_evicted(&cluster), PodPhase::Failed, "{more}");
    }
    // Memory that is free again in time saves everybody.
    let flags = "[controllers.kubelet]\nevictionSoft = { \"memory.available\" = \"30%\" }\n\
                 evictionSoftGracePeriod = { \"memory.available\" = \"3m\" }\n";
    let soft = scenario(flags, MANIFESTS);
    let mut cluster = Simulation::new(&soft, 1);
    run_until(&mut cluster, 560);
    assert_eq!(messages(&cluster, "NodeHasInsufficientMemory").len(), 1);
    kubectl(&mut cluster, "delete pods -l app=leak");
    run_until(&mut cluster, 900);
    assert_eq!(messages(&cluster, "Evicted"), []);
    assert_eq!(messages(&cluster, "NodeHasSufficientMemory").len(), 1);
}

fn kubectl(cluster: &mut Simulation<'_>, line: &str) {
    let typed = cluster.kubectl(&format!("kubectl {line}"));
    typed.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn what_is_to_be_reclaimed_at_least_takes_more_pods() {
    for (reclaim, evicted) in [
        ("", 1),
        (
            "evictionMinimumReclaim = { \"memory.available\" = \"600Mi\" }",
            2,
        ),
    ] {
        let flags = format!(
            "[controllers.kubelet]\nevictionHard = {{ \"memory.available\" = \"100Mi\" }}\n{reclaim}\n"
        );
        let scenario = scenario(&flags, MANIFESTS);
        let mut cluster = Simulation::new(&scenario, 1);
        run_until(&mut cluster, 1100);
        assert_eq!(messages(&cluster, "Evicted").len(), evicted, "{reclaim}");
        let gone = pods(&cluster, "steady");
        let gone = gone.iter().filter(|pod| pod.phase == PodPhase::Failed);
        assert_eq!(
            gone.count(),
            evicted - 1,
            "within its request, but there is none else"
        );
    }
}

#[test]
fn a_finding_names_who_was_evicted() {
    let scenario = scenario("", MANIFESTS);
    let finished = Simulation::new(&scenario, 1).finish().expect("it ends");
    let summary = Summary::of(&finished.recording);
    let found: Vec<&str> = summary
        .findings
        .iter()
        .filter(|one| one.text.contains("ran out of memory"))
        .map(|one| one.subject.as_str())
        .collect();
    assert_eq!(found, ["Deployment/leak"]);
}

const VPA: &str = r#"
---
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: leak}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: leak}
  updatePolicy: {updateMode: "Off"}
"#;

/// The memory that the VPA recommends.
fn memory_target(cluster: &Simulation<'_>) -> i64 {
    let (_, vpa) = cluster.store().vpas().next().expect("the VPA");
    let target = vpa.status.recommendations[0].target.memory;
    target.expect("a target").value()
}

#[test]
fn a_vpa_learns_of_an_eviction_by_the_only_container_that_used_too_much() {
    let scenario = |more: &str| {
        let containers = format!("memory: 128Mi}}}}}}{more}]");
        let manifests = MANIFESTS.replacen("memory: 128Mi}}}]", &containers, 1);
        scenario("", &(manifests + VPA))
    };
    let alone = scenario("");
    let mut cluster = Simulation::new(&alone, 1);
    run_until(&mut cluster, 900);
    let before = memory_target(&cluster);
    run_until(&mut cluster, 1060);
    // It used a bit more than 524 MiB: 100 MiB or a fifth more, and 15% on top.
    let expected = |target: i64| target as f64 / (624.0 * 1.15 * 1_048_576.0);
    let after = memory_target(&cluster);
    assert!((1.0..1.12).contains(&expected(after)), "{after}");
    assert!(before < after * 9 / 10, "{before} {after}");
    // With two such containers upstream makes nothing of the event.
    let pair = scenario(", {name: side, image: \"side:1\"}");
    let mut cluster = Simulation::new(&pair, 1);
    run_until(&mut cluster, 1060);
    assert_eq!(messages(&cluster, "Evicted").len(), 1);
    assert!(expected(memory_target(&cluster)) < 0.97);
}

#[test]
fn a_vpa_hears_of_a_kill_at_once_even_of_a_pod_that_is_deleted() {
    let manifests = MANIFESTS.replacen(
        "memory: 128Mi}}}]",
        "memory: 256Mi}}, lifecycle: {preStop: {sleep: {seconds: 25}}}}]",
        1,
    );
    let scenario = scenario("", &(manifests + VPA));
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 200);
    let before = memory_target(&cluster);
    let is_leak = |(_, pod): &(PodId, &Pod)| pod.meta.labels["app"] == "leak";
    let leak = cluster.store().pods().find(is_leak).map(|(id, _)| id);
    let id = leak.expect("the pod");
    cluster.evict(id).expect("no budget");
    run_until(&mut cluster, 205);
    cluster.exit(id, 0, TerminationReason::OomKilled);
    run_until(&mut cluster, 270);
    // 256 MiB and 100 MiB more, and 15% on top.
    let after = memory_target(&cluster);
    let ratio = after as f64 / (356.0 * 1.15 * 1_048_576.0);
    assert!((1.0..1.1).contains(&ratio), "{before} {after}");
}

/// Four pods on a node of 1 GiB, of which three keep to what they have and one of each class of
/// service is greedy.
fn classes(greedy: &str, growth: &str) -> Scenario {
    let pod = |name: &str, resources: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  \
             replicas: 1\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    \
             metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers: [{{name: main, \
             image: '{name}:1', resources: {{{resources}}}}}]\n"
        )
    };
    let manifests = [
        pod("best", ""),
        pod("burst", "requests: {memory: 300Mi}"),
        pod(
            "safe",
            "limits: {cpu: 100m, memory: 900Mi}, requests: {cpu: 100m, memory: 900Mi}",
        ),
    ];
    let services = ["best", "burst", "safe"].map(|name| {
        let growth = if name == greedy {
            format!(", growth_per_hour = \"{growth}\"")
        } else {
            String::new()
        };
        format!(
            "[[service]]\nworkload = \"Deployment/{name}\"\nmemory = {{ base = \"100Mi\"{growth} }}\n"
        )
    });
    let toml = format!(
        "name = \"classes\"\nmanifests = \"all.yaml\"\n[simulation]\nduration = \"1h\"\n\
         [[node_group]]\nname = \"n\"\ncount = 1\ncpu = 4\nmemory = \"2Gi\"\n{}",
        services.concat()
    );
    let manifests = manifests.concat();
    let files = InMemory::new([("s.toml", toml.as_str()), ("all.yaml", manifests.as_str())]);
    let loaded = Loaded::load("s.toml", &files).unwrap_or_else(|all| panic!("{all:?}"));
    let built = loaded.build(&[]).unwrap_or_else(|all| panic!("{all:?}"));
    built.scenario
}

#[test]
fn a_node_that_is_full_before_the_next_look_kills_by_class_and_share() {
    // 200 MiB a second: the node is full between two looks of the eviction manager.
    let killed = |greedy: &str| {
        let scenario = classes(greedy, "720000Mi");
        let mut cluster = Simulation::new(&scenario, 1);
        run_until(&mut cluster, 11);
        let told = messages(&cluster, "OOMKilling");
        let of = |app: &str| {
            let pods = pods(&cluster, app);
            let all = pods.iter().map(|pod| &pod.containers[0]);
            all.filter_map(|one| one.last_termination)
                .filter(|(reason, ..)| *reason == TerminationReason::OomKilled)
                .count()
        };
        let killed: Vec<&str> = ["best", "burst", "safe"]
            .into_iter()
            .filter(|app| of(app) > 0)
            .collect();
        let first = told.first().map(|(at, message)| (*at, message.clone()));
        (killed.join(" "), first)
    };
    let words = "Node out of memory, killed container main";
    let (who, first) = killed("best");
    assert_eq!(who, "best");
    let (at, message) = first.expect("a kill");
    assert!(
        (8.0..=10.0).contains(&at) && message == words,
        "{at} {message}"
    );
    // One that holds far more than it requests goes before one that requests nothing and holds
    // little.
    assert_eq!(killed("burst").0, "burst");
    // One that is guaranteed is killed by its own limit first.
    let (_, first) = killed("safe");
    assert!(
        first.is_none_or(|(_, message)| message.starts_with("Memory limit")),
        "{words}"
    );
}
