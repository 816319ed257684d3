//! Shipped scenarios of roll-outs, drains and spot nodes.

use crate::shipped::{Run, run, run_with};

/// The text of the finding about this subject that has these words.
fn finding<'a>(run: &'a Run, subject: &str, words: &str) -> &'a str {
    let mut found = run.summary.findings.iter();
    let found = found.find(|one| one.subject == subject && one.text.contains(words));
    let all = || format!("{:#?}", run.summary.findings);
    found.map_or_else(
        || panic!("no such finding among {}", all()),
        |one| &one.text,
    )
}

/// The most replicas that the HPA wanted between two times in seconds.
fn most_desired(run: &Run, from: f64, to: f64) -> i32 {
    let desired = run.desired(0);
    let within = desired.iter().filter(|step| (from..to).contains(&step.0));
    within.map(|step| step.1).max().unwrap_or_default()
}

#[test]
fn a_roll_out_in_the_peak_surges_and_does_not_drive_the_hpa_up() {
    let run = run("neurolake-rollout");
    run.keeps_bounds();
    let calm = run_with(
        "neurolake-rollout",
        &[("action[0].kubectl", "kubectl get pods -n neurolake")],
    );
    let [rollout] = &run.recording.episodes.rollouts[..] else {
        panic!("one roll-out: {:?}", run.recording.episodes.rollouts);
    };
    assert!(calm.recording.episodes.rollouts.is_empty());
    assert_eq!(rollout.from.as_secs_f64().floor(), 1500.0);
    assert!(rollout.until.is_some() && rollout.stuck.is_none());
    // A quarter of ten, rounded up, comes on top, while deletions are on their way one more; the
    // HPA asks for no more than without it.
    assert!((13..=14).contains(&rollout.most_pods.0), "{rollout:?}");
    assert_eq!((rollout.replicas, rollout.most_replicas), (10, 10));
    assert!(most_desired(&run, 1500.0, 3600.0) <= most_desired(&calm, 0.0, 3600.0));
    finding(&run, "Deployment/neurolake-api", "of 10 pods at 25m");
    // Requests end with the pods that go, and the surge is paid for.
    assert!(run.get("failed") > calm.get("failed"));
    assert!(run.get("replica_hours") > calm.get("replica_hours"));
    assert!(run.get("request_cost") > calm.get("request_cost"));
}

#[test]
fn a_budget_stops_a_drain_until_it_is_patched() {
    let run = run("neurolake-drain");
    let [blocked] = &run.recording.episodes.blocked[..] else {
        panic!("one drain: {:?}", run.recording.episodes.blocked);
    };
    assert_eq!(
        (&*blocked.budget, &*blocked.node),
        ("neurolake-api-pdb", "general-1")
    );
    // From ten minutes on, every five seconds for five minutes at least.
    assert_eq!(blocked.from.as_secs_f64().floor(), 600.0);
    assert!(blocked.refused >= 60, "{blocked:?}");
    assert!(
        (895.0..1000.0).contains(&blocked.last.as_secs_f64()),
        "{blocked:?}"
    );
    let text = finding(&run, "PodDisruptionBudget/neurolake-api-pdb", "general-1");
    assert!(
        text.starts_with(&format!("blocked {} evictions", blocked.refused)),
        "{text}"
    );
    // Hardly anybody is turned away meanwhile.
    assert!(run.get("error_rate_pct") < 0.1);
}

#[test]
fn spot_nodes_are_taken_back_and_replaced() {
    let run = run("neurolake-spot");
    run.keeps_bounds();
    let gone = &run.recording.interruptions;
    assert!(gone.len() >= 2, "{gone:?}");
    for one in gone {
        let node = run
            .recording
            .nodes
            .iter()
            .find(|node| node.name == one.node);
        let node = node.expect("its record");
        // The notice is two minutes, and nobody pays for the node after it.
        let ended = node.ended.map(|ended| (ended - one.time).as_secs_f64());
        assert!(
            ended == Some(120.0) || one.time.as_secs_f64() > 10_680.0,
            "{one:?} {ended:?}"
        );
    }
    let spot = run
        .recording
        .nodes
        .iter()
        .filter(|node| node.group == "spot");
    assert_eq!(
        spot.count(),
        3 + gone
            .iter()
            .filter(|one| one.time.as_secs_f64() < 10_600.0)
            .count()
    );
    // Workers end their jobs within the notice: none is lost, some wait.
    assert_eq!(run.get("failed"), 0.0);
    finding(&run, "node group spot", "taken back");
    // All ways of paying.
    assert!(run.get("cost.spot") > 0.0);
    assert_eq!(run.get("cost.on_demand"), 0.0, "it is committed to");
    let hours = 3.0 - 2.0 / 60.0;
    assert!((run.get("cost.commitment") - hours * 0.0605).abs() < 1e-9);
    let whole = run.get("cost.spot") + run.get("cost.commitment");
    assert!((run.get("node_cost") - whole).abs() < 1e-9);
}
