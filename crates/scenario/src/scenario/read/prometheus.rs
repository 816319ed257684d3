//! `[prometheus]` and the adapter's ConfigMap; recording rules are read in [`super::rules`].

use super::{dist, rules};
use crate::kubectl::yaml;
use crate::prometheus::adapter::config::{Config, Rule};
use crate::prometheus::adapter::{Adapter, Kinds, ResourceMetrics};
use crate::prometheus::promql::{self, Edition};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::loaded::Document;
use crate::scenario::manifest::{adapter_config, trigger_queries};
use crate::scenario::model::{Component, Fault, FaultKind};
use crate::scenario::monitoring::{AdapterSpec, PrometheusSpec};
use crate::scenario::node::{Node, Span};
use crate::scenario::object::to_json;
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
        made.rules.extend(rules::stated(listed, diagnostics));
        for item in table.list("queries", diagnostics) {
            match query(item) {
                Ok(query) => made.queries.push(query),
                Err(problem) => wrong("queries", item, problem, diagnostics),
            }
        }
        if let Some(node) = table.get("adapter") {
            made.adapter = adapter(node, diagnostics);
        }
        table.finish("`prometheus`", diagnostics);
    }
    let mut configs = documents
        .iter()
        .filter_map(|document| adapter_config(&document.node));
    if let Some(found) = configs.next() {
        let stated = made.adapter.as_ref();
        if stated.is_some_and(|adapter| adapter.config != Config::default()) {
            let title = "the adapter has two configurations";
            let label = "the other is in `[prometheus.adapter]`";
            diagnostics.error(found.span, title, label);
        }
        if let Some(second) = configs.next() {
            let title = "a second configuration of the Prometheus adapter";
            diagnostics.error(second.span, title, "one adapter reads one of them");
        }
        if let Some(config) = of_config_map(found, diagnostics) {
            let rules = config.resource_rules.as_ref();
            made.adapter = Some(AdapterSpec {
                resource_window: rules.map_or(SimDuration::ZERO, |one| window(&one.window)),
                config,
                ..made.adapter.unwrap_or_default()
            });
        }
    }
    let interval_of_rules = interval_of_rules.unwrap_or(EVALUATION_INTERVAL);
    made.rules
        .extend(rules::of_manifests(documents, diagnostics));
    for (group, interval) in &mut made.rules {
        *interval = rules::interval(group, interval_of_rules);
    }
    let queries = documents.iter().flat_map(|one| trigger_queries(&one.node));
    let queries: Vec<String> = queries.map(str::to_owned).collect();
    let is_asked = node.is_some() || made.adapter.is_some() || !queries.is_empty();
    made.queries.extend(queries);
    is_asked.then_some(made)
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

fn interval(node: &Node) -> Result<SimDuration, String> {
    match reader::duration(node)? {
        length if length < SHORTEST => Err("at least 1s".to_owned()),
        length => Ok(length),
    }
}

/// `[prometheus.adapter]`.
fn adapter(node: &Node, diagnostics: &mut Diagnostics) -> Option<AdapterSpec> {
    let mut table = Reader::new(node, "`adapter`", diagnostics)?;
    let mut made = AdapterSpec::default();
    let relist = table.read("relist_interval", diagnostics, interval);
    made.relist_interval = relist.unwrap_or(made.relist_interval);
    made.max_age = made.relist_interval;
    if let Some(max_age) = table.duration("max_age", diagnostics) {
        if max_age < made.relist_interval {
            let span = table.key_span("max_age");
            let title = "the max-age must not be less than the relist interval";
            let label = format!("at least {}", made.relist_interval);
            diagnostics.error(span, title, label);
        }
        made.max_age = max_age;
    }
    for (key, rules) in [
        ("rules", &mut made.config.rules),
        ("external_rules", &mut made.config.external_rules),
    ] {
        for item in table.list(key, diagnostics) {
            match serde_json::from_value::<Rule>(to_json(item)) {
                Ok(rule) => {
                    check_series(&rule, item.span, diagnostics);
                    rules.push(rule);
                }
                Err(error) => wrong(key, item, error.to_string(), diagnostics),
            }
        }
    }
    check(&made.config, node.span, diagnostics);
    table.finish("`adapter`", diagnostics);
    Some(made)
}

/// The adapter's file in a ConfigMap. The API server takes any text; with one that the adapter
/// refuses there is no adapter.
fn of_config_map(node: &Node, diagnostics: &mut Diagnostics) -> Option<Config> {
    let text = node.text().ok_or_else(|| expected("a text", node));
    let config = text
        .and_then(yaml::read)
        .and_then(|json| serde_json::from_value(json).map_err(|error| error.to_string()))
        .and_then(|config| startable(&config).map(|()| config));
    match config {
        Ok(config) => {
            let config: Config = config;
            Some(config)
        }
        Err(error) => {
            let title = "the adapter does not start with this configuration";
            diagnostics.warning(node.span, title, error).help =
                Some("HPAs get none of the adapter's metrics".to_owned());
            None
        }
    }
}

/// Whether the adapter starts and can list series.
fn startable(config: &Config) -> Result<(), String> {
    Adapter::new(config, Kinds::default())?;
    if let Some(rules) = &config.resource_rules {
        ResourceMetrics::new(rules, Kinds::default())?;
        let window = rules.window.as_str();
        if !window.is_empty() && window.parse::<SimDuration>().is_err() {
            return Err(format!("not a valid duration string: {window:?}"));
        }
    }
    let rules = config.rules.iter().chain(&config.external_rules);
    for rule in rules {
        promql::selector(&rule.series_query)
            .map_err(|error| format!("`seriesQuery` {:?}: {error}", rule.series_query))?;
    }
    Ok(())
}

/// A duration as Prometheus writes it; nothing is none.
fn window(text: &str) -> SimDuration {
    text.parse().unwrap_or_default()
}

/// What the adapter refuses to start with.
fn check(config: &Config, span: Span, diagnostics: &mut Diagnostics) {
    if let Err(error) = Adapter::new(config, Kinds::default()) {
        let title = "the adapter does not start with these rules";
        diagnostics.error(span, title, error);
    }
}

/// A rule that lists nothing, as its selector cannot be read.
fn check_series(rule: &Rule, span: Span, diagnostics: &mut Diagnostics) {
    if let Err(error) = promql::selector(&rule.series_query) {
        let title = format!("`seriesQuery` is no selector: {}", rule.series_query);
        diagnostics.error(span, title, error.to_string()).help =
            Some("write for example `http_requests_total{namespace!=\"\",pod!=\"\"}`".to_owned());
    }
}
