//! Whole loops on the rig.

use super::rig::{Rig, amount, eager, group, pod, secs, shape};
use crate::autoscaler::cluster_autoscaler::loop_trigger::next_loop;
use crate::autoscaler::cluster_autoscaler::scale_down::ScaleDownResult;
use crate::autoscaler::cluster_autoscaler::scale_up::ScaleUpResult;
use crate::autoscaler::cluster_autoscaler::{NodeId, Options, Pdb, PodClass, PodId, SafeToEvict};
use crate::sim::SimDuration;

#[test]
fn a_pod_that_fits_nowhere_gets_a_node() {
    let node = shape(2000, 8);
    let mut rig = Rig::new(Options::default(), vec![(group("a", 0, 5, &node), 1)]);
    let web = rig.workload(pod(1500));
    rig.pod(web, Some(0));
    rig.now = secs(10);
    rig.pod(web, None);
    let report = rig.run(10);
    assert_eq!(report.scale_up[0].result, ScaleUpResult::Successful);
    assert_eq!(rig.cloud.targets, [2]);
    assert_eq!(rig.autoscaler.last_scale_up(), secs(10));
}

#[test]
fn a_scale_up_is_reported_as_a_cooldown_where_nodes_are_never_removed() {
    let node = shape(2000, 8);
    let options = Options {
        scale_down_enabled: false,
        enforce_node_group_min_size: true,
        ..Options::default()
    };
    let mut rig = Rig::new(options, vec![(group("a", 2, 5, &node), 1)]);
    // Growing to the min size says nothing about scale-down.
    assert_eq!(rig.run(10).scale_down, ScaleDownResult::NotTried);
    assert_eq!(rig.cloud.targets, [2]);
    let web = rig.workload(pod(1500));
    for node in [Some(0), Some(1), None] {
        rig.pod(web, node);
    }
    assert_eq!(rig.run(20).scale_down, ScaleDownResult::InCooldown);
    assert_eq!(rig.cloud.targets, [3]);
}

#[test]
fn pods_below_the_cutoff_count_for_nothing() {
    let node = shape(2000, 8);
    let mut rig = Rig::new(eager(), vec![(group("a", 0, 5, &node), 1)]);
    let batch = rig.workload(PodClass {
        priority: -20,
        ..pod(1500)
    });
    let web = rig.workload(pod(1500));
    rig.pod(batch, Some(0));
    rig.now = secs(10);
    rig.pod(batch, None);
    let report = rig.run(10);
    assert_eq!(report.scale_up[0].result, ScaleUpResult::NotNeeded);
    // Its node is empty to the autoscaler, and has room for others.
    assert_eq!(rig.autoscaler.planner().unneeded().len(), 1);
    rig.pod(web, None);
    let report = rig.run(20);
    assert_eq!(report.scale_up[0].result, ScaleUpResult::NotNeeded);
}

#[test]
fn a_failed_increase_leaves_scale_down_and_cooldown_alone() {
    let node = shape(2000, 8);
    let mut rig = Rig::new(eager(), vec![(group("a", 0, 5, &node), 1)]);
    let web = rig.workload(pod(1900));
    rig.pod(web, Some(0));
    rig.now = secs(10);
    rig.pod(web, None);
    rig.cloud.refuses = true;
    let report = rig.run(10);
    assert_eq!(report.scale_up[0].result, ScaleUpResult::Error);
    assert_eq!(report.scale_down, ScaleDownResult::NoNodeDeleted);
    assert_eq!(rig.autoscaler.last_scale_up(), secs(-3600));
    let reason = rig
        .autoscaler
        .registry()
        .backed_off(super::super::GroupId(0), secs(10));
    assert_eq!(
        reason.map(|reason| reason.code.as_str()),
        Some("cloudProviderError")
    );
}

