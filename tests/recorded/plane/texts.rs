//! What kubectl printed in the recorded run of drains, failing nodes and full nodes (1.36.2, 15
//! nodes), beside what it prints here when the same manifests and commands meet the same times.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use nlsim::api::Pod;
use nlsim::kubectl::command::parse;
use nlsim::scenario::model::Action;
use nlsim::scenario::{InMemory, Loaded, Scenario, Span};
use nlsim::sim::{SimDuration, SimTime};
use nlsim::world::Simulation;
use regex_lite::Regex;
use serde_json::{Value, json};

use crate::common;

/// The nodes of the recording: name, number, pool, zone.
const NODES: [(&str, u32, &str, &str); 9] = [
    ("d", 3, "drain", ""),
    ("t", 2, "taint", ""),
    ("za", 1, "aff", "a"),
    ("zb", 1, "aff", "b"),
    ("zc", 1, "aff", "c"),
    ("p", 2, "pre", ""),
    ("f1", 1, "full", ""),
    ("f2", 1, "full2", ""),
    ("n", 3, "ne", ""),
];

fn scenario() -> Scenario {
    let mut toml = r#"
name = "plane"
manifests = ["plane.yaml", "more.yaml"]
namespace = "neurolake"
[simulation]
duration = "780s"
from = "apply"
[controllers.kube-apiserver]
latency = "6ms"
[controllers.kube-proxy]
endpoints-delay = "0s"
[controllers.kubelet]
stats = "on-request"
[controllers.metrics-server]
first-scrape = "7.995s"
[controllers.hpa]
downscale-stabilization = "60s"
[controllers.hpa.first-sync]
nf = "23.1s"
nf-up = "22.8s"
nf-low = "20.9s"
too-hpa = "23.2s"
[[fault]]
at = "120s"
for = "210s"
kubelet = "n-1"
[[fault]]
at = "480s"
for = "145s"
node = "n-2"
"#
    .to_owned();
    for (name, count, pool, zone) in NODES {
        let zone_key = if zone.is_empty() {
            String::new()
        } else {
            format!("zone = \"{zone}\"\n")
        };
        let disk = if name == "za" { ", disk = \"ssd\"" } else { "" };
        writeln!(
            toml,
            "[[node_group]]\nname = \"{name}\"\ncount = {count}\ncpu = \"4\"\nmemory = \"16Gi\"\n{zone_key}labels = {{ pool = \"{pool}\"{disk} }}"
        )
        .expect("a String takes everything");
    }
    let first =
        common::golden("plane/runB-disruption.yaml.gz").replace("hostname: d1", "hostname: d-1");
    let second = common::golden("plane/runB-scheduling.yaml.gz");
    // The Deployment `rd` came later, `gate-dep` is in both.
    let left_out = |text: String, name: &str| {
        let documents = text.split("\n---\n");
        let named = format!("name: {name}\n");
        let kept: Vec<&str> = documents.filter(|one| !one.contains(&named)).collect();
        kept.join("\n---\n")
    };
    let first = left_out(first, "rd");
    let second = left_out(second, "gate-dep");
    for document in first.split("\n---\n").chain(second.split("\n---\n")) {
        let kind = ["Deployment", "StatefulSet", "DaemonSet", "Pod"]
            .into_iter()
            .find(|kind| document.lines().any(|line| line == format!("kind: {kind}")));
        let name = document
            .lines()
            .find_map(|line| line.strip_prefix("  name: "));
        if let (Some(kind), Some(name)) = (kind, name) {
            let ready = if name.starts_with("dr-never") {
                "10h"
            } else {
                "0s"
            };
            let demand = match name {
                "nf" => "usage.cpu = \"300m\"\n",
                "nf-low" => "usage.cpu = \"150m\"\n",
                "nf-up" => {
                    "usage.cpu = [[\"0s\", \"150m\"], [\"140s\", \"300m\"], [\"400s\", \"150m\"]]\n"
                }
                "too-hpa" => {
                    "usage.cpu = [[\"0s\", \"500m\"], [\"60s\", \"2\"], [\"180s\", \"4\"], [\"360s\", \"500m\"]]\n"
                }
                _ => "",
            };
            writeln!(toml, "[[service]]\nworkload = \"{kind}/{name}\"\nbackground_cpu = \"0\"\n{demand}startup = {{ image_pull = \"0s\", container_start = \"345ms\", ready = \"{ready}\", shutdown = \"0s\", cpu = \"0\" }}").expect("a line");
        }
    }
    let files = InMemory::new([
        ("plane.toml", toml.as_str()),
        ("plane.yaml", &first),
        ("more.yaml", &second),
    ]);
    let loaded = Loaded::load("plane.toml", &files).unwrap_or_else(|all| panic!("{all:?}"));
    let built = loaded.build(&[]).unwrap_or_else(|all| panic!("{all:?}"));
    built.scenario
}

