//! The users' Kubernetes manifests: documents to parameters, one file per kind.
//!
//! Each document is read through the official API's types (`k8s-openapi`), which finds wrong
//! types and unknown fields; then by our own checks, which mirror the API server's where the
//! types are more lenient than it.

mod container;
mod hpa;
mod hpa_metric;
mod limit_range;
mod others;
mod placement;
mod pod_level;
mod selector;
mod typed;
mod vpa;
mod workload;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::diagnostic::Diagnostics;
use super::loaded::Document;
use super::node::{Node, Span, Value, parse_path};
use super::suggest::nearest;
use crate::autoscaler::hpa::HpaSpecInput;
use crate::autoscaler::vpa::VpaSpec;
use crate::cluster::spec::{Labels, PdbSpec, WorkloadSpec};

pub(super) use hpa::check as check_hpa;
use limit_range::LimitRangeObject;

/// Anything read from a manifest, with the document it came from.
#[derive(Debug, Clone)]
pub(super) struct Object<T> {
    pub(super) value: T,
    pub(super) document: usize,
}

/// A Service.
#[derive(Debug, Clone)]
pub(super) struct ServiceObject {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) selector: Labels,
}

/// A HorizontalPodAutoscaler as written.
#[derive(Debug, Clone)]
pub(super) struct HpaManifest {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) target_kind: String,
    pub(super) target_name: String,
    /// The metrics that could be read: their places in `spec.metrics`.
    pub(super) places: Vec<usize>,
    pub(super) input: HpaSpecInput,
}

/// A VerticalPodAutoscaler as written.
#[derive(Debug, Clone)]
pub(super) struct VpaManifest {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) target_kind: String,
    pub(super) target_name: String,
    pub(super) spec: VpaSpec,
}

/// A PriorityClass.
#[derive(Debug, Clone)]
pub(super) struct PriorityObject {
    pub(super) name: String,
    pub(super) value: i32,
    pub(super) global_default: bool,
}

/// A workload and the PriorityClass that its pods name.
#[derive(Debug, Clone)]
pub(super) struct WorkloadObject {
    pub(super) spec: WorkloadSpec,
    pub(super) priority_class: Option<String>,
}

/// Everything that the manifests hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Manifests {
    pub(super) workloads: Vec<Object<WorkloadObject>>,
    pub(super) services: Vec<Object<ServiceObject>>,
    pub(super) hpas: Vec<Object<HpaManifest>>,
    pub(super) vpas: Vec<Object<VpaManifest>>,
    pub(super) limit_ranges: Vec<Object<LimitRangeObject>>,
    pub(super) pdbs: Vec<Object<PdbSpec>>,
    pub(super) priorities: Vec<Object<PriorityObject>>,
}

/// The simulated kinds with the version that is read.
const KINDS: [(&str, &str); 10] = [
    ("Deployment", "apps/v1"),
    ("ReplicaSet", "apps/v1"),
    ("StatefulSet", "apps/v1"),
    ("Job", "batch/v1"),
    ("HorizontalPodAutoscaler", "autoscaling/v2"),
    ("Service", "v1"),
    ("PodDisruptionBudget", "policy/v1"),
    ("PriorityClass", "scheduling.k8s.io/v1"),
    ("VerticalPodAutoscaler", "autoscaling.k8s.io/v1"),
    ("LimitRange", "v1"),
];

/// Reads documents; kinds that are not simulated are named in one warning.
pub(super) fn read(documents: &[Document], diagnostics: &mut Diagnostics) -> Manifests {
    let mut manifests = Manifests::default();
    let mut others: Vec<(String, Span)> = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let document = &document.node;
        if !is_object(document, diagnostics) {
            continue;
        }
        let context = &mut Context {
            document,
            diagnostics,
        };
        if !manifests.add(index, context) {
            other_kind(document, &mut others, diagnostics);
        }
    }
    warn_of_others(&others, diagnostics);
    refuse_doubles(documents, diagnostics);
    manifests
}

