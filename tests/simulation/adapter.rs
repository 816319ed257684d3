//! The Prometheus adapter between an HPA and the user's rules: which objects have metrics, and what
//! is told while it, or Prometheus, does not answer.

use crate::files::Memory;
use nlsim::record::{Detail, Recording};
use nlsim::scenario::{Built, Loaded};
use nlsim::world::run;

const API: &str = include_str!("../../scenarios/manifests/neurolake-api.yaml");

/// An adapter with one rule and these overrides besides those of namespace and pod.
fn adapter(overrides: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: adapter, namespace: monitoring}}\ndata:\n  \
         config.yaml: |\n    rules:\n    - seriesQuery: 'http_requests_total{{namespace!=\"\",pod!=\"\"}}'\n      \
         resources:\n        overrides:\n          namespace: {{resource: namespace}}\n          \
         pod: {{resource: pod}}\n{overrides}      \
         name: {{matches: \"^(.*)_total$\", as: \"${{1}}_per_second\"}}\n      \
         metricsQuery: sum(rate(<<.Series>>{{<<.LabelMatchers>>}}[2m])) by (<<.GroupBy>>)\n"
    )
}

/// An HPA with an Object metric of this.
fn of_object(described: &str) -> String {
    format!(
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\n\
         metadata: {{name: api, namespace: neurolake}}\nspec:\n  \
         scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: neurolake-api}}\n  \
         minReplicas: 3\n  maxReplicas: 10\n  metrics:\n  - type: Object\n    object:\n      \
         describedObject: {{{described}}}\n      metric: {{name: http_requests_per_second}}\n      \
         target: {{type: Value, value: \"1000\"}}\n"
    )
}

/// 900 requests a second, with these manifests and this in the scenario.
fn build(manifests: &[&str], more: &str) -> Built {
    build_from("steady", manifests, more)
}

