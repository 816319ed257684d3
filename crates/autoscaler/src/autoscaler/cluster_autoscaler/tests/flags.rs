//! Flags that change decisions and that no recording states.

use std::sync::Arc;

use super::rig::{Rig, eager, group, pod, secs, shape};
use crate::autoscaler::cluster_autoscaler::options::DrainPriorities;
use crate::autoscaler::cluster_autoscaler::scale_up::ScaleUpResult;
use crate::autoscaler::cluster_autoscaler::taints::{self, Effect, Taint};
use crate::autoscaler::cluster_autoscaler::{NodeId, NodeShape, Options, PodClass, PodId};
use crate::sim::SimDuration;

fn of_priority(priority: i32) -> PodClass {
    PodClass {
        priority,
        ..pod(100)
    }
}

/// A node whose pods have these priorities, drained beside a full one.
fn drained(options: Options, priorities: &[i32]) -> Rig {
    let node = shape(2000, 8);
    let mut rig = Rig::new(options, vec![(group("a", 0, 5, &node), 2)]);
    for priority in priorities {
        let workload = rig.workload(of_priority(*priority));
        rig.pod(workload, Some(0));
    }
    let filler = rig.workload(pod(1200));
    rig.pod(filler, Some(1));
    rig
}

#[test]
fn pods_are_evicted_by_their_priorities_each_group_with_its_grace() {
    let mut options = eager();
    options
        .set("drain-priority-config", "100:20,0:60,10:5")
        .expect("it reads");
    assert_eq!(
        options.drain_priorities,
        DrainPriorities(vec![(0, 60), (10, 5), (100, 20)])
    );
    let mut rig = drained(options, &[200, 0, 50, -5]);
    rig.run(10);
    for at in (20..=60).step_by(10) {
        rig.run(at);
    }
    let evicted: Vec<(u32, f64)> = rig
        .cloud
        .evicted
        .iter()
        .map(|(pod, grace)| (pod.0, grace.as_secs_f64()))
        .collect();
    // Of a group the last is asked for first.
    assert_eq!(evicted, [(3, 30.0), (1, 30.0), (2, 5.0), (0, 20.0)]);
    let ends = |text: &String| text.contains("deleting pod");
    let order: Vec<String> = rig.texts().into_iter().filter(ends).collect();
    assert_eq!(
        order,
        [
            "55 ScaleDown pod-1: deleting pod for node scale down",
            "55 ScaleDown pod-3: deleting pod for node scale down",
            "55 ScaleDown pod-2: deleting pod for node scale down",
            "55 ScaleDown pod-0: deleting pod for node scale down",
        ]
    );
    assert_eq!(rig.cloud.deleted, [NodeId(0)]);
}

#[test]
fn by_priorities_pods_of_daemon_sets_are_waited_for() {
    let mut options = eager();
    options.max_pod_eviction_time = SimDuration::from_secs(5);
    options
        .set("drain-priority-config", "0:60")
        .expect("it reads");
    for (by_priority, deleted) in [(true, 0), (false, 1)] {
        let mut options = options.clone();
        if !by_priority {
            options.drain_priorities.0.clear();
        }
        let mut rig = drained(options, &[]);
        let mut agent = pod(100);
        agent.kind = crate::autoscaler::cluster_autoscaler::ControllerKind::DaemonSet;
        let agent = rig.workload(agent);
        rig.pod(agent, Some(0));
        let web = rig.workload(pod(100));
        rig.pod(web, Some(0));
        rig.cloud.refuses_evictions_of = vec![PodId(1)];
        for at in (10..=80).step_by(10) {
            rig.run(at);
        }
        assert_eq!(rig.cloud.deleted.len(), deleted, "{by_priority}");
    }
}

#[test]
fn a_bad_list_of_priorities_is_refused() {
    for text in ["", "1", "1:2:3", "a:1", "1:1,"] {
        let error = Options::default()
            .set("drain-priority-config", text)
            .expect_err(text);
        let told =
            format!("--drain-priority-config: \"{text}\" is not a list of <priority>:<seconds>");
        assert_eq!(error.to_string(), told);
    }
}

