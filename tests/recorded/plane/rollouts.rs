//! What a real control plane (1.36.2, 8 hollow nodes) did with roll-outs of every kind, HPAs in the
//! middle of them, and commands: the same manifests and commands at the same times.

use crate::common;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use nlsim::api::ObjectId;
use nlsim::kubectl::command::parse;
use nlsim::scenario::model::Action;
use nlsim::scenario::{InMemory, Loaded, Scenario, Span};
use nlsim::sim::{SimDuration, SimTime};
use nlsim::world::Simulation;
use regex_lite::Regex;
use serde_json::Value;

/// From the start of a command to its first write, as recorded.
const TYPED: f64 = 0.07;
const END: f64 = 760.0;
/// A size that lasts so long, in seconds, is one at which a ReplicaSet comes to rest. Pods that
/// become ready at once make a step of several, those that do so one by one make several.
const RESTS: [f64; 3] = [0.0, 2.5, 4.0];
/// How often sizes are looked at, in seconds.
const LOOK: f64 = 0.02;

/// Sizes of a workload's ReplicaSets in the order of their creation: when, which, how many pods;
/// -1 for one that is gone.
type Sizes = Vec<(f64, usize, i64)>;
/// Time, reason, message, count.
type Happened = Vec<(f64, String, String, u64)>;

#[derive(Default)]
struct Run {
    sets: BTreeMap<String, Sizes>,
    events: BTreeMap<String, Happened>,
    /// What each command printed.
    printed: Vec<Vec<String>>,
}

static RECORDED: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&common::golden("plane/runA.json.gz")).expect("JSON"));

static REPLAYED: LazyLock<Run> = LazyLock::new(replay);

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn scenario() -> Scenario {
    let manifests = common::golden("plane/runA.yaml.gz");
    let mut toml = r#"
name = "rollouts"
manifests = "plane.yaml"
[simulation]
duration = "800s"
from = "apply"
start = "2026-11-26T12:45:50Z"
[controllers.kube-apiserver]
latency = "6ms"
[controllers.kube-proxy]
endpoints-delay = "0s"
[controllers.kubelet]
stats = "on-request"
[controllers.metrics-server]
first-scrape = "9.99s"
[controllers.hpa]
downscale-stabilization = "60s"
[[node_group]]
name = "node"
count = 8
cpu = "4"
memory = "16Gi"
labels = { pool = "general" }
"#
    .to_owned();
    toml.push_str("[controllers.hpa.first-sync]\n");
    for (name, at) in RECORDED["first_syncs"].as_object().expect("a table") {
        writeln!(toml, "{name} = \"{}s\"", number(at)).expect("a String takes everything");
    }
    for document in documents(&manifests) {
        let (kind, name) = document;
        if !matches!(&*kind, "Deployment" | "StatefulSet" | "DaemonSet") {
            continue;
        }
        let ready = if name == "never" { "10h" } else { "0s" };
        let startup = format!(
            "{{ image_pull = \"0s\", container_start = \"345ms\", ready = \"{ready}\", shutdown = \"0s\", cpu = \"0\" }}"
        );
        writeln!(
            toml,
            "[[service]]\nworkload = \"{kind}/{name}\"\nbackground_cpu = \"0\"\nmemory.base = \"16Mi\"\nstartup = {startup}"
        )
        .expect("a String takes everything");
        if let Some(demand) = RECORDED["demand"].get(&name) {
            let point = |point: &Value| format!("[\"{}s\", \"{}m\"], ", point[0], point[1]);
            let points: String = list(demand).iter().map(point).collect();
            writeln!(toml, "usage.cpu = [{points}]").expect("a String takes everything");
        }
    }
    let files = InMemory::new([("rollouts.toml", toml.as_str()), ("plane.yaml", &manifests)]);
    let loaded = Loaded::load("rollouts.toml", &files).unwrap_or_else(|all| panic!("{all:?}"));
    let built = loaded.build(&[]).unwrap_or_else(|all| panic!("{all:?}"));
    built.scenario
}

/// Kind and name of each document.
fn documents(manifests: &str) -> Vec<(String, String)> {
    let field = |document: &str, key: &str| {
        let line = document.lines().find_map(|line| line.strip_prefix(key));
        line.expect("every document has it").trim().to_owned()
    };
    let documents = manifests.split("\n---\n");
    documents
        .map(|document| (field(document, "kind:"), field(document, "  name:")))
        .collect()
}

