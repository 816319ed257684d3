//! Models that predict beside an HPA, in a simulated cluster.

use nlsim::analysis::Summary;
use nlsim::autoscaler::predictive::{
    Damping, DecisionType, Forecaster, Form, HoltWinters, Initialization, Linear, replicas,
};
use nlsim::record::{Detail, Recording};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::{SimDuration, SimTime};
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
    built_with(2, toml, manifests)
}

fn built_with(replicas: u32, toml: &str, manifests: &str) -> Result<(Scenario, String), String> {
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
    let web = WEB.replace("replicas: 2", &format!("replicas: {replicas}"));
    let all = format!("{web}{manifests}");
    let files = InMemory::new([("p.toml", &toml), ("all.yaml", &all)]);
    let loaded = Loaded::load("p.toml", &files);
    let built = loaded.and_then(|loaded| loaded.build(&[]));
    let built = built.map_err(|problems| problems.render(false))?;
    Ok((built.scenario, built.warnings.render(false)))
}

fn run(toml: &str, manifests: &str) -> (Recording, Summary) {
    let (scenario, warnings) = built(toml, manifests).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(warnings, "");
    simulated(&scenario)
}

fn simulated(scenario: &Scenario) -> (Recording, Summary) {
    let finished = world::run(scenario, 7, Detail::Full, |_| true);
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
    assert_eq!(
        first.reason,
        "models predict 9 replicas (maximum: half-hour)"
    );
    let names: Vec<&str> = metrics.clone().map(|metric| metric.name).collect();
    assert_eq!(names, ["cpu", "model.half-hour"]);
    let model = metrics.last().expect("the model");
    assert_eq!((model.proposal, model.error), (Some(9), None));
    assert!(value(&summary, "hpa.web.predicted_pct") > 20.0);
    let forecasts = value(&summary, "hpa.web.model.half-hour.forecasts");
    assert!(forecasts > 150.0, "{forecasts}");
}

#[test]
fn a_manifest_and_a_table_of_the_same_model_both_go_beyond_a_step() {
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
    // A line through a step goes beyond it, and never below where the maximum counts.
    let (alone, _) = run("", HPA);
    let most = |recording: &Recording| {
        (0..3600)
            .filter_map(|second| recording.hpas[0].desired.at(SimTime::from_secs(second)))
            .max()
    };
    assert!(most(&by_table) > most(&alone));
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
        (2, "models predict 0 replicas (minimum: season)")
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
        "  tolerance: 30\n  models: [{type: Linear, name: line, linear: {historySize: 1, lookAhead: 1}}]\n",
    );
    let (recording, _) = run("", &wide);
    let end = SimTime::from_secs(3599);
    assert_eq!(recording.hpas[0].desired.at(end), Some(2));
}

#[test]
fn what_it_does_not_do_is_told() {
    let line = "  models: [{type: Linear, name: line, linear: {historySize: 1, lookAhead: 1}}]\n";
    let (scenario, warnings) = built("", &predictive(line)).expect("it is read");
    assert_eq!(warnings, "");
    assert_eq!(scenario.predictive[0].decision, DecisionType::Maximum);
    let both = built("", &format!("{HPA}---{}", predictive(line)));
    assert!(both.expect_err("two").contains("an HPA is called web too"));
}

