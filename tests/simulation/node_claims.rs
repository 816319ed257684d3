//! NodeClaims as objects: what kubectl shows of them, what deleting them does, and how their nodes go.

use super::karpenter::{ON_DEMAND, machines, pool, run, scale, scenario, texts};
use nlsim::record::Recording;
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const NEVER: &str = "consolidateAfter: Never";

fn at(seconds: i64) -> SimTime {
    SimTime::from_secs(seconds)
}

fn kubectl(cluster: &mut Simulation<'_>, line: &str) -> Vec<String> {
    cluster.kubectl(line).expect("it reads")
}

/// The words of a table's rows.
fn words(lines: &[String]) -> Vec<Vec<&str>> {
    lines
        .iter()
        .map(|line| line.split_whitespace().collect())
        .collect()
}

#[test]
fn node_claims_pools_and_classes_are_shown_by_the_columns_of_their_definitions() {
    let pools = pool("p", ON_DEMAND, NEVER, "  weight: 7\n");
    let scenario = scenario(&pools, &scale("10m", 3));
    let mut cluster = Simulation::new(&scenario, 7);
    cluster.step_until(at(603)).expect("no endless loop");
    let young = kubectl(&mut cluster, "kubectl get nodeclaims");
    let rows = words(&young);
    assert_eq!(
        rows[0],
        ["NAME", "TYPE", "CAPACITY", "ZONE", "NODE", "READY", "AGE"]
    );
    // It has no node yet.
    assert_eq!(
        rows[1][..5],
        ["p-1", "m5.xlarge", "on-demand", "us-east-1a", "Unknown"]
    );
    cluster.step_until(at(1000)).expect("no endless loop");
    let old = kubectl(&mut cluster, "kubectl get nodeclaim p-1 -o wide");
    let rows = words(&old);
    assert_eq!(
        rows[0][7..],
        ["IMAGEID", "ID", "NODEPOOL", "NODECLASS", "DRIFTED"]
    );
    let row = [
        "p-1",
        "m5.xlarge",
        "on-demand",
        "us-east-1a",
        "p-1",
        "True",
        "6m39s",
        "p",
        "default",
    ];
    assert_eq!(rows[1], row);
    let pools = kubectl(&mut cluster, "kubectl get nodepools -o wide");
    let rows = words(&pools);
    let head = [
        "NAME",
        "NODECLASS",
        "NODES",
        "READY",
        "AGE",
        "WEIGHT",
        "CPU",
        "MEMORY",
    ];
    assert_eq!(rows[0], head);
    assert_eq!(rows[1][..4], ["p", "default", "1", "True"]);
    assert_eq!(rows[1][5..7], ["7", "4"]);
    let classes = kubectl(&mut cluster, "kubectl get ec2nc -o wide");
    assert_eq!(words(&classes)[0], ["NAME", "READY", "AGE", "ROLE"]);
    assert_eq!(words(&classes)[1][..2], ["default", "True"]);
    let described = kubectl(&mut cluster, "kubectl describe nodeclaim p-1").join("\n");
    for part in [
        "Kind:         NodeClaim",
        "Node Name:",
        "Type:                  Registered",
    ] {
        assert!(described.contains(part), "{part}: {described}");
    }
    let yaml = kubectl(&mut cluster, "kubectl get nodeclaim p-1 -o yaml").join("\n");
    // What it was made for: the pods' requests, and every machine that it could have been.
    for part in [
        "  resources:\n    requests:\n      cpu: 2700m\n      memory: 3Gi\n      pods: \"3\"\n",
        "  - key: karpenter.k8s.aws/ec2nodeclass\n    operator: In\n    values:\n    - default\n",
        "  - key: karpenter.k8s.aws/instance-family\n    operator: In\n    values:\n    - m5\n",
        "  - key: karpenter.sh/capacity-type\n    operator: In\n    values:\n    - on-demand\n",
        "  - key: node.kubernetes.io/instance-type\n    operator: In\n    values:\n    - m5.2xlarge\n",
    ] {
        assert!(yaml.contains(part), "{part}: {yaml}");
    }
    assert!(described.contains("Requests:"), "{described}");
    // Labels that only the simulation of DaemonSets knows.
    assert!(!yaml.contains("key: karpenter.sh/registered"), "{yaml}");
    assert!(!yaml.contains("key: karpenter.sh/initialized"), "{yaml}");
    let none = kubectl(&mut cluster, "kubectl get nodeclaim q-1");
    assert_eq!(
        none,
        ["Error from server (NotFound): nodeclaims.karpenter.sh \"q-1\" not found"]
    );
}

