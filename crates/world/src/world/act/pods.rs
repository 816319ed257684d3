//! What commands change of pods: labels and annotations, and resources through their subresource
//! `resize`.
//!
//! Upstream: `ValidatePodUpdate`, `ValidatePodResize` in `pkg/apis/core/validation`.

use std::sync::Arc;

use serde_json::Value;

use super::Printed;
use crate::api::{PodId, PodWrite, Resources, Write};
use crate::cluster::spec::InPlaceResize;
use crate::controller::disruption::{EvictionError, judge};
use crate::kubectl::command::{Command, Evict, EvictionOptions, Subresource, eviction_options};
use crate::kubelet::{Kubelet, ResizeError};
use crate::sim::{SimDuration, SimTime};
use crate::units::Quantity;
use crate::world::components::with_context;
use crate::world::{Event, Simulation};

/// What an update may change.
const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,\
    `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
    `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

impl Simulation<'_> {
    /// Stores a pod that a command has changed; the error is what kubectl prints.
    pub(super) fn change_pod(
        &mut self,
        command: &Command,
        live: &Value,
        changed: &Value,
        now: SimTime,
    ) -> Result<(), String> {
        let name = changed["metadata"]["name"].as_str().unwrap_or_default();
        let resizes = matches!(command, Command::Patch(patch)
            if patch.subresource == Some(Subresource::Resize));
        if resizes {
            let namespace = changed["metadata"]["namespace"].as_str();
            let found = self.find_pod(namespace.unwrap_or_default(), name);
            if let Some(id) = found.map(|(id, _)| id) {
                self.resize_pod(id, changed, now)
                    .map_err(|why| said(why, name, live))?;
            }
        } else if matches!(command, Command::Patch(patch)
            if patch.subresource == Some(Subresource::Status))
        {
            return self.put_conditions(live, changed, now);
        } else if fixed_fields(live) != fixed_fields(changed) {
            return Err(format!(
                "The Pod \"{name}\" is invalid: spec: Forbidden: pod updates may not change \
                 fields other than {UPDATABLE}\n(nlsim changes labels, annotations, images, deadlines, \
                 scheduling gates and, with --subresource=resize, resources of pods)"
            ));
        } else {
            self.put_deadline(live, changed, now)?;
            self.put_images(live, changed, now)?;
        }
        self.put_gates(changed, now)?;
        self.store_metadata("Pod", changed, now);
        Ok(())
    }

    /// Sets the conditions of a pod that readiness gates are about.
    fn put_conditions(
        &mut self,
        live: &Value,
        changed: &Value,
        now: SimTime,
    ) -> Result<(), String> {
        let text = |key: &str| changed["metadata"][key].as_str().unwrap_or_default();
        let (namespace, name) = (text("namespace"), text("name"));
        if rest_of_status(live) != rest_of_status(changed) {
            return Err(format!(
                "error: of the status of pod {name} only conditions can be set in the simulation that no \
                 component sets: those of readiness gates"
            ));
        }
        let found = self.find_pod(namespace, name);
        let Some(id) = found.map(|(id, _)| id) else {
            return Ok(());
        };
        let conditions = changed["status"]["conditions"].as_array();
        let of_clients = conditions.into_iter().flatten().filter(|one| !is_own(one));
        let write = PodWrite::Conditions(Arc::new(of_clients.cloned().collect()));
        self.store.commit(now, Write::Pod(id, write));
        with_context!(self, now, Event::Kubelet, |_all, cx| {
            Kubelet::look_at_gates(id, cx);
        });
        Ok(())
    }

    /// Posts an Eviction: the answer of the API server, as it comes.
    pub(super) fn evict_pod(
        &mut self,
        command: &Evict,
        documents: &[Value],
        printed: &mut Printed,
        now: SimTime,
    ) {
        let posted = documents.first();
        let posted = posted.map(|posted| eviction_options(posted, &command.pod));
        let options = match posted.unwrap_or_else(|| Ok(command.options.clone())) {
            Ok(options) => options,
            Err(wrong) => return printed.error(format!("Error from server (BadRequest): {wrong}")),
        };
        let missing = || {
            format!(
                "Error from server (NotFound): pods {:?} not found",
                command.pod
            )
        };
        let found = self.find_pod(&command.namespace, &command.pod);
        let Some(id) = found.map(|(id, _)| id) else {
            printed.error(missing());
            return;
        };
        if let Some(conflict) = self.conflict(id, &options) {
            return printed.error(conflict);
        }
        let answer = if options.dry_run {
            judge(id, &self.store)
        } else {
            self.call_eviction(id, now)
        };
        match answer {
            Ok(()) => {
                if !options.dry_run {
                    self.shorten_grace(id, options.grace_period, now);
                }
                printed.out(
                    r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":201}"#,
                );
            }
            Err(EvictionError::NotFound) => printed.error(missing()),
            Err(refusal @ EvictionError::TooManyRequests) => {
                if !options.dry_run {
                    self.note_refusal(id, now);
                }
                printed.error(format!("Error from server (TooManyRequests): {refusal}"));
            }
            Err(refusal @ EvictionError::SeveralBudgets) => {
                printed.error(format!("Error from server: {refusal}"));
            }
        }
    }

    /// What the API server says if a pod is not the one that is meant.
    fn conflict(&self, id: PodId, options: &EvictionOptions) -> Option<String> {
        let meta = &self.store.pod(id)?.meta;
        let found = [
            (
                &options.uid,
                meta.uid.to_string(),
                "UID",
                "deleted and then recreated",
            ),
            (
                &options.resource_version,
                meta.resource_version.to_string(),
                "ResourceVersion",
                "modified",
            ),
        ];
        let (asked, own, what, why) = found
            .into_iter()
            .find(|(asked, own, ..)| asked.as_ref().is_some_and(|asked| asked != own))?;
        let asked = asked.as_deref().unwrap_or_default();
        Some(format!(
            "Error from server (Conflict): Operation cannot be fulfilled on Pod \"{}\": the {what} in \
             the precondition ({asked}) does not match the {what} in record ({own}). The object might \
             have been {why}",
            meta.name
        ))
    }

    /// `spec.activeDeadlineSeconds` of a pod, which can be set and made shorter.
    fn put_deadline(&mut self, live: &Value, changed: &Value, now: SimTime) -> Result<(), String> {
        let of = |pod: &Value| pod["spec"]["activeDeadlineSeconds"].as_i64();
        let (before, after) = (of(live), of(changed));
        if before == after {
            return Ok(());
        }
        let text = |key: &str| changed["metadata"][key].as_str().unwrap_or_default();
        let (namespace, name) = (text("namespace"), text("name"));
        let wrong = |words: String| {
            let field = "spec.activeDeadlineSeconds: Invalid value";
            Err(format!("The Pod {name:?} is invalid: {field}: {words}"))
        };
        let most = i64::from(i32::MAX);
        let seconds = match (before, after) {
            (_, None) => {
                return wrong(
                    "null: must not update from a positive integer to nil value".to_owned(),
                );
            }
            (_, Some(after)) if !(0..=most).contains(&after) => {
                return wrong(format!("{after}: must be between 0 and {most}, inclusive"));
            }
            (Some(before), Some(after)) if after > before => {
                return wrong(format!(
                    "{after}: must be less than or equal to previous value"
                ));
            }
            (_, Some(after)) => after,
        };
        let Some((id, pod)) = self.find_pod(namespace, name) else {
            return Ok(());
        };
        let mut template = (*pod.template).clone();
        template.active_deadline = Some(SimDuration::from_secs(seconds));
        if template.whole.is_object() {
            let mut whole = Value::clone(&template.whole);
            whole["spec"]["activeDeadlineSeconds"] = seconds.into();
            template.whole = Arc::new(whole.into());
        }
        let write = PodWrite::Template(Arc::new(template));
        self.store.commit(now, Write::Pod(id, write));
        with_context!(self, now, Event::Kubelet, |all, cx| {
            all.kubelet.look_at_deadline(id, cx);
        });
        Ok(())
    }

    /// Images of a pod's containers: those that run start again.
    fn put_images(&mut self, live: &Value, changed: &Value, now: SimTime) -> Result<(), String> {
        let text = |key: &str| changed["metadata"][key].as_str().unwrap_or_default();
        let (namespace, name) = (text("namespace"), text("name"));
        let mut places = [Vec::new(), Vec::new()];
        for (list, places) in ["containers", "initContainers"].iter().zip(&mut places) {
            let (before, after) = (images(live, list), images(changed, list));
            for (place, image) in after.iter().enumerate() {
                if image.is_empty() {
                    let field = format!("spec.{list}[{place}].image");
                    return Err(format!(
                        "The Pod {name:?} is invalid: {field}: Required value"
                    ));
                }
                if before.get(place) != Some(image) {
                    places.push(place as u16);
                }
            }
        }
        let [containers, inits] = places;
        let found = self.find_pod(namespace, name);
        let Some((id, pod)) = found.filter(|_| !(containers.is_empty() && inits.is_empty())) else {
            return Ok(());
        };
        let mut template = (*pod.template).clone();
        for (list, specs) in [
            ("containers", &mut template.containers),
            ("initContainers", &mut template.init_containers),
        ] {
            for (spec, image) in specs.iter_mut().zip(images(changed, list)) {
                image.clone_into(&mut spec.image);
            }
        }
        let write = PodWrite::Template(Arc::new(template));
        self.store.commit(now, Write::Pod(id, write));
        with_context!(self, now, Event::Kubelet, |all, cx| {
            all.kubelet.images_changed(id, (&containers, &inits), cx);
        });
        Ok(())
    }

    fn resize_pod(&mut self, id: PodId, changed: &Value, now: SimTime) -> Result<(), ResizeError> {
        if self.scenario.controllers.cluster.in_place_resize == InPlaceResize::Off {
            return Err(ResizeError::Off);
        }
        let containers = changed["spec"]["containers"].as_array();
        let containers = containers.into_iter().flatten();
        let asked: Vec<Resources> = containers.map(|one| resources(&one["resources"])).collect();
        with_context!(self, now, Event::Kubelet, |all, cx| {
            all.kubelet.resize(id, &asked, now, cx)
        })
    }
}

