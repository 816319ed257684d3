//! The parts, one by one.

use std::sync::Arc;

use super::rig::{amount, group, secs, shape};
use crate::autoscaler::cluster_autoscaler::drain::{
    BlockingReason, DrainContext, Drainability, drainability,
};
use crate::autoscaler::cluster_autoscaler::estimator::{
    Limiter, PodEquivalenceGroup, cluster_capacity, estimate, similar_groups_capacity,
};
use crate::autoscaler::cluster_autoscaler::events::Events;
use crate::autoscaler::cluster_autoscaler::expander::{
    ExpanderContext, ExpanderKind, ExpansionOption, preferred_node, survivors,
};
use crate::autoscaler::cluster_autoscaler::loop_trigger::starts_loop;
use crate::autoscaler::cluster_autoscaler::options::MinMax;
use crate::autoscaler::cluster_autoscaler::pdb::RemainingPdbTracker;
use crate::autoscaler::cluster_autoscaler::scale_down::budgets::{GroupView, crop_nodes};
use crate::autoscaler::cluster_autoscaler::scale_up::quotas::Tracker;
use crate::autoscaler::cluster_autoscaler::simulator::snapshot::Snapshot;
use crate::autoscaler::cluster_autoscaler::simulator::templates::Template;
use crate::autoscaler::cluster_autoscaler::{
    ClassId, Controller, ControllerId, ControllerKind, Effect, GroupId, NodeId, Options, Pdb, Pod,
    PodClass, PodId, Resources, SafeToEvict, Taint, taints,
};
use crate::sim::{SimDuration, SimTime};

fn pod() -> Pod {
    Pod {
        id: PodId(0),
        class: ClassId(0),
        controller: Some(ControllerId(0)),
        node: Some(NodeId(0)),
        created: SimTime::ZERO,
        deletion: None,
        finished: false,
    }
}

/// What the rules say of one pod at `at`, with its controller at these replicas.
fn ruled(
    options: &Options,
    pod: &Pod,
    class: &PodClass,
    replicas: Option<i32>,
    at: i64,
) -> Drainability {
    let controllers = [replicas.map(|replicas| Controller { replicas })];
    let context = DrainContext {
        options,
        pdbs: &RemainingPdbTracker::default(),
        controllers: Some(&controllers),
        now: secs(at),
    };
    drainability(&context, pod, class)
}

#[test]
fn a_missing_or_small_controller_blocks() {
    let mut options = Options::default();
    let class = PodClass::new(Resources::default());
    let blocked = |reason| Drainability::Block(reason);
    let ask =
        |options: &Options, class: &PodClass, replicas| ruled(options, &pod(), class, replicas, 0);
    assert_eq!(
        ask(&options, &class, None),
        blocked(BlockingReason::ControllerNotFound)
    );
    assert_eq!(ask(&options, &class, Some(0)), Drainability::Ok);
    options.min_replica_count = 2;
    assert_eq!(
        ask(&options, &class, Some(1)),
        blocked(BlockingReason::MinReplicasReached)
    );
    // Only ReplicaSets and ReplicationControllers are counted.
    let job = PodClass {
        kind: ControllerKind::Job,
        ..class.clone()
    };
    assert_eq!(ask(&options, &job, Some(1)), Drainability::Ok);
    // An owner that is no DaemonSet is not looked up for a pod that is annotated as a DaemonSet's,
    // but for a ReplicationController, which is asked first.
    let annotated = |kind| PodClass {
        kind,
        counts_as_daemon_set: true,
        ..class.clone()
    };
    for kind in [
        ControllerKind::ReplicaSet,
        ControllerKind::Job,
        ControllerKind::StatefulSet,
    ] {
        assert_eq!(ask(&options, &annotated(kind), Some(1)), Drainability::Ok);
        assert_eq!(ask(&options, &annotated(kind), None), Drainability::Ok);
    }
    assert_eq!(
        ask(&options, &annotated(ControllerKind::DaemonSet), None),
        blocked(BlockingReason::ControllerNotFound)
    );
    assert_eq!(
        ask(
            &options,
            &annotated(ControllerKind::ReplicationController),
            Some(1)
        ),
        blocked(BlockingReason::MinReplicasReached)
    );
    // Safe to evict comes after the count.
    let safe = PodClass {
        safe_to_evict: SafeToEvict::True,
        ..class
    };
    assert_eq!(
        ask(&options, &safe, Some(1)),
        blocked(BlockingReason::MinReplicasReached)
    );
}

