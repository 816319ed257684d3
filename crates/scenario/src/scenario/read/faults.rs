//! `[[fault]]`: what goes wrong from outside, and for how long.

use super::actions::begin;
use super::known::Known;
use super::{node_names, trigger_sources};
use crate::cluster::spec::NodeGroupSpec;
use crate::metrics::spec::{CustomMetricSpec, MetricOf};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::model::{
    Component, Fault, FaultKind, ImagePull, MetricType, NodeName, TriggerOutage,
};
use crate::scenario::node::{Node, Value};
use crate::scenario::reader::{self, Reader, expected, number};
use crate::scenario::suggest::advice;
use crate::sim::{SimDuration, SimTime};

/// What a fault can be, each with an example.
const SORTS: [(&str, &str); 8] = [
    ("down", "down = \"metrics-server\""),
    ("kubelet", "kubelet = \"general-1\""),
    ("node", "node = \"general-1\""),
    ("shutdown", "shutdown = \"general-1\""),
    ("metric", "metric = \"queue_depth\""),
    ("trigger", "trigger = \"ScaledObject/worker\""),
    ("image_pull", "image_pull = \"60s\""),
    ("no_image", "no_image = \"api:2\""),
];

const COMPONENTS: [(&str, Component); 8] = [
    ("metrics-server", Component::MetricsServer),
    ("vpa-recommender", Component::VpaRecommender),
    ("vpa-updater", Component::VpaUpdater),
    (
        "vpa-admission-controller",
        Component::VpaAdmissionController,
    ),
    ("prometheus", Component::Prometheus),
    ("prometheus-adapter", Component::PrometheusAdapter),
    ("keda-operator", Component::KedaOperator),
    (
        "keda-operator-metrics-apiserver",
        Component::KedaMetricsApiserver,
    ),
];

/// What faults can be about.
type Targets<'a> = (&'a [NodeGroupSpec], &'a [CustomMetricSpec], &'a Known<'a>);

/// When the run ends, and how long nodes take to shut down.
type Times = (Option<SimTime>, SimDuration);

pub(super) fn faults(
    root: &mut Reader<'_>,
    targets: Targets<'_>,
    times: Times,
    diagnostics: &mut Diagnostics,
) -> Vec<Fault> {
    let mut made = Vec::new();
    for item in root.list("fault", diagnostics) {
        if let Some(mut table) = Reader::new(item, "`fault`", diagnostics) {
            made.extend(fault(&mut table, targets, times, diagnostics));
            table.finish("`fault`", diagnostics);
        }
    }
    made.sort_by_key(|fault| fault.at);
    made
}

fn fault(
    table: &mut Reader<'_>,
    (node_groups, metrics, known): Targets<'_>,
    (end, shuts_down): Times,
    diagnostics: &mut Diagnostics,
) -> Option<Fault> {
    let at = begin(table, "`fault`", end, diagnostics);
    let lasts = table.read("for", diagnostics, |node| match reader::duration(node)? {
        SimDuration::ZERO => Err("a fault lasts longer than 0s".to_owned()),
        lasts => Ok(lasts),
    });
    let down = table.read("down", diagnostics, |node| down(node, node_groups));
    let kubelet = table.read("kubelet", diagnostics, |node| node_of(node, node_groups));
    let node = table.read("node", diagnostics, |node| node_of(node, node_groups));
    let shutdown = table.read("shutdown", diagnostics, |node| node_of(node, node_groups));
    if shutdown.is_some() && lasts.is_some_and(|lasts| lasts <= shuts_down) {
        let reason = format!("must be longer than `shutdownGracePeriod` ({shuts_down})");
        let title = "the node is back before it is off";
        diagnostics.error(table.key_span("for"), title, reason);
    }
    let metric_type = table.one_of("type", &["pods", "object", "external"], diagnostics);
    let metric_type = metric_type.map(|name| match name {
        "pods" => MetricType::Pods,
        "object" => MetricType::Object,
        _ => MetricType::External,
    });
    let metric = table.read("metric", diagnostics, |node| {
        metric(node, metric_type, metrics)
    });
    let trigger = table.read("trigger", diagnostics, |node| trigger(node, known));
    let pull = table.read("image_pull", diagnostics, image_pull);
    let no_image = table.text("no_image", diagnostics);
    let place = table.span().first();
    if metric_type.is_some() && table.get("metric").is_none() {
        let span = table.key_span("type");
        diagnostics.error(span, "`type` belongs to `metric`", "of which metric?");
    }
    if !is_one(table, diagnostics) {
        return None;
    }
    let metric = metric.map(|name| FaultKind::Metric { name, metric_type });
    let kinds = [
        down,
        kubelet.map(FaultKind::Kubelet),
        node.map(FaultKind::Node),
        shutdown.map(FaultKind::Shutdown),
        metric,
        trigger.map(FaultKind::Trigger),
        pull.map(FaultKind::ImagePull),
        no_image.map(|image| FaultKind::NoImage(image.to_owned())),
    ];
    let kind = kinds.into_iter().flatten().next()?;
    let at = at?;
    Some(Fault {
        at,
        until: lasts.map(|lasts| at + lasts),
        kind,
        place,
    })
}

