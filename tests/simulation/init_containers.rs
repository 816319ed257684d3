//! Init containers: one after the other, each for as long as its command takes; what `kubectl get`
//! shows of them.

use nlsim::api::{Pod, PodPhase};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

/// A bare pod with these init containers, and this in its spec.
fn bare(init: &str, spec: &str) -> Scenario {
    let manifest = format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  initContainers: [{init}]
  containers: [{{name: app, image: 'app:1'}}]
{spec}
"
    );
    let toml = r#"
name = "init"
manifests = "all.yaml"
[simulation]
duration = "1h"
from = "apply"
[controllers]
kubelet.restart-jitter = 0
[[node_group]]
name = "n"
count = 1
cpu = 4
memory = "8Gi"
"#;
    let files = InMemory::new([("s.toml", toml), ("all.yaml", &manifest)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    built.scenario
}

fn init(name: &str, script: &str) -> String {
    format!("{{name: {name}, image: '{name}:1', command: [sh, -c, '{script}']}}")
}

fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    let time = SimTime::from_secs(seconds);
    cluster.step_until(time).expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

fn pod<'a>(cluster: &'a Simulation<'_>) -> &'a Pod {
    let mut all = cluster.store().pods();
    all.next().expect("it is there").1
}

/// READY, STATUS and RESTARTS of the pod.
fn row(cluster: &mut Simulation<'_>) -> String {
    let printed = cluster.kubectl("kubectl get pods").expect("a command line");
    let printed = printed.join("\n");
    let line = printed.lines().nth(1).expect("a pod");
    let words: Vec<&str> = line.split_whitespace().skip(1).take(3).collect();
    words.join(" ")
}

/// Each row that the pod has had up to a second, once.
fn rows(cluster: &mut Simulation<'_>, until: i64) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for second in 1..until {
        run_until(cluster, second);
        let row = row(cluster);
        if rows.last() != Some(&row) {
            rows.push(row);
        }
    }
    rows
}

fn times(cluster: &Simulation<'_>, reason: &str) -> Vec<f64> {
    let events = cluster.recording().events.iter();
    let of_pods = events.filter(|event| event.object == "Pod/web" && event.reason == reason);
    of_pods.map(|event| event.time.as_secs_f64()).collect()
}

#[test]
fn each_takes_its_time_and_the_next_one_waits() {
    let two = format!("{}, {}", init("one", "sleep 10"), init("two", "sleep 20"));
    let scenario = bare(&two, "");
    let mut cluster = Simulation::new(&scenario, 1);
    let rows = rows(&mut cluster, 60);
    assert_eq!(rows, ["0/1 Init:0/2 0", "0/1 Init:1/2 0", "1/1 Running 0"]);
    let starts = times(&cluster, "Started");
    let waits: Vec<f64> = starts.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(waits.len(), 2);
    assert!(
        (waits[0] - 10.0).abs() < 1e-6 && (waits[1] - 20.0).abs() < 1e-6,
        "{waits:?}"
    );
    assert!(times(&cluster, "Created").len() == 3 && times(&cluster, "Pulled").len() == 3);
    // What others do cannot be told.
    let unknown = format!("{}, {}", init("one", "wait-for db"), init("two", "sleep 5"));
    let scenario = bare(&unknown, "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let starts = times(&cluster, "Started");
    assert!((starts[1] - starts[0]).abs() < 1e-6 && (starts[2] - starts[0] - 5.0).abs() < 1e-6);
}

#[test]
fn one_that_fails_is_tried_again() {
    let scenario = bare(
        &init("one", "sleep 2; exit 3"),
        "  restartPolicy: OnFailure",
    );
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 90);
    let shown = row(&mut cluster);
    assert!(shown.starts_with("0/1 Init:CrashLoopBackOff "), "{shown}");
    let of = pod(&cluster);
    let restarts = of.init_containers[0].restarts;
    assert!(
        restarts >= 3 && shown.ends_with(&format!(" {restarts}")),
        "{shown}"
    );
    assert_eq!(of.phase, PodPhase::Pending);
    // 2 s each; the first restart at once, then after 10 s and 20 s.
    let starts = times(&cluster, "Started");
    let waits: Vec<i64> = starts
        .windows(2)
        .map(|two| (two[1] - two[0]).round() as i64)
        .collect();
    assert_eq!(waits[..3], [2, 12, 22]);
    // The next one is not to be seen until this has ended well.
    assert!(of.containers[0].running_since.is_none());
}

#[test]
fn a_pod_that_does_not_restart_fails_with_its_init_container() {
    let scenario = bare(&init("one", "sleep 2; exit 3"), "  restartPolicy: Never");
    let mut cluster = Simulation::new(&scenario, 1);
    let rows = rows(&mut cluster, 60);
    assert_eq!(rows, ["0/1 Init:0/1 0", "0/1 Init:Error 0"]);
    assert_eq!(pod(&cluster).phase, PodPhase::Failed);
}

#[test]
fn a_sidecar_among_them_keeps_its_place() {
    let sidecar = "{name: proxy, image: 'proxy:1', restartPolicy: Always, startupProbe: \
                   {tcpSocket: {port: 80}, initialDelaySeconds: 10, periodSeconds: 1}}";
    let all = format!(
        "{}, {sidecar}, {}",
        init("one", "sleep 10"),
        init("two", "sleep 10")
    );
    let scenario = bare(&all, "");
    let mut cluster = Simulation::new(&scenario, 1);
    let rows = rows(&mut cluster, 90);
    assert_eq!(
        rows,
        [
            "0/2 Init:0/3 0",
            "0/2 Init:1/3 0",
            "1/2 Init:2/3 0",
            "2/2 Running 0"
        ]
    );
}

#[test]
fn a_pod_can_be_deleted_meanwhile() {
    let scenario = bare(&init("one", "sleep 1000"), "");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 30);
    cluster
        .kubectl("kubectl delete pod web")
        .expect("a command line");
    run_until(&mut cluster, 40);
    assert_eq!(cluster.store().pods().count(), 0);
    assert_eq!(times(&cluster, "Killing").len(), 1);
}
