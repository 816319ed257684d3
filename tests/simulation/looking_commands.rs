//! `kubectl get` and `kubectl wait` as actions: what is there, and that it is as it should be.

use nlsim::record::ActionRecord;
use nlsim::scenario::{InMemory, Loaded};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const MANIFESTS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'web:1', resources: {requests: {cpu: 100m}}}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 5
---
apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: migrate, image: 'web:1', resources: {requests: {cpu: 100m}}}]
";

/// What commands printed, each with the second in which it was typed.
pub(crate) fn typed(commands: &[(u32, &str)]) -> Vec<ActionRecord> {
    let actions = commands.iter().map(|(at, command)| {
        format!("[[action]]\nat = \"{at}s\"\nkubectl = '''kubectl {command}'''\n")
    });
    let toml = format!(
        "name = \"r\"\nmanifests = \"m.yaml\"\n[simulation]\nduration = \"20m\"\nfrom = \"apply\"\n\
         [[node_group]]\nname = \"n\"\ninstance_type = \"m5.large\"\ncount = 1\n\
         [[service]]\nworkload = \"Job/migrate\"\nrun_time = \"2m\"\n{}",
        actions.collect::<String>()
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("m.yaml", MANIFESTS)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let scenario = built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario;
    let mut cluster = Simulation::new(&scenario, 1);
    cluster
        .step_until(SimTime::from_secs(1200))
        .expect("no endless loop");
    cluster.recording().actions.clone()
}

pub(crate) fn printed(at: u32, command: &str) -> (Vec<String>, bool) {
    let action = typed(&[(at, command)]).remove(0);
    (action.printed, action.failed)
}

/// The words of each line.
fn cells(at: u32, command: &str) -> Vec<Vec<String>> {
    let (lines, failed) = printed(at, command);
    assert!(!failed, "{lines:?}");
    let words = |line: &String| line.split_whitespace().map(str::to_owned).collect();
    lines.iter().map(words).collect()
}

#[test]
fn get_prints_the_table_of_the_moment() {
    let rows = cells(60, "get deploy web");
    assert_eq!(rows[0], ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]);
    assert_eq!(rows[1], ["web", "2/2", "2", "2", "60s"]);
    let pods = cells(600, "get pods -l app=web --no-headers");
    assert_eq!(pods.len(), 2, "{pods:?}");
    assert_eq!(pods[0][1..], ["1/1", "Running", "0", "10m"]);
    // Before the first container runs.
    let pods = cells(1, "get pods -l app=web --no-headers");
    assert_eq!(pods.len(), 2, "{pods:?}");
    for pod in pods {
        assert_eq!(pod[1..4], ["0/1", "ContainerCreating", "0"], "{pod:?}");
    }
}

#[test]
fn get_lists_several_kinds_and_formats() {
    let (lines, _) = printed(60, "get deploy,hpa,nodes -o name");
    let names = [
        "deployment.apps/web",
        "horizontalpodautoscaler.autoscaling/web",
        "node/n-1",
    ];
    assert_eq!(lines, names);
    let rows = cells(60, "get hpa/web deploy/web");
    assert_eq!(rows[1][0], "horizontalpodautoscaler.autoscaling/web");
    assert_eq!(rows[2], [""; 0]);
    assert_eq!(rows[4][0], "deployment.apps/web");
    let path = "get deploy web -o jsonpath='{.metadata.name}: {.status.readyReplicas}'";
    assert_eq!(printed(60, path).0, ["web: 2"]);
    let all = "get deploy,hpa -o jsonpath='{range .items[*]}{.kind}{\"\\n\"}{end}'";
    assert_eq!(
        printed(60, all).0,
        ["Deployment", "HorizontalPodAutoscaler"]
    );
    let (yaml, _) = printed(60, "get hpa web -o yaml");
    assert!(
        yaml.contains(&"kind: HorizontalPodAutoscaler".to_owned()),
        "{yaml:?}"
    );
}

#[test]
fn get_says_what_is_not_there() {
    let missing = "Error from server (NotFound): deployments.apps \"wbe\" not found";
    assert_eq!(
        printed(60, "get deploy wbe"),
        (vec![missing.to_owned()], true)
    );
    assert_eq!(
        printed(60, "get deploy wbe --ignore-not-found"),
        (Vec::new(), false)
    );
    let nothing = "No resources found in other namespace.";
    assert_eq!(
        printed(60, "get pods -n other"),
        (vec![nothing.to_owned()], false)
    );
}

