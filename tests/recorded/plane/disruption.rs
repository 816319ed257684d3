//! What a real control plane (1.36.2, 15 hollow nodes) did with drains, taints, nodes that fail and
//! HPAs that meet their limits: the same manifests and commands at the same times, the times that
//! were recorded beside ours. A kubelet that is stopped is the fault `kubelet`, one that is killed
//! with its machine the fault `node`.

use crate::common;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use nlsim::api::{Kind, ObjectId, Pod, Readiness};
use nlsim::kubectl::command::parse;
use nlsim::scenario::model::Action;
use nlsim::scenario::{InMemory, Loaded, Scenario, Span};
use nlsim::sim::{SimDuration, SimTime};
use nlsim::world::Simulation;
use serde_json::{Value, json};

/// The nodes of the recording: name, number, pool.
const NODES: [(&str, u32, &str); 4] = [
    ("d", 3, "drain"),
    ("t", 2, "taint"),
    ("f2", 1, "full2"),
    ("n", 3, "ne"),
];

/// The CPU that all ready pods of a workload use together, from each second on.
const DEMAND: [(&str, &[(u32, u32)]); 5] = [
    ("too-hpa", &[(0, 500), (60, 2000), (180, 4000), (360, 500)]),
    ("nf", &[(0, 300)]),
    ("rd", &[(0, 600), (400, 150)]),
    ("nf-low", &[(0, 150)]),
    ("nf-up", &[(0, 150), (140, 300), (400, 150)]),
];

const FAULTS: &str = r#"
[[fault]]
at = "120s"
for = "210s"
kubelet = "n-1"
[[fault]]
at = "480s"
for = "145s"
node = "n-2"
"#;

pub(super) fn scenario(more: &str) -> Scenario {
    let mut toml = r#"
name = "plane"
manifests = ["plane.yaml"]
[simulation]
duration = "760s"
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
"#
    .to_owned();
    for (name, count, pool) in NODES {
        writeln!(
            toml,
            "[[node_group]]\nname = \"{name}\"\ncount = {count}\ncpu = \"4\"\nmemory = \"16Gi\"\nlabels = {{ pool = \"{pool}\" }}"
        )
        .expect("a String takes everything");
    }
    for (name, demand) in DEMAND {
        let points = demand
            .iter()
            .map(|(second, cpu)| format!("[\"{second}s\", \"{cpu}m\"], "));
        let points: String = points.collect();
        writeln!(
            toml,
            "[[service]]\nworkload = \"Deployment/{name}\"\nusage.cpu = [{points}]\nbackground_cpu = \"0\"\nmemory.base = \"16Mi\"\nstartup = {{ image_pull = \"0s\", container_start = \"345ms\", ready = \"0s\", shutdown = \"0s\", cpu = \"0\" }}"
        )
        .expect("a String takes everything");
    }
    for workload in ["Pod/dr-bare", "Pod/gate-pod", "Deployment/ev-ok"] {
        writeln!(
            toml,
            "[[service]]\nworkload = \"{workload}\"\nbackground_cpu = \"0\"\nstartup = {{ image_pull = \"0s\", container_start = \"345ms\", ready = \"0s\", shutdown = \"800ms\", cpu = \"0\" }}"
        )
        .expect("a String takes everything");
    }
    // Their probes are refused for ever.
    for name in ["dr-never", "dr-nevera"] {
        writeln!(
            toml,
            "[[service]]\nworkload = \"Deployment/{name}\"\nstartup = {{ ready = \"10h\" }}"
        )
        .expect("a String takes everything");
    }
    toml.push_str(more);
    let manifests = common::golden("plane/runB-disruption.yaml.gz");
    let manifests = manifests.replace("hostname: d1", "hostname: d-1");
    let files = InMemory::new([("plane.toml", toml.as_str()), ("plane.yaml", &manifests)]);
    let loaded = Loaded::load("plane.toml", &files).unwrap_or_else(|all| panic!("{all:?}"));
    let built = loaded.build(&[]).unwrap_or_else(|all| panic!("{all:?}"));
    built.scenario
}

pub(super) struct Plane<'s>(pub(super) Simulation<'s>);

