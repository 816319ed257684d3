//! Karpenter in small clusters: what it launches when, what it takes away, and what holds it.

use nlsim::record::{Detail, NodeAction, NodeDecision, Recording};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::world;

/// A fixed node that is full with the pods of `base`, and a Deployment without pods.
const CLUSTER: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 30
      containers: [{name: web, image: "web:1", resources: {requests: {cpu: 900m, memory: 1Gi}}}]
---
apiVersion: karpenter.k8s.aws/v1
kind: EC2NodeClass
metadata: {name: default}
spec: {role: nodes}
---
"#;

/// A NodePool with further fields of its template's spec, of its disruption, and of its own.
pub(super) fn pool(name: &str, template: &str, disruption: &str, further: &str) -> String {
    format!(
        r"
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {{name: {name}}}
spec:
  template:
    spec:
      nodeClassRef: {{group: karpenter.k8s.aws, kind: EC2NodeClass, name: default}}
      requirements:
      - {{key: kubernetes.io/arch, operator: In, values: [amd64]}}
      - {{key: karpenter.k8s.aws/instance-family, operator: In, values: [m5]}}
{template}
  disruption: {{{disruption}}}
{further}
---
"
    )
}

pub(super) const ON_DEMAND: &str =
    "      - {key: karpenter.sh/capacity-type, operator: In, values: [on-demand]}\n";

/// The fixed node has one core, which no pod of `web` fits on.
pub(super) fn scenario(manifests: &str, rest: &str) -> Scenario {
    let toml = format!(
        "name = \"karpenter\"\nmanifests = \"all.yaml\"\n[simulation]\nduration = \"2h\"\n[[node_group]]\nname = \"fixed\"\ncpu = \"500m\"\nmemory = \"1Gi\"\nprice = 0.01\n{rest}"
    );
    let all = format!("{CLUSTER}{manifests}");
    let files = InMemory::new([("s.toml", &*toml), ("all.yaml", &*all)]);
    let loaded =
        Loaded::load("s.toml", &files).unwrap_or_else(|all| panic!("{}", all.render(false)));
    let built = loaded
        .build(&[])
        .unwrap_or_else(|all| panic!("{}", all.render(false)));
    built.scenario
}

pub(super) fn run(manifests: &str, rest: &str) -> Recording {
    let scenario = scenario(manifests, rest);
    let done = world::run(&scenario, 7, Detail::Full, |_| true);
    done.unwrap_or_else(|error| panic!("{error}")).recording
}

pub(super) fn scale(at: &str, replicas: u32) -> String {
    format!(
        "[[action]]\nat = \"{at}\"\nkubectl = \"kubectl scale deployment web --replicas={replicas}\"\n"
    )
}

fn decisions(recording: &Recording, action: NodeAction) -> Vec<&NodeDecision> {
    let record = recording.node_autoscaler.as_ref().expect("Karpenter");
    let all = record.decisions.iter();
    all.filter(|one| one.action == action).collect()
}

fn seconds(decision: &NodeDecision) -> f64 {
    decision.time.as_secs_f64()
}

/// The machines that it launched: type, whether spot, from when to when in seconds.
pub(super) fn machines(recording: &Recording) -> Vec<(String, bool, f64, Option<f64>)> {
    let own = recording.nodes.iter().filter(|node| node.group != "fixed");
    own.map(|node| {
        let kind = node.instance_type.clone().unwrap_or_default();
        let ended = node.ended.map(nlsim::sim::SimTime::as_secs_f64);
        (kind, node.spot, node.started.as_secs_f64(), ended)
    })
    .collect()
}

pub(super) fn texts<'a>(recording: &'a Recording, reason: &str) -> Vec<&'a str> {
    let events = recording
        .events
        .iter()
        .filter(|event| event.reason == reason);
    events.map(|event| event.message).collect()
}

