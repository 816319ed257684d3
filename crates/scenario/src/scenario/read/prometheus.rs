//! `[prometheus]` and the adapter's ConfigMap; recording rules are read in [`super::rules`].

use serde::Deserialize as _;

use super::allowlist::allowlist;
use super::{dist, rules};
use crate::kubectl::yaml;
use crate::prometheus::adapter::config::{Config, Rule};
use crate::prometheus::adapter::{Adapter, Kinds, ResourceMetrics, RuleProblem, check_rule};
use crate::prometheus::promql::{self, Edition};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::embedded;
use crate::scenario::loaded::Document;
use crate::scenario::manifest::{adapter_config, trigger_queries, version_and_kind};
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
                Ok(query) => made.queries.push(query),
                Err(problem) => wrong("queries", item, problem, diagnostics),
            }
        }
        if let Some(node) = table.get("adapter") {
            made.adapter = adapter(node, diagnostics);
        }
        made.allowed_labels = allowlist("metric_labels_allowlist", &mut table, diagnostics);
        made.allowed_annotations =
            allowlist("metric_annotations_allowlist", &mut table, diagnostics);
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
    warn_of_two_servers(made.adapter.as_ref(), documents, diagnostics);
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

/// Warns of KEDA beside an adapter with external rules: one APIService names one of them.
fn warn_of_two_servers(
    adapter: Option<&AdapterSpec>,
    documents: &[Document],
    diagnostics: &mut Diagnostics,
) {
    if adapter.is_none_or(|adapter| adapter.config.external_rules.is_empty()) {
        return;
    }
    let is_scaled = |one: &&Document| {
        let (version, kind) = version_and_kind(&one.node);
        version.starts_with("keda.sh/") && kind == "ScaledObject"
    };
    if let Some(scaled) = documents.iter().find(is_scaled) {
        let title = "KEDA and the Prometheus adapter both serve external.metrics.k8s.io";
        let label = "a cluster has one APIService for it, which names one of them";
        let warning = diagnostics.warning(scaled.node.span.first(), title, label);
        warning.help = Some(
            "here each answers for its own metrics; in a cluster move the adapter's externalRules to \
             triggers of KEDA of the type `prometheus`"
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
                    check(&rule, key == "external_rules", item, diagnostics);
                    rules.push(rule);
                }
                Err(error) => wrong(key, item, error.to_string(), diagnostics),
            }
        }
    }
    table.finish("`adapter`", diagnostics);
    Some(made)
}

/// The adapter's file in a ConfigMap. The API server takes any text; with one that the adapter
/// refuses there is no adapter.
fn of_config_map(node: &Node, diagnostics: &mut Diagnostics) -> Option<Config> {
    let text = node.text().ok_or_else(|| expected("a text", node));
    let json = match text.and_then(yaml::read) {
        Ok(json) => json,
        Err(error) => return refused(node.span.first(), error, diagnostics),
    };
    let mut is_refused = false;
    for (key, external) in [("rules", false), ("externalRules", true)] {
        let rules = json.get(key).and_then(serde_json::Value::as_array);
        for (place, rule) in rules.into_iter().flatten().enumerate() {
            let (place, found) = (place.to_string(), Rule::deserialize(rule));
            let (path, problem) = match found {
                Ok(rule) => match check_rule(&rule, external) {
                    Ok(()) => continue,
                    Err(problem) => ([key, &place, problem.key], problem),
                },
                Err(error) => {
                    let message = error.to_string();
                    let (key_of, is_fatal) = ("", true);
                    let problem = RuleProblem {
                        key: key_of,
                        message,
                        is_fatal,
                    };
                    ([key, &place, ""], problem)
                }
            };
            let span = embedded::find(&diagnostics.files, node, &path);
            if problem.is_fatal {
                is_refused = true;
                let _ = refused(span, problem.message, diagnostics);
            } else {
                let title = "a rule of the adapter makes metrics without values";
                let warning = diagnostics.warning(span, title, problem.message);
                warning.help = Some(ASKED_IN_VAIN.to_owned());
            }
        }
    }
    if is_refused {
        return None;
    }
    let config = serde_json::from_value(json).map_err(|error| error.to_string());
    match config.and_then(|config| startable(&config).map(|()| config)) {
        Ok(config) => Some(config),
        Err(error) => refused(node.span.first(), error, diagnostics),
    }
}

const ASKED_IN_VAIN: &str = "an HPA that asks for one is told `unable to fetch metrics`";

/// There is no adapter, for this reason.
fn refused(span: Span, error: String, diagnostics: &mut Diagnostics) -> Option<Config> {
    let title = "the adapter does not start with this configuration";
    diagnostics.warning(span, title, error).help =
        Some("HPAs get none of the adapter's metrics".to_owned());
    None
}

/// Whether the adapter starts with what is not in single rules.
fn startable(config: &Config) -> Result<(), String> {
    Adapter::new(config, Kinds::default())?;
    if let Some(rules) = &config.resource_rules {
        ResourceMetrics::new(rules, Kinds::default())?;
        let window = rules.window.as_str();
        if !window.is_empty() && window.parse::<SimDuration>().is_err() {
            return Err(format!("not a valid duration string: {window:?}"));
        }
    }
    Ok(())
}

/// A duration as Prometheus writes it; nothing is none.
fn window(text: &str) -> SimDuration {
    text.parse().unwrap_or_default()
}

/// What is wrong with a rule of `[prometheus.adapter]`.
fn check(rule: &Rule, external: bool, item: &Node, diagnostics: &mut Diagnostics) {
    let Err(problem) = check_rule(rule, external) else {
        return;
    };
    let key = item.get(problem.key).unwrap_or(item);
    let (title, help) = match problem.key {
        "seriesQuery" => (
            format!("`seriesQuery` is no selector: {}", rule.series_query),
            "write for example `http_requests_total{namespace!=\"\",pod!=\"\"}`",
        ),
        _ if problem.is_fatal => (
            "the adapter does not start with this rule".to_owned(),
            "rules are those of the adapter's `config.yaml`",
        ),
        _ => ("`metricsQuery` makes no query".to_owned(), ASKED_IN_VAIN),
    };
    let error = diagnostics.error(key.span, title, problem.message);
    error.help = Some(help.to_owned());
}
