//! Pod templates: what a workload's pods are made from.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::meta::Labels;
use super::placement::Placement;
use super::probe::ProbeSpec;
use super::resources::{Amounts, Resources, lasting, requested};
use super::taint::Toleration;
use crate::controller::template_hash::{compute_hash, hash_controller_revision};
use crate::sim::SimDuration;
use crate::units::{Bytes, Millicores};

/// A pod template.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PodTemplate {
    /// `metadata.labels`.
    pub labels: Labels,
    /// `metadata.annotations`.
    pub annotations: Arc<Labels>,
    /// `spec.containers`.
    pub containers: Vec<ContainerSpec>,
    /// `spec.initContainers`, restartable ones (sidecars) included.
    pub init_containers: Vec<ContainerSpec>,
    /// `spec.resources.requests.cpu` of the pod.
    pub pod_cpu_request: Option<Millicores>,
    /// `spec.resources.requests.memory` of the pod.
    pub pod_memory_request: Option<Bytes>,
    /// Priority from the PriorityClass.
    pub priority: i32,
    /// `spec.terminationGracePeriodSeconds`.
    pub termination_grace: SimDuration,
    /// `spec.nodeName`: its pods are on this node, whatever the scheduler says.
    pub node_name: Option<Arc<str>>,
    /// `spec.activeDeadlineSeconds` of pods.
    pub active_deadline: Option<SimDuration>,
    /// `spec.nodeSelector`.
    pub node_selector: Labels,
    /// `spec.tolerations`.
    pub tolerations: Vec<Toleration>,
    /// `spec.hostNetwork`.
    pub host_network: bool,
    /// `spec.readinessGates`: conditions that have to hold before its pods are Ready.
    pub readiness_gates: Vec<String>,
    /// `preemptionPolicy: Never`: its pods make no room for themselves.
    pub never_preempts: bool,
    /// The volumes that are on the node, by their names.
    pub volumes: Vec<(String, LocalVolume)>,
    /// What else it says about where its pods run, if anything.
    pub placement: Option<Box<Placement>>,
    /// `spec.restartPolicy`.
    pub restart_policy: RestartPolicy,
    /// All that it says, as the API server keeps it: tells revisions apart that run alike. Null for
    /// one that no manifest has.
    pub whole: Arc<Whole>,
}

/// A template as the API server keeps it, with its hashes once somebody has asked for them.
#[derive(Debug, Clone, Default)]
pub struct Whole {
    value: Value,
    template_hash: OnceLock<String>,
    revision_hash: OnceLock<String>,
}

impl Whole {
    /// `pod-template-hash`; nothing of a template that no manifest has.
    pub fn template_hash(&self) -> Option<&str> {
        let hash = || compute_hash(&self.value);
        (self.value.is_object()).then(|| self.template_hash.get_or_init(hash).as_str())
    }

    /// The hash in the name of a StatefulSet's ControllerRevision.
    pub fn revision_hash(&self) -> Option<&str> {
        let hash = || hash_controller_revision(&self.value);
        (self.value.is_object()).then(|| self.revision_hash.get_or_init(hash).as_str())
    }
}

impl From<Value> for Whole {
    fn from(value: Value) -> Self {
        Self {
            value,
            ..Self::default()
        }
    }
}

impl Deref for Whole {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

impl PartialEq for Whole {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// `restartPolicy`: which containers start again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RestartPolicy {
    /// All of them.
    #[default]
    Always,
    /// Those that failed.
    OnFailure,
    /// None.
    Never,
}

impl RestartPolicy {
    /// As manifests spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::OnFailure => "OnFailure",
            Self::Never => "Never",
        }
    }
}

/// A volume on a pod's node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalVolume {
    /// `hostPath`.
    HostPath,
    /// `emptyDir` on disk.
    EmptyDir,
    /// `emptyDir` in memory.
    Memory,
}