/// Conditions of pods that components set.
const OWN_CONDITIONS: [&str; 8] = [
    "ContainersReady",
    "DisruptionTarget",
    "Initialized",
    "PodReadyToStartContainers",
    "PodResizeInProgress",
    "PodResizePending",
    "PodScheduled",
    "Ready",
];

fn is_own(condition: &Value) -> bool {
    OWN_CONDITIONS.iter().any(|own| condition["type"] == **own)
}

/// `status` without the conditions that clients set.
fn rest_of_status(pod: &Value) -> Value {
    let mut status = pod["status"].clone();
    if let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) {
        conditions.retain(is_own);
    }
    status
}

/// `spec`, but for what an update may change.
fn fixed_fields(pod: &Value) -> Value {
    let mut spec = pod["spec"].clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("schedulingGates");
        fields.remove("activeDeadlineSeconds");
    }
    for list in ["containers", "initContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            if let Some(fields) = container.as_object_mut() {
                fields.remove("image");
            }
        }
    }
    spec
}

/// The images of a list of containers.
fn images<'v>(pod: &'v Value, list: &str) -> Vec<&'v str> {
    let containers = pod["spec"][list].as_array().into_iter().flatten();
    let image = |one: &'v Value| one["image"].as_str().unwrap_or_default();
    containers.map(image).collect()
}

