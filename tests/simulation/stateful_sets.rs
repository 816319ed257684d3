//! StatefulSets in a run: new templates, partitions, OnDelete, `kubectl rollout`.

use nlsim::api::Pod;
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

const SET: &str = r#"
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 4
  serviceName: db
  MORE
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: "db:1", resources: {requests: {cpu: 100m}}}]}
"#;

fn scenario(more: &str) -> Scenario {
    scenario_with("", more)
}

/// The same, with more tables of the scenario.
fn scenario_with(tables: &str, more: &str) -> Scenario {
    let toml = format!(
        "name = \"sets\"\nmanifests = \"set.yaml\"\n[simulation]\nduration = \"2h\"\n{tables}"
    );
    let manifest = SET.replace("MORE", more);
    let files = InMemory::new([("s.toml", &*toml), ("set.yaml", &manifest)]);
    let loaded = Loaded::load("s.toml", &files).unwrap_or_else(|all| panic!("{all:?}"));
    let built = loaded.build(&[]).unwrap_or_else(|all| panic!("{all:?}"));
    built.scenario
}

fn run_until(cluster: &mut Simulation<'_>, seconds: i64) {
    let time = SimTime::from_secs(seconds);
    cluster.step_until(time).expect("no endless loop");
    cluster.store().audit().expect("the books balance");
}

fn typed(cluster: &mut Simulation<'_>, text: &str) -> String {
    cluster.kubectl(text).expect("a command line").join("\n")
}

/// The images of the live pods, by ordinal.
fn images(cluster: &Simulation<'_>) -> Vec<String> {
    let pods = cluster.store().pods();
    let mut pods: Vec<(u32, String)> = pods
        .filter(|(_, pod)| Pod::is_active(pod))
        .map(|(_, pod)| (pod.ordinal, pod.template.containers[0].image.clone()))
        .collect();
    pods.sort();
    pods.into_iter().map(|(_, image)| image).collect()
}

/// The events of the StatefulSet from a time on, in short: `-3`, `+3`.
fn order(cluster: &Simulation<'_>, from: i64) -> Vec<String> {
    let events = cluster.recording().events.iter();
    let own = events
        .filter(|event| event.object == "StatefulSet/db" && event.time >= SimTime::from_secs(from));
    own.map(|event| {
        let words: Vec<&str> = event.message.split(' ').collect();
        let sign = if words[0] == "Create" { "+" } else { "-" };
        words[2].replace("db-", sign)
    })
    .collect()
}

const SET_IMAGE: &str = "kubectl set image statefulset/db db=db:2";

#[test]
fn a_new_template_goes_from_the_top_down_one_pod_at_a_time() {
    let scenario = scenario("");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    assert_eq!(
        typed(&mut cluster, SET_IMAGE),
        "statefulset.apps/db image updated"
    );
    let mut least = 4;
    for second in 61..300 {
        run_until(&mut cluster, second);
        let ready = cluster
            .store()
            .pods()
            .filter(|(_, pod)| pod.is_ready())
            .count();
        least = least.min(ready);
    }
    assert_eq!(least, 3);
    assert_eq!(images(&cluster), ["db:2"; 4]);
    assert_eq!(
        order(&cluster, 60),
        ["-3", "+3", "-2", "+2", "-1", "+1", "-0", "+0"]
    );
    assert_eq!(
        typed(&mut cluster, "kubectl rollout history statefulset/db"),
        "statefulset.apps/db \nREVISION  CHANGE-CAUSE\n1         <none>\n2         <none>\n"
    );
    let undone = typed(&mut cluster, "kubectl rollout undo statefulset/db");
    assert!(undone.starts_with("Warning: resource statefulsets/db was previously managed"));
    assert!(undone.ends_with("\nstatefulset.apps/db rolled back"));
    run_until(&mut cluster, 302);
    assert_eq!(
        typed(&mut cluster, "kubectl rollout status statefulset/db"),
        "Waiting for 1 pods to be ready..."
    );
    run_until(&mut cluster, 600);
    assert_eq!(images(&cluster), ["db:1"; 4]);
    assert_eq!(
        typed(&mut cluster, "kubectl rollout history statefulset/db"),
        "statefulset.apps/db \nREVISION  CHANGE-CAUSE\n2         <none>\n3         <none>\n"
    );
    // The manifest went back, too: the same change is a change again.
    typed(&mut cluster, SET_IMAGE);
    run_until(&mut cluster, 900);
    assert_eq!(images(&cluster), ["db:2"; 4]);
}

