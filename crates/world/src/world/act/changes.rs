//! Commands that change, make or delete objects.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Printed;
use super::targets::{Target, target_of};
use crate::api::{Kind as StoreKind, Labels, ObjectId, PodWrite, Taint, TaintEffect, Write};
use crate::kubectl::command::{
    Autoscale, Cascade, Command, CommandLine, Delete, DryRun, Output, Targets,
};
use crate::kubectl::patch;
use crate::kubectl::print::{applied, as_json, as_names, as_yaml, listed};
use crate::scenario::model::ADOPTERS;
use crate::scenario::{drop_unknown_fields, is_same_object};
use crate::sim::SimTime;
use crate::world::components::with_context;
use crate::world::manifests::kind_in_store;
use crate::world::{Event, Simulation};

impl Simulation<'_> {
    /// Commands that change objects that are there.
    pub(super) fn change_all(
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
                Ok(mut change) => {
                    if matches!(line.command, Command::Patch(_)) {
                        let checked = self.check_identity(&target, &live, &mut change.object);
                        if let Err(refusal) = checked {
                            printed.error(refusal);
                            continue;
                        }
                        for unknown in drop_unknown_fields(&mut change.object) {
                            printed.out(format!("Warning: {unknown}"));
                        }
                    }
                    let differs = !is_same_object(target.kind.kind, &live, &change.object);
                    let text = change.line(target.kind, differs, line.dry_run);
                    let text = text.filter(|_| differs || !sends_nothing(&line.command));
                    let done = match target.kind.kind {
                        _ if !differs || line.dry_run != DryRun::None => Ok(()),
                        "Pod" => self.change_pod(&line.command, &live, &change.object, now),
                        kind @ ("ReplicaSet" | "Job") if !self.has_manifest(&target) => {
                            self.change_owned(kind, &target, &live, &change.object, now)
                        }
                        kind => self.store_value(kind, &change.object, now),
                    };
                    printed.messages(change.messages);
                    printed.lines.extend(self.take_webhook_warnings());
                    match done {
                        Ok(()) => self.show_changed(line, &target, change.object, text, printed),
                        Err(error) => printed.error(error),
                    }
                }
            }
        }
    }

    /// What a command prints of an object that it has changed: its line, or what `-o` asks for.
    fn show_changed(
        &self,
        line: &CommandLine,
        target: &Target,
        object: Value,
        text: Option<String>,
        printed: &mut Printed,
    ) {
        let Some(text) = text else { return };
        let object = match line.dry_run {
            DryRun::None => self.as_it_is(target).unwrap_or(object),
            DryRun::Client | DryRun::Server => object,
        };
        if let Some(together) = &mut printed.together {
            together.push(object);
            return;
        }
        let objects = [object];
        match &line.output {
            None | Some(Output::Wide) => printed.out(text),
            Some(Output::Name) => printed.text(&as_names(target.kind, &objects)),
            Some(Output::Json) => printed.text(&as_json(&objects, true)),
            Some(Output::JsonPath(path)) => printed.text(&path.print(&listed(&objects, true))),
            Some(Output::Yaml) => {
                if printed.has_document {
                    printed.out("---");
                }
                printed.has_document = true;
                printed.text(&as_yaml(&objects, true));
            }
        }
    }

    fn has_manifest(&self, target: &Target) -> bool {
        let (kind, namespace, name) = target.key();
        self.manifests.get(kind, namespace, name).is_some()
    }

    /// Changes an object that a controller has made: its replicas.
    fn change_owned(
        &mut self,
        kind: &str,
        target: &Target,
        live: &Value,
        changed: &Value,
        now: SimTime,
    ) -> Result<(), String> {
        let mut resized = live.clone();
        resized["spec"]["replicas"] = changed["spec"]["replicas"].clone();
        let replicas = changed["spec"]["replicas"].as_i64();
        let is_wrong = |replicas: &i64| i32::try_from(*replicas).map_or(true, |one| one < 0);
        if let Some(wrong) = replicas.filter(is_wrong) {
            return Err(format!(
                "The {kind} \"{}\" is invalid: spec.replicas: Invalid value: {wrong}: must be \
                 greater than or equal to 0",
                target.name
            ));
        }
        match (self.target_object(target), replicas) {
            (Some(object), Some(replicas)) if resized == *changed => {
                let write = Write::Replicas(object, replicas as i32);
                self.commit_and_wake(write, object, now);
                Ok(())
            }
            _ => Err(format!(
                "error: of a {kind} that has an owner only the replicas can be changed in the \
                 simulation: change its owner"
            )),
        }
    }

    /// `apply`: the objects that `-o` asks for come at the end, if nothing has gone wrong.
    pub(super) fn apply_documents(
        &mut self,
        documents: &[Value],
        line: &CommandLine,
        printed: &mut Printed,
        now: SimTime,
    ) {
        let asks = !matches!(line.output, None | Some(Output::Wide | Output::Name));
        printed.together = asks.then(Vec::new);
        for document in documents {
            self.put_document(&line.command, document, line, printed, now);
        }
        let objects = printed.together.take().filter(|_| !printed.failed);
        let Some(whole) = objects.and_then(applied) else {
            return;
        };
        match &line.output {
            Some(Output::Json) => printed.text(&as_json(&[whole], true)),
            Some(Output::JsonPath(path)) => printed.text(&path.print(&whole)),
            _ => printed.text(&as_yaml(&[whole], true)),
        }
    }

    /// `apply`, `create` and `replace` of one document.
    pub(super) fn put_document(
        &mut self,
        command: &Command,
        document: &Value,
        line: &CommandLine,
        printed: &mut Printed,
        now: SimTime,
    ) {
        let dry_run = line.dry_run;
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
            _ => match patch::applied(target.kind, document, self.as_applied(&target).as_ref()) {
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
        let done = match (target.kind.kind, &live) {
            _ if !differs || dry_run != DryRun::None => Ok(()),
            ("Pod", Some(live)) => self.change_pod(command, live, &object, now),
            ("Pod", None) => self.add_pod(&object, now),
            (kind, _) => self.store_value(kind, &object, now),
        };
        printed.lines.extend(self.take_webhook_warnings());
        match done {
            Ok(()) => self.show_changed(line, &target, object, text, printed),
            Err(error) => printed.error(error),
        }
    }

    pub(super) fn autoscale(
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
            let done = match line.dry_run {
                DryRun::None => self.store_value(hpa.kind.kind, &change.object, now),
                DryRun::Client | DryRun::Server => Ok(()),
            };
            match done {
                Ok(()) => {
                    let text = change.line(hpa.kind, true, line.dry_run);
                    let mut object = change.object;
                    // Fields that the type does not leave out.
                    object["status"] = json!({"currentMetrics": null, "desiredReplicas": 0});
                    self.show_changed(line, &hpa, object, text, printed);
                }
                Err(error) => printed.error(error),
            }
        }
    }

    pub(super) fn delete_objects(
        &mut self,
        command: &Delete,
        line: &CommandLine,
        documents: &[Value],
        printed: &mut Printed,
        now: SimTime,
    ) {
        if command.force && command.grace_period == Some(0) {
            printed.out(
                "Warning: Immediate deletion does not wait for confirmation that the running \
                 resource has been terminated. The resource may continue to run on the cluster \
                 indefinitely.",
            );
        }
        let mut warns = line.namespace.is_some() && !line.all_namespaces;
        for target in self.targets(&command.targets, line, documents) {
            if self.live(target.key()).is_none() {
                if !command.ignore_not_found {
                    printed.error(target.not_found());
                }
                continue;
            }
            let kind = target.kind.kind;
            if command.cascade == Cascade::Orphan && ADOPTERS.contains(&kind) {
                printed.error(format!(
                    "error: --cascade=orphan is not simulated for a {kind}: nobody would adopt \
                     what it leaves behind"
                ));
                continue;
            }
            if !target.kind.namespaced && std::mem::take(&mut warns) {
                printed.out(
                    "Warning: deleting cluster-scoped resources, not scoped to the provided \
                     namespace",
                );
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
                self.delete_object(&target, command, now);
            }
        }
    }

    fn delete_object(&mut self, target: &Target, command: &Delete, now: SimTime) {
        let (kind, namespace, name) = target.key();
        if kind == "Pod" {
            if let Some((id, _)) = self.find_pod(namespace, name) {
                self.delete_pod(id, command.grace_period, now);
            }
            self.manifests.remove(kind, namespace, name);
            return;
        }
        if kind == "Node" {
            // One of Karpenter's has its finalizer: it is drained first.
            if let Some(ObjectId::Node(node)) = self.store.find(StoreKind::Node, "", name)
                && !self.delete_node_claim(name, now)
            {
                self.delete_node(node, now);
            }
            return;
        }
        if kind == "NodeClaim" {
            self.delete_node_claim(name, now);
            return;
        }
        self.manifests.remove(kind, namespace, name);
        match kind {
            "ConfigMap" | "Secret" => {
                self.hold_config((kind, namespace, name), None);
                self.drop_config_map(kind, namespace, name);
            }
            "NodePool" | "EC2NodeClass" => self.delete_for_karpenter(kind, name, now),
            _ => {}
        }
        let object = kind_in_store(kind);
        let object = object.and_then(|kind| self.store.find(kind, namespace, name));
        if let (Some(object), Cascade::Orphan) = (object, command.cascade) {
            self.orphan_dependents(object, now);
        }
        match object {
            Some(ObjectId::ScaledObject(id)) => self.delete_scaled_object(id, now),
            Some(ObjectId::ScaledJob(id)) => self.delete_scaled_job(id, now),
            Some(object) => self.commit_and_wake(Write::Delete(object), object, now),
            None => {}
        }
    }

    /// What an object owns has no owner any more.
    fn orphan_dependents(&mut self, owner: ObjectId, now: SimTime) {
        let is_owned = |id: &ObjectId| {
            let meta = self.store.meta(*id);
            meta.is_some_and(|meta| meta.owner == Some(owner))
        };
        let jobs = self.store.jobs().map(|(id, _)| ObjectId::Job(id));
        let hpas = self.store.hpas();
        let hpas = hpas.map(|(id, _)| ObjectId::HorizontalPodAutoscaler(id));
        let owned: Vec<ObjectId> = jobs.chain(hpas).filter(is_owned).collect();
        for dependent in owned {
            self.store.commit(now, Write::Owner(dependent, None));
        }
    }

    /// Writes what a Deployment may have to undo.
    fn commit_and_wake(&mut self, write: Write, object: ObjectId, now: SimTime) {
        let owner = self.store.meta(object).and_then(|meta| meta.owner);
        if let (ObjectId::ReplicaSet(set), Some(ObjectId::Deployment(owner))) = (object, owner) {
            let deleted = matches!(write, Write::Delete(_)).then_some(set);
            with_context!(self, now, Event::Deployment, |all, cx| {
                all.deployments.enqueue(owner, deleted, cx);
            });
        }
        self.store.commit(now, write);
    }

    pub(super) fn cordon(
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
                continue;
            }
            let suffix = match line.dry_run {
                DryRun::None => "",
                DryRun::Client => " (dry run)",
                DryRun::Server => " (server dry run)",
            };
            if line.dry_run == DryRun::None {
                self.store.commit(now, Write::Cordon(node, unschedulable));
            }
            printed.out(format!("node/{name} {done}{suffix}"));
        }
    }

    /// Replaces the labels and annotations of an object, where they differ.
    pub(in crate::world) fn store_metadata(&mut self, kind: &str, value: &Value, now: SimTime) {
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
            let Some((id, meta)) = found.map(|(id, pod)| (id, &pod.meta)) else {
                return;
            };
            let writes = [
                (meta.labels != labels).then_some(PodWrite::Labels(labels)),
                (meta.annotations != annotations).then_some(PodWrite::Annotations(annotations)),
            ];
            for write in writes.into_iter().flatten() {
                self.store.commit(now, Write::Pod(id, write));
            }
            return;
        }
        let object = if kind == "Node" {
            self.store.find(StoreKind::Node, "", text("name"))
        } else {
            let kind = kind_in_store(kind);
            kind.and_then(|kind| self.store.find(kind, text("namespace"), text("name")))
        };
        if let Some(ObjectId::Node(node)) = object {
            let taints = taints_of(value);
            if self.store.node(node).taints != taints {
                self.store.commit(now, Write::Taints(node, taints));
            }
        }
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
}

/// Whether kubectl itself finds out that nothing would change, and says nothing.
fn sends_nothing(command: &Command) -> bool {
    matches!(
        command,
        Command::SetImage(_) | Command::SetEnv(_) | Command::SetResources(_)
    )
}

/// `spec.taints` of a node.
fn taints_of(node: &Value) -> Vec<Taint> {
    let taints = node["spec"]["taints"].as_array().into_iter().flatten();
    let read = |taint: &Value| {
        let text = |key: &str| taint[key].as_str().unwrap_or_default().to_owned();
        let effect = TaintEffect::ALL
            .into_iter()
            .find(|effect| taint["effect"] == *effect.name())?;
        Some(Taint {
            key: text("key"),
            value: text("value"),
            effect,
        })
    };
    taints.filter_map(read).collect()
}
