//! Commands typed and faults that come while the cluster runs.

use nlsim::api::{Kind, ObjectId, Store};
use nlsim::record::Recording;
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const WEB: &str = r#"
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
        - {name: web, image: "web:1", resources: {requests: {cpu: 500m, memory: 128Mi}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 10
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec:
  maxUnavailable: 1
  selector: {matchLabels: {app: web}}
"#;

fn scenario(more: &str, manifests: &str) -> Scenario {
    scenario_of("1.36", more, manifests)
}

fn scenario_of(release: &str, more: &str, manifests: &str) -> Scenario {
    let toml = format!(
        r#"
name = "actions"
kubernetes = "{release}"
manifests = ["web.yaml"]
[simulation]
duration = "1h"
[[node_group]]
name = "general"
count = 3
cpu = 8
memory = "32Gi"
[[service]]
workload = "Deployment/web"
request = {{ cpu = "20ms" }}
startup = {{ image_pull = "1s", ready = "2s" }}
[[load]]
name = "users"
service = "Deployment/web"
constant = {{ rate = 60 }}
{more}
"#
    );
    let again = WEB.split("---").next().expect("the Deployment");
    let unsized_again = again.replace("  replicas: 2\n", "");
    let files = InMemory::new([
        ("actions.toml", &*toml),
        ("web.yaml", manifests),
        ("again.yaml", again),
        ("unsized.yaml", &unsized_again),
    ]);
    let loaded = Loaded::load("actions.toml", &files).unwrap_or_else(|all| panic!("{all:?}"));
    let built = loaded.build(&[]).unwrap_or_else(|all| panic!("{all:?}"));
    built.scenario
}

fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    let time = SimTime::from_secs(seconds);
    cluster.step_until(time).expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

/// Types a command and gives what it prints.
fn typed(cluster: &mut Simulation<'_>, command: &str) -> Vec<String> {
    cluster.kubectl(command).expect("a command line")
}

fn replicas(store: &Store) -> i32 {
    let web = store.find(Kind::Deployment, "default", "web");
    web.and_then(|web| store.replicas(web)).expect("web exists")
}

/// Sizes of the ReplicaSets, oldest first.
fn sizes(store: &Store) -> Vec<i32> {
    let mut sets: Vec<_> = store.replica_sets().map(|(_, set)| set).collect();
    sets.sort_by_key(|set| set.rollout.revision);
    sets.iter().map(|set| set.replicas).collect()
}

fn reasons(recording: &Recording) -> Vec<&str> {
    let events = recording.events.iter();
    events.map(|event| event.reason).collect()
}

#[test]
fn a_patched_hpa_decides_by_the_new_spec_at_its_next_sync() {
    let scenario = scenario("", WEB);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 600);
    assert_eq!(replicas(cluster.store()), 4);
    let lines = typed(
        &mut cluster,
        "kubectl patch hpa web --type=merge -p '{\"spec\":{\"maxReplicas\":3}}'",
    );
    assert_eq!(lines, ["horizontalpodautoscaler.autoscaling/web patched"]);
    assert_eq!(replicas(cluster.store()), 4, "a patch starts no sync");
    run_until(&mut cluster, 616);
    assert_eq!(replicas(cluster.store()), 3, "above the maximum, at once");
    let (_, hpa) = cluster.store().hpas().next().expect("the HPA");
    assert_eq!(hpa.meta.generation, 2);
}

#[test]
fn a_patched_vpa_evicts_and_a_deleted_one_does_not() {
    let vpa = r#"
---
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: web}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  updatePolicy: {updateMode: "Off"}
"#;
    let manifests = format!("{WEB}{vpa}");
    let scenario = scenario("", &manifests);
    let evicted = |changes: &[(&str, &str)]| {
        let mut cluster = Simulation::new(&scenario, 1);
        run_until(&mut cluster, 600);
        for (command, done) in changes {
            let lines = typed(&mut cluster, command);
            let line = format!("verticalpodautoscaler.autoscaling.k8s.io{done}");
            assert_eq!(lines, [line]);
        }
        run_until(&mut cluster, 3600);
        let by_vpa = reasons(cluster.recording());
        by_vpa.contains(&"EvictedByVPA")
    };
    let patch = r#"kubectl patch vpa web --type=merge -p '{"spec":{"updatePolicy":{"updateMode":"Recreate"}}}'"#;
    let recreate = (patch, "/web patched");
    let delete = (
        "kubectl delete vpa web",
        " \"web\" deleted from default namespace",
    );
    assert!(!evicted(&[]), "Off only recommends");
    assert!(evicted(&[recreate]));
    assert!(!evicted(&[recreate, delete]), "it is gone");
}

