//! Whether the objects that commands name are there when they are typed: among the manifests,
//! or created by an earlier command.

use std::collections::BTreeSet;

use super::Typed;
use crate::autoscaler::keda::hpa_name;
use crate::cluster::spec::NodeGroupSpec;
use crate::kubectl::command::{Command, ObjectRef, Targets};
use crate::kubectl::kind::Kind;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::loaded::targets_of;
use crate::scenario::manifest::{SIMULATED, version_and_kind};
use crate::scenario::node::{Node, Span};
use crate::scenario::read::known::Known;
use crate::scenario::read::node_names;
use crate::scenario::suggest::advice;

/// Kind, namespace (empty outside namespaces) and name.
type Key = (String, String, String);

/// The objects that are known to be there.
pub(super) struct Existing<'a> {
    names: BTreeSet<Key>,
    node_groups: &'a [NodeGroupSpec],
    /// Whether no manifest is missing or broken.
    complete: bool,
}

fn text<'a>(node: &'a Node, key: &str) -> &'a str {
    let value = node.get("metadata").and_then(|m| m.get(key));
    value.and_then(Node::text).unwrap_or_default()
}

fn json_key(value: &serde_json::Value) -> Key {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &value["metadata"];
    (
        text(&value["kind"]),
        text(&metadata["namespace"]),
        text(&metadata["name"]),
    )
}

impl<'a> Existing<'a> {
    pub(super) fn new(known: &Known<'_>, node_groups: &'a [NodeGroupSpec]) -> Self {
        let documents = known.parsed.documents.iter();
        let names = documents.map(|document| {
            let node = &document.node;
            let (_, kind) = version_and_kind(node);
            let [namespace, name] = ["namespace", "name"].map(|key| text(node, key).to_owned());
            (kind.to_owned(), namespace, name)
        });
        // KEDA's operator makes these.
        let objects = known.manifests.scaled_objects.iter();
        let generated = objects.map(|object| {
            let kind = "HorizontalPodAutoscaler".to_owned();
            let namespace = object.value.metadata.namespace.clone();
            (kind, namespace, hpa_name(&object.value))
        });
        Self {
            names: names.chain(generated).collect(),
            node_groups,
            complete: known.parsed.complete,
        }
    }

    /// Warns about objects that a command does not find, and registers those it creates.
    pub(super) fn follow(&mut self, typed: &Typed, diagnostics: &mut Diagnostics) {
        let action = &typed.action;
        let namespace = action.command.namespace.clone().unwrap_or_default();
        let command = &action.command.command;
        let creates = matches!(command, Command::Apply(_) | Command::Create(_));
        let documents = action.documents.iter().zip(&typed.places);
        let documents = documents.filter(|_| !matches!(command, Command::Evict(_)));
        for (value, place) in documents {
            let key = json_key(value);
            let is_there = self.names.contains(&key);
            if matches!(command, Command::Create(_)) && is_there {
                let title = format!("{} \"{}\" is there already", resource(&key.0), key.2);
                diagnostics.warning(*place, title, "kubectl prints AlreadyExists");
            } else if !creates && !is_there {
                self.warn(typed, &key, *place, diagnostics);
            }
            match command {
                Command::Apply(_) | Command::Create(_) | Command::Replace(_) => {
                    self.names.insert(key);
                }
                Command::Delete(_) => {
                    self.names.remove(&key);
                }
                _ => {}
            }
        }
        if let Some(Targets::Named(objects)) = targets_of(command) {
            for object in objects {
                self.named(typed, object, &namespace, diagnostics);
            }
        }
        match command {
            Command::CreateJob(create) => {
                let key = ("Job".to_owned(), namespace, create.name.clone());
                self.names.insert(key);
            }
            Command::Run(run) => {
                self.names
                    .insert(("Pod".to_owned(), namespace.clone(), run.name.clone()));
                if run.service.is_some() {
                    self.names
                        .insert(("Service".to_owned(), namespace, run.name.clone()));
                }
            }
            Command::Autoscale(autoscale) => {
                let own = autoscale.name.iter();
                let named = match &autoscale.targets {
                    Targets::Named(objects) if autoscale.name.is_none() => objects.as_slice(),
                    _ => &[],
                };
                for name in own.chain(named.iter().map(|object| &object.name)) {
                    let kind = "HorizontalPodAutoscaler".to_owned();
                    self.names.insert((kind, namespace.clone(), name.clone()));
                }
            }
            _ => {}
        }
    }

    fn named(
        &mut self,
        typed: &Typed,
        object: &ObjectRef,
        namespace: &str,
        diagnostics: &mut Diagnostics,
    ) {
        let kind = object.kind;
        // Names of Pods and ReplicaSets are made during the run; others are told of already.
        let is_refused = !SIMULATED.contains(&kind.kind);
        if matches!(kind.kind, "Pod" | "ReplicaSet") || is_refused {
            return;
        }
        let namespace = if kind.namespaced { namespace } else { "" };
        let name = object.name.clone();
        let key = (kind.kind.to_owned(), namespace.to_owned(), name);
        let is_there = match kind.kind {
            "Node" => node_names::find(&key.2, self.node_groups).is_some(),
            _ => self.names.contains(&key),
        };
        let command = &typed.action.command.command;
        let may_be_gone = matches!(command, Command::Delete(delete) if delete.ignore_not_found);
        if !is_there && !may_be_gone {
            let place = typed.quoted.at(&object.range);
            self.warn(typed, &key, place, diagnostics);
        }
        if matches!(command, Command::Delete(_)) {
            self.names.remove(&key);
        }
    }

    fn warn(&self, typed: &Typed, key: &Key, place: Span, diagnostics: &mut Diagnostics) {
        let (kind, namespace, name) = key;
        if !self.complete || name.is_empty() {
            return;
        }
        let same_kind = || self.names.iter().filter(|(known, ..)| known == kind);
        let elsewhere = same_kind().find(|(_, _, known)| known == name);
        let help = match (kind.as_str(), elsewhere) {
            ("Node", _) => node_names::advice(name, self.node_groups),
            (_, Some((_, other, _))) if other != namespace => {
                format!("one is in namespace {other}: add `-n {other}`")
            }
            _ => {
                let names: Vec<&str> = same_kind().map(|(.., name)| name.as_str()).collect();
                advice(name, &names)
            }
        };
        let title = format!(
            "{} \"{name}\" is not there at {}",
            resource(kind),
            typed.action.at
        );
        diagnostics
            .warning(place, title, "kubectl prints NotFound")
            .help = Some(help);
    }
}

/// The kind as the API server names it: `deployments.apps`.
fn resource(kind: &str) -> String {
    Kind::of_kind(kind).map_or_else(|| kind.to_owned(), Kind::resource)
}