#[test]
fn nodes_of_a_group_are_gathered_from_the_first_on() {
    let options = Options {
        node_deletion_batcher_interval: SimDuration::from_secs(20),
        max_scale_down_parallelism: 1,
        ..eager()
    };
    let node = shape(2000, 8);
    let at_once = vec![(group("a", 0, 5, &node), 2), (group("b", 0, 5, &node), 1)];
    let all = Options {
        max_scale_down_parallelism: 10,
        ..options.clone()
    };
    let mut rig = Rig::new(all, at_once);
    for at in (10..=80).step_by(10) {
        rig.run(at);
    }
    // Tainted at 50, gathered at 55, deleted group by group at 75.
    let batches = [vec![NodeId(0), NodeId(1)], vec![NodeId(2)]];
    assert_eq!(rig.cloud.deletions, batches);
    assert!(rig.told.iter().all(|event| {
        event.message != "nodes removed by cluster autoscaler" || event.at == secs(75)
    }));
    let mut refused = Rig::new(
        Options {
            max_scale_down_parallelism: 10,
            ..options
        },
        vec![(group("a", 0, 5, &node), 2)],
    );
    refused.cloud.refuses_deletions = true;
    for at in (10..=80).step_by(10) {
        refused.run(at);
    }
    let failed = refused.texts();
    let failed = failed
        .iter()
        .filter(|text| text.starts_with("75 !ScaleDownFailed"));
    assert_eq!(failed.count(), 2);
    assert!(refused.cloud.tainted.is_empty());
}

#[test]
fn an_annotation_delays_a_deletion_for_two_minutes_at_most() {
    let gone_at = |options: Options, until: i64| {
        let mut rig = drained(options, &[0]);
        rig.cloud.delayed.push(NodeId(0));
        for at in (10..=300).step_by(10) {
            if at >= until {
                rig.cloud.delayed.clear();
            }
            rig.run(at);
        }
        let removed = |text: &str| text == "nodes removed by cluster autoscaler";
        let event = rig.told.iter().find(|event| removed(&event.message));
        event.expect("it goes").at
    };
    assert_eq!(gone_at(eager(), 1000), secs(175));
    assert_eq!(gone_at(eager(), 100), secs(95));
    let without = Options {
        node_deletion_delay_timeout: SimDuration::ZERO,
        ..eager()
    };
    assert_eq!(gone_at(without, 1000), secs(55));
}

#[test]
fn groups_of_a_plan_are_grown_side_by_side_if_asked_for() {
    let node = shape(2000, 8);
    let sizes = |parallel| {
        let options = Options {
            parallel_scale_up: parallel,
            balance_similar_node_groups: true,
            ..Options::default()
        };
        let groups = ["a", "b", "c"].map(|name| (group(name, 0, 5, &node), 0));
        let mut rig = Rig::new(options, groups.into());
        let web = rig.workload(pod(1500));
        for _ in 0..3 {
            rig.pod(web, None);
        }
        rig.cloud.refuses_group = Some(1);
        let report = rig.run(10);
        assert_eq!(report.scale_up[0].result, ScaleUpResult::Error);
        let error = "failed to increase node group size: no";
        assert_eq!(report.scale_up[0].error.as_deref(), Some(error));
        rig.cloud.targets.iter().sum::<i64>()
    };
    let (one_by_one, side_by_side) = (sizes(false), sizes(true));
    assert_eq!(side_by_side, 2);
    assert!(one_by_one < 2, "{one_by_one}");
}

#[test]
fn a_salvo_helps_all_pods_in_one_loop() {
    let node = shape(2000, 8);
    let other = Arc::new(NodeShape {
        labels: vec![("pool".to_owned(), "b".to_owned())],
        ..NodeShape::clone(&node)
    });
    let grown = |salvo| {
        let options = Options {
            salvo_scale_up: salvo,
            ..Options::default()
        };
        let groups = vec![(group("a", 0, 5, &node), 0), (group("b", 0, 5, &other), 0)];
        let mut rig = Rig::new(options, groups);
        for pool in ["a", "b", "c"] {
            let workload = rig.workload(PodClass {
                node_selector: vec![("pool".to_owned(), pool.to_owned())],
                ..pod(1500)
            });
            rig.pod(workload, None);
            rig.pod(workload, None);
        }
        let report = rig.run(10);
        let results = report.scale_up.iter().map(|status| status.result);
        (results.collect::<Vec<_>>(), rig.cloud.targets.clone())
    };
    let (successful, none) = (ScaleUpResult::Successful, ScaleUpResult::NoOptionsAvailable);
    assert_eq!(grown(false), (vec![successful], vec![2, 0]));
    // The pods that no group helps end it.
    assert_eq!(
        grown(true),
        (vec![successful, successful, none], vec![2, 2])
    );
}