#[test]
fn very_new_pods_wait_and_hold_deletions_back() {
    let node = shape(2000, 8);
    let mut rig = Rig::new(eager(), vec![(group("a", 0, 5, &node), 2)]);
    let web = rig.workload(pod(1900));
    rig.pod(web, Some(0));
    for at in [10, 20, 30, 40] {
        rig.run(at);
    }
    let big = rig.workload(PodClass::new(amount(1000, 100)));
    rig.now = secs(54);
    rig.pod(big, None);
    // Created at 49: 1 s old.
    let report = rig.run(50);
    assert!(report.all_pending_too_new);
    assert_eq!(report.scale_up[0].result, ScaleUpResult::InCooldown);
    assert_eq!(report.scale_down, ScaleDownResult::InCooldown);
}

#[test]
fn an_empty_node_goes_when_it_has_been_unneeded_for_longer_than_the_time() {
    let node = shape(2000, 8);
    let mut rig = Rig::new(eager(), vec![(group("a", 1, 5, &node), 2)]);
    let web = rig.workload(pod(1500));
    rig.pod(web, Some(0));
    for at in [10, 20, 30, 40] {
        let report = rig.run(at);
        assert_eq!(report.scale_down, ScaleDownResult::NoNodeDeleted, "{at}");
    }
    let report = rig.run(50);
    assert_eq!(report.scale_down, ScaleDownResult::NodeDeleteStarted);
    assert!(rig.autoscaler.deletions().contains(NodeId(1)));
    rig.run(60);
    assert_eq!(rig.cloud.deleted, [NodeId(1)]);
    assert!(!rig.autoscaler.deletions().contains(NodeId(1)));
    // The group has its min size: no node is even looked at.
    let report = rig.run(70);
    assert_eq!(report.scale_down, ScaleDownResult::NoCandidates);
}

#[test]
fn a_budget_that_allows_fewer_than_the_node_needs_makes_it_risky() {
    let node = shape(2000, 8);
    let mut rig = Rig::new(eager(), vec![(group("a", 0, 5, &node), 2)]);
    let web = rig.workload(pod(100));
    for _ in 0..2 {
        rig.pod(web, Some(0));
    }
    rig.pdbs.push(Pdb {
        disruptions_allowed: 1,
        classes: vec![web.0],
    });
    let filler = rig.workload(pod(1500));
    rig.pod(filler, Some(1));
    rig.run(10);
    let unneeded: Vec<(NodeId, bool)> = rig
        .autoscaler
        .planner()
        .unneeded()
        .iter()
        .map(|node| (node.removal.node, node.removal.risky))
        .collect();
    assert_eq!(unneeded, [(NodeId(0), true)]);
}

#[test]
fn a_drain_evicts_with_the_shorter_grace_and_deletes_when_all_are_gone() {
    let node = shape(2000, 8);
    let options = Options {
        max_graceful_termination_sec: 20,
        ..eager()
    };
    let mut rig = Rig::new(options, vec![(group("a", 0, 5, &node), 2)]);
    let web = rig.workload(pod(100));
    let filler = rig.workload(pod(1500));
    let moved = rig.pod(web, Some(0));
    rig.pod(filler, Some(1));
    for at in [10, 20, 30, 40, 50, 60] {
        rig.run(at);
    }
    assert_eq!(rig.cloud.evicted, [(moved, SimDuration::from_secs(20))]);
    assert_eq!(rig.cloud.deleted, [NodeId(0)]);
}

#[test]
fn an_eviction_is_retried_every_ten_seconds_and_given_up() {
    let node = shape(2000, 8);
    let options = Options {
        max_pod_eviction_time: SimDuration::from_secs(25),
        unremovable_node_recheck_timeout: SimDuration::from_secs(3600),
        ..eager()
    };
    let mut rig = Rig::new(options, vec![(group("a", 0, 5, &node), 2)]);
    let web = rig.workload(pod(100));
    let filler = rig.workload(pod(1500));
    rig.pod(web, Some(0));
    rig.pod(filler, Some(1));
    rig.cloud.refuses_evictions = true;
    for at in (10..=80).step_by(10) {
        rig.run(at);
    }
    // Tainted at 50: tried at 55, 65 and 75, given up at 85.
    assert_eq!(rig.cloud.tried.borrow().len(), 3);
    assert_eq!(rig.cloud.tainted, [NodeId(0)]);
    let report = rig.run(90);
    let results: Vec<&str> = report
        .deletion_results
        .iter()
        .map(|(_, result)| result.name())
        .collect();
    assert_eq!(results, ["FailedToEvictPods"]);
    assert!(rig.cloud.deleted.is_empty());
    // A failed eviction starts no cooldown.
    assert_eq!(rig.autoscaler.last_failed_delete(), secs(-3600));
}

