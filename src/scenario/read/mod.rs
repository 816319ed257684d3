//! From parsed files to the model: the scenario's tables, checked against each other and
//! against the manifests.

mod loads;
mod nodes;
mod services;
mod settings;
mod sweep;

use std::collections::BTreeMap;

use super::diagnostic::Diagnostics;
use super::loaded::Document;
use super::manifest::{self, HpaManifest, Manifests, Object};
use super::model::{HpaObject, Scenario};
use super::node::{Node, Span, parse_path};
use super::reader::Reader;
use super::suggest::nearest;
use crate::autoscaler::hpa::{MetricSpec, Resource, ResourceTarget};
use crate::cluster::spec::{Labels, WorkloadSpec};
use crate::sim::SimDuration;

pub(super) use loads::trace;

/// Everything that the readers of tables look things up in.
pub(super) struct Known<'a> {
    pub(super) workloads: Vec<WorkloadSpec>,
    pub(super) manifests: &'a Manifests,
    pub(super) documents: &'a [Document],
    pub(super) nodes: &'a [Node],
    pub(super) traces: &'a BTreeMap<String, Vec<(SimDuration, f64)>>,
}

impl Known<'_> {
    /// A workload by `Kind/name` or name.
    pub(super) fn workload(&self, reference: &str) -> Option<usize> {
        let (kind, name) = reference
            .split_once('/')
            .map_or((None, reference), |(kind, name)| (Some(kind), name));
        self.workloads
            .iter()
            .position(|w| w.name == name && kind.is_none_or(|kind| kind == w.kind.name()))
    }

    /// "did you mean", for a workload that is not there.
    pub(super) fn workload_advice(&self, reference: &str) -> String {
        let names: Vec<String> = self
            .workloads
            .iter()
            .map(|w| format!("{}/{}", w.kind.name(), w.name))
            .collect();
        match nearest(reference, names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean `{name}`?"),
            None if names.is_empty() => "the manifests hold no workload".to_owned(),
            None => format!("the manifests hold {}", names.join(", ")),
        }
    }
}

/// Makes the model.
pub(super) fn scenario(
    root: &Node,
    documents: &[Document],
    nodes: &[Node],
    manifests: Manifests,
    traces: &BTreeMap<String, Vec<(SimDuration, f64)>>,
    diagnostics: &mut Diagnostics,
) -> Option<Scenario> {
    let mut reader = Reader::new(root, "the scenario", diagnostics)?;
    let name = reader.text("name", diagnostics);
    if name.is_none() {
        reader.missing("name", "the scenario", "name = \"rush-hour\"", diagnostics);
    }
    if let Some(name) = name {
        check_name(name, reader.get("name"), diagnostics);
    }
    let manifest_list = reader.list("manifests", diagnostics);
    if manifest_list.is_empty() && !diagnostics.has_errors() {
        reader.missing(
            "manifests",
            "the scenario",
            "manifests = [\"manifests/*.yaml\"]",
            diagnostics,
        );
    }
    let simulation = settings::simulation(&mut reader, diagnostics);
    let controllers = settings::controllers(&mut reader, diagnostics);
    let workloads = manifests
        .workloads
        .iter()
        .map(|object| object.value.clone())
        .collect();
    let mut known = Known {
        workloads,
        manifests: &manifests,
        documents,
        nodes,
        traces,
    };
    check_names(&known, diagnostics);
    let node_groups = nodes::node_groups(&mut reader, diagnostics);
    let services = services::services(&mut reader, &mut known, diagnostics);
    let loads = loads::loads(&mut reader, &mut known, &services, diagnostics);
    let hpas = hpas(&known, controllers.hpa.scale_to_zero, diagnostics);
    let scenario = Scenario {
        name: name.unwrap_or("scenario").to_owned(),
        custom_metrics: sweep::metrics(&mut reader, &known, &services, diagnostics),
        slo: settings::slo(&mut reader, diagnostics),
        pricing: settings::pricing(&mut reader, diagnostics),
        sweep: sweep::sweep(&mut reader, diagnostics),
        asserts: sweep::asserts(&mut reader, diagnostics),
        simulation: simulation?,
        controllers,
        node_groups,
        services,
        loads,
        hpas,
        pdbs: manifests
            .pdbs
            .iter()
            .map(|object| object.value.clone())
            .collect(),
        workloads: known.workloads,
    };
    reader.finish("the scenario", diagnostics);
    Some(scenario)
}

