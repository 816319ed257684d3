//! When periodic work of the control plane happens first: otherwise that is drawn.

use super::controllers::assign;
use crate::metrics::spec::PipelineConfig;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::model::HpaObject;
use crate::scenario::node::{KeyNode, Node, Value};
use crate::scenario::reader::{Reader, duration, wrong};
use crate::scenario::suggest::advice;
use crate::sim::{SimDuration, SimTime};

/// A time, or a list of times that ascend.
fn times(node: &Node) -> Result<Vec<SimTime>, String> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let durations: Result<Vec<SimDuration>, String> = items.iter().map(duration).collect();
    let times: Vec<SimTime> = durations?
        .into_iter()
        .map(|after| SimTime::ZERO + after)
        .collect();
    if times.is_empty() {
        return Err("expected at least one time, for example \"5s\"".to_owned());
    }
    if times.is_sorted_by(|one, next| one < next) {
        Ok(times)
    } else {
        Err("times must ascend".to_owned())
    }
}

/// `controllers.hpa.first-sync`: of all HPAs, or of each by its name.
pub(super) fn first_syncs(
    root: &mut Reader<'_>,
    hpas: &mut [HpaObject],
    diagnostics: &mut Diagnostics,
) {
    let hpa = root
        .get("controllers")
        .and_then(|controllers| controllers.get("hpa"));
    let Some(node) = hpa.and_then(|hpa| hpa.get("first-sync")) else {
        return;
    };
    let Value::Table(entries) = &node.value else {
        match times(node) {
            Ok(times) => hpas
                .iter_mut()
                .for_each(|hpa| hpa.first_syncs.clone_from(&times)),
            Err(problem) => wrong("first-sync", node, problem, diagnostics),
        }
        return;
    };
    for (key, value) in entries {
        match times(value) {
            Ok(times) => of_one(key, &times, hpas, diagnostics),
            Err(problem) => wrong(&key.name, value, problem, diagnostics),
        }
    }
}

/// The first syncs of the HPA `NAME` or `NAMESPACE/NAME`.
fn of_one(key: &KeyNode, times: &[SimTime], hpas: &mut [HpaObject], diagnostics: &mut Diagnostics) {
    let full = |hpa: &HpaObject| format!("{}/{}", hpa.namespace, hpa.name);
    let is_meant = |hpa: &HpaObject| hpa.name == key.name || full(hpa) == key.name;
    let names: Vec<String> = hpas.iter().map(|hpa| hpa.name.clone()).collect();
    let mut meant = hpas.iter_mut().filter(|hpa| is_meant(hpa));
    match (meant.next(), meant.next()) {
        (Some(hpa), None) => hpa.first_syncs = times.to_vec(),
        (Some(one), Some(other)) => {
            let title = format!("`{}` names several HPAs", key.name);
            let label = format!("write \"{}\" or \"{}\"", full(one), full(other));
            diagnostics.error(key.span, title, label);
        }
        (None, _) => {
            let title = format!("no HPA `{}`", key.name);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            diagnostics
                .error(key.span, title, "not among the manifests")
                .help = Some(advice(&key.name, &names));
        }
    }
}

/// `controllers.metrics-server.first-scrape`.
pub(super) fn first_scrapes(
    table: &mut Reader<'_>,
    metrics: &mut PipelineConfig,
    diagnostics: &mut Diagnostics,
) {
    let scrapes = table.read("first-scrape", diagnostics, times);
    assign(&mut metrics.first_scrapes, scrapes);
}
