//! What manifests say of pods and the simulation has no use for: ports, variables, volumes.
//! Descriptions show it.

use serde_json::Value;

use super::targets::target_of;
use crate::api::{ObjectId, PodTemplate};
use crate::world::Simulation;

/// Fields of a pod's spec, and of its containers, that are kept as they were written.
const OF_SPEC: [&str; 5] = [
    "priorityClassName",
    "runtimeClassName",
    "serviceAccountName",
    "topologySpreadConstraints",
    "volumes",
];
const OF_CONTAINERS: [&str; 6] = ["args", "command", "env", "envFrom", "ports", "volumeMounts"];

impl Simulation<'_> {
    /// Adds what was written of an object's pods to its view.
    pub(super) fn add_what_was_written(&self, view: &mut Value) {
        let Some(id) = target_of(view).and_then(|target| self.target_object(&target)) else {
            return;
        };
        let written = self.template_as_written(id);
        let Some(written) = written.filter(|written| written.is_object()) else {
            return;
        };
        let spec = match id {
            ObjectId::Pod(_) => &mut view["spec"],
            ObjectId::CronJob(_) => &mut view["spec"]["jobTemplate"]["spec"]["template"]["spec"],
            _ => &mut view["spec"]["template"]["spec"],
        };
        add(spec, &written["spec"]);
    }

    /// `spec.template` of the manifest that an object's pods come from.
    fn template_as_written(&self, id: ObjectId) -> Option<&Value> {
        let meta = self.store.meta(id)?;
        let own = self
            .manifests
            .get(id.kind().name(), &meta.namespace, &meta.name);
        match id {
            ObjectId::CronJob(_) => return Some(&own?["spec"]["jobTemplate"]["spec"]["template"]),
            _ if own.is_some() => return own.map(|own| &own["spec"]["template"]),
            _ => {}
        }
        let owner = meta.owner?;
        match (id, owner) {
            (ObjectId::ReplicaSet(set), ObjectId::Deployment(_)) => {
                self.revision_as_written(owner, &self.store.replica_set(set)?.template)
            }
            (ObjectId::Pod(pod), ObjectId::StatefulSet(_) | ObjectId::DaemonSet(_)) => {
                self.revision_as_written(owner, &self.store.pod(pod)?.template)
            }
            _ => self.template_as_written(owner),
        }
    }

    /// The text of one of the templates that a workload has, or has had.
    pub(super) fn revision_as_written(
        &self,
        workload: ObjectId,
        template: &PodTemplate,
    ) -> Option<&Value> {
        let meta = self.store.meta(workload)?;
        let key = (workload.kind().name(), &*meta.namespace, &*meta.name);
        self.manifests.written_template(key, template)
    }
}

/// Adds the fields of a spec that a view leaves out.
pub(super) fn add(spec: &mut Value, written: &Value) {
    add_fields(spec, written, &OF_SPEC);
    for list in ["containers", "initContainers"] {
        let Some(containers) = spec[list].as_array_mut() else {
            continue;
        };
        for container in containers {
            let mut all = written[list].as_array().into_iter().flatten();
            if let Some(one) = all.find(|one| one["name"] == container["name"]) {
                add_fields(container, one, &OF_CONTAINERS);
            }
        }
    }
}

fn add_fields(to: &mut Value, from: &Value, names: &[&str]) {
    for name in names {
        if let Some(value) = from.get(name).filter(|value| !value.is_null())
            && to[*name].is_null()
        {
            to[*name] = value.clone();
        }
    }
}
