//! The Prometheus adapter: `[prometheus.adapter]`, its ConfigMap, and the flags of its Deployment.

use serde::Deserialize as _;

use super::prometheus::interval;
use crate::kubectl::yaml;
use crate::prometheus::adapter::config::{Config, Rule};
use crate::prometheus::adapter::{
    Adapter, KindNames, Kinds, ResourceMetrics, RuleProblem, check_rule,
};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::embedded;
use crate::scenario::loaded::Document;
use crate::scenario::manifest::{adapter_config, version_and_kind};
use crate::scenario::monitoring::AdapterSpec;
use crate::scenario::node::{Node, Span};
use crate::scenario::object::to_json;
use crate::scenario::reader::{Reader, expected, wrong};
use crate::sim::SimDuration;

/// The adapter as the scenario states it, with its rules in a ConfigMap.
pub(super) fn of_documents(
    stated: Option<AdapterSpec>,
    documents: &[Document],
    diagnostics: &mut Diagnostics,
) -> Option<AdapterSpec> {
    let mut configs = documents
        .iter()
        .filter_map(|document| adapter_config(&document.node));
    let Some(found) = configs.next() else {
        return stated;
    };
    let has_rules = |adapter: &AdapterSpec| adapter.config != Config::default();
    if stated.as_ref().is_some_and(has_rules) {
        let title = "the adapter has two configurations";
        let label = "the other is in `[prometheus.adapter]`";
        diagnostics.error(found.span, title, label);
    }
    if let Some(second) = configs.next() {
        let title = "a second configuration of the Prometheus adapter";
        diagnostics.error(second.span, title, "one adapter reads one of them");
    }
    let custom = custom_kinds(documents);
    let Some(config) = of_config_map(found, &Kinds::with(&custom), diagnostics) else {
        return stated;
    };
    let rules = config.resource_rules.as_ref();
    let resource_window = rules.map_or(SimDuration::ZERO, |one| window(&one.window));
    let made = stated.unwrap_or_else(|| {
        let mut made = AdapterSpec::default();
        intervals(&mut made, &[None, None], documents, diagnostics);
        made
    });
    Some(AdapterSpec {
        resource_window,
        config,
        kinds: custom,
        ..made
    })
}

/// The kinds of the CustomResourceDefinitions among manifests.
fn custom_kinds(documents: &[Document]) -> Vec<KindNames> {
    let kinds = documents.iter().filter_map(|document| {
        let (_, kind) = version_and_kind(&document.node);
        let spec = document.node.get("spec");
        let spec = spec.filter(|_| kind == "CustomResourceDefinition")?;
        let text = |node: &Node, key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
        let names = spec.get("names")?;
        let kind = text(names, "kind")?;
        Some(KindNames {
            group: text(spec, "group")?,
            plural: text(names, "plural")?,
            singular: text(names, "singular").unwrap_or_else(|| kind.to_lowercase()),
            kind,
        })
    });
    kinds.collect()
}

/// Flags of the adapter that say how often it lists and how far back.
const INTERVALS: [&str; 2] = ["--metrics-relist-interval", "--metrics-max-age"];

/// What the adapter's Deployment sets these flags to, with the place of each.
fn flags(documents: &[Document]) -> [Option<(&Node, &str)>; 2] {
    let mut found = [None; 2];
    for document in documents {
        let pod = document
            .node
            .get("spec")
            .and_then(|spec| spec.get("template"));
        let pod = pod.and_then(|template| template.get("spec"));
        let containers = pod.and_then(|pod| pod.get("containers"));
        let is_its = |one: &&Node| {
            let image = one.get("image").and_then(Node::text).unwrap_or_default();
            let name = image.rsplit('/').next().unwrap_or_default();
            name.starts_with("prometheus-adapter") || name.starts_with("k8s-prometheus-adapter")
        };
        for container in containers
            .map_or(&[][..], Node::items)
            .iter()
            .filter(is_its)
        {
            let words = ["command", "args"].map(|key| container.get(key));
            let words: Vec<&Node> = words.into_iter().flatten().flat_map(Node::items).collect();
            for (place, &word) in words.iter().enumerate() {
                let text = word.text().unwrap_or_default();
                let (flag, value) = match text.split_once('=') {
                    Some((flag, value)) => (flag, Some((word, value))),
                    None => (text, None),
                };
                if let Some(own) = INTERVALS.iter().position(|known| *known == flag) {
                    let next = words.get(place + 1).copied();
                    found[own] = value.or(next.and_then(|next| Some((next, next.text()?))));
                }
            }
        }
    }
    found
}

