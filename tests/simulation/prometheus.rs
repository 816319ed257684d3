//! Prometheus in a run: what it scrapes, and what becomes of it at an HPA.

use crate::files::Memory;
use nlsim::prometheus::promql::Value;
use nlsim::record::{Detail, Recording};
use nlsim::scenario::{Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::{QueryFailure, Simulation, run};

const API: &str = include_str!("../../scenarios/manifests/neurolake-api.yaml");
const HPA: &str = include_str!("../../scenarios/manifests/neurolake-api-rps-hpa.yaml");
const ADAPTER: &str = include_str!("../../scenarios/manifests/prometheus-adapter.yaml");

/// The API under 900 requests a second, with this besides.
fn scenario(hpa: &str, more: &str) -> Scenario {
    let mut files = Memory::default();
    let text = format!(
        "name = \"test\"\nmanifests = [\"m.yaml\"]\nsimulation = {{ duration = \"20m\" }}\n\
         [[service]]\nworkload = \"Deployment/neurolake-api\"\nbalancing = \"round-robin\"\n\
         request = {{ cpu = \"400us\", wait = \"2ms\" }}\n\
         [[load]]\nconstant = {{ rate = 900 }}\nservice = \"neurolake-api\"\narrivals = \"even\"\n\
         {more}"
    );
    files.put("test.toml", &text);
    files.put("m.yaml", format!("{API}---\n{hpa}---\n{ADAPTER}"));
    let built = Loaded::load("test.toml", &files).and_then(|loaded| loaded.build(&[]));
    built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario
}

fn recording(scenario: &Scenario) -> Recording {
    let finished = run(scenario, 1, Detail::Full, |_| true);
    finished.unwrap_or_else(|error| panic!("{error}")).recording
}

fn at(second: i64) -> SimTime {
    SimTime::from_secs(second)
}

/// A vector's values.
fn values(simulation: &mut Simulation<'_>, query: &str) -> Vec<f64> {
    match simulation.query(query) {
        Ok(Value::Vector(vector)) => vector.iter().map(|one| one.value).collect(),
        other => panic!("{query}: {other:?}"),
    }
}

/// The reasons and messages of an HPA's events.
fn told(recording: &Recording) -> Vec<String> {
    let events = recording.events.iter();
    let mut told: Vec<String> = events
        .filter(|event| event.object.starts_with("HorizontalPodAutoscaler/"))
        .map(|event| format!("{}: {}", event.reason, event.message))
        .collect();
    told.dedup();
    told
}

const RATE: &str = "rate(http_requests_total{job=\"neurolake-api\"}[2m])";

/// When after a step of its load, in seconds, a rate over two minutes of one pod has seen half of
/// it, and all of it.
fn step_seen(interval: i64, seed: u64) -> [i64; 2] {
    let mut files = Memory::default();
    let text = format!(
        "name = \"test\"\nmanifests = [\"m.yaml\"]\nsimulation = {{ duration = \"10m\" }}\n\
         prometheus = {{ scrape_interval = \"{interval}s\", queries = ['{RATE}'] }}\n\
         [[service]]\nworkload = \"Deployment/neurolake-api\"\n\
         request = {{ cpu = \"400us\", wait = \"2ms\" }}\n\
         [[load]]\nsteps = [[\"0s\", 90], [\"5m\", 540]]\nservice = \"neurolake-api\"\n\
         arrivals = \"even\"\n"
    );
    files.put("test.toml", &text);
    files.put("m.yaml", API.replace("replicas: 3", "replicas: 1"));
    let built = Loaded::load("test.toml", &files).and_then(|loaded| loaded.build(&[]));
    let scenario = built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario;
    let mut simulation = Simulation::with_detail(&scenario, seed, Detail::Summary);
    simulation.step_until(at(300)).expect("a run");
    let mut rate = |second: i64| {
        simulation.step_until(at(300 + second)).expect("a run");
        values(&mut simulation, RATE)[0]
    };
    assert!((89.0..91.0).contains(&rate(0)), "before the step");
    let rates: Vec<f64> = (1..200).map(rate).collect();
    [0.5, 0.995].map(|share| {
        let seen = |rate: &f64| *rate > 90.0 + share * 450.0;
        1 + rates.iter().position(seen).expect("it comes") as i64
    })
}

#[test]
fn a_rate_over_two_minutes_sees_a_step_late() {
    // The last sample of before the step is up to an interval I old, and leaves the window W in W - I
    // to W; half of the samples that it spans, W - I, are of after the step within I around W / 2.
    const WINDOW: i64 = 120;
    for interval in [15, 30, 60] {
        for seed in 1..=3 {
            let [half, all] = step_seen(interval, seed);
            let around = WINDOW / 2 - interval / 2 - 1..=WINDOW / 2 + interval / 2 + 1;
            assert!(around.contains(&half), "{interval} s: half after {half} s");
            let range = WINDOW - interval..=WINDOW + 1;
            assert!(range.contains(&all), "{interval} s: all after {all} s");
        }
    }
}

#[test]
fn declared_metrics_come_before_the_adapters() {
    let declared = "[[metric]]\nname = \"http_requests_per_second\"\ntype = \"pods\"\n\
                    workload = \"Deployment/neurolake-api\"\nseries = 2000";
    let recording = recording(&scenario(HPA, declared));
    assert_eq!(
        recording.hpas[0].desired.steps().last().map(|step| step.1),
        Some(10)
    );
    let recording = self::recording(&scenario(HPA, ""));
    assert_eq!(
        recording.hpas[0].desired.steps().last().map(|step| step.1),
        Some(3)
    );
    let seen = recording.hpas[0].metric_values[0].steps();
    let last = seen.last().expect("a value").1;
    assert!(
        (290.0..310.0).contains(&last),
        "{last} requests a second and pod"
    );
}

#[test]
fn nobody_scales_while_prometheus_or_its_adapter_is_down() {
    let faults = "[[fault]]\nat = \"5m\"\nfor = \"3m\"\ndown = \"prometheus\"\n\
                  [[fault]]\nat = \"12m\"\nfor = \"3m\"\ndown = \"prometheus-adapter\"";
    let scenario = scenario(HPA, faults);
    let recording = recording(&scenario);
    let told = told(&recording).join("\n");
    let begin = "unable to get metric http_requests_per_second: unable to fetch metrics from \
                 custom metrics API: ";
    for error in [
        "Internal error occurred: unable to fetch metrics",
        "the server is currently unable to handle the request (get pods.custom.metrics.k8s.io *)",
    ] {
        let line = format!("FailedGetPodsMetric: {begin}{error}");
        assert!(told.contains(&line), "{line}\n{told}");
    }
    let failed: Vec<u64> = recording
        .faults
        .iter()
        .map(|fault| fault.failed_syncs)
        .collect();
    assert_eq!(failed, [12, 12]);
    let mut simulation = Simulation::with_detail(&scenario, 1, Detail::Summary);
    simulation.step_until(at(360)).expect("a run");
    assert_eq!(simulation.query("up"), Err(QueryFailure::Down));
}

#[test]
fn a_metric_that_no_rule_makes_is_told_in_the_apis_words() {
    let hpa = HPA.replace("http_requests_per_second", "orders_per_second");
    let recording = recording(&scenario(&hpa, ""));
    let told = told(&recording).join("\n");
    let line = "FailedGetPodsMetric: unable to get metric orders_per_second: unable to fetch \
                metrics from custom metrics API: the server could not find the metric \
                orders_per_second for pods";
    assert!(told.contains(line), "{told}");
}

#[test]
fn the_cluster_is_seen_through_kubelets_and_kube_state_metrics() {
    let queries = [
        "up",
        "sum(rate(container_cpu_usage_seconds_total{container=\"api\"}[5m]))",
        "container_memory_working_set_bytes",
        "kube_deployment_status_replicas{deployment=\"neurolake-api\"}",
        "kube_horizontalpodautoscaler_status_desired_replicas",
        "kube_pod_status_ready{condition=\"true\"}",
        "histogram_quantile(0.5, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
    ];
    let list = queries.map(|query| format!("{query:?}")).join(", ");
    let more = format!("[prometheus]\nscrape_interval = \"15s\"\nqueries = [{list}]");
    let scenario = scenario(HPA, &more);
    let mut simulation = Simulation::with_detail(&scenario, 1, Detail::Summary);
    // Before the first scrape of the run there is a past.
    assert_eq!(values(&mut simulation, queries[3]), [3.0]);
    simulation.step_until(at(600)).expect("a run");
    let ask = |simulation: &mut Simulation<'_>, place: usize| values(simulation, queries[place]);
    // Three pods, the kubelets of the nodes, kube-state-metrics.
    let nodes = simulation.store().node_count();
    assert_eq!(ask(&mut simulation, 0), vec![1.0; 3 + nodes + 1]);
    // 900 requests of 0.4 ms a second, and what idles.
    let cpu = ask(&mut simulation, 1)[0];
    assert!((0.34..0.40).contains(&cpu), "{cpu} cores");
    // Each container, and each pod as a whole.
    assert_eq!(ask(&mut simulation, 2).len(), 6);
    assert_eq!(ask(&mut simulation, 4), [3.0]);
    assert_eq!(ask(&mut simulation, 5), [1.0; 3]);
    let median = ask(&mut simulation, 6)[0];
    assert!((0.000..0.005).contains(&median), "{median} s");
}

#[test]
fn a_pod_that_goes_ends_its_series_and_a_new_one_begins_its_own() {
    let more = "[prometheus]\nscrape_interval = \"15s\"\nqueries = [\"http_requests_total\", \"up\"]\n\
                [[action]]\nat = \"5m\"\nkubectl = \"kubectl rollout restart deployment/neurolake-api -n neurolake\"";
    let scenario = scenario(HPA, more);
    let mut simulation = Simulation::with_detail(&scenario, 1, Detail::Summary);
    simulation.step_until(at(299)).expect("a run");
    let total = |simulation: &mut Simulation<'_>| -> f64 {
        values(simulation, "http_requests_total").iter().sum()
    };
    let before = total(&mut simulation);
    assert!((250_000.0..275_000.0).contains(&before), "{before}");
    simulation.step_until(at(900)).expect("a run");
    // Only the new pods are left, and count from 0.
    let up = "up{job=\"neurolake-api\"}";
    assert_eq!(values(&mut simulation, up), [1.0; 3]);
    let after = total(&mut simulation);
    assert!(after < 900.0 * 600.0, "{after}");
}

