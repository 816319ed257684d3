//! Commands that change objects.

use std::ops::Range;

use serde_json::Value;

use super::{File, ObjectRef, Targets};
use crate::sim::SimDuration;
use crate::units::Quantity;

/// `create job NAME --from=cronjob/X`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateJob {
    /// The Job's name.
    pub name: String,
    /// The CronJob whose template it takes.
    pub cron_job: ObjectRef,
}

/// `create --raw /api/v1/namespaces/NAMESPACE/pods/POD/eviction -f`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evict {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The file with the Eviction, unless that is a here-document.
    pub files: Vec<File>,
    /// What the here-document says.
    pub options: EvictionOptions,
}

/// `deleteOptions` of an Eviction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EvictionOptions {
    /// `gracePeriodSeconds`; the pod's own for `None`.
    pub grace_period: Option<i64>,
    /// `dryRun: [All]`: the API server answers and does nothing.
    pub dry_run: bool,
    /// `preconditions.uid`.
    pub uid: Option<String>,
    /// `preconditions.resourceVersion`.
    pub resource_version: Option<String>,
}

/// `replace -f`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replace {
    /// The manifests.
    pub files: Vec<File>,
    /// `--force`: delete the objects and create them again.
    pub force: bool,
}

/// `delete`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// What is deleted.
    pub targets: Targets,
    /// Seconds that pods are given, as it is sent: `--now` and a `--grace-period=0` without
    /// `--force` mean 1, `--force` alone 0. `None` leaves it to the object.
    pub grace_period: Option<i64>,
    /// `--force`: kubectl does not wait, and says so.
    pub force: bool,
    /// What becomes of dependents.
    pub cascade: Cascade,
    /// `--wait`: whether the command ends when the objects are gone.
    pub wait: bool,
    /// Whether objects that are not there are no error.
    pub ignore_not_found: bool,
    /// `--timeout` of the wait.
    pub timeout: Option<SimDuration>,
}

/// `--cascade`: what becomes of the objects that the deleted one owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cascade {
    /// Deleted after it.
    #[default]
    Background,
    /// Deleted before it.
    Foreground,
    /// Kept.
    Orphan,
}

/// `patch`.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// What is patched.
    pub targets: Targets,
    /// `--type`.
    pub patch_type: PatchType,
    /// The patch.
    pub patch: Value,
    /// The patch as typed.
    pub text: String,
    /// Where it was typed.
    pub range: Range<usize>,
    /// `--subresource`.
    pub subresource: Option<Subresource>,
}

/// `--type`: the kind of a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PatchType {
    /// A list of operations, RFC 6902.
    Json,
    /// Fields to be set, `null` to remove; lists are replaced. RFC 7386.
    Merge,
    /// As a merge patch, with lists merged by their keys.
    #[default]
    Strategic,
}

impl PatchType {
    /// The media type that it is sent as.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json-patch+json",
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
        }
    }
}

/// `--subresource`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subresource {
    /// `scale`: the object's `autoscaling/v1` Scale.
    Scale,
    /// `status`.
    Status,
    /// `resize`: the resources of a pod's containers.
    Resize,
}

/// `scale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    /// What is scaled.
    pub targets: Targets,
    /// `--replicas`.
    pub replicas: i32,
    /// `--current-replicas`: how many there have to be.
    pub current_replicas: Option<i32>,
}

/// `autoscale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Autoscale {
    /// What is scaled.
    pub targets: Targets,
    /// `--min`; the API server's default without.
    pub min: Option<i32>,
    /// `--max`.
    pub max: i32,
    /// `--cpu`, or the `--cpu-percent` that it took the place of.
    pub cpu: Option<AutoscaleTarget>,
    /// Whether `--cpu-percent` was used, which kubectl warns of.
    pub cpu_percent_used: bool,
    /// `--memory`.
    pub memory: Option<AutoscaleTarget>,
    /// `--name`; the workload's own without.
    pub name: Option<String>,
}

/// What `--cpu` and `--memory` of `autoscale` ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoscaleTarget {
    /// `60%` of the pods' requests.
    Utilization(i32),
    /// `500m`: an average over pods.
    AverageValue(Quantity),
}

/// `set image`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetImage {
    /// What is changed.
    pub targets: Targets,
    /// Container (`*` for each) and image.
    pub images: Vec<(String, String)>,
}

