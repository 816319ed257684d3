//! Files read and parsed once, to be built into a scenario as often as wanted.

use std::collections::BTreeMap;

use super::diagnostic::Diagnostics;
use super::manifest;
use super::model::Scenario;
use super::node::{Node, Value};
use super::overrides;
use super::read;
use super::source::{FileProvider, load, parse_toml, parse_yaml};
use crate::sim::SimDuration;

/// A document of a manifest.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) node: Node,
    /// The load that named its file, if one did.
    pub(super) load: Option<usize>,
}

/// Parsed files of a scenario.
#[derive(Debug, Clone)]
pub struct Loaded {
    scenario: Node,
    documents: Vec<Document>,
    traces: BTreeMap<String, Vec<(SimDuration, f64)>>,
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

impl Loaded {
    /// Reads a scenario file and everything that it names.
    pub fn load(path: &str, provider: &dyn FileProvider) -> Result<Self, Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let scenario = load(provider, path, None, &mut diagnostics)
            .and_then(|file| parse_toml(file, &mut diagnostics));
        let Some(scenario) = scenario else {
            return Err(diagnostics);
        };
        let folder = path.rfind('/').map_or("", |slash| &path[..=slash]);
        let mut files = Files {
            provider,
            folder,
            documents: Vec::new(),
            traces: BTreeMap::new(),
        };
        files.read_manifests(&scenario, &mut diagnostics);
        files.read_loads(&scenario, &mut diagnostics);
        let loaded = Self {
            scenario,
            documents: files.documents,
            traces: files.traces,
            diagnostics: diagnostics.clone(),
        };
        if diagnostics.has_errors() {
            // What could be read is checked too, so that all problems are told at once.
            return Err(loaded.build(&[]).map_or_else(|all| all, |_| diagnostics));
        }
        Ok(loaded)
    }

    /// Makes the scenario, with values of the files replaced: (path, value as TOML).
    pub fn build(&self, replaced: &[(String, String)]) -> Result<Built, Diagnostics> {
        let mut diagnostics = self.diagnostics.clone();
        let overridden = if replaced.is_empty() {
            None
        } else {
            let mut copy = (self.scenario.clone(), self.documents.clone());
            for (path, value) in replaced {
                if let Err(problem) = overrides::set(&mut copy.0, &mut copy.1, path, value) {
                    diagnostics.general(problem);
                }
            }
            Some(copy)
        };
        let (scenario, documents) = match &overridden {
            Some((scenario, documents)) => (scenario, documents),
            None => (&self.scenario, &self.documents),
        };
        let nodes: Vec<Node> = documents
            .iter()
            .map(|document| document.node.clone())
            .collect();
        let manifests = manifest::read(&nodes, &mut diagnostics);
        let made = read::scenario(
            scenario,
            documents,
            &nodes,
            manifests,
            &self.traces,
            &mut diagnostics,
        );
        match made {
            Some(scenario) if !diagnostics.has_errors() => Ok(Built {
                scenario,
                warnings: diagnostics,
            }),
            _ => Err(diagnostics),
        }
    }
}

/// Reads what a scenario names.
struct Files<'a> {
    provider: &'a dyn FileProvider,
    folder: &'a str,
    documents: Vec<Document>,
    traces: BTreeMap<String, Vec<(SimDuration, f64)>>,
}

fn items<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    match node.get(key).map(|node| &node.value) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

impl Files<'_> {
    fn read_manifests(&mut self, scenario: &Node, diagnostics: &mut Diagnostics) {
        let mut seen = Vec::new();
        for item in items(scenario, "manifests") {
            let Some(pattern) = item.text() else { continue };
            let full = format!("{}{pattern}", self.folder);
            let paths = if pattern.contains(['*', '?', '[']) {
                match self.provider.glob(&full) {
                    Ok(paths) if paths.is_empty() => {
                        diagnostics.error(
                            item.span,
                            format!("no file matches {full}"),
                            "this pattern",
                        );
                        continue;
                    }
                    Ok(paths) => paths,
                    Err(reason) => {
                        diagnostics.error(
                            item.span,
                            format!("not a file pattern: {reason}"),
                            "this pattern",
                        );
                        continue;
                    }
                }
            } else {
                vec![full]
            };
            for path in paths {
                if !seen.contains(&path) {
                    self.read_manifest(&path, item, None, diagnostics);
                    seen.push(path);
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
        let Some(file) = load(self.provider, path, Some(named.span), diagnostics) else {
            return;
        };
        for node in parse_yaml(file, diagnostics) {
            self.add_document(node, of_load);
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
                let path = format!("{}{path}", self.folder);
                self.read_manifest(&path, node, Some(index), diagnostics);
            }
            let file = entry.get("trace").and_then(|trace| trace.get("file"));
            if let Some(node) = file
                && let Some(name) = node.text()
            {
                let path = format!("{}{name}", self.folder);
                if let Some(points) = self.read_trace(&path, node, diagnostics) {
                    self.traces.insert(name.to_owned(), points);
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
