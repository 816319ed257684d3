//! The shipped scenario and small manifests, value by value: what the files say, and what the
//! API server fills in.

use std::path::PathBuf;
use std::sync::Arc;

use crate::files::{Folder, Memory};
use nlsim::api::{Operator, Requirement};
use nlsim::autoscaler::hpa::{
    Behavior, HpaSpec, MetricSpec, Policy, PolicyType, Resource, ResourceTarget, ScalingRules,
    SelectPolicy, ValueTarget,
};
use nlsim::cluster::spec::{IntOrPercent, ProbeAction, ProbeSpec, StartupSpec, WorkloadKind};
use nlsim::controller::job::JobSpec;
use nlsim::controller::statefulset::StatefulSetSpec;
use nlsim::load::spec::{Generator, Url};
use nlsim::scenario::{Built, Loaded, Scenario};
use nlsim::sim::{Dist, SimDuration, SimTime};
use nlsim::units::{Bytes, Millicores, Usd};

fn loaded() -> Loaded {
    Loaded::load("neurolake-api.toml", &Folder(PathBuf::from("scenarios")))
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn built(loaded: &Loaded, set: &[(&str, &str)]) -> Scenario {
    let set: Vec<(String, String)> = set
        .iter()
        .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()))
        .collect();
    let built = loaded.build(&set);
    built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario
}