#[test]
fn very_new_pods_of_a_bypassed_scheduler_are_not_waited_for() {
    let result = |schedulers: Vec<String>| {
        let node = shape(2000, 8);
        let options = Options {
            bypassed_schedulers: schedulers,
            ..Options::default()
        };
        let mut rig = Rig::new(options, vec![(group("a", 0, 5, &node), 0)]);
        let web = rig.workload(pod(1500));
        rig.now = secs(14);
        rig.pod(web, None);
        rig.run(10).scale_up[0].result
    };
    assert_eq!(result(Vec::new()), ScaleUpResult::InCooldown);
    let own = vec!["default-scheduler".to_owned()];
    assert_eq!(result(own), ScaleUpResult::Successful);
}

fn taint(key: &str) -> Taint {
    Taint {
        key: key.to_owned(),
        value: String::new(),
        effect: Effect::NoSchedule,
    }
}

#[test]
fn templates_have_no_startup_and_no_status_taints() {
    let mut options = Options::default();
    for (flag, value) in [
        ("startup-taint", "agent,other"),
        ("ignore-taint", "old"),
        ("startup-taint-prefix", "boot.example.com/"),
        ("status-taint", "busy"),
    ] {
        options.set(flag, value).expect("it reads");
    }
    let all = [
        "agent",
        "old",
        "boot.example.com/a",
        "busy",
        "ignore-taint.cluster-autoscaler.kubernetes.io/a",
        "startup-taint.cluster-autoscaler.kubernetes.io/a",
        "status-taint.cluster-autoscaler.kubernetes.io/a",
        "dedicated",
    ];
    let kept = taints::sanitize(&all.map(taint), &options);
    assert_eq!(kept, [taint("dedicated")]);
    let kept = taints::sanitize(&all.map(taint), &Options::default());
    let keys: Vec<&str> = kept.iter().map(|taint| taint.key.as_str()).collect();
    assert_eq!(
        keys,
        ["agent", "old", "boot.example.com/a", "busy", "dedicated"]
    );
    let starts = all.map(|key| taints::is_startup(key, &options));
    assert_eq!(starts, [true, true, true, false, true, true, false, false]);
}

/// Whether a pod gets a node where the only one, of another shape than the group says, is gone for
/// an hour or cordoned.
fn grows(options: Options, change: impl FnOnce(&mut Rig)) -> bool {
    let (node, large) = (shape(2000, 8), shape(8000, 8));
    let mut rig = Rig::new(options, vec![(group("a", 0, 5, &node), 1)]);
    rig.nodes[0].shape = large;
    rig.run(10);
    let big = rig.workload(pod(6000));
    rig.now = secs(3600);
    rig.pod(big, None);
    change(&mut rig);
    rig.run(3610).scale_up[0].result == ScaleUpResult::Successful
}

#[test]
fn a_group_remembers_its_last_good_node_for_a_time() {
    let gone = |rig: &mut Rig| {
        rig.cloud.instances.clear();
        rig.cloud.targets[0] = 0;
    };
    assert!(grows(Options::default(), gone));
    let short = Options {
        node_info_cache_expire_time: SimDuration::from_secs(3599),
        ..Options::default()
    };
    assert!(!grows(short, gone));
}

#[test]
fn a_cordoned_node_can_be_the_model_of_a_node_that_is_not() {
    let grown = |from_unschedulable| {
        let options = Options {
            scale_from_unschedulable: from_unschedulable,
            ..Options::default()
        };
        let node = shape(2000, 8);
        let mut rig = Rig::new(options, vec![(group("a", 0, 5, &node), 1)]);
        rig.groups[0].template = None;
        rig.nodes[0].unschedulable = true;
        let web = rig.workload(pod(1500));
        rig.pod(web, None);
        let shown: Vec<Arc<NodeShape>> = rig.nodes.iter().map(|one| one.shape.clone()).collect();
        assert_eq!(shown.len(), 1);
        rig.at(secs(10), |autoscaler, seen, cloud| {
            autoscaler.run_once(seen, cloud, &mut |_| 0)
        })
        .scale_up[0]
            .result
    };
    assert_eq!(grown(false), ScaleUpResult::NoOptionsAvailable);
    assert_eq!(grown(true), ScaleUpResult::Successful);
}

