//! KEDA in a simulated cluster: scale loops, generated HPAs, pauses, fallback, outages.

use crate::keda_rig::{
    BURST, condition, endpoint, events, queue, replicas, run_until, scenario,
    scenario_and_warnings, triggers, view,
};
use nlsim::api::{Kind, ObjectId};
use nlsim::scenario::model::From;
use nlsim::world::Simulation;

#[test]
fn an_idle_target_goes_to_zero_wakes_up_and_goes_to_zero_again() {
    let scenario = scenario(BURST, &queue("maxReplicaCount: 8"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 31);
    // Nothing was ever active and no initial cooldown is wanted: the first poll takes it down.
    assert_eq!(replicas(cluster.store()), 0);
    assert_eq!(condition(&cluster, "Active").0, "False");
    assert_eq!(condition(&cluster, "Ready").0, "True");
    run_until(&mut cluster, 600);
    assert_eq!(replicas(cluster.store()), 0);
    let hpa = view(&cluster, Kind::HorizontalPodAutoscaler, "keda-hpa-worker");
    let hpa = hpa.expect("the HPA");
    assert_eq!(
        hpa["metadata"]["ownerReferences"][0]["kind"],
        "ScaledObject"
    );
    assert_eq!(hpa["spec"]["minReplicas"], 1);
    let metric = &hpa["spec"]["metrics"][0]["external"];
    assert_eq!(metric["metric"]["name"], "s0-redis-jobs");
    assert_eq!(metric["target"]["averageValue"], "10");
    // KEDA brings the first pod within a polling interval, the HPA the others: ceil(40 / 10).
    run_until(&mut cluster, 631);
    assert!(replicas(cluster.store()) >= 1);
    run_until(&mut cluster, 700);
    assert_eq!(replicas(cluster.store()), 4);
    assert_eq!(condition(&cluster, "Active").0, "True");
    // The HPA holds back for 300 s, then takes three pods; KEDA takes the last one 300 s after it
    // last saw activity.
    run_until(&mut cluster, 1200 + 265);
    assert_eq!(
        condition(&cluster, "Active"),
        ("False".into(), "ScalerCooldown".into())
    );
    run_until(&mut cluster, 1200 + 331);
    assert_eq!(replicas(cluster.store()), 0);
    let recording = cluster.finish().expect("the end").recording;
    let up = events(&recording, "KEDAScaleTargetActivated");
    assert_eq!(up.len(), 1, "{up:?}");
    assert_eq!(
        up[0].1,
        "Scaled apps/v1.Deployment default/worker from 0 to 1, triggered by s0-redis-jobs"
    );
    assert!((600.0..=630.0).contains(&up[0].0), "{up:?}");
    let down = events(&recording, "KEDAScaleTargetDeactivated");
    assert_eq!(down.len(), 2, "{down:?}");
}

#[test]
fn pausing_deletes_the_hpa_and_unpausing_brings_it_back() {
    let scenario = scenario(BURST, &queue("maxReplicaCount: 8"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 720);
    assert_eq!(replicas(cluster.store()), 4);
    let pause = "kubectl annotate so worker autoscaling.keda.sh/paused-replicas=2";
    let printed = cluster.kubectl(pause).expect("a command");
    assert_eq!(printed, ["scaledobject.keda.sh/worker annotated"]);
    run_until(&mut cluster, 722);
    assert_eq!(replicas(cluster.store()), 2);
    let name = "keda-hpa-worker";
    assert_eq!(view(&cluster, Kind::HorizontalPodAutoscaler, name), None);
    assert_eq!(condition(&cluster, "Paused").0, "True");
    run_until(&mut cluster, 900);
    assert_eq!(replicas(cluster.store()), 2, "nobody scales");
    let unpause = "kubectl annotate so worker autoscaling.keda.sh/paused-replicas-";
    cluster.kubectl(unpause).expect("a command");
    run_until(&mut cluster, 930);
    assert_eq!(condition(&cluster, "Paused").0, "False");
    assert!(view(&cluster, Kind::HorizontalPodAutoscaler, name).is_some());
    assert_eq!(replicas(cluster.store()), 4);
    let recording = cluster.finish().expect("the end").recording;
    assert_eq!(events(&recording, "ScaledObjectPaused").len(), 1);
    assert_eq!(events(&recording, "ScaledObjectUnpaused").len(), 1);
    let made = recording.hpas.iter().filter(|hpa| hpa.name == name);
    assert_eq!(made.count(), 1, "one HPA by that name");
}

#[test]
fn failing_triggers_fall_back_and_come_back() {
    let toml = r#"
[[trigger_source]]
scaled_object = "worker"
series = 20
[[fault]]
at = "20m"
for = "20m"
trigger = "ScaledObject/worker"
"#;
    let spec = "minReplicaCount: 1\n  maxReplicaCount: 8\n  \
                fallback: {failureThreshold: 3, replicas: 6}";
    let scenario = scenario(toml, &endpoint(spec));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 1199);
    assert_eq!(replicas(cluster.store()), 2);
    run_until(&mut cluster, 1300);
    assert_eq!(condition(&cluster, "Fallback").0, "True");
    assert_eq!(replicas(cluster.store()), 6);
    run_until(&mut cluster, 2390);
    assert_eq!(replicas(cluster.store()), 6);
    run_until(&mut cluster, 2460);
    assert_eq!(condition(&cluster, "Fallback").0, "False");
    run_until(&mut cluster, 2800);
    assert_eq!(replicas(cluster.store()), 2);
}

#[test]
fn redis_connects_when_it_is_built_and_never_falls_back() {
    let toml = r#"
[[trigger_source]]
scaled_object = "worker"
series = 20
[[fault]]
at = "20m"
for = "20m"
trigger = "ScaledObject/worker"
"#;
    let spec = "minReplicaCount: 1\n  maxReplicaCount: 8\n  \
                fallback: {failureThreshold: 3, replicas: 6}";
    let scenario = scenario(toml, &queue(spec));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 2390);
    assert_eq!(replicas(cluster.store()), 2);
    assert_ne!(condition(&cluster, "Fallback").0, "True");
    // An object that is made now gets no HPA.
    cluster
        .kubectl("kubectl annotate so worker autoscaling.keda.sh/paused=true")
        .expect("a command");
    run_until(&mut cluster, 2392);
    cluster
        .kubectl("kubectl annotate so worker autoscaling.keda.sh/paused-")
        .expect("a command");
    run_until(&mut cluster, 2398);
    let kind = Kind::HorizontalPodAutoscaler;
    assert!(view(&cluster, kind, "keda-hpa-worker").is_none());
    assert_eq!(
        condition(&cluster, "Ready"),
        ("False".into(), "ScaledObjectCheckFailed".into())
    );
    run_until(&mut cluster, 2460);
    assert!(view(&cluster, kind, "keda-hpa-worker").is_some());
    assert_eq!(condition(&cluster, "Ready").0, "True");
    let recording = cluster.finish().expect("the end").recording;
    let words = "error getting scalers connection to redis failed";
    let failures = &recording.hpas[0].failures;
    assert!(
        failures.iter().any(|one| one.message.contains(words)),
        "{failures:?}"
    );
}

