//! Hooks: what waits for those after a start, what becomes of a container whose hook fails, and of
//! one whose hook before its end fails.

use nlsim::api::{Pod, PodPhase};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const TOML: &str = r#"
name = "hooks"
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

/// A Deployment of one pod with this in its spec.
fn web(spec: &str) -> Scenario {
    with(spec, "")
}

fn with(spec: &str, more: &str) -> Scenario {
    let manifest = format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{{spec}}}
"
    );
    let toml = format!("{TOML}{more}");
    let files = InMemory::new([("s.toml", toml.as_str()), ("all.yaml", manifest.as_str())]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    built.scenario
}

/// A container with this postStart hook.
fn container(name: &str, hook: &str) -> String {
    format!("{{name: {name}, image: '{name}:1', lifecycle: {{postStart: {{{hook}}}}}}}")
}

fn plain(name: &str) -> String {
    format!("{{name: {name}, image: '{name}:1'}}")
}

fn run_until(cluster: &mut Simulation<'_>, seconds: f64) {
    let time = SimTime((seconds * 1e9).round() as i64);
    cluster.step_until(time).expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

/// When something was told of pods, and the message.
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

/// READY, STATUS and RESTARTS of the one pod.
fn row(cluster: &mut Simulation<'_>) -> String {
    let printed = cluster.kubectl("kubectl get pods").expect("it is there");
    let line = printed.join("\n").lines().nth(1).expect("a pod").to_owned();
    let words: Vec<&str> = line.split_whitespace().skip(1).take(3).collect();
    words.join(" ")
}

#[test]
fn the_next_container_and_the_status_wait_for_the_hook() {
    let scenario = web(&format!(
        "containers: [{}, {}]",
        container("one", "sleep: {seconds: 20}"),
        plain("two")
    ));
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 15.0);
    assert_eq!(times(&cluster, "Started").len(), 1);
    assert!(pod(&cluster).containers[0].running_since.is_some());
    assert_eq!(pod(&cluster).phase, PodPhase::Pending);
    assert_eq!(row(&mut cluster), "0/2 ContainerCreating 0");
    run_until(&mut cluster, 60.0);
    let starts = times(&cluster, "Started");
    assert_eq!(starts.len(), 2);
    assert!((starts[1] - starts[0] - 20.0).abs() < 1e-6, "{starts:?}");
    assert!(pod(&cluster).is_ready());
    assert_eq!(row(&mut cluster), "2/2 Running 0");
    // It has run since its own start.
    let since = pod(&cluster).containers[0].running_since.expect("it runs");
    assert!((since.as_secs_f64() - starts[0]).abs() < 1e-6);
}

#[test]
fn an_application_starts_up_while_its_hook_is_under_way() {
    let service = r#"
[[service]]
workload = "Deployment/web"
startup = { ready = "12s" }
"#;
    let ready = |hook: &str| {
        let app = format!(
            "{{name: app, image: 'app:1', readinessProbe: {{tcpSocket: {{port: 80}}, periodSeconds: 1}}{hook}}}"
        );
        let scenario = with(&format!("containers: [{app}]"), service);
        let mut cluster = Simulation::new(&scenario, 1);
        let ready = (1..600).map(|tenths| f64::from(tenths) / 5.0).find(|time| {
            run_until(&mut cluster, *time);
            pod(&cluster).is_ready()
        });
        ready.expect("ready") - times(&cluster, "Started")[0]
    };
    let hook =
        |seconds: u32| format!(", lifecycle: {{postStart: {{sleep: {{seconds: {seconds}}}}}}}");
    let without = ready("");
    assert!((12.0..=14.0).contains(&without), "{without}");
    let short = ready(&hook(5));
    assert!((12.0..=14.0).contains(&short), "{short}");
    let long = ready(&hook(20));
    assert!((20.0..=21.0).contains(&long), "{long}");
}