#[test]
fn a_pod_that_terminates_for_long_is_left_alone() {
    let class = PodClass {
        safe_to_evict: SafeToEvict::False,
        ..PodClass::new(Resources::default())
    };
    let terminating = Pod {
        deletion: Some(secs(30)),
        ..pod()
    };
    let ask = |at| ruled(&Options::default(), &terminating, &class, Some(1), at);
    // 30 s of grace are in the timestamp, and count once more, with another 30.
    assert_eq!(
        ask(90),
        Drainability::Block(BlockingReason::NotSafeToEvictAnnotation)
    );
    assert_eq!(ask(91), Drainability::Skip);
}

#[test]
fn a_system_pod_blocks_for_an_hour_unless_it_has_a_budget() {
    let class = PodClass {
        kube_system: true,
        ..PodClass::new(Resources::default())
    };
    let ask = |at| ruled(&Options::default(), &pod(), &class, Some(1), at);
    let blocked = Drainability::Block(BlockingReason::UnmovableKubeSystemPod);
    assert_eq!(ask(3600), blocked);
    assert_eq!(ask(3601), Drainability::Ok);
    // Then no later rule is asked.
    let unsafe_to_evict = PodClass {
        safe_to_evict: SafeToEvict::False,
        ..class.clone()
    };
    let late = ruled(&Options::default(), &pod(), &unsafe_to_evict, Some(1), 3601);
    assert_eq!(late, Drainability::Ok);
    let pdbs = RemainingPdbTracker::new(&[Pdb {
        disruptions_allowed: 1,
        classes: vec![ClassId(0)],
    }]);
    let context = DrainContext {
        options: &Options::default(),
        pdbs: &pdbs,
        controllers: None,
        now: secs(10),
    };
    assert_eq!(drainability(&context, &pod(), &class), Drainability::Ok);
}

#[test]
fn limits_are_the_strictest_and_a_negative_one_lets_nothing_through() {
    assert_eq!(Limiter::new([0, 5, 3]), Limiter::new([3]));
    assert_eq!(Limiter::new([0, 0]), Limiter::new([0]));
    assert_eq!(Limiter::new([5, -1, 3]), Limiter::new([-1]));
    assert_eq!(cluster_capacity(0, 7), 0);
    assert_eq!(cluster_capacity(7, 7), -1);
    assert_eq!(cluster_capacity(9, 7), 2);
    let node = shape(1000, 1);
    let (one, other) = (group("a", 0, 5, &node), group("b", 0, 3, &node));
    let sizes = [(GroupId(0), &one, 4), (GroupId(1), &other, 1)];
    assert_eq!(similar_groups_capacity(sizes), 3);
    assert_eq!(similar_groups_capacity([(GroupId(0), &one, 5)]), -1);
}

#[test]
fn the_fast_path_counts_the_nodes_that_packing_would_need() {
    let classes = [PodClass::new(amount(300, 0)), PodClass::new(amount(700, 0))];
    let groups = [
        PodEquivalenceGroup {
            class: ClassId(0),
            pods: (0..1000).collect(),
        },
        PodEquivalenceGroup {
            class: ClassId(1),
            pods: (1000..1010).collect(),
        },
    ];
    let template = Template::new(shape(4000, 16), Vec::new());
    let pack = |fast: bool, limit: i64| {
        let mut snapshot = Snapshot::new(&classes, 0);
        estimate(
            &mut snapshot,
            &groups,
            &template,
            Limiter::new([limit]),
            fast,
        )
    };
    let (slow, fast) = (pack(false, 0), pack(true, 0));
    assert_eq!(slow.pods.len(), 1010);
    assert_eq!(fast.pods.len(), 1010);
    assert_eq!((slow.nodes, fast.nodes), (79, 79));
    assert_eq!(pack(true, 10).nodes, 10);
}

