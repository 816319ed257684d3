//! Every event, word for word: when, of which kind, about what.

use super::rig::{Rig, amount, eager, group, pod, secs, shape};
use crate::autoscaler::cluster_autoscaler::options::MinMax;
use crate::autoscaler::cluster_autoscaler::{
    InstanceError, NodeId, Options, Pdb, PodClass, SafeToEvict,
};
use crate::sim::SimDuration;

/// A group of so many nodes.
fn nodes(options: Options, count: i64) -> Rig {
    let node = shape(2000, 8);
    Rig::new(options, vec![(group("a", 0, 5, &node), count)])
}

/// Two nodes of which one is full and one is hardly used; loops until so many seconds.
fn drained(options: Options, change: impl FnOnce(&mut Rig), until: i64) -> Vec<String> {
    let mut rig = nodes(options, 2);
    let web = rig.workload(pod(100));
    let filler = rig.workload(pod(1500));
    rig.pod(web, Some(0));
    rig.pod(filler, Some(1));
    change(&mut rig);
    for at in (10..=until).step_by(10) {
        rig.run(at);
    }
    rig.texts()
}

#[test]
fn a_scale_up_is_told_of_on_the_status_and_on_the_pods() {
    let mut rig = nodes(Options::default(), 0);
    let web = rig.workload(pod(1500));
    rig.pod(web, None);
    rig.pod(web, None);
    rig.run(10);
    assert_eq!(
        rig.texts(),
        [
            "10 ScaledUpGroup status: Scale-up: setting group a size to 2 instead of 0 (max: 5)",
            "10 ScaledUpGroup status: Scale-up: group a size set to 2 instead of 0 (max: 5)",
            "10 TriggeredScaleUp pod-0: pod triggered scale-up: [{a 0->2 (max: 5)}]",
            "10 TriggeredScaleUp pod-1: pod triggered scale-up: [{a 0->2 (max: 5)}]",
        ]
    );
}

#[test]
fn a_refused_increase_is_told_of_on_the_status_alone() {
    let mut rig = nodes(Options::default(), 0);
    let web = rig.workload(pod(1500));
    rig.pod(web, None);
    rig.cloud.refuses = true;
    rig.run(10);
    assert_eq!(
        rig.texts(),
        [
            "10 ScaledUpGroup status: Scale-up: setting group a size to 1 instead of 0 (max: 5)",
            "10 !FailedToScaleUpGroup status: Scale-up failed for group a: no",
        ]
    );
    // The group is backed off, which is a reason from then on.
    rig.told.clear();
    rig.run(20);
    assert_eq!(
        rig.texts(),
        [
            "20 NotTriggerScaleUp pod-0: pod didn't trigger scale-up: 1 in backoff after failed scale-up"
        ]
    );
}

#[test]
fn pods_are_told_why_no_group_helps() {
    let node = shape(2000, 8);
    let groups = vec![
        (group("a", 0, 1, &node), 1),
        (group("b", 0, 5, &node), 0),
        (group("c", 0, 5, &node), 0),
    ];
    let mut rig = Rig::new(Options::default(), groups);
    let big = rig.workload(pod(3000));
    rig.pod(big, None);
    let asks = rig.workload(PodClass {
        node_selector: vec![("pool".to_owned(), "z".to_owned())],
        ..pod(100)
    });
    rig.pod(asks, None);
    rig.run(10);
    assert_eq!(
        rig.texts(),
        [
            "10 NotTriggerScaleUp pod-0: pod didn't trigger scale-up: 2 Insufficient cpu, 1 max node group size reached",
            "10 NotTriggerScaleUp pod-1: pod didn't trigger scale-up: 1 max node group size reached, 2 node(s) didn't match Pod's node affinity/selector",
        ]
    );
}