impl Plane<'_> {
    pub(super) fn run_to(&mut self, seconds: f64) {
        let time = SimTime::ZERO + SimDuration::from_secs_f64(seconds);
        self.0.step_until(time).expect("no endless loop");
        self.0.store().audit().expect("the books balance");
    }

    pub(super) fn typed(&mut self, seconds: f64, text: &str) -> Vec<String> {
        self.run_to(seconds);
        let text = text.replace("kubectl ", "kubectl -n neurolake ");
        self.0.kubectl(&text).expect("a command line")
    }

    pub(super) fn applied(&mut self, seconds: f64, document: Value) {
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

    /// What the last command has printed so far.
    pub(super) fn printed(&self) -> Vec<String> {
        let actions = &self.0.recording().actions;
        actions.last().expect("a command").printed.clone()
    }

    /// What the last command that begins so has printed so far.
    pub(super) fn printed_by(&self, begin: &str) -> Vec<String> {
        let actions = self.0.recording().actions.iter().rev();
        let mut such = actions.filter(|one| one.command.starts_with(begin));
        such.next().expect("a command").printed.clone()
    }

    pub(super) fn pods(&self, app: &str) -> Vec<&Pod> {
        let of_app = |pod: &&Pod| !pod.removed && pod.meta.labels["app"] == app;
        let pods = self.0.store().pods().map(|(_, pod)| pod);
        pods.filter(of_app).collect()
    }

    /// Pods by node, those that are being deleted beside the others; those without a node under
    /// "".
    fn on(&self, app: &str) -> BTreeMap<String, (usize, usize)> {
        let mut found: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for pod in self.pods(app) {
            let node = pod.node.and_then(|node| self.0.store().find_node(node));
            let name = node.map_or("", |node| node.name());
            let (live, leaving) = found.entry(name.to_owned()).or_default();
            *(if pod.is_active() { live } else { leaving }) += 1;
        }
        found
    }

    pub(super) fn live_on(&self, app: &str, node: &str) -> usize {
        self.on(app).get(node).map_or(0, |(live, _)| *live)
    }

    pub(super) fn leaving_on(&self, app: &str, node: &str) -> usize {
        self.on(app).get(node).map_or(0, |(_, leaving)| *leaving)
    }

    pub(super) fn ready(&self, app: &str) -> usize {
        let pods = self.pods(app);
        pods.iter().filter(|pod| pod.is_ready()).count()
    }

    fn readiness(&self, node: &str) -> Option<Readiness> {
        let store = self.0.store();
        match store.find(Kind::Node, "", node)? {
            ObjectId::Node(id) => Some(store.node(id).readiness),
            _ => None,
        }
    }

    fn taints(&self, node: &str) -> Vec<String> {
        let store = self.0.store();
        let Some(ObjectId::Node(id)) = store.find(Kind::Node, "", node) else {
            return Vec::new();
        };
        let taints = store.node(id).taints.iter();
        let name = |key: &str| key.rsplit('/').next().unwrap_or_default().to_owned();
        taints
            .map(|one| format!("{}:{}", name(&one.key), one.effect.name()))
            .collect()
    }

    /// The times of an event's first and last such message about pods of a workload.
    pub(super) fn told(&self, reason: &str, text: &str) -> Vec<f64> {
        let events = self.0.recording().events.iter();
        let such = events.filter(|event| event.reason == reason && event.message.contains(text));
        such.map(|event| event.time.as_secs_f64()).collect()
    }
}

