//! Folders with a kustomization, built as `kubectl kustomize` builds them: bases and components,
//! names, namespaces, labels, images, replicas, patches and replacements. ConfigMaps and Secrets are not
//! generated: pods start without them.
//!
//! Upstream: kustomize's `api/internal/target/kusttarget.go` (`accumulateTarget`, the order of
//! the transformers) and `api/internal/konfig/builtinpluginconsts` (the fields).

mod fields;
mod graft;
mod inline;
mod labels;
mod patches;
mod references;
mod replacements;
mod resource;
mod select;

use std::collections::BTreeMap;

use super::files::Files;
use super::{namespace, take_apart};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Span, Value};
use crate::scenario::source::{FileProvider, load_manifest};
use crate::scenario::suggest::nearest;
use crate::scenario::yaml;
use resource::Resource;

/// Names of the file.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// Kustomizations may be nested this deep.
const DEEPEST: usize = 20;

/// Fields that are applied.
const APPLIED: [&str; 18] = [
    "resources",
    "bases",
    "components",
    "namespace",
    "namePrefix",
    "nameSuffix",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "images",
    "imageTags",
    "replicas",
    "replacements",
    "patches",
    "patchesStrategicMerge",
    "patchesJson6902",
    "apiVersion",
    "kind",
];

/// Fields that change nothing that is simulated.
const WITHOUT_EFFECT: [&str; 8] = [
    "metadata",
    "configMapGenerator",
    "secretGenerator",
    "generatorOptions",
    "buildMetadata",
    "sortOptions",
    "openapi",
    "validators",
];

/// Fields that would change objects and are not applied.
const NOT_APPLIED: [&str; 8] = [
    "vars",
    "crds",
    "configurations",
    "generators",
    "transformers",
    "helmCharts",
    "helmGlobals",
    "helmChartInflationGenerator",
];

/// Whether a path is that of a kustomization.
pub(super) fn is_kustomization(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    NAMES.contains(&name)
}

/// Where a folder would have its kustomization.
pub(super) fn paths(folder: &str) -> [String; 3] {
    NAMES.map(|name| format!("{folder}/{name}"))
}

/// What a kustomization is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KustomizationParts {
    /// The folder that it stands in.
    pub folder: String,
    /// Whether it is a component, which is nothing by itself.
    pub is_component: bool,
    /// The files and folders that it lists, as paths.
    pub resources: Vec<String>,
    /// Those of its components.
    pub components: Vec<String>,
}

impl KustomizationParts {
    /// Those of the kustomization at a path; `None` if it is at no path, or cannot be read.
    pub fn of(path: &str, provider: &dyn FileProvider) -> Option<Self> {
        let mut unheard = Diagnostics::default();
        let file = load_manifest(provider, path, None, &mut unheard);
        let file = file.filter(|_| is_kustomization(path))?;
        let documents = yaml::parse(file, &mut unheard).documents;
        let node = documents.first()?;
        let folder = folder_of(path);
        let listed = |keys: &[&str]| {
            let items = keys.iter().filter_map(|key| node.get(key));
            let names = items.flat_map(Node::items).filter_map(Node::text);
            names.map(|name| join(folder, name)).collect()
        };
        Some(Self {
            folder: join(folder, ""),
            is_component: node.get("kind").and_then(Node::text) == Some("Component"),
            resources: listed(&["resources", "bases"]),
            components: listed(&["components"]),
        })
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

/// A path from a folder, without detours through `.` and `..`.
fn join(folder: &str, name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let root = if folder.starts_with('/') { "/" } else { "" };
    if parts.is_empty() && root.is_empty() {
        ".".to_owned()
    } else {
        format!("{root}{}", parts.join("/"))
    }
}

fn is_remote(name: &str) -> bool {
    name.contains("://")
        || name.contains("?ref=")
        || name.starts_with("github.com/")
        || name.starts_with("git@")
}

/// A kustomization that is being built.
struct Builder<'b, 'f> {
    files: &'b mut Files<'f>,
    diagnostics: &'b mut Diagnostics,
    /// Files that were read, with their place among the diagnostics' files.
    read: BTreeMap<String, (usize, Vec<Node>)>,
}

/// A kustomization as it is written.
struct Written<'a> {
    node: &'a Node,
    folder: &'a str,
}

impl Written<'_> {
    fn items(&self, key: &str) -> &[Node] {
        self.node.get(key).map_or(&[], Node::items)
    }