#[test]
fn only_series_are_an_answer_of_prometheus() {
    for (query, ready) in [
        ("vector(20)", "True"),
        ("scalar(vector(20))", "False"),
        ("20", "False"),
        ("absent_metric[5m]", "True"),
    ] {
        let trigger = format!(
            "- type: prometheus
      metadata: {{serverAddress: 'http://p:9090', query: '{query}', threshold: '10'}}"
        );
        let object = triggers("minReplicaCount: 1", &trigger);
        let scenario = scenario("", &object);
        let mut cluster = Simulation::new(&scenario, 42);
        run_until(&mut cluster, 120);
        assert_eq!(condition(&cluster, "Ready").0, ready, "{query}");
        let recording = cluster.finish().expect("the end").recording;
        let told = events(&recording, "KEDAScalerFailed");
        let words = "json: cannot unmarshal number into Go struct field .data.result of type \
                     struct { Metric struct {} \"json:\\\"metric\\\"\"; Value []interface {} \
                     \"json:\\\"value\\\"\" }";
        assert_eq!(told.iter().any(|(_, one)| one == words), ready == "False");
    }
}

#[test]
fn without_a_fallback_the_hpa_keeps_what_there_is() {
    let toml = r#"
[[trigger_source]]
scaled_object = "worker"
series = [["0s", 20], ["25m", 80]]
[[fault]]
at = "20m"
for = "20m"
trigger = "ScaledObject/worker[0]"
"#;
    let scenario = scenario(toml, &endpoint("minReplicaCount: 1\n  maxReplicaCount: 8"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 2399);
    assert_eq!(replicas(cluster.store()), 2);
    assert_eq!(
        condition(&cluster, "Ready"),
        ("False".into(), "TriggerError".into())
    );
    run_until(&mut cluster, 2460);
    assert_eq!(replicas(cluster.store()), 8);
    assert_eq!(condition(&cluster, "Ready").0, "True");
    let recording = cluster.finish().expect("the end").recording;
    let failure = &recording.hpas[0].failures[0];
    assert_eq!(failure.reason, "FailedGetExternalMetric");
    let words = "unable to fetch metrics from external metrics API: rpc error: code = Unknown \
                 desc = error when getting metric values metric:s0-metric-api-jobs encountered error";
    assert!(failure.message.contains(words), "{}", failure.message);
}

#[test]
fn while_the_operator_is_down_nothing_wakes_up() {
    let toml = format!(
        r#"{BURST}
[[fault]]
at = "9m"
for = "3m"
down = "keda-operator"
"#
    );
    let scenario = scenario(&toml, &queue("maxReplicaCount: 8"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 719);
    assert_eq!(replicas(cluster.store()), 0);
    // It starts anew and polls at once.
    run_until(&mut cluster, 721);
    assert_eq!(replicas(cluster.store()), 1);
    run_until(&mut cluster, 780);
    assert_eq!(replicas(cluster.store()), 4);
}

#[test]
fn the_metrics_server_is_another_component() {
    let toml = format!(
        r#"{BURST}
[[fault]]
at = "9m"
for = "6m"
down = "keda-operator-metrics-apiserver"
"#
    );
    let scenario = scenario(&toml, &queue("maxReplicaCount: 8"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 890);
    assert_eq!(
        replicas(cluster.store()),
        1,
        "KEDA wakes it, the HPA knows nothing"
    );
    run_until(&mut cluster, 950);
    assert_eq!(replicas(cluster.store()), 4);
}

#[test]
fn deleting_the_object_deletes_the_hpa_and_restores_the_replicas() {
    let spec = "advanced: {restoreToOriginalReplicaCount: true}";
    let scenario = scenario(BURST, &queue(spec));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 100);
    assert_eq!(replicas(cluster.store()), 0);
    cluster
        .kubectl("kubectl delete so worker")
        .expect("a command");
    run_until(&mut cluster, 110);
    assert_eq!(replicas(cluster.store()), 1);
    let gone = |kind, name| view(&cluster, kind, name).is_none();
    assert!(gone(Kind::HorizontalPodAutoscaler, "keda-hpa-worker"));
    assert!(gone(Kind::ScaledObject, "worker"));
    run_until(&mut cluster, 720);
    assert_eq!(replicas(cluster.store()), 1, "nobody polls");
}

#[test]
fn an_hpa_that_somebody_deletes_or_changes_is_put_right() {
    let spec = "minReplicaCount: 2\n  maxReplicaCount: 8";
    let scenario = scenario(BURST, &queue(spec));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 60);
    let name = "keda-hpa-worker";
    cluster
        .kubectl("kubectl delete hpa keda-hpa-worker")
        .expect("a command");
    run_until(&mut cluster, 61);
    let hpa = view(&cluster, Kind::HorizontalPodAutoscaler, name).expect("made again");
    assert_eq!(hpa["spec"]["maxReplicas"], 8);
    let patch = r#"kubectl patch hpa keda-hpa-worker -p '{"spec": {"maxReplicas": 50}}'"#;
    cluster.kubectl(patch).expect("a command");
    run_until(&mut cluster, 62);
    let hpa = view(&cluster, Kind::HorizontalPodAutoscaler, name).expect("still there");
    assert_eq!(hpa["spec"]["maxReplicas"], 8);
    // What is changed in the ScaledObject goes on to the HPA.
    let patch = r#"kubectl patch so worker --type merge -p '{"spec": {"maxReplicaCount": 3}}'"#;
    let printed = cluster.kubectl(patch).expect("a command");
    assert_eq!(printed, ["scaledobject.keda.sh/worker patched"]);
    run_until(&mut cluster, 63);
    let hpa = view(&cluster, Kind::HorizontalPodAutoscaler, name).expect("still there");
    assert_eq!(hpa["spec"]["maxReplicas"], 3);
    run_until(&mut cluster, 700);
    assert_eq!(replicas(cluster.store()), 3);
}

#[test]
fn an_hpa_is_taken_over_by_name() {
    let hpa = r"---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: old}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: worker}
  minReplicas: 1
  maxReplicas: 3
";
    let spec = "advanced: {horizontalPodAutoscalerConfig: {name: old}}";
    let taken = queue(spec).replace(
        "metadata: {name: worker}",
        "metadata: {name: worker, annotations: \
         {scaledobject.keda.sh/transfer-hpa-ownership: 'true'}}",
    );
    let scenario = scenario(BURST, &format!("{taken}{hpa}"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 700);
    let hpa = view(&cluster, Kind::HorizontalPodAutoscaler, "old").expect("the HPA");
    assert_eq!(hpa["metadata"]["ownerReferences"][0]["name"], "worker");
    assert_eq!(hpa["spec"]["maxReplicas"], 100);
    assert_eq!(cluster.store().hpas().count(), 1);
    assert_eq!(replicas(cluster.store()), 4);
}

#[test]
fn cron_and_other_workloads_need_no_source() {
    let manifests = r"
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: worker}
spec:
  scaleTargetRef: {name: worker}
  minReplicaCount: 1
  triggers:
    - type: cron
      metadata: {timezone: Etc/UTC, start: '30 8 * * *', end: '0 9 * * *', desiredReplicas: '5'}
    - type: kubernetes-workload
      metadata: {podSelector: 'app in (front)', value: '0.5'}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: front}
spec:
  replicas: 1
  selector: {matchLabels: {app: front}}
  template:
    metadata: {labels: {app: front}}
    spec:
      containers: [{name: front, image: 'front:1'}]
";
    let mut scenario = scenario("", manifests);
    let eight = 1_767_225_600 + 8 * 3600;
    scenario.controllers.vpa.clock.unix_start = eight;
    let mut cluster = Simulation::new(&scenario, 42);
    // One pod of the front at half a pod each is two.
    run_until(&mut cluster, 300);
    assert_eq!(replicas(cluster.store()), 2);
    run_until(&mut cluster, 1800 + 40);
    assert_eq!(replicas(cluster.store()), 5);
    run_until(&mut cluster, 3600 + 290);
    assert_eq!(replicas(cluster.store()), 5, "the HPA holds back");
    run_until(&mut cluster, 3600 + 330);
    assert_eq!(replicas(cluster.store()), 2);
    cluster
        .kubectl("kubectl scale deployment front --replicas 4")
        .expect("a command");
    run_until(&mut cluster, 3600 + 400);
    assert_eq!(replicas(cluster.store()), 8);
}

