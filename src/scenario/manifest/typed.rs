//! A document through the official API's types: wrong types and unknown fields, all of them.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::Context;
use crate::scenario::node::{Node, Step, parse_path};
use crate::scenario::suggest::nearest;

/// A document has at most this many wrong types reported.
const MOST_PROBLEMS: usize = 20;

/// Field names of the simulated kinds, for "did you mean".
const FIELDS: &[&str] = &[
    "annotations",
    "apiVersion",
    "args",
    "averageUtilization",
    "averageValue",
    "activeDeadlineSeconds",
    "backoffLimit",
    "behavior",
    "command",
    "completions",
    "container",
    "containerPort",
    "containerResource",
    "containers",
    "cpu",
    "describedObject",
    "env",
    "external",
    "failureThreshold",
    "httpGet",
    "image",
    "imagePullPolicy",
    "initContainers",
    "initialDelaySeconds",
    "kind",
    "labels",
    "lifecycle",
    "limits",
    "livenessProbe",
    "matchLabels",
    "maxReplicas",
    "maxUnavailable",
    "memory",
    "metadata",
    "metric",
    "metrics",
    "minAvailable",
    "minReadySeconds",
    "minReplicas",
    "name",
    "namespace",
    "nodeSelector",
    "object",
    "parallelism",
    "path",
    "periodSeconds",
    "podManagementPolicy",
    "pods",
    "policies",
    "port",
    "ports",
    "preStop",
    "priorityClassName",
    "protocol",
    "readinessProbe",
    "replicas",
    "requests",
    "resource",
    "resources",
    "restartPolicy",
    "scaleDown",
    "scaleTargetRef",
    "scaleUp",
    "selectPolicy",
    "selector",
    "serviceName",
    "spec",
    "stabilizationWindowSeconds",
    "startupProbe",
    "strategy",
    "successThreshold",
    "target",
    "targetCPUUtilizationPercentage",
    "targetPort",
    "template",
    "terminationGracePeriodSeconds",
    "timeoutSeconds",
    "tolerance",
    "tolerations",
    "type",
    "value",
    "volumeMounts",
    "volumes",
];

/// Reads a document as `T`; reports every wrong type and every unknown field.
pub(super) fn read<T: DeserializeOwned>(context: &mut Context<'_>) -> Option<T> {
    let mut json = context.document.to_json();
    let mut clean = true;
    for _ in 0..MOST_PROBLEMS {
        let mut unknown = Vec::new();
        let mut note = |path: serde_ignored::Path<'_>| {
            unknown.push(path.to_string().replace(".?", "").replace("?.", ""))
        };
        let lenient = serde_ignored::Deserializer::new(&json, &mut note);
        match serde_path_to_error::deserialize::<_, T>(lenient) {
            Ok(value) => {
                for path in unknown {
                    report_unknown(&path, context);
                    clean = false;
                }
                return clean.then_some(value);
            }
            Err(error) => {
                clean = false;
                let path = error.path().to_string().replace(".?", "").replace("?.", "");
                report_type(&path, &error.inner().to_string(), context);
                if !remove(&mut json, &parse_path(&path)) {
                    return None;
                }
            }
        }
    }
    None
}

fn report_type(path: &str, problem: &str, context: &mut Context<'_>) {
    let (node, _) = context.document.nearest(&parse_path(path));
    let title = format!("wrong value for `{path}`");
    context.diagnostics.error(node.span, title, problem);
}

fn report_unknown(path: &str, context: &mut Context<'_>) {
    let steps = steps_of(path);
    let name = path.rsplit('.').next().unwrap_or(path).to_owned();
    let (parent, _) = context
        .document
        .nearest(&steps[..steps.len().saturating_sub(1)]);
    let span = key_span(parent, &name).unwrap_or(parent.span);
    let title = format!("unknown field `{path}`");
    let problem = context
        .diagnostics
        .error(span, title, "the API has no such field");
    problem.help =
        nearest(&name, FIELDS.iter().copied()).map(|name| format!("did you mean `{name}`?"));
}

/// `serde_ignored` writes list places as plain numbers between dots.
fn steps_of(path: &str) -> Vec<Step> {
    path.split('.')
        .map(|part| {
            part.parse()
                .map_or_else(|_| Step::Key(part.to_owned()), Step::Index)
        })
        .collect()
}

fn key_span(node: &Node, name: &str) -> Option<crate::scenario::node::Span> {
    match &node.value {
        crate::scenario::node::Value::Table(entries) => entries
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(key, _)| key.span),
        _ => None,
    }
}

/// Takes a wrong value out, so that the next one is found.
fn remove(json: &mut Json, path: &[Step]) -> bool {
    let Some((last, parents)) = path.split_last() else {
        return false;
    };
    let mut at = json;
    for step in parents {
        let next = match step {
            Step::Key(key) | Step::Name(key) => at.get_mut(key.as_str()),
            Step::Index(index) => at.get_mut(*index),
        };
        let Some(next) = next else { return false };
        at = next;
    }
    match (last, at) {
        (Step::Key(key) | Step::Name(key), Json::Object(map)) => {
            map.shift_remove(key.as_str()).is_some()
        }
        (Step::Index(index), Json::Array(items)) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    }
}
