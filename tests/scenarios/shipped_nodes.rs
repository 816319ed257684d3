//! The shipped scenarios in which nodes come and go.

use crate::shipped::{Run, run, run_with};
use nlsim::record::NodeAction;
use nlsim::sim::SimTime;

/// Nodes that are paid for at each second of a change, with the time in seconds.
fn sizes(run: &Run) -> Vec<(f64, i64)> {
    let mut changes: Vec<(SimTime, i64)> = Vec::new();
    for node in &run.recording.nodes {
        changes.push((node.started, 1));
        changes.extend(node.ended.map(|ended| (ended, -1)));
    }
    changes.sort_unstable();
    let mut size = 0;
    let mut sizes = Vec::new();
    for (time, change) in changes {
        size += change;
        sizes.push((time.as_secs_f64(), size));
    }
    sizes
}

fn size_at(run: &Run, second: f64) -> i64 {
    let sizes = sizes(run);
    let before = sizes.iter().rev().find(|(time, _)| *time <= second);
    before.map_or(0, |(_, size)| *size)
}

fn most(run: &Run) -> i64 {
    sizes(run).iter().map(|(_, size)| *size).max().unwrap_or(0)
}

fn count(run: &Run, action: NodeAction) -> usize {
    let record = run.recording.node_autoscaler.as_ref();
    let decisions = record.map_or(&[][..], |record| &record.decisions);
    decisions.iter().filter(|one| one.action == action).count()
}

fn findings(run: &Run) -> String {
    let found = run.summary.findings.iter();
    let lines = found.map(|finding| format!("{}: {}", finding.subject, finding.text));
    lines.collect::<Vec<String>>().join("\n")
}

#[test]
fn hpas_a_vpa_and_the_node_autoscaler_share_a_pool() {
    let run = run("neurolake-nodes");
    run.keeps_bounds();
    assert!(most(&run) <= 10, "{:?}", sizes(&run));
    assert!(most(&run) >= 6, "the rush needs more: {:?}", sizes(&run));
    assert!(size_at(&run, 21_500.0) < most(&run), "they go again");
    assert!(count(&run, NodeAction::ScaleUp) >= 1);
    assert!(count(&run, NodeAction::ScaleDown) >= 1);
    assert!(run.get("evictions") >= 1.0, "the VPA acts, too");
    assert!(findings(&run).contains("waited for a new node to come up"));
}

#[test]
fn nodes_follow_the_day() {
    let run = run("nodes-day");
    assert_eq!(size_at(&run, 5.0 * 3600.0), 1);
    assert!(size_at(&run, 13.0 * 3600.0) >= 3, "{:?}", sizes(&run));
    assert!(size_at(&run, 23.5 * 3600.0) <= 2, "{:?}", sizes(&run));
    let up = run.recording.node_autoscaler.as_ref();
    let first = up.and_then(|record| {
        record
            .decisions
            .iter()
            .find(|one| one.action == NodeAction::ScaleUp)
    });
    let first = first.expect("a scale-up").time;
    let node = run.recording.nodes.iter().find(|node| node.started > first);
    assert!(node.is_some(), "it is paid for after it was asked for");
    // The load jumps at eight, not in the step of the series before.
    let needed = &run.summary.hpas[0].needed;
    assert!(needed.iter().any(|one| one.0 == 28_800.0), "{needed:?}");
    assert!(
        run.summary.hpas[0]
            .steps
            .iter()
            .any(|step| step.time == 28_800.0)
    );
}

#[test]
fn quick_scale_downs_save_little_in_a_week() {
    let hour = 3600.0;
    let quick = run("nodes-week");
    // At night and on Saturday one node is enough, on working days it never is.
    for night in [27.0, 51.0, 75.0, 99.0, 140.0] {
        assert_eq!(size_at(&quick, night * hour), 1, "hour {night}");
    }
    for day in [15.0, 39.0, 63.0, 87.0, 111.0] {
        assert!(size_at(&quick, day * hour) >= 3, "hour {day}");
    }
    let flag = |name: &str| format!("controllers.cluster-autoscaler.{name}");
    let defaults = [
        (flag("scale-down-unneeded-time"), "10m"),
        (flag("scale-down-delay-after-add"), "10m"),
        (flag("scale-down-utilization-threshold"), "0.5"),
    ];
    let set: Vec<(&str, &str)> = defaults
        .iter()
        .map(|(path, value)| (&**path, *value))
        .collect();
    let slow = run_with("nodes-week", &set);
    let (quick, slow) = (quick.get("node_cost"), slow.get("node_cost"));
    assert!(quick < slow && slow < 1.05 * quick, "{quick} {slow}");
}

#[test]
fn karpenter_brings_what_fits_sooner_and_for_less() {
    let (other, run) = (run("nodes-day"), run("karpenter-day"));
    run.keeps_bounds();
    // Machines that fit, and no longer than they are needed.
    let (cost, others) = (run.get("node_cost"), other.get("node_cost"));
    assert!(cost < others, "{cost} and {others}");
    let longest = |run: &Run| {
        let record = run.recording.node_autoscaler.as_ref();
        let waits = record.map_or(&[][..], |record| &record.waits);
        let waits = waits.iter().filter(|wait| wait.got_one);
        waits.map(|wait| wait.until - wait.from).max()
    };
    assert!(longest(&run) < longest(&other), "pods get nodes sooner");
    assert!(count(&run, NodeAction::ScaleUp) >= 2);
    assert!(count(&run, NodeAction::ScaleDown) >= 2);
    assert_eq!(
        size_at(&run, 23.5 * 3600.0),
        1,
        "only the fixed node is left"
    );
}

#[test]
fn a_pool_that_is_too_small_is_named() {
    let run = run("nodes-too-small");
    assert_eq!(most(&run), 2);
    let found = findings(&run);
    assert!(
        found.contains("node group general stood at its max of 2"),
        "{found}"
    );
}

#[test]
fn a_budget_keeps_nodes_that_nobody_needs() {
    let run = run("nodes-pdb");
    let most = most(&run);
    assert!(most >= 3, "{:?}", sizes(&run));
    let found = findings(&run);
    assert!(found.contains("NotEnoughPdb"), "{found}");
}