#[test]
fn budgets_count_what_is_under_way_and_put_empty_nodes_first() {
    let options = Options {
        max_scale_down_parallelism: 5,
        max_drain_parallelism: 2,
        ..Options::default()
    };
    let nodes = |ids: std::ops::Range<u32>, group: u32| -> Vec<(NodeId, GroupId)> {
        ids.map(|id| (NodeId(id), GroupId(group))).collect()
    };
    let view = |group: u32, ids: std::ops::Range<u32>| GroupView {
        group: GroupId(group),
        nodes: ids.map(NodeId).collect(),
    };
    let (empty, drain) = crop_nodes(&options, 1, 1, &nodes(0..2, 0), &nodes(2..5, 1));
    assert_eq!(empty, [view(0, 0..2)]);
    assert_eq!(drain, [view(1, 2..3)]);
    let (empty, drain) = crop_nodes(&options, 3, 0, &nodes(0..9, 0), &nodes(9..12, 0));
    assert_eq!(empty, [view(0, 0..2)]);
    assert!(drain.is_empty());
}

#[test]
fn cluster_limits_allow_what_is_left_in_whole_cores() {
    let node = shape(1500, 4);
    let options = Options {
        cores_total: MinMax { min: 4, max: 10 },
        ..Options::default()
    };
    let nodes = || (0..3).map(|_| (Some(GroupId(0)), &*node));
    let mut most = Tracker::max(&options, nodes());
    // Three nodes count as six cores.
    let check = most.check(GroupId(0), &node, 3);
    assert_eq!(check.allowed, 2);
    assert_eq!(
        check.message(),
        "exceeded quota: \"cluster-wide\", resources: cpu"
    );
    let mut least = Tracker::min(&options, nodes());
    assert!(least.consume(GroupId(0), &node, 1).exceeded.is_empty());
    assert_eq!(least.consume(GroupId(0), &node, 1).exceeded, ["cpu"]);
}

#[test]
fn more_nodes_than_any_cluster_has_are_beyond_the_limits() {
    let node = shape(1500, 4);
    let mut most = Tracker::max(&Options::default(), std::iter::empty());
    let check = most.consume(GroupId(0), &node, i64::MAX);
    assert_eq!(check.allowed, 5000 * 64 / 2);
    assert_eq!(check.exceeded, ["cpu", "memory"]);
    let groups = [group("a", 0, 9, &node)];
    let option = ExpansionOption {
        group: GroupId(0),
        similar: Vec::new(),
        nodes: i64::MAX,
        pods: vec![0],
        requested: Resources::default(),
    };
    let context = ExpanderContext {
        groups: &groups,
        shape: &|_| Some(&*node),
        cluster_nodes: 3,
        pod_prices: None,
        pod_requests: &|_| &node.capacity,
        priorities: None,
        now: SimTime::ZERO,
    };
    let chain = [ExpanderKind::LeastWaste];
    let best = survivors(&chain, &[option], &context, &mut Events::default());
    assert_eq!(best, [0]);
}

