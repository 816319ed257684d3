//! Queues in whole runs: the shipped scenarios, and what becomes of work when workers end.

mod files;
mod shipped;

use nlsim::record::Detail;
use nlsim::sim::SimTime;
use nlsim::world::Simulation;
use shipped::{load, run, run_with};

#[test]
fn celery_workers_scale_on_the_depth_of_their_queue() {
    let run = run("queue-celery");
    run.keeps_bounds();
    // The HPA sees the depth and goes to 20 workers: 80 slots.
    assert_eq!(run.get("hpa.neurolake-worker-hpa.max_ready"), 20.0);
    assert_eq!(run.desired(0).last().map(|last| last.1), Some(2));
    assert!(run.get("queue.default.max_depth") > 1000.0);
    assert_eq!(run.get("queue.default.end_depth"), 0.0);
    assert_eq!(run.get("queue.default.max_consumers"), 20.0);
    // Tasks of some seconds end within the grace period of 60 s.
    assert_eq!(run.get("queue.default.lost"), 0.0);
    // One in a hundred fails and is tried again; the fourth failure in a row is rare.
    let retried = run.get("queue.default.retried") / run.get("queue.default.done");
    assert!((0.005..0.015).contains(&retried), "{retried}");
    assert!(run.get("queue.default.dead_lettered") <= 1.0);
    assert_eq!(
        run.get("queue.default.completion_p95_s"),
        run.get("service.celery.p95_ms") / 1000.0
    );
}

#[test]
fn members_of_a_group_beyond_its_partitions_do_nothing() {
    let run = run("queue-kafka");
    run.keeps_bounds();
    assert_eq!(run.get("hpa.consumer.max_ready"), 12.0);
    let queue = &run.recording.queues[0];
    assert!(queue.samples.iter().all(|one| one.running <= 6));
    assert!(queue.samples.iter().any(|one| one.running == 6 && one.consumers == 12));
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
    let long = ("service[celery].request.wait", "10m");
    let short = ("simulation.duration", "3h");
    let totals = |set: &[(&str, &str)]| {
        let run = run_with("queue-celery", set);
        run.recording.queues[0].fold.totals()
    };
    let early = totals(&[long, short]);
    assert!(early.lost > 0, "{early:?}");
    let late = ("service[celery].consumes.acknowledge", "late");
    let late = totals(&[long, short, late]);
    assert_eq!(late.lost, 0);
    assert!(late.redelivered > early.redelivered, "{late:?}");
}
