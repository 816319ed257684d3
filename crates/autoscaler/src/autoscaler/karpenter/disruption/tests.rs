mod notes;

use serde_json::{Value, json};

use super::super::instance_type::InstanceType;
use super::super::instance_type::tests::kind;
use super::super::node_pool::NodePool;
use super::super::node_pool::tests::pool;
use super::super::requirements::{
    CAPACITY_TYPE, INSTANCE_TYPE, ON_DEMAND, Requirements, SPOT, ZONE,
};
use super::super::schedule::Node;
use super::*;

fn pod(name: &str, milli: i64) -> Pod {
    use super::super::resources::Resources;
    use crate::units::{Bytes, Millicores};
    Pod {
        name: name.to_owned(),
        requests: Resources::of(Millicores(milli), Bytes(128 << 20)).with_pods(1),
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

/// A node of a type in zone `a`, ready since the start, with pods of so many millicores.
fn node(name: &str, kind: &InstanceType, pods: &[i64]) -> Node {
    let pods: Vec<Pod> = pods
        .iter()
        .enumerate()
        .map(|(at, milli)| pod(&format!("{name}-{at}"), *milli))
        .collect();
    let mut available = kind.allocatable.clone();
    for pod in &pods {
        available.subtract(&pod.requests);
    }
    Node {
        name: name.to_owned(),
        labels: Requirements::of_labels([
            (INSTANCE_TYPE, kind.name.as_str()),
            (ZONE, "a"),
            (CAPACITY_TYPE, ON_DEMAND),
        ]),
        capacity: kind.capacity.clone(),
        available,
        pods,
        pool: Some(0),
        instance_type: kind.name.clone(),
        zone: "a".to_owned(),
        initialized: Some(SimTime::ZERO),
        ready: true,
        ..Node::default()
    }
}

const HOUR: SimTime = SimTime::from_secs(3600);

fn pass() -> Pass<'static> {
    Pass {
        pending: &[],
        now: HOUR,
        epoch: 0,
        spot_to_spot: false,
        notes: None,
    }
}

/// What a pass comes to: the method, names of nodes that go, and the types in their place.
fn outcome(
    pools: &[NodePool],
    nodes: &[Node],
    pass: &Pass<'_>,
) -> Option<(Method, String, String)> {
    let types = vec![types(); pools.len()];
    let cluster = Cluster {
        pools,
        types: &types,
        nodes,
        daemons: &[],
    };
    let command = disrupt(cluster, pass).into_iter().next()?;
    let names: Vec<&str> = command
        .nodes
        .iter()
        .map(|at| nodes[*at].name.as_str())
        .collect();
    let kinds = command.replacements.iter().flat_map(|claim| &claim.types);
    let kinds: Vec<&str> = kinds.map(|kind| kind.name.as_str()).collect();
    Some((command.method, names.join(" "), kinds.join(" ")))
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with an outcome")]
fn of(method: Method, nodes: &str, kinds: &str) -> Option<(Method, String, String)> {
    Some((method, nodes.to_owned(), kinds.to_owned()))
}

fn pools(disruption: &Value) -> [NodePool; 1] {
    [pool("p", &json!({"disruption": disruption}))]
}

#[test]
fn empty_nodes_go_within_their_budget() {
    let [large, small, _] = &types()[..] else {
        panic!("three types");
    };
    let mut nodes = [
        node("a", small, &[]),
        node("b", large, &[]),
        node("c", small, &[1000]),
    ];
    let all = pools(&json!({"budgets": [{"nodes": "100%"}]}));
    assert_eq!(
        outcome(&all, &nodes, &pass()),
        of(Method::Emptiness, "b a", "")
    );
    // The one that costs more goes first; a node that is not ready takes from the budget.
    let one = pools(&json!({"budgets": [{"nodes": "1"}]}));
    assert_eq!(
        outcome(&one, &nodes, &pass()),
        of(Method::Emptiness, "b", "")
    );
    nodes[2].ready = false;
    assert_eq!(outcome(&one, &nodes, &pass()), None);
    let never = pools(&json!({"consolidateAfter": "Never", "budgets": [{"nodes": "100%"}]}));
    assert_eq!(outcome(&never, &nodes, &pass()), None);
}

#[test]
fn budgets_follow_the_clock() {
    let small = &types()[1];
    let nodes = [node("a", small, &[])];
    let closed = pools(&json!({"budgets": [
        {"nodes": "0", "schedule": "0 9 * * *", "duration": "8h"}, {"nodes": "100%"}]}));
    let at = |hour: i64| Pass {
        epoch: (hour - 1) * 3_600_000_000_000,
        ..pass()
    };
    assert_eq!(outcome(&closed, &nodes, &at(10)), None);
    assert!(outcome(&closed, &nodes, &at(18)).is_some());
}

#[test]
fn nodes_settle_before_they_are_looked_at() {
    let small = &types()[1];
    let mut nodes = [node("a", small, &[])];
    let after = pools(&json!({"consolidateAfter": "30m", "budgets": [{"nodes": "100%"}]}));
    assert!(outcome(&after, &nodes, &pass()).is_some());
    nodes[0].last_pod_event = Some(SimTime::from_secs(3600 - 1799));
    assert_eq!(outcome(&after, &nodes, &pass()), None);
    nodes[0].last_pod_event = Some(SimTime::from_secs(3600 - 1800));
    assert!(outcome(&after, &nodes, &pass()).is_some());
    for forbid in [
        |node: &mut Node| node.do_not_disrupt = true,
        |node: &mut Node| node.is_nominated = true,
        |node: &mut Node| node.is_deleting = true,
        |node: &mut Node| node.initialized = None,
    ] {
        let mut nodes = nodes.clone();
        forbid(&mut nodes[0]);
        assert_eq!(outcome(&after, &nodes, &pass()), None);
    }
}

#[test]
fn many_nodes_go_for_one_that_is_cheaper() {
    let [large, small, medium] = &types()[..] else {
        panic!("three types");
    };
    let all = pools(&json!({"budgets": [{"nodes": "100%"}]}));
    // Pods of 1.5 cores from two medium nodes need another medium one: of the same type, so that
    // keeping one is better. One goes, its pod has room on the other.
    let nodes = [node("a", medium, &[1500]), node("b", medium, &[1500])];
    assert_eq!(
        outcome(&all, &nodes, &pass()),
        of(Method::SingleNode, "a", "")
    );
    // Two large ones become a medium one.
    let nodes = [node("a", large, &[1500]), node("b", large, &[1500])];
    assert_eq!(
        outcome(&all, &nodes, &pass()),
        of(Method::MultiNode, "a b", "medium")
    );
    // A single one becomes a cheaper one, unless that is not allowed.
    let nodes = [node("a", large, &[1500])];
    let smaller = of(Method::SingleNode, "a", "small medium");
    assert_eq!(outcome(&all, &nodes, &pass()), smaller);
    let when_empty =
        pools(&json!({"consolidationPolicy": "WhenEmpty", "budgets": [{"nodes": "100%"}]}));
    assert_eq!(outcome(&when_empty, &nodes, &pass()), None);
    // It is the cheapest that holds the pod.
    assert_eq!(outcome(&all, &[node("a", small, &[1500])], &pass()), None);
    let mut blocked = nodes.clone();
    blocked[0].pods[0].blocks_disruption = true;
    assert_eq!(outcome(&all, &blocked, &pass()), None);
}

#[test]
fn pods_do_not_move_to_nodes_that_are_not_ready_or_not_settled() {
    let [large, small, _] = &types()[..] else {
        panic!("three types");
    };
    let after = pools(&json!({"consolidateAfter": "30m", "budgets": [{"nodes": "100%"}]}));
    let mut nodes = [node("a", small, &[1500]), node("b", large, &[6000])];
    assert_eq!(
        outcome(&after, &nodes, &pass()),
        of(Method::SingleNode, "a", "")
    );
    nodes[1].last_pod_event = Some(HOUR);
    assert_eq!(outcome(&after, &nodes, &pass()), None);
    nodes[1].last_pod_event = None;
    nodes[1].initialized = None;
    assert_eq!(outcome(&after, &nodes, &pass()), None);
}

#[test]
fn spot_nodes_are_replaced_by_spot_nodes_only_if_asked_for() {
    let large = &types()[0];
    let spot = json!({"template": {"spec": {
        "requirements": [{"key": CAPACITY_TYPE, "operator": "In", "values": [SPOT]}],
        "nodeClassRef": {"name": "c"},
    }}, "disruption": {"budgets": [{"nodes": "100%"}]}});
    let pools = [pool("p", &spot)];
    let mut nodes = [node("a", large, &[1500]), node("b", large, &[1500])];
    for node in &mut nodes {
        node.spot = true;
    }
    let gate = Pass {
        spot_to_spot: true,
        ..pass()
    };
    // Deleting one needs no replacement; for both together one is made.
    assert_eq!(
        outcome(&pools, &nodes, &pass()),
        of(Method::SingleNode, "a", "")
    );
    assert_eq!(
        outcome(&pools, &nodes, &gate),
        of(Method::MultiNode, "a b", "medium")
    );
    // A single one needs fifteen cheaper types.
    assert_eq!(outcome(&pools, &nodes[..1], &gate), None);
}

#[test]
fn a_replacement_of_either_kind_has_to_be_spot() {
    let large = &types()[0];
    let either = json!({"template": {"spec": {
        "requirements": [{"key": CAPACITY_TYPE, "operator": "In", "values": [SPOT, ON_DEMAND]}],
        "nodeClassRef": {"name": "c"},
    }}, "disruption": {"budgets": [{"nodes": "100%"}]}});
    let pools = [pool("p", &either)];
    let types = [types()];
    let nodes = [node("a", large, &[1500])];
    let cluster = Cluster {
        pools: &pools,
        types: &types,
        nodes: &nodes,
        daemons: &[],
    };
    let command = disrupt(cluster, &pass());
    let command = command.first().expect("a cheaper node");
    let claim = &command.replacements[0];
    assert!(!claim.requirements.allow(CAPACITY_TYPE, ON_DEMAND));
    // Even a large one is cheaper from spot capacity.
    assert_eq!(claim.types.len(), 3);
    assert!((command.savings - (0.4 - 0.1 / 3.0)).abs() < 1e-12);
}

#[test]
fn balanced_pools_save_only_what_is_worth_it() {
    let [large, small, medium] = &types()[..] else {
        panic!("three types");
    };
    let balanced = json!({"consolidationPolicy": "Balanced", "budgets": [{"nodes": "100%"}]});
    // The pods of the medium node fit on the large one: a third of the price for most of the pods.
    let full = node("a", medium, &[100; 9]);
    let nodes = [full, node("b", large, &[4000])];
    let any = pools(&json!({"budgets": [{"nodes": "100%"}]}));
    assert!(outcome(&any, &nodes, &pass()).is_some());
    let [pool] = pools(&balanced);
    let (savings, cost) = (0.2 / 0.6, 10.0 / 12.0);
    assert!(savings / cost < 0.5);
    let moved = outcome(std::slice::from_ref(&pool), &nodes, &pass());
    assert!(!matches!(moved, Some((_, nodes, _)) if nodes.contains('a')));
    // A small share of the pods for a third of the price.
    let nodes = [
        node("a", medium, &[100]),
        node("b", large, &[500; 9]),
        node("c", small, &[100; 9]),
    ];
    let moved = outcome(&[pool], &nodes, &pass());
    assert_eq!(moved, of(Method::SingleNode, "a", ""));
    assert!(Score::of(0.0, 1.0, PoolTotals::default()).value() == 0.0);
}

#[test]
fn drifted_nodes_are_replaced_empty_ones_first() {
    let [large, small, _] = &types()[..] else {
        panic!("three types");
    };
    // Nothing else is disrupted.
    let disruption = json!({"consolidateAfter": "Never", "budgets": [{"nodes": "100%"}]});
    let all = pools(&disruption);
    let mut nodes = [
        node("a", large, &[1500]),
        node("b", small, &[]),
        node("c", small, &[1900]),
    ];
    nodes[0].drifted = Some(SimTime::from_secs(60));
    nodes[1].drifted = Some(SimTime::from_secs(90));
    assert_eq!(outcome(&all, &nodes, &pass()), of(Method::Drift, "b", ""));
    // The pod fits on the empty node.
    nodes[1].drifted = None;
    assert_eq!(outcome(&all, &nodes, &pass()), of(Method::Drift, "a", ""));
    // Without it a node is made, of any price.
    let alone = &nodes[..1];
    let kinds = of(Method::Drift, "a", "small medium large");
    assert_eq!(outcome(&all, alone, &pass()), kinds);
    // What blocks evictions blocks this too, unless there is a grace period.
    let mut blocked = alone.to_vec();
    blocked[0].pods[0].blocks_disruption = true;
    assert_eq!(outcome(&all, &blocked, &pass()), None);
    blocked[0].has_grace_period = true;
    assert_eq!(outcome(&all, &blocked, &pass()), kinds);
}

#[test]
fn nodes_of_static_pools_are_replaced_one_by_one_within_budget_and_limit() {
    let [_, small, _] = &types()[..] else {
        panic!("three types");
    };
    let drifted = |names: &[&str]| -> Vec<Node> {
        let made = names.iter().map(|name| {
            let mut node = node(name, small, &[1900]);
            node.drifted = Some(SimTime::from_secs(60));
            // What cannot be evicted holds only what has no grace period.
            node.has_grace_period = true;
            node.pods[0].blocks_disruption = true;
            node
        });
        made.collect()
    };
    let commands = |further: &Value, nodes: &[Node]| -> Vec<String> {
        let pools = [pool("p", further)];
        let types = [types()];
        let cluster = Cluster {
            pools: &pools,
            types: &types,
            nodes,
            daemons: &[],
        };
        let made = disrupt(cluster, &pass());
        let name = |command: &Command<'_>| {
            assert_eq!(command.method, Method::StaticDrift);
            assert_eq!(command.replacements.len(), 1);
            // Its pods are no matter: each type of the pool will do, the cheapest first.
            assert_eq!(command.replacements[0].types[0].name, "small");
            nodes[command.nodes[0]].name.clone()
        };
        made.iter().map(name).collect()
    };
    let mut nodes = drifted(&["a", "b", "c"]);
    let all = json!({"replicas": 3});
    assert_eq!(commands(&all, &nodes), ["a", "b", "c"]);
    let disruption = json!({"budgets": [{"nodes": "2", "reasons": ["Drifted"]}]});
    let two = json!({"replicas": 3, "disruption": disruption});
    assert_eq!(commands(&two, &nodes), ["a", "b"]);
    let limited = json!({"replicas": 3, "limits": {"nodes": "4"}});
    assert_eq!(commands(&limited, &nodes), ["a"]);
    // While one is being replaced there are more than there are to be.
    nodes[0].is_deleting = true;
    nodes[0].awaits_replacement = true;
    nodes.push(node("d", small, &[]));
    assert!(commands(&all, &nodes).is_empty());
    nodes[0].awaits_replacement = false;
    assert_eq!(commands(&all, &nodes), ["b", "c"]);
    // Nothing else of a static pool is disrupted.
    let idle = [node("e", small, &[])];
    assert!(commands(&json!({"replicas": 1}), &idle).is_empty());
}

#[test]
fn nodes_drift_from_templates_requirements_and_types() {
    let types = types();
    let [pool] = pools(&json!({}));
    let made = |name: &str| {
        let mut node = node(name, &types[1], &[]);
        node.template_key = Some(pool.template_key.clone());
        node
    };
    let reason = |node: &Node, now: SimTime| drift(&pool, &types, node, now);
    let mut node = made("a");
    assert_eq!(reason(&node, HOUR), None);
    node.labels = Requirements::of_labels([(CAPACITY_TYPE, SPOT)]);
    assert_eq!(reason(&node, HOUR), Some(DriftReason::RequirementsDrifted));
    node.template_key = Some("{}".to_owned());
    assert_eq!(reason(&node, HOUR), Some(DriftReason::NodePoolDrifted));
    let mut node = made("b");
    node.instance_type = "gone".to_owned();
    assert_eq!(reason(&node, HOUR), None);
    let later = HOUR + SimDuration::from_secs(1);
    assert_eq!(
        reason(&node, later),
        Some(DriftReason::InstanceTypeNotFound)
    );
    let expiry = expires_at(&pool, &node);
    assert_eq!(expiry, Some(SimTime::from_secs(720 * 3600)));
}

#[test]
fn what_does_not_hold_any_more_is_given_up() {
    let kinds = types();
    let [large, small, _] = &kinds[..] else {
        panic!("three types");
    };
    let types = [kinds.clone()];
    let check = |nodes: &[Node], budget: &str, method, places: &[usize], made: Option<&[&str]>| {
        let pools = pools(&json!({"budgets": [{"nodes": budget}]}));
        let cluster = Cluster {
            pools: &pools,
            types: &types,
            nodes,
            daemons: &[],
        };
        validate(cluster, &pass(), method, places, made)
    };
    let two = [node("a", small, &[]), node("b", small, &[500])];
    // Of empty nodes those that still are go.
    let empty = Method::Emptiness;
    assert_eq!(check(&two, "100%", empty, &[0, 1], None), Ok(vec![0]));
    let (churn, budget) = (Err(Rejected::Churn), Err(Rejected::Budget));
    assert_eq!(check(&two, "0", empty, &[0], None), budget);
    assert_eq!(check(&two, "100%", empty, &[1], None), churn);
    // The pod still fits elsewhere; no node is to take its place.
    let (single, scheduling) = (Method::SingleNode, Err(Rejected::Scheduling));
    assert_eq!(check(&two, "100%", single, &[1], None), Ok(vec![1]));
    assert_eq!(
        check(&two, "100%", single, &[1], Some(&["small"])),
        scheduling
    );
    assert_eq!(check(&two, "100%", single, &[0], None), churn);
    assert_eq!(check(&two, "0", single, &[1], None), budget);
    // A node that is needed instead may still be one of those that were found.
    let one = [node("a", large, &[500])];
    let small = Some(&["small"][..]);
    assert_eq!(check(&one, "100%", single, &[0], small), Ok(vec![0]));
    assert_eq!(
        check(&one, "100%", single, &[0], Some(&["other"])),
        scheduling
    );
    assert_eq!(check(&one, "100%", single, &[0], None), scheduling);
    assert_eq!(check(&one, "0", Method::Drift, &[0], None), Ok(vec![0]));
    let names = [Rejected::Churn, Rejected::Budget, Rejected::Scheduling].map(Rejected::name);
    assert_eq!(names, ["churn", "budget", "scheduling"]);
}