#[test]
fn a_node_claim_or_a_node_that_is_deleted_is_drained_first() {
    for (line, answer) in [
        (
            "kubectl delete nodeclaim p-1",
            "nodeclaim.karpenter.sh \"p-1\" deleted",
        ),
        ("kubectl delete node p-1", "node \"p-1\" deleted"),
    ] {
        let rest = scale("10m", 3) + &format!("[[action]]\nat = \"30m\"\nkubectl = \"{line}\"\n");
        let recording = run(&pool("p", ON_DEMAND, NEVER, ""), &rest);
        let printed: Vec<&String> = recording
            .actions
            .iter()
            .flat_map(|one| &one.printed)
            .collect();
        assert!(printed.iter().any(|one| **one == answer), "{printed:?}");
        assert_eq!(
            texts(&recording, "Evicted"),
            ["Evicted pod: Forceful Termination"; 3]
        );
        let made = machines(&recording);
        assert_eq!(made.len(), 2, "its pods get another: {made:?}");
        let ended = made[0].3.expect("it ends");
        // Five seconds at least for the drain, then half a minute for the machine.
        assert!((1835.0..1880.0).contains(&ended), "{made:?}");
        let removed = removed(&recording, "p-1");
        // Seen within five seconds of its end.
        assert!(
            (ended..=ended + 5.0).contains(&removed),
            "{ended} {removed}"
        );
    }
}

/// When a node's object went.
fn removed(recording: &Recording, node: &str) -> f64 {
    let words = format!("Node {node} event: Removing Node {node} from Controller");
    let mut events = recording.events.iter();
    let event = events.find(|event| event.message == words);
    event.expect("it goes").time.as_secs_f64()
}

const AGENT: &str = r#"
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers: [{name: agent, image: "agent:1", resources: {requests: {cpu: 10m, memory: 16Mi}}}]
---
"#;

#[test]
fn pods_of_daemon_sets_are_evicted_after_the_others() {
    let rest =
        scale("10m", 2) + "[[action]]\nat = \"30m\"\nkubectl = \"kubectl delete nodeclaim p-1\"\n";
    let all = pool("p", ON_DEMAND, NEVER, "") + AGENT;
    let recording = run(&all, &rest);
    let evicted = recording
        .events
        .iter()
        .filter(|event| event.reason == "Evicted");
    let order: Vec<bool> = evicted
        .map(|event| event.object.starts_with("Pod/agent"))
        .collect();
    assert_eq!(order, [false, false, true]);
}

#[test]
fn pods_come_when_the_startup_taints_are_off() {
    let taints = "      startupTaints: [{key: net, effect: NoSchedule}]\n";
    let ready = |rest: &str| {
        let recording = run(
            &pool("p", &format!("{ON_DEMAND}{taints}"), NEVER, ""),
            &(scale("10m", 1) + rest),
        );
        let made = machines(&recording);
        assert_eq!(made.len(), 1, "the pod is not helped twice: {made:?}");
        let pod = recording.pods.iter().find_map(|pod| pod.scheduled);
        pod.expect("it runs").as_secs_f64()
    };
    let soon = ready("");
    let late = ready("[controllers.karpenter]\nstartup-taints = \"40s\"\n");
    assert!((late - soon - 40.0).abs() < 2.0, "{soon} {late}");
}

#[test]
fn a_recommendation_is_told_and_the_notice_acted_on() {
    let rest = scale("5m", 2)
        + "[controllers.karpenter]\ninterruption = { rate = 2, rebalance = \"3m\" }\n";
    let recording = run(&pool("p", "", NEVER, ""), &rest);
    // On the node and on its NodeClaim, where that has a node; nothing follows but the notice.
    let hears = |object: String, at: SimTime| {
        let mut events = recording.events.iter();
        events.any(|event| {
            event.reason == "SpotRebalanceRecommendation"
                && event.message == "Spot rebalance recommendation was triggered"
                && event.object == object
                && event.time == at
        })
    };
    let lead = nlsim::sim::SimDuration::from_secs(180);
    let heard = recording.interruptions.iter().filter(|one| {
        let at = one.time - lead;
        hears(format!("NodeClaim/{}", one.node), at) && hears(format!("Node/{}", one.node), at)
    });
    assert!(heard.count() >= 1, "{:?}", recording.interruptions);
    assert!(texts(&recording, "SpotInterrupted").len() >= 2);
}