#[test]
fn what_the_api_server_refuses_is_refused_in_its_words() {
    let scenario = scenario("", WEB);
    let mut cluster = Simulation::new(&scenario, 1);
    let patch = "kubectl patch hpa web -p '{\"spec\":{\"behavior\":{\"scaleDown\":\
        {\"stabilizationWindowSeconds\":4000}}}}'";
    let lines = typed(&mut cluster, patch);
    assert_eq!(
        lines,
        ["The HorizontalPodAutoscaler \"web\" is invalid: \
             spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 4000: must be \
             less than or equal to 3600"]
    );
    let missing = typed(&mut cluster, "kubectl scale deploy/nothere --replicas=2");
    let text = "Error from server (NotFound): deployments.apps \"nothere\" not found";
    assert_eq!(missing, [text]);
    let wrong = "kubectl scale deploy/web --replicas=3 --current-replicas=9";
    let text = "error: Expected replicas to be 9, was 2";
    assert_eq!(typed(&mut cluster, wrong), [text]);
}

/// Resources are changed through the subresource; a release without it, and what it forbids,
/// refuse in their words.
#[test]
fn a_patch_is_of_the_object_that_it_names() {
    let scenario = scenario("", WEB);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let mut patched = |patch: &str| {
        let command = format!("kubectl patch deploy web --type=merge -p '{patch}'");
        typed(&mut cluster, &command).join("\n")
    };
    assert_eq!(
        patched(r#"{"metadata":{"name":"y"}}"#),
        "Error from server (BadRequest): the name of the object (y) does not match the name on the \
         URL (web)"
    );
    assert_eq!(
        patched(r#"{"metadata":{"namespace":"y"}}"#),
        "Error from server (BadRequest): the namespace of the object (y) does not match the \
         namespace on the request (default)"
    );
    assert_eq!(
        patched(r#"{"metadata":{"resourceVersion":"1"}}"#),
        "Error from server (Conflict): Operation cannot be fulfilled on deployments.apps \"web\": the \
         object has been modified; please apply your changes to the latest version and try again"
    );
    assert_eq!(
        patched(r#"{"spec":{"foo":1}}"#),
        "Warning: unknown field \"spec.foo\"\ndeployment.apps/web patched (no change)"
    );
    assert_eq!(
        patched(r#"{"spec":{"foo":1,"replicas":5}}"#),
        "Warning: unknown field \"spec.foo\"\ndeployment.apps/web patched"
    );
    let moved = patched(
        r#"{"spec":{"selector":{"matchLabels":{"tier":"a"}},"template":{"metadata":{"labels":{"tier":"a"}}}}}"#,
    );
    assert_eq!(
        moved,
        "The Deployment \"web\" is invalid: spec.selector: Invalid value: \
         {\"matchLabels\":{\"app\":\"web\",\"tier\":\"a\"}}: field is immutable"
    );
    assert_eq!(replicas(cluster.store()), 5);
}

#[test]
fn pods_are_resized_by_hand() {
    let limited = WEB.replace(
        "memory: 128Mi}}}",
        "memory: 128Mi}, limits: {memory: 256Mi}}}",
    );
    let patch = |resources: &str| {
        format!(
            "kubectl patch pod POD --subresource resize -p \
             '{{\"spec\":{{\"containers\":[{{\"name\":\"web\",\"resources\":{resources}}}]}}}}'"
        )
    };
    let up = patch(r#"{"requests":{"cpu":"600m"}}"#);
    let lower = patch(r#"{"limits":{"memory":"200Mi"}}"#);
    let shrink = patch(r#"{"limits":{"memory":"128Mi","cpu":"500m"}}"#);
    let tried = |release: &str, command: &str| {
        let scenario = scenario_of(release, "", &limited);
        let mut cluster = Simulation::new(&scenario, 1);
        run_until(&mut cluster, 60);
        let name = |cluster: &Simulation<'_>| {
            let (_, pod) = cluster.store().pods().next().expect("a pod");
            pod.name().to_owned()
        };
        let pod = name(&cluster);
        let printed = typed(&mut cluster, &command.replace("POD", &pod)).concat();
        run_until(&mut cluster, 120);
        let (_, pod) = cluster.store().pods().next().expect("a pod");
        let cpu = pod.containers[0].resources.cpu_request.expect("a request");
        (printed.replace(pod.name(), "POD"), cpu.0)
    };
    let patched = ("pod/POD patched".to_owned(), 600);
    assert_eq!(tried("1.36", &up), patched);
    assert_eq!(tried("1.33", &up), patched);
    let (said, cpu) = tried("1.33", &lower);
    assert_eq!(
        said,
        "The Pod \"POD\" is invalid: spec.containers[0].resources.limits[memory]: Forbidden: \
         memory limits cannot be decreased unless resizePolicy is RestartContainer"
    );
    assert_eq!(cpu, 500);
    assert_eq!(tried("1.36", &lower).0, "pod/POD patched");
    assert_eq!(
        tried("1.36", &shrink).0,
        "The Pod \"POD\" is invalid: spec: Invalid value: \"Burstable\": Pod QOS Class may not \
         change as a result of resizing"
    );
    // Since 1.36 the API server knows what the node can never hold.
    let huge = patch(r#"{"requests":{"cpu":"600"}}"#);
    let (said, cpu) = tried("1.36", &huge);
    let refusal = "Error from server (Forbidden): pods \"POD\" is forbidden: node didn't have enough \
                   allocatable resources: cpu, requested: 600000, allocatable: ";
    assert!(said.starts_with(refusal), "{said}");
    assert_eq!(cpu, 500);
    assert_eq!(tried("1.35", &huge).0, "pod/POD patched");
    let (said, cpu) = tried("1.36", &up.replace("--subresource resize ", ""));
    assert!(
        said.starts_with("The Pod \"POD\" is invalid: spec: Forbidden: pod updates may not change"),
        "{said}"
    );
    assert_eq!(cpu, 500);
}

#[test]
fn a_size_set_by_hand_is_taken_back_by_the_hpa() {
    let scenario = scenario("", WEB);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 600);
    let lines = typed(&mut cluster, "kubectl scale deploy/web --replicas=1");
    assert_eq!(lines, ["deployment.apps/web scaled"]);
    assert_eq!(replicas(cluster.store()), 1);
    run_until(&mut cluster, 616);
    assert_eq!(replicas(cluster.store()), 2, "below the minimum");
    run_until(&mut cluster, 700);
    assert_eq!(replicas(cluster.store()), 4);
}

#[test]
fn a_new_image_rolls_out_and_is_undone() {
    let scenario = scenario("", WEB);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 600);
    let lines = typed(&mut cluster, "kubectl set image deploy/web web=web:2");
    assert_eq!(lines, ["deployment.apps/web image updated"]);
    // One pod more at once, and one less: 25 % of 4.
    run_until(&mut cluster, 601);
    assert_eq!(sizes(cluster.store()), [3, 2]);
    run_until(&mut cluster, 660);
    assert_eq!(sizes(cluster.store()), [0, 4]);
    let images: Vec<&str> = cluster
        .store()
        .pods()
        .filter(|(_, pod)| pod.is_ready())
        .map(|(_, pod)| pod.template.containers[0].image.as_str())
        .collect();
    assert_eq!(images, ["web:2"; 4]);
    let lines = typed(
        &mut cluster,
        "kubectl rollout undo deploy/web --dry-run=server",
    );
    let done = lines.last().map(String::as_str);
    assert_eq!(
        done,
        Some("deployment.apps/web rolled back (server dry run)")
    );
    let warning = "Warning: resource deployments/web was previously managed with 'kubectl apply'. \
                   Rolling back will not update";
    assert!(lines[0].starts_with(warning), "{lines:?}");
    run_until(&mut cluster, 665);
    assert_eq!(sizes(cluster.store()), [0, 4]);
    let lines = typed(
        &mut cluster,
        "kubectl rollout history deploy/web --revision=7",
    );
    assert_eq!(lines, ["error: unable to find the specified revision"]);
    let lines = typed(&mut cluster, "kubectl rollout undo deploy/web");
    let done = lines.last().map(String::as_str);
    assert_eq!(done, Some("deployment.apps/web rolled back"));
    run_until(&mut cluster, 720);
    let mut revisions: Vec<(Option<i64>, i32)> = cluster
        .store()
        .replica_sets()
        .map(|(_, set)| (set.rollout.revision, set.replicas))
        .collect();
    revisions.sort_unstable();
    assert_eq!(revisions, [(Some(2), 0), (Some(3), 4)]);
}

#[test]
fn a_drained_node_is_empty_and_its_budget_was_heeded() {
    let scenario = scenario("", WEB);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 600);
    let lines = typed(&mut cluster, "kubectl drain general-1 --ignore-daemonsets");
    assert_eq!(
        lines.first().map(String::as_str),
        Some("node/general-1 cordoned")
    );
    run_until(&mut cluster, 700);
    let store = cluster.store();
    let Some(ObjectId::Node(node)) = store.find(Kind::Node, "", "general-1") else {
        panic!("the node is there")
    };
    assert_eq!(store.node_info(node).pods, 0);
    assert_eq!(store.workloads()[0].counts.ready, 4);
    let again = typed(&mut cluster, "kubectl uncordon general-1");
    assert_eq!(again, ["node/general-1 uncordoned"]);
}

#[test]
fn an_hpa_comes_and_goes_by_command() {
    let scenario = scenario("", WEB);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 600);
    let deleted = typed(&mut cluster, "kubectl delete hpa web");
    let text = "horizontalpodautoscaler.autoscaling \"web\" deleted from default namespace";
    assert_eq!(deleted, [text]);
    typed(&mut cluster, "kubectl scale deploy/web --replicas=6");
    run_until(&mut cluster, 1200);
    assert_eq!(replicas(cluster.store()), 6, "nobody takes it back");
    let made = typed(
        &mut cluster,
        "kubectl autoscale deploy web --min=2 --max=10 --cpu=70%",
    );
    assert_eq!(made, ["horizontalpodautoscaler.autoscaling/web autoscaled"]);
    run_until(&mut cluster, 1214);
    assert_eq!(
        replicas(cluster.store()),
        6,
        "its first sync comes after 15 s"
    );
    run_until(&mut cluster, 1700);
    assert_eq!(replicas(cluster.store()), 4);
}

#[test]
fn planned_commands_are_recorded_with_what_they_print() {
    let more = "[[action]]\nat = \"10m\"\nkubectl = \"kubectl scale deploy/web --replicas=5\"\n";
    let scenario = scenario(more, WEB);
    let finished = Simulation::new(&scenario, 1).finish().expect("it ends");
    let [action] = &finished.recording.actions[..] else {
        panic!("one command")
    };
    assert_eq!(action.time, SimTime::from_secs(600));
    assert_eq!(action.printed, ["deployment.apps/web scaled"]);
}

/// A common accident: the manifest has `replicas: 2`, the HPA wants 4.
#[test]
fn a_manifest_applied_again_takes_the_size_along_until_the_hpa_takes_it_back() {
    let more = "[[action]]\nat = \"10m\"\nkubectl = \"kubectl apply -f again.yaml\"\n";
    let scenario = scenario(more, WEB);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 599);
    assert_eq!(replicas(cluster.store()), 4);
    run_until(&mut cluster, 600);
    assert_eq!(replicas(cluster.store()), 2);
    run_until(&mut cluster, 660);
    assert_eq!(replicas(cluster.store()), 4);
    let printed = &cluster.recording().actions[0].printed;
    let last = printed.last().map(String::as_str);
    assert_eq!(last, Some("deployment.apps/web configured"));
    assert_eq!(sizes(cluster.store()).len(), 1, "the template is the same");
}

#[test]
fn without_metrics_server_the_hpa_says_so_and_leaves_the_size() {
    let more = "[[fault]]\nat = \"20m\"\nfor = \"10m\"\ndown = \"metrics-server\"\n";
    let scenario = scenario(more, WEB);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 1190);
    assert!(!reasons(cluster.recording()).contains(&"FailedGetResourceMetric"));
    run_until(&mut cluster, 1700);
    assert!(reasons(cluster.recording()).contains(&"FailedGetResourceMetric"));
    assert_eq!(replicas(cluster.store()), 4);
    let failures = |cluster: &Simulation<'_>| {
        let all = reasons(cluster.recording());
        all.iter()
            .filter(|one| **one == "FailedGetResourceMetric")
            .count()
    };
    run_until(&mut cluster, 1900);
    let before = failures(&cluster);
    run_until(&mut cluster, 2400);
    assert_eq!(failures(&cluster), before, "metrics are back");
}

#[test]
fn pods_of_a_lost_node_are_replaced_after_their_toleration() {
    let more = "[[fault]]\nat = \"20m\"\nnode = \"general-1\"\n";
    let scenario = scenario(more, WEB);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 1200 + 39);
    let ready = |cluster: &Simulation<'_>| cluster.store().workloads()[0].counts.ready;
    assert_eq!(ready(&cluster), 4, "nobody knows yet");
    run_until(&mut cluster, 1200 + 56);
    assert!(ready(&cluster) < 4);
    run_until(&mut cluster, 1200 + 339);
    assert!(ready(&cluster) < 4, "their tolerations are not over");
    run_until(&mut cluster, 1200 + 420);
    assert!(ready(&cluster) >= 4);
    let store = cluster.store();
    let Some(ObjectId::Node(node)) = store.find(Kind::Node, "", "general-1") else {
        panic!("the node is there")
    };
    let mut there = store.pods_of_node(node).peekable();
    assert!(there.peek().is_some(), "nobody ends them");
    assert!(there.all(|(_, pod)| pod.is_deleting()));
}