    fn text(&self, key: &str) -> Option<&str> {
        let text = self.node.get(key).and_then(Node::text);
        text.filter(|text| !text.is_empty())
    }
}

/// Reads the kustomization at a path and keeps the objects that it makes.
pub(super) fn read(files: &mut Files<'_>, path: &str, named: Span, diagnostics: &mut Diagnostics) {
    let mut builder = Builder {
        files,
        diagnostics,
        read: BTreeMap::new(),
    };
    let mut resources = builder.accumulate(path, named, Vec::new(), 0);
    references::fix(&mut resources);
    let read = builder.read;
    let first = files.documents.len();
    for resource in resources {
        files.add_document(resource.node, None);
    }
    let made = &files.documents[first..];
    for (path, (file, _)) in read {
        let is_from = |document: &super::Document| document.node.span.file == file;
        let start = made.iter().position(is_from).unwrap_or(made.len());
        let length = made[start..].iter().take_while(|one| is_from(one)).count();
        let range = first + start..first + start + length;
        files.read.entry(path).or_insert(range);
    }
}

impl Builder<'_, '_> {
    /// Something that is not done here.
    fn refuse(&mut self, span: Span, title: impl Into<String>, label: &str, folder: &str) {
        self.files.complete = false;
        self.diagnostics.error(span, title, label).help = Some(format!(
            "name what `kubectl kustomize {folder} > all.yaml` writes"
        ));
    }

    /// Something that kustomize refuses, too.
    fn wrong(&mut self, span: Span, title: impl Into<String>, label: &str) {
        self.files.complete = false;
        self.diagnostics.error(span, title, label);
    }

    /// Whether a path is not one from the root.
    fn is_relative(&mut self, name: &str, entry: &Node) -> bool {
        let is_relative = !name.starts_with('/');
        if !is_relative {
            let title =
                format!("{name} is a path from the root, which a kustomization does not read here");
            self.wrong(
                entry.span,
                title,
                "begin the path in the kustomization's folder",
            );
        }
        is_relative
    }

    fn exists(&self, path: &str) -> bool {
        let found = self.files.provider.glob(path);
        found.is_ok_and(|found| !found.is_empty())
    }

    /// The documents of a file, read once.
    fn documents(&mut self, path: &str, named: Span) -> Vec<Node> {
        if let Some((_, known)) = self.read.get(path) {
            return known.clone();
        }
        let loaded = load_manifest(self.files.provider, path, Some(named), self.diagnostics);
        let Some(file) = loaded else {
            self.files.complete = false;
            return Vec::new();
        };
        let parsed = yaml::parse(file, self.diagnostics);
        self.files.complete &= parsed.complete;
        let known = (file, parsed.documents);
        self.read.entry(path.to_owned()).or_insert(known).1.clone()
    }

    /// What a kustomization makes: of what it lists, or for a component of what is there.
    fn accumulate(
        &mut self,
        path: &str,
        named: Span,
        resources: Vec<Resource>,
        depth: usize,
    ) -> Vec<Resource> {
        let folder = folder_of(path);
        let documents = self.documents(path, named);
        let Some(node) = documents.first() else {
            return resources;
        };
        if depth > DEEPEST {
            let title = "these kustomizations are nested too deep";
            self.wrong(node.span.first(), title, "here it ends");
            return resources;
        }
        if !self.check_fields(node, folder) {
            return resources;
        }
        let written = Written { node, folder };
        let mut resources = self.resources(&written, resources, depth);
        for component in written.items("components") {
            let Some(name) = component
                .text()
                .filter(|name| self.is_relative(name, component))
            else {
                continue;
            };
            let own = paths(&join(folder, name));
            match own.iter().find(|path| self.exists(path)) {
                _ if is_remote(name) => {
                    self.refuse(component.span, REMOTE, "named here", folder);
                }
                Some(own) => {
                    resources = self.accumulate(own, component.span, resources, depth + 1);
                }
                None => {
                    let title = format!("there is no kustomization in {name}");
                    self.wrong(component.span, title, "named here");
                }
            }
        }
        self.transform(&written, &mut resources);
        resources
    }

