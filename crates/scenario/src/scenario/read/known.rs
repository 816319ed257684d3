//! What the scenario's tables refer to: the workloads of the manifests.

use std::cell::Cell;

use super::by_label::ByLabel;
use super::selects_pods;
use crate::autoscaler::hpa::KubernetesVersion;
use crate::autoscaler::vpa::WallClock;
use crate::cluster::spec::{Labels, WorkloadSpec};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::loaded::{Document, Parsed};
use crate::scenario::manifest::{
    Context, Manifests, check_service_name, is_simulated, is_simulated_object, is_workload,
    version_and_kind,
};
use crate::scenario::node::{KeyNode, Node, Value};
use crate::scenario::reader::{expected, wrong};
use crate::scenario::suggest::nearest;
use crate::sim::SimTime;

/// Everything that the readers of tables look things up in.
pub(super) struct Known<'a> {
    pub(super) workloads: Vec<WorkloadSpec>,
    pub(super) manifests: &'a Manifests,
    pub(super) parsed: &'a Parsed,
    /// Whether every `[[service]]` could be read; if not, what is not found may be among them.
    pub(super) all_services: bool,
    /// The calendar time of the start, once anything states it.
    pub(super) clock: Cell<Option<WallClock>>,
    /// The end of the run, if it is known.
    pub(super) end: Option<SimTime>,
}

/// A reference to a workload: `name`, `Kind/name` or `Kind/namespace/name`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference<'a> {
    pub(super) kind: Option<&'a str>,
    pub(super) namespace: Option<&'a str>,
    pub(super) name: &'a str,
}

impl<'a> Reference<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (kind, namespace, Some(name)) => Self {
                kind,
                namespace,
                name,
            },
            (kind, Some(name), None) => Self {
                kind,
                namespace: None,
                name,
            },
            _ => Self {
                kind: None,
                namespace: None,
                name: text,
            },
        }
    }

    fn fits(self, kind: &str, namespace: &str, name: &str) -> bool {
        self.name == name
            && self.kind.is_none_or(|wanted| wanted == kind)
            && self.namespace.is_none_or(|wanted| wanted == namespace)
    }
}

/// The namespace and the labels of the pods that an object of any kind makes, or is.
fn pods_of(document: &Node) -> (&str, Labels) {
    let metadata = document.get("metadata");
    let template = document.get("spec").and_then(|spec| spec.get("template"));
    let of_pods = match template {
        Some(template) => template.get("metadata"),
        None if document.get("kind").and_then(Node::text) == Some("Pod") => metadata,
        None => None,
    };
    let mut labels = Labels::new();
    if let Some(Value::Table(entries)) = of_pods.and_then(|m| m.get("labels")).map(|l| &l.value) {
        let text =
            |(key, value): &(KeyNode, Node)| Some((key.name.clone(), value.text()?.to_owned()));
        labels.extend(entries.iter().filter_map(text));
    }
    let namespace = metadata.and_then(|m| m.get("namespace"));
    (namespace.and_then(Node::text).unwrap_or("default"), labels)
}

