//! Sequences that users of the real systems reported, replayed through the whole simulator.

use crate::files::Memory;
use nlsim::autoscaler::hpa::{
    BehaviorInput, Config, ContainerRequest, ContainerUsage, Controller, CurrentMetric, Decision,
    HpaSpecInput, MetricSpec, Observation, Phase, Pod, PodRequests, PodUsage, ReadyCondition,
    ReadyStatus, Resource, ResourceTarget, Scale, ScalingRulesInput,
};
use nlsim::record::{Detail, Recording};
use nlsim::scenario::Loaded;
use nlsim::sim::{SimDuration, SimTime};
use nlsim::world;

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: REPLICAS
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: web
          resources: RESOURCES
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: web }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }
";

const SCENARIO: &str = r#"
name = "peer"
manifests = ["web.yaml"]
[simulation]
duration = "20m"
[controllers]
hpa.sync-period = "SYNC"
[[node_group]]
name = "n"
cpu = "64"
memory = "256Gi"
price = 1.0
count = 4
[[service]]
workload = "Deployment/web"
startup = { image_pull = "0s", ready = "0s" }
"#;

/// Runs a Deployment of this many replicas with these resources, an HPA with the rest of its
/// spec and the rest of the scenario.
fn run(replicas: u32, resources: &str, hpa: &str, sync: &str, scenario: &str) -> Recording {
    let deployment = DEPLOYMENT
        .replace("REPLICAS", &replicas.to_string())
        .replace("RESOURCES", resources);
    let mut files = Memory::default();
    files.put("web.yaml", format!("{deployment}{hpa}"));
    files.put(
        "s.toml",
        format!("{}{scenario}", SCENARIO.replace("SYNC", sync)),
    );
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let scenario = built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario;
    let finished = world::run(&scenario, 1, Detail::Full, |_| true);
    finished.unwrap_or_else(|error| panic!("{error}")).recording
}

fn desired(recording: &Recording) -> Vec<i32> {
    recording.hpas[0]
        .desired
        .steps()
        .iter()
        .map(|(_, replicas)| *replicas)
        .collect()
}

/// kubernetes-sigs/metrics-server#763: where the limit is the request, measured usage ends at
/// 100 %, so one decision multiplies by at most 100/75, however high the load is.
#[test]
fn saturated_pods_hide_how_much_is_missing() {
    let recording = run(
        10,
        "{ requests: { cpu: 500m }, limits: { cpu: 500m } }",
        "  maxReplicas: 63
  metrics: [{ type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 75 } } }]
  behavior: { scaleUp: { policies: [{ type: Percent, value: 900, periodSeconds: 15 }] } }
",
        "2m",
        // A hundred pods' worth from the third minute on.
        "usage = { cpu = [[\"0s\", \"3750m\"], [\"3m\", \"50\"]], split = \"total\" }",
    );
    assert_eq!(desired(&recording), [10, 14, 19, 26, 35, 47, 63]);
}

/// kubernetes/kubernetes#116984: ten pods, AverageValue 4: 44 tasks are within the tolerance
/// of a tenth, 45 are not.
#[test]
fn the_edge_of_the_tolerance_belongs_to_it() {
    for (tasks, expected) in [(44, vec![10]), (45, vec![10, 12])] {
        let recording = run(
            10,
            "{ requests: { cpu: 500m } }",
            "  maxReplicas: 30
  metrics: [{ type: External, external: { metric: { name: tasks }, target: { type: AverageValue, averageValue: 4 } } }]
",
            "15s",
            &format!("[[metric]]\nname = \"tasks\"\ntype = \"external\"\nseries = {tasks}\n"),
        );
        assert_eq!(desired(&recording), expected, "{tasks} tasks");
    }
}

/// kubernetes/kubernetes#78761: four pods at 80 % of a memory target of 100 % never become
/// three, because 3.2 rounds up.
#[test]
fn four_pods_at_four_fifths_stay_four() {
    let recording = run(
        4,
        "{ requests: { cpu: 100m, memory: 1000Mi } }",
        "  maxReplicas: 10
  metrics: [{ type: Resource, resource: { name: memory, target: { type: Utilization, averageUtilization: 100 } } }]
",
        "15s",
        "memory = { base = \"800Mi\" }",
    );
    assert_eq!(desired(&recording), [4]);
    let values = recording.hpas[0].metric_values[0].steps();
    assert_eq!(values.last().map(|(_, percent)| *percent), Some(80.0));
}

