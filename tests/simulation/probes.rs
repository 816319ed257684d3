//! Probes that decide whether a container goes on, and what they wait for.

use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

/// A Deployment with one pod whose container has these fields, applied at the start.
fn scenario(container: &str, service: &str, rest: &str) -> Scenario {
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
    spec:
      containers:
        - name: app
          image: 'app:1'
          ports: [{{name: http, containerPort: 8080}}]
{container}
"
    );
    let toml = format!(
        r#"
name = "probes"
manifests = "web.yaml"
[simulation]
duration = "1h"
from = "apply"
[controllers]
kubelet.restart-jitter = 0
[[service]]
workload = "Deployment/web"
{service}
{rest}
"#
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("web.yaml", manifest.as_str())]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    built.scenario
}

/// The events of the only pod up to a second: when, reason, message. Starts are left out.
fn told(scenario: &Scenario, seconds: i64) -> Vec<(f64, String, String)> {
    let mut cluster = Simulation::new(scenario, 1);
    cluster
        .step_until(SimTime::from_secs(seconds))
        .expect("no endless loop");
    cluster.store().audit().expect("the books balance");
    let events = cluster.recording().events.iter();
    let of_pod = events.filter(|event| event.object.starts_with("Pod/"));
    of_pod
        .filter(|event| !["Pulled", "Pulling", "Created", "Scheduled"].contains(&event.reason))
        .map(|event| {
            let name = event.object.trim_start_matches("Pod/");
            let message = event.message.replace(name, "POD");
            (event.time.as_secs_f64(), event.reason.to_string(), message)
        })
        .collect()
}

/// When the only pod got Ready first.
fn ready_at(scenario: &Scenario) -> Option<f64> {
    let mut cluster = Simulation::new(scenario, 1);
    for second in 1..600 {
        cluster
            .step_until(SimTime::from_secs(second))
            .expect("no endless loop");
        let pods: Vec<_> = cluster.store().pods().collect();
        if let Some((_, pod)) = pods.iter().find(|(_, pod)| pod.is_ready()) {
            return Some(pod.ready_transition.as_secs_f64());
        }
    }
    None
}

fn times(events: &[(f64, String, String)], reason: &str) -> Vec<f64> {
    let of_reason = events.iter().filter(|event| event.1 == reason);
    of_reason.map(|event| event.0).collect()
}

const AT_ONCE: &str = r#"startup = { image_pull = "0s", container_start = "1s", ready = "0s" }"#;

#[test]
fn readiness_waits_for_the_startup_probe() {
    let readiness = "          readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 5}";
    let startup =
        "          startupProbe: {httpGet: {path: /, port: http}, initialDelaySeconds: 60}";
    let alone = ready_at(&scenario(readiness, AT_ONCE, "")).expect("ready");
    assert!(alone <= 2.0, "{alone}");
    let both = scenario(&format!("{readiness}\n{startup}"), AT_ONCE, "");
    let both = ready_at(&both).expect("ready");
    // The startup probe's ticker has a period of 10 s from the pod's admission on.
    assert!((61.0..72.0).contains(&both), "{both}");
    let only = ready_at(&scenario(startup, AT_ONCE, "")).expect("ready");
    assert!((only - both).abs() <= 1.0, "{only}");
    // A readiness probe with an initial delay of its own is asked from then on.
    let late = "          readinessProbe: {tcpSocket: {port: 8080}, initialDelaySeconds: 90, successThreshold: 3}";
    let late = scenario(&format!("{late}\n{startup}"), AT_ONCE, "");
    let late = ready_at(&late).expect("ready");
    assert!((111.0..122.0).contains(&late), "{late}");
}

#[test]
fn an_application_slower_than_its_startup_probe_is_killed_and_restarted() {
    let startup = "          startupProbe: {httpGet: {path: /up, port: http}, periodSeconds: 5, failureThreshold: 2}";
    let slow = r#"startup = { image_pull = "0s", container_start = "1s", ready = "100s", shutdown = "1s" }"#;
    let scenario = scenario(startup, slow, "");
    assert_eq!(ready_at(&scenario), None);
    let events = told(&scenario, 300);
    let kills = times(&events, "Killing");
    let starts = times(&events, "Started");
    let failures = times(&events, "Unhealthy");
    let unhealthy = "Startup probe failed: Get \"http://POD:8080/up\": dial tcp POD:8080: connect: connection refused";
    assert!(
        events.iter().any(|event| event.2 == unhealthy),
        "{events:#?}"
    );
    let killing = "Container app failed startup probe, will be restarted";
    assert!(
        events
            .iter()
            .all(|event| event.1 != "Killing" || event.2 == killing)
    );
    assert_eq!(failures[..2].len(), 2);
    assert!(
        (kills[0] - failures[1]).abs() < 0.01 && (failures[1] - failures[0] - 5.0).abs() < 0.01
    );
    // The first two restarts follow at once: the kubelet counts from the run before.
    let waits: Vec<f64> = (0..5).map(|run| starts[run + 1] - kills[run]).collect();
    let expected = [1.0, 1.0, 1.0, 21.0, 41.0];
    for (wait, expected) in waits.iter().zip(expected) {
        assert!((wait - expected).abs() < 0.1, "{waits:?}");
    }
    let backs_off = events
        .iter()
        .find(|event| event.1 == "BackOff")
        .expect("a back-off");
    let words = "Back-off restarting failed container app in pod POD_default(";
    assert!(backs_off.2.starts_with(words), "{}", backs_off.2);
}

