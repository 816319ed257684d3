//! Rules of the specification that no other test and no recording holds by itself.

use std::sync::Arc;

use super::rig::{Rig, eager, group, pod, secs, shape};
use crate::autoscaler::cluster_autoscaler::options::MinMax;
use crate::autoscaler::cluster_autoscaler::scale_down::ScaleDownResult;
use crate::autoscaler::cluster_autoscaler::scale_up::ScaleUpResult;
use crate::autoscaler::cluster_autoscaler::simulator::removal::UnremovableReason;
use crate::autoscaler::cluster_autoscaler::{
    ControllerId, ControllerKind, GroupId, LoopReport, NodeId, NodeShape, Options, PodClass,
};
use crate::sim::SimDuration;

/// Nodes for one pod each, of which one is there and full, and so many pods that wait.
fn waiting(options: Options, max: i64, pods: usize) -> Rig {
    let node = shape(2000, 8);
    let mut rig = Rig::new(options, vec![(group("a", 0, max, &node), 1)]);
    let web = rig.workload(pod(1500));
    rig.pod(web, Some(0));
    rig.now = secs(10);
    for _ in 0..pods {
        rig.pod(web, None);
    }
    rig
}

fn grown(report: &LoopReport) -> i64 {
    let statuses = report.scale_up.iter();
    let groups = statuses.flat_map(|status| &status.groups);
    groups.map(|info| info.new - info.current).sum()
}

#[test]
fn a_scale_up_is_capped_by_all_nodes_and_skipped_where_there_are_as_many() {
    let total = |nodes| Options {
        max_nodes_total: nodes,
        ..Options::default()
    };
    assert_eq!(grown(&waiting(total(4), 100, 8).run(10)), 3);
    assert_eq!(grown(&waiting(total(0), 100, 8).run(10)), 8);
    let report = waiting(total(1), 100, 8).run(10);
    let status = &report.scale_up[0];
    assert_eq!(status.result, ScaleUpResult::LimitedByMaxNodesTotal);
    let told: Vec<&str> = report.events.iter().map(|event| event.reason).collect();
    assert!(told.contains(&"MaxNodesTotalReached"), "{told:?}");
}

#[test]
fn a_scale_up_asks_for_so_many_nodes_of_a_group_at_most() {
    let options = Options {
        max_nodes_per_scale_up: 5,
        ..Options::default()
    };
    let mut rig = waiting(options, 100, 8);
    assert_eq!(grown(&rig.run(10)), 5);
    // The rest is for the next loop.
    assert_eq!(grown(&rig.run(20)), 3);
    assert_eq!(grown(&waiting(Options::default(), 4, 8).run(10)), 3);
}

#[test]
fn a_node_that_cannot_be_emptied_is_looked_at_again_after_five_minutes() {
    let node = shape(2000, 8);
    let mut rig = Rig::new(Options::default(), vec![(group("a", 0, 5, &node), 3)]);
    let [small, half, large] = [700, 1200, 1900].map(|cpu| rig.workload(pod(cpu)));
    rig.pod(small, Some(0));
    rig.pod(large, Some(1));
    let gone = rig.pod(large, Some(2));
    let unneeded = |rig: &Rig| -> Vec<NodeId> {
        let all = rig.autoscaler.planner().unneeded();
        all.iter().map(|node| node.removal.node).collect()
    };
    rig.run(10);
    assert!(unneeded(&rig).is_empty());
    // There is room for its pod now, but it has been found not to go.
    rig.pods.retain(|pod| pod.id != gone);
    rig.pod(half, Some(2));
    for at in [20, 309] {
        rig.run(at);
        assert!(unneeded(&rig).is_empty(), "{at}");
    }
    rig.run(310);
    assert_eq!(unneeded(&rig), [NodeId(0)]);
}

