//! HorizontalPodAutoscalers of other versions as autoscaling/v2.
//!
//! Upstream: `pkg/apis/autoscaling/v1/conversion.go`, whose types of metrics are those of
//! autoscaling/v2beta1. The API server serves the beta versions no more.

use super::version_and_kind;
use super::versions::{key, name, text, warn};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{KeyNode, Node, Span, Value};
use crate::scenario::object::to_node;

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

/// Makes an HPA of another version one of autoscaling/v2, if its version needs that.
pub(super) fn upgrade(document: &mut Node, diagnostics: &mut Diagnostics) {
    let (version, _) = version_and_kind(document);
    match version {
        "autoscaling/v2beta1" => {
            warn(document, "autoscaling/v2", diagnostics);
            metrics(document);
        }
        "autoscaling/v2beta2" => warn(document, "autoscaling/v2", diagnostics),
        "autoscaling/v1" => {
            if !annotations(document, diagnostics) {
                return;
            }
        }
        _ => return,
    }
    name(document, "autoscaling/v2");
}

/// Converts `spec.metrics` of autoscaling/v2beta1.
fn metrics(document: &mut Node) {
    let metrics = document
        .get_mut("spec")
        .and_then(|spec| spec.get_mut("metrics"));
    if let Some(Value::List(items)) = metrics.map(|metrics| &mut metrics.value) {
        items.iter_mut().for_each(metric);
    }
}

/// Takes a field out of a table.
fn take(table: &mut Vec<(KeyNode, Node)>, name: &str) -> Option<Node> {
    let place = table.iter().position(|(key, _)| key.name == name)?;
    Some(table.remove(place).1).filter(|node| node.value != Value::Null)
}

/// A table of the fields that are there.
fn table<const N: usize>(span: Span, fields: [(&str, Option<Node>); N]) -> Node {
    let present = fields.into_iter().filter_map(|(name, node)| {
        let node = node?;
        Some((key(name, node.span), node))
    });
    Node {
        span,
        value: Value::Table(present.collect()),
    }
}

fn metric(node: &mut Node) {
    let Value::Table(sources) = &mut node.value else {
        return;
    };
    for (kind, source) in sources {
        let span = source.span;
        let Value::Table(fields) = &mut source.value else {
            continue;
        };
        match kind.name.as_str() {
            "resource" | "containerResource" => {
                let utilization = take(fields, "targetAverageUtilization");
                let average = take(fields, "targetAverageValue");
                let type_ = match &utilization {
                    Some(_) => "Utilization",
                    None => "AverageValue",
                };
                let target = [
                    ("type", Some(text(type_, span))),
                    ("averageUtilization", utilization),
                    ("averageValue", average),
                ];
                fields.push((key("target", span), table(span, target)));
            }
            "pods" => {
                identifier(fields, "selector", span);
                let target = [
                    ("type", Some(text("AverageValue", span))),
                    ("averageValue", take(fields, "targetAverageValue")),
                ];
                fields.push((key("target", span), table(span, target)));
            }
            "object" => {
                if let Some(object) = take(fields, "target") {
                    fields.push((key("describedObject", object.span), object));
                }
                identifier(fields, "selector", span);
                let value = take(fields, "targetValue");
                let average = take(fields, "averageValue");
                target(fields, value.filter(|_| average.is_none()), average, span);
            }
            "external" => {
                identifier(fields, "metricSelector", span);
                let value = take(fields, "targetValue");
                let average = take(fields, "targetAverageValue");
                target(fields, value, average, span);
            }
            _ => {}
        }
    }
}

/// The metric's name and selector as one field.
fn identifier(fields: &mut Vec<(KeyNode, Node)>, selector: &str, span: Span) {
    let metric = [
        ("name", take(fields, "metricName")),
        ("selector", take(fields, selector)),
    ];
    fields.push((key("metric", span), table(span, metric)));
}

fn target(
    fields: &mut Vec<(KeyNode, Node)>,
    value: Option<Node>,
    average: Option<Node>,
    span: Span,
) {
    let type_ = match &value {
        Some(_) => "Value",
        None => "AverageValue",
    };
    let target = [
        ("type", Some(text(type_, span))),
        ("value", value),
        ("averageValue", average),
    ];
    fields.push((key("target", span), table(span, target)));
}

/// Takes what autoscaling/v1 has no fields for from its annotations; whether there is any.
fn annotations(document: &mut Node, diagnostics: &mut Diagnostics) -> bool {
    let all = document
        .get_mut("metadata")
        .and_then(|metadata| metadata.get_mut("annotations"));
    let Some(Value::Table(all)) = all.map(|all| &mut all.value) else {
        return false;
    };
    let mut read = |name: &str| {
        let node = take(all, name)?;
        let json = serde_json::from_str(node.text()?).ok();
        let made = json.map(|json| {
            let mut made = to_node(&json);
            made.place(node.span);
            made
        });
        if made.is_none() {
            let title = format!("the annotation {name} is not JSON");
            let help = "write the HPA as autoscaling/v2";
            diagnostics
                .warning(node.span, title, "the API server takes no notice of it")
                .help = Some(help.to_owned());
        }
        made
    };
    let (metrics_read, behavior) = (read(METRICS), read(BEHAVIOR));
    let found = metrics_read.is_some() || behavior.is_some();
    let Some(spec) = document.get_mut("spec").filter(|_| found) else {
        return false;
    };
    let span = spec.span.first();
    let Value::Table(fields) = &mut spec.value else {
        return false;
    };
    let mut list = match metrics_read.map(|node| node.value) {
        Some(Value::List(items)) => items,
        _ => Vec::new(),
    };
    list.iter_mut().for_each(metric);
    if let Some(percent) = take(fields, "targetCPUUtilizationPercentage") {
        let place = percent.span;
        let target = [
            ("type", Some(text("Utilization", place))),
            ("averageUtilization", Some(percent)),
        ];
        let resource = [
            ("name", Some(text("cpu", place))),
            ("target", Some(table(place, target))),
        ];
        let one = [
            ("type", Some(text("Resource", place))),
            ("resource", Some(table(place, resource))),
        ];
        list.push(table(place, one));
    }
    if !list.is_empty() {
        let value = Value::List(list);
        fields.push((key("metrics", span), Node { span, value }));
    }
    if let Some(mut behavior) = behavior {
        lower(&mut behavior);
        fields.push((key("behavior", behavior.span), behavior));
    }
    true
}

/// The annotation holds the internal type: its fields begin with capitals.
fn lower(node: &mut Node) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(lower),
        Value::Table(entries) => {
            for (key, node) in entries {
                if let Some(first) = key.name.get(..1) {
                    let small = first.to_ascii_lowercase();
                    key.name.replace_range(..1, &small);
                }
                lower(node);
            }
        }
        _ => {}
    }
}
