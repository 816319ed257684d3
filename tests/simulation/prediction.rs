//! Models that predict beside an HPA, in a simulated cluster.

use nlsim::analysis::Summary;
use nlsim::autoscaler::predictive::DecisionType;
use nlsim::record::{Detail, Recording};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world;

const WEB: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: 'web:1', resources: {requests: {cpu: 500m, memory: 64Mi}}}
---
";

const HPA: &str = r"
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 20
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
";

fn built(toml: &str, manifests: &str) -> Result<(Scenario, String), String> {
    let toml = format!(
        r#"
name = "prediction"
manifests = ["all.yaml"]
[simulation]
duration = "1h"
[[node_group]]
name = "general"
count = 2
cpu = 16
memory = "64Gi"
[[service]]
workload = "Deployment/web"
usage = {{ cpu = [["0s", "0.5"], ["20m", "2.5"], ["40m", "5"]] }}
{toml}
"#
    );
    let all = format!("{WEB}{manifests}");
    let files = InMemory::new([("p.toml", &toml), ("all.yaml", &all)]);
    let loaded = Loaded::load("p.toml", &files);
    let built = loaded.and_then(|loaded| loaded.build(&[]));
    let built = built.map_err(|problems| problems.render(false))?;
    Ok((built.scenario, built.warnings.render(false)))
}

fn run(toml: &str, manifests: &str) -> (Recording, Summary) {
    let (scenario, warnings) = built(toml, manifests).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(warnings, "");
    let finished = world::run(&scenario, 7, Detail::Full, |_| true);
    let recording = finished.unwrap_or_else(|why| panic!("{why}")).recording;
    let summary = Summary::of(&recording);
    (recording, summary)
}

/// A PredictiveHorizontalPodAutoscaler of the same spec.
fn predictive(rest: &str) -> String {
    let spec = HPA.replace("autoscaling/v2", "jamiethompson.me/v1alpha1");
    let spec = spec.replace(
        "HorizontalPodAutoscaler",
        "PredictiveHorizontalPodAutoscaler",
    );
    format!("{spec}{rest}")
}

fn value(summary: &Summary, name: &str) -> f64 {
    let found = summary.values.iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("no {name}")).1
}

const SEASON: &str = r#"
[[predictive]]
hpa = "web"
model = "profile"
name = "half-hour"
season = "30m"
look_ahead = "5m"
past = [["0s", 2], ["10m", 9], ["20m", 2]]
"#;

#[test]
fn a_known_season_has_pods_before_they_are_needed() {
    let desired = |recording: &Recording, second: i64| {
        recording.hpas[0].desired.at(SimTime::from_secs(second))
    };
    let (alone, _) = run("", HPA);
    assert_eq!(desired(&alone, 599), Some(2));
    let (beside, summary) = run(SEASON, HPA);
    // Five minutes ahead, less a sync.
    assert_eq!(desired(&beside, 280), Some(2));
    // The HPA's own rate is kept: 100% or 4 pods each 15 s, first to 4.
    assert_eq!(desired(&beside, 360), Some(9));
    let mut rows = beside.decisions.with_metrics();
    let first = rows.find(|(row, _)| row.written);
    let (first, metrics) = first.expect("it scales");
    assert_eq!(first.raw, Some(2), "what the metrics come to");
    assert_eq!(first.reason, "models predict 9 replicas");
    let names: Vec<&str> = metrics.clone().map(|metric| metric.name).collect();
    assert_eq!(names, ["cpu", "model.half-hour"]);
    let model = metrics.last().expect("the model");
    assert_eq!((model.proposal, model.error), (Some(9), None));
    assert!(value(&summary, "hpa.web.predicted_pct") > 20.0);
    let forecasts = value(&summary, "hpa.web.model.half-hour.forecasts");
    assert!(forecasts > 150.0, "{forecasts}");
}

