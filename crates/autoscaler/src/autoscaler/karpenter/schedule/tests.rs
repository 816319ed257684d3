use serde_json::{Value, json};

use super::super::instance_type::tests::kind;
use super::super::node_pool::tests::pool;
use super::super::requirements::{INSTANCE_TYPE, ZONE};
use super::*;
use crate::units::{Bytes, Millicores};

/// A pod that requests so many millicores and MiB.
pub(in super::super) fn pod(name: &str, milli: i64, mib: i64) -> Pod {
    Pod {
        name: name.to_owned(),
        requests: Resources::of(Millicores(milli), Bytes(mib << 20)).with_pods(1),
        pending: true,
        ..Pod::default()
    }
}

fn types() -> Vec<InstanceType> {
    vec![
        kind("large", 8, 32, 0.4),
        kind("small", 2, 8, 0.1),
        kind("medium", 4, 16, 0.2),
    ]
}

fn read(list: &Value) -> Requirements {
    Requirements::read(list).unwrap()
}

/// The names of the types that each claim could be, and its number of pods.
fn claims<'a>(results: &Results<'a>) -> Vec<(Vec<&'a str>, usize)> {
    let of = |claim: &NodeClaim<'a>| {
        let names = claim.types.iter().map(|kind| kind.name.as_str());
        (names.collect(), claim.pods.len())
    };
    results.claims.iter().map(of).collect()
}

fn solve<'a>(cluster: Cluster<'a>, pods: &[Pod]) -> Results<'a> {
    let pods: Vec<&Pod> = pods.iter().collect();
    schedule(cluster, &pods, &Options::default())
}

fn cluster<'a>(pools: &'a [NodePool], types: &'a [Vec<InstanceType>]) -> Cluster<'a> {
    Cluster {
        pools,
        types,
        nodes: &[],
        daemons: &[],
    }
}

#[test]
fn pods_share_a_node_as_long_as_some_type_holds_them() {
    let (pools, types) = ([pool("p", &json!({}))], [types()]);
    let results = solve(
        cluster(&pools, &types),
        &[pod("a", 1500, 512), pod("b", 1500, 512)],
    );
    // Two do not fit on the small one any more; the cheapest comes first.
    assert_eq!(claims(&results), [(vec!["medium", "large"], 2)]);
    let launched = results.claims[0].launch().expect("it can be had");
    assert_eq!(
        (launched.kind.name.as_str(), launched.offering.price),
        ("medium", 0.2)
    );
    assert!(
        results.claims[0]
            .requirements
            .get("kubernetes.io/hostname")
            .is_none()
    );
    let many: Vec<Pod> = (0..6).map(|n| pod(&format!("p{n}"), 1500, 512)).collect();
    // Five fill the largest; the last needs another node.
    let results = solve(cluster(&pools, &types), &many);
    assert_eq!(
        claims(&results),
        [(vec!["large"], 5), (vec!["small", "medium", "large"], 1),]
    );
}

#[test]
fn requirements_of_pods_narrow_what_a_node_can_be() {
    let (pools, types) = ([pool("p", &json!({}))], [types()]);
    let ask = |list: Value| Pod {
        selector: read(&list),
        ..pod("a", 100, 128)
    };
    let small = ask(json!([{"key": INSTANCE_TYPE, "operator": "In", "values": ["small"]}]));
    let results = solve(cluster(&pools, &types), std::slice::from_ref(&small));
    assert_eq!(claims(&results), [(vec!["small"], 1)]);
    let elsewhere = ask(json!([{"key": ZONE, "operator": "In", "values": ["c"]}]));
    let unknown = ask(json!([{"key": "disk", "operator": "In", "values": ["ssd"]}]));
    let large = pod("a", 9000, 128);
    let error = |pod: Pod| solve(cluster(&pools, &types), &[pod]).errors[&0].to_string();
    assert_eq!(
        error(elsewhere),
        "no instance type met the scheduling requirements or had a required offering"
    );
    assert_eq!(error(unknown), "incompatible requirements");
    assert_eq!(error(large), "no instance type has enough resources");
    // A term that nothing meets is given up for the next one, a preference for none.
    let mut flexible = pod("a", 100, 128);
    flexible.required = vec![
        read(&json!([{"key": ZONE, "operator": "In", "values": ["c"]}])),
        read(&json!([{"key": ZONE, "operator": "In", "values": ["b"]}])),
    ];
    flexible.preferred = vec![(1, Requirements::of_labels([("disk", "ssd")]))];
    let results = solve(cluster(&pools, &types), &[flexible]);
    assert!(!results.claims[0].requirements.allow(ZONE, "a"));
    assert!(results.errors.is_empty());
}

