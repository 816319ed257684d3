//! Commands typed while the cluster runs: what kubectl would do with the objects as they are,
//! carried to the store.

use std::sync::Arc;

use serde_json::Value;

use super::manifests::{Manifests, kind_in_store};
use super::{Event, Simulation};
use crate::api::{Kind as StoreKind, Labels, ObjectId, PodId, PodWrite, Write};
use crate::controller::deployment::{Undo, rollout_undo};
use crate::kubectl::command::{
    Autoscale, Command, CommandLine, Delete, DryRun, Metadata, ParseError, RolloutAction, Targets,
    parse,
};
use crate::kubectl::kind::Kind;
use crate::kubectl::patch::{self, Message};
use crate::record::{ActionRecord, EventRecord};
use crate::scenario::Span;
use crate::scenario::model::Action;
use crate::sim::SimTime;

/// What kubectl printed, line by line, and whether it ended well.
#[derive(Debug, Default)]
pub(super) struct Printed {
    pub(super) lines: Vec<String>,
    pub(super) failed: bool,
}

impl Printed {
    fn out(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    pub(super) fn error(&mut self, text: impl Into<String>) {
        self.failed = true;
        self.lines.push(text.into());
    }

    fn messages(&mut self, messages: Vec<Message>) {
        for message in messages {
            match message {
                Message::Out(text) | Message::Err(text) => self.lines.push(text),
            }
        }
    }
}

/// An object that a command is about.
#[derive(Debug, Clone)]
struct Target {
    kind: &'static Kind,
    namespace: String,
    name: String,
}

impl Target {
    fn key(&self) -> (&str, &str, &str) {
        (self.kind.kind, &self.namespace, &self.name)
    }

    fn not_found(&self) -> String {
        let resource = self.kind.resource();
        format!(
            "Error from server (NotFound): {resource} \"{}\" not found",
            self.name
        )
    }
}

impl Simulation<'_> {
    /// Types a kubectl command now; `documents` are the objects of the manifests that it names.
    /// Returns what kubectl prints.
    pub fn apply(&mut self, action: &Action) -> Vec<String> {
        let now = self.now();
        let printed = self.act(action, now);
        self.settle(now);
        printed
    }

    /// Types a kubectl command now. Returns what kubectl prints; the error says where the command
    /// line is wrong. Manifests come with [`Simulation::apply`].
    pub fn kubectl(&mut self, text: &str) -> Result<Vec<String>, ParseError> {
        let action = Action {
            at: self.now(),
            command: parse(text)?,
            documents: Vec::new(),
            text: text.to_owned(),
            place: Span::default(),
        };
        Ok(self.apply(&action))
    }

    /// The scenario's action of this index is due.
    pub(super) fn act_planned(&mut self, index: usize, now: SimTime) {
        let scenario = self.scenario;
        self.act(&scenario.actions[index], now);
    }

    fn act(&mut self, action: &Action, now: SimTime) -> Vec<String> {
        let mut printed = Printed::default();
        self.carry_out(&action.command, &action.documents, &mut printed, now);
        let lines = printed.lines.clone();
        let text = action.text.trim().to_owned();
        self.recorder.event(|| EventRecord {
            time: now,
            kind: if printed.failed { "Warning" } else { "Normal" },
            reason: "Command".to_owned(),
            namespace: "".into(),
            object: "kubectl".to_owned(),
            message: format!("{text} → {}", lines.join("; ")),
        });
        self.recorder.recording.actions.push(ActionRecord {
            time: now,
            command: text,
            printed: printed.lines.clone(),
            failed: printed.failed,
        });
        printed.lines
    }

