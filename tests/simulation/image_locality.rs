//! Nodes tell which images they have, and pods go where theirs are.

use nlsim::api::{Clock, Kind, Pod};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;
use serde_json::{Value, json};

fn scenario(image: &str) -> Scenario {
    let deployment = |name: &str| {
        format!(
            "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 0
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers: [{{name: a, image: '{image}', resources: {{requests: {{cpu: 500m, memory: 1Gi}}}}}}]
---"
        )
    };
    let toml = r#"
name = "images"
manifests = "all.yaml"
[simulation]
duration = "1h"
[[node_group]]
name = "n"
count = 4
cpu = 4
memory = "8Gi"
image_bandwidth = "50Mi"
[[service]]
workload = "Deployment/first"
request = { cpu = "1ms" }
startup = { image_size = "900Mi" }
[[service]]
workload = "Deployment/second"
request = { cpu = "1ms" }
startup = { image_size = "900Mi" }
"#;
    let manifests = deployment("first") + &deployment("second");
    let files = InMemory::new([("s.toml", toml), ("all.yaml", manifests.as_str())]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario
}

fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    let time = SimTime::from_secs(seconds);
    cluster.step_until(time).expect("no endless loop");
}

fn scale(cluster: &mut Simulation<'_>, name: &str) {
    let line = format!("kubectl scale deployment {name} --replicas 1");
    cluster.kubectl(&line).expect("a command");
}

fn node_of(cluster: &Simulation<'_>, app: &str) -> Option<String> {
    let mut pods = cluster.store().pods().map(|(_, pod)| pod);
    let pod: Option<&Pod> = pods.find(|pod| pod.meta.labels["app"] == app);
    let node = pod.and_then(|pod| pod.node)?;
    Some(cluster.store().node(node).name().to_owned())
}

fn images(cluster: &Simulation<'_>, scenario: &Scenario, node: &str) -> Value {
    let clock = Clock {
        calendar: scenario.controllers.vpa.clock,
        now: cluster.now(),
    };
    let nodes = cluster.store().list(Kind::Node, None, clock);
    let found = nodes
        .into_iter()
        .find(|one| one["metadata"]["name"] == node);
    found.expect("a node")["status"]["images"].take()
}

/// How many of so many runs place the second pod where the first has pulled their image.
fn together(image: &str) -> usize {
    let scenario = scenario(image);
    let place = |seed: u64| {
        let mut cluster = Simulation::new(&scenario, seed);
        scale(&mut cluster, "first");
        run_until(&mut cluster, 60);
        scale(&mut cluster, "second");
        run_until(&mut cluster, 70);
        node_of(&cluster, "first") == node_of(&cluster, "second")
    };
    (1..=8).filter(|seed| place(*seed)).count()
}

#[test]
fn pods_go_where_their_image_is() {
    // Of a quarter of 900 MiB 20 points, against 12 for room.
    assert_eq!(together("registry.example/app:1"), 8);
    // Nodes say `docker.io/library/app:1`, which upstream does not take for the same.
    assert_eq!(together("app:1"), 0);
}

#[test]
fn a_node_shows_an_image_with_its_next_status() {
    let scenario = scenario("registry.example/app:1");
    let mut cluster = Simulation::new(&scenario, 1);
    scale(&mut cluster, "first");
    // 900 MiB at 50 MiB a second.
    run_until(&mut cluster, 17);
    let node = node_of(&cluster, "first").expect("it is placed");
    assert_eq!(images(&cluster, &scenario, &node), Value::Null);
    run_until(&mut cluster, 30);
    let image = json!({"names": ["registry.example/app:1"], "sizeBytes": 900 << 20});
    assert_eq!(images(&cluster, &scenario, &node), json!([image]));
}
