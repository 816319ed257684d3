//! What a command line says, as types.

use std::ops::Range;

use serde_json::Value;

use crate::kubectl::kind::Kind;
use crate::kubectl::selector::{FieldSelector, LabelSelector};
use crate::sim::SimDuration;
use crate::units::Quantity;

/// A parsed command line.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandLine {
    /// `-n`; without it the caller's own default holds.
    pub namespace: Option<String>,
    /// `-A`: in every namespace.
    pub all_namespaces: bool,
    /// `--dry-run`: print, but change nothing.
    pub dry_run: DryRun,
    /// `-o`.
    pub output: Option<Output>,
    /// The command.
    pub command: Command,
}

/// `--dry-run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DryRun {
    /// Changes are made.
    #[default]
    None,
    /// Nothing is sent; kubectl prints what it would send.
    Client,
    /// The API server checks and answers, and stores nothing.
    Server,
}

/// `-o`: how objects are printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// `wide`: a table with more columns.
    Wide,
    /// `yaml`.
    Yaml,
    /// `json`.
    Json,
    /// `name`: `deployment.apps/web`.
    Name,
    /// `jsonpath=…`, with the template.
    JsonPath(String),
}

/// A command with its own arguments.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `apply -f`.
    Apply(Vec<File>),
    /// `create -f`.
    Create(Vec<File>),
    /// `create job NAME --from=cronjob/X`.
    CreateJob(CreateJob),
    /// `replace -f`.
    Replace(Replace),
    /// `delete`.
    Delete(Delete),
    /// `patch`.
    Patch(Patch),
    /// `scale`.
    Scale(Scale),
    /// `autoscale`.
    Autoscale(Autoscale),
    /// `set image`.
    SetImage(SetImage),
    /// `set env`.
    SetEnv(SetEnv),
    /// `set resources`.
    SetResources(SetResources),
    /// `rollout …`.
    Rollout(Rollout),
    /// `label`.
    Label(Metadata),
    /// `annotate`.
    Annotate(Metadata),
    /// `cordon`.
    Cordon(Targets),
    /// `uncordon`.
    Uncordon(Targets),
    /// `drain`.
    Drain(Drain),
    /// `taint nodes`.
    Taint(TaintNodes),
    /// `wait`.
    Wait(Wait),
    /// `get`.
    Get(Get),
    /// `describe`.
    Describe(Describe),
    /// `top pods` and `top nodes`.
    Top(Top),
}

/// A manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum File {
    /// A file or a folder.
    Path {
        /// As typed.
        path: String,
        /// Where it was typed.
        range: Range<usize>,
        /// `-R`: with the folders below.
        recursive: bool,
    },
    /// `-f -` with a here-document in the same text.
    Here {
        /// YAML or JSON.
        text: String,
        /// Where it stands.
        range: Range<usize>,
    },
}

/// An object that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: &'static Kind,
    /// Its name.
    pub name: String,
    /// Where the name was typed.
    pub range: Range<usize>,
}

/// The objects that a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targets {
    /// Those of manifests.
    Files(Vec<File>),
    /// Those named.
    Named(Vec<ObjectRef>),
    /// Those of these kinds that the selectors select.
    Selected(Selection),
}

/// All objects of some kinds, or those of them that selectors choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The kinds, in the order typed; `all` stands for those of its category.
    pub kinds: Vec<&'static Kind>,
    /// `-l`.
    pub labels: LabelSelector,
    /// `--field-selector`.
    pub fields: FieldSelector,
}

impl Selection {
    /// Whether an object of one of the kinds is meant.
    pub fn selects(&self, object: &Value) -> bool {
        self.labels.matches(object) && self.fields.matches(object)
    }
}

/// `create job NAME --from=cronjob/X`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateJob {
    /// The Job's name.
    pub name: String,
    /// The CronJob whose template it takes.
    pub cron_job: ObjectRef,
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
    /// Variables to remove.
    pub remove: Vec<String>,
    /// `-c`: the containers, with wildcards; `*` without.
    pub containers: String,
    /// `--overwrite`, true unless told.
    pub overwrite: bool,
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

/// `wait`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The objects.
    pub targets: Targets,
    /// `--for`.
    pub what: WaitFor,
    /// `--timeout`, 30 s unless told; zero looks once, a negative one waits for a week.
    pub timeout: SimDuration,
}

/// What `wait` waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitFor {
    /// `create`: that the object is there.
    Create,
    /// `delete`: that it is gone.
    Delete,
    /// `condition=NAME[=VALUE]`, VALUE being `True` unless told.
    Condition {
        /// The condition's type.
        name: String,
        /// Its status.
        status: String,
    },
    /// `jsonpath={…}[=VALUE]`.
    JsonPath {
        /// The expression.
        path: String,
        /// The value; any for `None`.
        value: Option<String>,
    },
}

/// `get`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are kubectl's flags")]
pub struct Get {
    /// What is listed.
    pub targets: Targets,
    /// `-w` or `--watch-only`: later changes too.
    pub watch: bool,
    /// `--watch-only`: nothing but changes.
    pub watch_only: bool,
    /// `--no-headers`.
    pub no_headers: bool,
    /// `--show-labels`: a column with them all.
    pub show_labels: bool,
    /// `--show-kind`, or more than one kind asked for: names with their kind.
    pub show_kind: bool,
    /// `-L`: a column for each of these labels.
    pub label_columns: Vec<String>,
    /// `--sort-by`: a JSONPath expression.
    pub sort_by: Option<String>,
    /// `--ignore-not-found`.
    pub ignore_not_found: bool,
}

/// `describe`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Describe {
    /// What is described.
    pub targets: Targets,
    /// `--show-events`, true unless told.
    pub show_events: bool,
}

/// `top pods` and `top nodes`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are kubectl's flags")]
pub struct Top {
    /// Pods or nodes.
    pub targets: Targets,
    /// `--containers`: a line for each container.
    pub containers: bool,
    /// `--sort-by=cpu` or `memory`.
    pub sort_by: Option<TopSort>,
    /// `--no-headers`.
    pub no_headers: bool,
    /// `--sum`: a last line with the sum.
    pub sum: bool,
    /// `--show-capacity`: percentages of the nodes' capacity, not of what is allocatable.
    pub show_capacity: bool,
}

/// `--sort-by` of `top`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopSort {
    /// By CPU, largest first.
    Cpu,
    /// By memory, largest first.
    Memory,
}