#[test]
fn limits_of_the_cluster_are_told_of() {
    let total = Options {
        max_nodes_total: 1,
        ..Options::default()
    };
    let mut rig = nodes(total, 1);
    let web = rig.workload(pod(1500));
    rig.pod(web, Some(0));
    rig.pod(web, None);
    rig.run(10);
    assert_eq!(
        rig.texts(),
        [
            "10 !MaxNodesTotalReached status: Max total nodes in cluster reached: 1",
            "10 NotTriggerScaleUp pod-1: pod didn't trigger scale-up: max total nodes in cluster reached",
        ]
    );
    let cores = Options {
        cores_total: MinMax { min: 0, max: 2 },
        ..Options::default()
    };
    let mut rig = nodes(cores, 1);
    let web = rig.workload(pod(1500));
    rig.pod(web, Some(0));
    rig.pod(web, None);
    rig.run(10);
    assert_eq!(
        rig.texts(),
        [
            "10 NotTriggerScaleUp pod-1: pod didn't trigger scale-up: 1 exceeded quota: \"cluster-wide\", resources: cpu"
        ]
    );
}

#[test]
fn a_request_that_times_out_is_told_of_and_its_instances_too() {
    let options = Options {
        max_node_provision_time: SimDuration::from_secs(60),
        ..Options::default()
    };
    let mut rig = nodes(options, 0);
    let web = rig.workload(pod(1500));
    rig.pod(web, None);
    rig.cloud.registers_after = SimDuration::from_secs(3600);
    for at in (10..=90).step_by(10) {
        rig.run(at);
    }
    let texts = rig.texts();
    assert_eq!(
        texts[3..],
        [
            "80 !ScaleUpTimedOut status: Nodes added to group a failed to register within 1m10s",
            "80 !FailedToRevertScaleUp status: Failed to decrease target size for group a after scale-up timeout: would delete existing instances",
            "80 NotTriggerScaleUp pod-0: pod didn't trigger scale-up: 1 in backoff after failed scale-up",
            "90 DeleteUnregistered status: Removed unregistered node node-0",
            "90 NotTriggerScaleUp pod-0: pod didn't trigger scale-up: 1 in backoff after failed scale-up",
        ]
    );
}

#[test]
fn an_instance_that_cannot_be_deleted_is_told_of() {
    let options = Options {
        max_node_provision_time: SimDuration::from_secs(60),
        ..Options::default()
    };
    let mut rig = nodes(options, 0);
    let web = rig.workload(pod(1500));
    rig.pod(web, None);
    rig.cloud.registers_after = SimDuration::from_secs(3600);
    rig.cloud.refuses_deletions = true;
    for at in (10..=90).step_by(10) {
        rig.run(at);
    }
    let failed = "90 !DeleteUnregisteredFailed status: Failed to remove node node-0: no";
    assert!(rig.texts().iter().any(|text| text == failed));
}

#[test]
fn instances_that_cannot_be_created_are_told_of_by_their_errors() {
    let mut rig = nodes(Options::default(), 0);
    let web = rig.workload(pod(1500));
    for _ in 0..3 {
        rig.pod(web, None);
    }
    rig.cloud.registers_after = SimDuration::from_secs(3600);
    rig.run(10);
    rig.told.clear();
    for (node, message) in [(0, "none left"), (1, "none left"), (2, "none at all")] {
        let error = InstanceError {
            out_of_resources: true,
            code: "Stockout".to_owned(),
            message: message.to_owned(),
        };
        rig.cloud.failed.insert(NodeId(node), error);
    }
    rig.run(20);
    assert_eq!(
        rig.texts()[0],
        "20 !ScaleUpFailed status: Failed adding 3 nodes to group a due to OutOfResource.Stockout; source errors: none at all, none left"
    );
}

#[test]
fn an_empty_node_goes_in_three_events_on_the_status_and_two_on_the_node() {
    let mut rig = nodes(eager(), 1);
    for at in (10..=60).step_by(10) {
        rig.run(at);
    }
    assert_eq!(
        rig.texts(),
        [
            "50 ScaleDown node-0: marked the node as toBeDeleted/unschedulable",
            "50 ScaleDownEmpty status: Scale-down: removing empty node \"node-0\"",
            "55 ScaleDown node-0: nodes removed by cluster autoscaler",
            "55 ScaleDownEmpty status: Scale-down: empty node node-0 removed",
        ]
    );
}

