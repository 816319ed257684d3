//! Files read and parsed once, to be built into a scenario as often as wanted.

mod action_files;
mod files;
mod kustomize;
mod manifest_files;
mod namespace;
mod stored;
mod try_sweep;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use serde_json::Value as Json;

use crate::kubectl::command::Content;

use super::diagnostic::{Diagnostics, SourceFile};
use super::manifest::{self, Manifests, Written};
use super::model::Scenario;
use super::node::{Node, Span};
use super::object::to_json;
use super::overrides;
use super::read;
use super::source::{FileProvider, load, parse_toml};
use files::Files;
use stored::Stored;

pub use kustomize::KustomizationParts;

pub(in crate::scenario) use action_files::{files_of, take_apart, targets_of};
pub(in crate::scenario) use namespace::{DEFAULT as DEFAULT_NAMESPACE, stated as namespace_of};
pub(in crate::scenario) use stored::complete as complete_document;

/// A document of a manifest.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct Document {
    /// Shared by the points of a sweep that do not change it.
    pub(in crate::scenario) node: Arc<Node>,
    /// The load that named its file, if one did.
    pub(in crate::scenario) load: Option<usize>,
    json: Arc<OnceLock<Arc<Json>>>,
    /// What it was read as, if nothing was to be said of it.
    written: Arc<OnceLock<Option<Written>>>,
}

impl Document {
    fn new(node: Node, load: Option<usize>) -> Self {
        Self {
            node: Arc::new(node),
            load,
            json: Arc::default(),
            written: Arc::default(),
        }
    }

    /// The tree, to be changed.
    pub(in crate::scenario) fn node_mut(&mut self) -> &mut Node {
        self.json = Arc::default();
        self.written = Arc::default();
        Arc::make_mut(&mut self.node)
    }

    /// What it is read as: once, if nothing is to be said of it.
    pub(in crate::scenario) fn read<E>(
        &self,
        diagnostics: &mut Diagnostics,
        read: impl FnOnce(&Node, &mut Diagnostics) -> Result<Option<Written>, E>,
    ) -> Result<Option<Written>, E> {
        if let Some(written) = self.written.get() {
            return Ok(written.clone());
        }
        let said = diagnostics.list.len();
        let written = read(&self.node, diagnostics)?;
        if diagnostics.list.len() == said {
            // Another thread may have read it meanwhile, as the same.
            let _ = self.written.set(written.clone());
        }
        Ok(written)
    }

    /// The tree as JSON, made once.
    pub(in crate::scenario) fn json(&self) -> &Arc<Json> {
        self.json.get_or_init(|| Arc::new(to_json(&self.node)))
    }
}

/// Everything that was parsed.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct Parsed {
    pub(in crate::scenario) scenario: Node,
    pub(in crate::scenario) documents: Vec<Document>,
    /// Files of traces by their name in the scenario: places among the diagnostics' files.
    pub(in crate::scenario) traces: BTreeMap<String, usize>,
    /// Files of `[[vpa_history]]` by their name there: places among the diagnostics' files.
    pub(in crate::scenario) histories: BTreeMap<String, usize>,
    /// The documents of manifests that the commands of `[[action]]` name, by the path as typed.
    pub(in crate::scenario) actions: BTreeMap<String, Vec<Node>>,
    /// What commands make ConfigMaps and Secrets of, by the path as typed.
    pub(in crate::scenario) contents: BTreeMap<String, Content>,
    /// The rules files of `[prometheus]`.
    pub(in crate::scenario) rules: Vec<Node>,
    /// Everything that the scenario named as a file when it was read.
    pub(in crate::scenario) named: BTreeSet<String>,
    /// Whether no manifest is missing or broken; if one is, what it would hold is unknown.
    pub(in crate::scenario) complete: bool,
}

impl Parsed {
    /// The same without the sweep.
    fn without_sweep(&self) -> Self {
        Self {
            scenario: self.scenario.without("sweep"),
            documents: self.documents.clone(),
            traces: self.traces.clone(),
            histories: self.histories.clone(),
            actions: self.actions.clone(),
            contents: self.contents.clone(),
            rules: self.rules.clone(),
            named: self.named.clone(),
            complete: self.complete,
        }
    }

    /// Replaces a value; says what is wrong if it cannot.
    fn set(&mut self, path: &str, value: &str, spans: (Span, Span), diagnostics: &mut Diagnostics) {
        let (scenario, documents) = (&mut self.scenario, &mut self.documents);
        if let Err(problem) = overrides::set(scenario, documents, path, value, spans) {
            let error = diagnostics.error(spans.0, problem.title, THIS_PATH);
            error.help = Some(problem.help);
        }
    }

    /// Refuses a file that `--set` or a sweep names: files are read before.
    pub(in crate::scenario) fn check_read(
        &self,
        node: &Node,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        let Some(name) = node.text() else { return true };
        let read = self.named.contains(name);
        if !read {
            let title = format!("{name} was not read");
            let label = "files are read before values are set";
            diagnostics.error(node.span, title, label).help =
                Some("name the file in the scenario itself".to_owned());
        }
        read
    }
}

