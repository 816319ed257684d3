//! What a real scheduler (1.36.2, 15 hollow nodes) did with affinities, spreading, ports, gates,
//! priorities and full nodes: the same manifests and commands at the same times. Where ties decide
//! (which of several equal zones), only the sizes are compared.

use crate::common;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use nlsim::api::Pod;
use nlsim::kubectl::command::parse;
use nlsim::scenario::model::Action;
use nlsim::scenario::{InMemory, Loaded, Scenario, Span};
use nlsim::sim::{SimDuration, SimTime};
use nlsim::world::Simulation;
use serde_json::{Value, json};

/// The nodes of the recording: name, pool, zone.
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
    let mut toml = "name = \"plane\"\nmanifests = [\"plane.yaml\"]\n[simulation]\nduration = \"560s\"\nfrom = \"apply\"\n".to_owned();
    for (name, count, pool, zone) in NODES {
        writeln!(
            toml,
            "[[node_group]]\nname = \"{name}\"\ncount = {count}\ncpu = \"4\"\nmemory = \"16Gi\"\nzone = \"{zone}\"\nlabels = {{ pool = \"{pool}\" }}"
        )
        .expect("a String takes everything");
    }
    let manifests = common::golden("plane/runB-scheduling.yaml.gz");
    let files = InMemory::new([("plane.toml", toml.as_str()), ("plane.yaml", &manifests)]);
    let loaded = Loaded::load("plane.toml", &files).unwrap_or_else(|all| panic!("{all:?}"));
    let built = loaded.build(&[]).unwrap_or_else(|all| panic!("{all:?}"));
    built.scenario
}

struct Plane<'s>(Simulation<'s>);

impl Plane<'_> {
    fn run_to(&mut self, seconds: f64) {
        let time = SimTime::ZERO + SimDuration::from_secs_f64(seconds);
        self.0.step_until(time).expect("no endless loop");
        self.0.store().audit().expect("the books balance");
    }

    fn typed(&mut self, seconds: f64, text: &str) -> Vec<String> {
        self.run_to(seconds);
        self.0.kubectl(text).expect("a command line")
    }

    /// What a command that has waited has printed.
    fn printed_by(&self, text: &str) -> &[String] {
        let mut actions = self.0.recording().actions.iter();
        let found = actions.find(|one| one.command == text);
        &found.expect("a command").printed
    }

    fn applied(&mut self, seconds: f64, document: Value) {
        self.run_to(seconds);
        let text = "kubectl apply -f object.yaml";
        self.0.apply(&Action {
            at: self.0.now(),
            command: parse(text).expect("a command line"),
            documents: vec![document],
            text: text.to_owned(),
            place: Span::default(),
        });
    }

    fn pods(&self, app: &str) -> Vec<&Pod> {
        let of_app = |pod: &&Pod| pod.is_active() && pod.meta.labels["app"] == app;
        let pods = self.0.store().pods().map(|(_, pod)| pod);
        pods.filter(of_app).collect()
    }

    /// Live pods by node; those without a node under "".
    fn on(&self, app: &str) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for pod in self.pods(app) {
            let node = pod.node.and_then(|node| self.0.store().find_node(node));
            let name = node.map_or("", |node| node.name());
            *found.entry(name.to_owned()).or_default() += 1;
        }
        found
    }

    fn sizes(&self, app: &str) -> Vec<usize> {
        let mut sizes: Vec<usize> = self.on(app).into_values().collect();
        sizes.sort_unstable();
        sizes
    }

    fn pending(&self, app: &str) -> usize {
        self.on(app).get("").copied().unwrap_or_default()
    }

    /// What the condition PodScheduled of a pending pod says.
    fn why(&self, app: &str) -> String {
        let pods = self.pods(app);
        let pod = pods
            .iter()
            .find(|pod| pod.node.is_none())
            .expect("a pending pod");
        let message = pod.unschedulable_message.as_deref();
        message.unwrap_or_default().to_owned()
    }
}

fn nodes(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let owned = |(name, count): &(&str, usize)| ((*name).to_owned(), *count);
    pairs.iter().map(owned).collect()
}

/// The text of FailedScheduling without preemption in play: reasons, nodes where it is of no help,
/// nodes without victims.
fn text(reasons: &str, useless: usize, without: usize) -> String {
    let mut preemption = vec![format!(
        "{useless} Preemption is not helpful for scheduling"
    )];
    if without > 0 {
        preemption.push(format!(
            "{without} No preemption victims found for incoming pod"
        ));
    }
    preemption.sort();
    let preemption = preemption.join(", ");
    format!(
        "0/15 nodes are available: {reasons}. no new claims to deallocate, preemption: 0/15 nodes are available: {preemption}."
    )
}

