//! `kubectl rollout status` as an action: it waits, prints a line for each change, and ends with
//! the roll-out, with its time, or with an error.

use nlsim::record::ActionRecord;
use nlsim::scenario::{InMemory, Loaded};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'web:1', resources: {requests: {cpu: 100m}}}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: logs}
spec:
  selector: {matchLabels: {app: logs}}
  template:
    metadata: {labels: {app: logs}}
    spec: {containers: [{name: logs, image: 'logs:1', resources: {requests: {cpu: 50m}}}]}
";

/// What the commands printed, each with the second in which it was typed.
fn typed(commands: &[(u32, &str)]) -> Vec<ActionRecord> {
    let actions = commands.iter().map(|(at, command)| {
        format!("[[action]]\nat = \"{at}s\"\nkubectl = '''kubectl {command}'''\n")
    });
    let toml = format!(
        "name = \"r\"\nmanifests = \"web.yaml\"\n[simulation]\nduration = \"1h\"\n[[node_group]]\nname = \"n\"\ninstance_type = \"m5.large\"\ncount = 3\n{}",
        actions.collect::<String>()
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("web.yaml", WEB)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let scenario = built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario;
    let mut cluster = Simulation::new(&scenario, 1);
    let time = SimTime::from_secs(1200);
    cluster.step_until(time).expect("no endless loop");
    cluster.recording().actions.clone()
}

/// The distinct lines, in order.
fn distinct(action: &ActionRecord) -> Vec<&str> {
    let mut lines: Vec<&str> = action.printed.iter().map(String::as_str).collect();
    lines.dedup();
    lines
}

#[test]
fn it_waits_for_a_deployment() {
    let actions = typed(&[
        (60, "set image deployment/web web=web:2"),
        (61, "rollout status deployment/web"),
    ]);
    let lines = distinct(&actions[1]);
    let waiting = "Waiting for deployment \"web\" rollout to finish:";
    assert!(
        lines.len() > 2 && lines[0].starts_with(waiting),
        "{lines:#?}"
    );
    let done = "deployment \"web\" successfully rolled out";
    assert_eq!(lines.last(), Some(&done));
    assert!(!actions[1].failed);
    // There is nothing to wait for any more.
    let actions = typed(&[(60, "rollout status deployment/web")]);
    assert_eq!(actions[0].printed, [done]);
}

#[test]
fn it_waits_for_a_daemon_set() {
    let actions = typed(&[
        (60, "set image daemonset/logs logs=logs:2"),
        (61, "rollout status daemonset/logs --timeout=10m"),
    ]);
    let lines = distinct(&actions[1]);
    let left = |what| format!("Waiting for daemon set \"logs\" rollout to finish: {what}...");
    let updated = left("2 out of 3 new pods have been updated");
    let available = left("2 of 3 updated pods are available");
    assert!(lines.contains(&updated.as_str()), "{lines:#?}");
    assert!(lines.contains(&available.as_str()), "{lines:#?}");
    let done = "daemon set \"logs\" successfully rolled out";
    assert_eq!(lines.last(), Some(&done));
}

#[test]
fn its_time_is_over_before_the_roll_out_is() {
    let actions = typed(&[
        (60, "set image deployment/web web=web:2"),
        (61, "rollout status deployment/web --timeout=1s"),
        (61, "rollout status deployment/web --watch=false"),
    ]);
    let error = "error: timed out waiting for the condition";
    assert_eq!(actions[1].printed.last().map(String::as_str), Some(error));
    assert!(actions[1].failed);
    assert_eq!((actions[2].printed.len(), actions[2].failed), (1, false));
}

#[test]
fn it_ends_with_its_object() {
    let actions = typed(&[
        (60, "set image deployment/web web=web:2"),
        (61, "rollout status deployment/web"),
        (63, "delete deployment web"),
    ]);
    let error = "error: object has been deleted";
    assert_eq!(actions[1].printed.last().map(String::as_str), Some(error));
}

#[test]
fn it_waits_until_the_last_pod_of_a_daemon_set_is_available() {
    let actions = typed(&[
        (
            60,
            "patch daemonset logs -p '{\"spec\":{\"minReadySeconds\":30}}'",
        ),
        (60, "set image daemonset/logs logs=logs:2"),
        (61, "rollout status daemonset/logs"),
    ]);
    let lines = &actions[2].printed;
    let done = "daemon set \"logs\" successfully rolled out";
    assert_eq!(lines.last().map(String::as_str), Some(done), "{lines:#?}");
    assert_eq!(distinct(&actions[2]).len(), lines.len(), "{lines:#?}");
    // Nothing else is heard of when more time is asked for.
    let actions = typed(&[
        (
            60,
            "patch daemonset logs -p '{\"spec\":{\"minReadySeconds\":300}}'",
        ),
        (61, "rollout status daemonset/logs"),
    ]);
    assert_eq!(actions[1].printed.last().map(String::as_str), Some(done));
}

#[test]
fn it_waits_for_one_object_after_the_other() {
    let set = |seconds, timeout| {
        typed(&[
            (60, "set image deployment/web web=web:2"),
            (60, "set image daemonset/logs logs=logs:2"),
            (seconds, timeout),
        ])
    };
    let actions = set(61, "rollout status deployment/web daemonset/logs");
    let lines = &actions[2].printed;
    let of_deployment = lines.iter().filter(|line| line.contains("deployment"));
    let of_deployment = of_deployment.count();
    let (first, second) = lines.split_at(of_deployment);
    assert!(first.iter().all(|line| line.contains("deployment \"web\"")));
    assert!(
        !second.is_empty()
            && second
                .iter()
                .all(|line| line.contains("daemon set \"logs\""))
    );
    // Its time counts anew for each.
    let actions = set(
        61,
        "rollout status deployment/web daemonset/logs --timeout=1s",
    );
    let error = "error: timed out waiting for the condition";
    let over = actions[2].printed.iter().filter(|line| *line == error);
    assert_eq!((over.count(), actions[2].failed), (2, true));
}