#[test]
fn two_hpas_on_the_same_pods_both_stop() {
    let second = WEB
        .split("---")
        .nth(1)
        .expect("the HPA")
        .replace("metadata: {name: web}", "metadata: {name: other}");
    let scenario = scenario("", &format!("{WEB}---{second}"));
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 600);
    assert_eq!(replicas(cluster.store()), 2);
    let messages: Vec<&str> = cluster
        .recording()
        .events
        .iter()
        .filter(|event| event.reason == "AmbiguousSelector")
        .map(|event| event.message)
        .collect();
    let text = "pods by selector app=web are controlled by multiple HPAs: \
        [default/other default/web]";
    assert!(
        !messages.is_empty() && messages.iter().all(|one| *one == text),
        "{messages:?}"
    );
}

#[test]
fn an_hpa_whose_target_is_not_there_says_so() {
    let absent = WEB.replace(
        "kind: Deployment, name: web}",
        "kind: Deployment, name: gone}",
    );
    let scenario = scenario("", &absent);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let event = cluster.recording().events.iter();
    let mut event = event.filter(|event| event.reason == "FailedGetScale");
    let message = event.next().map(|event| event.message);
    assert_eq!(message, Some("deployments.apps \"gone\" not found"));
}

#[test]
fn what_a_fault_cost_is_a_finding() {
    let more = "[[fault]]\nat = \"20m\"\nfor = \"10m\"\ndown = \"metrics-server\"\n";
    let scenario = scenario(more, WEB);
    let finished = Simulation::new(&scenario, 1).finish().expect("it ends");
    let [fault] = &finished.recording.faults[..] else {
        panic!("one fault")
    };
    // A sync each 15 s.
    assert!((38..=41).contains(&fault.failed_syncs), "{fault:?}");
    let summary = nlsim::analysis::Summary::of(&finished.recording);
    let findings = summary.findings.iter().map(|one| one.text.as_str());
    let found: Vec<&str> = findings
        .filter(|text| text.contains("metrics-server"))
        .collect();
    let text = format!(
        "metrics-server was down from 20m0s to 30m0s: {} syncs of HPAs failed and left the size \
         as it was",
        fault.failed_syncs
    );
    assert_eq!(found, [text]);
}