#[test]
fn a_container_whose_hook_fails_is_killed_and_starts_again() {
    let scenario = web(&format!(
        "containers: [{}, {}]",
        container("one", "exec: {command: [sh, -c, 'sleep 3; exit 1']}"),
        plain("two")
    ));
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 300.0);
    let failed = told(&cluster, "FailedPostStartHook");
    assert!(
        failed.len() > 3
            && failed
                .iter()
                .all(|(_, text)| text == "PostStartHook failed")
    );
    let killed = told(&cluster, "Killing");
    assert!(killed.iter().all(|(_, text)| text == "FailedPostStartHook"));
    let starts = times(&cluster, "Started");
    assert!((failed[0].0 - starts[0] - 3.0).abs() < 1e-6);
    assert!(!told(&cluster, "BackOff").is_empty());
    // The other container runs, and the pod is never Ready.
    let of = pod(&cluster);
    assert!(of.containers[1].running_since.is_some() && !of.ready);
    let restarts = of.containers[0].restarts;
    assert!(restarts > 3);
    assert_eq!(
        row(&mut cluster).split(' ').take(2).collect::<Vec<_>>(),
        ["1/2", "CrashLoopBackOff"]
    );
    run_until(&mut cluster, 3600.0);
    assert!(pod(&cluster).containers[0].restarts > restarts);
    assert!(times(&cluster, "Started").len() > 4);
    // What the kubelet cannot run fails at once.
    let never = web(&format!(
        "containers: [{}]",
        container("one", "tcpSocket: {port: 80}")
    ));
    let mut cluster = Simulation::new(&never, 1);
    run_until(&mut cluster, 30.0);
    assert!(!told(&cluster, "FailedPostStartHook").is_empty());
}

#[test]
fn a_request_to_an_application_that_starts_up_fails() {
    let service = |ready: &str| {
        format!("[[service]]\nworkload = \"Deployment/web\"\nstartup = {{ ready = \"{ready}\" }}\n")
    };
    let fails = |ready: &str, hook: &str| {
        let spec = format!("containers: [{}]", container("app", hook));
        let scenario = with(&spec, &service(ready));
        let mut cluster = Simulation::new(&scenario, 1);
        run_until(&mut cluster, 60.0);
        !told(&cluster, "FailedPostStartHook").is_empty()
    };
    assert!(fails("2s", "httpGet: {port: 80}"));
    assert!(!fails("0s", "httpGet: {port: 80}"));
    assert!(!fails("2s", "httpGet: {port: 80, host: elsewhere}"));
}

#[test]
fn sidecars_have_hooks_too() {
    let sidecar = |hook: &str| {
        format!(
            "initContainers: [{{name: proxy, image: 'proxy:1', restartPolicy: Always, \
             lifecycle: {{postStart: {{{hook}}}}}}}], containers: [{}]",
            plain("app")
        )
    };
    let scenario = web(&sidecar("sleep: {seconds: 20}"));
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60.0);
    let starts = times(&cluster, "Started");
    assert!((starts[1] - starts[0] - 20.0).abs() < 1e-6, "{starts:?}");
    assert!(pod(&cluster).is_ready());
    let scenario = web(&sidecar("exec: {command: ['false']}"));
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 120.0);
    assert!(told(&cluster, "FailedPostStartHook").len() > 2);
    assert!(!told(&cluster, "BackOff").is_empty());
    assert!(pod(&cluster).containers[0].running_since.is_none());
}

#[test]
fn a_deletion_breaks_off_the_hook() {
    let scenario = web(&format!(
        "containers: [{}, {}]",
        container("one", "sleep: {seconds: 25}"),
        plain("two")
    ));
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 12.0);
    let name = pod(&cluster).meta.name.to_string();
    cluster
        .kubectl(&format!("kubectl delete pod {name}"))
        .expect("it is there");
    run_until(&mut cluster, 16.0);
    let killed = told(&cluster, "Killing");
    let texts: Vec<&str> = killed.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["FailedPostStartHook", "Stopping container one"]);
    let gone = |pod: &Pod| *pod.meta.name != *name;
    assert!(cluster.store().pods().all(|(_, pod)| gone(pod)));
}