pub(super) fn near(ours: f64, recorded: f64, tolerance: f64) {
    assert!(
        (ours - recorded).abs() <= tolerance,
        "{ours} instead of {recorded}"
    );
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one run after the other, as recorded"
)]
fn drains() {
    let scenario = scenario("");
    let mut plane = Plane(Simulation::new(&scenario, 1));
    plane.run_to(39.0);
    // Two budgets on one pod, and pods that were never Ready.
    let lines = plane.typed(39.9, "kubectl drain d-1");
    // Reasons come in any order.
    let reasons = [
        "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): neurolake/dr-ds-",
        "cannot delete Pods that declare no controller (use --force to override): neurolake/dr-bare",
        "cannot delete Pods with local storage (use --delete-emptydir-data to override): neurolake/dr-empty-",
    ];
    assert_eq!(lines[0], "node/d-1 cordoned");
    let start = "error: unable to drain node \"d-1\" due to error: [";
    let set = lines[1].strip_prefix(start).expect(start);
    assert!(set.ends_with("], continuing command..."), "{set}");
    assert_eq!(set.matches("cannot delete ").count(), 3);
    assert_eq!(
        lines[2..4],
        ["There are pending nodes to be drained:", " d-1"]
    );
    assert_eq!(lines.len(), 7);
    for reason in reasons {
        assert!(set.contains(reason), "{set}");
        let alone = lines[4..].iter().filter(|line| line.starts_with(reason));
        assert_eq!(alone.count(), 1, "{lines:?}");
    }
    plane.typed(40.0, "kubectl delete pdb dr-two-b");

    let before: Vec<usize> = ["dr-ok", "dr-pct", "dr-none", "dr-block", "dr-never"]
        .iter()
        .map(|app| plane.live_on(app, "d-1"))
        .collect();
    let drain =
        "kubectl drain d-1 --ignore-daemonsets --force --delete-emptydir-data --timeout=60s";
    let lines = plane.typed(44.94, drain);
    assert_eq!(lines[0], "node/d-1 already cordoned");
    let warning = "Warning: ignoring DaemonSet-managed Pods: neurolake/dr-ds-";
    assert!(lines[1].starts_with(warning), "{}", lines[1]);
    let unmanaged = "; deleting Pods that declare no controller: neurolake/dr-bare";
    assert!(lines[1].ends_with(unmanaged), "{}", lines[1]);
    assert_eq!(lines[2], "evicting pod neurolake/dr-bare");
    let refused = |lines: &[String], app: &str| {
        let start = format!("error when evicting pods/\"{app}-");
        let end = "\" -n \"neurolake\" (will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget.";
        let such = lines
            .iter()
            .filter(|line| line.starts_with(&start) && line.ends_with(end));
        such.count()
    };
    let evicted = |lines: &[String], app: &str| {
        let start = format!("pod/{app}-");
        let such = lines
            .iter()
            .filter(|line| line.starts_with(&start) && line.ends_with(" evicted"));
        such.count()
    };
    // minAvailable 4 of 6 and 20 % of 10 let two go at once; 0 and pods never Ready none.
    assert_eq!(refused(&lines, "dr-ok"), before[0].saturating_sub(2));
    assert_eq!(refused(&lines, "dr-pct"), before[1].saturating_sub(2));
    assert_eq!(refused(&lines, "dr-block"), before[3]);
    assert_eq!(refused(&lines, "dr-never"), before[4]);
    plane.run_to(49.5);
    let lines = plane.printed();
    assert_eq!(evicted(&lines, "dr-ok"), before[0].min(2));
    assert_eq!(evicted(&lines, "dr-pct"), before[1].min(2));
    assert_eq!(evicted(&lines, "dr-none"), 0, "a preStop of 15 s");
    plane.run_to(68.0);
    let lines = plane.printed();
    assert_eq!(evicted(&lines, "dr-none"), before[2]);
    assert_eq!(
        evicted(&lines, "dr-pct"),
        before[1],
        "once others are Ready"
    );
    plane.run_to(109.0);
    let lines = plane.printed();
    assert_eq!(evicted(&lines, "dr-block") + evicted(&lines, "dr-never"), 0);
    let pending = "There are pending pods in node \"d-1\" when an error occurred: ";
    let pending = lines.iter().position(|line| line.starts_with(pending));
    let rest = &lines[pending.expect("pods are left")..];
    assert!(
        rest[0].ends_with(": global timeout reached: 1m0s]"),
        "{rest:?}"
    );
    assert!(rest[1].starts_with("pod/dr-block-"), "{rest:?}");
    assert!(
        plane
            .0
            .recording()
            .actions
            .last()
            .is_some_and(|one| one.failed)
    );
    // The DaemonSet's pod has stayed.
    assert_eq!(plane.live_on("dr-ds", "d-1"), 1);

    let merge = "kubectl patch pdb dr-block --type=merge -p '{\"spec\":{\"maxUnavailable\":1}}'";
    plane.typed(110.0, merge);
    let merge = "kubectl patch pdb dr-never --type=merge -p '{\"spec\":{\"unhealthyPodEvictionPolicy\":\"AlwaysAllow\"}}'";
    plane.typed(111.0, merge);
    let drain = drain.replace("60s", "120s");
    plane.typed(115.0, &drain);
    plane.run_to(119.0);
    let lines = plane.printed();
    assert_eq!(evicted(&lines, "dr-never"), before[4]);
    if before[3] < 2 {
        assert_eq!(lines.last().map(String::as_str), Some("node/d-1 drained"));
    }
    plane.run_to(160.0);
    assert_eq!(
        plane.printed().last().map(String::as_str),
        Some("node/d-1 drained")
    );
    assert_eq!(
        plane.typed(200.0, "kubectl uncordon d-1"),
        ["node/d-1 uncordoned"]
    );
    assert_eq!(
        plane.typed(205.0, "kubectl cordon d-2"),
        ["node/d-2 cordoned"]
    );
    assert_eq!(
        plane.typed(206.0, "kubectl cordon d-2"),
        ["node/d-2 already cordoned"]
    );
    let on_d2 = plane.live_on("dr-ok", "d-2");
    plane.typed(207.0, "kubectl scale deployment dr-ok --replicas=9");
    plane.run_to(220.0);
    assert_eq!(
        plane.live_on("dr-ok", "d-2"),
        on_d2,
        "a cordoned node gets no pods"
    );
    plane.typed(230.0, "kubectl uncordon d-2");
    assert_eq!(
        plane.typed(231.0, "kubectl uncordon d-2"),
        ["node/d-2 already uncordoned"]
    );
    let dry =
        "kubectl drain d-2 --ignore-daemonsets --force --delete-emptydir-data --dry-run=server";
    let lines = plane.typed(240.0, dry);
    assert_eq!(lines[0], "node/d-2 cordoned (server dry run)");
    assert_eq!(
        lines.last().map(String::as_str),
        Some("node/d-2 drained (server dry run)")
    );
    assert!(lines[2..lines.len() - 1].iter().all(|line| {
        line.starts_with("evicting pod neurolake/") && line.ends_with(" (server dry run)")
    }));
    assert_eq!(plane.live_on("dr-ok", "d-2"), on_d2, "nothing has happened");
    // Without the eviction API no budget is asked.
    let direct =
        "kubectl drain d-2 --ignore-daemonsets --force --delete-emptydir-data --disable-eviction";
    plane.typed(244.9, direct);
    plane.run_to(246.0);
    for app in ["dr-ok", "dr-block", "dr-never"] {
        assert_eq!(plane.live_on(app, "d-2"), 0, "{app}");
    }
    plane.run_to(266.0);
    let lines = plane.printed();
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("pod/dr-ok-") && line.ends_with(" deleted"))
    );
    assert_eq!(lines.last().map(String::as_str), Some("node/d-2 drained"));
    plane.typed(280.0, "kubectl uncordon d-2");
    // Some of the pods only; two at a time.
    let some = "kubectl drain d-3 --ignore-daemonsets --force --delete-emptydir-data --pod-selector=app=dr-pct";
    let of_d3 = plane.live_on("dr-ok", "d-3");
    plane.typed(290.0, some);
    plane.run_to(345.0);
    assert_eq!(plane.live_on("dr-pct", "d-3"), 0);
    assert!(plane.live_on("dr-ok", "d-3") >= of_d3, "others stay");
    assert_eq!(
        plane.printed().last().map(String::as_str),
        Some("node/d-3 drained")
    );
    plane.typed(350.0, "kubectl uncordon d-3");
    // Both are cordoned first, then one is drained after the other.
    let both =
        "kubectl drain d-1 d-2 --ignore-daemonsets --force --delete-emptydir-data --timeout=100s";
    let lines = plane.typed(360.0, both);
    assert_eq!(lines[..2], ["node/d-1 cordoned", "node/d-2 cordoned"]);
    plane.run_to(470.0);
    let lines = plane.printed();
    let place = |text: &str| lines.iter().position(|line| line == text);
    let (first, second) = (place("node/d-1 drained"), place("node/d-2 drained"));
    assert!(first.is_some() && first < second, "{lines:?}");
    for node in ["d-1", "d-2"] {
        assert_eq!(plane.live_on("dr-pct", node), 0);
        assert_eq!(plane.live_on("dr-ds", node), 1);
    }
}

