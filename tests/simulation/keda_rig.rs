//! A worker under KEDA, and what to ask of it.

use nlsim::api::{Clock, Kind, Store};
use nlsim::kubectl::command::parse;
use nlsim::record::Recording;
use nlsim::scenario::model::Action;
use nlsim::scenario::{InMemory, Loaded, Scenario, Span};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

/// What is scaled.
pub(crate) const WORKER: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker}
spec:
  replicas: 1
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker}}
    spec:
      containers:
        - {name: worker, image: 'worker:1', resources: {requests: {cpu: 100m, memory: 64Mi}}}
---
";

/// A ScaledObject on a declared queue of 10 messages a pod.
pub(crate) fn queue(spec: &str) -> String {
    triggers(
        spec,
        "- type: redis
      metadata: {address: 'redis:6379', listName: jobs, listLength: '10'}",
    )
}

/// A ScaledObject on a declared number of an HTTP endpoint, 10 a pod.
pub(crate) fn endpoint(spec: &str) -> String {
    triggers(
        spec,
        "- type: metrics-api
      metadata: {url: 'http://api/', valueLocation: jobs, targetValue: '10'}",
    )
}

/// A ScaledObject with these triggers.
pub(crate) fn triggers(spec: &str, triggers: &str) -> String {
    format!(
        r"
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: worker}}
spec:
  scaleTargetRef: {{name: worker}}
  {spec}
  triggers:
    {triggers}
"
    )
}

/// A scenario that has no warnings.
pub(crate) fn scenario(toml: &str, manifests: &str) -> Scenario {
    let (scenario, warnings) = scenario_and_warnings(toml, manifests);
    assert!(warnings.is_empty(), "{warnings}");
    scenario
}

/// A scenario, and its warnings.
pub(crate) fn scenario_and_warnings(toml: &str, manifests: &str) -> (Scenario, String) {
    let startup = r#"image_pull = "1s", container_start = "1s", ready = "3s""#;
    build(startup, toml, manifests)
}

/// A scenario whose workers come and go like this, and its warnings.
pub(crate) fn build(startup: &str, toml: &str, manifests: &str) -> (Scenario, String) {
    let toml = format!(
        r#"
name = "keda"
manifests = ["all.yaml"]
[simulation]
duration = "2h"
[[node_group]]
name = "general"
count = 2
cpu = 8
memory = "32Gi"
[[service]]
workload = "Deployment/worker"
startup = {{ {startup} }}
{toml}
"#
    );
    let all = format!("{WORKER}{manifests}");
    let files = InMemory::new([("keda.toml", &toml), ("all.yaml", &all)]);
    let loaded = Loaded::load("keda.toml", &files);
    let built = loaded.and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    (built.scenario, built.warnings.render(false))
}

/// Applies the manifest of a kind as it was at the start; returns what kubectl prints.
pub(crate) fn apply(cluster: &mut Simulation<'_>, scenario: &Scenario, kind: &str) -> Vec<String> {
    let mut documents = scenario.documents.iter();
    let own = documents.find(|one| one.kind == kind);
    cluster.apply(&Action {
        at: cluster.now(),
        command: parse("kubectl apply -f all.yaml").expect("a command"),
        documents: vec![(*own.expect("its manifest").value).clone()],
        text: String::new(),
        place: Span::default(),
    })
}

pub(crate) fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    let time = SimTime::from_secs(seconds);
    cluster.step_until(time).expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

pub(crate) fn replicas(store: &Store) -> i32 {
    let worker = store.find(Kind::Deployment, "default", "worker");
    worker
        .and_then(|worker| store.replicas(worker))
        .expect("the worker exists")
}

pub(crate) fn view(cluster: &Simulation<'_>, kind: Kind, name: &str) -> Option<serde_json::Value> {
    let clock = Clock {
        calendar: nlsim::autoscaler::vpa::WallClock::default(),
        now: cluster.now(),
    };
    let id = cluster.store().find(kind, "default", name)?;
    cluster.store().view(id, clock)
}

pub(crate) fn condition(cluster: &Simulation<'_>, kind: &str) -> (String, String) {
    let object = view(cluster, Kind::ScaledObject, "worker").expect("the ScaledObject");
    let conditions = object["status"]["conditions"].as_array().cloned();
    let found = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == *kind)
        .expect("the condition");
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

/// Reasons of the events of the ScaledObject, with their times in seconds.
pub(crate) fn events(recording: &Recording, reason: &str) -> Vec<(f64, String)> {
    let events = recording.events.iter();
    let own = events.filter(|event| event.object == "ScaledObject/worker");
    own.filter(|event| event.reason == reason)
        .map(|event| (event.time.as_secs_f64(), event.message.to_owned()))
        .collect()
}

/// 40 messages from 10 min to 20 min.
pub(crate) const BURST: &str = r#"
[[trigger_source]]
scaled_object = "worker"
series = [["0s", 0], ["10m", 40], ["20m", 0]]
"#;
