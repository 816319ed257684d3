//! What Karpenter says of nodes, NodeClaims, NodePools and pods in its passes and at the end of a node.

use super::karpenter::{ON_DEMAND, pool, run, scale};
use nlsim::record::Recording;

/// Seconds, the object, and the text of each event of a reason.
fn told<'a>(recording: &'a Recording, reason: &str) -> Vec<(f64, &'a str, &'a str)> {
    let events = recording.events.iter();
    let events = events.filter(|event| event.reason == reason);
    events
        .map(|event| (event.time.as_secs_f64(), event.object, event.message))
        .collect()
}

/// The objects that an event with a text is about.
fn about<'a>(all: &[(f64, &'a str, &'a str)], text: &str) -> Vec<&'a str> {
    let mut objects: Vec<&str> = all
        .iter()
        .filter(|one| one.2 == text)
        .map(|one| one.1)
        .collect();
    objects.sort_unstable();
    objects.dedup();
    objects
}

const PDB: &str = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\nspec: {minAvailable: 100%, selector: {matchLabels: {app: web}}}\n";

#[test]
fn a_node_that_is_replaced_is_a_candidate_first_and_its_pods_are_nominated() {
    let pools = pool(
        "p",
        ON_DEMAND,
        "consolidateAfter: 30s, budgets: [{nodes: \"100%\"}]",
        "",
    );
    let recording = run(&pools, &(scale("10m", 7) + &scale("30m", 3)));
    let candidates = told(&recording, "ConsolidationCandidate");
    let text = "Consolidation candidate: replace: [p-1] -> [1 replacement] (savings: $0.19)";
    assert_eq!(about(&candidates, text), ["Node/p-1", "NodeClaim/p-1"]);
    // Once for the same command, whatever is found in the passes between.
    assert_eq!(candidates.iter().filter(|one| one.2 == text).count(), 2);
}

#[test]
fn what_blocks_a_node_is_told_on_it_and_on_its_claim_every_two_minutes() {
    let open = pool("p", ON_DEMAND, "consolidateAfter: 30s", "");
    let rest = scale("10m", 7) + &scale("30m", 3);
    let recording = run(&format!("{open}{PDB}"), &rest);
    let blocked = told(&recording, "DisruptionBlocked");
    let pdb = "Pdb prevents pod evictions (PodDisruptionBudget=[default/web])";
    assert_eq!(about(&blocked, pdb), ["Node/p-1", "NodeClaim/p-1"]);
    let coming = "Nodeclaim does not have an associated node";
    assert_eq!(about(&blocked, coming), ["NodeClaim/p-1"]);
    assert_eq!(about(&blocked, "Node isn't initialized"), ["Node/p-1"]);
    // Passes without anything new tell it, too.
    let times: Vec<f64> = blocked
        .iter()
        .filter(|one| one.2 == pdb && one.1 == "Node/p-1")
        .map(|one| one.0)
        .collect();
    assert!(times.len() > 20, "{times:?}");
    // From the twenty-fifth event about an object on its recorder writes fewer.
    let gaps = times[..20].windows(2).map(|two| two[1] - two[0]);
    for gap in gaps {
        assert!((120.0..140.0).contains(&gap), "{times:?}");
    }
}

#[test]
fn a_pool_whose_budgets_allow_nothing_says_so() {
    let closed = pool(
        "p",
        ON_DEMAND,
        "consolidateAfter: 30s, budgets: [{nodes: \"0\"}]",
        "",
    );
    let recording = run(&closed, &(scale("10m", 3) + &scale("30m", 0)));
    let blocked = told(&recording, "DisruptionBlocked");
    let text = "No allowed disruptions for disruption reason Empty due to blocking budget";
    assert_eq!(about(&blocked, text), ["NodePool/p"]);
}

#[test]
fn nodes_that_consolidation_leaves_say_why_every_quarter_of_an_hour() {
    for (disruption, text) in [
        (
            "consolidateAfter: Never",
            "NodePool \"p\" has consolidation disabled",
        ),
        (
            "consolidateAfter: 30s, consolidationPolicy: WhenEmpty",
            "NodePool \"p\" has consolidation policy WhenEmpty, but node is not empty",
        ),
        ("consolidateAfter: 30s", "Can't replace with a cheaper node"),
    ] {
        let recording = run(&pool("p", ON_DEMAND, disruption, ""), &scale("10m", 2));
        let stays = told(&recording, "Unconsolidatable");
        assert_eq!(
            about(&stays, text),
            ["Node/p-1", "NodeClaim/p-1"],
            "{stays:?}"
        );
        let times: Vec<f64> = stays
            .iter()
            .filter(|one| one.1 == "Node/p-1")
            .map(|one| one.0)
            .collect();
        assert!(times.len() >= 5, "{times:?}");
        for two in times.windows(2) {
            assert!(two[1] - two[0] >= 900.0, "{times:?}");
        }
    }
}

