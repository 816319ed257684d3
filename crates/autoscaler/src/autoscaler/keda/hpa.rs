//! The HPA that KEDA makes of a ScaledObject: `controllers/keda/hpa.go`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fallback::COMPOSITE_METRIC;
use super::go;
use super::metric::{
    AVERAGE_VALUE, Amount, MetricSource, MetricSpec, MetricTarget, UTILIZATION, VALUE,
};
use super::scaled_object::{EXCLUDED_LABELS, Metadata, ScaledObject};

/// The version that KEDA's labels name.
const VERSION: &str = "2.20.2";
/// The longest value of a label.
const LABEL_LENGTH: usize = 63;

/// A HorizontalPodAutoscaler as KEDA writes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Hpa {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations: those of the ScaledObject.
    pub annotations: Option<BTreeMap<String, String>>,
    /// The ScaledObject that owns and controls it.
    pub owner: String,
    /// `spec`, as in a manifest.
    pub spec: Value,
}

impl Hpa {
    /// The whole object of `autoscaling/v2`.
    pub fn manifest(&self) -> Value {
        let mut metadata = json!({
            "name": self.name,
            "namespace": self.namespace,
            "labels": self.labels,
            "ownerReferences": [{
                "apiVersion": "keda.sh/v1alpha1",
                "kind": "ScaledObject",
                "name": self.owner,
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        });
        if let Some(annotations) = &self.annotations {
            metadata["annotations"] = json!(annotations);
        }
        json!({
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": metadata,
            "spec": self.spec,
        })
    }

    /// Whether KEDA would write this HPA over the one that it finds.
    pub fn differs_from(&self, found: &Self) -> bool {
        let missing = |wanted: &BTreeMap<String, String>,
                       found: Option<&BTreeMap<String, String>>| {
            wanted
                .iter()
                .any(|(key, value)| found.and_then(|found| found.get(key)) != Some(value))
        };
        let annotations = match (&self.annotations, &found.annotations) {
            (None, found) => found.is_some(),
            (Some(wanted), found) => missing(wanted, found.as_ref()),
        };
        self.spec != found.spec || missing(&self.labels, Some(&found.labels)) || annotations
    }
}

/// The metrics of an HPA, with the names that the status notes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HpaMetrics {
    /// The HPA's metrics, sorted by type.
    pub specs: Vec<MetricSpec>,
    /// Names of all triggers' external metrics, in the triggers' order.
    pub external_names: Vec<String>,
    /// `cpu` and `memory` of resource metrics, in the triggers' order.
    pub resource_names: Vec<String>,
    /// Whether a composite metric replaces the external ones.
    pub composite: bool,
}

/// The HPA's name.
pub fn hpa_name(object: &ScaledObject) -> String {
    let advanced = object.spec.advanced.as_ref();
    let config = advanced.and_then(|advanced| advanced.horizontal_pod_autoscaler_config.as_ref());
    match config {
        Some(config) if !config.name.is_empty() => config.name.clone(),
        _ => format!("keda-hpa-{}", object.metadata.name),
    }
}

/// `getScaledObjectMetricSpecs`: the HPA's metrics from those of the scalers.
pub fn hpa_metrics(
    object: &ScaledObject,
    mut specs: Vec<MetricSpec>,
) -> Result<HpaMetrics, String> {
    let name = &object.metadata.name;
    if specs.is_empty() {
        return Err(format!(
            "no metric specs returned from scalers for ScaledObject {}/{name}",
            object.metadata.namespace()
        ));
    }
    let mut metrics = HpaMetrics::default();
    for spec in &specs {
        match &spec.source {
            MetricSource::Resource { resource } => metrics.resource_names.push(resource.clone()),
            MetricSource::ContainerResource { .. } => {}
            MetricSource::External { name: metric } => {
                if metrics.external_names.contains(metric) {
                    return Err(format!(
                        "metricName {metric} defined multiple times in ScaledObject {name}"
                    ));
                }
                metrics.external_names.push(metric.clone());
            }
        }
    }
    specs.sort_by_key(MetricSpec::kind);
    if let Some(modifiers) = object.modifiers() {
        let kind = match modifiers.metric_type.as_str() {
            "" => AVERAGE_VALUE,
            UTILIZATION => {
                return Err(
                    "error metric target type is Utilization, but it needs to be AverageValue or \
                     Value for external metrics"
                        .to_owned(),
                );
            }
            other => other,
        };
        let target = go::parse_float(&modifiers.target).unwrap_or(0.0);
        if target > 0.0 {
            let amount = Amount::milli(super::expr::go_int(target * 1000.0));
            specs.retain(|spec| matches!(spec.source, MetricSource::Resource { .. }));
            specs.push(MetricSpec {
                source: MetricSource::External {
                    name: COMPOSITE_METRIC.to_owned(),
                },
                target: composite_target(kind, amount),
            });
            metrics.composite = true;
        }
    }
    metrics.specs = specs;
    Ok(metrics)
}

/// A target of another type than these two has no amount.
fn composite_target(kind: &str, amount: Amount) -> MetricTarget {
    let mut target = MetricTarget::of(kind, amount);
    if kind != AVERAGE_VALUE && kind != VALUE {
        target.amount = None;
    }
    target
}

/// `newHPAForScaledObject`.
pub fn new_hpa(object: &ScaledObject, specs: &[MetricSpec]) -> Hpa {
    let name = hpa_name(object);
    let advanced = object.spec.advanced.as_ref();
    let config = advanced.and_then(|advanced| advanced.horizontal_pod_autoscaler_config.as_ref());
    let mut behavior = config.and_then(|config| config.behavior.clone());
    let pauses = [
        ("scaleDown", object.pauses_scale_in()),
        ("scaleUp", object.pauses_scale_out()),
    ];
    for (direction, paused) in pauses {
        if paused {
            disable(&mut behavior, direction);
        }
    }
    let reference = &object.spec.scale_target_ref;
    let (api_version, kind) = reference.version_and_kind();
    let metrics: Vec<Value> = specs
        .iter()
        .map(|spec| spec.manifest(&object.metadata.name))
        .collect();
    let mut spec = json!({
        "scaleTargetRef": { "kind": kind, "name": reference.name, "apiVersion": api_version },
        "minReplicas": object.hpa_min_replicas(),
        "maxReplicas": object.hpa_max_replicas(),
        "metrics": metrics,
    });
    if let Some(behavior) = behavior {
        spec["behavior"] = Value::Object(behavior);
    }
    Hpa {
        labels: labels(&object.metadata, &name, EXCLUDED_LABELS),
        name,
        namespace: object.metadata.namespace().to_owned(),
        annotations: object.metadata.annotations.clone(),
        owner: object.metadata.name.clone(),
        spec,
    }
}

/// Sets `selectPolicy: Disabled` for one direction, over what is written.
fn disable(behavior: &mut Option<Map<String, Value>>, direction: &str) {
    let behavior = behavior.get_or_insert_default();
    let rules = behavior.entry(direction).or_insert_with(|| json!({}));
    if !rules.is_object() {
        *rules = json!({});
    }
    rules["selectPolicy"] = "Disabled".into();
}

/// KEDA's own labels for what it makes and, over them, the object's without those that its
/// annotation `excluded` lists.
pub(super) fn labels(
    metadata: &Metadata,
    mut name: &str,
    excluded: &str,
) -> BTreeMap<String, String> {
    if name.len() > LABEL_LENGTH {
        let end = (0..=LABEL_LENGTH)
            .rev()
            .find(|end| name.is_char_boundary(*end));
        name = name[..end.unwrap_or(0)].trim_end_matches(|c: char| !c.is_alphanumeric());
    }
    let mut labels: BTreeMap<String, String> = [
        ("app.kubernetes.io/name", name),
        ("app.kubernetes.io/version", VERSION),
        ("app.kubernetes.io/part-of", &metadata.name),
        ("app.kubernetes.io/managed-by", "keda-operator"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let excluded = metadata.annotation(excluded);
    let is_excluded =
        |key: &str| excluded.is_some_and(|keys| keys.split(',').any(|excluded| excluded == key));
    for (key, value) in &metadata.labels {
        if !is_excluded(key) {
            labels.insert(key.clone(), value.clone());
        }
    }
    labels
}