#[test]
fn the_same_run_gives_the_same_with_less_detail() {
    let hpa = HPA.replace("\"1000\"", "\"200\"");
    let scenario = scenario(&hpa, "");
    let figures = |detail| {
        let finished = run(&scenario, 7, detail, |_| true);
        let recording = finished.unwrap_or_else(|error| panic!("{error}")).recording;
        let figures = nlsim::analysis::Summary::of(&recording).values;
        // As text: what there is none of is no number.
        (format!("{figures:?}"), recording.hpas[0].windows.clone())
    };
    let (full, windows) = figures(Detail::Full);
    assert_eq!(windows.len(), 1);
    assert_eq!((full, windows), figures(Detail::Summary));
}

#[test]
fn what_is_not_there_cannot_be_down_and_scrapes_nothing() {
    let mut files = Memory::default();
    let text = "name = \"test\"\nmanifests = [\"m.yaml\"]\nsimulation = { duration = \"5m\" }\n\
                [[service]]\nworkload = \"Deployment/neurolake-api\"\nrequest = { cpu = \"1ms\" }\n\
                metrics = { requests = \"requests_total\" }\n\
                [[fault]]\nat = \"1m\"\ndown = \"prometheus\"\n\
                [[fault]]\nat = \"2m\"\ndown = \"prometheus-adapter\"\n";
    files.put("test.toml", text);
    files.put("m.yaml", API);
    let built = Loaded::load("test.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.expect("a scenario");
    let warnings = built.warnings.list;
    for title in [
        "nobody scrapes the metrics of this service",
        "there is no Prometheus that could be down",
        "there is no Prometheus adapter that could be down",
    ] {
        let told = warnings.iter().any(|warning| warning.title == title);
        assert!(told, "{title}: {warnings:?}");
    }
    let mut simulation = Simulation::with_detail(&built.scenario, 1, Detail::Summary);
    simulation.step_until(at(300)).expect("a run");
    assert!(simulation.samples().is_none());
    assert_eq!(simulation.query("up"), Err(QueryFailure::Down));
}

#[test]
fn what_is_asked_for_later_is_kept_from_then_on() {
    let more = "[prometheus]\nscrape_interval = \"15s\"\nqueries = [\"up\"]";
    let scenario = scenario(HPA, more);
    let mut simulation = Simulation::with_detail(&scenario, 1, Detail::Summary);
    simulation.step_until(at(300)).expect("a run");
    let query = "http_request_duration_seconds_count";
    assert_eq!(values(&mut simulation, query), [0.0; 0]);
    simulation.step_until(at(315)).expect("a run");
    assert_eq!(values(&mut simulation, query).len(), 3);
}

#[test]
fn a_later_target_takes_the_place_of_one_that_is_gone() {
    let restart = |minute: i64| {
        format!(
            "[[action]]\nat = \"{minute}m\"\n\
             kubectl = \"kubectl rollout restart deployment/neurolake-api -n neurolake\"\n"
        )
    };
    let restarts: String = [3, 6, 9, 12, 15].into_iter().map(restart).collect();
    let more = format!("[prometheus]\nscrape_interval = \"15s\"\nqueries = [\"up\"]\n{restarts}");
    let scenario = scenario(HPA, &more);
    let mut simulation = Simulation::with_detail(&scenario, 1, Detail::Summary);
    simulation.step_until(at(1200)).expect("a run");
    let up = "up{job=\"neurolake-api\"}";
    assert_eq!(values(&mut simulation, up), [1.0; 3]);
}
