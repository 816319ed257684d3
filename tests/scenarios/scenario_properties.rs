//! Any bytes as a scenario or manifest give a model or diagnostics with places in the files,
//! never a panic; values that are set are read back.

use crate::files::{Folder, Memory};
use nlsim::scenario::{Diagnostics, Loaded};
use nlsim::sim::SimDuration;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const TOML: &str = include_str!("../../scenarios/neurolake-api.toml");
const API: &str = include_str!("../../scenarios/manifests/neurolake-api.yaml");
const HPA: &str = include_str!("../../scenarios/manifests/neurolake-api-hpa.yaml");
const JOB: &str = include_str!("../../scenarios/manifests/load-generator-job.yaml");

fn files(toml: &[u8], api: &[u8], hpa: &[u8]) -> Memory {
    let mut files = Memory::default();
    files.put("s.toml", toml);
    files.put("manifests/neurolake-api.yaml", api);
    files.put("manifests/neurolake-api-hpa.yaml", hpa);
    files.put("manifests/load-generator-job.yaml", JOB);
    files
}

/// Everything points into its file and can be printed.
fn holds(diagnostics: &Diagnostics) {
    for diagnostic in &diagnostics.list {
        let Some(span) = diagnostic.span else {
            continue;
        };
        let length = diagnostics.files[span.file].text.len();
        assert!(
            span.start <= span.end && span.end <= length,
            "{diagnostic:?} of {length}"
        );
        assert!(!diagnostic.title.is_empty());
    }
    let text = diagnostics.render(false);
    assert_eq!(text.is_empty(), diagnostics.list.is_empty());
    let _ = diagnostics.render(true);
}

fn check(files: &Memory) {
    match Loaded::load("s.toml", files).and_then(|loaded| loaded.build(&[])) {
        Ok(built) => {
            assert!(!built.warnings.has_errors());
            holds(&built.warnings);
        }
        Err(problems) => {
            assert!(problems.has_errors());
            holds(&problems);
        }
    }
}

/// A text with a few places overwritten, cut out or doubled.
fn mangled(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        "\t",
        "\n",
        "  ",
        "- ",
        ": ",
        "{",
        "}",
        "[",
        "]",
        "\"",
        "'",
        "---\n",
        "&a ",
        "*a",
        "<<: ",
        "=",
        "#",
        "é",
        "\u{feff}",
        "\r",
        "-1",
        "nan",
        ".inf",
        "1e999",
        "null",
        "~",
        "!!int ",
        "|\n",
        "99999999999",
    ]);
    let edit = (any::<Index>(), 0..12usize, piece);
    vec(edit, 0..4).prop_map(move |edits| {
        let mut bytes = text.as_bytes().to_vec();
        for (place, cut, piece) in edits {
            let start = place.index(bytes.len() + 1);
            let end = (start + cut).min(bytes.len());
            bytes.splice(start..end, piece.bytes());
        }
        bytes
    })
}

/// A text with one of its words replaced, so that it stays well-formed more often.
fn misspelt(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<(usize, usize)> = {
        let mut found = Vec::new();
        let mut start = None;
        for (at, c) in text.char_indices() {
            match (c.is_ascii_alphanumeric(), start) {
                (true, None) => start = Some(at),
                (false, Some(from)) => {
                    found.push((from, at));
                    start = None;
                }
                _ => {}
            }
        }
        found
    };
    let other = select(vec![
        "", "0", "-1", "1.5", "x", "\"5\"", "true", "null", "[]", "{}", "[1, 2]", "é",
    ]);
    (any::<Index>(), other).prop_map(move |(place, other)| {
        let (start, end) = words[place.index(words.len())];
        format!("{}{other}{}", &text[..start], &text[end..]).into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_bytes_are_told_about(toml in vec(any::<u8>(), 0..200), yaml in vec(any::<u8>(), 0..200)) {
        check(&files(&toml, API.as_bytes(), HPA.as_bytes()));
        check(&files(TOML.as_bytes(), &yaml, HPA.as_bytes()));
    }

    #[test]
    fn any_text_is_told_about(toml in "\\PC{0,80}", yaml in "[-a-c:\\[\\]{}&*!|>'\"#,? \n\t]{0,60}") {
        check(&files(toml.as_bytes(), API.as_bytes(), HPA.as_bytes()));
        check(&files(TOML.as_bytes(), yaml.as_bytes(), yaml.as_bytes()));
    }

    #[test]
    fn mangled_files_are_told_about(toml in mangled(TOML), api in mangled(API), hpa in mangled(HPA)) {
        check(&files(&toml, &api, &hpa));
        check(&files(TOML.as_bytes(), &api, &hpa));
    }

    #[test]
    fn misspelt_files_are_told_about(toml in misspelt(TOML), api in misspelt(API), hpa in misspelt(HPA)) {
        check(&files(&toml, API.as_bytes(), HPA.as_bytes()));
        check(&files(TOML.as_bytes(), &api, &hpa));
    }

    #[test]
    fn any_path_and_value_are_told_about(path in "\\PC{0,30}", value in "\\PC{0,30}", known in select(vec![
        "simulation.duration", "load[0].command", "load[2].manifest", "service[0]", "manifests", "controllers",
        "HorizontalPodAutoscaler/neurolake-api-hpa:spec.metrics", "HorizontalPodAutoscaler/neurolake-api-hpa:spec",
        "Deployment/neurolake-api:spec.template", "Job/load-generator:metadata.name",
    ])) {
        let loaded = Loaded::load("s.toml", &files(TOML.as_bytes(), API.as_bytes(), HPA.as_bytes()));
        let loaded = loaded.map_err(|problems| problems.render(false)).expect("the shipped scenario");
        for path in [path.as_str(), known] {
            if let Err(problems) = loaded.build(&[(path.to_owned(), value.clone())]) {
                holds(&problems);
            }
        }
    }

    #[test]
    fn values_that_are_set_are_read_back(seed in 0..i64::MAX as u64, seconds in 121..100_000i64, slots in 1..10_000u32, percent in 1..1000i32, most in 3..500i32) {
        let loaded = Loaded::load("neurolake-api.toml", &Folder("scenarios".into()));
        let loaded = loaded.map_err(|problems| problems.render(false)).expect("the shipped scenario");
        let duration = SimDuration::from_secs(seconds);
        let hpa = "HorizontalPodAutoscaler/neurolake-api-hpa:spec";
        let set = [
            ("simulation.seed".to_owned(), seed.to_string()),
            ("simulation.duration".to_owned(), duration.to_string()),
            ("service[neurolake-api].slots".to_owned(), slots.to_string()),
            (format!("{hpa}.metrics[memory].resource.target.averageUtilization"), percent.to_string()),
            (format!("{hpa}.maxReplicas"), most.to_string()),
        ];
        let built = loaded.build(&set).map_err(|problems| problems.render(false)).expect("good values");
        let scenario = built.scenario;
        prop_assert_eq!(scenario.simulation.seed, seed);
        prop_assert_eq!(scenario.simulation.duration, duration);
        prop_assert_eq!(scenario.services[0].slots, Some(slots));
        prop_assert_eq!(scenario.hpas[0].spec.max_replicas, most);
        let metric = format!("{:?}", scenario.hpas[0].spec.metrics[1]);
        prop_assert!(metric.contains(&format!("Utilization({percent})")), "{}", metric);
    }
}
