//! Which nodes are looked at, and which fit.

use super::super::diagnosis::{Plugins, Preemption};
use super::super::search::{Search, Walk};
use super::*;
use crate::api::{NodeSelectorTerm, Taint, TaintEffect, Toleration};

#[test]
fn a_victim_that_terminates_is_put_back_as_it_was_taken_off() {
    let mut rig = Rig::new();
    let own = rig.node(node("a", &[("zone", "a")]));
    rig.node(node("b", &[("zone", "b")]));
    let going = rig.pod(spread_by("zone"));
    rig.run_to(1);
    let on = rig.store.pod(going).and_then(|pod| pod.node).unwrap_or(own);
    let deadline = SimTime::from_secs(30);
    rig.write_pod(going, PodWrite::Delete { deadline });
    let pod = Pod {
        node: None,
        ..rig.store.pod(going).expect("it terminates").clone()
    };
    let other = rig.store.pod(going).expect("it terminates");
    let search = Search::new(going, &pod, &rig.store, &[]);
    let mut there = search.on_node(on, rig.store.node(on));
    assert_eq!(search.refusal_with(&there), None);
    there.remove(&pod, other);
    there.add(&pod, other);
    assert_eq!(search.refusal_with(&there), None);
}

#[test]
fn nodes_that_are_named_are_the_only_ones_looked_at() {
    let mut rig = Rig::new();
    let (a, b) = (rig.node(node("a", &[])), rig.node(node("b", &[])));
    let names_nodes = |names: &[&[&str]]| {
        let one = |names: &&[&str]| Requirement {
            key: "metadata.name".to_owned(),
            operator: Operator::In,
            values: names.iter().map(|one| (*one).to_owned()).collect(),
        };
        let term = NodeSelectorTerm {
            expressions: Vec::new(),
            fields: names.iter().map(one).collect(),
        };
        placed(Placement {
            nodes: Some(vec![term]),
            ..Placement::default()
        })
    };
    let any = rig.pod(large(0));
    let feasible = |pod: &Pod| {
        let search = Search::new(any, pod, &rig.store, &[]);
        search.feasible(Walk::ALL)
    };
    let one = waiting(names_nodes(&[&["b"]]));
    assert_eq!(feasible(&one), (Ok(vec![b]), 1));
    let absent: &[&[&str]] = &[&["c"]];
    let conflict: &[&[&str]] = &[&["a"], &["b"]];
    for (names, reasons) in [
        (absent, "2 node(s) didn't satisfy plugin(s) [NodeAffinity]"),
        (conflict, "pod affinity terms conflict"),
    ] {
        let pod = waiting(names_nodes(names));
        let (found, looked) = feasible(&pod);
        let diagnosis = found.expect_err("no node has that name");
        assert_eq!((looked, diagnosis.plugins()), (0, Plugins::NODE_AFFINITY));
        let useless = Preemption::Useless(Vec::new());
        let text = format!(
            "0/2 nodes are available: {reasons}. no new claims to deallocate, preemption: \
             0/2 nodes are available: 2 Preemption is not helpful for scheduling."
        );
        assert_eq!(diagnosis.message(&pod, &useless), text);
    }
    // Also where all nodes are named.
    let mut huge = large(0).containers;
    huge[0].cpu_request = Some(Millicores(5000));
    let both = waiting(PodTemplate {
        containers: huge,
        ..names_nodes(&[&["a", "b"]])
    });
    let diagnosis = feasible(&both).0.expect_err("too large");
    assert_eq!(diagnosis.plugins(), Plugins::NODE_AFFINITY | Plugins::FIT);
    assert_eq!(diagnosis.refused[0].0, a);
}

#[test]
fn a_daemon_pod_tolerates_what_its_controller_adds() {
    let mut rig = Rig::new();
    let repels = |key: &str, effect| Node {
        taints: vec![Taint::of(key, effect)],
        ..node(key, &[])
    };
    let closed = Node {
        unschedulable: true,
        ..node("closed", &[])
    };
    let nodes = [
        (closed, true),
        (
            repels("node.kubernetes.io/disk-pressure", TaintEffect::NoSchedule),
            true,
        ),
        (
            repels("node.kubernetes.io/unreachable", TaintEffect::NoExecute),
            true,
        ),
        (
            repels("node.kubernetes.io/not-ready", TaintEffect::NoSchedule),
            false,
        ),
        (repels("dedicated", TaintEffect::NoSchedule), false),
        (repels("tolerated", TaintEffect::NoSchedule), true),
    ];
    let tolerated = Toleration {
        key: "tolerated".to_owned(),
        value: None,
        effect: None,
        seconds: None,
    };
    for (node, fits) in nodes {
        let name = node.name().to_owned();
        let id = rig.node(node);
        let mut pod = waiting(PodTemplate {
            tolerations: vec![tolerated.clone()],
            ..large(0)
        });
        pod.pinned = Some(id);
        let any = rig.pod(large(0));
        let search = Search::new(any, &pod, &rig.store, &[]);
        let refusal = search.refusal(id, rig.store.node(id));
        assert_eq!(refusal.is_none(), fits, "{name} {refusal:?}");
    }
}