#[test]
fn a_push_scaler_wakes_the_target_between_polls() {
    let manifests = r"
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: worker}
spec:
  pollingInterval: 600
  scaleTargetRef: {name: worker}
  triggers:
    - type: external-push
      metadata: {scalerAddress: 'scaler:9090'}
";
    let toml = r#"
[[trigger_source]]
scaled_object = "worker"
series = [["0s", 0], ["1003s", 6]]
metric = "items"
target = 2
"#;
    let scenario = scenario(toml, manifests);
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 1002);
    assert_eq!(replicas(cluster.store()), 0);
    run_until(&mut cluster, 1004);
    assert_eq!(replicas(cluster.store()), 1);
    run_until(&mut cluster, 1040);
    assert_eq!(replicas(cluster.store()), 3);
    let hpa = view(&cluster, Kind::HorizontalPodAutoscaler, "keda-hpa-worker").expect("it");
    let name = &hpa["spec"]["metrics"][0]["external"]["metric"]["name"];
    assert_eq!(name, "s0-items");
    // It says nothing while it is away.
    let away = format!(
        "{toml}[[fault]]\nat = \"1000s\"\nfor = \"10m\"\ntrigger = \"ScaledObject/worker\"\n"
    );
    let scenario = self::scenario(&away, manifests);
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 1590);
    assert_eq!(replicas(cluster.store()), 0);
}

