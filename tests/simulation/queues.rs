//! Queues in whole runs: the shipped scenarios, and what becomes of work when workers end.

use crate::files::Memory;
use crate::shipped::{load, run, run_with};
use nlsim::analysis::Summary;
use nlsim::prometheus::promql::Value;
use nlsim::record::Detail;
use nlsim::scenario::Loaded;
use nlsim::scenario::model::Scenario;
use nlsim::sim::SimTime;
use nlsim::workload::queue::Readings;
use nlsim::world::Simulation;

#[test]
fn celery_workers_scale_on_the_depth_of_their_queue() {
    let run = run("queue-celery");
    run.keeps_bounds();
    // Twelve jobs a second of 5.2 s each need 62 slots, the backlog some more: 16 to 20 workers.
    let most = run.get("hpa.neurolake-worker-hpa.max_ready");
    assert!((16.0..=20.0).contains(&most), "{most}");
    assert_eq!(run.desired(0).last().map(|last| last.1), Some(2));
    // The HPA saw more than 50 jobs a pod on two of them.
    assert!(run.get("queue.default.max_depth") > 500.0);
    assert!(run.peak(0, 1) > 100.0, "{}", run.peak(0, 1));
    assert_eq!(run.get("queue.default.end_depth"), 0.0);
    assert_eq!(run.get("queue.default.max_consumers"), most);
    // Tasks of some seconds end within the grace period of 60 s.
    assert_eq!(run.get("queue.default.lost"), 0.0);
    // One in a hundred fails and is tried again; the fourth failure in a row is rare.
    let retried = run.get("queue.default.retried") / run.get("queue.default.done");
    assert!((0.005..0.015).contains(&retried), "{retried}");
    assert!(run.get("queue.default.dead_lettered") <= 1.0);
    // A task takes 5 s, behind a backlog that is longer; nobody waits beyond the oldest message seen
    // and a few retries.
    let p95 = run.get("queue.default.completion_p95_s");
    assert!(
        p95 > 10.0 && p95 < run.get("queue.default.max_oldest_s") + 30.0,
        "{p95}"
    );
}

/// Two Deployments of three pods with two slots each consume a queue of eight tasks a second that take
/// one: neither could alone. When one is gone the other falls behind.
#[test]
fn workers_of_several_services_share_a_queue() {
    let deployment = |name: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: 3\n  \
             selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
             spec: {{containers: [{{name: w, image: w, resources: {{requests: {{cpu: 100m}}}}}}]}}\n---\n"
        )
    };
    let toml = "name = \"two\"\nmanifests = [\"m.yaml\"]\nsimulation = { duration = \"20m\" }\n\
                [[queue]]\nname = \"jobs\"\n\
                [[service]]\nworkload = \"Deployment/spot\"\nconsumes = { queue = \"jobs\", acknowledge = \"late\", prefetch_multiplier = 1 }\n\
                slots = 2\nrequest = { cpu = \"10ms\", wait = \"990ms\" }\n\
                [[service]]\nworkload = \"Deployment/base\"\nconsumes = \"jobs\"\nslots = 2\n\
                [[load]]\nqueue = \"jobs\"\nconstant = { rate = 8 }\narrivals = \"even\"\n";
    let mut files = Memory::default();
    files.put("two.toml", toml);
    files.put("m.yaml", deployment("spot") + &deployment("base"));
    let built = Loaded::load("two.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let mut cluster = Simulation::with_detail(&built.scenario, 1, Detail::Full);
    let ready = |cluster: &Simulation<'_>| {
        let readings = cluster.queue("jobs").expect("the queue");
        (readings.ready, readings.consumers)
    };
    cluster.step_until(SimTime::from_secs(599)).expect("a run");
    let (waiting, consumers) = ready(&cluster);
    assert!(waiting < 8 && consumers == 6, "{waiting} {consumers}");
    cluster
        .kubectl("kubectl scale deployment spot --replicas 0")
        .expect("a command");
    cluster.step_until(SimTime::from_secs(899)).expect("a run");
    let (waiting, consumers) = ready(&cluster);
    // Two a second too many for five minutes.
    assert!(
        (500..650).contains(&waiting) && consumers == 3,
        "{waiting} {consumers}"
    );
    let recording = cluster.finish().expect("the end").recording;
    let last = recording.queues[0].samples.last().expect("a sample");
    assert_eq!(last.totals.lost, 0);
}

