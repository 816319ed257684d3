//! `[[trigger_source]]`: what the triggers of ScaledObjects and ScaledJobs look at.

use super::known::Known;
use super::metrics::source;
use super::queues::Queues;
use crate::autoscaler::keda::{Metadata, ScaleTrigger};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::model::{ExternalScaler, TriggerRef, TriggerSource};
use crate::scenario::node::{Node, Value};
use crate::scenario::reader::{Reader, expected};
use crate::scenario::suggest::advice;
use crate::workload::spec::ServerSpec;

/// Types of triggers that look at the clock or at the cluster itself.
const WITHOUT_SOURCE: [&str; 4] = ["cpu", "memory", "cron", "kubernetes-workload"];

/// Whether what a trigger looks at is outside of what is simulated.
pub(super) fn needs_source(trigger: &ScaleTrigger) -> bool {
    !WITHOUT_SOURCE.contains(&trigger.kind.as_str())
}

/// The key that names an object of a kind.
const KEYS: [(&str, &str); 2] = [
    ("ScaledObject", "scaled_object"),
    ("ScaledJob", "scaled_job"),
];

pub(super) fn trigger_sources(
    root: &mut Reader<'_>,
    known: &Known<'_>,
    served: (&[ServerSpec], &Queues),
    diagnostics: &mut Diagnostics,
) -> Vec<TriggerSource> {
    let mut made: Vec<TriggerSource> = Vec::new();
    for item in root.list("trigger_source", diagnostics) {
        let Some(mut table) = Reader::new(item, "`trigger_source`", diagnostics) else {
            continue;
        };
        if let Some(one) = trigger_source(&mut table, known, served, diagnostics) {
            if made.iter().any(|other| other.of == one.of) {
                let title = format!(
                    "trigger {} of {} has two sources",
                    one.of.trigger, one.of.name
                );
                diagnostics.error(item.span.first(), title, "the second of them");
            }
            made.push(one);
        }
        table.finish("`trigger_source`", diagnostics);
    }
    made
}

fn trigger_source(
    table: &mut Reader<'_>,
    known: &Known<'_>,
    served: (&[ServerSpec], &Queues),
    diagnostics: &mut Diagnostics,
) -> Option<TriggerSource> {
    let of = of(table, known, diagnostics);
    let delay = table.duration("delay", diagnostics).unwrap_or_default();
    let metric = table.text("metric", diagnostics).unwrap_or("declared");
    let target = table.number("target", diagnostics);
    let activation = table.number("activation", diagnostics);
    let partitions = table.read("partitions", diagnostics, |node| match node.value {
        Value::Int(number @ 1..=100_000) => Ok(number as u32),
        _ => Err(expected("a whole number from 1 to 100000", node)),
    });
    let source = source(table, known, served.0, served.1, diagnostics);
    let external = ExternalScaler {
        metric: metric.to_owned(),
        target: target.unwrap_or(1.0),
        activation: activation.unwrap_or(0.0),
    };
    let (of, kind) = of?;
    let is_external = matches!(kind.as_str(), "external" | "external-push");
    for key in ["metric", "target", "activation"] {
        if table.key_span(key) != table.span() && !is_external {
            let title = format!("`{key}` is what an external scaler says");
            let label = format!("this trigger is of type {kind}");
            diagnostics.error(table.key_span(key), title, label).help =
                Some("it stands in the trigger's `metadata` there".to_owned());
        }
    }
    if table.key_span("partitions") != table.span() && kind != "kafka" {
        let label = format!("this trigger is of type {kind}");
        diagnostics.error(
            table.key_span("partitions"),
            "only Kafka has partitions",
            label,
        );
    }
    Some(TriggerSource {
        of,
        source: source?,
        delay,
        external,
        partitions: partitions.unwrap_or(1),
    })
}

