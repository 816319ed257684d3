//! Files read and parsed once, to be built into a scenario as often as wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;

use super::diagnostic::{Diagnostic, Diagnostics, Severity, SourceFile};
use super::manifest;
use super::model::{ParameterValues, Scenario};
use super::node::{Node, Span, Value};
use super::overrides;
use super::read;
use super::source::{FileProvider, load, parse_toml};
use super::yaml;
use crate::sim::SimDuration;

/// A document of a manifest.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) node: Node,
    /// The load that named its file, if one did.
    pub(super) load: Option<usize>,
}

/// Everything that was parsed.
#[derive(Debug, Clone)]
pub(super) struct Parsed {
    pub(super) scenario: Node,
    pub(super) documents: Vec<Document>,
    pub(super) traces: BTreeMap<String, Vec<(SimDuration, f64)>>,
    /// Files of `[[vpa_history]]` by their name there: places among the diagnostics' files.
    pub(super) histories: BTreeMap<String, usize>,
    /// Everything that the scenario named as a file when it was read.
    pub(super) named: BTreeSet<String>,
    /// Whether no manifest is missing or broken; if one is, what it would hold is unknown.
    pub(super) complete: bool,
}

impl Parsed {
    /// Refuses a file that `--set` or a sweep names: files are read before.
    pub(super) fn check_read(&self, node: &Node, diagnostics: &mut Diagnostics) -> bool {
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
    diagnostics: Diagnostics,
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
/// So many values of a sweep's parameter are tried before the sweep begins.
const MOST_TRIED: usize = 64;

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
        let mut files = Files {
            provider,
            folder: path.rfind('/').map_or("", |slash| &path[..=slash]),
            documents: Vec::new(),
            read: BTreeMap::new(),
            traces: BTreeMap::new(),
            histories: BTreeMap::new(),
            named: BTreeSet::new(),
            complete: true,
        };
        files.read_manifests(&scenario, &mut diagnostics);
        files.read_loads(&scenario, &mut diagnostics);
        files.read_histories(&scenario, &mut diagnostics);
        let parsed = Parsed {
            scenario,
            documents: files.documents,
            traces: files.traces,
            histories: files.histories,
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
            diagnostics,
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

    /// Makes the scenario, with values of the files replaced: (path, value as TOML). The paths
    /// and values of the sweep are tried, too.
    pub fn build(&self, replaced: &[(String, String)]) -> Result<Built, Diagnostics> {
        let mut built = self.build_point(replaced)?;
        self.try_sweep(&built.scenario, replaced, &mut built.warnings);
        Self::outcome(Some(built.scenario), built.warnings)
    }

    /// As [`Self::build`], but the sweep is not tried: for its own points.
    pub fn build_point(&self, replaced: &[(String, String)]) -> Result<Built, Diagnostics> {
        let mut diagnostics = self.diagnostics.clone();
        let mut parsed = self.parsed.clone();
        let file = diagnostics.files.len();
        let mut text = String::new();
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
            let (scenario, documents) = (&mut parsed.scenario, &mut parsed.documents);
            if let Err(problem) =
                overrides::set(scenario, documents, path, value, (path_span, value_span))
            {
                diagnostics.error(path_span, problem.title, THIS_PATH).help = Some(problem.help);
            }
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

    /// Sets each parameter of the sweep to its values, one at a time.
    fn try_sweep(
        &self,
        scenario: &Scenario,
        replaced: &[(String, String)],
        diagnostics: &mut Diagnostics,
    ) {
        let Some(sweep) = &scenario.sweep else { return };
        let before: usize = replaced
            .iter()
            .map(|(path, value)| assignment(path, value).len() + 1)
            .sum();
        let node = self.parsed.scenario.get("sweep");
        let items = node.map_or(&[][..], |node| items(node, "parameter"));
        for (parameter, item) in sweep.parameters.iter().zip(items) {
            let span = |key: &str| item.get(key).map_or(item.span, |node| node.span);
            for (index, value) in tried(&parameter.values).into_iter().enumerate() {
                let own = (parameter.path.clone(), value);
                let path_place = Span {
                    file: self.diagnostics.files.len(),
                    start: before,
                    end: before + parameter.path.len(),
                };
                let all = [replaced, &[own]].concat();
                let Err(problems) = self.build_point(&all) else {
                    continue;
                };
                let errors = problems.list.into_iter();
                let mut errors = errors.filter(|problem| problem.severity == Severity::Error);
                let Some(problem) = errors.next() else {
                    continue;
                };
                // What lies at the path is not there, or not known to be there.
                let of_path = problem.label == THIS_PATH || problem.span == Some(path_place);
                let place = match (of_path, item.get("values").map(|node| &node.value)) {
                    (true, _) => span("path"),
                    (false, Some(Value::List(values))) => {
                        values.get(index).map_or(item.span, |value| value.span)
                    }
                    (false, _) => span("values"),
                };
                diagnostics.list.push(Diagnostic {
                    span: Some(place),
                    ..problem
                });
                if of_path {
                    break;
                }
            }
        }
    }
}

/// How a value that is set from outside stands in messages.
fn assignment(path: &str, value: &str) -> String {
    format!("{path} = {value}")
}

/// Values of a parameter that stand for all.
fn tried(values: &ParameterValues) -> Vec<String> {
    match values {
        ParameterValues::List(values) if values.len() <= MOST_TRIED => values.clone(),
        ParameterValues::List(values) => values
            .first()
            .into_iter()
            .chain(values.last())
            .cloned()
            .collect(),
        ParameterValues::Range { low, high, whole } => {
            // Most numbers between them are not whole, though both ends may be.
            let between = low + (high - low) * 0.618_034;
            let between = (!whole).then(|| between.to_string());
            [low.to_string(), high.to_string()]
                .into_iter()
                .chain(between)
                .collect()
        }
    }
}

/// Reads what a scenario names.
struct Files<'a> {
    provider: &'a dyn FileProvider,
    folder: &'a str,
    documents: Vec<Document>,
    /// Files that were read, with their documents.
    read: BTreeMap<String, Range<usize>>,
    traces: BTreeMap<String, Vec<(SimDuration, f64)>>,
    histories: BTreeMap<String, usize>,
    named: BTreeSet<String>,
    complete: bool,
}

fn items<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    match node.get(key).map(|node| &node.value) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

impl Files<'_> {
    /// A path of the scenario, relative to the scenario's own folder.
    fn full(&self, path: &str) -> String {
        if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{}{path}", self.folder)
        }
    }