#[test]
fn a_manifest_and_a_table_of_the_same_model_decide_the_same() {
    let table = "[[predictive]]\nhpa = \"web\"\nmodel = \"linear\"\nname = \"line\"\nhistory = 6\nlook_ahead = \"90s\"";
    let manifest = predictive(
        r"  models:
    - type: Linear
      name: line
      linear: {historySize: 6, lookAhead: 90000}
",
    );
    let (by_table, _) = run(table, HPA);
    let (by_manifest, summary) = run("", &manifest);
    assert_eq!(by_table.decisions, by_manifest.decisions);
    // A line through a step goes beyond it, and never below where the maximum counts.
    let (alone, _) = run("", HPA);
    let most = |recording: &Recording| {
        (0..3600)
            .filter_map(|second| recording.hpas[0].desired.at(SimTime::from_secs(second)))
            .max()
    };
    assert!(most(&by_manifest) > most(&alone));
    let mae = value(&summary, "hpa.web.model.line.mae");
    let coverage = value(&summary, "hpa.web.model.line.coverage_pct");
    assert!(mae > 0.0 && mae < 4.0, "{mae}");
    assert!((50.0..100.0).contains(&coverage), "{coverage}");
}

#[test]
fn holt_winters_that_has_seen_too_little_holds_a_minimum_down() {
    let season = |samples: u32| {
        let spec = format!(
            r"  decisionType: minimum
  models:
    - type: HoltWinters
      name: season
      holtWinters:
        {{alpha: 0.5, beta: 0.1, gamma: 0.5, trend: add, seasonal: add, seasonalPeriods: {samples}, storedSeasons: 3}}
"
        );
        run("", &predictive(&spec)).0
    };
    let at = |recording: &Recording, minute: i64| {
        recording.hpas[0]
            .desired
            .at(SimTime::from_secs(60 * minute))
    };
    // A season of 15 minutes: 0 is the least of all numbers; the bounds come after.
    let long = season(60);
    assert_eq!(at(&run("", HPA).0, 25), Some(7));
    assert_eq!(at(&long, 25), Some(2));
    let mut rows = long.decisions.with_metrics();
    let busy = rows.find(|(row, _)| row.raw > Some(2));
    let (busy, metrics) = busy.expect("a sync that wants more");
    assert_eq!(
        (busy.desired, busy.reason),
        (2, "models predict 0 replicas")
    );
    let model = metrics.last().expect("the model");
    assert!(model.error.is_some() && model.proposal.is_none());

    let short = season(6);
    let (_, mut metrics) = short.decisions.with_metrics().next().expect("a sync");
    let error = metrics.nth(1).and_then(|model| model.error);
    assert_eq!(error, Some("16 samples are needed, there are 1"));
    let (_, metrics) = short.decisions.with_metrics().nth(15).expect("a sync");
    let model = metrics.last().expect("the model");
    assert_eq!((model.proposal, model.error), (Some(2), None));
    assert!(at(&short, 25) > Some(2));
}

#[test]
fn its_own_tolerance_counts() {
    let wide = predictive(
        "  tolerance: 30\n  models: [{type: Linear, name: line, linear: {historySize: 1, lookAhead: 0}}]\n",
    );
    let (recording, _) = run("", &wide);
    let end = SimTime::from_secs(3599);
    assert_eq!(recording.hpas[0].desired.at(end), Some(2));
}

#[test]
fn what_it_does_not_do_is_told() {
    let line = "  models: [{type: Linear, name: line, linear: {historySize: 1, lookAhead: 0}}]\n";
    let (scenario, warnings) =
        built("", &predictive(&format!("  syncPeriod: 60000\n{line}"))).expect("it is read");
    assert!(
        warnings.contains("`syncPeriod` of 1m0s is not simulated"),
        "{warnings}"
    );
    assert_eq!(scenario.predictive[0].decision, DecisionType::Maximum);
    let both = built("", &format!("{HPA}---{}", predictive(line)));
    assert!(both.expect_err("two").contains("an HPA is called web too"));
}

#[test]
fn a_second_past_is_left_out_and_told() {
    let second = SEASON.replace("half-hour", "other");
    let (scenario, warnings) = built(&format!("{SEASON}{second}"), HPA).expect("it is read");
    assert!(
        warnings.contains("web has a `past` already: this one is left out"),
        "{warnings}"
    );
    assert_eq!(scenario.predictive[0].models.len(), 2);
}

#[test]
fn a_profile_looks_ahead_for_ever() {
    let ever = SEASON.replace("\"5m\"", "\"2562047h\"");
    let (recording, _) = run(&ever, HPA);
    let end = SimTime::from_secs(60);
    assert_eq!(recording.hpas[0].desired.at(end), Some(9));
}
