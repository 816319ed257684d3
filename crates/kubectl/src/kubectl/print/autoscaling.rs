//! Rows of HPAs and VPAs.
//!
//! Upstream: `printers.go`, `printHorizontalPodAutoscaler`, `formatHPAMetrics`; the columns of
//! the VPA's custom resource definition.

use serde_json::Value;

use super::age::Timestamp;
use super::cells::{NONE, condition, created, int_or_text, items, number, quantity, text};
use super::columns::Printer;

pub(super) const HORIZONTAL: Printer = (
    &[
        "Reference",
        "Targets",
        "MinPods",
        "MaxPods",
        "Replicas",
        "Age",
    ],
    horizontal,
);

pub(super) const VERTICAL: Printer = (&["Mode", "CPU", "Mem", "Provided", "Age"], vertical);

/// How many metrics are shown.
const SHOWN: usize = 2;
const UNKNOWN: &str = "<unknown>";

fn horizontal(object: &Value, now: Timestamp) -> Vec<String> {
    let target = &object["spec"]["scaleTargetRef"];
    let part = |field: &str| target[field].as_str().unwrap_or_default();
    let min = object["spec"]["minReplicas"].as_i64();
    vec![
        format!("{}/{}", part("kind"), part("name")),
        targets(object),
        min.map_or_else(|| "<unset>".to_owned(), |min| min.to_string()),
        number(object, &["spec", "maxReplicas"]).to_string(),
        number(object, &["status", "currentReplicas"]).to_string(),
        created(object, now),
    ]
}

/// The metrics, each as what it is now and what it should be.
fn targets(object: &Value) -> String {
    let metrics = items(object, &["spec", "metrics"]);
    if metrics.is_empty() {
        return NONE.to_owned();
    }
    let statuses = items(object, &["status", "currentMetrics"]);
    let texts = metrics.iter().enumerate();
    let texts = texts.map(|(at, metric)| target(metric, statuses.get(at).unwrap_or(&Value::Null)));
    let shown: Vec<String> = texts.take(SHOWN).collect();
    let shown = shown.join(", ");
    match metrics.len() {
        ..=SHOWN => shown,
        all => format!("{shown} + {} more...", all - SHOWN),
    }
}

fn target(metric: &Value, status: &Value) -> String {
    let (field, resource) = match metric["type"].as_str() {
        Some("Resource") => ("resource", true),
        Some("ContainerResource") => ("containerResource", true),
        Some("Pods") => ("pods", false),
        Some("Object") => ("object", false),
        Some("External") => ("external", false),
        _ => return "<unknown type>".to_owned(),
    };
    let (source, current) = (&metric[field], &status[field]["current"]);
    let target = &source["target"];
    let now = |field: &str| quantity(&current[field]).unwrap_or_else(|| UNKNOWN.to_owned());
    if let Some(average) = quantity(&target["averageValue"]) {
        let now = now("averageValue");
        return match field {
            _ if resource => {
                let name = source["name"].as_str().unwrap_or_default();
                format!("{name}: {now}/{average}")
            }
            "pods" => format!("{now}/{average}"),
            _ => format!("{now}/{average} (avg)"),
        };
    }
    if resource {
        let percent = |value: &Value| value.as_i64().map(|percent| format!("{percent}%"));
        let now = percent(&current["averageUtilization"]);
        let target = percent(&target["averageUtilization"]);
        return format!(
            "{}: {}/{}",
            source["name"].as_str().unwrap_or_default(),
            now.as_deref().unwrap_or(UNKNOWN),
            target.as_deref().unwrap_or("<auto>"),
        );
    }
    let value = quantity(&target["value"]).unwrap_or_default();
    format!("{}/{value}", now("value"))
}

fn vertical(object: &Value, now: Timestamp) -> Vec<String> {
    let recommended = items(
        object,
        &["status", "recommendation", "containerRecommendations"],
    );
    let target = |resource: &str| {
        let first = recommended.first().map(|first| &first["target"][resource]);
        first.and_then(int_or_text).unwrap_or_default()
    };
    let provided = condition(object, "RecommendationProvided");
    let provided = provided.and_then(|condition| condition["status"].as_str());
    vec![
        text(object, &["spec", "updatePolicy", "updateMode"])
            .unwrap_or_default()
            .to_owned(),
        target("cpu"),
        target("memory"),
        provided.unwrap_or_default().to_owned(),
        created(object, now),
    ]
}

#[cfg(test)]
mod tests {
    use super::{Timestamp, vertical};
    use serde_json::json;

    #[test]
    fn a_vpa_shows_its_first_containers_target() {
        let mut vpa = json!({
            "metadata": {"creationTimestamp": "1970-01-01T00:00:00Z"},
            "spec": {"updatePolicy": {"updateMode": "Off"}},
        });
        let now = Timestamp(5_000_000_000);
        assert_eq!(vertical(&vpa, now), ["Off", "", "", "", "5s"]);
        vpa["status"] = json!({
            "conditions": [{"type": "RecommendationProvided", "status": "True"}],
            "recommendation": {"containerRecommendations": [
                {"containerName": "a", "target": {"cpu": "250m", "memory": "524288k"}},
                {"containerName": "b", "target": {"cpu": "1"}},
            ]},
        });
        assert_eq!(
            vertical(&vpa, now),
            ["Off", "250m", "524288k", "True", "5s"]
        );
    }
}