/// Parsed files of a scenario.
#[derive(Debug, Clone)]
pub struct Loaded {
    parsed: Parsed,
    /// The folder of the scenario, as a prefix of paths.
    folder: String,
    /// Paths of the manifests.
    manifests: BTreeSet<String>,
    diagnostics: Diagnostics,
    /// The documents as stored in the namespace that was asked for first.
    stored: OnceLock<Stored>,
}

/// What the manifests alone hold.
pub(in crate::scenario) struct ManifestsOnly {
    pub(in crate::scenario) parsed: Parsed,
    pub(in crate::scenario) manifests: Manifests,
    pub(in crate::scenario) diagnostics: Diagnostics,
}

/// A scenario and what the user should know about it.
#[derive(Debug, Clone)]
pub struct Built {
    /// The scenario.
    pub scenario: Scenario,
    /// Warnings only.
    pub warnings: Diagnostics,
}

/// Name under which values set from outside appear in messages.
const OVERRIDES: &str = "(set)";
const THIS_PATH: &str = "this path";

/// Whether a path leads into the sweep, which its points do not read.
fn is_of_sweep(path: &str) -> bool {
    let below = path.strip_prefix("sweep");
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

impl Loaded {
    /// Reads a scenario file and everything that it names. The error holds all problems of all
    /// files.
    pub fn load(path: &str, provider: &dyn FileProvider) -> Result<Self, Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let Some(file) = load(provider, path, None, &mut diagnostics) else {
            return Err(diagnostics);
        };
        if diagnostics.files[file].text.trim().is_empty() {
            let help = "a scenario begins with `name = \"…\"`, `manifests = [\"…\"]` and a `[simulation]` table";
            diagnostics
                .error(Span::at(file, 0), "the file is empty", "nothing here")
                .help = Some(help.to_owned());
            return Err(diagnostics);
        }
        let (scenario, readable) = parse_toml(file, &mut diagnostics);
        let folder = path.rfind('/').map_or("", |slash| &path[..=slash]);
        let mut files = Files {
            provider,
            folder,
            documents: Vec::new(),
            read: BTreeMap::new(),
            traces: BTreeMap::new(),
            histories: BTreeMap::new(),
            actions: BTreeMap::new(),
            contents: BTreeMap::new(),
            rules: Vec::new(),
            named: BTreeSet::new(),
            strangers: Vec::new(),
            complete: true,
        };
        files.read_manifests(&scenario, &mut diagnostics);
        files.read_loads(&scenario, &mut diagnostics);
        files.read_histories(&scenario, &mut diagnostics);
        files.read_actions(&scenario, &mut diagnostics);
        files.read_rules(&scenario, &mut diagnostics);
        let manifests = files.read.into_keys().collect();
        let parsed = Parsed {
            scenario,
            documents: files.documents,
            traces: files.traces,
            histories: files.histories,
            actions: files.actions,
            contents: files.contents,
            rules: files.rules,
            named: files.named,
            complete: files.complete,
        };
        if !readable {
            // What the scenario says is uncertain; the manifests are checked all the same.
            manifest::read(&parsed.documents, &mut diagnostics);
            return Err(diagnostics);
        }
        let broken = diagnostics.has_errors();
        let loaded = Self {
            parsed,
            folder: folder.to_owned(),
            manifests,
            diagnostics,
            stored: OnceLock::new(),
        };
        if broken {
            // What could be read is checked too, so that all problems are told at once.
            return Err(match loaded.build(&[]) {
                Ok(_) => loaded.diagnostics,
                Err(all) => all,
            });
        }
        Ok(loaded)
    }

    /// Every file that was read, in that order: its path from the scenario's folder, its text, and
    /// whether it is the scenario or a manifest. Of a path that does not go through that folder
    /// only the file's name is told.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &Arc<str>, bool)> {
        let files = self.diagnostics.files.iter().enumerate();
        files.map(|(place, file)| {
            let path = match file.path.strip_prefix(&self.folder) {
                Some(below) if !below.starts_with('/') => below,
                _ => file.path.rsplit('/').next().unwrap_or(&file.path),
            };
            let is_whole = place == 0 || self.manifests.contains(&file.path);
            (path, &file.text, is_whole)
        })
    }

    /// Reads the manifests, whatever the scenario says of them.
    pub(in crate::scenario) fn manifests(&self) -> ManifestsOnly {
        let mut diagnostics = self.diagnostics.clone();
        let mut parsed = self.parsed.clone();
        let namespace = namespace_of(&parsed.scenario);
        parsed.documents = stored::store(&parsed.documents, namespace, &mut diagnostics);
        let manifests = manifest::read(&parsed.documents, &mut diagnostics);
        ManifestsOnly {
            parsed,
            manifests,
            diagnostics,
        }
    }

    /// Makes the scenario, with values of the files replaced: (path, value as TOML). The paths
    /// and values of the sweep are tried, too.
    pub fn build(&self, replaced: &[(String, String)]) -> Result<Built, Diagnostics> {
        let mut built = self.make_with(replaced, self.parsed.clone())?;
        self.try_sweep(&built.scenario, replaced, &mut built.warnings);
        Self::outcome(Some(built.scenario), built.warnings)
    }

    /// As [`Self::build`], but without the sweep: for its own points.
    pub fn build_point(&self, replaced: &[(String, String)]) -> Result<Built, Diagnostics> {
        let parsed = self.parsed.without_sweep();
        let own = replaced.iter().filter(|(path, _)| !is_of_sweep(path));
        let replaced: Vec<(String, String)> = own.cloned().collect();
        self.make_with(&replaced, parsed)
    }

    /// Makes the scenario of what was parsed, with values replaced.
    fn make_with(
        &self,
        replaced: &[(String, String)],
        mut parsed: Parsed,
    ) -> Result<Built, Diagnostics> {
        let mut diagnostics = self.diagnostics.clone();
        let file = diagnostics.files.len();
        let mut text = String::new();
        let mut of_documents = Vec::new();
        for (path, value) in replaced {
            let start = text.len();
            let path_span = Span {
                file,
                start,
                end: start + path.len(),
            };
            text.push_str(&assignment(path, value));
            let value_span = Span {
                file,
                start: text.len() - value.len(),
                end: text.len(),
            };
            text.push('\n');
            let spans = (path_span, value_span);
            if overrides::is_of_document(path) {
                of_documents.push((path, value, spans));
            } else {
                parsed.set(path, value, spans, &mut diagnostics);
            }
        }
        // Objects are named with the namespace that the scenario gives them.
        let namespace = namespace_of(&parsed.scenario);
        namespace::check(&parsed.scenario, &parsed.documents, &mut diagnostics);
        let stored = self.stored_in(namespace);
        diagnostics.list.extend_from_slice(&stored.problems);
        parsed.documents.clone_from(&stored.documents);
        for (path, value, spans) in of_documents {
            parsed.set(path, value, spans, &mut diagnostics);
        }
        if !replaced.is_empty() {
            diagnostics.files.push(SourceFile {
                path: OVERRIDES.to_owned(),
                text: text.into(),
            });
        }
        let scenario = Self::make(&parsed, &mut diagnostics);
        Self::outcome(scenario, diagnostics)
    }

    /// The documents as stored in a namespace.
    fn stored_in(&self, namespace: &str) -> Cow<'_, Stored> {
        let make = || Stored::new(&self.parsed.documents, namespace);
        let stored = self.stored.get_or_init(make);
        if stored.namespace == namespace {
            Cow::Borrowed(stored)
        } else {
            Cow::Owned(make())
        }
    }

    fn make(parsed: &Parsed, diagnostics: &mut Diagnostics) -> Option<Scenario> {
        let manifests = manifest::read(&parsed.documents, diagnostics);
        read::scenario(parsed, &manifests, diagnostics)
    }

    fn outcome(scenario: Option<Scenario>, diagnostics: Diagnostics) -> Result<Built, Diagnostics> {
        match scenario {
            Some(scenario) if !diagnostics.has_errors() => Ok(Built {
                scenario,
                warnings: diagnostics,
            }),
            _ => Err(diagnostics),
        }
    }
}