/// Builds a scenario of one manifest.
fn of(manifest: &str) -> Built {
    let mut files = Memory::default();
    let scenario = "name = \"s\"\nmanifests = [\"m.yaml\"]\nsimulation.duration = \"1h\"\n";
    files.put("s.toml", scenario);
    files.put("m.yaml", manifest);
    Loaded::load("s.toml", &files)
        .and_then(|loaded| loaded.build(&[]))
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn secs(seconds: i64) -> SimDuration {
    SimDuration::from_secs(seconds)
}

#[test]
fn the_neurolake_scenario_has_the_values_of_its_toml() {
    let scenario = built(&loaded(), &[]);
    assert_eq!(scenario.name, "neurolake-api");
    let simulation = scenario.simulation;
    assert_eq!(simulation.duration, secs(100 * 60));
    assert_eq!((simulation.seed, simulation.warm_up), (42, secs(120)));
    assert_eq!(simulation.step, secs(15));
    let [group] = scenario.node_groups.as_slice() else {
        panic!("one group")
    };
    assert_eq!((group.name.as_str(), group.count), ("general", 3));
    assert_eq!(
        (group.cpu, group.memory),
        (Millicores(4000), Bytes(16 << 30))
    );
    // 80 m of CPU, 255 + 11 × 110 MiB and the eviction threshold of 100 MiB are reserved.
    assert_eq!(group.allocatable_cpu, Millicores(3920));
    assert_eq!(
        group.allocatable_memory,
        Bytes((16 << 30) - ((255 + 1210 + 100) << 20))
    );
    assert_eq!((group.max_pods, group.spot), (110, false));
    assert_eq!(group.price_per_hour, Usd(0.192));
    assert_eq!(group.instance_type.as_deref(), Some("m5.xlarge"));
    let slo = scenario.slos[0];
    assert_eq!((slo.percentile, slo.error_rate), (95.0, 0.01));
    assert_eq!(slo.latency, Some(SimDuration::from_millis(500)));
    let hpa = scenario.controllers.hpa;
    assert_eq!((hpa.sync_period, hpa.tolerance), (secs(15), 0.1));
    assert_eq!(hpa.downscale_stabilization, secs(300));
    assert!(!hpa.scale_to_zero && hpa.configurable_tolerance);
    let sweep = scenario
        .sweep
        .as_ref()
        .map(|sweep| (sweep.replicates, sweep.parameters.len()));
    assert_eq!((sweep, scenario.asserts.len()), (Some((3, 2)), 2));
    assert!(scenario.pdbs.is_empty());
}

#[test]
fn the_neurolake_deployment_has_the_values_of_its_manifest() {
    let scenario = built(&loaded(), &[]);
    let [api, job] = scenario.workloads.as_slice() else {
        panic!("a Deployment and a Job")
    };
    assert_eq!(api.kind, WorkloadKind::Deployment);
    assert_eq!(
        (api.name.as_str(), api.namespace.as_str()),
        ("neurolake-api", "neurolake")
    );
    assert_eq!(
        (api.replicas, api.created_at, api.deleted_at),
        (3, SimTime::ZERO, None)
    );
    assert_eq!(api.selector.labels.len(), 2);
    assert_eq!(api.selector.labels, api.template.labels);
    assert_eq!(api.template.termination_grace, secs(30));
    let [container] = api.template.containers.as_slice() else {
        panic!("one container")
    };
    assert_eq!(
        (container.name.as_str(), container.image.as_str()),
        ("api", "neurolake/api:1.0")
    );
    assert_eq!(container.cpu_request, Some(Millicores(500)));
    assert_eq!(container.cpu_limit, Some(Millicores(1000)));
    assert_eq!(container.memory_request, Some(Bytes(512 << 20)));
    assert_eq!(container.memory_limit, Some(Bytes(1 << 30)));
    let probe = ProbeSpec {
        period: secs(5),
        action: ProbeAction::HttpGet {
            scheme: "HTTP".to_owned(),
            host: None,
            port: 8000,
            path: "/health".to_owned(),
        },
        ..ProbeSpec::default()
    };
    assert_eq!(container.readiness_probe, Some(probe));
    let StartupSpec {
        image_pull, ready, ..
    } = &api.startup;
    assert_eq!(image_pull, &Dist::Constant(8.0));
    assert_eq!(Ok(ready), Dist::lognormal(6.0, 0.3).as_ref());
    let kind = WorkloadKind::Job(Arc::new(JobSpec {
        parallelism: 10,
        completions: Some(10),
        ..JobSpec::default()
    }));
    assert_eq!((&job.kind, job.name.as_str()), (&kind, "load-generator"));
    assert_eq!(job.created_at, SimTime::from_secs(45 * 60));
    assert_eq!(job.deleted_at, Some(SimTime::from_secs(65 * 60)));
}

#[test]
fn the_neurolake_service_has_the_values_of_its_table_and_the_names_of_its_service() {
    let scenario = built(&loaded(), &[]);
    let [service] = scenario.services.as_slice() else {
        panic!("one service")
    };
    assert_eq!(
        (service.name.as_str(), service.workload, service.container),
        ("neurolake-api", 0, 0)
    );
    assert_eq!(
        service.hosts,
        [
            "neurolake-api",
            "neurolake-api-service",
            "neurolake-api-service.neurolake",
            "neurolake-api-service.neurolake.svc",
            "neurolake-api-service.neurolake.svc.cluster.local",
        ]
    );
    assert_eq!(
        Ok(&service.request.cpu),
        Dist::lognormal(0.020, 0.5).as_ref()
    );
    assert_eq!(service.request.wait, Dist::Constant(0.005));
    assert_eq!(service.request.timeout, Some(secs(30)));
    assert_eq!(service.request.memory, Dist::Constant(512.0 * 1024.0));
    assert_eq!((service.slots, service.backlog), (Some(64), Some(1000)));
    assert_eq!(service.memory.base, Bytes(300 << 20));
    assert_eq!(service.background_cpu, Millicores(20));
}

#[test]
fn the_neurolake_loads_are_the_three_tests_of_its_engineers() {
    let scenario = built(&loaded(), &[]);
    let [ab, hey, job] = scenario.loads.as_slice() else {
        panic!("three loads")
    };
    let url = |path: &str| Url {
        scheme: "http".to_owned(),
        host: "neurolake-api-service".to_owned(),
        port: 8000,
        path: path.to_owned(),
    };
    let Generator::Ab(spec) = &ab.generator else {
        panic!("ab")
    };
    assert_eq!(
        (ab.name.as_str(), ab.service, ab.at),
        ("ab", 0, SimTime::from_secs(300))
    );
    assert_eq!(
        (spec.requests, spec.concurrency, &spec.url),
        (10_000, 100, &url("/api/health"))
    );
    let Generator::Hey(spec) = &hey.generator else {
        panic!("hey")
    };
    assert_eq!(
        (hey.name.as_str(), hey.at),
        ("hey", SimTime::from_secs(1200))
    );
    assert_eq!(spec.duration, Some(secs(300)));
    assert_eq!((spec.rate_per_worker, spec.concurrency), (Some(100.0), 50));
    let Generator::WgetJob(spec) = &job.generator else {
        panic!("a Job")
    };
    assert_eq!((job.name.as_str(), spec.workload), ("load-generator", 1));
    assert_eq!(
        (job.at, job.until),
        (SimTime::from_secs(2700), Some(SimTime::from_secs(3900)))
    );
    assert_eq!(
        (spec.script.parts[0].rest, &spec.url),
        (SimDuration::from_millis(10), &url("/health"))
    );
}

fn policy(kind: PolicyType, value: i32, period: i64) -> Policy {
    Policy {
        kind,
        value,
        period: secs(period),
    }
}

fn utilization(resource: Resource, percent: i32) -> MetricSpec {
    MetricSpec::Resource {
        resource,
        target: ResourceTarget::Utilization(percent),
    }
}

#[test]
fn the_neurolake_hpa_has_the_values_of_its_manifest() {
    let scenario = built(&loaded(), &[]);
    let [hpa] = scenario.hpas.as_slice() else {
        panic!("one HPA")
    };
    assert_eq!(
        (hpa.name.as_str(), hpa.namespace.as_str()),
        ("neurolake-api-hpa", "neurolake")
    );
    assert_eq!(hpa.workload, Some(0));
    assert_eq!(hpa.target.to_string(), "Deployment/neurolake-api");
    let expected = HpaSpec {
        min_replicas: 3,
        max_replicas: 10,
        metrics: vec![
            utilization(Resource::Cpu, 70),
            utilization(Resource::Memory, 80),
        ],
        behavior: Some(Behavior {
            scale_up: ScalingRules {
                stabilization_window: Some(secs(0)),
                select_policy: SelectPolicy::Max,
                policies: vec![
                    policy(PolicyType::Percent, 100, 30),
                    policy(PolicyType::Pods, 4, 30),
                ],
                tolerance: None,
            },
            scale_down: ScalingRules {
                stabilization_window: Some(secs(300)),
                select_policy: SelectPolicy::Max,
                policies: vec![
                    policy(PolicyType::Percent, 50, 60),
                    policy(PolicyType::Pods, 2, 60),
                ],
                tolerance: None,
            },
        }),
    };
    assert_eq!(hpa.spec, expected);
}

#[test]
fn the_neurolake_scenario_needs_no_warning() {
    let built = loaded().build(&[]).expect("a good scenario");
    assert_eq!(built.warnings.list, []);
}

const API: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api, tier: web}}
    spec:
      containers:
        - name: api
          image: example/api
          resources: {limits: {cpu: 1, memory: 1e9}}
          readinessProbe: {httpGet: {port: 80}}
