//! The Cluster Autoscaler's filters are the scheduler's: for whatever pods and nodes, both let the same pods
//! onto the same nodes.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::View;
use crate::api::{NodeId, PodId};
use crate::autoscaler::cluster_autoscaler::Options;
use crate::autoscaler::cluster_autoscaler::simulator::cluster::Cluster;
use crate::scenario::{InMemory, Loaded, Scenario};
use crate::scheduler::Scheduler;
use crate::sim::{SimDuration, SimTime};
use crate::world::Simulation;

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";

/// What a workload asks of its nodes, each of one of a few kinds.
#[derive(Debug, Clone)]
struct Asks {
    replicas: u32,
    milli: u32,
    /// Selector and node affinity.
    nodes: usize,
    tolerations: usize,
    spread: usize,
    affinity: usize,
    ports: usize,
}

fn asks() -> impl Strategy<Value = Asks> {
    let kinds = (0usize..7, 0usize..4, 0usize..7, 0usize..8, 0usize..5);
    (1u32..4, 100u32..1200, kinds).prop_map(|(replicas, milli, kinds)| Asks {
        replicas,
        milli,
        nodes: kinds.0,
        tolerations: kinds.1,
        spread: kinds.2,
        affinity: kinds.3,
        ports: kinds.4,
    })
}

/// Lines of a pod's spec.
fn placement(asks: &Asks, name: &str, others: &str) -> String {
    let required = |expression: &str| {
        format!(
            "nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: [{{matchExpressions: [{expression}]}}]}}}}"
        )
    };
    let (selector, node_affinity) = match asks.nodes {
        1 => ("nodeSelector: {pool: a}".to_owned(), String::new()),
        2 => (
            String::new(),
            required(&format!("{{key: {ZONE}, operator: In, values: [z1, z2]}}")),
        ),
        3 => (
            String::new(),
            required("{key: pool, operator: NotIn, values: [a]}"),
        ),
        4 => (
            String::new(),
            required("{key: cores, operator: Gt, values: [\"2\"]}"),
        ),
        5 => (
            String::new(),
            required("{key: gpu, operator: DoesNotExist}"),
        ),
        _ => Default::default(),
    };
    let tolerations = match asks.tolerations {
        1 => "tolerations: [{key: team, operator: Equal, value: red, effect: NoSchedule}]",
        2 => "tolerations: [{operator: Exists}]",
        3 => "tolerations: [{key: node.kubernetes.io/unschedulable, operator: Exists}]",
        _ => "",
    };
    let constraint = |key: &str, skew: u32, further: &str| {
        format!(
            "topologySpreadConstraints: [{{maxSkew: {skew}, topologyKey: {key}, whenUnsatisfiable: DoNotSchedule, labelSelector: {{matchLabels: {{app: {name}}}}}{further}}}]"
        )
    };
    let spread = match asks.spread {
        1 => constraint(HOST, 1, ""),
        2 => constraint(ZONE, 1, ""),
        3 => constraint(ZONE, 2, ", nodeTaintsPolicy: Honor"),
        4 => constraint(ZONE, 1, ", minDomains: 3"),
        5 => constraint(ZONE, 1, ", nodeAffinityPolicy: Ignore"),
        6 => constraint("pool", 1, ", matchLabelKeys: [pod-template-hash]"),
        _ => String::new(),
    };
    let term = |key: &str, app: &str| {
        format!(
            "{{requiredDuringSchedulingIgnoredDuringExecution: [{{topologyKey: {key}, labelSelector: {{matchLabels: {{app: {app}}}}}}}]}}"
        )
    };
    let near = match asks.affinity {
        1 => format!("podAntiAffinity: {}", term(HOST, name)),
        2 => format!("podAntiAffinity: {}", term(ZONE, others)),
        3 => format!("podAffinity: {}", term(ZONE, name)),
        4 => format!("podAffinity: {}", term(HOST, others)),
        5 => format!("podAntiAffinity: {}", term(HOST, others)),
        6 => format!(
            "podAffinity: {}, podAntiAffinity: {}",
            term(ZONE, others),
            term(HOST, name)
        ),
        _ => String::new(),
    };
    let affinity: Vec<String> = [node_affinity, near]
        .into_iter()
        .filter(|one| !one.is_empty())
        .collect();
    let affinity = if affinity.is_empty() {
        String::new()
    } else {
        format!("affinity: {{{}}}", affinity.join(", "))
    };
    let lines = [selector, tolerations.to_owned(), spread, affinity];
    let mut made = String::new();
    for line in lines.iter().filter(|one| !one.is_empty()) {
        let _ = writeln!(made, "      {line}");
    }
    made
}

fn ports(asks: &Asks) -> &'static str {
    match asks.ports {
        1 => "ports: [{containerPort: 80, hostPort: 80}]",
        2 => "ports: [{containerPort: 80, hostPort: 80, protocol: UDP}]",
        3 => "ports: [{containerPort: 80, hostPort: 80, hostIP: 10.0.0.1}]",
        4 => "ports: [{containerPort: 80, hostPort: 80, hostIP: 10.0.0.2}]",
        _ => "ports: []",
    }
}