/// What `rollout status` says until its patience is over.
fn waited(name: &str, updated: u32, wanted: u32) -> [String; 2] {
    let waiting = format!(
        "Waiting for deployment \"{name}\" rollout to finish: {updated} out of {wanted} new replicas have been updated..."
    );
    [
        waiting,
        "error: timed out waiting for the condition".to_owned(),
    ]
}

fn deployment(name: &str, replicas: u32, cpu: &str, pool: &str, class: Option<&str>) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "neurolake"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "containers": [{
                        "name": "app",
                        "image": "neurolake/app:1.0",
                        "resources": {"requests": {"cpu": cpu, "memory": "64Mi"}},
                    }],
                    "nodeSelector": {"pool": pool},
                    "priorityClassName": class,
                },
            },
        },
    })
}

#[test]
fn affinities_ports_and_gates() {
    let scenario = scenario();
    let mut plane = Plane(Simulation::new(&scenario, 1));
    plane.run_to(50.0);
    assert_eq!(plane.on("af-req"), nodes(&[("za-1", 3)]));
    assert_eq!(plane.on("af-pref"), nodes(&[("zb-1", 4)]));
    assert_eq!(plane.on("af-pod"), nodes(&[("za-1", 2)]));
    assert_eq!(plane.on("af-none"), nodes(&[("", 2)]));
    assert_eq!(plane.on("af-podnone"), nodes(&[("", 1)]));
    let one_each = nodes(&[("", 1), ("za-1", 1), ("zb-1", 1), ("zc-1", 1)]);
    assert_eq!(plane.on("af-anti"), one_each);
    assert_eq!(plane.on("hp"), one_each);
    assert_eq!(plane.sizes("af-soft"), [1, 2, 2]);
    assert_eq!(plane.on("gate-dep"), nodes(&[("", 2)]));
    let selector = "node(s) didn't match Pod's node affinity/selector";
    for (app, reasons, useless, without) in [
        ("af-none", format!("15 {selector}"), 15, 0),
        ("too-pool", format!("15 {selector}"), 15, 0),
        (
            "too-cpu",
            format!("1 Insufficient cpu, 14 {selector}"),
            15,
            0,
        ),
        (
            "af-podnone",
            format!("12 {selector}, 3 node(s) didn't match pod affinity rules"),
            15,
            0,
        ),
        (
            "af-anti",
            format!("12 {selector}, 3 node(s) didn't match pod anti-affinity rules"),
            12,
            3,
        ),
        (
            "hp",
            format!("12 {selector}, 3 node(s) didn't have free ports for the requested pod ports"),
            12,
            3,
        ),
    ] {
        assert_eq!(plane.why(app), text(&reasons, useless, without), "{app}");
    }
    assert_eq!(plane.why("gate-dep"), "", "the scheduler has not tried");

    plane.typed(60.1, "kubectl label node zc-1 disk=nvme");
    plane.run_to(60.5);
    assert_eq!(plane.on("af-none"), nodes(&[("zc-1", 2)]));
    // A roll-out of one pod per node with all nodes taken: the old pending pod goes first, the
    // new one finds no place either.
    plane.typed(
        90.0,
        "kubectl set image deployment/af-anti app=neurolake/app:2.0 -n neurolake",
    );
    let anti = "kubectl rollout status deployment/af-anti --timeout=30s -n neurolake";
    plane.typed(91.0, anti);
    plane.typed(120.0, "kubectl label node zc-1 disk-");
    plane.run_to(121.0);
    assert_eq!(
        plane.on("af-none"),
        nodes(&[("zc-1", 2)]),
        "what runs stays"
    );
    assert!(plane.pending("af-anti") > 0);
    plane.run_to(122.0);
    assert_eq!(plane.printed_by(anti), waited("af-anti", 2, 4));
    plane.typed(
        130.0,
        "kubectl scale deployment hp --replicas=3 -n neurolake",
    );
    plane.run_to(131.0);
    assert_eq!(plane.pending("hp"), 0, "the pending pod is removed");
    plane.typed(
        150.0,
        "kubectl scale deployment af-anti --replicas=3 -n neurolake",
    );
    plane.run_to(170.0);
    assert_eq!(plane.pods("af-anti").len() - plane.pending("af-anti"), 3);
    // One more pod than ports: the roll-out waits for ever.
    plane.typed(
        180.0,
        "kubectl set image deployment/hp app=neurolake/app:2.0 -n neurolake",
    );
    let ports = "kubectl rollout status deployment/hp --timeout=30s -n neurolake";
    plane.typed(181.0, ports);
    plane.run_to(212.0);
    assert_eq!(plane.printed_by(ports), waited("hp", 1, 3));
    assert_eq!((plane.pods("hp").len(), plane.pending("hp")), (4, 1));
}