";

fn hpa(version: &str, spec: &str) -> HpaSpec {
    let text = format!(
        "{API}---\napiVersion: autoscaling/{version}\nkind: HorizontalPodAutoscaler\nmetadata: {{name: api}}\nspec:\n  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: api}}\n  maxReplicas: 10\n{spec}"
    );
    let mut hpas = of(&text).scenario.hpas;
    hpas.pop().expect("one HPA").spec
}

#[test]
fn an_object_metric_of_both_values_has_the_one_that_its_type_names() {
    for (kind, target) in [
        ("Value", ValueTarget::Value(7_000)),
        ("AverageValue", ValueTarget::AverageValue(500)),
    ] {
        let spec = hpa(
            "v2",
            &format!(
                "  metrics:
    - type: Object
      object:
        describedObject: {{kind: Ingress, name: main}}
        metric: {{name: rps}}
        target: {{type: {kind}, value: 7, averageValue: 500m}}
"
            ),
        );
        let [MetricSpec::Object { target: read, .. }] = spec.metrics.as_slice() else {
            panic!("one Object metric: {spec:?}")
        };
        assert_eq!(*read, target);
    }
}

#[test]
fn a_request_missing_at_pod_level_is_filled_from_any_container() {
    let warnings = |pod_level: &str, cpu: &str| {
        let text = format!(
            "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: api}}
spec:
  selector: {{matchLabels: {{app: api}}}}
  template:
    metadata: {{labels: {{app: api}}}}
    spec:
      resources: {{requests: {{{pod_level}}}}}
      containers:
        - name: api
          image: example/api
          resources: {{requests: {{{cpu}}}}}
        - {{name: proxy, image: example/proxy}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: api}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: api}}
  maxReplicas: 10
"
        );
        let rendered = of(&text).warnings.render(false);
        rendered.matches("has no cpu request").count()
    };
    assert_eq!(warnings("", "cpu: 1"), 1);
    assert_eq!(warnings("memory: 1Gi", "cpu: 1"), 0);
    assert_eq!(warnings("memory: 1Gi", ""), 1);
}

