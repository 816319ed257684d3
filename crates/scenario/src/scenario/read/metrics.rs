//! `[[metric]]`: what the custom and external metrics APIs serve.

use super::known::Known;
use super::queues::Queues;
use super::services::number_curve;
use super::{label_table, position};
use crate::metrics::spec::{
    CustomMetricSpec, MetricOf, MetricSource, QueueCounter, ServiceCounter,
};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::Node;
use crate::scenario::reader::Reader;
use crate::sim::SimDuration;
use crate::workload::spec::ServerSpec;

pub(super) fn metrics(
    root: &mut Reader<'_>,
    known: &Known<'_>,
    services: &[ServerSpec],
    queues: &Queues,
    diagnostics: &mut Diagnostics,
) -> Vec<CustomMetricSpec> {
    let mut made = Vec::new();
    for item in root.list("metric", diagnostics) {
        if let Some(mut table) = Reader::new(item, "`metric`", diagnostics) {
            made.extend(metric(&mut table, known, services, queues, diagnostics));
            table.finish("`metric`", diagnostics);
        }
    }
    made
}

fn metric(
    table: &mut Reader<'_>,
    known: &Known<'_>,
    services: &[ServerSpec],
    queues: &Queues,
    diagnostics: &mut Diagnostics,
) -> Option<CustomMetricSpec> {
    if table.get("name").is_none() {
        let example = "name = \"celery_queue_depth\"";
        table.missing("name", "`metric`", example, diagnostics);
    }
    let name = table.text("name", diagnostics).map(str::to_owned);
    let of = of(table, known, diagnostics);
    let labels = label_table("labels", table, diagnostics);
    let delay = table.duration("delay", diagnostics).unwrap_or_default();
    let source = source(table, known, services, queues, diagnostics);
    Some(CustomMetricSpec {
        name: name?,
        of: of?,
        labels,
        source: source?,
        delay,
    })
}

/// What the metric describes.
fn of(
    table: &mut Reader<'_>,
    known: &Known<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<MetricOf> {
    let workload = table.get("workload");
    let object = table.get("object");
    if table.get("type").is_none() {
        table.missing("type", "`metric`", "type = \"external\"", diagnostics);
    }
    let kind = table.one_of("type", &["external", "pods", "object"], diagnostics)?;
    match (kind, workload, object) {
        ("external", None, None) => Some(MetricOf::External),
        ("pods", Some(node), None) => known
            .workload("workload", node, diagnostics)
            .map(MetricOf::Pods),
        ("object", None, Some(node)) => {
            let mut inner = Reader::new(node, "`object`", diagnostics)?;
            let mut need = |key: &'static str, example: &str| {
                if inner.get(key).is_none() {
                    inner.missing(key, "`object`", example, diagnostics);
                }
                inner.text(key, diagnostics).map(str::to_owned)
            };
            let kind = need("kind", "kind = \"Ingress\"");
            let name = need("name", "name = \"main-route\"");
            inner.finish("`object`", diagnostics);
            Some(MetricOf::Object {
                kind: kind?,
                name: name?,
            })
        }
        (kind, ..) => {
            let label = match kind {
                "external" => "an external metric has neither `workload` nor `object`",
                "pods" => "a metric of pods has a `workload`, and no `object`",
                _ => "a metric of an object has an `object`, and no `workload`",
            };
            let span = table.key_span("type");
            diagnostics.error(span, "it is not clear what the metric describes", label);
            None
        }
    }
}

/// Where the metric's values come from.
pub(super) fn source(
    table: &mut Reader<'_>,
    known: &Known<'_>,
    services: &[ServerSpec],
    queues: &Queues,
    diagnostics: &mut Diagnostics,
) -> Option<MetricSource> {
    const COUNTERS: &[&str] = &["requests_per_second", "in_flight", "queue_depth"];
    if let Some(node) = table.get("queue") {
        return queue_source(table, node, queues, diagnostics);
    }
    let before = diagnostics.list.len();
    let window = table
        .duration("window", diagnostics)
        .unwrap_or(SimDuration::from_secs(60));
    let series = table
        .get("series")
        .map(|node| number_curve("series", node, diagnostics));
    let has_service = table.get("service").is_some();
    let service = if known.all_services {
        table.read("service", diagnostics, |node| {
            let names: Vec<&str> = services.iter().map(|one| one.name.as_str()).collect();
            position(node, &names, "service")
        })
    } else {
        None
    };
    let has_counter = table.get("counter").is_some();
    let counter = table
        .one_of("counter", COUNTERS, diagnostics)
        .map(|name| match name {
            "requests_per_second" => ServiceCounter::RequestsPerSecond,
            "in_flight" => ServiceCounter::InFlight,
            _ => ServiceCounter::QueueDepth,
        });
    match (series, has_service, has_counter) {
        (Some(points), false, false) => Some(MetricSource::Series(points)),
        (None, true, true) => Some(MetricSource::Service {
            service: service?,
            counter: counter?,
            window,
        }),
        _ if diagnostics.list.len() > before => None,
        _ => {
            let label = "give `series`, or `queue`, or `service` and `counter`";
            let span = table.key_span("name");
            diagnostics.error(span, "a metric has exactly one source", label);
            None
        }
    }
}

/// A metric that is read of a queue.
fn queue_source(
    table: &mut Reader<'_>,
    node: &Node,
    queues: &Queues,
    diagnostics: &mut Diagnostics,
) -> Option<MetricSource> {
    const COUNTERS: &[&str] = &["ready", "unacked", "messages", "lag", "oldest_seconds"];
    let queue = queues.find("queue", node, diagnostics);
    let is_topic = queue.is_some_and(|queue| queues.is_topic(queue));
    let counter = match table.one_of("counter", COUNTERS, diagnostics) {
        Some(name) => QueueCounter::ALL.into_iter().find(|one| one.name() == name),
        None if table.get("counter").is_some() => None,
        None if is_topic => Some(QueueCounter::Lag),
        None => Some(QueueCounter::Ready),
    };
    let mut fits = true;
    for key in ["series", "service", "window"] {
        if table.get(key).is_some() {
            let title = format!("`{key}` does not go with `queue`");
            let label = "a metric has exactly one source";
            diagnostics.error(table.key_span(key), title, label);
            fits = false;
        }
    }
    if counter == Some(QueueCounter::Lag) && queue.is_some() && !is_topic {
        let title = "only a topic of `kafka` has a lag";
        diagnostics.error(table.key_span("counter"), title, "of another kind");
        fits = false;
    }
    fits.then_some(MetricSource::Queue {
        queue: queue?,
        counter: counter?,
    })
}