    fn resources(
        &mut self,
        written: &Written<'_>,
        mut resources: Vec<Resource>,
        depth: usize,
    ) -> Vec<Resource> {
        let folder = written.folder;
        let (own, bases) = (written.items("resources"), written.items("bases"));
        for entry in own.iter().chain(bases) {
            let Some(name) = entry.text().filter(|name| self.is_relative(name, entry)) else {
                continue;
            };
            if is_remote(name) {
                self.refuse(entry.span, REMOTE, "named here", folder);
                continue;
            }
            let full = join(folder, name);
            let below = paths(&full);
            let added = if let Some(base) = below.iter().find(|path| self.exists(path)) {
                self.accumulate(base, entry.span, Vec::new(), depth + 1)
            } else {
                let mut nodes = Vec::new();
                for document in self.documents(&full, entry.span) {
                    take_apart(document, &mut nodes);
                }
                nodes.into_iter().map(Resource::new).collect()
            };
            for resource in added {
                self.add(&mut resources, resource);
            }
        }
        resources
    }

    /// Adds a resource, of which there may be none yet.
    fn add(&mut self, resources: &mut Vec<Resource>, resource: Resource) {
        self.refuse_second(resources, &resource);
        resources.push(resource);
    }

    /// There may be one resource of a name.
    fn refuse_second(&mut self, resources: &[Resource], resource: &Resource) {
        let id = resource.id();
        if !id.name.is_empty() && resources.iter().any(|known| known.id() == id) {
            let title = format!("kustomize refuses a second {} {}", id.kind, id.name);
            let name = resource.node.get("metadata").and_then(|m| m.get("name"));
            let span = name.map_or(resource.node.span.first(), |name| name.span);
            self.wrong(span, title, "it is among the resources already");
        }
    }

    /// Whether all that a kustomization asks for is done here.
    fn check_fields(&mut self, node: &Node, folder: &str) -> bool {
        let Value::Table(entries) = &node.value else {
            self.wrong(node.span, "this is not a kustomization", "expected fields");
            return false;
        };
        let mut clean = true;
        for (key, value) in entries {
            let name = key.name.as_str();
            if APPLIED.contains(&name) || WITHOUT_EFFECT.contains(&name) {
                continue;
            }
            if !NOT_APPLIED.contains(&name) {
                clean = false;
                let title = format!("unknown field `{name}` of a kustomization");
                self.wrong(key.span, title, "kustomize has no such field");
                let known = APPLIED.iter().chain(&WITHOUT_EFFECT).chain(&NOT_APPLIED);
                let near = nearest(name, known.copied());
                if let (Some(near), Some(last)) = (near, self.diagnostics.list.last_mut()) {
                    last.help = Some(format!("did you mean `{near}`?"));
                }
            } else if !is_nothing(value) {
                clean = false;
                let title = format!("`{name}` of a kustomization is not applied");
                self.refuse(key.span, title, "it changes objects", folder);
            }
        }
        clean
    }

    /// Changes resources in upstream's order (`configureBuiltinTransformers`).
    fn transform(&mut self, written: &Written<'_>, resources: &mut Vec<Resource>) {
        self.patch_strategic_merge(written, resources);
        self.patch(written, resources);
        if let Some(namespace) = written.text("namespace") {
            for resource in &mut *resources {
                resource.remember();
                namespace::replace(&mut resource.node, namespace);
            }
            for place in 1..resources.len() {
                self.refuse_second(&resources[..place], &resources[place]);
            }
        }
        let (prefix, suffix) = (written.text("namePrefix"), written.text("nameSuffix"));
        fields::rename(resources, prefix.unwrap_or(""), suffix.unwrap_or(""));
        labels::add(written, resources);
        fields::annotate(written.node.get("commonAnnotations"), resources);
        self.patch_json(written, resources);
        self.replicas(written, resources);
        for key in ["images", "imageTags"] {
            for image in written.items(key) {
                fields::set_image(image, resources);
            }
        }
        self.replacements(written, resources);
    }
}

const REMOTE: &str = "addresses are not fetched";

fn is_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::List(items) => items.is_empty(),
        Value::Table(entries) => entries.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
