//! Which labels and annotations kube-state-metrics may export, by resource
//! (`--metric-labels-allowlist`, `--metric-annotations-allowlist`).

use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::model::LabelAllowlist;
use crate::scenario::node::{Node, Value};
use crate::scenario::reader::{Reader, expected, wrong};
use crate::scenario::suggest::advice;

/// The resources that have such lists here; `*` stands for all of them.
const RESOURCES: [&str; 11] = [
    "*",
    "cronjobs",
    "daemonsets",
    "deployments",
    "horizontalpodautoscalers",
    "jobs",
    "nodes",
    "poddisruptionbudgets",
    "pods",
    "replicasets",
    "statefulsets",
];

/// The list under a key: a table of lists.
pub(super) fn allowlist(
    key: &'static str,
    table: &mut Reader<'_>,
    diagnostics: &mut Diagnostics,
) -> LabelAllowlist {
    let mut made = LabelAllowlist::new();
    let Some(node) = table.get(key) else {
        return made;
    };
    let Value::Table(entries) = &node.value else {
        let problem = expected("a table such as `{ pods = [\"app\"] }`", node);
        wrong(key, node, problem, diagnostics);
        return made;
    };
    for (resource, listed) in entries {
        if !RESOURCES.contains(&resource.name.as_str()) {
            let title = format!("unknown resource `{}` in `{key}`", resource.name);
            diagnostics
                .error(resource.span, title, "not known here")
                .help = Some(advice(&resource.name, &RESOURCES));
            continue;
        }
        match texts(listed) {
            Ok(texts) => {
                made.insert(resource.name.clone(), texts);
            }
            Err((place, problem)) => wrong(key, place, problem, diagnostics),
        }
    }
    made
}

/// A list of keys of labels, each with one `*` at most.
fn texts(node: &Node) -> Result<Vec<String>, (&Node, String)> {
    let Value::List(items) = &node.value else {
        return Err((node, expected("a list of keys", node)));
    };
    let text = |item| -> Result<String, (&Node, String)> {
        let text = Node::text(item).ok_or_else(|| (item, expected("a string", item)))?;
        if text.matches('*').count() > 1 {
            return Err((item, "has one `*` at most".to_owned()));
        }
        Ok(text.to_owned())
    };
    items.iter().map(text).collect()
}
