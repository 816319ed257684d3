//! What exporters show: kube-state-metrics, cAdvisor, and those of queues.

use crate::files::Memory;
use nlsim::prometheus::promql::Value;
use nlsim::record::Detail;
use nlsim::scenario::{Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

/// The start of a run without a calendar: 2026.
const START: i64 = 1_767_225_600;

const WEB: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {team: shop, costCenter: c1}}
spec:
  replicas: 2
  selector: {matchLabels: {app.kubernetes.io/name: web}}
  template:
    metadata: {labels: {app.kubernetes.io/name: web, tier: front}}
    spec:
      containers:
        - {name: web, image: 'web:1', resources: {requests: {cpu: 250m, memory: 64Mi}, limits: {cpu: 500m}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 2
  metrics:
    - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}
    - {type: ContainerResource, containerResource: {name: memory, container: web, target: {type: AverageValue, averageValue: 128Mi}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {tier: front}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 1
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: 'db:1'}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: 'agent:1'}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: '0 3 * * *'
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a, command: [sleep, '5']}]}}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: import}
spec:
  backoffLimit: 0
  template: {spec: {restartPolicy: Never, containers: [{name: a, image: a, command: [sh, -c, 'sleep 20; exit 3']}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: huge}
spec:
  replicas: 1
  serviceName: huge
  selector: {matchLabels: {app: huge}}
  template:
    metadata: {labels: {app: huge}}
    spec: {containers: [{name: a, image: a, resources: {requests: {cpu: 100}}}]}
";

const SERVICE: &str = "[[service]]\nworkload = \"Deployment/web\"\nrequest = { cpu = \"100ms\" }\n\
                       [[load]]\nconstant = { rate = 6 }\nservice = \"web\"\narrivals = \"even\"\n";

fn scenario(manifests: &str, more: &str) -> Scenario {
    let text = format!(
        "name = \"test\"\nmanifests = [\"m.yaml\"]\nsimulation = {{ duration = \"20m\" }}\n\
         [[node_group]]\nname = \"general\"\ncount = 2\ncpu = 8\nmemory = \"16Gi\"\n{more}"
    );
    let mut files = Memory::default();
    files.put("test.toml", &text);
    files.put("m.yaml", manifests);
    let built = Loaded::load("test.toml", &files).and_then(|loaded| loaded.build(&[]));
    built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario
}

/// A Prometheus that keeps everything.
fn everything(more: &str) -> String {
    format!("[prometheus]\nscrape_interval = \"15s\"\nqueries = ['{{__name__!=\"\"}}']\n{more}")
}

/// The series of an answer without the labels of their target, and the values.
fn shown(simulation: &mut Simulation<'_>, query: &str) -> Vec<String> {
    let Ok(Value::Vector(vector)) = simulation.query(query) else {
        panic!("{query}");
    };
    let line = |one: &nlsim::prometheus::promql::Sample| {
        let labels = one
            .labels
            .drop(&["__name__", "instance", "job", "namespace", "uid"]);
        format!("{labels} {}", one.value)
    };
    let mut lines: Vec<String> = vector.iter().map(line).collect();
    lines.sort();
    lines
}

/// The one number of an answer.
fn number(simulation: &mut Simulation<'_>, query: &str) -> f64 {
    match simulation.query(query) {
        Ok(Value::Vector(vector)) if vector.len() == 1 => vector[0].value,
        other => panic!("{query}: {other:?}"),
    }
}

fn at(second: i64) -> SimTime {
    SimTime::from_secs(second)
}

/// Whether queries have these answers, each a series with its value.
fn holds(simulation: &mut Simulation<'_>, rows: &[(&str, &[&str])]) {
    for (query, wanted) in rows {
        assert_eq!(shown(simulation, query), *wanted, "{query}");
    }
}

#[test]
fn kube_state_metrics_shows_workloads_and_autoscalers() {
    let more =
        everything("metric_labels_allowlist = { deployments = [\"*\"], pods = [\"app.*\"] }\n");
    let scenario = scenario(WEB, &format!("{SERVICE}{more}"));
    let mut simulation = Simulation::with_detail(&scenario, 1, Detail::Summary);
    simulation.step_until(at(600)).expect("a run");
    let target = "kube_horizontalpodautoscaler_spec_target_metric";
    holds(
        &mut simulation,
        &[
            (
                target,
                &[
                    r#"{container="web", horizontalpodautoscaler="web", metric_name="memory", metric_target_type="average"} 134217728"#,
                    r#"{horizontalpodautoscaler="web", metric_name="cpu", metric_target_type="utilization"} 70"#,
                ],
            ),
            (
                "kube_horizontalpodautoscaler_info",
                &[
                    r#"{horizontalpodautoscaler="web", scaletargetref_api_version="apps/v1", scaletargetref_kind="Deployment", scaletargetref_name="web"} 1"#,
                ],
            ),
            (
                "kube_horizontalpodautoscaler_status_condition{condition=\"ScalingLimited\"} == 1",
                &[
                    r#"{condition="ScalingLimited", horizontalpodautoscaler="web", status="true"} 1"#,
                ],
            ),
            (
                "kube_deployment_status_condition == 1",
                &[
                    r#"{condition="Available", deployment="web", reason="MinimumReplicasAvailable", status="true"} 1"#,
                    r#"{condition="Progressing", deployment="web", reason="NewReplicaSetAvailable", status="true"} 1"#,
                ],
            ),
            (
                "kube_deployment_labels",
                &[r#"{deployment="web", label_cost_center="c1", label_team="shop"} 1"#],
            ),
            (
                "count by (label_app_kubernetes_io_name, label_tier) (kube_pod_labels{label_app_kubernetes_io_name!=\"\"})",
                &[r#"{label_app_kubernetes_io_name="web"} 2"#],
            ),
            (
                "sum(kube_replicaset_owner{owner_kind=\"Deployment\", owner_name=\"web\"})",
                &["{} 1"],
            ),
            (
                "kube_statefulset_status_replicas_ready",
                &[r#"{statefulset="db"} 1"#, r#"{statefulset="huge"} 0"#],
            ),
            (
                "kube_daemonset_status_number_ready",
                &[r#"{daemonset="agent"} 2"#],
            ),
            (
                "kube_poddisruptionbudget_status_pod_disruptions_allowed",
                &[r#"{poddisruptionbudget="web"} 1"#],
            ),
            (
                "kube_cronjob_info",
                &[
                    r#"{concurrency_policy="Allow", cronjob="nightly", schedule="0 3 * * *", timezone="local"} 1"#,
                ],
            ),
            (
                "(kube_cronjob_next_schedule_time - time()) / 3600",
                &[r#"{cronjob="nightly"} 2.8333333333333335"#],
            ),
            (
                "kube_job_status_failed == 1",
                &[r#"{job_name="import", reason="BackoffLimitExceeded"} 1"#],
            ),
            (
                "kube_job_failed{condition=\"true\"}",
                &[r#"{condition="true", job_name="import"} 1"#],
            ),
        ],
    );
    let share =
        "kube_horizontalpodautoscaler_status_target_metric{metric_target_type=\"utilization\"}";
    let percent = number(&mut simulation, share);
    // Three requests of 100 ms a second on 250m, and what idles.
    assert!((115.0..130.0).contains(&percent), "{percent}");
}

#[test]
fn kube_state_metrics_shows_pods_and_nodes() {
    let action = "[[action]]\nat = \"5m\"\nkubectl = \"kubectl cordon general-1\"\n";
    let scenario = scenario(WEB, &format!("{SERVICE}{}{action}", everything("")));
    let mut simulation = Simulation::with_detail(&scenario, 1, Detail::Summary);
    simulation.step_until(at(600)).expect("a run");
    holds(
        &mut simulation,
        &[
            (
                "count by (phase) (kube_pod_status_phase == 1)",
                &[
                    r#"{phase="Failed"} 1"#,
                    r#"{phase="Pending"} 1"#,
                    r#"{phase="Running"} 5"#,
                ],
            ),
            ("kube_pod_status_unschedulable", &[r#"{pod="huge-0"} 1"#]),
            (
                "kube_pod_status_scheduled{pod=\"huge-0\"}",
                &[
                    r#"{condition="false", pod="huge-0"} 1"#,
                    r#"{condition="true", pod="huge-0"} 0"#,
                    r#"{condition="unknown", pod="huge-0"} 0"#,
                ],
            ),
            // The kubelet has not seen it: no statuses of containers.
            ("kube_pod_container_status_ready{pod=\"huge-0\"}", &[]),
            ("kube_pod_status_ready{pod=\"huge-0\"}", &[]),
            (
                "sum by (container, reason) (kube_pod_container_status_terminated_reason)",
                &[r#"{container="a", reason="Error"} 1"#],
            ),
            (
                "sum by (owner_kind) (kube_pod_owner)",
                &[
                    r#"{owner_kind="DaemonSet"} 2"#,
                    r#"{owner_kind="Job"} 1"#,
                    r#"{owner_kind="ReplicaSet"} 2"#,
                    r#"{owner_kind="StatefulSet"} 2"#,
                ],
            ),
            (
                "sum by (resource, unit) (kube_pod_container_resource_requests{container=\"web\"})",
                &[
                    r#"{resource="cpu", unit="core"} 0.5"#,
                    r#"{resource="memory", unit="byte"} 134217728"#,
                ],
            ),
            (
                "kube_node_spec_unschedulable",
                &[r#"{node="general-1"} 1"#, r#"{node="general-2"} 0"#],
            ),
            (
                "kube_node_spec_taint",
                &[
                    r#"{effect="NoSchedule", key="node.kubernetes.io/unschedulable", node="general-1"} 1"#,
                ],
            ),
            (
                "kube_node_status_condition{status=\"true\", node=\"general-1\"} == 1",
                &[r#"{condition="Ready", node="general-1", status="true"} 1"#],
            ),
            (
                "kube_node_status_capacity{node=\"general-2\", resource=\"cpu\"}",
                &[r#"{node="general-2", resource="cpu", unit="core"} 8"#],
            ),
            // Nothing is allowed, nothing is shown.
            ("kube_pod_labels", &[]),
        ],
    );
    // Samples have the calendar's times, so ages are ages.
    let created = number(&mut simulation, "min(kube_node_created)");
    assert_eq!(created, START as f64);
    let now = number(&mut simulation, "vector(time())");
    assert_eq!(now, (START + 600) as f64);
    assert_eq!(number(&mut simulation, "hour()"), 0.0);
    assert_eq!(number(&mut simulation, "minute()"), 10.0);
    assert_eq!(number(&mut simulation, "year()"), 2026.0);
}

#[test]
fn cadvisor_shows_throttling_limits_and_the_machine() {
    let scenario = scenario(WEB, &format!("{SERVICE}{}", everything("")));
    let mut simulation = Simulation::with_detail(&scenario, 1, Detail::Summary);
    simulation.step_until(at(900)).expect("a run");
    let web = "container=\"web\"";
    let sum = |name: &str| format!("sum({name}{{{web}}})");
    assert_eq!(
        number(&mut simulation, &sum("container_spec_cpu_quota")),
        100_000.0
    );
    assert_eq!(
        number(&mut simulation, &sum("container_spec_cpu_period")),
        200_000.0
    );
    assert_eq!(
        number(&mut simulation, &sum("container_spec_cpu_shares")),
        512.0
    );
    assert_eq!(
        number(&mut simulation, &sum("container_spec_memory_limit_bytes")),
        0.0
    );
    assert_eq!(number(&mut simulation, "sum(machine_cpu_cores)"), 16.0);
    // Each request of 100 ms uses up the quota of 50 ms once or twice, and stands still until the
    // period of 100 ms is over.
    let rate = |name: &str| format!("sum(rate({name}{{{web}}}[5m]))");
    let throttled = number(
        &mut simulation,
        &rate("container_cpu_cfs_throttled_periods_total"),
    );
    let stood = number(
        &mut simulation,
        &rate("container_cpu_cfs_throttled_seconds_total"),
    );
    let periods = number(&mut simulation, &rate("container_cpu_cfs_periods_total"));
    assert!((6.0..12.0).contains(&throttled), "{throttled}");
    assert!((0.2..0.6).contains(&stood), "{stood}");
    assert!(
        throttled < periods && periods <= 20.0,
        "{throttled} of {periods}"
    );
    // The pods without a limit have no quota.
    let none = shown(
        &mut simulation,
        "container_cpu_cfs_periods_total{container=\"db\"}",
    );
    assert_eq!(none, [""; 0]);
}

#[test]
fn a_vpa_is_shown_by_the_names_of_all_configurations() {
    let vpa = format!(
        "{WEB}---\napiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {{name: web}}\n\
         spec:\n  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}\n  \
         updatePolicy: {{updateMode: 'Off'}}\n"
    );
    let scenario = scenario(&vpa, &format!("{SERVICE}{}", everything("")));
    let mut simulation = Simulation::with_detail(&scenario, 1, Detail::Summary);
    simulation.step_until(at(600)).expect("a run");
    let name = "verticalpodautoscaler_status_recommendation_containerrecommendations_target";
    let old = shown(&mut simulation, &format!("kube_{name}{{resource=\"cpu\"}}"));
    assert_eq!(old.len(), 1);
    let begin = r#"{container="web", resource="cpu", target_api_version="apps/v1", target_kind="Deployment", target_name="web", unit="core", verticalpodautoscaler="web"} 0."#;
    assert!(old[0].starts_with(begin), "{old:?}");
    assert_eq!(shown(&mut simulation, &format!("kube_{name}_cpu")), old);
    let new = format!("kube_customresource_{name}{{unit=\"core\"}}");
    assert_eq!(shown(&mut simulation, &new), old);
    let mode = "kube_verticalpodautoscaler_spec_updatepolicy_updatemode == 1";
    assert!(shown(&mut simulation, mode)[0].contains("update_mode=\"Off\""));
}

const WORKER: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker}
spec:
  replicas: 2
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker}}
    spec: {containers: [{name: w, image: w}]}
";

/// Two workers of one slot with a queue of this kind, on which more comes than they do.
fn queue(kind: &str) -> Scenario {
    let more = format!(
        "[[queue]]\nname = \"jobs\"\n{kind}\n\
         [[service]]\nworkload = \"Deployment/worker\"\nconsumes = {{ queue = \"jobs\", acknowledge = \"late\" }}\n\
         slots = 1\nrequest = {{ cpu = \"10ms\", wait = \"990ms\" }}\n\
         [[load]]\nqueue = \"jobs\"\nconstant = {{ rate = 3 }}\narrivals = \"even\"\n{}",
        everything("")
    );
    scenario(WORKER, &more)
}

#[test]
fn exporters_of_queues_have_their_own_names() {
    // (kind, a length by the exporter, how many series there are of each exporter)
    let rows: [(&str, &str, &[&str]); 4] = [
        (
            "kind = \"rabbitmq\"",
            "rabbitmq_queue_messages_ready{queue=\"jobs\", vhost=\"/\"}",
            &[
                "rabbitmq_queue_consumers",
                "celery_queue_length",
                "celery_active_worker_count",
                "rabbitmq_detailed_queue_messages_unacked",
                "celery_active_consumer_count",
            ],
        ),
        (
            "kind = \"redis\"",
            "redis_key_size{key=\"jobs\", db=\"db0\"}",
            &["celery_queue_length", "celery_active_process_count"],
        ),
        (
            "kind = \"sqs\"",
            "aws_sqs_approximate_number_of_messages_visible_average{queue_name=\"jobs\", dimension_QueueName=\"jobs\"}",
            &[
                "aws_sqs_approximate_age_of_oldest_message_maximum",
                "aws_sqs_approximate_number_of_messages_not_visible_sum",
            ],
        ),
        (
            "kind = \"kafka\"\npartitions = 4",
            "kafka_consumergroup_lag_sum{consumergroup=\"worker\", topic=\"jobs\"}",
            &[
                "kafka_topic_partitions",
                "kminion_kafka_consumer_group_topic_lag",
                "kafka_consumergroup_members",
            ],
        ),
    ];
    for (kind, query, others) in rows {
        let scenario = queue(kind);
        let mut simulation = Simulation::with_detail(&scenario, 1, Detail::Summary);
        simulation.step_until(at(600)).expect("a run");
        let is_topic = kind.contains("kafka");
        let seen = number(&mut simulation, query);
        // One message a second more than is done, less those that the workers hold.
        assert!((540.0..=600.0).contains(&seen), "{kind}: {seen}");
        for name in others {
            assert_eq!(shown(&mut simulation, name).len(), 1, "{kind}: {name}");
        }
        let consumers = match kind {
            "kind = \"rabbitmq\"" => "rabbitmq_queue_consumers",
            "kind = \"redis\"" => "celery_active_worker_count",
            _ if is_topic => "kafka_consumergroup_members",
            _ => continue,
        };
        assert_eq!(number(&mut simulation, consumers), 2.0, "{kind}");
    }
    // Each partition has its own lag, and they add up.
    let scenario = queue("kind = \"kafka\"\npartitions = 4");
    let mut simulation = Simulation::with_detail(&scenario, 1, Detail::Summary);
    simulation.step_until(at(600)).expect("a run");
    let lag = "kafka_consumergroup_lag";
    assert_eq!(shown(&mut simulation, lag).len(), 4);
    let apart = number(
        &mut simulation,
        "sum(kafka_consumergroup_lag) - sum(kafka_consumergroup_lag_sum)",
    );
    assert_eq!(apart, 0.0);
}

#[test]
fn messages_that_celery_publishes_anew_are_published() {
    let other = WORKER.replace("worker", "other");
    let more = format!(
        "[[queue]]\nname = \"jobs\"\n\
         [[service]]\nworkload = \"Deployment/worker\"\nslots = 3\nrequest = {{ cpu = \"1ms\" }}\n\
         consumes = {{ queue = \"jobs\", failure_rate = 1, max_retries = 3, retry_delay = \"10s\" }}\n\
         [[service]]\nworkload = \"Deployment/other\"\nslots = 100\nconsumes = \"jobs\"\n\
         [[load]]\nqueue = \"jobs\"\nsteps = [[\"0s\", 1], [\"10s\", 0]]\narrivals = \"even\"\n{}",
        everything("")
    );
    let scenario = scenario(&format!("{WORKER}---{other}"), &more);
    let mut simulation = Simulation::with_detail(&scenario, 1, Detail::Summary);
    simulation.step_until(at(600)).expect("a run");
    // Ten messages, each four times.
    let published =
        "{channel=\"<0.1.0>\", exchange_vhost=\"/\", queue=\"jobs\", queue_vhost=\"/\"} 40";
    holds(
        &mut simulation,
        &[
            ("rabbitmq_queue_messages_published_total", &[published]),
            (
                "rabbitmq_detailed_queue_messages_published_total",
                &[published],
            ),
            ("rabbitmq_queue_messages_published_total{vhost=\"/\"}", &[]),
            (
                "celery_active_process_count",
                &["{queue_name=\"jobs\"} 206"],
            ),
        ],
    );
}

#[test]
fn what_ends_while_prometheus_is_down_is_seen_until_the_lookback_is_over() {
    let restart =
        "[[action]]\nat = \"310s\"\nkubectl = \"kubectl rollout restart deployment/web\"\n";
    let down = "[[fault]]\nat = \"5m\"\nfor = \"2m\"\ndown = \"prometheus\"\n";
    let pods = |second: i64, fault: &str| {
        let more = format!("{SERVICE}{}{restart}{fault}", everything(""));
        let scenario = scenario(WEB, &more);
        let mut simulation = Simulation::with_detail(&scenario, 1, Detail::Summary);
        simulation.step_until(at(second)).expect("a run");
        shown(&mut simulation, "up{job=\"web\"}").len()
    };
    assert_eq!(pods(480, ""), 2);
    // Two that are there, two of which it does not know that they are gone.
    assert_eq!(pods(480, down), 4);
    assert_eq!(pods(300 + 300 + 30, down), 2);
}
