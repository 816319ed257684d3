//! What Services lead to while pods come and go.

use nlsim::api::{ObjectId, What};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

/// A Deployment whose pods wait 20 s before SIGTERM, behind a Service.
fn scenario(replicas: u32, balancing: &str) -> Scenario {
    with(replicas, balancing, "")
}

fn with(replicas: u32, balancing: &str, more: &str) -> Scenario {
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
{more}
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

/// Of kube-proxy, which hears of pods after 5 s: when it is told that they are no endpoints any
/// more, after commands at these times.
fn removed(scenario: &Scenario, commands: &[(i64, &str)], until: i64) -> Vec<f64> {
    let mut cluster = Simulation::new(scenario, 1);
    cluster
        .step_until(SimTime::from_secs(60))
        .expect("no endless loop");
    cluster.watch();
    let mut told = Vec::new();
    for second in 60..until {
        cluster
            .step_until(SimTime::from_secs(second))
            .expect("no endless loop");
        for (_, command) in commands.iter().filter(|(at, _)| *at == second) {
            let pods = cluster.store().pods();
            let leaving = pods.filter(|(_, pod)| pod.is_deleting());
            let name = leaving.map(|(_, pod)| pod.meta.name.to_string()).next();
            let command = command.replace("LEAVING", &name.unwrap_or_default());
            cluster
                .kubectl(&command)
                .unwrap_or_else(|error| panic!("{error}"));
        }
        let removals = cluster.watched().into_iter();
        let removals = removals.filter(|(_, change)| change.what == What::EndpointRemoved);
        told.extend(removals.map(|(at, _)| at.as_secs_f64()));
    }
    told
}

const SLOW: &str = "[controllers]\nkube-proxy.endpoints-delay = \"5s\"";

#[test]
fn a_pod_that_is_gone_before_kube_proxy_hears_of_it_counts_no_longer() {
    let scenario = with(2, RANDOM, SLOW);
    let commands = [
        (60, "kubectl scale deployment web --replicas=1"),
        (62, "kubectl delete pod LEAVING --force"),
        (100, "kubectl scale deployment web --replicas=0"),
    ];
    let told = removed(&scenario, &commands, 180);
    let [first, last] = told[..] else {
        panic!("{told:?}")
    };
    assert!((first - 65.0).abs() < 0.1, "{told:?}");
    // The other one is the last: it serves through its hook.
    assert!((120.0..127.0).contains(&last), "{told:?}");
}

#[test]
fn a_pod_whose_object_goes_at_once_is_no_endpoint_soon() {
    let scenario = with(1, RANDOM, SLOW);
    let told = removed(&scenario, &[(60, "kubectl delete pod --all --force")], 90);
    assert!(told.len() == 1 && (told[0] - 65.0).abs() < 0.1, "{told:?}");
}
