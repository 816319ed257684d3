//! Objects that are deleted and made again while KEDA and the HPA controller know them, and what
//! they leave behind.

use crate::keda_rig::{apply, build, queue, replicas, run_until, scenario, view};
use nlsim::api::{Kind, PodPhase};
use nlsim::world::Simulation;
use serde_json::Value;

const FIFTY: &str = "[[trigger_source]]\nscaled_object = \"worker\"\nseries = 50\n";

fn kubectl(cluster: &mut Simulation<'_>, command: &str) -> Vec<String> {
    cluster
        .kubectl(&format!("kubectl {command}"))
        .expect("a command")
}

fn hpa(cluster: &Simulation<'_>, name: &str) -> Value {
    view(cluster, Kind::HorizontalPodAutoscaler, name).expect("the HPA")
}

/// Types and reasons of an HPA's conditions.
fn conditions(hpa: &Value) -> Vec<String> {
    let all = hpa["status"]["conditions"].as_array();
    let all = all.into_iter().flatten();
    let text = |of: &Value| format!("{} {}", of["type"], of["reason"]).replace('"', "");
    all.map(text).collect()
}

#[test]
fn an_hpa_that_is_made_again_within_a_sync_period_has_a_status() {
    const HPA: &str = "
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: plain}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: worker}
  maxReplicas: 3
  metrics:
    - type: External
      external: {metric: {name: jobs}, target: {type: AverageValue, averageValue: '25'}}
";
    let metric = "[[metric]]\nname = \"jobs\"\ntype = \"external\"\nseries = 50\n";
    let scenario = scenario(metric, HPA);
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 130);
    let before = conditions(&hpa(&cluster, "plain"));
    assert_eq!(before.len(), 3, "{before:?}");
    kubectl(&mut cluster, "delete hpa plain");
    run_until(&mut cluster, 131);
    apply(&mut cluster, &scenario, "HorizontalPodAutoscaler");
    assert_eq!(conditions(&hpa(&cluster, "plain")), [""; 0]);
    run_until(&mut cluster, 160);
    let after = hpa(&cluster, "plain");
    // The same as before, but for when it last scaled: that was another object.
    assert_eq!(conditions(&after), before);
    assert_eq!(after["status"]["currentReplicas"], 2);
    assert_eq!(after["status"]["lastScaleTime"], Value::Null);
}

#[test]
fn an_hpa_that_keda_makes_again_has_a_status() {
    let scenario = scenario(FIFTY, &queue("maxReplicaCount: 8"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 130);
    kubectl(&mut cluster, "delete hpa keda-hpa-worker");
    run_until(&mut cluster, 160);
    let made = hpa(&cluster, "keda-hpa-worker");
    assert_eq!(conditions(&made).len(), 3, "{made}");
    assert_eq!(made["status"]["desiredReplicas"], 5);
}

/// A ScaledJob whose Jobs run as long as its service says.
const BATCH: &str = r"
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: {name: batch}
spec:
  pollingInterval: 10
  jobTargetRef:
    template:
      spec:
        containers: [{name: work, image: 'work:1', resources: {requests: {cpu: 100m}}}]
  triggers:
    - {type: redis, metadata: {address: 'redis:6379', listName: jobs, listLength: '1'}}
";

const TWO_JOBS: &str = "
[[trigger_source]]
scaled_job = \"batch\"
series = 2
[[service]]
workload = \"ScaledJob/batch\"
run_time = \"30m\"
";

/// Names of the Jobs that have not ended.
fn running(cluster: &Simulation<'_>) -> Vec<String> {
    let jobs = cluster.store().jobs().map(|(_, job)| job);
    let jobs = jobs.filter(|job| job.status.end().is_none());
    let mut names: Vec<_> = jobs.map(|job| job.meta.name.to_string()).collect();
    names.sort();
    names
}

#[test]
fn a_scaled_job_that_is_made_again_runs_as_long_as_its_service_says() {
    let scenario = scenario(TWO_JOBS, BATCH);
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 60);
    kubectl(&mut cluster, "delete sj batch");
    run_until(&mut cluster, 90);
    assert_eq!(running(&cluster), [""; 0]);
    apply(&mut cluster, &scenario, "ScaledJob");
    run_until(&mut cluster, 120);
    let made = running(&cluster);
    assert_eq!(made.len(), 2);
    run_until(&mut cluster, 600);
    assert_eq!(running(&cluster), made);
}

