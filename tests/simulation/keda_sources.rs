//! What declared series are to triggers of several modes, and who answers for external metrics
//! beside KEDA.

use crate::keda_rig::{BURST, queue, replicas, run_until, scenario, triggers, view};
use nlsim::api::Kind;
use nlsim::world::Simulation;

/// 40 of something from 10 min on, 10 for a pod, make four.
fn wakes_to_four(toml: &str, trigger: &str) {
    let scenario = scenario(toml, &triggers("maxReplicaCount: 8", trigger));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 599);
    assert_eq!(replicas(cluster.store()), 0, "{trigger}");
    run_until(&mut cluster, 700);
    assert_eq!(replicas(cluster.store()), 4, "{trigger}");
}

#[test]
fn a_series_is_what_a_mode_of_rabbitmq_measures() {
    for mode in [
        "QueueLength",
        "MessageRate",
        "DeliverGetRate",
        "PublishedToDeliveredRatio",
        "ExpectedQueueConsumptionTime",
    ] {
        let trigger = format!(
            "- type: rabbitmq
      metadata: {{host: 'http://rabbit/', queueName: jobs, mode: {mode}, value: '10'}}"
        );
        wakes_to_four(BURST, &trigger);
    }
}

#[test]
fn consumers_of_a_declared_lag_are_at_work() {
    let trigger = "- type: kafka
      metadata: {bootstrapServers: 'k:9092', consumerGroup: g, topic: t, excludePersistentLag: 'true'}";
    wakes_to_four(&format!("{BURST}partitions = 4\n"), trigger);
}

#[test]
fn keda_is_asked_for_external_metrics_that_are_not_its_own() {
    const HPA: &str = "---
apiVersion: apps/v1
kind: Deployment
metadata: {name: other}
spec:
  replicas: 2
  selector: {matchLabels: {app: other}}
  template:
    metadata: {labels: {app: other}}
    spec: {containers: [{name: other, image: 'other:1', resources: {requests: {cpu: 100m}}}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: other}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: other}
  maxReplicas: 3
  metrics:
    - type: External
      external: {metric: {name: jobs}, target: {type: AverageValue, averageValue: '25'}}
";
    let message = |toml: &str| {
        let manifests = format!("{}{HPA}", queue("maxReplicaCount: 8"));
        let (scenario, _) = crate::keda_rig::scenario_and_warnings(toml, &manifests);
        let mut cluster = Simulation::new(&scenario, 42);
        run_until(&mut cluster, 60);
        let hpa = view(&cluster, Kind::HorizontalPodAutoscaler, "other").expect("the HPA");
        hpa["status"]["conditions"].to_string()
    };
    let told = message(BURST);
    assert!(
        told.contains("scaledObject name is not specified"),
        "{told}"
    );
    // Where another server has taken the API, that is asked.
    let other = "[[metric]]\nname = \"others\"\ntype = \"external\"\nseries = 5\n";
    let told = message(&format!("{BURST}{other}"));
    assert!(!told.contains("scaledObject name"), "{told}");
}

#[test]
fn predictkube_foresees_what_is_declared_and_never_falls_below_what_is_there() {
    let object = triggers(
        "maxReplicaCount: 8\n  cooldownPeriod: 60",
        "- type: predictkube
      authenticationRef: {name: key}
      metadata:
        prometheusAddress: http://prometheus:9090
        query: sum(rate(requests[1m]))
        predictHorizon: 2m
        queryStep: 1m
        historyTimeWindow: 7d
        threshold: '10'",
    );
    let key = "---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {name: key}
spec: {secretTargetRef: [{parameter: apiKey, name: key, key: key}]}
";
    let series = "[[trigger_source]]\nscaled_object = \"worker\"\n\
                  series = [[\"0s\", 5], [\"10m\", 40], [\"20m\", 20], [\"40m\", 0]]\n";
    let scenario = scenario(series, &format!("{object}{key}"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 470);
    assert_eq!(replicas(cluster.store()), 1);
    // Two minutes ahead.
    run_until(&mut cluster, 510);
    assert_eq!(replicas(cluster.store()), 4);
    // Its 40 are there for as long as they are measured, and then for five minutes more.
    run_until(&mut cluster, 1490);
    assert_eq!(replicas(cluster.store()), 4);
    run_until(&mut cluster, 1540);
    assert_eq!(replicas(cluster.store()), 2);
    // What is foreseen at 0 is not what makes it idle.
    run_until(&mut cluster, 2390);
    assert_eq!(replicas(cluster.store()), 2);
    run_until(&mut cluster, 2500);
    assert_eq!(replicas(cluster.store()), 0);
}