#[test]
fn pods_that_come_together_get_the_cheapest_machine_that_holds_them() {
    let pools = pool("p", ON_DEMAND, "", "");
    let recording = run(&pools, &scale("10m", 3));
    let up = decisions(&recording, NodeAction::ScaleUp);
    assert_eq!(up.len(), 1, "{up:?}");
    // A second after the last pod, which the scheduler looks at within a second.
    assert!((601.0..603.0).contains(&seconds(up[0])), "{up:?}");
    assert_eq!((up[0].pods, up[0].size), (3, Some((0, 1))));
    assert_eq!(up[0].node, "p-1");
    assert!(up[0].reason.contains("on-demand m5.xlarge"), "{up:?}");
    let machines = machines(&recording);
    assert_eq!(machines.len(), 1, "{machines:?}");
    assert_eq!(machines[0].0, "m5.xlarge");
    let ready = texts(&recording, "Nominated");
    assert!(
        ready.contains(&"Pod should schedule on: nodeclaim/p-1"),
        "{ready:?}"
    );
    let ran = recording.workloads[0].counts.iter().last().expect("counts");
    assert_eq!(ran.1.ready, 3, "they run there");
}

#[test]
fn limits_weights_and_taints_decide_where() {
    let heavy = pool("heavy", ON_DEMAND, "", "  weight: 10\n  limits: {cpu: 2}\n");
    let light = pool("light", ON_DEMAND, "", "");
    let taint =
        format!("{ON_DEMAND}      taints: [{{key: team, value: red, effect: NoSchedule}}]\n");
    let red = pool("red", &taint, "", "  weight: 90\n");
    let recording = run(&format!("{heavy}{light}{red}"), &scale("10m", 6));
    let up = decisions(&recording, NodeAction::ScaleUp);
    let groups: Vec<&str> = up.iter().map(|one| one.group.as_str()).collect();
    assert_eq!(groups, ["heavy", "light"], "{up:?}");
    assert!(up[0].reason.contains("m5.large"), "{up:?}");
    let none = pool("p", ON_DEMAND, "", "  limits: {cpu: 1}\n");
    let recording = run(&none, &scale("10m", 1));
    let refused = decisions(&recording, NodeAction::NoScaleUp);
    assert_eq!(refused.len(), 1, "told once: {refused:?}");
    let reason = "all available instance types exceed limits for nodepool";
    assert_eq!(refused[0].reason, reason);
    let failed = texts(&recording, "FailedScheduling");
    assert!(
        failed.contains(&&*format!("Failed to schedule pod, {reason}")),
        "{failed:?}"
    );
}

#[test]
fn empty_nodes_go_after_their_time_and_a_second_look() {
    let pools = pool(
        "p",
        ON_DEMAND,
        "consolidationPolicy: WhenEmpty, consolidateAfter: 2m",
        "",
    );
    let rest = scale("10m", 2) + &scale("30m", 0);
    let recording = run(&pools, &rest);
    let down = decisions(&recording, NodeAction::ScaleDown);
    assert_eq!(down.len(), 1, "{down:?}");
    // Two minutes after the last pod was told to go, a pass within 10 s, 15 s of waiting.
    let time = seconds(down[0]);
    assert!((1800.0 + 135.0..1800.0 + 150.0).contains(&time), "{down:?}");
    assert!(
        down[0].reason.starts_with("Empty; saves $0.096"),
        "{down:?}"
    );
    let machines = machines(&recording);
    let ended = machines[0].3.expect("it is paid no longer");
    assert!((time + 30.0..time + 40.0).contains(&ended), "{machines:?}");
    assert!(texts(&recording, "DisruptionTerminating").contains(&"Disrupting Node: Empty"));
}