/// How often it lists and how far back: as the scenario states it, else as its Deployment's flags do.
fn intervals(
    made: &mut AdapterSpec,
    stated: &[Option<(SimDuration, Span)>; 2],
    documents: &[Document],
    diagnostics: &mut Diagnostics,
) {
    let flags = flags(documents);
    let [relist, max_age] = [0, 1].map(|own| {
        stated[own].or_else(|| {
            let (node, text) = flags[own]?;
            match text.parse::<SimDuration>() {
                Ok(length) if length > SimDuration::ZERO || own == 1 => Some((length, node.span)),
                _ => {
                    let title = format!("`{}` is not read", INTERVALS[own]);
                    let label = "expected a duration, for example `10m`".to_owned();
                    diagnostics.warning(node.span, title, label);
                    None
                }
            }
        })
    });
    if let Some((relist, _)) = relist {
        made.relist_interval = relist;
    }
    // Nothing stands for the interval itself.
    made.max_age = made.relist_interval;
    if let Some((max_age, span)) = max_age.filter(|(length, _)| *length > SimDuration::ZERO) {
        if max_age < made.relist_interval {
            let title = "the max-age must not be less than the relist interval";
            let label = format!("at least {}", made.relist_interval);
            diagnostics.error(span, title, label);
        }
        made.max_age = max_age;
    }
}

/// Warns of KEDA beside an adapter with external rules: one APIService names one of them.
pub(super) fn warn_of_two_servers(
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

/// `[prometheus.adapter]`.
pub(super) fn stated(
    node: &Node,
    documents: &[Document],
    diagnostics: &mut Diagnostics,
) -> Option<AdapterSpec> {
    let mut table = Reader::new(node, "`adapter`", diagnostics)?;
    let mut made = AdapterSpec::default();
    let relist = table.read("relist_interval", diagnostics, interval);
    let relist = relist.map(|length| (length, table.key_span("relist_interval")));
    let max_age = table.duration("max_age", diagnostics);
    let max_age = max_age.map(|length| (length, table.key_span("max_age")));
    intervals(&mut made, &[relist, max_age], documents, diagnostics);
    made.kinds = custom_kinds(documents);
    let kinds = Kinds::with(&made.kinds);
    for (key, rules) in [
        ("rules", &mut made.config.rules),
        ("external_rules", &mut made.config.external_rules),
    ] {
        for item in table.list(key, diagnostics) {
            match serde_json::from_value::<Rule>(to_json(item)) {
                Ok(rule) => {
                    check(&rule, key == "external_rules", &kinds, item, diagnostics);
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
fn of_config_map(node: &Node, kinds: &Kinds, diagnostics: &mut Diagnostics) -> Option<Config> {
    let text = node.text().ok_or_else(|| expected("a text", node));
    let json = match text.clone().and_then(yaml::read) {
        Ok(json) => json,
        Err(error) => return refused(node.span.first(), error, diagnostics),
    };
    // The adapter reads its file strictly.
    let document = yaml::parse(text.unwrap_or_default()).ok();
    if let Some(double) = document.as_ref().and_then(|one| one.doubles.first()) {
        let error = format!("key {:?} already set in map", double.name);
        return refused(node.span.first(), error, diagnostics);
    }
    let mut is_refused = false;
    for (key, external) in [("rules", false), ("externalRules", true)] {
        let rules = json.get(key).and_then(serde_json::Value::as_array);
        for (place, rule) in rules.into_iter().flatten().enumerate() {
            let (place, found) = (place.to_string(), Rule::deserialize(rule));
            let (path, problem) = match found {
                Ok(rule) => match check_rule(&rule, external, kinds) {
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
    match config.and_then(|config| startable(&config, kinds).map(|()| config)) {
        Ok(config) => Some(config),
        Err(error) => refused(node.span.first(), error, diagnostics),
    }
}

const ASKED_IN_VAIN: &str = "an HPA that asks for one is told `unable to fetch metrics`";

/// There is no adapter, for this reason.
fn refused(span: Span, error: String, diagnostics: &mut Diagnostics) -> Option<Config> {
    let title = "the adapter does not start with this configuration";
    let is_unknown_kind = error.starts_with("unable to normalize group-resource");
    let help = if is_unknown_kind {
        "HPAs get none of the adapter's metrics; if the cluster has this resource, add its \
         CustomResourceDefinition to `manifests`"
    } else {
        "HPAs get none of the adapter's metrics"
    };
    diagnostics.warning(span, title, error).help = Some(help.to_owned());
    None
}

/// Whether the adapter starts with what is not in single rules.
fn startable(config: &Config, kinds: &Kinds) -> Result<(), String> {
    Adapter::new(config, kinds.clone())?;
    if let Some(rules) = &config.resource_rules {
        ResourceMetrics::new(rules, kinds.clone())?;
        let window = rules.window.as_str();
        // Prometheus' durations have no fractions.
        let is_wrong = window.contains('.') || window.parse::<SimDuration>().is_err();
        if !window.is_empty() && is_wrong {
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
fn check(rule: &Rule, external: bool, kinds: &Kinds, item: &Node, diagnostics: &mut Diagnostics) {
    let Err(problem) = check_rule(rule, external, kinds) else {
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
