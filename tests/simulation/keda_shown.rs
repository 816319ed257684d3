//! What `kubectl get` shows of KEDA's objects, and what their pauses leave there.

use crate::keda_rig::{
    BURST, apply, condition, endpoint, events, queue, run_until, scenario, view,
};
use nlsim::api::Kind;
use nlsim::world::Simulation;
use serde_json::{Value, json};

fn kubectl(cluster: &mut Simulation<'_>, command: &str) {
    cluster
        .kubectl(&format!("kubectl {command}"))
        .expect("a command");
}

fn shown(cluster: &Simulation<'_>) -> Value {
    view(cluster, Kind::ScaledObject, "worker").expect("the ScaledObject")
}

#[test]
fn the_operator_notes_its_finalizer_and_what_it_scales() {
    let scenario = scenario(BURST, &queue("maxReplicaCount: 8"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 60);
    let object = shown(&cluster);
    assert_eq!(
        object["metadata"]["finalizers"],
        json!(["finalizer.keda.sh"])
    );
    assert_eq!(
        object["status"]["scaleTargetGVKR"],
        json!({"group": "apps", "kind": "Deployment", "resource": "deployments", "version": "v1"})
    );
    assert_eq!(object["status"]["triggersTypes"], "redis");
    assert_eq!(object["status"]["authenticationsTypes"], "");
}

#[test]
fn a_fallback_has_a_default_behavior() {
    let spec = "fallback: {failureThreshold: 3, replicas: 2}";
    let scenario = scenario(BURST, &endpoint(spec));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 60);
    assert_eq!(shown(&cluster)["spec"]["fallback"]["behavior"], "static");
    // To apply the same again changes nothing.
    let generation = shown(&cluster)["metadata"]["generation"].clone();
    apply(&mut cluster, &scenario, "ScaledObject");
    run_until(&mut cluster, 61);
    assert_eq!(shown(&cluster)["metadata"]["generation"], generation);
    assert_eq!(shown(&cluster)["spec"]["fallback"]["behavior"], "static");
}

#[test]
fn a_reconcile_comes_before_a_poll_of_the_same_time() {
    let scenario = scenario(BURST, &queue("maxReplicaCount: 8"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 30);
    kubectl(&mut cluster, "delete so worker");
    run_until(&mut cluster, 60);
    apply(&mut cluster, &scenario, "ScaledObject");
    // Ten polls later.
    run_until(&mut cluster, 360);
    kubectl(
        &mut cluster,
        "annotate so worker autoscaling.keda.sh/paused=true",
    );
    run_until(&mut cluster, 400);
    assert_eq!(condition(&cluster, "Paused").0, "True");
    let recording = cluster.finish().expect("the end").recording;
    assert_eq!(events(&recording, "ScaledObjectPaused").len(), 1);
}

#[test]
fn the_replicas_of_a_pause_are_shown_until_all_pauses_end() {
    let scenario = scenario(BURST, &queue("maxReplicaCount: 8"));
    let mut cluster = Simulation::new(&scenario, 42);
    let annotate = |cluster: &mut Simulation<'_>, annotation: &str| {
        kubectl(
            cluster,
            &format!("annotate so worker autoscaling.keda.sh/{annotation}"),
        );
        let next = cluster.now().0 / 1_000_000_000 + 60;
        run_until(cluster, next);
        shown(cluster)["status"]["pausedReplicaCount"].clone()
    };
    assert_eq!(annotate(&mut cluster, "paused-scale-in=true"), Value::Null);
    assert_eq!(annotate(&mut cluster, "paused-replicas=3"), 3);
    assert_eq!(annotate(&mut cluster, "paused-replicas-"), 3);
    assert_eq!(annotate(&mut cluster, "paused-scale-in-"), Value::Null);
}
