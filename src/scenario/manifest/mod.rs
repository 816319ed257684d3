//! The users' Kubernetes manifests: documents to parameters, one file per kind.
//!
//! Each document is read through the official API's types (`k8s-openapi`), which finds wrong
//! types and unknown fields; then by our own checks, which mirror the API server's where the
//! types are more lenient than it.

mod container;
mod hpa;
mod others;
mod typed;
mod workload;

use super::diagnostic::Diagnostics;
use super::node::{Node, Span, Value};
use crate::autoscaler::hpa::HpaSpecInput;
use crate::cluster::spec::{Labels, PdbSpec, WorkloadSpec};

pub(super) use hpa::check as check_hpa;

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
    pub(super) input: HpaSpecInput,
}

/// Everything that the manifests hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Manifests {
    pub(super) workloads: Vec<Object<WorkloadSpec>>,
    pub(super) services: Vec<Object<ServiceObject>>,
    pub(super) hpas: Vec<Object<HpaManifest>>,
    pub(super) pdbs: Vec<Object<PdbSpec>>,
    pub(super) priorities: Vec<(String, i32)>,
    priority_names: Vec<(usize, String)>,
}

/// Reads documents; kinds that are not simulated are named in one warning.
pub(super) fn read(documents: &[Node], diagnostics: &mut Diagnostics) -> Manifests {
    let mut manifests = Manifests::default();
    let mut others: Vec<(String, Span)> = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let text = |key: &str| document.get(key).and_then(Node::text).unwrap_or_default();
        let (version, kind) = (text("apiVersion"), text("kind"));
        if !matches!(document.value, Value::Table(_)) || kind.is_empty() || version.is_empty() {
            let help = "a manifest begins with `apiVersion: …` and `kind: …`".to_owned();
            let label = "`apiVersion` or `kind` is missing";
            let start = Span {
                end: document.span.start + 1,
                ..document.span
            };
            diagnostics
                .error(start, "this is not a Kubernetes object", label)
                .help = Some(help);
            continue;
        }
        let context = &mut Context {
            document,
            diagnostics,
        };
        match (kind, version) {
            ("Deployment", "apps/v1") => {
                manifests.add_workload(workload::deployment(context), index)
            }
            ("ReplicaSet", "apps/v1") => {
                manifests.add_workload(workload::replica_set(context), index)
            }
            ("StatefulSet", "apps/v1") => {
                manifests.add_workload(workload::stateful_set(context), index)
            }
            ("Job", "batch/v1") => manifests.add_workload(workload::job(context), index),
            ("HorizontalPodAutoscaler", "autoscaling/v2") => {
                manifests.hpas.extend(hpa::v2(context).map(|value| Object {
                    value,
                    document: index,
                }));
            }
            ("HorizontalPodAutoscaler", "autoscaling/v1") => {
                manifests.hpas.extend(hpa::v1(context).map(|value| Object {
                    value,
                    document: index,
                }));
            }
            ("Service", "v1") => {
                manifests
                    .services
                    .extend(others::service(context).map(|value| Object {
                        value,
                        document: index,
                    }));
            }
            ("PodDisruptionBudget", "policy/v1") => {
                manifests
                    .pdbs
                    .extend(others::pdb(context).map(|value| Object {
                        value,
                        document: index,
                    }));
            }
            ("PriorityClass", "scheduling.k8s.io/v1") => {
                manifests.priorities.extend(others::priority_class(context))
            }
            _ => match right_version(kind) {
                Some(right) => wrong_version(kind, version, right, document, diagnostics),
                None => others.push((
                    kind.to_owned(),
                    document.get("kind").map_or(document.span, |node| node.span),
                )),
            },
        }
    }
    warn_of_others(&others, diagnostics);
    manifests.resolve_priorities(documents, diagnostics);
    manifests
}

/// What the readers of a document work with.
pub(super) struct Context<'a> {
    pub(super) document: &'a Node,
    pub(super) diagnostics: &'a mut Diagnostics,
}

fn right_version(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Deployment" | "ReplicaSet" | "StatefulSet" => "apps/v1",
        "Job" => "batch/v1",
        "HorizontalPodAutoscaler" => "autoscaling/v2",
        "Service" => "v1",
        "PodDisruptionBudget" => "policy/v1",
        "PriorityClass" => "scheduling.k8s.io/v1",
        _ => return None,
    })
}

fn wrong_version(
    kind: &str,
    version: &str,
    right: &str,
    document: &Node,
    diagnostics: &mut Diagnostics,
) {
    let span = document
        .get("apiVersion")
        .map_or(document.span, |node| node.span);
    let title = format!("{kind} has no apiVersion {version}");
    diagnostics
        .error(span, title, "not served any more, or never was")
        .help = Some(format!("write `apiVersion: {right}`"));
}

fn warn_of_others(others: &[(String, Span)], diagnostics: &mut Diagnostics) {
    let Some((_, first)) = others.first() else {
        return;
    };
    let mut names: Vec<&str> = others.iter().map(|(kind, _)| kind.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let title = format!("not simulated and left out: {}", names.join(", "));
    diagnostics.warning(
        *first,
        title,
        if others.len() == 1 {
            "this object"
        } else {
            "the first of them"
        },
    );
}

impl Manifests {
    fn add_workload(&mut self, workload: Option<(WorkloadSpec, Option<String>)>, document: usize) {
        let Some((value, priority)) = workload else {
            return;
        };
        self.priority_names
            .extend(priority.map(|name| (self.workloads.len(), name)));
        self.workloads.push(Object { value, document });
    }

    /// Priorities of pods from the classes they name.
    fn resolve_priorities(&mut self, documents: &[Node], diagnostics: &mut Diagnostics) {
        for (workload, name) in &self.priority_names {
            let workload = &mut self.workloads[*workload];
            let builtin = match name.as_str() {
                "system-cluster-critical" => Some(2_000_000_000),
                "system-node-critical" => Some(2_000_001_000),
                _ => None,
            };
            let found = self
                .priorities
                .iter()
                .find(|(class, _)| class == name)
                .map(|(_, value)| *value);
            match found.or(builtin) {
                Some(priority) => workload.value.template.priority = priority,
                None => {
                    let steps = super::node::parse_path("spec.template.spec.priorityClassName");
                    let (node, _) = documents[workload.document].nearest(&steps);
                    let title = format!("no PriorityClass {name} among the manifests");
                    diagnostics.error(node.span, title, "named here").help =
                        Some("add the PriorityClass's manifest".to_owned());
                }
            }
        }
    }
}
