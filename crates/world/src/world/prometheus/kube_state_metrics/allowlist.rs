//! Which labels and annotations of objects kube-state-metrics may export
//! (`--metric-labels-allowlist`, `--metric-annotations-allowlist`), and under which names
//! (`createPrometheusLabelKeysValues`).

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{Kind, Labels};
use crate::scenario::model::LabelAllowlist;

/// Allowed labels and annotations by kind.
#[derive(Debug, Clone, Default)]
pub(in crate::world::prometheus) struct Allowlists {
    labels: LabelAllowlist,
    annotations: LabelAllowlist,
}

impl Allowlists {
    pub(in crate::world::prometheus) fn new(
        labels: &LabelAllowlist,
        annotations: &LabelAllowlist,
    ) -> Self {
        Self {
            labels: labels.clone(),
            annotations: annotations.clone(),
        }
    }

    pub(super) fn labels(&self, kind: Kind) -> Option<&[String]> {
        of(&self.labels, kind)
    }

    pub(super) fn annotations(&self, kind: Kind) -> Option<&[String]> {
        of(&self.annotations, kind)
    }
}

/// What a list allows of a kind; one for all kinds counts where the kind has none of its own.
fn of(list: &LabelAllowlist, kind: Kind) -> Option<&[String]> {
    let own = list.get(&resource(kind)).or_else(|| list.get("*"));
    own.map(Vec::as_slice).filter(|allowed| !allowed.is_empty())
}

/// A kind's resource: its plural.
fn resource(kind: Kind) -> String {
    format!("{}s", kind.name().to_lowercase())
}

/// The allowed ones among labels, under the names that they get.
pub(super) fn renamed<'l>(
    prefix: &str,
    labels: &'l Labels,
    allowed: &[String],
) -> Vec<(String, &'l str)> {
    let all = allowed.first().is_some_and(|first| first == "*");
    let is_allowed = |key: &str| all || allowed.iter().any(|pattern| fits(pattern, key));
    let kept = labels.iter().filter(|(key, _)| is_allowed(key));
    let mut named: Vec<(String, &str)> = Vec::new();
    let mut clashes: BTreeMap<String, usize> = BTreeMap::new();
    let mut used: BTreeSet<String> = BTreeSet::new();
    for (key, value) in kept {
        let base = format!("{prefix}_{}", snake_case(key));
        let mut name = base.clone();
        if let Some(count) = clashes.get_mut(&base) {
            name = next_free(&base, count, &used);
        } else if used.contains(&base) {
            let mut count = 0;
            let first = next_free(&base, &mut count, &used);
            used.remove(&base);
            used.insert(first.clone());
            for (other, _) in named.iter_mut().filter(|(other, _)| *other == base) {
                other.clone_from(&first);
            }
            name = next_free(&base, &mut count, &used);
            clashes.insert(base, count);
        }
        used.insert(name.clone());
        named.push((name, value));
    }
    named
}

/// The next name of a clash that no label has yet.
fn next_free(base: &str, count: &mut usize, used: &BTreeSet<String>) -> String {
    loop {
        *count += 1;
        let name = format!("{base}_conflict{count}");
        if !used.contains(&name) {
            return name;
        }
    }
}

/// Whether a key fits an entry of the list, which may have one `*`; entries with more are left
/// out, as is a `*` alone that is not the first.
fn fits(pattern: &str, key: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == key,
        Some((_, rest)) if rest.contains('*') => false,
        Some(("", "")) => false,
        Some((begin, end)) => {
            key.len() >= begin.len() + end.len() && key.starts_with(begin) && key.ends_with(end)
        }
    }
}

/// A key as the name of a label: what it may not have becomes `_`, camel case snake case.
fn snake_case(key: &str) -> String {
    let mut name = String::with_capacity(key.len());
    let mut before = None::<char>;
    for c in key.chars() {
        let kept = if c.is_ascii_alphanumeric() { c } else { '_' };
        if kept.is_ascii_uppercase()
            && before.is_some_and(|before| before.is_ascii_lowercase() || before.is_ascii_digit())
        {
            name.push('_');
        }
        name.push(kept.to_ascii_lowercase());
        before = Some(kept);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(keys: &[&str], allowed: &[&str]) -> Vec<String> {
        let labels: Labels = keys
            .iter()
            .map(|key| ((*key).to_owned(), String::new()))
            .collect();
        let allowed: Vec<String> = allowed.iter().map(|one| (*one).to_owned()).collect();
        let named = renamed("label", &labels, &allowed);
        named.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn only_what_is_allowed_is_exported_under_names_that_prometheus_takes() {
        let keys = ["app.kubernetes.io/name", "team", "costCenter"];
        assert_eq!(
            named(&keys, &["*"]),
            [
                "label_app_kubernetes_io_name",
                "label_cost_center",
                "label_team"
            ]
        );
        assert_eq!(named(&keys, &["team"]), ["label_team"]);
        assert_eq!(named(&keys, &["app.*"]), ["label_app_kubernetes_io_name"]);
        // A wildcard alone counts at the first place only, one with two never.
        assert_eq!(named(&keys, &["team", "*", "*cost*"]), ["label_team"]);
    }

    #[test]
    fn equal_names_are_numbered() {
        let keys = ["a.b", "a/b", "a_b", "a_b_conflict1"];
        assert_eq!(
            named(&keys, &["*"]),
            [
                "label_a_b_conflict1_conflict1",
                "label_a_b_conflict2",
                "label_a_b_conflict3",
                "label_a_b_conflict1_conflict2"
            ]
        );
    }
}
