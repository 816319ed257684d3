//! ConfigMaps and Secrets that pods refer to: a container whose environment needs one that is not
//! there is not created (`generateContainerConfig` of `kuberuntime_container.go`), a pod whose
//! volume is of one is not started (`volumemanager`). Both are tried again.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Event, Kubelet};
use crate::api::{Context, ObjectId, Pod, PodId, PodWrite};
use crate::sim::SimDuration;

/// The first and the longest wait of a volume that could not be mounted.
const MOUNT_BACK_OFF: [SimDuration; 2] =
    [SimDuration::from_millis(500), SimDuration::from_secs(122)];

/// `ConfigMap` or `Secret`, namespace, name.
pub type ConfigKey = (&'static str, String, String);

/// The keys of a ConfigMap or a Secret.
#[derive(Debug, Clone, Default)]
pub struct ConfigKeys {
    /// Those that environments can take.
    data: BTreeSet<String>,
    /// Those of `binaryData`, which volumes have besides.
    binary: BTreeSet<String>,
}

impl ConfigKeys {
    /// Those of an object.
    pub fn of(object: &Value) -> Self {
        let keys = |field: &str| object[field].as_object().into_iter().flatten();
        let names = |field| keys(field).map(|(key, _)| key.clone());
        Self {
            data: names("data").chain(names("stringData")).collect(),
            binary: names("binaryData").collect(),
        }
    }
}

/// What is known of a ConfigMap or a Secret.
#[derive(Debug, Clone)]
pub(super) enum Config {
    /// It is not there.
    Missing,
    /// It has these keys.
    Held(ConfigKeys),
}

/// What a pod lacks, in the kubelet's words.
enum Lack {
    Environment(String),
    Volume(String),
}

/// The items of a list, if it is one.
fn items(of: &Value) -> impl Iterator<Item = &Value> {
    of.as_array().into_iter().flatten()
}

impl Kubelet {
    /// A ConfigMap or a Secret with these keys is there from now on, or no longer.
    pub fn hold_config(&mut self, key: ConfigKey, keys: Option<ConfigKeys>) {
        let known = keys.map_or(Config::Missing, Config::Held);
        self.configs.insert(key, known);
    }

    /// Whether a pod that is about to start refers to something that is not there: it is told, and
    /// the pod tried again.
    pub(super) fn lacks_config(
        &mut self,
        id: PodId,
        run: u16,
        context: &mut Context<'_, Event>,
    ) -> bool {
        if self.configs.is_empty() {
            return false;
        }
        let pod = context.store.pod(id);
        let Some(lack) = pod.and_then(|pod| self.lack(pod)) else {
            return false;
        };
        let object = ObjectId::Pod(id);
        let again = match lack {
            Lack::Volume(message) => {
                context.events.warning(object, "FailedMount", || message);
                let worker = self.worker(id);
                let [first, longest] = MOUNT_BACK_OFF;
                let wait = (first * (1 << worker.mounts_failed.min(10))).min(longest);
                worker.mounts_failed += 1;
                wait
            }
            Lack::Environment(message) => {
                let message = || format!("Error: {message}");
                context.events.warning(object, "Failed", message);
                context.write_pod(id, PodWrite::Waiting("CreateContainerConfigError"));
                Self::next_look(id, context)
            }
        };
        context.after(again, Event::Start(id, run));
        true
    }

    /// Volumes come first, then one container after the other, of each what is taken as a whole.
    fn lack(&self, pod: &Pod) -> Option<Lack> {
        let spec = &pod.template.whole["spec"];
        for volume in items(&spec["volumes"]) {
            let (map, secret) = (&volume["configMap"], &volume["secret"]);
            let projected = items(&volume["projected"]["sources"]);
            let own = [("ConfigMap", map, "name"), ("Secret", secret, "secretName")];
            let parts = projected.flat_map(|source| {
                let (map, secret) = (&source["configMap"], &source["secret"]);
                [("ConfigMap", map, "name"), ("Secret", secret, "name")]
            });
            let mut all = own.into_iter().chain(parts);
            let missing = all.find_map(|(kind, of, name)| {
                let lacks = || self.lacks_items(kind, of, name, pod);
                self.not_found(kind, of, name, pod).or_else(lacks)
            });
            if let Some(missing) = missing {
                let name = volume["name"].as_str().unwrap_or_default();
                let message = format!("MountVolume.SetUp failed for volume \"{name}\" : {missing}");
                return Some(Lack::Volume(message));
            }
        }
        for container in items(&spec["containers"]) {
            let whole = items(&container["envFrom"]);
            let whole = whole.flat_map(|from| {
                let (map, secret) = (&from["configMapRef"], &from["secretRef"]);
                [("ConfigMap", map), ("Secret", secret)]
            });
            let single = items(&container["env"]);
            let single = single.flat_map(|one| {
                let from = &one["valueFrom"];
                let (map, secret) = (&from["configMapKeyRef"], &from["secretKeyRef"]);
                [("ConfigMap", map), ("Secret", secret)]
            });
            let mut all = whole.chain(single);
            let missing = all.find_map(|(kind, of)| {
                let lacks = || self.lacks_key(kind, of, pod);
                self.not_found(kind, of, "name", pod).or_else(lacks)
            });
            if let Some(missing) = missing {
                return Some(Lack::Environment(missing));
            }
        }
        None
    }

    /// What the API server says of a reference that leads nowhere, unless it may.
    fn not_found(&self, kind: &'static str, of: &Value, name: &str, pod: &Pod) -> Option<String> {
        let known = self.config(kind, of, name, pod)?;
        let is_missing = of["optional"] != true && matches!(known, Config::Missing);
        let name = of[name].as_str()?;
        is_missing.then(|| format!("{} \"{name}\" not found", kind.to_lowercase()))
    }

    /// What is known of the object that a reference leads to.
    fn config(&self, kind: &'static str, of: &Value, name: &str, pod: &Pod) -> Option<&Config> {
        let name = of[name].as_str()?.to_owned();
        let key = (kind, pod.meta.namespace.to_string(), name);
        self.configs.get(&key)
    }

    /// The keys of the object that a reference leads to, if it is there.
    fn keys(&self, kind: &'static str, of: &Value, name: &str, pod: &Pod) -> Option<&ConfigKeys> {
        match self.config(kind, of, name, pod)? {
            Config::Held(keys) => Some(keys),
            Config::Missing => None,
        }
    }

    /// What is said of a variable whose key is not there, unless it need not be.
    fn lacks_key(&self, kind: &'static str, of: &Value, pod: &Pod) -> Option<String> {
        let key = of["key"].as_str().filter(|_| of["optional"] != true)?;
        let keys = self.keys(kind, of, "name", pod)?;
        let name = of["name"].as_str()?;
        let namespace = &pod.meta.namespace;
        let lacks = !keys.data.contains(key);
        lacks.then(|| format!("couldn't find key {key} in {kind} {namespace}/{name}"))
    }

    /// What is said of a volume's file whose key is not there, unless it need not be.
    fn lacks_items(&self, kind: &'static str, of: &Value, name: &str, pod: &Pod) -> Option<String> {
        if of["optional"] == true {
            return None;
        }
        let keys = self.keys(kind, of, name, pod)?;
        let mut wanted = items(&of["items"]).filter_map(|item| item["key"].as_str());
        let lacks = |key: &&str| !keys.data.contains(*key) && !keys.binary.contains(*key);
        let key = wanted.find(lacks)?;
        Some(if kind == "ConfigMap" {
            format!("configmap references non-existent config key: {key}")
        } else {
            format!("references non-existent secret key: {key}")
        })
    }
}
