//! The objects that a command is about, as they are now.

use serde_json::Value;

use crate::api::{Clock, Kind as StoreKind, Labels, ObjectId, Pod, PodId, Taint};
use crate::kubectl::command::{CommandLine, Targets};
use crate::kubectl::kind::Kind;
use crate::kubectl::patch::{LAST_APPLIED, with_last_applied};
use crate::world::Simulation;
use crate::world::manifests::{Manifests, kind_in_store};

/// An object that a command is about.
#[derive(Debug, Clone)]
pub(in crate::world) struct Target {
    pub(in crate::world) kind: &'static Kind,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Target {
    pub(super) fn key(&self) -> (&str, &str, &str) {
        (self.kind.kind, &self.namespace, &self.name)
    }

    pub(in crate::world) fn not_found(&self) -> String {
        let resource = self.kind.resource();
        format!(
            "Error from server (NotFound): {resource} \"{}\" not found",
            self.name
        )
    }
}

impl Simulation<'_> {
    /// The objects that a command names, in its order.
    pub(super) fn targets(
        &self,
        targets: &Targets,
        line: &CommandLine,
        documents: &[Value],
    ) -> Vec<Target> {
        let default = line
            .namespace
            .as_deref()
            .unwrap_or(&self.scenario.namespace);
        let namespace = |kind: &Kind| {
            if kind.namespaced {
                default.to_owned()
            } else {
                String::new()
            }
        };
        match targets {
            Targets::Files(_) => documents.iter().filter_map(target_of).collect(),
            Targets::Named(names) => names
                .iter()
                .map(|one| Target {
                    kind: one.kind,
                    namespace: namespace(one.kind),
                    name: one.name.clone(),
                })
                .collect(),
            Targets::Selected(selection) => {
                let mut found = Vec::new();
                for kind in &selection.kinds {
                    let wanted = namespace(kind);
                    for (of, name) in self.names_of(kind, &wanted, line.all_namespaces) {
                        let live = self.live((kind.kind, &of, &name));
                        if live.is_some_and(|live| selection.selects(&live)) {
                            found.push(Target {
                                kind,
                                namespace: of,
                                name,
                            });
                        }
                    }
                }
                found
            }
        }
    }

    /// Namespaces and names of all objects of a kind.
    pub(super) fn names_of(
        &self,
        kind: &Kind,
        namespace: &str,
        all: bool,
    ) -> Vec<(String, String)> {
        let fits = |of: &str| all || of == namespace;
        if kind.kind == "Pod" {
            let pods = self.store.pods().filter(|(_, pod)| !pod.removed);
            let names =
                pods.map(|(_, pod)| (pod.meta.namespace.to_string(), pod.name().to_owned()));
            let mut names: Vec<(String, String)> = names.filter(|(of, _)| fits(of)).collect();
            // As the API server lists them.
            names.sort_unstable();
            return names;
        }
        if kind.kind == "Node" {
            let nodes = self.store.nodes();
            return nodes
                .map(|(_, node)| (String::new(), node.name().to_owned()))
                .collect();
        }
        if kind.kind == "NodeClaim" {
            let claims = self.karpenter_objects(kind.kind).unwrap_or_default();
            let names = claims
                .iter()
                .filter_map(|one| one["metadata"]["name"].as_str());
            return names.map(|name| (String::new(), name.to_owned())).collect();
        }
        // Some of these have owners, and no manifests.
        if let Some(kind @ (StoreKind::Job | StoreKind::ReplicaSet)) = kind_in_store(kind.kind) {
            let ids = self.store.ids(kind, None).into_iter();
            let metas = ids.filter_map(|id| self.store.meta(id));
            return metas
                .map(|meta| (meta.namespace.to_string(), meta.name.to_string()))
                .filter(|(of, _)| fits(of))
                .collect();
        }
        self.manifests
            .names(kind.kind)
            .filter(|(of, _)| fits(of))
            .collect()
    }

    /// An object as `kubectl get -o json` gives it, as far as commands need it.
    pub(super) fn live(&self, (kind, namespace, name): (&str, &str, &str)) -> Option<Value> {
        let labels = |labels: &Labels| serde_json::json!(labels);
        match kind {
            "Pod" => {
                let (id, pod) = self.find_pod(namespace, name)?;
                let mut value = self.store.view(ObjectId::Pod(id), self.clock())?;
                value["metadata"] = serde_json::json!({
                    "name": name, "namespace": namespace,
                    "labels": labels(&pod.meta.labels),
                    "annotations": labels(&pod.meta.annotations),
                });
                Some(value)
            }
            "Node" => {
                let ObjectId::Node(id) = self.store.find(StoreKind::Node, "", name)? else {
                    return None;
                };
                let node = self.store.node(id);
                let mut value = serde_json::json!({
                    "apiVersion": "v1", "kind": "Node",
                    "metadata": { "name": name, "labels": labels(node.labels()) },
                    "spec": { "unschedulable": node.unschedulable },
                });
                let taint = |one: &Taint| {
                    let mut taint =
                        serde_json::json!({ "effect": one.effect.name(), "key": one.key });
                    if !one.value.is_empty() {
                        taint["value"] = one.value.as_str().into();
                    }
                    taint
                };
                if !node.taints.is_empty() {
                    value["spec"]["taints"] = node.taints.iter().map(taint).collect();
                }
                Some(value)
            }
            "NodeClaim" => self.karpenter_object(kind, name),
            _ => {
                let object = kind_in_store(kind);
                let object = object.and_then(|kind| self.store.find(kind, namespace, name));
                let mut value = match (self.manifests.get(kind, namespace, name), object) {
                    (Some(value), _) => value.clone(),
                    // A CronJob's, a Deployment's.
                    (None, Some(owned @ (ObjectId::Job(_) | ObjectId::ReplicaSet(_)))) => {
                        self.store.view(owned, self.clock())?
                    }
                    _ => return None,
                };
                if let Some(replicas) = object.and_then(|object| self.store.replicas(object)) {
                    value["spec"]["replicas"] = replicas.into();
                }
                Some(value)
            }
        }
    }

    /// An object with the annotation by which `kubectl apply` knows its last manifest: the
    /// manifests of the start were applied, unless they are exports of what was not.
    pub(super) fn as_applied(&self, target: &Target) -> Option<Value> {
        let live = self.live(target.key())?;
        let first = self.manifests.of_start(target.key(), self.scenario);
        let was_applied = |first: &&Value| first["metadata"]["uid"].is_null();
        Some(match first.filter(was_applied) {
            Some(first) => with_last_applied(live, first),
            None => live,
        })
    }

    /// Whether `kubectl apply` knows an object's last manifest.
    pub(super) fn was_applied(&self, target: &Target) -> bool {
        let live = self.as_applied(target);
        live.is_some_and(|live| live["metadata"]["annotations"][LAST_APPLIED].is_string())
    }

    pub(in crate::world) fn clock(&self) -> Clock {
        Clock {
            calendar: self.scenario.controllers.vpa.clock,
            now: self.now(),
        }
    }

    pub(in crate::world) fn find_pod(&self, namespace: &str, name: &str) -> Option<(PodId, &Pod)> {
        let mut pods = self.store.pods();
        pods.find(|(_, pod)| {
            !pod.removed && pod.name() == name && *pod.meta.namespace == *namespace
        })
    }
}

/// The object that a document describes.
pub(super) fn target_of(document: &Value) -> Option<Target> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kind = Kind::of(document["kind"].as_str()?, document["apiVersion"].as_str()?)?;
    Some(Target {
        kind,
        namespace: text(&document["metadata"]["namespace"]),
        name: text(&document["metadata"]["name"]),
    })
}

impl Manifests {
    /// Namespaces and names of all objects of a kind, in order.
    pub(super) fn names(&self, kind: &str) -> impl Iterator<Item = (String, String)> {
        self.of_kind(kind)
            .map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
    }
}