    fn carry_out(
        &mut self,
        line: &CommandLine,
        documents: &[Value],
        printed: &mut Printed,
        now: SimTime,
    ) {
        match &line.command {
            Command::Apply(_) | Command::Create(_) | Command::Replace(_) => {
                for document in documents {
                    self.put_document(&line.command, document, line.dry_run, printed, now);
                }
            }
            Command::Delete(command) => self.delete_objects(command, line, documents, printed, now),
            Command::Autoscale(command) => self.autoscale(command, line, documents, printed, now),
            Command::Rollout(command) => match command.action {
                RolloutAction::Undo { to_revision } => {
                    for target in self.targets(&command.targets, line, documents) {
                        self.undo(&target, to_revision.unwrap_or(0), printed, now);
                    }
                }
                RolloutAction::Restart | RolloutAction::Pause | RolloutAction::Resume => {
                    self.change_all(&command.targets, line, documents, printed, now);
                }
                RolloutAction::Status { .. } | RolloutAction::History { .. } => {}
            },
            Command::Patch(command) => {
                self.change_all(&command.targets, line, documents, printed, now);
            }
            Command::Scale(command) => {
                self.change_all(&command.targets, line, documents, printed, now);
            }
            Command::SetImage(command) => {
                self.change_all(&command.targets, line, documents, printed, now);
            }
            Command::SetEnv(command) => {
                self.change_all(&command.targets, line, documents, printed, now);
            }
            Command::SetResources(command) => {
                self.change_all(&command.targets, line, documents, printed, now);
            }
            Command::Label(Metadata { targets, .. })
            | Command::Annotate(Metadata { targets, .. }) => {
                self.change_all(targets, line, documents, printed, now);
            }
            Command::Cordon(targets) => self.cordon(targets, true, line, printed, now),
            Command::Uncordon(targets) => self.cordon(targets, false, line, printed, now),
            Command::Drain(command) => {
                self.cordon(&command.nodes, true, line, printed, now);
                let nodes = self.targets(&command.nodes, line, &[]);
                let names = nodes.into_iter().map(|node| node.name).collect();
                self.drain(names, command, printed, now);
            }
            Command::Get(_) | Command::Describe(_) | Command::Top(_) | Command::Wait(_) => {}
            Command::CreateJob(_) | Command::Taint(_) => {
                printed.error("error: this command is not simulated yet");
            }
        }
    }

