//! The choice by classes against a pass over all nodes.

use crate::api::Readiness;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::*;
use crate::api::Kind;
use crate::api::{
    Amounts, EventSink, ObjectId, ObjectMeta, Pod, PodDraws, PodPhase, PodTemplate, PodWrite, Uid,
    WorkloadId, Write,
};
use crate::cluster::spec::{ClusterConfig, ContainerSpec};
use crate::sim::{SimTime, Streams};
use crate::units::{Bytes, Millicores};

/// The best node as upstream finds it: one node after the other filtered, all candidates scored;
/// and how many were looked at.
fn by_a_pass(
    id: PodId,
    store: &Store,
    scores_change: bool,
    tie: f64,
    walk: Walk<'_>,
) -> (Result<NodeId, Diagnosis>, usize) {
    let Some(pod) = store.pod(id) else {
        return (Err(Diagnosis::default()), 0);
    };
    let search = Search::new(id, pod, store, &[]);
    let (feasible, looked) = search.feasible(walk);
    let best = feasible.map(|feasible| search.best(&feasible, scores_change, tie));
    let best = best.and_then(|best| best.ok_or_else(Diagnosis::default));
    (best, looked)
}

fn node(number: usize, cpu: i64, zone: Option<usize>, max_pods: u32) -> Node {
    let name = format!("node-{number}");
    let size = Amounts {
        cpu: Millicores(cpu),
        memory: Bytes(cpu << 22),
    };
    let mut labels = Labels::from([("disk".to_owned(), ["ssd", "hdd"][number % 2].to_owned())]);
    if let Some(zone) = zone {
        labels.insert("topology.kubernetes.io/zone".to_owned(), zone.to_string());
    }
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
        images: Vec::new(),
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
    /// A node has the image of the first template.
    Pull(usize),
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
        2 => any::<usize>().prop_map(Op::Pull),
    ]
}

/// What the pods of the first template need.
const IMAGE: &str = "registry.example/app:1";

/// The sizes of nodes: CPU, zone, pods at most.
type Sizes = Vec<(i64, Option<usize>, u32)>;

fn sizes(nodes: std::ops::Range<usize>) -> impl Strategy<Value = Sizes> {
    let cpu = prop_oneof![Just(4000i64), 500..8000i64];
    prop::collection::vec((cpu, prop::option::of(0..3usize), 2..12u32), nodes)
}

/// A scheduler that hears of all changes of its store.
struct Rig {
    store: Store,
    draws: PodDraws,
    events: EventSink,
    scheduler: Scheduler,
    scores_change: bool,
    pods: Vec<PodId>,
}

impl Rig {
    fn new(config: &ClusterConfig, nodes: Vec<Node>) -> Self {
        let mut rig = Self {
            store: Store::default(),
            draws: PodDraws::default(),
            events: EventSink::new(false),
            scheduler: Scheduler::new(config),
            scores_change: config.balanced_allocation_v136,
            pods: Vec::new(),
        };
        for node in nodes {
            rig.commit(Write::CreateNode(Box::new(node)));
        }
        let kinds = [
            Kind::Deployment,
            Kind::Deployment,
            Kind::StatefulSet,
            Kind::Job,
            Kind::Deployment,
        ];
        for (number, kind) in kinds.into_iter().enumerate() {
            let name = format!("w{number}");
            rig.commit(Write::Workload(kind, "default".into(), name.into()));
        }
        rig
    }