/// `set env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetEnv {
    /// What is changed.
    pub targets: Targets,
    /// Variables and their values.
    pub set: Vec<(String, String)>,
    /// `--from`: more variables, from a ConfigMap or a Secret.
    pub from: Option<EnvSource>,
    /// Variables to remove.
    pub remove: Vec<String>,
    /// `-c`: the containers, with wildcards; `*` without.
    pub containers: String,
    /// `--overwrite`, true unless told.
    pub overwrite: bool,
    /// `--list`: print what the variables would be and change nothing.
    pub list: bool,
}

/// What `set env --from` takes variables from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvSource {
    /// The ConfigMap or Secret.
    pub object: ObjectRef,
    /// `--prefix`: what the names of its variables begin with.
    pub prefix: String,
    /// `--keys`: of these alone; of all if there are none.
    pub keys: Vec<String>,
    /// The keys that it has, filled in by who knows it; `None` if it is not there.
    pub found: Option<Vec<String>>,
}

impl EnvSource {
    /// The keys that are taken, with the names that variables get by them before the prefix: in
    /// capitals, and without signs that names do not have (`keyToEnvName`).
    pub fn taken(&self) -> impl Iterator<Item = (&str, String)> {
        let wanted = |key: &&String| self.keys.is_empty() || self.keys.contains(key);
        let sign = |sign: char| match sign {
            'a'..='z' => sign.to_ascii_uppercase(),
            'A'..='Z' | '0'..='9' | '_' => sign,
            _ => '_',
        };
        let found = self.found.iter().flatten().filter(wanted);
        found.map(move |key| (key.as_str(), key.chars().map(sign).collect()))
    }

    /// What kubectl says of it before it changes anything: warnings, or why nothing changes.
    pub fn told(&self) -> Result<Vec<String>, String> {
        if self.found.is_none() {
            let (resource, name) = (self.object.kind.resource(), &self.object.name);
            return Err(format!(
                "Error from server (NotFound): {resource} \"{name}\" not found"
            ));
        }
        let renamed = self.taken().filter(|(key, name)| key != name);
        let warning = |(key, name)| format!("Warning: key {key} transferred to {name}");
        Ok(renamed.map(warning).collect())
    }
}

/// `set resources`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetResources {
    /// What is changed.
    pub targets: Targets,
    /// `-c`: the containers, with wildcards; `*` without.
    pub containers: String,
    /// `--limits`: resource and amount.
    pub limits: Vec<(String, Quantity)>,
    /// `--requests`: resource and amount.
    pub requests: Vec<(String, Quantity)>,
}

/// `rollout …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    /// What it is about.
    pub targets: Targets,
    /// What to do.
    pub action: RolloutAction,
}

/// What `rollout` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloutAction {
    /// `restart`: new pods from an equal template.
    Restart,
    /// `undo`: back to a revision; the one before for `None`.
    Undo {
        /// `--to-revision`.
        to_revision: Option<i64>,
    },
    /// `pause`.
    Pause,
    /// `resume`.
    Resume,
    /// `status`.
    Status {
        /// `--watch`: until it is done.
        watch: bool,
        /// `--timeout`.
        timeout: Option<SimDuration>,
        /// `--revision`.
        revision: Option<i64>,
    },
    /// `history`.
    History {
        /// `--revision`: that one in full.
        revision: Option<i64>,
    },
}

/// `label` and `annotate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// What is changed.
    pub targets: Targets,
    /// Keys and values to set.
    pub set: Vec<(String, String)>,
    /// Keys to remove.
    pub remove: Vec<String>,
    /// `--overwrite`.
    pub overwrite: bool,
    /// `--list`: print them and change nothing else.
    pub list: bool,
}

/// `run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The pod's name.
    pub name: String,
    /// The pod, without its namespace and what overrides it.
    pub pod: Value,
    /// `--expose`: the Service that leads to it.
    pub service: Option<Value>,
    /// `--overrides`, with `--override-type`.
    pub overrides: Option<(PatchType, Value)>,
    /// `--attach`, `--stdin`: it stays with the pod until that ends.
    pub attached: Option<Attached>,
}

/// How `run` stays with its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attached {
    /// `--rm`: it deletes the pod at the end.
    pub remove: bool,
    /// `--stdin` and `--tty`: it tells of the prompt.
    pub prompts: bool,
}
