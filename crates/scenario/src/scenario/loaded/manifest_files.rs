//! `manifests`: files, folders and patterns, without those that begin with `!`.

use std::collections::BTreeSet;

use super::files::Files;
use super::kustomize;
use super::{Document, take_apart};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::manifest::version_and_kind;
use crate::scenario::node::{Node, Value};

/// What kubectl takes of a folder.
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];

/// The entries of `manifests`: a list, or one text.
fn entries(scenario: &Node) -> &[Node] {
    let Some(node) = scenario.get("manifests") else {
        return &[];
    };
    if node.text().is_some() {
        return std::slice::from_ref(node);
    }
    node.items()
}

impl Files<'_> {
    /// Reads what `manifests` names.
    pub(super) fn read_manifests(&mut self, scenario: &Node, diagnostics: &mut Diagnostics) {
        let mut left_out = BTreeSet::new();
        for item in entries(scenario) {
            if let Some(pattern) = item.text().and_then(|text| text.strip_prefix('!')) {
                left_out.extend(self.left_out(pattern));
            }
        }
        for item in entries(scenario) {
            let Some(name) = item.text() else {
                let label = format!("expected a file's path, found {}", item.value.kind());
                diagnostics.error(item.span, "wrong value for `manifests`", label);
                continue;
            };
            self.named.insert(name.to_owned());
            if !name.starts_with('!') {
                self.read_entry(name, item, &left_out, diagnostics);
            }
        }
        self.warn_of_strangers(diagnostics);
        // A cluster may be empty until an action fills it.
        let names_one = |item: &Node| item.text().is_none_or(|text| !text.starts_with('!'));
        if let Some(node) = scenario.get("manifests")
            && scenario.get("action").is_none()
            && matches!(node.value, Value::List(_))
            && !entries(scenario).iter().any(names_one)
        {
            let title = "`manifests` names no manifest";
            diagnostics
                .error(node.span, title, "nothing to simulate")
                .help = Some("for example `manifests = [\"k8s/*.yaml\"]`".to_owned());
        }
    }

    /// The files that `!pattern` leaves out: of a pattern without `/` wherever they are.
    fn left_out(&self, pattern: &str) -> Vec<String> {
        let full = if pattern.contains('/') {
            self.full(pattern)
        } else {
            self.full(&format!("**/{pattern}"))
        };
        let full = full.trim_end_matches('/');
        let globs = [full.to_owned(), format!("{full}/**/*")];
        let found = globs.iter().filter_map(|one| self.provider.glob(one).ok());
        found.flatten().collect()
    }

    fn read_entry(
        &mut self,
        name: &str,
        item: &Node,
        left_out: &BTreeSet<String>,
        diagnostics: &mut Diagnostics,
    ) {
        let full = self.full(name);
        let folder = full.trim_end_matches('/');
        if !name.contains(['*', '?', '[']) {
            if kustomize::is_kustomization(folder) {
                kustomize::read(self, folder, item.span, diagnostics);
                return;
            }
            let below = self.files_below(folder);
            if below.is_empty() {
                self.read_manifest(&full, item, None, diagnostics);
                return;
            }
            let own = kustomize::paths(folder).into_iter();
            if let Some(own) = own.into_iter().find(|path| self.exists(path)) {
                kustomize::read(self, &own, item.span, diagnostics);
            } else {
                self.read_found(below, item, left_out, diagnostics);
            }
            return;
        }
        // `**` alone matches folders.
        let pattern = match full.strip_suffix("/**") {
            Some(folder) => format!("{folder}/**/*"),
            None if full == "**" => "**/*".to_owned(),
            None => full.clone(),
        };
        match self.provider.glob(&pattern) {
            Ok(paths) if !paths.is_empty() => {
                self.read_found(paths, item, left_out, diagnostics);
            }
            found => {
                self.complete = false;
                let title = match found {
                    Ok(_) => format!("no file matches {full}"),
                    Err(reason) => format!("not a file pattern: {reason}"),
                };
                diagnostics.error(item.span, title, "this pattern").help = Some(
                    "patterns are relative to the scenario's folder; `*` matches within one folder, `**` any number of folders"
                        .to_owned(),
                );
            }
        }
    }

    fn exists(&self, path: &str) -> bool {
        let found = self.provider.glob(path);
        found.is_ok_and(|found| !found.is_empty())
    }

    /// The manifests in a folder and below it.
    fn files_below(&self, folder: &str) -> Vec<String> {
        let patterns = ENDINGS.map(|ending| format!("{folder}/**/*.{ending}"));
        let found = patterns
            .iter()
            .filter_map(|one| self.provider.glob(one).ok());
        let paths: BTreeSet<String> = found.flatten().collect();
        paths.into_iter().collect()
    }

    /// Reads files that were not named one by one: what holds no objects is left out.
    fn read_found(
        &mut self,
        paths: Vec<String>,
        item: &Node,
        left_out: &BTreeSet<String>,
        diagnostics: &mut Diagnostics,
    ) {
        for path in paths {
            if left_out.contains(&path) {
                continue;
            }
            let first = self.documents.len();
            let known = self.read.contains_key(&path);
            self.read_manifest(&path, item, None, diagnostics);
            if known {
                continue;
            }
            let is_object = |document: &Document| {
                let (version, kind) = version_and_kind(&document.node);
                !(kustomize::is_kustomization(&path) || version.is_empty() && kind.is_empty())
            };
            let mut found = self.documents.split_off(first);
            let span = found.first().map(|document| document.node.span.first());
            let before = found.len();
            found.retain(is_object);
            if let Some(span) = span.filter(|_| found.len() < before) {
                self.strangers.push((path.clone(), span));
            }
            self.documents.append(&mut found);
            self.read.insert(path, first..self.documents.len());
        }
    }

    fn warn_of_strangers(&self, diagnostics: &mut Diagnostics) {
        const MOST: usize = 5;
        let (kustomizations, others): (Vec<_>, Vec<_>) = self
            .strangers
            .iter()
            .partition(|(path, _)| kustomize::is_kustomization(path));
        if let Some((path, span)) = kustomizations.first() {
            let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
            let title = format!("{path} is not applied: its files are read as they are");
            diagnostics.warning(*span, title, "left out").help = Some(format!(
                "name the folder or what `kubectl kustomize {folder} > all.yaml` writes"
            ));
        }
        if let Some((_, span)) = others.first() {
            let names: Vec<&str> = others.iter().map(|(path, _)| path.as_str()).collect();
            let more = match names.len() {
                some if some > MOST => format!(" and {} more", some - MOST),
                _ => String::new(),
            };
            let names = names[..names.len().min(MOST)].join(", ");
            let title = format!("no Kubernetes objects, left out: {names}{more}");
            diagnostics
                .warning(*span, title, "`apiVersion` and `kind` are missing")
                .help = Some("add `\"!FILE\"` to `manifests` to leave a file out".to_owned());
        }
    }

    /// Keeps a document; a List is taken apart.
    pub(super) fn add_document(&mut self, node: Node, of_load: Option<usize>) {
        let mut nodes = Vec::new();
        take_apart(node, &mut nodes);
        let documents = nodes.into_iter().map(|node| Document::new(node, of_load));
        self.documents.extend(documents);
    }
}