#[test]
fn an_empty_selector_to_which_the_pod_adds_no_label_counts_nobody() {
    let mut rig = Rig::new();
    rig.node(node("a", &[("zone", "a")]));
    rig.node(Node {
        unschedulable: true,
        ..node("b", &[("zone", "b")])
    });
    let mut template = spread_by("zone");
    if let Some(placement) = &mut template.placement {
        placement.spread[0].selector = Some(LabelSelector::default());
        placement.spread[0].same = vec!["absent".to_owned()];
    }
    let pods = [rig.pod(template.clone()), rig.pod(template)];
    rig.run_to(20);
    assert_eq!(pods.map(|id| rig.is_placed(id)), [true, true]);
}

#[test]
fn nodes_are_looked_at_zone_by_zone() {
    let mut tree = NodeTree::default();
    let mut rig = Rig::new();
    let zones = ["a", "a", "a", "b", "c", "b"].into_iter().enumerate();
    let ids: Vec<NodeId> = zones
        .map(|(number, zone)| {
            let all = [("topology.kubernetes.io/zone", zone)];
            let id = rig.node(node(&format!("n{number}"), &all));
            tree.add(id, &labels(&all));
            id
        })
        .collect();
    let order = |tree: &mut NodeTree| -> Vec<usize> {
        let place = |id| ids.iter().position(|other| other == id);
        tree.order().nodes().iter().filter_map(place).collect()
    };
    assert_eq!(order(&mut tree), [0, 3, 4, 1, 5, 2]);
    // A zone whose only node moves is the last one when it comes back.
    let zone = |zone| labels(&[("topology.kubernetes.io/zone", zone)]);
    tree.remove(ids[4], &zone("c"));
    tree.relabel(ids[0], &zone("a"), &zone("c"));
    assert_eq!(order(&mut tree), [1, 3, 0, 2, 5]);
    let mut place = |node: NodeId| tree.order().place(node.slot());
    assert_eq!([ids[0], ids[4]].map(&mut place), [Some(2), None]);
}

/// A hundred and twenty nodes in two zones, forty of them in the second.
fn large_cluster() -> Rig {
    let mut rig = Rig::new();
    let zone = |name| [("topology.kubernetes.io/zone", name)];
    for number in 0..120 {
        let zone = zone(if number < 80 { "a" } else { "b" });
        rig.node(node(&format!("n{number}"), &zone));
    }
    rig
}

fn order(rig: &mut Rig) -> Vec<NodeId> {
    rig.scheduler.node_tree.order().nodes().to_vec()
}

#[test]
fn a_search_goes_on_where_the_last_one_has_found_enough() {
    let mut rig = large_cluster();
    let all = order(&mut rig);
    let small = || PodTemplate {
        containers: vec![ContainerSpec::default()],
        ..PodTemplate::default()
    };
    // Of 120 nodes a hundred that fit are enough.
    let mut starts = Vec::new();
    let mut looked = Vec::new();
    for _ in 0..4 {
        let pod = rig.pod(small());
        let start = rig.scheduler.next_start;
        rig.run_to(rig.now.0 / 1_000_000_000 + 1);
        starts.push(rig.scheduler.next_start);
        let on = rig.store.pod(pod).and_then(|pod| pod.node);
        let place = on.and_then(|on| all.iter().position(|id| *id == on));
        looked.push(place.map(|place| (place + 120 - start) % 120));
    }
    assert_eq!(starts, [100, 80, 60, 40]);
    let among = |place: &Option<usize>| place.is_some_and(|place| place < 100);
    assert!(looked.iter().all(among), "{looked:?}");
    // Nodes that do not fit are passed by.
    for id in &all[40..50] {
        rig.write(Write::Cordon(*id, true));
    }
    rig.pod(small());
    rig.run_to(10);
    assert_eq!(rig.scheduler.next_start, (50 + 100) % 120);
}

#[test]
fn a_node_that_was_left_in_vain_counts_as_looked_at() {
    let mut rig = large_cluster();
    let all = order(&mut rig);
    let nominate = |rig: &mut Rig, place: usize| {
        rig.scheduler.next_start = 0;
        let pod = rig.pod(PodTemplate {
            node_selector: labels(&[("topology.kubernetes.io/zone", "a")]),
            containers: vec![ContainerSpec::default()],
            ..PodTemplate::default()
        });
        rig.write_pod(pod, PodWrite::Nominate(Some(all[place])));
        rig.run_to(rig.now.0 / 1_000_000_000 + 1);
        assert!(rig.is_placed(pod));
        rig.scheduler.next_start
    };
    // All eighty nodes of the zone, and with them all that are looked at.
    assert_eq!(nominate(&mut rig, 1), 0);
    // The node itself fits: none else is looked at.
    assert_eq!(nominate(&mut rig, 0), 0);
    let any = |rig: &mut Rig, place: usize| {
        rig.scheduler.next_start = 0;
        let pod = rig.pod(PodTemplate {
            containers: vec![ContainerSpec::default()],
            ..PodTemplate::default()
        });
        rig.write_pod(pod, PodWrite::Nominate(Some(all[place])));
        rig.run_to(rig.now.0 / 1_000_000_000 + 1);
        rig.scheduler.next_start
    };
    rig.write(Write::Cordon(all[3], true));
    rig.write(Write::Cordon(all[110], true));
    assert_eq!(any(&mut rig, 3), 101, "it is among the others");
    assert_eq!(any(&mut rig, 110), 102, "it is not");
}