/// Commands that people type at a cluster, right and wrong.
const COMMANDS: [&str; 16] = [
    "kubectl scale deploy/web --replicas=7",
    "kubectl scale deploy/web --replicas=0",
    "kubectl patch hpa web -p '{\"spec\":{\"maxReplicas\":5}}'",
    "kubectl patch hpa web --type=json -p '[{\"op\":\"remove\",\"path\":\"/spec/minReplicas\"}]'",
    "kubectl set image deploy/web web=web:3",
    "kubectl set resources deploy/web --requests=cpu=250m",
    "kubectl rollout restart deploy/web",
    "kubectl rollout undo deploy/web",
    "kubectl rollout pause deploy/web",
    "kubectl rollout resume deploy/web",
    "kubectl delete pods -l app=web",
    "kubectl delete hpa web",
    "kubectl autoscale deploy web --min=1 --max=6 --cpu=50%",
    "kubectl cordon general-2",
    "kubectl uncordon general-2",
    "kubectl drain general-3 --force --ignore-daemonsets --timeout=60s",
];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    /// Whatever is typed and whatever breaks: nothing is lost, the books balance, and the log
    /// gives the cluster as it is.
    #[test]
    fn any_commands_and_faults_leave_the_books_in_order(
        typed in proptest::collection::vec((0usize..16, 1i64..120), 1..14),
        fault in 0usize..5,
        seed in 0u64..100,
    ) {
        let more = [
            "",
            "[[fault]]\nat = \"2m\"\nfor = \"5m\"\nnode = \"general-1\"\n",
            "[[fault]]\nat = \"1m\"\nnode = \"general-2\"\n",
            "[[fault]]\nat = \"1m\"\nfor = \"4m\"\nkubelet = \"general-1\"\n",
            "[[fault]]\nat = \"1m\"\nfor = \"4m\"\ndown = \"metrics-server\"\n",
        ][fault];
        let scenario = scenario(more, WEB);
        let mut cluster = Simulation::new(&scenario, seed);
        let mut at = 0;
        for (command, after) in typed {
            at += after;
            run_until(&mut cluster, at);
            cluster.kubectl(COMMANDS[command]).expect("a command line");
            let store = cluster.store();
            let folded = store.log().expect("the log").at(cluster.now());
            assert_eq!(folded.ledger(), store.ledger());
            let pods = |store: &Store| -> Vec<_> {
                store.pods().map(|(id, pod)| (id, pod.clone())).collect()
            };
            assert_eq!(pods(&folded), pods(store));
            for (_, set) in store.replica_sets() {
                assert!(set.rollout.revision.is_some(), "every revision has its number");
            }
        }
        run_until(&mut cluster, at + 900);
        cluster.finish().expect("the conservation laws hold");
    }
}

