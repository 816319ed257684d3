//! From parsed files to the model: the scenario's tables, checked against each other and
//! against the manifests.

mod actions;
mod adapter;
mod allowlist;
mod by_label;
mod calls;
mod cluster_autoscaler;
mod command;
mod commitments;
mod concurrency;
mod containers;
mod controllers;
mod destination;
mod dist;
mod documents;
mod evictions;
mod exports;
mod extended;
mod faults;
mod history;
mod hpas;
mod instance_types;
mod karpenter;
mod known;
mod loads;
mod metrics;
mod node_names;
mod nodes;
mod phases;
mod predictive;
mod pricing;
mod priorities;
mod prometheus;
pub(super) mod queues;
mod range;
mod rules;
mod scaled_objects;
mod services;
mod settings;
mod shapes;
mod spot;
mod startup;
mod sweep;
mod target;
mod trace;
mod trace_time;
mod trigger_sources;
mod vpa_flags;
mod vpas;
mod wget_jobs;

use super::admission::Admission;
use super::diagnostic::Diagnostics;
use super::loaded::{DEFAULT_NAMESPACE, Parsed};
use super::manifest::{Manifests, Placed};
use super::model::Scenario;
use super::node::{Node, Value};
use super::reader::{Reader, expected, wrong};
use crate::api::{LabelSelector, Operator, Requirement};
use crate::cluster::spec::{Labels, WorkloadSpec};

use instance_types::InstanceTypes;
use known::Known;

/// Makes the model.
#[expect(clippy::too_many_lines, reason = "a line for each table")]
pub(super) fn scenario(
    parsed: &Parsed,
    manifests: &Manifests,
    diagnostics: &mut Diagnostics,
) -> Option<Scenario> {
    let mut reader = Reader::new(&parsed.scenario, "the scenario", diagnostics)?;
    let name = name(&mut reader, diagnostics);
    manifest_files(&mut reader, parsed, diagnostics);
    let simulation = settings::simulation(&mut reader, diagnostics);
    let start = settings::start(&mut reader, diagnostics);
    let (mut controllers, stated_karpenter) = controllers::controllers(&mut reader, diagnostics);
    let mut known = Known::new(parsed, manifests, diagnostics);
    known.clock.set(start);
    known.end = simulation.map(|simulation| simulation.end());
    let types = InstanceTypes::read(&mut reader, diagnostics);
    let has_node_pools = !manifests.node_pools.is_empty();
    let (mut node_groups, group_options) =
        nodes::node_groups(&mut reader, &types, has_node_pools, diagnostics);
    controllers.cluster_autoscaler.group_options = group_options;
    priorities::of_manifests(
        &mut controllers.cluster_autoscaler,
        (parsed, manifests),
        diagnostics,
    );
    cluster_autoscaler::decide(
        &mut controllers.cluster_autoscaler,
        &node_groups,
        diagnostics,
    );
    let stated_groups = node_groups.len();
    let karpenter = karpenter::karpenter(
        &stated_karpenter,
        (parsed, manifests, &types),
        &mut node_groups,
        diagnostics,
    );
    if karpenter.is_some() {
        cluster_autoscaler::refuse_both(&controllers.cluster_autoscaler, parsed, diagnostics);
    }
    known.warn_of_services(diagnostics);
    known.check_services(controllers.hpa.version, diagnostics);
    let end = known.end;
    let slo = settings::slo(&mut reader, diagnostics);
    let mut queues = queues::queues(&mut reader, diagnostics);
    let mut stated = services::services(&mut reader, &mut known, &mut queues, slo, diagnostics);
    let mut loads = loads::loads(
        &mut reader,
        &mut known,
        &stated.specs,
        &mut queues,
        diagnostics,
    );
    let admission = Admission {
        release: controllers.hpa.version,
        scale_to_zero: controllers.hpa.scale_to_zero,
        vpa_gates: controllers.vpa.gates.admission,
        ..manifests.admission.clone()
    };
    let actions = actions::actions(
        &mut reader,
        &known,
        &node_groups[..stated_groups],
        &admission,
        end,
        diagnostics,
    );
    let specs = &stated.specs;
    let typed = (&actions[..], &admission);
    actions::loads_of_commands(typed, &mut known, specs, &mut loads, diagnostics);
    stated.warn_of_defaults(&loads, diagnostics);
    controllers.vpa.clock = known.clock.get().unwrap_or_default();
    let (documents, rules) = (&parsed.documents, &parsed.rules);
    let prometheus = prometheus::prometheus(&mut reader, documents, rules, diagnostics);
    stated.export(prometheus.is_some(), diagnostics);
    let (services, slos, exports) = (stated.specs, stated.slos, stated.exports);
    let custom_metrics = metrics::metrics(&mut reader, &known, &services, &queues, diagnostics);
    let trigger_sources =
        trigger_sources::trigger_sources(&mut reader, &known, (&services, &queues), diagnostics);
    let queues = queues.finish(known.all_services, &services, diagnostics);
    let mut hpas = hpas::hpas(
        &known,
        &controllers.hpa,
        (&custom_metrics, prometheus.as_ref()),
        diagnostics,
    );
    let period = controllers.hpa.sync_period;
    let predictive = predictive::predictive(&mut reader, &known, period, diagnostics);
    phases::first_syncs(&mut reader, &mut hpas, diagnostics);
    let histories = history::histories(&mut reader, &known, &controllers.vpa, diagnostics);
    let vpas = vpas::vpas(&known, &controllers.vpa, &hpas, histories, diagnostics);
    let commitments = commitments::commitments(&mut reader, &node_groups, diagnostics);
    let pricing = pricing::pricing(&mut reader, diagnostics);
    let sweep = sweep::sweep(&mut reader, diagnostics);
    let asserts = sweep::asserts(&mut reader, diagnostics);
    scaled_objects::check(&known, (&trigger_sources, &queues), &admission, diagnostics);
    let targets = (node_groups.as_slice(), custom_metrics.as_slice(), &known);
    let [shuts_down, _] = controllers.cluster.shutdown_grace;
    let faults = faults::faults(&mut reader, targets, (end, shuts_down), diagnostics);
    prometheus::warn_of_faults(&faults, prometheus.as_ref(), diagnostics);
    let namespace = namespace(&mut reader, diagnostics);
    reader.finish("the scenario", diagnostics);
    let mut simulation = simulation?;
    simulation.has_calendar = known.clock.get().is_some();
    let documents = documents::documents(parsed, manifests, &hpas, &vpas);
    Some(Scenario {
        name: name?,
        simulation,
        controllers,
        node_groups,
        workloads: known.workloads,
        services,
        queues,
        hpas,
        vpas,
        pdbs: values(&manifests.pdbs),
        scaled_objects: values(&manifests.scaled_objects),
        scaled_jobs: values(&manifests.scaled_jobs),
        trigger_sources,
        predictive,
        custom_metrics,
        prometheus,
        exports,
        loads,
        slos,
        pricing,
        sweep,
        asserts,
        documents,
        admission,
        namespace,
        actions,
        faults,
        commitments,
        karpenter,
    })
}

