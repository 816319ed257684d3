//! Recording rules in a run, and an adapter that serves CPU and memory in place of metrics-server.

use crate::files::Memory;
use nlsim::prometheus::promql::Value;
use nlsim::record::{Detail, Recording};
use nlsim::scenario::{Built, Loaded};
use nlsim::sim::SimTime;
use nlsim::world::{Simulation, run};

const WEB: &str = "
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
        - {name: web, image: 'web:1', resources: {requests: {cpu: 500m, memory: 128Mi}}}
---
";

/// 100 requests a second of 4 ms, and 400 from 10 min on.
fn built(manifests: &str, more: &str) -> Built {
    let mut files = Memory::default();
    let text = format!(
        "name = \"test\"\nmanifests = [\"m.yaml\"]\nsimulation = {{ duration = \"20m\" }}\n\
         [[service]]\nworkload = \"Deployment/web\"\nbalancing = \"round-robin\"\n\
         request = {{ cpu = \"4ms\" }}\nbackground_cpu = \"0\"\n\
         [[load]]\nsteps = [[\"0s\", 100], [\"10m\", 400]]\nservice = \"web\"\narrivals = \"even\"\n\
         {more}"
    );
    files.put("test.toml", &text);
    files.put("m.yaml", format!("{WEB}{manifests}"));
    let built = Loaded::load("test.toml", &files).and_then(|loaded| loaded.build(&[]));
    built.unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn recording(built: &Built) -> Recording {
    let finished = run(&built.scenario, 1, Detail::Full, |_| true);
    finished.unwrap_or_else(|error| panic!("{error}")).recording
}

/// When the first step up was decided, and how many replicas there were in the end.
fn reaction(recording: &Recording) -> (f64, i32) {
    let steps = recording.hpas[0].desired.steps();
    let up = steps.iter().find(|(time, _)| time.as_secs_f64() > 600.0);
    let up = up.map_or(f64::NAN, |(time, _)| time.as_secs_f64());
    (up, steps.last().expect("a number").1)
}

fn hpa(metric: &str) -> String {
    format!(
        "
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: web}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}
  minReplicas: 2
  maxReplicas: 12
  metrics:
    {metric}
---
"
    )
}

/// An adapter's ConfigMap.
fn adapter(config: &str) -> String {
    let indented: Vec<String> = config.lines().map(|line| format!("    {line}")).collect();
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: adapter}}\ndata:\n  config.yaml: |\n{}\n",
        indented.join("\n")
    )
}

const RULE: &str = "
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: web}
spec:
  groups:
    - name: web
      interval: 30s
      rules:
        - record: pod:http_requests:rate1m
          expr: sum by (namespace, pod) (rate(http_requests_total[1m]))
          labels: {team: shop}
";

#[test]
fn an_adapter_reads_what_a_rule_has_recorded() {
    let metric = "- type: Pods
      pods: {metric: {name: requests}, target: {type: AverageValue, averageValue: '50'}}";
    let config = |series: &str, query: &str| {
        adapter(&format!(
            "rules:
- seriesQuery: '{series}{{namespace!=\"\",pod!=\"\"}}'
  resources: {{overrides: {{namespace: {{resource: namespace}}, pod: {{resource: pod}}}}}}
  name: {{as: requests}}
  metricsQuery: '{query}'"
        ))
    };
    let scrapes = "[prometheus]\nscrape_interval = \"15s\"\n";
    let direct = config(
        "http_requests_total",
        "sum(rate(<<.Series>>{<<.LabelMatchers>>}[1m])) by (<<.GroupBy>>)",
    );
    let direct = recording(&built(&format!("{}{direct}", hpa(metric)), scrapes));
    let recorded = config(
        "pod:http_requests:rate1m",
        "sum(<<.Series>>{<<.LabelMatchers>>,team=\"shop\"}) by (<<.GroupBy>>)",
    );
    let manifests = format!("{}{recorded}{RULE}", hpa(metric));
    let told = built(&manifests, scrapes);
    assert_eq!(told.warnings.render(false), "");
    let recorded = recording(&told);
    // It is there from the start, and comes to the same, up to an interval of the rule later.
    assert_eq!(recorded.hpas[0].failures.len(), 0);
    let (direct, recorded) = (reaction(&direct), reaction(&recorded));
    assert_eq!((direct.1, recorded.1), (8, 8));
    let later = recorded.0 - direct.0;
    // Two runs' calls to the API server differ by milliseconds.
    assert!((-0.1..=45.0).contains(&later), "{direct:?} {recorded:?}");
}

#[test]
fn rules_stand_in_the_scenario_and_in_config_maps_too() {
    let config_map = "
apiVersion: v1
kind: ConfigMap
metadata: {name: rules}
data:
  recording_rules.yml: |
    groups:
      - name: a
        rules:
          - {record: 'all:rate', expr: 'sum(rate(http_requests_total[1m]))'}
          - {alert: Quiet, expr: 'all:rate < 1'}
";
    let more = "[prometheus]\nscrape_interval = \"15s\"\nevaluation_interval = \"20s\"\n\
                queries = [\"all:rate\", \"half:rate\"]\n\
                rules = [{ record = \"half:rate\", expr = \"all:rate / 2\" }]\n";
    let built = built(config_map, more);
    let told = built.warnings.render(false);
    assert!(told.contains("alerts of Prometheus are left out"), "{told}");
    let mut cluster = nlsim::world::Simulation::new(&built.scenario, 1);
    // They have a past, whichever group reads which: nobody asked for anything.
    for (seconds, rate) in [(1, 0.0), (599, 100.0)] {
        let time = nlsim::sim::SimTime::from_secs(seconds);
        cluster.step_until(time).expect("a run");
        for (query, wanted) in [("all:rate", rate), ("half:rate", rate / 2.0)] {
            let answer = cluster.query(query).expect("an answer");
            let nlsim::prometheus::promql::Value::Vector(vector) = answer else {
                panic!("{query}");
            };
            let value = vector.first().map_or(f64::NAN, |first| first.value);
            let near = (value - wanted).abs() <= 0.05 * wanted;
            assert!(near, "{query} at {seconds} s: {value}");
        }
    }
}