#[test]
fn a_failed_taint_starts_the_delay_after_failure() {
    let node = shape(2000, 8);
    let mut rig = Rig::new(eager(), vec![(group("a", 0, 5, &node), 1)]);
    rig.cloud.refuses_taints = true;
    for at in [10, 20, 30, 40] {
        rig.run(at);
    }
    let report = rig.run(50);
    assert_eq!(report.scale_down, ScaleDownResult::Error);
    assert_eq!(
        report.error.as_deref(),
        Some("couldn't taint 0 nodes with ToBeDeleted")
    );
    assert_eq!(rig.autoscaler.last_failed_delete(), secs(50));
    assert_eq!(rig.run(60).scale_down, ScaleDownResult::InCooldown);
}

#[test]
fn on_completion_pods_let_the_clock_run_and_hold_the_node() {
    let node = shape(2000, 8);
    let mut rig = Rig::new(eager(), vec![(group("a", 0, 5, &node), 1)]);
    let job = rig.workload(PodClass {
        safe_to_evict: SafeToEvict::OnCompletion,
        ..pod(100)
    });
    rig.pod(job, Some(0));
    for at in [10, 20, 30, 40, 50] {
        rig.run(at);
    }
    let reasons: Vec<&str> = rig
        .autoscaler
        .planner()
        .unremovable()
        .values()
        .map(|reason| reason.name())
        .collect();
    assert_eq!(reasons, ["BlockedByOnCompletionPod"]);
    assert_eq!(rig.autoscaler.planner().unneeded().len(), 1);
}

#[test]
fn min_sizes_are_enforced_at_the_end_of_a_loop() {
    let node = shape(2000, 8);
    let options = Options {
        enforce_node_group_min_size: true,
        ..Options::default()
    };
    let mut rig = Rig::new(options, vec![(group("a", 3, 5, &node), 1)]);
    let report = rig.run(10);
    assert_eq!(report.scale_up.len(), 1);
    assert_eq!(report.scale_up[0].result, ScaleUpResult::Successful);
    assert_eq!(rig.cloud.targets, [3]);
    assert_eq!(rig.autoscaler.last_scale_up(), secs(10));
    assert_eq!(rig.run(20).scale_up[0].result, ScaleUpResult::NotNeeded);
}

#[test]
fn local_delays_take_a_group_out_of_the_candidates() {
    let node = shape(2000, 8);
    let options = Options {
        scale_down_delay_type_local: true,
        scale_down_delay_after_add: SimDuration::from_secs(100),
        scale_down_unneeded_time: SimDuration::from_secs(30),
        ..Options::default()
    };
    let mut rig = Rig::new(options, vec![(group("a", 0, 5, &node), 2)]);
    let web = rig.workload(pod(1500));
    rig.pod(web, Some(0));
    rig.run(10);
    assert_eq!(rig.autoscaler.planner().unneeded().len(), 1);
    rig.pod(web, Some(1));
    let pending = rig.pod(web, None);
    rig.run(20);
    assert_eq!(rig.cloud.targets, [3]);
    rig.pods
        .retain(|pod| pod.id != pending && pod.node != Some(NodeId(1)));
    assert_eq!(rig.run(30).scale_down, ScaleDownResult::NoCandidates);
    assert!(rig.autoscaler.planner().unneeded().is_empty());
    rig.run(120);
    let since: Vec<_> = rig
        .autoscaler
        .planner()
        .unneeded()
        .iter()
        .map(|node| node.since)
        .collect();
    assert_eq!(since, [secs(120), secs(120)]);
}