#[test]
fn a_restart_waits_for_the_hook_of_another_container() {
    // The first to start ends by itself after 5 s, while the second one's hook is under way.
    let manifest = "
apiVersion: v1
kind: Pod
metadata: {name: two}
spec:
  restartPolicy: OnFailure
  containers:
  - {name: one, image: 'one:1', command: [sh, -c, 'sleep 5; exit 1']}
  - {name: two, image: 'two:1', command: [sh, -c, 'sleep 5; exit 1'], lifecycle: {postStart: {sleep: {seconds: 30}}}}
";
    let files = InMemory::new([("s.toml", TOML), ("all.yaml", manifest)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let mut cluster = Simulation::new(&built.scenario, 1);
    run_until(&mut cluster, 30.0);
    assert_eq!(pod(&cluster).phase, PodPhase::Pending);
    assert_eq!(pod(&cluster).containers[0].restarts, 0);
    run_until(&mut cluster, 120.0);
    assert!(pod(&cluster).containers[0].restarts > 0);
}

#[test]
fn a_jobs_pod_fails_with_its_hook() {
    let manifest = "
apiVersion: batch/v1
kind: Job
metadata: {name: work}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: 'main:1', command: [sleep, '60'], lifecycle: {postStart: {exec: {command: ['false']}}}}
";
    let files = InMemory::new([("s.toml", TOML), ("all.yaml", manifest)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let mut cluster = Simulation::new(&built.scenario, 1);
    run_until(&mut cluster, 60.0);
    assert_eq!(pod(&cluster).phase, PodPhase::Failed);
    let table = cluster.kubectl("kubectl get job").expect("a command line");
    let row = table.join("\n").lines().nth(1).map(str::to_owned);
    assert!(row.is_some_and(|row| row.contains("Failed") && row.contains("0/1")));
}

/// A container with this preStop hook.
fn stopping(name: &str, hook: &str) -> String {
    format!("{{name: {name}, image: '{name}:1', lifecycle: {{preStop: {{{hook}}}}}}}")
}

#[test]
fn a_hook_that_fails_before_the_end_is_told() {
    let command = |script: &str| format!("exec: {{command: [sh, -c, '{script}']}}");
    let scenario = web(&format!(
        "terminationGracePeriodSeconds: 10, containers: [{}, {}, {}], \
         initContainers: [{{restartPolicy: Always, {}]",
        stopping("one", &command("sleep 3; exit 1")),
        stopping("two", &command("sleep 4")),
        stopping("three", &command("exit 2")),
        &stopping("proxy", &command("sleep 60"))[1..]
    ));
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60.0);
    assert!(pod(&cluster).is_ready());
    let name = pod(&cluster).meta.name.to_string();
    let delete = format!("kubectl delete pod {name}");
    cluster.kubectl(&delete).expect("a command");
    run_until(&mut cluster, 100.0);
    let failed = told(&cluster, "FailedPreStopHook");
    assert!(failed.iter().all(|(_, text)| text == "PreStopHook failed"));
    let at: Vec<f64> = failed.iter().map(|(at, _)| at - 60.0).collect();
    // At once, when its command is over, and with the container that it was to outlast.
    assert_eq!(at.len(), 3, "{at:?}");
    assert!(at[0] < 0.1 && (at[1] - 3.0).abs() < 0.1, "{at:?}");
    assert!((10.0..=12.5).contains(&at[2]), "{at:?}");
    assert_eq!(times(&cluster, "Killing").len(), 4);
}

#[test]
fn a_hook_that_asks_a_container_which_does_not_listen_fails() {
    let service = r#"
[[service]]
workload = "Deployment/web"
startup = { ready = "never" }
"#;
    let spec = |startup| {
        let scenario = with(
            &format!(
                "containers: [{}]",
                stopping("one", "httpGet: {port: 80, path: /stop}")
            ),
            startup,
        );
        let mut cluster = Simulation::new(&scenario, 1);
        run_until(&mut cluster, 60.0);
        cluster
            .kubectl("kubectl scale deployment web --replicas=0")
            .expect("a command");
        run_until(&mut cluster, 100.0);
        times(&cluster, "FailedPreStopHook").len()
    };
    assert_eq!(spec(service), 1);
    assert_eq!(spec(""), 0);
}
