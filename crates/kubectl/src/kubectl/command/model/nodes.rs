//! Commands about nodes.

use super::Targets;
use crate::kubectl::selector::LabelSelector;
use crate::sim::SimDuration;

/// `drain`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are kubectl's flags")]
pub struct Drain {
    /// The nodes.
    pub nodes: Targets,
    /// `--ignore-daemonsets`: pods of DaemonSets stay, instead of an error.
    pub ignore_daemon_sets: bool,
    /// `--delete-emptydir-data`: pods with an emptyDir go as well, instead of an error.
    pub delete_empty_dir_data: bool,
    /// `--force`: pods without a controller go as well, instead of an error.
    pub force: bool,
    /// `--disable-eviction`: delete, whatever PodDisruptionBudgets say.
    pub disable_eviction: bool,
    /// `--grace-period` in seconds; the pod's own for `None`.
    pub grace_period: Option<i64>,
    /// `--timeout`; endless for `None`.
    pub timeout: Option<SimDuration>,
    /// `--pod-selector`: only these pods.
    pub pods: LabelSelector,
    /// `--skip-wait-for-delete-timeout`: pods that terminate for longer than this are passed over.
    pub skip_wait_for_delete: Option<SimDuration>,
}

/// `taint nodes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaintNodes {
    /// The nodes.
    pub nodes: Targets,
    /// Taints to add.
    pub add: Vec<Taint>,
    /// Taints to remove: key, and effect unless all of the key are meant.
    pub remove: Vec<(String, Option<TaintEffect>)>,
    /// `--overwrite`.
    pub overwrite: bool,
}

/// A node's taint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value; may be empty.
    pub value: String,
    /// What it does to pods that do not tolerate it.
    pub effect: TaintEffect,
}

/// What a taint does to pods that do not tolerate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaintEffect {
    /// They are not scheduled to the node.
    NoSchedule,
    /// They are scheduled to it only if there is no other.
    PreferNoSchedule,
    /// They are not scheduled to it, and evicted from it.
    NoExecute,
}

impl TaintEffect {
    /// As Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::PreferNoSchedule => "PreferNoSchedule",
            Self::NoExecute => "NoExecute",
        }
    }
}
