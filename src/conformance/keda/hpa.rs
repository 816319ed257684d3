//! Kind `keda_hpa`: a ScaledObject in, the generated HPA out, or who refuses it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::super::table::difference;
use super::super::{ReplayError, Report};
use crate::autoscaler::keda::{
    AuthParams, ExternalMetric, MetricSpec, ScaledObject, ScalerConfig, build,
    check_replica_bounds, compile, hpa_metrics, new_hpa, validate_triggers,
};

#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    scaled_object: Value,
    expected: Expected,
}

#[derive(Debug, Deserialize, PartialEq, Default)]
#[serde(default)]
struct Expected {
    rejected_by: Option<String>,
    hpa_name: String,
    hpa_spec: Value,
    hpa_labels: BTreeMap<String, String>,
    hpa_annotations: Option<BTreeMap<String, String>>,
    #[serde(rename = "status_external_metric_names")]
    external_metric_names: Option<Vec<String>>,
    #[serde(rename = "status_resource_metric_names")]
    resource_metric_names: Option<Vec<String>>,
    #[serde(rename = "status_composite")]
    composite: String,
}

/// Who refused, in the recording's words, and why.
type Refusal = (&'static str, String);

/// Replays every object.
pub(in super::super) fn replay(text: &str) -> Result<Report, ReplayError> {
    super::super::lines::replay(text, |case: &Case, report| {
        let (got, why) = match generate(&case.scaled_object) {
            Ok(got) => (got, String::new()),
            Err((who, why)) => {
                let got = Expected {
                    rejected_by: Some(who.to_owned()),
                    ..Expected::default()
                };
                (got, why)
            }
        };
        let input = (why, case.scaled_object.to_string());
        report.step(difference(case.id.clone(), &case.expected, &got, &input));
        Ok(())
    })
}

fn generate(value: &Value) -> Result<Expected, Refusal> {
    let object = ScaledObject::from_value(value).map_err(|why| ("reading", why))?;
    check_replica_bounds(&object).map_err(|why| ("replica_bounds", why))?;
    validate_triggers(&object.spec.triggers).map_err(|why| ("triggers", why))?;
    let refused = |why| ("hpa", why);
    let specs = specs(&object).map_err(refused)?;
    compile(&object).map_err(refused)?;
    let metrics = hpa_metrics(&object, specs).map_err(refused)?;
    let mut hpa = new_hpa(&object, &metrics.specs);
    hpa.labels.remove("app.kubernetes.io/version");
    let some = |names: Vec<String>| Some(names).filter(|names| !names.is_empty());
    Ok(Expected {
        rejected_by: None,
        hpa_name: hpa.name,
        hpa_spec: hpa.spec,
        hpa_labels: hpa.labels,
        hpa_annotations: hpa.annotations,
        external_metric_names: some(metrics.external_names),
        resource_metric_names: some(metrics.resource_names),
        composite: if metrics.composite {
            "composite-metric".to_owned()
        } else {
            String::new()
        },
    })
}

fn specs(object: &ScaledObject) -> Result<Vec<MetricSpec>, String> {
    let environment = environment();
    let mut specs = Vec::new();
    for (index, trigger) in object.spec.triggers.iter().enumerate() {
        let scaler = build(ScalerConfig {
            namespace: object.metadata.namespace(),
            trigger,
            index,
            as_metric_source: object.modifiers().is_some(),
            environment: &environment,
            auth: &AuthParams::default(),
        })?;
        let named = trigger.metadata.get("metrics").map_or("", String::as_str);
        specs.extend(scaler.metric_specs(&external(named)));
    }
    Ok(specs)
}

/// The environment of the recordings' container.
fn environment() -> BTreeMap<String, String> {
    [
        ("RMQ", "http://guest:pw@rabbit.svc:15672/vh"),
        ("RHOST", "redis.svc:6379"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// `name:target,…`; a target with a point is a float.
fn external(named: &str) -> Vec<ExternalMetric> {
    let metric = |part: &str| {
        let (name, target) = part.rsplit_once(':')?;
        let mut metric = ExternalMetric {
            name: name.to_owned(),
            ..ExternalMetric::default()
        };
        if target.contains('.') {
            metric.target_size_float = target.parse().ok()?;
        } else {
            metric.target_size = target.parse().ok()?;
        }
        Some(metric)
    };
    named.split(',').filter_map(metric).collect()
}