#[test]
fn limits_of_a_pod_complete_its_requests() {
    let requests = |resources: &str| {
        let text = format!(
            "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: api}}
spec:
  selector: {{matchLabels: {{app: api}}}}
  template:
    metadata: {{labels: {{app: api}}}}
    spec:
      resources: {{{resources}}}
      initContainers:
        - {{name: before, image: a, resources: {{requests: {{cpu: 600m}}}}}}
        - {{name: proxy, image: a, restartPolicy: Always, resources: {{requests: {{cpu: 50m}}}}}}
        - {{name: after, image: a, resources: {{requests: {{cpu: 560m}}}}}}
      containers:
        - {{name: api, image: a, resources: {{requests: {{cpu: 500m}}}}}}
        - {{name: helper, image: a}}
"
        );
        let template = &of(&text).scenario.workloads[0].template;
        (template.pod_cpu_request, template.pod_memory_request)
    };
    assert_eq!(requests(""), (None, None));
    assert_eq!(
        requests("requests: {cpu: 2}"),
        (Some(Millicores(2000)), None)
    );
    assert_eq!(
        requests("limits: {memory: 1k}"),
        (Some(Millicores(610)), Some(Bytes(1000)))
    );
    assert_eq!(
        requests("requests: {memory: 500}, limits: {cpu: 4, memory: 1k}"),
        (Some(Millicores(610)), Some(Bytes(500)))
    );
}

#[test]
fn a_deployment_gets_one_replica_30_seconds_of_grace_and_its_limits_as_requests() {
    let scenario = of(API).scenario;
    let api = &scenario.workloads[0];
    assert_eq!((api.replicas, api.namespace.as_str()), (1, "default"));
    assert_eq!(
        (api.template.termination_grace, api.template.priority),
        (secs(30), 0)
    );
    let container = &api.template.containers[0];
    assert_eq!(container.cpu_request, Some(Millicores(1000)));
    assert_eq!(container.memory_request, Some(Bytes(1_000_000_000)));
    let probe = container.readiness_probe.as_ref().expect("a probe");
    assert_eq!(
        (probe.period, probe.initial_delay),
        (secs(10), SimDuration::ZERO)
    );
    assert_eq!((probe.success_threshold, probe.failure_threshold), (1, 3));
    let startup = API.replace("readinessProbe: {", "startupProbe: {periodSeconds: 3, ");
    let container = &of(&startup).scenario.workloads[0].template.containers[0];
    assert!(container.readiness_probe.is_none());
    let startup = container.startup_probe.as_ref();
    assert_eq!(startup.expect("a probe").period, secs(3));
    assert_eq!(scenario.node_groups.len(), 1, "a cluster to run in");
}

