//! The files that a scenario names, read once each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;

use super::{Document, items};
use crate::kubectl::command::Content;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Span, Value};
use crate::scenario::reader::{expected, wrong};
use crate::scenario::source::{FileProvider, load, load_manifest};
use crate::scenario::yaml;

/// Reads what a scenario names.
pub(super) struct Files<'a> {
    pub(super) provider: &'a dyn FileProvider,
    pub(super) folder: &'a str,
    pub(super) documents: Vec<Document>,
    /// Files that were read, with their documents.
    pub(super) read: BTreeMap<String, Range<usize>>,
    pub(super) traces: BTreeMap<String, usize>,
    pub(super) histories: BTreeMap<String, usize>,
    /// The documents of manifests that commands name, by the path as typed.
    pub(super) actions: BTreeMap<String, Vec<Node>>,
    /// What commands make ConfigMaps and Secrets of, by the path as typed.
    pub(super) contents: BTreeMap<String, Content>,
    pub(super) rules: Vec<Node>,
    pub(super) named: BTreeSet<String>,
    /// Files of folders and patterns that hold something else than objects, and where.
    pub(super) strangers: Vec<(String, Span)>,
    pub(super) complete: bool,
}

impl Files<'_> {
    /// A path of the scenario, relative to the scenario's own folder.
    pub(super) fn full(&self, path: &str) -> String {
        if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{}{path}", self.folder)
        }
    }

    pub(super) fn read_manifest(
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
        let parsed = load_manifest(self.provider, path, Some(named.span), diagnostics)
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
                .node_mut()
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

    pub(super) fn read_loads(&mut self, scenario: &Node, diagnostics: &mut Diagnostics) {
        for (index, entry) in items(scenario, "load").iter().enumerate() {
            if let Some(node) = entry.get("manifest")
                && let Some(path) = node.text()
            {
                self.named.insert(path.to_owned());
                self.read_manifest(&self.full(path), node, Some(index), diagnostics);
            }
            self.read_trace(entry.get("trace"), diagnostics);
        }
        for entry in items(scenario, "predictive") {
            self.read_trace(entry.get("past"), diagnostics);
        }
    }

    /// Reads the `file` of a table, if it has one.
    fn read_trace(&mut self, table: Option<&Node>, diagnostics: &mut Diagnostics) {
        let file = table.and_then(|table| table.get("file"));
        self.named
            .extend(file.and_then(Node::text).map(str::to_owned));
        if let Some(node) = file
            && let Some(name) = node.text()
            && !self.traces.contains_key(name)
            && let Some(file) = load(
                self.provider,
                &self.full(name),
                Some(node.span),
                diagnostics,
            )
        {
            self.traces.insert(name.to_owned(), file);
        }
    }

    /// Reads `rule_files` of `[prometheus]`: files and patterns, as Prometheus takes them.
    pub(super) fn read_rules(&mut self, scenario: &Node, diagnostics: &mut Diagnostics) {
        let listed = scenario.get("prometheus").and_then(|p| p.get("rule_files"));
        let Some(listed) = listed else { return };
        if !matches!(listed.value, Value::List(_)) {
            wrong(
                "rule_files",
                listed,
                expected("a list of paths", listed),
                diagnostics,
            );
        }
        for item in listed.items() {
            let Some(name) = item.text() else {
                wrong(
                    "rule_files",
                    item,
                    expected("a file's path", item),
                    diagnostics,
                );
                continue;
            };
            self.named.insert(name.to_owned());
            let full = self.full(name);
            let paths = match self.provider.glob(&full) {
                Ok(paths) if name.contains(['*', '?', '[']) => paths,
                _ => vec![full],
            };
            if paths.is_empty() {
                let title = format!("no file matches {name}");
                diagnostics.warning(
                    item.span,
                    title,
                    "Prometheus loads no rules by this pattern",
                );
            }
            for path in paths {
                let parsed = load_manifest(self.provider, &path, Some(item.span), diagnostics)
                    .map(|file| yaml::parse(file, diagnostics));
                self.rules
                    .extend(parsed.into_iter().flat_map(|parsed| parsed.documents));
            }
        }
    }

    pub(super) fn read_histories(&mut self, scenario: &Node, diagnostics: &mut Diagnostics) {
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
}
