//! What the figures say of small clusters of which the answer is known beforehand: what the load
//! needs, its steps, and what held the VPAs' components back.

use crate::files::Memory;
use nlsim::analysis::Summary;
use nlsim::record::Detail;
use nlsim::record::fold::ScalingStep;
use nlsim::scenario::Loaded;
use nlsim::world;

/// A Deployment of two pods that request 200m of CPU.
const API: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 2
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - name: api
        image: api:1.0
        resources: {requests: {cpu: 200m, memory: 128Mi}, limits: {cpu: 500m, memory: 256Mi}}
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {selector: {app: api}, ports: [{port: 80}]}
---
";

const VPA: &str = r#"
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: api}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: api}
  updatePolicy: {updateMode: Recreate}
  resourcePolicy: {containerPolicies: [{containerName: "*", maxAllowed: {cpu: 300m}}]}
---
"#;

/// An HPA of 2 to 10 replicas on a metric.
fn hpa(metric: &str) -> String {
    format!(
        "
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: api}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: api}}
  minReplicas: 2
  maxReplicas: 10
  metrics: [{{{metric}}}]
---
"
    )
}

const CPU: &str =
    "type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}";

/// The figures of a run, which are the same without its series.
fn figures(objects: &[&str], scenario: &str) -> Summary {
    let mut files = Memory::default();
    files.put("k8s.yaml", [&[API], objects].concat().concat());
    let scenario = format!("name = \"figures\"\nmanifests = [\"k8s.yaml\"]\n{scenario}");
    files.put("scenario.toml", scenario);
    let loaded = Loaded::load("scenario.toml", &files);
    let built = loaded.and_then(|loaded| loaded.build(&[]));
    let scenario = built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario;
    let of = |detail| {
        let finished = world::run(&scenario, 42, detail, |_| true);
        Summary::of(&finished.unwrap_or_else(|error| panic!("{error}")).recording)
    };
    let (whole, folded) = (of(Detail::Full), of(Detail::Summary));
    let bits = |(name, value): &(String, f64)| (name.clone(), value.to_bits());
    let pairs = whole.values.iter().zip(&folded.values);
    pairs.for_each(|(one, other)| assert_eq!(bits(one), bits(other)));
    assert_eq!(whole.findings, folded.findings);
    whole
}

fn only_step(summary: &Summary) -> &ScalingStep {
    let steps = &summary.hpas[0].steps;
    assert_eq!(steps.len(), 1, "{steps:?}");
    &steps[0]
}

/// What is needed from a second on.
fn needed(summary: &Summary, second: f64) -> f64 {
    let needed = &summary.hpas[0].needed;
    let after = needed.partition_point(|(from, _)| *from <= second);
    needed[after - 1].1
}

/// What the findings say of the VPA and of faults.
fn told(summary: &Summary) -> Vec<&str> {
    let findings = summary.findings.iter();
    let of = findings
        .filter(|one| one.subject == "Fault" || one.subject.starts_with("VerticalPodAutoscaler/"));
    of.map(|finding| finding.text.as_str()).collect()
}

#[test]
fn declared_usage_steps_up_when_it_says_so() {
    let steps = |jump: &str| {
        let usage = format!(
            "[simulation]\nduration = \"30m\"\n[[service]]\nworkload = \"Deployment/api\"\nusage = {{ cpu = [[\"0h\", \"300m\"], [\"{jump}\", \"900m\"]] }}\n"
        );
        figures(&[&hpa(CPU)], &usage)
    };
    // On a multiple of the step, and between two.
    let on = steps("10m");
    let step = only_step(&on);
    assert_eq!((step.time, step.from, step.demand), (600.0, 3.0, 8.0));
    assert_eq!([599.0, 600.0].map(|second| needed(&on, second)), [3.0, 8.0]);
    let between = steps("10m5s");
    let step = only_step(&between);
    assert_eq!((step.time, step.from, step.demand), (605.0, 3.0, 8.0));
    // The row from 10m to 10m15s is the mean of both.
    let around = [599.0, 600.0, 615.0].map(|second| needed(&between, second));
    assert_eq!(around, [3.0, 6.0, 8.0]);
}

