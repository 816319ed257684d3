//! Input that no one writes on purpose.

use std::fs;
use std::path::{Path, PathBuf};

use crate::rig::{Ran, input, run, run_scenario};

/// A scenario of one Deployment that is not under load.
const SCENARIO: &str = r#"name = "s"
manifests = ["web.yaml"]

[simulation]
duration = "10m"

[[service]]
workload = "Deployment/web"
request = { cpu = "5ms" }
"#;

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web, resources: {requests: {cpu: 100m}}}]}
";

/// The scenario with more tables, in a folder with more files.
fn place(more: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("a file is written");
    };
    write("scenario.toml", &format!("{SCENARIO}\n{more}"));
    write("web.yaml", WEB);
    for (name, text) in files {
        write(name, text);
    }
    let scenario = folder.path().join("scenario.toml");
    (folder, scenario)
}

fn ran(more: &str, files: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let (_folder, scenario) = place(more, files);
    run_scenario(&scenario, arguments)
}

fn requests(ran: &Ran) -> f64 {
    let rows = ran.rows("load.csv");
    rows[0]["requests"].parse().expect("a number")
}

#[test]
fn before_1_34_an_hpa_without_the_group_of_its_target_finds_no_scale() {
    let hpa = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  scaleTargetRef: {kind: Deployment, name: web}\n  maxReplicas: 3\n";
    let web = format!("{WEB}{hpa}");
    let files = [("web.yaml", web.as_str())];
    let ran_with = |release: &str| ran("", &files, &["--set", &format!("kubernetes={release}")]);
    let old = ran_with("\"1.33\"").ok();
    let why = "no matches for kind \"\"Deployment\"\" in group \"\"\"\"";
    let events = old.file("events.csv");
    assert!(
        events.contains("FailedGetScale") && events.contains(why),
        "{events}"
    );
    let new = ran_with("\"1.34\"");
    assert_eq!(new.code, Some(2));
    assert!(
        new.stderr.contains("apiVersion must specify API group"),
        "{}",
        new.stderr
    );
}

#[test]
fn a_pattern_that_ends_with_two_stars_means_all_files_below() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let below = folder.path().join("f/g");
    fs::create_dir_all(&below).expect("folders");
    fs::write(below.join("web.yaml"), WEB).expect("a file is written");
    let scenario = folder.path().join("scenario.toml");
    fs::write(&scenario, SCENARIO.replace("web.yaml", "f/**")).expect("a file is written");
    run_scenario(&scenario, &[]).ok();
}

#[test]
fn a_trace_with_epoch_seconds_is_read_from_the_simulations_start() {
    let ran = run("trace-epoch-seconds", &[]).ok();
    let note = "note: the run starts at 2026-01-01T00:00:00Z, by the first row of t_epoch.csv";
    assert_eq!(ran.stderr.lines().next(), Some(note));
    let trace = fs::read_to_string(input("trace-epoch-seconds").join("t_epoch.csv"));
    let trace = trace.expect("the trace is there");
    let rate = |row: &str| row.rsplit(',').next().expect("a cell").parse::<f64>();
    let rates = trace.lines().skip(1).map(rate);
    let expected: f64 = rates.map(|rate| rate.expect("a rate") * 60.0).sum();
    let sent = requests(&ran);
    assert!(
        (sent / expected - 1.0).abs() < 0.005,
        "{sent} of {expected}"
    );
}

#[test]
fn the_forms_of_times_and_columns_of_a_trace_send_the_same() {
    let load = |options: &str| {
        format!("[[load]]\narrivals = \"even\"\ntrace = {{ file = \"t.csv\"{options} }}\n")
    };
    for (options, text) in [
        ("", "0,10\n300,0\n"),
        ("", "time,rate\n0s,10\n5m,0\n"),
        ("", "timestamp,rps\n1700000000,10\n1700000300,0\n"),
        ("", "timestamp,qps\n1767225600000,10\n1767225900000,0\n"),
        (
            "",
            "\"Time\",\"api\"\n\"2026-01-01 00:00:00\",\"10\"\n\"2026-01-01 00:05:00\",\"0\"\n",
        ),
        (
            ", time = \"when\", rate = \"count\", per = \"1m\"",
            "pod,count,when\na,600,2026-01-01T00:00:00Z\na,0,2026-01-01T00:05:00Z\n",
        ),
        (
            ", max_gap = \"1m\"",
            "0,10\n60,10\n120,10\n180,10\n240,10\n480,0\n",
        ),
    ] {
        let ran = ran(&load(options), &[("t.csv", text)], &["--quiet"]).ok();
        assert_eq!(requests(&ran), 3000.0, "{text}");
        assert_eq!(ran.stderr, "", "{text}");
    }
}

#[test]
fn a_trace_outside_the_run_is_an_error() {
    let ran = ran(
        "[[load]]\ntrace = { file = \"t.csv\" }\n",
        &[("t.csv", "time,rate\n3600,5\n7200,6\n")],
        &[],
    );
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr
            .contains("the trace lies wholly after the end of the run"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("t.csv:2:1"), "{}", ran.stderr);
}

#[test]
fn a_timeout_of_hey_that_no_duration_holds_is_an_error() {
    let ran = run("absurd-durations", &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("scenario.toml:9:"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("at most 9223372036 seconds"),
        "{}",
        ran.stderr
    );
    assert!(!Path::new(&ran.out()).exists());
    assert!(input("absurd-durations").join("a.yaml").exists());
}
