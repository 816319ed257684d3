//! From a folder of manifests to a first run.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::rig::{run, run_scenario};

fn nlsim(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nlsim"))
        .current_dir(folder)
        .env_remove("CLICOLOR_FORCE")
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A folder `k8s` with manifests that ship with the program.
fn folder_of(manifests: &[&str]) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a temporary folder");
    let k8s = place.path().join("k8s");
    fs::create_dir(&k8s).expect("a folder");
    for name in manifests {
        let from = Path::new("scenarios/manifests").join(name);
        fs::copy(from, k8s.join(name)).expect("a copy");
    }
    place
}

#[test]
fn a_service_is_no_workload_and_neither_is_a_foreign_kind() {
    for (case, title) in [
        ("service-as-workload", "a Service has no pods of its own"),
        (
            "foreign-kind-target",
            "Rollout/web is of a kind that is not simulated",
        ),
    ] {
        let ran = run(case, &[]);
        assert_eq!(ran.code, Some(2), "{case}");
        assert!(ran.stderr.contains(title), "{case}: {}", ran.stderr);
        assert!(ran.stderr.contains("help:"), "{case}: {}", ran.stderr);
    }
}

#[test]
fn two_services_of_one_name_have_to_be_told_apart() {
    let ran = run("two-services-one-name", &[]);
    assert_eq!(ran.code, Some(2));
    let told = &ran.stderr;
    assert!(told.contains("a second service called `api`"), "{told}");
    assert!(told.contains("a `name` of its own"), "{told}");
}

/// 100 requests a second of 10 ms of CPU on pods with 0.2 cores together.
#[test]
fn clients_of_an_overloaded_service_give_up() {
    let ran = run("overload", &[]).ok();
    let loads = ran.rows("load.csv");
    let number = |column: &str| -> f64 { loads[0][column].parse().expect("a number") };
    assert!(number("timeout") > 100_000.0, "{loads:?}");
    assert!(number("max_ms") <= 30_000.0, "{loads:?}");
}

#[test]
fn a_folder_runs_without_a_scenario() {
    let place = folder_of(&["php-apache.yaml"]);
    let ran = nlsim(&["run", "k8s"], place.path());
    let told = text(&ran.stderr);
    assert_eq!(ran.status.code(), Some(0), "{told}");
    let first = told.lines().next().unwrap_or_default();
    assert_eq!(
        first,
        "no scenario given: guessed one from 1 manifest; nlsim init k8s -o scenario.toml writes it down"
    );
    assert!(!told.contains("warning"), "{told}");
    // The HPA goes through most of its range and back.
    let decisions = fs::read(place.path().join("outputs/k8s/decisions.csv")).expect("a table");
    let mut rows = csv::Reader::from_reader(decisions.as_slice());
    let header = rows.headers().expect("a header").clone();
    let column = header.iter().position(|one| one == "desired");
    let column = column.expect("a column");
    let desired: Vec<u32> = rows
        .records()
        .map(|row| row.expect("a row")[column].parse().expect("a number"))
        .collect();
    assert!(desired.iter().max() >= Some(&7), "{desired:?}");
    assert!(desired.last() <= Some(&3), "{desired:?}");
}

#[test]
fn what_init_writes_is_what_run_guesses() {
    let place = folder_of(&["php-apache.yaml", "neurolake-frontend.yaml"]);
    let scenario = place.path().join("scenario.toml");
    let wrote = nlsim(&["init", "k8s", "-o", "scenario.toml"], place.path());
    assert_eq!(wrote.status.code(), Some(0), "{}", text(&wrote.stderr));
    let short = "simulation.duration=20m";
    let ran = run_scenario(&scenario, &["--set", short]).ok();
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    let direct = nlsim(
        &["run", "k8s", "--out", "direct", "--set", short],
        place.path(),
    );
    assert_eq!(direct.status.code(), Some(0), "{}", text(&direct.stderr));
    let direct = fs::read_to_string(place.path().join("direct/summary.csv"));
    assert_eq!(direct.expect("a summary"), ran.file("summary.csv"));
}

