//! What must hold in any cluster.

use std::sync::Arc;

use proptest::prelude::*;

use super::rig::{Rig, amount, group, shape};
use crate::autoscaler::cluster_autoscaler::taints::DELETION_CANDIDATE;
use crate::autoscaler::cluster_autoscaler::{
    ClassId, ControllerId, Effect, NodeId, NodeShape, Options, Pdb, PodClass, SafeToEvict, Taint,
};
use crate::sim::SimDuration;

/// What happens to the workloads before a loop: each gets so many pods.
type Step = [usize; 2];

fn options(parallelism: i64, drains: i64, balance: bool, enforce: bool) -> Options {
    Options {
        scale_down_unneeded_time: SimDuration::from_secs(20),
        scale_down_delay_after_add: SimDuration::from_secs(10),
        unremovable_node_recheck_timeout: SimDuration::from_secs(20),
        max_scale_down_parallelism: parallelism,
        max_drain_parallelism: drains,
        balance_similar_node_groups: balance,
        enforce_node_group_min_size: enforce,
        scale_down_utilization_threshold: 0.7,
        ..Options::default()
    }
}

/// Gives each workload its pods: the youngest go first; those that wait are bound first fit.
fn settle(rig: &mut Rig, wanted: Step) {
    let evicted: Vec<_> = rig.cloud.evicted.drain(..).map(|(pod, _)| pod).collect();
    rig.pods.retain(|pod| !evicted.contains(&pod.id));
    for (workload, wanted) in wanted.into_iter().enumerate() {
        let class = ClassId(workload as u32);
        let has = rig.pods.iter().filter(|pod| pod.class == class).count();
        for _ in has..wanted {
            rig.pod((class, ControllerId(workload as u32)), None);
        }
        for _ in wanted..has {
            let last = rig.pods.iter().rposition(|pod| pod.class == class);
            rig.pods.remove(last.expect("there are more than wanted"));
        }
    }
    for index in 0..rig.pods.len() {
        if rig.pods[index].node.is_some() {
            continue;
        }
        let asked = rig.classes[rig.pods[index].class.index()].requests.cpu.0;
        let free = |node: NodeId| {
            let on_node = rig.pods.iter().filter(|pod| pod.node == Some(node));
            let used: i64 = on_node
                .map(|pod| rig.classes[pod.class.index()].requests.cpu.0)
                .sum();
            2000 - used
        };
        let found = rig
            .nodes
            .iter()
            .find(|node| !node.unschedulable && free(node.id) >= asked);
        rig.pods[index].node = found.map(|node| node.id);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Sizes stay between min and max, the limits of deletions at a time hold, a node is drained
    /// exactly if it has pods, and no workload that a budget protects is evicted.
    #[test]
    fn sizes_and_budgets_hold(
        steps in prop::collection::vec([0usize..12, 0usize..6], 5..30),
        mins in [0i64..3, 0i64..3],
        extra in [0i64..6, 0i64..6],
        parallelism in 1i64..6,
        drains in 1i64..4,
        balance: bool,
        enforce: bool,
    ) {
        let node = shape(2000, 8);
        let groups = vec![
            (group("a", mins[0], mins[0] + extra[0], &node), mins[0]),
            (group("b", mins[1], mins[1] + extra[1], &node), mins[1]),
        ];
        let bounds = groups.iter().map(|(group, _)| (group.min, group.max)).collect::<Vec<_>>();
        let mut rig = Rig::new(options(parallelism, drains, balance, enforce), groups);
        rig.cloud.registers_after = SimDuration::from_secs(25);
        rig.workload(PodClass::new(amount(300, 1)));
        let protected = rig.workload(PodClass::new(amount(700, 1)));
        rig.pdbs.push(Pdb { disruptions_allowed: 0, classes: vec![protected.0] });
        for (number, step) in steps.into_iter().enumerate() {
            settle(&mut rig, step);
            let occupied: Vec<NodeId> = rig.pods.iter().filter_map(|pod| pod.node).collect();
            let report = rig.run(10 + 10 * number as i64);
            for (target, (min, max)) in rig.cloud.targets.iter().zip(&bounds) {
                prop_assert!((min..=max).contains(&target), "{target} not in {min}..={max}");
            }
            let under_way = rig.autoscaler.deletions();
            let draining = under_way.nodes(true).count() as i64;
            prop_assert!(draining <= drains);
            prop_assert!(draining + under_way.nodes(false).count() as i64 <= parallelism);
            for started in &report.deletion_started {
                let drained = !started.evicted_pods.is_empty();
                prop_assert_eq!(drained, occupied.contains(&started.node));
            }
            for (pod, _) in &rig.cloud.evicted {
                let found = rig.pods.iter().find(|one| one.id == *pod);
                prop_assert!(found.is_none_or(|pod| pod.class != protected.0));
            }
        }
    }
}

/// What else happens before a loop: the number of a node or a pod, and what becomes of it.
type Turn = (u8, u8);

/// Lets a node break or be told apart, or a pod end.
fn turn(rig: &mut Rig, (which, what): Turn) {
    let now = rig.now;
    if !rig.nodes.is_empty() {
        let index = which as usize % rig.nodes.len();
        let node = &mut rig.nodes[index];
        match what % 8 {
            0 => {
                node.ready = !node.ready;
                node.last_transition = now;
            }
            1 => node.scale_down_disabled = !node.scale_down_disabled,
            2 => {
                let mut shape = NodeShape::clone(&node.shape);
                shape.taints = vec![Taint {
                    key: DELETION_CANDIDATE.to_owned(),
                    value: String::new(),
                    effect: Effect::PreferNoSchedule,
                }];
                node.shape = Arc::new(shape);
            }
            _ => {}
        }
    }
    if !rig.pods.is_empty() {
        let index = which as usize % rig.pods.len();
        let pod = &mut rig.pods[index];
        match what % 8 {
            3 => pod.deletion = Some(now + SimDuration::from_secs(30)),
            4 => pod.node = None,
            _ => {}
        }
    }
    match what % 8 {
        5 => rig.pdbs[0].disruptions_allowed = i32::from(which % 3),
        6 => rig.cloud.refuses = !rig.cloud.refuses,
        7 => rig.cloud.refuses_evictions = !rig.cloud.refuses_evictions,
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Who is told what has changed does the same as who looks at everything in each loop.
    #[test]
    fn changes_tell_the_same_as_all(
        steps in prop::collection::vec(
            ([0usize..40, 0usize..8], prop::collection::vec((any::<u8>(), any::<u8>()), 0..3)),
            5..40,
        ),
        min in 0i64..3,
        drains in 1i64..4,
        balance: bool,
        local: bool,
        total in prop::sample::select(vec![0i64, 20]),
    ) {
        let node = shape(2000, 8);
        let [mut told, mut looking] = [true, false].map(|names_changes| {
            let groups = vec![(group("a", min, 30, &node), min + 3), (group("b", 0, 5, &node), 2)];
            let options = Options {
                scale_down_delay_type_local: local,
                max_nodes_total: total,
                max_node_provision_time: SimDuration::from_secs(60),
                ..options(10, drains, balance, false)
            };
            let mut rig = Rig::new(options, groups);
            rig.names_changes = names_changes;
            rig.cloud.registers_after = SimDuration::from_secs(25);
            rig.workload(PodClass::new(amount(300, 1)));
            let waits = PodClass {
                safe_to_evict: SafeToEvict::OnCompletion,
                ..PodClass::new(amount(700, 1))
            };
            let waits = rig.workload(waits);
            rig.pdbs.push(Pdb { disruptions_allowed: 1, classes: vec![waits.0, ClassId(0)] });
            rig
        });
        for (number, (step, turns)) in steps.into_iter().enumerate() {
            let reports = [&mut told, &mut looking].map(|rig| {
                settle(rig, step);
                for one in &turns {
                    turn(rig, *one);
                }
                let report = rig.run(10 + 10 * number as i64);
                let planner = rig.autoscaler.planner();
                let unneeded: Vec<_> = planner.unneeded().iter().cloned().collect();
                let known = (unneeded, planner.unremovable(), planner.utilization());
                (report, known, rig.cloud.targets.clone(), rig.cloud.soft.clone())
            });
            prop_assert_eq!(&reports[0], &reports[1]);
        }
    }
}