#[test]
fn an_hpa_without_metrics_has_80_percent_of_cpu_and_one_replica_at_least() {
    for (version, spec) in [("v2", ""), ("v2", "  metrics: []\n"), ("v1", "")] {
        let spec = hpa(version, spec);
        assert_eq!((spec.min_replicas, spec.max_replicas), (1, 10), "{version}");
        assert_eq!(spec.metrics, [utilization(Resource::Cpu, 80)], "{version}");
        assert_eq!(spec.behavior, None, "{version}");
    }
}

#[test]
fn the_cpu_target_of_v1_is_a_resource_metric() {
    let spec = hpa(
        "v1",
        "  minReplicas: 2\n  targetCPUUtilizationPercentage: 55\n",
    );
    assert_eq!(spec.metrics, [utilization(Resource::Cpu, 55)]);
    assert_eq!(spec.min_replicas, 2);
}

#[test]
fn an_empty_behavior_is_completed_in_both_directions() {
    let behavior = hpa("v2", "  behavior: {}\n").behavior.expect("a behavior");
    let up = ScalingRules {
        stabilization_window: Some(secs(0)),
        select_policy: SelectPolicy::Max,
        policies: vec![
            policy(PolicyType::Pods, 4, 15),
            policy(PolicyType::Percent, 100, 15),
        ],
        tolerance: None,
    };
    let down = ScalingRules {
        stabilization_window: None,
        select_policy: SelectPolicy::Max,
        policies: vec![policy(PolicyType::Percent, 100, 15)],
        tolerance: None,
    };
    assert_eq!((behavior.scale_up, behavior.scale_down), (up, down));
}

#[test]
fn a_field_of_a_behavior_replaces_its_default_as_a_whole() {
    let given = "  behavior:
    scaleUp: {policies: [{type: Pods, value: 1, periodSeconds: 60}], tolerance: 50m}
    scaleDown: {selectPolicy: Disabled}
";
    let behavior = hpa("v2", given).behavior.expect("a behavior");
    assert_eq!(
        behavior.scale_up.policies,
        [policy(PolicyType::Pods, 1, 60)]
    );
    assert_eq!(behavior.scale_up.tolerance, Some(0.05));
    assert_eq!(behavior.scale_up.stabilization_window, Some(secs(0)));
    assert_eq!(behavior.scale_down.select_policy, SelectPolicy::Disabled);
    assert_eq!(
        behavior.scale_down.policies,
        [policy(PolicyType::Percent, 100, 15)]
    );
}

#[test]
fn metrics_of_all_types_are_read_in_thousandths() {
    let given = "  metrics:
    - {type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 100Mi}}}
    - {type: ContainerResource, containerResource: {name: cpu, container: api, target: {type: AverageValue, averageValue: 0.25}}}
    - {type: Pods, pods: {metric: {name: rps}, target: {type: AverageValue, averageValue: 1k}}}
    - {type: External, external: {metric: {name: depth, selector: {matchLabels: {queue: default}}}, target: {type: Value, value: 50}}}
";
    let metrics = hpa("v2", given).metrics;
    let memory = MetricSpec::Resource {
        resource: Resource::Memory,
        target: ResourceTarget::AverageValue((100 << 20) * 1000),
    };
    let container = MetricSpec::ContainerResource {
        resource: Resource::Cpu,
        container: "api".to_owned(),
        target: ResourceTarget::AverageValue(250),
    };
    assert_eq!(metrics[..2], [memory, container]);
    assert!(
        matches!(&metrics[2], MetricSpec::Pods { name, average_value: 1_000_000, selector: None } if name == "rps")
    );
    let MetricSpec::External {
        selector, target, ..
    } = &metrics[3]
    else {
        panic!("an External metric")
    };
    assert_eq!(*target, ValueTarget::Value(50_000));
    let labels = selector.as_ref().expect("a selector");
    assert_eq!(
        labels.labels.get("queue").map(String::as_str),
        Some("default")
    );
}

