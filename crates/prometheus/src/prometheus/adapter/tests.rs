//! The adapter over samples of a small cluster.

use super::*;
use crate::prometheus::storage::stale_marker;

/// The first user's rules: a rate per pod, and a queue's depth as an external metric.
const RULES: &str = r#"{
  "rules": [{
    "seriesQuery": "http_requests_total{namespace=\"neurolake\",pod!=\"\"}",
    "resources": {"overrides": {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
    "name": {"matches": "^(.*)_total$", "as": "${1}_per_second"},
    "metricsQuery": "sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)"
  }, {
    "seriesQuery": "ingress_requests{ingress!=\"\"}",
    "resources": {"template": "<<.Resource>>"},
    "metricsQuery": "<<.Series>>{<<.LabelMatchers>>}"
  }],
  "externalRules": [{
    "seriesQuery": "{__name__=~\"celery_.*\",queue!=\"\"}",
    "resources": {"namespaced": false},
    "metricsQuery": "sum(<<.Series>>{<<.LabelMatchers>>}) by (queue)"
  }, {
    "seriesQuery": "seconds",
    "resources": {"template": "<<.Resource>>"},
    "metricsQuery": "scalar(<<.Series>>)"
  }]
}"#;

fn storage() -> Storage {
    let mut storage = Storage::new(3_600_000);
    let mut add = |labels: &[(&str, &str)], from: i64, until: i64, value: fn(i64) -> f64| {
        let id = storage.series(&Labels::new(labels.iter().copied()));
        for t in (from..=until).step_by(15_000) {
            storage.append(id, t, value(t)).unwrap();
        }
    };
    let pod = |name| {
        [
            (METRIC_NAME, "http_requests_total"),
            ("namespace", "neurolake"),
            ("pod", name),
        ]
    };
    // 10 requests a second each, to the millisecond; the third pod has one sample.
    add(&pod("api-0"), 0, 600_000, |t| t as f64 / 100.0);
    add(&pod("api-1"), 300_000, 600_000, |t| {
        (t - 300_000) as f64 / 100.0
    });
    add(&pod("api-2"), 600_000, 600_000, |_| 5.0);
    add(
        &[
            (METRIC_NAME, "ingress_requests"),
            ("ingress", "front"),
            ("namespace", "neurolake"),
        ],
        0,
        600_000,
        |_| 12.3456,
    );
    add(
        &[(METRIC_NAME, "celery_queue_depth"), ("queue", "default")],
        0,
        600_000,
        |_| 117.0,
    );
    add(
        &[(METRIC_NAME, "celery_queue_depth"), ("queue", "slow")],
        0,
        600_000,
        |_| f64::NAN,
    );
    add(&[(METRIC_NAME, "seconds")], 0, 600_000, |t| {
        t as f64 / 1000.0
    });
    storage
}

fn adapter() -> Adapter {
    let config: Config = serde_json::from_str(RULES).unwrap();
    Adapter::new(&config, Kinds::default()).unwrap()
}

fn listed() -> (Adapter, Storage) {
    let (mut adapter, storage) = (adapter(), storage());
    adapter.relist(&storage, 0).unwrap();
    (adapter, storage)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn a_relist_names_the_metrics_of_each_kind() {
    let (adapter, _) = listed();
    let known: Vec<String> = adapter
        .metrics()
        .map(|(kind, namespaced, metric)| format!("{kind}/{metric} {namespaced}"))
        .collect();
    assert_eq!(
        known,
        [
            "namespaces/http_requests_per_second false",
            "namespaces/ingress_requests false",
            "pods/http_requests_per_second true",
            "ingresses.networking.k8s.io/ingress_requests true",
        ]
    );
    let external: Vec<&str> = adapter.external_metrics().collect();
    assert_eq!(external, ["celery_queue_depth", "seconds"]);
}

#[test]
fn pods_have_their_rate_and_those_without_two_samples_are_left_out() {
    let (adapter, storage) = listed();
    let kind = GroupResource::core("pods");
    let pods = names(&["api-0", "api-1", "api-2", "api-3"]);
    let objects = Objects {
        kind: &kind,
        namespace: "neurolake",
        names: &pods,
    };
    let got = adapter
        .of_objects(
            Some(&storage),
            600_000,
            "http_requests_per_second",
            objects,
            &[],
        )
        .unwrap();
    let metric = |name: &str, milli| ObjectMetric {
        name: name.to_owned(),
        milli,
    };
    // Prometheus' rate is 9.999999999999998, and the adapter cuts off.
    assert_eq!(got, [metric("api-0", 9_999), metric("api-1", 9_999)]);
    // 30 s after its start, two samples lie in the window of 2 minutes.
    let young = adapter
        .of_objects(
            Some(&storage),
            317_000,
            "http_requests_per_second",
            objects,
            &[],
        )
        .unwrap();
    assert_eq!(young.len(), 2);
    assert!(young[1].milli < 2_000, "{young:?}");
}

#[test]
fn the_edition_of_prometheus_decides_about_the_edges_of_windows() {
    let storage = storage();
    let mut adapter = adapter().of_edition(promql::Edition::Two);
    adapter.relist(&storage, 0).unwrap();
    let kind = GroupResource::core("pods");
    let pods = names(&["api-1"]);
    let objects = Objects {
        kind: &kind,
        namespace: "neurolake",
        names: &pods,
    };
    let young = |adapter: &Adapter| {
        // One sample of a window of two minutes lies on its left edge.
        let found = adapter.of_objects(
            Some(&storage),
            435_000,
            "http_requests_per_second",
            objects,
            &[],
        );
        found.unwrap()[0].milli
    };
    assert_eq!(young(&adapter), 10_000);
    assert_eq!(
        young(&adapter.clone().of_edition(promql::Edition::Three)),
        9_999
    );
}

#[test]
fn a_metric_is_unknown_until_a_relist_sees_it() {
    let (mut adapter, storage) = (adapter(), storage());
    let kind = GroupResource::core("pods");
    let pods = names(&["api-0"]);
    let objects = Objects {
        kind: &kind,
        namespace: "neurolake",
        names: &pods,
    };
    let unknown = ApiError::NotFound(
        "the server could not find the metric http_requests_per_second for pods".to_owned(),
    );
    let ask = |adapter: &Adapter| {
        adapter.of_objects(
            Some(&storage),
            600_000,
            "http_requests_per_second",
            objects,
            &[],
        )
    };
    assert_eq!(ask(&adapter), Err(unknown.clone()));
    adapter.relist(&storage, 600_001).unwrap();
    assert_eq!(ask(&adapter), Err(unknown.clone()));
    adapter.relist(&storage, 0).unwrap();
    assert!(ask(&adapter).is_ok());
    let none = Objects {
        names: &[],
        ..objects
    };
    let got = adapter.of_objects(
        Some(&storage),
        600_000,
        "http_requests_per_second",
        none,
        &[],
    );
    assert_eq!(got, Err(unknown));
}

#[test]
fn an_object_has_its_value_cut_to_thousandths() {
    let (adapter, storage) = listed();
    let kind = GroupResource {
        group: "networking.k8s.io".to_owned(),
        resource: "ingress".to_owned(),
    };
    let of = |name: &str| {
        let name = names(&[name]);
        let object = Objects {
            kind: &kind,
            namespace: "neurolake",
            names: &name,
        };
        adapter.of_object(Some(&storage), 600_000, "ingress_requests", object, &[])
    };
    assert_eq!(of("front").unwrap().milli, 12_345);
    assert_eq!(
        of("back").unwrap_err().to_string(),
        "the server could not find the metric ingress_requests for ingress.networking.k8s.io back"
    );
}

#[test]
fn external_metrics_are_vectors_or_scalars() {
    let (adapter, storage) = listed();
    let queue = Requirement::equals("queue", "default");
    let ask = |metric: &str, selector: &[Requirement]| {
        adapter.of_nothing(Some(&storage), 600_000, metric, "neurolake", selector)
    };
    let got = ask("celery_queue_depth", &[queue]).unwrap();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].milli, 117_000);
    assert_eq!(got[0].labels.to_string(), "{queue=\"default\"}");
    // NaN is not special here; Go makes the least integer of it.
    let all = ask("celery_queue_depth", &[]).unwrap();
    assert_eq!(all[1].milli, i64::MIN);
    assert_eq!(ask("seconds", &[]).unwrap()[0].milli, 600_000);
    assert_eq!(
        ask("nope", &[]).unwrap_err().to_string(),
        "the server could not find the metric nope for "
    );
}