#[test]
fn the_pod_whose_deletion_costs_least_goes_first() {
    let scenario = scenario("", WEB);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 599);
    typed(&mut cluster, "kubectl delete hpa web");
    let names = |cluster: &Simulation<'_>| -> Vec<String> {
        let pods = cluster.store().pods();
        let there = pods.filter(|(_, pod)| !pod.is_deleting());
        there.map(|(_, pod)| pod.name().to_owned()).collect()
    };
    let all = names(&cluster);
    assert_eq!(all.len(), 4);
    // Neither the youngest nor the first.
    for cheap in [&all[2], &all[1]] {
        let cost = "controller.kubernetes.io/pod-deletion-cost=-100";
        typed(
            &mut cluster,
            &format!("kubectl annotate pod {cheap} {cost}"),
        );
        let fewer = names(&cluster).len() - 1;
        let scale = format!("kubectl scale deployment web --replicas={fewer}");
        typed(&mut cluster, &scale);
        run_until(&mut cluster, 600 + 10 * (4 - fewer as i64));
        assert!(!names(&cluster).contains(cheap), "{cheap}");
        assert_eq!(names(&cluster).len(), fewer);
    }
}

#[test]
fn a_manifest_applied_again_without_a_field_takes_the_field_away() {
    let more = "[[action]]\nat = \"10m\"\nkubectl = \"kubectl apply -f unsized.yaml\"\n";
    let scenario = scenario(more, WEB);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 599);
    assert_eq!(replicas(cluster.store()), 4);
    run_until(&mut cluster, 600);
    assert_eq!(replicas(cluster.store()), 1);
    let printed = &cluster.recording().actions[0].printed;
    assert_eq!(*printed, ["deployment.apps/web configured"]);
}