#[test]
fn fewer_pods_move_to_a_cheaper_machine_that_is_made_first() {
    let pools = pool(
        "p",
        ON_DEMAND,
        "consolidateAfter: 30s, budgets: [{nodes: \"100%\"}]",
        "",
    );
    let rest = scale("10m", 7) + &scale("30m", 3);
    let recording = run(&pools, &rest);
    let machines = machines(&recording);
    assert_eq!(machines[0].0, "m5.2xlarge", "{machines:?}");
    let last = machines.iter().filter(|machine| machine.3.is_none());
    let last: Vec<&str> = last.map(|machine| machine.0.as_str()).collect();
    assert_eq!(last, ["m5.xlarge"], "{machines:?}");
    let ready = machines[1].2;
    assert!(
        machines[0].3.is_some_and(|ended| ended > ready),
        "{machines:?}"
    );
    let down = decisions(&recording, NodeAction::ScaleDown);
    assert!(
        down[0]
            .reason
            .starts_with("Underutilized, p-2 replaces it; saves $0.19"),
        "{down:?}"
    );
    assert!(texts(&recording, "Evicted").contains(&"Evicted pod: Underutilized"));
    assert!(
        texts(&recording, "DisruptionLaunching").contains(&"Launching NodeClaim: Underutilized")
    );
    let ran = recording.workloads[0].counts.iter().last().expect("counts");
    assert_eq!(ran.1.ready, 3);
}

#[test]
fn budgets_and_pod_disruption_budgets_hold_nodes() {
    let closed = pool(
        "p",
        ON_DEMAND,
        "consolidateAfter: 30s, budgets: [{nodes: \"0\"}]",
        "",
    );
    let rest = scale("10m", 3) + &scale("30m", 0);
    let recording = run(&closed, &rest);
    assert!(decisions(&recording, NodeAction::ScaleDown).is_empty());
    let open = pool("p", ON_DEMAND, "consolidateAfter: 30s", "");
    let pdb = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\nspec: {minAvailable: 100%, selector: {matchLabels: {app: web}}}\n";
    let rest = scale("10m", 7) + &scale("30m", 3);
    let recording = run(&format!("{open}{pdb}"), &rest);
    assert!(decisions(&recording, NodeAction::ScaleDown).is_empty());
    assert_eq!(machines(&recording).len(), 1);
}

#[test]
fn nodes_expire_and_their_pods_get_others() {
    let expiring = format!("{ON_DEMAND}      expireAfter: 45m\n");
    let recording = run(&pool("p", &expiring, "", ""), &scale("10m", 2));
    let down = decisions(&recording, NodeAction::ScaleDown);
    assert_eq!(down[0].reason, "Expired");
    let made = decisions(&recording, NodeAction::ScaleUp);
    assert_eq!(
        down[0].time - made[0].time,
        nlsim::sim::SimDuration::from_secs(2700)
    );
    let machines = machines(&recording);
    assert!(
        machines.len() >= 2 && machines[0].3.is_some(),
        "{machines:?}"
    );
    assert!(texts(&recording, "Evicted").contains(&"Evicted pod: Forceful Termination"));
}

#[test]
fn spot_machines_are_cheaper_and_are_taken_back() {
    let rest = scale("5m", 2)
        + "[controllers.karpenter]\ninterruption = { rate = 4 }\nzones = [\"a\", \"b\"]\n";
    let recording = run(&pool("p", "", "", ""), &rest);
    let machines = machines(&recording);
    assert!(machines.len() >= 2, "{machines:?}");
    assert!(machines.iter().all(|machine| machine.1), "all are spot");
    assert!(!recording.interruptions.is_empty());
    let taken = recording.interruptions[0].time.as_secs_f64();
    // It goes once it is drained, or when the two minutes are over.
    let ended = machines[0].3.expect("it is gone");
    assert!(
        (taken + 5.0..=taken + 120.0).contains(&ended),
        "{taken} {machines:?}"
    );
    let price: f64 = recording
        .nodes
        .iter()
        .filter(|node| node.spot)
        .map(|node| node.price_per_hour)
        .fold(0.0, f64::max);
    assert!(price < 0.096);
}

