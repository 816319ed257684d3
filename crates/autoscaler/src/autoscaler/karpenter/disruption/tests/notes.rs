//! What passes find out, in upstream's words.

use super::*;

/// What a method finds out of nodes in a pool, as events have it.
fn found(disruption: &Value, nodes: &[Node], method: Method) -> Vec<String> {
    found_in(&pools(disruption), nodes, method, false)
}

fn found_in(
    pools: &[NodePool; 1],
    nodes: &[Node],
    method: Method,
    spot_to_spot: bool,
) -> Vec<String> {
    let types = [types()];
    let cluster = Cluster {
        pools,
        types: &types,
        nodes,
        daemons: &[],
    };
    let notes = Notes::default();
    let pass = Pass {
        spot_to_spot,
        notes: Some(&notes),
        ..pass()
    };
    let _ = commands(cluster, &pass, method);
    let text = |note: Note| match note {
        Note::Unconsolidatable(node, why, always) => {
            let name = &nodes[node].name;
            format!("{name} {always}: {}", why.message(cluster, node))
        }
        Note::Blocked(node, stuck) => {
            format!("{} stays: {}", nodes[node].name, stuck.message(cluster))
        }
        Note::Candidate(all, savings) => {
            let name = &nodes[all[0]].name;
            format!("{} {savings:.2}", command_text(name, all.len(), true))
        }
        Note::Approved(node, score) => format!("{} {}", nodes[node].name, score.message()),
        Note::PoolApproved(pool, score) => {
            format!("{} {}", pools[pool].name, score.message())
        }
        Note::PoolBlocked(pool, method) => format!("{} {:?}", pools[pool].name, method.reason()),
    };
    notes.take().into_iter().map(text).collect()
}

#[test]
fn what_keeps_a_node_is_told_in_upstreams_words() {
    let kinds = types();
    let [large, small, _] = &kinds[..] else {
        panic!("three types");
    };
    let open = json!({"budgets": [{"nodes": "100%"}]});
    let never = json!({"consolidateAfter": "Never", "budgets": [{"nodes": "100%"}]});
    let when_empty = json!({"consolidationPolicy": "WhenEmpty", "budgets": [{"nodes": "100%"}]});
    let closed = json!({"budgets": [{"nodes": "0"}]});
    let one = [node("a", small, &[500])];
    let single = |disruption: &Value, nodes: &[Node]| found(disruption, nodes, Method::SingleNode);
    let disabled = "a true: NodePool \"p\" has consolidation disabled";
    assert_eq!(single(&never, &one), [disabled]);
    assert_eq!(found(&never, &one, Method::Emptiness), [disabled]);
    assert_eq!(
        single(&when_empty, &one),
        ["a true: NodePool \"p\" has consolidation policy WhenEmpty, but node is not empty"]
    );
    assert_eq!(single(&closed, &one), ["p Underutilized"]);
    let mut gone = node("a", small, &[500]);
    gone.instance_type = "gone".to_owned();
    assert_eq!(
        single(&open, &[gone]),
        ["a true: Instance Type \"gone\" not found"]
    );
    let price = |name: &str| kinds.iter().find(|kind| kind.name == name);
    let price = |name: &str| price(name).and_then(|kind| kind.price("a", false));
    let saved = price("large").expect("large") - price("small").expect("small");
    assert_eq!(
        single(&open, &[node("a", large, &[500])]),
        [format!("replace: [a] -> [1 replacement] {saved:.2}")]
    );
    // A pod that no type is large enough for, and one whose place is not ready yet.
    let huge = single(&open, &[node("a", large, &[9_000_000])]);
    assert_eq!(
        huge,
        ["a false: Not all pods would schedule, a-0 => no instance type has enough resources "]
    );
    let mut coming = node("b", small, &[]);
    coming.initialized = None;
    let wait = single(&open, &[node("a", small, &[500]), coming]);
    assert_eq!(
        wait,
        [
            "a false: Not all pods would schedule, a-0 => would schedule against uninitialized nodeclaim/b, node/b "
        ]
    );
}

#[test]
fn spot_nodes_and_drifted_ones_say_why_they_stay() {
    let kinds = types();
    let open = json!({"budgets": [{"nodes": "100%"}]});
    let mut drifted = node("a", &kinds[1], &[9_000_000]);
    drifted.drifted = Some(SimTime::ZERO);
    assert_eq!(
        found(&open, &[drifted], Method::Drift),
        ["a stays: Not all pods would schedule, a-0 => no instance type has enough resources "]
    );
    let spot = json!({"template": {"spec": {
        "requirements": [{"key": CAPACITY_TYPE, "operator": "In", "values": [SPOT]}],
        "nodeClassRef": {"name": "c"},
    }}, "disruption": open});
    let spots = [pool("p", &spot)];
    let mut all = [node("a", &kinds[0], &[1500])];
    all[0].spot = true;
    let off = found_in(&spots, &all, Method::SingleNode, false);
    let switched_off =
        "a false: SpotToSpotConsolidation is disabled, can't replace a spot node with a spot node";
    assert_eq!(off, [switched_off]);
    let on = found_in(&spots, &all, Method::SingleNode, true);
    assert!(
        on[0].starts_with("a false: SpotToSpotConsolidation requires 15 cheaper instance type"),
        "{on:?}"
    );
    let words = [
        (
            Unconsolidatable::SpotToSpot,
            "SpotToSpotConsolidation is disabled, can't replace a spot node with a spot node",
        ),
        (
            Unconsolidatable::FewSpotTypes(15, 3),
            "SpotToSpotConsolidation requires 15 cheaper instance type options than the current candidate to consolidate, got 3",
        ),
        (
            Unconsolidatable::Several(2),
            "Can't remove without creating 2 candidates",
        ),
        (
            Unconsolidatable::NotCheaper,
            "Can't replace with a cheaper node",
        ),
        (
            Unconsolidatable::MinValues,
            "Filtering by price: minValues requirement is not met for label(s)",
        ),
    ];
    let types = [kinds.clone()];
    let cluster = Cluster {
        pools: &spots,
        types: &types,
        nodes: &all,
        daemons: &[],
    };
    for (why, text) in words {
        assert_eq!(why.message(cluster, 0), text);
    }
}

#[test]
fn scores_are_printed_as_upstream_does() {
    let score = Score {
        savings: 0.25,
        disruption: 0.125,
    };
    assert_eq!(
        score.message(),
        "score 2.00 >= threshold 0.50 (k: 2, savings 25.0%, disruption 12.5%)"
    );
    let free = Score {
        disruption: 0.0,
        ..score
    };
    assert!(free.message().starts_with("score +Inf >="));
    assert_eq!(command_text("a", 1, false), "delete: [a]");
    assert_eq!(
        command_text("a", 3, true),
        "replace: [a] (part of 3-node consolidation)"
    );
}