/// How a value that is set from outside stands in messages.
fn assignment(path: &str, value: &str) -> String {
    format!("{path} = {value}")
}

fn items<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    node.get(key).map_or(&[], Node::items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::source::InMemory;

    const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: web, resources: {requests: {cpu: 500m}}}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 10
";

    #[test]
    fn a_point_changes_its_own_documents_only() {
        let scenario = "name = \"web\"\nmanifests = [\"web.yaml\"]\nsimulation.duration = \"30m\"\n\n\
             [[service]]\nworkload = \"Deployment/web\"\nrequest = { cpu = \"20ms\" }\n";
        let files = InMemory::new([("web.toml", scenario), ("web.yaml", WEB)]);
        let loaded = Loaded::load("web.toml", &files).expect("files without a mistake");
        let with = |path: &str, value: &str| {
            let replaced = [(path.to_owned(), value.to_owned())];
            loaded.build_point(&replaced).expect("a valid scenario")
        };
        let plain = || format!("{:?}", loaded.build_point(&[]).expect("a valid scenario"));
        let first = plain();
        let hpa = with("HorizontalPodAutoscaler/web:spec.maxReplicas", "7");
        assert_eq!(hpa.scenario.hpas[0].spec.max_replicas, 7);
        assert_eq!(hpa.scenario.workloads[0].replicas, 2);
        let deployment = with("Deployment/web:spec.replicas", "5");
        assert_eq!(deployment.scenario.hpas[0].spec.max_replicas, 10);
        assert_eq!(deployment.scenario.workloads[0].replicas, 5);
        assert_eq!(plain(), first);
    }
}
