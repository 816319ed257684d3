//! What manifests say to Prometheus: the configuration of its adapter, its rules, and KEDA's queries.

use super::{group, version_and_kind};
use crate::scenario::node::{Node, Value};

/// The configuration of a Prometheus adapter in a ConfigMap: the text of its file.
pub(in crate::scenario) fn adapter_config(document: &Node) -> Option<&Node> {
    let is_config_map = version_and_kind(document) == ("v1", "ConfigMap");
    let data = document.get("data").filter(|_| is_config_map)?;
    let file = data.get("config.yaml")?;
    let text = file.text()?;
    let keys = ["seriesQuery", "containerQuery"];
    keys.iter().any(|key| text.contains(key)).then_some(file)
}

/// What holds rules of Prometheus: the `spec` of a PrometheusRule of its operator, or files in a ConfigMap
/// that have groups with a `record`.
pub(in crate::scenario) fn rule_files(document: &Node) -> Vec<&Node> {
    let (version, kind) = version_and_kind(document);
    match (group(version), kind) {
        ("monitoring.coreos.com", "PrometheusRule") => document.get("spec").into_iter().collect(),
        ("", "ConfigMap") => {
            let data = document.get("data").map(|data| &data.value);
            let Some(Value::Table(files)) = data else {
                return Vec::new();
            };
            let has_rules = |file: &&Node| {
                file.text()
                    .is_some_and(|text| text.contains("groups:") && text.contains("record:"))
            };
            files
                .iter()
                .map(|(_, file)| file)
                .filter(has_rules)
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The queries of the Prometheus triggers of a ScaledObject or ScaledJob.
pub(in crate::scenario) fn trigger_queries(document: &Node) -> impl Iterator<Item = &str> {
    let (version, kind) = version_and_kind(document);
    let is_scaled = group(version) == "keda.sh" && matches!(kind, "ScaledObject" | "ScaledJob");
    let spec = document.get("spec").filter(|_| is_scaled);
    let triggers = spec.and_then(|spec| spec.get("triggers"));
    let triggers = triggers.map_or(&[][..], Node::items).iter();
    triggers
        .filter(|one| one.get("type").and_then(Node::text) == Some("prometheus"))
        .filter_map(|one| one.get("metadata")?.get("query")?.text())
}
