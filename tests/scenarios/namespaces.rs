//! Objects of one name in two namespaces: every row, column, figure, title and file tells them
//! apart, and a name that two share is an error that lists both.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::cargo::cargo_bin_cmd;
use tempfile::TempDir;

fn nlsim(arguments: &[&str]) -> Output {
    let mut command = cargo_bin_cmd!("nlsim");
    command.args(arguments).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// The scenario with something more at its end, in a folder of its own.
fn scenario(more: &str) -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let source = Path::new("tests/namespaces");
    fs::copy(source.join("web.yaml"), place.path().join("web.yaml")).expect("a copy");
    let written = fs::read_to_string(source.join("scenario.toml")).expect("the scenario");
    let path = place.path().join("scenario.toml");
    fs::write(&path, written + more).expect("a scenario");
    (place, path)
}

fn column(table: &str, name: &str) -> Vec<String> {
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let header = rows.headers().expect("a header").clone();
    let place = header.iter().position(|column| column == name);
    let place = place.unwrap_or_else(|| panic!("no column {name} in {header:?}"));
    let cell = |row: Result<csv::StringRecord, csv::Error>| row.expect("a row")[place].to_owned();
    rows.records().map(cell).collect()
}

#[test]
fn every_table_figure_and_file_tells_them_apart() {
    let (place, path) = scenario("");
    let out = place.path().join("out");
    let ran = nlsim(&[
        "run",
        &path.to_string_lossy(),
        "--out",
        &out.to_string_lossy(),
    ]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    let printed = text(&ran.stdout);
    for row in ["\na/web  ", "\nb/web  "] {
        assert_eq!(printed.matches(row).count(), 2, "{row} in\n{printed}");
    }

    let both = || BTreeSet::from(["a".to_owned(), "b".to_owned()]);
    let table = |name: &str| fs::read_to_string(out.join(name)).expect("a table");
    for name in ["timeseries.csv", "decisions.csv", "load.csv", "events.csv"] {
        let namespaces = column(&table(name), "namespace");
        assert_eq!(namespaces.into_iter().collect::<BTreeSet<_>>(), {
            let mut all = both();
            // The ends of loads, which are no objects of the cluster.
            all.extend((name == "events.csv").then(String::new));
            all
        });
    }
    assert_eq!(column(&table("load.csv"), "service"), ["web", "web"]);

    let summary = table("summary.csv");
    let header: Vec<&str> = summary.lines().next().unwrap_or("").split(',').collect();
    let distinct: BTreeSet<&str> = header.iter().copied().collect();
    assert_eq!(distinct.len(), header.len(), "a column stands twice");
    for figure in ["hpa.a/web.flaps", "hpa.b/web.flaps"] {
        assert!(distinct.contains(figure), "{header:?}");
    }
    // The load on b is a fifth of that on a.
    let requests = |namespace: &str| -> f64 {
        let cell = column(&summary, &format!("service.{namespace}/web.requests"));
        cell[0].parse().expect("a number")
    };
    assert!(requests("a") > 4.0 * requests("b") && requests("b") > 1000.0);

    for chart in ["replicas", "pods", "latency"] {
        for namespace in ["a", "b"] {
            let file = out.join(format!("charts/{chart}-{namespace}.web.svg"));
            let drawn = fs::read_to_string(&file).expect("a chart");
            assert!(drawn.contains(&format!("{namespace}/web")), "{file:?}");
        }
    }
}

#[test]
fn a_metric_that_two_objects_share_is_an_error_that_lists_both() {
    let (_place, path) = scenario("[[assert]]\nmetric = \"hpa.web.flaps\"\nmax = 2\n");
    let short = nlsim(&["check", &path.to_string_lossy()]);
    assert_eq!(short.status.code(), Some(2));
    let told = text(&short.stderr);
    let line = fs::read_to_string(&path).expect("the scenario");
    let line = line.lines().count() - 1;
    for part in [
        "several metrics are `hpa.web.flaps`",
        &format!("scenario.toml:{line}:10"),
        "hpa.a/web.flaps, hpa.b/web.flaps",
    ] {
        assert!(told.contains(part), "{part} in\n{told}");
    }

    let (_place, path) = scenario("[[assert]]\nmetric = \"hpa.a/web.flaps\"\nmax = 2\n");
    let long = nlsim(&["check", &path.to_string_lossy()]);
    assert_eq!(long.status.code(), Some(0), "{}", text(&long.stderr));

    let (place, path) = scenario(
        "[sweep]\n[[sweep.parameter]]\npath = \"HorizontalPodAutoscaler/a/web:spec.maxReplicas\"\nvalues = [3, 4]\n",
    );
    let out = place.path().join("out");
    let sweep = |best: &str| {
        nlsim(&[
            "sweep",
            &path.to_string_lossy(),
            "--best",
            best,
            "--out",
            &out.to_string_lossy(),
        ])
    };
    let short = sweep("hpa.web.max_ready");
    assert_eq!(short.status.code(), Some(2));
    let told = text(&short.stderr);
    assert!(
        told.contains("hpa.a/web.max_ready, hpa.b/web.max_ready"),
        "{told}"
    );
    let long = sweep("hpa.a/web.max_ready");
    assert_eq!(long.status.code(), Some(0), "{}", text(&long.stderr));
    assert!(out.join("charts/hpa.a.web.max_ready.svg").exists());
    let rows = fs::read_to_string(out.join("results.csv")).expect("rows");
    assert_eq!(column(&rows, "hpa.a/web.max_ready"), ["3.0", "4.0"]);
    assert_eq!(column(&rows, "hpa.b/web.max_ready"), ["10.0", "10.0"]);
}

#[test]
fn a_path_names_the_namespace_where_two_objects_share_a_name() {
    let (_place, path) = scenario("[[assert]]\nmetric = \"hpa.a/web.max_ready\"\nequals = 3\n");
    let check = |set: &str| nlsim(&["check", &path.to_string_lossy(), "--set", set]);
    let short = check("HorizontalPodAutoscaler/web:spec.maxReplicas=3");
    assert_eq!(short.status.code(), Some(2));
    let told = text(&short.stderr);
    let both = "HorizontalPodAutoscaler/a/web, HorizontalPodAutoscaler/b/web";
    assert!(told.contains(both), "{told}");
    let long = check("HorizontalPodAutoscaler/a/web:spec.maxReplicas=3");
    assert_eq!(long.status.code(), Some(0), "{}", text(&long.stdout));
}

#[test]
fn an_object_without_a_namespace_is_in_default() {
    let (_place, path) =
        scenario("[[assert]]\nmetric = \"hpa.default/web.max_ready\"\nequals = 3\n");
    let manifests = path.with_file_name("web.yaml");
    let written = fs::read_to_string(&manifests).expect("the manifests");
    let moved = written
        .replace("  namespace: a\n", "")
        .replace(", namespace: a}", "}");
    assert_ne!(written, moved);
    fs::write(&manifests, moved).expect("manifests");
    let scenario = fs::read_to_string(&path).expect("the scenario");
    let scenario = scenario
        .replace("Deployment/a/web", "Deployment/default/web")
        .replace("web.a/", "web.default/");
    fs::write(&path, scenario).expect("a scenario");
    let set = "HorizontalPodAutoscaler/default/web:spec.maxReplicas=3";
    let ran = nlsim(&["check", &path.to_string_lossy(), "--set", set]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
}
