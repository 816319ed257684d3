//! An HPA.
//!
//! Upstream: `describeHorizontalPodAutoscalerV2`, `printDirectionBehavior`.

use serde_json::Value;

use super::super::cells::{items, number, quantity, text};
use super::date::date_at;
use super::writer::Writer;

const UNKNOWN: &str = "<unknown>";

pub(super) fn describe(hpa: &Value, writer: &mut Writer) {
    writer.metadata(hpa);
    let created = date_at(hpa, &["metadata", "creationTimestamp"]);
    writer.write(0, &format!("CreationTimestamp:\t{created}\n"));
    let target = |field| text(hpa, &["spec", "scaleTargetRef", field]).unwrap_or_default();
    let reference = format!("{}/{}", target("kind"), target("name"));
    writer.write(0, &format!("Reference:\t{reference}\n"));
    writer.write(0, "Metrics:\t( current / target )\n");
    let statuses = items(hpa, &["status", "currentMetrics"]);
    for (at, metric) in items(hpa, &["spec", "metrics"]).iter().enumerate() {
        let status = statuses.get(at).unwrap_or(&Value::Null);
        writer.write(1, &metric_line(metric, status));
    }
    let least = hpa["spec"]["minReplicas"].as_i64();
    let least = least.map_or_else(|| "<unset>".to_owned(), |least| least.to_string());
    writer.write(0, &format!("Min replicas:\t{least}\n"));
    let most = number(hpa, &["spec", "maxReplicas"]);
    writer.write(0, &format!("Max replicas:\t{most}\n"));
    if let Some(behavior) = hpa["spec"].get("behavior").filter(|it| !it.is_null()) {
        writer.write(0, "Behavior:\n");
        direction(writer, "Scale Up", &behavior["scaleUp"]);
        direction(writer, "Scale Down", &behavior["scaleDown"]);
    }
    let [current, desired] =
        ["currentReplicas", "desiredReplicas"].map(|field| number(hpa, &["status", field]));
    let kind = target("kind");
    writer.write(
        0,
        &format!("{kind} pods:\t{current} current / {desired} desired\n"),
    );
    conditions(writer, items(hpa, &["status", "conditions"]));
}

fn conditions(writer: &mut Writer, conditions: &[Value]) {
    if conditions.is_empty() {
        return;
    }
    writer.write(0, "Conditions:\n");
    writer.write(1, "Type\tStatus\tReason\tMessage\n");
    writer.write(1, "----\t------\t------\t-------\n");
    for condition in conditions {
        let fields = ["type", "status", "reason", "message"];
        let cells = fields.map(|field| condition[field].as_str().unwrap_or_default());
        writer.write(1, &format!("{}\n", cells.join("\t")));
    }
}

fn direction(writer: &mut Writer, name: &str, rules: &Value) {
    if rules.is_null() {
        return;
    }
    writer.write(1, &format!("{name}:\n"));
    if let Some(window) = rules["stabilizationWindowSeconds"].as_i64() {
        writer.write(2, &format!("Stabilization Window: {window} seconds\n"));
    }
    let policies = items(rules, &["policies"]);
    if policies.is_empty() {
        return;
    }
    let select = rules["selectPolicy"].as_str().unwrap_or("Max");
    writer.write(2, &format!("Select Policy: {select}\n"));
    writer.write(2, "Policies:\n");
    for policy in policies {
        let kind = policy["type"].as_str().unwrap_or_default();
        let (value, period) = (
            number(policy, &["value"]),
            number(policy, &["periodSeconds"]),
        );
        writer.write(
            3,
            &format!("- Type: {kind}\tValue: {value}\tPeriod: {period} seconds\n"),
        );
    }
}

/// A quantity, which Go prints as `<nil>` where there is none.
fn amount(value: &Value) -> String {
    quantity(value).unwrap_or_else(|| "<nil>".to_owned())
}

