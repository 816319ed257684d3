//! Pods whose place depends on where others are.

use std::sync::Arc;

use super::rig::{Rig, amount, group, shape};
use crate::autoscaler::cluster_autoscaler::scale_up::ScaleUpResult;
use crate::autoscaler::cluster_autoscaler::{
    ClassId, LoopReport, NodeShape, Options, PodAffinity, PodClass, PodTerm, Spread,
};

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";

fn in_zone(zone: &str) -> Arc<NodeShape> {
    let mut made = NodeShape::clone(&shape(4000, 16));
    made.labels.push((ZONE.to_owned(), zone.to_owned()));
    Arc::new(made)
}

/// A node in each of two zones, which may become ten.
fn two_zones() -> Rig {
    let groups = ["a", "b"].map(|zone| (group(zone, 0, 10, &in_zone(zone)), 1));
    Rig::new(Options::default(), groups.into())
}

fn spread(key: &str) -> PodClass {
    PodClass {
        has_spread: true,
        spreads_by_host: key == HOST,
        spread: vec![Spread {
            topology_key: key.to_owned(),
            max_skew: 1,
            min_domains: 1,
            honors_affinity: true,
            honors_taints: false,
            counted: vec![ClassId(0)],
            counts_itself: true,
        }],
        ..PodClass::new(amount(1500, 1))
    }
}

/// The group that grows and by how much, with how many pods.
fn growth(report: &LoopReport) -> Vec<(u32, i64, usize)> {
    let statuses = report.scale_up.iter();
    let grown = statuses.flat_map(|status| {
        let pods = status.pods_triggered.len();
        let groups = status.groups.iter();
        groups.map(move |info| (info.group.0, info.new - info.current, pods))
    });
    grown.collect()
}

#[test]
fn pods_that_spread_over_zones_get_one_more_at_a_time() {
    let mut rig = two_zones();
    let web = rig.workload(spread(ZONE));
    // Two pods fill each node; two more are to go one to each zone.
    for node in [0, 0, 1, 1] {
        rig.pod(web, Some(node));
    }
    for _ in 0..2 {
        rig.pod(web, None);
    }
    let first = growth(&rig.run(10));
    assert_eq!(first.len(), 1);
    assert_eq!(
        (first[0].1, first[0].2),
        (1, 1),
        "the second would be too many"
    );
    // The first has its place on a node that comes, so that the other zone is next.
    let second = growth(&rig.run(20));
    assert_eq!(second.len(), 1);
    assert_ne!(first[0].0, second[0].0);
}

#[test]
fn pods_that_spread_over_hosts_get_a_node_each() {
    let mut rig = two_zones();
    let web = rig.workload(spread(HOST));
    let filler = rig.workload(PodClass::new(amount(3900, 1)));
    for node in [0, 1] {
        rig.pod(filler, Some(node));
    }
    for _ in 0..3 {
        rig.pod(web, None);
    }
    // There are hosts with none: no other may have two, though two would fit.
    let grown = growth(&rig.run(10));
    assert_eq!(grown.len(), 1);
    assert_eq!((grown[0].1, grown[0].2), (3, 3));
}

#[test]
fn pods_that_keep_apart_by_zone_are_told_so() {
    let mut rig = two_zones();
    let apart = || PodTerm {
        topology_key: ZONE.to_owned(),
        matched: vec![ClassId(0)],
    };
    let web = rig.workload(PodClass {
        anti_affinity: vec![apart()],
        kept_away_by: vec![apart()],
        ..PodClass::new(amount(1500, 1))
    });
    let filler = rig.workload(PodClass::new(amount(3900, 1)));
    rig.pod(web, Some(0));
    rig.pod(filler, Some(1));
    rig.pod(web, None);
    // Only the other zone helps.
    assert_eq!(growth(&rig.run(10)), [(1, 1, 1)]);
    let mut full = two_zones();
    let web = full.workload(rig.classes[0].clone());
    full.pod(web, Some(0));
    full.pod(web, Some(1));
    full.pod(web, None);
    let report = full.run(10);
    let status = &report.scale_up[0];
    assert_eq!(status.result, ScaleUpResult::NoOptionsAvailable);
    for why in status.pods_remain_unschedulable[0].rejected.values() {
        assert_eq!(why, &["node(s) didn't match pod anti-affinity rules"]);
    }
}

#[test]
fn pods_that_want_to_be_near_others_go_to_their_zone() {
    let mut rig = two_zones();
    let cache = rig.workload(PodClass::new(amount(3900, 1)));
    let web = rig.workload(PodClass {
        affinity: PodAffinity {
            keys: vec![ZONE.to_owned()],
            matched: vec![cache.0],
            matches_itself: false,
        },
        ..PodClass::new(amount(1500, 1))
    });
    rig.pod(cache, Some(1));
    rig.pod(web, None);
    assert_eq!(growth(&rig.run(10)), [(1, 1, 1)]);
}