    fn with<T>(
        &mut self,
        act: impl FnOnce(&mut Scheduler, &mut Context<'_, crate::scheduler::Event>) -> T,
    ) -> T {
        let mut context = Context {
            now: SimTime::ZERO,
            store: &mut self.store,
            draws: &mut self.draws,
            events: &mut self.events,
            timers: &mut |_, _| {},
        };
        act(&mut self.scheduler, &mut context)
    }

    fn commit(&mut self, write: Write) -> Option<ObjectId> {
        let made = self.store.commit(SimTime::ZERO, write);
        self.with(|scheduler, context| {
            while let Some(change) = context.store.next_change() {
                scheduler.observe(change, context);
            }
        });
        made
    }

    fn remove(&mut self, pod: PodId) {
        self.commit(Write::RemovePod(pod));
        self.commit(Write::Forget(pod));
        self.pods.retain(|other| *other != pod);
    }

    /// The node of a new pod, by the scheduler's way and by a pass.
    fn place(
        &mut self,
        number: usize,
        workload: usize,
        template: &Arc<PodTemplate>,
    ) -> TestCaseResult {
        let meta = ObjectMeta::new(
            "default",
            &format!("p{number}"),
            Uid(number as u64),
            SimTime::ZERO,
        );
        let pod = Pod::new(meta, WorkloadId(workload as u32), Arc::clone(template));
        let Some(ObjectId::Pod(id)) = self.commit(Write::CreatePod(Box::new(pod))) else {
            unreachable!()
        };
        self.draws.add(id, Streams::new(3).nth(number as u64));
        let start = self.scheduler.next_start;
        let walk = Walk {
            order: Some(self.scheduler.node_tree.order().nodes()),
            start,
            percentage: self.scheduler.percentage,
        };
        let tie = self.draws.tie_breaker(id);
        let (expected, looked) = by_a_pass(id, &self.store, self.scores_change, tie, walk);
        let found = self.with(|scheduler, context| scheduler.attempt(id, context));
        let found = found.map_err(|unfit| (*unfit).clone());
        let node = found.clone().ok();
        prop_assert_eq!(found, expected);
        let nodes = self.store.node_count().max(1);
        let next = self.scheduler.next_start;
        prop_assert_eq!(next % nodes, (start + looked) % nodes);
        if let Some(node) = node {
            self.commit(Write::Pod(id, PodWrite::Assume(node)));
            self.pods.push(id);
        }
        Ok(())
    }
}

/// The scheduler chooses as a pass does, whatever happens.
fn compare(sizes: Sizes, zoned: bool, config: &ClusterConfig, ops: Vec<Op>) -> TestCaseResult {
    let nodes = sizes.into_iter().enumerate();
    let nodes = nodes
        .map(|(number, (cpu, zone, max_pods))| node(number, cpu, zone.filter(|_| zoned), max_pods));
    let mut rig = Rig::new(config, nodes.collect());
    let mut pulled = template(Some(250), Some(128), false);
    Arc::make_mut(&mut pulled).containers[0].image = IMAGE.to_owned();
    let templates = [
        pulled,
        template(Some(250), Some(128), false),
        template(None, None, false),
        template(Some(900), None, false),
        template(Some(300), Some(700), true),
    ];
    for (number, op) in ops.into_iter().enumerate() {
        let nodes: Vec<NodeId> = rig.store.nodes().map(|(id, _)| id).collect();
        let some_node = |at: usize| (!nodes.is_empty()).then(|| nodes[at % nodes.len()]);
        let pods = &rig.pods;
        let some_pod = |at: usize| (!pods.is_empty()).then(|| pods[at % pods.len()]);
        match op {
            Op::Place(workload) => rig.place(number, workload, &templates[workload])?,
            Op::Delete(at) => {
                if let Some(id) = some_pod(at) {
                    let deadline = SimTime::ZERO;
                    rig.commit(Write::Pod(id, PodWrite::Delete { deadline }));
                }
            }
            Op::End(at) => {
                if let Some(id) = some_pod(at) {
                    rig.commit(Write::Pod(id, PodWrite::End(PodPhase::Failed)));
                    rig.remove(id);
                }
            }
            Op::Cordon(at, off) => {
                if let Some(node) = some_node(at) {
                    rig.commit(Write::Cordon(node, off));
                }
            }
            Op::Ready(at, on) => {
                if let Some(node) = some_node(at) {
                    let readiness = if on {
                        Readiness::Ready
                    } else {
                        Readiness::Stopping
                    };
                    rig.commit(Write::Readiness(node, readiness));
                }
            }
            Op::Relabel(at) => {
                if let Some(node) = some_node(at) {
                    rig.commit(Write::Labels(ObjectId::Node(node), Arc::default()));
                }
            }
            Op::AddNode(cpu, zone) => {
                let node = node(1000 + number, cpu, zone.filter(|_| zoned), 5);
                rig.commit(Write::CreateNode(Box::new(node)));
            }
            Op::Pull(at) => {
                if let Some(node) = some_node(at) {
                    rig.commit(Write::Image(node, IMAGE.into(), Bytes(900 << 20)));
                }
            }
            Op::RemoveNode(at) => {
                if let Some(node) = some_node(at) {
                    let is_there = |id: &&PodId| {
                        rig.store
                            .pod(**id)
                            .is_some_and(|pod| pod.node == Some(node))
                    };
                    let gone: Vec<PodId> = rig.pods.iter().filter(is_there).copied().collect();
                    for id in gone {
                        rig.remove(id);
                    }
                    rig.commit(Write::Delete(ObjectId::Node(node)));
                }
            }
        }
    }
    prop_assert_eq!(rig.store.audit(), Ok(()));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_choice_is_that_of_a_pass_over_all_nodes(
        sizes in sizes(1..14),
        zoned in any::<bool>(),
        balanced_allocation_v136 in any::<bool>(),
        ops in prop::collection::vec(op(), 1..160),
    ) {
        let config = ClusterConfig { balanced_allocation_v136, ..ClusterConfig::default() };
        compare(sizes, zoned, &config, ops)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn in_a_large_cluster_it_is_that_of_a_pass_that_ends_early(
        sizes in sizes(96..180),
        zoned in any::<bool>(),
        percentage_of_nodes_to_score in prop_oneof![Just(0u32), 1..100u32],
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let config = ClusterConfig { percentage_of_nodes_to_score, ..ClusterConfig::default() };
        compare(sizes, zoned, &config, ops)?;
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