#[test]
fn taints() {
    let scenario = scenario("");
    let mut plane = Plane(Simulation::new(&scenario, 1));
    plane.run_to(39.0);
    let on_t1 = plane.live_on("tn-notol", "t-1");
    let taint = "kubectl taint nodes t-1 dedicated=x:NoSchedule";
    assert_eq!(plane.typed(40.1, taint), ["node/t-1 tainted"]);
    let again = "error: node t-1 already has dedicated taint(s) with same effect(s) and --overwrite is false";
    assert_eq!(plane.typed(42.0, taint), [again]);
    plane.typed(
        45.1,
        "kubectl scale deployment tn-notol tn-tol --replicas=6",
    );
    plane.run_to(79.0);
    assert_eq!(plane.live_on("tn-notol", "t-1"), on_t1, "running pods stay");
    plane.typed(80.1, "kubectl taint nodes t-1 dedicated=x:NoExecute");
    let (timed, tolerating) = (
        plane.live_on("tn-sec", "t-1"),
        plane.live_on("tn-tol", "t-1"),
    );
    plane.run_to(80.6);
    assert_eq!(plane.live_on("tn-notol", "t-1"), 0);
    plane.run_to(109.9);
    assert_eq!(plane.live_on("tn-sec", "t-1"), timed);
    plane.run_to(110.15);
    let marked = plane.told(
        "TaintManagerEviction",
        "Marking for deletion Pod neurolake/tn-sec",
    );
    assert_eq!(marked.len(), timed);
    near(marked[0], 110.16, 0.2);
    let condition = plane.pods("tn-sec");
    let condition = condition.iter().filter(|pod| pod.disrupted.is_some());
    assert_eq!(condition.count(), timed, "DisruptionTarget");
    // Their replacements tolerate NoSchedule, and may stay for another 30 s.
    plane.run_to(125.0);
    let there = plane.live_on("tn-sec", "t-1");
    plane.typed(130.0, "kubectl taint nodes t-1 dedicated-");
    plane.run_to(149.0);
    let cancelled = plane.told(
        "TaintManagerEviction",
        "Cancelling deletion of Pod neurolake/tn-sec",
    );
    assert_eq!(cancelled.len(), there);
    // Taken off in time, nobody goes who tolerates it for a while.
    plane.typed(150.1, "kubectl taint nodes t-2 dedicated=x:NoExecute");
    plane.run_to(150.8);
    assert_eq!(plane.live_on("tn-notol", "t-2"), 0);
    let there = plane.live_on("tn-sec", "t-2");
    plane.typed(165.0, "kubectl taint nodes t-2 dedicated:NoExecute-");
    plane.run_to(199.0);
    assert_eq!(plane.live_on("tn-sec", "t-2"), there);
    assert!(plane.live_on("tn-tol", "t-1") >= tolerating);
    let before = plane.live_on("tn-notol", "t-1");
    plane.typed(200.3, "kubectl taint nodes t-1 soft=y:PreferNoSchedule");
    plane.typed(205.1, "kubectl scale deployment tn-notol --replicas=12");
    plane.run_to(220.0);
    assert_eq!(
        plane.live_on("tn-notol", "t-1"),
        before,
        "all six go to the other node"
    );
    plane.typed(230.0, "kubectl taint nodes t-1 soft:PreferNoSchedule-");
    plane.typed(240.1, "kubectl taint nodes t-1 t-2 dedicated=x:NoSchedule");
    plane.typed(245.0, "kubectl scale deployment tn-notol --replicas=14");
    plane.run_to(269.0);
    assert_eq!(plane.live_on("tn-notol", ""), 2);
    let waiting = plane.pods("tn-notol");
    let why = waiting
        .iter()
        .find_map(|pod| pod.unschedulable_message.as_deref());
    assert!(
        why.is_some_and(|why| why.contains("2 node(s) had untolerated taint(s)")),
        "{why:?}"
    );
    plane.typed(270.0, "kubectl taint nodes t-1 t-2 dedicated-");
    plane.run_to(271.0);
    assert_eq!(plane.live_on("tn-notol", ""), 0);
}

