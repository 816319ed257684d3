//! Errors in scenarios and manifests, one folder of `tests/bad` each: message, place and help.

use std::fs;
use std::path::{Path, PathBuf};

use crate::files::{Folder, Memory};
use nlsim::scenario::{Diagnostics, Loaded, Severity};

/// Folders that are read and only warned about.
const WARNED: &[&str] = &[
    "adapter-doubles",
    "adapter-kinds",
    "action-warnings",
    "cluster-autoscaler-config-map",
    "cluster-autoscaler-warnings",
    "duplicate-objects",
    "hpa-core-group",
    "hpa-foreign-kind",
    "hpa-other-pods",
    "hpa-runtime-warnings",
    "hpa-target-elsewhere",
    "hpa-two-on-one",
    "hpa-v1-annotations",
    "hpa-without-target",
    "karpenter-warnings",
    "keda-job-warnings",
    "keda-warnings",
    "placement",
    "prometheus-warnings",
    "service-selectors",
    "vpa-warnings",
    "yaml-kinds",
    "yaml-not-utf8",
];

fn told(folder: &Path) -> Diagnostics {
    let provider = Folder(folder.to_owned());
    match Loaded::load("scenario.toml", &provider).and_then(|loaded| loaded.build(&[])) {
        Ok(built) => built.warnings,
        Err(diagnostics) => diagnostics,
    }
}

fn cases() -> Vec<PathBuf> {
    let entries = fs::read_dir("tests/bad").expect("the folder of bad scenarios");
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.join("scenario.toml").exists())
        .collect();
    folders.sort();
    folders
}

#[test]
fn each_mistake_is_told_with_its_place_and_what_would_be_right() {
    let cases = cases();
    assert!(cases.len() > 40, "{}", cases.len());
    for folder in cases {
        let name = folder
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let diagnostics = told(&folder);
        assert!(!diagnostics.list.is_empty(), "{name} is taken for right");
        let only_warned = WARNED.contains(&name.as_str());
        assert_eq!(diagnostics.has_errors(), !only_warned, "{name}");
        for diagnostic in &diagnostics.list {
            assert!(
                diagnostic.span.is_some(),
                "{name}: {diagnostic:?} has no place"
            );
            let advice = diagnostic.label.len() + diagnostic.help.as_ref().map_or(0, String::len);
            assert!(advice > 0, "{name}: {diagnostic:?} gives no advice");
        }
        insta::assert_snapshot!(name, diagnostics.render(false));
    }
}

#[test]
fn the_base_of_the_bad_scenarios_is_good() {
    let scenario =
        "name = \"good\"\nmanifests = [\"base/*.yaml\"]\n[simulation]\nduration = \"1m\"\n";
    let mut files = Memory::default();
    files.put("bad/good.toml", scenario);
    for name in ["api.yaml", "hpa.yaml"] {
        let text = fs::read_to_string(format!("tests/bad/base/{name}")).expect("a file");
        files.put(&format!("bad/base/{name}"), &text);
    }
    let loaded = Loaded::load("bad/good.toml", &files).map_err(|all| all.render(false));
    let built = loaded.and_then(|loaded| loaded.build(&[]).map_err(|all| all.render(false)));
    assert_eq!(built.map(|built| built.warnings.list), Ok(Vec::new()));
}

#[test]
fn a_scenario_that_is_not_there_is_told() {
    let diagnostics = Loaded::load("gone.toml", &Memory::default()).expect_err("no such file");
    insta::assert_snapshot!(diagnostics.render(false), @"error: cannot read gone.toml: no such file");
}

#[test]
fn a_file_of_100_mb_is_refused_without_being_read_whole() {
    let mut files = Memory::default();
    files.put(
        "big.toml",
        "name = \"big\"\nmanifests = [\"big.yaml\"]\n[simulation]\nduration = \"1m\"\n",
    );
    files.sizes.insert("big.yaml".to_owned(), 100_000_000);
    let diagnostics = Loaded::load("big.toml", &files).expect_err("a file that is too large");
    let most = nlsim::scenario::LARGEST_FILE + 1;
    assert!(
        files.handed_out.get() <= most + 200,
        "{} bytes were read",
        files.handed_out.get()
    );
    insta::assert_snapshot!("file-too-large", diagnostics.render(false));
}

#[test]
fn values_set_from_outside_are_told_with_their_own_place() {
    let mut files = Memory::default();
    files.put(
        "s.toml",
        fs::read_to_string("scenarios/neurolake-api.toml").expect("a file"),
    );
    for name in ["neurolake-api", "neurolake-api-hpa", "load-generator-job"] {
        let path = format!("manifests/{name}.yaml");
        let text = fs::read_to_string(format!("scenarios/{path}")).expect("a file");
        files.put(&path, &text);
    }
    let loaded = Loaded::load("s.toml", &files).map_err(|all| all.render(false));
    let loaded = loaded.expect("the shipped scenario");
    let set = [
        ("simulation.duration", "soon"),
        ("simulation.durration", "5m"),
        ("load[7].at", "5m"),
        ("service[neurolake-api].slots", "many"),
        ("service[neurolake-apy].slots", "5"),
        ("service[neurolake-api].request.timeout.mean", "5s"),
        (
            "HorizontalPodAutoscaler/neurolake-api-hpa:spec.maxReplicas",
            "ten",
        ),
        (
            "HorizontalPodAutoscaler/neurolake-api-hpa:spec.metrics[gpu].resource",
            "5",
        ),
        (
            "HorizontalPodAutoscaler/neurolake-api-hpa:spec.minReplica",
            "5",
        ),
        ("HorizontalPodAutoscaler/neurolake:spec.minReplicas", "5"),
        ("", "5"),
    ];
    let set = set.map(|(path, value)| (path.to_owned(), value.to_owned()));
    let diagnostics = loaded.build(&set).expect_err("wrong values");
    assert!(diagnostics.list.iter().all(|one| one.span.is_some()));
    let errors = diagnostics
        .list
        .iter()
        .filter(|one| one.severity == Severity::Error);
    assert!(errors.count() >= set.len());
    insta::assert_snapshot!("overrides", diagnostics.render(false));
}