#[test]
fn a_partition_keeps_the_pods_below_it() {
    let scenario = scenario("updateStrategy: {rollingUpdate: {partition: 2}}");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    typed(&mut cluster, SET_IMAGE);
    run_until(&mut cluster, 75);
    assert_eq!(
        typed(&mut cluster, "kubectl rollout status statefulset/db"),
        "Waiting for 1 pods to be ready..."
    );
    run_until(&mut cluster, 200);
    assert_eq!(images(&cluster), ["db:1", "db:1", "db:2", "db:2"]);
    // One below the partition comes back as it was.
    typed(&mut cluster, "kubectl delete pod db-0");
    run_until(&mut cluster, 300);
    assert_eq!(images(&cluster), ["db:1", "db:1", "db:2", "db:2"]);
    assert_eq!(
        typed(&mut cluster, "kubectl rollout status statefulset/db"),
        "partitioned roll out complete: 2 new pods have been updated..."
    );
    let patch = r#"{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}"#;
    typed(
        &mut cluster,
        &format!("kubectl patch statefulset db -p '{patch}'"),
    );
    run_until(&mut cluster, 500);
    assert_eq!(images(&cluster), ["db:2"; 4]);
}

#[test]
fn on_delete_waits_for_somebody_to_delete() {
    let scenario = scenario("updateStrategy: {type: OnDelete}");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    typed(&mut cluster, SET_IMAGE);
    run_until(&mut cluster, 200);
    assert_eq!(images(&cluster), ["db:1"; 4]);
    assert_eq!(
        typed(&mut cluster, "kubectl rollout status statefulset/db"),
        "error: rollout status is only available for RollingUpdate strategy type"
    );
    typed(&mut cluster, "kubectl delete pod db-1");
    run_until(&mut cluster, 300);
    assert_eq!(images(&cluster), ["db:1", "db:2", "db:1", "db:1"]);
}

#[test]
fn a_parallel_set_scales_at_once_and_still_rolls_out_one_by_one() {
    let scenario = scenario("podManagementPolicy: Parallel");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    typed(&mut cluster, "kubectl scale statefulset/db --replicas=7");
    run_until(&mut cluster, 62);
    assert_eq!(order(&cluster, 60), ["+4", "+5", "+6"]);
    run_until(&mut cluster, 120);
    typed(&mut cluster, SET_IMAGE);
    run_until(&mut cluster, 600);
    assert_eq!(images(&cluster), ["db:2"; 7]);
    let all = order(&cluster, 120);
    assert_eq!(all[..4], ["-6", "+6", "-5", "+5"]);
    typed(&mut cluster, "kubectl scale statefulset/db --replicas=2");
    run_until(&mut cluster, 660);
    assert_eq!(images(&cluster), ["db:2"; 2]);
}

#[test]
fn a_restart_is_a_new_template() {
    let scenario = scenario("");
    let mut cluster = Simulation::new(&scenario, 1);
    run_until(&mut cluster, 60);
    assert_eq!(
        typed(&mut cluster, "kubectl rollout restart statefulset/db"),
        "statefulset.apps/db restarted"
    );
    run_until(&mut cluster, 400);
    assert_eq!(order(&cluster, 60).len(), 8);
}