#[test]
fn a_liveness_probe_kills_slow_starters_unless_a_startup_probe_shields_them() {
    let liveness =
        "          livenessProbe: {tcpSocket: {port: 8080}, terminationGracePeriodSeconds: 3}";
    let slow = r#"startup = { image_pull = "0s", container_start = "1s", ready = "50s", shutdown = "30s" }"#;
    let events = told(&scenario(liveness, slow, ""), 120);
    let (kills, starts) = (times(&events, "Killing"), times(&events, "Started"));
    assert!(
        (20.0..32.0).contains(&(kills[0] - starts[0])),
        "{events:#?}"
    );
    assert!(
        (starts[1] - kills[0] - 3.0).abs() < 0.1,
        "the probe's own grace period"
    );
    let killing = "Container app failed liveness probe, will be restarted";
    assert!(events.iter().any(|event| event.2 == killing));
    let startup = "          startupProbe: {tcpSocket: {port: 8080}, failureThreshold: 10}";
    let shielded = scenario(&format!("{liveness}\n{startup}"), slow, "");
    assert!(times(&told(&shielded, 300), "Killing").is_empty());
    let ready = ready_at(&shielded).expect("ready");
    assert!((51.0..62.0).contains(&ready), "{ready}");
    // One failure is none yet.
    let quick = r#"startup = { image_pull = "0s", container_start = "1s", ready = "12s" }"#;
    let events = told(&scenario(liveness, quick, ""), 300);
    assert_eq!(times(&events, "Unhealthy").len(), 1, "{events:#?}");
    assert!(times(&events, "Killing").is_empty());
}

#[test]
fn a_probe_that_must_fail_never_succeeds() {
    for probe in ["exec: {command: [sh, -c, exit 1]}", "tcpSocket: {port: 1}"] {
        let never = scenario(
            &format!("          readinessProbe: {{{probe}}}"),
            AT_ONCE,
            "",
        );
        assert_eq!(ready_at(&never), None, "{probe}");
        let events = told(&never, 60);
        assert!(
            events
                .iter()
                .any(|event| event.2.starts_with("Readiness probe failed: "))
        );
    }
}

/// Ready pods and restarts at the end of each minute under a load that three pods can bear.
fn under_load(probes: &str, liveness: &str) -> Vec<(usize, u32)> {
    let readiness = "          readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 5}";
    let service = format!(
        "request = {{ cpu = \"100ms\" }}\n{probes}\nstartup = {{ image_pull = \"0s\", container_start = \"1s\", ready = \"3s\" }}"
    );
    let load = "[[load]]\nservice = \"web\"\nat = \"1m\"\nuntil = \"5m\"\npoisson = { rate = 12 }";
    let limits = "          resources: {requests: {cpu: \"1\"}, limits: {cpu: \"1\"}}";
    let scenario = scenario(
        &format!("{readiness}\n{liveness}\n{limits}"),
        &service,
        load,
    );
    let mut cluster = Simulation::new(&scenario, 1);
    let minute = |minute: i64| {
        cluster
            .step_until(SimTime::from_secs(minute * 60))
            .expect("no endless loop");
        cluster.store().audit().expect("the books balance");
        let pods = cluster.store().pods();
        let ready = pods.filter(|(_, pod)| pod.is_ready()).count();
        let restarts = (cluster.store().pods()).map(|(_, pod)| pod.containers[0].restarts);
        (ready, restarts.sum())
    };
    (1..=8).map(minute).collect()
}

#[test]
fn an_overloaded_pod_fails_its_probes_only_if_they_are_served() {
    let liveness = "          livenessProbe: {httpGet: {path: /, port: http}}";
    assert!(under_load("", liveness).iter().all(|one| *one == (1, 0)));
    // It leaves the endpoints, works off what it has, and is back.
    let served = under_load("probes = \"served\"", "");
    assert!(
        served[1..5].iter().any(|(ready, _)| *ready == 0),
        "{served:?}"
    );
    assert_eq!((served[0], served[7]), ((1, 0), (1, 0)), "{served:?}");
    let killed = under_load("probes = \"served\"", liveness);
    assert!(killed[7].1 > 0, "{killed:?}");
}