/// A command as it is typed here: without the shell's part.
fn command(recorded: &str, cluster: &Simulation<'_>) -> String {
    let mut command = recorded.replacen("kubectl ", "kubectl -n neurolake ", 1);
    command = command.replace("-f -", "-f object.yaml");
    if let Some((rest, node)) = recorded.split_once(" --field-selector spec.nodeName=") {
        let app = rest.split_once("app=").expect("a selector").1;
        let pods = cluster.store().pods();
        let mut on_node = pods.filter(|(_, pod)| {
            let at = pod.node.and_then(|node| cluster.store().find_node(node));
            !pod.removed && pod.meta.labels["app"] == app && at.is_some_and(|at| at.name() == node)
        });
        let (_, pod) = on_node.next().expect("a pod");
        command = format!("kubectl -n neurolake delete pod {}", pod.name());
    }
    if let Some(start) = command.find("$(") {
        let end = command.rfind(')').expect("a closing one") + 1;
        let pods = cluster.store().pods();
        let names = pods.filter(|(_, pod)| !pod.removed && pod.meta.labels["app"] == "delpods");
        let first = names.map(|(_, pod)| pod.name()).min().expect("a pod");
        command.replace_range(start..end, first);
    }
    command
}

fn replay() -> Run {
    let scenario = scenario();
    let mut cluster = Simulation::new(&scenario, 42);
    let mut run = Run::default();
    let mut names: BTreeMap<String, Vec<ObjectId>> = BTreeMap::new();
    let mut sizes: BTreeMap<ObjectId, i64> = BTreeMap::new();
    let mut actions = list(&RECORDED["actions"]).iter().peekable();
    let looks = (END / LOOK) as usize;
    for look in 1..=looks {
        let now = look as f64 * LOOK;
        while let Some(action) = actions.next_if(|one| number(&one["at"]).max(0.0) + TYPED <= now) {
            let at = number(&action["at"]).max(0.0) + TYPED;
            let time = SimTime::ZERO + SimDuration::from_secs_f64(at);
            cluster.step_until(time).expect("no endless loop");
            let text_of = command(text(&action["command"]), &cluster);
            let Ok(parsed) = parse(&text_of) else {
                panic!("{text_of}");
            };
            let documents = match &action["stdin"] {
                Value::Null => Vec::new(),
                document => vec![document.clone()],
            };
            cluster.apply(&Action {
                at: time,
                command: parsed,
                documents,
                text: text_of,
                place: Span::default(),
            });
        }
        let time = SimTime::ZERO + SimDuration::from_secs_f64(now);
        cluster.step_until(time).expect("no endless loop");
        let store = cluster.store();
        let mut seen: BTreeMap<ObjectId, i64> = BTreeMap::new();
        for (id, set) in store.replica_sets() {
            let id = ObjectId::ReplicaSet(id);
            seen.insert(id, i64::from(set.replicas));
            let owner = set.meta.owner.and_then(|owner| store.meta(owner));
            let Some(owner) = owner.map(|meta| meta.name.to_string()) else {
                continue;
            };
            if sizes.get(&id) != Some(&i64::from(set.replicas)) {
                let known = names.entry(owner.clone()).or_default();
                let place = known.iter().position(|one| *one == id).unwrap_or_else(|| {
                    known.push(id);
                    known.len() - 1
                });
                let sets = run.sets.entry(owner).or_default();
                sets.push((now, place, i64::from(set.replicas)));
            }
        }
        for gone in sizes.keys().filter(|id| !seen.contains_key(id)) {
            for (owner, known) in &names {
                if let Some(place) = known.iter().position(|one| one == gone) {
                    run.sets
                        .entry(owner.clone())
                        .or_default()
                        .push((now, place, -1));
                }
            }
        }
        sizes = seen;
    }
    let recording = cluster.recording();
    for event in recording.events.iter() {
        run.events
            .entry(event.object.to_string())
            .or_default()
            .push((
                event.time.as_secs_f64(),
                event.reason.to_string(),
                event.message.to_string(),
                event.count,
            ));
    }
    let printed = recording.actions.iter().map(|one| one.printed.clone());
    run.printed = printed.collect();
    run
}

fn recorded_sizes(name: &str) -> Sizes {
    let steps = list(&RECORDED["sets"][name]).iter();
    steps
        .map(|step| {
            let set = step[1].as_u64().expect("a number") as usize;
            (number(&step[0]), set, step[2].as_i64().expect("a number"))
        })
        .collect()
}

/// The sizes that each ReplicaSet had for this long at least, with the times.
fn resting(sizes: &Sizes, rest: f64) -> Sequence {
    let mut sets: Vec<Vec<(f64, i64)>> = Vec::new();
    for (at, set, size) in sizes {
        if sets.len() <= *set {
            sets.resize(set + 1, Vec::new());
        }
        let of_set = &mut sets[*set];
        if of_set.last().is_some_and(|(before, _)| at - before < rest) {
            of_set.pop();
        }
        of_set.push((*at, *size));
    }
    sets
}

/// A text without what is drawn of names.
fn without_draws(text: &str) -> String {
    static DRAWN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"-[0-9a-z]{7,10}(-[0-9a-z]{5})\b|-[0-9a-z]{9,10}\b|-[0-9a-z]{5}\b")
            .expect("an expression")
    });
    DRAWN.replace_all(text, "-*").into_owned()
}

type Sequence = Vec<Vec<(f64, i64)>>;

