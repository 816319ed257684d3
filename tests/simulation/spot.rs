//! Who heeds the notice of a spot node, and how; recommendations before it.

use super::money::{run, scenario, told};
use nlsim::api::Readiness;
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

fn at(seconds: i64) -> SimTime {
    SimTime::from_secs(seconds)
}

/// Two nodes that hold the four pods, of which one gets its notice after ten minutes.
fn group(more: &str) -> String {
    format!(
        "[[node_group]]\nname = \"n\"\ncount = 2\nspot = true\ncpu = \"1100m\"\nmemory = \"16Gi\"\nprice = 0.1\nprovisioning = \"60s\"\ninterruption = {{ at = \"10m\"{more} }}\n"
    )
}

const BUDGET: &str = r#"
[[action]]
at = "1m"
kubectl = """kubectl apply -f - <<EOF
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: api}
spec: {minAvailable: 3, selector: {matchLabels: {app: api}}}
EOF
"""
"#;

/// The one that has its notice.
fn noticed(cluster: &Simulation<'_>) -> Option<(bool, Readiness, usize, usize)> {
    let name = cluster.recording().interruptions.first()?.node.clone();
    let (id, node) = cluster
        .store()
        .nodes()
        .find(|(_, node)| node.name() == name)?;
    let pods = || cluster.store().pods_of_node(id);
    let leaving = pods().filter(|(_, pod)| pod.is_deleting()).count();
    let there = pods().filter(|(_, pod)| pod.is_active()).count();
    Some((node.unschedulable, node.readiness, leaving, there))
}

#[test]
fn a_handler_that_evicts_is_held_up_by_a_budget_until_the_machine_goes() {
    let evicts = scenario(&(group(", handler = \"evict\"") + BUDGET));
    let mut cluster = Simulation::new(&evicts, 3);
    // Cordoned, and how many pods are there that do not go.
    let stay = |cluster: &Simulation<'_>| noticed(cluster).map(|one| (one.0, one.3));
    cluster.step_until(at(601)).expect("no endless loop");
    // One of two may go, and the other waits for its replacement, which has no room.
    assert_eq!(stay(&cluster), Some((true, 1)));
    cluster.step_until(at(715)).expect("no endless loop");
    assert_eq!(stay(&cluster), Some((true, 1)), "it is there still");
    let deletes = scenario(&(group("") + BUDGET));
    let mut other = Simulation::new(&deletes, 3);
    other.step_until(at(601)).expect("no endless loop");
    assert_eq!(stay(&other), Some((true, 0)));
    cluster.step_until(at(725)).expect("no endless loop");
    let recording = cluster.finish().expect("the books balance").recording;
    assert_eq!(
        (
            recording.interruptions[0].evicted,
            recording.interruptions[0].killed
        ),
        (1, 1)
    );
    let refused: u64 = recording
        .episodes
        .blocked
        .iter()
        .map(|one| one.refused)
        .sum();
    assert!(
        (20..=24).contains(&refused),
        "every five seconds: {refused}"
    );
}

#[test]
fn a_kubelet_that_shuts_down_leaves_failed_pods_and_a_node_that_is_not_ready() {
    let rest = group(", notice = \"30s\", handler = \"graceful-shutdown\"");
    let shuts_down = scenario(&rest);
    let mut cluster = Simulation::new(&shuts_down, 3);
    cluster.step_until(at(601)).expect("no endless loop");
    let (_, readiness, ..) = noticed(&cluster).expect("it has its notice");
    assert_eq!(readiness, Readiness::Stopping);
    cluster.step_until(at(640)).expect("no endless loop");
    let failed = cluster
        .store()
        .pods()
        .filter(|(_, pod)| pod.has_ended())
        .count();
    assert_eq!(failed, 2, "Terminated by the shutdown");
    assert_eq!(cluster.store().node_count(), 1, "it goes at the next look");
}

#[test]
fn without_a_handler_pods_run_until_the_machine_goes_and_are_missed_later() {
    let nobody = scenario(&group(", notice = \"30s\", handler = \"none\""));
    let mut cluster = Simulation::new(&nobody, 3);
    cluster.step_until(at(629)).expect("no endless loop");
    assert_eq!(noticed(&cluster), Some((false, Readiness::Ready, 0, 2)));
    // The machine is gone, and nobody has noticed.
    cluster.step_until(at(660)).expect("no endless loop");
    assert_eq!(noticed(&cluster), Some((false, Readiness::Ready, 0, 2)));
    cluster.step_until(at(690)).expect("no endless loop");
    assert_eq!(noticed(&cluster), None);
    let recording = cluster.finish().expect("the books balance").recording;
    assert_eq!(recording.interruptions[0].killed, 2);
}

#[test]
fn a_recommendation_may_cordon_or_drain_before_the_notice() {
    for (then, cordoned, left) in [
        ("nothing", false, 2),
        ("cordon", true, 2),
        ("drain", true, 0),
    ] {
        let early = format!(", rebalance = \"5m\", on_rebalance = \"{then}\"");
        let scenario = scenario(&group(&early));
        let mut cluster = Simulation::new(&scenario, 3);
        cluster.step_until(at(299)).expect("no endless loop");
        assert!(cluster.store().nodes().all(|(_, node)| !node.unschedulable));
        cluster.step_until(at(302)).expect("no endless loop");
        let events = &cluster.recording().events;
        let told = events
            .iter()
            .find(|event| event.reason == "RebalanceRecommendation");
        let name = told
            .expect("it is told")
            .object
            .trim_start_matches("Node/")
            .to_owned();
        let (id, node) = (cluster.store().nodes())
            .find(|(_, node)| node.name() == name)
            .expect("it is there");
        let active = cluster
            .store()
            .pods_of_node(id)
            .filter(|(_, pod)| pod.is_active())
            .count();
        assert_eq!((node.unschedulable, active), (cordoned, left), "{then}");
        cluster.step_until(at(601)).expect("no endless loop");
        let given = &cluster.recording().interruptions;
        assert_eq!((given.len(), given[0].node.as_str()), (1, name.as_str()));
        // Whether they left at the notice or before.
        assert_eq!(given[0].evicted, 2, "{then}");
    }
}

#[test]
fn a_workload_that_spot_nodes_leave_with_too_few_pods_is_told_of() {
    let rest = "[[node_group]]\nname = \"n\"\ncount = 1\nspot = true\ncpu = 4\nmemory = \"16Gi\"\nprice = 0.1\nprovisioning = \"100s\"\ninterruption = { at = \"10m\" }\n";
    let (_, summary) = run(rest);
    let text = told(&summary, "Deployment/api", "the notice of spot nodes");
    assert!(
        text.starts_with("the notice of spot nodes at 10m0s left it 0 of 4 ready pods at 10m0s"),
        "{text}"
    );
    assert!(
        text.contains("fewer than its minReplicas of 4; all were back at 13m"),
        "{text}"
    );
}