#[test]
fn what_the_query_cannot_say_is_an_internal_error() {
    let (adapter, storage) = listed();
    let above = Requirement {
        key: "queue".to_owned(),
        operator: Operator::GreaterThan,
        values: names(&["1"]),
    };
    let got = adapter.of_nothing(
        Some(&storage),
        600_000,
        "celery_queue_depth",
        "neurolake",
        &[above],
    );
    assert_eq!(
        got.unwrap_err().to_string(),
        "Internal error occurred: unable to fetch metrics"
    );
}

#[test]
fn a_stale_series_has_no_value() {
    let (adapter, mut storage) = listed();
    let labels = Labels::new([(METRIC_NAME, "celery_queue_depth"), ("queue", "default")]);
    let id = storage.series(&labels);
    storage.append(id, 610_000, stale_marker()).unwrap();
    let queue = [Requirement::equals("queue", "default")];
    let got = adapter.of_nothing(
        Some(&storage),
        610_000,
        "celery_queue_depth",
        "neurolake",
        &queue,
    );
    assert_eq!(got, Ok(Vec::new()));
}

#[test]
fn resource_rules_answer_for_containers_and_nodes() {
    let config: Config = serde_json::from_str(
        r#"{"resourceRules": {
            "cpu": {
                "containerQuery": "sum by (<<.GroupBy>>) (rate(cpu_seconds{<<.LabelMatchers>>,container!=\"\"}[1m]))",
                "nodeQuery": "sum by (<<.GroupBy>>) (cpu_node{<<.LabelMatchers>>})",
                "resources": {"overrides": {"node": {"resource": "node"},
                    "namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
                "containerLabel": "container"
            },
            "memory": {
                "containerQuery": "sum by (<<.GroupBy>>) (memory{<<.LabelMatchers>>})",
                "nodeQuery": "sum by (<<.GroupBy>>) (memory_node{<<.LabelMatchers>>})",
                "resources": {"overrides": {"node": {"resource": "node"},
                    "namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
                "containerLabel": "container"
            },
            "window": "1m"
        }}"#,
    )
    .unwrap();
    let mut storage = Storage::new(3_600_000);
    let mut add = |name: &str, labels: &[(&str, &str)], value: fn(i64) -> f64| {
        let named = [(METRIC_NAME, name)];
        let id = storage.series(&Labels::new(named.iter().chain(labels).copied()));
        for t in (0..=300_000).step_by(15_000) {
            storage.append(id, t, value(t)).unwrap();
        }
    };
    let container = [("namespace", "a"), ("pod", "p"), ("container", "c")];
    let helper = [("namespace", "a"), ("pod", "p"), ("container", "helper")];
    add("cpu_seconds", &container, |t| t as f64 / 2000.0);
    add("memory", &container, |_| 1024.0);
    add("memory", &helper, |_| 1.0);
    add(
        "memory",
        &[("namespace", "a"), ("pod", "q"), ("container", "c")],
        |_| 7.0,
    );
    add("cpu_node", &[("node", "n")], |_| -1.0);
    add("memory_node", &[("node", "n")], |_| 5.0);
    let metrics = ResourceMetrics::new(&config.resource_rules.unwrap(), Kinds::default()).unwrap();
    let pods = metrics
        .pods(&storage, 300_000, "a", &names(&["p", "q"]))
        .unwrap();
    let usage = |cpu_milli, memory_milli| Usage {
        cpu_milli,
        memory_milli,
    };
    assert_eq!(pods.len(), 1);
    // Half a core: Prometheus' rate is one bit less, and the adapter cuts off.
    assert_eq!(pods["p"]["c"], usage(499, 1_024_000));
    assert_eq!(pods["p"]["helper"], usage(0, 1_000));
    let nodes = metrics
        .nodes(&storage, 300_000, &names(&["n", "m"]))
        .unwrap();
    assert_eq!(nodes, BTreeMap::from([("n".to_owned(), usage(0, 5_000))]));
}
