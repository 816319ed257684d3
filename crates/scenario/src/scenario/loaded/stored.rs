//! Documents as the API server would store them: in a version that is simulated, with a name and
//! a namespace, one of each name, and none that a controller makes itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Document, namespace};
use crate::scenario::diagnostic::{Diagnostic, Diagnostics};
use crate::scenario::manifest::{is_simulated_object, upgrade, version_and_kind};
use crate::scenario::node::{KeyNode, Node, Span, Value};
use crate::scenario::object::to_json;

/// Kind, namespace and name.
type Identity<'a> = (&'a str, &'a str, &'a str);

/// The documents of a scenario as they are stored in a namespace, in the order of creation.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) namespace: String,
    pub(super) documents: Vec<Document>,
    /// What is to be told of it.
    pub(super) problems: Vec<Diagnostic>,
}

impl Stored {
    pub(super) fn new(documents: &[Document], namespace: &str) -> Self {
        let mut diagnostics = Diagnostics::default();
        let mut documents = store(documents, namespace, &mut diagnostics);
        in_order(&mut documents);
        Self {
            namespace: namespace.to_owned(),
            documents,
            problems: diagnostics.list,
        }
    }
}

/// Documents completed, without those that are replaced, or belong to others.
pub(super) fn store(
    documents: &[Document],
    namespace: &str,
    diagnostics: &mut Diagnostics,
) -> Vec<Document> {
    let mut documents = documents.to_vec();
    for document in &mut documents {
        complete(document.node_mut(), namespace, diagnostics);
    }
    leave_out_owned(&mut documents, diagnostics);
    keep_last(&mut documents, diagnostics);
    documents
}

/// Brings documents into the order in which their objects are created: by kind, namespace and
/// name. In which order the files hold them makes no difference to a run.
fn in_order(documents: &mut [Document]) {
    documents.sort_by_cached_key(|document| {
        let text = |node: Option<&Node>| node.and_then(Node::text).unwrap_or_default().to_owned();
        let metadata = document.node.get("metadata");
        let of = |key: &str| text(metadata.and_then(|metadata| metadata.get(key)));
        (text(document.node.get("kind")), of("namespace"), of("name"))
    });
}

/// Completes a document.
pub(in crate::scenario) fn complete(
    document: &mut Node,
    namespace: &str,
    diagnostics: &mut Diagnostics,
) {
    upgrade(document, diagnostics);
    generate_name(document);
    namespace::complete(document, namespace);
}

fn metadata<'a>(document: &'a Node, key: &str) -> Option<&'a Node> {
    document.get("metadata")?.get(key)
}

fn identity(document: &Node) -> Option<Identity<'_>> {
    let name = metadata(document, "name").and_then(Node::text)?;
    let namespace = metadata(document, "namespace").and_then(Node::text);
    let (_, kind) = version_and_kind(document);
    Some((kind, namespace.unwrap_or_default(), name))
}

/// `metadata.generateName` with five signs behind it, as `kubectl create` gets it. Upstream draws
/// them (`k8s.io/apimachinery/pkg/util/rand`); here they come from the document's place.
fn generate_name(document: &mut Node) {
    const SIGNS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    if metadata(document, "name").is_some() {
        return;
    }
    let Some(node) = metadata(document, "generateName") else {
        return;
    };
    let (Some(base), span) = (node.text(), node.span) else {
        return;
    };
    let mut name = base.to_owned();
    let mut state = (span.file as u64) << 32 | span.start as u64;
    for _ in 0..5 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let sign = (state >> 33) as usize % SIGNS.len();
        name.push(char::from(SIGNS[sign]));
    }
    if let Some(Value::Table(entries)) = document.get_mut("metadata").map(|node| &mut node.value) {
        let key = KeyNode {
            span,
            name: "name".to_owned(),
        };
        let value = Value::Text(name);
        entries.push((key, Node { span, value }));
    }
}

