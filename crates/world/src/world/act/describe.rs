//! `kubectl describe` while the cluster runs.
//!
//! Upstream: kubectl's `pkg/cmd/describe`.

use serde_json::Value;

use super::Printed;
use super::get::{Group, in_one_namespace};
use crate::api::Kind as StoreKind;
use crate::kubectl::command::{CommandLine, Describe, Targets};
use crate::kubectl::kind::Kind;
use crate::kubectl::print::{Around, describe, nothing_found};
use crate::world::{EventObjects, Simulation};

impl Simulation<'_> {
    pub(super) fn describe(
        &self,
        command: &Describe,
        line: &CommandLine,
        documents: &[Value],
        printed: &mut Printed,
    ) {
        Self::warn_of_kinds(&command.targets, printed);
        let (groups, missing) = self.gather(&command.targets, line, documents);
        let all: Vec<(&'static Kind, Value)> = groups.into_iter().flat_map(each).collect();
        let several = all.len() > 1 || !missing.is_empty();
        let events = command.show_events.unwrap_or(!several);
        let events = events.then(|| self.event_objects());
        if let (Targets::Named(named), [], true) = (&command.targets, &all[..], command.by_prefix)
            && let Some(named) = named.first()
        {
            // The name of no object may begin those of some.
            let mut like = self.list(named.kind, line);
            like.retain(|object| {
                let name = object["metadata"]["name"].as_str();
                name.is_some_and(|name| name.starts_with(&named.name))
            });
            for object in &like {
                self.print_description(named.kind, object, events.as_deref(), printed);
                printed.out("");
            }
            if !like.is_empty() {
                return;
            }
        }
        if all.is_empty() && missing.is_empty() {
            let namespace = in_one_namespace(&command.targets, line, &self.scenario.namespace);
            printed.out(nothing_found(namespace));
        }
        for (at, (kind, object)) in all.iter().enumerate() {
            if at > 0 {
                printed.out("");
                printed.out("");
            }
            self.print_description(kind, object, events.as_deref(), printed);
        }
        for text in missing {
            printed.error(text);
        }
    }

    fn print_description(
        &self,
        kind: &'static Kind,
        object: &Value,
        events: Option<&[Value]>,
        printed: &mut Printed,
    ) {
        let (clock, now) = (self.clock(), self.timestamp());
        let namespace = object["metadata"]["namespace"].as_str();
        let list = |of, is_needed: bool| {
            if is_needed {
                self.store.list(of, namespace, clock)
            } else {
                Vec::new()
            }
        };
        let counts_pods = matches!(
            kind.kind,
            "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Node"
        );
        let pods = list(StoreKind::Pod, counts_pods);
        let sets = list(StoreKind::ReplicaSet, kind.kind == "Deployment");
        let slices = if kind.kind == "Service" {
            self.slices_of(object)
        } else {
            Vec::new()
        };
        let events = events.map(|events| events_of(object, events));
        let around = Around {
            events: events.as_deref(),
            pods: &pods,
            replica_sets: &sets,
            endpoint_slices: &slices,
            lease: None,
        };
        match describe(kind, object, &around, now) {
            Some(text) => printed.text(&text),
            None => printed.error(format!(
                "error: `describe` of a {kind} is not simulated: `get -o yaml` shows it"
            )),
        }
    }

    /// The recorded events as the API server has them now.
    pub(super) fn event_objects(&self) -> Vec<Value> {
        let mut events = EventObjects::default();
        events.take(self.recording().events.iter());
        events.list(self.clock())
    }
}

/// The events that may be about an object, with what the recording leaves out.
fn events_of(object: &Value, all: &[Value]) -> Vec<Value> {
    let (kind, metadata) = (&object["kind"], &object["metadata"]);
    let is_about = |event: &&Value| {
        let involved = &event["involvedObject"];
        involved["kind"] == *kind && involved["name"] == metadata["name"]
    };
    let completed = |event: &Value| {
        let mut event = event.clone();
        // The VPA's updater is recorded without the UIDs of what it reports about.
        if event["source"]["component"] == "vpa-updater" {
            event["involvedObject"]["uid"] = metadata["uid"].clone();
        }
        if let Some(container) = container_of(&event, object) {
            let field = format!("spec.containers{{{container}}}");
            event["involvedObject"]["fieldPath"] = field.into();
        }
        event
    };
    all.iter().filter(is_about).map(completed).collect()
}

/// Kubelets say of which container of a pod they report: here, if there is but one that may be
/// meant.
fn container_of<'a>(event: &Value, pod: &'a Value) -> Option<&'a str> {
    const OF_CONTAINERS: [&str; 8] = [
        "Pulling",
        "Pulled",
        "Created",
        "Started",
        "Killing",
        "Unhealthy",
        "BackOff",
        "Failed",
    ];
    let reason = event["reason"].as_str().unwrap_or_default();
    if event["source"]["component"] != "kubelet" || !OF_CONTAINERS.contains(&reason) {
        return None;
    }
    let containers = pod["spec"]["containers"].as_array()?;
    let message = event["message"].as_str().unwrap_or_default();
    let mut meant = containers.iter().filter(|one| {
        let text = |field: &str| one[field].as_str().unwrap_or_default();
        let named = [
            format!("container {}", text("name")),
            format!("\"{}\"", text("image")),
        ];
        containers.len() == 1 || named.iter().any(|part| message.contains(part))
    });
    match (meant.next(), meant.next()) {
        (Some(one), None) => one["name"].as_str(),
        _ => None,
    }
}

fn each((kind, objects): Group) -> impl Iterator<Item = (&'static Kind, Value)> {
    objects.into_iter().map(move |object| (kind, object))
}
