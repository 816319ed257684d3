//! Rules of the schemas of KEDA's CRDs (`config/crd/bases`), in the API server's words.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscalerBehavior;
use serde::Deserialize;

use super::{Context, typed};
use crate::scenario::node::{KeyNode, Node, Value};

/// A number has a least value.
pub(super) fn at_least(field: &str, least: i32, value: Option<i32>, context: &mut Context<'_>) {
    if let Some(value) = value.filter(|value| *value < least) {
        let path = format!("spec.{field}");
        let words = format!(
            "Invalid value: {value}: {path} in body should be greater than or equal to {least}"
        );
        context.refuse(&path, words, None);
    }
}

/// A text is one of these; the path begins in `spec`.
pub(super) fn one_of(path: &str, values: &[&str], context: &mut Context<'_>) {
    let path = format!("spec.{path}");
    let found = path
        .split('.')
        .try_fold(context.document, |node, key| node.get(key));
    refuse_others(found, &path, values, context);
}

fn refuse_others(written: Option<&Node>, path: &str, values: &[&str], context: &mut Context<'_>) {
    let text = written.and_then(Node::text);
    if let Some(text) = text.filter(|text| !values.contains(text)) {
        let words = format!(
            "Unsupported value: \"{text}\": supported values: \"{}\"",
            values.join("\", \"")
        );
        context.refuse(path, words, None);
    }
}

/// `triggers` has to be there, with at least one; each has a type and metadata.
pub(super) fn need_triggers(context: &mut Context<'_>) {
    const REQUIRED: &str = "Required value";
    let document = context.document;
    let written = document.get("spec").and_then(|spec| spec.get("triggers"));
    let Some(written) = written else {
        context.refuse("spec.triggers", REQUIRED, None);
        return;
    };
    if written.items().is_empty() {
        let words = "Invalid value: 0: spec.triggers in body should have at least 1 items";
        context.refuse("spec.triggers", words, None);
    }
    for (index, trigger) in written.items().iter().enumerate() {
        let path = format!("spec.triggers[{index}]");
        match trigger.get("type") {
            None => context.refuse(&format!("{path}.type"), REQUIRED, None),
            Some(kind) if kind.text() == Some("") => {
                let path = format!("{path}.type");
                let words =
                    format!("Invalid value: \"\": {path} in body should be at least 1 chars long");
                context.refuse(&path, words, None);
            }
            Some(_) => {}
        }
        if trigger.get("metadata").is_none() {
            context.refuse(&format!("{path}.metadata"), REQUIRED, None);
        }
        if let Some(reference) = trigger.get("authenticationRef") {
            let path = format!("{path}.authenticationRef");
            if reference.get("name").is_none() {
                context.refuse(&format!("{path}.name"), REQUIRED, None);
            }
            let kinds = ["TriggerAuthentication", "ClusterTriggerAuthentication"];
            let kind = reference.get("kind");
            refuse_others(kind, &format!("{path}.kind"), &kinds, context);
        }
    }
}

/// Where an HPA's behavior stands in a ScaledObject.
const BEHAVIOR: [&str; 4] = [
    "spec",
    "advanced",
    "horizontalPodAutoscalerConfig",
    "behavior",
];

/// A ScaledObject with nothing but its HPA's behavior.
#[derive(Deserialize)]
struct OnlyBehavior {
    #[serde(rename = "spec")]
    _spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(rename = "advanced")]
    _advanced: Advanced,
}

#[derive(Deserialize)]
struct Advanced {
    #[serde(rename = "horizontalPodAutoscalerConfig")]
    _config: Config,
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "behavior")]
    _behavior: Option<HorizontalPodAutoscalerBehavior>,
}

/// The HPA's behavior has the HPA's types, and each policy all of its fields; whether the numbers
/// are good ones is seen when the HPA is made. Whether there is nothing to be said.
pub(super) fn hpa_behavior(context: &mut Context<'_>) -> bool {
    let mut keys = BEHAVIOR.iter();
    let Some(behavior) = keys.try_fold(context.document, |node, key| node.get(key)) else {
        return true;
    };
    let before = context.diagnostics.list.len();
    // The same path, without the fields beside it.
    let only = BEHAVIOR.iter().rev().fold(behavior.clone(), |node, key| {
        let key = KeyNode {
            span: node.span,
            name: (*key).to_owned(),
        };
        Node {
            span: node.span,
            value: Value::Table(vec![(key, node)]),
        }
    });
    let inner = &mut Context {
        document: &only,
        diagnostics: &mut *context.diagnostics,
    };
    let _: Option<OnlyBehavior> = typed::read(inner);
    for direction in ["scaleUp", "scaleDown"] {
        let policies = behavior.get(direction).and_then(|one| one.get("policies"));
        let policies = policies.map_or(&[][..], Node::items);
        for (index, policy) in policies.iter().enumerate() {
            for field in ["periodSeconds", "type", "value"] {
                if policy.get(field).is_none() {
                    let place = BEHAVIOR.join(".");
                    let path = format!("{place}.{direction}.policies[{index}].{field}");
                    context.refuse(&path, "Required value", None);
                }
            }
        }
    }
    context.diagnostics.list.len() == before
}
