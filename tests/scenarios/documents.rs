//! The documents say what the program does: figures, links and keys.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use nlsim::analysis::Summary;
use nlsim::autoscaler::vpa::{AdmissionFlags, UpdaterFlags};
use nlsim::record::{
    CallRecord, Called, ForecastRecord, HpaRecord, LoadRecord, QueueRecord, Recording,
    ServiceRecord, VpaContainerRecord, VpaRecord, WorkloadRecord,
};
use nlsim::scenario::{Guess, Loaded};
use nlsim::sim::SimDuration;

use crate::files::Folder;

const DOCUMENTS: [&str; 6] = [
    "README.md",
    "CONTRIBUTING.md",
    "ARCHITECTURE.md",
    "docs/fidelity.md",
    "docs/outputs.md",
    "docs/scenario.md",
];

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_readme_shows_what_the_first_command_prints() {
    let snapshot = text("tests/scenarios/snapshots/scenarios__cli__terminal.snap");
    let (_, printed) = snapshot.split_once("\n---\n").expect("a head and the text");
    let tables = printed.split("\n\nWrote").next().unwrap_or(printed).trim();
    assert!(tables.lines().count() > 10);
    assert!(text("README.md").contains(tables), "{tables}");
}

#[test]
fn links_lead_somewhere() {
    for document in DOCUMENTS {
        let folder = Path::new(document).parent().expect("a folder");
        let text = text(document);
        let mut links = 0;
        for (start, _) in text.match_indices("](") {
            let rest = &text[start + 2..];
            let target = &rest[..rest.find(')').expect("an end")];
            if !target.starts_with("http") {
                assert!(folder.join(target).exists(), "{document}: {target}");
                links += 1;
            }
        }
        assert!(links > 0 || document != "README.md");
    }
}

#[test]
fn every_shipped_scenario_is_in_the_readme() {
    let readme = text("README.md");
    for entry in fs::read_dir("scenarios").expect("the scenarios") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy();
        if let Some(name) = name.strip_suffix(".toml") {
            let short = name.trim_start_matches("neurolake");
            let listed = [name, short]
                .iter()
                .any(|name| readme.contains(&format!("`{name}`")));
            assert!(listed, "{name}");
        }
    }
}

#[test]
fn the_flags_of_the_updater_and_of_admission_are_all_listed() {
    let scenario = text("docs/scenario.md");
    let known_by_default = ["use-admission-controller-status"];
    for flag in UpdaterFlags::NAMES.iter().chain(AdmissionFlags::NAMES) {
        let listed = scenario.contains(&format!("`{flag}`"));
        assert!(listed || known_by_default.contains(flag), "{flag}");
    }
}

#[test]
fn the_tables_of_columns_are_those_of_the_program() {
    let outputs = text("docs/outputs.md");
    let mut columns = 0;
    for schema in nlsim::output::schema::TABLES {
        let table = schema.markdown();
        assert!(outputs.contains(&table), "{}:\n{table}", schema.file);
        columns += table.lines().count() - 2;
    }
    assert!(columns > 120, "{columns}");
}

#[test]
fn every_figure_is_explained() {
    let mut recording = Recording {
        duration: SimDuration::from_secs(60),
        hpas: vec![HpaRecord {
            forecasts: vec![ForecastRecord::default()],
            ..HpaRecord::default()
        }],
        workloads: vec![WorkloadRecord::default()],
        services: vec![ServiceRecord::default()],
        loads: vec![LoadRecord::default()],
        queues: vec![QueueRecord::default()],
        calls: vec![CallRecord::new(0, Called::Service(0))],
        vpas: vec![VpaRecord {
            containers: vec![VpaContainerRecord::default()],
            ..VpaRecord::default()
        }],
        ..Recording::default()
    };
    recording.step = SimDuration::from_secs(15);
    let outputs = text("docs/outputs.md");
    let summary = Summary::of(&recording);
    assert!(summary.values.len() > 80, "{}", summary.values.len());
    for (name, _) in &summary.values {
        // Those of an object carry its name, which is empty here.
        let own = [
            "hpa..",
            "service..",
            "queue..",
            "call...",
            "load..",
            "vpa...",
        ];
        let own = own.iter().find_map(|before| name.strip_prefix(before));
        let own = own.or(name.strip_prefix("vpa.."));
        let figure = own.unwrap_or(name);
        // A model's begin with its name, which is empty too.
        let figure = match figure.strip_prefix('.') {
            Some(of_a_model) => format!("model.NAME.{of_a_model}"),
            None => figure.to_owned(),
        };
        assert!(outputs.contains(&format!("`{figure}`")), "{name}");
    }
}

/// Every `table.text("key", …)` and the like of the scenario's readers stands in the reference.
#[test]
fn every_key_of_the_scenario_is_in_the_reference() {
    let reference = text("docs/scenario.md");
    let mut keys = 0;
    let mut readers = Vec::new();
    let mut folders = vec![PathBuf::from("crates/scenario/src/scenario/read")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the readers") {
            let path = entry.expect("an entry").path();
            let list = if path.is_dir() {
                &mut folders
            } else {
                &mut readers
            };
            list.push(path);
        }
    }
    for reader in readers {
        let code = fs::read_to_string(reader).expect("code");
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        for reader in [
            ".text(",
            ".number(",
            ".count(",
            ".boolean(",
            ".duration(",
            ".get(",
            ".time(",
            ".bytes(",
            ".millicores(",
            ".one_of(",
            ".list(",
            ".read(",
        ] {
            for (start, _) in code.match_indices(reader) {
                let rest = code[start + reader.len()..].trim_start();
                let Some(key) = rest
                    .strip_prefix('"')
                    .and_then(|rest| rest.split('"').next())
                else {
                    continue;
                };
                // Fields of manifests are looked up there, too.
                if ["metadata", "spec", "template"].contains(&key) {
                    continue;
                }
                keys += 1;
                assert!(reference.contains(key), "{key} is in no table");
            }
        }
    }
    assert!(keys > 80, "{keys}");
}

/// What the README types with `--set` reaches something.
#[test]
fn the_replacements_of_the_readme_work_as_typed() {
    let readme = text("README.md");
    let typed = readme
        .lines()
        .filter(|line| line.starts_with("nlsim run ") && line.contains("--set"));
    let mut commands = 0;
    for line in typed {
        let words = shell_words::split(line).expect("a command line");
        let set = words
            .iter()
            .position(|word| word == "--set")
            .expect("a flag");
        let (path, value) = words[set + 1].split_once('=').expect("an assignment");
        let replaced = [(path.to_owned(), value.to_owned())];
        let loaded =
            Loaded::load(&words[2], &Folder(PathBuf::from("."))).map_err(|all| all.render(false));
        let built =
            loaded.and_then(|loaded| loaded.build(&replaced).map_err(|all| all.render(false)));
        assert!(built.is_ok(), "{line}\n{}", built.err().unwrap_or_default());
        commands += 1;
    }
    assert!(commands >= 3, "{commands}");
}

#[test]
fn the_readme_shows_what_is_guessed_from_manifests() {
    let path = "scenarios/manifests/php-apache.yaml".to_owned();
    let guess = Guess::of("php-apache", &[path], &Folder(PathBuf::from(".")));
    let lines = guess
        .unwrap_or_else(|all| panic!("{}", all.render(false)))
        .lines();
    let readme = text("README.md");
    assert!(lines.len() > 1, "{lines:?}");
    for line in lines {
        assert!(readme.contains(&format!("\n  {line}\n")), "{line}");
    }
}
