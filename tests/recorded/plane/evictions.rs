//! Evictions that the recorded run of disruptions posted at the API server, one by one.

use nlsim::kubectl::command::parse;
use nlsim::scenario::Span;
use nlsim::scenario::model::Action;
use nlsim::world::Simulation;
use serde_json::{Value, json};

use super::disruption::{Plane, scenario};

const DONE: &str =
    r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":201}"#;
const REFUSED: &str = "Error from server (TooManyRequests): Cannot evict pod as it would violate the pod's disruption budget.";

/// Posts an Eviction of this pod, with these options of the deletion.
fn evict(plane: &mut Plane<'_>, at: f64, pod: &str, options: &Value) -> Vec<String> {
    plane.run_to(at);
    let text =
        format!("kubectl create --raw /api/v1/namespaces/neurolake/pods/{pod}/eviction -f -");
    let eviction = json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": "neurolake"},
        "deleteOptions": options,
    });
    let line = format!("{text} <<EOF\n{eviction}\nEOF\n");
    plane.0.apply(&Action {
        at: plane.0.now(),
        command: parse(&line).expect("a command line"),
        documents: vec![eviction],
        text,
        place: Span::default(),
    })
}

/// Names of a workload's pods, in their order.
fn names(plane: &Plane<'_>, app: &str) -> Vec<String> {
    let pods = plane.pods(app);
    let mut names: Vec<String> = pods.iter().map(|pod| pod.name().to_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn evictions_are_answered_as_recorded() {
    let scenario = scenario("");
    let mut plane = Plane(Simulation::new(&scenario, 1));
    let none = json!({});
    plane.run_to(24.9);
    // Of four pods three have to stay: one may go, also once more.
    let ok = names(&plane, "ev-ok");
    let dry = json!({"dryRun": ["All"]});
    assert_eq!(evict(&mut plane, 25.1, &ok[0], &dry), [DONE]);
    assert_eq!(evict(&mut plane, 25.25, &ok[0], &none), [DONE]);
    assert_eq!(evict(&mut plane, 25.44, &ok[1], &none), [REFUSED]);
    assert_eq!(evict(&mut plane, 25.6, &ok[0], &none), [DONE], "it goes");
    // Two budgets on one pod.
    let two = names(&plane, "dr-two");
    let several = "Error from server: This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
    assert_eq!(evict(&mut plane, 27.09, &two[0], &none), [several]);
    let budgets = plane.typed(28.05, "kubectl get pdb");
    let rows = budgets[1..].iter().map(|line| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        cells[..4].join(" ")
    });
    assert_eq!(
        rows.collect::<Vec<String>>(),
        [
            "dr-block N/A 0 0",
            "dr-never 1 N/A 0",
            "dr-nevera 1 N/A 0",
            "dr-ok 4 N/A 2",
            "dr-pct N/A 20% 2",
            "dr-sts N/A 1 1",
            "dr-two N/A 1 1",
            "dr-two-b N/A 50% 1",
            "ev-ok 3 N/A 0",
            "nf-pdb N/A 0 0",
        ]
    );
    // Pods that were never Ready, by the policies; a budget that allows nothing; none at all.
    for (app, answer) in [
        ("dr-never", REFUSED),
        ("dr-nevera", DONE),
        ("dr-block", REFUSED),
    ] {
        let pod = names(&plane, app)[0].clone();
        assert_eq!(evict(&mut plane, 28.2, &pod, &none), [answer], "{app}");
    }
    let unprotected = names(&plane, "dr-none")[0].clone();
    let soon = json!({"gracePeriodSeconds": 5});
    assert_eq!(evict(&mut plane, 28.87, &unprotected, &soon), [DONE]);
    assert_eq!(evict(&mut plane, 29.12, &ok[1], &none), [REFUSED]);
    let is_there = |plane: &Plane<'_>, name: &String| names(plane, "dr-none").contains(name);
    // Its preStop takes 15 s; it has 5.
    plane.run_to(33.0);
    assert!(is_there(&plane, &unprotected));
    plane.run_to(36.0);
    assert!(!is_there(&plane, &unprotected));
    // The successor is Ready after ten seconds.
    assert_eq!(evict(&mut plane, 36.15, &ok[1], &none), [DONE]);
    plane.run_to(37.0);
    assert_eq!(plane.told("Killing", "Stopping container app").len(), 4);
}