#[test]
fn scheduling_gates_are_taken_off() {
    let scenario = scenario("");
    let mut plane = Plane(Simulation::new(&scenario, 1));
    plane.run_to(64.0);
    assert_eq!(
        plane.live_on("gate-dep", ""),
        2,
        "gated pods count as replicas"
    );
    let names: Vec<String> = plane
        .pods("gate-dep")
        .iter()
        .map(|pod| pod.name().to_owned())
        .collect();
    let add = format!(
        "kubectl patch pod {} --type=json -p '[{{\"op\":\"add\",\"path\":\"/spec/schedulingGates/-\",\"value\":{{\"name\":\"example.com/late\"}}}}]'",
        names[0]
    );
    let refusal = plane.typed(64.5, &add).join("\n");
    let words = "spec.schedulingGates[1].name: Forbidden: only deletion is allowed, but found new scheduling gate 'example.com/late'";
    assert!(refusal.contains(words), "{refusal}");
    for name in &names {
        let patch = format!(
            "kubectl patch pod {name} --type=json -p '[{{\"op\":\"remove\",\"path\":\"/spec/schedulingGates\"}}]'"
        );
        assert_eq!(plane.typed(64.9, &patch), [format!("pod/{name} patched")]);
    }
    plane.run_to(65.5);
    assert_eq!(plane.live_on("gate-dep", ""), 0);
    plane.run_to(90.0);
    assert_eq!(plane.ready("gate-dep"), 2);
}

