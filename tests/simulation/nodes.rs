//! Nodes that come and go while the cluster runs.

use std::sync::Arc;

use crate::cluster_rig::{Rig, labels, nodes, workload};
use nlsim::api::{Extended, Node, ObjectId, Placement, Readiness, What};
use nlsim::cloud::Stage;
use nlsim::cluster::spec::{
    FailureReason, IntOrPercent, NodeFailure, NodeGroupSpec, PdbSpec, WorkloadKind,
};
use nlsim::controller::daemonset::DaemonSetUpdate;
use nlsim::record::NodeAction;
use nlsim::sim::{Dist, SimTime};
use nlsim::units::Millicores;
use proptest::prelude::*;

/// One node with room for three pods of 500m; the next take 100 s.
fn group() -> NodeGroupSpec {
    let mut group = nodes(1, 1700);
    group.scaling.provisioning = Dist::Constant(100.0);
    group
}

fn names(rig: &Rig) -> Vec<&str> {
    let nodes = rig.cluster.store().nodes();
    nodes.map(|(_, node)| node.name()).collect()
}

fn node<'r>(rig: &'r Rig, name: &str) -> &'r Node {
    let mut nodes = rig.cluster.store().nodes();
    let found = nodes.find(|(_, node)| node.name() == name);
    found.expect("a node").1
}

/// Reasons of the events of an object with their seconds.
fn events(rig: &Rig, object: &str) -> Vec<(f64, String)> {
    let recording = rig.cluster.recording();
    let of = recording.events.iter();
    of.filter(|event| event.object == object)
        .map(|event| (event.time.0 as f64 / 1e9, event.reason.to_owned()))
        .collect()
}

#[test]
fn pods_that_wait_get_the_node_that_was_asked_for() {
    let web = workload(WorkloadKind::Deployment, "web", 5);
    let mut daemon = workload(
        WorkloadKind::DaemonSet(DaemonSetUpdate::default()),
        "daemon",
        0,
    );
    daemon.template.containers[0].cpu_request = None;
    let mut rig = Rig::new(&group(), &[web, daemon], &[], 1);
    rig.run_until(1000);
    assert_eq!((rig.ready(0), rig.counts(0).pending), (3, 2));
    rig.cluster.request_nodes(0, 1).expect("the cloud agrees");
    rig.run_until(1084);
    assert_eq!(names(&rig), ["general-1"]);
    assert_eq!(rig.cluster.recording().nodes.len(), 2, "it is paid for");
    rig.run_until(1090);
    let new = node(&rig, "general-2");
    assert_eq!(new.readiness, Readiness::Starting);
    assert_eq!(new.taints.len(), 2);
    assert_eq!(rig.counts(0).pending, 2, "its taint keeps pods off");
    assert_eq!(rig.ready(1), 1, "and those of DaemonSets");
    rig.run_until(1120);
    assert!(node(&rig, "general-2").is_ready());
    assert_eq!(node(&rig, "general-2").taints, []);
    assert_eq!((rig.ready(0), rig.ready(1)), (5, 2));
    let record = &rig.cluster.recording().nodes[1];
    assert_eq!(
        (&*record.name, record.started),
        ("general-2", SimTime::from_secs(1015))
    );
    let told: Vec<(f64, String)> = events(&rig, "Node/general-2");
    let expected = [
        (1085.0, "Starting"),
        (1085.0, "NodeHasSufficientMemory"),
        (1085.0, "NodeHasNoDiskPressure"),
        (1085.0, "NodeHasSufficientPID"),
        (1085.0, "NodeAllocatableEnforced"),
        (1085.0, "RegisteredNode"),
        (1100.0, "NodeReady"),
    ];
    assert_eq!(
        told,
        expected.map(|(time, reason)| (time, reason.to_owned()))
    );
}