#[test]
fn a_value_asks_for_more_with_every_replica() {
    let scenario = r#"
[simulation]
duration = "10m"
[[service]]
workload = "Deployment/api"
usage = { cpu = "10m" }
[[metric]]
name = "depth"
type = "external"
series = [["0s", 8]]
"#;
    let metric =
        "type: External, external: {metric: {name: depth}, target: {type: Value, value: \"5\"}}";
    let summary = figures(&[&hpa(metric)], scenario);
    // 8 of 5: 2 replicas become 3.2, so 4; these 6.4, so 7; these more than its 10.
    let needed: Vec<f64> = summary.hpas[0].needed.iter().map(|one| one.1).collect();
    assert_eq!(needed, [4.0, 7.0, 10.0]);
    assert_eq!(summary.get("tau_o_pct"), Some(0.0));
}

#[test]
fn a_step_is_answered_by_what_the_hpa_lets_stand() {
    let scenario = r#"
[simulation]
duration = "30m"
[[service]]
workload = "Deployment/api"
usage = { cpu = [["0h", "440m"], ["15m", "500m"]] }
"#;
    // 440m on pods of 200m at 60%: four. 500m: 4.17, but four run at 63%, and the HPA rests.
    let summary = figures(&[&hpa(CPU)], scenario);
    let step = only_step(&summary);
    assert_eq!((step.time, step.from, step.demand), (900.0, 4.0, 5.0));
    let latency = step.latency;
    assert_eq!((latency.first_decision, latency.ready), (None, Some(0.0)));
    assert_eq!(summary.get("load_steps"), Some(0.0));
    let ratio = summary.get("cost.ratio_to_clairvoyant");
    assert!(ratio > Some(0.95) && ratio < Some(1.05), "{ratio:?}");
}

#[test]
fn a_late_rate_of_requests_is_not_what_they_need() {
    let scenario = r#"
[simulation]
duration = "20m"
[[service]]
workload = "Deployment/api"
request = { cpu = "1ms" }
[[metric]]
name = "rps"
type = "pods"
workload = "Deployment/api"
service = "api"
counter = "requests_per_second"
window = "2m"
[[load]]
service = "api"
steps = [["0s", 20], ["10m", 60]]
"#;
    let metric = "type: Pods, pods: {metric: {name: rps}, target: {type: AverageValue, averageValue: \"10\"}}";
    let summary = figures(&[&hpa(metric)], scenario);
    let near = |second: f64, demand: f64| (needed(&summary, second) - demand).abs() <= 1.0;
    assert!(near(590.0, 2.0) && near(601.0, 6.0) && near(1000.0, 6.0));
    let step = only_step(&summary);
    assert!((5.0..=7.0).contains(&step.demand), "{step:?}");
    let decided = step.latency.full_decision.expect("it gets there");
    assert!(
        decided > 30.0 && step.latency.recover > Some(30.0),
        "{step:?}"
    );
}

const DAY_UNDER_A_VPA: &str = r#"
[simulation]
duration = "6h"
[[service]]
workload = "Deployment/api"
usage = { cpu = "600m", memory = "80Mi" }
"#;

#[test]
fn a_limit_range_that_caps_new_pods_is_told() {
    let range = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: lr}\nspec: {limits: [{type: Container, max: {cpu: 500m, memory: 256Mi}}]}\n";
    let summary = figures(&[VPA, range], DAY_UNDER_A_VPA);
    let told = told(&summary);
    assert!(
        told.iter().any(|text| text
            .starts_with("container api requests 200m of cpu, 300m is recommended (+50%)")
            && text.ends_with("the LimitRange caps what new pods may request")),
        "{told:?}"
    );
}

#[test]
fn components_of_the_vpa_that_are_down_are_told() {
    let down = |component: &str| {
        let fault = format!("{DAY_UNDER_A_VPA}[[fault]]\nat = \"30s\"\ndown = \"{component}\"\n");
        figures(&[VPA], &fault)
    };
    for component in ["vpa-updater", "vpa-admission-controller"] {
        let summary = down(component);
        let told = told(&summary);
        let fault = format!("{component} was down from 30s to the end: 3");
        let has = |parts: [&str; 2]| {
            let is_it = |text: &&str| parts.iter().all(|part| text.contains(part));
            told.iter().copied().any(|text| is_it(&text))
        };
        assert!(has([&fault, "passes over VPAs were missed"]), "{told:?}");
        assert!(has(["300m is recommended", component]), "{told:?}");
    }
    // Its one pass recommends 300m, and the pods get it; the figure is what they request then.
    let summary = down("vpa-recommender");
    let request = summary.get("vpa.api.api.cpu_request_cores");
    assert_eq!(request, Some(0.3), "{:?}", told(&summary));
    assert_eq!(summary.get("evictions"), Some(2.0));
}
