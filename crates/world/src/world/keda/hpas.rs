//! The HPAs that the operator makes.

use std::sync::Arc;

use crate::api::{Change, Kind, ObjectId, What, Write};
use crate::autoscaler::keda::{Environment, Hpa, HpaHealth, hpa_name};
use crate::sim::SimTime;
use crate::world::Simulation;

impl Simulation<'_> {
    /// Notes the HPA that exists under the name that KEDA looks for, whoever made it.
    pub(super) fn find_generated_hpa(&mut self, index: usize) {
        let object = &self.keda.objects[index];
        let noted = &object.state.status().hpa_name;
        let name = if noted.is_empty() {
            hpa_name(object.state.object())
        } else {
            noted.clone()
        };
        let kind = "HorizontalPodAutoscaler";
        let value = self.manifests.get(kind, &object.namespace, &name);
        let found = value.map(|value| {
            let table = |key: &str| {
                let entries = value["metadata"][key].as_object()?;
                let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
                let pairs = entries.iter();
                Some(pairs.filter_map(move |(key, value)| Some((key.clone(), text(value)?))))
            };
            Hpa {
                name,
                namespace: object.namespace.to_string(),
                labels: table("labels").into_iter().flatten().collect(),
                annotations: table("annotations").map(Iterator::collect),
                owner: object.name.to_string(),
                spec: value["spec"].clone(),
            }
        });
        self.keda.objects[index].state.set_found_hpa(found);
    }

    /// Creates or overwrites an HPA, whose owner the ScaledObject then is.
    pub(super) fn write_generated_hpa(
        &mut self,
        index: usize,
        hpa: &Hpa,
        now: SimTime,
    ) -> Result<(), String> {
        let kind = Kind::HorizontalPodAutoscaler;
        self.store_value(kind.name(), &hpa.manifest(), now)?;
        let owner = Some(ObjectId::ScaledObject(self.keda.objects[index].id));
        if let Some(id) = self.store.find(kind, &hpa.namespace, &hpa.name)
            && self.store.meta(id).is_some_and(|meta| meta.owner != owner)
        {
            self.store.commit(now, Write::Owner(id, owner));
        }
        Ok(())
    }

    /// Deletes an HPA.
    pub(super) fn remove_hpa(&mut self, namespace: &str, name: &str, now: SimTime) {
        let kind = Kind::HorizontalPodAutoscaler;
        self.manifests.remove(kind.name(), namespace, name);
        if let Some(id) = self.store.find(kind, namespace, name) {
            self.store.commit(now, Write::Delete(id));
        }
    }

    /// An HPA has changed: the ScaledObject that owns it is reconciled.
    pub(in crate::world) fn tell_keda_of_hpa(&mut self, change: Change, now: SimTime) {
        if self.keda.objects.is_empty() {
            return;
        }
        let owner = self.store.meta(change.object).and_then(|meta| meta.owner);
        for index in 0..self.keda.objects.len() {
            let object = &self.keda.objects[index];
            let concerned = match change.what {
                What::Spec => owner == Some(ObjectId::ScaledObject(object.id)),
                // Whose it was cannot be read any more; what KEDA deletes it forgets before.
                What::Deleted => object.state.hpa().is_some_and(|hpa| {
                    let kind = Kind::HorizontalPodAutoscaler;
                    self.store
                        .find(kind, &object.namespace, &hpa.name)
                        .is_none()
                }),
                _ => false,
            };
            if concerned && !object.deleted {
                self.queue_reconcile(index, now);
            }
        }
    }

    /// The condition `ScalingActive` of an object's HPA.
    pub(super) fn hpa_health(&self, index: usize) -> Option<HpaHealth> {
        let object = &self.keda.objects[index];
        let hpa = object.state.hpa()?;
        let kind = Kind::HorizontalPodAutoscaler;
        let found = self.store.find(kind, &object.namespace, &hpa.name)?;
        let ObjectId::HorizontalPodAutoscaler(id) = found else {
            return None;
        };
        let (scaling_active, reason, message) = self.hpas.scaling_active(id)?;
        Some(HpaHealth {
            scaling_active,
            reason,
            message,
        })
    }

    /// The environment of the container that triggers may read.
    pub(super) fn environment_of(&self, index: usize) -> Result<Environment, String> {
        let object = &self.keda.objects[index];
        let reference = &object.state.object().spec.scale_target_ref;
        let reads = |key: &String| key.ends_with("FromEnv");
        let mut triggers = object.state.object().spec.triggers.iter();
        let container = &reference.env_source_container_name;
        if container.is_empty() && !triggers.any(|one| one.metadata.keys().any(reads)) {
            return Ok(Environment::default());
        }
        let namespace = Arc::clone(&object.namespace);
        let (_, kind) = reference.version_and_kind();
        let value = self.manifests.get(kind, &namespace, &reference.name);
        let pods = value.map(|value| &value["spec"]["template"]["spec"]);
        Environment::resolve(pods, container)
    }
}
