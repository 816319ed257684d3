//! The recorded run as a scenario, and small clusters.

use std::fmt::Write;

use nlsim::record::Recording;
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::world::Simulation;
use serde::Deserialize;

use crate::common::golden;

/// Reads a scenario over one manifest.
pub(crate) fn build(toml: &str, manifest: &str) -> Scenario {
    let files = InMemory::new([("plane.toml", toml), ("plane.yaml", manifest)]);
    let loaded = Loaded::load("plane.toml", &files).unwrap_or_else(|all| panic!("{all:?}"));
    let built = loaded.build(&[]).unwrap_or_else(|all| panic!("{all:?}"));
    built.scenario
}

/// Runs a scenario over one manifest.
pub(crate) fn run(toml: &str, manifest: &str, seed: u64) -> Recording {
    let scenario = build(toml, manifest);
    let simulation = Simulation::new(&scenario, seed);
    simulation.finish().expect("the run ends").recording
}

/// A Deployment of one pod and its HPA over so many resource metrics.
pub(crate) fn small(name: &str, metrics: usize) -> String {
    let mut text = format!(
        r#"
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - {{name: main, image: "main:1", resources: {{requests: {{cpu: 10m, memory: 16Mi}}}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: {name}}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}
  maxReplicas: 3
  metrics:
"#
    );
    for metric in 0..metrics {
        let (kind, key, container) = match metric {
            0 | 1 => ("Resource", "resource", ""),
            _ => (
                "ContainerResource",
                "containerResource",
                "container: main, ",
            ),
        };
        let name = ["cpu", "memory"][metric % 2];
        let target = "target: {type: Utilization, averageUtilization: 90}";
        writeln!(
            text,
            "    - {{type: {kind}, {key}: {{{container}name: {name}, {target}}}}}"
        )
        .expect("a String takes everything");
    }
    text + "---\n"
}

/// A scenario of one Deployment, applied at the start.
pub(crate) fn one_deployment(more: &str) -> String {
    format!(
        r#"
name = "one"
manifests = ["plane.yaml"]
[simulation]
duration = "120s"
from = "apply"
[[node_group]]
count = 2
cpu = "64"
memory = "256Gi"
[controllers.kube-apiserver]
latency = "6ms"
{more}
"#
    )
}

/// What was recorded of one HPA: when it was synced, in milliseconds, and what was written then.
#[derive(Deserialize)]
pub(crate) struct RecordedHpa {
    pub(crate) hpa: String,
    syncs: Vec<i64>,
    pub(crate) scales: Vec<(i64, i32)>,
}

#[derive(Deserialize)]
struct Scrapes {
    scrapes: Vec<i64>,
}

/// A workload, its CPU from each second on, its memory.
type Demand = (&'static str, &'static [(i64, i64)], &'static str);

/// CPU in millicores that all ready pods of a workload use together, from each second of the
/// demand on, and the memory of each.
const DEMAND: [Demand; 16] = [
    (
        "Deployment/api",
        &[(0, 300), (180, 2600), (420, 300)],
        "300Mi",
    ),
    ("Deployment/web", &[(0, 40), (180, 470), (420, 30)], "16Mi"),
    ("Deployment/cr", &[(0, 150), (180, 900), (420, 100)], "16Mi"),
    ("Deployment/noreq", &[(0, 100)], "16Mi"),
    (
        "Deployment/podsmetric",
        &[(0, 60), (180, 250), (420, 40)],
        "16Mi",
    ),
    ("Deployment/extonly", &[(0, 60)], "16Mi"),
    ("Deployment/objmetric", &[(0, 60)], "16Mi"),
    ("Deployment/zero", &[(0, 0)], "16Mi"),
    ("Deployment/belowmin", &[(0, 60)], "16Mi"),
    ("Deployment/abovemax", &[(0, 200), (300, 20)], "16Mi"),
    (
        "Deployment/tol",
        &[(0, 100), (180, 104), (300, 80), (420, 60)],
        "16Mi",
    ),
    ("StatefulSet/sts", &[(0, 80), (180, 260), (420, 60)], "16Mi"),
    (
        "Deployment/burst",
        &[(0, 18), (180, 300), (420, 18)],
        "16Mi",
    ),
    (
        "Deployment/big",
        &[(0, 400), (180, 2600), (420, 400)],
        "16Mi",
    ),
    ("Deployment/slow", &[(0, 60), (180, 300), (420, 60)], "16Mi"),
    ("Deployment/twice", &[(0, 150)], "16Mi"),
];
/// The demand began so many milliseconds after the start, a whole second.
const DEMAND_BEGAN: i64 = 332;

/// What is told of the recorded run: its inputs, and when the HPAs were synced.
pub(crate) struct Plane {
    scrapes: Vec<i64>,
    pub(crate) hpas: Vec<RecordedHpa>,
    pub(crate) manifest: String,
}

/// Whether only the first sync of an HPA is told, or each.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Told {
    FirstSync,
    EachSync,
}

impl Plane {
    pub(crate) fn read() -> Self {
        let golden_lines = golden("plane/run1.jsonl.gz");
        let mut lines = golden_lines.lines();
        let first = lines.next().expect("a line of scrapes");
        let scrapes: Scrapes = serde_json::from_str(first).expect("scrapes");
        Self {
            scrapes: scrapes.scrapes,
            hpas: lines
                .map(|line| serde_json::from_str(line).expect("a recorded HPA"))
                .collect(),
            manifest: golden("plane/run1.yaml.gz"),
        }
    }

    /// The run as a scenario. The scripted metrics integrated the demand in steps of a tenth of a
    /// second: a change came up to so much later, drawn anew for each seed.
    pub(crate) fn scenario(&self, told: Told, seed: u64) -> String {
        let times = |millis: &[i64]| -> String {
            let texts: Vec<String> = millis.iter().map(|one| format!("\"{one}ms\"")).collect();
            texts.join(", ")
        };
        let mut toml = format!(
            r#"
name = "plane"
kubernetes = "1.36"
manifests = ["plane.yaml"]
[simulation]
duration = "790s"
from = "apply"
[[node_group]]
name = "general"
count = 3
cpu = "4"
memory = "16Gi"
labels = {{ pool = "general" }}
[[node_group]]
name = "big"
count = 1
cpu = "4"
memory = "16Gi"
labels = {{ pool = "big" }}
[controllers.kube-apiserver]
latency = "6ms"
[controllers.kube-proxy]
endpoints-delay = "0s"
[controllers.kubelet]
stats = "on-request"
[controllers.metrics-server]
first-scrape = [{}]
[controllers.hpa]
downscale-stabilization = "60s"
[controllers.hpa.first-sync]
"#,
            times(&self.scrapes)
        );
        for one in &self.hpas {
            let known = match told {
                Told::FirstSync => &one.syncs[..1],
                Told::EachSync => &one.syncs,
            };
            writeln!(toml, "{} = [{}]", one.hpa, times(known)).expect("a line");
        }
        let mut draw = seed;
        for (workload, demand, memory) in DEMAND {
            let mut points = String::new();
            for (second, millicores) in demand {
                draw = draw
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let lag = if *second == 0 {
                    0
                } else {
                    (draw >> 33) as i64 % 100
                };
                let at = second * 1000 + DEMAND_BEGAN + lag;
                write!(points, "[\"{at}ms\", \"{millicores}m\"], ").expect("a point");
            }
            write!(
                toml,
                r#"
[[service]]
workload = "{workload}"
memory.base = "{memory}"
usage.cpu = [{points}]
startup = {{ image_pull = "0s", container_start = "345ms", ready = "0s", shutdown = "0s", cpu = "0" }}
background_cpu = "0"
"#
            )
            .expect("a service");
        }
        toml
    }

    /// What an HPA wrote, and when, in milliseconds.
    pub(crate) fn scales(recording: &Recording, hpa: &str) -> Vec<(i64, i32)> {
        let place = recording.hpas.iter().position(|one| one.name == hpa);
        let place = place.expect("the HPA is recorded");
        recording
            .decisions
            .iter()
            .filter(|decision| decision.hpa == place && decision.written)
            .map(|decision| {
                (
                    (decision.time.as_secs_f64() * 1000.0) as i64,
                    decision.desired,
                )
            })
            .collect()
    }
}