/// What the readers of a document work with.
pub(super) struct Context<'a> {
    pub(super) document: &'a Node,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl Context<'_> {
    /// Reports a problem at a path of the document.
    pub(super) fn error(&mut self, path: &str, message: impl Into<String>, help: Option<&str>) {
        let span = self.span(path);
        self.diagnostics
            .error(span, message.into(), path.to_owned())
            .help = help.map(str::to_owned);
    }

    /// Warns at a path of the document.
    pub(super) fn warning(&mut self, path: &str, message: impl Into<String>, help: &str) {
        let span = self.span(path);
        self.diagnostics
            .warning(span, message.into(), path.to_owned())
            .help = Some(help.to_owned());
    }

    /// Where a path is: the value, or the key of what is missing in it or is several lines long.
    fn span(&self, path: &str) -> Span {
        let (mut node, mut key) = (self.document, None);
        let steps = parse_path(path);
        for (index, step) in steps.iter().enumerate() {
            let Some(child) = node.child(step) else {
                return key.unwrap_or(node.span.first());
            };
            key = node.key_of(step);
            node = child;
            if index + 1 == steps.len() && !self.is_long(node) {
                return node.span;
            }
        }
        key.unwrap_or(node.span.first())
    }

    fn is_long(&self, node: &Node) -> bool {
        let text = self.diagnostics.files.get(node.span.file);
        text.and_then(|file| file.text.get(node.span.start..node.span.end))
            .is_some_and(|text| text.contains('\n'))
    }

    /// `metadata.name`, which every object needs, and its namespace.
    fn identity(&mut self, metadata: ObjectMeta) -> (String, String) {
        let name = metadata.name.unwrap_or_default();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        let edge = |c: char| !matches!(c, '-' | '.');
        if name.is_empty() {
            let help = Some("add `name: …` under `metadata:`");
            self.error("metadata.name", "the object has no name", help);
        } else if name.len() > 253
            || !name.chars().all(fits)
            || !name.starts_with(edge)
            || !name.ends_with(edge)
        {
            let message = format!("\"{name}\" is no name that the API takes");
            let help =
                Some("lower-case letters, digits, `-` and `.`, a letter or digit at both ends");
            self.error("metadata.name", message, help);
        }
        let namespace = metadata.namespace.unwrap_or_else(|| "default".to_owned());
        (name, namespace)
    }
}

fn version_and_kind(document: &Node) -> (&str, &str) {
    let text = |key: &str| document.get(key).and_then(Node::text).unwrap_or_default();
    (text("apiVersion"), text("kind"))
}

fn is_object(document: &Node, diagnostics: &mut Diagnostics) -> bool {
    let (version, kind) = version_and_kind(document);
    let missing = match (version, kind) {
        ("", "") => "`apiVersion` and `kind` are missing",
        ("", _) => "`apiVersion` is missing",
        (_, "") => "`kind` is missing",
        _ => return true,
    };
    let label = match &document.value {
        Value::Table(_) => missing.to_owned(),
        other => format!("this is {}", other.kind()),
    };
    let help = "a manifest begins with `apiVersion: …` and `kind: …`".to_owned();
    diagnostics
        .error(
            document.span.first(),
            "this is not a Kubernetes object",
            label,
        )
        .help = Some(help);
    false
}

/// A kind that is not read: a slip, an old version, or one that is not simulated.
fn other_kind(document: &Node, others: &mut Vec<(String, Span)>, diagnostics: &mut Diagnostics) {
    let (version, kind) = version_and_kind(document);
    let span = |key: &str| document.get(key).map_or(document.span, |node| node.span);
    if let Some((_, right)) = KINDS.iter().find(|(name, _)| *name == kind) {
        let title = format!("{kind} has no apiVersion {version}");
        diagnostics
            .error(
                span("apiVersion"),
                title,
                "not served any more, or never was",
            )
            .help = Some(format!("write `apiVersion: {right}`"));
        return;
    }
    let near = KINDS
        .iter()
        .filter(|(_, right)| *right == version)
        .map(|(name, _)| *name);
    match nearest(kind, near) {
        Some(right) => {
            let title = format!("{version} has no kind {kind}");
            diagnostics.error(span("kind"), title, "not known").help =
                Some(format!("did you mean `{right}`?"));
        }
        None => others.push((kind.to_owned(), span("kind"))),
    }
}

