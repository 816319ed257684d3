//! KEDA's triggers on simulated queues: what brokers answer, and workers that come from nothing.

use nlsim::analysis::Summary;
use nlsim::api::Kind;
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

/// Workers at zero under a trigger on `jobs`; messages from 10 to 20 min.
fn scenario(queue: &str, trigger: &str) -> Scenario {
    let toml = format!(
        r#"
name = "keda-queue"
manifests = ["all.yaml"]
[simulation]
duration = "1h"
[[node_group]]
name = "general"
count = 2
cpu = 8
memory = "32Gi"
[[queue]]
name = "jobs"
{queue}
[[service]]
workload = "Deployment/worker"
consumes = "jobs"
startup = {{ image_pull = "8s", container_start = "1s", ready = "3s" }}
request = {{ cpu = "10ms", wait = "2s" }}
slots = 2
[[load]]
queue = "jobs"
constant = {{ rate = 4 }}
at = "10m"
until = "20m"
"#
    );
    let manifests = format!(
        r"
apiVersion: apps/v1
kind: Deployment
metadata: {{name: worker}}
spec:
  replicas: 0
  selector: {{matchLabels: {{app: worker}}}}
  template:
    metadata: {{labels: {{app: worker}}}}
    spec:
      containers:
        - {{name: worker, image: 'worker:1', resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}}}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: worker}}
spec:
  scaleTargetRef: {{name: worker}}
  pollingInterval: 10
  maxReplicaCount: 8
  triggers:
    - type: {trigger}
"
    );
    let files = InMemory::new([("keda.toml", &toml), ("all.yaml", &manifests)]);
    let loaded = Loaded::load("keda.toml", &files);
    let built = loaded.and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let warnings = built.warnings.render(false);
    assert!(built.warnings.list.is_empty(), "{warnings}");
    built.scenario
}

fn replicas(cluster: &Simulation<'_>) -> i32 {
    let store = cluster.store();
    let worker = store.find(Kind::Deployment, "default", "worker");
    let worker = worker.expect("the worker exists");
    store.replicas(worker).expect("it has a scale")
}

/// Workers wake within a poll and a start, work, and go again.
fn wakes_and_sleeps(queue: &str, trigger: &str) {
    let scenario = scenario(queue, trigger);
    let mut cluster = Simulation::new(&scenario, 42);
    let until = |cluster: &mut Simulation<'_>, seconds: i64| {
        let time = SimTime::from_secs(seconds);
        cluster.step_until(time).expect("no endless loop");
    };
    until(&mut cluster, 599);
    assert_eq!(replicas(&cluster), 0, "{trigger}");
    until(&mut cluster, 611);
    assert!(replicas(&cluster) >= 1, "{trigger}");
    until(&mut cluster, 1190);
    assert!(replicas(&cluster) > 1, "{trigger}: {}", replicas(&cluster));
    until(&mut cluster, 3599);
    assert_eq!(replicas(&cluster), 0, "{trigger}");
    let recording = cluster.finish().expect("the end").recording;
    let starts = recording.queues[0].cold_starts;
    assert_eq!(starts.count, 1, "{trigger}");
    // The image, the container and the application take 12 s, the poll up to 10 s.
    let took = starts.longest.as_secs_f64();
    assert!((12.0..25.0).contains(&took), "{trigger}: {took}");
    let summary = Summary::of(&recording);
    let value = |name: &str| {
        let mut all = summary.values.iter();
        all.find(|(known, _)| known == name)
            .map(|(_, value)| *value)
    };
    assert_eq!(value("queue.jobs.cold_start_max_s"), Some(took));
    assert_eq!(value("queue.jobs.done"), value("queue.jobs.produced"));
}

#[test]
fn rabbitmq_tells_of_messages_ready_and_held() {
    wakes_and_sleeps(
        "kind = \"rabbitmq\"",
        "rabbitmq\n      metadata: {host: 'http://guest:guest@mq:15672/', queueName: jobs, mode: QueueLength, value: '10'}",
    );
}

#[test]
fn redis_tells_the_length_of_the_list() {
    wakes_and_sleeps(
        "kind = \"redis\"",
        "redis\n      metadata: {address: 'redis:6379', listName: jobs, listLength: '10'}",
    );
}

#[test]
fn sqs_counts_messages_in_flight() {
    wakes_and_sleeps(
        "kind = \"sqs\"",
        "aws-sqs-queue\n      metadata: {queueURL: 'https://sqs.eu-west-1.amazonaws.com/1/jobs', queueLength: '10', awsRegion: eu-west-1, identityOwner: operator}",
    );
}

#[test]
fn kafka_tells_the_lag_of_each_partition() {
    wakes_and_sleeps(
        "kind = \"kafka\"\npartitions = 6",
        "kafka\n      metadata: {bootstrapServers: 'kafka:9092', consumerGroup: workers, topic: jobs, lagThreshold: '10', offsetResetPolicy: earliest}",
    );
}

#[test]
fn rabbitmq_over_amqp_tells_of_messages_ready() {
    wakes_and_sleeps(
        "kind = \"rabbitmq\"",
        "rabbitmq\n      metadata: {host: 'amqp://guest:guest@mq:5672/', queueName: jobs, mode: QueueLength, value: '10'}",
    );
}

#[test]
fn rabbitmq_tells_the_rate_of_messages() {
    wakes_and_sleeps(
        "kind = \"rabbitmq\"",
        "rabbitmq\n      metadata: {host: 'http://mq:15672/', queueName: jobs, mode: MessageRate, value: '1'}",
    );
}

#[test]
fn rabbitmq_leaves_out_messages_that_are_held() {
    wakes_and_sleeps(
        "kind = \"rabbitmq\"",
        "rabbitmq\n      metadata: {host: 'http://mq:15672/', queueName: jobs, mode: QueueLength, value: '10', excludeUnacknowledged: 'true'}",
    );
}

#[test]
fn sqs_leaves_out_messages_in_flight() {
    wakes_and_sleeps(
        "kind = \"sqs\"",
        "aws-sqs-queue\n      metadata: {queueURL: 'https://sqs.eu-west-1.amazonaws.com/1/jobs', queueLength: '10', awsRegion: eu-west-1, identityOwner: operator, scaleOnInFlight: 'false', scaleOnDelayed: 'true'}",
    );
}

#[test]
fn kafka_scales_to_the_partitions_with_lag() {
    wakes_and_sleeps(
        "kind = \"kafka\"\npartitions = 6",
        "kafka\n      metadata: {bootstrapServers: 'kafka:9092', consumerGroup: workers, topic: jobs, lagThreshold: '10', offsetResetPolicy: earliest, limitToPartitionsWithLag: 'true'}",
    );
}