#[test]
fn a_replica_set_that_is_deleted_comes_back() {
    let scenario = scenario("", WEB);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 599);
    let set = |cluster: &Simulation<'_>| {
        let set = cluster.store().replica_sets().next();
        let set = set.map(|(_, set)| &set.meta);
        set.map(|meta| (meta.name.to_string(), meta.created))
    };
    let (name, created) = set(&cluster).expect("one");
    let printed = typed(&mut cluster, "kubectl delete rs -l app=web");
    assert_eq!(
        printed,
        [format!(
            "replicaset.apps \"{name}\" deleted from default namespace"
        )]
    );
    run_until(&mut cluster, 700);
    let (again, later) = set(&cluster).expect("one");
    assert_eq!(again, name);
    assert!(later > created);
    assert_eq!(sizes(cluster.store()), [4]);
    // Its owner decides how many there are.
    let printed = typed(
        &mut cluster,
        &format!("kubectl scale rs {name} --replicas=9"),
    );
    assert_eq!(printed, [format!("replicaset.apps/{name} scaled")]);
    run_until(&mut cluster, 760);
    assert_eq!(sizes(cluster.store()), [4]);
    for wrong in ["-1", "4294967296"] {
        let patch = format!(r#"kubectl patch rs {name} -p '{{"spec":{{"replicas":{wrong}}}}}'"#);
        let printed = typed(&mut cluster, &patch);
        assert!(
            printed[0].contains("spec.replicas: Invalid value"),
            "{printed:?}"
        );
        assert_eq!(sizes(cluster.store()), [4]);
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    let scenario = scenario("", WEB);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    typed(&mut cluster, "kubectl delete hpa web");
    let dry = "kubectl autoscale deployment web --max=5 --cpu=50% --dry-run=server";
    let printed = typed(&mut cluster, dry);
    assert_eq!(
        printed,
        ["horizontalpodautoscaler.autoscaling/web autoscaled (server dry run)"]
    );
    let hpa = cluster
        .store()
        .find(Kind::HorizontalPodAutoscaler, "default", "web");
    assert_eq!(hpa, None);
}
