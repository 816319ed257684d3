//! The rules, case by case.

use super::*;
use crate::api::{PodTemplate, Taint, TaintEffect};

type Node = OnNode<u8, u8>;

fn pod(key: u8, is_new: bool, is_available: bool) -> DaemonPod<u8> {
    DaemonPod {
        key,
        is_new,
        is_ready: is_available,
        is_available,
        is_deleting: false,
        has_ended: false,
    }
}

fn node(key: u8, pods: &[DaemonPod<u8>]) -> Node {
    OnNode {
        key,
        should_run: true,
        may_stay: true,
        pods: pods.to_vec(),
    }
}

fn steps(create: &[u8], delete: &[u8]) -> Steps<u8, u8> {
    Steps {
        create: create.to_vec(),
        delete: delete.to_vec(),
        ended: Vec::new(),
    }
}

const ROLLING: DaemonSetUpdate = DaemonSetUpdate {
    on_delete: false,
    max_unavailable: IntOrPercent::Int(1),
    max_surge: IntOrPercent::Int(0),
    min_ready_seconds: 0,
};

const SURGING: DaemonSetUpdate = DaemonSetUpdate {
    max_unavailable: IntOrPercent::Int(0),
    max_surge: IntOrPercent::Percent(50),
    ..ROLLING
};

#[test]
fn each_node_has_one_pod_and_the_oldest_stays() {
    let (old, new) = (pod(1, true, true), pod(2, true, true));
    let ending = DaemonPod {
        is_deleting: true,
        ..pod(3, true, false)
    };
    let failed = DaemonPod {
        has_ended: true,
        ..pod(4, true, false)
    };
    let elsewhere = OnNode {
        should_run: false,
        may_stay: false,
        ..node(5, &[pod(5, true, true), ending])
    };
    let nodes = [
        node(1, &[]),
        node(2, &[old, new]),
        node(3, &[ending]),
        node(4, &[failed]),
        elsewhere,
    ];
    let expected = Steps {
        ended: vec![(4, 4)],
        ..steps(&[1], &[2, 4, 5])
    };
    assert_eq!(manage(&nodes, &ROLLING), expected);
    // A surging one does not wait for the end, where a pod belongs.
    assert_eq!(manage(&nodes[2..3], &SURGING), steps(&[3], &[]));
    let repelled = OnNode {
        should_run: false,
        ..node(3, &[ending])
    };
    assert_eq!(manage(&[repelled], &SURGING), steps(&[], &[]));
}

#[test]
fn one_old_pod_at_a_time_is_deleted_and_unavailable_ones_at_once() {
    let old = |key| node(key, &[pod(key, false, true)]);
    let nodes = [old(1), old(2), old(3)];
    assert_eq!(rolling_update(&nodes, &ROLLING), steps(&[], &[1]));
    let two = DaemonSetUpdate {
        max_unavailable: IntOrPercent::Percent(34),
        ..ROLLING
    };
    assert_eq!(rolling_update(&nodes, &two), steps(&[], &[1, 2]));
    // A new pod that is not available yet holds it up; what does not work anyway goes.
    let waits = [node(1, &[pod(9, true, false)]), old(2)];
    assert_eq!(rolling_update(&waits, &ROLLING), steps(&[], &[]));
    let broken = [
        node(1, &[pod(9, true, false)]),
        node(2, &[pod(2, false, false)]),
    ];
    assert_eq!(rolling_update(&broken, &ROLLING), steps(&[], &[2]));
    assert!(rolling_update(&[node(1, &[pod(1, true, true)])], &ROLLING).is_nothing());
}

#[test]
fn a_surge_creates_first_and_deletes_what_is_replaced() {
    let old = |key| node(key, &[pod(key, false, true)]);
    let nodes = [old(1), old(2), old(3)];
    assert_eq!(rolling_update(&nodes, &SURGING), steps(&[1, 2], &[]));
    let half = [
        node(1, &[pod(1, false, true), pod(7, true, true)]),
        node(2, &[pod(2, false, true), pod(8, true, false)]),
        old(3),
    ];
    assert_eq!(rolling_update(&half, &SURGING), steps(&[3], &[1]));
    // The main loop deletes it, too.
    assert_eq!(manage(&half, &SURGING), steps(&[], &[1]));
}

#[test]
fn pods_on_the_hosts_network_tolerate_a_node_without_one() {
    let taint = Taint::of(
        "node.kubernetes.io/network-unavailable",
        TaintEffect::NoSchedule,
    );
    for host_network in [true, false] {
        let template = PodTemplate {
            host_network,
            ..PodTemplate::default()
        };
        let mut all = daemon_tolerations(&template);
        assert_eq!(all.any(|one| one.tolerates(&taint)), host_network);
    }
}