#[test]
fn pools_are_tried_by_weight_and_within_their_limits() {
    let tainted = json!({"template": {"spec": {
        "taints": [{"key": "team", "value": "red", "effect": "NoSchedule"}],
        "nodeClassRef": {"name": "c"},
    }}, "weight": 50});
    let pools = [
        pool("plain", &json!({"limits": {"cpu": "4"}})),
        pool("heavy", &json!({"weight": 10, "limits": {"cpu": "2"}})),
        pool("tainted", &tainted),
        pool("static", &json!({"replicas": 3})),
    ];
    let types = [types(), types(), types(), types()];
    let pods: Vec<Pod> = (0..3).map(|n| pod(&format!("p{n}"), 1900, 512)).collect();
    let results = solve(cluster(&pools, &types), &pods);
    let made: Vec<(usize, Vec<&str>)> = results
        .claims
        .iter()
        .map(|claim| claim.pool)
        .zip(claims(&results).into_iter().map(|(names, _)| names))
        .collect();
    // The heavy pool has room for a small node; a medium one takes the whole limit of the other.
    assert_eq!(made, [(1, vec!["small"]), (0, vec!["medium"])]);
    let none = [pool("p", &json!({"limits": {"nodes": "0"}}))];
    let results = solve(cluster(&none, &types), &pods);
    assert_eq!(results.errors[&0], PodError::NodeLimit);
    let little = [pool("p", &json!({"limits": {"memory": "1Gi"}}))];
    assert_eq!(
        solve(cluster(&little, &types), &pods).errors[&0],
        PodError::Limits
    );
    assert_eq!(
        solve(cluster(&[], &[]), &pods).errors[&0],
        PodError::NoPools
    );
}

#[test]
fn soft_taints_are_tolerated_if_nothing_else_works() {
    let soft = json!({"template": {"spec": {
        "taints": [{"key": "team", "effect": "PreferNoSchedule"}],
        "nodeClassRef": {"name": "c"},
    }}});
    let types = [types()];
    let pools = [pool("p", &soft)];
    assert!(
        solve(cluster(&pools, &types), &[pod("a", 100, 64)])
            .errors
            .is_empty()
    );
    let hard = json!({"template": {"spec": {
        "taints": [{"key": "team", "effect": "NoExecute"}],
        "nodeClassRef": {"name": "c"},
    }}});
    let pools = [pool("p", &hard)];
    let results = solve(cluster(&pools, &types), &[pod("a", 100, 64)]);
    assert_eq!(results.errors[&0], PodError::Taints);
}

#[test]
fn daemons_take_room_on_new_nodes_and_where_they_are_missing() {
    let (pools, types) = ([pool("p", &json!({}))], [types()]);
    let daemons = [pod("daemon", 500, 64)];
    let node = Node {
        name: "n".to_owned(),
        available: Resources::of(Millicores(1000), Bytes(1 << 30)).with_pods(9),
        initialized: Some(SimTime::ZERO),
        ..Node::default()
    };
    let mut nodes = [node];
    let place = |nodes: &[Node]| {
        let cluster = Cluster {
            nodes,
            daemons: &daemons,
            ..cluster(&pools, &types)
        };
        let results = solve(cluster, &[pod("a", 700, 64), pod("b", 1600, 64)]);
        let made: Vec<&str> = claims(&results)
            .into_iter()
            .map(|(names, _)| names[0])
            .collect();
        (results.placed.clone(), made.join(" "))
    };
    // The daemon is yet to come to the node: 500m are left. A small node would have 1500m.
    let (placed, made) = place(&nodes);
    assert_eq!(placed.len(), 0);
    assert_eq!(made, "medium");
    nodes[0].daemons = Resources::of(Millicores(500), Bytes(64 << 20)).with_pods(1);
    let (placed, made) = place(&nodes);
    assert_eq!(placed.get(&0), Some(&0));
    assert_eq!(made, "medium");
}

#[test]
fn nodes_that_are_ready_are_filled_first() {
    let (pools, types) = ([pool("p", &json!({}))], [types()]);
    let node = |name: &str, initialized: Option<i64>| Node {
        name: name.to_owned(),
        available: Resources::of(Millicores(1000), Bytes(1 << 30)).with_pods(9),
        initialized: initialized.map(SimTime::from_secs),
        ..Node::default()
    };
    let mut nodes = [
        node("a", None),
        node("c", Some(0)),
        node("b", Some(0)),
        node("d", Some(0)),
    ];
    nodes[2].is_deleting = true;
    let cluster = Cluster {
        nodes: &nodes,
        ..cluster(&pools, &types)
    };
    let pods: Vec<Pod> = (0..3).map(|n| pod(&format!("p{n}"), 900, 64)).collect();
    let results = solve(cluster, &pods);
    let placed: Vec<usize> = results.placed.into_values().collect();
    assert_eq!(placed, [1, 3, 0]);
}