struct Plane<'s>(Simulation<'s>);

impl Plane<'_> {
    fn run_to(&mut self, seconds: f64) {
        let time = SimTime::ZERO + SimDuration::from_secs_f64(seconds);
        if time > self.0.now() {
            self.0.step_until(time).expect("no endless loop");
        }
    }

    fn names(&self, app: &str) -> Vec<String> {
        let of_app = |pod: &&Pod| !pod.removed && pod.meta.labels["app"] == app;
        let pods = self.0.store().pods().map(|(_, pod)| pod);
        let mut names: Vec<String> = pods
            .filter(of_app)
            .map(|pod| pod.name().to_owned())
            .collect();
        names.sort_unstable();
        names
    }

    fn given(&mut self, text: &str, documents: Vec<Value>) -> Vec<String> {
        self.0.apply(&Action {
            at: self.0.now(),
            command: parse(text).expect("a command line"),
            documents,
            text: text.to_owned(),
            place: Span::default(),
        })
    }

    fn step(&mut self, step: &Value) -> Vec<String> {
        self.run_to(step["at"].as_f64().expect("a time"));
        let command = |text: &str| {
            let mut text = text.replacen("kubectl ", "kubectl -n neurolake ", 1);
            for node in ["d1", "d2", "d3", "t1", "t2", "n1", "n2", "n3"] {
                let (name, number) = node.split_at(1);
                text = text.replace(&format!(" {node}"), &format!(" {name}-{number}"));
            }
            for node in ["za", "zb", "zc"] {
                text = text.replace(&format!(" {node}"), &format!(" {node}-1"));
            }
            text
        };
        if let Some(who) = step["evict"].as_array() {
            let names = self.names(who[0].as_str().expect("a name"));
            let Some(pod) = names.get(who[1].as_u64().expect("a place") as usize - 1) else {
                return Vec::new();
            };
            let path = format!("/api/v1/namespaces/neurolake/pods/{pod}/eviction");
            let eviction = json!({
                "apiVersion": "policy/v1", "kind": "Eviction",
                "metadata": {"name": pod, "namespace": "neurolake"},
                "deleteOptions": step["options"],
            });
            let line = format!("kubectl create --raw {path} -f - <<EOF\n{eviction}\nEOF\n");
            self.given(&line, vec![eviction]);
            return Vec::new();
        }
        let typed = command(step["cmd"].as_str().expect("a command"));
        for (key, all) in [("each", true), ("first", false)] {
            if let Some(app) = step[key].as_str() {
                let names = self.names(app);
                let many = if all { names.len() } else { 1 };
                for name in &names[..many] {
                    let line = typed.replace("POD", name);
                    self.0.kubectl(&line).expect("a command line");
                }
                return Vec::new();
            }
        }
        if step["stdin"].is_object() {
            return self.given("kubectl apply -f object.yaml", vec![step["stdin"].clone()]);
        }
        let printed = self.0.kubectl(&typed).expect("a command line");
        printed
            .iter()
            .flat_map(|line| line.split('\n'))
            .map(str::to_owned)
            .collect()
    }
}

/// What describes the same of both runs: words between single blanks, under names that do not hang
/// on what is drawn (the last letters of pods' names), nor on when it was typed (ages and dates), nor
/// on how nodes are called, which are `GROUP-N` here.
fn comparable(lines: &[String], rules: &[(Regex, &str)]) -> Vec<String> {
    let plain = lines.iter().map(|line| {
        let mut line = line.split_whitespace().collect::<Vec<&str>>().join(" ");
        for (rule, with) in rules {
            line = rule.replace_all(&line, *with).into_owned();
        }
        line
    });
    let kept = plain.filter(|line| !line.is_empty() && is_simulated(line));
    kept.collect()
}