/// The trigger, with its type.
fn of(
    table: &mut Reader<'_>,
    known: &Known<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(TriggerRef, String)> {
    let nodes = KEYS.map(|(kind, key)| (kind, key, table.get(key)));
    let trigger = table.get("trigger");
    let (kind, key, node) = match nodes {
        [(kind, key, Some(node)), (_, _, None)] | [(_, _, None), (kind, key, Some(node))] => {
            (kind, key, node)
        }
        [_, (_, second, Some(_))] => {
            let title = "a source is of a `scaled_object` or of a `scaled_job`";
            diagnostics.error(table.key_span(second), title, "the second of them");
            return None;
        }
        _ => {
            let example = "scaled_object = \"worker\"";
            table.missing("scaled_object", "`trigger_source`", example, diagnostics);
            return None;
        }
    };
    let found = object(kind, node, known)
        .map_err(|problem| {
            if known.parsed.complete {
                let title = format!("wrong value for `{key}`");
                diagnostics.error(node.span, title, problem);
            }
        })
        .ok()?;
    let (metadata, triggers) = found;
    let place = match trigger {
        Some(node) => place(node, triggers).map_err(|problem| (node.span, problem)),
        None => only(triggers).map_err(|problem| (table.key_span(key), problem)),
    };
    let trigger = place
        .map_err(|(span, problem)| {
            diagnostics.error(span, "wrong value for `trigger`", problem);
        })
        .ok()?;
    let of = TriggerRef {
        kind,
        namespace: metadata.namespace.clone(),
        name: metadata.name.clone(),
        trigger,
    };
    Some((of, triggers[trigger].kind.clone()))
}

/// An object that a value names, `name` or `namespace/name`, with its triggers.
pub(super) fn object<'a>(
    kind: &str,
    node: &Node,
    known: &Known<'a>,
) -> Result<(&'a Metadata, &'a [ScaleTrigger]), String> {
    let text = node.text().ok_or_else(|| expected("a string", node))?;
    let manifests = known.manifests;
    let all: Vec<(&Metadata, &[ScaleTrigger])> = if kind == "ScaledJob" {
        let jobs = manifests.scaled_jobs.iter().map(|one| &one.value);
        jobs.map(|job| (&job.metadata, job.spec.triggers.as_slice()))
            .collect()
    } else {
        let objects = manifests.scaled_objects.iter().map(|one| &one.value);
        objects
            .map(|object| (&object.metadata, object.spec.triggers.as_slice()))
            .collect()
    };
    let mut fitting = all.iter().filter(|(metadata, _)| {
        metadata.name == text || format!("{}/{}", metadata.namespace, metadata.name) == text
    });
    match (fitting.next(), fitting.next()) {
        (Some(found), None) => Ok(*found),
        (Some(_), Some(_)) => Err(format!(
            "several namespaces have a {kind} `{text}`: write `namespace/name`"
        )),
        (None, _) => {
            let names: Vec<&str> = all.iter().map(|(of, _)| of.name.as_str()).collect();
            Err(format!(
                "no {kind} `{text}` among the manifests; {}",
                advice(text, &names)
            ))
        }
    }
}

/// The place of a trigger that is named by its place or its name.
pub(super) fn place(node: &Node, triggers: &[ScaleTrigger]) -> Result<usize, String> {
    let place = match &node.value {
        Value::Int(place) => usize::try_from(*place)
            .ok()
            .filter(|at| *at < triggers.len()),
        Value::Text(name) => triggers.iter().position(|one| one.name == *name),
        _ => return Err(expected("a trigger's name or place", node)),
    };
    let place = place.ok_or_else(|| match triggers.len() {
        1 => "it has one trigger: 0".to_owned(),
        count => format!(
            "it has {count} triggers: a name, or 0 to {}",
            count.saturating_sub(1)
        ),
    })?;
    if needs_source(&triggers[place]) {
        Ok(place)
    } else {
        let kind = &triggers[place].kind;
        Err(format!("a trigger of type {kind} needs no source"))
    }
}

/// The only trigger that needs a source.
fn only(triggers: &[ScaleTrigger]) -> Result<usize, String> {
    let mut places = (0..triggers.len()).filter(|at| needs_source(&triggers[*at]));
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (None, _) => Err("none of its triggers needs a source".to_owned()),
        _ => Err("several of its triggers need a source: add `trigger = 0`".to_owned()),
    }
}
