//! How many nodes are looked at and removed at a time, how they are marked, which pods go before
//! them; what is read how often.

use std::sync::Arc;

use super::rig::{Rig, eager, group, pod, secs, shape};
use crate::autoscaler::cluster_autoscaler::scale_up::equivalence::build_pod_groups;
use crate::autoscaler::cluster_autoscaler::{
    ControllerKind, NodeGroup, NodeId, NodeShape, Options, PodClass, PodId,
};
use crate::sim::SimDuration;

fn nodes(options: Options, count: i64) -> Rig {
    let node = shape(2000, 8);
    Rig::new(options, vec![(group("a", 0, 50, &node), count)])
}

#[test]
fn a_controller_has_ten_kinds_of_pods_and_others_are_counted_one_by_one() {
    let mut rig = nodes(Options::default(), 1);
    let (first, controller) = rig.workload(pod(10));
    let mut kinds = vec![first];
    kinds.extend((11..22).map(|cpu| rig.workload(pod(cpu)).0));
    for _ in 0..2 {
        for kind in &kinds {
            rig.pod((*kind, controller), None);
        }
    }
    // Another controller has ten kinds of its own.
    let other = rig.workload(pod(10));
    rig.pod(other, None);
    rig.pod(other, None);
    let sizes: Vec<usize> = rig.at(secs(10), |_, seen, _| {
        let groups = build_pod_groups(seen, seen.pending);
        groups.iter().map(|group| group.pods.pods.len()).collect()
    });
    let wanted = [[2; 10].as_slice(), &[1; 4], &[2]].concat();
    assert_eq!(sizes, wanted);
}

#[test]
fn no_more_nodes_are_unneeded_than_could_be_removed_in_time() {
    let options = Options {
        max_scale_down_parallelism: 2,
        ..eager()
    };
    let mut rig = nodes(options, 20);
    let unneeded = |rig: &Rig| rig.autoscaler.planner().unneeded().len();
    // Twice the parallelism more in each loop; then, with loops 10 s apart, as many as can go
    // within the time, and once the parallelism more.
    for (at, wanted) in [(10, 4), (20, 8), (30, 8), (40, 8)] {
        rig.run(at);
        assert_eq!(unneeded(&rig), wanted, "{at}");
    }
    let mut patient = nodes(
        Options {
            max_scale_down_parallelism: 2,
            ..Options::default()
        },
        20,
    );
    for (at, wanted) in [(10, 4), (20, 8), (30, 12), (40, 16), (50, 20)] {
        patient.run(at);
        assert_eq!(unneeded(&patient), wanted, "{at}");
    }
}

#[test]
fn so_many_nodes_are_removed_at_a_time() {
    let options = Options {
        max_scale_down_parallelism: 2,
        node_delete_delay_after_taint: SimDuration::from_secs(25),
        ..eager()
    };
    let mut rig = nodes(options, 6);
    for at in [10, 20, 30] {
        rig.run(at);
    }
    for (at, started, deleted) in [(40, 0, 0), (50, 2, 0), (60, 0, 0), (70, 0, 0), (80, 2, 2)] {
        let report = rig.run(at);
        assert_eq!(report.deletion_started.len(), started, "{at}");
        assert_eq!(rig.cloud.deleted.len(), deleted, "{at}");
    }
}

#[test]
fn so_many_of_them_are_drained_at_a_time() {
    for (drained, removed, wanted) in [(1, 10, 1), (2, 10, 2), (5, 2, 2)] {
        let options = Options {
            max_drain_parallelism: drained,
            max_scale_down_parallelism: removed,
            node_delete_delay_after_taint: SimDuration::from_secs(25),
            ..eager()
        };
        let mut rig = nodes(options, 5);
        let (web, filler) = (rig.workload(pod(100)), rig.workload(pod(1200)));
        for node in 0..4 {
            rig.pod(web, Some(node));
        }
        rig.pod(filler, Some(4));
        for at in [10, 20, 30, 40] {
            rig.run(at);
        }
        assert_eq!(rig.run(50).deletion_started.len(), wanted, "{drained}");
        assert!(rig.run(60).deletion_started.is_empty(), "{drained}");
    }
}

#[test]
fn a_node_is_cordoned_with_its_taint_and_uncordoned_with_it_if_asked_for() {
    for cordon in [true, false] {
        let options = Options {
            cordon_node_before_terminating: cordon,
            max_pod_eviction_time: SimDuration::from_secs(5),
            ..eager()
        };
        let mut rig = nodes(options, 2);
        let (web, filler) = (rig.workload(pod(100)), rig.workload(pod(1500)));
        rig.pod(web, Some(0));
        rig.pod(filler, Some(1));
        rig.cloud.refuses_evictions = true;
        for at in [10, 20, 30, 40, 50] {
            rig.run(at);
        }
        assert_eq!(rig.cloud.marks, [(NodeId(0), cordon)]);
        // Given back, and then marked again.
        rig.run(70);
        assert_eq!(rig.cloud.marks, [(NodeId(0), cordon); 3]);
    }
}

/// The pods that are evicted from a node with a DaemonSet's pod, with an ordinary one beside it or
/// without, by the flags for empty and for occupied nodes and the annotation.
fn evicted(occupied: bool, flags: (bool, bool), annotation: Option<bool>) -> Vec<PodId> {
    let options = Options {
        daemonset_eviction_for_empty_nodes: flags.0,
        daemonset_eviction_for_occupied_nodes: flags.1,
        ..eager()
    };
    let mut rig = nodes(options, 2);
    let agent = rig.workload(PodClass {
        kind: ControllerKind::DaemonSet,
        daemon_set_eviction: annotation,
        ..pod(50)
    });
    let (web, filler) = (rig.workload(pod(100)), rig.workload(pod(1500)));
    rig.pod(agent, Some(0));
    rig.pod(filler, Some(1));
    if occupied {
        rig.pod(web, Some(0));
    }
    for at in [10, 20, 30, 40, 50, 60, 70] {
        rig.run(at);
    }
    assert_eq!(rig.cloud.deleted, [NodeId(0)]);
    let mut evicted: Vec<PodId> = rig.cloud.evicted.iter().map(|(pod, _)| *pod).collect();
    evicted.sort();
    evicted
}