impl PodTemplate {
    /// Whether two templates are one revision (`EqualIgnoreHash`): what the manifests say decides,
    /// not what a PriorityClass or a LimitRange makes of it.
    pub fn is_same_revision(&self, other: &Self) -> bool {
        if self.whole.is_object() && other.whole.is_object() {
            self.whole == other.whole
        } else {
            self == other
        }
    }

    /// The containers that run side by side: `spec.containers`, then the sidecars among
    /// `spec.initContainers`.
    pub fn lasting(&self) -> impl Iterator<Item = &ContainerSpec> + Clone {
        self.containers.iter().chain(self.sidecars())
    }

    /// The sidecars: restartable init containers.
    pub fn sidecars(&self) -> impl Iterator<Item = &ContainerSpec> + Clone {
        self.init_containers.iter().filter(|one| one.restartable)
    }

    /// The place in [`PodTemplate::lasting`] of a sidecar, by its place among the init containers.
    pub fn place_of_sidecar(&self, place: usize) -> usize {
        let before = self.init_containers.iter().take(place);
        self.containers.len() + before.filter(|one| one.restartable).count()
    }

    /// The container at a place of [`PodTemplate::lasting`].
    pub fn lasting_at(&self, place: usize) -> Option<&ContainerSpec> {
        let sidecar = || self.sidecars().nth(place - self.containers.len());
        self.containers.get(place).or_else(sidecar)
    }

    /// What the scheduler counts of one of its pods.
    pub fn requests(&self) -> Amounts {
        requested(self.containers.iter().map(ContainerSpec::resources), self)
    }

    /// What its pods request while they run.
    pub fn lasting_requests(&self) -> Amounts {
        lasting(self.containers.iter().map(ContainerSpec::resources), self)
    }
}

/// A container of a pod template.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ContainerSpec {
    /// Name.
    pub name: String,
    /// Image.
    pub image: String,
    /// `resources.requests.cpu`, or the limit where only that is given.
    pub cpu_request: Option<Millicores>,
    /// `resources.limits.cpu`.
    pub cpu_limit: Option<Millicores>,
    /// `resources.requests.memory`, or the limit where only that is given.
    pub memory_request: Option<Bytes>,
    /// `resources.limits.memory`.
    pub memory_limit: Option<Bytes>,
    /// `startupProbe`.
    pub startup_probe: Option<ProbeSpec>,
    /// `readinessProbe`.
    pub readiness_probe: Option<ProbeSpec>,
    /// `livenessProbe`.
    pub liveness_probe: Option<ProbeSpec>,
    /// Whether a resize of CPU or of memory restarts it (`resizePolicy`).
    pub restart_on_resize: [bool; 2],
    /// For init containers: `restartPolicy: Always`, a sidecar.
    pub restartable: bool,
    /// The postStart hook.
    pub post_start: Option<Hook>,
    /// The preStop hook.
    pub pre_stop: Option<Hook>,
    /// `command` and `args` joined by spaces; load Jobs are read from it.
    pub command: String,
    /// After which time it exits, if its command is a `sleep`, an `exit` or both.
    pub sleeps: Option<SimDuration>,
    /// The code with which it exits then.
    pub exit_code: u8,
    /// CPU that a container uses which serves nothing (sidecars).
    pub idle_cpu: Millicores,
    /// Memory that a container holds which serves nothing (sidecars).
    pub idle_memory: Bytes,
}

/// What a lifecycle hook does, as far as that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hook {
    /// How long it takes.
    pub length: SimDuration,
    /// Whether it fails then.
    pub fails: bool,
    /// Whether its own container has to answer it.
    pub is_request: bool,
}

impl ContainerSpec {
    /// `resources`.
    pub fn resources(&self) -> Resources {
        Resources {
            cpu_request: self.cpu_request,
            cpu_limit: self.cpu_limit,
            memory_request: self.memory_request,
            memory_limit: self.memory_limit,
        }
    }
}