#[test]
fn spread_constraints() {
    let scenario = scenario();
    let mut plane = Plane(Simulation::new(&scenario, 1));
    plane.run_to(50.0);
    assert_eq!(plane.sizes("ts-hard"), [2, 2, 3]);
    plane.typed(100.0, "kubectl cordon zc-1");
    let scale = "kubectl scale deployment ts-hard ts-soft --replicas=12 -n neurolake";
    let before = plane.on("ts-soft");
    plane.typed(102.0, scale);
    plane.run_to(110.0);
    // A cordoned zone still counts: the others get one pod more than it has.
    let hard = plane.on("ts-hard");
    let zc = hard["zc-1"];
    assert_eq!((hard["za-1"], hard["zb-1"]), (zc + 1, zc + 1), "{hard:?}");
    assert_eq!(hard[""], 12 - 3 * zc - 2);
    let spread = "node(s) didn't match pod topology spread constraints";
    let why = plane.why("ts-hard");
    assert!(why.contains(&format!("2 {spread}")), "{why}");
    assert!(why.contains("1 node(s) were unschedulable"), "{why}");
    let soft = plane.on("ts-soft");
    assert_eq!(soft["zc-1"], before["zc-1"]);
    assert_eq!(soft["za-1"] + soft["zb-1"], 12 - before["zc-1"]);
    plane.typed(160.0, "kubectl uncordon zc-1");
    plane.run_to(161.0);
    assert_eq!(
        plane.on("ts-hard"),
        nodes(&[("za-1", 4), ("zb-1", 4), ("zc-1", 4)])
    );
    plane.typed(
        200.0,
        "kubectl scale deployment ts-hard --replicas=5 -n neurolake",
    );
    plane.run_to(210.0);
    assert_eq!(plane.sizes("ts-hard"), [1, 2, 2]);
    plane.typed(
        220.0,
        "kubectl scale deployment ts-hard --replicas=6 -n neurolake",
    );
    plane.run_to(230.0);
    assert_eq!(plane.sizes("ts-hard"), [2, 2, 2]);
}

#[test]
fn preemption() {
    let scenario = scenario();
    let mut plane = Plane(Simulation::new(&scenario, 1));
    plane.run_to(50.0);
    assert_eq!(plane.on("pr-low"), nodes(&[("p-1", 2), ("p-2", 2)]));
    assert_eq!(plane.on("pr-mid"), nodes(&[("p-1", 2), ("p-2", 2)]));
    plane.applied(60.2, deployment("pr-high", 2, "1500m", "pre", Some("high")));
    plane.run_to(61.0);
    let nominated = plane.pods("pr-high");
    assert!(
        nominated
            .iter()
            .all(|pod| pod.node.is_none() && pod.nominated.is_some())
    );
    assert_ne!(nominated[0].nominated, nominated[1].nominated);
    let victims = |plane: &Plane<'_>, app: &str| {
        let pods = plane.0.store().pods();
        let of_app = |pod: &&Pod| pod.preempted.is_some() && pod.meta.labels["app"] == app;
        pods.map(|(_, pod)| pod).filter(of_app).count()
    };
    assert_eq!(
        (victims(&plane, "pr-low"), victims(&plane, "pr-mid")),
        (4, 0)
    );
    let listed = plane.typed(
        63.0,
        "kubectl get pods -l \"app in (pr-low,pr-mid,pr-high)\" -o wide -n neurolake",
    );
    let mut rows: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for line in &listed[1..] {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let nominated = if cells[7] == "<none>" {
            ""
        } else {
            "nominated"
        };
        *rows
            .entry((&cells[0][..6], cells[2], nominated))
            .or_default() += 1;
    }
    let recorded = [
        (("pr-hig", "Pending", "nominated"), 2),
        (("pr-low", "Pending", ""), 4),
        (("pr-low", "Terminating", ""), 4),
        (("pr-mid", "Running", ""), 4),
    ];
    assert_eq!(rows, BTreeMap::from(recorded));
    plane.run_to(69.0);
    assert_eq!(plane.pending("pr-high"), 2, "the victims have 10 s");
    assert_eq!(
        plane.pending("pr-low"),
        4,
        "their successors wait behind the nomination"
    );
    plane.run_to(72.0);
    assert_eq!(plane.on("pr-high"), nodes(&[("p-1", 1), ("p-2", 1)]));

    plane.applied(
        120.1,
        deployment("pr-never", 1, "1", "pre", Some("impatient-never")),
    );
    plane.run_to(149.0);
    let why = plane.why("pr-never");
    let never = "2 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.";
    assert!(why.ends_with(never), "{why}");
    plane.typed(150.0, "kubectl delete deployment pr-high -n neurolake");
    plane.run_to(153.0);
    assert_eq!(
        plane.pending("pr-never"),
        0,
        "the highest priority takes the first free place"
    );
    assert_eq!(plane.pending("pr-low"), 1);

    plane.applied(
        200.0,
        json!({
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "pr-mid", "namespace": "neurolake"},
            "spec": {"selector": {"matchLabels": {"app": "pr-mid"}}, "minAvailable": 4},
        }),
    );
    plane.applied(205.0, deployment("pr-top", 2, "2500m", "pre", Some("top")));
    plane.run_to(206.0);
    // One protected pod of each node is spared, the other cannot be.
    assert_eq!(victims(&plane, "pr-mid"), 2);
    assert_eq!(victims(&plane, "pr-never") + victims(&plane, "pr-low"), 4);
    plane.run_to(218.0);
    assert_eq!(plane.on("pr-top"), nodes(&[("p-1", 1), ("p-2", 1)]));
    plane.typed(260.0, "kubectl delete deployment pr-top -n neurolake");
    plane.run_to(263.0);
    assert_eq!((plane.pending("pr-never"), plane.pending("pr-mid")), (0, 0));
    assert_eq!(plane.pending("pr-low"), 1);
    plane.applied(300.0, deployment("pr-huge", 1, "6", "pre", Some("top")));
    plane.run_to(301.0);
    let selector = "13 node(s) didn't match Pod's node affinity/selector";
    let reasons = format!("{selector}, 2 Insufficient cpu");
    assert_eq!(plane.why("pr-huge"), text(&reasons, 15, 0));
    let events = plane.0.finish().expect("the run ends").recording.events;
    let preempted = events.iter().filter(|event| event.reason == "Preempted");
    assert_eq!(preempted.count(), 10);
}