#[test]
fn members_of_a_group_beyond_its_partitions_do_nothing() {
    let run = run("queue-kafka");
    run.keeps_bounds();
    assert_eq!(run.get("hpa.consumer.max_ready"), 12.0);
    let queue = &run.recording.queues[0];
    assert!(queue.samples.iter().all(|one| one.running <= 6));
    assert!(
        queue
            .samples
            .iter()
            .any(|one| one.running == 6 && one.consumers == 12)
    );
    let subject = "queue/orders";
    let found = run.summary.findings.iter();
    let idle = found
        .filter(|one| one.subject == subject)
        .any(|one| one.text.contains("12 members shared 6 partitions"));
    assert!(idle, "{:?}", run.summary.findings);
}

#[test]
fn the_readings_of_a_queue_are_there_at_any_time() {
    let scenario = load("queue-celery");
    let mut simulation = Simulation::with_detail(&scenario, 42, Detail::Summary);
    simulation.step_until(SimTime::from_secs(40 * 60)).unwrap();
    let read = simulation.queue("default").unwrap();
    assert!(read.ready > 100 && read.running >= 8, "{read:?}");
    assert!(read.consumers >= 2 && read.publish_rate > 5.0, "{read:?}");
    let counts = read.counts;
    let settled = counts.done + counts.dead_lettered + counts.lost;
    // Acknowledged early: what runs is not unacknowledged.
    let inside = read.ready + read.unacked + read.delayed + read.running;
    assert_eq!(counts.produced, settled + inside);
    assert!(simulation.queue("other").is_none());
}

#[test]
fn long_tasks_are_lost_or_done_again_when_workers_go() {
    // Three minutes each, and a grace period of one.
    let long = [
        ("service[celery].request.wait", "3m"),
        ("load[jobs].poisson.rate", "0.02"),
        ("load[nightly-import].spike.peak", "1"),
        ("simulation.duration", "3h"),
    ];
    let totals = |acknowledge: &str| {
        let path = "service[celery].consumes.acknowledge";
        let run = run_with(
            "queue-celery",
            &[&long[..], &[(path, acknowledge)]].concat(),
        );
        run.recording.queues[0].fold.totals()
    };
    let early = totals("early");
    assert!(early.lost > 10, "{early:?}");
    let late = totals("late");
    assert_eq!(late.lost, 0);
    // What was reserved comes back either way; of late ones also what ran.
    assert!(late.redelivered > 10, "{late:?}");
}

#[test]
fn a_worker_measures_its_tasks_without_their_time_in_the_queue() {
    let mut files = Memory::default();
    files.put(
        "m.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: worker }\nspec:\n  \
         selector: { matchLabels: { app: worker } }\n  template:\n    \
         metadata: { labels: { app: worker } }\n    \
         spec: { containers: [{ name: worker, image: worker:1 }] }\n",
    );
    // Two tasks of a second each come in a second, and one is done.
    let mean = "http_request_duration_seconds_sum / http_request_duration_seconds_count";
    files.put(
        "test.toml",
        format!(
            "name = \"test\"\nmanifests = [\"m.yaml\"]\nsimulation = {{ duration = \"20m\" }}\n\
             [prometheus]\nqueries = [\"{mean}\"]\n\
             [[queue]]\nname = \"default\"\n\
             [[service]]\nworkload = \"Deployment/worker\"\nconsumes = \"default\"\n\
             request = {{ cpu = \"1ms\", wait = \"999ms\" }}\n\
             [[load]]\nqueue = \"default\"\nconstant = {{ rate = 2 }}\n"
        ),
    );
    let built = Loaded::load("test.toml", &files).and_then(|loaded| loaded.build(&[]));
    let scenario = match built {
        Ok(built) => built.scenario,
        Err(problems) => panic!("{}", problems.render(false)),
    };
    let mut simulation = Simulation::with_detail(&scenario, 1, Detail::Summary);
    simulation.step_until(SimTime::from_secs(900)).unwrap();
    let oldest = simulation.queue("default").unwrap().oldest;
    assert!(oldest.is_some_and(|oldest| oldest.as_secs_f64() > 300.0));
    match simulation.query(mean) {
        Ok(Value::Vector(found)) => {
            assert_eq!(found.len(), 1);
            assert!((0.95..1.1).contains(&found[0].value), "{}", found[0].value);
        }
        other => panic!("{other:?}"),
    }
}