fn scenario(all: &[Asks]) -> Scenario {
    let mut manifests = String::new();
    for (place, asks) in all.iter().enumerate() {
        let name = format!("w{place}");
        let others = format!("w{}", (place + 1) % all.len());
        let _ = write!(
            manifests,
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      terminationGracePeriodSeconds: 1\n{}      containers: [{{name: c, image: \"x:1\", {}, resources: {{requests: {{cpu: {}m, memory: 64Mi}}}}}}]\n",
            asks.replicas,
            placement(asks, &name, &others),
            ports(asks),
            asks.milli,
        );
    }
    let group = |name: &str, zone: &str, cores: u32, more: &str| {
        format!(
            "[[node_group]]\nname = \"{name}\"\nzone = \"{zone}\"\ncount = 2\nmin = 0\nmax = 4\ncpu = \"{cores}\"\nmemory = \"8Gi\"\nmax_pods = 5\n{more}\n"
        )
    };
    let toml = [
        "name = \"filters\"\nmanifests = \"all.yaml\"\n[simulation]\nduration = \"1h\"\n",
        &group("a", "z1", 2, "labels = { pool = \"a\", cores = \"2\" }"),
        &group(
            "b",
            "z2",
            4,
            "labels = { pool = \"b\", cores = \"4\", gpu = \"yes\" }",
        ),
        &group(
            "c",
            "z3",
            2,
            "labels = { pool = \"a\" }\ntaints = [\"team=red:NoSchedule\"]",
        ),
        "[[action]]\nat = \"1s\"\nkubectl = \"kubectl cordon b-2\"\n",
        "[[action]]\nat = \"6s\"\nkubectl = \"kubectl scale deployment/w0 deployment/w1 --replicas=0\"\n",
        "[controllers.scheduler]\npop-from-backoff = false\n",
    ]
    .concat();
    let files = InMemory::new([("s.toml", &*toml), ("all.yaml", &*manifests)]);
    let loaded = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    loaded
        .unwrap_or_else(|all| panic!("{}", all.render(false)))
        .scenario
}

/// What both say of each pod, were it to go to a node that it is not on: pod, node, scheduler,
/// autoscaler.
fn judgements(simulation: &Simulation<'_>) -> Vec<(String, String, bool, bool)> {
    let scenario = simulation.scenario;
    let options = &scenario.controllers.cluster_autoscaler.group_options;
    let groups = (&scenario.node_groups[..], &options[..]);
    let mut view = View::new(groups, None, None, &Options::default(), 0);
    for (id, pod) in simulation.store.pods() {
        view.touch(id, pod);
    }
    for (id, _) in simulation.store.nodes() {
        view.touch_node(id);
    }
    view.update(&simulation.store, &simulation.machines);
    let seen = view.observation(simulation.now());
    let mut cluster = Cluster::default();
    cluster.take_in(&seen, &Options::default());
    let mut snapshot = cluster.lend(&seen, 0);
    let mut made = Vec::new();
    for seen_pod in seen.pods.iter().filter(|one| one.deletion.is_none()) {
        let Some(id) = view.key_of(seen_pod.id) else {
            continue;
        };
        let pod = simulation.store.pod(id).expect("it is seen");
        for node in seen.nodes {
            let instance = super::view::instance_id(node.id);
            let Some(on) = simulation.cloud.instance(instance).node else {
                continue;
            };
            if pod.node == Some(on) {
                continue;
            }
            let slot = snapshot.slot(node.id).expect("a slot");
            made.push((
                pod.name().to_owned(),
                simulation.store.node(on).name().to_owned(),
                lets(id, on, simulation),
                snapshot.check(seen_pod.class, slot).is_ok(),
            ));
        }
    }
    made
}

fn lets(pod: PodId, node: NodeId, simulation: &Simulation<'_>) -> bool {
    Scheduler::lets(pod, node, &simulation.store)
}

/// The same at moments at which pods of the first two workloads run, end and are gone, while others have yet
/// to be tried again.
fn all_judgements(all: &[Asks]) -> Vec<(String, String, bool, bool)> {
    let scenario = scenario(all);
    let mut simulation = Simulation::new(&scenario, 7);
    let mut made = Vec::new();
    for moment in [5000, 6500, 7300, 7600, 8000, 9000] {
        let time = SimTime::ZERO + SimDuration::from_millis(moment);
        simulation.step_until(time).expect("no endless loop");
        made.extend(judgements(&simulation));
    }
    made
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn both_let_the_same_pods_onto_the_same_nodes(all in prop::collection::vec(asks(), 3..8)) {
        for (pod, node, scheduler, autoscaler) in all_judgements(&all) {
            prop_assert_eq!(scheduler, autoscaler, "{} on {}", pod, node);
        }
    }
}

/// The test has something to look at: pods that go where they are let, and pods that are let nowhere.
#[test]
fn some_are_let_and_some_are_not() {
    let asks = |milli, tolerations, spread, affinity, ports| Asks {
        replicas: 3,
        milli,
        nodes: 0,
        tolerations,
        spread,
        affinity,
        ports,
    };
    let all = [
        asks(200, 0, 0, 0, 1),
        asks(200, 2, 0, 0, 0),
        asks(300, 1, 1, 0, 0),
        asks(300, 2, 0, 0, 3),
        asks(200, 2, 0, 1, 2),
        asks(1400, 0, 2, 5, 1),
    ];
    let found = all_judgements(&all);
    let let_in = found.iter().filter(|one| one.2).count();
    assert!(
        let_in > 100 && found.len() - let_in > 100,
        "{let_in} of {}",
        found.len()
    );
    assert!(found.iter().all(|one| one.2 == one.3), "{found:?}");
}