/// kwok's walk-through, which declares each pod's usage: one pod that requests 1000m shows
/// 20 % at 200m; at 800m there are two; with 200m on the second the mean is 50 %; with
/// 200m in all there is one again.
#[test]
fn kwoks_walk_through_replays() {
    let spec = HpaSpecInput {
        max_replicas: 2,
        metrics: vec![MetricSpec::Resource {
            resource: Resource::Cpu,
            target: ResourceTarget::Utilization(70),
        }],
        behavior: Some(BehaviorInput {
            scale_up: Some(zero_window()),
            scale_down: Some(zero_window()),
        }),
        ..HpaSpecInput::default()
    };
    let mut hpa = Controller::new(spec.defaulted(), Config::default());
    // Usage per pod, the percentage shown, the number wanted.
    let states: [(&[Option<i64>], i32, i32); 6] = [
        (&[Some(200)], 20, 1),
        (&[Some(800)], 80, 2),
        (&[Some(800), None], 80, 2), // the new pod has no metrics yet
        (&[Some(800), Some(200)], 50, 2),
        (&[Some(200), Some(200)], 20, 1),
        (&[Some(200)], 20, 1),
    ];
    for (place, (usage, percent, wanted)) in states.into_iter().enumerate() {
        let now = SimTime::from_secs(3600 + 15 * place as i64);
        let decision = reconcile(&mut hpa, usage, now);
        let shown = match decision.metrics[0].current {
            CurrentMetric::Resource { utilization, .. } => utilization,
            _ => None,
        };
        assert_eq!(
            (shown, decision.steps.desired),
            (Some(percent), wanted),
            "state {place}"
        );
    }
}

fn zero_window() -> ScalingRulesInput {
    ScalingRulesInput {
        stabilization_window: Some(0),
        ..ScalingRulesInput::default()
    }
}

/// One sync over pods that request 1000m each and use so many millicores.
fn reconcile(hpa: &mut Controller, usage: &[Option<i64>], now: SimTime) -> Decision {
    let requests = PodRequests {
        containers: vec![ContainerRequest {
            name: "web".to_owned(),
            requests: [Some(1000), None],
            restartable: false,
        }],
        ..PodRequests::default()
    };
    let names = ["web-0", "web-1"];
    let long_ago = SimTime::ZERO;
    let pods: Vec<Pod<'_>> = (names.iter().zip(usage))
        .map(|(name, _)| Pod {
            name,
            phase: Phase::Running,
            deleting: false,
            start_time: Some(long_ago),
            ready: Some(ReadyCondition {
                status: ReadyStatus::True,
                last_transition: long_ago,
            }),
            requests: &requests,
        })
        .collect();
    let containers: Vec<Option<[ContainerUsage<'_>; 1]>> = (usage.iter())
        .map(|millicores| {
            millicores.map(|millicores| {
                [ContainerUsage {
                    name: "web",
                    usage: [Some(millicores), None],
                }]
            })
        })
        .collect();
    let usage: Vec<PodUsage<'_>> = (containers.iter().enumerate())
        .filter_map(|(place, containers)| {
            Some(PodUsage {
                pod: Some(place),
                timestamp: now,
                window: SimDuration::from_secs(15),
                containers: containers.as_ref()?,
            })
        })
        .collect();
    let observation = Observation {
        reference: "Deployment/default/web",
        scale: Ok(Scale {
            spec_replicas: pods.len() as i32,
            status_replicas: pods.len() as i32,
            selector: "app=web",
        }),
        selected_by: &[],
        pods: &pods,
        resource_metrics: Ok(&usage),
        tallies: None,
        custom_metrics: &[Ok(&[])],
    };
    hpa.reconcile(&observation, now, |_| Ok(()))
}

/// Upstream's defaulting, where one pod meets very much load: without `behavior` the old limit
/// of max(2 × replicas, 4) holds; a `behavior` block with nothing in it brings the default
/// policies, of which 4 pods in 15 s are the larger.
#[test]
fn an_empty_behavior_is_not_no_behavior() {
    let external = "  maxReplicas: 100
  metrics: [{ type: External, external: { metric: { name: load }, target: { type: AverageValue, averageValue: 1 } } }]
";
    let metric = "[[metric]]\nname = \"load\"\ntype = \"external\"\nseries = 90\n";
    let first =
        |hpa: String| desired(&run(1, "{ requests: { cpu: 100m } }", &hpa, "15s", metric))[1];
    assert_eq!(first(external.to_owned()), 4);
    assert_eq!(
        first(format!("{external}  behavior: {{ scaleUp: {{}} }}\n")),
        5
    );
}
