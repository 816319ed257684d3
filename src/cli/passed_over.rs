//! Files of folders that hold no manifests, and why.

use std::path::{Path, PathBuf};

use super::manifests::read;

pub(super) const CHART: &str = "part of a Helm chart: `helm template` renders it";
pub(super) const UNLISTED: &str = "no resource of the kustomization beside it";
pub(super) const NO_OBJECT: &str = "no Kubernetes object: it has no `apiVersion`";

/// Why a file of a folder is no manifest.
pub(super) fn reason(folder: &str, path: &str) -> Option<&'static str> {
    let chart = chart_of(path);
    let is_chart = |chart: &PathBuf| {
        let as_given = chart.is_absolute() == Path::new(folder).is_absolute();
        as_given && chart.starts_with(folder)
    };
    if chart.as_ref().is_some_and(is_chart) {
        return Some(CHART);
    }
    // What cannot be read is told when it is read as a manifest.
    let text = read(path)?;
    if text.contains("{{") && chart.is_some_and(|chart| is_template(path, &chart)) {
        return Some(CHART);
    }
    (!has_version(&text)).then_some(NO_OBJECT)
}

/// The folder of the Helm chart that a file lies in, as the file is given if it is in there.
pub(super) fn chart_of(path: &str) -> Option<PathBuf> {
    let full = std::path::absolute(path).ok()?;
    let is_chart = |folder: &Path| folder.join("Chart.yaml").exists();
    let place = 1 + full.ancestors().skip(1).position(is_chart)?;
    let given = Path::new(path).ancestors().nth(place);
    given.or(full.ancestors().nth(place)).map(Path::to_owned)
}

/// A folder as a command names it.
pub(super) fn named(folder: &Path) -> std::path::Display<'_> {
    let folder = if folder == Path::new("") {
        Path::new(".")
    } else {
        folder
    };
    folder.display()
}

/// Whether a file is among the templates of a chart.
fn is_template(path: &str, chart: &Path) -> bool {
    let full = |path: &Path| std::path::absolute(path).ok();
    let below = |(path, chart): (PathBuf, PathBuf)| {
        let below = path.strip_prefix(chart).map(Path::to_owned);
        below.is_ok_and(|below| below.starts_with("templates"))
    };
    let chart = if chart == Path::new("") {
        Path::new(".")
    } else {
        chart
    };
    full(Path::new(path)).zip(full(chart)).is_some_and(below)
}

/// Whether one of the documents of a text has a version of its own, at its left margin. That of
/// something within it, as charts' values hold, does not count.
fn has_version(text: &str) -> bool {
    let mut margin = None;
    text.lines().any(|line| {
        let line = match line.strip_prefix("---") {
            Some(rest) => {
                margin = None;
                rest.trim_start()
            }
            None => line,
        };
        let key = line.trim_start();
        if key.is_empty() || key.starts_with(['#', '%']) {
            return false;
        }
        let indent = line.len() - key.len();
        // Within braces margins mean nothing.
        let is_flow = key.starts_with(['{', '[']) && !key.starts_with("{{");
        match *margin.get_or_insert((!is_flow).then_some(indent)) {
            Some(margin) => {
                let key = key.trim_start_matches(['"', '\'']);
                let version = key.strip_prefix("apiVersion").filter(|_| indent == margin);
                version.is_some_and(|version| !is_number(version))
            }
            None => line.contains("apiVersion"),
        }
    })
}

/// Whether what stands behind a key is a number, as the version of Grafana's files is.
fn is_number(rest: &str) -> bool {
    let value = rest.trim_matches(|one: char| one.is_whitespace() || ":\"'".contains(one));
    !value.is_empty() && value.bytes().all(|one| one.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_at_the_left_margin() {
        for text in [
            "# web\napiVersion: v1\nkind: A\n",
            "a: 1\n---\nkind: A\napiVersion: v1\n",
            "--- {apiVersion: v1, kind: A}\n",
            "  kind: A\n  'apiVersion': v1\n",
            "{\n  \"kind\": \"A\",\n  \"apiVersion\": \"v1\"\n}\n",
            "{{- if .x }}\napiVersion: v1\n",
            "[{\"kind\": \"A\", \"apiVersion\": \"v1\"}]",
        ] {
            assert!(has_version(text), "{text}");
        }
        for text in [
            "grafana:\n  datasources:\n    apiVersion: 1\n",
            "grafana:\n- apiVersion: 1\n",
            "apiVersion: 1\ndatasources: []\n",
            "# apiVersion: v1\n",
            "",
        ] {
            assert!(!has_version(text), "{text}");
        }
    }
}
