//! `patches`, `patchesStrategicMerge`, `patchesJson6902`.
//!
//! Upstream: kustomize's `PatchTransformer`, `PatchStrategicMergeTransformer` and
//! `PatchJson6902Transformer`.

use serde_json::{Value as Json, json};

use super::graft::graft;
use super::resource::{Id, Resource};
use super::select::Target;
use super::{Builder, REMOTE, Written, inline, is_remote, join};
use crate::kubectl::kind::Kind;
use crate::kubectl::patch::{self, first_as_patched};
use crate::scenario::node::{KeyNode, Node, Value};
use crate::scenario::object::to_json;

/// What a patch may change besides.
#[derive(Default, Clone, Copy)]
struct Allowed {
    name: bool,
    kind: bool,
}

impl Builder<'_, '_> {
    /// `patchesStrategicMerge`: files, or patches themselves.
    pub(super) fn patch_strategic_merge(
        &mut self,
        written: &Written<'_>,
        resources: &mut Vec<Resource>,
    ) {
        let listed = written.items("patchesStrategicMerge").iter();
        // A list of texts under `patches` is the old form (`FixKustomizationPreUnmarshalling`).
        let old = written.items("patches").iter();
        let old = old.filter(|entry| entry.text().is_some());
        for entry in listed.chain(old) {
            let Some(text) = entry.text() else { continue };
            let patches = if text.contains('\n') {
                inline::documents(entry, text, self.diagnostics)
            } else {
                self.patch_file(text, entry, written.folder)
            };
            for patch in patches {
                self.by_id(&patch, Allowed::default(), resources);
            }
        }
    }

    /// `patches`: of either sort.
    pub(super) fn patch(&mut self, written: &Written<'_>, resources: &mut Vec<Resource>) {
        for entry in written.items("patches") {
            if entry.text().is_some() {
                continue;
            }
            let options = |key: &str| {
                let option = entry.get("options").and_then(|options| options.get(key));
                option.map(|node| &node.value) == Some(&Value::Bool(true))
            };
            let allowed = Allowed {
                name: options("allowNameChange"),
                kind: options("allowKindChange"),
            };
            let Some(patches) = self.patch_of(entry, "patch", written.folder) else {
                continue;
            };
            let target = match entry.get("target").map(Target::read).transpose() {
                Ok(target) => target,
                Err((node, problem)) => {
                    self.wrong(
                        node.span,
                        format!("wrong target of a patch: {problem}"),
                        "this",
                    );
                    continue;
                }
            };
            match (target, patches.as_slice()) {
                (
                    None,
                    [
                        Node {
                            value: Value::List(_),
                            ..
                        },
                    ],
                ) => {
                    let title = "a JSON patch needs a `target`";
                    self.wrong(
                        entry.span,
                        title,
                        "kustomize cannot tell which object is meant",
                    );
                }
                (None, patches) => {
                    for patch in patches {
                        self.by_id(patch, allowed, resources);
                    }
                }
                (Some(target), [patch]) => {
                    self.by_target(&target, patch, Some(allowed), resources);
                }
                (Some(_), []) => {}
                (Some(_), _) => {
                    let title = "several patches with one `target`";
                    self.wrong(entry.span, title, "kustomize takes one");
                }
            }
        }
    }

    /// `patchesJson6902`: lists of operations.
    pub(super) fn patch_json(&mut self, written: &Written<'_>, resources: &mut Vec<Resource>) {
        for entry in written.items("patchesJson6902") {
            let Some(patches) = self.patch_of(entry, "patch", written.folder) else {
                continue;
            };
            match (entry.get("target").map(Target::read), patches.as_slice()) {
                (Some(Ok(target)), [patch]) => {
                    self.by_target(&target, patch, None, resources);
                }
                (Some(Err((node, problem))), _) => {
                    self.wrong(
                        node.span,
                        format!("wrong target of a patch: {problem}"),
                        "this",
                    );
                }
                (None, _) => self.wrong(entry.span, "a JSON patch needs a `target`", "this patch"),
                (Some(Ok(_)), _) => {}
            }
        }
    }

    /// The documents of an entry with `path` or an inline text.
    fn patch_of(&mut self, entry: &Node, text_key: &str, folder: &str) -> Option<Vec<Node>> {
        let text = entry.get(text_key).filter(|node| node.value != Value::Null);
        match (entry.get("path"), text) {
            (Some(path), None) => {
                let name = path.text()?;
                Some(self.patch_file(name, path, folder))
            }
            (None, Some(node)) => {
                let text = node.text()?;
                let before = self.diagnostics.list.len();
                let documents = inline::documents(node, text, self.diagnostics);
                if self.diagnostics.list.len() > before {
                    self.files.complete = false;
                }
                Some(documents)
            }
            _ => {
                let title = format!("a patch needs either `path` or `{text_key}`");
                self.wrong(entry.span, title, "this patch");
                None
            }
        }
    }

    fn patch_file(&mut self, name: &str, entry: &Node, folder: &str) -> Vec<Node> {
        if is_remote(name) {
            self.refuse(entry.span, REMOTE, "named here", folder);
            return Vec::new();
        }
        if !self.is_relative(name, entry) {
            return Vec::new();
        }
        self.documents(&join(folder, name), entry.span)
    }