#[test]
fn the_webhook_refuses_a_second_object_for_one_workload() {
    let scenario = scenario(BURST, &queue("maxReplicaCount: 8"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 60);
    let patch = r#"kubectl patch so worker --type merge -p '{"spec": {"idleReplicaCount": 0}}'"#;
    let printed = cluster.kubectl(patch).expect("a command");
    assert_eq!(
        printed,
        [
            "Error from server (Forbidden): admission webhook \"vscaledobject.kb.io\" denied the \
          request: IdleReplicaCount=0 must be less than MinReplicaCount=0"
        ]
    );
    let there = cluster
        .store()
        .find(Kind::ScaledObject, "default", "worker");
    assert!(matches!(there, Some(ObjectId::ScaledObject(_))));
}

#[test]
fn runs_are_the_same_twice_and_loops_have_phases_of_their_own() {
    let scenario = scenario(BURST, &queue("maxReplicaCount: 8"));
    let first_poll = |seed: u64| {
        let mut cluster = Simulation::new(&scenario, seed);
        run_until(&mut cluster, 60);
        let recording = cluster.finish().expect("the end").recording;
        events(&recording, "KEDAScaleTargetDeactivated")[0].0
    };
    assert_eq!(first_poll(1), first_poll(1));
    assert_ne!(first_poll(1), first_poll(2));
}

const BATCH: &str = r"
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: {name: batch}
spec:
  pollingInterval: 10
  maxReplicaCount: 5
  successfulJobsHistoryLimit: 2
  jobTargetRef:
    template:
      spec:
        containers:
          - {name: work, image: 'work:1', command: [sleep, '45']}
  triggers:
    - type: rabbitmq
      metadata: {host: 'amqp://rabbit/', protocol: amqp, mode: QueueLength, value: '1',
        queueName: work}
";

#[test]
fn a_scaled_job_makes_a_job_for_each_message() {
    let toml = r#"
[[trigger_source]]
scaled_job = "batch"
series = [["0s", 0], ["10m", 3], ["601s", 3], ["12m", 0]]
"#;
    let scenario = scenario(toml, BATCH);
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 599);
    assert_eq!(cluster.store().jobs().count(), 0);
    run_until(&mut cluster, 611);
    // Three messages, three Jobs; the default strategy counts what runs against the queue.
    assert_eq!(cluster.store().jobs().count(), 3);
    let (_, job) = cluster.store().jobs().next().expect("a Job");
    assert!(job.meta.name.starts_with("batch-") && job.meta.name.len() == 11);
    assert_eq!(job.meta.labels["scaledjob.keda.sh/name"], "batch");
    assert_eq!(job.meta.annotations["scaledjob.keda.sh/generation"], "1");
    assert!(matches!(job.meta.owner, Some(ObjectId::ScaledJob(_))));
    run_until(&mut cluster, 640);
    assert_eq!(cluster.store().jobs().count(), 3);
    // As long as messages are there new Jobs follow those that have ended; two of these are kept.
    run_until(&mut cluster, 1100);
    let ended = cluster
        .store()
        .jobs()
        .filter(|(_, job)| job.status.end().is_some());
    assert_eq!((ended.count(), cluster.store().jobs().count()), (2, 2));
    let object = view(&cluster, Kind::ScaledJob, "batch").expect("the ScaledJob");
    assert_eq!(object["status"]["triggersTypes"], "rabbitmq");
    cluster
        .kubectl("kubectl delete scaledjob batch")
        .expect("a command");
    run_until(&mut cluster, 1110);
    assert_eq!(
        cluster.store().jobs().count(),
        0,
        "they go with their owner"
    );
}

