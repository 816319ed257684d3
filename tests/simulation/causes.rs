//! Causes that are planted, and what is told of them: time, duration and what limits.

use super::money::{run, told};

const CORE: &str = "cpu = \"2\"\nmemory = \"8Gi\"\nprice = 0.1\nprovisioning = \"60s\"\n";

fn group(more: &str) -> String {
    format!("[[node_group]]\nname = \"g\"\n{CORE}{more}")
}

fn action(at: &str, command: &str) -> String {
    format!("[[action]]\nat = \"{at}\"\nkubectl = '''{command}'''\n")
}

const BUDGET: &str = "kubectl apply -f - <<EOF
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: api}
spec: {maxUnavailable: 0, selector: {matchLabels: {app: api}}}
EOF
";

const FREE: &str = "kubectl delete hpa api";

#[test]
fn limits_that_keep_the_cluster_from_growing_are_named() {
    let grow = action("1m", FREE) + &action("10m", "kubectl scale deploy api --replicas=14");
    let flags = |flags: &str| format!("[controllers.cluster-autoscaler]\n{flags}\n");
    for (more, why) in [
        (
            "min = 1\nmax = 2\n".to_owned(),
            "node group g stood at its max of 2",
        ),
        (
            "min = 1\nmax = 9\n".to_owned() + &grow + &flags("max-nodes-total = 2"),
            "max-nodes-total is 2",
        ),
        (
            "min = 1\nmax = 9\n".to_owned() + &grow + &flags("cores-total = \"0:4\""),
            "cores-total is 4 at most",
        ),
        (
            "min = 1\nmax = 9\nfailure = { share = 1, reason = \"stockout\" }\n".to_owned(),
            "node group g was backed off after a failed scale-up",
        ),
    ] {
        let more = if more.contains("[[action]]") {
            more
        } else {
            more + &grow
        };
        let (_, summary) = run(&group(&more));
        let text = told(
            &summary,
            "ClusterAutoscaler",
            "that no node group could give",
        );
        assert!(text.ends_with(why), "{text}");
        assert!(text.contains("the longest for 50m"), "{text}");
        assert!(text.contains("(first at 1"), "{text}");
    }
}

#[test]
fn replicas_that_no_cluster_can_hold_are_told_of() {
    let (_, summary) = run(&group("count = 1\nmin = 1\nmax = 2\n"));
    assert_eq!(
        told(&summary, "HorizontalPodAutoscaler/api", "cannot be reached"),
        "its maxReplicas of 10 cannot be reached: all node groups at their max hold 8 of its pods, without any others"
    );
    let (_, summary) = run(&group("count = 3\n"));
    let all = summary.findings.iter();
    assert!(
        !all.into_iter()
            .any(|one| one.text.contains("cannot be reached"))
    );
}

#[test]
fn a_budget_and_a_pod_that_keep_nodes_from_going_are_told_of() {
    let rest = action("1m", FREE)
        + &action("5m", "kubectl scale deploy api --replicas=12")
        + &action("15m", BUDGET)
        + &action("16m", "kubectl scale deploy api --replicas=5");
    let flags = "[controllers.cluster-autoscaler]\nscale-down-delay-after-add = \"0s\"\nscale-down-unneeded-time = \"1m\"\n";
    let (_, summary) = run(&group(&format!("min = 1\nmax = 4\n{rest}{flags}")));
    let text = told(&summary, "PodDisruptionBudget/api", "scale-down");
    assert!(text.starts_with("blocked the scale-down of "), "{text}");
    // It is looked at again every five minutes.
    assert!(
        text.contains("from 16m") && text.contains(" to 5"),
        "{text}"
    );
    let text = told(&summary, "ClusterAutoscaler", "NotEnoughPdb");
    assert!(text.contains("not needed from 16m"), "{text}");
    assert!(text.contains("stayed to the end, for 43m"), "{text}");
}