    /// A patch for the resource that it names.
    fn by_id(&mut self, patch: &Node, allowed: Allowed, resources: &mut Vec<Resource>) {
        let id = Id::of(patch);
        if id.kind.is_empty() || id.name.is_empty() {
            let title = "a patch needs `apiVersion`, `kind` and `metadata.name`";
            self.wrong(patch.span.first(), title, "this patch");
            return;
        }
        let is_meant = |resource: &Resource| resource.is_called(|known| *known == id);
        let found: Vec<usize> = (0..resources.len())
            .filter(|&place| is_meant(&resources[place]))
            .collect();
        match found.as_slice() {
            [place] => self.merge_at(*place, patch, allowed, resources),
            none_or_several => {
                let number = if none_or_several.is_empty() {
                    "no"
                } else {
                    "more than one"
                };
                let title = format!("{number} {} ({}) {} to patch", id.kind, id.version, id.name);
                let name = patch
                    .get("metadata")
                    .and_then(|metadata| metadata.get("name"));
                let span = name.map_or(patch.span.first(), |name| name.span);
                let label = format!("of the namespace {}", id.namespace);
                self.wrong(span, title, &label);
            }
        }
    }

    /// A patch for all resources of a target; without `allowed` one of `patchesJson6902`.
    fn by_target(
        &mut self,
        target: &Target,
        patch: &Node,
        allowed: Option<Allowed>,
        resources: &mut Vec<Resource>,
    ) {
        // From behind, since a patch may delete.
        for place in (0..resources.len()).rev() {
            if !target.selects(&resources[place]) {
                continue;
            }
            match &patch.value {
                Value::List(operations) => {
                    let resource = &mut resources[place];
                    if allowed.is_some() {
                        resource.remember();
                    }
                    self.operate(operations, resource);
                }
                _ => self.merge_at(place, patch, allowed.unwrap_or_default(), resources),
            }
        }
    }

    /// Applies a list of operations, one after the other. There are annotations meanwhile if
    /// kustomize keeps there what the resource was called.
    fn operate(&mut self, operations: &[Node], resource: &mut Resource) {
        if !resource.earlier.is_empty() {
            put_annotations(&mut resource.node);
        }
        for operation in operations {
            let before = to_json(&resource.node);
            match patch::json(&before, &json!([to_json(operation)])) {
                Ok(after) => {
                    let place = operation.get("value").unwrap_or(operation).span;
                    resource.node = graft(&after, Some(&resource.node), None, place);
                }
                Err(refusal) => {
                    let id = resource.id();
                    let title = format!("this operation does not fit {} {}", id.kind, id.name);
                    let because = refusal.because.unwrap_or(refusal.text);
                    self.wrong(operation.span.first(), title, &because);
                    break;
                }
            }
        }
        drop_empty_annotations(&mut resource.node);
    }

    /// Merges a patch into the resource at a place, or deletes it.
    fn merge_at(
        &mut self,
        place: usize,
        patch: &Node,
        allowed: Allowed,
        resources: &mut Vec<Resource>,
    ) {
        if patch.get("$patch").and_then(Node::text) == Some("delete") {
            resources.remove(place);
            return;
        }
        let resource = &mut resources[place];
        if allowed.name || allowed.kind {
            resource.remember();
        }
        let id = resource.id();
        match merged(&id, &to_json(&resource.node), &to_json(patch), allowed) {
            Ok(after) => {
                let place = patch.span.first();
                resource.node = graft(&after, Some(&resource.node), Some(patch), place);
            }
            Err(problem) => {
                let title = format!("this patch does not fit {} {}", id.kind, id.name);
                self.wrong(patch.span.first(), title, &problem);
            }
        }
    }
}

/// Gives an object `metadata.annotations` if it has none.
fn put_annotations(object: &mut Node) {
    let Some(metadata) = object.get_mut("metadata") else {
        return;
    };
    let span = metadata.span.first();
    if metadata.get("annotations").is_none()
        && let Value::Table(fields) = &mut metadata.value
    {
        let name = "annotations".to_owned();
        let value = Value::Table(Vec::new());
        fields.push((KeyNode { span, name }, Node { span, value }));
    }
}

/// Takes `metadata.annotations` away if there are none in them.
fn drop_empty_annotations(object: &mut Node) {
    let metadata = object.get_mut("metadata").map(|node| &mut node.value);
    if let Some(Value::Table(fields)) = metadata {
        let is_empty = |value: &Value| matches!(value, Value::Table(entries) if entries.is_empty());
        fields.retain(|(key, node)| key.name != "annotations" || !is_empty(&node.value));
    }
}

/// An object after a strategic merge patch. Custom resources have no schema: their lists are
/// replaced. Neither has kustomize's merge an exception for the selector of a
/// PodDisruptionBudget.
fn merged(id: &Id, live: &Json, patch: &Json, allowed: Allowed) -> Result<Json, String> {
    let kind = Kind::of(&id.kind, &id.version).filter(|kind| kind.built_in);
    let mut after = match kind.filter(|kind| kind.kind != "PodDisruptionBudget") {
        Some(kind) => {
            let mut after = patch::strategic(kind, live, patch).map_err(|error| error.text)?;
            first_as_patched(kind, &mut after, patch);
            after
        }
        None => patch::merge(live, patch),
    };
    let metadata = |value: &Json, key: &str| value["metadata"].get(key).cloned();
    let mut keep = |path: [&str; 2], value: Option<Json>| {
        let Some(at) = (match path {
            ["", _] => after.as_object_mut(),
            [outer, _] => after.get_mut(outer).and_then(Json::as_object_mut),
        }) else {
            return;
        };
        match value {
            Some(value) => at.insert(path[1].to_owned(), value),
            None => at.shift_remove(path[1]),
        };
    };
    if !allowed.kind {
        keep(["", "apiVersion"], live.get("apiVersion").cloned());
        keep(["", "kind"], live.get("kind").cloned());
    }
    if !allowed.name {
        keep(["metadata", "name"], metadata(live, "name"));
    }
    keep(["metadata", "namespace"], metadata(live, "namespace"));
    Ok(after)
}