    /// The objects that a command names, in its order.
    fn targets(&self, targets: &Targets, line: &CommandLine, documents: &[Value]) -> Vec<Target> {
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
    fn names_of(&self, kind: &Kind, namespace: &str, all: bool) -> Vec<(String, String)> {
        let fits = |of: &str| all || of == namespace;
        if kind.kind == "Pod" {
            let pods = self.store.pods().filter(|(_, pod)| !pod.removed);
            let names =
                pods.map(|(_, pod)| (pod.meta.namespace.to_string(), pod.name().to_owned()));
            return names.filter(|(of, _)| fits(of)).collect();
        }
        if kind.kind == "Node" {
            let nodes = self.store.nodes();
            return nodes
                .map(|(_, node)| (String::new(), node.name().to_owned()))
                .collect();
        }
        self.manifests
            .names(kind.kind)
            .filter(|(of, _)| fits(of))
            .collect()
    }

    /// An object as `kubectl get -o json` gives it, as far as commands need it.
    fn live(&self, (kind, namespace, name): (&str, &str, &str)) -> Option<Value> {
        let labels = |labels: &Labels| serde_json::json!(labels);
        match kind {
            "Pod" => {
                let (_, pod) = self.find_pod(namespace, name)?;
                Some(serde_json::json!({
                    "apiVersion": "v1", "kind": "Pod",
                    "metadata": { "name": name, "namespace": namespace,
                        "labels": labels(&pod.meta.labels),
                        "annotations": labels(&pod.meta.annotations) },
                }))
            }
            "Node" => {
                let ObjectId::Node(id) = self.store.find(StoreKind::Node, "", name)? else {
                    return None;
                };
                let node = self.store.node(id);
                Some(serde_json::json!({
                    "apiVersion": "v1", "kind": "Node",
                    "metadata": { "name": name, "labels": labels(node.labels()) },
                    "spec": { "unschedulable": node.unschedulable },
                }))
            }
            _ => {
                let mut value = self.manifests.get(kind, namespace, name)?.clone();
                let object = kind_in_store(kind);
                let object = object.and_then(|kind| self.store.find(kind, namespace, name));
                if let Some(replicas) = object.and_then(|object| self.store.replicas(object)) {
                    value["spec"]["replicas"] = replicas.into();
                }
                Some(value)
            }
        }
    }

    fn find_pod(&self, namespace: &str, name: &str) -> Option<(PodId, &crate::api::Pod)> {
        let mut pods = self.store.pods();
        pods.find(|(_, pod)| {
            !pod.removed && pod.name() == name && *pod.meta.namespace == *namespace
        })
    }

    /// Commands that change objects that are there.
    fn change_all(
        &mut self,
        targets: &Targets,
        line: &CommandLine,
        documents: &[Value],
        printed: &mut Printed,
        now: SimTime,
    ) {
        let clock = self.scenario.controllers.vpa.clock;
        for target in self.targets(targets, line, documents) {
            let Some(live) = self.live(target.key()) else {
                printed.error(target.not_found());
                continue;
            };
            match patch::patched(&line.command, target.kind, &live, &clock.print(now)) {
                Err(refusal) => printed.error(refusal.text),
                Ok(change) => {
                    let differs = change.object != live;
                    let text = change.line(target.kind, differs, line.dry_run);
                    let done = if differs && line.dry_run == DryRun::None {
                        self.store_value(target.kind.kind, &change.object, now)
                    } else {
                        Ok(())
                    };
                    printed.messages(change.messages);
                    match done {
                        Ok(()) => printed.lines.extend(text),
                        Err(error) => printed.error(error),
                    }
                }
            }
        }
    }

    /// `apply`, `create` and `replace` of one document.
    fn put_document(
        &mut self,
        command: &Command,
        document: &Value,
        dry_run: DryRun,
        printed: &mut Printed,
        now: SimTime,
    ) {
        let Some(target) = target_of(document) else {
            printed.error("error: unable to recognize the document");
            return;
        };
        let live = self.live(target.key());
        let (object, text) = match (command, &live) {
            (Command::Create(_), Some(_)) => {
                let (resource, name) = (target.kind.resource(), &target.name);
                printed.error(format!(
                    "Error from server (AlreadyExists): {resource} \"{name}\" already exists"
                ));
                return;
            }
            (Command::Replace(_), None) => {
                printed.error(target.not_found());
                return;
            }
            (Command::Create(_) | Command::Replace(_), live) => {
                let done = if live.is_some() {
                    "replaced"
                } else {
                    "created"
                };
                let text = patch::line(target.kind, &target.name, done, dry_run);
                (document.clone(), Some(text))
            }
            _ => match patch::applied(target.kind, document, live.as_ref()) {
                Err(refusal) => {
                    printed.error(refusal.text);
                    return;
                }
                Ok(change) => {
                    let text = change.line(target.kind, true, dry_run);
                    printed.messages(change.messages);
                    (change.object, text)
                }
            },
        };
        let differs = live.as_ref() != Some(&object);
        let done = if differs && dry_run == DryRun::None {
            self.store_value(target.kind.kind, &object, now)
        } else {
            Ok(())
        };
        match done {
            Ok(()) => printed.lines.extend(text),
            Err(error) => printed.error(error),
        }
    }

    fn autoscale(
        &mut self,
        command: &Autoscale,
        line: &CommandLine,
        documents: &[Value],
        printed: &mut Printed,
        now: SimTime,
    ) {
        for target in self.targets(&command.targets, line, documents) {
            if self.live(target.key()).is_none() {
                printed.error(target.not_found());
                continue;
            }
            let change = patch::autoscaled(command, target.kind, &target.name, &target.namespace);
            let Some(hpa) = target_of(&change.object) else {
                continue;
            };
            printed.messages(change.messages.clone());
            if self.live(hpa.key()).is_some() {
                let (resource, name) = (hpa.kind.resource(), &hpa.name);
                printed.error(format!(
                    "Error from server (AlreadyExists): {resource} \"{name}\" already exists"
                ));
                continue;
            }
            match self.store_value(hpa.kind.kind, &change.object, now) {
                Ok(()) => printed
                    .lines
                    .extend(change.line(hpa.kind, true, line.dry_run)),
                Err(error) => printed.error(error),
            }
        }
    }

    fn delete_objects(
        &mut self,
        command: &Delete,
        line: &CommandLine,
        documents: &[Value],
        printed: &mut Printed,
        now: SimTime,
    ) {
        for target in self.targets(&command.targets, line, documents) {
            if self.live(target.key()).is_none() {
                if !command.ignore_not_found {
                    printed.error(target.not_found());
                }
                continue;
            }
            let namespace = target.kind.namespaced.then_some(target.namespace.as_str());
            printed.out(patch::deleted_line(
                target.kind,
                namespace,
                &target.name,
                command.force,
                line.dry_run,
            ));
            if line.dry_run == DryRun::None {
                self.delete_object(&target, command, printed, now);
            }
        }
    }

    fn delete_object(
        &mut self,
        target: &Target,
        command: &Delete,
        printed: &mut Printed,
        now: SimTime,
    ) {
        let (kind, namespace, name) = target.key();
        if kind == "Pod" {
            if let Some((id, _)) = self.find_pod(namespace, name) {
                self.delete_pod(id, command.grace_period, now);
            }
            return;
        }
        if kind == "Node" {
            printed.error("error: deleting nodes is not simulated yet");
            return;
        }
        self.manifests.remove(kind, namespace, name);
        let object = kind_in_store(kind);
        if let Some(object) = object.and_then(|kind| self.store.find(kind, namespace, name)) {
            self.store.commit(now, Write::Delete(object));
        }
    }

    fn cordon(
        &mut self,
        targets: &Targets,
        unschedulable: bool,
        line: &CommandLine,
        printed: &mut Printed,
        now: SimTime,
    ) {
        let done = if unschedulable {
            "cordoned"
        } else {
            "uncordoned"
        };
        for target in self.targets(targets, line, &[]) {
            let found = self.store.find(StoreKind::Node, "", &target.name);
            let Some(ObjectId::Node(node)) = found else {
                printed.error(target.not_found());
                continue;
            };
            let name = &target.name;
            if self.store.node(node).unschedulable == unschedulable {
                printed.out(format!("node/{name} already {done}"));
            } else {
                self.store.commit(now, Write::Cordon(node, unschedulable));
                printed.out(format!("node/{name} {done}"));
            }
        }
    }

    /// `rollout undo`: the template of an earlier ReplicaSet.
    fn undo(&mut self, target: &Target, to_revision: i64, printed: &mut Printed, now: SimTime) {
        if target.kind.kind != "Deployment" {
            printed.error("error: undoing roll-outs is simulated for Deployments only so far");
            return;
        }
        let (_, namespace, name) = target.key();
        let found = self.store.find(StoreKind::Deployment, namespace, name);
        let Some(ObjectId::Deployment(id)) = found else {
            printed.error(target.not_found());
            return;
        };
        let components = &mut self.components;
        let undone = components.deployments.with_views(
            id,
            &self.store,
            &mut components.pod_control,
            now,
            |deployment, sets| rollout_undo(deployment, sets, to_revision),
        );
        let qualified = target.kind.qualified();
        match undone {
            None => printed.error(target.not_found()),
            Some((_, Err(error))) => printed.error(format!("error: {error}")),
            Some((_, Ok(Undo::Skipped(text)))) => printed.out(text),
            Some((keys, Ok(Undo::RolledBack { key }))) => {
                if let Some(set) = self.store.replica_set(keys[key]) {
                    let template = Arc::clone(&set.template);
                    self.store
                        .commit(now, Write::Template(ObjectId::Deployment(id), template));
                }
                printed.out(format!("{qualified}/{name} rolled back"));
            }
        }
    }

    /// Replaces the labels and annotations of an object, where they differ.
    pub(super) fn store_metadata(&mut self, kind: &str, value: &Value, now: SimTime) {
        let map = |key: &str| -> Arc<Labels> {
            let entries = value["metadata"][key].as_object().into_iter().flatten();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            Arc::new(
                entries
                    .map(|(key, value)| (key.clone(), text(value)))
                    .collect(),
            )
        };
        let text = |key: &str| value["metadata"][key].as_str().unwrap_or_default();
        let (labels, annotations) = (map("labels"), map("annotations"));
        if kind == "Pod" {
            let found = self.find_pod(text("namespace"), text("name"));
            if let Some(id) = found.map(|(id, _)| id) {
                for write in [PodWrite::Labels(labels), PodWrite::Annotations(annotations)] {
                    self.store.commit(now, Write::Pod(id, write));
                }
            }
            return;
        }
        let object = if kind == "Node" {
            self.store.find(StoreKind::Node, "", text("name"))
        } else {
            let kind = kind_in_store(kind);
            kind.and_then(|kind| self.store.find(kind, text("namespace"), text("name")))
        };
        let Some((id, meta)) = object.and_then(|id| Some((id, self.store.meta(id)?))) else {
            return;
        };
        let writes = [
            (meta.labels != labels).then_some(Write::Labels(id, labels)),
            (meta.annotations != annotations).then_some(Write::Annotations(id, annotations)),
        ];
        for write in writes.into_iter().flatten() {
            self.store.commit(now, write);
        }
    }

    /// Schedules the scenario's actions.
    pub(super) fn plan_actions(&mut self) {
        for (index, action) in self.scenario.actions.iter().enumerate() {
            self.queue.schedule(action.at, Event::Action(index as u32));
        }
    }
}

/// The object that a document describes.
fn target_of(document: &Value) -> Option<Target> {
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
    fn names(&self, kind: &str) -> impl Iterator<Item = (String, String)> {
        self.of_kind(kind)
            .map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
    }
}