#[test]
fn the_same_seed_gives_the_same_nodes() {
    let pools = pool("p", ON_DEMAND, "consolidateAfter: 30s", "");
    let rest = scale("10m", 7) + &scale("30m", 3) + &scale("50m", 9);
    let [one, two] = [run(&pools, &rest), run(&pools, &rest)];
    assert_eq!(one.node_autoscaler, two.node_autoscaler);
    assert_eq!(machines(&one), machines(&two));
}

/// A merge patch of a NodePool or an EC2NodeClass.
fn patch(at: &str, object: &str, patch: &str) -> String {
    format!(
        "[[action]]\nat = \"{at}\"\nkubectl = '''kubectl patch {object} --type=merge -p '{patch}' '''\n"
    )
}

fn printed(recording: &Recording) -> Vec<&str> {
    let all = recording.actions.iter();
    all.flat_map(|one| one.printed.iter().map(String::as_str))
        .collect()
}

const LABEL: &str = r#"{"spec":{"template":{"metadata":{"labels":{"team":"red"}}}}}"#;
const NEVER: &str = "consolidateAfter: Never, budgets: [{nodes: \"1\"}]";

#[test]
fn nodes_drift_when_their_pool_changes_and_are_replaced_one_by_one() {
    let rest = scale("10m", 14) + &patch("30m", "nodepool p", LABEL);
    let recording = run(&pool("p", ON_DEMAND, NEVER, ""), &rest);
    assert!(printed(&recording).contains(&"nodepool.karpenter.sh/p patched"));
    let made = machines(&recording);
    let old: Vec<_> = made.iter().filter(|machine| machine.2 < 1800.0).collect();
    assert!(
        !old.is_empty() && old.iter().all(|machine| machine.3.is_some()),
        "{made:?}"
    );
    let down = decisions(&recording, NodeAction::ScaleDown);
    assert_eq!(down.len(), old.len(), "{down:?}");
    for one in &down {
        assert!(
            one.reason.starts_with("Drifted (NodePoolDrifted), p-"),
            "{one:?}"
        );
        assert!(one.reason.ends_with(" replaces it"), "{one:?}");
    }
    // At the next pass, without a second look.
    let first = seconds(down[0]);
    assert!((1800.0..1811.0).contains(&first), "{first}");
    let up = decisions(&recording, NodeAction::ScaleUp);
    let replaces = up
        .iter()
        .filter(|one| one.reason.starts_with("replaces a node that has drifted"));
    assert_eq!(replaces.count(), old.len());
    assert!(texts(&recording, "DisruptionTerminating").contains(&"Disrupting Node: Drifted"));
    let ran = recording.workloads[0].counts.iter().last().expect("counts");
    assert_eq!(ran.1.ready, 14);
}

#[test]
fn requirements_and_classes_make_nodes_drift_and_what_is_taken_back_does_not() {
    let family = r#"{"spec":{"template":{"spec":{"requirements":[{"key":"karpenter.k8s.aws/instance-family","operator":"In","values":["m6i"]}]}}}}"#;
    let cases = [
        ("nodepool p", family, Some("RequirementsDrifted")),
        (
            "ec2nodeclass default",
            r#"{"spec":{"role":"others"}}"#,
            Some("NodeClassDrift"),
        ),
        (
            "ec2nodeclass default",
            r#"{"spec":{"amiSelectorTerms":[{"alias":"al2023@v2"}],"amiFamily":"Custom"}}"#,
            Some("AMIDrift"),
        ),
        (
            "ec2nodeclass default",
            r#"{"spec":{"subnetSelectorTerms":[{"id":"subnet-1"}]}}"#,
            None,
        ),
        (
            "nodepool p",
            r#"{"spec":{"weight":7,"limits":{"cpu":"100"}}}"#,
            None,
        ),
    ];
    for (object, change, reason) in cases {
        let rest = scale("10m", 2) + &patch("30m", object, change);
        let recording = run(&pool("p", ON_DEMAND, NEVER, ""), &rest);
        let down = decisions(&recording, NodeAction::ScaleDown);
        match reason {
            Some(reason) => {
                let begin = format!("Drifted ({reason})");
                assert_eq!(down.len(), 1, "{change}: {down:?}");
                assert!(down[0].reason.starts_with(&begin), "{down:?}");
            }
            None => assert!(down.is_empty(), "{change}: {down:?}"),
        }
        let last = machines(&recording).pop().expect("a machine");
        let wanted = if change == family {
            "m6i.large"
        } else {
            "m5.large"
        };
        assert_eq!(last.0, wanted, "{change}");
    }
}