#[test]
fn an_instance_that_is_deleted_takes_its_node_and_its_pods_with_it() {
    let web = workload(WorkloadKind::Deployment, "web", 5);
    let mut group = group();
    group.count = 2;
    let mut rig = Rig::new(&group, &[web], &[], 2);
    rig.run_until(1000);
    assert_eq!(rig.ready(0), 5);
    let second = rig.cluster.cloud().of_group(0)[1];
    rig.cluster.delete_instance(second);
    rig.run_until(1029);
    assert_eq!(names(&rig).len(), 2);
    // Ready until its heartbeats have been missed for long enough.
    rig.run_until(1075);
    assert!(node(&rig, "general-2").is_ready());
    let ended = rig.cluster.recording().nodes[1].ended;
    assert_eq!(ended, Some(SimTime::from_secs(1030)));
    rig.run_until(1086);
    assert_eq!(names(&rig), ["general-1"]);
    rig.run_until(1150);
    assert_eq!(rig.cluster.cloud().instance(second).stage, Stage::Gone);
    assert_eq!((rig.ready(0), rig.counts(0).pending), (3, 2));
    let told: Vec<String> = events(&rig, "Node/general-2")
        .into_iter()
        .map(|(_, reason)| reason)
        .collect();
    assert_eq!(told, ["NodeNotReady", "DeletingNode", "RemovingNode"]);
    // The next one takes its place and has nothing of it.
    rig.cluster.request_nodes(0, 1).expect("the cloud agrees");
    rig.run_until(1270);
    assert_eq!(names(&rig), ["general-1", "general-3"]);
    assert_eq!((rig.ready(0), rig.counts(0).pending), (5, 0));
}

#[test]
fn nodes_that_come_and_go_leave_nothing_behind() {
    let web = workload(WorkloadKind::Deployment, "web", 8);
    let mut group = group();
    group.count = 3;
    let mut rig = Rig::new(&group, &[web], &[], 3);
    for round in 0..20 {
        rig.run_until(200 * round);
        let oldest = rig.cluster.cloud().of_group(0)[0];
        rig.cluster.delete_instance(oldest);
        rig.cluster.request_nodes(0, 1).expect("the cloud agrees");
    }
    rig.run_until(5000);
    assert_eq!(rig.cluster.store().node_count(), 3);
    assert!(rig.cluster.store().node_slots() <= 5);
    assert_eq!(rig.cluster.recording().nodes.len(), 23);
    assert_eq!(rig.ready(0), 8);
    let ledger = rig.cluster.store().ledger();
    assert_eq!(ledger.created, ledger.deleted + ledger.existing);
    let of_nodes = |(_, change): &&(SimTime, nlsim::api::Change)| {
        matches!(change.object, ObjectId::Node(_)) && change.what == What::Created
    };
    assert_eq!(rig.told.iter().filter(of_nodes).count(), 20);
}

/// Three nodes of three pods each at most; a node is there 100 s after it was asked for.
fn scaled(max: u32) -> NodeGroupSpec {
    let mut group = group();
    group.scaling.bounds = Some((1, max));
    group
}

fn messages(rig: &Rig, reason: &str) -> Vec<(f64, String, String)> {
    let events = rig.cluster.recording().events.iter();
    events
        .filter(|event| event.reason == reason)
        .map(|event| {
            let time = event.time.0 as f64 / 1e9;
            (time, event.object.to_owned(), event.message.to_owned())
        })
        .collect()
}

