//! What Services lead to while pods come and go.

use nlsim::api::{ObjectId, What};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

/// A Deployment whose pods wait 20 s before SIGTERM, behind a Service.
fn scenario(replicas: u32, balancing: &str) -> Scenario {
    let manifest = format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  strategy: {{type: Recreate}}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
        - name: web
          image: 'web:1'
          lifecycle: {{preStop: {{sleep: {{seconds: 20}}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  selector: {{app: web}}
  ports: [{{port: 80}}]
"
    );
    let toml = format!(
        r#"
name = "endpoints"
manifests = "all.yaml"
[simulation]
duration = "10m"
[[node_group]]
name = "n"
count = 1
cpu = 4
memory = "8Gi"
[[service]]
workload = "Deployment/web"
request = {{ cpu = "1ms" }}
startup = {{ image_pull = "0s", container_start = "2s", ready = "1s", shutdown = "0s" }}
balancing = "{balancing}"
"#
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("all.yaml", manifest.as_str())]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    built.scenario
}

const RANDOM: &str = "random-per-connection";

/// Carries a command out at 60 s; answers when pods became endpoints and ceased to be after that,
/// by the order of their creation.
fn after(scenario: &Scenario, command: &str) -> Vec<(f64, u64, bool)> {
    let mut cluster = Simulation::new(scenario, 1);
    cluster
        .step_until(SimTime::from_secs(60))
        .expect("no endless loop");
    cluster.watch();
    cluster
        .kubectl(command)
        .unwrap_or_else(|error| panic!("{error}"));
    let mut told = Vec::new();
    for second in 61..180 {
        let serials: Vec<_> = cluster
            .store()
            .pods()
            .map(|(id, pod)| (id, pod.serial))
            .collect();
        cluster
            .step_until(SimTime::from_secs(second))
            .expect("no endless loop");
        let now = cluster.store().pods().map(|(id, pod)| (id, pod.serial));
        let serials: Vec<_> = serials.into_iter().chain(now).collect();
        for (at, change) in cluster.watched() {
            let added = match change.what {
                What::EndpointAdded => true,
                What::EndpointRemoved => false,
                _ => continue,
            };
            let ObjectId::Pod(id) = change.object else {
                continue;
            };
            let serial = serials.iter().find(|(one, _)| *one == id);
            let serial = serial.expect("it was there").1;
            told.push((at.as_secs_f64(), serial, added));
        }
    }
    told
}

#[test]
fn pods_that_terminate_serve_on_while_no_other_is_ready() {
    // Recreate: the next pod begins when the last one has ended.
    let told = after(
        &scenario(1, RANDOM),
        "kubectl set image deployment/web web=web:2",
    );
    let [(removed, 0, false), (added, 1, true)] = told[..] else {
        panic!("{told:?}")
    };
    assert!(removed >= 80.0, "through its hook: {removed}");
    assert!(added > removed);
    // Another balancer takes ready ones only.
    let told = after(
        &scenario(1, "round-robin"),
        "kubectl set image deployment/web web=web:2",
    );
    let [(removed, 0, false), (_, 1, true)] = told[..] else {
        panic!("{told:?}")
    };
    assert!(removed < 63.0, "{removed}");
}

#[test]
fn the_last_ready_ones_take_over_from_those_that_terminate() {
    // A new pod of the same ReplicaSet is ready long before the hook is over.
    let told = after(&scenario(1, RANDOM), "kubectl delete pod --all");
    let [(added, 1, true), (removed, 0, false)] = told[..] else {
        panic!("{told:?}")
    };
    assert!(added < 70.0 && (removed - added).abs() < 0.01, "{told:?}");
}

#[test]
fn those_that_had_gone_are_endpoints_again_when_the_last_one_goes() {
    let scenario = scenario(2, RANDOM);
    let told = after(&scenario, "kubectl scale deployment web --replicas=0");
    // One goes first, as its delay is shorter, and is back with the other.
    let [(first, a, false), (again, b, true), ends @ ..] = &told[..] else {
        panic!("{told:?}")
    };
    assert!(a == b && first <= again && *again < 63.0, "{told:?}");
    let ends: Vec<f64> = ends.iter().filter(|one| !one.2).map(|one| one.0).collect();
    assert_eq!(ends.len(), 2);
    assert!(ends.iter().all(|at| *at >= 80.0), "{told:?}");
}
