//! Scripts of `wget` in Jobs and Deployments, from the manifest to the end of their pods.

use nlsim::record::{Detail, Recording};
use nlsim::scenario::{InMemory, Loaded};
use nlsim::world;

const WEB: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'web:1', resources: {requests: {cpu: 100m}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
";

const TOML: &str = r#"
name = "scripts"
manifests = ["all.yaml"]
[simulation]
duration = "10m"
[[node_group]]
name = "general"
count = 1
cpu = 16
memory = "64Gi"
[[service]]
workload = "Deployment/web"
request = { cpu = "1ms" }
"#;

/// What is recorded, and the warnings.
fn run(manifest: &str) -> Result<(Recording, String), String> {
    let all = format!("{WEB}{manifest}");
    let files = InMemory::new([("s.toml", TOML), ("all.yaml", &all)]);
    let loaded = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = loaded.map_err(|problems| problems.render(false))?;
    let finished = world::run(&built.scenario, 7, Detail::Full, |_| true);
    let recording = finished.unwrap_or_else(|why| panic!("{why}")).recording;
    Ok((recording, built.warnings.render(false)))
}

fn job(script: &str) -> String {
    format!(
        r"
apiVersion: batch/v1
kind: Job
metadata: {{name: asks}}
spec:
  parallelism: 2
  completions: 2
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: asks
          image: busybox
          command: [sh, -c]
          args:
            - |
              {script}
"
    )
}

fn reasons(recording: &Recording) -> Vec<&str> {
    let mut found: Vec<&str> = (recording.events.iter())
        .filter(|event| event.object == "Job/asks")
        .map(|event| event.reason)
        .filter(|reason| matches!(*reason, "Completed" | "BackoffLimitExceeded"))
        .collect();
    found.dedup();
    found
}

#[test]
fn a_loop_that_ends_completes_its_job() {
    let script = job("for i in $(seq 1 50); do wget -q -O /dev/null http://web/; sleep 0.1; done");
    let (recording, warnings) = run(&script).expect("it is read");
    assert_eq!(warnings, "");
    assert_eq!(recording.loads[0].requests, 100);
    assert_eq!(reasons(&recording), ["Completed"]);
}

#[test]
fn one_request_a_pod_ends_with_its_answer() {
    let (recording, _) = run(&job("sleep 30; wget -O page.html http://web/")).expect("it is read");
    assert_eq!(recording.loads[0].requests, 2);
    assert_eq!(reasons(&recording), ["Completed"]);
    // Nobody answers yet.
    let early = job("wget http://web/");
    let late = TOML.replace("[[service]]", "[[service]]\nstartup = { ready = \"5m\" }");
    let all = format!("{WEB}{early}");
    let files = InMemory::new([("s.toml", late.as_str()), ("all.yaml", &all)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let mut scenario = built.scenario;
    scenario.simulation.from = nlsim::scenario::model::From::Apply;
    let finished = world::run(&scenario, 7, Detail::Full, |_| true);
    let recording = finished.unwrap_or_else(|why| panic!("{why}")).recording;
    assert_eq!(reasons(&recording), ["BackoffLimitExceeded"]);
}

#[test]
fn a_deployment_that_asks_is_a_load_and_one_that_is_not_understood_is_told() {
    let deployment = |script: &str| {
        format!(
            r#"
apiVersion: apps/v1
kind: Deployment
metadata: {{name: asks}}
spec:
  replicas: 3
  selector: {{matchLabels: {{app: asks}}}}
  template:
    metadata: {{labels: {{app: asks}}}}
    spec: {{containers: [{{name: a, image: busybox, command: [sh, -c, "{script}"]}}]}}
"#
        )
    };
    let (recording, warnings) = run(&deployment(
        "while true; do wget -q -O- http://web/; sleep 1; done",
    ))
    .expect("it is read");
    assert_eq!(warnings, "");
    let requests = recording.loads[0].requests;
    assert!((1500..1800).contains(&requests), "{requests}");
    let (recording, warnings) =
        run(&deployment("wget -q http://web/app.jar; java -jar app.jar")).expect("it is read");
    assert!(recording.loads.is_empty());
    assert!(
        warnings.contains("the requests of Deployment asks are not simulated")
            && warnings.contains("`java` beside `wget`"),
        "{warnings}"
    );
}

#[test]
fn what_a_job_does_beside_its_requests_is_refused_at_its_word() {
    let error = run(&job(
        "while true; do wget -q -O- http://web/ & sleep 0.1; done",
    ))
    .expect_err("the background");
    assert!(
        error.contains("the script of Job asks is not simulated")
            && error.contains("in the background"),
        "{error}"
    );
    let hey = job("hey -z 1m http://web/");
    let (_, warnings) = run(&hey).expect("it is read");
    assert!(
        warnings.contains("with `command = \"hey -z 1m http://web/\"`"),
        "{warnings}"
    );
}