#[test]
fn a_changed_scaled_job_deletes_what_runs_unless_the_rollout_is_gradual() {
    for (rollout, kept) in [("immediate", 0), ("gradual", 3)] {
        let toml = r#"
[[trigger_source]]
scaled_job = "batch"
series = [["0s", 3], ["1m", 0]]
[[service]]
workload = "ScaledJob/batch"
run_time = "30m"
"#;
        let manifest = BATCH.replace(", command: [sleep, '45']", "");
        let manifest = manifest.replace(
            "spec:\n  polling",
            &format!("spec:\n  rollout: {{strategy: {rollout}}}\n  polling"),
        );
        let scenario = scenario(toml, &manifest);
        let mut cluster = Simulation::new(&scenario, 42);
        run_until(&mut cluster, 300);
        assert_eq!(cluster.store().jobs().count(), 3);
        let patch = r#"kubectl patch sj batch --type merge -p '{"spec": {"maxReplicaCount": 9}}'"#;
        let printed = cluster.kubectl(patch).expect("a command");
        assert_eq!(printed, ["scaledjob.keda.sh/batch patched"]);
        run_until(&mut cluster, 310);
        assert_eq!(cluster.store().jobs().count(), kept, "{rollout}");
    }
}

#[test]
fn models_predict_beside_the_hpa_that_keda_makes() {
    let toml = r#"
[[trigger_source]]
scaled_object = "worker"
series = 20
[[predictive]]
hpa = "keda-hpa-worker"
model = "linear"
"#;
    for from in [From::Steady, From::Apply] {
        let mut scenario = scenario(toml, &queue("maxReplicaCount: 8"));
        scenario.simulation.from = from;
        let mut cluster = Simulation::new(&scenario, 42);
        run_until(&mut cluster, 1200);
        let recording = cluster.finish().expect("the end").recording;
        let [forecasts] = recording.hpas[0].forecasts.as_slice() else {
            panic!("{from:?}: {:?}", recording.hpas[0].forecasts);
        };
        assert_eq!(forecasts.model, "model.linear");
        assert!(forecasts.count > 50, "{from:?}: {}", forecasts.count);
    }
}

