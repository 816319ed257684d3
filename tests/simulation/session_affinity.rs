//! `sessionAffinity: ClientIP`: which pods the clients of a load, and the pods of a calling
//! service, send their requests to.

use nlsim::scenario::{InMemory, Loaded};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const POD: &str = "resources: {requests: {cpu: 100m}}";

fn service(name: &str, affinity: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {name}}}, ports: [{{port: 80}}]{affinity}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 4
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: app, image: 'app:1', {POD}}}]}}
"
    )
}

const STICKY: &str = ", sessionAffinity: ClientIP";

/// A cluster with these manifests and these tables of loads and services.
fn cluster(manifests: &str, more: &str, then: impl FnOnce(&mut Simulation<'_>)) {
    let toml = format!(
        r#"
name = "affinity"
manifests = "all.yaml"
[simulation]
duration = "1h"
[[node_group]]
count = 1
cpu = 32
memory = "64Gi"
[[service]]
workload = "Deployment/web"
startup.shutdown = "0s"
{more}
"#
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("all.yaml", manifests)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert_eq!(built.warnings.list, []);
    then(&mut Simulation::new(&built.scenario, 3));
}

/// The pods of a workload that use more than a little CPU.
fn busy(cluster: &mut Simulation<'_>, seconds: i64, app: &str) -> Vec<String> {
    let time = SimTime::from_secs(seconds);
    cluster.step_until(time).expect("no endless loop");
    let top = format!("kubectl top pods --no-headers -l app={app}");
    let printed = cluster.kubectl(&top).expect("a command");
    let rows = printed.iter().flat_map(|text| text.lines());
    let used = |row: &&str| {
        let cpu = row.split_whitespace().nth(1).expect("a cell");
        cpu.trim_end_matches('m')
            .parse::<u32>()
            .expect("millicores")
            > 20
    };
    let name = |row: &str| row.split_whitespace().next().expect("a name").to_owned();
    rows.filter(used).map(name).collect()
}

const AB: &str = r#"
request.cpu = "5ms"
[[load]]
at = "0s"
command = "ab -r -c 20 -t 1200 -n 10000000 http://web/"
"#;

#[test]
fn one_machine_stays_with_one_pod() {
    cluster(&service("web", ""), AB, |all| {
        assert_eq!(busy(all, 180, "web").len(), 4);
    });
    cluster(&service("web", STICKY), AB, |all| {
        let [first] = &busy(all, 180, "web")[..] else {
            panic!("one pod")
        };
        let first = first.clone();
        all.kubectl(&format!("kubectl delete pod {first}"))
            .expect("a command");
        let [second] = &busy(all, 400, "web")[..] else {
            panic!("another pod")
        };
        assert_ne!(first, *second);
        assert_eq!(busy(all, 900, "web"), std::slice::from_ref(second));
    });
}

/// A Job of six pods that ask every so often.
fn job(sleep: &str) -> String {
    format!(
        "---
apiVersion: batch/v1
kind: Job
metadata: {{name: asks}}
spec:
  parallelism: 6
  completions: 6
  template:
    spec:
      restartPolicy: Never
      containers: [{{name: asks, image: busybox, command: [sh, -c, 'while true; do wget -q -O- http://web; sleep {sleep}; done']}}]
"
    )
}

#[test]
fn each_pod_of_a_job_is_a_client() {
    let sticky = service("web", STICKY);
    cluster(&(sticky + &job("0.05")), "request.cpu = \"5ms\"", |all| {
        let pods = busy(all, 180, "web");
        assert!((2..=4).contains(&pods.len()), "{pods:?}");
        assert_eq!(busy(all, 900, "web"), pods, "each stays");
    });
    // A rest that is longer than the timeout: any pod is as good as any other.
    let config = "{clientIP: {timeoutSeconds: 1}}";
    let short = service("web", &format!("{STICKY}, sessionAffinityConfig: {config}"));
    cluster(&(short + &job("1.5")), "request.cpu = \"400ms\"", |all| {
        assert_eq!(busy(all, 600, "web").len(), 4);
    });
}

#[test]
fn a_calling_pod_is_a_client() {
    let calls = r#"
request.cpu = "5ms"
calls = [{ service = "back" }]
[[service]]
workload = "Deployment/back"
request.cpu = "20ms"
[[load]]
at = "0s"
command = "ab -c 2 -t 1200 -n 10000000 http://web/"
"#;
    let both = |affinity| service("web", STICKY) + &service("back", affinity);
    for (affinity, expected) in [(STICKY, 1), ("", 4)] {
        cluster(&both(affinity), calls, |all| {
            assert_eq!(busy(all, 180, "web").len(), 1);
            assert_eq!(busy(all, 180, "back").len(), expected, "{affinity}");
        });
    }
}