#[test]
fn a_kubelet_that_stops_and_goes_on() {
    let scenario = scenario(FAULTS);
    let mut plane = Plane(Simulation::new(&scenario, 1));
    plane.run_to(119.0);
    let all = ["nf", "nf-def", "nf-sts", "nf-ds", "nf-pdb", "nf-once"];
    let there = all.map(|app| plane.live_on(app, "n-1"));
    let listed = |plane: &mut Plane<'_>, at: f64| {
        let lines = plane.typed(at, "kubectl get nodes n-1 n-2 n-3");
        let words = lines[1..].iter().map(|line| line.split_whitespace());
        let rows = words.map(|mut cells| [cells.next(), cells.next()].map(Option::unwrap));
        let rows = rows.map(|row| row.join(" "));
        rows.collect::<Vec<String>>()
    };
    let all_ready = ["n-1 Ready", "n-2 Ready", "n-3 Ready"];
    assert_eq!(listed(&mut plane, 150.4), all_ready);
    plane.run_to(158.0);
    assert_eq!(
        plane.readiness("n-1"),
        Some(Readiness::Ready),
        "nobody knows"
    );
    plane.run_to(176.0);
    assert_eq!(plane.readiness("n-1"), Some(Readiness::Unknown));
    let one_is_not = ["n-1 NotReady", "n-2 Ready", "n-3 Ready"];
    assert_eq!(listed(&mut plane, 176.0), one_is_not);
    assert_eq!(
        plane.taints("n-1"),
        ["unreachable:NoSchedule", "unreachable:NoExecute"]
    );
    let [lost] = plane.told("NodeNotReady", "Node n-1 status is now: NodeNotReady")[..] else {
        panic!("one event")
    };
    near(lost, 165.77, 10.0);
    let unready = plane.told("NodeNotReady", "Node is not ready");
    assert!(unready.len() >= there.iter().sum());
    assert_eq!(plane.ready("nf"), 6 - there[0]);
    // 30 s later those that tolerate it for so long are marked; a budget does not help.
    plane.run_to(lost + 29.5);
    assert_eq!(plane.leaving_on("nf", "n-1"), 0);
    plane.run_to(lost + 31.0);
    for (place, app) in [(0, "nf"), (2, "nf-sts"), (4, "nf-pdb")] {
        assert_eq!(plane.leaving_on(app, "n-1"), there[place], "{app}");
    }
    plane.run_to(lost + 40.0);
    assert_eq!(plane.ready("nf"), 6, "replaced on other nodes");
    assert_eq!(
        plane.ready("nf-sts"),
        3 - there[2],
        "not while the old pod is there"
    );
    for (place, app) in [(1, "nf-def"), (3, "nf-ds"), (5, "nf-once")] {
        assert_eq!(
            plane.live_on(app, "n-1"),
            there[place],
            "{app} has more time"
        );
    }
    plane.run_to(lost + 151.0);
    assert_eq!(plane.leaving_on("nf-once", "n-1"), there[5]);
    assert_eq!(
        plane.leaving_on("nf", "n-1"),
        there[0],
        "until the kubelet is back"
    );
    plane.run_to(338.0);
    for app in ["nf", "nf-sts", "nf-pdb", "nf-once"] {
        assert_eq!(plane.leaving_on(app, "n-1"), 0, "{app}");
    }
    plane.run_to(346.0);
    assert_eq!(plane.readiness("n-1"), Some(Readiness::Ready));
    assert_eq!(plane.taints("n-1"), [""; 0]);
    assert_eq!(listed(&mut plane, 346.0), all_ready);
    plane.run_to(350.0);
    assert_eq!(plane.ready("nf-def"), 3, "what has stayed is Ready again");
    assert_eq!(plane.ready("nf-sts"), 3);
}