/// Whether the table names exactly one fault.
fn is_one(table: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> bool {
    let given: Vec<&str> = SORTS
        .into_iter()
        .map(|(key, _)| key)
        .filter(|key| table.get(key).is_some())
        .collect();
    let examples = || {
        let examples = SORTS.map(|(_, example)| format!("`{example}`"));
        format!("write one of {}", examples.join(", "))
    };
    match given.as_slice() {
        [_] => true,
        [] => {
            let span = table.span().first();
            diagnostics
                .error(
                    span,
                    "it is not said what goes wrong",
                    "this fault does nothing",
                )
                .help = Some(examples());
            false
        }
        [first, second, ..] => {
            let title = format!("a fault is either `{first}` or `{second}`");
            diagnostics
                .error(table.key_span(second), title, "the second of them")
                .help = Some("write a `[[fault]]` of its own for each".to_owned());
            false
        }
    }
}

/// A component, or a zone.
fn down(node: &Node, groups: &[NodeGroupSpec]) -> Result<FaultKind, String> {
    let Some(zone) = node.text().and_then(|text| text.strip_prefix("zone/")) else {
        return component(node).map(FaultKind::Down);
    };
    let zones: Vec<&str> = (groups.iter())
        .map(|group| group.zone.as_str())
        .filter(|zone| !zone.is_empty())
        .collect();
    if zones.contains(&zone) {
        return Ok(FaultKind::Zone(zone.to_owned()));
    }
    if zones.is_empty() {
        return Err("no `[[node_group]]` has a `zone`".to_owned());
    }
    Err(format!(
        "no node group is in zone `{zone}`; {}",
        advice(zone, &zones)
    ))
}

fn component(node: &Node) -> Result<Component, String> {
    let text = node.text().ok_or_else(|| expected("a string", node))?;
    let found = COMPONENTS.iter().find(|(name, _)| *name == text);
    let names = COMPONENTS.map(|(name, _)| name);
    found
        .map(|(_, component)| *component)
        .ok_or_else(|| format!("unknown component \"{text}\"; {}", advice(text, &names)))
}

fn node_of(node: &Node, groups: &[NodeGroupSpec]) -> Result<NodeName, String> {
    let text = node
        .text()
        .ok_or_else(|| expected("the name of a node", node))?;
    node_names::find(text, groups)
        .ok_or_else(|| format!("no node `{text}`; {}", node_names::advice(text, groups)))
}

/// A metric that some `[[metric]]` serves.
fn metric(
    node: &Node,
    metric_type: Option<MetricType>,
    metrics: &[CustomMetricSpec],
) -> Result<String, String> {
    let text = node
        .text()
        .ok_or_else(|| expected("the name of a metric", node))?;
    let fits = |one: &&CustomMetricSpec| {
        let own = match one.of {
            MetricOf::Pods(_) => MetricType::Pods,
            MetricOf::Object { .. } => MetricType::Object,
            MetricOf::External => MetricType::External,
        };
        metric_type.is_none_or(|wanted| wanted == own)
    };
    let names: Vec<&str> = metrics
        .iter()
        .filter(fits)
        .map(|one| one.name.as_str())
        .collect();
    if names.contains(&text) {
        return Ok(text.to_owned());
    }
    if matches!(text, "cpu" | "memory") {
        return Err(format!(
            "{text} comes from metrics-server: write `down = \"metrics-server\"`"
        ));
    }
    if names.is_empty() {
        return Err(format!("no `[[metric]]` of this type serves `{text}`"));
    }
    Err(format!(
        "no `[[metric]]` serves `{text}`; {}",
        advice(text, &names)
    ))
}

/// `ScaledObject/worker`, `ScaledJob/shop/worker`, or one trigger: `ScaledObject/worker[0]`.
fn trigger(node: &Node, known: &Known<'_>) -> Result<TriggerOutage, String> {
    let text = node.text().ok_or_else(|| expected("a string", node))?;
    let (object, place) = match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
        Some((object, place)) => (object, Some(place)),
        None => (text, None),
    };
    let (kind, name) = match object.split_once('/') {
        Some(("ScaledObject", name)) => ("ScaledObject", name),
        Some(("ScaledJob", name)) => ("ScaledJob", name),
        _ => {
            return Err(format!(
                "`{object}` is no ScaledObject and no ScaledJob: write `ScaledObject/NAME`"
            ));
        }
    };
    let with = |value: Value| Node {
        span: node.span,
        value,
    };
    let (metadata, triggers) =
        trigger_sources::object(kind, &with(Value::Text(name.to_owned())), known)?;
    let place = place.map(|place| {
        let value = place
            .parse()
            .map_or_else(|_| Value::Text(place.to_owned()), Value::Int);
        trigger_sources::place(&with(value), triggers)
    });
    Ok(TriggerOutage {
        kind,
        namespace: metadata.namespace.clone(),
        name: metadata.name.clone(),
        trigger: place.transpose()?,
    })
}

/// A duration, or a factor.
fn image_pull(node: &Node) -> Result<ImagePull, String> {
    match node.value {
        Value::Text(_) => reader::duration(node).map(ImagePull::Takes),
        Value::Int(_) | Value::Float(_) => match number(node)? {
            0.0 => Err("a factor is above 0".to_owned()),
            factor => Ok(ImagePull::Times(factor)),
        },
        _ => Err(expected("a duration such as \"60s\", or a factor", node)),
    }
}
