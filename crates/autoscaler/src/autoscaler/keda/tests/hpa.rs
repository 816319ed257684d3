//! Generated HPAs.

use super::*;

fn generated(object: &ScaledObject) -> Hpa {
    let mut rig = Rig::new(object.clone(), 1, Fake::default());
    let decision = rig.reconcile();
    match decision.hpa.as_slice() {
        [HpaChange::Create(hpa)] => hpa.clone(),
        other => panic!("{other:?} {:?}", decision.error),
    }
}

#[test]
fn a_written_minimum_of_zero_counts_as_one_beside_idle() {
    let bounds = |spec: Value| check_replica_bounds(&object(spec));
    assert_eq!(
        bounds(json!({ "minReplicaCount": 0, "idleReplicaCount": 0 })),
        Ok(())
    );
    assert_eq!(
        bounds(json!({ "idleReplicaCount": 0 })),
        Err("IdleReplicaCount=0 must be less than MinReplicaCount=0".to_owned())
    );
    assert_eq!(
        bounds(json!({ "minReplicaCount": 5, "maxReplicaCount": 4 })),
        Err("MinReplicaCount=5 must be less than MaxReplicaCount=4".to_owned())
    );
}

#[test]
fn a_formula_keeps_resource_metrics_but_no_container_metrics() {
    let cpu = json!({ "type": "cpu", "metricType": "Utilization", "metadata": { "value": "50" } });
    let mut container = cpu.clone();
    container["metadata"]["containerName"] = "main".into();
    let hpa = generated(&object(json!({
        "triggers": [container, prometheus(json!({ "name": "p" })), cpu],
        "advanced": { "scalingModifiers": { "formula": "p", "target": "2.5" } },
    })));
    let metrics = hpa.spec["metrics"].as_array().expect("metrics");
    let kinds: Vec<&str> = metrics
        .iter()
        .filter_map(|metric| metric["type"].as_str())
        .collect();
    assert_eq!(kinds, ["Resource", "External"]);
    assert_eq!(metrics[1]["external"]["metric"]["name"], "composite-metric");
    assert_eq!(
        metrics[1]["external"]["target"],
        json!({ "type": "AverageValue", "averageValue": "2500m" })
    );
}

#[test]
fn a_target_without_a_formula_is_taken_unless_it_is_not_positive() {
    let with = |target: &str| {
        let hpa = generated(&object(json!({
            "triggers": [prometheus(json!({}))],
            "advanced": { "scalingModifiers": { "target": target } },
        })));
        hpa.spec["metrics"][0]["external"]["metric"]["name"]
            .as_str()
            .map(str::to_owned)
    };
    assert_eq!(with("5").as_deref(), Some("composite-metric"));
    assert_eq!(with("0").as_deref(), Some("s0-prometheus"));
    assert_eq!(with("x").as_deref(), Some("s0-prometheus"));
}

#[test]
fn several_metrics_of_an_external_trigger_share_its_prefix() {
    let external = json!({ "type": "external", "metadata": { "scalerAddress": "s:1" } });
    let metric = |name: &str, target_size, target_size_float| ExternalMetric {
        name: name.to_owned(),
        target_size,
        target_size_float,
    };
    let specs = built(&external)
        .expect("a scaler")
        .metric_specs(&[metric("a", 3, 0.0), metric("b", 3, 7.25)]);
    let seen: Vec<_> = specs
        .iter()
        .map(|spec| {
            (
                spec.external_name(),
                spec.target.amount.map(|amount| amount.to_string()),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Some("s0-a"), Some("3".to_owned())),
            (Some("s0-b"), Some("7250m".to_owned()))
        ]
    );
    let twice = vec![specs[0].clone(), specs[0].clone()];
    assert_eq!(
        hpa_metrics(&object(json!({})), twice),
        Err("metricName s0-a defined multiple times in ScaledObject so".to_owned())
    );
}

#[test]
fn labels_and_annotations_are_those_of_the_object_over_kedas_own() {
    let mut scaled = object(json!({ "triggers": [prometheus(json!({}))] }));
    scaled.metadata.name = "x".repeat(52) + "...yz";
    let labels = [
        ("team", "a"),
        ("x", "b"),
        ("app.kubernetes.io/part-of", "mine"),
    ];
    scaled.metadata.labels = labels
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    let excluded = (EXCLUDED_LABELS.to_owned(), "team,z".to_owned());
    scaled.metadata.annotations = Some([excluded.clone()].into());
    let hpa = generated(&scaled);
    let label = |key: &str| hpa.labels.get(key).map(String::as_str);
    assert_eq!(
        label("app.kubernetes.io/name").map(str::len),
        Some(61),
        "cut at 63, points trimmed"
    );
    assert_eq!(label("app.kubernetes.io/part-of"), Some("mine"));
    assert_eq!(label("app.kubernetes.io/managed-by"), Some("keda-operator"));
    assert_eq!(label("app.kubernetes.io/version"), Some("2.20.2"));
    assert_eq!((label("team"), label("x")), (None, Some("b")));
    assert_eq!(label(OWNER_LABEL), Some(scaled.metadata.name.as_str()));
    assert_eq!(hpa.annotations, Some([excluded].into()));
    let manifest = hpa.manifest();
    assert_eq!(
        manifest["metadata"]["ownerReferences"][0]["kind"],
        "ScaledObject"
    );
    assert_eq!(manifest["kind"], "HorizontalPodAutoscaler");
}

#[test]
fn a_direction_is_disabled_over_what_is_written() {
    let mut scaled = object(json!({
        "triggers": [prometheus(json!({}))],
        "advanced": { "horizontalPodAutoscalerConfig": { "behavior": {
            "scaleDown": { "stabilizationWindowSeconds": 7, "selectPolicy": "Max" } } } },
    }));
    let annotations = [(PAUSED_SCALE_IN, "yes"), (PAUSED_SCALE_OUT, "false")];
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    scaled.metadata.annotations = Some(annotations.map(owned).into());
    let behavior =
        json!({ "scaleDown": { "stabilizationWindowSeconds": 7, "selectPolicy": "Disabled" } });
    assert_eq!(generated(&scaled).spec["behavior"], behavior);
}

#[test]
fn a_behavior_that_is_no_object_is_not_read() {
    let config = json!({ "horizontalPodAutoscalerConfig": { "behavior": "fast" } });
    let object = json!({
        "metadata": { "name": "so" },
        "spec": { "scaleTargetRef": { "name": "web" }, "triggers": [], "advanced": config },
    });
    assert!(ScaledObject::from_value(&object).is_err());
}
