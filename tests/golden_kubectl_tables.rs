//! Recorded objects, printed as kubectl printed them at that moment.

use std::fs;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use flate2::read::GzDecoder;
use nlsim::kubectl::command::{Command, Output, Targets, parse};
use nlsim::kubectl::kind::Kind;
use nlsim::kubectl::print::{Table, TableOptions, Timestamp, as_yaml, human_duration, table};
use nlsim::sim::SimDuration;
use serde_json::{Value, json};

/// When a table was made is known to within this, in tenths of a second: up to a whole second
/// before the noted time, up to half of one after it.
const OFF_BY: i32 = 10;

fn rows(path: &str) -> Vec<Value> {
    let text = if path.strip_suffix(".gz").is_some() {
        let mut text = String::new();
        let file = File::open(path).expect("recorded data");
        GzDecoder::new(file)
            .read_to_string(&mut text)
            .expect("recorded data");
        text
    } else {
        fs::read_to_string(path).expect("recorded data")
    };
    serde_json::from_str(&text).expect("a JSON array")
}

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
fn metrics_of_hpas_are_printed_as_the_api_server_does() {
    let mut checked = 0;
    for row in rows("tests/golden/kubectl/hpa_targets.json.gz") {
        let metrics: Vec<(Value, Value)> = row["metrics"]
            .as_array()
            .into_iter()
            .flatten()
            .map(spec_and_status)
            .collect();
        let cells: Vec<&str> = row["cells_without_age"]
            .as_array()
            .expect("cells")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        // A status without an entry ends the list of those that are there.
        let status = metrics.iter().map(|(_, status)| status.clone());
        let hpa = json!({
            "metadata": {"name": cells[0]},
            "spec": {
                "scaleTargetRef": {"kind": row["kind"], "name": "neurolake-api"},
                "minReplicas": row["min_replicas"],
                "maxReplicas": row["max_replicas"],
                "metrics": metrics.iter().map(|(spec, _)| spec.clone()).collect::<Vec<_>>(),
            },
            "status": {
                "currentReplicas": row["status_current_replicas"],
                "currentMetrics": status.collect::<Vec<_>>(),
            },
        });
        let kind = Kind::named("hpa").expect("a kind");
        let printed = table(kind, &[hpa], &TableOptions::default(), Timestamp(0));
        assert_eq!(printed.rows[0][..cells.len()], cells, "{}", row["id"]);
        checked += 1;
    }
    assert_eq!(checked, 82);
}

/// A metric of an HPA's spec and its entry in the status.
fn spec_and_status(metric: &Value) -> (Value, Value) {
    let kind = metric["type"].as_str().expect("a type");
    let field = format!("{}{}", kind[..1].to_lowercase(), &kind[1..]);
    let current = metric["current_value_milli"]
        .as_i64()
        .map(|milli| format!("{milli}m"));
    let target = json!({
        "averageUtilization": metric["target_average_utilization"],
        "averageValue": metric["target_average_value"],
        "value": metric["target_value"],
    });
    let is_value = !metric["target_value"].is_null();
    let now = json!({
        "averageUtilization": metric["current_average_utilization"],
        if is_value { "value" } else { "averageValue" }: current,
    });
    let status = if metric["no_status_entry"] == true {
        json!({"type": ""})
    } else {
        json!({"type": kind, &field: {"current": now}})
    };
    (
        json!({"type": kind, &field: {"name": metric["name"], "target": target}}),
        status,
    )
}

#[test]
fn tables_are_laid_out_as_kubectls() {
    let texts = |value: &Value| -> Vec<String> {
        let cells = value.as_array().expect("cells").iter();
        cells
            .map(|cell| cell.as_str().unwrap_or_default().to_owned())
            .collect()
    };
    for row in rows("tests/golden/kubectl/kubectl_tables.json") {
        let table = Table {
            columns: texts(&row["columns"]),
            rows: row["cells"]
                .as_array()
                .expect("rows")
                .iter()
                .map(texts)
                .collect(),
        };
        assert_eq!(table.text(false), row["text"].as_str().expect("a text"));
    }
}

#[test]
fn ages_are_printed_as_kubectl_does() {
    for row in rows("tests/golden/kubectl/human_age.json") {
        let age = SimDuration::from_millis(row["age_ms"].as_i64().expect("an age"));
        assert_eq!(
            human_duration(age),
            row["age"].as_str().expect("a text"),
            "{}",
            row["id"]
        );
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