#[test]
fn the_cluster_autoscaler_adds_what_pods_need_and_takes_away_what_nobody_does() {
    let web = workload(WorkloadKind::Deployment, "web", 3);
    let mut rig = Rig::new(&scaled(5), &[web], &[], 4);
    rig.run_until(100);
    assert_eq!((rig.ready(0), names(&rig).len()), (3, 1));
    rig.scale(0, 9, 100);
    rig.run_until(260);
    assert_eq!((rig.ready(0), names(&rig).len()), (9, 3));
    let grown = messages(&rig, "ScaledUpGroup");
    let expected = [
        "Scale-up: setting group general size to 3 instead of 1 (max: 5)",
        "Scale-up: group general size set to 3 instead of 1 (max: 5)",
    ];
    let texts: Vec<&str> = grown.iter().map(|(_, _, text)| text.as_str()).collect();
    assert_eq!(texts, expected);
    assert_eq!(grown[0].1, "ConfigMap/cluster-autoscaler-status");
    let triggered = messages(&rig, "TriggeredScaleUp");
    assert_eq!(triggered.len(), 6);
    let (time, object, text) = &triggered[0];
    assert!((101.0..113.0).contains(time), "{time}");
    assert!(object.starts_with("Pod/web-"), "{object}");
    assert_eq!(text, "pod triggered scale-up: [{general 1->3 (max: 5)}]");
    // Ten minutes after the last scale-up, and after ten minutes unneeded.
    rig.scale(0, 2, 1000);
    rig.run_until(1600);
    assert_eq!(names(&rig).len(), 3);
    rig.run_until(2400);
    assert_eq!((rig.ready(0), names(&rig).len()), (2, 1));
    let gone = messages(&rig, "ScaleDown");
    assert!(!gone.is_empty() || !messages(&rig, "ScaleDownEmpty").is_empty());
    let record = rig.cluster.recording().node_autoscaler.as_ref();
    let decisions = &record.expect("there is one").decisions;
    let actions: Vec<&str> = decisions.iter().map(|one| one.action.name()).collect();
    assert_eq!(
        actions.iter().filter(|one| **one == "scale-up").count(),
        1,
        "{actions:?}"
    );
    assert_eq!(
        actions.iter().filter(|one| **one == "scale-down").count(),
        2,
        "{actions:?}"
    );
    let ended = rig.cluster.recording().nodes.iter();
    assert_eq!(ended.filter(|node| node.ended.is_some()).count(), 2);
}

#[test]
fn pods_beyond_the_greatest_size_are_told_why_they_wait() {
    let web = workload(WorkloadKind::Deployment, "web", 12);
    let mut rig = Rig::new(&scaled(2), &[web], &[], 5);
    rig.run_until(600);
    assert_eq!((rig.ready(0), rig.counts(0).pending), (6, 6));
    assert_eq!(names(&rig).len(), 2);
    let refused = messages(&rig, "NotTriggerScaleUp");
    let text = "pod didn't trigger scale-up: 1 max node group size reached";
    assert!(
        refused.iter().any(|(.., message)| message == text),
        "{refused:?}"
    );
}

/// Groups and reasons of the requests for nodes that came to nothing.
fn failures(rig: &Rig) -> Vec<(&str, &str)> {
    let record = rig.cluster.recording().node_autoscaler.as_ref();
    let decisions = record.expect("there is one").decisions.iter();
    decisions
        .filter(|one| one.action == NodeAction::ScaleUpFailed)
        .map(|one| (one.group.as_str(), one.reason.as_str()))
        .collect()
}

#[test]
fn nodes_that_never_register_are_told_of_once() {
    let web = workload(WorkloadKind::Deployment, "web", 6);
    let mut group = scaled(2);
    group.scaling.failure = Some(NodeFailure {
        share: 1.0,
        reason: FailureReason::NeverRegisters,
        from: SimTime::ZERO,
        until: Some(SimTime::from_secs(200)),
    });
    let mut rig = Rig::new(&group, &[web], &[], 6);
    rig.run_until(1100);
    let expected = [("general", "nodes did not register in time")];
    assert_eq!(failures(&rig), expected);
}

#[test]
fn a_stockout_backs_the_group_off_and_is_got_over() {
    let web = workload(WorkloadKind::Deployment, "web", 6);
    let mut group = scaled(3);
    group.scaling.failure = Some(NodeFailure {
        share: 1.0,
        reason: FailureReason::Stockout,
        from: SimTime::ZERO,
        until: Some(SimTime::from_secs(200)),
    });
    let mut rig = Rig::new(&group, &[web], &[], 6);
    rig.run_until(300);
    assert_eq!((rig.ready(0), names(&rig).len()), (3, 1));
    assert_eq!(
        rig.cluster.cloud().target(0),
        1,
        "what failed is taken back"
    );
    assert_eq!(failures(&rig).len(), 1, "{:?}", failures(&rig));
    // The first back-off lasts five minutes.
    rig.run_until(600);
    assert_eq!((rig.ready(0), names(&rig).len()), (6, 2));
}