/// The name is a folder's name too.
fn check_name(name: &str, node: Option<&Node>, diagnostics: &mut Diagnostics) {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(fits) {
        let span = node.map_or(Span::default(), |node| node.span);
        let title = "the name must be usable as a folder's name";
        diagnostics.error(span, title, "letters, digits, `-`, `_` and `.` only");
    }
}

/// Two workloads of one kind and name would be one object in a cluster.
fn check_names(known: &Known<'_>, diagnostics: &mut Diagnostics) {
    for (index, object) in known.manifests.workloads.iter().enumerate() {
        let same = |other: &&Object<WorkloadSpec>| {
            other.value.name == object.value.name
                && other.value.kind.name() == object.value.kind.name()
                && other.value.namespace == object.value.namespace
        };
        if known.manifests.workloads[..index]
            .iter()
            .any(|other| same(&other))
        {
            let (node, _) = known.nodes[object.document].nearest(&parse_path("metadata.name"));
            let title = format!(
                "a second {} {}",
                object.value.kind.name(),
                object.value.name
            );
            diagnostics.error(node.span, title, "this name is taken already");
        }
    }
}

fn selects(selector: &Labels, labels: &Labels) -> bool {
    !selector.is_empty()
        && selector
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
}

fn hpas(known: &Known<'_>, scale_to_zero: bool, diagnostics: &mut Diagnostics) -> Vec<HpaObject> {
    let mut made: Vec<HpaObject> = Vec::new();
    for object in &known.manifests.hpas {
        let (manifest, document) = (&object.value, &known.nodes[object.document]);
        manifest::check_hpa(manifest, scale_to_zero, document, diagnostics);
        let reference = format!("{}/{}", manifest.target_kind, manifest.target_name);
        let at = |path: &str| document.nearest(&parse_path(path)).0.span;
        let Some(workload) = known.workload(&reference) else {
            let title = format!(
                "HPA {} scales {reference}, which is not among the manifests",
                manifest.name
            );
            diagnostics
                .error(at("spec.scaleTargetRef.name"), title, "no such workload")
                .help = Some(known.workload_advice(&reference));
            continue;
        };
        if let Some(other) = made
            .iter()
            .find(|other| overlap(known, other.workload, workload))
        {
            let title = format!(
                "pods of {reference} are selected by two HPAs: {} and {}",
                other.name, manifest.name
            );
            diagnostics
                .error(
                    at("spec.scaleTargetRef"),
                    title,
                    "both would stop with AmbiguousSelector",
                )
                .help =
                Some("keep one HPA per set of pods; it may have several metrics".to_owned());
            continue;
        }
        warn_of_requests(manifest, &known.workloads[workload], document, diagnostics);
        made.push(HpaObject {
            name: manifest.name.clone(),
            namespace: manifest.namespace.clone(),
            workload,
            spec: manifest.input.clone().defaulted(),
        });
    }
    made
}

/// Whether the selectors of two workloads match the same pods.
fn overlap(known: &Known<'_>, a: usize, b: usize) -> bool {
    let (a, b) = (&known.workloads[a], &known.workloads[b]);
    a.namespace == b.namespace
        && (selects(&a.selector, &b.template.labels) || selects(&b.selector, &a.template.labels))
}

/// Utilization is percent of a request: without one the HPA can never act.
fn warn_of_requests(
    manifest: &HpaManifest,
    workload: &WorkloadSpec,
    document: &Node,
    diagnostics: &mut Diagnostics,
) {
    for (index, metric) in manifest.input.metrics.iter().enumerate() {
        let MetricSpec::Resource {
            resource,
            target: ResourceTarget::Utilization(_),
        } = metric
        else {
            continue;
        };
        let missing = workload
            .template
            .containers
            .iter()
            .find(|container| match resource {
                Resource::Cpu => container.cpu_request.is_none(),
                Resource::Memory => container.memory_request.is_none(),
            });
        if let Some(container) = missing {
            let (node, _) = document.nearest(&parse_path(&format!("spec.metrics[{index}]")));
            let title = format!(
                "container {} of {} has no {resource} request",
                container.name, workload.name
            );
            diagnostics
                .warning(
                    node.span,
                    title,
                    "this metric will fail with FailedGetResourceMetric",
                )
                .help = Some(format!(
                "set `resources.requests.{resource}` of the container"
            ));
        }
    }
}
