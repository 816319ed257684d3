//! The choice by classes against a pass over all nodes.

use crate::api::Readiness;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::api::Kind;
use crate::api::{
    Amounts, EventSink, ObjectId, ObjectMeta, Pod, PodDraws, PodPhase, PodTemplate, PodWrite, Uid,
    WorkloadId, Write,
};
use crate::cluster::spec::{ClusterConfig, ContainerSpec};
use crate::sim::{SimTime, Streams};
use crate::units::{Bytes, Millicores};

/// The best node as upstream finds it: all nodes filtered, all candidates scored.
fn by_a_pass(id: PodId, store: &Store, scores_change: bool, tie: f64) -> Result<NodeId, Diagnosis> {
    let Some(pod) = store.pod(id) else {
        return Err(Diagnosis::default());
    };
    let search = Search::new(id, pod, store, &[]);
    let feasible = search.feasible(Walk::ALL).0?;
    let best = search.best(&feasible, scores_change, tie);
    best.ok_or_else(Diagnosis::default)
}

fn node(number: usize, cpu: i64, zone: Option<usize>, max_pods: u32) -> Node {
    let name = format!("node-{number}");
    let size = Amounts {
        cpu: Millicores(cpu),
        memory: Bytes(cpu << 22),
    };
    let labels = Labels::from([("disk".to_owned(), ["ssd", "hdd"][number % 2].to_owned())]);
    Node {
        meta: ObjectMeta {
            labels: Arc::new(labels),
            ..ObjectMeta::new("", &name, Uid(number as u64), SimTime::ZERO)
        },
        group: 0,
        zone,
        capacity: size,
        allocatable: size,
        max_pods,
        daemons: Amounts {
            cpu: Millicores(100),
            memory: Bytes(1 << 26),
        },
        extended: Arc::default(),
        unschedulable: false,
        taints: Vec::new(),
        readiness: Readiness::Ready,
        ready_transition: SimTime::ZERO,
        memory_pressure: None,
    }
}

fn template(cpu: Option<i64>, memory: Option<i64>, on_ssd: bool) -> Arc<PodTemplate> {
    let container = ContainerSpec {
        cpu_request: cpu.map(Millicores),
        memory_request: memory.map(|mib| Bytes(mib << 20)),
        ..ContainerSpec::default()
    };
    let labels = on_ssd.then(|| ("disk".to_owned(), "ssd".to_owned()));
    Arc::new(PodTemplate {
        containers: vec![container],
        node_selector: labels.into_iter().collect(),
        ..PodTemplate::default()
    })
}

