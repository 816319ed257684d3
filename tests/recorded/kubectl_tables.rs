//! Recorded objects, printed as kubectl printed them at that moment.

use crate::common;
use std::fs::File;
use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use nlsim::kubectl::command::{Command, Output, Targets, parse};
use nlsim::kubectl::kind::Kind;
use nlsim::kubectl::print::{Around, TableOptions, Timestamp, as_yaml, describe, table};
use serde_json::{Value, json};

/// When a table was made is known to within this, in tenths of a second: up to a whole second
/// before the noted time, up to half of one after it.
const OFF_BY: i32 = 10;

#[test]
fn tables_of_recorded_objects_are_kubectls() {
    let file = File::open("tests/golden/kubectl/tables.jsonl.gz").expect("the recorded texts");
    let (mut tables, mut lines, mut documents) = (0, 0, 0);
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let line = line.expect("a line");
        let step: Value = serde_json::from_str(&line).expect("a line of JSON");
        let asked = format!("kubectl get {}", step["args"].as_str().expect("arguments"));
        let parsed = parse(&asked).expect("a command line");
        let objects = step["objects"].as_array().expect("objects");
        let expected = step["stdout"].as_str().expect("a text");
        let kind = Kind::of_kind(step["kind"].as_str().expect("a kind")).expect("a known kind");
        let Command::Get(get) = parsed.command else {
            panic!("{asked} is a get");
        };
        if parsed.output == Some(Output::Yaml) {
            assert_eq!(as_yaml(objects, true), expected, "{asked}");
            documents += 1;
            continue;
        }
        assert!(matches!(&get.targets, Targets::Selected(selection) if selection.kinds == [kind]));
        let options = TableOptions {
            wide: parsed.output == Some(Output::Wide),
            ..TableOptions::default()
        };
        let noted = step["t"].as_f64().expect("a time");
        let printed = |tenths: i32| {
            let now = Timestamp(((noted + f64::from(tenths) / 10.0) * 1e9) as i64);
            table(kind, objects, &options, now).text(get.no_headers)
        };
        let found = (-OFF_BY..=OFF_BY / 2).find(|tenths| printed(*tenths) == expected);
        if found.is_none() {
            assert_eq!(
                printed(0),
                expected,
                "{asked} at {} of {}",
                step["snap"],
                step["run"]
            );
        }
        tables += 1;
        lines += expected.lines().count();
    }
    assert_eq!((tables, lines, documents), (27, 1301, 2));
}

#[test]
fn descriptions_of_recorded_objects_are_kubectls() {
    let file = File::open("tests/golden/kubectl/describe.jsonl.gz").expect("the recorded texts");
    let (mut texts, mut lines) = (0, 0);
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let line = line.expect("a line");
        let step: Value = serde_json::from_str(&line).expect("a line of JSON");
        let kind = Kind::of_kind(step["kind"].as_str().expect("a kind")).expect("a known kind");
        let expected = step["stdout"].as_str().expect("a text");
        let list = |name: &str| step[name].as_array().map_or(&[][..], Vec::as_slice);
        let around = Around {
            events: step["events"].as_array().map(Vec::as_slice),
            pods: list("pods"),
            replica_sets: list("replica_sets"),
            endpoint_slices: &[],
            lease: step.get("lease"),
        };
        let noted = step["t"].as_f64().expect("a time");
        let printed = |tenths: i32| {
            let now = Timestamp(((noted + f64::from(tenths) / 10.0) * 1e9) as i64);
            let objects = list("objects").iter();
            let texts = objects.map(|object| describe(kind, object, &around, now));
            let texts: Option<Vec<String>> = texts.collect();
            texts.expect("a kind with a describer").join("\n\n")
        };
        let found = (-OFF_BY..=OFF_BY / 2).find(|tenths| printed(*tenths) == expected);
        if found.is_none() {
            let asked = format!("{} at {} of {}", step["args"], step["snap"], step["run"]);
            assert_eq!(printed(0), expected, "{asked}");
        }
        texts += 1;
        lines += expected.lines().count();
    }
    assert_eq!((texts, lines), (26, 4281));
}

#[test]
fn what_kubectl_prints_is_what_it_printed() {
    for (kind, file, cases) in [
        ("human_age", "human_age.json", 52),
        ("kubectl_get_hpa_targets", "hpa_targets.json.gz", 82),
        ("kubectl_pod_status", "kubectl_pod_status.json", 8),
        ("kubectl_tables", "kubectl_tables.json", 5),
        ("kubectl_top", "kubectl_top.json", 6),
        ("kubectl_describe_hpa", "kubectl_describe_hpa.json", 2),
        ("kubectl_describe_vpa", "kubectl_describe_vpa.json", 2),
    ] {
        let report = common::replay_golden(kind, &format!("kubectl/{file}"));
        assert_eq!(report.cases, cases, "{kind}");
        assert_eq!(report.differences.first(), None, "{kind}");
    }
}

#[test]
fn namespaces_kinds_and_labels_have_their_columns() {
    let pdb = json!({
        "metadata": {"name": "web", "namespace": "shop", "creationTimestamp": "1970-01-01T00:00:00Z",
            "labels": {"tier": "front", "app": "web"}},
        "spec": {"minAvailable": "50%"}, "status": {"disruptionsAllowed": 1},
    });
    let options = TableOptions {
        with_namespace: true,
        with_kind: true,
        show_labels: true,
        label_columns: vec!["example.com/app".to_owned(), "tier".to_owned()],
        ..TableOptions::default()
    };
    let kind = Kind::named("pdb").expect("a kind");
    let printed = table(kind, &[pdb], &options, Timestamp(3_600_000_000_000));
    insta::assert_snapshot!(printed.text(false));
}