#[test]
fn an_expander_is_named_once_and_nothing_follows_the_one_that_draws() {
    for (text, reads) in [
        ("price,least-waste,random", true),
        ("random", true),
        ("random,least-waste", false),
        ("least-waste,price,least-waste", false),
        ("grpc", false),
    ] {
        let read = Options::default().set("expander", text);
        assert_eq!(read.is_ok(), reads, "{text}");
    }
}

#[test]
fn the_defaults_are_upstreams() {
    let options = Options::default();
    let seconds = |length: SimDuration| length.as_secs_f64() as i64;
    let times = [
        (options.scan_interval, 10),
        (options.max_node_provision_time, 900),
        (options.max_node_startup_time, 900),
        (options.initial_node_group_backoff_duration, 300),
        (options.max_node_group_backoff_duration, 1800),
        (options.node_group_backoff_reset_timeout, 10_800),
        (options.new_pod_scale_up_delay, 0),
        (options.scale_down_unneeded_time, 600),
        (options.scale_down_unready_time, 1200),
        (options.scale_down_delay_after_add, 600),
        (options.scale_down_delay_after_delete, 0),
        (options.scale_down_delay_after_failure, 180),
        (options.unremovable_node_recheck_timeout, 300),
        (options.max_pod_eviction_time, 120),
        (options.node_delete_delay_after_taint, 5),
        (options.node_deletion_delay_timeout, 120),
        (options.node_deletion_batcher_interval, 0),
        (options.blocking_system_pod_disruption_timeout, 3600),
    ];
    for (place, (length, expected)) in times.into_iter().enumerate() {
        assert_eq!(seconds(length), expected, "{place}");
    }
    let numbers = [
        (options.max_nodes_total, 0),
        (options.cores_total.max, 320_000),
        (options.memory_total.max, 6_400_000),
        (options.max_nodes_per_scale_up, 1000),
        (options.ok_total_unready_count, 3),
        (options.max_scale_down_parallelism, 10),
        (options.max_drain_parallelism, 1),
        (options.max_graceful_termination_sec, 600),
        (options.max_bulk_soft_taint_count as i64, 10),
        (options.expendable_pods_priority_cutoff.into(), -10),
        (options.min_replica_count.into(), 0),
    ];
    for (place, (number, expected)) in numbers.into_iter().enumerate() {
        assert_eq!(number, expected, "{place}");
    }
    let shares = [
        options.max_total_unready_percentage,
        options.memory_difference_ratio,
        options.max_free_difference_ratio,
        options.max_allocatable_difference_ratio,
        options.scale_down_utilization_threshold,
        options.scale_down_gpu_utilization_threshold,
    ];
    assert_eq!(shares, [45.0, 0.015, 0.05, 0.05, 0.5, 0.5]);
    let on = [
        options.frequent_loops,
        options.scale_up_from_zero,
        options.scale_down_enabled,
        options.scale_down_unready_enabled,
        options.cordon_node_before_terminating,
        options.skip_nodes_with_system_pods,
        options.skip_nodes_with_local_storage,
        options.skip_nodes_with_custom_controller_pods,
        options.daemonset_eviction_for_occupied_nodes,
        options.write_status_config_map,
    ];
    assert_eq!(on, [true; 10]);
    let off = [
        options.balance_similar_node_groups,
        options.enforce_node_group_min_size,
        options.scale_down_delay_type_local,
        options.ignore_daemonsets_utilization,
        options.ignore_mirror_pods_utilization,
        options.daemonset_eviction_for_empty_nodes,
        options.parallel_scale_up,
        options.salvo_scale_up,
        options.force_daemon_sets,
        options.fastpath_binpacking,
        options.force_delete_unregistered_nodes,
        options.record_duplicated_events,
    ];
    assert_eq!(off, [false; 12]);
}