#[test]
fn a_chain_filters_and_the_last_ties_are_left() {
    let node = shape(4000, 16);
    let groups = ["spot-a", "spot-b", "on-demand"].map(|name| group(name, 0, 9, &node));
    let option = |group: u32, nodes: i64, pods: u32| ExpansionOption {
        group: GroupId(group),
        similar: Vec::new(),
        nodes,
        pods: (0..pods).collect(),
        requested: Resources::default(),
    };
    let options = [option(0, 2, 5), option(1, 1, 5), option(2, 1, 5)];
    let requests = Resources::default();
    let patterns = |patterns: &[&str]| {
        let compile = |text: &&str| regex_lite::Regex::new(text).unwrap();
        patterns.iter().map(compile).collect::<Vec<_>>()
    };
    let priorities = [(10, patterns(&["^spot-"])), (5, patterns(&["demand"]))];
    let other = [(10, patterns(&["nothing"]))];
    let best = |chain: &[ExpanderKind], priorities, events: &mut Events| {
        let context = ExpanderContext {
            groups: &groups,
            shape: &|_| Some(&*node),
            cluster_nodes: 3,
            pod_prices: None,
            pod_requests: &|_| &requests,
            priorities,
            now: SimTime::ZERO,
        };
        survivors(chain, &options, &context, events)
    };
    let mut events = Events::default();
    let chain = [ExpanderKind::Priority, ExpanderKind::LeastNodes];
    assert_eq!(best(&chain, Some(Ok(&priorities[..])), &mut events), [1]);
    assert!(events.0.is_empty());
    let chain = [ExpanderKind::MostPods, ExpanderKind::Random];
    assert_eq!(best(&chain, None, &mut events), [0, 1, 2]);
    let chain = [ExpanderKind::Priority];
    assert_eq!(best(&chain, Some(Ok(&other[..])), &mut events), [0, 1, 2]);
    let reasons: Vec<&str> = events.0.iter().map(|event| event.reason).collect();
    assert_eq!(reasons[2], "PriorityConfigMapNotMatchedGroup");
    assert_eq!(reasons[3], "PriorityConfigMapNoGroupMatched");
    let refused = Some(Err("Wrong configuration"));
    assert_eq!(best(&chain, refused, &mut events), [0, 1, 2]);
    let last = events.0.last().expect("an event");
    assert_eq!(last.reason, "PriorityConfigMapInvalid");
}

#[test]
fn the_preferred_node_doubles_as_the_cluster_triples() {
    let cores = |nodes| preferred_node(nodes).cpu.cores();
    assert_eq!(
        [2, 3, 6, 7, 20, 21, 60, 61, 200, 201].map(cores),
        [1.0, 2.0, 2.0, 4.0, 4.0, 8.0, 8.0, 16.0, 16.0, 32.0]
    );
}

#[test]
fn a_template_has_none_of_the_taints_of_the_moment() {
    let taint = |key: &str| Taint {
        key: key.to_owned(),
        value: String::new(),
        effect: Effect::NoSchedule,
    };
    let all = [
        taint(taints::TO_BE_DELETED),
        taint("dedicated"),
        taint("node.kubernetes.io/not-ready"),
        taint(taints::DELETION_CANDIDATE),
    ];
    let kept = taints::sanitize(&all, &Options::default());
    assert_eq!(kept, [taint("dedicated")]);
}

#[test]
fn a_pod_starts_a_loop_for_ten_seconds() {
    let mut options = Options::default();
    assert!(starts_loop(&options, secs(0), secs(10)));
    assert!(!starts_loop(&options, secs(0), secs(11)));
    options.frequent_loops = false;
    assert!(!starts_loop(&options, secs(0), secs(1)));
}

#[test]
fn reverted_trials_leave_no_trace() {
    let classes = [PodClass {
        grace_period: SimDuration::ZERO,
        ..PodClass::new(amount(500, 1))
    }];
    let template = Template::new(shape(2000, 8), vec![ClassId(0)]);
    let mut snapshot = Snapshot::new(&classes, 0);
    let node = template.node(template.upcoming(GroupId(0), 0), &snapshot);
    snapshot.add_node(node);
    let before = format!("{:?}", snapshot.node(0));
    snapshot.fork();
    let placed = |pod| super::super::simulator::snapshot::Placed {
        pod: Some(pod),
        class: ClassId(0),
        terminating: false,
    };
    assert_eq!(snapshot.schedule_on_any(placed(1), 0..1, |_| true), Some(0));
    snapshot.fork();
    snapshot.remove_pod(0, 1);
    snapshot.remove_node(0);
    assert_eq!(snapshot.schedule_on_any(placed(2), 0..1, |_| true), None);
    snapshot.commit();
    snapshot.revert();
    assert_eq!(format!("{:?}", snapshot.node(0)), before);
    assert_eq!(Arc::strong_count(&template.shape), 2);
}