/// `resources` of a container.
fn resources(value: &Value) -> Resources {
    let amount = |list: &str, name: &str| -> Option<Quantity> {
        match &value[list][name] {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.to_string().parse().ok(),
            _ => None,
        }
    };
    let (cpu, memory) = (
        |list| amount(list, "cpu").map(Quantity::to_millicores),
        |list| amount(list, "memory").map(Quantity::to_bytes),
    );
    Resources {
        cpu_request: cpu("requests"),
        cpu_limit: cpu("limits"),
        memory_request: memory("requests"),
        memory_limit: memory("limits"),
    }
}

/// A refused resize as kubectl prints it.
fn said(why: ResizeError, name: &str, live: &Value) -> String {
    let invalid = |text: String| format!("The Pod \"{name}\" is invalid: {text}");
    match why {
        ResizeError::NotFound => {
            format!("Error from server (NotFound): pods \"{name}\" not found")
        }
        ResizeError::Off => format!("Error from server (NotFound): {why}"),
        ResizeError::QosClass => invalid(format!(
            "spec: Invalid value: {}: {why}",
            live["status"]["qosClass"]
        )),
        ResizeError::NodeCapacity(_) => {
            format!("Error from server (Forbidden): pods \"{name}\" is forbidden: {why}")
        }
        ResizeError::LowerMemoryLimit => invalid(format!(
            "spec.containers[0].resources.limits[memory]: Forbidden: {why}"
        )),
    }
}