#[test]
fn a_file_that_exists_is_replaced_only_with_force() {
    let place = folder_of(&["php-apache.yaml"]);
    let scenario = place.path().join("mine.toml");
    fs::write(&scenario, "mine").expect("a file");
    let refused = nlsim(&["init", "k8s", "-o", "mine.toml"], place.path());
    assert_eq!(refused.status.code(), Some(2));
    let told = text(&refused.stderr);
    let wanted = "mine.toml exists already; --force replaces it";
    assert!(told.contains(wanted), "{told}");
    assert_eq!(fs::read_to_string(&scenario).expect("the file"), "mine");
    let forced = nlsim(&["init", "k8s", "-o", "mine.toml", "--force"], place.path());
    assert_eq!(forced.status.code(), Some(0), "{}", text(&forced.stderr));
    let written = fs::read_to_string(&scenario).expect("the file");
    let wanted = "manifests = [\"k8s/php-apache.yaml\"]";
    assert!(written.contains(wanted), "{written}");
}

#[test]
fn paths_are_those_from_the_written_scenario() {
    let place = folder_of(&["php-apache.yaml"]);
    fs::create_dir(place.path().join("scenarios")).expect("a folder");
    let file = "scenarios/first.toml";
    let wrote = nlsim(&["init", "k8s", "-o", file], place.path());
    assert_eq!(wrote.status.code(), Some(0), "{}", text(&wrote.stderr));
    let written = fs::read_to_string(place.path().join(file)).expect("the file");
    assert!(written.contains("\"../k8s/php-apache.yaml\""), "{written}");
    let short = "simulation.duration=5m";
    run_scenario(&place.path().join(file), &["--set", short]).ok();
}

#[test]
fn the_only_scenario_of_a_folder_is_run_and_of_several_one_is_asked_for() {
    let place = folder_of(&["php-apache.yaml"]);
    let write = |name: &str| {
        let text = "name = \"own\"\nmanifests = [\"php-apache.yaml\"]\n\
                    [simulation]\nduration = \"5m\"\n";
        fs::write(place.path().join("k8s").join(name), text).expect("a file");
    };
    write("a.toml");
    let ran = nlsim(&["run", "k8s"], place.path());
    let told = text(&ran.stderr);
    assert_eq!(ran.status.code(), Some(0), "{told}");
    let wanted = "k8s/a.toml is the scenario of k8s\n";
    assert!(told.starts_with(wanted), "{told}");
    write("b.toml");
    let ran = nlsim(&["run", "k8s"], place.path());
    assert_eq!(ran.status.code(), Some(2));
    let told = text(&ran.stderr);
    let wanted = "name one of k8s/a.toml, k8s/b.toml";
    assert!(told.contains(wanted), "{told}");
}

