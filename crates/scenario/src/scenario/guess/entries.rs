//! Where requests come into the cluster: Ingresses and the routes of gateways.

use crate::scenario::manifest::version_and_kind;
use crate::scenario::node::{Node, Value};

/// A Service that something outside the cluster routes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: String,
    /// Of the object that routes.
    pub(super) name: String,
    pub(super) service: String,
    pub(super) namespace: String,
}

/// Kinds that route requests from outside.
const ROUTES: [&str; 8] = [
    "Ingress",
    "HTTPRoute",
    "GRPCRoute",
    "TLSRoute",
    "TCPRoute",
    "VirtualService",
    "IngressRoute",
    "Route",
];

pub(super) fn entries<'a>(documents: impl Iterator<Item = &'a Node>) -> Vec<Entry> {
    let mut found = Vec::new();
    for document in documents {
        let (_, kind) = version_and_kind(document);
        let metadata = |key: &str| {
            let metadata = document.get("metadata")?;
            metadata.get(key)?.text().map(str::to_owned)
        };
        let Some(spec) = document.get("spec").filter(|_| ROUTES.contains(&kind)) else {
            continue;
        };
        let namespace = metadata("namespace").unwrap_or_default();
        let mut services = Vec::new();
        backends(spec, kind, &namespace, &mut services);
        found.extend(services.into_iter().map(|(service, namespace)| Entry {
            kind: kind.to_owned(),
            name: metadata("name").unwrap_or_default(),
            service,
            namespace,
        }));
    }
    found
}

/// The Services that a route sends to, wherever in its spec they stand: `service.name` of an
/// Ingress (`serviceName` of its first version), `backendRefs` of the Gateway API,
/// `destination.host` of Istio, `to` of OpenShift, `services` of Traefik.
fn backends(node: &Node, kind: &str, namespace: &str, found: &mut Vec<(String, String)>) {
    match &node.value {
        Value::List(items) => {
            for item in items {
                backends(item, kind, namespace, found);
            }
        }
        Value::Table(entries) => {
            for (key, value) in entries {
                match key.name.as_str() {
                    // In other routes it is the name that clients ask for.
                    "host" if kind == "VirtualService" => found.extend(host(value, namespace)),
                    "serviceName" => found.extend(host(value, namespace)),
                    "service" | "to" => found.extend(named(value, namespace)),
                    "backendRefs" | "services" => {
                        let all = value.items().iter();
                        found.extend(all.filter_map(|one| named(one, namespace)));
                    }
                    _ => {}
                }
                backends(value, kind, namespace, found);
            }
        }
        _ => {}
    }
}

/// A Service by `name` and perhaps `namespace`.
fn named(node: &Node, namespace: &str) -> Option<(String, String)> {
    let name = node.get("name")?.text()?;
    let own = node.get("namespace").and_then(Node::text);
    Some((name.to_owned(), own.unwrap_or(namespace).to_owned()))
}

/// A Service by its host name: `name`, `name.namespace` or longer.
fn host(node: &Node, namespace: &str) -> Option<(String, String)> {
    let mut parts = node.text()?.split('.');
    let name = parts.next()?.to_owned();
    Some((name, parts.next().unwrap_or(namespace).to_owned()))
}