fn rules() -> Vec<(Regex, &'static str)> {
    [
        (r"\b(d|t|n|p)-([123])\b", "$1$2"),
        (r"\b(za|zb|zc|f1|f2)-1\b", "$1"),
        (r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "-xxxxx"),
        (
            r"\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} \+0000",
            "DATE",
        ),
        // A heartbeat and a transition, of which only this is simulated.
        (r"DATE DATE", "DATE"),
        // Of rows; other lines with lengths and amounts are short.
        (r"^((?:[^ =]+ ){2,3}?(?:.*? )??)(\d+m)?\d+s\b", "${1}AGE"),
        (r"^((?:[^ =]+ ){2,3}?.*?) \d+m\b", "$1 AGE"),
        (r"( over) (\d+m)?\d+s\b", "$1 AGE"),
        (r"( over) \d+m\b", "$1 AGE"),
        // How often the same was tried until then hangs on other pods.
        (r" \(x\d+ over AGE\)", ""),
        // Addresses.
        (r"/192.0.2.2", "/"),
        (r"192\.168\.192\.168|\b10\.128\.\d+\.\d+\b", "<none>"),
        (r"^IPs:.*", "IPs:"),
        // The release of a node's kubelet.
        (r" v1\.36\.2$", ""),
        (r"^Mounts: <none>", "Mounts:"),
        (r"^Volumes: <none>", "Volumes:"),
        (r"^Events: <none>", "Events:"),
        (r"^(Container ID|Image ID):.*", "$1:"),
    ]
    .map(|(rule, with)| (Regex::new(rule).expect("a pattern"), with))
    .into()
}

/// What is not simulated of a pod: the volume of its service account, and the labels of its node's
/// zone; of a node: its Lease, its system, disks, and that a controller has registered it.
fn is_simulated(line: &str) -> bool {
    const NOT: [&str; 38] = [
        "/var/run/secrets/kubernetes.io/serviceaccount from ",
        "kube-api-access-xxxxx:",
        "Type: Projected ",
        "TokenExpirationSeconds: ",
        "ConfigMapName: ",
        "Optional: ",
        "DownwardAPI: ",
        "topology.kubernetes.io/zone=",
        "Annotations: ",
        "Lease:",
        "HolderIdentity: ",
        "AcquireTime: ",
        "RenewTime: ",
        "IP:",
        "InternalIP: ",
        "ephemeral-storage",
        // That run's controller manager gave nodes no ranges.
        "PodCIDR",
        "Machine ID:",
        "System UUID:",
        "Boot ID:",
        "Kernel Version:",
        "OS Image:",
        "Operating System:",
        "Architecture:",
        "Container Runtime Version:",
        "Kubelet Version:",
        "ProviderID:",
        "Normal RegisteredNode ",
        // The head and the rule of events, where there is but one that is not simulated.
        "Type Reason ",
        "---- ------ ",
        // Which pods a node has hangs on ties.
        "Non-terminated Pods:",
        "neurolake ",
        "cpu ",
        "memory ",
        "beta.kubernetes.io/",
        "kubernetes.io/",
        "Labels: beta.kubernetes.io/",
        "Labels: kubernetes.io/",
    ];
    !NOT.iter().any(|begin| line.starts_with(begin))
}

/// The objects of a text, in an order that does not hang on their names.
fn sorted(lines: Vec<String>) -> Vec<Vec<String>> {
    let mut objects: Vec<Vec<String>> = Vec::new();
    for line in lines {
        if objects.is_empty() || line.starts_with("Name: ") {
            objects.push(Vec::new());
        }
        objects.last_mut().expect("there is one").push(line);
    }
    for object in &mut objects {
        // Events are told in an order of their own, each once.
        let place = object.iter().position(|line| line == "Events:");
        if let Some(place) = place {
            object[place..].sort_unstable();
            object.dedup();
        }
    }
    objects.sort_unstable();
    objects
}

/// Why a pod was not placed, in other words than those on preemption.
fn said(lines: &[String]) -> BTreeSet<String> {
    let lines = lines.iter().flat_map(|line| line.split('\n'));
    let tries = lines.filter(|line| line.contains(" FailedScheduling "));
    let reasons = tries.filter_map(|line| {
        let (_, text) = line.split_once(" nodes are available: ")?;
        Some(text.split_once(". ")?.0.to_owned())
    });
    reasons.collect()
}

/// What one run has said and the other has not, and why. Nodes whose labels do not fit are counted first.
const BETWEEN: [(&str, &str, &str); 7] = [
    (
        "14",
        "1 node(s) had untolerated taint(s)",
        "a taint and a cordon that were typed at once: which came first",
    ),
    (
        "14",
        "1 node(s) were unschedulable",
        "a taint is taken off as n1 is found out: there 0.7 s before that, here at that look",
    ),
    (
        "13",
        "1 Insufficient cpu, 1 node(s) were unschedulable",
        "the same",
    ),
    (
        "13",
        "1 Insufficient cpu, 1 node(s) had untolerated taint(s)",
        "the same",
    ),
    (
        "13",
        "2 node(s) had untolerated taint(s)",
        "between the writes of `kubectl taint` of two nodes, which are one here",
    ),
    (
        "11",
        "2 Insufficient cpu, 2 node(s) had untolerated taint(s)",
        "the same",
    ),
    (
        "12",
        "2 node(s) were unschedulable",
        "a state of ten seconds, which the pod's back-off left out there for once",
    ),
];

