//! Sidecars: init containers that restart always. In which order they start and stop, what their
//! probes decide, and that a Job does not wait for them.

use nlsim::api::{Kind, ObjectId, Pod};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

fn scenario(manifest: &str) -> Scenario {
    let toml = r#"
name = "sidecars"
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
    let files = InMemory::new([("s.toml", toml), ("all.yaml", manifest)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    built.scenario
}

/// A Deployment of one pod with these init containers.
fn web(init: &str) -> Scenario {
    scenario(&format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      initContainers: [{init}]
      containers: [{{name: app, image: 'app:1'}}]
"
    ))
}

fn sidecar(name: &str, fields: &str) -> String {
    format!("{{name: {name}, image: '{name}:1', restartPolicy: Always{fields}}}")
}

fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    let time = SimTime::from_secs(seconds);
    cluster.step_until(time).expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

/// What was told of pods: when, and the message, where the reason is this one.
fn told(cluster: &Simulation<'_>, reason: &str) -> Vec<(f64, String)> {
    let events = cluster.recording().events.iter();
    let of_pods = events.filter(|event| event.object.starts_with("Pod/") && event.reason == reason);
    of_pods
        .map(|event| (event.time.as_secs_f64(), event.message.to_string()))
        .collect()
}

fn times(cluster: &Simulation<'_>, reason: &str) -> Vec<f64> {
    let all = told(cluster, reason);
    all.into_iter().map(|(time, _)| time).collect()
}

fn pod<'a>(cluster: &'a Simulation<'_>) -> &'a Pod {
    let mut all = cluster.store().pods();
    all.next().expect("it is there").1
}

/// When the pod was Ready first, to the second.
fn ready_at(scenario: &Scenario) -> Option<i64> {
    let mut cluster = Simulation::new(scenario, 1);
    (1..300).find(|second| {
        run_until(&mut cluster, *second);
        pod(&cluster).is_ready()
    })
}

#[test]
fn each_waits_for_the_startup_probe_of_the_one_before() {
    let slow = |name: &str, delay: i64| {
        let probe = format!(
            ", startupProbe: {{tcpSocket: {{port: 80}}, initialDelaySeconds: {delay}, periodSeconds: 1}}"
        );
        sidecar(name, &probe)
    };
    let scenario = web(&format!("{}, {}", slow("one", 20), slow("two", 30)));
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 120);
    let starts = times(&cluster, "Started");
    assert_eq!(starts.len(), 3, "{starts:?}");
    let waits = [starts[1] - starts[0], starts[2] - starts[1]];
    // From the whole second of the start, with a tick each second.
    assert!((19.0..=21.0).contains(&waits[0]), "{waits:?}");
    assert!((29.0..=31.0).contains(&waits[1]), "{waits:?}");
    assert!(pod(&cluster).is_ready());
    // Those without a probe start at once.
    let plain = web(&format!("{}, {}", sidecar("one", ""), sidecar("two", "")));
    let mut cluster = Simulation::new(&plain, 1);
    run_until(&mut cluster, 120);
    let starts = times(&cluster, "Started");
    assert_eq!(starts.len(), 3);
    assert!(starts[2] - starts[0] < 0.1, "{starts:?}");
}

#[test]
fn a_pod_is_ready_once_its_sidecars_are() {
    let none = ready_at(&web(&sidecar("proxy", ""))).expect("ready");
    let late = ", readinessProbe: {tcpSocket: {port: 80}, initialDelaySeconds: 60, successThreshold: 3, periodSeconds: 5}";
    let late = ready_at(&web(&sidecar("proxy", late))).expect("ready");
    // A minute, and two more successes.
    assert!((68..=78).contains(&(late - none)), "{late} {none}");
    let never = web(&sidecar(
        "proxy",
        ", readinessProbe: {exec: {command: ['false']}}",
    ));
    assert_eq!(ready_at(&never), None);
    let mut cluster = Simulation::new(&never, 1);
    run_until(&mut cluster, 200);
    assert!(told(&cluster, "Killing").is_empty());
    let unhealthy = told(&cluster, "Unhealthy");
    assert!(
        unhealthy[0].1.starts_with("Readiness probe failed"),
        "{unhealthy:?}"
    );
}

#[test]
fn a_sidecar_that_does_not_start_up_holds_its_pod_back() {
    let fails =
        ", startupProbe: {exec: {command: ['false']}, periodSeconds: 10, failureThreshold: 2}";
    let scenario = web(&sidecar("proxy", fails));
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 600);
    assert!(pod(&cluster).containers[0].running_since.is_none());
    let kills = told(&cluster, "Killing");
    let words = "Container proxy failed startup probe, will be restarted";
    assert!(
        kills.iter().all(|(_, message)| message == words),
        "{kills:?}"
    );
    // Twice a probe each; the first restarts follow at once, later ones wait for their back-off,
    // as far as so many events about one pod are told.
    let starts = times(&cluster, "Started");
    let gaps: Vec<f64> = starts.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(gaps[0] <= 20.0 && gaps[1] <= 20.0, "{gaps:?}");
    assert!(gaps.last() >= Some(&59.0), "{gaps:?}");
    assert!(!told(&cluster, "BackOff").is_empty());
}