#[test]
fn a_drain_is_told_of_with_the_utilization_and_on_its_pods() {
    assert_eq!(
        drained(eager(), |_| {}, 60),
        [
            "50 ScaleDown node-0: marked the node as toBeDeleted/unschedulable",
            "50 ScaleDown status: Scale-down: removing node node-0, utilization: {0.05 0.125 0 0 memory 0.125}, pods to reschedule: pod-0",
            "55 ScaleDown pod-0: deleting pod for node scale down",
            "55 ScaleDown node-0: nodes removed by cluster autoscaler",
            "55 ScaleDown status: Scale-down: node node-0 removed with drain",
        ]
    );
}

#[test]
fn small_shares_have_an_exponent() {
    let mut rig = nodes(eager(), 2);
    let tiny = rig.workload(PodClass::new(amount(0, 0)));
    rig.classes[0].requests.memory = crate::units::Bytes(1 << 18);
    let filler = rig.workload(pod(1500));
    rig.pod(tiny, Some(0));
    rig.pod(filler, Some(1));
    for at in (10..=50).step_by(10) {
        rig.run(at);
    }
    let text = "50 ScaleDown status: Scale-down: removing node node-0, utilization: {0 3.0517578125e-05 0 0 memory 3.0517578125e-05}, pods to reschedule: pod-0";
    assert!(
        rig.texts().iter().any(|one| one == text),
        "{:?}",
        rig.texts()
    );
}

#[test]
fn failures_to_remove_a_node_say_why() {
    let short = || Options {
        max_pod_eviction_time: SimDuration::from_secs(25),
        unremovable_node_recheck_timeout: SimDuration::from_secs(3600),
        ..eager()
    };
    let refused = drained(short(), |rig| rig.cloud.refuses_evictions = true, 90);
    assert_eq!(
        refused[3..],
        [
            "85 !ScaleDownFailed pod-0: failed to delete pod for ScaleDown",
            "85 !ScaleDownFailed node-0: failed to drain and delete node: Failed to drain node /node-0, due to following errors: [failed to evict pod default/pod-0 within allowed timeout (last error: budget)]",
        ]
    );
    let kept = drained(eager(), |rig| rig.cloud.refuses_deletions = true, 60);
    assert_eq!(
        kept[3],
        "55 !ScaleDownFailed node-0: failed to drain and delete node: failed to delete nodes from group a: no"
    );
    let untainted = drained(eager(), |rig| rig.cloud.refuses_taints = true, 50);
    let twice =
        "50 !ScaleDownFailed node-0: failed to mark the node as toBeDeleted/unschedulable: no";
    assert_eq!(untainted, [twice, twice]);
}

/// What is said of a node whose pods have changed between the taint and the drain.
fn changed(change: impl FnOnce(&mut Rig)) -> String {
    let mut rig = nodes(eager(), 2);
    let web = rig.workload(pod(100));
    let filler = rig.workload(pod(1500));
    rig.pod(web, Some(0));
    rig.pod(filler, Some(1));
    for at in (10..=50).step_by(10) {
        rig.run(at);
    }
    rig.told.clear();
    change(&mut rig);
    rig.run(60);
    let prefix = "55 !ScaleDownFailed node-0: failed to drain and delete node: GetPodsToMove for \"node-0\" returned error: ";
    let texts = rig.texts();
    let found = texts.iter().find_map(|text| text.strip_prefix(prefix));
    found.unwrap_or_else(|| panic!("{texts:?}")).to_owned()
}

