//! Recording rules of Prometheus: those of `[prometheus]`, of its rules files, of PrometheusRules and
//! of rules files in ConfigMaps.

use crate::kubectl::yaml;
use crate::prometheus::promql::Edition;
use crate::prometheus::scrape::{Rule, RuleFile, RuleGroup};
use crate::scenario::diagnostic::{Diagnostics, SourceFile};
use crate::scenario::embedded;
use crate::scenario::loaded::Document;
use crate::scenario::manifest::rule_files;
use crate::scenario::node::{Node, Span};
use crate::scenario::object::to_json;
use crate::scenario::reader::{expected, wrong};
use crate::sim::SimDuration;

/// A group, whose interval is not known yet.
type Group = (RuleGroup, SimDuration);

const REFUSED: &str = "Prometheus does not load these rules";

/// The rules of `[prometheus]`, which are a group.
pub(super) fn stated(
    items: &[Node],
    edition: Edition,
    diagnostics: &mut Diagnostics,
) -> Option<Group> {
    let mut group = RuleGroup::default();
    for item in items {
        let rule = serde_json::from_value::<Rule>(to_json(item)).map_err(|error| error.to_string());
        let checked = rule.and_then(|rule| match rule.check(edition) {
            Ok(()) => Ok(rule),
            Err((_, problem)) => Err(problem),
        });
        match checked {
            Ok(rule) => group.rules.push(rule),
            Err(problem) => wrong("rules", item, problem, diagnostics),
        }
    }
    (!group.rules.is_empty()).then_some((group, SimDuration::ZERO))
}

/// The groups of files and of manifests. Of a file with a mistake Prometheus takes nothing: one that it
/// is given by `rule_files` keeps it from starting, manifests the API server takes whatever is in them.
pub(super) fn of_files(
    files: &[Node],
    documents: &[Document],
    edition: Edition,
    diagnostics: &mut Diagnostics,
) -> Vec<Group> {
    let mut made = Vec::new();
    let mut alerts = None;
    let own = files.iter().map(|node| (node, true));
    let manifests = documents.iter().flat_map(|one| rule_files(&one.node));
    for (node, is_own) in own.chain(manifests.map(|node| (node, false))) {
        match file(node, edition, &diagnostics.files) {
            Ok(file) => {
                let mut rules = file.groups.iter().flat_map(|group| &group.rules);
                if rules.any(|rule| rule.record.is_empty()) {
                    alerts.get_or_insert(node.span.first());
                }
                let groups = file.groups.into_iter();
                made.extend(groups.map(|group| (group, SimDuration::ZERO)));
            }
            Err((span, problem)) if is_own => {
                diagnostics.error(span, REFUSED, problem).help =
                    Some("`promtool check rules` tells the same".to_owned());
            }
            Err((span, problem)) => {
                diagnostics.warning(span, REFUSED, problem).help =
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

fn file(node: &Node, edition: Edition, files: &[SourceFile]) -> Result<RuleFile, (Span, String)> {
    let whole = |error: String| (node.span.first(), error);
    let json = match node.text() {
        Some(text) => yaml::read(text).map_err(whole)?,
        None if node.items().is_empty() => to_json(node),
        None => return Err(whole(expected("groups of rules", node))),
    };
    let file: RuleFile = serde_json::from_value(json).map_err(|error| whole(error.to_string()))?;
    file.check(edition).map_err(|wrong| {
        let group = wrong.group.to_string();
        let rule = wrong.rule.map(|rule| rule.to_string());
        let mut path = vec!["groups", &group];
        path.extend(rule.iter().flat_map(|rule| ["rules", rule.as_str()]));
        path.push(wrong.key);
        let span = match node.text() {
            Some(_) => embedded::find(files, node, &path),
            None => within(node, &path),
        };
        let name = &file.groups[wrong.group].name;
        let number = wrong
            .rule
            .map_or(String::new(), |rule| format!(", rule {}", rule + 1));
        (span, format!("group {name:?}{number}: {}", wrong.message))
    })?;
    Ok(file)
}

/// The place of what stands at a path in a tree, as far as it goes.
fn within(node: &Node, path: &[&str]) -> Span {
    let mut found = node;
    for step in path {
        let place = step.parse::<usize>().ok();
        let next = place.and_then(|place| found.items().get(place));
        let Some(next) = next.or_else(|| found.get(step)) else {
            break;
        };
        found = next;
    }
    found.span.first()
}

/// From one evaluation of a group to the next: at least a second.
pub(super) fn interval(group: &RuleGroup, default: SimDuration) -> SimDuration {
    let own = group.interval().ok().flatten();
    let own = own.map(|millis| SimDuration(millis.saturating_mul(1_000_000)));
    own.unwrap_or(default).max(SimDuration::from_secs(1))
}
