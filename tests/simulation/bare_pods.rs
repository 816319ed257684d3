//! Pods that no controller owns: from manifests, by `apply` and by `kubectl run`.

use nlsim::api::{Kind, ObjectId, Pod, PodPhase};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const ALONE: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: alone, labels: {app: alone}}
spec:
  containers:
    - {name: main, image: "alone:1", resources: {requests: {cpu: 500m, memory: 128Mi}}}
"#;

fn scenario(manifests: &str, more: &str) -> Scenario {
    let toml = format!(
        r#"
name = "pods"
manifests = "all.yaml"
[simulation]
duration = "2h"
[[node_group]]
name = "n"
count = 2
cpu = 4
memory = "8Gi"
price = 0.1
{more}
"#
    );
    let files = InMemory::new([
        ("s.toml", toml.as_str()),
        ("all.yaml", manifests),
        ("alone.yaml", ALONE),
    ]);
    let loaded = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = loaded.unwrap_or_else(|all| panic!("{}", all.render(false)));
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

fn find<'a>(cluster: &'a Simulation<'_>, name: &str) -> Option<&'a Pod> {
    let mut pods = cluster.store().pods().map(|(_, pod)| pod);
    pods.find(|pod| pod.name() == name && !pod.removed)
}

/// A pod of one container that runs a command, with a restart policy.
fn running(name: &str, policy: &str, command: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  restartPolicy: {policy}\n  \
         containers: [{{name: main, image: busybox, command: [sh, -c, \"{command}\"]}}]\n---\n"
    )
}

#[test]
fn a_pod_of_the_manifests_runs_and_is_gone_for_good_when_it_is_deleted() {
    let scenario = scenario(ALONE, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let pod = find(&cluster, "alone").expect("it is there");
    assert!(pod.is_ready() && pod.meta.owner.is_none());
    let node = pod.node.expect("it has a node");
    let requested = cluster.store().node_info(node).requested;
    assert_eq!(requested.cpu.0, 500);
    let listed = typed(&mut cluster, "kubectl get pods");
    assert!(
        listed.contains("alone   1/1     Running   0          61m"),
        "{listed}"
    );
    let top = typed(&mut cluster, "kubectl top pod alone");
    assert!(top.contains("alone   1m"), "{top}");
    let described = typed(&mut cluster, "kubectl describe pod alone");
    assert!(described.contains("app=alone"), "{described}");
    assert!(!described.contains("Controlled By"), "{described}");
    let deleted = typed(&mut cluster, "kubectl delete pod alone");
    assert_eq!(deleted, "pod \"alone\" deleted from default namespace");
    run_until(&mut cluster, 120);
    assert!(find(&cluster, "alone").is_none());
    assert_eq!(cluster.store().node_info(node).requested.cpu.0, 0);
    let counts = cluster.store().workloads()[0].counts;
    assert_eq!(counts.replicas() + counts.terminating, 0);
}

#[test]
fn containers_start_again_as_the_restart_policy_says() {
    let manifests = [
        running("never", "Never", "sleep 5"),
        running("fails", "Never", "sleep 5; exit 3"),
        running("retries", "OnFailure", "sleep 5; exit 3"),
        running("done", "OnFailure", "sleep 5"),
        running("always", "Always", "sleep 5"),
    ]
    .concat();
    let scenario = scenario(&manifests, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 300);
    let state = |name: &str| {
        let pod = find(&cluster, name).expect("it is kept");
        (pod.phase, pod.containers[0].restarts > 1)
    };
    assert_eq!(state("never"), (PodPhase::Succeeded, false));
    assert_eq!(state("fails"), (PodPhase::Failed, false));
    assert_eq!(state("retries"), (PodPhase::Running, true));
    assert_eq!(state("done"), (PodPhase::Succeeded, false));
    assert_eq!(state("always"), (PodPhase::Running, true));
    let listed = typed(&mut cluster, "kubectl get pods --no-headers");
    let status = |name: &str| {
        let line = listed.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(2))
    };
    assert_eq!(status("never"), Some("Completed"));
    assert_eq!(status("fails"), Some("Error"));
    let policy = "kubectl get pod fails -o jsonpath='{.spec.restartPolicy}'";
    assert_eq!(typed(&mut cluster, policy), "Never");
}

#[test]
fn a_drain_asks_for_force_and_nobody_makes_the_pod_again() {
    let scenario = scenario(ALONE, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 10);
    let node = find(&cluster, "alone").and_then(|pod| pod.node);
    let node = node.and_then(|node| cluster.store().find_node(node));
    let node = node.expect("it has a node").name().to_owned();
    let told = typed(&mut cluster, &format!("kubectl drain {node}"));
    let words =
        "cannot delete Pods that declare no controller (use --force to override): default/alone";
    assert!(told.contains(words), "{told}");
    run_until(&mut cluster, 60);
    assert!(find(&cluster, "alone").is_some());
    let told = typed(&mut cluster, &format!("kubectl drain {node} --force"));
    let words = "Warning: deleting Pods that declare no controller: default/alone";
    assert!(told.contains(words), "{told}");
    run_until(&mut cluster, 120);
    assert!(find(&cluster, "alone").is_none());
    let recording = cluster.recording();
    let printed = &recording.actions.last().expect("the drain").printed;
    assert!(
        printed.contains(&format!("node/{node} drained")),
        "{printed:?}"
    );
}

const SET: &str = r#"
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: alone}}
  template:
    metadata: {labels: {app: alone}}
    spec: {containers: [{name: web, image: "web:1"}]}
"#;

#[test]
fn a_replica_set_adopts_what_its_selector_matches() {
    // The set comes to a pod: one more is enough.
    let scenario = scenario(
        ALONE,
        "[[action]]\nat = \"60s\"\nkubectl = \"kubectl apply -f - <<'EOF'\\napiVersion: apps/v1\\nkind: ReplicaSet\\nmetadata: {name: web}\\nspec:\\n  replicas: 2\\n  selector: {matchLabels: {app: alone}}\\n  template:\\n    metadata: {labels: {app: alone}}\\n    spec: {containers: [{name: web, image: web}]}\\nEOF\"",
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 120);
    let store = cluster.store();
    let set = store.find(Kind::ReplicaSet, "default", "web");
    assert_eq!(
        find(&cluster, "alone").expect("it is there").meta.owner,
        set
    );
    assert_eq!(store.pods().count(), 2);
    // What it owns goes with it.
    typed(&mut cluster, "kubectl delete replicaset web");
    run_until(&mut cluster, 180);
    assert_eq!(cluster.store().pods().count(), 0);
}

#[test]
fn a_pod_that_comes_to_a_full_replica_set_is_one_too_many() {
    let scenario = scenario(SET, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let made = typed(
        &mut cluster,
        "kubectl run extra --image=alone --labels=app=alone",
    );
    assert_eq!(made, "pod/extra created");
    run_until(&mut cluster, 120);
    assert!(find(&cluster, "extra").is_none(), "it was the youngest");
    assert_eq!(cluster.store().pods().count(), 2);
    let events = cluster.recording().events.iter();
    let mut deleted = events.filter(|event| event.reason == "SuccessfulDelete");
    assert!(deleted.any(|event| event.message == "Deleted pod: extra"));
}

#[test]
fn run_makes_a_pod_as_kubectl_does() {
    let scenario = scenario(ALONE, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 10);
    let command = "kubectl run tool --image=busybox:1.36 --restart=Never --env=A=1 --port=80 \
        --overrides='{\"spec\":{\"terminationGracePeriodSeconds\":5}}' --command -- sleep 20";
    assert_eq!(typed(&mut cluster, command), "pod/tool created");
    let again = typed(&mut cluster, command);
    assert_eq!(
        again,
        "Error from server (AlreadyExists): pods \"tool\" already exists"
    );
    run_until(&mut cluster, 60);
    let pod = find(&cluster, "tool").expect("it is kept");
    assert_eq!(pod.phase, PodPhase::Succeeded);
    assert_eq!(pod.template.termination_grace.as_secs_f64(), 5.0);
    assert_eq!(pod.meta.labels.get("run").map(String::as_str), Some("tool"));
    let spec = typed(
        &mut cluster,
        "kubectl get pod tool -o jsonpath='{.spec.containers[0]}'",
    );
    for part in [
        "\"command\":[\"sleep\",\"20\"]",
        "\"containerPort\":80",
        "\"name\":\"A\"",
    ] {
        assert!(spec.contains(part), "{spec}");
    }
    let dry = typed(
        &mut cluster,
        "kubectl run other --image=busybox --dry-run=server",
    );
    assert_eq!(dry, "pod/other created (server dry run)");
    assert!(find(&cluster, "other").is_none());
    // A finished pod makes room for one of its name.
    typed(&mut cluster, "kubectl delete pod tool");
    run_until(&mut cluster, 90);
    assert_eq!(typed(&mut cluster, command), "pod/tool created");
    let wrong = typed(&mut cluster, "kubectl run Upper --image=busybox");
    assert!(
        wrong.contains("* metadata.name: Invalid value: \"Upper\":"),
        "{wrong}"
    );
}

#[test]
fn applied_again_a_pod_stays_as_it_is_and_its_spec_does_not_change() {
    let apply = "[[action]]\nat = \"60s\"\nkubectl = \"kubectl apply -f alone.yaml\"\n";
    let more = format!("{apply}{}", apply.replace("60s", "120s"));
    let scenario = scenario(SET, &more);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 200);
    let printed =
        |cluster: &Simulation<'_>, at: usize| cluster.recording().actions[at].printed.clone();
    assert_eq!(printed(&cluster, 0), ["pod/alone created"]);
    // A set of two adopted and deleted it; it is made anew.
    assert_eq!(printed(&cluster, 1), ["pod/alone created"]);
    typed(&mut cluster, "kubectl scale replicaset web --replicas=0");
    run_until(&mut cluster, 260);
    typed(
        &mut cluster,
        "kubectl run alone --image=alone:1 --labels=app=other",
    );
    run_until(&mut cluster, 300);
    let labelled = typed(&mut cluster, "kubectl label pod alone tier=front");
    assert_eq!(labelled, "pod/alone labeled");
    let refused = typed(
        &mut cluster,
        "kubectl patch pod alone -p '{\"spec\":{\"dnsPolicy\":\"Default\"}}'",
    );
    assert!(
        refused.contains("pod updates may not change fields other than"),
        "{refused}"
    );
}

#[test]
fn a_budget_says_that_it_selects_pods_of_nobody() {
    let budget = "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: alone}\n\
        spec: {maxUnavailable: 1, selector: {matchLabels: {app: alone}}}\n";
    let scenario = scenario(&format!("{SET}{budget}"), "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 10);
    let reasons = |cluster: &Simulation<'_>| {
        let events = cluster.recording().events.iter();
        events
            .filter(|event| event.reason == "UnmanagedPods")
            .count()
    };
    typed(&mut cluster, "kubectl scale replicaset web --replicas=0");
    run_until(&mut cluster, 60);
    assert_eq!(reasons(&cluster), 0);
    typed(&mut cluster, "kubectl delete replicaset web");
    typed(
        &mut cluster,
        "kubectl run alone --image=alone --labels=app=alone",
    );
    run_until(&mut cluster, 120);
    assert_eq!(reasons(&cluster), 1);
}

/// A pod on each of two nodes of which one would do.
fn two_apart(annotations: &str) -> String {
    let pod = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  labels: {{app: apart}}\n  \
             annotations: {{{annotations}}}\nspec:\n  affinity: {{podAntiAffinity: \
             {{preferredDuringSchedulingIgnoredDuringExecution: [{{weight: 100, podAffinityTerm: \
             {{topologyKey: kubernetes.io/hostname, labelSelector: {{matchLabels: {{app: apart}}}}}}}}]}}}}\n  \
             containers: [{{name: main, image: a, resources: {{requests: {{cpu: 200m}}}}}}]\n"
        )
    };
    [pod("one"), pod("two")].concat()
}

