//! Messages in the hands of workers that end, and how brokers bring them back.

use super::*;

const HALF_A_MINUTE: SimDuration = SimDuration::from_secs(30);
const REDIS: QueueKind = QueueKind::Redis {
    visibility: HALF_A_MINUTE,
};
const SQS: QueueKind = QueueKind::Sqs {
    visibility: HALF_A_MINUTE,
};

fn one_by_one() -> WorkerSpec {
    WorkerSpec {
        prefetch_multiplier: 1,
        ..late()
    }
}

#[test]
fn a_list_is_restored_by_a_worker_that_starts() {
    let mut rig = Rig::new(&spec(REDIS, one_by_one()), 2);
    rig.connect(0, 1);
    rig.produce(1);
    rig.run_until(at(3));
    rig.kill(0);
    rig.run_until(at(5000));
    // Nobody brings it back: a scaler sees an empty list.
    let read = rig.read();
    assert_eq!((read.ready, read.unacked, read.running), (0, 1, 0));
    rig.connect(1, 1);
    assert_eq!(rig.begun.last(), Some(&(at(5000), 1)));
    rig.run_until(at(5100));
    assert_eq!(rig.read().counts.done, 1);
}

#[test]
fn a_list_is_restored_by_the_sweep_of_a_worker_that_lives() {
    let mut rig = Rig::new(&spec(REDIS, one_by_one()), 3);
    rig.connect(0, 1);
    rig.produce(1);
    rig.run_until(at(3));
    rig.kill(0);
    rig.run_until(at(20));
    rig.connect(1, 1);
    rig.run_until(at(25));
    rig.connect(2, 1);
    // One that shuts down sweeps no more.
    rig.disconnect(1);
    rig.run_until(at(124));
    assert_eq!(rig.read().running, 0);
    rig.run_until(at(125));
    assert_eq!(rig.begun.last(), Some(&(at(125), 2)));
}

#[test]
fn restored_messages_of_a_list_are_at_its_head() {
    let mut rig = Rig::new(&spec(REDIS, one_by_one()), 3);
    rig.connect(0, 2);
    for _ in 0..4 {
        rig.produce(1);
        rig.run_until(SimTime(rig.now.0 + 1_000_000_000));
    }
    rig.kill(0);
    rig.run_until(at(50));
    rig.connect(1, 1);
    rig.run_until(at(100));
    assert_eq!(rig.arrivals, [0, 1, 0, 1, 2, 3]);
}

#[test]
fn messages_that_come_back_have_their_old_places() {
    let mut rig = Rig::new(&spec(QueueKind::RabbitMq, one_by_one()), 2);
    rig.connect(0, 3);
    for _ in 0..5 {
        rig.produce(1);
        rig.run_until(SimTime(rig.now.0 + 1_000_000_000));
    }
    rig.kill(0);
    assert_eq!(rig.read().oldest, Some(seconds(5)));
    rig.connect(1, 1);
    assert_eq!(rig.read().oldest, Some(seconds(4)));
    rig.run_until(at(100));
    assert_eq!(rig.arrivals, [0, 1, 2, 0, 1, 2, 3, 4]);
}

#[test]
fn a_worker_killed_in_its_warm_shutdown_leaves_all_it_has() {
    let ended = |kind| {
        let mut rig = Rig::new(&spec(kind, late()), 1);
        rig.connect(0, 1);
        rig.produce(4);
        rig.run_until(at(3));
        rig.disconnect(0);
        assert_eq!(rig.read().unacked, 4);
        rig.run_until(at(5));
        rig.kill(0);
        rig.read()
    };
    let read = ended(QueueKind::RabbitMq);
    assert_eq!((read.ready, read.unacked), (4, 0));
    let read = ended(REDIS);
    assert_eq!((read.ready, read.unacked), (0, 4));
}

#[test]
fn rabbitmq_notices_a_lost_machine_by_its_heartbeats() {
    let mut rig = Rig::new(&spec(QueueKind::RabbitMq, one_by_one()), 2);
    rig.connect(0, 1);
    rig.run_until(at(60));
    rig.produce(1);
    rig.run_until(at(65));
    rig.lose_machine_of(0);
    rig.connect(1, 1);
    // It looks every minute: at 120 s it finds what came before the loss, then twice nothing.
    rig.run_until(at(239));
    let read = rig.read();
    assert_eq!((read.unacked, read.running, read.consumers), (1, 0, 2));
    rig.run_until(at(240));
    let read = rig.read();
    assert_eq!((read.unacked, read.running, read.consumers), (1, 1, 1));
    assert_eq!(rig.begun.last(), Some(&(at(240), 1)));
}

#[test]
fn a_lost_machine_is_handed_messages_until_that_is_noticed() {
    let mut rig = Rig::new(&spec(QueueKind::RabbitMq, WorkerSpec::default()), 2);
    rig.connect(0, 1);
    rig.connect(1, 1);
    rig.run_until(at(5));
    rig.lose_machine_of(0);
    rig.produce(2);
    rig.run_until(at(179));
    let read = rig.read();
    assert_eq!((read.counts.done, read.unacked), (1, 1));
    rig.run_until(at(190));
    assert_eq!(rig.read().counts.done, 2);
    // What was acknowledged before is lost at once.
    rig.produce(1);
    rig.run_until(at(193));
    rig.lose_machine_of(1);
    assert_eq!(rig.read().counts.lost, 1);
}

#[test]
fn a_retry_is_published_anew() {
    let worker = WorkerSpec {
        failure_rate: 1.0,
        max_retries: 2,
        ..WorkerSpec::default()
    };
    let mut rig = Rig::new(&spec(QueueKind::RabbitMq, worker), 1);
    rig.connect(0, 4);
    rig.produce(4);
    // All four have failed at 10 s.
    rig.run_until(at(15));
    assert_eq!((rig.read().publish_rate, rig.read().unacked), (0.8, 4));
    rig.run_until(at(2000));
    let counts = rig.read().counts;
    assert_eq!((counts.produced, counts.published), (4, 12));
    assert_eq!(counts.dead_lettered, 4);
}

#[test]
fn sqs_dead_letters_a_message_when_it_would_be_received_again() {
    let mut spec = spec(SQS, one_by_one());
    spec.max_deliveries = Some(1);
    let mut rig = Rig::new(&spec, 2);
    rig.connect(0, 1);
    rig.produce(1);
    rig.run_until(at(3));
    rig.kill(0);
    rig.run_until(at(100));
    let read = rig.read();
    assert_eq!((read.ready, read.counts.dead_lettered), (1, 0));
    rig.connect(1, 1);
    assert_eq!(rig.settled, [(at(100), Fate::DeadLettered)]);
    assert_eq!(rig.read().counts.delivered, 1);
}

#[test]
fn the_oldest_of_sqs_is_not_deleted_and_was_not_received_too_often() {
    let mut rig = Rig::new(&spec(SQS, one_by_one()), 6);
    rig.connect(0, 1);
    rig.produce(1);
    rig.run_until(at(5));
    // It is held, and nothing waits.
    assert_eq!((rig.read().ready, rig.read().unacked), (0, 1));
    assert_eq!(rig.read().oldest, Some(seconds(5)));
    for server in 0..4 {
        rig.kill(server);
        rig.run_until(SimTime(rig.now.0 + HALF_A_MINUTE.0));
        assert_eq!(rig.read().oldest.is_some(), server < 3, "{server}");
        rig.connect(server + 1, 1);
    }
}