#[test]
fn a_loop_that_did_something_is_followed_at_once() {
    let node = shape(2000, 8);
    let rig = |frequent_loops| {
        let options = Options {
            frequent_loops,
            ..eager()
        };
        let mut rig = Rig::new(options, vec![(group("a", 0, 5, &node), 1)]);
        let web = rig.workload(pod(1500));
        rig.pod(web, None);
        rig.pod(web, None);
        rig
    };
    let next = |rig: &Rig, began, ended| next_loop(&rig.autoscaler, secs(began), secs(ended));
    let mut grows = rig(true);
    grows.run(10);
    assert_eq!(grows.autoscaler.last_scale_up(), secs(10));
    assert_eq!(next(&grows, 10, 13), secs(13));
    // The next one finds its node on the way and does nothing.
    grows.run(13);
    assert_eq!(next(&grows, 13, 14), secs(24));
    let mut without = rig(false);
    without.run(10);
    assert_eq!(without.autoscaler.last_scale_up(), secs(10));
    assert_eq!(next(&without, 10, 13), secs(23));
    let mut shrinks = Rig::new(eager(), vec![(group("a", 0, 5, &node), 1)]);
    for at in [10, 20, 30, 40] {
        shrinks.run(at);
        assert_eq!(next(&shrinks, at, at + 1), secs(at + 11));
    }
    shrinks.run(50);
    assert_eq!(shrinks.autoscaler.last_delete(), secs(50));
    assert_eq!(next(&shrinks, 50, 51), secs(51));
}

#[test]
fn soft_taints_are_limited_per_loop() {
    let node = shape(2000, 8);
    let options = Options {
        max_bulk_soft_taint_count: 2,
        ..Options::default()
    };
    let mut rig = Rig::new(options, vec![(group("a", 0, 9, &node), 5)]);
    rig.run(10);
    let marked = [(NodeId(0), true), (NodeId(1), true)];
    assert_eq!(rig.cloud.soft, marked);
}

#[test]
fn a_pod_with_a_delay_of_its_own_waits_for_it() {
    let node = shape(2000, 8);
    let mut rig = Rig::new(Options::default(), vec![(group("a", 0, 5, &node), 0)]);
    let slow = rig.workload(PodClass {
        scale_up_delay: Some(SimDuration::from_secs(45)),
        ..pod(100)
    });
    rig.now = secs(5);
    assert_eq!(rig.pod(slow, None), PodId(0));
    assert_eq!(rig.run(40).scale_up[0].result, ScaleUpResult::NotNeeded);
    // The delay must be exceeded.
    assert_eq!(rig.run(45).scale_up[0].result, ScaleUpResult::NotNeeded);
    assert_eq!(rig.run(46).scale_up[0].result, ScaleUpResult::Successful);
}

#[test]
fn a_cluster_without_nodes_is_left_alone_if_asked() {
    let node = shape(2000, 8);
    let options = Options {
        scale_up_from_zero: false,
        ..Options::default()
    };
    let mut rig = Rig::new(options, vec![(group("a", 0, 5, &node), 0)]);
    let web = rig.workload(pod(100));
    rig.pod(web, None);
    let report = rig.run(10);
    assert!(report.scale_up.is_empty());
    assert_eq!(report.events[0].reason, "ClusterUnhealthy");
    assert_eq!(report.events[0].message, "Cluster has no nodes.");
    assert_eq!(report.aborted, Some("Cluster has no nodes."));
    assert_eq!(rig.cloud.targets, [0]);
}

#[test]
fn nodes_that_are_not_ready_yet_are_told_of_ten_minutes_after_the_start() {
    let node = shape(2000, 8);
    let options = Options {
        scale_up_from_zero: false,
        ..Options::default()
    };
    let mut rig = Rig::new(options, vec![(group("a", 0, 5, &node), 1)]);
    for node in &mut rig.nodes {
        node.ready = false;
    }
    for (at, told) in [(10, 0), (600, 0), (601, 1)] {
        let report = rig.run(at);
        assert_eq!(report.aborted, Some("Cluster has no ready nodes."));
        assert_eq!(report.events.len(), told, "{at}");
    }
}