#[test]
fn the_cluster_autoscaler_leaves_nodes_with_such_pods_unless_they_say_otherwise() {
    let run = |annotations: &str| {
        let scenario = scenario(&two_apart(annotations), "min = 1\nmax = 3\n");
        let mut cluster = Simulation::new(&scenario, 1);
        run_until(&mut cluster, 3600);
        let nodes = cluster.store().nodes().count();
        (nodes, cluster.store().pods().count())
    };
    assert_eq!(run(""), (2, 2), "they are not replicated");
    let safe = "cluster-autoscaler.kubernetes.io/safe-to-evict: \"true\"";
    assert_eq!(
        run(safe),
        (1, 1),
        "one is evicted, and nobody makes it again"
    );
}

#[test]
fn a_service_leads_to_such_a_pod() {
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: front}\n\
        spec: {selector: {app: alone}, ports: [{port: 80}]}\n";
    let more = "[[service]]\nworkload = \"Pod/alone\"\nrequest = { cpu = \"10ms\" }\n\
        [[load]]\nname = \"users\"\nservice = \"Pod/alone\"\nconstant = { rate = 10 }\n";
    let scenario = scenario(&format!("{ALONE}{service}"), more);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 300);
    let used = typed(&mut cluster, "kubectl top pod alone --no-headers");
    let cpu = used
        .split_whitespace()
        .nth(1)
        .and_then(|cpu| cpu.strip_suffix('m'));
    let cpu: i64 = cpu.and_then(|cpu| cpu.parse().ok()).expect("millicores");
    assert!((80..130).contains(&cpu), "{used}");
}

