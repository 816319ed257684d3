//! What is added up while a run goes on is, to the last bit, what its series add up to.

use crate::shipped;
use std::fs;

use nlsim::analysis::Summary;
use nlsim::record::{Detail, Recording};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::world;

fn figures(scenario: &Scenario, detail: Detail) -> Summary {
    let finished = world::run(scenario, 3, detail, |_| true).expect("a run");
    let mut recording = finished.recording;
    assert!(recording.folded.is_some());
    if detail == Detail::Summary {
        assert_no_series(&recording);
    } else {
        // The long way round: from the series.
        recording.folded = None;
    }
    Summary::of(&recording)
}

/// Nothing whose length grows with time is kept.
fn assert_no_series(recording: &Recording) {
    let lengths = [
        recording.pods.len(),
        recording.disruptions.len(),
        recording.events.len(),
        recording.decisions.len(),
    ];
    assert_eq!(lengths, [0; 4]);
    for hpa in &recording.hpas {
        assert!(hpa.desired.is_empty());
        assert!(hpa.metric_values.iter().all(nlsim::record::Curve::is_empty));
    }
    assert!((recording.workloads.iter()).all(|workload| workload.counts.is_empty()));
    for service in &recording.services {
        assert!(service.samples.is_empty() && service.windows.is_empty());
    }
    let mut containers = recording.vpas.iter().flat_map(|vpa| &vpa.containers);
    assert!(containers.all(|container| container.rows.is_empty()));
    let folded = recording.folded.as_ref().expect("sums");
    assert!(folded.hpas.iter().all(|hpa| hpa.steps.is_empty()));
}

fn assert_same(name: &str, whole: &Summary, folded: &Summary) {
    assert_eq!(whole.values.len(), folded.values.len());
    for ((figure, one), (same, other)) in whole.values.iter().zip(&folded.values) {
        assert_eq!(figure, same, "{name}");
        assert!(
            one.to_bits() == other.to_bits() || one.is_nan() && other.is_nan(),
            "{name} {figure}: {one} of the series, {other} without"
        );
    }
    assert_eq!(whole.findings, folded.findings, "{name}");
}

/// An HPA on memory, of at most four replicas, patched at half an hour.
fn patched(metrics: &str) -> Scenario {
    let toml = format!(
        r#"name = "patched"
manifests = "all.yaml"
[simulation]
duration = "2h"
[[node_group]]
name = "n"
count = 8
cpu = 8
memory = "32Gi"
[[action]]
at = "30m7s"
kubectl = '''kubectl patch hpa api -p '{{"spec": {{"maxReplicas": 20, {metrics}}}}}' '''
[[service]]
workload = "Deployment/api"
usage = {{ cpu = [["0m", "400m"], ["10m", "1500m"], ["40m", "2500m"], ["41m", "1500m"], ["80m", "3"]], memory = "1Gi" }}
"#
    );
    let manifests = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 2
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers: [{name: api, image: "api:1", resources: {requests: {cpu: 500m, memory: 1Gi}}}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: api}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api}
  minReplicas: 2
  maxReplicas: 4
  metrics:
  - type: Resource
    resource: {name: memory, target: {type: Utilization, averageUtilization: 90}}
"#;
    let files = InMemory::new([("s.toml", &*toml), ("all.yaml", manifests)]);
    let loaded = Loaded::load("s.toml", &files);
    let loaded = loaded.unwrap_or_else(|all| panic!("{}", all.render(false)));
    let built = loaded.build(&[]);
    built
        .unwrap_or_else(|all| panic!("{}", all.render(false)))
        .scenario
}

#[test]
fn metrics_of_an_hpa_that_change_during_the_run_count_alike() {
    let resource = |name: &str, target: u32| {
        format!(
            r#"{{"type": "Resource", "resource": {{"name": "{name}", "target": {{"type": "Utilization", "averageUtilization": {target}}}}}}}"#
        )
    };
    let (cpu, memory) = (resource("cpu", 50), resource("memory", 80));
    for metrics in [
        format!(r#""metrics": [{cpu}]"#),
        format!(r#""metrics": [{memory}, {cpu}]"#),
        format!(
            r#""metrics": [{cpu}], "behavior": {{"scaleUp": {{"tolerance": "0.4"}}, "scaleDown": {{"tolerance": "0.3"}}}}"#
        ),
    ] {
        let scenario = patched(&metrics);
        let (whole, folded) = (
            figures(&scenario, Detail::Full),
            figures(&scenario, Detail::Summary),
        );
        assert_same(&metrics, &whole, &folded);
        let demanded = whole.get("under_pct").or_else(|| whole.get("tau_u_pct"));
        assert!(demanded.is_some(), "{:?}", whole.values);
        // For half an hour of two it stood at four, and above its target most of that time.
        let found = whole
            .findings
            .iter()
            .find(|one| one.text.contains("maxReplicas"));
        let text = found.map_or("", |one| &one.text);
        assert!(
            text.starts_with("stood at its maxReplicas (4 at first, 20 at the end) with"),
            "{:#?}",
            whole.findings
        );
    }
}

#[test]
fn a_run_without_series_has_the_figures_of_one_with_them() {
    let mut compared = 0;
    for entry in fs::read_dir("scenarios").expect("the scenarios") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy();
        let Some(name) = name.strip_suffix(".toml") else {
            continue;
        };
        let scenario = shipped::load(name);
        let (whole, folded) = (
            figures(&scenario, Detail::Full),
            figures(&scenario, Detail::Summary),
        );
        assert_same(name, &whole, &folded);
        compared += whole.values.len();
    }
    assert!(compared > 500, "{compared}");
}