/// Workers of late acknowledged tasks, on three nodes, with messages in the first seconds.
fn workers(replicas: u32, queue: &str, task: &str, more: [&str; 2]) -> Scenario {
    let [consumes, rest] = more;
    let mut files = Memory::default();
    files.put(
        "m.yaml",
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: w}}\nspec:\n  replicas: {replicas}\n  \
             selector: {{matchLabels: {{app: w}}}}\n  template:\n    metadata: {{labels: {{app: w}}}}\n    \
             spec:\n      terminationGracePeriodSeconds: 5\n      \
             topologySpreadConstraints: [{{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {{matchLabels: {{app: w}}}}}}]\n      \
             containers: [{{name: w, image: w, resources: {{requests: {{cpu: 100m}}}}}}]\n"
        ),
    );
    files.put(
        "test.toml",
        format!(
            "name = \"test\"\nmanifests = [\"m.yaml\"]\nsimulation = {{ duration = \"20m\" }}\n\
             [[node_group]]\nname = \"g\"\ncount = 3\ncpu = 8\nmemory = \"16Gi\"\n\
             [[queue]]\nname = \"q\"\n{queue}\n\
             [[service]]\nworkload = \"Deployment/w\"\nslots = 1\nrequest = {{ cpu = \"0ms\", wait = \"{task}\" }}\n\
             consumes = {{ queue = \"q\", acknowledge = \"late\", {consumes} }}\n\
             [[load]]\nqueue = \"q\"\nsteps = [[\"0s\", 1], [\"3s\", 0]]\narrivals = \"even\"\n{rest}"
        ),
    );
    let built = Loaded::load("test.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    built.scenario
}

/// The readings at these seconds, and what is found of the queue in the end.
fn watched(scenario: &Scenario, seconds: &[i64]) -> (Vec<Readings>, Vec<String>) {
    let mut cluster = Simulation::with_detail(scenario, 1, Detail::Summary);
    let mut read = Vec::new();
    for &second in seconds {
        let to = SimTime::from_secs(second);
        cluster.step_until(to).expect("a run");
        read.push(cluster.queue("q").expect("the queue"));
    }
    let recording = cluster.finish().expect("the end").recording;
    let findings = Summary::of(&recording).findings.into_iter();
    let own = findings.filter(|one| one.subject == "queue/q");
    (read, own.map(|one| one.text).collect())
}

#[test]
fn a_list_without_a_worker_restores_nothing() {
    let rest = "[[action]]\nat = \"60s\"\nkubectl = \"kubectl scale deployment w --replicas=0\"\n";
    let kind = "kind = \"redis\"\nvisibility_timeout = \"5m\"";
    let scenario = workers(1, kind, "10m", ["prefetch_multiplier = 3", rest]);
    let (read, found) = watched(&scenario, &[59, 1199]);
    assert_eq!((read[0].ready, read[0].unacked), (0, 3));
    assert_eq!((read[1].ready, read[1].unacked), (0, 3));
    assert!(
        found
            .iter()
            .any(|text| text.starts_with("up to 3 unacknowledged messages had no worker")),
        "{found:?}"
    );
}

#[test]
fn rabbitmq_notices_a_lost_machine_late_and_a_killed_worker_at_once() {
    let fault = "[[fault]]\nat = \"65s\"\nnode = \"g-1\"\n";
    let scenario = workers(3, "", "10m", ["prefetch_multiplier = 1", fault]);
    // 60, 120, 180: the connections are as old as the run.
    let (read, _) = watched(&scenario, &[64, 70, 235, 245]);
    let shown = |one: &Readings| (one.unacked, one.running, one.consumers);
    assert_eq!(shown(&read[0]), (3, 3, 3));
    assert_eq!(shown(&read[1]), (3, 2, 3));
    assert_eq!(shown(&read[2]), (3, 2, 3));
    assert_eq!((read[3].unacked, read[3].ready), (2, 1));
    let pod = "[[action]]\nat = \"65s\"\nkubectl = \"kubectl scale deployment w --replicas=2\"\n";
    let scenario = workers(3, "", "10m", ["prefetch_multiplier = 1", pod]);
    let (read, _) = watched(&scenario, &[80]);
    assert_eq!((read[0].unacked, read[0].ready), (2, 1));
}

#[test]
fn a_record_that_takes_too_long_is_done_again_and_found() {
    let scenario = workers(
        2,
        "kind = \"kafka\"\npartitions = 1",
        "100s",
        ["max_poll_interval = \"60s\"", ""],
    );
    let (read, found) = watched(&scenario, &[70, 1199]);
    assert_eq!((read[0].consumers, read[0].counts.expelled), (1, 1));
    assert!(read[1].counts.duplicates >= 5, "{:?}", read[1].counts);
    assert_eq!((read[1].counts.done, read[1].lag()), (1, 3));
    assert!(
        found
            .iter()
            .any(|text| text.contains("longer than max.poll.interval.ms")),
        "{found:?}"
    );
}
