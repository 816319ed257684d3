//! What a scale-up looks at grows with the pods that wait, and not with pods times nodes.

use super::rig::{Rig, amount, group, shape};
use crate::autoscaler::cluster_autoscaler::scale_up::ScaleUpResult;
use crate::autoscaler::cluster_autoscaler::{ClassId, Options, PodClass, Spread};
use crate::sim::work;

const HOST: &str = "kubernetes.io/hostname";

/// Two groups of nodes for eight pods each, and a full node that is there.
fn rig() -> Rig {
    let node = shape(4000, 64);
    let groups = ["a", "b"].map(|name| (group(name, 0, 2000, &node), 1));
    let options = Options {
        max_nodes_per_scale_up: 0,
        ..Options::default()
    };
    let mut rig = Rig::new(options, groups.into());
    for node in 0..2 {
        let full = rig.workload(PodClass::new(amount(4000, 1)));
        rig.pod(full, Some(node));
    }
    rig
}

/// Looked at in the loop that helps so many pods of each of so many kinds, and the nodes asked for.
fn looked_at(kinds: usize, pods: usize, spreads: bool) -> (u64, i64) {
    let mut rig = rig();
    for kind in 0..kinds {
        // Kinds differ, that each is a group of its own.
        let mut class = PodClass::new(amount(500 - kind as i64, 1));
        if spreads {
            class.has_spread = true;
            class.spread = vec![Spread {
                topology_key: HOST.to_owned(),
                max_skew: 100,
                min_domains: 1,
                honors_affinity: true,
                honors_taints: false,
                counted: vec![ClassId(2 + kind as u32)],
                counts_itself: true,
            }];
        }
        let workload = rig.workload(class);
        for _ in 0..pods {
            rig.pod(workload, None);
        }
    }
    work::take();
    let report = rig.run(10);
    let looked_at = work::take();
    let status = &report.scale_up[0];
    assert_eq!(status.result, ScaleUpResult::Successful);
    let nodes = status.groups.iter().map(|info| info.new - info.current);
    (looked_at, nodes.sum())
}

#[test]
fn a_scale_up_costs_the_same_for_each_pod() {
    for spreads in [false, true] {
        let (few, nodes) = looked_at(1, 80, spreads);
        assert_eq!(nodes, 10);
        let (many, nodes) = looked_at(1, 8000, spreads);
        assert_eq!(nodes, 1000);
        let per_pod = |all: u64, pods: u64| all as f64 / pods as f64;
        let growth = per_pod(many, 8000) / per_pod(few, 80);
        assert!(growth < 1.5, "{growth}: {few}, {many}");
    }
}

/// The kinds after the first look once at the nodes that were made for those before.
#[test]
fn kinds_of_pods_cost_a_look_at_the_nodes_each() {
    let (one, _) = looked_at(1, 1600, false);
    let (eight, nodes) = looked_at(8, 200, false);
    let looks = 2 * 8 * nodes as u64;
    assert!(eight < one + looks + 1600, "{one}, {eight}, {looks}");
}