#[test]
fn what_is_no_manifest_is_passed_over_and_nothing_is_an_error() {
    let place = folder_of(&["php-apache.yaml"]);
    let write = |path: &str, text: &str| {
        let path = place.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("k8s/values.yaml", "replicas: 3\n");
    write("k8s/chart/Chart.yaml", "apiVersion: v2\nname: c\n");
    write("k8s/chart/templates/a.yaml", "apiVersion: {{ .v }}\n");
    let wrote = nlsim(&["init", "k8s"], place.path());
    let told = text(&wrote.stderr);
    assert_eq!(wrote.status.code(), Some(0), "{told}");
    assert!(told.contains("k8s/values.yaml"), "{told}");
    let wrote = nlsim(&["init", "k8s/chart"], place.path());
    assert_eq!(wrote.status.code(), Some(2));
    let told = text(&wrote.stderr);
    let wanted = "helm template k8s/chart > manifests.yaml";
    assert!(told.contains(wanted), "{told}");
    fs::create_dir(place.path().join("empty")).expect("a folder");
    let wrote = nlsim(&["init", "empty"], place.path());
    assert_eq!(wrote.status.code(), Some(2));
    assert!(text(&wrote.stderr).contains("empty holds no manifest"));
}

#[test]
fn templates_of_a_chart_above_are_passed_over() {
    let place = folder_of(&["php-apache.yaml"]);
    let write = |path: &str, text: &str| {
        let path = place.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("chart/Chart.yaml", "apiVersion: v2\nname: c\n");
    write(
        "chart/templates/a.yaml",
        "{{- if .Values.a }}\n{{- end }}\n",
    );
    let wrote = nlsim(&["init", "chart/templates"], place.path());
    let told = text(&wrote.stderr);
    assert_eq!(wrote.status.code(), Some(2), "{told}");
    assert!(
        told.contains("helm template chart > manifests.yaml"),
        "{told}"
    );
    let wrote = nlsim(&["init", "."], &place.path().join("chart/templates"));
    let told = text(&wrote.stderr);
    assert!(told.contains(" is a Helm chart: render it first"), "{told}");
    // A plain manifest beside them is read.
    let web = place.path().join("k8s/php-apache.yaml");
    fs::copy(web, place.path().join("chart/templates/web.yaml")).expect("a copy");
    let wrote = nlsim(&["init", "chart/templates"], place.path());
    let told = text(&wrote.stderr);
    assert_eq!(wrote.status.code(), Some(0), "{told}");
    let wanted = "passed over: chart/templates/a.yaml (part of a Helm chart";
    assert!(told.contains(wanted), "{told}");
    // What is in a chart's values is no object.
    let values = "grafana:\n  datasources:\n    apiVersion: 1\n";
    write("k8s/prometheus-values.yaml", values);
    let wrote = nlsim(&["init", "k8s"], place.path());
    let told = text(&wrote.stderr);
    assert_eq!(wrote.status.code(), Some(0), "{told}");
    let wanted = "passed over: k8s/prometheus-values.yaml (no Kubernetes object";
    assert!(told.contains(wanted), "{told}");
}

#[test]
fn a_kustomization_is_built_and_of_variants_one_has_to_be_named() {
    let place = folder_of(&["php-apache.yaml"]);
    let k8s = place.path().join("k8s");
    let write = |path: &str, text: &str| {
        let path = k8s.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    fs::create_dir(k8s.join("base")).expect("a folder");
    fs::rename(k8s.join("php-apache.yaml"), k8s.join("base/web.yaml")).expect("a file");
    write("base/kustomization.yaml", "resources: [web.yaml]\n");
    write("base/unused.yaml", "apiVersion: v1\nkind: Pod\n");
    write("prod/kustomization.yaml", "resources: [../base]\n");
    let wrote = nlsim(&["init", "k8s"], place.path());
    let told = text(&wrote.stderr);
    assert_eq!(wrote.status.code(), Some(0), "{told}");
    let written = text(&wrote.stdout);
    assert!(written.contains("manifests = [\"k8s/prod\"]"), "{written}");
    assert!(told.contains("Guessed from 1 kustomization"), "{told}");
    assert!(told.contains("passed over: k8s/base/unused.yaml"), "{told}");

    write("dev/kustomization.yaml", "bases: [../base/]\n");
    let wrote = nlsim(&["init", "k8s"], place.path());
    assert_eq!(wrote.status.code(), Some(2));
    let told = text(&wrote.stderr);
    let wanted = "variants of one another: k8s/dev, k8s/prod";
    assert!(told.contains(wanted), "{told}");
    let wrote = nlsim(&["init", "k8s/dev"], place.path());
    assert_eq!(wrote.status.code(), Some(0), "{}", text(&wrote.stderr));
}

#[test]
fn of_a_folder_without_workloads_those_below_are_read() {
    let place = folder_of(&["php-apache.yaml"]);
    let k8s = place.path().join("k8s");
    fs::create_dir(k8s.join("app")).expect("a folder");
    fs::rename(k8s.join("php-apache.yaml"), k8s.join("app/php-apache.yaml")).expect("a file");
    let vpa = "apiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\n\
               metadata: {name: php-apache}\nspec:\n  targetRef:\n    apiVersion: apps/v1\n    \
               kind: Deployment\n    name: php-apache\n  updatePolicy: {updateMode: \"Off\"}\n";
    fs::write(k8s.join("vpa.yaml"), vpa).expect("a file");
    let wrote = nlsim(&["init", "k8s"], place.path());
    assert_eq!(wrote.status.code(), Some(0), "{}", text(&wrote.stderr));
    let written = text(&wrote.stdout);
    for file in ["k8s/app/php-apache.yaml", "k8s/vpa.yaml"] {
        assert!(written.contains(file), "{file}: {written}");
    }

    // Of an object given twice the last one counts, as with `kubectl apply`.
    fs::write(k8s.join("vpa-2.yaml"), vpa).expect("a file");
    let wrote = nlsim(&["init", "k8s"], place.path());
    assert_eq!(wrote.status.code(), Some(0), "{}", text(&wrote.stderr));
}
