//! Requests, sizes and instances that go wrong.

use serde_json::json;

use super::rig::{Rig, amount, group, secs, shape};
use crate::autoscaler::cluster_autoscaler::clusterstate::StatusConfigMap;
use crate::autoscaler::cluster_autoscaler::scale_up::ScaleUpResult;
use crate::autoscaler::cluster_autoscaler::{GroupId, Options, PodClass};
use crate::sim::{SimDuration, SimTime};

const A: GroupId = GroupId(0);

fn rig(registers_after: i64) -> Rig {
    let node = shape(2000, 8);
    let options = Options {
        max_node_provision_time: SimDuration::from_secs(60),
        ..Options::default()
    };
    let mut rig = Rig::new(options, vec![(group("a", 0, 9, &node), 1)]);
    rig.cloud.registers_after = SimDuration::from_secs(registers_after);
    let web = rig.workload(PodClass::new(amount(1900, 1)));
    rig.pod(web, Some(0));
    rig.now = secs(10);
    rig.pod(web, None);
    rig.run(10);
    rig
}

fn upcoming(rig: &Rig, at: i64) -> i64 {
    rig.autoscaler.upcoming(A, secs(at)).0
}

#[test]
fn an_ordered_node_is_upcoming_and_not_ordered_again() {
    let mut rig = rig(1000);
    assert_eq!(upcoming(&rig, 10), 1);
    let report = rig.run(20);
    assert_eq!(report.scale_up[0].result, ScaleUpResult::NotNeeded);
    assert_eq!(rig.cloud.targets, [2]);
}

#[test]
fn a_further_increase_moves_the_deadline() {
    let mut rig = rig(1000);
    let web = (rig.pods[0].class, rig.pods[0].controller.unwrap());
    rig.now = secs(60);
    rig.pod(web, None);
    rig.run(60);
    assert_eq!(rig.cloud.targets, [3]);
    // 60 s after the first order.
    rig.run(80);
    assert_eq!(upcoming(&rig, 80), 2);
    assert!(rig.autoscaler.registry().backed_off(A, secs(80)).is_none());
}

#[test]
fn a_request_that_times_out_backs_the_group_off_and_lowers_the_target() {
    let mut rig = rig(1000);
    let instances: Vec<_> = rig.cloud.instances.drain(1..).collect();
    assert_eq!(instances.len(), 1);
    rig.run(70);
    assert!(rig.autoscaler.registry().backed_off(A, secs(70)).is_none());
    let report = rig.run(80);
    assert!(report.events.iter().any(|event| {
        event.reason == "ScaleUpTimedOut"
            && event.message == "Nodes added to group a failed to register within 1m10s"
    }));
    assert_eq!(rig.cloud.targets, [1]);
    let reason = rig.autoscaler.registry().backed_off(A, secs(80));
    assert_eq!(reason.map(|reason| reason.code.as_str()), Some("timeout"));
    // The pod waits for the end of the back-off.
    assert_eq!(report.scale_up[0].result, ScaleUpResult::NoOptionsAvailable);
}

#[test]
fn an_instance_that_never_registers_is_deleted_by_the_time_it_was_first_seen() {
    let mut rig = rig(1000);
    rig.run(20);
    // Ordered at 10, first seen at 20.
    rig.run(80);
    assert!(rig.cloud.deleted.is_empty());
    let report = rig.run(90);
    assert_eq!(rig.cloud.deleted.len(), 1);
    assert!(
        report
            .events
            .iter()
            .any(|event| event.reason == "DeleteUnregistered")
    );
}

#[test]
fn unregistered_instances_are_kept_down_to_the_min() {
    let mut rig = rig(1000);
    rig.groups[0].min = 2;
    rig.run(20);
    rig.run(90);
    assert!(rig.cloud.deleted.is_empty());
}

#[test]
fn a_target_that_stays_too_high_is_lowered_and_ends_the_loop() {
    let node = shape(2000, 8);
    let options = Options {
        max_node_provision_time: SimDuration::from_secs(60),
        ..Options::default()
    };
    let mut rig = Rig::new(options, vec![(group("a", 0, 9, &node), 1)]);
    rig.cloud.targets[0] = 3;
    rig.run(10);
    rig.run(70);
    assert_eq!(rig.cloud.targets, [3]);
    let report = rig.run(71);
    assert_eq!(rig.cloud.targets, [1]);
    assert_eq!(report.scale_up[0].result, ScaleUpResult::NotTried);
}

