//! Recording rules of Prometheus: those of `[prometheus]`, of PrometheusRules and of rules files in
//! ConfigMaps.

use crate::kubectl::yaml;
use crate::prometheus::scrape::{Rule, RuleFile, RuleGroup};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::loaded::Document;
use crate::scenario::manifest::rule_files;
use crate::scenario::node::Node;
use crate::scenario::object::to_json;
use crate::scenario::reader::{expected, wrong};
use crate::sim::SimDuration;

/// A group, whose interval is not known yet.
type Group = (RuleGroup, SimDuration);

/// The rules of `[prometheus]`, which are a group.
pub(super) fn stated(items: &[Node], diagnostics: &mut Diagnostics) -> Option<Group> {
    let mut group = RuleGroup::default();
    for item in items {
        let rule = serde_json::from_value::<Rule>(to_json(item)).map_err(|error| error.to_string());
        match rule.and_then(|rule| rule.check().map(|()| rule)) {
            Ok(rule) => group.rules.push(rule),
            Err(problem) => wrong("rules", item, problem, diagnostics),
        }
    }
    (!group.rules.is_empty()).then_some((group, SimDuration::ZERO))
}

/// The groups of manifests. The API server takes any; of a file with a mistake Prometheus takes nothing.
pub(super) fn of_manifests(documents: &[Document], diagnostics: &mut Diagnostics) -> Vec<Group> {
    let mut made = Vec::new();
    let mut alerts = None;
    for node in documents.iter().flat_map(|one| rule_files(&one.node)) {
        match file(node) {
            Ok(file) => {
                let mut rules = file.groups.iter().flat_map(|group| &group.rules);
                if rules.any(|rule| rule.record.is_empty()) {
                    alerts.get_or_insert(node.span.first());
                }
                let groups = file.groups.into_iter();
                made.extend(groups.map(|group| (group, SimDuration::ZERO)));
            }
            Err(problem) => {
                let title = "Prometheus does not load these rules";
                diagnostics.warning(node.span.first(), title, problem).help =
                    Some("none of them is recorded".to_owned());
            }
        }
    }
    if let Some(span) = alerts {
        let title = "alerts of Prometheus are left out";
        diagnostics.warning(span, title, "recording rules are evaluated");
    }
    made
}

fn file(node: &Node) -> Result<RuleFile, String> {
    let json = match node.text() {
        Some(text) => yaml::read(text)?,
        None if node.items().is_empty() => to_json(node),
        None => return Err(expected("groups of rules", node)),
    };
    let file: RuleFile = serde_json::from_value(json).map_err(|error| error.to_string())?;
    for group in &file.groups {
        for (place, rule) in group.rules.iter().enumerate() {
            let told = |error| format!("group {:?}, rule {}, {error}", group.name, place + 1);
            rule.check().map_err(told)?;
        }
        let told = |error| format!("group {:?}: {error}", group.name);
        group.interval().map_err(told)?;
    }
    Ok(file)
}

/// From one evaluation of a group to the next: at least a second.
pub(super) fn interval(group: &RuleGroup, default: SimDuration) -> SimDuration {
    let own = group.interval().ok().flatten();
    let own = own.map(|millis| SimDuration(millis.saturating_mul(1_000_000)));
    own.unwrap_or(default).max(SimDuration::from_secs(1))
}
