//! What wakes pods that wait.

use super::super::diagnosis::Plugins;
use super::super::hints::{Barriers, Happening};
use super::*;
use crate::api::{PodAffinity, PodAffinityTerm, Taint, TaintEffect, UNSCHEDULABLE};

/// A pod that has to be near others by this term, and one that has to be apart from them.
fn near_and_apart(term: PodAffinityTerm) -> [Pod; 2] {
    let both = PodAffinity {
        required: vec![term],
        ..PodAffinity::default()
    };
    let near = Placement {
        affinity: both.clone(),
        ..Placement::default()
    };
    let apart = Placement {
        anti_affinity: both,
        ..Placement::default()
    };
    [near, apart].map(|placement| waiting(placed(placement)))
}

#[test]
fn labels_wake_pods_to_which_they_make_a_difference() {
    let (a, b, none) = (
        labels(&[("zone", "a")]),
        labels(&[("zone", "b")]),
        labels(&[]),
    );
    let other = |all: &Labels| {
        let mut all = all.clone();
        all.insert("other".to_owned(), "x".to_owned());
        all
    };
    let helps = |pod: &Pod, plugins, before: &Labels, now: &Labels| {
        let mut node = node("n", &[]);
        node.meta.labels = Arc::new(now.clone());
        Happening::NodeLabels(before, &node).may_help(pod, plugins)
    };
    let term = PodAffinityTerm {
        topology_key: "zone".to_owned(),
        ..PodAffinityTerm::default()
    };
    let [near, apart] = near_and_apart(term);
    let spread = waiting(spread_by("zone"));
    let selects = waiting(PodTemplate {
        node_selector: a.clone(),
        ..large(0)
    });
    for (pod, plugins, [same, changed, came, went]) in [
        (
            &selects,
            Plugins::NODE_AFFINITY,
            [false, false, true, false],
        ),
        (&spread, Plugins::SPREAD, [false, true, true, true]),
        (&near, Plugins::POD_AFFINITY, [false, true, true, false]),
        (&apart, Plugins::POD_AFFINITY, [false, true, false, true]),
    ] {
        assert_eq!(helps(pod, plugins, &a, &other(&a)), same, "{plugins:?}");
        assert_eq!(helps(pod, plugins, &a, &b), changed, "{plugins:?}");
        assert_eq!(helps(pod, plugins, &none, &a), came, "{plugins:?}");
        assert_eq!(helps(pod, plugins, &a, &none), went, "{plugins:?}");
    }
}

#[test]
fn a_node_without_an_extended_resource_wakes_nobody_who_asks_for_it() {
    let asks = waiting(placed(Placement {
        extended: [("example.com/gpu".to_owned(), 1)].into(),
        ..Placement::default()
    }));
    let with = |amount| Node {
        extended: Arc::new([("example.com/gpu".to_owned(), amount)].into()),
        ..node("n", &[])
    };
    let helps = |node: &Node| Happening::NodeCame(node).may_help(&asks, Plugins::FIT);
    assert_eq!([helps(&with(0)), helps(&with(1))], [false, true]);
}

fn selector(pairs: &[(&str, &str)]) -> LabelSelector {
    LabelSelector {
        labels: labels(pairs),
        ..LabelSelector::default()
    }
}

#[test]
fn labels_of_a_pod_wake_those_that_look_at_them() {
    let term = PodAffinityTerm {
        selector: Some(selector(&[("role", "x")])),
        topology_key: "zone".to_owned(),
        ..PodAffinityTerm::default()
    };
    let [near, apart] = near_and_apart(term);
    let mut template = spread_by("zone");
    if let Some(placement) = &mut template.placement {
        placement.spread[0].selector = Some(selector(&[("role", "x")]));
    }
    let spread = waiting(template);
    let (with, without) = (labels(&[("role", "x")]), labels(&[]));
    let changed = |uid, now: &Labels| {
        let mut pod = waiting(large(0));
        (pod.meta.uid, pod.meta.labels) = (Uid(uid), Arc::new(now.clone()));
        pod
    };
    for (pod, plugins, [gains, loses, own]) in [
        (&near, Plugins::POD_AFFINITY, [true, false, true]),
        (&apart, Plugins::POD_AFFINITY, [false, true, true]),
        (&spread, Plugins::SPREAD, [true, true, true]),
        (&spread, Plugins::FIT, [false, false, false]),
    ] {
        let helps = |before: &Labels, changed: &Pod| {
            Happening::PodLabels(before, changed).may_help(pod, plugins)
        };
        assert_eq!(helps(&without, &changed(7, &with)), gains, "{plugins:?}");
        assert_eq!(helps(&with, &changed(7, &without)), loses, "{plugins:?}");
        assert_eq!(helps(&without, &changed(0, &with)), own, "{plugins:?}");
    }
}

#[test]
fn a_label_that_a_pod_on_a_node_gets_brings_another_to_it() {
    let mut rig = Rig::new();
    rig.node(node("a", &[("zone", "a")]));
    let base = rig.pod(large(0));
    let term = PodAffinityTerm {
        selector: Some(selector(&[("role", "x")])),
        topology_key: "zone".to_owned(),
        ..PodAffinityTerm::default()
    };
    let near = rig.pod(placed(Placement {
        affinity: PodAffinity {
            required: vec![term],
            ..PodAffinity::default()
        },
        ..Placement::default()
    }));
    rig.run_to(20);
    assert!(!rig.is_placed(near));
    rig.write_pod(base, PodWrite::Labels(Arc::new(labels(&[("role", "x")]))));
    rig.run_to(21);
    assert!(rig.is_placed(near));
}

#[test]
fn only_what_lets_a_pod_in_wakes_it() {
    let pod = waiting(large(0));
    let closed = Node {
        unschedulable: true,
        ..node("n", &[])
    };
    let tainted = |key: &[&str]| Node {
        taints: (key.iter())
            .map(|key| Taint::of(key, TaintEffect::NoSchedule))
            .collect(),
        ..node("n", &[])
    };
    let free = node("n", &[]);
    let helps = |before: &Node, now: &Node, plugins| {
        Happening::NodeTaints(&Barriers::of(before), now).may_help(&pod, plugins)
    };
    // Its taint comes and goes with a write of its own.
    let left = tainted(&[UNSCHEDULABLE]);
    let cordoned = Node {
        unschedulable: true,
        ..left.clone()
    };
    let (one, two) = (tainted(&["a"]), tainted(&["a", "b"]));
    for (before, now, [cordon, taints]) in [
        (&closed, &free, [true, false]),
        (&cordoned, &free, [true, true]),
        (&left, &free, [false, true]),
        (&free, &closed, [false, false]),
        (&one, &two, [false, false]),
        (&two, &one, [false, false]),
        (&one, &free, [false, true]),
        (&closed, &one, [true, false]),
    ] {
        assert_eq!(helps(before, now, Plugins::UNSCHEDULABLE), cordon);
        assert_eq!(helps(before, now, Plugins::TAINTS), taints);
    }
    assert!(
        helps(&free, &one, Plugins::FIT),
        "it may have missed the node's coming"
    );
}
