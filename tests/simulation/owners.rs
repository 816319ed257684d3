//! Owners of pods in corners: nodes that affinity keeps a DaemonSet from, Jobs that another
//! controller looks after or that ask for less than they have, budgets whose owners are gone or have
//! no scale.

use nlsim::api::{Clock, Kind};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;
use serde_json::{Value, json};

const CONTAINERS: &str =
    "[{name: a, image: 'a:1', command: [sleep, '100000'], resources: {requests: {cpu: 10m}}}]";

fn scenario(manifest: &str, more: &str) -> Scenario {
    let manifest = manifest.replace("CONTAINERS", CONTAINERS);
    let toml = format!(
        r#"
name = "owners"
manifests = "all.yaml"
[simulation]
duration = "30m"
[[node_group]]
name = "a"
count = 1
cpu = 4
memory = "8Gi"
labels = {{ pool = "a" }}
[[node_group]]
name = "b"
count = 1
cpu = 4
memory = "8Gi"
{more}
"#
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("all.yaml", manifest.as_str())]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario
}

fn action(at: i64, kubectl: &str) -> String {
    format!("[[action]]\nat = \"{at}s\"\nkubectl = '''kubectl {kubectl}'''\n")
}

fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    let time = SimTime::from_secs(seconds);
    cluster.step_until(time).expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

/// The nodes of the pods with a label `app` that are not on their way out.
fn nodes_of(cluster: &Simulation<'_>, app: &str) -> Vec<String> {
    let store = cluster.store();
    let pods = store.pods().map(|(_, pod)| pod);
    let mut nodes: Vec<String> = pods
        .filter(|pod| pod.is_active() && pod.meta.labels.get("app").is_some_and(|one| one == app))
        .map(|pod| {
            pod.node
                .map_or("", |node| store.node(node).name())
                .to_owned()
        })
        .collect();
    nodes.sort();
    nodes
}

fn status(cluster: &Simulation<'_>, scenario: &Scenario, kind: Kind, name: &str) -> Value {
    let clock = Clock {
        calendar: scenario.controllers.vpa.clock,
        now: cluster.now(),
    };
    let all = cluster.store().list(kind, None, clock);
    let found = all.into_iter().find(|one| one["metadata"]["name"] == name);
    found.expect("it is there")["status"].take()
}

fn events(cluster: &Simulation<'_>, object: &str) -> Vec<(i64, String)> {
    let events = cluster.recording().events.iter();
    let of_object = events.filter(|event| event.object == object);
    of_object
        .map(|event| {
            let second = event.time.0.div_euclid(1_000_000_000);
            (second, format!("{}: {}", event.reason, event.message))
        })
        .collect()
}

#[test]
fn a_daemon_sets_affinity_keeps_it_from_nodes() {
    let scenario = scenario(
        "
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: logs}
spec:
  selector: {matchLabels: {app: logs}}
  template:
    metadata: {labels: {app: logs}}
    spec:
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms: [{matchExpressions: [{key: pool, operator: In, values: [a]}]}]
      containers: CONTAINERS
",
        "",
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    assert_eq!(nodes_of(&cluster, "logs"), ["a-1"]);
    let status = status(&cluster, &scenario, Kind::DaemonSet, "logs");
    assert_eq!(status["desiredNumberScheduled"], 1);
}

const TOLERANT: &str = "
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: logs}
spec:
  selector: {matchLabels: {app: logs}}
  updateStrategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: logs}}
    spec:
      tolerations: [{operator: Exists, effect: NoExecute, tolerationSeconds: 60}]
      containers: CONTAINERS
";

#[test]
fn a_daemon_sets_own_toleration_comes_before_those_that_its_controller_adds() {
    let taint = action(
        300,
        "taint nodes a-1 node.kubernetes.io/unreachable:NoExecute",
    );
    let scenario = scenario(TOLERANT, &taint);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 359);
    let marked = |cluster: &Simulation<'_>| {
        let mut events = cluster.recording().events.iter();
        events.any(|event| {
            event
                .message
                .starts_with("Marking for deletion Pod default/logs-")
        })
    };
    assert!(!marked(&cluster));
    run_until(&mut cluster, 362);
    assert!(marked(&cluster));
}

#[test]
fn a_surging_daemon_set_puts_nothing_where_it_does_not_belong() {
    let typed =
        action(60, "taint nodes a-1 k=v:NoSchedule") + &action(120, "delete pods -l app=logs");
    let scenario = scenario(TOLERANT, &typed);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 119);
    assert_eq!(nodes_of(&cluster, "logs"), ["a-1", "b-1"]);
    run_until(&mut cluster, 300);
    assert_eq!(nodes_of(&cluster, "logs"), ["b-1"]);
}

