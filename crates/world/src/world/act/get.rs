//! `kubectl get` while the cluster runs: what is there now, printed as kubectl prints it.

use serde_json::Value;

use super::Printed;
use super::targets::Target;
use crate::api::Kind as StoreKind;
use crate::kubectl::command::{CommandLine, Get, Output, Targets};
use crate::kubectl::kind::Kind;
use crate::kubectl::print::{
    TableOptions, Timestamp, as_json, as_names, as_yaml, listed, nothing_found, sort_by, table,
};
use crate::world::Simulation;
use crate::world::endpoint_objects::{endpoint_slices, endpoints};
use crate::world::manifests::kind_in_store;

/// Objects of one kind that are printed together.
pub(super) type Group = (&'static Kind, Vec<Value>);

/// The kind in the store; pods and nodes besides what manifests hold.
fn stored(kind: &str) -> Option<StoreKind> {
    match kind {
        "Pod" => Some(StoreKind::Pod),
        "Node" => Some(StoreKind::Node),
        other => kind_in_store(other),
    }
}

fn is_namespaced(targets: &Targets) -> bool {
    match targets {
        Targets::Selected(selection) => selection.kinds.iter().all(|kind| kind.namespaced),
        _ => true,
    }
}

/// The namespace that a command is about, if it is but one.
pub(super) fn in_one_namespace<'a>(
    targets: &Targets,
    line: &'a CommandLine,
    default: &'a str,
) -> Option<&'a str> {
    let namespace = line.namespace.as_deref().unwrap_or(default);
    (!line.all_namespaces && is_namespaced(targets)).then_some(namespace)
}