fn sizes_of(sets: &Sequence) -> Vec<Vec<i64>> {
    let sizes = |set: &Vec<(f64, i64)>| set.iter().map(|(_, size)| *size).collect();
    sets.iter().map(sizes).collect()
}

#[test]
fn replica_sets_have_the_recorded_sizes() {
    let names = RECORDED["sets"].as_object().expect("a table").keys();
    assert_eq!(names.len(), 25);
    for name in names {
        let recorded = recorded_sizes(name);
        let ours = &REPLAYED.sets[name];
        let pairs = RESTS.map(|rest| (resting(&recorded, rest), resting(ours, rest)));
        let equal = |pair: &&(Sequence, Sequence)| sizes_of(&pair.0) == sizes_of(&pair.1);
        let found = pairs.iter().find(equal);
        let (recorded, ours) = found.unwrap_or_else(|| panic!("{name}: {:?}", pairs[1]));
        let late = match &**name {
            // A pod is 14.6 s old at a scrape that takes those of 15 s.
            "byhand" => 62.0,
            // The scrape before the last step falls on the other side of a sync.
            "hpa-down" => 14.0,
            _ => 3.1,
        };
        let steps = recorded.iter().flatten().zip(ours.iter().flatten());
        // The objects of the start came within seven seconds.
        for (step, our) in steps.filter(|(step, _)| step.0 > 10.0) {
            assert!((step.0 - our.0).abs() < late, "{name}: {step:?} {our:?}");
        }
    }
}

#[test]
fn commands_print_what_was_recorded() {
    let actions = list(&RECORDED["actions"]);
    assert_eq!(actions.len(), REPLAYED.printed.len());
    for (action, printed) in actions.iter().zip(&REPLAYED.printed) {
        let typed = text(&action["command"]);
        let tidy = |lines: Vec<&str>| {
            let drawn = |line: &&str| {
                let keys = ["creationTimestamp: ", "resourceVersion: ", "uid: "];
                let field = line.trim_start();
                !keys.iter().any(|key| field.starts_with(key))
            };
            let mut lines: Vec<String> =
                lines.into_iter().filter(drawn).map(without_draws).collect();
            lines.sort_unstable();
            lines
        };
        let mut recorded = tidy(list(&action["printed"]).iter().map(text).collect());
        let mut ours = tidy(printed.iter().flat_map(|line| line.split('\n')).collect());
        if typed.contains("rollout status") {
            // How often each line comes, and which are missed, is a matter of milliseconds.
            let is_last = |line: &String| !line.starts_with("Waiting for");
            recorded.retain(is_last);
            ours.retain(is_last);
        }
        assert_eq!(recorded, ours, "{typed}");
    }
}

#[test]
fn events_are_those_recorded() {
    // Pods that became ready at once there become so one after the other here, or the other way
    // round; the spam filter of a Deployment with more than 25 events then drops others.
    const ORDER: [&str; 4] = [
        "Deployment/ru-s100",
        "Deployment/ru-def",
        "Deployment/hpa-up",
        "Deployment/hpa-down",
    ];
    // The recording's metrics-server goes on listing pods that are gone until its next scrape; a
    // real one lists pods that are there.
    const GONE_PODS: [&str; 3] = [
        "HorizontalPodAutoscaler/delpods",
        "HorizontalPodAutoscaler/hpa-up",
        "HorizontalPodAutoscaler/byhand",
    ];
    let mut same = 0;
    for (object, recorded) in RECORDED["events"].as_object().expect("a table") {
        if ORDER.contains(&&**object) || GONE_PODS.contains(&&**object) {
            continue;
        }
        // At the start the recorded objects come one after the other, over seven seconds.
        let is_hpa = object.starts_with("HorizontalPodAutoscaler");
        let begins = if is_hpa { 60.0 } else { 0.0 };
        let recorded = list(recorded).iter().map(|event| {
            let texts = (text(&event[1]), without_draws(text(&event[2])));
            (
                number(&event[0]),
                texts,
                event[3].as_u64().expect("a count"),
            )
        });
        let none = Vec::new();
        let ours = REPLAYED.events.get(object).unwrap_or(&none).iter();
        let ours =
            ours.map(|(at, reason, text, count)| (*at, (&**reason, without_draws(text)), *count));
        let tidy = |events: &mut dyn Iterator<Item = (f64, (&str, String), u64)>| {
            let late = events.filter(|(at, ..)| *at >= begins);
            let mut texts: Vec<String> = late
                .map(|(_, (reason, text), count)| format!("{reason} {text} x{count}"))
                .collect();
            // Its pods come and go in any order.
            if object == "StatefulSet/sts-par" {
                texts.sort_unstable();
            }
            texts
        };
        let (mut recorded, mut ours) = (recorded, ours);
        assert_eq!(tidy(&mut recorded), tidy(&mut ours), "{object}");
        same += 1;
    }
    assert_eq!(same, 41);
}