#[test]
fn wait_ends_with_the_condition_the_deletion_or_the_time() {
    let actions = typed(&[
        (
            10,
            "wait --for=condition=complete job/migrate --timeout=10m",
        ),
        (
            10,
            "wait --for=condition=Complete job/migrate --timeout=30s",
        ),
        (10, "wait --for=delete job/migrate --timeout=20m"),
        (11, "wait --for=condition=complete job/migrate --timeout=0"),
        (12, "wait --for=condition=complete job/none"),
        (13, "wait --for=condition=ready pod -l app=none"),
        (300, "wait --for=condition=Available=true deployment/web"),
        (400, "delete job migrate"),
        (401, "wait --for=create job/migrate"),
        (410, "wait --for=create job/migrate --timeout=0"),
    ]);
    let told = |index: usize| (actions[index].printed.join("\n"), actions[index].failed);
    let met = ("job.batch/migrate condition met".to_owned(), false);
    let wrong = |text: &str| (text.to_owned(), true);
    assert_eq!(told(0), met);
    assert_eq!(
        told(1),
        wrong("error: timed out waiting for the condition on jobs/migrate")
    );
    assert_eq!(told(2), met);
    assert_eq!(told(3), wrong("error: condition not met for jobs/migrate"));
    assert_eq!(
        told(4),
        wrong("Error from server (NotFound): jobs.batch \"none\" not found")
    );
    assert_eq!(told(5), wrong("error: no matching resources found"));
    assert_eq!(
        told(6),
        ("deployment.apps/web condition met".to_owned(), false)
    );
    let late = wrong("error: timed out waiting for the condition");
    assert_eq!(told(8), late);
    assert_eq!(told(9), late);
}

#[test]
fn wait_looks_at_a_path_and_for_what_is_made() {
    let actions = typed(&[
        (
            0,
            "wait --for=jsonpath='{.status.readyReplicas}'=2 deploy/web --timeout=2m",
        ),
        (
            1,
            "wait --for=create --for=condition=Ready pod -l run=later --timeout=3m",
        ),
        (2, "wait --for=jsonpath=status.phase=Running pod -l app=web"),
        (
            3,
            "wait --for=jsonpath='{.metadata.annotations.none}' deploy/web --timeout=5s",
        ),
        (4, "wait --for=jsonpath='{.spec}'=1 deploy/web"),
        (
            5,
            "wait --for=jsonpath='{..containers[*].name}' --for=delete deploy/web --timeout=400s",
        ),
        (
            6,
            "wait --for=jsonpath='{.status.conditions[*].type}' deploy/web",
        ),
        (
            60,
            "patch deploy web -p '{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"run\":\"later\"}}}}}'",
        ),
        (300, "delete deploy web"),
    ]);
    let told = |index: usize| (actions[index].printed.join("\n"), actions[index].failed);
    let met = "deployment.apps/web condition met";
    assert_eq!(told(0), (met.to_owned(), false));
    // Of each pod that was there when the first was: it is created, and it is ready.
    let (pods, failed) = told(1);
    assert!(!failed, "{pods}");
    let lines: Vec<&str> = pods.lines().collect();
    assert_eq!(lines.len() % 2, 0, "{pods}");
    assert_eq!(lines[0], lines[1]);
    assert!(
        lines[0].starts_with("pod/web-") && lines[0].ends_with(" condition met"),
        "{pods}"
    );
    let (pods, failed) = told(2);
    assert_eq!((pods.lines().count(), failed), (2, false), "{pods}");
    let late = "error: timed out waiting for the condition on deployments/web";
    assert_eq!(told(3), (late.to_owned(), true));
    let nested = "error: jsonpath leads to a nested object or list which is not supported";
    assert_eq!(told(4), (nested.to_owned(), true));
    assert_eq!(told(5), (format!("{met}\n{met}"), false));
    let several = "error: given jsonpath expression matches more than one value";
    assert_eq!(told(6), (several.to_owned(), true));
}

#[test]
fn wait_has_one_time_for_all_objects() {
    let actions = typed(&[(1, "wait --for=condition=Never pod -l app=web --timeout=10s")]);
    let printed = &actions[0].printed;
    assert_eq!(printed.len(), 2, "{printed:?}");
    for line in printed {
        let begins = "error: timed out waiting for the condition on pods/web-";
        assert!(line.starts_with(begins), "{line}");
    }
}