#[test]
fn wrong_strategies_are_refused() {
    for (more, words) in [
        (
            "updateStrategy: {type: Sometimes}",
            "spec.updateStrategy.type: Invalid value: \"Sometimes\": must be 'RollingUpdate' or 'OnDelete'",
        ),
        (
            "updateStrategy: {rollingUpdate: {partition: -1}}",
            "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1",
        ),
        (
            "updateStrategy: {type: OnDelete, rollingUpdate: {partition: 1}}",
            "only allowed for updateStrategy 'RollingUpdate'",
        ),
    ] {
        let manifest = SET.replace("MORE", more);
        let toml = "name = \"n\"\nmanifests = \"set.yaml\"\nsimulation.duration = \"1h\"\n";
        let files = InMemory::new([("s.toml", toml), ("set.yaml", &manifest)]);
        let loaded = Loaded::load("s.toml", &files).unwrap_or_else(|all| panic!("{all:?}"));
        let problems = loaded.build(&[]).expect_err("refused").render(false);
        assert!(problems.contains(words), "{words}: {problems}");
    }
}

/// The API server of a 1.36.2 dropped it: its gate was off.
#[test]
fn max_unavailable_counts_behind_its_gate_only() {
    const FIELDS: &str = "podManagementPolicy: Parallel
  ordinals: {start: 3}
  persistentVolumeClaimRetentionPolicy: {whenScaled: Delete}
  updateStrategy: {rollingUpdate: {maxUnavailable: 50%}}";
    const GATE: &str = "[controllers.kube-controller-manager]\n\
        feature-gates = \"MaxUnavailableStatefulSet=true\"\n";
    let path = "kubectl get sts db -o jsonpath={.spec.updateStrategy.rollingUpdate}";
    for (tables, deleted, shown) in [
        ("", 1, "{\"partition\":0}"),
        (GATE, 2, "{\"maxUnavailable\":\"50%\",\"partition\":0}"),
    ] {
        let scenario = scenario_with(tables, FIELDS);
        let mut cluster = Simulation::new(&scenario, 1);
        run_until(&mut cluster, 100);
        assert_eq!(typed(&mut cluster, path), shown);
        let done = typed(&mut cluster, "kubectl set image sts/db db=db:2");
        assert_eq!(done, "statefulset.apps/db image updated");
        run_until(&mut cluster, 101);
        let order = order(&cluster, 100);
        assert_eq!(order[..deleted], ["-6", "-5"][..deleted]);
        assert_eq!(order.len(), deleted);
        run_until(&mut cluster, 200);
        assert_eq!(images(&cluster), ["db:2"; 4]);
    }
    // Commands change it as files say it.
    let scenario = scenario_with(GATE, FIELDS);
    let mut cluster = Simulation::new(&scenario, 1);
    let patch = r#"kubectl patch sts db -p '{"spec":{"updateStrategy":{"rollingUpdate":{"maxUnavailable":4}}}}'"#;
    typed(&mut cluster, patch);
    typed(&mut cluster, "kubectl set image sts/db db=db:2");
    run_until(&mut cluster, 1);
    assert_eq!(order(&cluster, 0), ["-6", "-5", "-4", "-3"]);
}

#[test]
fn other_gates_are_told_of() {
    for (text, words) in [
        (
            "SomethingElse=true",
            "SomethingElse is no gate that is simulated",
        ),
        (
            "MaxUnavailableStatefulSet",
            "is not as in \"MaxUnavailableStatefulSet=true\"",
        ),
    ] {
        let toml = format!(
            "name = \"sets\"\nmanifests = \"set.yaml\"\nsimulation.duration = \"2h\"\n\
             [controllers.kube-controller-manager]\nfeature-gates = \"{text}\"\n"
        );
        let manifest = SET.replace("MORE", "");
        let files = InMemory::new([("s.toml", &*toml), ("set.yaml", &manifest)]);
        let refused = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
        let refused = refused.expect_err("an error").render(false);
        assert!(refused.contains(words), "{refused}");
        assert!(refused.contains("s.toml:5"), "{refused}");
    }
}