#[test]
fn a_job_of_another_controller_is_left_alone() {
    let job = |managed_by: &str| {
        format!(
            "
apiVersion: batch/v1
kind: Job
metadata: {{name: work}}
spec:
  managedBy: {managed_by}
  template:
    metadata: {{labels: {{app: work}}}}
    spec:
      restartPolicy: Never
      containers: CONTAINERS
"
        )
    };
    for (managed_by, pods) in [
        ("kueue.x-k8s.io/multikueue", 0),
        ("kubernetes.io/job-controller", 1),
    ] {
        let scenario = scenario(&job(managed_by), "");
        let mut cluster = Simulation::new(&scenario, 1);
        run_until(&mut cluster, 60);
        assert_eq!(nodes_of(&cluster, "work").len(), pods, "{managed_by}");
        assert_eq!(events(&cluster, "Job/work").len(), pods, "{managed_by}");
    }
}

#[test]
fn an_indexed_job_that_asks_for_less_counts_what_it_asks_for() {
    let scenario = scenario(
        "
apiVersion: batch/v1
kind: Job
metadata: {name: work}
spec:
  completions: 6
  parallelism: 3
  completionMode: Indexed
  backoffLimitPerIndex: 1
  template:
    metadata: {labels: {app: work}}
    spec:
      restartPolicy: Never
      containers: [{name: a, image: 'a:1', command: [sleep, '60'], resources: {requests: {cpu: 10m}}}]
",
        &action(80, r#"patch job work -p '{"spec":{"completions":2,"parallelism":2}}'"#),
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 79);
    let before = status(&cluster, &scenario, Kind::Job, "work");
    assert_eq!(before["completedIndexes"], "0-2");
    run_until(&mut cluster, 200);
    let after = status(&cluster, &scenario, Kind::Job, "work");
    assert_eq!(
        (&after["completedIndexes"], &after["succeeded"]),
        (&json!("0,1"), &json!(2))
    );
    let events = events(&cluster, "Job/work");
    let last = events.last().map(|(_, text)| text.as_str());
    assert_eq!(last, Some("Completed: Job completed"));
    assert!(
        !events.iter().any(|(_, text)| text.starts_with("TooMany")),
        "{events:?}"
    );
}

#[test]
fn a_budget_allows_nothing_while_pods_of_an_owner_that_is_gone_are_there() {
    let deployment = |name: &str| {
        format!(
            "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}, tier: w}}}}
    spec:
      terminationGracePeriodSeconds: 60
      containers: CONTAINERS
---"
        )
    };
    let manifest = deployment("wa")
        + &deployment("wb")
        + "
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: tier}
spec:
  maxUnavailable: 1
  selector: {matchLabels: {tier: w}}
";
    let slow = "
[[service]]
workload = \"Deployment/wb\"
startup = { ready = \"1s\", shutdown = \"50s\" }
request = { cpu = \"1ms\" }
";
    let scenario = scenario(
        &manifest,
        &(slow.to_owned() + &action(300, "delete deployment wb")),
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 299);
    let now = status(&cluster, &scenario, Kind::PodDisruptionBudget, "tier");
    assert_eq!(
        (&now["expectedPods"], &now["disruptionsAllowed"]),
        (&json!(4), &json!(1))
    );
    run_until(&mut cluster, 310);
    let now = status(&cluster, &scenario, Kind::PodDisruptionBudget, "tier");
    assert_eq!(
        (
            &now["expectedPods"],
            &now["desiredHealthy"],
            &now["disruptionsAllowed"]
        ),
        (&json!(4), &json!(3), &json!(0))
    );
    let condition = &now["conditions"][0];
    assert_eq!(condition["reason"], "SyncFailed");
    let message = condition["message"].as_str().unwrap_or_default();
    assert!(
        message.starts_with("found no controllers for pod \"wb-"),
        "{message}"
    );
    run_until(&mut cluster, 400);
    let now = status(&cluster, &scenario, Kind::PodDisruptionBudget, "tier");
    assert_eq!(
        (&now["expectedPods"], &now["disruptionsAllowed"]),
        (&json!(2), &json!(1))
    );
}

#[test]
fn a_budget_over_a_job_fails_and_says_so() {
    let scenario = scenario(
        "
apiVersion: batch/v1
kind: Job
metadata: {name: work}
spec:
  template:
    metadata: {labels: {app: work}}
    spec:
      restartPolicy: Never
      containers: CONTAINERS
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: work}
spec:
  maxUnavailable: 1
  selector: {matchLabels: {app: work}}
",
        "",
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let now = status(&cluster, &scenario, Kind::PodDisruptionBudget, "work");
    assert_eq!(
        (&now["currentHealthy"], &now["disruptionsAllowed"]),
        (&json!(0), &json!(0))
    );
    let error = "jobs.batch does not implement the scale subresource";
    assert_eq!(now["conditions"][0]["message"], error);
    let told = events(&cluster, "PodDisruptionBudget/work");
    let expected = format!(
        "CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: {error}"
    );
    assert!(told.iter().any(|(_, text)| *text == expected), "{told:?}");
}
