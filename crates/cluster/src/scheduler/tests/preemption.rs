//! Which node's pods have to go.

use super::*;
use crate::api::{IntOrPercent, PodDisruptionBudget, SelectionId};

/// Pods of a node: CPU in millicores, priority, when they started, whether a budget protects them.
type Pods = &'static [(i64, i32, i64, bool)];

/// The node that a pod is nominated to which needs all of one of two nodes.
fn chosen(on_a: Pods, on_b: Pods) -> &'static str {
    let mut rig = Rig::new();
    let nodes = ["a", "b"].map(|name| (name, rig.node(node(name, &[("name", name)]))));
    let selector = LabelSelector {
        labels: labels(&[("kept", "yes")]),
        ..LabelSelector::default()
    };
    let budget = PodDisruptionBudget {
        meta: ObjectMeta::new("default", "kept", Uid(9), SimTime::ZERO),
        selector: Arc::new(selector),
        selection: SelectionId::default(),
        min_available: Some(IntOrPercent::Int(9)),
        max_unavailable: None,
        always_allow_unhealthy: false,
    };
    rig.write(Write::CreatePodDisruptionBudget(Box::new(budget)));
    let mut starts = Vec::new();
    for ((name, _), pods) in nodes.iter().zip([on_a, on_b]) {
        for (cpu, priority, started, kept) in pods {
            let mut template = large(*priority);
            template.containers[0].cpu_request = Some(Millicores(*cpu));
            template.node_selector = labels(&[("name", name)]);
            let pod = rig.pod(template);
            if *kept {
                let kept = Arc::new(labels(&[("kept", "yes")]));
                rig.write_pod(pod, PodWrite::Labels(kept));
            }
            starts.push((*started, pod));
        }
    }
    rig.run_to(1);
    starts.sort_by_key(|(started, _)| *started);
    for (started, pod) in starts {
        assert!(rig.is_placed(pod));
        rig.run_to(started);
        rig.write_pod(pod, PodWrite::Acknowledge);
    }
    rig.run_to(100);
    let pod = rig.pod(large(100));
    rig.run_to(101);
    let nominated = rig.store.pod(pod).and_then(|pod| pod.nominated);
    let found = nodes.iter().find(|(_, id)| Some(*id) == nominated);
    found.expect("it is nominated").0
}

#[test]
fn budgets_priorities_and_ages_decide_in_this_order() {
    let cases: [(Pods, Pods, &str); 5] = [
        // Nobody who is protected, however important the other.
        (&[(3000, 1, 10, true)], &[(3000, 50, 10, false)], "a budget"),
        // The least important of those that are most important.
        (
            &[(3000, 5, 10, false)],
            &[(1500, 4, 10, false), (1500, 4, 10, false)],
            "the highest priority",
        ),
        (
            &[(1500, 5, 10, false), (1500, 4, 10, false)],
            &[(1500, 5, 10, false), (1500, 1, 10, false)],
            "the sum of priorities",
        ),
        (
            &[(1500, 5, 10, false), (1500, 5, 10, false)],
            &[(3000, 5, 10, false)],
            "the number of victims",
        ),
        // Who has run for long stays.
        (
            &[(3000, 5, 10, false)],
            &[(3000, 5, 50, false)],
            "the start",
        ),
    ];
    for (spared, goes, why) in cases {
        assert_eq!(chosen(spared, goes), "b", "{why}");
        assert_eq!(chosen(goes, spared), "a", "{why}");
    }
}

#[test]
fn of_a_nodes_pods_the_most_important_that_fit_are_spared() {
    let mut rig = Rig::new();
    rig.node(node("only", &[]));
    let small = |priority| {
        let mut template = large(priority);
        template.containers[0].cpu_request = Some(Millicores(1000));
        template
    };
    let pods = [3, 1, 4, 2].map(|priority| (priority, rig.pod(small(priority))));
    rig.run_to(1);
    let mut preemptor = large(100);
    preemptor.containers[0].cpu_request = Some(Millicores(2000));
    rig.pod(preemptor);
    rig.run_to(2);
    for (priority, pod) in pods {
        let goes = rig.store.pod(pod).is_some_and(Pod::is_deleting);
        assert_eq!(goes, priority < 3, "{priority}");
    }
}