#[test]
fn a_past_may_stand_in_a_file() {
    let by_file = SEASON.replace(
        r#"[["0s", 2], ["10m", 9], ["20m", 2]]"#,
        r#"{ file = "past.csv", rate = "replicas" }"#,
    );
    assert!(by_file.contains("file"));
    let toml = format!(
        "name = \"p\"\nmanifests = [\"all.yaml\"]\n[simulation]\nduration = \"1h\"\n{by_file}"
    );
    let all = format!("{WEB}{HPA}");
    let csv =
        "time,replicas\n2026-01-05T00:00:00Z,2\n2026-01-05T00:10:00Z,9\n2026-01-05T00:20:00Z,2\n";
    let files = InMemory::new([
        ("p.toml", toml.as_str()),
        ("all.yaml", &all),
        ("past.csv", csv),
    ]);
    let built = Loaded::load("p.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let minutes = |minutes: i64| SimTime::from_secs(60 * minutes);
    let expected = [(minutes(0), 2.0), (minutes(10), 9.0), (minutes(20), 2.0)];
    assert_eq!(built.scenario.predictive[0].past, expected);
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

const LINE: &str =
    "  models: [{type: Linear, name: line, linear: {historySize: 1, lookAhead: 1}}]\n";

/// The numbers that are desired, one after the other, with the second of each.
fn steps(recording: &Recording) -> Vec<(i64, i32)> {
    let mut found: Vec<(i64, i32)> = Vec::new();
    for second in 0..3600 {
        let desired = recording.hpas[0].desired.at(SimTime::from_secs(second));
        if let Some(desired) = desired
            && found.last().is_none_or(|(_, last)| *last != desired)
        {
            found.push((second, desired));
        }
    }
    found
}

#[test]
fn a_predictive_autoscaler_fills_in_rates_of_a_minute() {
    // 100% or 4 pods: an HPA does this in 15 s, this one in 60 s.
    let within_a_minute = |manifest: &str| {
        let steps = steps(&run("", manifest).0);
        let first = steps[1].0;
        let soon = steps.iter().filter(|(at, _)| *at < first + 60);
        soon.map(|(_, desired)| *desired).max()
    };
    assert!(within_a_minute(HPA) > Some(6));
    assert_eq!(within_a_minute(&predictive(LINE)), Some(6));
    // A rule of its own leaves the others as they are filled in.
    let own = format!("  behavior: {{scaleDown: {{stabilizationWindowSeconds: 30}}}}\n{LINE}");
    assert_eq!(within_a_minute(&predictive(&own)), Some(6));
}

#[test]
fn a_predictive_autoscaler_remembers_nothing_before_its_first_sync() {
    let first_step = |manifest: &str| {
        let (scenario, _) = built_with(6, "", manifest).expect("it is read");
        steps(&simulated(&scenario).0)[1]
    };
    let (second, desired) = first_step(HPA);
    assert!(second >= 300 && desired == 2, "{second} {desired}");
    let (second, desired) = first_step(&predictive(LINE));
    assert!(second <= 120 && desired == 2, "{second} {desired}");
}

#[test]
fn a_predictive_autoscaler_is_not_switched_off_at_zero() {
    let external = r#"
  metrics:
    - type: External
      external: {metric: {name: q}, target: {type: AverageValue, averageValue: "10"}}
"#;
    let metric = "[[metric]]\nname = \"q\"\ntype = \"external\"\nseries = [[\"0s\", 50], [\"20m\", 0], [\"40m\", 30]]\n";
    let spec = predictive(LINE);
    let (before, after) = spec.split_once("  metrics:").expect("its metrics");
    let (_, models) = after.split_once("  models:").expect("its models");
    let spec = format!(
        "{}{external}  models:{models}",
        before.replace("minReplicas: 2", "minReplicas: 0")
    );
    let (scenario, warnings) = built_with(0, metric, &spec).expect("it is read");
    assert_eq!(warnings, "");
    let steps: Vec<i32> = steps(&simulated(&scenario).0)
        .iter()
        .map(|step| step.1)
        .collect();
    // The line through 0 and 3 is a little above 3 a millisecond later.
    assert_eq!(steps, [0, 4, 5, 0, 4, 3]);
    let cpu = predictive(LINE).replace("minReplicas: 2", "minReplicas: 0");
    let error = built("", &cpu).expect_err("no metric from outside");
    assert!(
        error.contains("spec.minReplicas can only be 0 if you have at least 1 object or external metric configured"),
        "{error}"
    );
}

#[test]
fn a_predictive_autoscaler_without_metrics_never_scales() {
    let spec = predictive(LINE);
    let (before, after) = spec.split_once("  metrics:").expect("its metrics");
    let (_, models) = after.split_once("  models:").expect("its models");
    let (scenario, warnings) =
        built("", &format!("{before}  models:{models}")).expect("it is read");
    assert!(
        warnings.contains("without `metrics` it never scales"),
        "{warnings}"
    );
    assert_eq!(steps(&simulated(&scenario).0).len(), 1);
}

#[test]
fn a_predictive_autoscaler_has_its_own_period() {
    let syncs = |rest: &str| {
        let (recording, _) = run("", &predictive(&format!("{rest}{LINE}")));
        recording.decisions.with_metrics().count()
    };
    assert!((239..=241).contains(&syncs("")));
    assert!((179..=181).contains(&syncs("  syncPeriod: 20000\n")));
}

#[test]
fn models_that_upstream_skips_are_told() {
    let holt = |rest: &str| {
        let own = format!(
            "  models: [{{type: HoltWinters, name: hw, holtWinters: {{beta: 0.5, gamma: 0.5, trend: add, seasonal: add, seasonalPeriods: 4, {rest}}}}}]\n"
        );
        built("", &predictive(&own)).expect("it is read").1
    };
    for (rest, words) in [
        (
            "storedSeasons: 6",
            "model hw never predicts: no alpha tuning value provided",
        ),
        (
            "storedSeasons: 6, alpha: 0.5, initialLevel: 3",
            "model hw never predicts: first states are given",
        ),
        (
            "storedSeasons: 2, alpha: 0.5",
            "model hw never predicts: it needs 14 samples and keeps less than 12",
        ),
        (
            "storedSeasons: 6, alpha: 0.5, dampedTrend: true",
            "model hw never predicts",
        ),
    ] {
        let warnings = holt(rest);
        assert!(warnings.contains(words), "{rest}: {warnings}");
    }
    assert_eq!(holt("storedSeasons: 6, alpha: 0.5"), "");
    let none = predictive("  models: []\n");
    assert_eq!(built("", &none).expect("it is read").1, "");
}

#[test]
fn holt_winters_without_a_season_keeps_what_it_needs() {
    let table = "[[predictive]]\nhpa = \"web\"\nmodel = \"holt-winters\"\nname = \"hw\"\nseasonal = \"none\"\n";
    let (_, summary) = run(table, HPA);
    let forecasts = value(&summary, "hpa.web.model.hw.forecasts");
    assert!(forecasts > 200.0, "{forecasts}");
}

#[test]
fn a_season_that_is_no_whole_number_of_syncs_is_told() {
    let odd = SEASON
        .replace("\"30m\"", "\"100s\"")
        .replace("[\"10m\", 9], [\"20m\", 2]", "[\"10s\", 9]");
    let (_, warnings) = built(&odd, HPA).expect("it is read");
    assert!(
        warnings.contains("a season of 1m40s is no whole number of syncs")
            && warnings.contains("it is counted as 1m45s, 7 syncs"),
        "{warnings}"
    );
}

/// Forecasts of a model so many samples ahead of a series, from the third season on: what came, what
/// was expected then, and what there was when it was expected.
fn ahead(forecaster: &Forecaster, series: &[i32], steps: usize, from: usize) -> Vec<[f64; 3]> {
    let period = SimDuration::from_secs(15);
    let at = |place: usize| SimTime::ZERO + period * place as i64;
    let history: Vec<(SimTime, i32)> = (series.iter().enumerate())
        .map(|(place, value)| (at(place), *value))
        .collect();
    (from..series.len() - steps)
        .map(|now| {
            let forecast = forecaster.forecast(&history[..=now], at(now));
            let forecast = f64::from(replicas(forecast.expect("it has seen enough")));
            [
                f64::from(series[now + steps]),
                forecast,
                f64::from(series[now]),
            ]
        })
        .collect()
}

fn holt_winters(season: usize, steps: usize) -> Forecaster {
    Forecaster::HoltWinters {
        model: HoltWinters {
            alpha: 0.5,
            beta: 0.1,
            gamma: 0.5,
            trend: Some(Form::Additive),
            damping: Damping::None,
            seasonal: Some((Form::Additive, season)),
            initialization: Initialization::Estimated,
            flaw: None,
        },
        stored_seasons: 4,
        steps,
    }
}

/// The share of samples with fewer replicas than are needed: of what was there, and of the larger
/// of that and the forecast.
fn under_provisioned(ahead: &[[f64; 3]]) -> (f64, f64) {
    let share = |of: &dyn Fn(&[f64; 3]) -> f64| {
        ahead.iter().filter(|one| of(one) < one[0]).count() as f64 / ahead.len() as f64
    };
    (share(&|one| one[2]), share(&|one| one[2].max(one[1])))
}

#[test]
fn a_sine_is_foreseen_after_two_seasons() {
    let sine = |place: i32| {
        (10.0 + 8.0 * (f64::from(place) * std::f64::consts::TAU / 96.0).sin()).ceil() as i32
    };
    let series: Vec<i32> = (0..96 * 5).map(sine).collect();
    let (reactive, predictive) =
        under_provisioned(&ahead(&holt_winters(96, 4), &series, 4, 96 * 2));
    assert!(reactive > 0.3, "{reactive}");
    assert!(predictive < reactive / 4.0, "{predictive} of {reactive}");
    let square: Vec<i32> = (0..96 * 5)
        .map(|place| if place / 48 % 2 == 0 { 2 } else { 12 })
        .collect();
    let (reactive, predictive) =
        under_provisioned(&ahead(&holt_winters(96, 4), &square, 4, 96 * 2));
    assert!(reactive > 0.03, "{reactive}");
    assert!(predictive < reactive / 4.0, "{predictive} of {reactive}");
}

#[test]
fn a_random_walk_is_not_foreseen() {
    let mut stream = nlsim::sim::Streams::new(5).of("walk").stream("steps");
    let mut value = 200;
    let series: Vec<i32> = (0..96 * 5)
        .map(|_| {
            value += if stream.unit() < 0.5 { -1 } else { 1 };
            value
        })
        .collect();
    let seen = ahead(&holt_winters(96, 4), &series, 4, 96 * 2);
    let error = |of: usize| {
        seen.iter().map(|one| (one[0] - one[of]).abs()).sum::<f64>() / seen.len() as f64
    };
    // What is there is the best guess.
    assert!(error(1) > error(2), "{} {}", error(1), error(2));
}

#[test]
fn a_ramp_goes_on_along_its_line() {
    let ramp: Vec<i32> = (0..80).map(|place| 2 + place / 4).collect();
    let line = Forecaster::Linear(Linear {
        history_size: 12,
        look_ahead: SimDuration::from_secs(60),
    });
    let seen: Vec<[f64; 3]> = (12..76)
        .map(|now| ahead(&line, &ramp[now - 11..now + 5], 4, 11)[0])
        .collect();
    for [came, expected, before] in seen {
        assert!(
            (expected - came).abs() <= 1.0 && expected > before,
            "{came} {expected}"
        );
    }
}