#[test]
fn pods_of_daemon_sets_go_with_their_node_or_are_evicted_before() {
    let (agent, web) = (PodId(0), PodId(2));
    let defaults = (false, true);
    // Empty nodes.
    assert_eq!(evicted(false, defaults, None), []);
    assert_eq!(evicted(false, (true, true), None), [agent]);
    assert_eq!(evicted(false, defaults, Some(true)), [agent]);
    assert_eq!(evicted(false, (true, true), Some(false)), []);
    // Others.
    assert_eq!(evicted(true, defaults, None), [agent, web]);
    assert_eq!(evicted(true, (true, false), None), [web]);
    assert_eq!(evicted(true, (true, false), Some(true)), [agent, web]);
    assert_eq!(evicted(true, defaults, Some(false)), [web]);
}

#[test]
fn nobody_waits_for_a_pod_of_a_daemon_set_that_cannot_be_evicted() {
    let options = Options {
        daemonset_eviction_for_empty_nodes: true,
        max_pod_eviction_time: SimDuration::from_secs(15),
        ..eager()
    };
    let mut rig = nodes(options, 2);
    let agent = rig.workload(PodClass {
        kind: ControllerKind::DaemonSet,
        ..pod(50)
    });
    let filler = rig.workload(pod(1500));
    rig.pod(agent, Some(0));
    rig.pod(filler, Some(1));
    rig.cloud.refuses_evictions = true;
    // Tainted at 50, tried at 55 and 65; at 75 the time is over.
    for at in [10, 20, 30, 40, 50, 60, 70] {
        rig.run(at);
        assert!(rig.cloud.deleted.is_empty(), "{at}");
    }
    rig.run(80);
    assert_eq!(rig.cloud.tried.borrow().len(), 2);
    assert_eq!(rig.cloud.deleted, [NodeId(0)]);
}

/// A group whose nodes turn out smaller than the provider says, with a pod that needs more.
fn small_nodes(ready_since: i64) -> Rig {
    let (small, said) = (shape(1000, 8), shape(2000, 8));
    let of = |template: &Arc<NodeShape>| -> NodeGroup { group("a", 0, 5, template) };
    let mut rig = Rig::new(Options::default(), vec![(of(&small), 1)]);
    rig.groups[0] = of(&said);
    rig.nodes[0].last_transition = secs(ready_since);
    let web = rig.workload(pod(1500));
    rig.pod(web, None);
    rig
}

#[test]
fn a_node_is_the_model_of_its_group_once_it_has_been_ready_for_a_minute() {
    let grows = |mut rig: Rig, at: i64| {
        rig.run(at);
        rig.cloud.targets == [2]
    };
    assert!(grows(small_nodes(10), 70), "a minute is not more than one");
    assert!(!grows(small_nodes(10), 71), "1.5 cores are too much for it");
    // What was learnt of it holds when it is not ready any more.
    let mut rig = small_nodes(10);
    rig.run(71);
    rig.nodes[0].ready = false;
    rig.nodes[0].last_transition = secs(75);
    assert!(!grows(rig, 80));
    let mut rig = small_nodes(10);
    rig.nodes[0].ready = false;
    assert!(grows(rig, 80), "nothing was learnt");
}

#[test]
fn instances_are_listed_every_two_minutes_and_in_each_loop_while_a_group_grows() {
    let mut rig = nodes(Options::default(), 1);
    rig.cloud.registers_after = SimDuration::from_secs(40);
    let web = rig.workload(pod(1500));
    rig.pod(web, Some(0));
    let listed = |rig: &mut Rig, at: i64| {
        let before = rig.cloud.listed.get();
        rig.run(at);
        (rig.cloud.listed.get() > before).then_some(at)
    };
    let quiet: Vec<i64> = (10..300)
        .step_by(10)
        .filter_map(|at| listed(&mut rig, at))
        .collect();
    assert_eq!(quiet, [10, 120, 240]);
    rig.now = secs(295);
    let pending = rig.pod(web, None);
    listed(&mut rig, 300);
    let placed = rig.pods.iter_mut().find(|pod| pod.id == pending);
    placed.expect("it is there").node = Some(NodeId(1));
    rig.pods.retain(|pod| pod.id != pending);
    let growing: Vec<i64> = (310..=360)
        .step_by(10)
        .filter_map(|at| listed(&mut rig, at))
        .collect();
    assert_eq!(growing, [310, 320, 330, 340, 360]);
}

#[test]
fn a_taint_for_deletion_holds_a_node_for_five_minutes() {
    let mut rig = nodes(eager(), 2);
    let filler = rig.workload(pod(1500));
    rig.pod(filler, Some(0));
    // Another autoscaler has marked it and is gone.
    rig.nodes[1].to_be_deleted = Some(secs(10));
    let unneeded = |rig: &mut Rig, at: i64| {
        rig.cloud.tainted = vec![NodeId(1)];
        rig.run(at);
        rig.autoscaler.planner().unneeded().len()
    };
    assert_eq!(unneeded(&mut rig, 20), 0);
    assert_eq!(unneeded(&mut rig, 309), 0);
    assert_eq!(unneeded(&mut rig, 310), 1);
}