fn warn_of_others(others: &[(String, Span)], diagnostics: &mut Diagnostics) {
    let Some((_, first)) = others.first() else {
        return;
    };
    let mut names: Vec<&str> = others.iter().map(|(kind, _)| kind.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let title = format!("not simulated and left out: {}", names.join(", "));
    let label = match others.len() {
        1 => "this object".to_owned(),
        number => format!("the first of {number} objects"),
    };
    diagnostics.warning(*first, title, label);
}

/// Two objects of one kind, namespace and name would be one object in a cluster.
fn refuse_doubles(documents: &[Document], diagnostics: &mut Diagnostics) {
    let mut seen: BTreeMap<(&str, &str, &str), Span> = BTreeMap::new();
    for document in documents {
        let document = &document.node;
        let metadata = |key: &str| document.get("metadata").and_then(|m| m.get(key));
        let (_, kind) = version_and_kind(document);
        let Some(name) = metadata("name") else {
            continue;
        };
        let (Some(label), true) = (name.text(), KINDS.iter().any(|(known, _)| *known == kind))
        else {
            continue;
        };
        let namespace = metadata("namespace")
            .and_then(Node::text)
            .unwrap_or("default");
        match seen.get(&(kind, namespace, label)) {
            Some(first) => {
                let place = diagnostics.place(*first);
                let title = format!("a second {kind} {label}");
                diagnostics
                    .error(name.span, title, format!("the first is at {place}"))
                    .help = Some("give one of them another name or namespace".to_owned());
            }
            None => {
                seen.insert((kind, namespace, label), name.span);
            }
        }
    }
}

impl Manifests {
    /// Reads a document of a simulated kind; says whether it is one.
    fn add(&mut self, document: usize, context: &mut Context<'_>) -> bool {
        fn put<T>(list: &mut Vec<Object<T>>, document: usize, value: Option<T>) {
            list.extend(value.map(|value| Object { value, document }));
        }
        let (version, kind) = version_and_kind(context.document);
        match (kind, version) {
            ("Deployment", "apps/v1") => {
                put(&mut self.workloads, document, workload::deployment(context));
            }
            ("ReplicaSet", "apps/v1") => {
                put(
                    &mut self.workloads,
                    document,
                    workload::replica_set(context),
                );
            }
            ("StatefulSet", "apps/v1") => {
                put(
                    &mut self.workloads,
                    document,
                    workload::stateful_set(context),
                );
            }
            ("Job", "batch/v1") => put(&mut self.workloads, document, workload::job(context)),
            ("HorizontalPodAutoscaler", "autoscaling/v2") => {
                put(&mut self.hpas, document, hpa::v2(context));
            }
            ("HorizontalPodAutoscaler", "autoscaling/v1") => {
                put(&mut self.hpas, document, hpa::v1(context));
            }
            ("VerticalPodAutoscaler", "autoscaling.k8s.io/v1" | "autoscaling.k8s.io/v1beta2") => {
                put(&mut self.vpas, document, vpa::vpa(context));
            }
            ("LimitRange", "v1") => {
                put(
                    &mut self.limit_ranges,
                    document,
                    limit_range::limit_range(context),
                );
            }
            ("Service", "v1") => put(&mut self.services, document, others::service(context)),
            ("PodDisruptionBudget", "policy/v1") => {
                put(&mut self.pdbs, document, others::pdb(context));
            }
            ("PriorityClass", "scheduling.k8s.io/v1") => {
                put(
                    &mut self.priorities,
                    document,
                    others::priority_class(context),
                );
            }
            _ => return false,
        }
        true
    }

    /// The workloads, with the priorities of the classes that their pods name and with what
    /// LimitRanges fill in. A class that is nowhere is reported if all manifests are there.
    pub(super) fn workloads(
        &self,
        documents: &[Document],
        complete: bool,
        diagnostics: &mut Diagnostics,
    ) -> Vec<WorkloadSpec> {
        let mut made = Vec::new();
        for object in &self.workloads {
            let mut spec = object.value.spec.clone();
            let context = &mut Context {
                document: &documents[object.document].node,
                diagnostics,
            };
            self.apply_limit_ranges(&mut spec, context);
            match &object.value.priority_class {
                None => {
                    let default = self
                        .priorities
                        .iter()
                        .find(|class| class.value.global_default);
                    if let Some(class) = default {
                        spec.template.priority = class.value.value;
                    }
                }
                Some(name) => match self.priority(name) {
                    Some(priority) => spec.template.priority = priority,
                    None if complete => {
                        context.error(
                            "spec.template.spec.priorityClassName",
                            format!("no PriorityClass {name} among the manifests"),
                            Some("add the PriorityClass's manifest"),
                        );
                    }
                    None => {}
                },
            }
            made.push(spec);
        }
        made
    }

    fn priority(&self, name: &str) -> Option<i32> {
        let class = self
            .priorities
            .iter()
            .find(|class| class.value.name == name);
        match (class, name) {
            (Some(class), _) => Some(class.value.value),
            (None, "system-cluster-critical") => Some(2_000_000_000),
            (None, "system-node-critical") => Some(2_000_001_000),
            (None, _) => None,
        }
    }
}