#[test]
fn rules_that_prometheus_does_not_load_are_told() {
    let broken = RULE.replace("sum by", "sum by by");
    let built = built(&broken, "");
    let told = built.warnings.render(false);
    assert!(
        told.contains("Prometheus does not load these rules"),
        "{told}"
    );
}

/// What its chart has by default.
const RESOURCES: &str = "resourceRules:
  cpu:
    containerQuery: 'sum by (<<.GroupBy>>) (rate(container_cpu_usage_seconds_total{container!=\"\",<<.LabelMatchers>>}[3m]))'
    nodeQuery: 'sum by (<<.GroupBy>>) (rate(container_cpu_usage_seconds_total{id=\"/\",<<.LabelMatchers>>}[3m]))'
    resources: {overrides: {node: {resource: node}, namespace: {resource: namespace}, pod: {resource: pod}}}
    containerLabel: container
  memory:
    containerQuery: 'sum by (<<.GroupBy>>) (container_memory_working_set_bytes{container!=\"\",<<.LabelMatchers>>})'
    nodeQuery: 'sum by (<<.GroupBy>>) (container_memory_working_set_bytes{id=\"/\",<<.LabelMatchers>>})'
    resources: {overrides: {node: {resource: node}, namespace: {resource: namespace}, pod: {resource: pod}}}
    containerLabel: container
  window: 3m";

const CPU: &str = "- type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}";

#[test]
fn the_adapter_serves_cpu_later_than_metrics_server() {
    let scrapes = "[prometheus]\nscrape_interval = \"30s\"\n";
    let by_server = reaction(&recording(&built(&hpa(CPU), "")));
    let manifests = format!("{}{}", hpa(CPU), adapter(RESOURCES));
    let built = built(&manifests, scrapes);
    assert_eq!(built.warnings.render(false), "");
    let by_adapter = recording(&built);
    assert_eq!(by_adapter.hpas[0].failures.len(), 0);
    let by_adapter = reaction(&by_adapter);
    // 1.6 cores at half of 500m each; a rate over three minutes comes there step by step.
    assert_eq!(
        (by_server.1, by_adapter.1),
        (7, 7),
        "{by_server:?} {by_adapter:?}"
    );
    assert!(by_adapter.0 >= by_server.0, "{by_server:?} {by_adapter:?}");
}

#[test]
fn without_prometheus_or_its_adapter_there_is_no_cpu() {
    let faults = "[[fault]]\nat = \"2m\"\nfor = \"3m\"\ndown = \"prometheus\"\n\
                  [[fault]]\nat = \"7m\"\nfor = \"2m\"\ndown = \"prometheus-adapter\"";
    let manifests = format!("{}{}", hpa(CPU), adapter(RESOURCES));
    let recording = recording(&built(&manifests, faults));
    let events = recording.events.iter();
    let failures = events.filter(|event| event.reason == "FailedGetResourceMetric");
    let texts: Vec<&str> = failures.map(|event| event.message).collect();
    let nothing = "no metrics returned from resource metrics API";
    let nobody = "the server is currently unable to handle the request (get pods.metrics.k8s.io)";
    for text in [nothing, nobody] {
        assert!(
            texts.iter().any(|one| one.contains(text)),
            "{text}: {texts:?}"
        );
    }
}

#[test]
fn rules_come_from_files_too() {
    let rule = |name: &str| {
        format!(
            "groups:\n- name: {name}\n  interval: 15s\n  rules:\n  - {{record: 'copy.of {name}', expr: up}}\n"
        )
    };
    let mut files = Memory::default();
    let text = "name = \"test\"\nmanifests = [\"m.yaml\"]\nsimulation = { duration = \"5m\" }\n\
                [prometheus]\nscrape_interval = \"15s\"\nrule_files = [\"one.yml\", \"rules/*.yml\"]\n\
                queries = ['{\"copy.of a\"}', '{\"copy.of b\"}']\n";
    files.put("test.toml", text);
    files.put("m.yaml", WEB);
    files.put("one.yml", rule("a"));
    files.put("rules/two.yml", rule("b"));
    let built = Loaded::load("test.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let mut simulation = Simulation::with_detail(&built.scenario, 1, Detail::Summary);
    simulation
        .step_until(SimTime::from_secs(240))
        .expect("a run");
    for name in ["a", "b"] {
        let query = format!("count({{\"copy.of {name}\"}})");
        let Ok(Value::Vector(found)) = simulation.query(&query) else {
            panic!("{name}");
        };
        // Kubelets and kube-state-metrics.
        assert_eq!(found.len(), 1, "{name}");
        assert!(found[0].value >= 2.0, "{name}");
    }
}