impl Simulation<'_> {
    /// The objects that a command is about, by kind, and what is said of those that are not there.
    pub(super) fn gather(
        &self,
        targets: &Targets,
        line: &CommandLine,
        documents: &[Value],
    ) -> (Vec<Group>, Vec<String>) {
        let mut missing = Vec::new();
        let mut groups: Vec<Group> = match targets {
            Targets::Selected(selection) => {
                let kinds = selection.kinds.iter();
                let list = |kind: &&'static Kind| {
                    let objects = self.list(kind, line).into_iter();
                    let selected = objects.filter(|object| selection.selects(object));
                    (*kind, selected.collect())
                };
                kinds.map(list).collect()
            }
            named => {
                let mut groups: Vec<Group> = Vec::new();
                for target in self.targets(named, line, documents) {
                    match (self.as_it_is(&target), groups.last_mut()) {
                        (None, _) => missing.push(target.not_found()),
                        (Some(object), Some((kind, objects))) if *kind == target.kind => {
                            objects.push(object);
                        }
                        (Some(object), _) => groups.push((target.kind, vec![object])),
                    }
                }
                groups
            }
        };
        groups.retain(|(_, objects)| !objects.is_empty());
        (groups, missing)
    }

    /// `get`; a watch prints what it begins with.
    pub(super) fn get(
        &self,
        command: &Get,
        line: &CommandLine,
        documents: &[Value],
        printed: &mut Printed,
    ) {
        Self::warn_of_kinds(&command.targets, printed);
        let (mut groups, missing) = self.gather(&command.targets, line, documents);
        if let Some(path) = &command.sort_by {
            for (_, objects) in &mut groups {
                sort_by(objects, path);
            }
        }
        let is_named = matches!(command.targets, Targets::Named(_));
        if groups.is_empty() && missing.is_empty() && !command.ignore_not_found {
            let namespace = in_one_namespace(&command.targets, line, &self.scenario.namespace);
            printed.out(nothing_found(namespace));
        }
        if let Some(text) = self.text(&groups, command, line, is_named) {
            printed.text(&text);
        }
        if !command.ignore_not_found {
            for text in missing {
                printed.error(text);
            }
        }
    }

    fn text(
        &self,
        groups: &[Group],
        command: &Get,
        line: &CommandLine,
        is_named: bool,
    ) -> Option<String> {
        let all = || -> Vec<Value> {
            let objects = groups.iter().flat_map(|(_, objects)| objects);
            objects.cloned().collect()
        };
        let of_each = |print: &dyn Fn(&Group) -> String, between: &str| {
            let texts: Vec<String> = groups.iter().map(print).collect();
            texts.join(between)
        };
        let is_one = is_named && all().len() == 1;
        Some(match &line.output {
            _ if groups.is_empty() => return None,
            None | Some(Output::Wide) => {
                let options = TableOptions {
                    wide: line.output.is_some(),
                    with_namespace: line.all_namespaces,
                    with_kind: command.show_kind,
                    show_labels: command.show_labels,
                    label_columns: command.label_columns.clone(),
                };
                let now = self.timestamp();
                let print = |(kind, objects): &Group| {
                    table(kind, objects, &options, now).text(command.no_headers)
                };
                // Blank lines go with heads.
                of_each(&print, if command.no_headers { "" } else { "\n" })
            }
            Some(Output::Name) => of_each(&|(kind, objects)| as_names(kind, objects), ""),
            Some(Output::Yaml) => as_yaml(&all(), is_one),
            Some(Output::Json) => as_json(&all(), is_one),
            Some(Output::JsonPath(path)) => path.print(&listed(&all(), is_one)),
        })
    }

    /// The objects of a kind in the namespace of the command, or in all of them.
    pub(super) fn list(&self, kind: &'static Kind, line: &CommandLine) -> Vec<Value> {
        let default = &self.scenario.namespace;
        let namespace = line.namespace.as_ref().unwrap_or(default).as_str();
        let is_any = line.all_namespaces || !kind.namespaced;
        if kind.kind == "Event" {
            let mut events = self.event_objects();
            let is_there = |event: &Value| is_any || event["metadata"]["namespace"] == *namespace;
            events.retain(is_there);
            return events;
        }
        if let Some(objects) = self.karpenter_objects(kind.kind) {
            return objects;
        }
        if let Some(of) = stored(kind.kind) {
            let namespace = (!is_any).then_some(namespace);
            return self.store.list(of, namespace, self.clock());
        }
        let names = self.names_of(kind, if is_any { "" } else { namespace }, is_any);
        let served = |(of, name): (String, String)| self.as_served((kind.kind, &of, &name));
        let mut objects: Vec<Value> = names.into_iter().filter_map(served).collect();
        let made = self.made_of_services(kind.kind, (!is_any).then_some(namespace));
        if !made.is_empty() {
            objects.extend(made);
            objects.sort_by_cached_key(|object| {
                let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
                (text("namespace").to_owned(), text("name").to_owned())
            });
        }
        objects
    }

    /// Endpoints or EndpointSlices of the Services of a namespace, or of all.
    fn made_of_services(&self, kind: &str, namespace: Option<&str>) -> Vec<Value> {
        let is_slices = kind == "EndpointSlice";
        if !is_slices && kind != "Endpoints" {
            return Vec::new();
        }
        let pods = self.store.list(StoreKind::Pod, namespace, self.clock());
        let names = self.manifests.names("Service");
        let names = names.filter(|(of, _)| namespace.is_none_or(|only| only == of));
        let services = names.filter_map(|(of, name)| self.as_served(("Service", &of, &name)));
        let mut made = Vec::new();
        for service in services {
            let mut of = if is_slices {
                endpoint_slices(&service, &pods, &|node| self.zone_of(node))
            } else {
                endpoints(&service, &pods).into_iter().collect()
            };
            for object in &mut of {
                let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
                let uid = format!("{kind}/{}/{}", text("namespace"), text("name"));
                let uid = self.components.pod_control.uid(&uid).to_string();
                object["metadata"]["uid"] = uid.into();
            }
            made.extend(of);
        }
        made
    }

    /// The EndpointSlices of a Service.
    pub(super) fn slices_of(&self, service: &Value) -> Vec<Value> {
        let namespace = service["metadata"]["namespace"].as_str();
        let pods = self.store.list(StoreKind::Pod, namespace, self.clock());
        endpoint_slices(service, &pods, &|node| self.zone_of(node))
    }

    fn zone_of(&self, node: &str) -> Option<String> {
        let id = self.store.find(StoreKind::Node, "", node)?;
        let labels = &self.store.meta(id)?.labels;
        labels.get("topology.kubernetes.io/zone").cloned()
    }

    /// What the API server says first of kinds that are on their way out.
    pub(super) fn warn_of_kinds(groups: &Targets, printed: &mut Printed) {
        let is_old = |kind: &Kind| kind.kind == "Endpoints";
        let is_meant = match groups {
            Targets::Named(all) => all.iter().any(|one| is_old(one.kind)),
            Targets::Selected(all) => all.kinds.iter().any(|kind| is_old(kind)),
            Targets::Files(_) => false,
        };
        if is_meant {
            printed.out(
                "Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
            );
        }
    }

    /// The time now, as ages are counted to.
    pub(super) fn timestamp(&self) -> Timestamp {
        let clock = self.clock();
        Timestamp(clock.calendar.unix_start * 1_000_000_000 + clock.now.0)
    }

    /// An object of which there is nothing but the manifest, with what the API server adds.
    fn as_served(&self, key: (&str, &str, &str)) -> Option<Value> {
        let live = self.live(key)?;
        let uid = format!("{}/{}/{}", key.0, key.1, key.2);
        let uid = self.components.pod_control.uid(&uid).to_string();
        Some(self.manifests.shown(key, &live, &uid, self.clock()))
    }

    /// An object as it is now.
    pub(super) fn as_it_is(&self, target: &Target) -> Option<Value> {
        if let Some(object) = self.karpenter_object(target.kind.kind, &target.name) {
            return Some(object);
        }
        if stored(target.kind.kind).is_none() {
            let (kind, namespace, name) = target.key();
            return self.as_served(target.key()).or_else(|| {
                let made = self.made_of_services(kind, Some(namespace));
                let mut made = made.into_iter();
                made.find(|object| object["metadata"]["name"] == *name)
            });
        }
        self.store.view(self.target_object(target)?, self.clock())
    }
}