    fn read_manifests(&mut self, scenario: &Node, diagnostics: &mut Diagnostics) {
        for item in items(scenario, "manifests") {
            let Some(pattern) = item.text() else {
                let label = format!("expected a file's path, found {}", item.value.kind());
                diagnostics.error(item.span, "wrong value for `manifests`", label);
                continue;
            };
            self.named.insert(pattern.to_owned());
            let full = self.full(pattern);
            if !pattern.contains(['*', '?', '[']) {
                self.read_manifest(&full, item, None, diagnostics);
                continue;
            }
            match self.provider.glob(&full) {
                Ok(paths) if !paths.is_empty() => {
                    for path in paths {
                        self.read_manifest(&path, item, None, diagnostics);
                    }
                }
                found => {
                    self.complete = false;
                    let title = match found {
                        Ok(_) => format!("no file matches {full}"),
                        Err(reason) => format!("not a file pattern: {reason}"),
                    };
                    diagnostics.error(item.span, title, "this pattern").help = Some(
                        "patterns are relative to the scenario's folder; `*` matches within one folder"
                            .to_owned(),
                    );
                }
            }
        }
    }

    fn read_manifest(
        &mut self,
        path: &str,
        named: &Node,
        of_load: Option<usize>,
        diagnostics: &mut Diagnostics,
    ) {
        if let Some(known) = self.read.get(path) {
            if of_load.is_some() {
                self.share(known.clone(), of_load);
            }
            return;
        }
        let first = self.documents.len();
        let parsed = load(self.provider, path, Some(named.span), diagnostics)
            .map(|file| yaml::parse(file, diagnostics));
        self.complete &= parsed.as_ref().is_some_and(|parsed| parsed.complete);
        for node in parsed.map(|parsed| parsed.documents).unwrap_or_default() {
            self.add_document(node, of_load);
        }
        self.read
            .insert(path.to_owned(), first..self.documents.len());
    }

    /// Gives documents that were read already to a load. If they belong to another load, the
    /// same Job is created twice in the run: the second one gets a name of its own.
    fn share(&mut self, known: Range<usize>, of_load: Option<usize>) {
        for index in known {
            if self.documents[index].load.is_none() {
                self.documents[index].load = of_load;
                continue;
            }
            let mut copy = self.documents[index].clone();
            copy.load = of_load;
            let name = copy
                .node
                .get_mut("metadata")
                .and_then(|m| m.get_mut("name"));
            if let Some(Node {
                value: Value::Text(name),
                ..
            }) = name
            {
                let number = of_load.unwrap_or_default() + 1;
                let _ = write!(name, "-{number}");
            }
            self.documents.push(copy);
        }
    }

    /// Keeps a document; a List is taken apart.
    fn add_document(&mut self, node: Node, of_load: Option<usize>) {
        let is_list = node
            .get("kind")
            .and_then(Node::text)
            .is_some_and(|kind| kind.ends_with("List"));
        match node.get("items").map(|items| &items.value) {
            Some(Value::List(items)) if is_list => {
                for item in items.clone() {
                    self.add_document(item, of_load);
                }
            }
            _ => self.documents.push(Document {
                node,
                load: of_load,
            }),
        }
    }

    fn read_loads(&mut self, scenario: &Node, diagnostics: &mut Diagnostics) {
        for (index, entry) in items(scenario, "load").iter().enumerate() {
            if let Some(node) = entry.get("manifest")
                && let Some(path) = node.text()
            {
                self.named.insert(path.to_owned());
                self.read_manifest(&self.full(path), node, Some(index), diagnostics);
            }
            let file = entry.get("trace").and_then(|trace| trace.get("file"));
            self.named
                .extend(file.and_then(Node::text).map(str::to_owned));
            if let Some(node) = file
                && let Some(name) = node.text()
                && let Some(points) = self.read_trace(&self.full(name), node, diagnostics)
            {
                self.traces.insert(name.to_owned(), points);
            }
        }
    }

    fn read_histories(&mut self, scenario: &Node, diagnostics: &mut Diagnostics) {
        for entry in items(scenario, "vpa_history") {
            let prometheus = entry.get("prometheus");
            let files = [
                entry.get("checkpoint"),
                entry.get("csv"),
                prometheus.and_then(|table| table.get("cpu")),
                prometheus.and_then(|table| table.get("memory")),
            ];
            for node in files.into_iter().flatten() {
                let Some(name) = node.text() else { continue };
                self.named.insert(name.to_owned());
                if !self.histories.contains_key(name)
                    && let Some(file) = load(
                        self.provider,
                        &self.full(name),
                        Some(node.span),
                        diagnostics,
                    )
                {
                    self.histories.insert(name.to_owned(), file);
                }
            }
        }
    }

    fn read_trace(
        &self,
        path: &str,
        named: &Node,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<(SimDuration, f64)>> {
        let file = load(self.provider, path, Some(named.span), diagnostics)?;
        let text = diagnostics.files[file].text.clone();
        read::trace(&text, file, diagnostics)
    }
}