#[test]
fn what_fails_is_tried_at_once_when_something_changes() {
    let scenario = scenario(BURST, &queue("minReplicaCount: 1\n  maxReplicaCount: 8"));
    let annotate = |replicas: &str| {
        format!(
            "kubectl annotate so worker --overwrite autoscaling.keda.sh/paused-replicas={replicas}"
        )
    };
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 60);
    cluster.kubectl(&annotate("-5")).expect("a command");
    // The back-off has come to more than five minutes.
    run_until(&mut cluster, 400);
    assert_eq!(condition(&cluster, "Ready").0, "False");
    assert_eq!(replicas(cluster.store()), 1);
    cluster.kubectl(&annotate("3")).expect("a command");
    run_until(&mut cluster, 402);
    assert_eq!(condition(&cluster, "Ready").0, "True");
    assert_eq!(replicas(cluster.store()), 3);

    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 60);
    cluster.kubectl(&annotate("-5")).expect("a command");
    run_until(&mut cluster, 400);
    let delete = "kubectl delete so worker";
    cluster.kubectl(delete).expect("a command");
    run_until(&mut cluster, 402);
    assert!(view(&cluster, Kind::ScaledObject, "worker").is_none());
}

#[test]
fn an_hpa_that_the_api_server_refuses_makes_its_scaled_object_fail() {
    let window = "advanced: { horizontalPodAutoscalerConfig: { behavior: { scaleDown: { \
                  stabilizationWindowSeconds: 4000 } } } }";
    let spec = format!("minReplicaCount: 1\n  maxReplicaCount: 8\n  {window}");
    let (scenario, warnings) = scenario_and_warnings(BURST, &queue(&spec));
    assert!(warnings.contains("cannot make the HPA"), "{warnings}");
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 900);
    assert!(view(&cluster, Kind::HorizontalPodAutoscaler, "keda-hpa-worker").is_none());
    assert_eq!(replicas(cluster.store()), 1);
    let (ready, reason) = condition(&cluster, "Ready");
    assert_eq!((&*ready, &*reason), ("False", "ScaledObjectCheckFailed"));
}