#[test]
fn orphaned_jobs_are_counted_by_the_next_scaled_job_of_their_name() {
    let scenario = scenario(TWO_JOBS, BATCH);
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 60);
    let made = running(&cluster);
    assert_eq!(made.len(), 2);
    kubectl(&mut cluster, "delete sj batch --cascade=orphan");
    run_until(&mut cluster, 90);
    assert!(
        cluster
            .store()
            .find(Kind::ScaledJob, "default", "batch")
            .is_none()
    );
    assert_eq!(running(&cluster), made);
    let job = view(&cluster, Kind::Job, &made[0]).expect("the Job");
    assert_eq!(job["metadata"]["ownerReferences"], Value::Null);
    apply(&mut cluster, &scenario, "ScaledJob");
    run_until(&mut cluster, 300);
    assert_eq!(running(&cluster), made);
    // They are nobody's when it goes again.
    kubectl(&mut cluster, "delete sj batch");
    run_until(&mut cluster, 330);
    assert_eq!(running(&cluster), made);
    kubectl(&mut cluster, &format!("delete job {}", made[0]));
    run_until(&mut cluster, 360);
    assert_eq!(running(&cluster), made[1..]);
}

#[test]
fn an_orphaned_hpa_stays_without_metrics() {
    let scenario = scenario(FIFTY, &queue("maxReplicaCount: 8"));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 130);
    assert_eq!(replicas(cluster.store()), 5);
    kubectl(&mut cluster, "delete so worker --cascade=orphan");
    run_until(&mut cluster, 200);
    assert!(
        cluster
            .store()
            .find(Kind::ScaledObject, "default", "worker")
            .is_none()
    );
    let orphan = hpa(&cluster, "keda-hpa-worker");
    assert_eq!(orphan["metadata"]["ownerReferences"], Value::Null);
    assert!(
        conditions(&orphan).contains(&"ScalingActive FailedGetExternalMetric".to_owned()),
        "{orphan}"
    );
    assert_eq!(replicas(cluster.store()), 5);
}

#[test]
fn other_ways_of_cascading_delete_what_is_owned() {
    for way in ["background", "foreground"] {
        let scenario = scenario(FIFTY, &queue("maxReplicaCount: 8"));
        let mut cluster = Simulation::new(&scenario, 42);
        run_until(&mut cluster, 60);
        kubectl(&mut cluster, &format!("delete so worker --cascade={way}"));
        run_until(&mut cluster, 61);
        assert!(view(&cluster, Kind::HorizontalPodAutoscaler, "keda-hpa-worker").is_none());
    }
}

#[test]
fn pods_are_not_orphaned() {
    let scenario = scenario(FIFTY, &queue("maxReplicaCount: 8"));
    let mut cluster = Simulation::new(&scenario, 42);
    assert_eq!(
        kubectl(&mut cluster, "delete deploy worker --cascade=orphan"),
        [
            "error: --cascade=orphan is not simulated for a Deployment: nobody would adopt what \
             it leaves behind"
        ]
    );
    assert!(
        cluster
            .store()
            .find(Kind::Deployment, "default", "worker")
            .is_some()
    );
}

#[test]
fn a_deployment_that_is_made_again_starts_as_its_service_says() {
    let (scenario, _) = build(
        r#"container_start = "60s""#,
        FIFTY,
        &queue("minReplicaCount: 1"),
    );
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 60);
    kubectl(&mut cluster, "delete deployment worker");
    run_until(&mut cluster, 120);
    apply(&mut cluster, &scenario, "Deployment");
    let started = |cluster: &Simulation<'_>| {
        let pods = cluster.store().pods().map(|(_, pod)| pod);
        pods.filter(|pod| pod.phase == PodPhase::Running).count()
    };
    run_until(&mut cluster, 170);
    assert_eq!(started(&cluster), 0);
    run_until(&mut cluster, 190);
    assert_ne!(started(&cluster), 0);
}

#[test]
fn a_job_whose_cron_job_is_gone_goes_on() {
    const CLOCK: &str = "
apiVersion: batch/v1
kind: CronJob
metadata: {name: clock}
spec:
  schedule: '*/5 * * * *'
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - {name: c, image: 'c:1', command: [sleep, '600'], resources: {requests: {cpu: 10m}}}
";
    let scenario = scenario("", CLOCK);
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 320);
    let made = running(&cluster);
    assert_eq!(made.len(), 1);
    kubectl(&mut cluster, "delete cronjob clock --cascade=orphan");
    run_until(&mut cluster, 800);
    assert_eq!(running(&cluster), made);
    // It ends, and can be deleted.
    run_until(&mut cluster, 1000);
    assert_eq!(running(&cluster), [""; 0]);
    kubectl(&mut cluster, &format!("delete job {}", made[0]));
    run_until(&mut cluster, 1010);
    assert_eq!(cluster.store().jobs().count(), 0);
}