#[test]
fn unready_nodes_have_a_longer_clock_and_a_switch_of_their_own() {
    for (enabled, wanted) in [(true, vec![NodeId(1)]), (false, Vec::new())] {
        let node = shape(2000, 8);
        let options = Options {
            scale_down_unready_time: SimDuration::from_secs(60),
            scale_down_unready_enabled: enabled,
            ..eager()
        };
        let mut rig = Rig::new(options, vec![(group("a", 1, 5, &node), 2)]);
        let web = rig.workload(pod(1500));
        rig.pod(web, Some(0));
        rig.nodes[1].ready = false;
        for at in [10, 20, 30, 40, 50, 60, 70] {
            let report = rig.run(at);
            assert!(report.deletion_started.is_empty(), "{at}");
        }
        let started = rig.run(80).deletion_started;
        let started: Vec<NodeId> = started.iter().map(|node| node.node).collect();
        assert_eq!(started, wanted);
    }
}

#[test]
fn an_annotation_keeps_a_node() {
    let node = shape(2000, 8);
    let mut rig = Rig::new(eager(), vec![(group("a", 0, 5, &node), 2)]);
    rig.nodes[0].scale_down_disabled = true;
    for at in [10, 20, 30, 40] {
        rig.run(at);
    }
    let report = rig.run(50);
    assert!(
        rig.cloud.tainted.contains(&NodeId(1))
            || report.scale_down == ScaleDownResult::NodeDeleteStarted
    );
    assert!(!rig.cloud.tainted.contains(&NodeId(0)));
}

#[test]
fn half_of_a_node_is_still_little_and_more_is_not() {
    for (cpu, is_candidate) in [(1000, true), (1001, false)] {
        let node = shape(2000, 8);
        let mut rig = Rig::new(eager(), vec![(group("a", 0, 5, &node), 2)]);
        let web = rig.workload(pod(cpu));
        rig.pod(web, Some(0));
        rig.run(10);
        let unneeded = rig.autoscaler.planner().unneeded();
        let has = unneeded.iter().any(|node| node.removal.node == NodeId(0));
        // The other is empty and is looked at first; the pod may move there unless that goes.
        assert_eq!(has, is_candidate && unneeded.len() == 2, "{cpu}");
        assert!(unneeded.iter().any(|node| node.removal.node == NodeId(1)));
    }
}

#[test]
fn the_least_cores_of_the_cluster_stay() {
    let node = shape(2000, 8);
    let options = Options {
        cores_total: MinMax { min: 4, max: 100 },
        ..eager()
    };
    let mut rig = Rig::new(options, vec![(group("a", 0, 5, &node), 3)]);
    for at in (10..200).step_by(10) {
        rig.run(at);
    }
    assert_eq!(rig.cloud.deleted.len(), 1, "two of three have four cores");
}

/// A node with GPUs whose cores are full, and pods that ask for a GPU.
fn with_gpus(count: i64) -> (Arc<NodeShape>, PodClass) {
    let mut node = (*shape(2000, 8)).clone();
    for amounts in [&mut node.capacity, &mut node.allocatable] {
        amounts.extended = vec![count];
    }
    let mut asks = pod(100);
    asks.requests.extended = vec![1];
    (Arc::new(node), asks)
}

#[test]
fn nodes_with_gpus_are_utilized_by_their_gpus_alone() {
    let (node, asks) = with_gpus(4);
    for (own, wanted) in [(None, vec![NodeId(1)]), (Some(0.2), Vec::new())] {
        let mut of_group = group("a", 0, 5, &node);
        of_group.options.scale_down_gpu_utilization_threshold = own;
        let mut rig = Rig::new(eager(), vec![(of_group, 2)]);
        let (full, part) = (rig.workload(pod(1900)), rig.workload(asks.clone()));
        for _ in 0..3 {
            rig.pod(part, Some(0));
        }
        // Nearly all of its CPU is requested, and one GPU of four.
        rig.pod(full, Some(1));
        rig.pod(part, Some(1));
        rig.run(10);
        let planner = rig.autoscaler.planner();
        let unneeded = planner.unneeded();
        let nodes: Vec<NodeId> = unneeded.iter().map(|node| node.removal.node).collect();
        // The full pod has no room elsewhere: the node passes the utilization, and not the simulation.
        let looked: Vec<NodeId> = (planner.found_at(secs(10)))
            .filter(|(_, why)| *why == UnremovableReason::NoPlaceToMovePods)
            .map(|(node, _)| node)
            .collect();
        assert!(nodes.is_empty(), "{nodes:?}");
        assert_eq!(looked, wanted);
    }
}

