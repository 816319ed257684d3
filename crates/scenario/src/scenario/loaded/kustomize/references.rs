//! Names of objects in others, after prefixes and suffixes: the fields in which upstream looks
//! for them, as far as what is simulated reads them. A VPA's `targetRef` is not among them.
//!
//! Upstream: kustomize's `nameReferenceFieldSpecs` and `api/filters/nameref`.

use super::resource::Resource;
use crate::scenario::node::{Node, Value};

/// Kinds whose pods may have a priority class.
const WITH_PODS: [&str; 4] = ["StatefulSet", "Deployment", "Job", "DaemonSet"];
/// Kinds that an HPA may scale.
const SCALED: [&str; 4] = [
    "Deployment",
    "ReplicationController",
    "ReplicaSet",
    "StatefulSet",
];

/// Gives references the names that their objects have now.
pub(super) fn fix(resources: &mut [Resource]) {
    for place in 0..resources.len() {
        let mut node = resources[place].node.clone();
        let referrer = &resources[place];
        let now = |kinds: &[&str], name: &str| current(resources, referrer, kinds, name);
        let id = referrer.id();
        match id.kind.as_str() {
            "HorizontalPodAutoscaler" => {
                change(&mut node, &["spec", "scaleTargetRef", "name"], &|name| {
                    // Upstream takes no notice of the reference's own `kind`.
                    now(&SCALED, name)
                });
            }
            "Ingress" => {
                let service = |name: &str| now(&["Service"], name);
                for path in [
                    &["spec", "rules", "http", "paths", "backend", "serviceName"][..],
                    &[
                        "spec", "rules", "http", "paths", "backend", "service", "name",
                    ],
                    &["spec", "backend", "serviceName"],
                    &["spec", "defaultBackend", "service", "name"],
                ] {
                    change(&mut node, path, &service);
                }
            }
            _ => {}
        }
        if id.kind == "StatefulSet" {
            change(&mut node, &["spec", "serviceName"], &|name| {
                now(&["Service"], name)
            });
        }
        if WITH_PODS.contains(&id.kind.as_str()) {
            let path = ["spec", "template", "spec", "priorityClassName"];
            change(&mut node, &path, &|name| now(&["PriorityClass"], name));
        }
        resources[place].node = node;
    }
}

/// What an object is called now that was called `name` before.
fn current(
    resources: &[Resource],
    referrer: &Resource,
    kinds: &[&str],
    name: &str,
) -> Option<String> {
    let was = |resource: &&Resource| {
        kinds.contains(&resource.id().kind.as_str())
            && resource.earlier.iter().any(|id| id.name == name)
    };
    let found: Vec<&Resource> = resources.iter().filter(was).collect();
    let narrow = |found: Vec<&Resource>, fits: &dyn Fn(&Resource) -> bool| -> Vec<String> {
        let names = |list: &mut dyn Iterator<Item = &Resource>| -> Vec<String> {
            let mut names: Vec<String> = list.map(|one| one.id().name).collect();
            names.dedup();
            names
        };
        let narrowed = names(&mut found.iter().copied().filter(|one| fits(one)));
        if narrowed.is_empty() {
            names(&mut found.into_iter())
        } else {
            narrowed
        }
    };
    let namespace = referrer.id().namespace;
    let near = |one: &Resource| one.affixes == referrer.affixes && one.id().namespace == namespace;
    match narrow(found, &near).as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    }
}

/// Changes the texts at a path, through all items of lists on the way.
fn change(node: &mut Node, path: &[&str], new: &dyn Fn(&str) -> Option<String>) {
    if let Value::List(items) = &mut node.value {
        for item in items {
            change(item, path, new);
        }
        return;
    }
    match path.split_first() {
        Some((name, rest)) => {
            if let Some(next) = node.get_mut(name) {
                change(next, rest, new);
            }
        }
        None => {
            if let Some(name) = node.text().and_then(new) {
                node.value = Value::Text(name);
            }
        }
    }
}