/// Whether it is one of these that was said.
fn is_between(reasons: &str) -> bool {
    let (labels, others): (Vec<&str>, Vec<&str>) = reasons
        .split(", ")
        .partition(|one| one.ends_with(" node(s) didn't match Pod's node affinity/selector"));
    let labels = labels.first().and_then(|one| one.split(' ').next());
    let others = others.join(", ");
    BETWEEN.iter().any(|(count, reasons, _)| {
        labels == Some(count)
            && (others == *reasons
                || [
                    "1 Insufficient cpu, ",
                    "1 node(s) had untolerated taint(s), ",
                ]
                .iter()
                .any(|more| others.strip_prefix(more) == Some(reasons)))
    })
}

/// The steps of the recorded run, and what each printed here.
pub(super) static REPLAYED: LazyLock<Vec<(Value, Vec<String>)>> = LazyLock::new(|| {
    let scenario = scenario();
    let mut plane = Plane(Simulation::new(&scenario, 1));
    let steps = common::golden("plane/runB-texts.jsonl.gz");
    let steps = steps.lines().map(|line| {
        let step: Value = serde_json::from_str(line).expect("a line");
        let printed = plane.step(&step);
        (step, printed)
    });
    steps.collect()
});

#[test]
fn what_kubectl_prints_during_the_run() {
    let rules = rules();
    let mut compared: BTreeMap<String, usize> = BTreeMap::new();
    let mut differences: Vec<String> = Vec::new();
    for (step, printed) in REPLAYED.iter() {
        // Tables of which ties decide some are compared in `tables.rs`.
        let Some(expected) = step["text"].as_str().filter(|_| step["rows"] != true) else {
            continue;
        };
        let expected: Vec<String> = expected.lines().map(str::to_owned).collect();
        // Which tries there were meanwhile hangs on back-offs and on the order of commands that were typed
        // at once: what was said is compared of its own.
        let is_told =
            |line: &String| step["tries"] != false || !line.contains(" FailedScheduling ");
        if step["tries"] == false {
            let [ours, theirs] = [printed, &expected].map(|lines| said(lines));
            let unlike = ours.symmetric_difference(&theirs);
            let unlike = unlike.filter(|one| !is_between(one));
            differences.extend(unlike.map(|one| {
                let whose = if ours.contains(one) { "ours" } else { "theirs" };
                format!("{} at {}: {whose} alone: {one}", step["cmd"], step["at"])
            }));
        }
        let lines = |text: &[String]| {
            let mut lines = comparable(text, &rules);
            lines.retain(is_told);
            lines
        };
        let (mut ours, mut theirs) = (sorted(lines(printed)), sorted(lines(&expected)));
        if step["sorted"] == true {
            // It is known which lines there were, not in which order.
            let all = |objects: Vec<Vec<String>>| {
                let mut lines = objects.concat();
                lines.sort_unstable();
                vec![lines]
            };
            (ours, theirs) = (all(ours), all(theirs));
        }
        let (ours, theirs) = (ours.concat(), theirs.concat());
        let place = (0..ours.len().max(theirs.len())).find(|at| ours.get(*at) != theirs.get(*at));
        if let Some(place) = place {
            differences.push(format!(
                "{} at {}: {:?} instead of {:?}",
                step["cmd"],
                step["at"],
                ours.get(place),
                theirs.get(place)
            ));
        }
        let words = step["cmd"].as_str().unwrap_or_default().split(' ');
        let words: Vec<&str> = words.skip(1).take(2).collect();
        *compared.entry(words.join(" ")).or_default() += 1;
    }
    assert_eq!(differences, [""; 0], "{}", differences.join("\n"));
    let compared: Vec<String> = compared
        .iter()
        .map(|(what, count)| format!("{what}: {count}"))
        .collect();
    insta::assert_snapshot!(compared.join(", "), @"apply -f: 10, cordon d2: 2, cordon zc: 1, delete deployment: 2, delete node: 1, delete pdb: 1, describe node: 22, describe pdb: 5, describe pod: 1, describe pods: 71, get nodes: 7, get pdb: 6, get pods: 10, label node: 2, patch pdb: 2, patch pod: 3, scale deployment: 15, set image: 3, taint nodes: 12, uncordon d1: 2, uncordon d2: 3, uncordon d3: 1, uncordon zc: 1");
}