#[test]
fn places_on_a_full_node() {
    let scenario = scenario();
    let mut plane = Plane(Simulation::new(&scenario, 1));
    plane.run_to(19.0);
    assert_eq!(plane.on("q-fill"), nodes(&[("f1-1", 8)]));
    plane.applied(20.1, deployment("q-wait", 3, "450m", "full", None));
    plane.applied(
        30.1,
        deployment("q-prio", 2, "450m", "full", Some("queue-never")),
    );
    plane.applied(35.0, deployment("q-small", 1, "300m", "full", None));
    plane.run_to(36.0);
    assert_eq!(
        plane.pending("q-small"),
        0,
        "a small pod passes those that wait"
    );
    let scale = |plane: &mut Plane<'_>, seconds, replicas| {
        let text = format!("kubectl scale deployment q-fill --replicas={replicas} -n neurolake");
        plane.typed(seconds, &text);
        plane.run_to(seconds + 5.0);
        (plane.pending("q-prio"), plane.pending("q-wait"))
    };
    assert_eq!(
        scale(&mut plane, 80.0, 7),
        (1, 3),
        "the higher priority, though younger"
    );
    assert_eq!(scale(&mut plane, 110.0, 6), (0, 3));
    assert_eq!(scale(&mut plane, 140.0, 4), (0, 1));
    // Whatever happens to any node's taints, waiting pods are tried again, and back off longer.
    plane.typed(150.0, "kubectl taint nodes t-2 dedicated=x:NoExecute");
    plane.typed(165.0, "kubectl taint nodes t-2 dedicated:NoExecute-");
    plane.run_to(169.0);
    let name = plane.pods("q-fill")[0].name().to_owned();
    plane.typed(170.0, &format!("kubectl delete pod {name} -n neurolake"));
    plane.run_to(175.0);
    assert_eq!(
        (plane.pending("q-fill"), plane.pending("q-wait")),
        (0, 1),
        "one failure passes many"
    );
    // Eight pods more than fit; two places at a time go to them.
    plane.typed(
        200.4,
        "kubectl scale deployment q-fill --replicas=12 -n neurolake",
    );
    plane.run_to(210.0);
    let scale = |plane: &mut Plane<'_>, seconds, name| {
        let text = format!("kubectl scale deployment {name} --replicas=0 -n neurolake");
        plane.typed(seconds, &text);
        plane.run_to(seconds + 5.0);
        (plane.pending("q-fill"), plane.pending("q-wait"))
    };
    assert_eq!((plane.pending("q-fill"), plane.pending("q-wait")), (8, 1));
    // There the older pod was in a back-off, from events of other experiments.
    let (fill, wait) = scale(&mut plane, 420.0, "q-prio");
    assert_eq!(fill + wait, 7);
    assert_eq!(scale(&mut plane, 520.0, "q-wait"), (4, 0));
}