#[test]
fn pods_that_block_late_are_named() {
    let class = |change: fn(&mut PodClass)| move |rig: &mut Rig| change(&mut rig.classes[0]);
    assert_eq!(
        changed(class(|class| class.local_storage = true)),
        "pod with local storage present: pod-0"
    );
    assert_eq!(
        changed(class(|class| class.safe_to_evict = SafeToEvict::False)),
        "pod annotated as not safe to evict present: pod-0"
    );
    assert_eq!(
        changed(class(|class| class.kube_system = true)),
        "non-daemonset, non-mirrored, non-pdb-assigned kube-system pod present: pod-0"
    );
    assert_eq!(
        changed(class(
            |class| class.kind = crate::autoscaler::cluster_autoscaler::ControllerKind::None
        )),
        "default/pod-0 is not replicated"
    );
    let budget = |rig: &mut Rig| {
        let classes = vec![rig.pods[0].class];
        rig.pdbs.push(Pdb {
            disruptions_allowed: 0,
            classes,
        });
    };
    assert_eq!(
        changed(budget),
        "not enough pod disruption budget to move default/pod-0"
    );
    assert_eq!(
        changed(|rig: &mut Rig| rig.controllers[0] = None),
        "replication controller for default/pod-0 is not available"
    );
}

#[test]
fn an_empty_node_that_got_pods_stays() {
    for (on_completion, why) in [
        (false, "new pods scheduled"),
        (true, "active on-completion pods present"),
    ] {
        let mut rig = nodes(eager(), 1);
        for at in (10..=50).step_by(10) {
            rig.run(at);
        }
        rig.told.clear();
        let late = rig.workload(PodClass {
            safe_to_evict: if on_completion {
                SafeToEvict::OnCompletion
            } else {
                SafeToEvict::Unset
            },
            ..pod(100)
        });
        rig.pod(late, Some(0));
        rig.run(60);
        let text = format!(
            "55 !ScaleDownFailed node-0: failed to delete empty node: failed to delete empty node \"node-0\", {why}"
        );
        assert_eq!(rig.texts()[0], text);
    }
}

#[test]
fn a_cluster_that_is_not_well_is_told_of() {
    let options = Options {
        ok_total_unready_count: 0,
        max_node_startup_time: SimDuration::ZERO,
        ..Options::default()
    };
    let mut rig = nodes(options, 1);
    for node in &mut rig.nodes {
        node.ready = false;
    }
    rig.run(10);
    let text = "10 !ClusterUnhealthy status: Cluster is unhealthy";
    assert_eq!(rig.texts(), [text]);
}

#[test]
fn the_first_loop_takes_off_what_is_left_from_before() {
    let options = Options {
        max_bulk_soft_taint_count: 0,
        ..Options::default()
    };
    let mut rig = nodes(options, 2);
    rig.cloud.tainted.push(NodeId(1));
    rig.now = secs(10);
    rig.register();
    let marked = &mut rig.nodes[1];
    let mut shape = crate::autoscaler::cluster_autoscaler::NodeShape::clone(&marked.shape);
    for key in [
        "ToBeDeletedByClusterAutoscaler",
        "DeletionCandidateOfClusterAutoscaler",
    ] {
        shape
            .taints
            .push(crate::autoscaler::cluster_autoscaler::Taint {
                key: key.to_owned(),
                value: String::new(),
                effect: crate::autoscaler::cluster_autoscaler::Effect::NoSchedule,
            });
    }
    marked.shape = std::sync::Arc::new(shape);
    rig.run(10);
    rig.run(20);
    assert_eq!(
        rig.texts(),
        [
            "10 ClusterAutoscalerCleanup node-1: removed ToBeDeletedByClusterAutoscaler taint from node node-1",
            "10 ClusterAutoscalerCleanup node-1: removed DeletionCandidateOfClusterAutoscaler taint from node node-1",
        ]
    );
    assert_eq!(rig.cloud.marks, [(NodeId(1), true)]);
    assert_eq!(rig.cloud.soft, [(NodeId(1), false)]);
}
