//! `[prometheus]`; its adapter is read in [`super::adapter`], recording rules in [`super::rules`].

use super::allowlist::allowlist;
use super::{adapter, dist, rules};
use crate::prometheus::promql::{self, Edition};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::loaded::Document;
use crate::scenario::manifest::trigger_queries;
use crate::scenario::model::{Component, Fault, FaultKind};
use crate::scenario::monitoring::PrometheusSpec;
use crate::scenario::node::Node;
use crate::scenario::reader::{self, Reader, expected, wrong};
use crate::sim::SimDuration;

/// `global.evaluation_interval`.
const EVALUATION_INTERVAL: SimDuration = SimDuration::from_secs(60);
/// The shortest interval between scrapes.
const SHORTEST: SimDuration = SimDuration::from_secs(1);

/// Prometheus, if the scenario has it or rules of its adapter, or if a trigger of KEDA asks it.
pub(super) fn prometheus(
    root: &mut Reader<'_>,
    documents: &[Document],
    rule_files: &[Node],
    diagnostics: &mut Diagnostics,
) -> Option<PrometheusSpec> {
    let mut made = PrometheusSpec::default();
    let node = root.get("prometheus");
    let mut interval_of_rules = None;
    if let Some(node) = node
        && let Some(mut table) = Reader::new(node, "`prometheus`", diagnostics)
    {
        interval_of_rules = table.read("evaluation_interval", diagnostics, interval);
        let interval = table.read("scrape_interval", diagnostics, interval);
        made.scrape_interval = interval.unwrap_or(made.scrape_interval);
        if let Some(delay) = dist::seconds(&mut table, "discovery_delay", diagnostics) {
            made.discovery_delay = delay;
        }
        if let Some("2") = table.one_of("version", &["2", "3"], diagnostics) {
            made.edition = Edition::Two;
        }
        let listed = table.list("rules", diagnostics);
        made.rules
            .extend(rules::stated(listed, made.edition, diagnostics));
        table.ask(&["rule_files"]);
        for item in table.list("queries", diagnostics) {
            match query(item) {
                Ok(query) => {
                    warn_of_alias(&query, item, diagnostics);
                    made.queries.push(query);
                }
                Err(problem) => wrong("queries", item, problem, diagnostics),
            }
        }
        if let Some(node) = table.get("adapter") {
            made.adapter = adapter::stated(node, documents, diagnostics);
        }
        made.allowed_labels = allowlist("metric_labels_allowlist", &mut table, diagnostics);
        made.allowed_annotations =
            allowlist("metric_annotations_allowlist", &mut table, diagnostics);
        table.finish("`prometheus`", diagnostics);
    }
    made.adapter = adapter::of_documents(made.adapter, documents, diagnostics);
    adapter::warn_of_two_servers(made.adapter.as_ref(), documents, diagnostics);
    let interval_of_rules = interval_of_rules.unwrap_or(EVALUATION_INTERVAL);
    made.rules.extend(rules::of_files(
        rule_files,
        documents,
        made.edition,
        diagnostics,
    ));
    for (group, interval) in &mut made.rules {
        *interval = rules::interval(group, interval_of_rules);
    }
    let queries = documents.iter().flat_map(|one| trigger_queries(&one.node));
    let queries: Vec<String> = queries.map(str::to_owned).collect();
    let is_asked = node.is_some() || made.adapter.is_some() || !queries.is_empty();
    made.queries.extend(queries);
    is_asked.then_some(made)
}

/// What guides ask for, and no kube-state-metrics has.
const ALIAS: &str = "kube_horizontalpodautoscaler_status_current_metrics";

/// Warns of a series that only exists here.
fn warn_of_alias(query: &str, item: &Node, diagnostics: &mut Diagnostics) {
    if query.contains(ALIAS) {
        let title = "kube-state-metrics has no such series";
        let warning = diagnostics.warning(item.span, title, format!("`{ALIAS}`"));
        warning.help = Some(
            "here it is `kube_horizontalpodautoscaler_status_target_metric`, the one to ask a \
             cluster for"
                .to_owned(),
        );
    }
}

/// A query that can be evaluated.
fn query(node: &Node) -> Result<String, String> {
    let text = node.text().ok_or_else(|| expected("a query", node))?;
    promql::Query::parse(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// Warns of faults that take away what is not there.
pub(super) fn warn_of_faults(
    faults: &[Fault],
    spec: Option<&PrometheusSpec>,
    diagnostics: &mut Diagnostics,
) {
    for fault in faults {
        let (absent, help) = match fault.kind {
            FaultKind::Down(Component::Prometheus) if spec.is_none() => {
                ("Prometheus", "add a table `[prometheus]`")
            }
            FaultKind::Down(Component::PrometheusAdapter)
                if spec.is_none_or(|spec| spec.adapter.is_none()) =>
            {
                (
                    "Prometheus adapter",
                    "add the adapter's ConfigMap, or `[prometheus.adapter]`",
                )
            }
            _ => continue,
        };
        let title = format!("there is no {absent} that could be down");
        let warning = diagnostics.warning(fault.place, title, "this fault does nothing");
        warning.help = Some(help.to_owned());
    }
}

pub(super) fn interval(node: &Node) -> Result<SimDuration, String> {
    match reader::duration(node)? {
        length if length < SHORTEST => Err("at least 1s".to_owned()),
        length => Ok(length),
    }
}