const POD: &str = "
  template:
    metadata: {labels: {app: a}}
    spec: {restartPolicy: Never, containers: [{name: a, image: b, command: [wget, \"http://api/\"]}]}
";

fn job(spec: &str) -> WorkloadKind {
    job_with(POD, spec)
}

fn job_with(pod: &str, spec: &str) -> WorkloadKind {
    let text = format!("apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j}}\nspec:{pod}{spec}");
    let toml = "name = \"s\"\nmanifests = [\"api.yaml\"]\nsimulation.duration = \"1h\"\nservice = [{ workload = \"api\" }]\nload = [{ manifest = \"job.yaml\" }]\n";
    let mut files = Memory::default();
    files.put("s.toml", toml);
    files.put("api.yaml", API);
    files.put("job.yaml", text);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    built.scenario.workloads[1].kind.clone()
}

#[test]
fn a_job_gets_one_pod_and_six_retries_unless_it_says_otherwise() {
    let spec = |parallelism, completions| JobSpec {
        parallelism,
        completions,
        ..JobSpec::default()
    };
    let of = |parallelism, completions| WorkloadKind::Job(spec(parallelism, completions).into());
    assert_eq!(job(""), of(1, Some(1)));
    let on_failure = POD.replace("Never", "OnFailure");
    let WorkloadKind::Job(made) = job_with(&on_failure, "") else {
        panic!("a Job")
    };
    assert!(made.restarts_in_place);
    assert_eq!(job("  parallelism: 4\n"), of(4, None), "a work queue");
    assert_eq!(job("  completions: 4\n"), of(1, Some(4)));
    let suspended = JobSpec {
        suspend: true,
        ..spec(4, None)
    };
    let suspended = WorkloadKind::Job(suspended.into());
    assert_eq!(job("  parallelism: 4\n  suspend: true\n"), suspended);
}

#[test]
fn stateful_sets_replica_sets_budgets_and_priorities_are_read() {
    let pods = |class: &str| {
        format!(
            "  selector: {{matchExpressions: [{{key: app, operator: In, values: [a]}}]}}\n  template:\n    metadata: {{labels: {{app: a}}}}\n    spec: {{{class}containers: [{{name: a, image: b}}]}}\n"
        )
    };
    let set = format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: db}}\nspec:\n{}  podManagementPolicy: Parallel\n",
        pods("priorityClassName: high, ")
    );
    let replicas = format!(
        "---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {{name: rs}}\nspec:\n  replicas: 0\n{}",
        pods("")
    );
    let classes = "---\napiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\nvalue: 1000\n---\napiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: usual}\nvalue: 10\nglobalDefault: true\n";
    let budget = "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {maxUnavailable: 25%, selector: {matchLabels: {app: a}}}\n";
    let scenario = of(&format!("{set}{replicas}{classes}{budget}")).scenario;
    let [rs, db] = scenario.workloads.as_slice() else {
        panic!("two workloads")
    };
    assert_eq!(
        db.kind,
        WorkloadKind::StatefulSet(StatefulSetSpec {
            is_parallel: true,
            ..StatefulSetSpec::default()
        })
    );
    assert_eq!((db.replicas, db.template.priority), (1, 1000));
    let is_a = Requirement {
        key: "app".to_owned(),
        operator: Operator::In,
        values: vec!["a".to_owned()],
    };
    assert_eq!(db.selector.expressions, [is_a]);
    assert!(db.selector.labels.is_empty());
    assert_eq!(
        (&rs.kind, rs.replicas, rs.template.priority),
        (&WorkloadKind::ReplicaSet, 0, 10)
    );
    let [budget] = scenario.pdbs.as_slice() else {
        panic!("one budget")
    };
    assert_eq!(
        (budget.min_available, budget.max_unavailable),
        (None, Some(IntOrPercent::Percent(25)))
    );
}

#[test]
fn budgets_select_by_expressions_and_nothing_without_a_selector() {
    let selects = |selector: &str, app: &str| {
        let budget = format!(
            "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: b}}\nspec: {{maxUnavailable: 1{selector}}}\n"
        );
        let scenario = of(&format!("{API}{budget}")).scenario;
        let labels = [("app".to_owned(), app.to_owned())].into_iter().collect();
        scenario.pdbs[0].selector.matches(&labels)
    };
    let several = ", selector: {matchExpressions: [{key: app, operator: In, values: [web, api]}]}";
    assert!(selects(several, "api") && selects(several, "web") && !selects(several, "db"));
    let labelled = ", selector: {matchExpressions: [{key: app, operator: Exists}]}";
    assert!(selects(labelled, "db"));
    assert!(selects(", selector: {}", "db"));
    assert!(!selects("", "api"));
}

#[test]
fn what_a_request_costs_its_tool_may_be_said() {
    let load = |load: &str| {
        let toml = format!(
            "name = \"s\"\nmanifests = [\"api.yaml\"]\nsimulation.duration = \"1h\"\nservice = [{{ workload = \"api\" }}]\nload = [{{ {load} }}]\n"
        );
        let mut files = Memory::default();
        files.put("s.toml", toml);
        files.put("api.yaml", API);
        files.put(
            "job.yaml",
            format!("apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j}}\nspec:{POD}"),
        );
        let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
        let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        built.scenario.loads[0].generator.clone()
    };
    let cost = |generator: &Generator| match generator {
        Generator::Ab(ab) => ab.client_overhead.clone(),
        Generator::Hey(hey) => hey.client_overhead.clone(),
        Generator::WgetJob(job) => job.process_cost.clone(),
        Generator::Profile(_) => panic!("no tool"),
    };
    let two_ms = Dist::Constant(0.002);
    for tool in [
        "command = \"ab -n 10 http://api/\"",
        "command = \"hey -n 100 http://api/\"",
        "manifest = \"job.yaml\"",
    ] {
        let set = load(&format!("{tool}, overhead = \"2ms\""));
        assert_eq!(cost(&set), two_ms, "{tool}");
        assert_ne!(cost(&load(tool)), two_ms, "{tool}");
    }
    let varied =
        load("manifest = \"job.yaml\", overhead = { dist = \"exponential\", mean = \"3ms\" }");
    assert_eq!(cost(&varied), Dist::exponential(0.003).expect("a mean"));
}

#[test]
fn a_job_may_be_among_the_manifests_and_a_load_and_a_load_twice() {
    let mut files = Memory::default();
    files.put("api.yaml", API);
    files.put(
        "job.yaml",
        format!("apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j}}\nspec:{POD}"),
    );
    files.put("s.toml", "name = \"s\"\nmanifests = [\"*.yaml\"]\nsimulation.duration = \"1h\"\nservice = [{ workload = \"api\" }]\nload = [{ manifest = \"job.yaml\", at = \"1m\", until = \"2m\" }, { manifest = \"job.yaml\", at = \"5m\" }]\n");
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let scenario = built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario;
    let loads: Vec<(&str, SimTime)> = scenario
        .loads
        .iter()
        .map(|load| (load.name.as_str(), load.at))
        .collect();
    assert_eq!(
        loads,
        [
            ("j", SimTime::from_secs(60)),
            ("j-2", SimTime::from_secs(300))
        ]
    );
    let created: Vec<SimTime> = scenario.workloads[1..]
        .iter()
        .map(|job| job.created_at)
        .collect();
    assert_eq!(created, [SimTime::from_secs(60), SimTime::from_secs(300)]);
}

#[test]
fn paths_reach_every_number_of_the_scenario_and_the_manifests() {
    let loaded = loaded();
    let set = |path: &str, value: &str| built(&loaded, &[(path, value)]);
    let hpa = "HorizontalPodAutoscaler/neurolake-api-hpa";
    let target = format!("{hpa}:spec.metrics[cpu].resource.target.averageUtilization");
    assert_eq!(
        set(&target, "55").hpas[0].spec.metrics[0],
        utilization(Resource::Cpu, 55)
    );
    let long = target.replace('/', "/neurolake/");
    assert_eq!(
        set(&long, "56").hpas[0].spec.metrics[0],
        utilization(Resource::Cpu, 56)
    );
    let memory = format!("{hpa}:spec.metrics[1].resource.target.averageUtilization");
    assert_eq!(
        set(&memory, "66").hpas[0].spec.metrics[1],
        utilization(Resource::Memory, 66)
    );
    assert_eq!(
        set("simulation.duration", "30m").simulation.duration,
        secs(1800)
    );
    let period = set("controllers.hpa.sync-period", "\"30s\"")
        .controllers
        .hpa
        .sync_period;
    assert_eq!(period, secs(30));
    assert_eq!(
        set("service[neurolake-api].slots", "5").services[0].slots,
        Some(5)
    );
    assert_eq!(set("load[0].at", "7m").loads[0].at, SimTime::from_secs(420));
    assert_eq!(
        set("node_group[general].count", "7").node_groups[0].count,
        7
    );
    let mean = set("service[neurolake-api].request.cpu.mean", "10ms");
    assert_eq!(
        Ok(&mean.services[0].request.cpu),
        Dist::lognormal(0.010, 0.5).as_ref()
    );
    let table = set(
        "service[0].request.wait",
        "{ dist = \"exponential\", mean = \"7ms\" }",
    );
    assert_eq!(
        Ok(&table.services[0].request.wait),
        Dist::exponential(0.007).as_ref()
    );
    assert_eq!(set("kubernetes", "1.33").controllers.hpa.version.0, 33);
    let image = set(
        "Deployment/neurolake-api:spec.template.spec.containers[api].resources.requests.cpu",
        "1",
    );
    assert_eq!(
        image.workloads[0].template.containers[0].cpu_request,
        Some(Millicores(1000))
    );
    let label = "Deployment/neurolake-api:spec.template.metadata.labels[example.com/team]";
    let labels = set(label, "blue").workloads[0].template.labels.clone();
    assert_eq!(
        labels.get("example.com/team").map(String::as_str),
        Some("blue")
    );
}

#[test]
fn several_values_are_set_at_once_and_nothing_else_changes() {
    let loaded = loaded();
    let mut expected = built(&loaded, &[]);
    expected.simulation.seed = 7;
    expected.hpas[0].spec.max_replicas = 20;
    let hpa = expected
        .documents
        .iter_mut()
        .find(|document| document.kind == "HorizontalPodAutoscaler")
        .expect("the scenario has an HPA");
    std::sync::Arc::make_mut(&mut hpa.value)["spec"]["maxReplicas"] = 20.into();
    let set = [
        ("simulation.seed", "7"),
        (
            "HorizontalPodAutoscaler/neurolake-api-hpa:spec.maxReplicas",
            "20",
        ),
    ];
    assert_eq!(built(&loaded, &set), expected);
    assert_eq!(
        built(&loaded, &[]).simulation.seed,
        42,
        "the files are as they were"
    );
}

#[test]
fn a_scenarios_own_instance_types_count_before_those_built_in() {
    let mut files = Memory::default();
    let own = |name: &str| {
        format!(
            "[[instance_type]]\nname = \"{name}\"\ncpu = \"1500m\"\nmemory = \"3Gi\"\nprice = 0.5\n"
        )
    };
    let group = |kind: &str, spot: bool| {
        format!("[[node_group]]\ninstance_type = \"{kind}\"\nspot = {spot}\n")
    };
    let scenario = [
        "name = \"s\"\nmanifests = [\"m.yaml\"]\nsimulation.duration = \"1h\"\n".to_owned(),
        own("mine"),
        own("m5.large") + "spot_price = 0.2\n",
        group("mine", true),
        group("m5.large", true),
        group("m6i.large", false),
    ];
    files.put("s.toml", scenario.concat());
    files.put(
        "m.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
    );
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let groups = built.scenario.node_groups;
    let prices: Vec<Usd> = groups.iter().map(|group| group.price_per_hour).collect();
    assert_eq!(prices, [Usd(0.5), Usd(0.2), Usd(0.096)]);
    assert_eq!(
        (groups[0].cpu, groups[0].memory),
        (Millicores(1500), Bytes(3 << 30))
    );
    assert_eq!(groups[1].cpu, Millicores(1500));
}