impl<'a> Known<'a> {
    pub(super) fn new(
        parsed: &'a Parsed,
        manifests: &'a Manifests,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        Self {
            workloads: manifests.workloads(&parsed.documents, parsed.complete, diagnostics),
            manifests,
            parsed,
            all_services: true,
            clock: Cell::new(None),
            end: None,
        }
    }

    /// The workloads that a reference fits.
    pub(super) fn find(&self, reference: Reference<'_>) -> Vec<usize> {
        let fits = |w: &WorkloadSpec| reference.fits(w.kind.name(), &w.namespace, &w.name);
        (0..self.workloads.len())
            .filter(|&place| fits(&self.workloads[place]))
            .collect()
    }

    /// Whether the manifests hold the object, but its kind owns no pods that are simulated.
    fn is_foreign(&self, reference: Reference<'_>) -> bool {
        let foreign = |document: &Node| {
            let kind = document.get("kind").and_then(Node::text);
            let metadata = |key: &str| document.get("metadata").and_then(|m| m.get(key));
            let namespace = metadata("namespace").and_then(Node::text);
            kind.is_some_and(|kind| {
                let name = metadata("name").and_then(Node::text).unwrap_or_default();
                let serves = is_workload(kind) && is_simulated_object(document);
                !serves && reference.fits(kind, namespace.unwrap_or("default"), name)
            })
        };
        reference.kind.is_some() && self.parsed.documents.iter().any(|one| foreign(&one.node))
    }

    /// Whether the object may be there, though it was not read: its manifest is broken.
    pub(super) fn may_exist(&self, reference: Reference<'_>) -> bool {
        let fits = |document: &Node| {
            let metadata = |key: &str| document.get("metadata").and_then(|m| m.get(key));
            let kind = document.get("kind").and_then(Node::text);
            let name = metadata("name").and_then(Node::text);
            let namespace = metadata("namespace").and_then(Node::text);
            reference.fits(
                kind.unwrap_or_default(),
                namespace.unwrap_or("default"),
                name.unwrap_or_default(),
            )
        };
        let broken = |one: &Document| is_simulated_object(&one.node) && fits(&one.node);
        !self.parsed.complete || self.parsed.documents.iter().any(broken)
    }

    /// The workload that a value names; says what is wrong if there is none.
    pub(super) fn workload(
        &self,
        key: &str,
        node: &Node,
        diagnostics: &mut Diagnostics,
    ) -> Option<usize> {
        let Some(text) = node.text() else {
            wrong(
                key,
                node,
                expected("a string such as \"Deployment/api\"", node),
                diagnostics,
            );
            return None;
        };
        let reference = Reference::parse(text);
        match self.find(reference).as_slice() {
            [workload] => return Some(*workload),
            [] if self.is_foreign(reference) => {
                let kind = reference.kind.unwrap_or_default();
                let (title, help) = if is_simulated(kind) && !is_workload(kind) {
                    let same = format!("Deployment/{}", reference.name);
                    (
                        format!("a {kind} has no pods of its own"),
                        self.advice(&same),
                    )
                } else {
                    let title = format!("{text} is of a kind that is not simulated");
                    let help = "describe it as a Deployment with the same pod template";
                    (title, format!("{help}; {}", self.held()))
                };
                diagnostics.error(node.span, title, "serves nothing").help = Some(help);
            }
            [] if self.may_exist(reference) => {}
            [] => {
                let title = format!("no workload `{text}` among the manifests");
                diagnostics.error(node.span, title, "not found").help = Some(self.advice(text));
            }
            several => {
                let names: Vec<String> =
                    several.iter().map(|&place| self.long_name(place)).collect();
                if names.iter().all(|name| *name == names[0]) {
                    // The same object twice; the manifests' reader reports that.
                    return Some(several[0]);
                }
                let title = format!("several workloads are `{text}`");
                diagnostics.error(node.span, title, "not clear which").help =
                    Some(format!("write one of {}", names.join(", ")));
            }
        }
        None
    }

    /// Warns of Services whose selector fits no pods, of simulated kinds or others.
    pub(super) fn warn_of_services(&self, diagnostics: &mut Diagnostics) {
        let documents = &self.parsed.documents;
        let pods = documents.iter().map(|one| {
            let (namespace, labels) = pods_of(&one.node);
            let (_, kind) = version_and_kind(&one.node);
            let name = one.node.get("metadata").and_then(|m| m.get("name"));
            let made_by = (kind, name.and_then(Node::text).unwrap_or_default());
            (made_by, namespace, labels)
        });
        let pods: Vec<((&str, &str), &str, Labels)> = pods.collect();
        let by_label = ByLabel::new(
            pods.iter()
                .map(|(_, namespace, labels)| (*namespace, labels)),
        );
        for object in &self.manifests.services {
            let service = &object.value;
            if service.selector.is_empty() || !self.parsed.complete {
                continue;
            }
            let mut among = (by_label.among(&service.namespace, &service.selector)).into_iter();
            let fits = |place: usize| {
                let (made_by, namespace, labels) = &pods[place];
                *namespace == service.namespace && selects_pods(&service.selector, *made_by, labels)
            };
            if among.any(fits) {
                continue;
            }
            let context = &mut Context {
                document: &documents[object.document].node,
                diagnostics,
            };
            let message = format!(
                "the Service {} selects no pods of the manifests",
                service.name
            );
            let help = "its clients would be refused: compare the labels of the pod templates, and the namespaces";
            context.warning("spec.selector", message, help);
        }
    }

    /// Names of Services are judged by the API server's release.
    pub(super) fn check_services(&self, release: KubernetesVersion, diagnostics: &mut Diagnostics) {
        for object in &self.manifests.services {
            let context = &mut Context {
                document: &self.parsed.documents[object.document].node,
                diagnostics,
            };
            check_service_name(&object.value, release, context);
        }
    }

    pub(super) fn long_name(&self, place: usize) -> String {
        let workload = &self.workloads[place];
        let (kind, namespace, name) = (workload.kind.name(), &workload.namespace, &workload.name);
        format!("{kind}/{namespace}/{name}")
    }

    /// "did you mean", for a workload that is not there.
    pub(super) fn advice(&self, text: &str) -> String {
        // The namespace before the kind.
        if let [namespace, kind, name] = text.split('/').collect::<Vec<_>>()[..] {
            let (kind, namespace) = (Some(kind), Some(namespace));
            let turned = Reference {
                kind,
                namespace,
                name,
            };
            if let [place] = self.find(turned)[..] {
                return format!("did you mean `{}`?", self.long_name(place));
            }
        }
        let names: Vec<String> = self
            .workloads
            .iter()
            .map(|w| format!("{}/{}", w.kind.name(), w.name))
            .collect();
        match nearest(text, names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean `{name}`?"),
            None => self.held(),
        }
    }

    fn held(&self) -> String {
        let names: Vec<String> = self
            .workloads
            .iter()
            .map(|w| format!("{}/{}", w.kind.name(), w.name))
            .collect();
        match names.as_slice() {
            [] => "the manifests hold no workload".to_owned(),
            names => format!("the manifests hold {}", names.join(", ")),
        }
    }
}