#[test]
fn a_sidecar_that_is_not_alive_restarts_and_its_pod_is_unready_meanwhile() {
    let fails =
        ", livenessProbe: {exec: {command: ['false']}, periodSeconds: 10, failureThreshold: 3}";
    let scenario = web(&sidecar("proxy", fails));
    let mut cluster = Simulation::new(&scenario, 1);
    let (mut ready, mut changes) = (false, Vec::new());
    for second in 1..400 {
        run_until(&mut cluster, second);
        if pod(&cluster).is_ready() != ready {
            ready = !ready;
            changes.push(ready);
        }
    }
    assert!(changes.starts_with(&[true, false, true]), "{changes:?}");
    let of = pod(&cluster);
    assert_eq!(of.containers[0].restarts, 0);
    let restarts = of.init_containers[0].restarts;
    assert!(restarts > 2, "{restarts}");
    let table = cluster.kubectl("kubectl get pods").expect("a command line");
    let row = table.join("\n").lines().nth(1).expect("a pod").to_owned();
    let words: Vec<&str> = row.split_whitespace().skip(1).take(3).collect();
    // The other container is ready while the sidecar waits.
    let restarts = restarts.to_string();
    let waits = ["1/2", "Init:CrashLoopBackOff", &*restarts];
    assert!(
        words == waits || words == ["2/2", "Running", &*restarts],
        "{row}"
    );
    let mut seen = false;
    for second in 400..800 {
        run_until(&mut cluster, second);
        let table = cluster.kubectl("kubectl get pods").expect("a command line");
        seen |= table.join("\n").contains("1/2     Init:CrashLoopBackOff");
    }
    assert!(seen);
    let kills = told(&cluster, "Killing");
    let words = "Container proxy failed liveness probe, will be restarted";
    assert!(kills.len() > 2 && kills.iter().all(|(_, message)| message == words));
}

#[test]
fn sidecars_stop_after_the_others_and_their_hooks_begin_with_those() {
    let gone_after = |init: &str| {
        let scenario = web(init);
        let mut cluster = Simulation::new(&scenario, 1);
        run_until(&mut cluster, 60);
        let name = pod(&cluster).meta.name.to_string();
        cluster
            .kubectl(&format!("kubectl delete pod {name}"))
            .expect("it is there");
        let there = |cluster: &Simulation<'_>| {
            let mut all = cluster.store().pods();
            all.any(|(_, pod)| *pod.meta.name == *name && pod.containers[0].running_since.is_some())
        };
        let mut second = 60;
        while there(&cluster) {
            second += 1;
            run_until(&mut cluster, second);
        }
        let killing = told(&cluster, "Killing");
        let mut names: Vec<String> = killing.into_iter().map(|(_, message)| message).collect();
        names.sort();
        (second - 60, names)
    };
    let (plain, names) = gone_after(&sidecar("proxy", ""));
    assert!(plain <= 2, "{plain}");
    assert_eq!(
        names,
        ["Stopping container app", "Stopping container proxy"]
    );
    let hook = |seconds: i64| {
        format!(", lifecycle: {{preStop: {{exec: {{command: [sleep, '{seconds}']}}}}}}")
    };
    let both = format!("{}, {}", sidecar("a", &hook(10)), sidecar("b", &hook(7)));
    let (hooked, _) = gone_after(&both);
    assert_eq!(hooked, 10, "side by side");
    let (longest, _) = gone_after(&sidecar("proxy", &hook(100)));
    assert!((30..=32).contains(&longest), "the grace period: {longest}");
}

#[test]
fn a_job_is_complete_while_its_sidecars_run() {
    let manifest = "
apiVersion: batch/v1
kind: Job
metadata: {name: work}
spec:
  template:
    spec:
      restartPolicy: Never
      initContainers: [{name: proxy, image: 'proxy:1', restartPolicy: Always, command: [sleep, '100000']}]
      containers: [{name: main, image: 'main:1', command: [sleep, '5']}]
";
    let scenario = scenario(manifest);
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    let job = cluster.store().all(Kind::Job).next().expect("it is there");
    let ObjectId::Job(job) = job else {
        panic!("a Job")
    };
    let status = &cluster.store().job(job).expect("it is there").status;
    assert_eq!((status.succeeded, status.failed), (1, 0));
    assert!(status.end().is_some());
}