/// Objects as written, without their places.
fn values<T: Clone>(objects: &[Placed<T>]) -> Vec<T> {
    objects.iter().map(|object| object.value.clone()).collect()
}

/// The manifests, which were read before.
fn manifest_files(reader: &mut Reader<'_>, parsed: &Parsed, diagnostics: &mut Diagnostics) {
    let files = reader.get("manifests");
    if let Some(node) = files.filter(|node| node.text().is_some()) {
        parsed.check_read(node, diagnostics);
    } else if files.is_some() {
        for item in reader.list("manifests", diagnostics) {
            parsed.check_read(item, diagnostics);
        }
    } else if parsed.documents.is_empty() {
        let example = "manifests = [\"manifests/*.yaml\"]";
        reader.missing("manifests", "the scenario", example, diagnostics);
    }
}

/// The name, which is a folder's name too.
fn name(reader: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Option<String> {
    if reader.get("name").is_none() {
        reader.missing("name", "the scenario", "name = \"rush-hour\"", diagnostics);
        return None;
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    reader.read("name", diagnostics, |node| match node.text() {
        None => Err(expected("a string", node)),
        Some(name) if name.is_empty() || name.starts_with('.') || !name.chars().all(fits) => Err(
            "it must be usable as a folder's name: letters, digits, `-`, `_` and `.`".to_owned(),
        ),
        Some(name) => Ok(name.to_owned()),
    })
}

/// The namespace of objects that name none: a label of a host's name.
fn namespace(reader: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> String {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let named = reader.read("namespace", diagnostics, |node| match node.text() {
        None => Err(expected("a string", node)),
        Some(name)
            if name.is_empty()
                || name.len() > 63
                || !name.chars().all(fits)
                || name.starts_with('-')
                || name.ends_with('-') =>
        {
            Err(
                "up to 63 lower-case letters, digits and `-`, none of them `-` at the ends"
                    .to_owned(),
            )
        }
        Some(name) => Ok(name),
    });
    named.unwrap_or(DEFAULT_NAMESPACE).to_owned()
}

/// Whether a workload's selector matches pods of another.
fn picks(selector: &LabelSelector, workload: &WorkloadSpec) -> bool {
    let (kind, name) = (workload.kind.name(), workload.name.as_str());
    let fits = |one: &Requirement| {
        let is_added = |value: &String| is_added((kind, name), &one.key, value);
        one.matches(&workload.template.labels)
            || one.operator == Operator::In && one.values.iter().any(is_added)
    };
    (selector.labels.is_empty() || selects(&selector.labels, workload))
        && selector.expressions.iter().all(fits)
        && !selector.is_empty()
}

/// Whether a Service's selector matches pods of a workload.
fn selects(selector: &Labels, workload: &WorkloadSpec) -> bool {
    let (kind, name) = (workload.kind.name(), workload.name.as_str());
    selects_pods(selector, (kind, name), &workload.template.labels)
}

/// Whether a selector matches pods that an object of this kind and name makes from a template with
/// these labels.
fn selects_pods(selector: &Labels, (kind, name): (&str, &str), labels: &Labels) -> bool {
    let fits = |(key, value): (&String, &String)| {
        labels.get(key) == Some(value) || is_added((kind, name), key, value)
    };
    !selector.is_empty() && selector.iter().all(fits)
}

/// Whether a controller gives one of its pods this label.
fn is_added((kind, name): (&str, &str), key: &str, value: &str) -> bool {
    let ordinal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match (kind, key) {
        ("StatefulSet", "statefulset.kubernetes.io/pod-name") => value
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('-'))
            .is_some_and(ordinal),
        ("StatefulSet", "apps.kubernetes.io/pod-index") => ordinal(value),
        ("CronJob", "job-name" | "batch.kubernetes.io/job-name") => value
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('-'))
            .is_some_and(ordinal),
        ("Job", "job-name" | "batch.kubernetes.io/job-name") => value == name,
        // Drawn when the object is created.
        ("Job" | "CronJob", "controller-uid" | "batch.kubernetes.io/controller-uid")
        | ("Deployment", "pod-template-hash")
        | ("StatefulSet" | "DaemonSet", "controller-revision-hash")
        | ("DaemonSet", "pod-template-generation") => true,
        _ => false,
    }
}

/// Whether controllers give pods labels of this key.
fn may_be_added(key: &str) -> bool {
    matches!(
        key,
        "statefulset.kubernetes.io/pod-name"
            | "apps.kubernetes.io/pod-index"
            | "job-name"
            | "batch.kubernetes.io/job-name"
            | "controller-uid"
            | "batch.kubernetes.io/controller-uid"
            | "pod-template-hash"
            | "controller-revision-hash"
            | "pod-template-generation"
    )
}

/// A table of texts.
fn label_table(
    key: &'static str,
    reader: &mut Reader<'_>,
    diagnostics: &mut Diagnostics,
) -> Labels {
    let Some(node) = reader.get(key) else {
        return Labels::new();
    };
    let Value::Table(entries) = &node.value else {
        wrong(key, node, expected("a table of strings", node), diagnostics);
        return Labels::new();
    };
    let mut labels = Labels::new();
    for (name, value) in entries {
        match value.text() {
            Some(text) => {
                labels.insert(name.name.clone(), text.to_owned());
            }
            None => wrong(&name.name, value, expected("a string", value), diagnostics),
        }
    }
    labels
}

/// The item of a list that a text names.
fn position(node: &Node, names: &[&str], what: &str) -> Result<usize, String> {
    let name = node.text().ok_or_else(|| expected("a string", node))?;
    names
        .iter()
        .position(|other| *other == name)
        .ok_or_else(|| {
            format!(
                "no {what} `{name}`; {}",
                super::suggest::advice(name, names)
            )
        })
}