#[test]
fn the_webhooks_warnings_are_printed_and_told() {
    let scenario = scenario(BURST, &queue("minReplicaCount: 1"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 60);
    let patch = r#"kubectl patch so worker --type merge -p '{"spec": {"pollingInterval": 10}}'"#;
    let warning = "PollingInterval is configured but is not relevant. PollingInterval is only \
                   relevant when minReplicaCount = 0 or idleReplicaCount = 0 or useCachedMetrics \
                   is enabled";
    assert_eq!(
        cluster.kubectl(patch).expect("a command"),
        [
            format!("Warning: {warning}"),
            "scaledobject.keda.sh/worker patched".to_owned()
        ]
    );
    let recording = cluster.finish().expect("the end").recording;
    assert_eq!(
        events(&recording, "KEDAScalerInfo"),
        [(60.0, warning.to_owned())]
    );
}

#[test]
fn the_webhooks_refuse_changes() {
    let toml = r#"
[[trigger_source]]
scaled_job = "batch"
series = 0
"#;
    let manifests = format!("{}---\n{BATCH}", queue("minReplicaCount: 1"));
    let scenario = scenario(&format!("{BURST}{toml}"), &manifests);
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 60);
    let cached = r#"kubectl patch sj batch --type merge -p '{"spec": {"triggers": [{"type": "cron", "useCachedMetrics": true, "metadata": {}}]}}'"#;
    assert_eq!(
        cluster.kubectl(cached).expect("a command"),
        [
            "Error from server (Forbidden): admission webhook \"vscaledjob.kb.io\" denied the \
             request: property \"useCachedMetrics\" is not supported for \"cron\" scaler"
        ]
    );
    let elsewhere = r#"kubectl patch so worker --type merge -p '{"spec": {"scaleTargetRef": {"name": "gone"}, "triggers": [{"type": "cpu", "metricType": "Utilization", "metadata": {"value": "50"}}]}}'"#;
    assert_eq!(
        cluster.kubectl(elsewhere).expect("a command"),
        [
            "Error from server (NotFound): admission webhook \"vscaledobject.kb.io\" denied the \
             request: Deployment.apps \"gone\" not found"
        ]
    );
}

#[test]
fn an_initial_cooldown_keeps_what_was_never_active() {
    let scenario = scenario(BURST, &queue("initialCooldownPeriod: 120"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 119);
    assert_eq!(replicas(cluster.store()), 1);
    run_until(&mut cluster, 152);
    assert_eq!(replicas(cluster.store()), 0);
}

#[test]
fn an_annotation_activates_and_another_holds_at_zero() {
    let scenario = scenario(BURST, &queue("maxReplicaCount: 8"));
    let mut cluster = Simulation::new(&scenario, 42);
    let annotate = |cluster: &mut Simulation<'_>, annotation: &str| {
        let command = format!("kubectl annotate so worker autoscaling.keda.sh/{annotation}");
        cluster.kubectl(&command).expect("a command");
    };
    run_until(&mut cluster, 60);
    assert_eq!(replicas(cluster.store()), 0);
    annotate(&mut cluster, "force-activation=true");
    run_until(&mut cluster, 92);
    assert_eq!(replicas(cluster.store()), 1);
    annotate(&mut cluster, "force-activation-");
    run_until(&mut cluster, 460);
    assert_eq!(replicas(cluster.store()), 0);
    annotate(&mut cluster, "paused-scale-out=true");
    run_until(&mut cluster, 700);
    assert_eq!(replicas(cluster.store()), 0);
    assert_eq!(condition(&cluster, "Paused").0, "True");
    annotate(&mut cluster, "paused-scale-out-");
    run_until(&mut cluster, 735);
    assert!(replicas(cluster.store()) > 0);
}

#[test]
fn streams_external_scalers_and_authentications_are_triggers_too() {
    const AUTHENTICATION: &str = r"---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {name: redis}
spec: {secretTargetRef: [{parameter: address, name: redis, key: address}]}
";
    for (more, trigger) in [
        (
            "",
            "- type: redis-streams
      metadata: {address: 'r:6379', stream: jobs, consumerGroup: g, pendingEntriesCount: '10'}",
        ),
        (
            "target = 10",
            "- type: external
      metadata: {scalerAddress: 'ext:9090'}",
        ),
        (
            "",
            "- type: redis
      authenticationRef: {name: redis}
      metadata: {listName: jobs, listLength: '10'}",
        ),
    ] {
        let object = triggers("maxReplicaCount: 8", trigger);
        let scenario = scenario(
            &format!("{BURST}{more}"),
            &format!("{object}{AUTHENTICATION}"),
        );
        let mut cluster = Simulation::new(&scenario, 42);
        run_until(&mut cluster, 599);
        assert_eq!(replicas(cluster.store()), 0, "{trigger}");
        run_until(&mut cluster, 700);
        assert_eq!(replicas(cluster.store()), 4, "{trigger}");
    }
}
