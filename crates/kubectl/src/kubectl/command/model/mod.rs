//! What a command line says, as types.

mod changes;
mod nodes;
mod reads;

use std::ops::Range;

use serde_json::Value;

pub use changes::*;
pub use nodes::*;
pub use reads::*;

use crate::kubectl::jsonpath::JsonPath;
use crate::kubectl::kind::Kind;
use crate::kubectl::selector::{FieldSelector, LabelSelector};

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
    JsonPath(JsonPath),
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
    /// `run`.
    Run(Run),
    /// `create --raw …/eviction`.
    Evict(Evict),
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
    /// A ConfigMap or a Secret that is made of what other files hold.
    Config(Config),
}

/// A ConfigMap or a Secret, and what it is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The object without its data.
    pub object: Value,
    /// What it holds, in the order in which kubectl takes it.
    pub sources: Vec<Source>,
    /// Where the command stands.
    pub range: Range<usize>,
}

/// Something that a ConfigMap or a Secret holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What.
    pub from: Origin,
    /// Where it was typed.
    pub range: Range<usize>,
}

/// Where keys and values come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `--from-literal`.
    Literal(String, String),
    /// `--from-file`: a file, or a folder's files under their own names.
    File {
        /// The key, if it is not the file's name.
        key: Option<String>,
        /// As typed.
        path: String,
    },
    /// `--from-env-file`: a file of lines `KEY=VALUE`.
    EnvFile(String),
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A file.
    File(Vec<u8>),
    /// The files of a folder by their names, in order.
    Folder(Vec<(String, Vec<u8>)>),
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