fn annotate(what: &str, value: &str) -> String {
    format!(
        "[[action]]\nat = \"20m\"\nkubectl = \"kubectl annotate {what} karpenter.sh/do-not-disrupt={value}\"\n"
    )
}

#[test]
fn annotations_block_nodes_and_are_told_of() {
    let open = pool("p", ON_DEMAND, "consolidateAfter: 30s", "");
    let recording = run(&open, &(scale("10m", 2) + &annotate("node p-1", "true")));
    let blocked = told(&recording, "DisruptionBlocked");
    let text = "Disruption is blocked through the \"karpenter.sh/do-not-disrupt\" annotation";
    assert_eq!(about(&blocked, text), ["Node/p-1", "NodeClaim/p-1"]);
    for (value, reason, text) in [
        ("true", "", ""),
        (
            "1h",
            "DoNotDisruptUntil",
            "The karpenter.sh/do-not-disrupt grace period will elapse at 2026-01-01T01:1",
        ),
        (
            "30m",
            "DoNotDisruptGracePeriodElapsed",
            "The karpenter.sh/do-not-disrupt grace period has elapsed, pod is now disruptable",
        ),
        (
            "soon",
            "InvalidDoNotDisruptAnnotation",
            "Invalid karpenter.sh/do-not-disrupt annotation: failed to parse \"soon\" as a duration: time: invalid duration \"soon\", ignoring annotation",
        ),
        (
            "10",
            "InvalidDoNotDisruptAnnotation",
            "Invalid karpenter.sh/do-not-disrupt annotation: failed to parse \"10\" as a duration: time: missing unit in duration \"10\", ignoring annotation",
        ),
    ] {
        let rest = scale("10m", 2) + &annotate("pods --all", value);
        let recording = run(&open, &rest);
        let blocked = told(&recording, "DisruptionBlocked");
        let holds = |one: &&(f64, &str, &str)| {
            let text = "Pod has \"karpenter.sh/do-not-disrupt\" annotation (Pod=default/web-";
            one.2.starts_with(text) && one.1 == "Node/p-1"
        };
        let is_held = ["true", "1h", "30m"].contains(&value);
        assert_eq!(blocked.iter().filter(holds).count() > 0, is_held, "{value}");
        if !reason.is_empty() {
            let said = told(&recording, reason);
            assert!(
                said.iter()
                    .any(|one| one.1.starts_with("Pod/web-") && one.2.starts_with(text)),
                "{value}: {said:?}"
            );
        }
    }
}

#[test]
fn a_node_whose_time_is_short_says_when_its_pods_are_deleted() {
    let short = format!("{ON_DEMAND}      terminationGracePeriod: 10s\n");
    let pools = pool("p", &short, "consolidateAfter: Never", "");
    let delete =
        "[[action]]\nat = \"30m\"\nkubectl = \"kubectl delete nodeclaim p-1 --wait=false\"\n";
    let recording = run(&pools, &(scale("10m", 2) + delete));
    let expiring = told(&recording, "TerminationGracePeriodExpiring");
    let text = "All pods will be deleted by 2026-01-01T00:30:10Z";
    assert_eq!(about(&expiring, text), ["Node/p-1", "NodeClaim/p-1"]);
    let disrupted = told(&recording, "Disrupted");
    let text = "Deleting the pod to accommodate the terminationTime 2026-01-01 00:30:10 +0000 UTC of the node. The pod was granted 10 seconds of grace-period of its 30 terminationGracePeriodSeconds. This bypasses the PDB of the pod and the do-not-disrupt annotation.";
    assert_eq!(disrupted.len(), 2, "{disrupted:?}");
    for (time, object, said) in &disrupted {
        assert_eq!((*time, *said), (1800.0, text));
        assert!(object.starts_with("Pod/web-"), "{object}");
    }
}

#[test]
fn a_proposal_that_does_not_hold_is_rejected() {
    let pools = pool(
        "p",
        ON_DEMAND,
        "consolidateAfter: 30s, budgets: [{nodes: \"100%\"}]",
        "",
    );
    // Pods come back while the second look is awaited.
    let mut rejected = Vec::new();
    for second in (1830..1880).step_by(2) {
        let rest = scale("10m", 7) + &scale("30m", 3) + &scale(&format!("{second}s"), 7);
        let recording = run(&pools, &rest);
        let all = told(&recording, "ConsolidationRejected");
        rejected.extend(all.iter().map(|one| (one.1.to_owned(), one.2.to_owned())));
    }
    let text = |why: &str| {
        format!(
            "Consolidation rejected: replace: [p-1] -> [1 replacement], reason: {why} (savings: $0.19)"
        )
    };
    let is_known = |one: &(String, String)| {
        ["Node/p-1", "NodeClaim/p-1"].contains(&one.0.as_str())
            && [text("churn"), text("scheduling"), text("budget")].contains(&one.1)
    };
    assert!(!rejected.is_empty());
    assert!(rejected.iter().all(is_known), "{rejected:?}");
}