#[test]
fn a_machine_that_is_lost_taken_out_of_service_and_deleted() {
    let scenario = scenario(FAULTS);
    let mut plane = Plane(Simulation::new(&scenario, 1));
    plane.run_to(479.0);
    let there = ["nf", "nf-def", "nf-sts", "nf-ds"].map(|app| plane.live_on(app, "n-2"));
    plane.run_to(536.0);
    let lost = plane.told("NodeNotReady", "Node n-2 status is now: NodeNotReady")[0];
    near(lost, 521.07, 15.0);
    plane.run_to(lost + 31.0);
    assert_eq!(plane.leaving_on("nf", "n-2"), there[0]);
    let list = "kubectl get pods -o wide -l app=nf";
    let terminating = |lines: Vec<String>| {
        let such = lines.iter().filter(|line| line.contains(" Terminating "));
        such.filter(|line| line.contains(" n-2 ")).count()
    };
    assert_eq!(terminating(plane.typed(575.0, list)), there[0]);
    plane.run_to(579.0);
    assert_eq!(plane.ready("nf"), 6);
    assert_eq!(
        plane.live_on("nf-def", "n-2"),
        there[1],
        "300 s are not over"
    );
    plane.typed(
        580.0,
        "kubectl taint nodes n-2 node.kubernetes.io/out-of-service=nodeshutdown:NoExecute",
    );
    plane.run_to(580.9);
    assert_eq!(
        plane.live_on("nf-def", "n-2") + plane.live_on("nf-ds", "n-2"),
        0
    );
    // The collector looks every 20 s.
    plane.run_to(601.0);
    for app in ["nf", "nf-def", "nf-sts", "nf-ds"] {
        assert_eq!(plane.leaving_on(app, "n-2"), 0, "{app}");
    }
    let running = plane.typed(615.0, list);
    assert_eq!(
        running
            .iter()
            .filter(|line| line.contains(" Running "))
            .count(),
        6
    );
    assert_eq!(running.len(), 7);
    plane.run_to(624.0);
    assert_eq!(plane.ready("nf-sts"), 3, "on other nodes");
    plane.run_to(627.0);
    assert_eq!(plane.readiness("n-2"), Some(Readiness::Ready));
    plane.run_to(639.0);
    assert_eq!(plane.taints("n-2"), ["out-of-service:NoExecute"]);
    assert_eq!(plane.live_on("nf-ds", "n-2"), 0);
    plane.typed(
        640.0,
        "kubectl taint nodes n-2 node.kubernetes.io/out-of-service-",
    );
    plane.run_to(646.0);
    assert_eq!(plane.live_on("nf-ds", "n-2"), 1);
    // A node that is deleted: its pods stay until the collector has missed it for 40 s.
    plane.run_to(679.0);
    let on_n3 = plane.live_on("nf", "n-3");
    plane.typed(680.0, "kubectl delete node n-3");
    plane.run_to(719.0);
    assert_eq!(plane.ready("nf"), 6);
    plane.run_to(755.0);
    let lives: usize = ["n-1", "n-2"]
        .iter()
        .map(|node| plane.live_on("nf", node))
        .sum();
    assert_eq!((lives, plane.ready("nf")), (6, 6), "{on_n3} have moved");
    assert_eq!(plane.ready("nf-sts"), 3);
}