fn metric_line(metric: &Value, status: &Value) -> String {
    let kind = metric["type"].as_str().unwrap_or_default();
    let field = match kind {
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        "Pods" => "pods",
        "Object" => "object",
        "External" => "external",
        _ => return format!("<unknown metric type {kind:?}>\n"),
    };
    let (source, target) = (&metric[field], &metric[field]["target"]);
    let name = match kind {
        "Resource" | "ContainerResource" => source["name"].as_str(),
        _ => source["metric"]["name"].as_str(),
    };
    let name = name.unwrap_or_default();
    // What the status says of this metric, if it says anything.
    let current = status.get(field).filter(|status| !status.is_null());
    let current = current.map(|status| &status["current"]);
    let now = |field: &str| current.map_or_else(|| UNKNOWN.to_owned(), |now| amount(&now[field]));
    let has_average = !target["averageValue"].is_null();
    let average = amount(&target["averageValue"]);
    let value = amount(&target["value"]);
    match kind {
        "External" if has_average => {
            let known = current.is_some_and(|now| !now["averageValue"].is_null());
            let now = if known {
                now("averageValue")
            } else {
                UNKNOWN.to_owned()
            };
            format!("{name:?} (target average value):\t{now} / {average}\n")
        }
        "External" => format!("{name:?} (target value):\t{} / {value}\n", now("value")),
        "Pods" => format!("{name:?} on pods:\t{} / {average}\n", now("averageValue")),
        "Object" => {
            let of = |field| text(source, &["describedObject", field]).unwrap_or_default();
            let object = format!("\"{name}\" on {}/{}", of("kind"), of("name"));
            if target["type"] == "AverageValue" {
                let now = now("averageValue");
                format!("{object} (target average value):\t{now} / {average}\n")
            } else {
                format!("{object} (target value):\t{} / {value}\n", now("value"))
            }
        }
        _ => {
            let pods = match source["container"].as_str() {
                Some(container) => format!("resource {name} of container \"{container}\" on pods"),
                None => format!("resource {name} on pods"),
            };
            if has_average {
                return format!("{pods}:\t{} / {average}\n", now("averageValue"));
            }
            let used = current.and_then(|now| now["averageUtilization"].as_i64());
            let used = match used {
                Some(percent) => format!("{percent}% ({})", now("averageValue")),
                None => UNKNOWN.to_owned(),
            };
            let target = target["averageUtilization"].as_i64();
            let target =
                target.map_or_else(|| "<auto>".to_owned(), |percent| format!("{percent}%"));
            // Upstream indents this part anew.
            format!("{pods}  (as a percentage of request):\t{used} / {target}\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_metric_has_its_line() {
        let none = Value::Null;
        let pods = json!({"type": "Pods", "pods": {"metric": {"name": "rps"},
            "target": {"type": "AverageValue", "averageValue": "1000"}}});
        assert_eq!(
            metric_line(&pods, &none),
            "\"rps\" on pods:\t<unknown> / 1k\n"
        );
        let status = json!({"type": "Pods", "pods": {"current": {"averageValue": "733333m"}}});
        assert_eq!(
            metric_line(&pods, &status),
            "\"rps\" on pods:\t733333m / 1k\n"
        );

        let external = |target: Value| {
            json!({"type": "External",
            "external": {"metric": {"name": "queue"}, "target": target}})
        };
        let average = external(json!({"averageValue": "50"}));
        let line = "\"queue\" (target average value):\t<unknown> / 50\n";
        assert_eq!(metric_line(&average, &none), line);
        let without = json!({"external": {"current": {"value": "0"}}});
        assert_eq!(metric_line(&average, &without), line);
        let value = external(json!({"value": "200"}));
        assert_eq!(
            metric_line(&value, &without),
            "\"queue\" (target value):\t0 / 200\n"
        );
        let nothing = json!({"external": {"current": {}}});
        assert_eq!(
            metric_line(&value, &nothing),
            "\"queue\" (target value):\t<nil> / 200\n"
        );

        let object = |target: Value| {
            json!({"type": "Object", "object": {"metric": {"name": "hits"},
            "describedObject": {"kind": "Ingress", "name": "main"}, "target": target}})
        };
        let average = object(json!({"type": "AverageValue", "averageValue": "10"}));
        assert_eq!(
            metric_line(&average, &none),
            "\"hits\" on Ingress/main (target average value):\t<unknown> / 10\n"
        );
        let value = object(json!({"type": "Value", "value": "2k"}));
        let status = json!({"object": {"current": {"value": "1500"}}});
        assert_eq!(
            metric_line(&value, &status),
            "\"hits\" on Ingress/main (target value):\t1500 / 2k\n"
        );

        let container = |target: Value| {
            json!({"type": "ContainerResource", "containerResource": {
            "name": "cpu", "container": "app", "target": target}})
        };
        let status = json!({"containerResource": {"current": {
            "averageUtilization": 40, "averageValue": "80m"}}});
        assert_eq!(
            metric_line(&container(json!({"averageUtilization": 70})), &status),
            "resource cpu of container \"app\" on pods  (as a percentage of request):\t40% (80m) / 70%\n"
        );
        assert_eq!(
            metric_line(&container(json!({"averageValue": "100m"})), &status),
            "resource cpu of container \"app\" on pods:\t80m / 100m\n"
        );
        assert_eq!(
            metric_line(&container(json!({})), &none),
            "resource cpu of container \"app\" on pods  (as a percentage of request):\t<unknown> / <auto>\n"
        );
        let unknown = json!({"type": "New"});
        assert_eq!(
            metric_line(&unknown, &none),
            "<unknown metric type \"New\">\n"
        );
    }

    #[test]
    fn rules_without_policies_have_none_to_select() {
        let mut writer = Writer::default();
        direction(&mut writer, "Scale Up", &Value::Null);
        direction(
            &mut writer,
            "Scale Down",
            &json!({"selectPolicy": "Disabled"}),
        );
        let rules = json!({"policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}]});
        direction(&mut writer, "Scale Down", &rules);
        assert_eq!(
            writer.text(),
            "  Scale Down:\n  Scale Down:\n    Select Policy: Max\n    Policies:\n\
             \x20     - Type: Pods  Value: 4  Period: 15 seconds\n"
        );
    }
}
