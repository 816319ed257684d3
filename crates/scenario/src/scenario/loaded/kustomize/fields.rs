//! Prefixes and suffixes of names, annotations, replicas and images.

use super::resource::{Id, Resource, entry};
use super::{Builder, Written};
use crate::scenario::node::{Node, Value};

/// Kinds whose names stay (`prefixFieldSpecsToSkip`).
const NAMES_STAY: [&str; 3] = ["CustomResourceDefinition", "APIService", "Namespace"];
/// Kinds that have replicas (`replicasFieldSpecs`).
const WITH_REPLICAS: [&str; 4] = [
    "Deployment",
    "ReplicationController",
    "ReplicaSet",
    "StatefulSet",
];

/// Puts a prefix and a suffix to all names.
pub(super) fn rename(resources: &mut [Resource], prefix: &str, suffix: &str) {
    if prefix.is_empty() && suffix.is_empty() {
        return;
    }
    for resource in resources {
        let id = resource.id();
        if NAMES_STAY.contains(&id.kind.as_str()) || id.name.is_empty() {
            continue;
        }
        resource.remember();
        resource.affixes.push(format!("{prefix}*{suffix}"));
        let metadata = resource.node.get_mut("metadata");
        if let Some(name) = metadata.and_then(|metadata| metadata.get_mut("name")) {
            name.value = Value::Text(format!("{prefix}{}{suffix}", id.name));
        }
    }
}

/// `commonAnnotations`, also of pod templates.
pub(super) fn annotate(annotations: Option<&Node>, resources: &mut [Resource]) {
    let Some(annotations) = annotations else {
        return;
    };
    for resource in resources {
        let id = resource.id();
        let templates: &[&str] = match id.kind.as_str() {
            "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet" | "Job" => {
                &["spec", "template", "metadata", "annotations"]
            }
            "CronJob" => &[
                "spec",
                "jobTemplate",
                "spec",
                "template",
                "metadata",
                "annotations",
            ],
            _ => &[],
        };
        put(
            &mut resource.node,
            &["metadata", "annotations"],
            annotations,
        );
        if !templates.is_empty() {
            put(&mut resource.node, templates, annotations);
        }
    }
}

/// Puts the entries of a table to the table at a path, which is made if it is not there.
pub(super) fn put(node: &mut Node, path: &[&str], pairs: &Node) {
    let mut at = node;
    for name in path {
        let Some(next) = entry(at, name, pairs.span.first()) else {
            return;
        };
        at = next;
    }
    let Value::Table(pairs) = &pairs.value else {
        return;
    };
    for (key, value) in pairs {
        if let Some(slot) = entry(at, &key.name, key.span) {
            slot.span = value.span;
            slot.value = match value.scalar_text() {
                Some(text) => Value::Text(text),
                None => value.value.clone(),
            };
        }
    }
}

impl Builder<'_, '_> {
    /// `replicas`: of workloads by their name, now or before.
    pub(super) fn replicas(&mut self, written: &Written<'_>, resources: &mut [Resource]) {
        for one in written.items("replicas") {
            let name = one.get("name").and_then(Node::text).unwrap_or_default();
            let is_meant = |id: &Id| id.name == name && WITH_REPLICAS.contains(&id.kind.as_str());
            let mut found = false;
            for resource in &mut *resources {
                if !resource.is_called(is_meant) {
                    continue;
                }
                found = true;
                let spec = entry(&mut resource.node, "spec", one.span);
                let count = one.get("count");
                if let Some(replicas) = spec.and_then(|spec| entry(spec, "replicas", one.span))
                    && let Some(count) = count
                {
                    *replicas = count.clone();
                }
            }
            if !found {
                let title = format!("no workload with replicas is called `{name}`");
                self.wrong(one.span, title, "named here");
            }
        }
    }
}

/// One of `images`: in all lists of containers.
pub(super) fn set_image(image: &Node, resources: &mut [Resource]) {
    let text = |key: &str| {
        let text = image.get(key).and_then(Node::scalar_text);
        text.filter(|text| !text.is_empty())
    };
    let Some(name) = text("name") else { return };
    let change = |value: &str| {
        let (found, tag, digest) = split(value);
        if found != name {
            return None;
        }
        let name = text("newName").unwrap_or(found.to_owned());
        let (tag, digest) = match (text("newTag"), text("digest"), text("tagSuffix")) {
            (None, None, None) => (tag.to_owned(), digest.to_owned()),
            (None, None, Some(suffix)) => (format!("{tag}{suffix}"), String::new()),
            (tag, digest, _) => (tag.unwrap_or_default(), digest.unwrap_or_default()),
        };
        let mark = |mark: &str, text: &str| match text {
            "" => String::new(),
            text => format!("{mark}{text}"),
        };
        Some(format!("{name}{}{}", mark(":", &tag), mark("@", &digest)))
    };
    for resource in resources {
        if resource.id().kind != "CustomResourceDefinition" {
            images(&mut resource.node, &change);
        }
    }
}

fn images(node: &mut Node, change: &impl Fn(&str) -> Option<String>) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| images(item, change)),
        Value::Table(entries) => {
            for (key, node) in entries {
                if matches!(key.name.as_str(), "containers" | "initContainers")
                    && let Value::List(containers) = &mut node.value
                {
                    for container in containers {
                        if let Some(image) = container.get_mut("image")
                            && let Some(changed) = image.text().and_then(change)
                        {
                            image.value = Value::Text(changed);
                        }
                    }
                } else {
                    images(node, change);
                }
            }
        }
        _ => {}
    }
}

/// Name, tag and digest of an image; a colon before a slash is that of a port.
fn split(image: &str) -> (&str, &str, &str) {
    let (rest, digest) = image.split_once('@').unwrap_or((image, ""));
    let path = rest.rfind('/').map_or(0, |slash| slash + 1);
    match rest[path..].find(':') {
        Some(colon) => (&rest[..path + colon], &rest[path + colon + 1..], digest),
        None => (rest, "", digest),
    }
}