/// The sizes that an HPA has written, with their times.
fn scales(recording: &nlsim::record::Recording, name: &str) -> Vec<(f64, i32)> {
    let place = recording.hpas.iter().position(|one| one.name == name);
    let of_it = |one: &nlsim::record::DecisionRecord<'_>| Some(one.hpa) == place && one.written;
    let written = recording.decisions.iter().filter(of_it);
    written
        .map(|one| (one.time.as_secs_f64(), one.desired))
        .collect()
}

fn same_scales(ours: &[(f64, i32)], recorded: &[(f64, i32)], tolerance: f64) {
    let sizes = |all: &[(f64, i32)]| all.iter().map(|one| one.1).collect::<Vec<i32>>();
    assert_eq!(sizes(ours), sizes(recorded), "{ours:?}");
    for (one, other) in ours.iter().zip(recorded) {
        near(one.0, other.0, tolerance);
    }
}

#[test]
fn an_hpa_that_wants_more_pods_than_fit() {
    let scenario = scenario("");
    let mut plane = Plane(Simulation::new(&scenario, 1));
    plane.run_to(300.0);
    let on = plane.on("too-hpa");
    assert_eq!((on["f2-1"].0, on[""].0), (8, 8));
    plane.run_to(440.0);
    assert_eq!(
        plane
            .pods("too-hpa")
            .iter()
            .filter(|pod| pod.is_active())
            .count(),
        2
    );
    let recorded = [
        (68.27, 4),
        (83.28, 6),
        (113.31, 8),
        (188.37, 13),
        (203.38, 16),
        (428.86, 2),
    ];
    same_scales(&scales(plane.0.recording(), "too-hpa"), &recorded, 2.0);
}

#[test]
fn hpas_while_a_node_is_away() {
    let scenario = scenario(FAULTS);
    let mut plane = Plane(Simulation::new(&scenario, 1));
    plane.run_to(470.0);
    let recording = plane.0.recording();
    // Pods that are not Ready or have no metrics count as idle: six stay six.
    assert_eq!(scales(recording, "nf"), []);
    let sizes: Vec<i32> = scales(recording, "nf-up").iter().map(|one| one.1).collect();
    let ends = sizes
        .iter()
        .position(|size| *size == 6)
        .expect("it gets there");
    assert!(sizes[..ends].is_sorted(), "{sizes:?}");
}

#[test]
fn an_hpa_scales_down_after_a_roll_out() {
    let scenario = scenario("");
    let mut plane = Plane(Simulation::new(&scenario, 1));
    plane.applied(
        291.3,
        json!({
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "rd", "namespace": "neurolake"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "rd"},
                "minReplicas": 2,
                "maxReplicas": 20,
                "metrics": [{"type": "Resource", "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 50},
                }}],
                "behavior": {"scaleDown": {
                    "stabilizationWindowSeconds": 0,
                    "policies": [{"type": "Pods", "value": 2, "periodSeconds": 15}],
                }},
            },
        }),
    );
    plane.run_to(420.0);
    let before = scales(plane.0.recording(), "rd");
    plane.typed(
        425.0,
        "kubectl set image deployment/rd app=neurolake/app:2.0",
    );
    plane.run_to(425.6);
    let live = |plane: &Plane<'_>| {
        let pods = plane.pods("rd");
        pods.iter().filter(|pod| pod.is_active()).count()
    };
    assert_eq!(live(&plane), 15, "three more than wanted");
    plane.typed(425.7, "kubectl rollout status deployment/rd --timeout=150s");
    plane.run_to(448.5);
    assert_eq!((live(&plane), plane.ready("rd")), (12, 12));
    plane.run_to(560.0);
    let printed = plane.printed_by("kubectl -n neurolake rollout status");
    let done = "deployment \"rd\" successfully rolled out";
    assert_eq!(printed.last().map(String::as_str), Some(done));
    let waiting = "Waiting for deployment \"rd\" rollout to finish: 6 out of 12 new replicas have been updated...";
    assert_eq!(printed[0], waiting);
    let after = scales(plane.0.recording(), "rd");
    let after = &after[before.len()..];
    let sizes: Vec<i32> = after.iter().map(|one| one.1).collect();
    assert_eq!(sizes, [10, 8, 6, 4, 3], "{after:?}");
    near(after[0].0, 471.5, 16.0);
    for pair in after.windows(2) {
        near(pair[1].0 - pair[0].0, 15.0, 0.5);
    }
}