#[derive(Debug, Clone)]
enum Op {
    /// A pod of this workload, to be placed.
    Place(usize),
    Delete(usize),
    End(usize),
    Cordon(usize, bool),
    Ready(usize, bool),
    Relabel(usize),
    AddNode(i64, Option<usize>),
    RemoveNode(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        30 => (0..5usize).prop_map(Op::Place),
        4 => any::<usize>().prop_map(Op::Delete),
        6 => any::<usize>().prop_map(Op::End),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(node, off)| Op::Cordon(node, off)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(node, on)| Op::Ready(node, on)),
        1 => any::<usize>().prop_map(Op::Relabel),
        1 => (500..8000i64, prop::option::of(0..3usize)).prop_map(|(cpu, zone)| Op::AddNode(cpu, zone)),
        1 => any::<usize>().prop_map(Op::RemoveNode),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_choice_is_that_of_a_pass_over_all_nodes(
        sizes in prop::collection::vec((prop_oneof![Just(4000i64), 500..8000i64], prop::option::of(0..3usize), 2..12u32), 1..14),
        zoned in any::<bool>(),
        scores_change in any::<bool>(),
        ops in prop::collection::vec(op(), 1..160),
    ) {
        let config = ClusterConfig { balanced_allocation_v136: scores_change, ..ClusterConfig::default() };
        let mut scheduler = Scheduler::new(&config);
        let (mut store, mut draws, mut events) = (Store::default(), PodDraws::default(), EventSink::new(false));
        let now = SimTime::ZERO;
        for (number, (cpu, zone, max_pods)) in sizes.into_iter().enumerate() {
            let node = node(number, cpu, zone.filter(|_| zoned), max_pods);
            store.commit(now, Write::CreateNode(Box::new(node)));
        }
        let kinds = [Kind::Deployment, Kind::Deployment, Kind::StatefulSet, Kind::Job, Kind::Deployment];
        for (number, kind) in kinds.into_iter().enumerate() {
            store.commit(now, Write::Workload(kind, "default".into(), format!("w{number}").into()));
        }
        let templates = [
            template(Some(250), Some(128), false),
            template(Some(250), Some(128), false),
            template(None, None, false),
            template(Some(900), None, false),
            template(Some(300), Some(700), true),
        ];
        let mut pods: Vec<PodId> = Vec::new();
        let streams = Streams::new(3);
        for (number, op) in ops.into_iter().enumerate() {
            let nodes: Vec<NodeId> = store.nodes().map(|(id, _)| id).collect();
            let some_node = |at: usize| (!nodes.is_empty()).then(|| nodes[at % nodes.len()]);
            let some_pod = |at: usize| (!pods.is_empty()).then(|| pods[at % pods.len()]);
            match op {
                Op::Place(workload) => {
                    let meta = ObjectMeta::new("default", &format!("p{number}"), Uid(number as u64), now);
                    let pod = Pod::new(meta, WorkloadId(workload as u32), Arc::clone(&templates[workload]));
                    let made = store.commit(now, Write::CreatePod(Box::new(pod)));
                    let Some(ObjectId::Pod(id)) = made else { unreachable!() };
                    draws.add(id, streams.nth(number as u64));
                    let expected = by_a_pass(id, &store, scores_change, draws.tie_breaker(id));
                    let mut timers = |_, ()| {};
                    let context = Context { now, store: &mut store, draws: &mut draws, events: &mut events, timers: &mut timers };
                    let found = scheduler.attempt(id, &context).map_err(|unfit| (*unfit).clone());
                    let node = found.clone().ok();
                    prop_assert_eq!(found, expected);
                    if let Some(node) = node {
                        store.commit(now, Write::Pod(id, PodWrite::Assume(node)));
                        pods.push(id);
                    }
                }
                Op::Delete(at) => if let Some(id) = some_pod(at) {
                    store.commit(now, Write::Pod(id, PodWrite::Delete { deadline: now }));
                },
                Op::End(at) => if let Some(id) = some_pod(at) {
                    store.commit(now, Write::Pod(id, PodWrite::End(PodPhase::Failed)));
                    store.commit(now, Write::RemovePod(id));
                    store.commit(now, Write::Forget(id));
                    pods.retain(|other| *other != id);
                },
                Op::Cordon(at, off) => if let Some(node) = some_node(at) {
                    store.commit(now, Write::Cordon(node, off));
                },
                Op::Ready(at, on) => if let Some(node) = some_node(at) {
                    store.commit(now, Write::Readiness(node, if on { Readiness::Ready } else { Readiness::Stopping }));
                },
                Op::Relabel(at) => if let Some(node) = some_node(at) {
                    store.commit(now, Write::Labels(ObjectId::Node(node), Arc::default()));
                },
                Op::AddNode(cpu, zone) => {
                    let node = node(1000 + number, cpu, zone.filter(|_| zoned), 5);
                    store.commit(now, Write::CreateNode(Box::new(node)));
                }
                Op::RemoveNode(at) => if let Some(node) = some_node(at) {
                    let gone: Vec<PodId> = pods.extract_if(.., |id| store.pod(*id).is_some_and(|pod| pod.node == Some(node))).collect();
                    for id in gone {
                        store.commit(now, Write::RemovePod(id));
                        store.commit(now, Write::Forget(id));
                    }
                    store.commit(now, Write::Delete(ObjectId::Node(node)));
                },
            }
        }
        prop_assert_eq!(store.audit(), Ok(()));
    }
}

#[test]
fn large_clusters_are_not_looked_through() {
    for (nodes, percentage, enough) in [
        (99, 0, 99),
        (100, 0, 100),
        (250, 0, 120),
        (1000, 0, 420),
        (5000, 0, 500),
        (6000, 0, 300),
        (1000, 30, 300),
        (200, 10, 100),
        (5000, 100, 5000),
    ] {
        assert_eq!(
            feasible_nodes_to_find(nodes, percentage),
            enough,
            "{nodes} {percentage}"
        );
    }
}