#[test]
fn a_budget_for_drift_holds_nodes_and_a_change_that_is_taken_back_lets_them_be() {
    let held = "consolidateAfter: Never, budgets: [{nodes: \"0\", reasons: [Drifted]}]";
    let open = r#"{"spec":{"disruption":{"budgets":[{"nodes":"1"}]}}}"#;
    let back = r#"{"spec":{"template":{"metadata":null}}}"#;
    let until = |last: &str| {
        let rest = [
            scale("10m", 2),
            patch("20m", "nodepool p", LABEL),
            last.to_owned(),
            patch("50m", "nodepool p", open),
        ];
        let recording = run(&pool("p", ON_DEMAND, held, ""), &rest.concat());
        decisions(&recording, NodeAction::ScaleDown)
            .iter()
            .map(|one| seconds(one))
            .collect::<Vec<f64>>()
    };
    let went = until("");
    assert!(
        went.len() == 1 && (3000.0..3011.0).contains(&went[0]),
        "{went:?}"
    );
    let went = until(&patch("40m", "nodepool p", back));
    assert!(went.is_empty(), "{went:?}");
}

#[test]
fn what_a_node_pool_may_not_become_is_refused() {
    let rest = patch("10m", "nodepool p", r#"{"spec":{"replicas":3}}"#)
        + &patch(
            "11m",
            "nodepool p",
            r#"{"spec":{"template":{"spec":{"nodeClassRef":{"kind":"Other"}}}}}"#,
        )
        + &patch(
            "12m",
            "nodepool p",
            r#"{"spec":{"disruption":{"budgets":[{"nodes":"x"}]}}}"#,
        );
    let recording = run(&pool("p", ON_DEMAND, NEVER, ""), &rest);
    let all = printed(&recording);
    assert!(
        all[0].contains("Cannot transition NodePool between static"),
        "{all:?}"
    );
    assert!(all[1].contains("nodeClassRef.kind is immutable"), "{all:?}");
    assert!(
        all[2].contains("neither a number of nodes nor a percentage"),
        "{all:?}"
    );
}

#[test]
fn a_static_pool_has_its_nodes_whatever_pods_there_are() {
    let gate = "[controllers.karpenter]\nfeature-gates = \"StaticCapacity=true\"\n";
    let replicas = |at: &str, count: u32| {
        format!(
            "[[action]]\nat = \"{at}\"\nkubectl = \"kubectl scale nodepool p --replicas={count}\"\n"
        )
    };
    let label = patch("60m", "nodepool p", LABEL);
    let rest = [
        scale("10m", 1),
        replicas("20m", 4),
        replicas("30m", 2),
        label,
        gate.to_owned(),
    ];
    let further = "  replicas: 3\n  limits: {nodes: 5}\n";
    let budgets = "budgets: [{nodes: \"100%\"}]";
    let recording = run(&pool("p", ON_DEMAND, budgets, further), &rest.concat());
    let up = decisions(&recording, NodeAction::ScaleUp);
    let sizes: Vec<_> = up.iter().filter_map(|one| one.size).collect();
    assert_eq!(sizes[..4], [(0, 1), (1, 2), (2, 3), (3, 4)], "{up:?}");
    assert_eq!(seconds(up[2]), 0.0);
    assert!(
        up[0]
            .reason
            .starts_with("the NodePool is to have 3; on-demand m5.large")
    );
    let down = decisions(&recording, NodeAction::ScaleDown);
    // Not the one that has the pod.
    let gone: Vec<(&str, &str)> = down[..2]
        .iter()
        .map(|one| (one.node.as_str(), one.reason.as_str()))
        .collect();
    assert_eq!(gone.len(), 2);
    assert!(
        gone.iter().all(|one| one.1 == "overprovisioned"),
        "{gone:?}"
    );
    let web = recording
        .pods
        .iter()
        .find(|pod| pod.name.starts_with("web-"))
        .expect("a pod");
    assert!(
        web.deleted.is_none_or(|time| time.as_secs_f64() > 3600.0),
        "it may stay until the drift"
    );
    // Both drift at once and are replaced.
    let drifted = down[2..]
        .iter()
        .filter(|one| one.reason.starts_with("Drifted (NodePoolDrifted)"));
    assert_eq!(drifted.count(), 2, "{down:?}");
    let left = machines(&recording);
    assert_eq!(
        left.iter().filter(|machine| machine.3.is_none()).count(),
        2,
        "{left:?}"
    );
}

#[test]
fn a_static_pool_needs_its_gate() {
    let recording = run(&pool("p", ON_DEMAND, "", "  replicas: 3\n"), "");
    assert!(machines(&recording).is_empty());
}

#[test]
fn nodes_go_with_their_pool() {
    let delete = "[[action]]\nat = \"30m\"\nkubectl = \"kubectl delete nodepool p\"\n";
    let rest = scale("10m", 2) + delete;
    let recording = run(&pool("p", ON_DEMAND, NEVER, ""), &rest);
    let made = machines(&recording);
    assert_eq!(made.len(), 1, "nothing is made for it any more: {made:?}");
    assert!(made[0].3.is_some_and(|ended| ended < 1900.0), "{made:?}");
    let down = decisions(&recording, NodeAction::ScaleDown);
    assert_eq!(down[0].reason, "its NodePool is deleted");
}

#[test]
fn a_spot_offering_that_was_taken_back_is_not_asked_for_again_at_once() {
    let rest =
        scale("5m", 2) + "[controllers.karpenter]\ninterruption = { rate = 4 }\nzones = [\"a\"]\n";
    let recording = run(&pool("p", "", "consolidateAfter: Never", ""), &rest);
    let taken = recording.interruptions[0].time.as_secs_f64();
    let made = machines(&recording);
    let next = made
        .iter()
        .find(|machine| machine.2 > taken)
        .expect("another");
    // The cheapest was taken: within three minutes another type takes its place.
    assert!(next.2 < taken + 180.0, "{made:?}");
    assert_ne!(next.0, made[0].0, "{made:?}");
    assert!(
        texts(&recording, "SpotInterrupted").contains(&"Spot interruption warning was triggered")
    );
    assert!(
        texts(&recording, "TerminatingOnInterruption")
            .contains(&"Interruption triggered termination for the Node")
    );
}

#[test]
fn a_machine_that_is_lost_is_replaced_when_the_providers_checks_have_failed_for_long() {
    let fault = |length: &str| {
        let toml =
            format!("[[fault]]\nat = \"30m10s\"\nfor = \"{length}\"\ndown = \"zone/us-east-1a\"\n");
        run(&pool("p", ON_DEMAND, NEVER, ""), &(scale("10m", 2) + &toml))
    };
    let recording = fault("1h");
    let down = decisions(&recording, NodeAction::ScaleDown);
    // Two minutes, and at the next look, one a minute.
    assert_eq!(
        (down[0].reason.as_str(), seconds(down[0])),
        ("InstanceUnhealthy", 1980.0)
    );
    let told = texts(&recording, "InstanceUnhealthy");
    assert!(told.contains(&"An unhealthy warning was triggered for the instance"));
    let made = machines(&recording);
    assert!(made[0].3.is_some_and(|ended| ended < 2040.0), "{made:?}");
    // What is back before that stays.
    let recording = fault("100s");
    assert!(decisions(&recording, NodeAction::ScaleDown).is_empty());
}