#[test]
fn a_pod_that_asks_is_a_load() {
    let web = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: \
        {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: \
        [{name: web, image: web}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: \
        {selector: {app: web}, ports: [{port: 80}]}\n---\n";
    let asks = running(
        "asks",
        "Never",
        "while sleep 0.1; do wget -q -O- http://web; done",
    );
    let scenario = scenario(
        &format!("{web}{asks}"),
        "[[service]]\nworkload = \"Deployment/web\"\nrequest = { cpu = \"10ms\" }\n",
    );
    assert_eq!(scenario.loads.len(), 1);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 300);
    let used = typed(&mut cluster, "kubectl top pod --no-headers -l app=web");
    let cpu = used
        .split_whitespace()
        .nth(1)
        .and_then(|cpu| cpu.strip_suffix('m'));
    let cpu: i64 = cpu.and_then(|cpu| cpu.parse().ok()).expect("millicores");
    assert!((50..110).contains(&cpu), "{used}");
    typed(&mut cluster, "kubectl delete pod asks --now");
    run_until(&mut cluster, 400);
    let used = typed(&mut cluster, "kubectl top pod --no-headers -l app=web");
    assert!(used.contains(" 1m "), "{used}");
    let pod = cluster.store().find(Kind::Pod, "default", "asks");
    assert!(!matches!(pod, Some(ObjectId::Pod(_))));
}