#[test]
fn too_many_unready_nodes_stop_everything() {
    let node = shape(2000, 8);
    let mut rig = Rig::new(Options::default(), vec![(group("a", 0, 9, &node), 6)]);
    rig.run(10);
    assert_eq!(rig.autoscaler.planner().unneeded().len(), 6);
    for node in &mut rig.nodes[..3] {
        node.ready = false;
    }
    assert!(rig.run(20).cluster_healthy, "three are always fine");
    rig.nodes[3].ready = false;
    let report = rig.run(30);
    assert!(!report.cluster_healthy);
    assert!(rig.autoscaler.planner().unneeded().is_empty());
    assert_eq!(report.events[0].reason, "ClusterUnhealthy");
}

#[test]
fn a_node_that_has_not_started_is_upcoming_only_while_it_is_young() {
    let mut rig = rig(10);
    rig.now = secs(20);
    rig.register();
    rig.nodes[1].ready = false;
    rig.run(20);
    assert_eq!(
        rig.autoscaler.upcoming(A, secs(20)),
        (1, &[rig.nodes[1].id][..])
    );
    let later = 20 + 15 * 60;
    rig.run(later);
    assert_eq!(upcoming(&rig, later), 0);
}

#[test]
fn the_status_of_an_autoscaler_that_has_not_looked_yet_is_empty() {
    let status = StatusConfigMap::initializing(Some("Cluster has no nodes."), "now");
    let never = json!({"lastProbeTime": null, "lastTransitionTime": null});
    let mut health = never.clone();
    health["nodeCounts"] = json!({
        "longUnregistered": 0,
        "registered": {
            "notStarted": 0,
            "ready": 0,
            "suspended": 0,
            "total": 0,
            "unready": {"resourceUnready": 0, "total": 0},
        },
        "unregistered": 0,
    });
    assert_eq!(
        status,
        json!({
            "autoscalerStatus": "Initializing",
            "clusterWide": {"health": health, "scaleDown": never.clone(), "scaleUp": never},
            "message": "Cluster has no nodes.",
            "time": "now",
        })
    );
    let plain = StatusConfigMap::initializing(None, "now");
    assert!(plain.get("message").is_none());
}

#[test]
fn the_status_says_since_when_each_condition_holds() {
    let mut rig = rig(1000);
    let mut config_map = StatusConfigMap::default();
    let mut written = |rig: &mut Rig, at: i64| {
        rig.at(secs(at), |autoscaler, seen, _| {
            let time = |time: SimTime| format!("t{}", time.as_secs_f64());
            let (options, registry) = (autoscaler.options(), autoscaler.registry());
            config_map.write(seen, options, registry, &time, "now")
        })
    };
    let first = written(&mut rig, 10);
    rig.run(20);
    let second = written(&mut rig, 20);
    assert_eq!(
        second["nodeGroups"],
        json!([{
            "health": {
                "cloudProviderTarget": 2,
                "lastProbeTime": "t20",
                "lastTransitionTime": "t10",
                "maxSize": 9,
                "minSize": 0,
                "nodeCounts": {
                    "longUnregistered": 0,
                    "registered": {
                        "notStarted": 0,
                        "ready": 1,
                        "suspended": 0,
                        "total": 1,
                        "unready": {"resourceUnready": 0, "total": 0},
                    },
                    "unregistered": 1,
                },
                "status": "Healthy",
            },
            "name": "a",
            "scaleDown": {
                "lastProbeTime": "t20",
                "lastTransitionTime": "t10",
                "status": "NoCandidates",
            },
            "scaleUp": {
                "backoffInfo": {},
                "lastProbeTime": "t20",
                "lastTransitionTime": "t10",
                "status": "InProgress",
            },
        }])
    );
    assert_eq!(first["autoscalerStatus"], "Running");
    assert_eq!(first["clusterWide"]["health"]["status"], "Healthy");
}

#[test]
fn the_status_names_candidates_and_why_a_group_is_backed_off() {
    let node = super::rig::shape(2000, 8);
    let groups = vec![(super::rig::group("a", 0, 5, &node), 1)];
    let mut rig = Rig::new(super::rig::eager(), groups);
    let big = rig.workload(super::rig::pod(1500));
    rig.pod(big, None);
    rig.pod(big, None);
    rig.cloud.refuses = true;
    rig.run(10);
    let mut config_map = StatusConfigMap::default();
    let status = rig.at(secs(10), |autoscaler, seen, _| {
        let time = |time: SimTime| format!("t{}", time.as_secs_f64());
        let (options, registry) = (autoscaler.options(), autoscaler.registry());
        config_map.write(seen, options, registry, &time, "now")
    });
    let group = &status["nodeGroups"][0];
    assert_eq!(
        group["scaleUp"]["backoffInfo"],
        json!({
            "errorCode": "cloudProviderError",
            "errorMessage": "failed to increase node group size: no",
        })
    );
    assert_eq!(group["scaleUp"]["status"], "Backoff");
}