fn build_from(from: &str, manifests: &[&str], more: &str) -> Built {
    let text = format!(
        "name = \"test\"\nmanifests = [\"m.yaml\"]\n\
         simulation = {{ duration = \"12m\", from = \"{from}\" }}\n\
         [[service]]\nworkload = \"Deployment/neurolake-api\"\n\
         request = {{ cpu = \"400us\", wait = \"2ms\" }}\n\
         metrics = {{ labels = {{ model = \"llm\", node = \"n-1\", service = \"api\" }} }}\n\
         [[load]]\nconstant = {{ rate = 900 }}\nservice = \"neurolake-api\"\narrivals = \"even\"\n\
         {more}"
    );
    let mut files = Memory::default();
    files.put("test.toml", &text);
    files.put("m.yaml", [&[API], manifests].concat().join("---\n"));
    let built = Loaded::load("test.toml", &files).and_then(|loaded| loaded.build(&[]));
    built.unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn recording(manifests: &[&str], more: &str) -> Recording {
    let built = build(manifests, more);
    let finished = run(&built.scenario, 1, Detail::Full, |_| true);
    finished.unwrap_or_else(|error| panic!("{error}")).recording
}

/// The last value that the HPA saw, or why it saw none.
fn seen(recording: &Recording) -> Result<f64, String> {
    let hpa = &recording.hpas[0];
    match hpa.metric_values[0].steps().last() {
        Some((_, value)) if hpa.failures.is_empty() || value.is_finite() => Ok(*value),
        _ => Err(hpa.failures[0].message.clone()),
    }
}

/// Samples lie between the requests of the window, so that the rate is nearly theirs.
fn tens(value: f64) -> f64 {
    (value / 10.0).round() * 10.0
}

const OF_NODES_AND_SERVICES: &str =
    "          node: {resource: node}\n          service: {resource: service}\n";

#[test]
fn an_object_is_of_its_group_and_kind_and_within_the_hpas_namespace() {
    let rules = adapter(OF_NODES_AND_SERVICES);
    let seen = |described: &str| seen(&recording(&[&of_object(described), &rules], ""));
    let about = |described: &str| seen(described).map(tens);
    assert_eq!(about("apiVersion: v1, kind: Service, name: api"), Ok(900.0));
    // A name cannot lead out of the namespace, so it is not looked at.
    assert_eq!(
        about("apiVersion: v1, kind: Namespace, name: other"),
        Ok(900.0)
    );
    let failed = |described: &str, end: &str| {
        let error = seen(described).expect_err(described);
        assert!(error.ends_with(end), "{error}");
    };
    failed(
        "apiVersion: v1, kind: Node, name: n-1",
        "the server could not find the metric http_requests_per_second for nodes",
    );
    failed(
        "apiVersion: v1, kind: Ingress, name: web",
        "unable to map kind Ingress to resource: no matches for kind \"Ingress\" in group \"\"",
    );
    failed(
        "apiVersion: serving.knative.dev/v1, kind: Service, name: api",
        "unable to map kind Service.serving.knative.dev to resource: no matches for kind \
         \"Service\" in group \"serving.knative.dev\"",
    );
}

#[test]
fn a_custom_resource_has_metrics_where_its_definition_is_there() {
    let rules = adapter("          model: {group: mlops.seldon.io, resource: model}\n");
    let described = "apiVersion: mlops.seldon.io/v1alpha1, kind: Model, name: llm";
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
                      metadata: {name: models.mlops.seldon.io}\nspec:\n  group: mlops.seldon.io\n  \
                      scope: Namespaced\n  names: {kind: Model, plural: models, singular: model}\n  \
                      versions: []\n";
    let recording = recording(&[&of_object(described), &rules, definition], "");
    assert_eq!(seen(&recording).map(tens), Ok(900.0));
}

#[test]
fn a_known_metric_is_an_internal_error_as_long_as_prometheus_is_down() {
    let described = "apiVersion: v1, kind: Service, name: api";
    let fault = "[[fault]]\nat = \"2m\"\nfor = \"10m\"\ndown = \"prometheus\"";
    let manifests = [&of_object(described)[..], &adapter(OF_NODES_AND_SERVICES)];
    let recording = recording(&manifests, fault);
    let failures = recording.hpas[0].failures.iter();
    let during = failures.filter(|failure| !failure.message.contains("could not find the metric"));
    let (count, all): (u64, Vec<&str>) = during.fold((0, Vec::new()), |(count, mut all), one| {
        all.push(&one.message);
        (count + one.count, all)
    });
    assert_eq!(count, 40, "{all:?}");
    let end = "Internal error occurred: unable to fetch metrics";
    assert!(all.iter().all(|message| message.ends_with(end)), "{all:?}");
}

/// How many of the HPA's 48 syncs in twelve minutes fail.
fn failed(from: &str, faults: &str) -> u64 {
    let more = format!(
        "[prometheus]\nscrape_interval = \"30s\"\nadapter = {{ relist_interval = \"10m\" }}\n{faults}"
    );
    let hpa = of_object("apiVersion: v1, kind: Service, name: api");
    let built = build_from(from, &[&hpa, &adapter(OF_NODES_AND_SERVICES)], &more);
    let finished = run(&built.scenario, 1, Detail::Full, |_| true);
    let recording = finished.unwrap_or_else(|error| panic!("{error}")).recording;
    let failures = recording.hpas[0].failures.iter();
    failures.map(|failure| failure.count).sum()
}

#[test]
fn an_adapter_that_starts_again_knows_nothing_and_lists_at_once() {
    let fault = |at: &str, length: &str, what: &str| {
        format!("[[fault]]\nat = \"{at}\"\nfor = \"{length}\"\ndown = \"{what}\"\n")
    };
    // At the beginning there is nothing to list; at 5m there is.
    let restart = fault("1m", "4m", "prometheus-adapter");
    let count = failed("apply", &restart);
    assert!((19..=21).contains(&count), "{count}");
    // What it knew before is gone, and it asks again after ten minutes.
    let count = failed("steady", &(restart + &fault("4m", "2m", "prometheus")));
    assert!((43..=45).contains(&count), "{count}");
}

#[test]
fn the_flags_of_its_deployment_say_how_often_it_lists() {
    let deployment = |args: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: prometheus-adapter}}\nspec:\n  \
             selector: {{matchLabels: {{app: adapter}}}}\n  template:\n    \
             metadata: {{labels: {{app: adapter}}}}\n    spec:\n      containers:\n      - name: adapter\n        \
             image: registry.k8s.io/prometheus-adapter/prometheus-adapter:v0.12.0\n        args: [{args}]\n"
        )
    };
    let of = |args: &str, more: &str| {
        let built = build(&[&adapter(""), &deployment(args)], more);
        let prometheus = built.scenario.prometheus.expect("rules ask for it");
        let adapter = prometheus.adapter.expect("it has rules");
        [adapter.relist_interval, adapter.max_age].map(|length| length.to_string())
    };
    assert_eq!(of("", ""), ["1m0s", "1m0s"]);
    let args = "--metrics-relist-interval=10m, --metrics-max-age, 30m";
    assert_eq!(of(args, ""), ["10m0s", "30m0s"]);
    let stated = "[prometheus.adapter]\nrelist_interval = \"2m\"\nmax_age = \"0s\"";
    assert_eq!(of(args, stated), ["2m0s", "2m0s"]);
}
