//! Defaults and times of KEDA's objects, what they may scale, and what an unpaused one forgets.

use crate::keda_rig::{
    BURST, endpoint, queue, replicas, run_until, scenario, scenario_and_warnings, triggers, view,
};
use nlsim::api::Kind;
use nlsim::sim::{SimDuration, SimTime};
use nlsim::world::Simulation;
use serde_json::Value;

fn kubectl(cluster: &mut Simulation<'_>, command: &str) {
    cluster
        .kubectl(&format!("kubectl {command}"))
        .expect("a command");
}

fn replicas_of(cluster: &Simulation<'_>, kind: Kind, name: &str) -> i32 {
    let object = cluster.store().find(kind, "default", name);
    let replicas = object.and_then(|object| cluster.store().replicas(object));
    replicas.expect("it exists")
}

#[test]
fn a_scaled_job_polls_twice_a_minute_and_keeps_a_hundred_jobs_of_each_end() {
    const BATCH: &str = "
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: {name: NAME}
spec:
  jobTargetRef:
    backoffLimit: 0
    template:
      spec:
        restartPolicy: Never
        containers: [{name: work, image: 'work:1', resources: {requests: {cpu: 10m}}}]
  triggers:
    - {type: redis, metadata: {address: 'redis:6379', listName: NAME, listLength: '1'}}
---
";
    let toml = |name: &str, code: u32| {
        format!(
            "[[trigger_source]]\nscaled_job = \"{name}\"\nseries = 10\n\
             [[service]]\nworkload = \"ScaledJob/{name}\"\nrun_time = \"5s\"\n\
             exit_codes = [{code}]\n\
             startup = {{ image_pull = \"1s\", container_start = \"1s\" }}\n"
        )
    };
    let toml = format!("{}{}", toml("good", 0), toml("bad", 3));
    let [good, bad] = ["good", "bad"].map(|name| BATCH.replace("NAME", name));
    let scenario = scenario(&toml, &format!("{good}{bad}"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 600);
    for (name, failed) in [("good", false), ("bad", true)] {
        let events = cluster.recording().events.iter();
        let object = format!("ScaledJob/{name}");
        let created = events.filter(|one| one.object == object && one.reason == "KEDAJobsCreated");
        let times: Vec<SimTime> = created.map(|one| one.time).collect();
        assert_eq!(times.len(), 20, "{name}: {times:?}");
        // The timer of the next poll starts before a poll, so that none is late.
        let mut apart = times.windows(2).map(|pair| pair[1] - pair[0]);
        let is_half_a_minute = |apart| apart == SimDuration::from_secs(30);
        assert!(apart.all(is_half_a_minute), "{times:?}");
        let jobs = cluster.store().jobs().map(|(_, job)| job);
        let own = jobs.filter(|job| job.meta.name.starts_with(name));
        let ended = own.filter(|job| job.status.end().is_some_and(|end| end.failed == failed));
        // Ten may have ended since the last poll.
        let kept = ended.count();
        assert!((100..=110).contains(&kept), "{name}: {kept}");
    }
}

#[test]
fn polls_are_an_interval_apart() {
    let toml = "[[trigger_source]]\nscaled_object = \"worker\"\nseries = 5\n";
    let scenario = scenario(toml, &queue("maxReplicaCount: 8"));
    let mut cluster = Simulation::new(&scenario, 42);
    let mut seen = Vec::new();
    for minute in 1..=20 {
        run_until(&mut cluster, 60 * minute);
        let object = view(&cluster, Kind::ScaledObject, "worker").expect("the ScaledObject");
        let active = object["status"]["lastActiveTime"].as_str();
        let active = active.expect("it is active").to_owned();
        seen.push(active[active.len() - 3..].to_owned());
    }
    // Two polls a minute: always at the same second.
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[test]
fn what_one_poll_has_seen_keeps_a_pod_for_a_cooldown() {
    let toml = "[[trigger_source]]\nscaled_object = \"worker\"\n\
                series = [[\"0s\", 0], [\"10m\", 5], [\"10m30s\", 0]]\n";
    let scenario = scenario(toml, &queue("cooldownPeriod: 120"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 599);
    assert_eq!(replicas(cluster.store()), 0);
    run_until(&mut cluster, 630);
    assert_eq!(replicas(cluster.store()), 1);
    // The poll was at 600 s at the earliest, and at 630 s at the latest.
    run_until(&mut cluster, 719);
    assert_eq!(replicas(cluster.store()), 1);
    run_until(&mut cluster, 781);
    assert_eq!(replicas(cluster.store()), 0);
}

#[test]
fn replica_sets_and_stateful_sets_are_scaled_too() {
    for kind in [Kind::ReplicaSet, Kind::StatefulSet] {
        let workload = format!(
            "
apiVersion: apps/v1
kind: {kind}
metadata: {{name: set}}
spec:
  replicas: 1
  serviceName: set
  selector: {{matchLabels: {{app: set}}}}
  template:
    metadata: {{labels: {{app: set}}}}
    spec:
      containers: [{{name: set, image: 'set:1', resources: {{requests: {{cpu: 100m}}}}}}]
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: set}}
spec:
  scaleTargetRef: {{name: set, kind: {kind}}}
  triggers:
    - {{type: redis, metadata: {{address: 'redis:6379', listName: jobs, listLength: '10'}}}}
"
        );
        let workload = if kind == Kind::ReplicaSet {
            workload.replace("  serviceName: set\n", "")
        } else {
            workload
        };
        let toml = BURST.replace("worker", "set");
        let scenario = scenario(&toml, &workload);
        let mut cluster = Simulation::new(&scenario, 42);
        run_until(&mut cluster, 599);
        assert_eq!(replicas_of(&cluster, kind, "set"), 0, "{kind}");
        run_until(&mut cluster, 800);
        assert_eq!(replicas_of(&cluster, kind, "set"), 4, "{kind}");
    }
}

#[test]
fn the_hpas_bounds_hold_for_a_fallback() {
    for (wanted, reached) in [(20, 6), (1, 3), (5, 5)] {
        let spec = format!(
            "minReplicaCount: 3\n  maxReplicaCount: 6\n  \
             fallback: {{failureThreshold: 1, replicas: {wanted}}}"
        );
        let toml = "[[trigger_source]]\nscaled_object = \"worker\"\nseries = 40\n\
                    [[fault]]\nat = \"10m\"\ntrigger = \"ScaledObject/worker\"\n";
        let scenario = scenario(toml, &endpoint(&spec));
        let mut cluster = Simulation::new(&scenario, 42);
        run_until(&mut cluster, 599);
        assert_eq!(replicas(cluster.store()), 4);
        run_until(&mut cluster, 1200);
        assert_eq!(replicas(cluster.store()), reached, "{wanted}");
    }
}

#[test]
fn an_unpaused_object_has_a_new_hpa_without_a_past() {
    let toml = "[[trigger_source]]\nscaled_object = \"worker\"\n\
                series = [[\"0s\", 40], [\"10m\", 10]]\n";
    let scenario = scenario(toml, &queue("maxReplicaCount: 8"));
    let pause = "annotate so worker autoscaling.keda.sh/paused";
    for (pauses, at_most, down_by) in [(false, 880, 930), (true, 960, 1000)] {
        let mut cluster = Simulation::new(&scenario, 42);
        run_until(&mut cluster, 605);
        if pauses {
            kubectl(&mut cluster, &format!("{pause}=true"));
            run_until(&mut cluster, 660);
            kubectl(&mut cluster, &format!("{pause}-"));
        }
        // What was wanted before 10 min holds the number for five minutes; an HPA without a past
        // begins with what there is.
        run_until(&mut cluster, at_most);
        assert_eq!(replicas(cluster.store()), 4, "{pauses}");
        run_until(&mut cluster, down_by);
        assert_eq!(replicas(cluster.store()), 1, "{pauses}");
    }
}

#[test]
fn what_others_scale_during_a_pause_stays() {
    let scenario = scenario(BURST, &queue("maxReplicaCount: 8"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 60);
    kubectl(
        &mut cluster,
        "annotate so worker autoscaling.keda.sh/paused-replicas=3",
    );
    run_until(&mut cluster, 120);
    assert_eq!(replicas(cluster.store()), 3);
    kubectl(&mut cluster, "scale deployment worker --replicas=5");
    run_until(&mut cluster, 900);
    assert_eq!(replicas(cluster.store()), 5);
    let object = view(&cluster, Kind::ScaledObject, "worker").expect("the ScaledObject");
    assert_eq!(object["status"]["pausedReplicaCount"], 3);
}

#[test]
fn triggers_read_the_environment_of_the_container_that_is_named() {
    let manifests = |container: &str| {
        format!(
            "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: two}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: two}}}}
  template:
    metadata: {{labels: {{app: two}}}}
    spec:
      containers:
        - {{name: main, image: 'a:1', resources: {{requests: {{cpu: 100m}}}}}}
        - {{name: side, image: 'b:1', env: [{{name: REDIS, value: 'redis:6379'}}], resources: {{requests: {{cpu: 10m}}}}}}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: two}}
spec:
  scaleTargetRef: {{name: two{container}}}
  triggers:
    - {{type: redis, metadata: {{addressFromEnv: REDIS, listName: jobs, listLength: '10'}}}}
"
        )
    };
    let toml = BURST.replace("worker", "two");
    let named = scenario(&toml, &manifests(", envSourceContainerName: side"));
    let mut cluster = Simulation::new(&named, 42);
    run_until(&mut cluster, 800);
    assert_eq!(replicas_of(&cluster, Kind::Deployment, "two"), 4);
    // Without a name it is the first container.
    let (first, warnings) = scenario_and_warnings(&toml, &manifests(""));
    assert!(warnings.contains("cannot build this trigger"), "{warnings}");
    let mut cluster = Simulation::new(&first, 42);
    run_until(&mut cluster, 800);
    assert_eq!(replicas_of(&cluster, Kind::Deployment, "two"), 1);
}

#[test]
fn an_authentication_of_the_cluster_is_in_no_namespace() {
    let object = triggers(
        "maxReplicaCount: 8",
        "- type: redis
      authenticationRef: {name: redis, kind: ClusterTriggerAuthentication}
      metadata: {listName: jobs, listLength: '10'}",
    );
    let authentication = |kind: &str| {
        format!(
            "{object}---
apiVersion: keda.sh/v1alpha1
kind: {kind}
metadata: {{name: redis}}
spec: {{secretTargetRef: [{{parameter: address, name: redis, key: address}}]}}
"
        )
    };
    let there = scenario(BURST, &authentication("ClusterTriggerAuthentication"));
    let mut cluster = Simulation::new(&there, 42);
    run_until(&mut cluster, 700);
    assert_eq!(replicas(cluster.store()), 4);
    let object = view(&cluster, Kind::ScaledObject, "worker").expect("the ScaledObject");
    assert_ne!(object["status"]["authenticationsTypes"], Value::Null);
    let (_, warnings) = scenario_and_warnings(BURST, &authentication("TriggerAuthentication"));
    let missing = "no ClusterTriggerAuthentication redis among the manifests";
    assert!(warnings.contains(missing), "{warnings}");
}
