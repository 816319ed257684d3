//! A scenario that is guessed from manifests: what it says, that it runs as it is, and what
//! holds of every guess.

use std::fs;

use crate::files::Memory;
use nlsim::api::Kind;
use nlsim::load::spec::Generator;
use nlsim::scenario::{Built, Guess, Loaded};
use nlsim::sim::{Dist, SimDuration};
use nlsim::units::Bytes;
use proptest::prelude::*;

/// The scenario that is guessed from a manifest, and what becomes of it.
fn guessed(manifest: &str) -> (Guess, Built) {
    let mut files = Memory::default();
    files.put("m.yaml", manifest);
    let paths = ["m.yaml".to_owned()];
    let guess = Guess::of("first", &paths, &files);
    let guess = guess.unwrap_or_else(|all| panic!("{}", all.render(false)));
    files.put("scenario.toml", guess.toml(&paths));
    let built = Loaded::load("scenario.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|all| panic!("{}", all.render(false)));
    (guess, built)
}

/// What it says, and the warnings that it comes with.
fn shown(name: &str) -> String {
    let manifest = fs::read_to_string(format!("tests/guesses/{name}.yaml")).expect("a file");
    let (guess, built) = guessed(&manifest);
    let text = guess.toml(&[format!("{name}.yaml")]);
    let lines = guess.lines().join("\n");
    format!("{text}\n{lines}\n\n{}", built.warnings.render(false))
}

#[test]
fn a_shop_behind_an_ingress() {
    insta::assert_snapshot!(shown("shop"));
}

#[test]
fn a_queue_and_an_api_with_custom_metrics() {
    insta::assert_snapshot!(shown("queue"));
}

/// Triggers of KEDA get what they look at: the scenario has no warning of a trigger without a source,
/// and its workers come from nothing.
#[test]
fn queues_and_sources_for_the_triggers_of_keda() {
    let text = shown("keda");
    assert!(!text.contains("nothing answers this trigger"), "{text}");
    for wanted in [
        "[[queue]]\nname = \"celery\"\nkind = \"redis\"\n",
        "consumes = \"celery\"\nrequest = { cpu = \"150ms\", wait = \"850ms\" }",
        "name = \"orders\"\nkind = \"kafka\"\npartitions = 6",
        "[[load]]\nname = \"celery\"\nqueue = \"celery\"\n",
        "scaled_object = \"worker\"\ntrigger = 2\n",
        "scaled_job = \"report\"\ntrigger = 0\n",
        "queue    celery of redis, consumed by worker: 0 to 14 messages a second",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    // The cluster's Prometheus answers for the API.
    assert!(!text.contains("scaled_object = \"api\""), "{text}");
    let manifest = fs::read_to_string("tests/guesses/keda.yaml").expect("a file");
    let (_, built) = guessed(&manifest);
    let mut cluster = nlsim::world::Simulation::new(&built.scenario, 1);
    let most = (1..=12).map(|part| {
        let time = nlsim::sim::SimTime::from_secs(part * 600 - 1);
        cluster.step_until(time).expect("no endless loop");
        let worker = cluster.store().find(Kind::Deployment, "default", "worker");
        worker.and_then(|worker| cluster.store().replicas(worker))
    });
    let most: Vec<i32> = most
        .map(|replicas| replicas.expect("it is there"))
        .collect();
    assert!(most.iter().any(|replicas| *replicas >= 10), "{most:?}");
}

#[test]
fn manifests_without_anything_simulated_are_told() {
    let mut files = Memory::default();
    files.put(
        "m.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
    );
    let told = Guess::of("first", &["m.yaml".to_owned()], &files).expect_err("no workload");
    insta::assert_snapshot!(told.render(false), @r"
    error: the manifests hold nothing that is simulated, only ConfigMap
     |
     = help: a first scenario needs a workload, for example a Deployment
    ");
}

#[test]
fn the_last_of_equal_keys_counts_as_with_kubectl() {
    let (_, built) = guessed(
        "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web}]}
",
    );
    assert_eq!(built.scenario.workloads[0].replicas, 3);
    let told = built.warnings.render(false);
    let begin = "warning: the key `replicas` stands twice: the last one counts";
    assert!(told.contains(begin), "{told}");
}

/// What downloads a file with `wget` is no load; its Job runs, with a warning that it sends nothing.
#[test]
fn a_job_that_asks_outside_the_cluster_is_no_load() {
    let job = |host: &str| {
        format!(
            "apiVersion: batch/v1
kind: Job
metadata: {{name: fill, namespace: ui}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: fill
        image: busybox
        command: [/bin/sh, -c, 'cd /data && wget -O a.zip https://{host}/a.zip && unzip a.zip']
---
apiVersion: v1
kind: Pod
metadata: {{name: idle, namespace: ui}}
spec: {{containers: [{{name: idle, image: idle}}]}}
"
        )
    };
    let (_, built) = guessed(&job("github.com"));
    let warnings = built.warnings.render(false);
    assert!(
        warnings.contains("the Job fill sends no requests"),
        "{warnings}"
    );
    for inside in ["api", "api.ui", "api.shop.svc:80"] {
        let mut files = Memory::default();
        files.put("m.yaml", job(inside));
        let paths = ["m.yaml".to_owned()];
        let guess = Guess::of("first", &paths, &files).expect("a guess");
        files.put("scenario.toml", guess.toml(&paths));
        let built = Loaded::load("scenario.toml", &files).and_then(|loaded| loaded.build(&[]));
        let refused = built.expect_err(inside).render(false);
        assert!(
            refused.contains("the script of Job fill is not simulated"),
            "{refused}"
        );
    }
}

#[test]
fn manifests_without_a_workload_that_serves_run() {
    let (_, built) = guessed(
        "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 5
",
    );
    let told = built.warnings.render(false);
    assert!(
        told.contains("Deployment") && told.contains("web"),
        "{told}"
    );
    let (guess, built) = guessed(
        "apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: '0 3 * * *'
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: c, image: c, command: [sleep, '30'], resources: {requests: {cpu: '2'}}}]
",
    );
    assert_eq!((guess.nodes[0].pods, guess.services.len()), (1, 0));
    assert_eq!(built.scenario.workloads.len(), 1);
}

/// A Deployment with an HPA. Amounts of 0 are left out.
fn manifest(
    (cpu, cpu_limit): (u32, u32),
    (memory, memory_limit): (u32, u32),
    (min, max): (u32, u32),
    (target, memory_target): (u32, u32),
    has_service: bool,
) -> String {
    let amounts = |cpu: u32, memory: u32| {
        let cpu = (cpu > 0).then(|| format!("cpu: {cpu}m"));
        let memory = (memory > 0).then(|| format!("memory: {memory}Ki"));
        let both: Vec<String> = cpu.into_iter().chain(memory).collect();
        both.join(", ")
    };
    let metric = |resource: &str, target: u32| {
        format!(
            "    - type: Resource\n      resource: {{name: {resource}, target: {{type: Utilization, averageUtilization: {target}}}}}\n"
        )
    };
    let memory_metric = if memory > 0 && memory_target > 0 {
        metric("memory", memory_target)
    } else {
        String::new()
    };
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
        - name: web
          image: example/web:1
          resources: {{requests: {{{}}}, limits: {{{}}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: web}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}
  minReplicas: {min}
  maxReplicas: {max}
  metrics:
{}{memory_metric}{}",
        amounts(cpu, memory),
        amounts(cpu_limit, memory_limit),
        metric("cpu", target),
        if has_service { service } else { "" },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_guess_is_above_a_limit_or_beyond_the_nodes(
        cpu in 0_u32..8000,
        more_cpu in prop_oneof![Just(None), (0_u32..2000).prop_map(Some)],
        memory in 0_u32..9_000_000,
        more_memory in prop_oneof![Just(None), (0_u32..100_000).prop_map(Some)],
        min in 1_u32..20,
        more in 0_u32..300,
        targets in (1_u32..300, 0_u32..200),
        has_service: bool,
    ) {
        let limit = |request: u32, more: Option<u32>| more.map_or(0, |more| request + more);
        let text = manifest(
            (cpu, limit(cpu, more_cpu)),
            (memory, limit(memory, more_memory)),
            (min, min + more),
            targets,
            has_service,
        );
        let (_, built) = guessed(&text);
        let scenario = &built.scenario;
        for service in &scenario.services {
            let template = &scenario.workloads[service.workload].template;
            if let Some(limit) = template.containers[service.container].memory_limit {
                prop_assert!(service.memory.base <= limit, "{:?}", service.memory);
            }
        }
        // All pods have room at once.
        let container = &scenario.workloads[0].template.containers[0];
        let pods = i64::from(min + more);
        let room = |all: fn(&nlsim::cluster::spec::NodeGroupSpec) -> i64| -> i64 {
            scenario.node_groups.iter().map(|group| all(group) * i64::from(group.count)).sum()
        };
        let cpu = container.cpu_request.map_or(0, |cpu| cpu.0);
        let memory = container.memory_request.map_or(0, |memory| memory.0);
        prop_assert!(pods * cpu <= room(|group| group.allocatable_cpu.0));
        prop_assert!(pods * memory <= room(|group| group.allocatable_memory.0));
        prop_assert_eq!(scenario.loads.len(), usize::from(has_service));
    }
}

/// Of a service that states nothing: what it holds, what a request costs, how long clients wait.
#[test]
fn what_a_scenario_leaves_out_has_a_stated_default() {
    let built = |service: &str, load: &str, resources: &str| {
        let mut files = Memory::default();
        let scenario = format!(
            "name = \"s\"\nmanifests = [\"m.yaml\"]\nsimulation.duration = \"1h\"\n\
             [[service]]\nworkload = \"Deployment/web\"\n{service}\n\
             [[load]]\npoisson = {{ rate = 1 }}\n{load}\n"
        );
        let manifest = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  \
             selector: {{matchLabels: {{a: b}}}}\n  template:\n    metadata: {{labels: {{a: b}}}}\n    \
             spec: {{containers: [{{name: web, image: web, resources: {resources}}}]}}\n"
        );
        files.put("s.toml", scenario);
        files.put("m.yaml", manifest);
        let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
        built.unwrap_or_else(|all| panic!("{}", all.render(false)))
    };
    let timeout = |built: &Built| match &built.scenario.loads[0].generator {
        Generator::Profile(profile) => profile.timeout,
        other => panic!("{other:?}"),
    };
    let secs = |seconds: i64| Some(SimDuration::from_secs(seconds));

    let bare = built("", "", "{}");
    let service = &bare.scenario.services[0];
    assert_eq!(service.memory.base, Bytes(64 << 20));
    assert_eq!(service.request.cpu, Dist::Constant(0.010));
    assert_eq!(timeout(&bare), secs(30));
    let warned: Vec<&str> = bare
        .warnings
        .list
        .iter()
        .map(|one| one.title.as_str())
        .collect();
    assert_eq!(warned, ["a request to `web` takes 10ms of CPU by default"]);

    let stated = "request.cpu = \"0s\"\nmemory.base = \"90Mi\"";
    let stated = built(stated, "timeout = \"5s\"", "{limits: {memory: 100Mi}}");
    let service = &stated.scenario.services[0];
    assert_eq!(service.memory.base, Bytes(90 << 20));
    assert_eq!(service.request.cpu, Dist::Constant(0.0));
    assert_eq!(timeout(&stated), secs(5));
    assert_eq!(stated.warnings.list, []);

    // Half of a small limit; no timeout where none is wanted, or where requests wait in a queue.
    let limited = built("", "timeout = \"0s\"", "{limits: {memory: 100Mi}}");
    assert_eq!(limited.scenario.services[0].memory.base, Bytes(50 << 20));
    assert_eq!(timeout(&limited), None);
    let queue = built("balancing = \"shared-queue\"", "", "{}");
    assert_eq!(timeout(&queue), None);
}