#[test]
fn a_budget_holds_a_node_that_nobody_needs() {
    let web = workload(WorkloadKind::Deployment, "web", 2);
    let budget = PdbSpec {
        name: "web".to_owned(),
        namespace: "default".to_owned(),
        selector: labels("web").into(),
        min_available: None,
        max_unavailable: Some(IntOrPercent::Int(0)),
        always_allow_unhealthy: false,
    };
    let mut group = scaled(3);
    group.count = 2;
    let mut rig = Rig::new(&group, &[web], &[budget], 7);
    rig.run_until(3000);
    assert_eq!((rig.ready(0), names(&rig).len()), (2, 2));
    let record = rig.cluster.recording().node_autoscaler.as_ref();
    let decisions = &record.expect("there is one").decisions;
    let held = decisions
        .iter()
        .find(|one| one.action == NodeAction::Unremovable);
    let held = held.expect("it is told why");
    assert!(
        held.reason.ends_with("holds it: NotEnoughPdb"),
        "{}",
        held.reason
    );
}

#[test]
fn a_group_grows_for_an_extended_resource() {
    let mut gpu = nodes(1, 4000);
    gpu.name = "gpu".to_owned();
    gpu.extended = Arc::new(Extended::from([("nvidia.com/gpu".to_owned(), 1)]));
    gpu.scaling.bounds = Some((1, 3));
    let mut plain = scaled(5);
    plain.count = 0;
    plain.scaling.bounds = Some((0, 5));
    let mut train = workload(WorkloadKind::Deployment, "train", 4);
    train.template.placement = Some(Box::new(Placement {
        extended: Extended::from([("nvidia.com/gpu".to_owned(), 1)]),
        ..Placement::default()
    }));
    let mut rig = Rig::on(&[plain, gpu], &[train], &[], 8);
    rig.run_until(600);
    assert_eq!((rig.ready(0), rig.counts(0).pending), (3, 1));
    assert_eq!(names(&rig).len(), 3);
    let refused = messages(&rig, "NotTriggerScaleUp");
    let text =
        "pod didn't trigger scale-up: 1 Insufficient nvidia.com/gpu, 1 max node group size reached";
    assert!(
        refused.iter().any(|(.., message)| message == text),
        "{refused:?}"
    );
}

#[test]
fn daemons_of_one_group_do_not_hold_the_nodes_of_another() {
    let mut web = workload(WorkloadKind::Deployment, "web", 4);
    web.deleted_at = Some(SimTime::from_secs(300));
    let mut second = scaled(3);
    second.name = "second".to_owned();
    second.count = 2;
    second.scaling.bounds = Some((0, 3));
    let mut rig = Rig::on(&[scaled(3), second], &[web], &[], 9);
    rig.run_until(3000);
    assert_eq!(names(&rig), ["general-1"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn sizes_room_and_budgets_are_kept_whatever_is_asked_for(
        steps in prop::collection::vec((0..14i32, 100..1500i64), 1..6),
        max in 1..6u32,
        available in 1..4i32,
        seed in any::<u64>(),
    ) {
        let web = workload(WorkloadKind::Deployment, "web", 4);
        let mut other = workload(WorkloadKind::Deployment, "other", 1);
        other.template.containers[0].cpu_request = Some(Millicores(700));
        let budget = PdbSpec {
            name: "other".to_owned(),
            namespace: "default".to_owned(),
            selector: labels("web").into(),
            min_available: Some(IntOrPercent::Int(available)),
            max_unavailable: None,
            always_allow_unhealthy: false,
        };
        let mut rig = Rig::new(&scaled(max), &[web, other], &[budget], seed);
        let mut now = 0;
        for (replicas, length) in steps {
            rig.scale(1, replicas, now);
            now += length;
            let mut second = now - length;
            while second < now {
                second += 20;
                // The rig checks room and books at every step.
                rig.run_until(second);
                let cloud = rig.cluster.cloud();
                prop_assert!((1..=i64::from(max)).contains(&cloud.target(0)));
                let nodes = rig.cluster.store().node_count();
                prop_assert!(nodes <= max as usize + 1, "one may be on its way out");
            }
        }
        let ledger = rig.cluster.store().ledger();
        prop_assert_eq!(ledger.created, ledger.deleted + ledger.existing);
        let evicted = rig.pods(0).iter().filter(|pod| rig.pod(**pod).evicted.is_some()).count();
        prop_assert!(evicted as i32 <= (4 - available).max(0), "{}", evicted);
    }
}