/// The controller that an object belongs to: kind and name.
fn owner(document: &Node) -> Option<(&str, &str)> {
    let references = metadata(document, "ownerReferences")?;
    let controller = references.items().iter().find(|one| {
        let controller = one.get("controller").map(|node| &node.value);
        controller == Some(&Value::Bool(true))
    })?;
    let text = |key: &str| controller.get(key).and_then(Node::text);
    Some((text("kind")?, text("name")?))
}

/// ReplicaSets, Jobs and pods of an export belong to the controllers that made them, which make
/// them here, too.
fn leave_out_owned(documents: &mut Vec<Document>, diagnostics: &mut Diagnostics) {
    let owned = |document: &Document| {
        let (_, kind) = version_and_kind(&document.node);
        match owner(&document.node) {
            Some((of, _)) => {
                matches!(kind, "ReplicaSet" | "Job" | "Pod")
                    || (kind, of) == ("HorizontalPodAutoscaler", "ScaledObject")
            }
            None => false,
        }
    };
    let of_kinds = |simulated: bool| -> Vec<(String, String)> {
        let documents = documents.iter().map(|document| &document.node);
        let documents = documents.filter(|node| is_simulated_object(node) == simulated);
        documents
            .filter_map(|node| identity(node))
            .map(|(kind, _, name)| (kind.to_owned(), name.to_owned()))
            .collect()
    };
    let (made_here, not_simulated) = (of_kinds(true), of_kinds(false));
    let (mut orphans, mut of_others) = (Vec::new(), Vec::new());
    documents.retain(|document| {
        if !owned(document) {
            return true;
        }
        let node = &document.node;
        let (_, kind) = version_and_kind(node);
        if let Some((of_kind, of_name)) = owner(node)
            && let Some((_, _, name)) = identity(node)
        {
            let holds = |all: &[(String, String)]| {
                all.iter()
                    .any(|(kind, name)| (kind.as_str(), name.as_str()) == (of_kind, of_name))
            };
            let span = metadata(node, "name").map_or(node.span, |name| name.span);
            let told = (format!("{kind} {name} of {of_kind} {of_name}"), span);
            if holds(&not_simulated) {
                of_others.push(told);
            } else if !holds(&made_here) {
                orphans.push(told);
            }
        }
        false
    });
    warn(
        &orphans,
        "left out, since their owners are not among the manifests",
        "the garbage collector would delete them",
        diagnostics,
    );
    warn(
        &of_others,
        "left out, since their owners are of a kind that is not simulated",
        "a cluster with the owner's controller would run it",
        diagnostics,
    );
}

/// Of several objects of one kind, namespace and name the last one stays: `kubectl apply` changes
/// the earlier one into it.
fn keep_last(documents: &mut Vec<Document>, diagnostics: &mut Diagnostics) {
    let mut last: BTreeMap<Identity<'_>, usize> = BTreeMap::new();
    let mut replaced = vec![false; documents.len()];
    let mut named = Vec::new();
    for (place, document) in documents.iter().enumerate() {
        let node = &document.node;
        let (Some(identity), None) = (identity(node), document.load) else {
            continue;
        };
        if !is_simulated_object(node) {
            continue;
        }
        if let Some(before) = last.insert(identity, place) {
            replaced[before] = true;
            let node = &documents[before].node;
            if to_json(node) != to_json(&documents[place].node) {
                let span = metadata(node, "name").map_or(node.span, |name| name.span);
                named.push((format!("{} {}", identity.0, identity.2), span));
            }
        }
    }
    let mut places = replaced.into_iter();
    documents.retain(|_| !places.next().unwrap_or_default());
    warn(
        &named,
        "given more than once, the last one counts, as with `kubectl apply`",
        "replaced further down",
        diagnostics,
    );
}

/// One warning of several objects.
fn warn(named: &[(String, Span)], what: &str, label: &str, diagnostics: &mut Diagnostics) {
    const MOST: usize = 5;
    let Some((_, first)) = named.first() else {
        return;
    };
    let mut names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    let mut title = format!("{what}: {}", names[..names.len().min(MOST)].join(", "));
    if names.len() > MOST {
        let _ = write!(title, " and {} more", names.len() - MOST);
    }
    diagnostics.warning(*first, title, label);
}