#[test]
fn pods_that_ask_for_a_gpu_wait_for_half_a_minute() {
    let (node, asks) = with_gpus(1);
    let mut rig = Rig::new(Options::default(), vec![(group("a", 0, 5, &node), 0)]);
    let work = rig.workload(asks);
    rig.pod(work, None);
    let grown =
        |rig: &mut Rig, at: i64| rig.run(at).scale_up.iter().any(|up| !up.groups.is_empty());
    let created = rig.pods[0].created;
    let at = |seconds: i64| (created + SimDuration::from_secs(seconds)).0 / 1_000_000_000;
    assert!(!grown(&mut rig, at(10)));
    assert!(!grown(&mut rig, at(29)));
    assert!(grown(&mut rig, at(30)));
}

#[test]
fn pods_of_daemon_sets_that_wait_grow_nothing() {
    let node = shape(2000, 8);
    let mut rig = Rig::new(Options::default(), vec![(group("a", 0, 5, &node), 0)]);
    let agent = rig.workload(PodClass {
        kind: ControllerKind::DaemonSet,
        ..pod(100)
    });
    rig.pod(agent, None);
    let report = rig.run(10);
    assert_eq!(report.scale_up[0].result, ScaleUpResult::NotNeeded);
}

#[test]
fn a_success_does_not_forget_failures() {
    let options = Options {
        initial_node_group_backoff_duration: SimDuration::from_secs(60),
        ..Options::default()
    };
    let mut rig = waiting(options, 100, 1);
    rig.cloud.refuses = true;
    rig.run(10);
    let backed_off = |rig: &Rig, at: i64| {
        let registry = rig.autoscaler.registry();
        registry.backed_off(GroupId(0), secs(at)).is_some()
    };
    assert!(backed_off(&rig, 70) && !backed_off(&rig, 71));
    rig.cloud.refuses = false;
    assert_eq!(grown(&rig.run(80)), 1);
    rig.cloud.refuses = true;
    rig.now = secs(95);
    let web = (rig.pods[0].class, ControllerId(0));
    for _ in 0..2 {
        rig.pod(web, None);
    }
    assert_eq!(grown(&rig.run(100)), 0);
    // Twice as long as the first time.
    assert!(backed_off(&rig, 220) && !backed_off(&rig, 221));
}

#[test]
fn nodes_go_in_the_loop_that_grows_another_group_unless_a_delay_holds_them() {
    let (node, large) = (shape(2000, 8), shape(8000, 32));
    for (delay, result) in [
        (0, ScaleDownResult::NodeDeleteStarted),
        (600, ScaleDownResult::InCooldown),
    ] {
        let options = Options {
            scale_down_delay_after_add: SimDuration::from_secs(delay),
            ..eager()
        };
        let groups = vec![(group("a", 0, 5, &node), 1), (group("b", 0, 5, &large), 0)];
        let mut rig = Rig::new(options, groups);
        for at in [10, 20, 30, 40] {
            rig.run(at);
        }
        let big = rig.workload(pod(6000));
        rig.now = secs(45);
        rig.pod(big, None);
        let report = rig.run(50);
        assert_eq!(grown(&report), 1);
        assert_eq!(report.scale_down, result);
    }
}

#[test]
fn pods_of_a_node_that_is_drained_wait_like_others() {
    let node = shape(2000, 8);
    let mut rig = Rig::new(eager(), vec![(group("a", 0, 5, &node), 2)]);
    let web = rig.workload(pod(100));
    let filler = rig.workload(pod(1500));
    let kept = rig.pod(web, Some(0));
    rig.pod(filler, Some(1));
    rig.cloud.refuses_evictions = true;
    for at in [10, 20, 30, 40, 50] {
        rig.run(at);
    }
    assert!(rig.autoscaler.deletions().contains(NodeId(0)));
    // It fits beside the other one.
    assert_eq!(grown(&rig.run(60)), 0);
    // Then the room is taken.
    let late = rig.workload(pod(450));
    rig.pod(late, Some(1));
    let report = rig.run(70);
    assert_eq!(grown(&report), 1);
    assert_eq!(report.scale_up[0].pods_triggered, [kept.0]);
}