#[test]
fn a_new_image_that_never_starts_stops_its_roll_out() {
    let readiness = "          readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 5}";
    let service = r#"startup = { image_pull = "0s", ready = "2s", images = { "app:2" = { ready = "never" } } }"#;
    let typed = "[[action]]\nat = \"1m\"\nkubectl = \"kubectl set image deployment/web app=app:2\"";
    let scenario = scenario(readiness, service, typed);
    let mut cluster = Simulation::new(&scenario, 1);
    cluster
        .step_until(SimTime::from_secs(1200))
        .expect("no endless loop");
    let pods = cluster.store().pods();
    let mut pods: Vec<(String, bool)> = pods
        .map(|(_, pod)| (pod.template.containers[0].image.clone(), pod.is_ready()))
        .collect();
    pods.sort();
    assert_eq!(
        pods,
        [("app:1".to_owned(), true), ("app:2".to_owned(), false)]
    );
    let template = &cluster.store().pods().next().expect("a pod").1.template;
    assert!(template.containers[0].readiness_probe.is_some());
}

#[test]
fn an_image_that_the_registry_lacks_is_tried_again_and_again() {
    let fault = "[[fault]]\nat = \"0s\"\nfor = \"100s\"\nno_image = \"app:1\"";
    let scenario = scenario("", AT_ONCE, fault);
    let events = told(&scenario, 300);
    let failed = |message: &str| {
        let of_it = events.iter().filter(|event| event.2 == message);
        of_it.map(|event| event.0).collect::<Vec<f64>>()
    };
    let tried = failed("Error: ErrImagePull");
    // Back-offs of 10, 20, 40 and 80 seconds, seen at syncs 10 to 15 s apart.
    let waits: Vec<f64> = tried.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(waits.len() >= 2, "{tried:?}");
    for (wait, back_off) in waits.iter().zip([10.0, 20.0, 40.0, 80.0]) {
        assert!((back_off..back_off + 17.0).contains(wait), "{waits:?}");
    }
    let backs_off = failed("Back-off pulling image \"app:1\"");
    assert!(backs_off[0] - tried[0] <= 1.0, "at the next relist");
    let words = "Failed to pull image \"app:1\": rpc error: code = NotFound desc = failed to pull and unpack image \"docker.io/library/app:1\": failed to resolve reference \"docker.io/library/app:1\": docker.io/library/app:1: not found";
    assert_eq!(failed(words), tried);
    let started = times(&events, "Started");
    assert!(started.len() == 1 && started[0] > 100.0, "{started:?}");
}

#[test]
fn what_is_being_killed_does_not_become_ready() {
    let probes = "          livenessProbe: {tcpSocket: {port: 8080}}\n          readinessProbe: {tcpSocket: {port: 8080}}";
    // The application would be up while it still has its grace period of 30 s.
    let slow = r#"startup = { image_pull = "0s", container_start = "1s", ready = "50s", shutdown = "40s" }"#;
    let scenario = scenario(probes, slow, "");
    assert!(times(&told(&scenario, 600), "Killing").len() > 3);
    assert_eq!(ready_at(&scenario), None);
}

const NODE: &str = "[[node_group]]\nname = \"n\"\ncount = 1\ncpu = 4\nmemory = \"8Gi\"\n";

#[test]
fn back_offs_end_with_their_machine() {
    let startup = "          startupProbe: {httpGet: {path: /up, port: http}, periodSeconds: 5, failureThreshold: 2}";
    let slow = r#"startup = { image_pull = "0s", container_start = "1s", ready = "100s", shutdown = "1s" }"#;
    let lost = format!("{NODE}[[fault]]\nat = \"100s\"\nfor = \"100s\"\nnode = \"n-1\"");
    let scenario = scenario(startup, slow, &lost);
    let mut cluster = Simulation::new(&scenario, 1);
    let mut restarts = |second: i64| -> u32 {
        let time = SimTime::from_secs(second);
        cluster.step_until(time).expect("no endless loop");
        let pods = cluster.store().pods();
        pods.map(|(_, pod)| pod.containers[0].restarts).sum()
    };
    // The one that is due at 102 s falls into the outage.
    let (before, back, later) = (restarts(99), restarts(205), restarts(300));
    assert_eq!((before, back), (4, 5));
    assert!(later >= 7, "{later}");
}

#[test]
fn a_pull_is_tried_once_a_back_off_whatever_became_of_its_machine() {
    let lost = format!(
        "{NODE}[[fault]]\nat = \"0s\"\nfor = \"10m\"\nno_image = \"app:1\"\n\
         [[fault]]\nat = \"60s\"\nfor = \"5s\"\nnode = \"n-1\"\n\
         [[fault]]\nat = \"90s\"\nfor = \"5s\"\nnode = \"n-1\""
    );
    let events = told(&scenario("", AT_ONCE, &lost), 600);
    let tried = events
        .iter()
        .filter(|event| event.2 == "Error: ErrImagePull");
    let tried: Vec<f64> = tried.map(|event| event.0).collect();
    let waits: Vec<f64> = tried.windows(2).map(|two| two[1] - two[0]).collect();
    // The spam filter keeps later ones back.
    assert!(waits.len() >= 4, "{tried:?}");
    assert!(
        waits.windows(2).all(|two| two[1] > 1.3 * two[0]),
        "{waits:?}"
    );
}
