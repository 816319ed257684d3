//! Commands that were typed at a real control plane make of the objects what they became
//! there, and print what kubectl printed.

use std::fs::File;
use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use nlsim::kubectl::command::{Command, CommandLine, DryRun, parse};
use nlsim::kubectl::kind::Kind;
use nlsim::kubectl::patch::{Change, Message, Refusal, applied, autoscaled, job_from, patched};
use serde_json::Value;

const PATH: &str = "tests/golden/kubectl/changes.jsonl.gz";

struct Step {
    text: String,
    kind: &'static Kind,
    name: String,
    live: Value,
    after: Value,
    stored_differs: bool,
    out: Vec<String>,
    err: Vec<String>,
}

fn steps() -> Vec<Step> {
    let file = File::open(PATH).expect("the recorded changes");
    BufReader::new(GzDecoder::new(file))
        .lines()
        .map(|line| {
            let step: Value = serde_json::from_str(&line.expect("a line")).expect("a line of JSON");
            let text = step["cmd"].as_str().expect("a command");
            let lines = |stream: &str| {
                let lines = step["lines"].as_array().expect("lines").iter();
                let lines = lines.filter(|line| line[0] == stream);
                lines
                    .map(|line| line[1].as_str().unwrap_or_default().to_owned())
                    .collect()
            };
            Step {
                text: match step["stdin"].as_str() {
                    Some(input) => format!("{text} <<'EOF'\n{input}\nEOF\n"),
                    None => text.to_owned(),
                },
                kind: Kind::of_kind(step["kind"].as_str().unwrap_or_default()).expect("a kind"),
                name: step["name"].as_str().unwrap_or_default().to_owned(),
                live: step["live"].clone(),
                after: step["after"].clone(),
                stored_differs: step["stored_differs"] == true,
                out: lines("out"),
                err: lines("err"),
            }
        })
        .collect()
}

fn run(step: &Step, line: &CommandLine) -> Result<Change, Refusal> {
    // The time at which the command ran, as it is found in what it left.
    let restarted = &step.after["spec"]["template"]["metadata"]["annotations"];
    let now = restarted["kubectl.kubernetes.io/restartedAt"].as_str();
    match &line.command {
        Command::Apply(_) => {
            let input = step.text.split_once('\n').expect("a here-document").1;
            let manifest: Value = serde_json::from_str(input.trim_end_matches("EOF\n"))
                .expect("the recorded manifests are JSON");
            let live = Some(&step.live).filter(|live| !live.is_null());
            applied(step.kind, &manifest, live)
        }
        Command::Autoscale(command) => Ok(autoscaled(command, step.kind, &step.name, "neurolake")),
        Command::CreateJob(command) => Ok(job_from(command, &step.live, "neurolake")),
        command => patched(command, step.kind, &step.live, now.unwrap_or("now")),
    }
}

/// Whether all of the fields are there with their values; the API server may have added more.
fn contains(stored: &Value, fields: &Value) -> bool {
    match (stored, fields) {
        (Value::Object(stored), Value::Object(fields)) => fields.iter().all(|(key, field)| {
            stored
                .get(key)
                .is_some_and(|stored| contains(stored, field))
        }),
        (Value::Array(stored), Value::Array(fields)) => {
            stored.len() == fields.len()
                && stored
                    .iter()
                    .zip(fields)
                    .all(|(stored, field)| contains(stored, field))
        }
        (stored, field) => stored == field,
    }
}

/// The kind whose name the line begins with.
fn printed_kind(line: &CommandLine, kind: &'static Kind) -> &'static Kind {
    let made = match line.command {
        Command::Autoscale(_) => Kind::of_kind("HorizontalPodAutoscaler"),
        Command::CreateJob(_) => Kind::of_kind("Job"),
        _ => None,
    };
    made.unwrap_or(kind)
}

#[test]
fn objects_become_what_they_became_at_the_control_plane() {
    let (mut exact, mut with_defaults, mut wrong) = (0, 0, Vec::new());
    for step in steps() {
        let line = parse(&step.text).expect("a command line");
        let Ok(change) = run(&step, &line) else {
            continue;
        };
        if line.dry_run != DryRun::None || !step.err.is_empty() {
            continue;
        }
        let mut after = step.after.clone();
        if after.is_null() {
            after = step.live.clone();
        }
        let mut object = change.object;
        // The API server counts a DaemonSet's templates.
        for object in [&mut object, &mut after] {
            let annotations = object["metadata"]["annotations"].as_object_mut();
            annotations.map(|map| map.shift_remove("deprecated.daemonset.template.generation"));
        }
        // Fields that are new, or were removed, are defaulted.
        let defaulted = step.live.is_null()
            || step.kind != printed_kind(&line, step.kind)
            || step.text.contains("readinessProbe")
            || step.text.contains("\"minReplicas\":null");
        if object == after {
            exact += 1;
        } else if defaulted && contains(&after, &object) {
            with_defaults += 1;
        } else {
            wrong.push(format!("{}\n{object}\n{after}", step.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!((exact, with_defaults), (118, 18));
}

#[test]
fn what_was_done_or_refused_is_said_in_kubectls_words() {
    let (mut done, mut silent, mut refused, mut servers) = (0, 0, 0, 0);
    for step in steps() {
        let line = parse(&step.text).expect("a command line");
        // What the API server refuses is beyond the command: it validates, and knows the names.
        let by_server = |line: &String| {
            line.contains(" is invalid:")
                || line.starts_with("* ")
                || line.contains("AlreadyExists")
        };
        if step.err.iter().any(by_server) {
            servers += 1;
            continue;
        }
        match run(&step, &line) {
            Err(refusal) => {
                assert_eq!(step.err, [refusal.text], "{}", step.text);
                refused += 1;
            }
            Ok(change) => {
                let told = change.messages.iter().map(ToString::to_string);
                assert_eq!(told.collect::<Vec<_>>(), step.err, "{}", step.text);
                assert!(
                    change
                        .messages
                        .iter()
                        .all(|told| matches!(told, Message::Err(_)))
                );
                if line.output.is_some() {
                    continue;
                }
                let kind = printed_kind(&line, step.kind);
                let printed = change.line(kind, step.stored_differs, line.dry_run);
                assert_eq!(printed.as_ref(), step.out.first(), "{}", step.text);
                assert!(step.out.len() < 2, "{}", step.text);
                match printed {
                    Some(_) => done += 1,
                    None => silent += 1,
                }
            }
        }
    }
    assert_eq!((done, silent, refused, servers), (135, 1, 4, 5));
}
